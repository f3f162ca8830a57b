-- Chats: sessions of turns. A turn is a run with an epoch of its own: one call begins it with a person's message, one
-- ends it with the answer. What is said again, otherwise, stands beside what was said before, and nothing is overwritten.

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261129001200' $$;

-- -- The tables ----------------------------------------------------------------------------------------------------------

alter table public.story_sessions drop constraint story_sessions_status_check;
alter table public.story_sessions add constraint story_sessions_status_check check (status in
  ('active', 'waiting', 'awaiting_approval', 'paused', 'completed', 'failed', 'cancelled', 'expired'));
alter table public.story_sessions
  alter column ttl_s drop not null,
  alter column expires_at drop not null,
  add column head_seq integer,
  add column turn jsonb,
  add column asked_in uuid references public.story_sessions (id) on delete set null,
  add column asked_call text check (char_length(asked_call) <= 200);
comment on column public.story_sessions.asked_in is 'The chat in which a story was proposed; asked_call is the call that proposed it.';
create index story_sessions_by_chat on public.story_sessions (asked_in, created_at) where asked_in is not null;
comment on column public.story_sessions.ttl_s is 'How long without activity until it expires; null is never, as a person''s own chat.';
comment on column public.story_sessions.head_seq is
  'Of a chat: the newest message of the branch that is shown, which leads back to its first; 0 before any.';
comment on column public.story_sessions.turn is
  'Of a chat that is active: the answer under way. message_id is that of the answer to come, answers the number of the message that it answers, after_seq the event before it, epoch its first run, by who asked for it, stop whether it is to end where it is.';

alter table public.session_messages
  add column parent_seq integer check (parent_seq >= 0),
  add column place integer check (place > 0),
  add column author_id uuid references auth.users (id) on delete set null;
comment on column public.session_messages.parent_seq is
  'Which message it follows; null is the one before, 0 that it is a first.';
comment on column public.session_messages.place is
  'Where it does not follow the one before: which of its branch it is, from 1. Those that follow it count on from there.';
comment on column public.session_messages.author_id is 'Who wrote it, where that is not the session''s owner.';
create index session_messages_by_jump on public.session_messages (session_id, seq) where parent_seq is not null;
create index session_messages_by_parent on public.session_messages (session_id, parent_seq, seq) where parent_seq is not null;
create index session_messages_by_author on public.session_messages (author_id) where author_id is not null;

drop index public.story_sessions_by_expiry;
create index story_sessions_by_expiry on public.story_sessions (expires_at)
  where status in ('active', 'waiting', 'awaiting_approval', 'paused');

-- -- What is read ---------------------------------------------------------------------------------------------------------

create or replace function public.session_json(s public.story_sessions) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'id', s.id, 'kind', s.kind, 'user_id', s.user_id, 'title', s.title, 'template', s.template, 'status', s.status,
    'config', s.config, 'progress', s.progress, 'epoch', s.epoch, 'message_count', s.message_count,
    'draft_version', s.draft_version, 'tokens', s.tokens, 'cost_usd', s.cost_usd, 'model', s.model,
    'parent_session_id', s.parent_session_id, 'error', s.error, 'created_at', s.created_at,
    'updated_at', s.updated_at, 'last_activity_at', s.last_activity_at, 'expires_at', s.expires_at,
    'completed_at', s.completed_at, 'pausing', s.pausing, 'queue_place', s.queue_place, 'project_id', s.project_id)
    || case when s.kind = 'story' then '{}' else jsonb_build_object('head_seq', s.head_seq, 'turn', s.turn) end
$$;

create or replace function public.message_json(m public.session_messages) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'id', m.id, 'seq', m.seq, 'role', m.role, 'agent', m.agent, 'step', m.step, 'content', m.content,
    'metadata', m.metadata, 'audio_url', m.audio_url, 'model', m.model, 'tokens', m.tokens, 'cost_usd', m.cost_usd,
    'created_at', m.created_at)
    || case when m.parent_seq is null and m.author_id is null then '{}'
       else jsonb_build_object('parent_seq', m.parent_seq, 'author_id', m.author_id) end
$$;

create function public.place_of(p_session_id uuid, p_seq integer) returns integer
language sql stable security invoker set search_path = ''
as $$
  select coalesce((
    select m.place + p_seq - m.seq from public.session_messages m
    where m.session_id = p_session_id and m.parent_seq is not null and m.seq <= p_seq order by m.seq desc limit 1), p_seq)
$$;
comment on function public.place_of(uuid, integer) is
  'Users and the service: which of its branch a message is, from 1; 0 for none. Locks nothing.';

create function public.branch_numbers(p_session_id uuid, p_head integer, p_first integer, p_last integer) returns integer[]
language plpgsql stable security invoker set search_path = ''
as $$
declare
  jump record;
  lo integer;
  hi integer := p_head;
  shift integer;
  numbers integer[] := '{}';
  steps integer := 0;
begin
  -- Most messages follow the one before, so a branch is a few stretches of them, from its head back to its first.
  while hi > 0 and steps < 20000 loop
    steps := steps + 1;
    select m.seq, m.parent_seq, m.place into jump from public.session_messages m
    where m.session_id = p_session_id and m.parent_seq is not null and m.seq <= hi order by m.seq desc limit 1;
    lo := coalesce(jump.seq, 1);
    shift := lo - coalesce(jump.place, 1);
    numbers := array(select generate_series(greatest(lo, p_first + shift), least(hi, p_last + shift))) || numbers;
    exit when lo - shift <= p_first;
    hi := coalesce(jump.parent_seq, 0);
  end loop;
  return numbers;
end
$$;
comment on function public.branch_numbers(uuid, integer, integer, integer) is
  'Users and the service: the numbers of the messages of a branch from the p_first-th to the p_last-th, looked for from its head on. Locks nothing.';

create function public.parent_of(m public.session_messages) returns integer
language sql immutable security invoker set search_path = ''
as $$ select coalesce(m.parent_seq, m.seq - 1) $$;
comment on function public.parent_of(public.session_messages) is 'Users and the service: the number of the message that this one follows, 0 for none. Locks nothing.';

create function public.siblings_of(p_session_id uuid, p_parents integer[]) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_object_agg(family.parent, family.children) from (
    select found.parent, jsonb_agg(found.seq order by found.seq) as children from (
      select m.parent_seq as parent, m.seq from public.session_messages m
      where m.session_id = p_session_id and m.parent_seq = any (p_parents)
      union all
      select m.seq - 1, m.seq from public.session_messages m
      where m.session_id = p_session_id and m.parent_seq is null
        and m.seq = any (array(select one + 1 from unnest(p_parents) one))) found
    group by found.parent) family
$$;
comment on function public.siblings_of(uuid, integer[]) is
  'Users and the service: of each of some messages, as {number: …}, the numbers of those that follow it, in the order in which they were made. Locks nothing.';

create function public.branch_tip(p_session_id uuid, p_seq integer) returns integer
language plpgsql stable security invoker set search_path = ''
as $$
declare
  tip integer := p_seq;
  stretch_end integer;
  fork integer;
  newest integer;
  steps integer := 0;
begin
  while steps < 20000 loop
    steps := steps + 1;
    -- How far it goes straight on from there, and where on that way something else follows.
    stretch_end := coalesce((select min(m.seq) - 1 from public.session_messages m
      where m.session_id = p_session_id and m.parent_seq is not null and m.seq > tip), (
      select max(m.seq) from public.session_messages m where m.session_id = p_session_id));
    select m.parent_seq, max(m.seq) into fork, newest from public.session_messages m
    where m.session_id = p_session_id and m.parent_seq between tip and stretch_end
    group by m.parent_seq order by m.parent_seq limit 1;
    if fork is null then
      return stretch_end;
    end if;
    tip := greatest(newest, case when fork < stretch_end then fork + 1 else newest end);
  end loop;
  return tip;
end
$$;
comment on function public.branch_tip(uuid, integer) is
  'Users and the service: where one comes to from a message by what was said last after it. Locks nothing.';

create function public.branch_page(
  p_session_id uuid, p_head integer, p_limit integer, p_offset integer default null, p_bytes bigint default 1000000
) returns table (messages json, total integer, first integer)
language plpgsql stable security invoker set search_path = '' rows 1
as $$
declare
  -- The page, and before it the message that its first one follows.
  numbers integer[];
  parents integer[];
  kin jsonb;
  before_page integer;
  branched boolean := exists (
    select from public.session_messages m where m.session_id = p_session_id and m.parent_seq is not null);
begin
  total := case when branched then public.place_of(p_session_id, p_head) else p_head end;
  first := coalesce(p_offset, greatest(total - p_limit, 0));
  numbers := case when branched then public.branch_numbers(p_session_id, p_head, greatest(first, 1), first + p_limit)
    else array(select generate_series(greatest(first, 1), least(first + p_limit, total))) end;
  if first > 0 then
    parents := numbers;
    numbers := numbers[2:];
  else
    parents := 0 || numbers;
  end if;
  before_page := first;
  if branched then
    kin := public.siblings_of(p_session_id, parents);
  end if;
  -- As text, not jsonb: of a whole page that takes half the time.
  select coalesce(json_agg(told order by sized.nth), '[]'), before_page + coalesce(min(sized.nth)::integer - 1, 0)
  into messages, first
  from (
    select m.*, listed.nth, kin -> parents[listed.nth]::text as siblings,
      sum(octet_length(m.content) + pg_column_size(m.metadata)) over (
        order by case when p_offset is null then -listed.nth else listed.nth end rows unbounded preceding)
      - octet_length(m.content) - pg_column_size(m.metadata) as before
    from unnest(numbers) with ordinality as listed (seq, nth)
    join public.session_messages m on m.session_id = p_session_id and m.seq = any (numbers) and m.seq = listed.seq) sized,
  lateral (select sized.id, sized.seq, sized.role, sized.agent, sized.step, sized.content, sized.metadata, sized.audio_url,
    sized.model, sized.tokens, sized.cost_usd, sized.created_at, sized.parent_seq, sized.author_id, sized.siblings) told
  where sized.before < p_bytes;
  return next;
