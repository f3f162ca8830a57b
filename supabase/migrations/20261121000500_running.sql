-- What a run writes. service_role alone may call these. Each names the run's epoch; once a newer run has claimed the
-- session every one of them is refused with PT409 and the hint fenced.

create function public.silent_since(p_dead_s double precision) returns timestamptz
language sql stable security invoker set search_path = ''
as $$
  select case
    when p_dead_s is null or exists (select from public.chores c
      where c.name = 'outage' and c.done_at > clock_timestamp() - make_interval(secs => p_dead_s)) then '-infinity'
    else clock_timestamp() - make_interval(secs => p_dead_s) end
$$;
comment on function public.silent_since(double precision) is
  'The service: a node that was not seen since is dead; none is shortly after a time in which no node at all was seen. Locks nothing.';

create function public.beat(p_node text, p_about jsonb, p_held jsonb, p_dead_s double precision) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  lost jsonb;
  changed jsonb;
  joined boolean;
begin
  -- Where nobody has beaten for long it was the database that was away, and everybody gets their time to come back.
  if not exists (select from public.nodes n where n.seen_at > clock_timestamp() - make_interval(secs => 0.75 * p_dead_s)) then
    insert into public.chores (name, done_at) values ('outage', clock_timestamp())
    on conflict (name) do update set done_at = excluded.done_at;
  end if;
  insert into public.nodes (id, about) values (p_node, p_about)
  on conflict (id) do update set seen_at = clock_timestamp(), about = excluded.about
  returning xmax = 0 into joined;
  if joined then
    -- Who was alone has to tell of what it stores from now on.
    perform pg_notify('storyloom', 'node');
  end if;
  select jsonb_agg(held.id) filter (where s.id is null or s.epoch <> held.epoch::integer or s.node is distinct from p_node),
    jsonb_agg(held.id) filter (where s.epoch = held.epoch::integer and s.outside <> '[]')
  into lost, changed
  from jsonb_each_text(p_held) as held (id, epoch) left join public.story_sessions s on s.id = held.id::uuid;
  return jsonb_build_object(
    'lost', coalesce(lost, '[]'), 'changed', coalesce(changed, '[]'),
    'others', (select count(*) from public.nodes n
               where n.id <> p_node and n.seen_at > public.silent_since(p_dead_s)),
    'work', exists (select from public.story_sessions s where s.status = 'active' and s.kind = 'story'
      and (s.node is null or not exists (select from public.nodes n where n.id = s.node
             and n.seen_at > public.silent_since(p_dead_s))
           or (s.node = p_node and not p_held ? s.id::text))));
end
$$;
comment on function public.beat(text, jsonb, jsonb, double precision) is
  'The service: a node lives. Of the runs that it holds, as {id: epoch}, those it has lost and those that others have changed; and whether there is work to claim. Locks the node''s row.';

create function public.take_chore(p_name text, p_every_s double precision) returns boolean
language plpgsql security invoker set search_path = ''
as $$
begin
  insert into public.chores (name, done_at) values (p_name, now())
  on conflict (name) do update set done_at = now()
    where chores.done_at < now() - make_interval(secs => p_every_s);
  return found;
end
$$;
comment on function public.take_chore(text, double precision) is
  'The service: whether a chore is due, and then the caller''s to do. Locks the chore''s row.';

create function public.leave(p_nodes text[]) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  left_behind integer;
begin
  delete from public.nodes where id = any (p_nodes);
  update public.story_sessions set node = null, queue_place = null
  where status = 'active' and node = any (p_nodes);
  get diagnostics left_behind = row_count;
  if left_behind > 0 then
    perform pg_notify('storyloom', 'queue');
  end if;
  return jsonb_build_object('runs', left_behind);
end
$$;
comment on function public.leave(text[]) is
  'The service: these nodes are no more; what they held waits for others, at its old place in the queue. Locks the sessions'' rows.';

