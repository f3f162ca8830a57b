-- The tables of a session's record. Users read their own rows; every change goes through the functions of later files.

create table public.story_sessions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  kind text not null default 'story' check (kind in ('story', 'chat', 'adventure')),
  title text not null default '' check (char_length(title) <= 200),
  titled boolean not null default false,
  prompt text not null check (char_length(prompt) between 1 and 20000),
  template text not null check (char_length(template) <= 40),
  status text not null default 'active'
    check (status in ('active', 'awaiting_approval', 'paused', 'completed', 'failed', 'cancelled', 'expired')),
  config jsonb not null default '{}',
  context jsonb not null default '{}',
  progress jsonb not null default '{}',
  model text not null,
  request_id text check (char_length(request_id) between 1 and 200),
  parent_session_id uuid references public.story_sessions (id) on delete set null,
  epoch integer not null default 0,
  node text,
  queued_at timestamptz not null default now(),
  queue_place integer,
  pausing boolean not null default false,
  outside jsonb not null default '[]',
  message_count integer not null default 0,
  draft_count integer not null default 0,
  draft_version integer not null default 0,
  tokens bigint not null default 0,
  cost_usd numeric(14, 6) not null default 0,
  usage_by_agent jsonb not null default '{}',
  error jsonb,
  ttl_s integer not null default 7200 check (ttl_s > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_activity_at timestamptz not null default now(),
  expires_at timestamptz not null,
  completed_at timestamptz,
  unique (user_id, request_id)
  -- Room for a row's next versions beside it.
) with (fillfactor = 70);
comment on column public.story_sessions.epoch is 'The fencing token: each run claims the next, writes with an older one are refused.';
comment on column public.story_sessions.node is 'Who runs it; an active session without one waits in the queue, since queued_at.';
comment on column public.story_sessions.queue_place is 'The place in the queue that was told last, null for none.';
comment on column public.story_sessions.pausing is 'To be paused when the step at hand is done.';
comment on column public.story_sessions.outside is
  'Events made by others than the run that holds the session, which numbers them with its next write.';
comment on column public.story_sessions.titled is 'A person gave the title; the outline''s title does not replace it.';
comment on column public.story_sessions.draft_version is 'Version of the current draft, 0 before the first.';
create index story_sessions_by_user on public.story_sessions (user_id, last_activity_at desc, id desc);
create index story_sessions_by_activity on public.story_sessions (last_activity_at desc, id desc);
create index story_sessions_by_expiry on public.story_sessions (expires_at)
  where status in ('active', 'awaiting_approval', 'paused');
create index story_sessions_by_parent on public.story_sessions (parent_session_id) where parent_session_id is not null;
create index story_sessions_running on public.story_sessions (queued_at, id) where status = 'active';

create table public.nodes (
  id text primary key check (char_length(id) between 1 and 200),
  about jsonb not null default '{}',
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now()
);
comment on table public.nodes is 'The server processes, each seen at its last beat. One that ends well takes its row away.';

-- In the tables of many rows what has a fixed width comes first: nothing is lost to alignment.
create table public.session_messages (
  id uuid primary key,
  session_id uuid not null references public.story_sessions (id) on delete cascade,
  user_id uuid not null,
  created_at timestamptz not null default now(),
  seq integer not null check (seq > 0),
  tokens integer not null default 0,
  role text not null check (role in ('user', 'assistant', 'system')),
  agent text,
  step text,
  content text not null,
  metadata jsonb not null default '{}',
  audio_url text,
  model text,
  cost_usd numeric(12, 6) not null default 0,
  unique (session_id, seq)
);

create table public.session_drafts (
  session_id uuid not null references public.story_sessions (id) on delete cascade,
  user_id uuid not null,
  version integer not null check (version > 0),
  current boolean not null default false,
  author text not null,
  step text,
  content text not null,
  word_count integer not null,
  scores jsonb,
  created_at timestamptz not null default now(),
  primary key (session_id, version)
);
create unique index session_drafts_one_current on public.session_drafts (session_id) where current;

