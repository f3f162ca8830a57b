-- What admins do, see and leave behind: the audit of their acts, statistics, the nodes and the queue.

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261121001100' $$;

-- Rows enter it when a story is done: what is being written pays nothing for it.
create index story_sessions_by_completion on public.story_sessions (completed_at) where status = 'completed';

-- -- The audit ------------------------------------------------------------------------------------------------------

create table public.admin_audit (
  id uuid primary key default gen_random_uuid(),
  at timestamptz not null default now(),
  admin_id uuid not null,
  action text not null check (action in ('inspect', 'cancel', 'expire', 'delete')),
  session_id uuid not null,
  user_id uuid not null,
  reason text check (char_length(reason) between 1 and 500),
  details jsonb not null default '{}'
);
comment on table public.admin_audit is
  'What admins did to sessions of others. Ids without foreign keys: a row outlives the session, its owner and the admin. Nobody but the database''s owner changes or deletes one.';
comment on column public.admin_audit.user_id is 'The session''s owner.';
create index admin_audit_by_time on public.admin_audit (at desc, id desc);
create index admin_audit_by_session on public.admin_audit (session_id, at desc, id desc);
create index admin_audit_by_user on public.admin_audit (user_id, at desc, id desc);
create unique index admin_audit_one_inspection_a_minute on public.admin_audit
  (session_id, admin_id, (date_trunc('minute', at at time zone 'UTC'))) where action = 'inspect';

alter table public.admin_audit enable row level security;
create policy "An admin reads what admins did" on public.admin_audit
  for select to authenticated using ((select public.is_admin()));
revoke all on public.admin_audit from public, anon, authenticated, service_role;
grant select on public.admin_audit to authenticated;
grant select, insert on public.admin_audit to service_role;

create function public.audit_json(a public.admin_audit) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'id', a.id, 'at', a.at, 'admin_id', a.admin_id, 'action', a.action, 'session_id', a.session_id,
    'user_id', a.user_id, 'reason', a.reason, 'details', a.details)
$$;
comment on function public.audit_json(public.admin_audit) is
  'Admins and the service: a row of the audit as the wire shows it. Locks nothing.';

create function public.list_audit(
  p_session_id uuid default null, p_admin_id uuid default null, p_user_id uuid default null, p_action text default null,
  p_since timestamptz default null, p_limit integer default 20, p_cursor text default null
) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  before_at timestamptz;
  before_id uuid;
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
  select coalesce(jsonb_agg(public.audit_json(page) order by page.at desc, page.id desc), '[]') into items from (
    select a.* from public.admin_audit a
    where (p_session_id is null or a.session_id = p_session_id)
      and (p_admin_id is null or a.admin_id = p_admin_id)
      and (p_user_id is null or a.user_id = p_user_id)
      and (p_action is null or a.action = p_action)
      and (p_since is null or a.at >= p_since)
      and (before_at is null or (a.at, a.id) < (before_at, before_id))
    order by a.at desc, a.id desc
    limit p_limit + 1
  ) page;
  if jsonb_array_length(items) <= p_limit then
    return jsonb_build_object('items', items, 'next_cursor', null);
  end if;
  items := items - p_limit;
  last_row := items -> -1;
  return jsonb_build_object('items', items, 'next_cursor', (last_row ->> 'at') || '~' || (last_row ->> 'id'));
end
$$;
comment on function public.list_audit(uuid, uuid, uuid, text, timestamptz, integer, text) is
  'Admins and the service: the audit, newest first; anybody else finds it empty. Locks nothing.';

create function public.audit_of(p_owner uuid) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'at', a.at, 'action', a.action, 'session_id', a.session_id, 'reason', a.reason) order by a.at, a.id), '[]')
  from public.admin_audit a where a.user_id = p_owner
$$;
comment on function public.audit_of(uuid) is
  'The service for p_owner: what admins did to their sessions, without which admin it was. Locks nothing.';