create function public.waiting_runs(p_node text, p_held uuid[], p_dead_s double precision)
returns table (id uuid, user_id uuid, queued_at timestamptz, place bigint, running bigint)
language sql stable security invoker set search_path = ''
as $$
  -- In one pass: counted for each by itself, 4,000 active sessions took half a second.
  with standing as (
    select s.id, s.user_id, s.queued_at,
      -- A node that is gone has no row; one that is silent counts as gone where p_dead_s says after how long.
      case when s.node = p_node then s.id = any (p_held)
           else exists (select from public.nodes n where n.id = s.node
                  and n.seen_at > (select public.silent_since(p_dead_s))) end as runs
    from public.story_sessions s
    where s.status = 'active' and s.kind = 'story'
  ), placed as (
    select w.id, w.user_id, w.queued_at, w.runs,
      row_number() over (partition by w.user_id, w.runs order by w.queued_at, w.id) as place,
      count(*) filter (where w.runs) over (partition by w.user_id) as running
    from standing w
  )
  select p.id, p.user_id, p.queued_at, p.place, p.running from placed p where not p.runs
$$;
comment on function public.waiting_runs(text, uuid[], double precision) is
  'The service: sessions that should run and do not, each with its place among its user''s own and how many of theirs run. Locks nothing.';

create function public.claim_runs(
  p_node text, p_room integer, p_per_user integer, p_held uuid[], p_dead_s double precision default null
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  wanted record;
  claimed jsonb := '[]';
  placed jsonb := '[]';
  taken uuid[] := '{}';
  s public.story_sessions;
begin
  -- One claim at a time, so that no user gets more than their share by asking two nodes at once.
  perform pg_advisory_xact_lock(1400139634, 1);
  for wanted in
    select w.id from public.waiting_runs(p_node, p_held, p_dead_s) w
    where w.place + w.running <= p_per_user and not w.id = any (p_held)
    -- A user's first before anybody's second.
    order by w.place + w.running, w.queued_at, w.id limit p_room
  loop
    -- A row that somebody is just changing is looked at again with the next claim.
    perform from public.story_sessions where id = wanted.id and status = 'active' for update skip locked;
    if found then
      claimed := claimed || public.claim_run(wanted.id, p_node);
      taken := taken || wanted.id;
    end if;
  end loop;
  for wanted in
    select * from (
      select w.id, row_number() over (order by w.place + w.running, w.queued_at, w.id) as place
      from public.waiting_runs(p_node, p_held || taken, p_dead_s) w where not w.id = any (p_held)) queue
    order by queue.place limit 100
  loop
    -- Not each step of a long queue is worth an event.
    update public.story_sessions set queue_place = wanted.place
    where id = wanted.id and status = 'active' and node is null and (queue_place is null or (wanted.place < queue_place
      and (wanted.place <= 10 or wanted.place * 2 <= queue_place)))
    returning * into s;
    if found then
      placed := placed || public.add_events(s, jsonb_build_array(jsonb_build_object(
        'type', 'session.status', 'status', 'active', 'reason', 'queued', 'queue_place', s.queue_place)));
    end if;
  end loop;
  return jsonb_build_object('claimed', claimed, 'placed', placed, 'waiting', (
    select count(*) from public.waiting_runs(p_node, p_held || taken, p_dead_s)));
end
$$;
comment on function public.claim_runs(text, integer, integer, uuid[], double precision) is
  'The service: gives p_node up to p_room sessions to run, in their turn, at most p_per_user of each user everywhere; tells the others their place. Locks the sessions'' rows.';

create function public.claim_run(p_session_id uuid, p_node text) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, null);
  told jsonb;
  reason text;
