-- Who is asking, and the profile that every user gets.

create or replace function public.is_admin() returns boolean
language sql stable security invoker set search_path = ''
as $$
  select coalesce((select auth.jwt()) -> 'app_metadata' ->> 'role' = 'admin', false)
$$;
comment on function public.is_admin() is 'Anyone signed in may call it: whether their own token says admin. Locks nothing.';

create table public.profiles (
  id uuid primary key references auth.users (id) on delete cascade,
  display_name text not null default '' check (char_length(display_name) <= 100),
  settings jsonb not null default '{}',
  created_at timestamptz not null default now()
);
comment on table public.profiles is 'One row a user, made by itself when the user is.';

alter table public.profiles enable row level security;
revoke all on public.profiles from public, anon, authenticated, service_role;
grant select on public.profiles to authenticated;
grant select, insert, update, delete on public.profiles to service_role;

create policy "A user reads their own profile, an admin reads all" on public.profiles
  for select to authenticated
  using (id = (select auth.uid()) or (select public.is_admin()));

-- Runs as its owner because GoTrue inserts users with a role that has no right to profiles.
create or replace function public.add_profile() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  insert into public.profiles (id) values (new.id) on conflict (id) do nothing;
  return new;
end
$$;
comment on function public.add_profile() is 'A trigger on auth.users; nobody may call it.';

drop trigger if exists storyloom_add_profile on auth.users;
create trigger storyloom_add_profile after insert on auth.users
  for each row execute function public.add_profile();

insert into public.profiles (id) select id from auth.users on conflict (id) do nothing;

revoke execute on function public.is_admin(), public.add_profile() from public, anon, authenticated, service_role;
grant execute on function public.is_admin() to authenticated, service_role;
