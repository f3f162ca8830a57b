-- A claim takes ids; each run loads its own session. What can't be begun or loaded fails alone, and so does a session
-- whose run breaks again and again.

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261129000100' $$;

alter table public.story_sessions add column last_run jsonb not null default '{}';
comment on column public.story_sessions.last_run is
  'Of the run that was begun last: its epoch, how many steps were done by then, and how often in a row without another step since a run broke (broken) or fell silent (silent).';

create function public.give_up_run(p_session_id uuid, p_epoch integer, p_error jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, null);
begin
  perform public.check_epoch(s.epoch, p_epoch);
  -- They may be what can't be handled.
  update public.story_sessions set outside = '[]', last_run = '{}' where id = s.id and s.status = 'active';
  return public.fail_session(s.id, null, p_error);
exception when others then
  -- What passes by itself is the caller's to try again, and what is refused is refused.
  if sqlstate ~ '^(40|53|55|57|58|PT)' then
    raise;
  end if;
  update public.story_sessions set
    status = 'failed', node = null, error = p_error, pausing = false, outside = '[]', last_run = '{}', updated_at = now()
  where id = p_session_id returning * into s;
  return jsonb_build_object('session', public.session_json(s), 'events', public.add_events(s, jsonb_build_array(
    jsonb_build_object('type', 'session.status', 'status', 'failed', 'reason', p_error ->> 'message', 'error', p_error))));
end
$$;
comment on function public.give_up_run(uuid, integer, jsonb) is
  'The service for a run that can''t go on: fails the session with a reason that its writer may read, whatever is wrong with it; what others have changed and no run has numbered is not told. Locks the session''s row.';

create function public.break_run(p_session_id uuid, p_epoch integer, p_most integer, p_error jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, null);
  done bigint;
  times integer;
begin
  perform public.check_epoch(s.epoch, p_epoch);
  select count(*) into done from public.session_steps t where t.session_id = s.id and t.status = 'done';
  times := 1 + case when (s.last_run ->> 'done')::bigint = done then coalesce((s.last_run ->> 'broken')::integer, 0) else 0 end;
  if times >= p_most then
    return public.give_up_run(p_session_id, p_epoch, p_error);
  end if;
  update public.story_sessions set last_run = jsonb_build_object('epoch', s.epoch, 'done', done, 'broken', times, 'told', true)
  where id = s.id returning * into s;
  return jsonb_build_object('changed', false, 'session', public.session_json(s), 'events', '[]'::jsonb);
end
$$;
comment on function public.break_run(uuid, integer, integer, jsonb) is
  'The service for a run that broke: to be taken up again, or where it is the p_most-th time in a row at the same step, given up with p_error. Locks the session''s row.';

create function public.begin_run(p_session_id uuid, p_node text, p_silent integer default null) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, null);
  done bigint;
  silent integer := 0;
  reason text;
begin
  if s.status <> 'active' then
    raise sqlstate 'PT409' using message = format('A session that is %s has nothing to run.', replace(s.status, '_', ' '));
  end if;
  reason := case when s.epoch = 0 then 'started' when s.node is null then 'resumed' else 'recovered' end;
  select count(*) into done from public.session_steps t where t.session_id = s.id and t.status = 'done';
  -- Another epoch than the last run's: somebody has moved the session since, and it begins afresh.
  if (s.last_run ->> 'epoch')::integer is distinct from s.epoch or (s.last_run ->> 'done')::bigint <> done then
    s.last_run := '{}';
  elsif not s.last_run ? 'told' and not exists (
    select from public.session_events e
    where e.session_id = s.id and e.epoch = s.epoch and e.type not in ('session.status', 'step.started', 'agent.state'))
  then
    silent := 1;
  end if;
  silent := silent + coalesce((s.last_run ->> 'silent')::integer, 0);
  if silent >= p_silent then
    perform public.give_up_run(s.id, s.epoch, jsonb_build_object('code', 'internal', 'message', format(
      'The service ended %s times when it took this story up, and has given it up. Its owner can read more in the log.', silent)));
    return null;
  end if;
  update public.story_sessions set epoch = epoch + 1, node = p_node, queue_place = null, error = null, updated_at = now(),
    last_activity_at = now(), expires_at = now() + make_interval(secs => ttl_s),
    last_run = jsonb_build_object('epoch', epoch + 1, 'done', done, 'silent', silent,
      'broken', coalesce((s.last_run ->> 'broken')::integer, 0))
  where id = s.id returning * into s;
  return jsonb_build_object('session_id', s.id, 'epoch', s.epoch, 'events', public.number_outside(s) || public.add_events(s,
    jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
      'type', 'session.status', 'status', 'active', 'reason', reason, 'pausing', nullif(s.pausing, false))))));
end
$$;
comment on function public.begin_run(uuid, text, integer) is
  'The service: begins the session''s next epoch on p_node; null where it was given up instead, because p_silent runs in a row have ended without a word. Locks the session''s row.';