begin
  if s.status <> 'active' then
    raise sqlstate 'PT409' using message = format('A session that is %s has nothing to run.', replace(s.status, '_', ' '));
  end if;
  reason := case when s.epoch = 0 then 'started' when s.node is null then 'resumed' else 'recovered' end;
  update public.story_sessions set epoch = epoch + 1, node = p_node, queue_place = null, error = null, updated_at = now(),
    last_activity_at = now(), expires_at = now() + make_interval(secs => ttl_s)
  where id = s.id returning * into s;
  told := public.number_outside(s) || public.add_events(s, jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
    'type', 'session.status', 'status', 'active', 'reason', reason, 'pausing', nullif(s.pausing, false)))));
  return jsonb_build_object(
    'session', public.session_json(s), 'prompt', s.prompt, 'context', s.context, 'events', told,
    'delta_from', (select min(seq) from public.session_events where session_id = s.id and type = 'agent.delta'),
    'partial', public.partial_json(s.id), 'notes', public.notes_json(s.id), 'usage_by_agent', s.usage_by_agent,
    'steps', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'step', t.step, 'status', t.status, 'attempt', t.attempt, 'duration_ms', t.duration_ms, 'output', t.output,
        'text', case when t.output is null then m.content end) order by t.position), '[]')
      from public.session_steps t
      left join public.session_messages m on m.id = t.message_id
      where t.session_id = s.id));
end
$$;
comment on function public.claim_run(uuid, text) is
  'The service: begins the session''s next epoch on p_node and answers all that a run goes on from. Locks the session''s row.';

create function public.notes_json(p_session_id uuid) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(newest.content order by newest.seq), '[]') from (
    select m.content, m.seq from public.session_messages m
    where m.session_id = p_session_id and m.role = 'user' and (m.metadata ->> 'note')::boolean
    order by m.seq desc limit 20) newest
$$;
comment on function public.notes_json(uuid) is 'The service: what the writer has noted for the steps to come, the newest 20. Locks nothing.';

create function public.number_changes(p_session_id uuid, p_epoch integer, p_events jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, null);
begin
  perform public.check_epoch(s.epoch, p_epoch);
  perform public.keep_events(s.id, s.user_id, s.epoch, p_events);
  return jsonb_build_object('events', public.number_outside(s));
end
$$;
comment on function public.number_changes(uuid, integer, jsonb) is
  'The service for a run: numbers what others have changed in its session, after its own p_events. Locks the session''s row.';

create function public.keep_events(p_session_id uuid, p_user_id uuid, p_epoch integer, p_events jsonb) returns void
language plpgsql security invoker set search_path = ''
as $$
begin
  if p_events = '[]' then
    return;
  end if;
  insert into public.session_events (session_id, user_id, seq, epoch, type, payload, at)
  select p_session_id, p_user_id, (event ->> 'seq')::integer, p_epoch, event ->> 'type', event - '{type,seq,at}'::text[],
    (event ->> 'at')::timestamptz
  from jsonb_array_elements(p_events) as listed (event)
  on conflict (session_id, seq) do nothing;
  if p_events @? '$[*] ? (@.type == "step.started")' then
    insert into public.session_steps
      (session_id, user_id, step, position, stage, agent, status, attempt, started_at, epoch)
    -- A step that begins again within the batch is kept as it last began.
    select distinct on (event ->> 'step') p_session_id, p_user_id, event ->> 'step',
      (select count(*) + 1 from public.session_steps t where t.session_id = p_session_id), event ->> 'stage',
      event ->> 'agent', 'running', (event ->> 'attempt')::integer, (event ->> 'at')::timestamptz, p_epoch
    from jsonb_array_elements(p_events) as listed (event)
    where event ->> 'type' = 'step.started'
    order by event ->> 'step', (event ->> 'seq')::integer desc
    on conflict (session_id, step) do update set
      status = 'running', attempt = excluded.attempt, started_at = excluded.started_at, epoch = excluded.epoch,
      finished_at = null, error = null
      where session_steps.status <> 'done';
  end if;
