-- Local sign-ins that can be renewed, and whose account was erased a moment ago.

create table if not exists public.sign_ins (
  id uuid primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  current text not null check (current ~ '^[0-9a-f]{64}$'),
  previous text check (previous ~ '^[0-9a-f]{64}$'),
  created_at timestamptz not null default now(),
  renewed_at timestamptz not null default now(),
  expires_at timestamptz not null
);
comment on table public.sign_ins is
  'One row a sign-in with the service itself. current and previous are the SHA-256 of its newest two refresh tokens, which are kept nowhere; users read none of it but through the service.';
create index if not exists sign_ins_by_user on public.sign_ins (user_id, id);
create index if not exists sign_ins_by_end on public.sign_ins (expires_at);

create table if not exists public.erasures (
  erased uuid primary key,
  at timestamptz not null,
  until timestamptz not null
);
comment on table public.erasures is
  'Ids of users who were erased, until the last access token that was issued before has expired.';

alter table public.sign_ins enable row level security;
alter table public.erasures enable row level security;
revoke all on public.sign_ins, public.erasures from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.sign_ins, public.erasures to service_role;

create or replace function public.begin_sign_in(p_id uuid, p_user_id uuid, p_token_hash text, p_ttl_s integer) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
  -- Each that begins takes a few away that are over, so that they can't pile up.
  delete from public.sign_ins where id in (
    select s.id from public.sign_ins s where s.expires_at <= now() order by s.expires_at limit 10 for update skip locked);
  insert into public.sign_ins (id, user_id, current, expires_at)
  values (p_id, p_user_id, p_token_hash, now() + make_interval(secs => p_ttl_s))
  on conflict (id) do nothing;
  return '{}';
end
$$;
comment on function public.begin_sign_in(uuid, uuid, text, integer) is
  'The service: a sign-in of p_user_id that can be renewed for p_ttl_s seconds; again changes nothing; 23503 where there is no such user. Locks its row, and up to ten that are over.';

create or replace function public.renew_sign_in(
  p_id uuid, p_token_hash text, p_next_hash text, p_grace_s integer, p_ttl_s integer
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.sign_ins;
begin
  select * into s from public.sign_ins where id = p_id and expires_at > now() for update;
  if not found then
    return jsonb_build_object('renewed', false, 'reused', false);
  end if;
  if s.current = p_token_hash then
    update public.sign_ins set previous = s.current, current = p_next_hash, renewed_at = now(),
      expires_at = now() + make_interval(secs => p_ttl_s)
    where id = p_id;
    return jsonb_build_object('renewed', true, 'reused', false);
  end if;
  -- The answer to the same request was lost, or two tabs have asked at once: both get the same next token.
  if s.previous = p_token_hash and s.renewed_at > now() - make_interval(secs => p_grace_s) then
    return jsonb_build_object('renewed', true, 'reused', false);
  end if;
  -- Somebody has a token that somebody else has used: nobody can tell which of them is the thief.
  delete from public.sign_ins where id = p_id;
  return jsonb_build_object('renewed', false, 'reused', true);
end
$$;
comment on function public.renew_sign_in(uuid, text, text, integer, integer) is
  'The service: the sign-in goes on under the next token, where its current one is shown, or within p_grace_s seconds the one before; a sign-in of which any other is shown ends. Answers whether it was renewed. Locks its row.';

create or replace function public.check_sign_in(p_id uuid, p_token_hash text, p_grace_s integer) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object('current', exists (
    select from public.sign_ins s where s.id = p_id and s.expires_at > now() and (s.current = p_token_hash
      or (s.previous = p_token_hash and s.renewed_at > now() - make_interval(secs => p_grace_s)))))
$$;
comment on function public.check_sign_in(uuid, text, integer) is
  'The service: whether this token would renew the sign-in now, which it doesn''t. Locks nothing.';

create or replace function public.end_sign_in(p_id uuid) returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  with gone as (delete from public.sign_ins where id = p_id returning id)
  select jsonb_build_object('ended', count(*)) from gone
$$;
comment on function public.end_sign_in(uuid) is 'The service: the sign-in can''t be renewed any more; again changes nothing. Locks its row.';

create or replace function public.list_sign_ins(p_owner uuid) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'created_at', s.created_at, 'renewed_at', s.renewed_at,
    'expires_at', s.expires_at) order by s.created_at, s.id), '[]')
  from public.sign_ins s where s.user_id = p_owner
$$;
comment on function public.list_sign_ins(uuid) is 'The service for p_owner: their sign-ins, without any token''s hash. Locks nothing.';

create or replace function public.note_erasure(p_user_id uuid, p_at timestamptz, p_keep_s integer) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
  delete from public.erasures where until <= now();
  insert into public.erasures (erased, at, until) values (p_user_id, p_at, now() + make_interval(secs => p_keep_s))
  on conflict (erased) do update set at = excluded.at, until = excluded.until;
  return '{}';
end
$$;
comment on function public.note_erasure(uuid, timestamptz, integer) is
  'The service: tokens of this user that were issued until p_at are good no more; known for p_keep_s seconds. Locks the row, and those that are over.';

create or replace function public.list_erasures() returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_object_agg(e.erased, extract(epoch from e.at)), '{}') from public.erasures e where e.until > now()
$$;
comment on function public.list_erasures() is
  'The service: who was erased, and when, in seconds since 1970, as long as a token of theirs may be about. Locks nothing.';

revoke execute on function
  public.begin_sign_in(uuid, uuid, text, integer), public.renew_sign_in(uuid, text, text, integer, integer),
  public.check_sign_in(uuid, text, integer), public.end_sign_in(uuid), public.list_sign_ins(uuid), public.note_erasure(uuid, timestamptz, integer),
  public.list_erasures()
  from public, anon, authenticated, service_role;
grant execute on function
  public.begin_sign_in(uuid, uuid, text, integer), public.renew_sign_in(uuid, text, text, integer, integer),
  public.check_sign_in(uuid, text, integer), public.end_sign_in(uuid), public.list_sign_ins(uuid), public.note_erasure(uuid, timestamptz, integer),
  public.list_erasures()
  to service_role;

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261129000400' $$;
