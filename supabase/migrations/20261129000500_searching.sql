-- Searching: what is looked for and what is looked through are made alike first, whatever form their letters have; and
-- cursors that stand in an address as they are.

-- -- Words as they are compared -------------------------------------------------------------------------------------

-- lower() of a database with locale C knows English letters only. Of the collations that know all, the first one here
-- is the same on every machine; the others are for servers before 17, with ICU and without.
do $do$
declare
  known text := (
    select quote_ident(c.collname) from pg_catalog.pg_collation c
    where c.collname in ('pg_c_utf8', 'und-x-icu', 'C.utf8', 'C.UTF-8', 'en_US.utf8', 'en_US.UTF-8')
      and c.collnamespace = 'pg_catalog'::regnamespace and c.collencoding in (-1, pg_catalog.pg_char_to_encoding('UTF8'))
    order by array_position(
      array['pg_c_utf8', 'und-x-icu', 'C.utf8', 'C.UTF-8', 'en_US.utf8', 'en_US.UTF-8'], c.collname::text)
    limit 1);
begin
  execute format($sql$
create or replace function public.search_fold(p_text text) returns text
language sql immutable strict security invoker set search_path = ''
as $$
  -- Without what has no look of its own; the sigma at a word's end as the one within it; and the s that has no capital.
  select replace(replace(regexp_replace(lower(p_text collate pg_catalog.%s) collate "C",
    '[\u00ad\u0307\u200b-\u200d\u2060\ufeff]+', '', 'g'), U&'\03C2', U&'\03C3'), U&'\00DF', 'ss')
$$;
  $sql$, coalesce(known, '"default"'));
end
$do$;
comment on function public.search_fold(text) is
  'Users and the service: text in NFKC without what searching overlooks, capitals above all. Locks nothing.';

create or replace function public.search_text(p_text text) returns text
language sql immutable strict security invoker set search_path = '' cost 1000
as $$
  -- normalize() takes the square of the length of a row of combining marks, and can't be interrupted: what is not
  -- normalized already is taken in short pieces. The two replacements are for prose, which is normalized but for them,
  -- and the letters here are those of which that is known at a glance.
  select public.search_fold(case
    when t.prose !~ '[^\u0001-\u007e\u00a1-\u00a7\u00ab\u00ac\u00bf-\u0131\u0400-\u0482\u2010\u2013\u2014\u2018-\u201e]'
      or t.prose is nfkc normalized then t.prose
    else (
      select string_agg(normalize(m.piece[1], nfkc), '' order by m.place)
      from regexp_matches(
        left(t.prose, 200000), '\S{1,100}[\u0300-\u036f\u1160-\u11ff\u3099\u309a]{0,30}\s*|\s+', 'g') with ordinality m (piece, place))
    end)
  from (select replace(regexp_replace(p_text collate "C", '[\u00a0\u202f]', ' ', 'g'), U&'\2026', '...') as prose) t
$$;
comment on function public.search_text(text) is
  'Users and the service: the text as it is searched for a part of it; of one that is not normalized the first 200,000 characters. Raises for no text. Locks nothing.';

create or replace function public.search_parts(p_text text) returns setof text
language sql immutable strict security invoker set search_path = '' rows 100
as $$
  -- By code points and not by a locale's classes: the same words on every server.
  select distinct left(w.word, 100) collate "C" from regexp_split_to_table(p_text collate "C",
    '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab\u00ac\u00ae-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7'
    '\u02c2-\u02df\u037e\u0387\u055a-\u055f\u0589\u058a\u05be\u05c0\u05c3\u05c6\u05f3\u05f4\u0600-\u060f\u061b-\u061f'
    '\u066a-\u066d\u06d4\u0700-\u070d\u0964\u0965\u0970\u0e2f\u0e5a\u0e5b\u104a-\u104f\u1361-\u1368\u166e\u17d4-\u17da'
    '\u1800-\u180a\u2000-\u200a\u200e-\u205f\u2061-\u206f\u20a0-\u20bf\u2190-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3008-\u3020'
    '\u3030\u303d\u30a0\u30fb\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\ufff0-\uffff'
    '\U0001f000-\U0001faff]+') w (word)
  where w.word <> ''
$$;
comment on function public.search_parts(text) is
  'Users and the service: what stands between marks and spaces, each once and of 100 characters at the most. Locks nothing.';

create or replace function public.search_words(p_text text) returns tsvector
language sql immutable strict security invoker set search_path = '' cost 10000
as $$
  -- Without places, which no search here asks for. A tsvector holds a megabyte of words.
  select array_to_tsvector(coalesce(array_agg(kept.word) filter (where kept.bytes <= 1000000), '{}'))
  from (
    select f.word, sum(octet_length(f.word)) over (order by f.word collate "C") as bytes
    from public.search_parts((
      select public.search_fold(string_agg(normalize(raw.word, nfkc), ' ')) from public.search_parts(left(p_text, 200000)) raw (word)
    )) f (word)
  ) kept
$$;
comment on function public.search_words(text) is
  'Users and the service: the different words of the first 200,000 characters, of a megabyte at the most. Raises for no text. Locks nothing.';