end
$$;
comment on function public.keep_events(uuid, uuid, integer, jsonb) is
  'The service, within a run''s write: stores events that the run has numbered, and the steps that they begin.';

create function public.append_events(p_session_id uuid, p_epoch integer, p_events jsonb) returns json
language plpgsql security invoker set search_path = ''
as $$
declare
  s record;
begin
  -- A share lock keeps a newer run from claiming between the check and the insert, and does not bloat the row.
  select user_id, epoch into s from public.story_sessions where id = p_session_id for share;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such session.';
  end if;
  perform public.check_epoch(s.epoch, p_epoch);
  perform public.keep_events(p_session_id, s.user_id, s.epoch, p_events);
  return json_build_object('kept', jsonb_array_length(p_events));
end
$$;
comment on function public.append_events(uuid, integer, jsonb) is
  'The service for a run: keeps a batch of numbered events; the same batch again changes nothing. Shares the session''s row lock.';

create function public.usage_after(p_usage jsonb, p_agent text, p_tokens integer, p_usd numeric) returns jsonb
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return p_usage || jsonb_build_object(p_agent, jsonb_build_object(
    'tokens', coalesce((p_usage -> p_agent ->> 'tokens')::bigint, 0) + p_tokens,
    'cost_usd', coalesce((p_usage -> p_agent ->> 'cost_usd')::numeric, 0) + p_usd));
end
$$;
comment on function public.usage_after(jsonb, text, integer, numeric) is
  'The service: what a session has used by agent, with one more call counted. Locks nothing.';

create function public.finish_step(p_session_id uuid, p_epoch integer, p_events jsonb, p_result jsonb) returns json
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions;
  r record;
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
    coalesce(r.metadata, '{}'), r.model, r.tokens, r.cost_usd);

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
    made := made || jsonb_build_object('type', 'session.status', 'status', 'paused', 'reason', 'asked');
  end if;
  made := outside || jsonb_build_object('type', 'agent.message', 'message', jsonb_build_object(
    'id', r.message_id, 'seq', s.message_count, 'role', 'assistant', 'agent', r.agent, 'step', r.step, 'content', r.content,
    'metadata', coalesce(r.metadata, '{}'), 'audio_url', null, 'model', r.model, 'tokens', r.tokens, 'cost_usd', r.cost_usd,
    'created_at', now())) || made;

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
comment on function public.finish_step(uuid, integer, jsonb, jsonb) is
  'The service for a run: all that a step made, once: message, draft, step, progress, usage, events; pauses where that was asked for. Answers the events made, to be numbered from last_seq on. Locks the session''s row.';

create function public.complete_session(p_session_id uuid, p_owner uuid, p_epoch integer default null) returns json
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
  d public.session_drafts;
  st public.stories;
begin
  if s.status = 'completed' then
    return json_build_object('session', public.session_json(s), 'events', '[]'::jsonb);
  end if;
  if p_epoch is not null then
    perform public.check_epoch(s.epoch, p_epoch);
  end if;
  if s.status not in ('active', 'awaiting_approval', 'paused') then
    raise sqlstate 'PT409' using message = format('A session that is %s can''t become completed.', s.status);
  end if;
  select * into d from public.session_drafts where session_id = s.id and current;
  if not found then
    raise sqlstate 'PT409' using message = 'A session without a draft can''t be completed.';
  end if;
  insert into public.stories (session_id, user_id, title, content, word_count, version, template, model)
  values (s.id, s.user_id, s.title, d.content, d.word_count, d.version, s.template, s.model)
  on conflict (session_id) do update set
    title = excluded.title, content = excluded.content, word_count = excluded.word_count, version = excluded.version
  returning * into st;
  update public.story_sessions set
    status = 'completed', node = null, error = null, pausing = false, completed_at = now(), updated_at = now(), last_activity_at = now(),
    -- Whole, also where an answer at a gate was the last step.
    progress = progress || '{"percent": 100, "current_step": null, "eta_s": 0}' || jsonb_strip_nulls(jsonb_build_object(
      'completed_steps', progress -> 'total_steps',
      'stages', (select jsonb_object_agg(stage, 1) from jsonb_object_keys(progress -> 'stages') as stage)))
  where id = s.id returning * into s;
  return json_build_object('session', public.session_json(s),
    'events', public.number_outside(s) || public.add_events(s, jsonb_build_array(
      jsonb_build_object('type', 'progress') || s.progress,
      jsonb_build_object('type', 'story.completed', 'story_id', st.id, 'title', st.title, 'word_count', st.word_count),
      jsonb_build_object('type', 'session.status', 'status', 'completed'))));