end
$$;
comment on function public.branch_page(uuid, integer, integer, integer, bigint) is
  'Users and the service: p_limit messages of a branch from the p_offset-th on, or its newest; a page ends where it has p_bytes. siblings are those that a message stands beside, itself among them, where the chat has more than one branch. Locks nothing.';

create function public.list_branch(
  p_session_id uuid, p_limit integer default 50, p_offset integer default null, p_bytes bigint default 1000000
) returns json
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
  page record;
begin
  select * into page from public.branch_page(s.id, coalesce(s.head_seq, s.message_count), p_limit, p_offset, p_bytes);
  return json_build_object('messages', page.messages, 'total', page.total, 'first', page.first);
end
$$;
comment on function public.list_branch(uuid, integer, integer, bigint) is
  'Users and the service: a page of the messages of the branch that is shown, in their order; without p_offset the newest. Locks nothing.';

create function public.get_answer(p_session_id uuid, p_message_id uuid default null, p_seq integer default null) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
  m public.session_messages;
begin
  if p_message_id is not null then
    select * into m from public.session_messages where id = p_message_id and session_id = s.id;
  else
    select * into m from public.session_messages
    where session_id = s.id and role = 'assistant'
      and (parent_seq = p_seq or (seq = p_seq + 1 and parent_seq is null))
    order by seq desc limit 1;
  end if;
  return jsonb_build_object('status', s.status, 'error', s.error, 'turn', case when s.status = 'active' then s.turn end,
    'message', case when m.id is not null then public.message_json(m) end);
end
$$;
comment on function public.get_answer(uuid, uuid, integer) is
  'Users and the service: an answer by its id, or the newest to a message, null where there is none, and how the chat stands; or PT404. Locks nothing.';

create function public.get_session_messages(session_id uuid, "limit" integer default 50, "offset" integer default 0)
returns table (id uuid, seq integer, role text, agent text, content text, metadata jsonb, author_id uuid, created_at timestamptz)
language sql stable security invoker set search_path = '' rows 50
as $$
  select (m ->> 'id')::uuid, (m ->> 'seq')::integer, m ->> 'role', m ->> 'agent', m ->> 'content', (m -> 'metadata')::jsonb,
    (m ->> 'author_id')::uuid, (m ->> 'created_at')::timestamptz
  from json_array_elements(public.list_branch(
    $1, least(greatest($2, 1), 200), greatest($3, 0)) -> 'messages') with ordinality as page (m, place)
  order by page.place
$$;
comment on function public.get_session_messages(uuid, integer, integer) is
  'Users and the service: the messages of a session''s shown branch, oldest first, up to 200. Locks nothing.';

create function public.get_user_sessions(user_id uuid, "limit" integer default 20)
returns table (session_id uuid, title text, kind text, status text, message_count integer, preview text,
  created_at timestamptz, last_message_at timestamptz)
language sql stable security invoker set search_path = '' rows 20
as $$
  select s.id, s.title, s.kind, s.status, s.message_count,
    (select left(m.content, 200) from public.session_messages m
     where m.session_id = s.id and m.seq = coalesce(nullif(s.head_seq, 0), s.message_count)),
    s.created_at, s.last_activity_at
  from public.story_sessions s
  where s.user_id = $1 order by s.last_activity_at desc, s.id desc limit least(greatest($2, 1), 200)
$$;
comment on function public.get_user_sessions(uuid, integer) is
  'Users and the service: the newest sessions of a user that the caller may see, up to 200. Locks nothing.';

create function public.list_talks(
  p_user_id uuid default null, p_project_id uuid default null, p_kind text default null, p_q text default null,
  p_limit integer default 20, p_offset integer default 0, p_cursor text default null
) returns jsonb
-- A plan for all filters would suit none.
language plpgsql stable security invoker set search_path = '' set plan_cache_mode = 'force_custom_plan'
as $$
declare
  before_at timestamptz;
  before_id uuid;
  wanted text := public.search_text(left(p_q, 1000));
  plain text := lower(left(p_q, 1000));
  owner uuid := case when p_project_id is null then coalesce(p_user_id, (select auth.uid())) end;
  total bigint;
  items jsonb;
  last_row jsonb;
begin
  select m.before_at, m.before_id into before_at, before_id from public.moment_of(p_cursor) m;
  if p_project_id is not null and not exists (select from public.projects p where p.id = p_project_id) then
    raise sqlstate 'PT404' using message = 'There is no such project.';
  end if;
  with matched as materialized (
    select s.id, s.last_activity_at from public.story_sessions s
    where (owner is null or s.user_id = owner) and (p_project_id is null or s.project_id = p_project_id)
      and (p_kind is null or s.kind = p_kind)
      and (p_q is null or (wanted <> '' and (
        strpos(public.search_text(s.title), wanted) > 0 or strpos(public.search_text(s.prompt), wanted) > 0 or exists (
          select from public.session_drafts d
          where d.session_id = s.id and d.current and strpos(public.search_text(d.content), wanted) > 0)
        -- Of what was said, the newest of each chat: to look through all of it would take too long.
        or (s.kind = 'chat' and exists (
          select from (select m.content from public.session_messages m
            where m.session_id = s.id order by m.seq desc limit 50) newest
          where strpos(lower(newest.content), plain) > 0)))))
  ), page as (
    select m.id from matched m
    where before_at is null or (m.last_activity_at, m.id) < (before_at, before_id)
    order by m.last_activity_at desc, m.id desc
    offset case when before_at is null then p_offset else 0 end limit p_limit + 1
  )
  select (select count(*) from matched), coalesce(jsonb_agg(jsonb_build_object(
    'session_id', s.id, 'title', s.title, 'project_id', s.project_id, 'kind', s.kind, 'status', s.status,
    'template', s.template, 'message_count', s.message_count, 'user_id', s.user_id,
    'preview', (select left(n.content, 200) from public.session_messages n
      where n.session_id = s.id and n.seq = coalesce(nullif(s.head_seq, 0), s.message_count)),
    'created_at', s.created_at, 'last_message_at', s.last_activity_at) order by s.last_activity_at desc, s.id desc), '[]')
  into total, items
  from public.story_sessions s where s.id in (select page.id from page);
  if jsonb_array_length(items) <= p_limit then
    return jsonb_build_object('sessions', items, 'total', total, 'next_cursor', null);
  end if;
  items := items - p_limit;
  last_row := items -> -1;
  return jsonb_build_object('sessions', items, 'total', total, 'next_cursor',
    public.moment_cursor((last_row ->> 'last_message_at')::timestamptz, (last_row ->> 'session_id')::uuid));
end
$$;
comment on function public.list_talks(uuid, uuid, text, text, integer, integer, text) is
  'Users and the service: the sessions of a user, or of a project, newest activity first, with how each goes on; p_q is a part of title, prompt or text, or of what was said last in a chat. Locks nothing.';

create or replace function public.list_messages(
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
      sized.model, sized.tokens, sized.cost_usd, sized.created_at, sized.parent_seq, sized.author_id
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
  'Users and the service: a session''s messages, oldest first, of all branches; a page ends where it has p_bytes. Locks nothing.';

create function public.answer_so_far(s public.story_sessions) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  -- Of this answer alone: a long chat has many events.
  select jsonb_build_object('message_id', s.turn ->> 'message_id', 'agent', min(e.payload ->> 'agent'), 'attempt', 1,
    'text', string_agg(e.payload ->> 'text', '' order by e.seq))
  from public.session_events e
  where e.session_id = s.id and e.seq > (s.turn ->> 'after_seq')::integer and e.type = 'agent.delta'
    and e.payload ->> 'message_id' = s.turn ->> 'message_id'
  having count(*) > 0
$$;
comment on function public.answer_so_far(public.story_sessions) is
  'Users and the service: the answer that is being written, as far as it is kept, or null. Locks nothing.';

create function public.tools_so_far(s public.story_sessions) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(e.payload || jsonb_build_object('type', e.type) order by e.seq), '[]')
  from public.session_events e
  where e.session_id = s.id and e.seq > (s.turn ->> 'after_seq')::integer and e.type in ('tool.called', 'tool.answered')
    and e.payload ->> 'message_id' = s.turn ->> 'message_id'
$$;
comment on function public.tools_so_far(public.story_sessions) is
  'Users and the service: the events of the tools that the answer under way has called. Locks nothing.';

create function public.current_turn(p_session_id uuid) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object('session_id', s.id, 'status', s.status, 'epoch', s.epoch, 'error', s.error,
    'turn', case when s.status = 'active' then s.turn end)
  from public.visible_session(p_session_id) s
$$;
comment on function public.current_turn(uuid) is
  'Users and the service: the answer under way, where one is, or PT404. Locks nothing.';

drop function public.get_snapshot(uuid, bigint);
create function public.get_snapshot(p_session_id uuid, p_bytes bigint default 1000000) returns json
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
  newest jsonb;
