-- What the service asks at its start and `storyloom doctor` shows: how far this schema is, and whether it is whole.

-- Every later migration replaces this function, with its own timestamp (CONTRIBUTING.md): on a hosted project the
-- history of migrations is not the service's to read, and a schema that was restored from a dump has none.
create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261121000600' $$;
comment on function public.schema_version() is 'The service: the newest migration that this schema has had. Locks nothing.';

create function public.schema_state() returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'version', public.schema_version(),
    'server', current_setting('server_version'),
    'at', clock_timestamp(),
    'tables', (
      select coalesce(jsonb_object_agg(c.relname, c.relrowsecurity), '{}') from pg_catalog.pg_class c
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')),
    'functions', (
      -- Those of extensions that were put into public are not ours to tell of.
      select coalesce(jsonb_agg(jsonb_build_array(p.proname, coalesce(to_jsonb(p.proargnames[1:p.pronargs]), '[]'))), '[]')
      from pg_catalog.pg_proc p
      where p.pronamespace = 'public'::regnamespace and not exists (
        select from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')))
$$;
comment on function public.schema_state() is
  'The service: version, row level security of every table, names and arguments of every function, the time. Locks nothing.';

revoke execute on function public.schema_version(), public.schema_state() from public, anon, authenticated, service_role;
grant execute on function public.schema_version(), public.schema_state() to service_role;