end
$$;
comment on function public.complete_session(uuid, uuid, integer) is
  'The service: the current draft becomes the story and the session is completed; again changes nothing. Locks the session''s row.';

create function public.fail_session(
  p_session_id uuid, p_owner uuid, p_error jsonb, p_epoch integer default null, p_step text default null,
  p_events jsonb default '[]', p_agent text default null, p_tokens integer default 0, p_cost_usd numeric default 0,
  p_to text default 'failed'
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
  told jsonb;
begin
  if p_epoch is not null then
    perform public.check_epoch(s.epoch, p_epoch);
    perform public.keep_events(s.id, s.user_id, s.epoch, p_events);
  end if;
  if s.status = p_to then
    return jsonb_build_object('session', public.session_json(s), 'events', '[]'::jsonb);
  end if;
  if s.status not in ('active', 'awaiting_approval', 'paused') then
    raise sqlstate 'PT409' using message = format('A session that is %s can''t become %s.', s.status, p_to);
  end if;
  update public.session_steps set
    status = 'failed', finished_at = now(), error = p_error, tokens = tokens + p_tokens, cost_usd = cost_usd + p_cost_usd,
    duration_ms = least(extract(epoch from now() - started_at) * 1000, 2147483647)::integer
  where session_id = s.id and step = p_step and status <> 'done';
  update public.story_sessions set
    status = p_to, node = null, error = p_error, pausing = false, updated_at = now(), last_activity_at = now(),
    tokens = tokens + p_tokens, cost_usd = cost_usd + p_cost_usd,
    usage_by_agent = case when p_tokens > 0 then public.usage_after(usage_by_agent, p_agent, p_tokens, p_cost_usd) else usage_by_agent end
  where id = s.id returning * into s;
  told := public.number_outside(s);
  if p_tokens > 0 then
    told := told || public.add_events(s, jsonb_build_array(
      jsonb_build_object('type', 'usage', 'tokens', s.tokens, 'cost_usd', s.cost_usd, 'by_agent', s.usage_by_agent)));
  end if;
  told := told || public.add_events(s, jsonb_build_array(jsonb_build_object(
    'type', 'session.status', 'status', p_to, 'reason', p_error ->> 'message', 'error', p_error)));
  return jsonb_build_object('session', public.session_json(s), 'events', told);
end
$$;
comment on function public.fail_session(uuid, uuid, jsonb, integer, text, jsonb, text, integer, numeric, text) is
  'The service: the session, and the step at hand, failed (or p_to, paused) for a reason that its writer may read. Locks the session''s row.';

create function public.open_gate(p_session_id uuid, p_epoch integer, p_events jsonb, p_gate jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, null);
begin
  perform public.check_epoch(s.epoch, p_epoch);
  if s.status = 'awaiting_approval' then
    return jsonb_build_object('session', public.session_json(s), 'events', public.events_since(s.id, (p_gate ->> 'after_seq')::integer));
  end if;
  perform public.keep_events(s.id, s.user_id, s.epoch, p_events);
  insert into public.session_steps (session_id, user_id, step, position, stage, agent, status, started_at, epoch)
  values (s.id, s.user_id, p_gate ->> 'step', (select count(*) + 1 from public.session_steps t where t.session_id = s.id),
    p_gate ->> 'stage', 'writer', 'running', now(), s.epoch)
  on conflict (session_id, step) do update set status = 'running', started_at = now(), finished_at = null, epoch = excluded.epoch;
  update public.story_sessions set
    status = 'awaiting_approval', node = null, pausing = false, progress = p_gate -> 'progress', updated_at = now(),
    last_activity_at = now(), expires_at = now() + make_interval(secs => ttl_s)
  where id = s.id returning * into s;
  return jsonb_build_object('session', public.session_json(s), 'events', public.number_outside(s) || public.add_events(s, jsonb_build_array(
    jsonb_build_object('type', 'progress') || s.progress,
    jsonb_strip_nulls(jsonb_build_object('type', 'approval.requested', 'step', p_gate ->> 'step',
      'content', p_gate ->> 'content', 'draft_version', p_gate -> 'draft_version')),
    jsonb_build_object('type', 'session.status', 'status', 'awaiting_approval', 'reason', p_gate ->> 'gate'))));
end
$$;
comment on function public.open_gate(uuid, integer, jsonb, jsonb) is
  'The service for a run, which ends with it: the session waits for its writer''s answer. Locks the session''s row.';

create function public.events_after(p_wanted jsonb, p_limit integer default 200) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_object_agg(wanted.session_id, found.events) filter (where found.events is not null or s.id is null), '{}')
  from jsonb_each_text(p_wanted) as wanted (session_id, seq)
  left join public.story_sessions s on s.id = wanted.session_id::uuid
  cross join lateral (
    select jsonb_agg(public.event_json(page) order by page.seq) as events
    from (
      select e.* from public.session_events e
      where e.session_id = wanted.session_id::uuid and e.seq > wanted.seq::integer order by e.seq limit p_limit) page
  ) found