create function public.note_inspection(p_session_id uuid, p_admin uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
  insert into public.admin_audit (admin_id, action, session_id, user_id)
  select p_admin, 'inspect', s.id, s.user_id from public.story_sessions s
  where s.id = p_session_id and s.user_id <> p_admin
  on conflict (session_id, admin_id, (date_trunc('minute', at at time zone 'UTC'))) where action = 'inspect' do nothing;
  return jsonb_build_object('noted', found);
end
$$;
comment on function public.note_inspection(uuid, uuid) is
  'The service for p_admin, before a session of somebody else is read: one row a minute at the most. Locks nothing.';

-- -- What is done to a session --------------------------------------------------------------------------------------

create function public.end_as_admin(p_session_id uuid, p_admin uuid, p_to text, p_reason text) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, null);
  answer jsonb;
begin
  answer := public.change_status(s.id, null, p_to, array['active', 'awaiting_approval', 'paused'], p_reason,
    jsonb_build_object('code', p_to, 'message', 'Ended by an admin: ' || p_reason));
  if (answer ->> 'changed')::boolean then
    insert into public.admin_audit (admin_id, action, session_id, user_id, reason, details)
    values (p_admin, case p_to when 'cancelled' then 'cancel' when 'expired' then 'expire' end, s.id, s.user_id, p_reason,
      jsonb_strip_nulls(jsonb_build_object('status', s.status, 'epoch', s.epoch, 'node', s.node)));
  end if;
  return answer;
end
$$;
comment on function public.end_as_admin(uuid, uuid, text, text) is
  'The service for p_admin: anybody''s session becomes cancelled or expired for a reason that its owner may read, its run fenced, with a row in the audit; again changes nothing. Locks the session''s row.';

create function public.delete_as_admin(p_session_id uuid, p_admin uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, null);
begin
  if s.user_id <> p_admin then
    insert into public.admin_audit (admin_id, action, session_id, user_id, details)
    values (p_admin, 'delete', s.id, s.user_id,
      jsonb_strip_nulls(jsonb_build_object('status', s.status, 'epoch', s.epoch, 'node', s.node)));
  end if;
  return public.delete_session(s.id, null);
end
$$;
comment on function public.delete_as_admin(uuid, uuid) is
  'The service for p_admin: anybody''s session and all that hangs on it, gone, with a row in the audit where it was not their own. Locks the session''s row.';

-- -- The service as a whole -----------------------------------------------------------------------------------------

create function public.service_stats(p_days integer, p_dead_s double precision) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  today timestamp := date_trunc('day', now() at time zone 'UTC');
  first_day timestamp := today - make_interval(days => p_days - 1);
  since timestamptz := first_day at time zone 'UTC';
  totals jsonb;
  waiting bigint;
  running bigint;
  started jsonb;
  models jsonb;
  agents jsonb;
  completed jsonb;
  means jsonb;
  failures jsonb;
begin
  -- One index for each group of statuses, so that none of the many rows that are long done is read.
  select jsonb_object_agg(status, sessions) into totals from (
    select status, count(*) as sessions from public.story_sessions
    where status in ('active', 'awaiting_approval', 'paused') group by status
    union all
    select status, count(*) from public.story_sessions where status in ('failed', 'cancelled', 'expired') group by status
    union all
    select 'completed', count(*) from public.story_sessions where status = 'completed'
  ) counted;
  select count(*) filter (where held), count(*) filter (where not held) into running, waiting from (
    select exists (select from public.nodes n where n.id = s.node
      and n.seen_at > (select public.silent_since(p_dead_s))) as held
    from public.story_sessions s where s.status = 'active' and s.kind = 'story') stories;

  with begun as materialized (
    select (s.created_at at time zone 'UTC')::date as day, s.model, s.tokens, s.cost_usd, s.usage_by_agent
    from public.story_sessions s
    -- What was created since then was also active since then, and of that there is an index.
    where s.last_activity_at >= since and s.created_at >= since
  ), spent as (
    select a.agent, sum((a.usage ->> 'tokens')::bigint) as tokens, sum((a.usage ->> 'cost_usd')::numeric) as cost_usd
    from begun, jsonb_each(begun.usage_by_agent) as a (agent, usage) group by a.agent
  )
  select
    (select jsonb_object_agg(d.day, d.sessions) from (select day, count(*) as sessions from begun group by day) d),
    (select jsonb_object_agg(m.model, jsonb_build_object('tokens', m.tokens, 'cost_usd', m.cost_usd))
     from (select model, sum(tokens) as tokens, sum(cost_usd) as cost_usd from begun group by model) m),
    (select jsonb_object_agg(spent.agent, jsonb_build_object('tokens', spent.tokens, 'cost_usd', spent.cost_usd)) from spent)
  into started, models, agents;

  with done as materialized (
    select (s.completed_at at time zone 'UTC')::date as day, s.message_count,
      (select t.word_count from public.stories t where t.session_id = s.id) as word_count,
      extract(epoch from s.completed_at - s.created_at) / 60 as minutes
    from public.story_sessions s
    where s.status = 'completed' and s.completed_at >= since
  )
  select
    (select jsonb_object_agg(d.day, d.sessions) from (select day, count(*) as sessions from done group by day) d),
    (select jsonb_build_object('messages', round(avg(message_count), 2), 'words', round(avg(word_count), 2),
       'minutes', round(avg(minutes), 2)) from done)
  into completed, means;

  select jsonb_object_agg(f.code, f.sessions) into failures from (
    select coalesce(s.error ->> 'code', 'internal') as code, count(*) as sessions from public.story_sessions s
    where s.status = 'failed' and s.last_activity_at >= since group by 1) f;

  return jsonb_build_object(
    'days', p_days, 'since', since, 'totals', totals,
    'active', jsonb_build_object('running', running, 'waiting', waiting),
    'per_day', (
      select jsonb_agg(jsonb_build_object('day', day::date, 'started', coalesce(started -> day::date::text, '0'),
        'completed', coalesce(completed -> day::date::text, '0')) order by day)
      from generate_series(first_day, today, interval '1 day') as day),
    'means', means, 'by_model', coalesce(models, '{}'), 'by_agent', coalesce(agents, '{}'),
    'failures', coalesce(failures, '{}'));
