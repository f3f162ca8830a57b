-- Users' own keys at model providers, as ciphertext that the service alone can open.

create table public.user_api_keys (
  user_id uuid not null references auth.users (id) on delete cascade,
  provider text not null check (provider ~ '^[a-z0-9-]{1,40}$'),
  secret text not null check (char_length(secret) between 1 and 4000),
  last_four text not null check (char_length(last_four) = 4),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (user_id, provider)
);
comment on table public.user_api_keys is
  'One row a user and provider. secret is encrypted by the service; no policy and no grant lets a user read any of it.';
comment on column public.user_api_keys.updated_at is 'When the key was stored; encrypting it anew leaves this alone.';

alter table public.user_api_keys enable row level security;
revoke all on public.user_api_keys from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.user_api_keys to service_role;

create function public.user_key_json(k public.user_api_keys) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'provider', k.provider, 'last_four', k.last_four, 'created_at', k.created_at, 'updated_at', k.updated_at)
$$;
comment on function public.user_key_json(public.user_api_keys) is 'The service: what a user may see of their key. Locks nothing.';

create function public.put_user_key(p_owner uuid, p_provider text, p_secret text, p_last_four text) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  k public.user_api_keys;
begin
  insert into public.user_api_keys (user_id, provider, secret, last_four)
  values (p_owner, p_provider, p_secret, p_last_four)
  on conflict (user_id, provider) do update
    set secret = excluded.secret, last_four = excluded.last_four, updated_at = now()
  returning * into k;
  return public.user_key_json(k);
end
$$;
comment on function public.put_user_key(uuid, text, text, text) is
  'The service for p_owner: their key for a provider, in place of the one before. Locks its row.';

create function public.list_user_keys(p_owner uuid) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(public.user_key_json(k) order by k.provider), '[]')
  from public.user_api_keys k where k.user_id = p_owner
$$;
comment on function public.list_user_keys(uuid) is 'The service for p_owner: their keys, without the ciphertext. Locks nothing.';

create function public.get_user_keys(p_owner uuid, p_providers text[]) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('provider', k.provider, 'secret', k.secret) order by k.provider), '[]')
  from public.user_api_keys k where k.user_id = p_owner and k.provider = any (p_providers)
$$;
comment on function public.get_user_keys(uuid, text[]) is
  'The service, for a run of p_owner''s: the ciphertext of their keys for these providers. Locks nothing.';

create function public.reseal_user_key(p_owner uuid, p_provider text, p_old text, p_new text) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  resealed boolean;
begin
  update public.user_api_keys set secret = p_new
  where user_id = p_owner and provider = p_provider and secret = p_old;
  resealed := found;
  return jsonb_build_object('resealed', resealed);
end
$$;
comment on function public.reseal_user_key(uuid, text, text, text) is
  'The service: the same key under a newer secret; nothing where the row is no longer p_old. Locks its row.';

create function public.delete_user_key(p_owner uuid, p_provider text) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
  delete from public.user_api_keys where user_id = p_owner and provider = p_provider;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such key.';
  end if;
  return jsonb_build_object('deleted', p_provider);
end
$$;
comment on function public.delete_user_key(uuid, text) is 'The service for p_owner: their key for a provider, gone, or PT404.';

revoke execute on function
  public.user_key_json(public.user_api_keys), public.put_user_key(uuid, text, text, text), public.list_user_keys(uuid),
  public.get_user_keys(uuid, text[]), public.reseal_user_key(uuid, text, text, text), public.delete_user_key(uuid, text)
  from public, anon, authenticated, service_role;
grant execute on function
  public.user_key_json(public.user_api_keys), public.put_user_key(uuid, text, text, text), public.list_user_keys(uuid),
  public.get_user_keys(uuid, text[]), public.reseal_user_key(uuid, text, text, text), public.delete_user_key(uuid, text)
  to service_role;

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261121000700' $$;