$$;
comment on function public.events_after(jsonb, integer) is
  'The service, for readers of runs on other nodes: of each session {id: seq} the events after that number, null for one that is gone. Locks nothing.';

revoke execute on function
  public.silent_since(double precision), public.beat(text, jsonb, jsonb, double precision), public.take_chore(text, double precision),
  public.leave(text[]),
  public.waiting_runs(text, uuid[], double precision), public.claim_runs(text, integer, integer, uuid[], double precision),
  public.claim_run(uuid, text), public.notes_json(uuid), public.number_changes(uuid, integer, jsonb),
  public.keep_events(uuid, uuid, integer, jsonb), public.append_events(uuid, integer, jsonb),
  public.finish_step(uuid, integer, jsonb, jsonb), public.complete_session(uuid, uuid, integer),
  public.fail_session(uuid, uuid, jsonb, integer, text, jsonb, text, integer, numeric, text), public.open_gate(uuid, integer, jsonb, jsonb),
  public.events_after(jsonb, integer), public.usage_after(jsonb, text, integer, numeric)
  from public, anon, authenticated, service_role;
grant execute on function
  public.silent_since(double precision), public.beat(text, jsonb, jsonb, double precision), public.take_chore(text, double precision),
  public.leave(text[]),
  public.waiting_runs(text, uuid[], double precision), public.claim_runs(text, integer, integer, uuid[], double precision),
  public.claim_run(uuid, text), public.notes_json(uuid), public.number_changes(uuid, integer, jsonb),
  public.keep_events(uuid, uuid, integer, jsonb), public.append_events(uuid, integer, jsonb),
  public.finish_step(uuid, integer, jsonb, jsonb), public.complete_session(uuid, uuid, integer),
  public.fail_session(uuid, uuid, jsonb, integer, text, jsonb, text, integer, numeric, text), public.open_gate(uuid, integer, jsonb, jsonb),
  public.events_after(jsonb, integer), public.usage_after(jsonb, text, integer, numeric)
  to service_role;