begin
  if s.kind <> 'story' then
    return json_build_object(
      'type', 'session.snapshot', 'session_id', s.id, 'epoch', s.epoch, 'at', now(),
      'seq', coalesce((select max(seq) from public.session_events where session_id = s.id), 0),
      'session', public.session_json(s) || jsonb_build_object('usage_by_agent', s.usage_by_agent),
      'messages', (select page.messages from public.branch_page(
        s.id, coalesce(s.head_seq, s.message_count), 200, null, p_bytes) page),
      'partial', case when s.turn is not null then public.answer_so_far(s) end,
      'tools', case when s.turn is not null then public.tools_so_far(s) else '[]' end,
      'stories', (select coalesce(jsonb_agg(public.asked_story(newest.a) order by (newest.a).created_at), '[]') from (
        select a from public.story_sessions a where a.asked_in = s.id order by a.created_at desc limit 100) newest));
  end if;
  with page as (
    select n.seq, sum(n.size) over (order by n.seq desc rows unbounded preceding) - n.size as before from (
      select m.seq, octet_length(m.content) + pg_column_size(m.metadata) as size from public.session_messages m
      where m.session_id = p_session_id order by m.seq desc limit 200) n
  )
  select coalesce(jsonb_agg(public.message_json(m) order by m.seq), '[]') into newest
  from public.session_messages m
  where m.session_id = p_session_id and m.seq >= (select min(page.seq) from page where page.before < p_bytes);
  return json_build_object(
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
  'Users and the service: all that a watcher needs, as of one moment; of messages the newest 200, of a chat those of its branch, or those that make up p_bytes. Locks nothing.';

-- -- What comes of a talk ---------------------------------------------------------------------------------------------------

create function public.asked_story(s public.story_sessions) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object('call_id', s.asked_call, 'session_id', s.id, 'title', s.title, 'status', s.status, 'words',
    coalesce((select d.word_count from public.session_drafts d where d.session_id = s.id and d.current), 0))
$$;
comment on function public.asked_story(public.story_sessions) is
  'Users and the service: a story as the chat shows it in which it was proposed. Locks nothing.';

create function public.tell_chat() returns trigger
language plpgsql security invoker set search_path = ''
as $$
declare
  chat public.story_sessions;
begin
  select * into chat from public.story_sessions where id = new.asked_in for update;
  if found then
    perform public.tell(chat, jsonb_build_array(jsonb_build_object('type', 'story.asked', 'story', public.asked_story(new))));
    if chat.node is null then
      perform pg_notify('storyloom', 'events:' || chat.id);
    end if;
  end if;
  return null;
end
$$;
comment on function public.tell_chat() is
  'A trigger on stories that were proposed in a chat, which is told how they go. Nobody may call it.';
create trigger storyloom_tell_chat after update of status on public.story_sessions
  for each row when (new.asked_in is not null and old.status is distinct from new.status)
  execute function public.tell_chat();

create function public.ask_story(p_session_id uuid, p_owner uuid, p_call text, p_story uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  chat public.story_sessions := public.owned_session(p_session_id, p_owner);
  s public.story_sessions := public.owned_session(p_story, p_owner);
begin
  if chat.kind <> 'chat' or s.kind <> 'story' then
    raise sqlstate 'PT409' using message = 'A story is begun in a chat.';
  end if;
  if s.asked_in is not null then
    return jsonb_build_object('story', public.asked_story(s), 'events', '[]'::jsonb);
  end if;
  update public.story_sessions set asked_in = chat.id, asked_call = p_call where id = s.id returning * into s;
  return jsonb_build_object('story', public.asked_story(s), 'events', public.tell(chat, jsonb_build_array(
    jsonb_build_object('type', 'story.asked', 'story', public.asked_story(s)))));
end
$$;
comment on function public.ask_story(uuid, uuid, text, uuid) is
  'The service for p_owner: that a story was begun from what a chat has proposed; again changes nothing. Locks both rows.';

create function public.stories_of_talk(s public.story_sessions, p_asker uuid, p_limit integer) returns setof public.story_sessions
language plpgsql stable security invoker set search_path = '' rows 12
as $$
begin
  -- Of the project, which all its members may read; else the asker's own that are of none.
  if s.project_id is not null then
    return query select t.* from public.story_sessions t
      where t.project_id = s.project_id and t.kind = 'story' order by t.last_activity_at desc, t.id desc limit p_limit;
  else
    return query select t.* from public.story_sessions t
      where t.user_id = p_asker and t.kind = 'story' and t.project_id is null
      order by t.last_activity_at desc, t.id desc limit p_limit;
  end if;
end
$$;
comment on function public.stories_of_talk(public.story_sessions, uuid, integer) is
  'The service for p_asker: the stories that an agent may speak of in a chat of theirs, newest first. Locks nothing.';

create function public.told_stories(s public.story_sessions, p_asker uuid) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('session_id', t.id, 'title', t.title, 'status', t.status,
    'words', coalesce(d.word_count, 0), 'excerpt', substr(d.content, 1, 400)) order by t.last_activity_at desc), '[]')
  from public.stories_of_talk(s, p_asker, 8) t
  left join public.session_drafts d on d.session_id = t.id and d.current
$$;
comment on function public.told_stories(public.story_sessions, uuid) is
  'The service for p_asker: those stories as an agent is told of them. Locks nothing.';

create function public.project_for_talk(p_project_id uuid) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object('id', p.id, 'instructions', p.instructions, 'updated_at', p.updated_at)
  from public.projects p where p.id = p_project_id
$$;
comment on function public.project_for_talk(uuid) is
  'The service: what a chat''s agent is told of its project, without the bible, which is read where updated_at is another. Locks nothing.';

create function public.look_up_bible(p_project_id uuid, p_query text) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(hit.entry), '[]') from (
    select listed.entry - 'id' as entry
    from public.projects p, jsonb_each(p.bible) as part (kind, entries), jsonb_array_elements(part.entries) as listed (entry)
    where p.id = p_project_id and strpos(lower(listed.entry::text), lower(left(p_query, 200))) > 0
    limit 8) hit
$$;
comment on function public.look_up_bible(uuid, text) is
  'The service: up to eight entries of a project''s bible that have a word. Locks nothing.';

create function public.talk_look_up(p_session_id uuid, p_asker uuid, p_query text) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
  wanted text := lower(left(p_query, 200));
  found_stories jsonb;
begin
  select coalesce(jsonb_agg(hit.told), '[]') into found_stories from (
    select jsonb_build_object('session_id', t.id, 'title', t.title, 'status', t.status, 'words', d.word_count,
      'passage', case when strpos(lower(d.content), wanted) > 0
        then substr(d.content, greatest(strpos(lower(d.content), wanted) - 200, 1), 600) else left(d.content, 200) end) as told
    from public.stories_of_talk(s, p_asker, 40) t
    join public.session_drafts d on d.session_id = t.id and d.current
    where strpos(lower(d.content), wanted) > 0 or strpos(lower(t.title), wanted) > 0
    limit 5) hit;
  return jsonb_build_object('query', p_query, 'stories', found_stories, 'bible', public.look_up_bible(s.project_id, p_query));
end
$$;
comment on function public.talk_look_up(uuid, uuid, text) is
  'The service for p_asker, whose message a chat''s agent answers: what bible and stories say of a word. Locks nothing.';

create function public.talk_read_story(p_session_id uuid, p_asker uuid, p_story text, p_start integer, p_length integer) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
  t public.story_sessions;
  d public.session_drafts;
begin
  select * into t from public.stories_of_talk(s, p_asker, 1000) found_story
  where found_story.id::text = lower(p_story) or lower(found_story.title) = lower(p_story) limit 1;
  if t.id is null then
    raise sqlstate 'PT404' using message = 'There is no such story here.';
  end if;
  select * into d from public.session_drafts where session_id = t.id and current;
  if not found then
    raise sqlstate 'PT409' using message = format('The story %s has no text yet: it is %s.', t.title, replace(t.status, '_', ' '));
  end if;
  return jsonb_build_object('session_id', t.id, 'title', t.title, 'status', t.status, 'words', d.word_count,
    'text', substr(d.content, p_start + 1, p_length), 'section', p_start / p_length + 1,
    'sections', greatest(ceil(char_length(d.content)::numeric / p_length)::integer, 1));
end
$$;
comment on function public.talk_read_story(uuid, uuid, text, integer, integer) is
  'The service for p_asker, whose message a chat''s agent answers: a part of a story, by its id or title; PT404, PT409 before its first version. Locks nothing.';

-- -- Turns ----------------------------------------------------------------------------------------------------------------

create function public.talk_json(s public.story_sessions) returns json
language plpgsql stable security invoker set search_path = ''
as $$
declare
  -- More than any model is shown.
  most_messages constant integer := 400;
  most_bytes constant integer := 200000;
  head integer := (s.turn ->> 'answers')::integer;
  total integer := public.place_of(s.id, head);
  numbers integer[] := public.branch_numbers(s.id, head, greatest(total - most_messages + 1, 1), total);
  messages json;
