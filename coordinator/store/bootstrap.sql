-- What a Supabase project has before its first migration, for a PostgreSQL (15 to 18) of one's own.
-- Applied by coordinator/store/migrate.py, in one transaction under its lock, and only where the schema auth is
-- missing or made by this file: the last statement marks it, with the number to raise when this file changes.
-- Default privileges stay PostgreSQL's own, so a migration that forgets a grant or a revoke is found out here.

do $$
declare
  wanted text;
begin
  foreach wanted in array array['anon', 'authenticated', 'service_role', 'authenticator'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
      execute format('create role %I nologin noinherit', wanted);
    end if;
  end loop;
end
$$;

alter role anon nologin inherit;
alter role authenticated nologin inherit;
alter role service_role nologin inherit bypassrls;
-- Without a password: where passwords are asked for, it can't log in until it is given one.
alter role authenticator login noinherit;
grant anon, authenticated, service_role to authenticator;

-- Whoever owns the database must be able to act as the three: since PostgreSQL 16 having created a role is not enough.
do $$
begin
  if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
    execute format('grant anon, authenticated, service_role to %I', current_user);
  end if;
end
$$;

revoke create on schema public from public;
grant usage on schema public to anon, authenticated, service_role;

create schema if not exists auth;
grant usage on schema auth to anon, authenticated, service_role;

create table if not exists auth.users (
  id uuid primary key default gen_random_uuid(),
  aud varchar(255) default 'authenticated',
  role varchar(255) default 'authenticated',
  email varchar(255),
  email_confirmed_at timestamptz,
  last_sign_in_at timestamptz,
  raw_app_meta_data jsonb default '{}',
  raw_user_meta_data jsonb default '{}',
  is_super_admin boolean,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  phone text,
  banned_until timestamptz,
  deleted_at timestamptz,
  is_sso_user boolean not null default false,
  is_anonymous boolean not null default false
);
create unique index if not exists users_email_key on auth.users (email) where not is_sso_user;
-- No policy and no grant: only functions that run as the owner see it.
alter table auth.users enable row level security;
revoke all on auth.users from public, anon, authenticated, service_role;
comment on table auth.users is 'Who has signed in; the columns that Supabase has and Storyloom may use.';

-- The three read what the caller of the transaction set: one JSON with all claims, or one older setting a claim.
-- Standard bodies: their names are resolved now, whatever search_path a caller has, and the planner inlines them.
create or replace function auth.jwt() returns jsonb
language sql stable security invoker
return coalesce(
  nullif(current_setting('request.jwt.claim', true), ''),
  nullif(current_setting('request.jwt.claims', true), '')
)::jsonb;
comment on function auth.jwt() is 'Every role may call it: the claims of the caller, or null. Locks nothing.';

create or replace function auth.uid() returns uuid
language sql stable security invoker
return coalesce(
  nullif(current_setting('request.jwt.claim.sub', true), ''),
  nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
)::uuid;
comment on function auth.uid() is 'Every role may call it: the id of the caller, or null. Locks nothing.';

create or replace function auth.role() returns text
language sql stable security invoker
return coalesce(
  nullif(current_setting('request.jwt.claim.role', true), ''),
  nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
);
comment on function auth.role() is 'Every role may call it: the role in the claims, or null. Locks nothing.';

-- Runs as its owner because, as on Supabase, service_role has no right to auth.users.
create or replace function public.local_sign_in(p_user_id uuid, p_is_anonymous boolean, p_app_metadata jsonb)
returns jsonb
language sql volatile security definer set search_path = ''
as $$
  insert into auth.users as known (id, is_anonymous, raw_app_meta_data, last_sign_in_at)
  values (p_user_id, coalesce(p_is_anonymous, false), coalesce(p_app_metadata, '{}'), now())
  on conflict (id) do update set last_sign_in_at = now(), updated_at = now()
  returning jsonb_build_object('id', known.id, 'is_anonymous', known.is_anonymous, 'created_at', known.created_at)
$$;
comment on function public.local_sign_in(uuid, boolean, jsonb) is
  'Only service_role may call it: the user, inserted when new. Locks the row of the user.';
revoke execute on function public.local_sign_in(uuid, boolean, jsonb) from public, anon, authenticated;
grant execute on function public.local_sign_in(uuid, boolean, jsonb) to service_role;

-- Runs as its owner for the same reason. What hangs on the user goes with the row.
create or replace function public.local_erase(p_user_id uuid) returns jsonb
language sql volatile security definer set search_path = ''
as $$
  with gone as (delete from auth.users where id = p_user_id returning id)
  select jsonb_build_object('removed', count(*)) from gone
$$;
comment on function public.local_erase(uuid) is 'Only service_role may call it: the user and all that is theirs, gone. Locks their rows.';
revoke execute on function public.local_erase(uuid) from public, anon, authenticated;
grant execute on function public.local_erase(uuid) to service_role;

comment on schema auth is 'Storyloom bootstrap 2';
