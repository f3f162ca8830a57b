-- More than one run at a text: a writer's own edits, alternatives for a passage, and sessions that share another's past.

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261121001000' $$;

create table public.session_alternatives (
  id uuid primary key,
  session_id uuid not null references public.story_sessions (id) on delete cascade,
  user_id uuid not null,
  number integer not null check (number > 0),
  version integer not null check (version > 0),
  passage_start integer not null check (passage_start >= 0),
  passage_end integer not null check (passage_end > passage_start),
  passage text not null,
  instruction text not null,
  content text,
  model text not null,
  tokens integer not null default 0,
  cost_usd numeric(12, 6) not null default 0,
  accepted_version integer,
  created_at timestamptz not null default now(),
  unique (session_id, number)
);
comment on table public.session_alternatives is
  'Other ways to tell a passage of a version: one row a model call. Start and end are counted in characters (code points).';
comment on column public.session_alternatives.content is 'Null where the call failed: what it used counts all the same.';

alter table public.session_alternatives enable row level security;
create policy "A writer reads their own alternatives, an admin reads all" on public.session_alternatives
  for select to authenticated using (user_id = (select auth.uid()) or (select public.is_admin()));
revoke all on public.session_alternatives from public, anon, authenticated, service_role;
grant select on public.session_alternatives to authenticated;
grant select, insert, update, delete on public.session_alternatives to service_role;

-- -- Reading ---------------------------------------------------------------------------------------------------------

create function public.alternative_json(a public.session_alternatives) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'id', a.id, 'number', a.number, 'version', a.version, 'start', a.passage_start, 'end', a.passage_end,
    'passage', a.passage, 'instruction', a.instruction, 'content', a.content, 'model', a.model, 'tokens', a.tokens,
    'cost_usd', a.cost_usd, 'accepted_version', a.accepted_version, 'created_at', a.created_at)
$$;
comment on function public.alternative_json(public.session_alternatives) is
  'Users and the service: an alternative as the wire shows it. Locks nothing.';

create function public.list_alternatives(p_session_id uuid, p_limit integer default 20, p_cursor text default null) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  after_number integer := public.number_cursor(p_cursor);
  items jsonb;
begin
  perform public.visible_session(p_session_id);
  select coalesce(jsonb_agg(public.alternative_json(page) order by page.number), '[]') into items from (
    select a.* from public.session_alternatives a
    where a.session_id = p_session_id and a.number > after_number and a.content is not null
    order by a.number limit p_limit + 1) page;
  return public.page_json(items, p_limit, 'number');
end
$$;
comment on function public.list_alternatives(uuid, integer, text) is
  'Users and the service: the alternatives of a session, oldest first. Locks nothing.';

create function public.get_alternative(p_session_id uuid, p_id uuid) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  answer jsonb;
begin
  perform public.visible_session(p_session_id);
  select public.alternative_json(a) into answer from public.session_alternatives a
  where a.session_id = p_session_id and a.id = p_id and a.content is not null;
  return answer;
end
$$;
comment on function public.get_alternative(uuid, uuid) is 'Users and the service: one alternative of a session, or null. Locks nothing.';

create function public.get_work(p_session_id uuid) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
begin
  return jsonb_build_object(
    'session', public.session_json(s), 'prompt', s.prompt,
    'steps', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'step', t.step, 'duration_ms', t.duration_ms, 'output', t.output,
        'text', case when t.output is null then m.content end) order by t.position), '[]')
      from public.session_steps t
      left join public.session_messages m on m.id = t.message_id
      where t.session_id = s.id and t.status = 'done'),
    'drafts', (
      select coalesce(jsonb_agg(jsonb_build_object('version', d.version, 'step', d.step) order by d.version), '[]')
      from public.session_drafts d where d.session_id = s.id));
end
$$;
comment on function public.get_work(uuid) is
  'Users and the service: what a session has done so far, as its run goes on from it, or PT404. Locks nothing.';

-- -- Changing --------------------------------------------------------------------------------------------------------

