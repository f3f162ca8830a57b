-- Links that show a session's story to whoever has them. Of a link's token only the SHA-256 is kept.

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261121001200' $$;

create table public.session_shares (
  id uuid primary key,
  session_id uuid not null references public.story_sessions (id) on delete cascade,
  user_id uuid not null,
  token_hash text not null unique check (token_hash ~ '^[0-9a-f]{64}$'),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz
);
comment on table public.session_shares is
  'One row a link. token_hash is the SHA-256 of its token, which is kept nowhere; users read none of it but through the service.';
create index session_shares_by_session on public.session_shares (session_id, created_at desc);
create index session_shares_by_user on public.session_shares (user_id, id);

alter table public.session_shares enable row level security;
revoke all on public.session_shares from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.session_shares to service_role;

create function public.share_json(h public.session_shares) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object('id', h.id, 'session_id', h.session_id, 'created_at', h.created_at,
    'expires_at', h.expires_at, 'revoked_at', h.revoked_at)
$$;
comment on function public.share_json(public.session_shares) is
  'The service: what the owner of a link may see of it. Locks nothing.';

create function public.create_share(
  p_id uuid, p_session_id uuid, p_owner uuid, p_token_hash text, p_ttl_s integer, p_most integer
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
  h public.session_shares;
begin
  select * into h from public.session_shares where id = p_id and session_id = s.id;
  if found then
    return public.share_json(h);
  end if;
  if s.draft_version = 0 then
    raise sqlstate 'PT409' using message = 'The story has no draft yet, so there is nothing to share. Try again in a while.';
  end if;
  -- Links that are over make room, the oldest first, so that a session never has more than p_most rows.
  delete from public.session_shares where id in (
    select d.id from public.session_shares d where d.session_id = s.id and (d.revoked_at is not null or d.expires_at <= now())
    order by d.created_at
    limit greatest((select count(*) from public.session_shares c where c.session_id = s.id) - p_most + 1, 0));
  if (select count(*) from public.session_shares c where c.session_id = s.id) >= p_most then
    raise sqlstate 'PT409' using message = format(
      'The story has as many links as one may have (%s). Revoke one that is no longer needed.', p_most);
  end if;
  insert into public.session_shares (id, session_id, user_id, token_hash, expires_at)
  values (p_id, s.id, s.user_id, p_token_hash, now() + make_interval(secs => p_ttl_s))
  returning * into h;
  return public.share_json(h);
end
$$;
comment on function public.create_share(uuid, uuid, uuid, text, integer, integer) is
  'The service for p_owner: a link to the session''s story for p_ttl_s seconds, or the one that p_id made before; PT404, PT409 before the first draft or over p_most. Locks the session''s row.';

create function public.list_shares(p_owner uuid, p_session_id uuid default null) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
begin
  if p_session_id is not null then
    perform from public.story_sessions where id = p_session_id and user_id = p_owner;
    if not found then
      raise sqlstate 'PT404' using message = 'There is no such session.';
    end if;
  end if;
  return (select coalesce(jsonb_agg(public.share_json(h) order by h.created_at desc, h.id), '[]')
    from public.session_shares h where h.user_id = p_owner and (p_session_id is null or h.session_id = p_session_id));
end
$$;
comment on function public.list_shares(uuid, uuid) is
  'The service for p_owner: the links to one session, or PT404, or to all of theirs, newest first. Locks nothing.';

create function public.revoke_share(p_id uuid, p_session_id uuid, p_owner uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  h public.session_shares;
begin
  update public.session_shares set revoked_at = coalesce(revoked_at, now())
  where id = p_id and session_id = p_session_id and user_id = p_owner
  returning * into h;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such link.';
  end if;
  return public.share_json(h);
end
$$;
comment on function public.revoke_share(uuid, uuid, uuid) is
  'The service for p_owner: their link shows nothing from now on; again changes nothing; PT404 where it is not theirs. Locks its row.';

create function public.read_share(p_token_hash text) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  answer jsonb;
begin
  select jsonb_build_object('title', s.title, 'content', d.content, 'word_count', d.word_count,
    'created_at', d.created_at, 'language', s.config ->> 'language') into answer
  from public.session_shares h
  join public.story_sessions s on s.id = h.session_id
  join public.session_drafts d on d.session_id = s.id and d.current
  where h.token_hash = p_token_hash and h.revoked_at is null and h.expires_at > now();
  if answer is null then
    raise sqlstate 'PT404' using message = 'There is no story behind this link: it may have expired or been revoked.';
  end if;
  return answer;
end
$$;
comment on function public.read_share(text) is
  'The service, for anybody with a link''s token: the story as it is now and nothing else, or PT404 whatever the reason. Locks nothing.';

revoke execute on function
  public.share_json(public.session_shares), public.create_share(uuid, uuid, uuid, text, integer, integer),
  public.list_shares(uuid, uuid), public.revoke_share(uuid, uuid, uuid), public.read_share(text)
  from public, anon, authenticated, service_role;
grant execute on function
  public.share_json(public.session_shares), public.create_share(uuid, uuid, uuid, text, integer, integer),
  public.list_shares(uuid, uuid), public.revoke_share(uuid, uuid, uuid), public.read_share(text)
  to service_role;