begin
  select coalesce(json_agg(told order by sized.nth), '[]') into messages
  from (
    select m.seq, m.role, m.content, m.author_id, listed.nth,
      sum(octet_length(m.content)) over (order by listed.nth desc rows unbounded preceding) - octet_length(m.content) as before
    from unnest(numbers) with ordinality as listed (seq, nth)
    join public.session_messages m on m.session_id = s.id and m.seq = any (numbers) and m.seq = listed.seq) sized,
  lateral (select sized.seq, sized.role, sized.content, sized.author_id) told
  where sized.before < most_bytes;
  return json_build_object(
    'turn', s.turn, 'messages', messages, 'total', total,
    'again', coalesce(jsonb_array_length(public.siblings_of(s.id, array[head]) -> head::text), 0), 'config', s.config, 'agent', s.template,
    'model', s.model, 'title', s.title, 'titled', s.titled, 'owner', s.user_id,
    'stories', public.told_stories(s, (s.turn ->> 'by')::uuid), 'project', public.project_for_talk(s.project_id),
    'keys', coalesce((select jsonb_agg(k.provider) from public.user_api_keys k where k.user_id = s.user_id), '[]'),
    -- What was put together on another branch is no part of this one.
    'summary', case when s.context ? 'summaries' then (
      select one from jsonb_array_elements(s.context -> 'summaries') as kept (one)
      where public.branch_numbers(s.id, head, (one ->> 'total')::integer, (one ->> 'total')::integer)
        = array[(one ->> 'upto')::integer]
      order by (one ->> 'total')::integer desc limit 1) end);
end
$$;
comment on function public.talk_json(public.story_sessions) is
  'The service: what an agent is to see before it answers: the newest messages of the branch and the summary of those before; and for which providers the owner has keys. Locks nothing.';

create function public.check_turns(p_user_id uuid, p_session_id uuid) returns void
language plpgsql security invoker set search_path = ''
as $$
declare
  most numeric := public.limit_of('turns_user');
  origin text := coalesce((select p.origin_key from public.profiles p where p.id = p_user_id), p_user_id::text);
begin
  if most is not null and (
    select count(*) from public.story_sessions s
    where coalesce(s.origin_key, s.user_id::text) = origin and s.status in ('active', 'awaiting_approval')
      and s.kind <> 'story' and s.id is distinct from p_session_id) >= most then
    raise sqlstate 'PT429' using message = format(
      'As many answers as one writer may have at once (%s) are being written: wait until one is done, or stop one.', most);
  end if;
end
$$;
comment on function public.check_turns(uuid, uuid) is
  'The service: PT429 where as many answers as one user, or all who are anonymous at one address, may have are under way. Locks nothing.';

create or replace function public.check_work(p_origin text, p_session_id uuid, p_pages integer) returns void
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
    and s.kind = 'story' and s.id is distinct from p_session_id;
  if pages + p_pages > most then
    raise sqlstate 'PT429' using message = format(
      'Your stories under way have %s pages, of %s that one writer, or all who are anonymous at one address, may have at once: wait until one is done, or cancel one.',
      pages, most);
  end if;
end
$$;

create or replace function public.admit_session() returns trigger
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
    if new.kind = 'story' then
      perform public.check_work(new.origin_key, null, coalesce((new.config ->> 'pages')::integer, 1));
    else
      perform public.check_turns(new.user_id, null);
    end if;
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

create function public.check_open(s public.story_sessions) returns void
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  if s.status = 'expired' then
    raise sqlstate 'PT410' using message = 'The chat has expired: begin another.';
  elsif s.status not in ('active', 'waiting') then
    raise sqlstate 'PT409' using message = format('The chat is %s: begin another.', s.status);
  end if;
end
$$;
comment on function public.check_open(public.story_sessions) is
  'The service: PT410 for a chat that has expired, PT409 for one that was ended otherwise. Locks nothing.';

create function public.told_turn(s public.story_sessions, p_agent text) returns jsonb
language sql immutable security invoker set search_path = ''
as $$
  select jsonb_build_object('type', 'turn.started', 'message_id', s.turn ->> 'message_id', 'agent', p_agent,
    'answers', (s.turn ->> 'answers')::integer)
$$;
comment on function public.told_turn(public.story_sessions, text) is
  'The service: the turn.started event of the answer under way. Locks nothing.';

create function public.turn_of(p_message_id uuid, p_answers integer, p_by uuid) returns jsonb
language sql immutable security invoker set search_path = ''
as $$
  select jsonb_build_object('message_id', p_message_id, 'answers', p_answers, 'by', p_by)
$$;
comment on function public.turn_of(uuid, integer, uuid) is 'The service: an answer to come. Locks nothing.';

create function public.begin_turn(
  s public.story_sessions, p_node text, p_answer uuid, p_by uuid, p_told jsonb, p_head integer,
  p_created boolean default false, p_message jsonb default null
) returns json
language plpgsql security invoker set search_path = ''
as $$
declare
  last_seq integer := coalesce((select max(e.seq) from public.session_events e where e.session_id = s.id), 0);
begin
  -- Its first event comes after those told with it, and after the change of status.
  update public.story_sessions set
    status = 'active', epoch = epoch + 1, node = p_node, error = null, queued_at = now(), queue_place = null, last_run = '{}',
    head_seq = p_head, message_count = s.message_count, updated_at = now(), last_activity_at = now(),
    expires_at = now() + make_interval(secs => ttl_s),
    turn = public.turn_of(p_answer, p_head, p_by) || jsonb_build_object(
      'epoch', epoch + 1, 'after_seq', last_seq + jsonb_array_length(p_told) + 1)
  where id = s.id returning * into s;
  return json_build_object('session', public.session_json(s), 'turn', s.turn, 'begun', true,
    'talk', public.talk_json(s), 'created', p_created, 'message', p_message,
    'events', public.add_events(s, p_told || jsonb_build_array(
      jsonb_build_object('type', 'session.status', 'status', 'active', 'reason', 'asked'),
      public.told_turn(s, s.template))));
end
$$;
comment on function public.begin_turn(public.story_sessions, text, uuid, uuid, jsonb, integer, boolean, jsonb) is
  'The service, holding the session''s row lock: the next epoch, on p_node, is to answer the message with the number p_head; after the events p_told.';

create function public.post_turn(
  p_session_id uuid, p_owner uuid, p_message_id uuid, p_answer_id uuid, p_text text, p_node text,
  p_new jsonb default null, p_edit integer default null, p_metadata jsonb default '{}'
) returns json
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions;
  m public.session_messages;
  edited public.session_messages;
  after_seq integer;
  created boolean := false;
  told jsonb := '[]';
begin
  if p_session_id is null then
    if p_new ->> 'project_id' is not null and not exists (
      select from public.story_sessions o where o.user_id = p_owner and o.request_id = p_new ->> 'request_id')
    then
      perform public.check_project((p_new ->> 'project_id')::uuid, p_owner);
    end if;
    insert into public.story_sessions
      (user_id, kind, title, prompt, template, status, config, model, ttl_s, expires_at, request_id, head_seq, turn, project_id)
    values (p_owner, 'chat', p_new ->> 'title', p_text, p_new ->> 'agent', 'active', coalesce(p_new -> 'config', '{}'),
      p_new ->> 'model', (p_new ->> 'ttl_s')::integer, now() + make_interval(secs => (p_new ->> 'ttl_s')::integer),
      p_new ->> 'request_id', 1, '{}',
      (p_new ->> 'project_id')::uuid)
    on conflict (user_id, request_id) do nothing
    returning * into s;
    created := found;
    if not created then
      select * into s from public.story_sessions
      where user_id = p_owner and request_id = p_new ->> 'request_id' for update;
    end if;
  else
    s := public.owned_session(p_session_id, p_owner);
  end if;
  if s.kind <> 'chat' then
    raise sqlstate 'PT409' using message = format('That session is %s, not a chat: steer it, or begin a chat.',
      case s.kind when 'story' then 'a story' else 'an adventure' end);
  end if;
  select * into m from public.session_messages where id = p_message_id;
  if found then
    if m.session_id <> s.id then
      raise sqlstate 'PT409' using message = 'That key was used for a message of another session: take a new one.';
    end if;
    -- The same again, as after a lost answer.
    return json_build_object('created', false, 'begun', false, 'session', public.session_json(s), 'turn', s.turn,
      'message', public.message_json(m), 'events', '[]'::jsonb);
  end if;
  perform public.check_open(s);
  if not created then
    if s.project_id is not null then
      perform public.check_project(s.project_id, p_owner);
    end if;
    perform public.check_spent(p_owner, (select p.origin_key from public.profiles p where p.id = p_owner));
    perform public.check_room(s.user_id, s.id, octet_length(p_text));
    if s.status = 'waiting' then
      perform public.check_turns(p_owner, s.id);
    end if;
  end if;
  after_seq := case when created then 0 else s.head_seq end;
  if p_edit is not null then
    if s.status = 'active' then
      raise sqlstate 'PT409' using message = 'An answer is being written: stop it, or wait until it is done, then edit.';
    end if;
    select * into edited from public.session_messages where session_id = s.id and seq = p_edit;
    if not found then
      raise sqlstate 'PT404' using message = 'There is no such message.';
    end if;
    if edited.role <> 'user' then
      raise sqlstate 'PT409' using message = 'Only a person''s message can be edited: regenerate an answer instead.';
    end if;
    if coalesce(edited.author_id, s.user_id) <> p_owner then
      raise sqlstate 'PT403' using message = 'Only who wrote a message may edit it.';
    end if;
    after_seq := public.parent_of(edited);
  end if;
  s.message_count := s.message_count + 1;
  after_seq := nullif(after_seq, s.message_count - 1);
  insert into public.session_messages (id, session_id, user_id, seq, role, content, metadata, parent_seq, place, author_id)
  values (p_message_id, s.id, s.user_id, s.message_count, 'user', p_text, p_metadata, after_seq,
    case when after_seq is not null then public.place_of(s.id, after_seq) + 1 end, nullif(p_owner, s.user_id))
  returning * into m;
  if s.status = 'active' and not created then
    -- Whoever answers the one before answers this one next.
    update public.story_sessions set message_count = s.message_count, head_seq = s.message_count, updated_at = now(),
      last_activity_at = public.activity(last_activity_at)
    where id = s.id;
    return json_build_object('created', false, 'begun', false, 'session', public.session_json(s), 'turn', s.turn,
      'message', public.message_json(m), 'events', public.tell(s, jsonb_build_array(public.message_event(m))));
  end if;
  told := jsonb_build_array(public.message_event(m));
  if created then
    told := jsonb_build_object(
      'type', 'session.created', 'request_id', s.request_id, 'session', public.session_json(s)) || told;
  elsif p_edit is not null then
    told := told || jsonb_build_object('type', 'branch.changed', 'head_seq', s.message_count);
  end if;
  return public.begin_turn(s, p_node, p_answer_id, p_owner, told, s.message_count, created, public.message_json(m));