create function public.check_at_rest(s public.story_sessions) returns void
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  if s.status = 'active' then
    raise sqlstate 'PT409' using message = 'The story is being written: pause it first.';
  end if;
end
$$;
comment on function public.check_at_rest(public.story_sessions) is 'The service: PT409 where a run holds the text, or soon will. Locks nothing.';

create function public.edit_draft(
  p_session_id uuid, p_owner uuid, p_base_version integer, p_content text, p_word_count integer,
  p_alternative_id uuid default null
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
  d public.session_drafts;
  accepted integer;
  step_name text;
  gate text;
  place integer;
  made jsonb;
begin
  if p_alternative_id is not null then
    select a.accepted_version into accepted from public.session_alternatives a
    where a.id = p_alternative_id and a.session_id = s.id and a.content is not null;
    if not found then
      raise sqlstate 'PT404' using message = 'There is no such alternative.';
    end if;
  end if;
  select * into d from public.session_drafts where session_id = s.id and current;
  -- The same again, as after a lost answer.
  if accepted is not null then
    select * into d from public.session_drafts where session_id = s.id and version = accepted;
    return jsonb_build_object('draft', public.draft_json(d), 'events', '[]'::jsonb);
  end if;
  if d.content = p_content and (d.version = p_base_version or exists (
    select from public.session_steps t
    where t.session_id = s.id and t.step = d.step and (t.output ->> 'base_version')::integer = p_base_version)
  ) then
    return jsonb_build_object('draft', public.draft_json(d), 'events', '[]'::jsonb);
  end if;
  perform public.check_at_rest(s);
  if d.version is null then
    raise sqlstate 'PT409' using message = 'The story has no draft yet that could be changed.';
  end if;
  if d.version <> p_base_version then
    raise sqlstate 'PT409' using message =
      format('The text has changed since: version %s is the current one, not %s.', d.version, p_base_version);
  end if;

  -- A step that has begun and is not done comes after it, so that the steps done stand in their order.
  select coalesce(min(t.position) filter (where t.status <> 'done'), count(*) + 1) into place
  from public.session_steps t where t.session_id = s.id;
  update public.session_steps set position = position + 1 where session_id = s.id and position >= place;
  step_name := 'edit-' || (select count(*) + 1 from public.session_steps t
    where t.session_id = s.id and t.step ~ '^edit-[0-9]+$');
  insert into public.session_steps
    (session_id, user_id, step, position, stage, agent, status, started_at, finished_at, duration_ms, epoch, output)
  values (s.id, s.user_id, step_name, place,
    coalesce((select t.stage from public.session_steps t
              where t.session_id = s.id and t.position < place order by t.position desc limit 1), 'validation'),
    'writer', 'done', now(), now(), 0, s.epoch,
    jsonb_build_object('content', p_content, 'base_version', p_base_version));

  update public.session_drafts set current = false where session_id = s.id and current;
  insert into public.session_drafts (session_id, user_id, version, current, author, step, content, word_count)
  values (s.id, s.user_id, s.draft_count + 1, true, 'writer', step_name, p_content, p_word_count)
  returning * into d;
  update public.session_alternatives set accepted_version = d.version where id = p_alternative_id;
  update public.stories set content = d.content, word_count = d.word_count, version = d.version where session_id = s.id;
  update public.story_sessions set
    draft_count = d.version, draft_version = d.version,
    progress = case when status = 'completed' then progress || jsonb_build_object('words', d.word_count) else progress end,
    updated_at = now(), last_activity_at = now(), expires_at = now() + make_interval(secs => ttl_s)
  where id = s.id returning * into s;
  made := jsonb_build_array(public.draft_event(d));
  if s.status = 'completed' then
    made := made || (jsonb_build_object('type', 'progress') || s.progress);
  elsif s.status = 'awaiting_approval' then
    -- What waits to be approved is the text as it is now.
    select t.step into gate from public.session_steps t
    where t.session_id = s.id and t.status = 'running' order by t.position desc limit 1;
    made := made || jsonb_build_object(
      'type', 'approval.requested', 'step', gate, 'content', d.content, 'draft_version', d.version);
  end if;
  return jsonb_build_object('draft', public.draft_json(d), 'events', public.tell(s, made));
end
$$;
comment on function public.edit_draft(uuid, uuid, integer, text, integer, uuid) is
  'The service for p_owner: a person''s own version of the text, or one with an alternative in it, made from the current one; PT409 where that is another, or a run holds the text. Again changes nothing. Locks the session''s row.';

create function public.add_alternatives(
  p_session_id uuid, p_owner uuid, p_version integer, p_start integer, p_end integer, p_passage text, p_instruction text,
  p_made jsonb
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
  told jsonb := '[]';
  last_number integer;
  spent_tokens integer;
  spent_usd numeric;
begin
  select coalesce(max(a.number), 0) into last_number from public.session_alternatives a where a.session_id = s.id;
  with kept as (
    insert into public.session_alternatives
      (id, session_id, user_id, number, version, passage_start, passage_end, passage, instruction, content, model, tokens,
       cost_usd)
    select (made ->> 'id')::uuid, s.id, s.user_id, last_number + place, p_version, p_start, p_end, p_passage,
      p_instruction, made ->> 'content', made ->> 'model', (made ->> 'tokens')::integer, (made ->> 'cost_usd')::numeric
    from jsonb_array_elements(p_made) with ordinality as listed (made, place)
    on conflict (id) do nothing
    returning tokens, cost_usd
  )
  select coalesce(sum(tokens), 0), coalesce(sum(cost_usd), 0) into spent_tokens, spent_usd from kept;
  if spent_tokens > 0 then
    update public.story_sessions set
      tokens = tokens + spent_tokens, cost_usd = cost_usd + spent_usd,
      usage_by_agent = public.usage_after(usage_by_agent, 'writer', spent_tokens, spent_usd),
      updated_at = now(), last_activity_at = now(), expires_at = now() + make_interval(secs => ttl_s)
    where id = s.id returning * into s;
    told := public.tell(s, jsonb_build_array(jsonb_build_object(
      'type', 'usage', 'tokens', s.tokens, 'cost_usd', s.cost_usd, 'by_agent', s.usage_by_agent)));
  end if;
  return jsonb_build_object('events', told, 'items', (
    select coalesce(jsonb_agg(public.alternative_json(a) order by a.number), '[]')
    from public.session_alternatives a
    where a.session_id = s.id and a.content is not null
      and a.id in (select (made ->> 'id')::uuid from jsonb_array_elements(p_made) as listed (made))));
end
$$;
comment on function public.add_alternatives(uuid, uuid, integer, integer, integer, text, text, jsonb) is
  'The service for p_owner: keeps what model calls made of a passage, and counts what they used; the same ids again change nothing. Locks the session''s row.';

create function public.fork_session(
  p_session_id uuid, p_owner uuid, p_steps text[], p_step text, p_title text, p_config jsonb, p_context jsonb,
  p_progress jsonb, p_scores jsonb, p_draft_version integer, p_model text, p_ttl_s integer, p_status text,
  p_request_id text
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  parent public.story_sessions;
  s public.story_sessions;
  until timestamptz;
  told jsonb;
begin
  -- It may go on meanwhile: what it has done stays as it is.
  select * into parent from public.story_sessions
  where id = p_session_id and user_id = p_owner for key share;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such session.';
  end if;
  select t.finished_at into until from public.session_steps t where t.session_id = parent.id and t.step = p_step;
  insert into public.story_sessions
    (user_id, kind, title, titled, prompt, template, status, config, context, progress, model, request_id, ttl_s,
     expires_at, parent_session_id, draft_version)
  values (parent.user_id, parent.kind, coalesce(p_title, parent.title), p_title is not null or parent.titled,
    parent.prompt, parent.template, p_status, p_config, p_context, p_progress, p_model, p_request_id, p_ttl_s,
    now() + make_interval(secs => p_ttl_s), parent.id, p_draft_version)
  on conflict (user_id, request_id) do nothing
  returning * into s;
  if not found then
    select * into s from public.story_sessions where user_id = p_owner and request_id = p_request_id;
    return jsonb_build_object('created', false, 'session', public.session_json(s), 'events', '[]'::jsonb);
  end if;

  -- What the parent has used is counted there.
  with past as (
    select m.*, gen_random_uuid() as new_id, (row_number() over (order by m.seq))::integer as place
    from public.session_messages m
    where m.session_id = parent.id and (m.step is null or m.step = any (p_steps))
      and (p_step is null or m.seq = 1 or m.created_at <= until)
  ), said as (
    insert into public.session_messages
      (id, session_id, user_id, seq, role, agent, step, content, metadata, audio_url, model, created_at)
    select new_id, s.id, s.user_id, place, role, agent, step, content, metadata, audio_url, model, created_at from past
  )
  insert into public.session_steps
    (session_id, user_id, step, position, stage, agent, status, attempt, started_at, finished_at, duration_ms, epoch,
     message_id, output)
  select s.id, s.user_id, t.step, row_number() over (order by t.position), t.stage, t.agent, t.status, t.attempt,
    t.started_at, t.finished_at, t.duration_ms, 0, past.new_id, t.output
  from public.session_steps t left join past on past.id = t.message_id
  where t.session_id = parent.id and t.step = any (p_steps);
  insert into public.session_drafts
    (session_id, user_id, version, current, author, step, content, word_count, scores, created_at)
  select s.id, s.user_id, d.version, d.version = p_draft_version, d.author, d.step, d.content, d.word_count,
    p_scores -> d.version::text, d.created_at
  from public.session_drafts d where d.session_id = parent.id and d.step = any (p_steps);
  update public.story_sessions set
    message_count = (select count(*) from public.session_messages m where m.session_id = s.id),
    draft_count = (select count(*) from public.session_drafts d where d.session_id = s.id)
  where id = s.id returning * into s;

  told := public.add_events(s,
    jsonb_build_array(jsonb_build_object(
      'type', 'session.created', 'request_id', p_request_id, 'session', public.session_json(s)))
    || (select coalesce(jsonb_agg(public.message_event(m) order by m.seq), '[]')
        from public.session_messages m where m.session_id = s.id)
    || (select coalesce(jsonb_agg(public.draft_event(d) order by d.version), '[]')
        from public.session_drafts d where d.session_id = s.id));
  if s.status = 'active' then
    perform pg_notify('storyloom', 'queue');
  end if;
  return jsonb_build_object('created', true, 'session', public.session_json(s), 'events', told);
end
$$;
comment on function public.fork_session(uuid, uuid, text[], text, text, jsonb, jsonb, jsonb, jsonb, integer, text, integer, text, text) is
  'The service for p_owner: a session that begins with these steps of another and all that was said and drafted until p_step, null for until now; the same request again answers the same session. The other is not changed. Shares its row''s lock.';

revoke execute on function
  public.alternative_json(public.session_alternatives), public.list_alternatives(uuid, integer, text),
  public.get_alternative(uuid, uuid), public.get_work(uuid), public.check_at_rest(public.story_sessions),
  public.edit_draft(uuid, uuid, integer, text, integer, uuid),
  public.add_alternatives(uuid, uuid, integer, integer, integer, text, text, jsonb),
  public.fork_session(uuid, uuid, text[], text, text, jsonb, jsonb, jsonb, jsonb, integer, text, integer, text, text)
  from public, anon, authenticated, service_role;
grant execute on function
  public.alternative_json(public.session_alternatives), public.list_alternatives(uuid, integer, text),
  public.get_alternative(uuid, uuid), public.get_work(uuid)
  to authenticated, service_role;
grant execute on function
  public.check_at_rest(public.story_sessions),
  public.edit_draft(uuid, uuid, integer, text, integer, uuid),
  public.add_alternatives(uuid, uuid, integer, integer, integer, text, text, jsonb),
  public.fork_session(uuid, uuid, text[], text, text, jsonb, jsonb, jsonb, jsonb, integer, text, integer, text, text)
  to service_role;
