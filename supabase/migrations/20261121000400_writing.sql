-- What changes a session from outside a run. service_role alone may call these. Where a change is made for a user,
-- p_owner is that user and is checked in the same statement; null is an admin or the service itself.

create function public.owned_session(p_session_id uuid, p_owner uuid) returns public.story_sessions
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions;
begin
  select * into s from public.story_sessions
  where id = p_session_id and (p_owner is null or user_id = p_owner)
  for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such session.';
  end if;
  return s;
end
$$;
comment on function public.owned_session(uuid, uuid) is 'The service: the session, its row locked until the transaction ends, or PT404.';

create function public.add_events(s public.story_sessions, p_events jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  last_seq integer;
  told jsonb;
begin
  select coalesce(max(e.seq), 0) into last_seq from public.session_events e where e.session_id = s.id;
  insert into public.session_events (session_id, user_id, seq, epoch, type, message_seq, payload)
  select s.id, s.user_id, last_seq + place, s.epoch, event ->> 'type', (event -> 'message' ->> 'seq')::integer,
    event - '{type,message}'::text[]
  from jsonb_array_elements(p_events) with ordinality as listed (event, place);
  select coalesce(jsonb_agg(event || jsonb_build_object(
    'session_id', s.id, 'epoch', s.epoch, 'seq', last_seq + place, 'at', now()) order by place), '[]') into told
  from jsonb_array_elements(p_events) with ordinality as listed (event, place);
  return told;
end
$$;
comment on function public.add_events(public.story_sessions, jsonb) is
  'The service, holding the session''s row lock: numbers and stores events; answers them as the wire shows them.';

create function public.tell(s public.story_sessions, p_events jsonb, p_epoch integer default null) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
  if p_epoch is not null or s.node is null then
    return public.add_events(s, p_events);
  end if;
  update public.story_sessions set outside = outside || p_events where id = s.id;
  perform pg_notify('storyloom', 'change:' || s.id);
  return '[]';
end
$$;
comment on function public.tell(public.story_sessions, jsonb, integer) is
  'The service, holding the session''s row lock: events of a change; answers them. Where a run holds the session they wait for it, which alone numbers events.';

create function public.number_outside(s public.story_sessions) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
  if s.outside = '[]' then
    return '[]';
  end if;
  update public.story_sessions set outside = '[]' where id = s.id;
  return public.add_events(s, s.outside);
end
$$;
comment on function public.number_outside(public.story_sessions) is
  'The service, holding the session''s row lock: numbers and stores the events that others than its run have made; answers them.';

create function public.events_since(p_session_id uuid, p_seq integer) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(public.event_json(e) order by e.seq), '[]')
  from public.session_events e where e.session_id = p_session_id and e.seq > p_seq
$$;
comment on function public.events_since(uuid, integer) is
  'The service, where an answer was lost: all events after a number, as the wire shows them. Locks nothing.';

create function public.activity(p_last timestamptz) returns timestamptz
language plpgsql stable security invoker set search_path = ''
as $$
begin
  return case when p_last > now() - interval '5 seconds' then p_last else now() end;
end
$$;
comment on function public.activity(timestamptz) is
  'The service: when something happened last, to within five seconds. A value that stays spares the writing of every index of the row. Locks nothing.';

create function public.create_session(
  p_user_id uuid, p_kind text, p_title text, p_prompt text, p_template text, p_config jsonb, p_model text,
  p_ttl_s integer, p_request_id text default null, p_progress jsonb default '{}'
) returns json
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions;
  m public.session_messages;
begin
  insert into public.story_sessions
    (user_id, kind, title, titled, prompt, template, config, model, ttl_s, expires_at, request_id, message_count, progress)
  values (p_user_id, p_kind, coalesce(p_title, left(p_prompt, 80)), p_title is not null, p_prompt, p_template, p_config, p_model, p_ttl_s,
    now() + make_interval(secs => p_ttl_s), p_request_id, 1, p_progress)
  on conflict (user_id, request_id) do nothing
  returning * into s;
  if not found then
    select * into s from public.story_sessions where user_id = p_user_id and request_id = p_request_id;
    return json_build_object('created', false, 'session', public.session_json(s), 'events', '[]'::jsonb);
  end if;
  insert into public.session_messages (id, session_id, user_id, seq, role, content)
  values (gen_random_uuid(), s.id, s.user_id, 1, 'user', p_prompt)
  returning * into m;
  return json_build_object('created', true, 'session', public.session_json(s), 'events', public.add_events(s, jsonb_build_array(
    jsonb_build_object('type', 'session.created', 'request_id', p_request_id, 'session', public.session_json(s)),
    public.message_event(m))));