end
$$;
comment on function public.service_stats(integer, double precision) is
  'The service, for an admin: sessions now by status, and of the last p_days days in UTC, today included, what was started, completed, used and failed; a node silent for p_dead_s runs nothing. Locks nothing.';

create function public.list_nodes(p_dead_s double precision, p_limit integer default 100) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  with queue as materialized (
    select w.id, w.user_id, w.queued_at, row_number() over (order by w.place + w.running, w.queued_at, w.id) as place
    from public.waiting_runs(null, '{}', p_dead_s) w
  ), standing as (
    select n.*, n.seen_at > (select public.silent_since(p_dead_s)) as alive,
      (select count(*) from public.story_sessions s where s.status = 'active' and s.node = n.id) as running
    from public.nodes n
  )
  select jsonb_build_object(
    'nodes', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'id', n.id, 'version', n.about ->> 'version', 'address', n.about ->> 'address', 'started_at', n.started_at,
        'seen_at', n.seen_at, 'alive', n.alive, 'running', n.running, 'places', (n.about ->> 'places')::integer)
        order by n.alive desc, n.started_at, n.id), '[]') from standing n),
    'waiting', (select count(*) from queue),
    'queue', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'session_id', q.id, 'user_id', q.user_id, 'place', q.place, 'since', q.queued_at,
        'title', (select s.title from public.story_sessions s where s.id = q.id)) order by q.place), '[]')
      from (select * from queue order by place limit p_limit) q))
$$;
comment on function public.list_nodes(double precision, integer) is
  'The service, for an admin: the nodes, those silent for p_dead_s not alive, and the first p_limit stories that wait for their turn. Locks nothing.';

revoke execute on function
  public.audit_json(public.admin_audit), public.list_audit(uuid, uuid, uuid, text, timestamptz, integer, text),
  public.audit_of(uuid), public.note_inspection(uuid, uuid), public.end_as_admin(uuid, uuid, text, text),
  public.delete_as_admin(uuid, uuid), public.service_stats(integer, double precision),
  public.list_nodes(double precision, integer)
  from public, anon, authenticated, service_role;
grant execute on function
  public.audit_json(public.admin_audit), public.list_audit(uuid, uuid, uuid, text, timestamptz, integer, text)
  to authenticated, service_role;
grant execute on function
  public.audit_of(uuid), public.note_inspection(uuid, uuid), public.end_as_admin(uuid, uuid, text, text),
  public.delete_as_admin(uuid, uuid), public.service_stats(integer, double precision),
  public.list_nodes(double precision, integer)
  to service_role;
