-- The floors: what the same promise costs with nothing around it. One function call keeps a message durably, numbered
-- without gaps within its session; one insert keeps a step.

create schema bare;

create table bare.sessions (
  id uuid primary key,
  message_count integer not null default 0,
  last_activity_at timestamptz not null default now()
);
create table bare.messages (
  session_id uuid not null references bare.sessions (id) on delete cascade,
  seq integer not null,
  id uuid not null unique,
  role text not null,
  content text not null,
  created_at timestamptz not null default now(),
  primary key (session_id, seq)
);
create table bare.steps (
  session_id uuid not null,
  step text not null,
  content text not null,
  output jsonb,
  finished_at timestamptz not null default now(),
  primary key (session_id, step)
);

create function bare.append(p_session_id uuid, p_id uuid, p_content text) returns integer
language plpgsql as $$
declare
  number integer;
begin
  update bare.sessions set message_count = message_count + 1, last_activity_at = now()
  where id = p_session_id returning message_count into number;
  insert into bare.messages (session_id, seq, id, role, content) values (p_session_id, number, p_id, 'user', p_content);
  return number;
end
$$;

-- The same rows and columns as a turn of a chat: a session, messages and events, with no index but their keys.
create table bare.chats (like public.story_sessions including defaults, primary key (id)) with (fillfactor = 70);
create table bare.chat_messages (
  like public.session_messages including defaults,
  primary key (id), unique (session_id, seq), foreign key (session_id) references bare.chats (id) on delete cascade
);
create table bare.chat_events (
  like public.session_events including defaults,
  primary key (session_id, seq), foreign key (session_id) references bare.chats (id) on delete cascade
);

create function bare.tell(c bare.chats, p_seq integer, p_message integer, p_types text[], p_payloads jsonb[]) returns void
language sql as $$
  insert into bare.chat_events (session_id, user_id, seq, epoch, message_seq, type, payload)
  select c.id, c.user_id, p_seq + place, c.epoch, case when type = 'agent.message' then p_message end, type, payload
  from unnest(p_types, p_payloads) with ordinality as listed (type, payload, place)
$$;

create function bare.say(p_id uuid, p_message uuid, p_content text, p_turn jsonb, p_seq integer, p_types text[], p_payloads jsonb[])
returns integer
language plpgsql as $$
declare
  c bare.chats;
begin
  update bare.chats set
    status = 'active', epoch = epoch + 1, node = 'bench', queued_at = now(), message_count = message_count + 1,
    head_seq = message_count + 1, turn = p_turn, updated_at = now(), last_activity_at = now()
  where id = p_id returning * into c;
  insert into bare.chat_messages (id, session_id, user_id, seq, role, content)
  values (p_message, p_id, c.user_id, c.head_seq, 'user', p_content);
  perform bare.tell(c, p_seq, c.head_seq, p_types, p_payloads);
  return c.head_seq;
end
$$;

create function bare.answer(
  p_id uuid, p_message uuid, p_content text, p_model text, p_tokens integer, p_cost numeric, p_usage jsonb,
  p_seq integer, p_types text[], p_payloads jsonb[]
) returns integer
language plpgsql as $$
declare
  c bare.chats;
begin
  update bare.chats set
    status = 'waiting', node = null, message_count = message_count + 1, head_seq = message_count + 1, turn = null,
    tokens = tokens + p_tokens, cost_usd = cost_usd + p_cost, usage_by_agent = p_usage, updated_at = now(),
    last_activity_at = now()
  where id = p_id returning * into c;
  insert into bare.chat_messages (id, session_id, user_id, seq, role, agent, content, model, tokens, cost_usd)
  values (p_message, p_id, c.user_id, c.head_seq, 'assistant', 'muse', p_content, p_model, p_tokens, p_cost);
  perform bare.tell(c, p_seq, c.head_seq, p_types, p_payloads);
  return c.head_seq;
end
$$;