end
$$;
comment on function public.post_turn(uuid, uuid, uuid, uuid, text, text, jsonb, integer, jsonb) is
  'The service for p_owner: a message of theirs, in a chat of theirs or a new one, or in place of an edited one, and the epoch that answers it, on p_node; where an answer is under way the message waits for its end. The same message again changes nothing. Locks the session''s row.';

create function public.regenerate_turn(p_session_id uuid, p_owner uuid, p_answer_id uuid, p_node text, p_seq integer default null)
returns json
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
  m public.session_messages;
  asked integer;
begin
  if s.kind <> 'chat' then
    raise sqlstate 'PT409' using message = 'That session is not a chat.';
  end if;
  if s.turn ->> 'message_id' = p_answer_id::text or exists (
    select from public.session_messages where id = p_answer_id and session_id = s.id) then
    return json_build_object('begun', false, 'session', public.session_json(s), 'turn', s.turn, 'events', '[]'::jsonb);
  end if;
  if s.status = 'active' then
    raise sqlstate 'PT409' using message = 'An answer is being written: stop it, or wait until it is done.';
  end if;
  perform public.check_open(s);
  select * into m from public.session_messages where session_id = s.id and seq = coalesce(p_seq, s.head_seq);
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such message.';
  end if;
  if s.project_id is not null then
    perform public.check_project(s.project_id, p_owner);
  end if;
  asked := case m.role when 'assistant' then public.parent_of(m) else m.seq end;
  perform public.check_spent(p_owner, (select p.origin_key from public.profiles p where p.id = p_owner));
  perform public.check_turns(p_owner, s.id);
  return public.begin_turn(s, p_node, p_answer_id, p_owner,
    jsonb_build_array(jsonb_build_object('type', 'branch.changed', 'head_seq', asked)), asked);
end
$$;
comment on function public.regenerate_turn(uuid, uuid, uuid, text, integer) is
  'The service for p_owner: another answer beside the one with the number p_seq, or to the message with it; without one, beside or to what is shown last. The same answer''s id again changes nothing. Locks the session''s row.';

create function public.keep_answer() returns trigger
language plpgsql security invoker set search_path = ''
as $$
declare
  so_far jsonb := public.answer_so_far(old);
  after_seq integer := nullif((old.turn ->> 'answers')::integer, new.message_count);
  m public.session_messages;
begin
  if so_far is not null then
    insert into public.session_messages (id, session_id, user_id, seq, role, agent, content, metadata, model, parent_seq, place)
    values ((so_far ->> 'message_id')::uuid, new.id, new.user_id, new.message_count + 1, 'assistant', new.template,
      so_far ->> 'text', '{"stopped": true}', new.model,
      after_seq, case when after_seq is not null then public.place_of(new.id, after_seq) + 1 end)
    on conflict (id) do nothing returning * into m;
    if found then
      new.message_count := m.seq;
      new.head_seq := m.seq;
      new.outside := new.outside || public.message_event(m);
    end if;
  end if;
  new.turn := null;
  return new;
end
$$;
comment on function public.keep_answer() is
  'A trigger on chats that end while an answer is written: what there is of it is kept. Nobody may call it.';
create trigger storyloom_keep_answer before update of status on public.story_sessions
  for each row when (old.kind = 'chat' and old.status = 'active' and new.status in ('cancelled', 'expired'))
  execute function public.keep_answer();

create function public.finish_turn(p_session_id uuid, p_epoch integer, p_events jsonb, p_result jsonb) returns json
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions;
  r record;
  m public.session_messages;
  made jsonb;
  last_seq integer;
  answers integer;
  queued integer;
  goes_on boolean := false;
begin
  select * into s from public.story_sessions where id = p_session_id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such session.';
  end if;
  perform public.check_epoch(s.epoch, p_epoch);
  select * into r from jsonb_to_record(p_result) as result (
    message_id uuid, agent text, content text, metadata jsonb, model text, tokens integer, cost_usd numeric(12, 6),
    error jsonb, stopped boolean, goes_on boolean, next_id uuid, after_seq integer, delta_from integer);
  if s.turn ->> 'message_id' is distinct from r.message_id::text then
    -- The answer to this very call was lost; what it made is told again.
    return json_build_object('session', public.session_json(s), 'events', public.events_since(p_session_id, r.after_seq),
      'turn', s.turn, 'talk', case when s.status = 'active' then public.talk_json(s) end);
  end if;
  answers := (s.turn ->> 'answers')::integer;
  made := s.outside;
  if r.content <> '' then
    insert into public.session_messages
      (id, session_id, user_id, seq, role, agent, content, metadata, model, tokens, cost_usd, parent_seq, place)
    values (r.message_id, p_session_id, s.user_id, s.message_count + 1, 'assistant', r.agent, r.content,
      coalesce(r.metadata, '{}'), r.model, r.tokens, r.cost_usd, nullif(answers, s.message_count),
      case when answers <> s.message_count then public.place_of(p_session_id, answers) + 1 end)
    returning * into m;
    made := made || public.message_event(m);
    s.message_count := m.seq;
    if s.head_seq = answers then
      s.head_seq := m.seq;
    else
      -- What was said meanwhile comes after it.
      select n.seq into queued from public.session_messages n
      where n.session_id = p_session_id and n.role = 'user'
        and (n.parent_seq = answers or (n.seq = answers + 1 and n.parent_seq is null))
      order by n.seq desc limit 1;
      if queued is not null then
        update public.session_messages set parent_seq = m.seq, place = public.place_of(p_session_id, m.seq) + 1
        where session_id = p_session_id and seq = queued;
        made := made || jsonb_build_object('type', 'branch.changed', 'head_seq', s.head_seq, 'moved', jsonb_build_array(
          jsonb_build_object('seq', queued, 'parent_seq', m.seq)));
      end if;
    end if;
  end if;
  goes_on := s.head_seq > answers and s.head_seq is distinct from m.seq and r.error is null and not coalesce(r.stopped, false);
  update public.story_sessions set
    message_count = s.message_count, head_seq = s.head_seq, tokens = tokens + r.tokens, cost_usd = cost_usd + r.cost_usd,
    usage_by_agent = case when r.tokens > 0 then public.usage_after(usage_by_agent, r.agent, r.tokens, r.cost_usd) else usage_by_agent end,
    error = r.error, outside = '[]', updated_at = now(), last_activity_at = public.activity(last_activity_at),
    expires_at = public.activity(last_activity_at) + make_interval(secs => ttl_s), last_run = '{}',
    status = case when goes_on then 'active' else 'waiting' end,
    node = case when goes_on and r.goes_on then node end,
    turn = null
  where id = p_session_id returning * into s;
  if r.tokens > 0 then
    made := made || jsonb_build_object('type', 'usage', 'tokens', s.tokens, 'cost_usd', s.cost_usd, 'by_agent', s.usage_by_agent);
  end if;
  if not goes_on then
    made := made || jsonb_strip_nulls(jsonb_build_object('type', 'session.status', 'status', 'waiting',
      'reason', case when r.stopped then 'stopped' when r.error is not null then r.error ->> 'message' else 'answered' end,
      'error', r.error));
  end if;
  -- The run's own, then what others and this turn have made: a number is never given twice.
  last_seq := greatest((p_events -> -1 ->> 'seq')::integer,
    (select max(e.seq) from public.session_events e where e.session_id = p_session_id));
  if goes_on then
    s.turn := public.turn_of(r.next_id, s.head_seq, p_by => (
        select coalesce(n.author_id, n.user_id) from public.session_messages n where n.session_id = s.id and n.seq = s.head_seq))
      || jsonb_build_object('epoch', s.epoch, 'after_seq', last_seq + jsonb_array_length(made));
    update public.story_sessions set turn = s.turn where id = s.id;
    made := made || public.told_turn(s, s.template);
  end if;
  insert into public.session_events (session_id, user_id, seq, epoch, type, message_seq, payload, at)
  select p_session_id, s.user_id, (event ->> 'seq')::integer, s.epoch, event ->> 'type', null,
    event - '{type,seq,at}'::text[], (event ->> 'at')::timestamptz
  from jsonb_array_elements(p_events) as listed (event)
  -- The message stands for its deltas.
  where event ->> 'type' <> 'agent.delta' or (event ->> 'seq')::integer < r.delta_from
  union all
  select p_session_id, s.user_id, last_seq + place, s.epoch, event ->> 'type', (event -> 'message' ->> 'seq')::integer,
    event - '{type,message}'::text[], now()
  from jsonb_array_elements(made) with ordinality as listed (event, place)
  on conflict (session_id, seq) do nothing;
  delete from public.session_events where session_id = p_session_id and type = 'agent.delta' and seq >= r.delta_from;
  if goes_on and s.node is null then
    perform pg_notify('storyloom', 'queue');
  end if;
  return json_build_object('session', public.session_json(s), 'made', made, 'last_seq', last_seq, 'at', now(),
    'turn', s.turn, 'talk', case when goes_on then public.talk_json(s) end);
