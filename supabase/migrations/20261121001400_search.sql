-- What stays quick as a database grows: an admin's search by words, and lists by any filter.

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261121001400' $$;

-- The prompt is a session's first message, which is never changed. The session's own row is changed with each step, and
-- each time a search index on it would have to be written anew.
create index session_messages_by_words on public.session_messages using gin (to_tsvector('simple', content)) where seq = 1;
create index stories_by_words on public.stories using gin (to_tsvector('simple', title || ' ' || content));
-- Statistics of words would have every analyze parse thousands of whole stories, and help no plan here.
alter index public.session_messages_by_words alter column 1 set statistics 0;
alter index public.stories_by_words alter column 1 set statistics 0;

create function public.word_query(p_q text) returns tsquery
language sql immutable security invoker set search_path = ''
as $$
  select string_agg('''' || replace(replace(w.lexeme, '\', '\\'), '''', '''''') || ''':*', ' & ')::tsquery
  from unnest(to_tsvector('simple', p_q)) w
$$;
comment on function public.word_query(text) is
  'Users and the service: what finds texts that have every word of p_q, or one that begins with it; null for no words. Locks nothing.';

create or replace function public.list_sessions(
  p_user_id uuid default null, p_status text default null, p_kind text default null, p_template text default null,
  p_since timestamptz default null, p_q text default null, p_limit integer default 20, p_cursor text default null
) returns jsonb
-- A plan for all filters would suit none.
language plpgsql stable security invoker set search_path = '' set plan_cache_mode = 'force_custom_plan'
as $$
declare
  before_at timestamptz;
  before_id uuid;
  pattern text := '%' || replace(replace(replace(p_q, '\', '\\'), '%', '\%'), '_', '\_') || '%';
  words tsquery := public.word_query(p_q);
  -- Who is neither an admin nor the service sees their own anyway; the index by user wants it said.
  owner uuid := coalesce(p_user_id, case when (select auth.role()) <> 'service_role' and not (select public.is_admin())
    then (select auth.uid()) end);
  found_ids uuid[];
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
  -- Of one user everything is looked through; of all users there is too much for that.
  if p_q is not null and owner is null then
    found_ids := array(
      (select m.session_id from public.session_messages m
       where m.seq = 1 and to_tsvector('simple', m.content) @@ words limit 10000)
      union
      (select t.session_id from public.stories t
       where to_tsvector('simple', t.title || ' ' || t.content) @@ words limit 10000));
  end if;
  select coalesce(jsonb_agg(public.session_json(page) order by page.last_activity_at desc, page.id desc), '[]')
  into items
  from (
    select s.* from public.story_sessions s
    where (owner is null or s.user_id = owner)
      and (found_ids is null or s.id = any (found_ids))
      and (p_status is null or s.status = p_status)
      and (p_kind is null or s.kind = p_kind)
      and (p_template is null or s.template = p_template)
      -- What was active last before then was made before then: the index by activity ends there.
      and (p_since is null or (s.created_at >= p_since and s.last_activity_at >= p_since))
      and (before_at is null or (s.last_activity_at, s.id) < (before_at, before_id))
      and (p_q is null or found_ids is not null or s.title ilike pattern or s.prompt ilike pattern or exists (
        select from public.session_drafts d where d.session_id = s.id and d.current and d.content ilike pattern))
    order by s.last_activity_at desc, s.id desc
    limit p_limit + 1
  ) page;
  if jsonb_array_length(items) <= p_limit then
    return jsonb_build_object('items', items, 'next_cursor', null);
  end if;
  items := items - p_limit;
  last_row := items -> -1;
  return jsonb_build_object('items', items, 'next_cursor', (last_row ->> 'last_activity_at') || '~' || (last_row ->> 'id'));
end
$$;
comment on function public.list_sessions(uuid, text, text, text, timestamptz, text, integer, text) is
  'Users and the service: sessions, newest activity first; p_user_id null means all that the caller may see. p_q is part of the title, prompt or text of one user''s sessions; of all users'' it is words, or beginnings of words, of a prompt or a finished story with its title, found in up to 10,000 of each. Locks nothing.';

revoke execute on function public.word_query(text) from public, anon, authenticated, service_role;
grant execute on function public.word_query(text) to authenticated, service_role;
