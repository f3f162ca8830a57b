-- What several functions said each for itself has one home: how much of a list is a page, and how a message is told.

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261129000900' $$;

create function public.page_fits(p_sizes bigint[], p_limit integer, p_bytes bigint) returns integer
language sql immutable security invoker set search_path = ''
as $$
  select count(*)::integer from (
    select sized.place, sum(sized.size) over (order by sized.place rows unbounded preceding) - sized.size as before
    from unnest(p_sizes) with ordinality as sized (size, place)) listed
  where listed.place <= p_limit and listed.before < p_bytes
$$;
comment on function public.page_fits(bigint[], integer, bigint) is
  'Users and the service: how many rows of these sizes, in their order, make a page of p_limit; it ends with the one that reaches p_bytes. Locks nothing.';
revoke execute on function public.page_fits(bigint[], integer, bigint) from public, anon, authenticated, service_role;
grant execute on function public.page_fits(bigint[], integer, bigint) to authenticated, service_role;

create or replace function public.list_drafts(
  p_session_id uuid, p_limit integer default 20, p_cursor text default null, p_bytes bigint default 1000000,
  p_content boolean default true
) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  after_version integer := public.number_cursor(p_cursor);
  items jsonb;
  sizes bigint[];
begin
  perform public.visible_session(p_session_id);
  if not p_content then
    select coalesce(jsonb_agg(to_jsonb(page) order by page.version), '[]') into items from (
      select d.version, d.current, d.author, d.step, d.word_count, d.scores, d.created_at from public.session_drafts d
      where d.session_id = p_session_id and d.version > after_version order by d.version limit p_limit + 1) page;
    return public.page_json(items, p_limit, 'version');
  end if;
  sizes := array(select octet_length(d.content) from public.session_drafts d
    where d.session_id = p_session_id and d.version > after_version order by d.version limit p_limit + 1);
  select coalesce(jsonb_agg(public.draft_json(page) order by page.version), '[]') into items from (
    select d.* from public.session_drafts d where d.session_id = p_session_id and d.version > after_version
    order by d.version limit public.page_fits(sizes, p_limit, p_bytes)) page;
  return public.page_of(items, cardinality(sizes), 'version');
end
$$;

create or replace function public.list_alternatives(
  p_session_id uuid, p_limit integer default 20, p_cursor text default null, p_bytes bigint default 1000000
) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  after_number integer := public.number_cursor(p_cursor);
  items jsonb;
  sizes bigint[];
begin
  perform public.visible_session(p_session_id);
  sizes := array(select octet_length(a.content) + octet_length(a.passage) from public.session_alternatives a
    where a.session_id = p_session_id and a.number > after_number and a.content is not null
    order by a.number limit p_limit + 1);
  select coalesce(jsonb_agg(public.alternative_json(page) order by page.number), '[]') into items from (
    select a.* from public.session_alternatives a
    where a.session_id = p_session_id and a.number > after_number and a.content is not null
    order by a.number limit public.page_fits(sizes, p_limit, p_bytes)) page;
  return public.page_of(items, cardinality(sizes), 'number');
end
$$;

create or replace function public.list_events(
  p_session_id uuid, p_after_seq integer default 0, p_limit integer default 100, p_bytes bigint default 1000000
) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  items jsonb;
  sizes bigint[];
begin
  perform public.visible_session(p_session_id);
  sizes := array(
    select pg_column_size(e.payload) + case when e.type = 'agent.message' then coalesce((
        select octet_length(m.content) from public.session_messages m
        where m.session_id = e.session_id and m.seq = e.message_seq), 0) else 0 end
    from public.session_events e
    where e.session_id = p_session_id and e.seq > p_after_seq order by e.seq limit p_limit + 1);
  select coalesce(jsonb_agg(public.event_json(page) order by page.seq), '[]') into items from (
    select e.* from public.session_events e where e.session_id = p_session_id and e.seq > p_after_seq
    order by e.seq limit public.page_fits(sizes, p_limit, p_bytes)) page;
  return public.page_of(items, cardinality(sizes), 'seq');
