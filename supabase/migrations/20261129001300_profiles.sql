-- A user's profile, as they change it: a name, a picture's address, and settings that programs keep there.

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261129001300' $$;

alter table public.profiles
  add column avatar_url text
    constraint profiles_avatar_url check (char_length(avatar_url) <= 2000 and avatar_url ~ '^https://[^[:space:]]+$'),
  add constraint profiles_settings check (jsonb_typeof(settings) = 'object' and octet_length(settings::text) <= 16384);
comment on column public.profiles.avatar_url is 'Where a picture of the user is, by https alone; fetched by nobody here.';
comment on column public.profiles.settings is 'What programs keep for the user: a JSON object, in 16,384 bytes of text.';

create function public.profile_json(p public.profiles) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object('id', p.id, 'display_name', p.display_name, 'avatar_url', p.avatar_url, 'settings', p.settings,
    'created_at', p.created_at)
$$;
comment on function public.profile_json(public.profiles) is 'Users and the service: a profile as it is told. Locks nothing.';

create function public.get_profile(p_user_id uuid) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  answer jsonb := (select public.profile_json(p) from public.profiles p where p.id = p_user_id);
begin
  if answer is null then
    raise sqlstate 'PT404' using message = 'There is no such profile.';
  end if;
  return answer;
end
$$;
comment on function public.get_profile(uuid) is
  'Users and the service: a profile, or PT404; row level security decides what is seen. Locks nothing.';

create function public.update_profile(p_user_id uuid, p_changes jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  given constant jsonb := case jsonb_typeof(p_changes -> 'settings') when 'object' then p_changes -> 'settings' else '{}' end;
  gone constant text[] := coalesce((select array_agg(e.key) from jsonb_each(given) e where e.value = 'null'), '{}');
  made boolean;
  p public.profiles;
  merged jsonb;
begin
  insert into public.profiles (id) values (p_user_id) on conflict (id) do nothing;
  made := found;
  select * into p from public.profiles where id = p_user_id for update;
  -- Key by key; a key that is null is taken out, and settings that are null are all taken out.
  merged := (case when p_changes -> 'settings' = 'null' then '{}' else p.settings end || given) - gone;
  if octet_length(merged::text) > 16384 then
    raise sqlstate 'PT413' using message = format(
      'Your settings would have %s bytes of JSON, of 16384 that they may have: take something out first, by a key that is null.',
      octet_length(merged::text));
  end if;
  update public.profiles set
    display_name = case when p_changes ? 'display_name' then coalesce(p_changes ->> 'display_name', '') else display_name end,
    avatar_url = case when p_changes ? 'avatar_url' then p_changes ->> 'avatar_url' else avatar_url end,
    settings = merged
  where id = p_user_id returning * into p;
  return public.profile_json(p) || jsonb_build_object('made', made);
end
$$;
comment on function public.update_profile(uuid, jsonb) is
  'The service for p_user_id: of display_name, avatar_url and settings what is given is changed, the profile made where there is none; again changes nothing; PT413 where the settings would be too large, 23503 where there is no such user. Locks the profile''s row.';

revoke execute on function
  public.profile_json(public.profiles), public.get_profile(uuid), public.update_profile(uuid, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function public.profile_json(public.profiles), public.get_profile(uuid) to authenticated, service_role;
grant execute on function public.update_profile(uuid, jsonb) to service_role;