end
$$;
comment on function public.create_session(uuid, text, text, text, text, jsonb, text, integer, text, jsonb) is
  'The service for p_user_id: a new session with its prompt as first message; the same request again answers the same session.';

create function public.change_status(
  p_session_id uuid, p_owner uuid, p_to text, p_from text[], p_reason text default null, p_error jsonb default null
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
  told jsonb;
begin
  if p_to = 'active' and s.status = 'active' and s.pausing then
    update public.story_sessions set pausing = false, updated_at = now() where id = s.id returning * into s;
    told := public.tell(s, jsonb_build_array(jsonb_strip_nulls(
      jsonb_build_object('type', 'session.status', 'status', 'active', 'reason', p_reason))));
    return jsonb_build_object('changed', true, 'session', public.session_json(s), 'events', told);
  end if;
  -- The same again, as after a lost answer; an active session that a run holds is not moved to where it is.
  if s.status = p_to and s.node is null then
    return jsonb_build_object('changed', false, 'session', public.session_json(s), 'events', '[]'::jsonb);
  end if;
  if not s.status = any (p_from) then
    raise sqlstate 'PT409' using message = case
      when s.status = p_to then format('The session is %s already.', p_to)
      when s.status = 'awaiting_approval' and p_to = 'active' then 'The story waits for an approval: answer that, and it goes on.'
      else format('A session that is %s can''t be %s.', replace(s.status, '_', ' '),
        case p_to when 'active' then 'resumed' else p_to end) end;
  end if;
  if s.node is not null then
    perform pg_notify('storyloom', 'change:' || s.id);
  end if;
  -- The next epoch: a run that still holds the session writes nothing more.
  update public.story_sessions set
    status = p_to, epoch = epoch + 1, node = null, error = p_error, pausing = false, queued_at = now(), queue_place = null,
    updated_at = now(), last_activity_at = now(), expires_at = now() + make_interval(secs => ttl_s)
  where id = s.id returning * into s;
  told := public.number_outside(s) || public.add_events(s, jsonb_build_array(jsonb_strip_nulls(
    jsonb_build_object('type', 'session.status', 'status', s.status, 'reason', p_reason, 'error', p_error))));
  if p_to = 'active' then
    -- It may have been asked for where nothing runs, as on the command line.
    perform pg_notify('storyloom', 'queue');
  end if;
  return jsonb_build_object('changed', true, 'session', public.session_json(s), 'events', told);
end
$$;
comment on function public.change_status(uuid, uuid, text, text[], text, jsonb) is
  'The service for p_owner: moves a session to another status, fencing its run; PT409 where the move is not allowed.';

create function public.rename_session(
  p_session_id uuid, p_owner uuid, p_title text, p_epoch integer default null
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
begin
  if s.title = p_title and s.titled then
    return jsonb_build_object('session', public.session_json(s), 'events', '[]'::jsonb);
  end if;
  update public.story_sessions set title = p_title, titled = true, updated_at = now()
  where id = s.id returning * into s;
  update public.stories set title = p_title where session_id = s.id;
  if p_epoch is not null then
    perform public.check_epoch(s.epoch, p_epoch);
  end if;
  return jsonb_build_object('session', public.session_json(s), 'events', public.tell(s, jsonb_build_array(
    jsonb_strip_nulls(jsonb_build_object('type', 'session.status', 'status', s.status, 'reason', 'renamed', 'title', s.title,
      'error', s.error, 'pausing', nullif(s.pausing, false), 'queue_place', s.queue_place))), p_epoch));
end
$$;
comment on function public.rename_session(uuid, uuid, text, integer) is 'The service for p_owner: gives a session, and its story, another title.';

create function public.delete_session(p_session_id uuid, p_owner uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
begin
  delete from public.story_sessions where id = s.id;
  if s.node is not null then
    perform pg_notify('storyloom', 'change:' || s.id);
  end if;
  return jsonb_build_object('deleted', s.id);
end
$$;
comment on function public.delete_session(uuid, uuid) is 'The service for p_owner: the session and all that hangs on it, gone.';

create function public.append_message(
  p_session_id uuid, p_owner uuid, p_id uuid, p_role text, p_content text, p_epoch integer default null,
  p_agent text default null, p_step text default null, p_metadata jsonb default '{}', p_model text default null,
  p_tokens integer default 0, p_cost_usd numeric default 0
) returns json
language plpgsql security invoker set search_path = ''
as $$
declare
  s record;
  m public.session_messages;
  event_seq integer;
  message json;
begin
  -- Only the columns that are needed: to hand a whole session on costs as much as to write the message.
  update public.story_sessions set
    message_count = message_count + 1, tokens = tokens + p_tokens, cost_usd = cost_usd + p_cost_usd, updated_at = now(),
    last_activity_at = public.activity(last_activity_at),
    expires_at = public.activity(last_activity_at) + make_interval(secs => ttl_s)
  where id = p_session_id and (p_owner is null or user_id = p_owner)
  returning user_id, message_count, epoch, node into s;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such session.';
  end if;
  if p_epoch is not null then
    perform public.check_epoch(s.epoch, p_epoch);
  end if;
  insert into public.session_messages
    (id, session_id, user_id, seq, role, agent, step, content, metadata, model, tokens, cost_usd)
  values (p_id, p_session_id, s.user_id, s.message_count, p_role, p_agent, p_step, p_content, p_metadata, p_model,
    p_tokens, p_cost_usd)
  on conflict (id) do nothing;
  if not found then
    -- The same again, as after a lost answer: it is counted already.
    update public.story_sessions set
      message_count = message_count - 1, tokens = tokens - p_tokens, cost_usd = cost_usd - p_cost_usd
    where id = p_session_id;
    select * into m from public.session_messages where id = p_id and session_id = p_session_id;
    if not found then
      raise sqlstate 'PT409' using message = 'That message id belongs to another session.';
    end if;
    return json_build_object('message', public.message_json(m), 'event', null);
  end if;
  message := json_build_object(
    'id', p_id, 'seq', s.message_count, 'role', p_role, 'agent', p_agent, 'step', p_step, 'content', p_content,
    'metadata', p_metadata, 'audio_url', null, 'model', p_model, 'tokens', p_tokens,
    'cost_usd', p_cost_usd::numeric(12, 6), 'created_at', now());
  if p_epoch is null and s.node is not null then
    -- The run that holds the session numbers it.
    update public.story_sessions set outside = outside || jsonb_build_object(
      'type', 'agent.message', 'message', message)
    where id = p_session_id;
    perform pg_notify('storyloom', 'change:' || p_session_id);
    return json_build_object('message', message, 'event', null);
  end if;
  select coalesce(max(e.seq), 0) + 1 into event_seq from public.session_events e where e.session_id = p_session_id;
  insert into public.session_events (session_id, user_id, seq, epoch, type, message_seq)
  values (p_session_id, s.user_id, event_seq, s.epoch, 'agent.message', s.message_count);
  return json_build_object('message', message, 'event', json_build_object(
    'type', 'agent.message', 'session_id', p_session_id, 'epoch', s.epoch, 'seq', event_seq, 'at', now()));
end
$$;
comment on function public.append_message(uuid, uuid, uuid, text, text, integer, text, text, jsonb, text, integer, numeric) is
  'The service for p_owner: the next message of a session, and its event where that has a number by now, which lacks the message; the same id again answers the same message. Locks the session''s row.';

create function public.append_messages(p_calls jsonb) returns json
language plpgsql security invoker set search_path = ''
as $$
declare
  expected integer := jsonb_array_length(p_calls);
  plain integer;
  answers json;
begin
  -- In one order everywhere, so that no two groups wait for each other.
  perform from public.story_sessions
  where id in (select (c ->> 'p_session_id')::uuid from jsonb_array_elements(p_calls) as c)
  order by id for update;
  with asked as (
    select c.*, s.user_id, s.epoch, public.activity(s.last_activity_at) as active_at,
      s.message_count + row_number() over one as seq,
      coalesce((select max(e.seq) from public.session_events e where e.session_id = s.id), 0) + row_number() over one as event_seq
    from rows from (jsonb_to_recordset(p_calls) as (
        p_session_id uuid, p_owner uuid, p_id uuid, p_role text, p_content text, p_epoch integer, p_agent text,
        p_step text, p_metadata jsonb, p_model text, p_tokens integer, p_cost_usd numeric(12, 6)))
      with ordinality as c (
        session_id, owner, id, role, content, of_epoch, agent, step, metadata, model, tokens, cost_usd, place)
    join public.story_sessions s on s.id = c.session_id and (c.owner is null or c.owner = s.user_id)
      and (c.of_epoch = s.epoch or (c.of_epoch is null and s.node is null))
    window one as (partition by s.id order by c.place)
  ), kept as (
    insert into public.session_messages
      (id, session_id, user_id, seq, role, agent, step, content, metadata, model, tokens, cost_usd)
    select id, session_id, user_id, seq, role, agent, step, content, metadata, model, tokens, cost_usd from asked
  ), told as (
    insert into public.session_events (session_id, user_id, seq, epoch, type, message_seq)
    select session_id, user_id, event_seq, epoch, 'agent.message', seq from asked
  ), counted as (
    update public.story_sessions s set
      message_count = s.message_count + n.messages, tokens = s.tokens + n.tokens, cost_usd = s.cost_usd + n.cost_usd,
      updated_at = now(), last_activity_at = n.active_at, expires_at = n.active_at + make_interval(secs => s.ttl_s)
    from (select session_id, active_at, count(*) as messages, sum(tokens) as tokens, sum(cost_usd) as cost_usd
          from asked group by session_id, active_at) n
    where s.id = n.session_id
  )
  select count(*), json_agg(json_build_object(
    'message', json_build_object(
      'id', a.id, 'seq', a.seq, 'role', a.role, 'agent', a.agent, 'step', a.step, 'content', a.content,
      'metadata', a.metadata, 'audio_url', null, 'model', a.model, 'tokens', a.tokens, 'cost_usd', a.cost_usd,
      'created_at', now()),
    'event', json_build_object(
      'type', 'agent.message', 'session_id', a.session_id, 'epoch', a.epoch, 'seq', a.event_seq, 'at', now()))
    order by a.place)
  into plain, answers
  from asked a;
  if plain < expected then
    raise sqlstate 'PT409' using message = 'One of these messages is not like the others.';
  end if;
  return answers;
end
$$;
comment on function public.append_messages(jsonb) is
  'The service: what append_message does for each of [{its arguments}], in order, as long as every one is a new message of a session of its owner that no other''s run holds; otherwise nothing, and an error. Answers [{message, event}]. Locks the sessions'' rows.';

create function public.message_event(m public.session_messages) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object('type', 'agent.message', 'message', public.message_json(m))
$$;
comment on function public.message_event(public.session_messages) is 'The service: the agent.message event of a message. Locks nothing.';

create function public.draft_event(d public.session_drafts) returns jsonb
language sql immutable security invoker set search_path = ''
as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'type', 'draft.saved', 'version', d.version, 'current', d.current, 'author', d.author, 'step', d.step,
    'word_count', d.word_count, 'scores', d.scores))
$$;
comment on function public.draft_event(public.session_drafts) is 'The service: the draft.saved event of a draft. Locks nothing.';

create function public.append_draft(
  p_session_id uuid, p_owner uuid, p_version integer, p_author text, p_content text, p_word_count integer,
  p_current boolean default true, p_step text default null, p_scores jsonb default null, p_epoch integer default null
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
  d public.session_drafts;
begin
  if p_epoch is not null then
    perform public.check_epoch(s.epoch, p_epoch);
  end if;
  select * into d from public.session_drafts where session_id = s.id and version = p_version;
  if found and d.content = p_content then
    return jsonb_build_object('draft', public.draft_json(d), 'events', '[]'::jsonb);
  end if;
  if p_version <> s.draft_count + 1 then
    raise sqlstate 'PT409' using message =
      format('Draft %s is not the next: the newest is %s.', p_version, s.draft_count);
  end if;
  if p_current then
    update public.session_drafts set current = false where session_id = s.id and current;
  end if;
  insert into public.session_drafts (session_id, user_id, version, current, author, step, content, word_count, scores)
  values (s.id, s.user_id, p_version, p_current, p_author, p_step, p_content, p_word_count, p_scores)
  returning * into d;
  update public.story_sessions set
    draft_count = p_version, draft_version = case when p_current then p_version else draft_version end,
    updated_at = now(), last_activity_at = now(), expires_at = now() + make_interval(secs => ttl_s)
  where id = s.id;
  return jsonb_build_object('draft', public.draft_json(d),
    'events', public.tell(s, jsonb_build_array(public.draft_event(d)), p_epoch));
end
$$;
comment on function public.append_draft(uuid, uuid, integer, text, text, integer, boolean, text, jsonb, integer) is
  'The service for p_owner: the next version; PT409 where p_version is not the next, the same again answers the same draft.';

create function public.check_epoch(p_held integer, p_epoch integer) returns void
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  if p_held <> p_epoch then
    raise sqlstate 'PT409' using message = 'A newer run has taken this session over.', hint = 'fenced';
  end if;
end
$$;
comment on function public.check_epoch(integer, integer) is 'The service: PT409 with hint fenced where a newer run holds the session.';

create function public.expire_sessions(p_limit integer default 100) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  due public.story_sessions;
  s public.story_sessions;
  expired jsonb := '[]';
begin
  for due in
    select * from public.story_sessions
    where status in ('active', 'awaiting_approval', 'paused') and expires_at <= now()
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
comment on function public.expire_sessions(integer) is
  'The service''s sweep: ends up to p_limit sessions whose time is over, skipping rows that others hold.';

revoke execute on function
  public.owned_session(uuid, uuid), public.add_events(public.story_sessions, jsonb), public.events_since(uuid, integer),
  public.tell(public.story_sessions, jsonb, integer), public.number_outside(public.story_sessions),
  public.message_event(public.session_messages), public.activity(timestamptz),
  public.create_session(uuid, text, text, text, text, jsonb, text, integer, text, jsonb),
  public.change_status(uuid, uuid, text, text[], text, jsonb), public.rename_session(uuid, uuid, text, integer),
  public.delete_session(uuid, uuid),
  public.append_message(uuid, uuid, uuid, text, text, integer, text, text, jsonb, text, integer, numeric), public.append_messages(jsonb),
  public.append_draft(uuid, uuid, integer, text, text, integer, boolean, text, jsonb, integer),
  public.draft_event(public.session_drafts), public.check_epoch(integer, integer), public.expire_sessions(integer)
  from public, anon, authenticated, service_role;
grant execute on function
  public.owned_session(uuid, uuid), public.add_events(public.story_sessions, jsonb), public.events_since(uuid, integer),
  public.tell(public.story_sessions, jsonb, integer), public.number_outside(public.story_sessions),
  public.message_event(public.session_messages), public.activity(timestamptz),
  public.create_session(uuid, text, text, text, text, jsonb, text, integer, text, jsonb),
  public.change_status(uuid, uuid, text, text[], text, jsonb), public.rename_session(uuid, uuid, text, integer),
  public.delete_session(uuid, uuid),
  public.append_message(uuid, uuid, uuid, text, text, integer, text, text, jsonb, text, integer, numeric), public.append_messages(jsonb),
  public.append_draft(uuid, uuid, integer, text, text, integer, boolean, text, jsonb, integer),
  public.draft_event(public.session_drafts), public.check_epoch(integer, integer), public.expire_sessions(integer)
  to service_role;