end
$$;

create or replace function public.export_rows(
  p_table text, p_key text, p_owner uuid, p_session_id uuid default null, p_after text default null,
  p_limit integer default 50, p_bytes bigint default 1000000
) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  key_type text;
  size text;
  selected text;
  sizes bigint[];
  items jsonb;
begin
  select format_type(a.atttypid, a.atttypmod) into strict key_type from pg_catalog.pg_attribute a
  where a.attrelid = format('public.%I', p_table)::regclass and a.attname = p_key;
  -- Of each column without reading what is long.
  select '64' || coalesce(string_agg(format(' + coalesce(%s(t.%I), 0)',
    case a.atttypid when 'text'::regtype then 'octet_length' else 'pg_column_size' end, a.attname), ''), '')
  into size from pg_catalog.pg_attribute a
  where a.attrelid = format('public.%I', p_table)::regclass and a.attnum > 0 and not a.attisdropped
    and a.atttypid in ('text'::regtype, 'jsonb'::regtype);
  selected := format('from public.%I t where t.%I = $1 %s %s order by t.%I', p_table,
    case p_table when 'profiles' then 'id' else 'user_id' end,
    case when p_session_id is not null then 'and t.session_id = $2' end,
    case when p_after is not null then format('and t.%I > $3::%s', p_key, key_type) end, p_key);
  execute format('select array(select (%s)::bigint %s limit $4 + 1)', size, selected)
  into sizes using p_owner, p_session_id, p_after, p_limit;
  execute format('select coalesce(jsonb_agg(to_jsonb(page) order by page.%I), ''[]'') from (select t.* %s limit $4) page',
    p_key, selected)
  into items using p_owner, p_session_id, p_after, public.page_fits(sizes, p_limit, p_bytes);
  return public.page_of(items, cardinality(sizes), p_key);
end
$$;

create or replace function public.append_message(
  p_session_id uuid, p_owner uuid, p_id uuid, p_role text, p_content text, p_epoch integer default null,
  p_agent text default null, p_step text default null, p_metadata jsonb default '{}', p_model text default null,
  p_tokens integer default 0, p_cost_usd numeric default 0
) returns json
language plpgsql security invoker set search_path = ''
as $$
declare
  s record;
  m public.session_messages;
  event_seq integer;
  message jsonb;
begin
  -- Only the columns that are needed: to hand a whole session on costs as much as to write the message.
  update public.story_sessions set
    message_count = message_count + 1, tokens = tokens + p_tokens, cost_usd = cost_usd + p_cost_usd, updated_at = now(),
    last_activity_at = public.activity(last_activity_at),
    expires_at = public.activity(last_activity_at) + make_interval(secs => ttl_s)
  where id = p_session_id and (p_owner is null or user_id = p_owner)
  returning user_id, message_count, epoch, node into s;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such session.';
  end if;
  if p_epoch is not null then
    perform public.check_epoch(s.epoch, p_epoch);
  end if;
  insert into public.session_messages
    (id, session_id, user_id, seq, role, agent, step, content, metadata, model, tokens, cost_usd)
  values (p_id, p_session_id, s.user_id, s.message_count, p_role, p_agent, p_step, p_content, p_metadata, p_model,
    p_tokens, p_cost_usd)
  on conflict (id) do nothing
  returning * into m;
  if not found then
    -- The same again, as after a lost answer: it is counted already.
    update public.story_sessions set
      message_count = message_count - 1, tokens = tokens - p_tokens, cost_usd = cost_usd - p_cost_usd
    where id = p_session_id;
    select * into m from public.session_messages where id = p_id and session_id = p_session_id;
    if not found then
      raise sqlstate 'PT409' using message = 'That message id belongs to another session.';
    end if;
    return json_build_object('message', public.message_json(m), 'event', null);
  end if;
  message := public.message_json(m);
  if p_epoch is null and s.node is not null then
    -- The run that holds the session numbers it.
    update public.story_sessions set outside = outside || jsonb_build_object(
      'type', 'agent.message', 'message', message)
    where id = p_session_id;
    perform pg_notify('storyloom', 'change:' || p_session_id);
    return json_build_object('message', message, 'event', null);
  end if;
  select coalesce(max(e.seq), 0) + 1 into event_seq from public.session_events e where e.session_id = p_session_id;
  insert into public.session_events (session_id, user_id, seq, epoch, type, message_seq)
  values (p_session_id, s.user_id, event_seq, s.epoch, 'agent.message', s.message_count);
  return json_build_object('message', message, 'event', json_build_object(
    'type', 'agent.message', 'session_id', p_session_id, 'epoch', s.epoch, 'seq', event_seq, 'at', now()));
