-- What users and the service read. All run as the caller, so row level security decides what is seen.

create function public.session_json(s public.story_sessions) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'id', s.id, 'kind', s.kind, 'user_id', s.user_id, 'title', s.title, 'template', s.template, 'status', s.status,
    'config', s.config, 'progress', s.progress, 'epoch', s.epoch, 'message_count', s.message_count,
    'draft_version', s.draft_version, 'tokens', s.tokens, 'cost_usd', s.cost_usd, 'model', s.model,
    'parent_session_id', s.parent_session_id, 'error', s.error, 'created_at', s.created_at,
    'updated_at', s.updated_at, 'last_activity_at', s.last_activity_at, 'expires_at', s.expires_at,
    'completed_at', s.completed_at, 'pausing', s.pausing, 'queue_place', s.queue_place)
$$;
comment on function public.session_json(public.story_sessions) is 'Users and the service: a session as the wire shows it. Locks nothing.';

create function public.message_json(m public.session_messages) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'id', m.id, 'seq', m.seq, 'role', m.role, 'agent', m.agent, 'step', m.step, 'content', m.content,
    'metadata', m.metadata, 'audio_url', m.audio_url, 'model', m.model, 'tokens', m.tokens, 'cost_usd', m.cost_usd,
    'created_at', m.created_at)
$$;
comment on function public.message_json(public.session_messages) is 'Users and the service: a message as the wire shows it. Locks nothing.';

create function public.draft_json(d public.session_drafts) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'version', d.version, 'current', d.current, 'author', d.author, 'step', d.step, 'content', d.content,
    'word_count', d.word_count, 'scores', d.scores, 'created_at', d.created_at)
$$;
comment on function public.draft_json(public.session_drafts) is 'Users and the service: a draft as the wire shows it. Locks nothing.';

create function public.step_json(t public.session_steps) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'step', t.step, 'stage', t.stage, 'agent', t.agent, 'status', t.status, 'attempt', t.attempt,
    'started_at', t.started_at, 'finished_at', t.finished_at, 'duration_ms', t.duration_ms, 'tokens', t.tokens,
    'cost_usd', t.cost_usd, 'error', t.error)
$$;
comment on function public.step_json(public.session_steps) is 'Users and the service: a step as the wire shows it. Locks nothing.';

create function public.event_json(e public.session_events) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select e.payload || jsonb_build_object(
    'type', e.type, 'session_id', e.session_id, 'epoch', e.epoch, 'seq', e.seq, 'at', e.at)
    || case when e.type = 'agent.message' then jsonb_build_object('message',
         (select public.message_json(m) from public.session_messages m
          where m.session_id = e.session_id and m.seq = e.message_seq)) else '{}' end
$$;
comment on function public.event_json(public.session_events) is
  'Users and the service: an event as the wire shows it, a message put in where the row points to one. Locks nothing.';

create function public.visible_session(p_session_id uuid) returns public.story_sessions
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions;
begin
  select * into s from public.story_sessions where id = p_session_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such session.';
  end if;
  return s;
end
$$;
comment on function public.visible_session(uuid) is 'Users and the service: the session, or PT404 where it is absent or not theirs. Locks nothing.';

create function public.get_session(p_session_id uuid) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select public.session_json(s) || jsonb_build_object('usage_by_agent', s.usage_by_agent)
  from public.visible_session(p_session_id) s
$$;
comment on function public.get_session(uuid) is 'Users and the service: one session with usage by agent, or PT404. Locks nothing.';

