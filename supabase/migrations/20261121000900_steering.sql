-- What a writer does to a story that is under way, from whichever node. service_role alone may call these, for p_owner.

create function public.pause_session(p_session_id uuid, p_owner uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
begin
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
comment on function public.pause_session(uuid, uuid) is
  'The service for p_owner: pauses a session, after the step at hand where one runs. Locks the session''s row.';

create function public.steer(p_session_id uuid, p_owner uuid, p_id uuid, p_text text) returns json
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
begin
  if s.status in ('completed', 'cancelled') then
    raise sqlstate 'PT409' using message = format('The story is %s: there is no next step for a note.', s.status);
  end if;
  return public.append_message(p_session_id, p_owner, p_id, 'user', p_text, p_metadata => '{"note": true}');
end
$$;
comment on function public.steer(uuid, uuid, uuid, text) is
  'The service for p_owner: a note for the next step; the same id again answers the same message. Locks the session''s row.';

create function public.answer_gate(
  p_session_id uuid, p_owner uuid, p_step text, p_approved boolean, p_comment text, p_call uuid
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
  t public.session_steps;
  said json;
  told jsonb := '[]';
begin
  select * into t from public.session_steps where session_id = s.id and step = p_step;
  if t.output ->> 'call' = p_call::text then
    return jsonb_build_object('changed', false, 'session', public.session_json(s), 'events', '[]'::jsonb);
  end if;
  if s.status <> 'awaiting_approval' then
    raise sqlstate 'PT409' using message = 'The story does not wait for an approval.';
  end if;
  if t.step is null or t.status <> 'running' then
    raise sqlstate 'PT409' using message = format('The story waits for an answer to %s, not to that.',
      (select step from public.session_steps where session_id = s.id and status = 'running' order by position desc limit 1));
  end if;
  update public.session_steps set
    status = 'done', finished_at = now(), duration_ms = least(extract(epoch from now() - started_at) * 1000, 2147483647)::integer,
    output = jsonb_build_object('approved', p_approved, 'comment', p_comment, 'call', p_call)
  where session_id = s.id and step = p_step;
  if p_comment is not null then
    said := public.append_message(p_session_id, p_owner, p_call, 'user', p_comment, p_step => p_step,
      p_metadata => jsonb_build_object('approved', p_approved));
    -- No run holds what waits for an answer: it has its number.
    told := jsonb_build_array((said -> 'event')::jsonb || jsonb_build_object('message', said -> 'message'));
  end if;
  update public.story_sessions set
    status = 'active', epoch = epoch + 1, queued_at = now(), queue_place = null, error = null, updated_at = now(),
    last_activity_at = now(), expires_at = now() + make_interval(secs => ttl_s)
  where id = s.id returning * into s;
  told := told || public.add_events(s, jsonb_build_array(jsonb_build_object('type', 'session.status', 'status', 'active',
    'reason', case when p_approved then 'approved' else 'rejected' end)));
  -- It may have been answered where nothing runs, as on the command line.
  perform pg_notify('storyloom', 'queue');
  return jsonb_build_object('changed', true, 'session', public.session_json(s), 'events', told);
end
$$;
comment on function public.answer_gate(uuid, uuid, text, boolean, text, uuid) is
  'The service for p_owner: the answer to a gate, once; the story then waits for its run. PT409 where that gate does not wait. Locks the session''s row.';

create function public.set_budget(p_session_id uuid, p_owner uuid, p_budget jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
begin
  if s.status in ('completed', 'cancelled') then
    raise sqlstate 'PT409' using message = format('The story is %s: a budget changes nothing.', s.status);
  end if;
  update public.story_sessions set
    config = case when p_budget is null then config - 'budget' else config || jsonb_build_object('budget', p_budget) end,
    updated_at = now()
  where id = s.id returning * into s;
  if s.node is not null then
    perform pg_notify('storyloom', 'change:' || s.id);
  end if;
  return jsonb_build_object('session', public.session_json(s), 'events', '[]'::jsonb);
end
$$;
comment on function public.set_budget(uuid, uuid, jsonb) is
  'The service for p_owner: what a session may use, null for no limit; a run reads it before its next step. Locks the session''s row.';

create function public.wake(p_ids uuid[]) returns void
language plpgsql security invoker set search_path = ''
as $$
declare
  first integer;
begin
  -- A notification holds 8,000 bytes, an id 36.
  for first in select generate_series(1, cardinality(p_ids), 200) loop
    perform pg_notify('storyloom', 'events:' || array_to_string(p_ids[first : first + 199], ','));
  end loop;
end
$$;
comment on function public.wake(uuid[]) is 'The service: tells the other nodes whose sessions'' events are stored. Locks nothing.';

revoke execute on function
  public.pause_session(uuid, uuid), public.steer(uuid, uuid, uuid, text), public.answer_gate(uuid, uuid, text, boolean, text, uuid),
  public.set_budget(uuid, uuid, jsonb), public.wake(uuid[])
  from public, anon, authenticated, service_role;
grant execute on function
  public.pause_session(uuid, uuid), public.steer(uuid, uuid, uuid, text), public.answer_gate(uuid, uuid, text, boolean, text, uuid),
  public.set_budget(uuid, uuid, jsonb), public.wake(uuid[])
  to service_role;

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261121000900' $$;