create or replace function public.word_query(p_q text) returns tsquery
language sql immutable security invoker set search_path = ''
as $$
  select string_agg('''' || replace(replace(w, '\', '\\'), '''', '''''') || ''':*', ' & ')::tsquery
  from unnest(tsvector_to_array(public.search_words(left(p_q, 1000)))) w
$$;

drop index if exists public.session_messages_by_words, public.stories_by_words;
create index session_messages_by_words on public.session_messages using gin (public.search_words(content)) where seq = 1;
create index stories_by_words on public.stories using gin (public.search_words(title || ' ' || content));
-- Statistics of words would have every analyze parse thousands of whole stories, and help no plan here.
alter index public.session_messages_by_words alter column 1 set statistics 0;
alter index public.stories_by_words alter column 1 set statistics 0;

-- -- Cursors --------------------------------------------------------------------------------------------------------

create or replace function public.moment_cursor(p_at timestamptz, p_id uuid) returns text
language sql immutable security invoker set search_path = ''
as $$ select (extract(epoch from p_at) * 1000000)::bigint || '-' || replace(p_id::text, '-', '') $$;
comment on function public.moment_cursor(timestamptz, uuid) is
  'Users and the service: the place in a list ordered by time and id, to the microsecond, in letters that an address takes as they are. Locks nothing.';

create or replace function public.moment_of(p_cursor text) returns table (before_at timestamptz, before_id uuid)
language plpgsql immutable security invoker set search_path = '' rows 1
as $$
begin
  if p_cursor ~ '^\d{1,18}-[0-9a-f]{32}$' then
    before_at := timestamptz 'epoch' + split_part(p_cursor, '-', 1)::bigint * interval '1 microsecond';
    before_id := split_part(p_cursor, '-', 2)::uuid;
  elsif p_cursor is not null then
    -- As cursors were before.
    before_at := split_part(p_cursor, '~', 1)::timestamptz;
    before_id := split_part(p_cursor, '~', 2)::uuid;
  end if;
  return next;
exception when others then
  raise sqlstate 'PT422' using message = 'The cursor is not one that this list gave.';
end
$$;
comment on function public.moment_of(text) is
  'Users and the service: the place that a cursor names, nulls for none, or PT422. Locks nothing.';

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
  wanted text := public.search_text(left(p_q, 1000));
  words tsquery := public.word_query(p_q);
  -- Who is neither an admin nor the service sees their own anyway; the index by user wants it said.
  owner uuid := coalesce(p_user_id, case when (select auth.role()) <> 'service_role' and not (select public.is_admin())
    then (select auth.uid()) end);
  found_ids uuid[];
  items jsonb;
  last_row jsonb;
begin
  select m.before_at, m.before_id into before_at, before_id from public.moment_of(p_cursor) m;
  -- Of one user everything is looked through; of all users there is too much for that.
  if p_q is not null and owner is null then
    found_ids := array(
      (select m.session_id from public.session_messages m
       where m.seq = 1 and public.search_words(m.content) @@ words limit 10000)
      union
      (select t.session_id from public.stories t
       where public.search_words(t.title || ' ' || t.content) @@ words limit 10000));
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
      and (p_q is null or found_ids is not null or (wanted <> '' and (
        strpos(public.search_text(s.title), wanted) > 0 or strpos(public.search_text(s.prompt), wanted) > 0 or exists (
          select from public.session_drafts d
          where d.session_id = s.id and d.current and strpos(public.search_text(d.content), wanted) > 0))))
    order by s.last_activity_at desc, s.id desc
    limit p_limit + 1
  ) page;
  if jsonb_array_length(items) <= p_limit then
    return jsonb_build_object('items', items, 'next_cursor', null);
  end if;
  items := items - p_limit;
  last_row := items -> -1;
  return jsonb_build_object('items', items,
    'next_cursor', public.moment_cursor((last_row ->> 'last_activity_at')::timestamptz, (last_row ->> 'id')::uuid));
end
$$;

create or replace function public.list_audit(
  p_session_id uuid default null, p_admin_id uuid default null, p_user_id uuid default null, p_action text default null,
  p_since timestamptz default null, p_limit integer default 20, p_cursor text default null
) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  before_at timestamptz;
  before_id uuid;
  items jsonb;
  last_row jsonb;
begin
  select m.before_at, m.before_id into before_at, before_id from public.moment_of(p_cursor) m;
  select coalesce(jsonb_agg(public.audit_json(page) order by page.at desc, page.id desc), '[]') into items from (
    select a.* from public.admin_audit a
    where (p_session_id is null or a.session_id = p_session_id)
      and (p_admin_id is null or a.admin_id = p_admin_id)
      and (p_user_id is null or a.user_id = p_user_id)
      and (p_action is null or a.action = p_action)
      and (p_since is null or a.at >= p_since)
      and (before_at is null or (a.at, a.id) < (before_at, before_id))
    order by a.at desc, a.id desc
    limit p_limit + 1
  ) page;
  if jsonb_array_length(items) <= p_limit then
    return jsonb_build_object('items', items, 'next_cursor', null);
  end if;
  items := items - p_limit;
  last_row := items -> -1;
  return jsonb_build_object('items', items,
    'next_cursor', public.moment_cursor((last_row ->> 'at')::timestamptz, (last_row ->> 'id')::uuid));
end
$$;

revoke execute on function
  public.search_fold(text), public.search_text(text), public.search_parts(text), public.search_words(text),
  public.moment_cursor(timestamptz, uuid), public.moment_of(text)
  from public, anon, authenticated, service_role;
grant execute on function
  public.search_fold(text), public.search_text(text), public.search_parts(text), public.search_words(text),
  public.moment_cursor(timestamptz, uuid), public.moment_of(text)
  to authenticated, service_role;

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261129000500' $$;