end
$$;
comment on function public.finish_turn(uuid, integer, jsonb, jsonb) is
  'The service for a run: an answer with its usage and events, once, whether it came to its end, was stopped or failed; the session waits, or where more was said meanwhile goes on with that. Answers the events made, to be numbered from last_seq on. Locks the session''s row.';

create function public.stop_turn(p_session_id uuid, p_owner uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
  so_far jsonb;
  answer jsonb;
begin
  if s.kind <> 'chat' then
    raise sqlstate 'PT409' using message = 'That session is not a chat.';
  end if;
  if s.status <> 'active' then
    return jsonb_build_object('changed', false, 'session', public.session_json(s), 'events', '[]'::jsonb);
  end if;
  if s.node is not null then
    update public.story_sessions set turn = turn || '{"stop": true}' where id = s.id returning * into s;
    perform pg_notify('storyloom', 'change:' || s.id);
    return jsonb_build_object('changed', true, 'session', public.session_json(s), 'events', '[]'::jsonb);
  end if;
  -- Nobody is at it: it ends here.
  so_far := public.answer_so_far(s);
  answer := public.finish_turn(s.id, s.epoch, '[]', jsonb_build_object(
    'message_id', s.turn ->> 'message_id', 'agent', s.template, 'content', coalesce(so_far ->> 'text', ''),
    'metadata', '{"stopped": true}'::jsonb, 'model', s.model, 'tokens', 0, 'cost_usd', 0, 'stopped', true, 'goes_on', false,
    'after_seq', coalesce((select max(e.seq) from public.session_events e where e.session_id = s.id), 0),
    'delta_from', (s.turn ->> 'after_seq')::integer + 1))::jsonb;
  return jsonb_build_object('changed', true, 'session', answer -> 'session', 'events', (
    select coalesce(jsonb_agg(public.event_json(e) order by e.seq), '[]') from public.session_events e
    where e.session_id = s.id and e.seq > (answer ->> 'last_seq')::integer));
end
$$;
comment on function public.stop_turn(uuid, uuid) is
  'The service for p_owner: the answer under way ends where it is, at once where no node writes it, else as soon as that hears of it; again changes nothing. Locks the session''s row.';

create function public.switch_branch(p_session_id uuid, p_owner uuid, p_seq integer) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
  head integer;
begin
  if s.kind <> 'chat' then
    raise sqlstate 'PT409' using message = 'That session is not a chat.';
  end if;
  perform from public.session_messages where session_id = s.id and seq = p_seq;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such message.';
  end if;
  head := public.branch_tip(s.id, p_seq);
  if head = s.head_seq then
    return jsonb_build_object('changed', false, 'session', public.session_json(s), 'events', '[]'::jsonb);
  end if;
  if s.status <> 'waiting' then
    raise sqlstate 'PT409' using message = case s.status
      when 'active' then 'An answer is being written: stop it, or wait until it is done.'
      else format('The chat is %s.', s.status) end;
  end if;
  update public.story_sessions set head_seq = head, error = null, updated_at = now() where id = s.id returning * into s;
  return jsonb_build_object('changed', true, 'session', public.session_json(s),
    'events', public.tell(s, jsonb_build_array(jsonb_build_object('type', 'branch.changed', 'head_seq', head))));
end
$$;
comment on function public.switch_branch(uuid, uuid, integer) is
  'The service for p_owner: the branch with that message is shown, as far as it was said last. Locks the session''s row.';

create function public.note_talk(
  p_session_id uuid, p_title text default null, p_summary jsonb default null, p_agent text default null,
  p_tokens integer default 0, p_cost_usd numeric default 0
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, null);
  told jsonb := '[]';
begin
  if p_title is not null and not s.titled and s.title <> p_title then
    told := told || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('type', 'session.status', 'status', s.status,
      'reason', 'titled', 'title', p_title, 'error', s.error)));
  end if;
  update public.story_sessions set
    title = case when titled then title else coalesce(p_title, title) end,
    -- The newest four: one for each of the branches that are gone on with.
    context = case when p_summary is null then context else jsonb_set(context, '{summaries}', (
      select jsonb_agg(kept.one order by kept.place) from (
        select all_of.one, all_of.place from jsonb_array_elements(
          coalesce(context -> 'summaries', '[]') || jsonb_build_array(p_summary)) with ordinality as all_of (one, place)
        order by all_of.place desc limit 4) kept)) end,
    tokens = tokens + p_tokens, cost_usd = cost_usd + p_cost_usd,
    usage_by_agent = case when p_tokens > 0 then public.usage_after(usage_by_agent, p_agent, p_tokens, p_cost_usd) else usage_by_agent end,
    updated_at = now()
  where id = s.id returning * into s;
  return jsonb_build_object('changed', told <> '[]', 'session', public.session_json(s), 'events', public.tell(s, told));
end
$$;
comment on function public.note_talk(uuid, text, jsonb, text, integer, numeric) is
  'The service after a turn: a title, unless a person gave one, and a summary {upto, total, text} of what lies before a message; what they cost is counted. Locks the session''s row.';

-- -- Recovery -------------------------------------------------------------------------------------------------------------

create function public.claim_turns(p_node text, p_room integer, p_held uuid[], p_dead_s double precision default null)
returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  most_silent constant integer := 6;
  wanted record;
  s public.story_sessions;
  silent integer;
  claimed jsonb := '[]';
  broken jsonb := '[]';
  state text;
begin
  for wanted in
    select w.id from public.story_sessions w
    where w.status = 'active' and w.kind <> 'story' and not w.id = any (p_held)
      -- One of p_node's own that it does not hold was begun by a call whose answer was lost, or is just being begun.
      and (w.node is null or (w.node = p_node and w.updated_at < clock_timestamp() - interval '5 seconds')
        or (w.node <> p_node and not exists (
          select from public.nodes n where n.id = w.node and n.seen_at > (select public.silent_since(p_dead_s)))))
    order by w.queued_at, w.id limit p_room for update skip locked
  loop
    -- A transaction within the transaction: what can't be begun keeps nobody from beginning.
    begin
      select * into s from public.story_sessions where id = wanted.id;
      if s.turn is null then
        update public.story_sessions set status = 'waiting', node = null where id = s.id;
        continue;
      end if;
      silent := case when s.node is not null and not exists (
          select from public.session_events e where e.session_id = s.id and e.epoch = s.epoch
            and e.seq > (s.turn ->> 'after_seq')::integer and e.type in ('agent.delta', 'tool.called', 'tool.answered'))
        then coalesce((s.last_run ->> 'silent')::integer, 0) + 1 else 0 end;
      if silent >= most_silent then
        perform public.fail_turn(s.id, s.epoch, jsonb_build_object('code', 'internal', 'message', format(
          'The service ended %s times when it was to answer this, and has given it up. Its owner can read more in the log.', silent)));
        broken := broken || jsonb_build_object('session_id', s.id, 'code', 'silent');
        continue;
      end if;
      update public.story_sessions set epoch = epoch + 1, node = p_node, last_run = jsonb_build_object('silent', silent),
        updated_at = now()
      where id = s.id returning * into s;
      claimed := claimed || jsonb_build_object('session_id', s.id, 'epoch', s.epoch,
        'events', public.number_outside(s) || public.add_events(s, jsonb_build_array(
          jsonb_build_object('type', 'session.status', 'status', 'active', 'reason', 'recovered'),
          public.told_turn(s, s.template))));
    exception when others then
      get stacked diagnostics state = returned_sqlstate;
      if state !~ '^(40|53|55|57|58)' then
        broken := broken || jsonb_build_object('session_id', wanted.id, 'code', state);
        update public.story_sessions set status = 'waiting', node = null, turn = null, outside = '[]', error = jsonb_build_object(
          'code', 'internal', 'message', 'The answer could not be taken up. The service''s owner can read more in the log.')
        where id = wanted.id;
      end if;
    end;
  end loop;
  return jsonb_build_object('claimed', claimed, 'broken', broken);
end
$$;
comment on function public.claim_turns(text, integer, uuid[], double precision) is
  'The service: begins on p_node up to p_room answers that no living node writes, those that have waited longest first, and gives up those whose nodes died over them too often. Locks the sessions'' rows.';

create function public.fail_turn(p_session_id uuid, p_epoch integer, p_error jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, null);
  answer jsonb;
begin
  perform public.check_epoch(s.epoch, p_epoch);
  answer := public.finish_turn(s.id, s.epoch, '[]', jsonb_build_object(
    'message_id', s.turn ->> 'message_id', 'agent', s.template, 'content', coalesce(public.answer_so_far(s) ->> 'text', ''),
    'metadata', '{"failed": true}'::jsonb, 'model', s.model, 'tokens', 0, 'cost_usd', 0, 'error', p_error, 'goes_on', false,
    'after_seq', coalesce((select max(e.seq) from public.session_events e where e.session_id = s.id), 0),
    'delta_from', (s.turn ->> 'after_seq')::integer + 1))::jsonb;
  return jsonb_build_object('changed', true, 'session', answer -> 'session', 'events', (
    select coalesce(jsonb_agg(public.event_json(e) order by e.seq), '[]') from public.session_events e
    where e.session_id = s.id and e.seq > (answer ->> 'last_seq')::integer));