end
$$;

create or replace function public.finish_step(p_session_id uuid, p_epoch integer, p_events jsonb, p_result jsonb) returns json
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions;
  r record;
  m public.session_messages;
  d public.session_drafts;
  outside jsonb;
  made jsonb := '[]';
  last_seq integer;
  active_at timestamptz;
begin
  select * into s from public.story_sessions where id = p_session_id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such session.';
  end if;
  perform public.check_epoch(s.epoch, p_epoch);
  select * into r from jsonb_to_record(p_result) as result (
    step text, stage text, agent text, attempt integer, started_at timestamptz, duration_ms integer, tokens integer,
    cost_usd numeric(12, 6), message_id uuid, content text, model text, metadata jsonb, output jsonb, draft jsonb,
    scored_version integer, scores jsonb, accept_version integer, context jsonb, progress jsonb, title text,
    after_seq integer, delta_from integer);
  if exists (select from public.session_steps where session_id = p_session_id and step = r.step and status = 'done') then
    -- The answer to this very call was lost; what it made is told again.
    return json_build_object('session', public.session_json(s) || jsonb_build_object('usage_by_agent', s.usage_by_agent),
      'notes', public.notes_json(p_session_id), 'events', public.events_since(p_session_id, r.after_seq));
  end if;

  outside := s.outside;
  insert into public.session_messages
    (id, session_id, user_id, seq, role, agent, step, content, metadata, model, tokens, cost_usd)
  values (r.message_id, p_session_id, s.user_id, s.message_count + 1, 'assistant', r.agent, r.step, r.content,
    coalesce(r.metadata, '{}'), r.model, r.tokens, r.cost_usd)
  returning * into m;

  if r.accept_version is not null or (r.draft ->> 'current')::boolean then
    update public.session_drafts set current = false where session_id = p_session_id and current;
  end if;
  if r.draft is not null then
    insert into public.session_drafts (session_id, user_id, version, current, author, step, content, word_count)
    values (p_session_id, s.user_id, s.draft_count + 1, (r.draft ->> 'current')::boolean, r.agent, r.step,
      r.draft ->> 'content', (r.draft ->> 'word_count')::integer)
    returning * into d;
    made := made || public.draft_event(d);
  end if;
  if r.scored_version is not null then
    update public.session_drafts set scores = r.scores where session_id = p_session_id and version = r.scored_version;
    update public.session_drafts set current = true where session_id = p_session_id and version = r.accept_version;
    select * into d from public.session_drafts where session_id = p_session_id and version = r.scored_version;
    made := made || public.draft_event(d);
  end if;

  insert into public.session_steps as t
    (session_id, user_id, step, position, stage, agent, status, attempt, started_at, finished_at, duration_ms, tokens,
     cost_usd, epoch, message_id, output)
  values (p_session_id, s.user_id, r.step,
    (select count(*) + 1 from public.session_steps o where o.session_id = p_session_id), r.stage, r.agent, 'done', r.attempt,
    r.started_at, now(), r.duration_ms, r.tokens, r.cost_usd, s.epoch, r.message_id, r.output)
  on conflict (session_id, step) do update set
    status = 'done', attempt = excluded.attempt, started_at = excluded.started_at, finished_at = excluded.finished_at,
    -- What runs before used for it is counted in the session, too.
    duration_ms = excluded.duration_ms, tokens = t.tokens + excluded.tokens, cost_usd = t.cost_usd + excluded.cost_usd,
    epoch = excluded.epoch, message_id = excluded.message_id, output = excluded.output, error = null;

  if r.title is not null and not s.titled then
    made := made || jsonb_build_object('type', 'session.status',
      'status', case when s.pausing then 'paused' else s.status end, 'reason', 'titled', 'title', r.title);
  end if;
  active_at := public.activity(s.last_activity_at);
  update public.story_sessions set
    message_count = message_count + 1,
    draft_count = draft_count + (r.draft is not null)::integer,
    draft_version = coalesce(r.accept_version, case when (r.draft ->> 'current')::boolean then draft_count + 1 else draft_version end),
    tokens = tokens + r.tokens,
    cost_usd = cost_usd + r.cost_usd,
    usage_by_agent = public.usage_after(usage_by_agent, r.agent, r.tokens, r.cost_usd),
    context = coalesce(r.context, context),
    progress = r.progress,
    title = case when titled then title else coalesce(r.title, title) end,
    status = case when pausing then 'paused' else status end,
    node = case when pausing then null else node end,
    pausing = false, outside = '[]',
    updated_at = now(), last_activity_at = active_at, expires_at = active_at + make_interval(secs => ttl_s)
  where id = p_session_id returning * into s;
  made := made || jsonb_build_array(
    jsonb_build_object('type', 'usage', 'tokens', s.tokens, 'cost_usd', s.cost_usd, 'by_agent', s.usage_by_agent),
    jsonb_build_object('type', 'progress') || s.progress,
    jsonb_build_object('type', 'step.finished', 'step', r.step, 'duration_ms', r.duration_ms, 'tokens', r.tokens,
      'cost_usd', r.cost_usd));
  if s.status = 'paused' then
    -- With what keep_text has told of it.
    made := made || s.outside || jsonb_build_object('type', 'session.status', 'status', 'paused', 'reason', 'asked');
    update public.story_sessions set outside = '[]' where id = p_session_id;
  end if;
  made := outside || public.message_event(m) || made;

  -- The run's own, then what others and this step have made: a number is never given twice.
  last_seq := greatest((p_events -> -1 ->> 'seq')::integer,
    (select max(e.seq) from public.session_events e where e.session_id = p_session_id));
  insert into public.session_events (session_id, user_id, seq, epoch, type, message_seq, payload, at)
  select p_session_id, s.user_id, (event ->> 'seq')::integer, s.epoch, event ->> 'type', null,
    event - '{type,seq,at}'::text[], (event ->> 'at')::timestamptz
  from jsonb_array_elements(p_events) as listed (event)
  -- The message stands for its deltas.
  where event ->> 'type' <> 'agent.delta' or (event ->> 'seq')::integer < r.delta_from
  union all
  select p_session_id, s.user_id, last_seq + place, s.epoch, event ->> 'type', (event -> 'message' ->> 'seq')::integer,
    event - '{type,message}'::text[], now()
  from jsonb_array_elements(made) with ordinality as listed (event, place)
  on conflict (session_id, seq) do nothing;
  delete from public.session_events where session_id = p_session_id and type = 'agent.delta' and seq >= r.delta_from;
  -- What was made, as it was stored, to be told from last_seq on: to put it together here takes several times as long.
  return json_build_object('session', public.session_json(s) || jsonb_build_object('usage_by_agent', s.usage_by_agent),
    'notes', public.notes_json(p_session_id), 'made', made, 'last_seq', last_seq, 'at', now());
end
$$;
