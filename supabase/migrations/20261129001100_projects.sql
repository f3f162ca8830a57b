-- Projects: what sessions share, and who takes part in it. A member reads what is in a project, an editor takes part in its
-- sessions, an owner decides over it. Of an invitation's token only the SHA-256 is kept.

create or replace function public.schema_version() returns text
language sql stable security invoker set search_path = ''
as $$ select '20261129001100' $$;

-- -- Tables ------------------------------------------------------------------------------------------------------------

create table public.projects (
  id uuid primary key,
  user_id uuid not null,
  name text not null check (char_length(name) between 1 and 200),
  description text not null default '' check (char_length(description) <= 2000),
  instructions text not null default '' check (char_length(instructions) <= 10000),
  bible jsonb not null default '{}',
  dismissed jsonb not null default '[]',
  defaults jsonb not null default '{}',
  retention jsonb,
  members integer not null default 0,
  version integer not null default 1,
  archived_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
comment on table public.projects is 'What sessions share: instructions, bible, defaults. Nothing begins in one that is archived.';
comment on column public.projects.user_id is
  'One of its owners, for whom it counts. Without a foreign key: where that user goes, it is handed to another owner.';
comment on column public.projects.bible is
  '{people, places, rules, facts}, each a list of entries as coordinator/story/canon.py has them: with an id and the source.';
comment on column public.projects.dismissed is 'Ids of what stories have offered to the bible and nobody wanted, the newest last.';
comment on column public.projects.retention is 'For how long what ends in it is kept; null for as long as elsewhere.';
comment on column public.projects.members is 'How many rows of user_projects it has, kept by a trigger.';
comment on column public.projects.version is 'The next with each change of name, description, instructions, defaults or archived_at.';
create index projects_by_user on public.projects (user_id);

create table public.user_projects (
  user_id uuid not null references auth.users (id) on delete cascade,
  project_id uuid not null references public.projects (id) on delete cascade,
  role text not null check (role in ('owner', 'editor', 'viewer')),
  created_at timestamptz not null default now(),
  primary key (user_id, project_id)
);
comment on table public.user_projects is 'One row a member of a project. A user reads their own rows alone; the service tells members of each other.';
create index user_projects_by_project on public.user_projects (project_id, created_at);

create table public.project_invites (
  id uuid primary key,
  project_id uuid not null references public.projects (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  role text not null check (role in ('editor', 'viewer')),
  token_hash text not null unique check (token_hash ~ '^[0-9a-f]{64}$'),
  uses_left integer check (uses_left >= 0),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz
);
comment on table public.project_invites is
  'One row a link that makes a member of whoever has it. token_hash is the SHA-256 of its token, which is kept nowhere; users read none of it but through the service.';
comment on column public.project_invites.user_id is 'Who made it.';
comment on column public.project_invites.uses_left is 'Null for any number.';
create index project_invites_by_project on public.project_invites (project_id, created_at desc);
create index project_invites_by_user on public.project_invites (user_id, id);

alter table public.story_sessions add column project_id uuid references public.projects (id) on delete set null;
create index story_sessions_by_project on public.story_sessions (project_id, last_activity_at desc, id desc)
  where project_id is not null;

create table public.session_materials (
  session_id uuid primary key references public.story_sessions (id) on delete cascade,
  user_id uuid not null,
  instructions text not null,
  bible jsonb not null
);
comment on table public.session_materials is
  'What a session has begun with of its project, as that was then: so it goes on from the same, whatever becomes of the project. Written once.';

alter table public.projects enable row level security;
alter table public.user_projects enable row level security;
alter table public.project_invites enable row level security;
alter table public.session_materials enable row level security;

revoke all on public.projects, public.user_projects, public.project_invites, public.session_materials
  from public, anon, authenticated, service_role;
grant select on public.projects, public.user_projects, public.session_materials to authenticated;
grant select, insert, update, delete on public.projects, public.user_projects, public.project_invites, public.session_materials
  to service_role;

-- -- Who reads what ----------------------------------------------------------------------------------------------------

-- Of memberships everybody reads their own alone: a policy that looked at those of others would have to ask itself.
create policy "A user reads their own memberships, an admin reads all" on public.user_projects
  for select to authenticated using (user_id = (select auth.uid()) or (select public.is_admin()));
create policy "A member reads their projects, an admin reads all" on public.projects
  for select to authenticated using (
    id in (select m.project_id from public.user_projects m where m.user_id = (select auth.uid()))
    or (select public.is_admin()));

-- One's own rows are known by themselves: the other ways are not even begun for them.
drop policy "A writer reads their own sessions, an admin reads all" on public.story_sessions;
create policy "A writer, a project's members and an admin read sessions" on public.story_sessions
  for select to authenticated using (
    user_id = (select auth.uid()) or (select public.is_admin())
    or project_id in (select m.project_id from public.user_projects m where m.user_id = (select auth.uid())));

create function public.shares_session(p_session_id uuid) returns boolean
language plpgsql stable parallel safe security invoker set search_path = ''
as $$
begin
  -- The policy of sessions decides whether it is seen at all.
  return exists (select from public.story_sessions s where s.id = p_session_id and s.project_id is not null);
end
$$;
comment on function public.shares_session(uuid) is
  'Users and the service: whether a session is of a project and the caller may read it. Locks nothing.';

-- What hangs on a session of a project is read by whoever reads the session. A function, and not its query: that would be
-- made ready with every statement, also where all rows are one's own.
drop policy "A writer reads their own messages, an admin reads all" on public.session_messages;
drop policy "A writer reads their own drafts, an admin reads all" on public.session_drafts;
drop policy "A writer reads their own steps, an admin reads all" on public.session_steps;
drop policy "A writer reads their own events, an admin reads all" on public.session_events;
drop policy "A writer reads their own stories, an admin reads all" on public.stories;
drop policy "A writer reads their own alternatives, an admin reads all" on public.session_alternatives;
create policy "A writer, a project's members and an admin read messages" on public.session_messages
  for select to authenticated using (
    user_id = (select auth.uid()) or (select public.is_admin())
    or public.shares_session(session_id));
create policy "A writer, a project's members and an admin read drafts" on public.session_drafts
  for select to authenticated using (
    user_id = (select auth.uid()) or (select public.is_admin())
    or public.shares_session(session_id));
create policy "A writer, a project's members and an admin read steps" on public.session_steps
  for select to authenticated using (
    user_id = (select auth.uid()) or (select public.is_admin())
    or public.shares_session(session_id));
create policy "A writer, a project's members and an admin read events" on public.session_events
  for select to authenticated using (
    user_id = (select auth.uid()) or (select public.is_admin())
    or public.shares_session(session_id));
create policy "A writer, a project's members and an admin read stories" on public.stories
  for select to authenticated using (
    user_id = (select auth.uid()) or (select public.is_admin())
    or public.shares_session(session_id));
create policy "A writer, a project's members and an admin read alternatives" on public.session_alternatives
  for select to authenticated using (
    user_id = (select auth.uid()) or (select public.is_admin())
    or public.shares_session(session_id));
create policy "A writer, a project's members and an admin read materials" on public.session_materials
  for select to authenticated using (
    user_id = (select auth.uid()) or (select public.is_admin())
    or public.shares_session(session_id));

-- -- Members -----------------------------------------------------------------------------------------------------------

-- Runs as its owner because GoTrue, which deletes users and with them their memberships, has no right to projects.
create function public.keep_members() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
  heir uuid;
begin
  if tg_op = 'INSERT' then
    update public.projects set members = members + 1 where id = new.project_id;
    return null;
  end if;
  -- Who watched its sessions is looked at anew, on every node.
  perform pg_notify('storyloom', 'sight');
  update public.projects set members = members - 1 where id = old.project_id;
  if not found or old.role <> 'owner' then
    return null;
  end if;
  select m.user_id into heir from public.user_projects m
  where m.project_id = old.project_id and m.role = 'owner' order by m.created_at, m.user_id limit 1;
  if heir is null then
    delete from public.projects where id = old.project_id;
  else
    update public.projects set user_id = heir where id = old.project_id and user_id = old.user_id;
  end if;
  return null;
end
$$;
comment on function public.keep_members() is
  'A trigger on user_projects: a project knows how many members it has, goes on with another owner where one leaves, and goes with its last. Locks the project''s row; nobody may call it.';
create trigger storyloom_keep_members after insert or delete on public.user_projects
  for each row execute function public.keep_members();

create function public.project_role(p_project_id uuid, p_user_id uuid) returns text
language sql stable security invoker set search_path = ''
as $$
  select m.role from public.user_projects m where m.user_id = p_user_id and m.project_id = p_project_id
$$;
comment on function public.project_role(uuid, uuid) is
  'The service: what p_user_id is in a project, owner, editor or viewer, or null. Locks nothing.';

create function public.check_project(
  p_project_id uuid, p_user_id uuid, p_least text default 'editor', p_open boolean default true
) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  role text := public.project_role(p_project_id, p_user_id);
begin
  if role is null then
    raise sqlstate 'PT404' using message = 'There is no such project.';
  end if;
  if p_least = 'owner' and role <> 'owner' then
    raise sqlstate 'PT403' using message = 'Only an owner of the project may do that.';
  end if;
  if p_least = 'editor' and role = 'viewer' then
    raise sqlstate 'PT403' using message = 'You may read this project and not change it: ask one of its owners to make you an editor.';
  end if;
  if p_open and exists (select from public.projects p where p.id = p_project_id and p.archived_at is not null) then
    raise sqlstate 'PT409' using message = 'The project is archived: unarchive it first.';
  end if;
  return jsonb_build_object('role', role);
end
$$;
comment on function public.check_project(uuid, uuid, text, boolean) is
  'The service for p_user_id: PT404 for who is no member, PT403 for one who is less than p_least, PT409 where the project is archived and p_open; else their role. Locks nothing.';

create function public.check_session(p_session_id uuid, p_owner uuid, p_least text default 'editor') returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s record;
  role text;
begin
  select o.user_id, o.project_id into s from public.story_sessions o where o.id = p_session_id;
  if found and (p_owner is null or s.user_id = p_owner) then
    return '{"role": "writer"}';
  end if;
  role := public.project_role(s.project_id, p_owner);
  if role is null then
    raise sqlstate 'PT404' using message = 'There is no such session.';
  end if;
  if p_least = 'writer' then
    raise sqlstate 'PT403' using message = 'Only the writer of this session may do that.';
  end if;
  if p_least = 'owner' and role <> 'owner' then
    raise sqlstate 'PT403' using message = 'Only the writer of this session, or an owner of its project, may do that.';
  end if;
  if role = 'viewer' then
    raise sqlstate 'PT403' using message = 'You may read this session and not change it: ask an owner of its project to make you an editor.';
  end if;
  return jsonb_build_object('role', role);
end
$$;
comment on function public.check_session(uuid, uuid, text) is
  'The service for p_owner: PT404 where the session is neither theirs nor of a project of theirs, PT403 where it takes more than they are there: its writer may do all, others what p_least (editor or owner of the project, or writer for none of them) lets them; else their role. Locks nothing.';

create or replace function public.owned_session(p_session_id uuid, p_owner uuid) returns public.story_sessions
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions;
begin
  select * into s from public.story_sessions
  where id = p_session_id and (p_owner is null or user_id = p_owner)
  for update;
  if not found then
    perform public.check_session(p_session_id, p_owner);
    select * into s from public.story_sessions where id = p_session_id for update;
    if not found then
      raise sqlstate 'PT404' using message = 'There is no such session.';
    end if;
  end if;
  return s;
end
$$;
comment on function public.owned_session(uuid, uuid) is
  'The service: the session for its writer, or an editor of its project, its row locked until the transaction ends, or PT404, PT403.';

create function public.sole_session(p_session_id uuid, p_owner uuid) returns public.story_sessions
language plpgsql security invoker set search_path = ''
as $$
begin
  perform public.check_session(p_session_id, p_owner, 'owner');
  return public.owned_session(p_session_id, p_owner);
end
$$;
comment on function public.sole_session(uuid, uuid) is
  'The service: as owned_session, for the session''s writer or an owner of its project alone.';

-- -- Projects ----------------------------------------------------------------------------------------------------------

create function public.project_json(p_project_id uuid) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  -- Column by column: a whole row would bring its bible along.
  select jsonb_build_object('id', p.id, 'user_id', p.user_id, 'name', p.name, 'description', p.description,
    'instructions', p.instructions, 'defaults', p.defaults, 'members', p.members, 'version', p.version,
    'archived_at', p.archived_at, 'created_at', p.created_at, 'updated_at', p.updated_at)
  from public.projects p where p.id = p_project_id
$$;
comment on function public.project_json(uuid) is
  'Users and the service: a project as the wire shows it, without its bible, or null. Locks nothing.';

create function public.own_role(p_project_id uuid) returns text
language sql stable security invoker set search_path = ''
as $$
  select m.role from public.user_projects m where m.user_id = (select auth.uid()) and m.project_id = p_project_id
$$;
comment on function public.own_role(uuid) is 'Users and the service: what the caller is in a project, or null. Locks nothing.';

create function public.get_project(p_project_id uuid) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  found_project jsonb := public.project_json(p_project_id);
begin
  if found_project is null then
    raise sqlstate 'PT404' using message = 'There is no such project.';
  end if;
  return found_project || jsonb_build_object('role', public.own_role(p_project_id));
end
$$;
comment on function public.get_project(uuid) is
  'Users and the service: a project with the caller''s role in it, null for an admin who has none, or PT404. Locks nothing.';

create function public.list_projects(
  p_q text default null, p_archived boolean default null, p_limit integer default 20, p_cursor text default null
) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  before_at timestamptz;
  before_id uuid;
  wanted text := public.search_text(left(p_q, 1000));
  items jsonb;
  last_row jsonb;
begin
  select m.before_at, m.before_id into before_at, before_id from public.moment_of(p_cursor) m;
  select coalesce(jsonb_agg(public.project_json(page.id) || jsonb_build_object('role', page.role)
    order by page.updated_at desc, page.id desc), '[]') into items
  from (
    select p.id, p.updated_at, own.role
    from public.user_projects own join public.projects p on p.id = own.project_id
    where own.user_id = (select auth.uid())
      and (p_archived is null or (p.archived_at is not null) = p_archived)
      and (before_at is null or (p.updated_at, p.id) < (before_at, before_id))
      and (p_q is null or (wanted <> '' and strpos(public.search_text(p.name || ' ' || p.description), wanted) > 0))
    order by p.updated_at desc, p.id desc
    limit p_limit + 1
  ) page;
  if jsonb_array_length(items) <= p_limit then
    return jsonb_build_object('items', items, 'next_cursor', null);
  end if;
  items := items - p_limit;
  last_row := items -> -1;
  return jsonb_build_object('items', items,
    'next_cursor', public.moment_cursor((last_row ->> 'updated_at')::timestamptz, (last_row ->> 'id')::uuid));
end
$$;
comment on function public.list_projects(text, boolean, integer, text) is
  'Users: the projects that the caller is a member of, with their role, changed last first; p_q is a part of name or description. Locks nothing.';

create function public.create_project(
  p_id uuid, p_user_id uuid, p_name text, p_description text, p_instructions text, p_defaults jsonb
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  most numeric := public.limit_of('user_projects');
begin
  insert into public.profiles (id) values (p_user_id) on conflict (id) do nothing;
  -- One at a time, so that no two can both be the last.
  perform from public.profiles where id = p_user_id for update;
  if exists (select from public.projects where id = p_id) then
    perform public.check_project(p_id, p_user_id, 'viewer', false);
    return jsonb_build_object('created', false, 'project', public.project_json(p_id)
      || jsonb_build_object('role', public.project_role(p_id, p_user_id)));
  end if;
  if (select count(*) from public.projects where user_id = p_user_id) >= most then
    raise sqlstate 'PT413' using message = format(
      'You have %s projects, as many as one user may have: delete those that you no longer need, then try again.', most);
  end if;
  insert into public.projects (id, user_id, name, description, instructions, defaults)
  values (p_id, p_user_id, p_name, p_description, p_instructions, p_defaults);
  insert into public.user_projects (user_id, project_id, role) values (p_user_id, p_id, 'owner');
  return jsonb_build_object('created', true, 'project', public.project_json(p_id) || '{"role": "owner"}');
end
$$;
comment on function public.create_project(uuid, uuid, text, text, text, jsonb) is
  'The service for p_user_id, who becomes its owner: a new project; the same id again answers the same one; PT413 for one too many. Locks the row of their profile.';

create function public.update_project(
  p_project_id uuid, p_user_id uuid, p_changes jsonb, p_version integer default null
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  held record;
begin
  select p.name, p.description, p.instructions, p.defaults, p.version into held
  from public.projects p where p.id = p_project_id for update;
  perform public.check_project(p_project_id, p_user_id);
  -- The same again, as after a lost answer, changes nothing.
  if not to_jsonb(held) @> p_changes or p_changes -> 'defaults' <> held.defaults then
    if p_version <> held.version then
      raise sqlstate 'PT409' using message =
        format('The project has changed since: version %s is the current one, not %s.', held.version, p_version);
    end if;
    update public.projects set
      name = coalesce(p_changes ->> 'name', name),
      description = coalesce(p_changes ->> 'description', description),
      instructions = coalesce(p_changes ->> 'instructions', instructions),
      defaults = coalesce(p_changes -> 'defaults', defaults),
      version = version + 1, updated_at = now()
    where id = p_project_id;
  end if;
  return public.project_json(p_project_id) || jsonb_build_object('role', public.project_role(p_project_id, p_user_id));
end
$$;
comment on function public.update_project(uuid, uuid, jsonb, integer) is
  'The service for p_user_id, an editor: changes what p_changes names of name, description, instructions and defaults; PT409 where p_version is not the current one. Again changes nothing. Locks the project''s row.';

create function public.archive_project(p_project_id uuid, p_user_id uuid, p_archived boolean) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
  perform from public.projects where id = p_project_id for update;
  perform public.check_project(p_project_id, p_user_id, 'owner', false);
  update public.projects set
    archived_at = case when p_archived then now() end, version = version + 1, updated_at = now()
  where id = p_project_id and (archived_at is not null) <> p_archived;
  return public.project_json(p_project_id) || jsonb_build_object('role', public.project_role(p_project_id, p_user_id));
end
$$;
comment on function public.archive_project(uuid, uuid, boolean) is
  'The service for p_user_id, an owner: nothing begins in the project from now on, or again; again changes nothing. Locks the project''s row.';

create function public.delete_project(
  p_project_id uuid, p_user_id uuid, p_sessions text, p_limit integer default 20
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  batch uuid[] := '{}';
  running uuid;
  kept bigint := 0;
begin
  perform from public.projects where id = p_project_id for update;
  perform public.check_project(p_project_id, p_user_id, 'owner', false);
  if p_sessions = 'delete' then
    select coalesce(array_agg(locked.id), '{}') into batch from (
      select s.id from public.story_sessions s where s.project_id = p_project_id
      order by s.last_activity_at desc, s.id desc limit p_limit for update) locked;
    for running in select s.id from public.story_sessions s where s.id = any (batch) and s.node is not null loop
      perform pg_notify('storyloom', 'change:' || running);
    end loop;
    delete from public.story_sessions where id = any (batch);
    if cardinality(batch) = p_limit then
      return jsonb_build_object('more', true, 'kept', 0, 'session_ids', to_jsonb(batch));
    end if;
  else
    select count(*) into kept from public.story_sessions s where s.project_id = p_project_id;
  end if;
  delete from public.projects where id = p_project_id;
  return jsonb_build_object('more', false, 'kept', kept, 'session_ids', to_jsonb(batch));
end
$$;
comment on function public.delete_project(uuid, uuid, text, integer) is
  'The service for p_user_id, an owner: the project is gone, and its sessions are kept without one, or where p_sessions says delete gone before it, p_limit a call for as long as there is more. Locks the rows of the project and of these sessions.';

-- -- Members -----------------------------------------------------------------------------------------------------------

create function public.member_json(p_project_id uuid, p_member uuid) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object('user_id', m.user_id, 'role', m.role, 'display_name', coalesce(p.display_name, ''),
    'created_at', m.created_at)
  from public.user_projects m left join public.profiles p on p.id = m.user_id
  where m.project_id = p_project_id and m.user_id = p_member
$$;
comment on function public.member_json(uuid, uuid) is 'The service: a member of a project as the others may see them, or null. Locks nothing.';

create function public.list_members(p_project_id uuid, p_user_id uuid) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
begin
  perform public.check_project(p_project_id, p_user_id, 'viewer', false);
  return (select jsonb_agg(public.member_json(p_project_id, m.user_id) order by m.created_at, m.user_id)
    from public.user_projects m where m.project_id = p_project_id);
end
$$;
comment on function public.list_members(uuid, uuid) is
  'The service for p_user_id, a member: all members of the project, who came first first. Locks nothing.';

create function public.check_other_owner(p_project_id uuid, p_member uuid) returns void
language plpgsql stable security invoker set search_path = ''
as $$
begin
  if public.project_role(p_project_id, p_member) = 'owner' and not exists (
    select from public.user_projects m where m.project_id = p_project_id and m.role = 'owner' and m.user_id <> p_member)
  then
    raise sqlstate 'PT409' using message =
      'The project has no other owner: make another member an owner first, or delete the project.';
  end if;
end
$$;
comment on function public.check_other_owner(uuid, uuid) is
  'The service, holding the project''s row lock: PT409 where p_member is its only owner. Locks nothing.';

create function public.change_member(p_project_id uuid, p_user_id uuid, p_member uuid, p_role text) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
  perform from public.projects where id = p_project_id for update;
  perform public.check_project(p_project_id, p_user_id, 'owner', false);
  if p_role <> 'owner' then
    perform public.check_other_owner(p_project_id, p_member);
  end if;
  update public.user_projects set role = p_role where project_id = p_project_id and user_id = p_member;
  if not found then
    raise sqlstate 'PT404' using message = 'The project has no such member.';
  end if;
  -- It counts for one who is an owner.
  update public.projects p set user_id = (
    select m.user_id from public.user_projects m where m.project_id = p_project_id and m.role = 'owner'
    order by m.created_at, m.user_id limit 1)
  where p.id = p_project_id and public.project_role(p_project_id, p.user_id) <> 'owner';
  return public.member_json(p_project_id, p_member);
end
$$;
comment on function public.change_member(uuid, uuid, uuid, text) is
  'The service for p_user_id, an owner: a member''s role; PT409 for the only owner''s. Locks the project''s row.';

create function public.remove_member(p_project_id uuid, p_user_id uuid, p_member uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
  perform from public.projects where id = p_project_id for update;
  perform public.check_project(p_project_id, p_user_id, case when p_member = p_user_id then 'viewer' else 'owner' end, false);
  perform public.check_other_owner(p_project_id, p_member);
  delete from public.user_projects where project_id = p_project_id and user_id = p_member;
  if not found then
    raise sqlstate 'PT404' using message = 'The project has no such member.';
  end if;
  return jsonb_build_object('removed', p_member);
end
$$;
comment on function public.remove_member(uuid, uuid, uuid) is
  'The service for p_user_id, an owner, or a member who leaves: p_member is one no more, and reads what is their own alone; PT409 for the only owner. Locks the project''s row.';

-- -- Invitations -------------------------------------------------------------------------------------------------------

create function public.invite_json(i public.project_invites) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object('id', i.id, 'project_id', i.project_id, 'user_id', i.user_id, 'role', i.role,
    'uses_left', i.uses_left, 'created_at', i.created_at, 'expires_at', i.expires_at, 'revoked_at', i.revoked_at)
$$;
comment on function public.invite_json(public.project_invites) is
  'The service: what the owners of a project may see of an invitation. Locks nothing.';

create function public.create_invite(
  p_id uuid, p_project_id uuid, p_user_id uuid, p_role text, p_token_hash text, p_ttl_s integer, p_uses integer default null
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  most numeric := public.limit_of('project_invites');
  i public.project_invites;
begin
  perform from public.projects where id = p_project_id for update;
  perform public.check_project(p_project_id, p_user_id, 'owner', false);
  select * into i from public.project_invites where id = p_id and project_id = p_project_id;
  if found then
    return public.invite_json(i);
  end if;
  -- Those that are over make room, the oldest first.
  delete from public.project_invites where id in (
    select d.id from public.project_invites d
    where d.project_id = p_project_id and (d.revoked_at is not null or d.expires_at <= now() or d.uses_left = 0)
    order by d.created_at
    limit greatest((select count(*) from public.project_invites c where c.project_id = p_project_id) - most + 1, 0));
  if (select count(*) from public.project_invites c where c.project_id = p_project_id) >= most then
    raise sqlstate 'PT409' using message = format(
      'The project has as many invitations as one may have (%s). Revoke one that is no longer needed.', most);
  end if;
  insert into public.project_invites (id, project_id, user_id, role, token_hash, uses_left, expires_at)
  values (p_id, p_project_id, p_user_id, p_role, p_token_hash, p_uses, now() + make_interval(secs => p_ttl_s))
  returning * into i;
  return public.invite_json(i);
end
$$;
comment on function public.create_invite(uuid, uuid, uuid, text, text, integer, integer) is
  'The service for p_user_id, an owner: a link that makes members for p_ttl_s seconds, p_uses of them or any number, or the one that p_id made before; PT409 for one too many. Locks the project''s row.';

create function public.list_invites(p_user_id uuid, p_project_id uuid default null) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
begin
  if p_project_id is not null then
    perform public.check_project(p_project_id, p_user_id, 'owner', false);
  end if;
  return (select coalesce(jsonb_agg(public.invite_json(i) order by i.created_at desc, i.id), '[]')
    from public.project_invites i
    where case when p_project_id is null then i.user_id = p_user_id else i.project_id = p_project_id end);
end
$$;
comment on function public.list_invites(uuid, uuid) is
  'The service for p_user_id: the invitations of a project, for an owner of it, or all that they have made, newest first. Locks nothing.';

create function public.revoke_invite(p_id uuid, p_project_id uuid, p_user_id uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  i public.project_invites;
begin
  perform public.check_project(p_project_id, p_user_id, 'owner', false);
  update public.project_invites set revoked_at = coalesce(revoked_at, now())
  where id = p_id and project_id = p_project_id returning * into i;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such invitation.';
  end if;
  return public.invite_json(i);
end
$$;
comment on function public.revoke_invite(uuid, uuid, uuid) is
  'The service for p_user_id, an owner: the invitation makes nobody a member from now on; again changes nothing. Locks its row.';

create function public.check_invite(i public.project_invites) returns void
language plpgsql stable security invoker set search_path = ''
as $$
begin
  if i.revoked_at is not null then
    raise sqlstate 'PT410' using message = 'This invitation was taken back: ask for another.';
  end if;
  if i.expires_at <= now() then
    raise sqlstate 'PT410' using message = 'This invitation has expired: ask for another.';
  end if;
  if i.uses_left = 0 then
    raise sqlstate 'PT410' using message = 'This invitation was used already: ask for another.';
  end if;
end
$$;
comment on function public.check_invite(public.project_invites) is 'The service: PT410 with the reason where an invitation is good no more. Locks nothing.';

create function public.is_higher(p_role text, p_than text) returns boolean
language sql immutable security invoker set search_path = ''
as $$
  select coalesce(array_position(array['viewer', 'editor', 'owner'], p_role)
    > coalesce(array_position(array['viewer', 'editor', 'owner'], p_than), 0), false)
$$;
comment on function public.is_higher(text, text) is 'The service: whether a role lets one do more than another, null being none. Locks nothing.';

create function public.read_invite(p_token_hash text, p_user_id uuid) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  i public.project_invites;
  own text;
begin
  select * into i from public.project_invites where token_hash = p_token_hash;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such invitation.';
  end if;
  own := public.project_role(i.project_id, p_user_id);
  if public.is_higher(i.role, own) then
    perform public.check_invite(i);
  end if;
  return (select jsonb_build_object('project_id', i.project_id, 'name', p.name, 'role', i.role, 'expires_at', i.expires_at,
      'member', own)
    from public.projects p where p.id = i.project_id);
end
$$;
comment on function public.read_invite(text, uuid) is
  'The service for p_user_id, who has the link: which project it is to, and what they are there already; PT404, or PT410 where it is good no more for them. Locks nothing.';

create function public.accept_invite(p_token_hash text, p_user_id uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  i public.project_invites;
  own text;
begin
  -- The project first, as everywhere.
  perform from public.projects p
  where p.id = (select g.project_id from public.project_invites g where g.token_hash = p_token_hash) for update;
  select * into i from public.project_invites where token_hash = p_token_hash for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such invitation.';
  end if;
  own := public.project_role(i.project_id, p_user_id);
  -- Who is that already, or more, stays it and uses nothing up: the same again, as after a lost answer.
  if public.is_higher(i.role, own) then
    perform public.check_invite(i);
    if own is null and (select p.members from public.projects p where p.id = i.project_id) >= public.limit_of('project_members')
    then
      raise sqlstate 'PT409' using message = format(
        'The project has %s members, as many as one may have: its owners have to remove one first.',
        public.limit_of('project_members'));
    end if;
    insert into public.user_projects (user_id, project_id, role) values (p_user_id, i.project_id, i.role)
    on conflict (user_id, project_id) do update set role = excluded.role;
    update public.project_invites set uses_left = uses_left - 1 where id = i.id;
  end if;
  return jsonb_build_object('joined', own is null, 'project', public.project_json(i.project_id)
    || jsonb_build_object('role', public.project_role(i.project_id, p_user_id)));
end
$$;
comment on function public.accept_invite(text, uuid) is
  'The service for p_user_id, who has the link: a member from now on, or more of one than before; never less, and again uses nothing up. PT404, PT410 where it is good no more, PT409 for one member too many. Locks the rows of the project and of the invitation.';

-- -- The bible ---------------------------------------------------------------------------------------------------------

create function public.get_bible(p_project_id uuid) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  answer jsonb;
begin
  select jsonb_build_object('bible', p.bible, 'dismissed', p.dismissed) into answer
  from public.projects p where p.id = p_project_id;
  if answer is null then
    raise sqlstate 'PT404' using message = 'There is no such project.';
  end if;
  return answer;
end
$$;
comment on function public.get_bible(uuid) is
  'Users and the service: the bible of a project, and the ids of what was offered to it and not wanted, or PT404. Locks nothing.';

create function public.put_entries(
  p_project_id uuid, p_user_id uuid, p_entries jsonb, p_known boolean default false, p_dismissed jsonb default '[]'
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  most_dismissed constant integer := 2000;
  most numeric := public.limit_of('project_bytes');
  held jsonb;
  less jsonb;
  changed jsonb := '{}';
  part record;
  entries jsonb;
begin
  select p.bible, p.dismissed into held, less from public.projects p where p.id = p_project_id for update;
  perform public.check_project(p_project_id, p_user_id);
  for part in select g.kind, g.given from jsonb_each(p_entries) as g (kind, given) loop
    entries := coalesce(held -> part.kind, '[]');
    if p_known and exists (
      select from jsonb_array_elements(part.given) as n (entry)
      where not entries @> jsonb_build_array(jsonb_build_object('id', n.entry -> 'id')))
    then
      raise sqlstate 'PT404' using message = 'The bible has no such entry.';
    end if;
    -- Those that it has are replaced where they stand, the others come after them.
    changed := changed || jsonb_build_object(part.kind, (
      select coalesce(jsonb_agg(listed.entry order by listed.later, listed.place), '[]') from (
        select coalesce(n.entry, o.entry) as entry, false as later, o.place
        from jsonb_array_elements(entries) with ordinality as o (entry, place)
        left join jsonb_array_elements(part.given) as n (entry) on n.entry -> 'id' = o.entry -> 'id'
        union all
        select n.entry, true, n.place
        from jsonb_array_elements(part.given) with ordinality as n (entry, place)
        where not exists (select from jsonb_array_elements(entries) as o (entry) where o.entry -> 'id' = n.entry -> 'id')
      ) listed));
  end loop;
  if octet_length((held || changed)::text) > most then
    raise sqlstate 'PT413' using message = format(
      'The bible of a project has %s MB at most: remove entries that are no longer needed, then try again.',
      round(most / 1000000, 1));
  end if;
  less := (select coalesce(jsonb_agg(kept.one order by kept.place), '[]') from (
    select d.one, max(d.place) as place from jsonb_array_elements_text(less || p_dismissed) with ordinality as d (one, place)
    group by d.one order by max(d.place) desc limit most_dismissed) kept);
  update public.projects set bible = held || changed, dismissed = less, updated_at = now() where id = p_project_id;
  return changed;
end
$$;
comment on function public.put_entries(uuid, uuid, jsonb, boolean, jsonb) is
  'The service for p_user_id, an editor: {kind: [entry]} into a project''s bible, in the place of those of the same id; PT404 where p_known and there is none. Notes what was offered and not wanted, the newest 2,000. PT413 for a bible that is too long. Answers the changed kinds whole. Locks the project''s row.';

create function public.remove_entry(p_project_id uuid, p_user_id uuid, p_entry_id text) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  held jsonb;
  less jsonb;
begin
  select p.bible into held from public.projects p where p.id = p_project_id for update;
  perform public.check_project(p_project_id, p_user_id);
  less := (select coalesce(jsonb_object_agg(part.kind, (
      select coalesce(jsonb_agg(o.entry order by o.place), '[]')
      from jsonb_array_elements(part.entries) with ordinality as o (entry, place)
      where o.entry ->> 'id' is distinct from p_entry_id)), '{}')
    from jsonb_each(held) as part (kind, entries));
  if less = held then
    raise sqlstate 'PT404' using message = 'The bible has no such entry.';
  end if;
  update public.projects set bible = less, updated_at = now() where id = p_project_id;
  return jsonb_build_object('removed', p_entry_id);
end
$$;
comment on function public.remove_entry(uuid, uuid, text) is
  'The service for p_user_id, an editor: the entry is no part of the project''s bible any more, or PT404. Locks the project''s row.';

create function public.list_offers(
  p_project_id uuid, p_session_id uuid default null, p_limit integer default 20, p_cursor text default null
) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  before_at timestamptz;
  before_id uuid;
  items jsonb;
  last_row jsonb;
begin
  select m.before_at, m.before_id into before_at, before_id from public.moment_of(p_cursor) m;
  perform public.get_project(p_project_id);
  select coalesce(jsonb_agg(jsonb_build_object('session_id', page.id, 'title', page.title, 'completed_at', page.completed_at,
    'last_activity_at', page.last_activity_at, 'bible', page.bible) order by page.last_activity_at desc, page.id desc), '[]')
  into items
  from (
    select s.id, s.title, s.completed_at, s.last_activity_at, s.context -> 'bible' as bible
    from public.story_sessions s
    where s.project_id = p_project_id and s.status = 'completed' and (p_session_id is null or s.id = p_session_id)
      and (before_at is null or (s.last_activity_at, s.id) < (before_at, before_id))
    order by s.last_activity_at desc, s.id desc
    limit p_limit + 1
  ) page;
  if p_session_id is not null and items = '[]' then
    raise sqlstate 'PT404' using message = 'The project has no such completed story.';
  end if;
  if jsonb_array_length(items) <= p_limit then
    return jsonb_build_object('items', items, 'next_cursor', null);
  end if;
  items := items - p_limit;
  last_row := items -> -1;
  return jsonb_build_object('items', items,
    'next_cursor', public.moment_cursor((last_row ->> 'last_activity_at')::timestamptz, (last_row ->> 'session_id')::uuid));
end
$$;
comment on function public.list_offers(uuid, uuid, integer, text) is
  'Users and the service: what the completed stories of a project have established, the newest first, or one of them, or PT404. Locks nothing.';

create function public.material_json(p_session_id uuid) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object('instructions', m.instructions, 'bible', m.bible)
  from public.session_materials m where m.session_id = p_session_id
$$;
comment on function public.material_json(uuid) is
  'Users and the service: what a session has begun with of its project, or null. Locks nothing.';

-- -- Sessions of a project ---------------------------------------------------------------------------------------------

drop function public.create_session(uuid, text, text, text, text, jsonb, text, integer, text, jsonb);
create function public.create_session(
  p_user_id uuid, p_kind text, p_title text, p_prompt text, p_template text, p_config jsonb, p_model text,
  p_ttl_s integer, p_request_id text default null, p_progress jsonb default '{}',
  p_project_id uuid default null
) returns json
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions;
  m public.session_messages;
begin
  if p_project_id is not null and not exists (
    select from public.story_sessions r where r.user_id = p_user_id and r.request_id = p_request_id)
  then
    perform public.check_project(p_project_id, p_user_id);
  end if;
  insert into public.story_sessions
    (user_id, kind, title, titled, prompt, template, config, model, ttl_s, expires_at, request_id, message_count, progress,
     project_id)
  values (p_user_id, p_kind, coalesce(p_title, left(p_prompt, 80)), p_title is not null, p_prompt, p_template, p_config, p_model, p_ttl_s,
    now() + make_interval(secs => p_ttl_s), p_request_id, 1, p_progress,
    p_project_id)
  on conflict (user_id, request_id) do nothing
  returning * into s;
  if not found then
    select * into s from public.story_sessions where user_id = p_user_id and request_id = p_request_id;
    return json_build_object('created', false, 'session', public.session_json(s), 'events', '[]'::jsonb);
  end if;
  if p_project_id is not null then
    insert into public.session_materials (session_id, user_id, instructions, bible)
    select s.id, s.user_id, p.instructions, p.bible from public.projects p where p.id = p_project_id;
  end if;
  insert into public.session_messages (id, session_id, user_id, seq, role, content)
  values (gen_random_uuid(), s.id, s.user_id, 1, 'user', p_prompt)
  returning * into m;
  return json_build_object('created', true, 'session', public.session_json(s), 'events', public.add_events(s, jsonb_build_array(
    jsonb_build_object('type', 'session.created', 'request_id', p_request_id, 'session', public.session_json(s)),
    public.message_event(m))));
end
$$;
comment on function public.create_session(uuid, text, text, text, text, jsonb, text, integer, text, jsonb, uuid) is
  'The service for p_user_id: a new session with its prompt as first message, in a project of which they are an editor where one is named; the same request again answers the same session.';

create or replace function public.append_message(
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
  message jsonb;
begin
  -- Only the columns that are needed: to hand a whole session on costs as much as to write the message.
  update public.story_sessions set
    message_count = message_count + 1, tokens = tokens + p_tokens, cost_usd = cost_usd + p_cost_usd, updated_at = now(),
    last_activity_at = public.activity(last_activity_at),
    expires_at = public.activity(last_activity_at) + make_interval(secs => ttl_s)
  where id = p_session_id and (p_owner is null or user_id = p_owner)
  returning user_id, message_count, epoch, node into s;
  if not found then
    -- Not the writer's: an editor of its project may say something in it as well.
    perform public.check_session(p_session_id, p_owner);
    return public.append_message(p_session_id, null, p_id, p_role, p_content, p_epoch, p_agent, p_step, p_metadata, p_model,
      p_tokens, p_cost_usd);
  end if;
  if p_epoch is not null then
    perform public.check_epoch(s.epoch, p_epoch);
  end if;
  insert into public.session_messages
    (id, session_id, user_id, seq, role, agent, step, content, metadata, model, tokens, cost_usd)
  values (p_id, p_session_id, s.user_id, s.message_count, p_role, p_agent, p_step, p_content, p_metadata, p_model,
    p_tokens, p_cost_usd)
  on conflict (id) do nothing
  returning * into m;
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
  message := public.message_json(m);
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

create or replace function public.load_run(p_session_id uuid, p_epoch integer) returns json
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
begin
  perform public.check_epoch(s.epoch, p_epoch);
  -- As text, not jsonb, which has a limit: a session may have many long versions.
  return json_build_object(
    'session', public.session_json(s), 'prompt', s.prompt,
    'delta_from', (select min(seq) from public.session_events where session_id = s.id and type = 'agent.delta'),
    'partial', public.partial_json(s.id), 'notes', public.notes_json(s.id),
    'material', public.material_json(s.id),
    'steps', (
      select coalesce(json_agg(json_build_object(
        'step', t.step, 'status', t.status, 'attempt', t.attempt, 'duration_ms', t.duration_ms,
        -- Of several edits in a row each takes the place of the one before.
        'output', case when t.replaced then t.output - 'content' else t.output end,
        'text', case when t.output is null then t.content end) order by t.position), '[]')
      from (
        select d.*, m.content,
          d.step ~ '^edit-[0-9]+$' and coalesce(
            lead(d.step) over (partition by d.status = 'done' order by d.position) ~ '^edit-[0-9]+$', false) as replaced
        from public.session_steps d
        left join public.session_messages m on m.id = d.message_id
        where d.session_id = s.id) t));
end
$$;

create or replace function public.get_work(p_session_id uuid) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
begin
  return jsonb_build_object(
    'session', public.session_json(s), 'prompt', s.prompt, 'material', public.material_json(s.id),
    'steps', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'step', t.step, 'duration_ms', t.duration_ms, 'output', t.output,
        'text', case when t.output is null then m.content end) order by t.position), '[]')
      from public.session_steps t
      left join public.session_messages m on m.id = t.message_id
      where t.session_id = s.id and t.status = 'done'),
    'drafts', (
      select coalesce(jsonb_agg(jsonb_build_object('version', d.version, 'step', d.step) order by d.version), '[]')
      from public.session_drafts d where d.session_id = s.id));
end
$$;

create or replace function public.get_replay(
  p_session_id uuid, p_epoch integer, p_after_seq integer, p_limit integer, p_bytes bigint default 1000000
) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.visible_session(p_session_id);
  last_seq integer;
  next_epoch_at integer;
begin
  select coalesce(max(seq), 0) into last_seq from public.session_events where session_id = p_session_id;
  select min(seq) into next_epoch_at from public.session_events where session_id = p_session_id and epoch > p_epoch;
  return public.list_events(p_session_id, p_after_seq, p_limit, p_bytes) || jsonb_build_object(
    'epoch', s.epoch, 'last_seq', last_seq, 'user_id', s.user_id,
    'same_past', p_epoch <= s.epoch and (next_epoch_at is null or p_after_seq < next_epoch_at));
end
$$;

create or replace function public.session_bytes(p_session_id uuid) returns bigint
language sql stable security invoker set search_path = ''
as $$
  -- The length of a long text is known without reading it.
  select (
    coalesce((select octet_length(s.prompt) + pg_column_size(s.context) from public.story_sessions s where s.id = p_session_id), 0)
    + coalesce((select sum(octet_length(m.content) + pg_column_size(m.metadata)) from public.session_messages m
                where m.session_id = p_session_id), 0)
    + coalesce((select sum(octet_length(d.content)) from public.session_drafts d where d.session_id = p_session_id), 0)
    + coalesce((select sum(pg_column_size(t.output)) from public.session_steps t where t.session_id = p_session_id), 0)
    + coalesce((select sum(pg_column_size(e.payload)) from public.session_events e where e.session_id = p_session_id), 0)
    + coalesce((select sum(octet_length(a.passage) + octet_length(a.instruction) + coalesce(octet_length(a.content), 0))
                from public.session_alternatives a where a.session_id = p_session_id), 0)
    + coalesce((select octet_length(b.instructions) + pg_column_size(b.bible) from public.session_materials b
                where b.session_id = p_session_id), 0)
    + coalesce((select sum(octet_length(t.content)) from public.stories t where t.session_id = p_session_id), 0))::bigint
$$;

drop function public.list_sessions(uuid, text, text, text, timestamptz, text, integer, text);
create function public.list_sessions(
  p_user_id uuid default null, p_status text default null, p_kind text default null, p_template text default null,
  p_since timestamptz default null, p_q text default null, p_limit integer default 20, p_cursor text default null,
  p_project_id uuid default null
) returns jsonb
-- A plan for all filters would suit none.
language plpgsql stable security invoker set search_path = '' set plan_cache_mode = 'force_custom_plan'
as $$
declare
  before_at timestamptz;
  before_id uuid;
  wanted text := public.search_text(left(p_q, 1000));
  words tsquery := public.word_query(p_q);
  -- Where no project is named, who is neither an admin nor the service is shown their own; the index by user wants it said.
  owner uuid := coalesce(p_user_id, case when p_project_id is null and (select auth.role()) <> 'service_role' and not (select public.is_admin())
    then (select auth.uid()) end);
  found_ids uuid[];
  items jsonb;
  last_row jsonb;
begin
  select m.before_at, m.before_id into before_at, before_id from public.moment_of(p_cursor) m;
  if p_project_id is not null and not exists (select from public.projects p where p.id = p_project_id) then
    raise sqlstate 'PT404' using message = 'There is no such project.';
  end if;
  -- Of one user, and of a project, everything is looked through; of all users there is too much for that.
  if p_q is not null and owner is null and p_project_id is null then
    found_ids := array(
      (select m.session_id from public.session_messages m
       where m.seq = 1 and public.search_words(m.content) @@ words limit 10000)
      union
      (select t.session_id from public.stories t
       where public.search_words(t.title || ' ' || t.content) @@ words limit 10000));
  end if;
  select coalesce(jsonb_agg(public.session_json(page) order by page.last_activity_at desc, page.id desc), '[]')
  into items
  from (
    select s.* from public.story_sessions s
    where (owner is null or s.user_id = owner)
      and (p_project_id is null or s.project_id = p_project_id)
      and (found_ids is null or s.id = any (found_ids))
      and (p_status is null or s.status = p_status)
      and (p_kind is null or s.kind = p_kind)
      and (p_template is null or s.template = p_template)
      -- What was active last before then was made before then: the index by activity ends there.
      and (p_since is null or (s.created_at >= p_since and s.last_activity_at >= p_since))
      and (before_at is null or (s.last_activity_at, s.id) < (before_at, before_id))
      and (p_q is null or found_ids is not null or (wanted <> '' and (
        strpos(public.search_text(s.title), wanted) > 0 or strpos(public.search_text(s.prompt), wanted) > 0 or exists (
          select from public.session_drafts d
          where d.session_id = s.id and d.current and strpos(public.search_text(d.content), wanted) > 0))))
    order by s.last_activity_at desc, s.id desc
    limit p_limit + 1
  ) page;
  if jsonb_array_length(items) <= p_limit then
    return jsonb_build_object('items', items, 'next_cursor', null);
  end if;
  items := items - p_limit;
  last_row := items -> -1;
  return jsonb_build_object('items', items,
    'next_cursor', public.moment_cursor((last_row ->> 'last_activity_at')::timestamptz, (last_row ->> 'id')::uuid));
end
$$;
comment on function public.list_sessions(uuid, text, text, text, timestamptz, text, integer, text, uuid) is
  'Users and the service: sessions, newest activity first; p_user_id null means all that the caller may see, of p_project_id where it is named (PT404 for who is no member) and otherwise a user''s own. p_q is part of the title, prompt or text of the sessions of one user or project; of all users'' it is words, or beginnings of words, of a prompt or a finished story with its title, found in up to 10,000 of each. Locks nothing.';

create or replace function public.fork_session(
  p_session_id uuid, p_owner uuid, p_steps text[], p_step text, p_title text, p_config jsonb, p_context jsonb,
  p_progress jsonb, p_scores jsonb, p_draft_version integer, p_model text, p_ttl_s integer, p_status text,
  p_request_id text
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  parent public.story_sessions;
  s public.story_sessions;
  into_project uuid;
  until timestamptz;
  told jsonb;
begin
  -- It may go on meanwhile: what it has done stays as it is.
  select * into parent from public.story_sessions
  where id = p_session_id for key share;
  perform public.check_session(p_session_id, p_owner);
  -- It is of the same project where its writer may begin something there, and otherwise of none.
  select p.id into into_project from public.projects p
  where p.id = parent.project_id and p.archived_at is null
    and public.project_role(p.id, p_owner) in ('owner', 'editor');
  select t.finished_at into until from public.session_steps t where t.session_id = parent.id and t.step = p_step;
  insert into public.story_sessions
    (user_id, kind, title, titled, prompt, template, status, config, context, progress, model, request_id, ttl_s,
     expires_at, parent_session_id, draft_version, project_id)
  values (p_owner, parent.kind, coalesce(p_title, parent.title), p_title is not null or parent.titled,
    parent.prompt, parent.template,
    -- One that is to be paused comes to that below, and is at no moment one that is under way.
    case p_status when 'paused' then 'expired' else p_status end, p_config, p_context, p_progress, p_model, p_request_id, p_ttl_s,
    now() + make_interval(secs => p_ttl_s), parent.id, p_draft_version, into_project)
  on conflict (user_id, request_id) do nothing
  returning * into s;
  if not found then
    select * into s from public.story_sessions where user_id = p_owner and request_id = p_request_id;
    return jsonb_build_object('created', false, 'session', public.session_json(s), 'events', '[]'::jsonb);
  end if;

  insert into public.session_materials (session_id, user_id, instructions, bible)
  select s.id, s.user_id, b.instructions, b.bible from public.session_materials b where b.session_id = parent.id;
  -- What the parent has used is counted there.
  with past as (
    select m.*, gen_random_uuid() as new_id, (row_number() over (order by m.seq))::integer as nth
    from public.session_messages m
    where m.session_id = parent.id and (m.step is null or m.step = any (p_steps))
      and (p_step is null or m.seq = 1 or m.created_at <= until)
  ), said as (
    insert into public.session_messages
      (id, session_id, user_id, seq, role, agent, step, content, metadata, audio_url, model, created_at)
    select new_id, s.id, s.user_id, nth, role, agent, step, content, metadata, audio_url, model, created_at from past
  )
  insert into public.session_steps
    (session_id, user_id, step, position, stage, agent, status, attempt, started_at, finished_at, duration_ms, epoch,
     message_id, output)
  select s.id, s.user_id, t.step, row_number() over (order by t.position), t.stage, t.agent, t.status, t.attempt,
    t.started_at, t.finished_at, t.duration_ms, 0, past.new_id, t.output
  from public.session_steps t left join past on past.id = t.message_id
  where t.session_id = parent.id and t.step = any (p_steps);
  insert into public.session_drafts
    (session_id, user_id, version, current, author, step, content, word_count, scores, created_at)
  select s.id, s.user_id, d.version, d.version = p_draft_version, d.author, d.step, d.content, d.word_count,
    p_scores -> d.version::text, d.created_at
  from public.session_drafts d where d.session_id = parent.id and d.step = any (p_steps);
  update public.story_sessions set
    message_count = (select count(*) from public.session_messages m where m.session_id = s.id),
    draft_count = (select count(*) from public.session_drafts d where d.session_id = s.id)
  where id = s.id;
  -- A status that it comes to: of what is paused, the text so far is kept. It is told below, with the other versions.
  update public.story_sessions set status = p_status where id = s.id;
  update public.story_sessions set outside = '[]' where id = s.id returning * into s;

  told := public.add_events(s,
    jsonb_build_array(jsonb_build_object(
      'type', 'session.created', 'request_id', p_request_id, 'session', public.session_json(s)))
    || (select coalesce(jsonb_agg(public.message_event(m) order by m.seq), '[]')
        from public.session_messages m where m.session_id = s.id)
    || (select coalesce(jsonb_agg(public.draft_event(d) order by d.version), '[]')
        from public.session_drafts d where d.session_id = s.id));
  if s.status = 'active' then
    perform pg_notify('storyloom', 'queue');
  end if;
  return jsonb_build_object('created', true, 'session', public.session_json(s), 'events', told);
end
$$;
comment on function public.fork_session(uuid, uuid, text[], text, text, jsonb, jsonb, jsonb, jsonb, integer, text, integer, text, text) is
  'The service for p_owner, whose it will be: a session that begins with these steps of another, theirs or of a project of which they are an editor, and all that was said and drafted until p_step, null for until now; the same request again answers the same session. The other is not changed. Shares its row''s lock.';

create or replace function public.delete_session(p_session_id uuid, p_owner uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.sole_session(p_session_id, p_owner);
begin
  delete from public.story_sessions where id = s.id;
  if s.node is not null then
    perform pg_notify('storyloom', 'change:' || s.id);
  end if;
  return jsonb_build_object('deleted', s.id);
end
$$;
comment on function public.delete_session(uuid, uuid) is
  'The service for p_owner, its writer or an owner of its project: the session and all that hangs on it, gone.';

create or replace function public.set_budget(p_session_id uuid, p_owner uuid, p_budget jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.sole_session(p_session_id, p_owner);
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
  'The service for p_owner, its writer or an owner of its project: what a session may use, null for no limit; a run reads it before its next step. Locks the session''s row.';

create or replace function public.create_share(
  p_id uuid, p_session_id uuid, p_owner uuid, p_token_hash text, p_ttl_s integer, p_most integer
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  s public.story_sessions := public.owned_session(p_session_id, p_owner);
  h public.session_shares;
begin
  -- It is its writer's to show to others.
  perform public.check_session(s.id, p_owner, 'writer');
  select * into h from public.session_shares where id = p_id and session_id = s.id;
  if found then
    return public.share_json(h);
  end if;
  if s.draft_version = 0 then
    raise sqlstate 'PT409' using message = public.no_text(s);
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

create or replace function public.list_shares(p_owner uuid, p_session_id uuid default null) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
begin
  if p_session_id is not null then
    perform public.check_session(p_session_id, p_owner, 'writer');
  end if;
  return (select coalesce(jsonb_agg(public.share_json(h) order by h.created_at desc, h.id), '[]')
    from public.session_shares h where h.user_id = p_owner and (p_session_id is null or h.session_id = p_session_id));
end
$$;

create function public.lost_sights(p_watched jsonb) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_array(w.user_id, listed.session_id)), '[]')
  from jsonb_each(p_watched) as w (user_id, ids)
  cross join lateral jsonb_array_elements_text(w.ids) as listed (session_id)
  -- Each by its key.
  where not coalesce((
    select s.user_id = w.user_id::uuid or public.project_role(s.project_id, w.user_id::uuid) is not null
    from public.story_sessions s where s.id = listed.session_id::uuid), false)
$$;
comment on function public.lost_sights(jsonb) is
  'The service, of {user: [session]} that they watch: the pairs [user, session] which that user may not read any more. Locks nothing.';

-- -- Users who go ------------------------------------------------------------------------------------------------------

create or replace function public.erase_user(p_owner uuid, p_limit integer default 20) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  batch uuid[];
  personal record;
  gone bigint;
  removed jsonb := '{}';
  last_batch boolean;
  -- With its last owner a project goes; one that has another is theirs from then on: the trigger on user_projects sees to it.
  projects uuid[] := array(select p.id from public.projects p where p.user_id = p_owner);
begin
  select coalesce(array_agg(locked.id), '{}') into batch from (
    select s.id from public.story_sessions s where s.user_id = p_owner order by s.id limit p_limit for update) locked;
  last_batch := cardinality(batch) < p_limit;
  for personal in
    select c.relname as name,
      bool_or(a.attname = 'session_id') as of_session,
      bool_or(a.attname = 'user_id' or c.relname = 'profiles') as of_user,
      bool_or(a.attname = 'session_id' and a.attnotnull) as only_of_session
    from pg_catalog.pg_class c
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and not a.attisdropped
      and (a.attname in ('session_id', 'user_id') or (c.relname = 'profiles' and a.attname = 'id'))
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
      -- What admins did stays, which is ids and their own words.
      and c.relname not in ('story_sessions', 'admin_audit')
    group by c.relname order by c.relname
  loop
    removed := removed || jsonb_build_object(personal.name, 0);
    continue when personal.name = 'projects';
    if personal.of_session then
      execute format('delete from public.%I where session_id = any ($1)', personal.name) using batch;
      get diagnostics gone = row_count;
      removed := removed || jsonb_build_object(personal.name, gone);
    end if;
    if last_batch and personal.of_user and not personal.only_of_session then
      execute format('delete from public.%I where %I = $1', personal.name,
        case personal.name when 'profiles' then 'id' else 'user_id' end) using p_owner;
      get diagnostics gone = row_count;
      removed := removed || jsonb_build_object(personal.name, (removed ->> personal.name)::bigint + gone);
    end if;
  end loop;
  removed := removed || jsonb_build_object('projects',
    cardinality(projects) - (select count(*) from public.projects p where p.id = any (projects)));
  delete from public.story_sessions where id = any (batch);
  get diagnostics gone = row_count;
  return jsonb_build_object('removed', removed || jsonb_build_object('story_sessions', gone),
    'session_ids', to_jsonb(batch), 'more', not last_batch);
end
$$;
comment on function public.erase_user(uuid, integer) is
  'The service for p_owner: up to p_limit of their sessions with all that hangs on them, with the last ones everything else of theirs, counted by table; a project with another owner goes on without them. Locks the sessions'' rows, and those of their projects.';

-- -- Rights ------------------------------------------------------------------------------------------------------------

revoke execute on function
  public.keep_members(), public.shares_session(uuid), public.own_role(uuid), public.project_json(uuid),
  public.get_project(uuid), public.list_projects(text, boolean, integer, text), public.get_bible(uuid),
  public.list_offers(uuid, uuid, integer, text), public.material_json(uuid),
  public.list_sessions(uuid, text, text, text, timestamptz, text, integer, text, uuid),
  public.project_role(uuid, uuid), public.check_project(uuid, uuid, text, boolean),
  public.check_session(uuid, uuid, text), public.sole_session(uuid, uuid),
  public.create_project(uuid, uuid, text, text, text, jsonb), public.update_project(uuid, uuid, jsonb, integer),
  public.archive_project(uuid, uuid, boolean), public.delete_project(uuid, uuid, text, integer),
  public.member_json(uuid, uuid), public.list_members(uuid, uuid), public.check_other_owner(uuid, uuid),
  public.change_member(uuid, uuid, uuid, text), public.remove_member(uuid, uuid, uuid),
  public.invite_json(public.project_invites), public.create_invite(uuid, uuid, uuid, text, text, integer, integer),
  public.list_invites(uuid, uuid), public.revoke_invite(uuid, uuid, uuid), public.check_invite(public.project_invites),
  public.is_higher(text, text), public.read_invite(text, uuid), public.accept_invite(text, uuid),
  public.put_entries(uuid, uuid, jsonb, boolean, jsonb), public.remove_entry(uuid, uuid, text),
  public.create_session(uuid, text, text, text, text, jsonb, text, integer, text, jsonb, uuid),
  public.lost_sights(jsonb)
  from public, anon, authenticated, service_role;
grant execute on function
  public.shares_session(uuid), public.own_role(uuid), public.project_json(uuid), public.get_project(uuid),
  public.list_projects(text, boolean, integer, text), public.get_bible(uuid),
  public.list_offers(uuid, uuid, integer, text), public.material_json(uuid),
  public.list_sessions(uuid, text, text, text, timestamptz, text, integer, text, uuid)
  to authenticated, service_role;
grant execute on function
  public.project_role(uuid, uuid), public.check_project(uuid, uuid, text, boolean),
  public.check_session(uuid, uuid, text), public.sole_session(uuid, uuid),
  public.create_project(uuid, uuid, text, text, text, jsonb), public.update_project(uuid, uuid, jsonb, integer),
  public.archive_project(uuid, uuid, boolean), public.delete_project(uuid, uuid, text, integer),
  public.member_json(uuid, uuid), public.list_members(uuid, uuid), public.check_other_owner(uuid, uuid),
  public.change_member(uuid, uuid, uuid, text), public.remove_member(uuid, uuid, uuid),
  public.invite_json(public.project_invites), public.create_invite(uuid, uuid, uuid, text, text, integer, integer),
  public.list_invites(uuid, uuid), public.revoke_invite(uuid, uuid, uuid), public.check_invite(public.project_invites),
  public.is_higher(text, text), public.read_invite(text, uuid), public.accept_invite(text, uuid),
  public.put_entries(uuid, uuid, jsonb, boolean, jsonb), public.remove_entry(uuid, uuid, text),
  public.create_session(uuid, text, text, text, text, jsonb, text, integer, text, jsonb, uuid),
  public.lost_sights(jsonb)
  to service_role;