end
$$;
comment on function public.fail_turn(uuid, integer, jsonb) is
  'The service for a run that can''t go on: the answer ends where it is, with a reason that its reader may read. Locks the session''s row.';

create function public.load_turn(p_session_id uuid, p_epoch integer) returns json
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
begin
  perform public.check_epoch(s.epoch, p_epoch);
  return json_build_object('session', public.session_json(s), 'talk', public.talk_json(s),
    'partial', public.answer_so_far(s), 'tools', public.tools_so_far(s),
    'delta_from', (select min(e.seq) from public.session_events e
      where e.session_id = s.id and e.seq > (s.turn ->> 'after_seq')::integer and e.type = 'agent.delta'));
end
$$;
comment on function public.load_turn(uuid, integer) is
  'The service for a run that takes up an answer: all that it goes on from. Locks nothing.';

create or replace function public.beat(p_node text, p_about jsonb, p_held jsonb, p_dead_s double precision) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  lost jsonb;
  changed jsonb;
  stopped jsonb;
  joined boolean;
begin
  -- Where nobody has beaten for long it was the database that was away, and everybody gets their time to come back.
  if not exists (select from public.nodes n where n.seen_at > clock_timestamp() - make_interval(secs => 0.75 * p_dead_s)) then
    insert into public.chores (name, done_at) values ('outage', clock_timestamp())
    on conflict (name) do update set done_at = excluded.done_at;
  end if;
  insert into public.nodes (id, about) values (p_node, p_about)
  on conflict (id) do update set seen_at = clock_timestamp(), about = excluded.about
  returning xmax = 0 into joined;
  if joined then
    -- Who was alone has to tell of what it stores from now on.
    perform pg_notify('storyloom', 'node');
  end if;
  select jsonb_agg(held.id) filter (where s.id is null or s.epoch <> held.epoch::integer or s.node is distinct from p_node),
    jsonb_agg(held.id) filter (where s.epoch = held.epoch::integer and s.outside <> '[]'),
    jsonb_agg(held.id) filter (where s.epoch = held.epoch::integer and s.turn ? 'stop')
  into lost, changed, stopped
  from jsonb_each_text(p_held) as held (id, epoch) left join public.story_sessions s on s.id = held.id::uuid;
  return jsonb_build_object(
    'lost', coalesce(lost, '[]'), 'changed', coalesce(changed, '[]'), 'stopped', coalesce(stopped, '[]'),
    'others', (select count(*) from public.nodes n
               where n.id <> p_node and n.seen_at > public.silent_since(p_dead_s)),
    'work', exists (select from public.story_sessions s where s.status = 'active'
      and (s.node is null or not exists (select from public.nodes n where n.id = s.node
             and n.seen_at > public.silent_since(p_dead_s))
           or (s.node = p_node and not p_held ? s.id::text
             and (s.kind = 'story' or s.updated_at < clock_timestamp() - interval '5 seconds')))));
end
$$;
comment on function public.beat(text, jsonb, jsonb, double precision) is
  'The service: a node lives. Of the runs that it holds, as {id: epoch}, those it has lost, those that others have changed and those that are to stop; and whether there is work to claim. Locks the node''s row.';

create or replace function public.expire_sessions(p_limit integer default 100) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  due public.story_sessions;
  s public.story_sessions;
  expired jsonb := '[]';
begin
  for due in
    select * from public.story_sessions
    where status in ('active', 'waiting', 'awaiting_approval', 'paused') and expires_at <= now()
    order by expires_at limit p_limit
    for update skip locked
  loop
    update public.story_sessions set
      status = 'expired', epoch = epoch + 1, node = null, queue_place = null, pausing = false, updated_at = now(),
      error = jsonb_build_object('code', 'expired', 'message', 'Nothing happened in this session for too long.')
    where id = due.id returning * into s;
    if due.node is not null then
      perform pg_notify('storyloom', 'change:' || s.id);
    end if;
    expired := expired || jsonb_build_array(jsonb_build_object('session', public.session_json(s), 'events',
      public.number_outside(s) || public.add_events(s, jsonb_build_array(jsonb_build_object(
        'type', 'session.status', 'status', 'expired', 'reason', 'idle', 'error', s.error)))));
  end loop;
  return expired;
end
$$;

-- -- What is done to stories alone, and what to chats as well ---------------------------------------------------------------

create function public.check_story(p_session_id uuid) returns void
language plpgsql stable security invoker set search_path = ''
as $$
begin
  if exists (select from public.story_sessions s where s.id = p_session_id and s.kind = 'chat') then
    raise sqlstate 'PT409' using message = 'That is done to stories, and this session is a chat: say it in the chat.';
  end if;
end
$$;
comment on function public.check_story(uuid) is 'The service: PT409 for a chat. Locks nothing.';

create or replace function public.pause_session(p_session_id uuid, p_owner uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
begin
  perform public.check_story(s.id);
  if s.status = 'paused' or s.pausing then
    return jsonb_build_object('changed', false, 'session', public.session_json(s), 'events', '[]'::jsonb);
  end if;
  if s.status = 'awaiting_approval' then
    raise sqlstate 'PT409' using message = 'The story waits for an approval: nothing runs that could be paused.';
  end if;
  if s.status <> 'active' then
    raise sqlstate 'PT409' using message = format('A session that is %s can''t be paused.', s.status);
  end if;
  if s.node is null then
    return public.change_status(p_session_id, p_owner, 'paused', array['active'], 'asked');
  end if;
  update public.story_sessions set pausing = true, updated_at = now() where id = s.id returning * into s;
  return jsonb_build_object('changed', true, 'session', public.session_json(s),
    'events', public.tell(s, jsonb_build_array(jsonb_build_object(
      'type', 'session.status', 'status', 'active', 'reason', 'pausing', 'pausing', true))));
end
$$;

create or replace function public.steer(p_session_id uuid, p_owner uuid, p_id uuid, p_text text) returns json
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
begin
  perform public.check_story(s.id);
  if s.status in ('completed', 'cancelled') then
    raise sqlstate 'PT409' using message = format('The story is %s: there is no next step for a note.', s.status);
  end if;
  return public.append_message(p_session_id, p_owner, p_id, 'user', p_text, p_metadata => '{"note": true}');
end
$$;

create or replace function public.no_text(s public.story_sessions) returns text
language sql immutable security invoker set search_path = ''
as $$
  select case
    when s.kind = 'chat' then 'A chat has no text of its own: the stories that come of it are sessions by themselves.'
    when s.status = 'cancelled' then 'The story has no text: it was cancelled before any was written.'
    when s.status in ('paused', 'failed', 'expired') then
      format('The story has no text: it %s before any was written. Resume it, and it goes on.',
        case s.status when 'failed' then 'failed' when 'expired' then 'expired' else 'was paused' end)
    else 'The story has no draft yet. Watch the session, or try again in a while.' end
$$;

create or replace function public.end_as_admin(p_session_id uuid, p_admin uuid, p_to text, p_reason text) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, null);
  answer jsonb;
begin
  answer := public.change_status(s.id, null, p_to, array['active', 'waiting', 'awaiting_approval', 'paused'], p_reason,
    jsonb_build_object('code', p_to, 'message', 'Ended by an admin: ' || p_reason));
  if (answer ->> 'changed')::boolean then
    insert into public.admin_audit (admin_id, action, session_id, user_id, reason, details)
    values (p_admin, case p_to when 'cancelled' then 'cancel' when 'expired' then 'expire' end, s.id, s.user_id, p_reason,
      jsonb_strip_nulls(jsonb_build_object('status', s.status, 'epoch', s.epoch, 'node', s.node)));
  end if;
  return answer;
end
$$;

create or replace function public.service_stats(p_days integer, p_dead_s double precision) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  today timestamp := date_trunc('day', now() at time zone 'UTC');
  first_day timestamp := today - make_interval(days => p_days - 1);
  since timestamptz := first_day at time zone 'UTC';
  totals jsonb;
  waiting bigint;
  running bigint;
  started jsonb;
  models jsonb;
  agents jsonb;
  completed jsonb;
  means jsonb;
  failures jsonb;
