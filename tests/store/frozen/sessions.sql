-- A database of 2026-11-29 with something in every table: sessions of every status, a fork, an edit, alternatives, a share,
-- keys, sign-ins, an erasure, the audit. Made with the functions of the frozen migrations; it never changes.

create function pg_temp.begun(p_owner uuid, p_name text) returns uuid language plpgsql as $$
declare
  made uuid;
begin
  made := public.create_session(p_user_id => p_owner, p_kind => 'story', p_title => null,
    p_prompt => 'A bell under water: ' || p_name, p_template => 'short-story', p_config => '{"pages": 2}',
    p_model => 'offline:storyteller', p_ttl_s => 7200, p_request_id => p_name, p_progress => '{"percent": 0}')
    -> 'session' ->> 'id';
  return made;
end
$$;

create function pg_temp.step(p_id uuid, p_step text, p_more jsonb) returns void language plpgsql as $$
declare
  seq integer := (select max(e.seq) from public.session_events e where e.session_id = p_id);
  epoch integer := (select s.epoch from public.story_sessions s where s.id = p_id);
begin
  perform public.finish_step(p_id, epoch,
    jsonb_build_array(jsonb_build_object('type', 'step.started', 'seq', seq + 1, 'at', '2026-11-29T00:00:00Z', 'step', p_step,
      'stage', 'drafting', 'agent', 'writer', 'attempt', 1)),
    jsonb_build_object('step', p_step, 'stage', 'drafting', 'agent', 'writer', 'attempt', 1,
      'started_at', '2026-11-29T00:00:00Z', 'duration_ms', 5, 'tokens', 3, 'cost_usd', 0.01, 'message_id', gen_random_uuid(),
      'content', 'Text of ' || p_step || ' — “日本語”.', 'model', 'm', 'output', null, 'progress', '{"percent": 10}'::jsonb,
      'after_seq', seq + 1, 'delta_from', seq + 2) || p_more);
end
$$;

do $$
declare
  writer constant uuid := '00000000-0000-4000-8000-0000000000a1';
  other constant uuid := '00000000-0000-4000-8000-0000000000a2';
  admin constant uuid := '00000000-0000-4000-8000-0000000000ad';
  draft constant jsonb := '{"draft": {"content": "It rang.", "word_count": 2, "current": true}}';
  status text;
  one uuid;
  done uuid;
begin
  perform public.local_sign_in(writer, false, '{"provider": "local"}');
  perform public.local_sign_in(other, true, '{"provider": "local"}');
  perform public.local_sign_in(admin, false, '{"provider": "local", "role": "admin"}');
  perform public.begin_sign_in(gen_random_uuid(), other, repeat('ab', 32), 3600);
  perform public.note_erasure(gen_random_uuid(), now(), 3600);
  perform public.put_user_key(writer, 'openai', 'a sealed key', 'wxyz');
  perform public.note_origin(other, 'an address, hashed');
  perform public.beat(p_node => 'node', p_about => '{"version": "0.1.0"}', p_held => '{}', p_dead_s => 20);
  foreach status in array array['active', 'awaiting_approval', 'paused', 'completed', 'failed', 'cancelled', 'expired'] loop
    one := pg_temp.begun(case status when 'expired' then other else writer end, status);
    perform public.begin_run(one, 'node');
    perform pg_temp.step(one, 'draft-1', draft);
    perform public.steer(one, (select s.user_id from public.story_sessions s where s.id = one), gen_random_uuid(), 'More rain.');
    perform public.number_changes(one, 1, '[]');
    case status
      when 'active' then
        perform public.append_events(one, 1, jsonb_build_array(jsonb_build_object('type', 'agent.delta',
          'seq', (select max(e.seq) + 1 from public.session_events e where e.session_id = one), 'at', '2026-11-29T00:00:00Z',
          'message_id', 'm', 'agent', 'writer', 'attempt', 1, 'offset', 0, 'text', 'It', 'parts', jsonb_build_array(2))));
      when 'awaiting_approval' then
        perform public.open_gate(one, 1, '[]', jsonb_build_object('step', 'approve-draft', 'stage', 'review', 'gate', 'draft',
          'content', 'It rang.', 'draft_version', 1, 'progress', '{"percent": 50}'::jsonb,
          'after_seq', (select max(e.seq) from public.session_events e where e.session_id = one)));
      when 'completed' then
        perform public.complete_session(one, null, 1);
        done := one;
      when 'failed' then
        perform public.fail_session(one, null, '{"code": "model_failed", "message": "No model."}', 1, 'draft-2');
      when 'expired' then
        perform public.end_as_admin(one, admin, 'expired', 'It names a neighbour.');
      else
        perform public.change_status(one, writer, status, array['active'], 'asked');
    end case;
  end loop;
  perform public.append_message(done, writer, gen_random_uuid(), 'user', 'Thanks.');
  perform public.add_alternatives(done, writer, 1, 0, 2, 'It', 'Say what.', jsonb_build_array(
    jsonb_build_object('id', gen_random_uuid(), 'content', 'The bell', 'model', 'm', 'tokens', 2, 'cost_usd', 0.01)));
  perform public.edit_draft(done, writer, 1, 'The bell rang.', 3, null);
  perform public.create_share(gen_random_uuid(), done, writer, repeat('cd', 32), 3600, 5);
  perform public.fork_session(done, writer, array['draft-1'], 'draft-1', 'A fork', '{"pages": 2}', '{}', '{"percent": 10}', '{}',
    1, 'offline:storyteller', 7200, 'paused', 'fork');
  perform public.note_inspection(done, admin);
  one := pg_temp.begun(other, 'deleted');
  perform public.delete_as_admin(one, admin);
  perform public.set_limits('{"day_tokens": 1000000}');
  perform public.count_bytes(writer);
end
$$;
