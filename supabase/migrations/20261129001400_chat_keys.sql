-- Clients that name their chats themselves come back with the name that they made up.

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261129001400' $$;

create function public.find_chat(p_key text, p_id uuid default null) returns text
language sql stable security invoker set search_path = ''
as $$
  select coalesce(
    (select s.id from public.story_sessions s where s.id = p_id),
    (select s.id from public.story_sessions s where s.user_id = (select auth.uid()) and s.request_id = p_key))::text
$$;
comment on function public.find_chat(text, uuid) is
  'Users: the session with that id, or their own that this request id made; null for none. Locks nothing.';

revoke execute on function public.find_chat(text, uuid) from public, anon, authenticated, service_role;
grant execute on function public.find_chat(text, uuid) to authenticated, service_role;