create function public.load_run(p_session_id uuid, p_epoch integer) returns json
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
begin
  perform public.check_epoch(s.epoch, p_epoch);
  -- As text, not jsonb, which has a limit: a session may have many long versions.
  return json_build_object(
    'session', public.session_json(s), 'prompt', s.prompt,
    'delta_from', (select min(seq) from public.session_events where session_id = s.id and type = 'agent.delta'),
    'partial', public.partial_json(s.id), 'notes', public.notes_json(s.id),
    'steps', (
      select coalesce(json_agg(json_build_object(
        'step', t.step, 'status', t.status, 'attempt', t.attempt, 'duration_ms', t.duration_ms,
        -- Of several edits in a row each takes the place of the one before.
        'output', case when t.replaced then t.output - 'content' else t.output end,
        'text', case when t.output is null then t.content end) order by t.position), '[]')
      from (
        select d.*, m.content,
          d.step ~ '^edit-[0-9]+$' and coalesce(
            lead(d.step) over (partition by d.status = 'done' order by d.position) ~ '^edit-[0-9]+$', false) as replaced
        from public.session_steps d
        left join public.session_messages m on m.id = d.message_id
        where d.session_id = s.id) t));
end
$$;
comment on function public.load_run(uuid, integer) is
  'The service for a run that has begun: all that it goes on from. Locks nothing.';

create or replace function public.claim_runs(
  p_node text, p_room integer, p_per_user integer, p_held uuid[], p_dead_s double precision default null
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  -- A node that ends may take all its runs along a few times in a row, by no fault of theirs.
  most_silent constant integer := 6;
  wanted record;
  begun jsonb;
  claimed jsonb := '[]';
  broken jsonb := '[]';
  placed jsonb := '[]';
  taken uuid[] := '{}';
  state text;
  reason text;
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
    -- A transaction within the transaction: what can't be begun is undone alone, and keeps nobody from beginning.
    begin
      -- A row that somebody is just changing is looked at again with the next claim.
      select * into s from public.story_sessions where id = wanted.id and status = 'active' for update skip locked;
      if found then
        taken := taken || wanted.id;
        begun := public.begin_run(wanted.id, p_node, most_silent);
        if begun is null then
          broken := broken || jsonb_build_object('session_id', wanted.id, 'code', 'silent');
        else
          claimed := claimed || begun;
        end if;
      end if;
    exception when others then
      get stacked diagnostics state = returned_sqlstate, reason = message_text;
      -- What passes by itself (class 40 and the like) is looked at again with the next claim.
      if state !~ '^(40|53|55|57|58)' then
        broken := broken || jsonb_build_object('session_id', wanted.id, 'code', state);
        perform public.give_up_run(wanted.id, s.epoch, jsonb_build_object('code', 'internal', 'message',
          'The story could not be taken up: what is kept of it can''t be handled. The service''s owner can read more in the log.'));
      end if;
    end;
  end loop;
  for wanted in
    select * from (
      select w.id, row_number() over (order by w.place + w.running, w.queued_at, w.id) as place
      from public.waiting_runs(p_node, p_held || taken, p_dead_s) w where not w.id = any (p_held)) queue
    order by queue.place limit 100
  loop
    -- Not each step of a long queue is worth an event; and nobody's row that is just being changed is waited for.
    select * into s from public.story_sessions
    where id = wanted.id and status = 'active' and node is null and (queue_place is null or (wanted.place < queue_place
      and (wanted.place <= 10 or wanted.place * 2 <= queue_place)))
    for update skip locked;
    if found then
      update public.story_sessions set queue_place = wanted.place where id = s.id returning * into s;
      placed := placed || public.add_events(s, jsonb_build_array(jsonb_build_object(
        'type', 'session.status', 'status', 'active', 'reason', 'queued', 'queue_place', s.queue_place)));
    end if;
  end loop;
  return jsonb_build_object('claimed', claimed, 'broken', broken, 'placed', placed, 'waiting', (
    select count(*) from public.waiting_runs(p_node, p_held || taken, p_dead_s)));
end
$$;
comment on function public.claim_runs(text, integer, integer, uuid[], double precision) is
  'The service: begins up to p_room runs on p_node, in their turn, at most p_per_user of each user everywhere, each to be read by load_run; fails those that can''t be begun, and names them; tells the others their place. Locks the sessions'' rows.';

drop function public.claim_run(uuid, text);

drop function public.leave(text[]);
create function public.leave(p_nodes text[], p_well boolean default false) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  left_behind integer;
begin
  delete from public.nodes where id = any (p_nodes);
  update public.story_sessions set node = null, queue_place = null,
    last_run = case when p_well then '{}' else last_run end
  where status = 'active' and node = any (p_nodes);
  get diagnostics left_behind = row_count;
  if left_behind > 0 then
    perform pg_notify('storyloom', 'queue');
  end if;
  return jsonb_build_object('runs', left_behind);
end
$$;
comment on function public.leave(text[], boolean) is
  'The service: these nodes are no more; what they held waits for others, at its old place in the queue. p_well: they have ended as they should, and none of their runs is to blame. Locks the sessions'' rows.';

revoke execute on function
  public.give_up_run(uuid, integer, jsonb), public.break_run(uuid, integer, integer, jsonb),
  public.begin_run(uuid, text, integer), public.load_run(uuid, integer), public.leave(text[], boolean)
  from public, anon, authenticated, service_role;
grant execute on function
  public.give_up_run(uuid, integer, jsonb), public.break_run(uuid, integer, integer, jsonb),
  public.begin_run(uuid, text, integer), public.load_run(uuid, integer), public.leave(text[], boolean)
  to service_role;