create function public.word_query(p_q text) returns tsquery
language sql immutable security invoker set search_path = ''
as $$
  select string_agg('''' || replace(replace(w.lexeme, '\', '\\'), '''', '''''') || ''':*', ' & ')::tsquery
  from unnest(to_tsvector('simple', p_q)) w
$$;
comment on function public.word_query(text) is
  'Users and the service: what finds texts that have every word of p_q, or one that begins with it; null for no words. Locks nothing.';

create function public.list_sessions(
  p_user_id uuid default null, p_status text default null, p_kind text default null, p_template text default null,
  p_since timestamptz default null, p_q text default null, p_limit integer default 20, p_cursor text default null
) returns jsonb
-- A plan for all filters would suit none.
language plpgsql stable security invoker set search_path = '' set plan_cache_mode = 'force_custom_plan'
as $$
declare
  before_at timestamptz;
  before_id uuid;
  pattern text := '%' || replace(replace(replace(p_q, '\', '\\'), '%', '\%'), '_', '\_') || '%';
  words tsquery := public.word_query(p_q);
  -- Who is neither an admin nor the service sees their own anyway; the index by user wants it said.
  owner uuid := coalesce(p_user_id, case when (select auth.role()) <> 'service_role' and not (select public.is_admin())
    then (select auth.uid()) end);
  found_ids uuid[];
  items jsonb;
  last_row jsonb;
begin
  if p_cursor is not null then
    begin
      before_at := split_part(p_cursor, '~', 1)::timestamptz;
      before_id := split_part(p_cursor, '~', 2)::uuid;
    exception when others then
      raise sqlstate 'PT422' using message = 'The cursor is not one that this list gave.';
    end;
  end if;
  -- Of one user everything is looked through; of all users there is too much for that.
  if p_q is not null and owner is null then
    found_ids := array(
      (select m.session_id from public.session_messages m
       where m.seq = 1 and to_tsvector('simple', m.content) @@ words limit 10000)
      union
      (select t.session_id from public.stories t
       where to_tsvector('simple', t.title || ' ' || t.content) @@ words limit 10000));
  end if;
  select coalesce(jsonb_agg(public.session_json(page) order by page.last_activity_at desc, page.id desc), '[]')
  into items
  from (
    select s.* from public.story_sessions s
    where (owner is null or s.user_id = owner)
      and (found_ids is null or s.id = any (found_ids))
      and (p_status is null or s.status = p_status)
      and (p_kind is null or s.kind = p_kind)
      and (p_template is null or s.template = p_template)
      -- What was active last before then was made before then: the index by activity ends there.
      and (p_since is null or (s.created_at >= p_since and s.last_activity_at >= p_since))
      and (before_at is null or (s.last_activity_at, s.id) < (before_at, before_id))
      and (p_q is null or found_ids is not null or s.title ilike pattern or s.prompt ilike pattern or exists (
        select from public.session_drafts d where d.session_id = s.id and d.current and d.content ilike pattern))
    order by s.last_activity_at desc, s.id desc
    limit p_limit + 1
  ) page;
  if jsonb_array_length(items) <= p_limit then
    return jsonb_build_object('items', items, 'next_cursor', null);
  end if;
  items := items - p_limit;
  last_row := items -> -1;
  return jsonb_build_object('items', items, 'next_cursor', (last_row ->> 'last_activity_at') || '~' || (last_row ->> 'id'));
end
$$;
comment on function public.list_sessions(uuid, text, text, text, timestamptz, text, integer, text) is
  'Users and the service: sessions, newest activity first; p_user_id null means all that the caller may see. p_q is part of the title, prompt or text of one user''s sessions; of all users'' it is words, or beginnings of words, of a prompt or a finished story with its title, found in up to 10,000 of each. Locks nothing.';

create function public.number_cursor(p_cursor text) returns integer
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return coalesce(p_cursor::integer, 0);
exception when others then
  raise sqlstate 'PT422' using message = 'The cursor is not one that this list gave.';
end
$$;
comment on function public.number_cursor(text) is 'Users and the service: the number in a cursor, 0 for none. Locks nothing.';

create function public.page_json(p_items jsonb, p_limit integer, p_key text) returns jsonb
language sql immutable security invoker set search_path = ''
as $$
  select case when jsonb_array_length(p_items) <= p_limit
    then jsonb_build_object('items', p_items, 'next_cursor', null)
    else jsonb_build_object('items', p_items - p_limit, 'next_cursor', (p_items - p_limit) -> -1 ->> p_key) end
$$;
comment on function public.page_json(jsonb, integer, text) is
  'Users and the service: p_limit of at most p_limit + 1 items with the cursor of the next page. Locks nothing.';

create function public.list_messages(p_session_id uuid, p_limit integer default 20, p_cursor text default null) returns json
language plpgsql stable security invoker set search_path = ''
as $$
declare
  after_seq integer := public.number_cursor(p_cursor);
  answer json;
begin
  perform public.visible_session(p_session_id);
  -- As text, not jsonb: of a whole session's messages that takes half the time.
  select json_build_object('items', coalesce(json_agg(page order by page.seq), '[]'), 'next_cursor', case when exists (
      select from public.session_messages m where m.session_id = p_session_id and m.seq > max(page.seq))
    then max(page.seq)::text end)
  into answer from (
    select m.id, m.seq, m.role, m.agent, m.step, m.content, m.metadata, m.audio_url, m.model, m.tokens, m.cost_usd,
      m.created_at
    from public.session_messages m
    where m.session_id = p_session_id and m.seq > after_seq order by m.seq limit p_limit) page;
  return answer;
end
$$;
comment on function public.list_messages(uuid, integer, text) is 'Users and the service: a session''s messages, oldest first. Locks nothing.';

create function public.list_drafts(p_session_id uuid, p_limit integer default 20, p_cursor text default null) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  after_version integer := public.number_cursor(p_cursor);
  items jsonb;
begin
  perform public.visible_session(p_session_id);
  select coalesce(jsonb_agg(public.draft_json(page) order by page.version), '[]') into items from (
    select d.* from public.session_drafts d
    where d.session_id = p_session_id and d.version > after_version order by d.version limit p_limit + 1) page;
  return public.page_json(items, p_limit, 'version');
end
$$;
comment on function public.list_drafts(uuid, integer, text) is 'Users and the service: a session''s drafts, oldest first. Locks nothing.';

create function public.get_draft(p_session_id uuid, p_version integer default null) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  answer jsonb;
begin
  perform public.visible_session(p_session_id);
  select public.draft_json(d) into answer from public.session_drafts d
  where d.session_id = p_session_id and (d.version = p_version or (p_version is null and d.current));
  if answer is null and p_version is not null then
    raise sqlstate 'PT404' using message = 'There is no such draft.';
  end if;
  return answer;
end
$$;
comment on function public.get_draft(uuid, integer) is
  'Users and the service: a version or PT404; without one the current draft, null before the first. Locks nothing.';

create function public.list_steps(p_session_id uuid, p_limit integer default 20, p_cursor text default null) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  after_position integer := public.number_cursor(p_cursor);
  items jsonb;
begin
  perform public.visible_session(p_session_id);
  select coalesce(jsonb_agg(public.step_json(page) || jsonb_build_object('position', page.position) order by page.position), '[]')
  into items from (
    select t.* from public.session_steps t
    where t.session_id = p_session_id and t.position > after_position order by t.position limit p_limit + 1) page;
  return public.page_json(items, p_limit, 'position');
end
$$;
comment on function public.list_steps(uuid, integer, text) is 'Users and the service: a session''s steps in order. Locks nothing.';

create function public.list_events(p_session_id uuid, p_after_seq integer default 0, p_limit integer default 100) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  items jsonb;
begin
  perform public.visible_session(p_session_id);
  select coalesce(jsonb_agg(public.event_json(page) order by page.seq), '[]') into items from (
    select e.* from public.session_events e
    where e.session_id = p_session_id and e.seq > p_after_seq order by e.seq limit p_limit + 1) page;
  return public.page_json(items, p_limit, 'seq');
end
$$;
comment on function public.list_events(uuid, integer, integer) is 'Users and the service: events after a number, in order. Locks nothing.';

create function public.get_story(p_session_id uuid) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
  d public.session_drafts;
begin
  select * into d from public.session_drafts where session_id = p_session_id and current;
  if not found then
    raise sqlstate 'PT409' using message = 'The story has no draft yet. Watch the session, or try again in a while.';
  end if;
  return jsonb_build_object(
    'session_id', s.id, 'story_id', (select id from public.stories where session_id = s.id), 'title', s.title,
    'content', d.content, 'word_count', d.word_count, 'version', d.version, 'status', s.status, 'model', s.model,
    'created_at', d.created_at);
end
$$;
comment on function public.get_story(uuid) is 'Users and the service: the current text, or PT409 before the first draft. Locks nothing.';

create function public.partial_json(p_session_id uuid) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  -- The last message begun and not settled, in its highest attempt.
  select jsonb_build_object('message_id', e.payload ->> 'message_id', 'agent', min(e.payload ->> 'agent'),
    'attempt', (e.payload ->> 'attempt')::integer, 'text', string_agg(e.payload ->> 'text', '' order by e.seq))
  from public.session_events e
  where e.session_id = p_session_id and e.type = 'agent.delta'
  group by e.payload ->> 'message_id', (e.payload ->> 'attempt')::integer
  order by max(e.seq) desc limit 1
$$;
comment on function public.partial_json(uuid) is
  'Users and the service: the message that is being written, as far as it is kept, or null. Locks nothing.';

create function public.get_snapshot(p_session_id uuid) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
  newest jsonb;
begin
  select coalesce(jsonb_agg(public.message_json(page) order by page.seq), '[]') into newest from (
    select m.* from public.session_messages m
    where m.session_id = p_session_id order by m.seq desc limit 200) page;
  return jsonb_build_object(
    'type', 'session.snapshot', 'session_id', s.id, 'epoch', s.epoch, 'at', now(),
    'seq', coalesce((select max(seq) from public.session_events where session_id = s.id), 0),
    'session', public.session_json(s) || jsonb_build_object('usage_by_agent', s.usage_by_agent), 'messages', newest,
    'draft', (select public.draft_json(d) from public.session_drafts d where d.session_id = s.id and d.current),
    'partial', public.partial_json(s.id),
    'approval', case when s.status = 'awaiting_approval' then (
      select jsonb_build_object('step', e.payload -> 'step', 'content', e.payload -> 'content',
        'draft_version', e.payload -> 'draft_version')
      from public.session_events e where e.session_id = s.id and e.type = 'approval.requested'
      order by e.seq desc limit 1) end);
end
$$;
comment on function public.get_snapshot(uuid) is 'Users and the service: all that a watcher needs, as of one moment. Locks nothing.';

create function public.get_replay(p_session_id uuid, p_epoch integer, p_after_seq integer, p_limit integer) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
  last_seq integer;
  next_epoch_at integer;
begin
  select coalesce(max(seq), 0) into last_seq from public.session_events where session_id = p_session_id;
  select min(seq) into next_epoch_at from public.session_events where session_id = p_session_id and epoch > p_epoch;
  return public.list_events(p_session_id, p_after_seq, p_limit) || jsonb_build_object(
    'epoch', s.epoch, 'last_seq', last_seq,
    'same_past', p_epoch <= s.epoch and (next_epoch_at is null or p_after_seq < next_epoch_at));
end
$$;
comment on function public.get_replay(uuid, integer, integer, integer) is
  'Users and the service: events after a number, and whether what was seen up to it is what was kept. Locks nothing.';

create function public.inspect_session(p_session_id uuid) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
begin
  if not (select public.is_admin()) and (select auth.role()) <> 'service_role' then
    raise sqlstate 'PT404' using message = 'There is no such session.';
  end if;
  return jsonb_build_object(
    'session', public.session_json(s) || jsonb_build_object('usage_by_agent', s.usage_by_agent, 'prompt', s.prompt),
    'node', s.node,
    'steps', (select coalesce(jsonb_agg(public.step_json(t) order by t.position), '[]')
              from public.session_steps t where t.session_id = s.id),
    'messages', public.list_messages(p_session_id, 100) , 'drafts', public.list_drafts(p_session_id, 20),
    'events', public.list_events(p_session_id, 0, 100), 'waiting_since', case when s.status = 'active' and s.node is null then s.queued_at end,
    'usage', jsonb_build_object('tokens', s.tokens, 'cost_usd', s.cost_usd, 'by_agent', s.usage_by_agent));
end
$$;
comment on function public.inspect_session(uuid) is 'Admins and the service: one session with the first page of each of its lists. Locks nothing.';

revoke execute on function
  public.session_json(public.story_sessions), public.message_json(public.session_messages),
  public.draft_json(public.session_drafts), public.step_json(public.session_steps),
  public.event_json(public.session_events), public.visible_session(uuid), public.get_session(uuid),
  public.word_query(text),
  public.list_sessions(uuid, text, text, text, timestamptz, text, integer, text), public.number_cursor(text),
  public.page_json(jsonb, integer, text), public.list_messages(uuid, integer, text),
  public.list_drafts(uuid, integer, text), public.get_draft(uuid, integer), public.list_steps(uuid, integer, text),
  public.list_events(uuid, integer, integer), public.get_story(uuid), public.partial_json(uuid), public.get_snapshot(uuid),
  public.get_replay(uuid, integer, integer, integer), public.inspect_session(uuid)
  from public, anon, authenticated, service_role;
grant execute on function
  public.session_json(public.story_sessions), public.message_json(public.session_messages),
  public.draft_json(public.session_drafts), public.step_json(public.session_steps),
  public.event_json(public.session_events), public.visible_session(uuid), public.get_session(uuid),
  public.word_query(text),
  public.list_sessions(uuid, text, text, text, timestamptz, text, integer, text), public.number_cursor(text),
  public.page_json(jsonb, integer, text), public.list_messages(uuid, integer, text),
  public.list_drafts(uuid, integer, text), public.get_draft(uuid, integer), public.list_steps(uuid, integer, text),
  public.list_events(uuid, integer, integer), public.get_story(uuid), public.partial_json(uuid), public.get_snapshot(uuid),
  public.get_replay(uuid, integer, integer, integer), public.inspect_session(uuid)
  to authenticated, service_role;
