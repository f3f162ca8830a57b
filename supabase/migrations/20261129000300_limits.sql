-- What one user, or all anonymous users of one address, may keep, have under way and use up; and lists that end by bytes.

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261129000300' $$;

-- -- What is counted ---------------------------------------------------------------------------------------------------

create table public.limits (
  name text primary key check (char_length(name) <= 60),
  amount numeric not null check (amount >= 0)
);
comment on table public.limits is
  'What the settings of the service allow, put here by each node at its start: so that a limit is looked at within the transaction that it is about. A name that is not here has no limit.';

create table public.session_sizes (
  id uuid primary key,
  bytes bigint not null
);
comment on table public.session_sizes is
  'What is kept of the session with this id, in bytes, as of profiles.counted_at. A row goes with its session, by a trigger which counts it off.';

alter table public.limits enable row level security;
alter table public.session_sizes enable row level security;
revoke all on public.limits, public.session_sizes from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.limits, public.session_sizes to service_role;

alter table public.profiles
  add column origin_key text check (char_length(origin_key) <= 64),
  add column sessions integer not null default 0,
  add column bytes bigint not null default 0,
  add column expected_bytes bigint not null default 0,
  add column counted_at timestamptz not null default '-infinity';
comment on column public.profiles.origin_key is
  'Of an anonymous user the address they came from, hashed with a secret: those of one address count as one. Null for others.';
comment on column public.profiles.bytes is 'What is kept of the user''s sessions, as of counted_at.';
comment on column public.profiles.expected_bytes is 'What the user has been let write since, at the most.';
create index profiles_by_origin on public.profiles (origin_key) where origin_key is not null;
update public.profiles p set sessions = n.sessions
from (select s.user_id, count(*) as sessions from public.story_sessions s group by s.user_id) n where n.user_id = p.id;

alter table public.story_sessions add column origin_key text;
comment on column public.story_sessions.origin_key is
  'Whose turn in the queue it takes: the user''s, or that of all anonymous users of one address. Null before this was kept: the user''s.';
create index story_sessions_at_work on public.story_sessions (coalesce(origin_key, user_id::text))
  where status in ('active', 'awaiting_approval');