begin
  -- One index for each group of statuses, so that none of the many rows that are long done is read.
  select jsonb_object_agg(status, sessions) into totals from (
    select status, count(*) as sessions from public.story_sessions
    where status in ('active', 'waiting', 'awaiting_approval', 'paused') group by status
    union all
    select status, count(*) from public.story_sessions where status in ('failed', 'cancelled', 'expired') group by status
    union all
    select 'completed', count(*) from public.story_sessions where status = 'completed'
  ) counted;
  select count(*) filter (where held), count(*) filter (where not held) into running, waiting from (
    select exists (select from public.nodes n where n.id = s.node
      and n.seen_at > (select public.silent_since(p_dead_s))) as held
    from public.story_sessions s where s.status = 'active' and s.kind = 'story') stories;

  with begun as materialized (
    select (s.created_at at time zone 'UTC')::date as day, s.model, s.tokens, s.cost_usd, s.usage_by_agent
    from public.story_sessions s
    -- What was created since then was also active since then, and of that there is an index.
    where s.last_activity_at >= since and s.created_at >= since
  ), spent as (
    select a.agent, sum((a.usage ->> 'tokens')::bigint) as tokens, sum((a.usage ->> 'cost_usd')::numeric) as cost_usd
    from begun, jsonb_each(begun.usage_by_agent) as a (agent, usage) group by a.agent
  )
  select
    (select jsonb_object_agg(d.day, d.sessions) from (select day, count(*) as sessions from begun group by day) d),
    (select jsonb_object_agg(m.model, jsonb_build_object('tokens', m.tokens, 'cost_usd', m.cost_usd))
     from (select model, sum(tokens) as tokens, sum(cost_usd) as cost_usd from begun group by model) m),
    (select jsonb_object_agg(spent.agent, jsonb_build_object('tokens', spent.tokens, 'cost_usd', spent.cost_usd)) from spent)
  into started, models, agents;

  with done as materialized (
    select (s.completed_at at time zone 'UTC')::date as day, s.message_count,
      (select t.word_count from public.stories t where t.session_id = s.id) as word_count,
      extract(epoch from s.completed_at - s.created_at) / 60 as minutes
    from public.story_sessions s
    where s.status = 'completed' and s.completed_at >= since
  )
  select
    (select jsonb_object_agg(d.day, d.sessions) from (select day, count(*) as sessions from done group by day) d),
    (select jsonb_build_object('messages', round(avg(message_count), 2), 'words', round(avg(word_count), 2),
       'minutes', round(avg(minutes), 2)) from done)
  into completed, means;

  select jsonb_object_agg(f.code, f.sessions) into failures from (
    select coalesce(s.error ->> 'code', 'internal') as code, count(*) as sessions from public.story_sessions s
    where s.status = 'failed' and s.last_activity_at >= since group by 1) f;

  return jsonb_build_object(
    'days', p_days, 'since', since, 'totals', totals,
    'active', jsonb_build_object('running', running, 'waiting', waiting),
    'per_day', (
      select jsonb_agg(jsonb_build_object('day', day::date, 'started', coalesce(started -> day::date::text, '0'),
        'completed', coalesce(completed -> day::date::text, '0')) order by day)
      from generate_series(first_day, today, interval '1 day') as day),
    'means', means, 'by_model', coalesce(models, '{}'), 'by_agent', coalesce(agents, '{}'),
    'failures', coalesce(failures, '{}'));
end
$$;
-- -- Many writes of a node in one call ------------------------------------------------------------------------------------

create or replace function public.write_many(p_calls jsonb) returns json
language plpgsql security invoker set search_path = ''
as $$
declare
  c jsonb;
  a jsonb;
  answer json;
  answers json[] := '{}';
  code text;
  message text;
  hint text;
begin
  for c in select value from jsonb_array_elements(p_calls) loop
    a := c -> 'args';
    -- A transaction within the transaction: what is refused is undone alone.
    begin
      answer := case c ->> 'function'
        when 'append_events' then public.append_events((a ->> 'p_session_id')::uuid, (a ->> 'p_epoch')::integer, a -> 'p_events')
        when 'finish_step' then public.finish_step(
          (a ->> 'p_session_id')::uuid, (a ->> 'p_epoch')::integer, a -> 'p_events', a -> 'p_result')
        when 'finish_turn' then public.finish_turn(
          (a ->> 'p_session_id')::uuid, (a ->> 'p_epoch')::integer, a -> 'p_events', a -> 'p_result')
        when 'post_turn' then public.post_turn(
          (a ->> 'p_session_id')::uuid, (a ->> 'p_owner')::uuid, (a ->> 'p_message_id')::uuid, (a ->> 'p_answer_id')::uuid,
          a ->> 'p_text', a ->> 'p_node', nullif(a -> 'p_new', 'null'), (a ->> 'p_edit')::integer, a -> 'p_metadata')
        when 'complete_session' then public.complete_session(
          (a ->> 'p_session_id')::uuid, (a ->> 'p_owner')::uuid, (a ->> 'p_epoch')::integer)
        when 'append_message' then public.append_message(
          (a ->> 'p_session_id')::uuid, (a ->> 'p_owner')::uuid, (a ->> 'p_id')::uuid, a ->> 'p_role', a ->> 'p_content',
          (a ->> 'p_epoch')::integer, a ->> 'p_agent', a ->> 'p_step', a -> 'p_metadata', a ->> 'p_model',
          (a ->> 'p_tokens')::integer, (a ->> 'p_cost_usd')::numeric)
        when 'create_session' then public.create_session(
          (a ->> 'p_user_id')::uuid, a ->> 'p_kind', a ->> 'p_title', a ->> 'p_prompt', a ->> 'p_template', a -> 'p_config',
          a ->> 'p_model', (a ->> 'p_ttl_s')::integer, a ->> 'p_request_id', a -> 'p_progress',
          (a ->> 'p_project_id')::uuid)
        end;
      if answer is null then
        raise sqlstate '42883' using message = format('%s can not be grouped', c ->> 'function');
      end if;
      answers := answers || json_build_object('answer', answer);
    exception when others then
      get stacked diagnostics code = returned_sqlstate, message = message_text, hint = pg_exception_hint;
      answers := answers || json_build_object('code', code, 'message', message, 'hint', hint);
    end;
  end loop;
  return to_json(answers);
end
$$;

-- -- Rights ---------------------------------------------------------------------------------------------------------------

revoke execute on function
  public.place_of(uuid, integer), public.branch_numbers(uuid, integer, integer, integer),
  public.parent_of(public.session_messages), public.siblings_of(uuid, integer[]), public.get_snapshot(uuid, bigint),
  public.branch_tip(uuid, integer), public.branch_page(uuid, integer, integer, integer, bigint),
  public.list_branch(uuid, integer, integer, bigint), public.get_answer(uuid, uuid, integer),
  public.list_talks(uuid, uuid, text, text, integer, integer, text),
  public.get_session_messages(uuid, integer, integer),
  public.get_user_sessions(uuid, integer),
  public.answer_so_far(public.story_sessions), public.tools_so_far(public.story_sessions), public.current_turn(uuid),
  public.talk_json(public.story_sessions), public.check_turns(uuid, uuid), public.told_turn(public.story_sessions, text),
  public.turn_of(uuid, integer, uuid), public.check_open(public.story_sessions),
  public.begin_turn(public.story_sessions, text, uuid, uuid, jsonb, integer, boolean, jsonb),
  public.post_turn(uuid, uuid, uuid, uuid, text, text, jsonb, integer, jsonb),
  public.regenerate_turn(uuid, uuid, uuid, text, integer), public.keep_answer(),
  public.finish_turn(uuid, integer, jsonb, jsonb), public.stop_turn(uuid, uuid), public.switch_branch(uuid, uuid, integer),
  public.note_talk(uuid, text, jsonb, text, integer, numeric),
  public.claim_turns(text, integer, uuid[], double precision), public.fail_turn(uuid, integer, jsonb),
  public.load_turn(uuid, integer), public.check_story(uuid), public.asked_story(public.story_sessions), public.tell_chat(),
  public.ask_story(uuid, uuid, text, uuid), public.stories_of_talk(public.story_sessions, uuid, integer),
  public.told_stories(public.story_sessions, uuid), public.talk_look_up(uuid, uuid, text),
  public.project_for_talk(uuid), public.look_up_bible(uuid, text),
  public.talk_read_story(uuid, uuid, text, integer, integer)
  from public, anon, authenticated, service_role;
grant execute on function
  public.place_of(uuid, integer), public.branch_numbers(uuid, integer, integer, integer),
  public.parent_of(public.session_messages), public.siblings_of(uuid, integer[]), public.get_snapshot(uuid, bigint),
  public.branch_tip(uuid, integer), public.branch_page(uuid, integer, integer, integer, bigint),
  public.list_branch(uuid, integer, integer, bigint), public.get_answer(uuid, uuid, integer),
  public.list_talks(uuid, uuid, text, text, integer, integer, text),
  public.get_session_messages(uuid, integer, integer),
  public.get_user_sessions(uuid, integer),
  public.answer_so_far(public.story_sessions), public.tools_so_far(public.story_sessions), public.current_turn(uuid),
  public.asked_story(public.story_sessions)
  to authenticated, service_role;
grant execute on function
  public.talk_json(public.story_sessions), public.check_turns(uuid, uuid), public.told_turn(public.story_sessions, text),
  public.turn_of(uuid, integer, uuid), public.check_open(public.story_sessions),
  public.begin_turn(public.story_sessions, text, uuid, uuid, jsonb, integer, boolean, jsonb),
  public.post_turn(uuid, uuid, uuid, uuid, text, text, jsonb, integer, jsonb),
  public.regenerate_turn(uuid, uuid, uuid, text, integer),
  public.finish_turn(uuid, integer, jsonb, jsonb), public.stop_turn(uuid, uuid), public.switch_branch(uuid, uuid, integer),
  public.note_talk(uuid, text, jsonb, text, integer, numeric),
  public.claim_turns(text, integer, uuid[], double precision), public.fail_turn(uuid, integer, jsonb),
  public.load_turn(uuid, integer), public.check_story(uuid),
  public.ask_story(uuid, uuid, text, uuid), public.stories_of_talk(public.story_sessions, uuid, integer),
  public.told_stories(public.story_sessions, uuid), public.talk_look_up(uuid, uuid, text),
  public.project_for_talk(uuid), public.look_up_bible(uuid, text),
  public.talk_read_story(uuid, uuid, text, integer, integer)
  to service_role;