create table public.session_steps (
  session_id uuid not null references public.story_sessions (id) on delete cascade,
  user_id uuid not null,
  step text not null check (char_length(step) <= 60),
  position integer not null,
  stage text not null,
  agent text not null,
  status text not null check (status in ('running', 'done', 'failed', 'skipped')),
  attempt integer not null default 1,
  started_at timestamptz not null,
  finished_at timestamptz,
  duration_ms integer,
  tokens integer not null default 0,
  cost_usd numeric(12, 6) not null default 0,
  error jsonb,
  epoch integer not null,
  message_id uuid,
  output jsonb,
  primary key (session_id, step)
);

create table public.session_events (
  session_id uuid not null references public.story_sessions (id) on delete cascade,
  user_id uuid not null,
  at timestamptz not null default now(),
  seq integer not null check (seq > 0),
  epoch integer not null,
  message_seq integer,
  type text not null,
  payload jsonb not null default '{}',
  primary key (session_id, seq)
);
comment on table public.session_events is
  'What happened, in order. Deltas of a message are replaced by its agent.message, whose message_seq is that of session_messages.';

create table public.stories (
  id uuid primary key default gen_random_uuid(),
  session_id uuid not null unique references public.story_sessions (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  title text not null,
  content text not null,
  word_count integer not null,
  version integer not null,
  template text not null,
  model text not null,
  created_at timestamptz not null default now()
);
create index stories_by_user on public.stories (user_id, created_at desc);

-- The prompt is a session's first message, which is never changed. The session's own row is changed with each step, and
-- each time a search index on it would have to be written anew.
create index session_messages_by_words on public.session_messages using gin (to_tsvector('simple', content)) where seq = 1;
create index stories_by_words on public.stories using gin (to_tsvector('simple', title || ' ' || content));
-- Statistics of words would have every analyze parse thousands of whole stories, and help no plan here.
alter index public.session_messages_by_words alter column 1 set statistics 0;
alter index public.stories_by_words alter column 1 set statistics 0;

create table public.chores (
  name text primary key,
  done_at timestamptz not null
);
comment on table public.chores is 'What some node does once in a while for all of them, and when it was done last.';

alter table public.story_sessions enable row level security;
alter table public.session_messages enable row level security;
alter table public.session_drafts enable row level security;
alter table public.session_steps enable row level security;
alter table public.session_events enable row level security;
alter table public.stories enable row level security;
alter table public.nodes enable row level security;
alter table public.chores enable row level security;

create policy "A writer reads their own sessions, an admin reads all" on public.story_sessions
  for select to authenticated using (user_id = (select auth.uid()) or (select public.is_admin()));
create policy "A writer reads their own messages, an admin reads all" on public.session_messages
  for select to authenticated using (user_id = (select auth.uid()) or (select public.is_admin()));
create policy "A writer reads their own drafts, an admin reads all" on public.session_drafts
  for select to authenticated using (user_id = (select auth.uid()) or (select public.is_admin()));
create policy "A writer reads their own steps, an admin reads all" on public.session_steps
  for select to authenticated using (user_id = (select auth.uid()) or (select public.is_admin()));
create policy "A writer reads their own events, an admin reads all" on public.session_events
  for select to authenticated using (user_id = (select auth.uid()) or (select public.is_admin()));
create policy "A writer reads their own stories, an admin reads all" on public.stories
  for select to authenticated using (user_id = (select auth.uid()) or (select public.is_admin()));

revoke all on public.story_sessions, public.session_messages, public.session_drafts, public.session_steps,
  public.session_events, public.stories from public, anon, authenticated, service_role;
grant select on public.story_sessions, public.session_messages, public.session_drafts, public.session_steps,
  public.session_events, public.stories to authenticated;
grant select, insert, update, delete on public.story_sessions, public.session_messages, public.session_drafts,
  public.session_steps, public.session_events, public.stories to service_role;

revoke all on public.nodes, public.chores from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.nodes, public.chores to service_role;
