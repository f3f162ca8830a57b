-- The schema's state says who may do what, too: policies and grants are as much a part of it as tables and functions.

create or replace function public.schema_state() returns jsonb
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
        where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')),
    'policies', (
      select coalesce(jsonb_agg(jsonb_build_array(c.relname, p.polname)), '[]')
      from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid
      where c.relnamespace = 'public'::regnamespace),
    'rights', (
      select coalesce(jsonb_agg(jsonb_build_array(g.name, g.role, g.what)), '[]') from (
        -- What is granted for a column alone counts as granted.
        select c.relname as name, r.rolname as role, p.name as what
        from pg_catalog.pg_class c
        cross join pg_catalog.pg_roles r
        cross join (values ('select'), ('insert'), ('update'), ('references'), ('delete'), ('truncate'), ('trigger')) p (name)
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
          and r.rolname in ('anon', 'authenticated', 'service_role')
          and case when p.name in ('delete', 'truncate', 'trigger')
            then pg_catalog.has_table_privilege(r.oid, c.oid, p.name)
            else pg_catalog.has_any_column_privilege(r.oid, c.oid, p.name) end
        union
        select f.proname, r.rolname, 'execute'
        from pg_catalog.pg_proc f
        cross join pg_catalog.pg_roles r
        where f.pronamespace = 'public'::regnamespace and r.rolname in ('anon', 'authenticated', 'service_role')
          and pg_catalog.has_function_privilege(r.oid, f.oid, 'execute')) g))
$$;
comment on function public.schema_state() is
  'The service: version, row level security and policies of every table, names and arguments of every function, what the API''s roles may do, the time. Locks nothing.';

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261129000700' $$;
