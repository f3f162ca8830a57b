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
