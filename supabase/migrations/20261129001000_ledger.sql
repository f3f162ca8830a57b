-- The continuity ledger: what a writer says of its findings. A word of theirs is a message of the session, which is kept,
-- told, forked and erased with it; what it settles stands in its metadata.

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261129001000' $$;

create function public.settled_findings(p_session_id uuid) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(distinct m.metadata ->> 'settles'), '[]') from public.session_messages m
  where m.session_id = p_session_id and m.role = 'user' and m.metadata ? 'settles'
$$;
comment on function public.settled_findings(uuid) is
  'Users and the service: the ids of the ledger''s findings that the session''s writer has said to leave; none of a session that is not theirs. Locks nothing.';

create function public.get_ledger(p_session_id uuid) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select public.get_work(p_session_id) || jsonb_build_object('settled', public.settled_findings(p_session_id))
$$;
comment on function public.get_ledger(uuid) is
  'Users and the service: what a session has done so far, and what its writer has settled of what its ledger finds, or PT404. Locks nothing.';

create function public.settle_finding(p_session_id uuid, p_owner uuid, p_id uuid, p_finding text, p_text text) returns json
language sql security invoker set search_path = ''
as $$
  select public.append_message(p_session_id, p_owner, p_id, 'user', p_text,
    p_metadata => jsonb_build_object('settles', p_finding))
$$;
comment on function public.settle_finding(uuid, uuid, uuid, text, text) is
  'The service for p_owner: the writer''s word that a finding of the ledger is to be left; the same id again answers the same message. Locks the session''s row.';

revoke execute on function
  public.settled_findings(uuid), public.get_ledger(uuid), public.settle_finding(uuid, uuid, uuid, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.settled_findings(uuid), public.get_ledger(uuid) to authenticated, service_role;
grant execute on function public.settle_finding(uuid, uuid, uuid, text, text) to service_role;
