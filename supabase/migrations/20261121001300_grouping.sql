-- Many writes of a node in one call.

create function public.write_many(p_calls jsonb) returns json
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
        when 'complete_session' then public.complete_session(
          (a ->> 'p_session_id')::uuid, (a ->> 'p_owner')::uuid, (a ->> 'p_epoch')::integer)
        when 'append_message' then public.append_message(
          (a ->> 'p_session_id')::uuid, (a ->> 'p_owner')::uuid, (a ->> 'p_id')::uuid, a ->> 'p_role', a ->> 'p_content',
          (a ->> 'p_epoch')::integer, a ->> 'p_agent', a ->> 'p_step', a -> 'p_metadata', a ->> 'p_model',
          (a ->> 'p_tokens')::integer, (a ->> 'p_cost_usd')::numeric)
        when 'create_session' then public.create_session(
          (a ->> 'p_user_id')::uuid, a ->> 'p_kind', a ->> 'p_title', a ->> 'p_prompt', a ->> 'p_template', a -> 'p_config',
          a ->> 'p_model', (a ->> 'p_ttl_s')::integer, a ->> 'p_request_id', a -> 'p_progress')
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
comment on function public.write_many(jsonb) is
  'The service: several writes in order and in one transaction, each standing or failing alone: [{function, args}] answers [{answer} or {code, message, hint}]. Locks what they lock.';

revoke execute on function public.write_many(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.write_many(jsonb) to service_role;

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261121001300' $$;