create function public.set_limits(p_limits jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
  delete from public.limits l where not p_limits ? l.name or p_limits -> l.name = 'null';
  insert into public.limits (name, amount)
  select given.name, given.amount::numeric from jsonb_each_text(p_limits) as given (name, amount)
  where given.amount is not null
  on conflict (name) do update set amount = excluded.amount where limits.amount <> excluded.amount;
  return p_limits;
end
$$;
comment on function public.set_limits(jsonb) is
  'The service at its start: these limits and no others, as {name: amount}, null for none. Locks their rows.';

create function public.limit_of(p_name text) returns numeric
language sql stable security invoker set search_path = ''
as $$ select l.amount from public.limits l where l.name = p_name $$;
comment on function public.limit_of(text) is 'The service: a limit of the settings, null for none. Locks nothing.';

create function public.note_origin(p_user_id uuid, p_origin text) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
  insert into public.profiles as p (id, origin_key) values (p_user_id, p_origin)
  on conflict (id) do update set origin_key = excluded.origin_key where p.origin_key is distinct from excluded.origin_key;
  return jsonb_build_object('user_id', p_user_id);
end
$$;
comment on function public.note_origin(uuid, text) is
  'The service for an anonymous user: where they come from. Locks their profile''s row.';

create function public.session_bytes(p_session_id uuid) returns bigint
language sql stable security invoker set search_path = ''
as $$
  -- The length of a long text is known without reading it.
  select (
    coalesce((select octet_length(s.prompt) + pg_column_size(s.context) from public.story_sessions s where s.id = p_session_id), 0)
    + coalesce((select sum(octet_length(m.content) + pg_column_size(m.metadata)) from public.session_messages m
                where m.session_id = p_session_id), 0)
    + coalesce((select sum(octet_length(d.content)) from public.session_drafts d where d.session_id = p_session_id), 0)
    + coalesce((select sum(pg_column_size(t.output)) from public.session_steps t where t.session_id = p_session_id), 0)
    + coalesce((select sum(pg_column_size(e.payload)) from public.session_events e where e.session_id = p_session_id), 0)
    + coalesce((select sum(octet_length(a.passage) + octet_length(a.instruction) + coalesce(octet_length(a.content), 0))
                from public.session_alternatives a where a.session_id = p_session_id), 0)
    + coalesce((select sum(octet_length(t.content)) from public.stories t where t.session_id = p_session_id), 0))::bigint
$$;
comment on function public.session_bytes(uuid) is 'The service: what is kept of a session, in bytes of text. Locks nothing.';

create function public.count_bytes(p_user_id uuid) returns bigint
language plpgsql security invoker set search_path = ''
as $$
declare
  most constant integer := 50;
  since timestamptz;
  found_sessions integer;
  newest timestamptz;
  grown bigint;
  answer bigint;
begin
  insert into public.profiles (id) values (p_user_id) on conflict (id) do nothing;
  select p.counted_at into since from public.profiles p where p.id = p_user_id for update;
  -- Only those in which something has happened since. Within five seconds of the last time none is noted.
  with changed as (
    select s.id, s.last_activity_at from public.story_sessions s
    where s.user_id = p_user_id and s.last_activity_at > since - interval '10 seconds'
    order by s.last_activity_at limit most
  ), before as (
    select z.id, z.bytes from public.session_sizes z where z.id in (select c.id from changed c)
  ), sized as (
    insert into public.session_sizes as z (id, bytes)
    select c.id, public.session_bytes(c.id) from changed c
    on conflict (id) do update set bytes = excluded.bytes
    returning z.id, z.bytes
  )
  select count(*), max(c.last_activity_at), coalesce(sum(sized.bytes - coalesce(before.bytes, 0)), 0)
  into found_sessions, newest, grown
  from changed c join sized on sized.id = c.id left join before on before.id = c.id;
  update public.profiles set
    bytes = bytes + grown, expected_bytes = 0,
    counted_at = case when found_sessions < most then now() else newest + interval '10 seconds' end
  where id = p_user_id returning bytes into answer;
  return answer;
end
$$;
comment on function public.count_bytes(uuid) is
  'The service: what is kept of a user, in bytes; up to 50 sessions that have changed are counted anew, the oldest first. Locks the profile''s row.';

-- -- What is refused ---------------------------------------------------------------------------------------------------

create function public.check_room(p_user_id uuid, p_session_id uuid, p_bytes bigint) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  most_user numeric := public.limit_of('user_bytes');
  most_session numeric := public.limit_of('session_bytes');
  of_user bigint;
  of_session bigint;
  counted timestamptz;
begin
  if most_user is null and most_session is null then
    return '{}';
  end if;
  insert into public.profiles (id) values (p_user_id) on conflict (id) do nothing;
  select p.bytes + p.expected_bytes, p.counted_at into of_user, counted
  from public.profiles p where p.id = p_user_id for update;
  select z.bytes + of_user - p.bytes into of_session
  from public.profiles p left join public.session_sizes z on z.id = p_session_id where p.id = p_user_id;
  -- Counted lately, and far from the limit: what was let in since is taken for written.
  if counted < now() - interval '10 seconds' or 2 * (of_user + p_bytes) > most_user
     or 2 * (coalesce(of_session, of_user) + p_bytes) > most_session then
    of_user := public.count_bytes(p_user_id);
    of_session := (select z.bytes from public.session_sizes z where z.id = p_session_id);
  end if;
  if of_user + p_bytes > most_user then
    raise sqlstate 'PT413' using message = format(
      'What is kept of you would be more than %s MB: delete sessions that you no longer need, then try again.',
      round(most_user / 1000000, 1));
  end if;
  if p_session_id is not null and coalesce(of_session, 0) + p_bytes > most_session then
    raise sqlstate 'PT413' using message = format(
      'What is kept of this session would be more than %s MB: fork it from its newest version, and go on there.',
      round(most_session / 1000000, 1));
  end if;
  update public.profiles set expected_bytes = expected_bytes + p_bytes where id = p_user_id;
  return jsonb_build_object('user_bytes', of_user, 'session_bytes', of_session);
end
$$;
comment on function public.check_room(uuid, uuid, bigint) is
  'The service, before what a person does: PT413 where so many bytes more would be too many, of the user or of the session. Locks the profile''s row.';

create function public.check_work(p_origin text, p_session_id uuid, p_pages integer) returns void
language plpgsql security invoker set search_path = ''
as $$
declare
  most numeric := public.limit_of('pages_at_work');
  pages bigint;
begin
  if most is null then
    return;
  end if;
  select coalesce(sum(coalesce((s.config ->> 'pages')::integer, 1)), 0) into pages
  from public.story_sessions s
  where coalesce(s.origin_key, s.user_id::text) = p_origin and s.status in ('active', 'awaiting_approval')
    and s.id is distinct from p_session_id;
  if pages + p_pages > most then
    raise sqlstate 'PT429' using message = format(
      'Your stories under way have %s pages, of %s that one writer, or all who are anonymous at one address, may have at once: wait until one is done, or cancel one.',
      pages, most);
  end if;
end
$$;
comment on function public.check_work(text, uuid, integer) is
  'The service, holding the origin''s lock: PT429 where so many pages more would be too many under way. Locks nothing.';

create function public.check_spent(p_user_id uuid, p_origin text) returns void
language plpgsql security invoker set search_path = ''
as $$
declare
  most_tokens numeric := public.limit_of('day_tokens_user');
  most_usd numeric := public.limit_of('day_usd_user');
  all_tokens numeric := public.limit_of('day_tokens');
  all_usd numeric := public.limit_of('day_usd');
  used_tokens numeric;
  used_usd numeric;
begin
  if most_tokens is not null or most_usd is not null then
    select coalesce(sum(s.tokens), 0), coalesce(sum(s.cost_usd), 0) into used_tokens, used_usd
    from public.story_sessions s
    where s.last_activity_at > now() - interval '1 day'
      and s.user_id in (select p_user_id union select p.id from public.profiles p where p.origin_key = p_origin);
    if used_tokens >= most_tokens or used_usd >= most_usd then
      raise sqlstate 'PT429' using message =
        'Your stories have used as much in a day as those of one writer, or of all who are anonymous at one address, may: try again tomorrow.';
    end if;
  end if;
  if all_tokens is not null or all_usd is not null then
    select coalesce(sum(s.tokens), 0), coalesce(sum(s.cost_usd), 0) into used_tokens, used_usd
    from public.story_sessions s where s.last_activity_at > now() - interval '1 day';
    if used_tokens >= all_tokens or used_usd >= all_usd then
      raise sqlstate 'PT429' using message =
        'The service has used as much in a day as it may: try again tomorrow, or ask its owner.';
    end if;
  end if;
end
$$;
comment on function public.check_spent(uuid, text) is
  'The service, before what makes models work: PT429 where the sessions of the last day have used up what a user, an address or all may use in one. Locks nothing.';

create function public.check_more(p_user_id uuid, p_session_id uuid, p_bytes bigint) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
  perform public.check_spent(p_user_id, (select p.origin_key from public.profiles p where p.id = p_user_id));
  return public.check_room(p_user_id, p_session_id, p_bytes);
end
$$;
comment on function public.check_more(uuid, uuid, bigint) is
  'The service, before a person has a model called beside the runs: as check_spent and check_room. Locks the profile''s row.';

create function public.lock_origin(p_user_id uuid) returns text
language plpgsql security invoker set search_path = ''
as $$
declare
  origin text := coalesce((select p.origin_key from public.profiles p where p.id = p_user_id), p_user_id::text);
begin
  -- One at a time of those that count as one, so that no two can both be the last.
  perform pg_advisory_xact_lock(1400139635, hashtext(origin));
  return origin;
end
$$;
comment on function public.lock_origin(uuid) is
  'The service: whom a user''s stories count for, whose lock is held until the transaction ends.';

create function public.admit_session() returns trigger
language plpgsql security invoker set search_path = ''
as $$
declare
  most numeric := public.limit_of('user_sessions');
  sessions integer;
begin
  new.origin_key := public.lock_origin(new.user_id);
  if new.request_id is not null and exists (
    select from public.story_sessions s where s.user_id = new.user_id and s.request_id = new.request_id) then
    -- The same request again, which makes no other session.
    return new;
  end if;
  if new.status in ('active', 'awaiting_approval') then
    perform public.check_work(new.origin_key, null, coalesce((new.config ->> 'pages')::integer, 1));
    perform public.check_spent(new.user_id, new.origin_key);
  end if;
  -- A fork has no more than its parent.
  perform public.check_room(new.user_id, null, octet_length(new.prompt)
    + case when new.parent_session_id is null then 0 else public.session_bytes(new.parent_session_id) end);
  insert into public.profiles as p (id, sessions) values (new.user_id, 1)
  on conflict (id) do update set sessions = p.sessions + 1
  returning p.sessions into sessions;
  if sessions > most then
    raise sqlstate 'PT413' using message = format(
      'You have %s sessions, as many as one writer may keep: delete those that you no longer need, then try again.', most);
  end if;
  return new;
end
$$;
comment on function public.admit_session() is 'A trigger on new sessions; nobody may call it.';
create trigger storyloom_admit_session before insert on public.story_sessions
  for each row execute function public.admit_session();

create function public.admit_resumed() returns trigger
language plpgsql security invoker set search_path = ''
as $$
declare
  origin text := public.lock_origin(new.user_id);
begin
  perform public.check_work(origin, new.id, coalesce((new.config ->> 'pages')::integer, 1));
  perform public.check_spent(new.user_id, origin);
  perform public.check_room(new.user_id, new.id, 0);
  return null;
end
$$;
comment on function public.admit_resumed() is 'A trigger on sessions that a person resumes; nobody may call it.';
-- Afterwards: a trigger before would have every update of the table lock its row twice.
create trigger storyloom_admit_resumed after update of status on public.story_sessions
  for each row when (old.status in ('paused', 'failed', 'expired') and new.status = 'active')
  execute function public.admit_resumed();

create function public.admit_edit() returns trigger
language plpgsql security invoker set search_path = ''
as $$
begin
  -- Kept as a draft and as the step that made it.
  perform public.check_room(new.user_id, new.session_id, 2 * octet_length(new.content));
  return new;
end
$$;
comment on function public.admit_edit() is 'A trigger on drafts that a person writes; nobody may call it.';
create trigger storyloom_admit_edit before insert on public.session_drafts
  -- A person's own have no step or that of an edit. The agent who drafts is called writer, too, and a run's drafts, as the
  -- text so far that is kept of one, are never refused.
  for each row when (new.author = 'writer' and new.current and (new.step is null or new.step ~ '^edit-[0-9]+$'))
  execute function public.admit_edit();

create function public.count_deleted() returns trigger
language plpgsql security invoker set search_path = ''
as $$
begin
  -- In one order everywhere, so that no two sweeps wait for each other.
  perform from public.profiles p where p.id in (select g.user_id from gone g) order by p.id for update;
  with sized as (
    delete from public.session_sizes z using gone g where z.id = g.id returning g.id, z.bytes
  )
  update public.profiles p set
    sessions = greatest(p.sessions - less.sessions, 0), bytes = greatest(p.bytes - less.bytes, 0)
  from (select g.user_id, count(*) as sessions, coalesce(sum(sized.bytes), 0) as bytes
        from gone g left join sized on sized.id = g.id group by g.user_id) less
  where p.id = less.user_id;
  return null;
end
$$;
comment on function public.count_deleted() is 'A trigger on deleted sessions; nobody may call it.';
create trigger storyloom_count_deleted after delete on public.story_sessions
  referencing old table as gone for each statement execute function public.count_deleted();

-- -- Lists that end by bytes -------------------------------------------------------------------------------------------

create function public.page_of(p_items jsonb, p_found bigint, p_key text) returns jsonb
language sql immutable security invoker set search_path = ''
as $$
  select jsonb_build_object('items', p_items, 'next_cursor',
    case when p_found > jsonb_array_length(p_items) then p_items -> -1 ->> p_key end)
$$;
comment on function public.page_of(jsonb, bigint, text) is
  'Users and the service: a page with the cursor of the next one, where more than its items were found. Locks nothing.';

drop function public.list_messages(uuid, integer, text);
create function public.list_messages(
  p_session_id uuid, p_limit integer default 20, p_cursor text default null, p_bytes bigint default 1000000
) returns json
language plpgsql stable security invoker set search_path = ''
as $$
declare
  after_seq integer := public.number_cursor(p_cursor);
  answer json;
begin
  perform public.visible_session(p_session_id);
  -- As text, not jsonb: of a whole session's messages that takes half the time.
  select json_build_object('items', coalesce(json_agg(page order by page.seq), '[]'), 'next_cursor', case when exists (
      select from public.session_messages m where m.session_id = p_session_id and m.seq > max(page.seq))
    then max(page.seq)::text end)
  into answer from (
    select sized.id, sized.seq, sized.role, sized.agent, sized.step, sized.content, sized.metadata, sized.audio_url,
      sized.model, sized.tokens, sized.cost_usd, sized.created_at
    from (
      select m.*, sum(octet_length(m.content) + pg_column_size(m.metadata)) over (order by m.seq rows unbounded preceding)
          - octet_length(m.content) - pg_column_size(m.metadata) as before
      from (select n.* from public.session_messages n
            where n.session_id = p_session_id and n.seq > after_seq order by n.seq limit p_limit) m) sized
    where sized.before < p_bytes) page;
  return answer;
end
$$;
comment on function public.list_messages(uuid, integer, text, bigint) is
  'Users and the service: a session''s messages, oldest first; a page ends where it has p_bytes. Locks nothing.';

drop function public.list_drafts(uuid, integer, text);
create function public.list_drafts(
  p_session_id uuid, p_limit integer default 20, p_cursor text default null, p_bytes bigint default 1000000,
  p_content boolean default true
) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  after_version integer := public.number_cursor(p_cursor);
  items jsonb;
  found_rows bigint;
begin
  perform public.visible_session(p_session_id);
  if not p_content then
    select coalesce(jsonb_agg(to_jsonb(page) order by page.version), '[]') into items from (
      select d.version, d.current, d.author, d.step, d.word_count, d.scores, d.created_at from public.session_drafts d
      where d.session_id = p_session_id and d.version > after_version order by d.version limit p_limit + 1) page;
    return public.page_json(items, p_limit, 'version');
  end if;
  with page as (
    select n.version, row_number() over one as place, sum(n.size) over one - n.size as before from (
      select d.version, octet_length(d.content) as size from public.session_drafts d
      where d.session_id = p_session_id and d.version > after_version order by d.version limit p_limit + 1) n
    window one as (order by n.version)
  )
  select (select count(*) from page), coalesce(jsonb_agg(public.draft_json(d) order by d.version), '[]')
  into found_rows, items
  from public.session_drafts d
  where d.session_id = p_session_id
    and d.version in (select page.version from page where page.place <= p_limit and page.before < p_bytes);
  return public.page_of(items, found_rows, 'version');
end
$$;
comment on function public.list_drafts(uuid, integer, text, bigint, boolean) is
  'Users and the service: a session''s drafts, oldest first, without their text where p_content is false; a page ends where it has p_bytes. Locks nothing.';

drop function public.list_alternatives(uuid, integer, text);
create function public.list_alternatives(
  p_session_id uuid, p_limit integer default 20, p_cursor text default null, p_bytes bigint default 1000000
) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  after_number integer := public.number_cursor(p_cursor);
  items jsonb;
  found_rows bigint;
begin
  perform public.visible_session(p_session_id);
  with page as (
    select n.number, row_number() over one as place, sum(n.size) over one - n.size as before from (
      select a.number, octet_length(a.content) + octet_length(a.passage) as size from public.session_alternatives a
      where a.session_id = p_session_id and a.number > after_number and a.content is not null
      order by a.number limit p_limit + 1) n
    window one as (order by n.number)
  )
  select (select count(*) from page), coalesce(jsonb_agg(public.alternative_json(a) order by a.number), '[]')
  into found_rows, items
  from public.session_alternatives a
  where a.session_id = p_session_id
    and a.number in (select page.number from page where page.place <= p_limit and page.before < p_bytes);
  return public.page_of(items, found_rows, 'number');
end
$$;
comment on function public.list_alternatives(uuid, integer, text, bigint) is
  'Users and the service: the alternatives of a session, oldest first; a page ends where it has p_bytes. Locks nothing.';

drop function public.list_events(uuid, integer, integer);
create function public.list_events(
  p_session_id uuid, p_after_seq integer default 0, p_limit integer default 100, p_bytes bigint default 1000000
) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  items jsonb;
  found_rows bigint;
begin
  perform public.visible_session(p_session_id);
  with page as (
    select n.seq, row_number() over one as place, sum(n.size) over one - n.size as before from (
      select e.seq, pg_column_size(e.payload) + case when e.type = 'agent.message' then coalesce((
          select octet_length(m.content) from public.session_messages m
          where m.session_id = e.session_id and m.seq = e.message_seq), 0) else 0 end as size
      from public.session_events e
      where e.session_id = p_session_id and e.seq > p_after_seq order by e.seq limit p_limit + 1) n
    window one as (order by n.seq)
  ), last_one as (
    select max(page.seq) as seq from page where page.place <= p_limit and page.before < p_bytes
  )
  select (select count(*) from page), coalesce(jsonb_agg(public.event_json(e) order by e.seq), '[]')
  into found_rows, items
  from public.session_events e
  where e.session_id = p_session_id and e.seq > p_after_seq and e.seq <= (select l.seq from last_one l);
  return public.page_of(items, found_rows, 'seq');
end
$$;
comment on function public.list_events(uuid, integer, integer, bigint) is
  'Users and the service: events after a number, in order; a page ends where it has p_bytes. Locks nothing.';

drop function public.get_replay(uuid, integer, integer, integer);
create function public.get_replay(
  p_session_id uuid, p_epoch integer, p_after_seq integer, p_limit integer, p_bytes bigint default 1000000
) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
  last_seq integer;
  next_epoch_at integer;
begin
  select coalesce(max(seq), 0) into last_seq from public.session_events where session_id = p_session_id;
  select min(seq) into next_epoch_at from public.session_events where session_id = p_session_id and epoch > p_epoch;
  return public.list_events(p_session_id, p_after_seq, p_limit, p_bytes) || jsonb_build_object(
    'epoch', s.epoch, 'last_seq', last_seq,
    'same_past', p_epoch <= s.epoch and (next_epoch_at is null or p_after_seq < next_epoch_at));
end
$$;
comment on function public.get_replay(uuid, integer, integer, integer, bigint) is
  'Users and the service: events after a number, and whether what was seen up to it is what was kept; a page ends where it has p_bytes. Locks nothing.';

drop function public.get_snapshot(uuid);
create function public.get_snapshot(p_session_id uuid, p_bytes bigint default 1000000) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
  newest jsonb;
begin
  with page as (
    select n.seq, sum(n.size) over (order by n.seq desc rows unbounded preceding) - n.size as before from (
      select m.seq, octet_length(m.content) + pg_column_size(m.metadata) as size from public.session_messages m
      where m.session_id = p_session_id order by m.seq desc limit 200) n
  )
  select coalesce(jsonb_agg(public.message_json(m) order by m.seq), '[]') into newest
  from public.session_messages m
  where m.session_id = p_session_id and m.seq >= (select min(page.seq) from page where page.before < p_bytes);
  return jsonb_build_object(
    'type', 'session.snapshot', 'session_id', s.id, 'epoch', s.epoch, 'at', now(),
    'seq', coalesce((select max(seq) from public.session_events where session_id = s.id), 0),
    'session', public.session_json(s) || jsonb_build_object('usage_by_agent', s.usage_by_agent), 'messages', newest,
    'draft', (select public.draft_json(d) from public.session_drafts d where d.session_id = s.id and d.current),
    'partial', public.partial_json(s.id),
    'approval', case when s.status = 'awaiting_approval' then (
      select jsonb_build_object('step', e.payload -> 'step', 'content', e.payload -> 'content',
        'draft_version', e.payload -> 'draft_version')
      from public.session_events e where e.session_id = s.id and e.type = 'approval.requested'
      order by e.seq desc limit 1) end);
end
$$;
comment on function public.get_snapshot(uuid, bigint) is
  'Users and the service: all that a watcher needs, as of one moment; of messages the newest 200, or those that make up p_bytes. Locks nothing.';

drop function public.export_rows(text, text, uuid, uuid, text, integer);
create function public.export_rows(
  p_table text, p_key text, p_owner uuid, p_session_id uuid default null, p_after text default null,
  p_limit integer default 50, p_bytes bigint default 1000000
) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  key_type text;
  size text;
  selected text;
  found_rows bigint;
  items jsonb;
begin
  select format_type(a.atttypid, a.atttypmod) into strict key_type from pg_catalog.pg_attribute a
  where a.attrelid = format('public.%I', p_table)::regclass and a.attname = p_key;
  -- Of each column without reading what is long.
  select '64' || coalesce(string_agg(format(' + coalesce(%s(t.%I), 0)',
    case a.atttypid when 'text'::regtype then 'octet_length' else 'pg_column_size' end, a.attname), ''), '')
  into size from pg_catalog.pg_attribute a
  where a.attrelid = format('public.%I', p_table)::regclass and a.attnum > 0 and not a.attisdropped
    and a.atttypid in ('text'::regtype, 'jsonb'::regtype);
  selected := format('t.%I = $1 %s', case p_table when 'profiles' then 'id' else 'user_id' end,
    case when p_session_id is not null then 'and t.session_id = $2' end);
  execute format(
    'with page as (select n.key, row_number() over one as place, sum(n.size) over one - n.size as before from ('
    ' select t.%1$I as key, %2$s as size from public.%3$I t where %4$s %5$s order by t.%1$I limit $4 + 1) n'
    ' window one as (order by n.key))'
    ' select (select count(*) from page), coalesce(jsonb_agg(to_jsonb(t) order by t.%1$I), ''[]'')'
    ' from public.%3$I t where %4$s and t.%1$I in ('
    ' select page.key from page where page.place <= $4 and page.before < $5)',
    p_key, size, p_table, selected,
    case when p_after is not null then format('and t.%I > $3::%s', p_key, key_type) end)
  into found_rows, items using p_owner, p_session_id, p_after, p_limit, p_bytes;
  return public.page_of(items, found_rows, p_key);
end
$$;
comment on function public.export_rows(text, text, uuid, uuid, text, integer, bigint) is
  'Users and the service: whole rows of one owner in one table (of one session, where it is named), by p_key, those after p_after; a page ends where it has p_bytes; row level security decides what is seen. Locks nothing.';

-- -- Rights ------------------------------------------------------------------------------------------------------------

revoke execute on function
  public.set_limits(jsonb), public.limit_of(text), public.note_origin(uuid, text), public.session_bytes(uuid),
  public.count_bytes(uuid), public.check_room(uuid, uuid, bigint), public.check_work(text, uuid, integer),
  public.check_spent(uuid, text), public.check_more(uuid, uuid, bigint), public.lock_origin(uuid),
  public.admit_session(), public.admit_resumed(), public.admit_edit(), public.count_deleted(),
  public.page_of(jsonb, bigint, text), public.list_messages(uuid, integer, text, bigint),
  public.list_drafts(uuid, integer, text, bigint, boolean), public.list_alternatives(uuid, integer, text, bigint),
  public.list_events(uuid, integer, integer, bigint), public.get_replay(uuid, integer, integer, integer, bigint),
  public.get_snapshot(uuid, bigint), public.export_rows(text, text, uuid, uuid, text, integer, bigint)
  from public, anon, authenticated, service_role;
grant execute on function
  public.page_of(jsonb, bigint, text), public.list_messages(uuid, integer, text, bigint),
  public.list_drafts(uuid, integer, text, bigint, boolean), public.list_alternatives(uuid, integer, text, bigint),
  public.list_events(uuid, integer, integer, bigint), public.get_replay(uuid, integer, integer, integer, bigint),
  public.get_snapshot(uuid, bigint), public.export_rows(text, text, uuid, uuid, text, integer, bigint)
  to authenticated, service_role;
grant execute on function
  public.set_limits(jsonb), public.limit_of(text), public.note_origin(uuid, text), public.session_bytes(uuid),
  public.count_bytes(uuid), public.check_room(uuid, uuid, bigint), public.check_work(text, uuid, integer),
  public.check_spent(uuid, text), public.check_more(uuid, uuid, bigint), public.lock_origin(uuid)
  to service_role;
