-- What is not kept for ever: sessions that ended long ago without a story, and all of a user who takes it away or erases it.

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261121000800' $$;

create index story_sessions_by_end on public.story_sessions (status, last_activity_at)
  where status in ('failed', 'cancelled', 'expired');

create function public.delete_old_sessions(p_keep jsonb, p_limit integer default 100) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  wanted record;
  gone uuid[];
  ids uuid[] := '{}';
  counts jsonb := '{}';
begin
  for wanted in
    select k.status, k.seconds::double precision as seconds from jsonb_each_text(p_keep) as k (status, seconds)
    where k.seconds::double precision > 0 order by k.status
  loop
    with old as (
      select s.id from public.story_sessions s
      where s.status = wanted.status and s.status in ('failed', 'cancelled', 'expired')
        and s.last_activity_at < now() - make_interval(secs => wanted.seconds)
        and not exists (select from public.stories t where t.session_id = s.id)
      order by s.last_activity_at limit p_limit - cardinality(ids)
      for update of s skip locked
    ), deleted as (
      delete from public.story_sessions s using old where s.id = old.id returning s.id
    )
    select coalesce(array_agg(deleted.id), '{}') into gone from deleted;
    ids := ids || gone;
    counts := counts || jsonb_build_object(wanted.status, cardinality(gone));
  end loop;
  return jsonb_build_object('deleted', counts, 'session_ids', to_jsonb(ids));
end
$$;
comment on function public.delete_old_sessions(jsonb, integer) is
  'The service''s sweep: deletes up to p_limit sessions that ended longer ago than p_keep {status: seconds, 0 for ever} says, never one with a story; skips rows that others hold.';

create function public.export_rows(
  p_table text, p_key text, p_owner uuid, p_session_id uuid default null, p_after text default null,
  p_limit integer default 50
) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  key_type text;
  found_rows jsonb;
begin
  select format_type(a.atttypid, a.atttypmod) into strict key_type from pg_catalog.pg_attribute a
  where a.attrelid = format('public.%I', p_table)::regclass and a.attname = p_key;
  execute format(
    'select coalesce(jsonb_agg(to_jsonb(page) order by page.%1$I), ''[]'') from ('
    ' select t.* from public.%2$I t where t.%3$I = $1 %4$s %5$s order by t.%1$I limit $4) page',
    p_key, p_table, case p_table when 'profiles' then 'id' else 'user_id' end,
    case when p_session_id is not null then 'and t.session_id = $2' end,
    case when p_after is not null then format('and t.%I > $3::%s', p_key, key_type) end)
  into found_rows using p_owner, p_session_id, p_after, p_limit;
  return found_rows;
end
$$;
comment on function public.export_rows(text, text, uuid, uuid, text, integer) is
  'Users and the service: whole rows of one owner in one table (of one session, where it is named), by p_key, those after p_after; row level security decides what is seen. Locks nothing.';

-- By the columns' names, so that a table which comes later is erased too: what hangs on a session has session_id, what
-- hangs on a user has user_id. A test refuses a table that names its owner otherwise.
create function public.erase_user(p_owner uuid, p_limit integer default 20) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  batch uuid[];
  personal record;
  gone bigint;
  removed jsonb := '{}';
  last_batch boolean;
begin
  select coalesce(array_agg(locked.id), '{}') into batch from (
    select s.id from public.story_sessions s where s.user_id = p_owner order by s.id limit p_limit for update) locked;
  last_batch := cardinality(batch) < p_limit;
  for personal in
    select c.relname as name,
      bool_or(a.attname = 'session_id') as of_session,
      bool_or(a.attname = 'user_id' or c.relname = 'profiles') as of_user,
      bool_or(a.attname = 'session_id' and a.attnotnull) as only_of_session
    from pg_catalog.pg_class c
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and not a.attisdropped
      and (a.attname in ('session_id', 'user_id') or (c.relname = 'profiles' and a.attname = 'id'))
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
      -- What admins did stays, which is ids and their own words.
      and c.relname not in ('story_sessions', 'admin_audit')
    group by c.relname order by c.relname
  loop
    removed := removed || jsonb_build_object(personal.name, 0);
    if personal.of_session then
      execute format('delete from public.%I where session_id = any ($1)', personal.name) using batch;
      get diagnostics gone = row_count;
      removed := removed || jsonb_build_object(personal.name, gone);
    end if;
    if last_batch and personal.of_user and not personal.only_of_session then
      execute format('delete from public.%I where %I = $1', personal.name,
        case personal.name when 'profiles' then 'id' else 'user_id' end) using p_owner;
      get diagnostics gone = row_count;
      removed := removed || jsonb_build_object(personal.name, (removed ->> personal.name)::bigint + gone);
    end if;
  end loop;
  delete from public.story_sessions where id = any (batch);
  get diagnostics gone = row_count;
  return jsonb_build_object('removed', removed || jsonb_build_object('story_sessions', gone),
    'session_ids', to_jsonb(batch), 'more', not last_batch);
end
$$;
comment on function public.erase_user(uuid, integer) is
  'The service for p_owner: up to p_limit of their sessions with all that hangs on them, with the last ones everything else of theirs, counted by table. Locks the sessions'' rows.';

revoke execute on function
  public.delete_old_sessions(jsonb, integer), public.export_rows(text, text, uuid, uuid, text, integer),
  public.erase_user(uuid, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.export_rows(text, text, uuid, uuid, text, integer) to authenticated;
grant execute on function
  public.delete_old_sessions(jsonb, integer), public.export_rows(text, text, uuid, uuid, text, integer),
  public.erase_user(uuid, integer)
  to service_role;
