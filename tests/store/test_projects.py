"""Projects in the database: who reads and who does what, by what they are in one; and what each operation refuses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors, sql

from coordinator.errors import Conflict, Expired, Forbidden, NotFound, TooLarge
from coordinator.models import SERVICE, Budget, Identity
from coordinator.store import Store
from coordinator.store.direct import DirectTransport
from coordinator.store.embedded import EmbeddedPostgres
from coordinator.store.messages import NewMessage
from coordinator.store.projects import NewProject, ProjectDefaults
from coordinator.store.sessions import Search
from coordinator.store.versions import Edit, NewFork
from tests.conftest import Database, cloned, new_user
from tests.store.conftest import BOTH
from tests.store.test_rights import APPEND_ONLY, HIDDEN
from tests.store.test_store import create
from tests.store.test_users import finished

HOUR = 3600


@pytest.fixture(params=BOTH)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def new(name: str = "The island", **more: Any) -> NewProject:
    return NewProject(
        more.pop("id", uuid4()), name, "", more.pop("instructions", ""), more.pop("defaults", ProjectDefaults())
    )


def of(identity: Identity) -> UUID:
    assert identity.user_id
    return identity.user_id


async def project_of(store: Store, owner: Identity, *members: tuple[Identity, str], **more: Any) -> UUID:
    project, _ = await store.projects.create(of(owner), new(**more))
    for member, role in members:
        await join(store, project.id, owner, member, role)
    return project.id


async def join(store: Store, project_id: UUID, owner: Identity, member: Identity, role: str) -> None:
    token = uuid4().hex * 2
    await store.projects.invite(
        project_id, of(owner), invite_id=uuid4(), role="editor", token_hash=token, ttl_s=HOUR, uses=1
    )
    await store.projects.accept_invite(of(member), token)
    if role != "editor":
        await store.projects.change_member(project_id, of(owner), of(member), role)  # type: ignore[arg-type]


async def invited(
    store: Store, project_id: UUID, owner: Identity, role: str = "viewer", **more: Any
) -> tuple[UUID, str]:
    token, invite_id = uuid4().hex * 2, uuid4()
    given = {"ttl_s": HOUR, "uses": 1, **more}
    await store.projects.invite(
        project_id,
        of(owner),
        invite_id=invite_id,
        role=role,
        token_hash=token,
        **given,  # type: ignore[arg-type]
    )
    return invite_id, token


# -- Who reads what ----------------------------------------------------------------------------------------------------

READERS = ("owner", "editor", "viewer", "former", "stranger", "admin", "anon")


@dataclass
class House:
    """A project with its members, what each of them wrote in it and beside it, and a connection to look as any of them."""

    url: str
    people: dict[str, Identity]
    project: UUID
    other_project: UUID
    inside: set[UUID] = field(default_factory=set)
    own: dict[str, set[UUID]] = field(default_factory=dict)

    def sessions_of(self, actor: str) -> set[UUID]:
        """Those that the actor is to see."""
        if actor == "admin":
            return set().union(self.inside, *self.own.values())
        return self.own.get(actor, set()) | (self.inside if actor in ("owner", "editor", "viewer") else set())

    async def rows(self, actor: str, statement: sql.Composable) -> list[Any]:
        person = self.people.get(actor)
        role = "authenticated" if person else "anon"
        claims = {**(person.claims if person else {}), "role": role}
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            await connection.execute(
                "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true),"
                " set_config('request.jwt.claim.sub', %s, true)",
                [role, json.dumps(claims, default=str), str(person.user_id) if person else ""],
            )
            found = await (await connection.execute(statement)).fetchall()
            await connection.rollback()
            return found


@pytest.fixture(scope="module")
async def house(postgres: EmbeddedPostgres) -> AsyncIterator[House]:
    async with cloned(postgres) as database:
        store = Store(await DirectTransport.open(database.url, 2), wait_s=5)
        people = {name: await new_user(store, admin=name == "admin") for name in READERS if name != "anon"}
        project = await project_of(
            store,
            people["owner"],
            *[(people[name], name if name != "former" else "editor") for name in ("editor", "viewer", "former")],
        )
        other = await project_of(store, people["stranger"])
        made = House(database.url, people, project, other)
        for name in ("owner", "editor", "former", "stranger"):
            # `finished` makes a session in a project of the writer's own; the other one is of the project.
            inside, outside = await finished(store, people[name]), await finished(store, people[name])
            made.own[name] = {inside, outside}
            if name != "stranger":
                made.inside.add(inside)
                async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
                    await connection.execute(
                        "update story_sessions set project_id = %s where id = %s", [project, inside]
                    )
        await store.projects.remove_member(project, of(people["owner"]), of(people["former"]))
        await store.close()
        yield made


async def _columns(url: str) -> dict[str, set[str]]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(
            "select c.relname, array_agg(a.attname::text) from pg_class c join pg_attribute a on a.attrelid = c.oid"
            " and a.attnum > 0 and not a.attisdropped"
            " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f') group by 1"
        )
        return {name: set(columns) for name, columns in await cursor.fetchall()}


@pytest.mark.parametrize("actor", READERS)
async def test_every_actor_reads_of_every_table_what_they_may(house: House, actor: str) -> None:
    """Tables are taken from the catalog: one that comes later is to be readable by its session, or is to be told here."""
    person = house.people.get(actor)
    me = str(person.user_id) if person else ""
    seen: dict[str, set[str]] = {}
    for table, columns in (await _columns(house.url)).items():
        name = sql.Identifier(table)
        if actor == "anon" or table in HIDDEN:
            with pytest.raises(errors.InsufficientPrivilege):
                await house.rows(actor, sql.SQL("select from public.{}").format(name))
            continue
        if table in APPEND_ONLY:
            continue
        column = {"story_sessions": "id", "projects": "id", "user_projects": "user_id", "profiles": "id"}.get(table)
        column = column or ("session_id" if "session_id" in columns else None)
        assert column, f"who of a project's members reads {table}?"
        found = await house.rows(actor, sql.SQL("select {} from public.{}").format(sql.Identifier(column), name))
        seen[table] = {str(one) for (one,) in found}
    if actor == "anon":
        return
    sessions = {str(one) for one in house.sessions_of(actor)}
    for table, ids in seen.items():
        if table == "projects":
            if actor != "admin":
                assert (str(house.project) in ids) == (actor in ("owner", "editor", "viewer")), table
                assert (str(house.other_project) in ids) == (actor == "stranger"), table
        elif table in ("user_projects", "profiles"):
            assert ids == {me} if actor != "admin" else len(ids) > 1, table
        elif actor == "former" and table == "story_sessions":
            assert ids == sessions and len(ids) == 2
        else:
            assert ids == sessions, table


async def test_no_one_reads_whom_else_a_project_has_but_through_the_service(house: House) -> None:
    ask = sql.SQL("select user_id from public.user_projects where project_id = {}").format(sql.Literal(house.project))
    for actor in ("owner", "editor", "viewer"):
        assert await house.rows(actor, ask) == [(of(house.people[actor]),)]
    for actor in ("former", "stranger"):
        assert await house.rows(actor, ask) == []


# -- Who does what -----------------------------------------------------------------------------------------------------


async def test_a_project_is_made_once_found_and_changed_by_its_version(store: Store, user: Any) -> None:
    owner = await user()
    wanted = new("The island", defaults=ProjectDefaults(pages=5, budget=Budget(tokens=1000)))
    project, made = await store.projects.create(of(owner), wanted)
    again, fresh = await store.projects.create(of(owner), wanted)
    assert made and not fresh and again == project
    assert (project.role, project.members, project.version, project.defaults.pages) == ("owner", 1, 1, 5)
    changed = await store.projects.update(project.id, of(owner), {"name": "The isle", "instructions": "Be brief."}, 1)
    assert (changed.name, changed.instructions, changed.version) == ("The isle", "Be brief.", 2)
    # As after a lost answer.
    assert await store.projects.update(project.id, of(owner), {"name": "The isle"}, 1) == changed
    with pytest.raises(Conflict, match="version 2 is the current one, not 1"):
        await store.projects.update(project.id, of(owner), {"name": "The bay"}, 1)
    less = await store.projects.update(project.id, of(owner), {"defaults": {"pages": 5}}, None)
    assert less.defaults == ProjectDefaults(pages=5) and less.version == 3

    await project_of(store, owner, name="Another")
    page = await store.projects.search(owner, q=None, archived=None, limit=1, cursor=None)
    assert [one.name for one in page.items] == ["Another"] and page.next_cursor
    rest = await store.projects.search(owner, q=None, archived=None, limit=1, cursor=page.next_cursor)
    assert [one.name for one in rest.items] == ["The isle"] and rest.next_cursor is None
    found = await store.projects.search(owner, q="ISLE", archived=False, limit=9, cursor=None)
    assert [one.id for one in found.items] == [project.id]
    for stranger in (await user(), await user(admin=True)):
        assert (await store.projects.search(stranger, q=None, archived=None, limit=9, cursor=None)).items == []


async def test_what_each_role_may_do(store: Store, user: Any) -> None:
    owner, editor, viewer, stranger = [await user() for _ in range(4)]
    project = await project_of(store, owner, (editor, "editor"), (viewer, "viewer"))
    for person, role in ((owner, "owner"), (editor, "editor"), (viewer, "viewer")):
        found = await store.projects.get(person, project)
        assert (found.role, found.members) == (role, 3)
        assert {member.role for member in await store.projects.members(project, of(person))} == {
            "owner",
            "editor",
            "viewer",
        }
    assert (await store.projects.get(await user(admin=True), project)).role is None
    with pytest.raises(NotFound):
        await store.projects.get(stranger, project)

    entry = {"people": [{"id": str(uuid4()), "name": "Ada", "description": "She waits.", "source": {"how": "written"}}]}
    editing = [
        lambda one: store.projects.update(project, of(one), {"description": str(of(one))}, None),
        lambda one: store.projects.put_entries(project, of(one), entry),
        lambda one: create(store, one, project_id=project),
    ]
    deciding = [
        lambda one: store.projects.archive(project, of(one), archived=False),
        lambda one: store.projects.invites(of(one), project),
        lambda one: invited(store, project, one),
        lambda one: store.projects.change_member(project, of(one), of(viewer), "viewer"),
    ]
    for act in editing:
        await act(owner)
        await act(editor)
        with pytest.raises(Forbidden, match="ask one of its owners"):
            await act(viewer)
    for act in deciding:
        await act(owner)
        for less in (editor, viewer):
            with pytest.raises(Forbidden, match="Only an owner"):
                await act(less)
    for act in (*editing, *deciding):
        with pytest.raises(NotFound, match="There is no such project"):
            await act(stranger)
    with pytest.raises(Forbidden):
        await store.projects.remove_member(project, of(editor), of(viewer))
    with pytest.raises(Forbidden):
        await store.projects.delete(project, of(editor), with_sessions=False, limit=20)
    with pytest.raises(NotFound):
        await store.projects.delete(project, of(stranger), with_sessions=False, limit=20)


async def test_editors_take_part_in_a_session_and_leave_to_its_writer_what_is_theirs(store: Store, user: Any) -> None:
    owner, writer, editor, viewer, stranger = [await user() for _ in range(5)]
    project = await project_of(store, owner, (writer, "editor"), (editor, "editor"), (viewer, "viewer"))
    session_id = (await create(store, writer, project_id=project)).session.id
    assert (await store.sessions.get(viewer, session_id)).project_id == project

    taking_part = [
        lambda one: store.messages.steer(session_id, of(one), uuid4(), "Colder."),
        lambda one: store.messages.append(session_id, of(one), NewMessage("user", "I say something.")),
        lambda one: store.sessions.rename(session_id, of(one), f"By {of(one)}", None),
        lambda one: store.sessions.pause(session_id, of(one)),
        lambda one: store.sessions.change_status(session_id, of(one), to="active", allowed=("paused",)),
        lambda one: store.sessions.check_editor(session_id, of(one)),
    ]
    for act in taking_part:
        await act(editor)
        with pytest.raises(Forbidden, match="ask an owner of its project"):
            await act(viewer)
        with pytest.raises(NotFound, match="There is no such session"):
            await act(stranger)
    said = (await store.record.messages(viewer, session_id, 100, None)).items
    assert [message.content for message in said][1:] == ["Colder.", "I say something."]
    assert (await store.sessions.get(writer, session_id)).message_count == 3

    deciding = [
        lambda one: store.sessions.set_budget(session_id, of(one), Budget(tokens=9_000)),
        lambda one: store.sessions.delete(session_id, of(one)),
    ]
    for act in deciding:
        for less in (editor, viewer):
            with pytest.raises(Forbidden, match="or an owner of its project"):
                await act(less)
        with pytest.raises(NotFound):
            await act(stranger)
    sharing = {"share_id": uuid4(), "token_hash": uuid4().hex * 2, "ttl_s": 60, "most": 5}
    for less in (editor, owner, viewer):
        with pytest.raises(Forbidden):
            await store.shares.create(session_id, of(less), **sharing)  # type: ignore[arg-type]
    for less in (editor, owner):
        with pytest.raises(Forbidden, match="Only the writer"):
            await store.shares.of(of(less), session_id)
    await store.sessions.set_budget(session_id, of(owner), Budget(tokens=9_000))
    await store.sessions.delete(session_id, of(owner))
    with pytest.raises(NotFound):
        await store.sessions.get(writer, session_id)


async def test_an_editor_edits_and_forks_and_the_fork_is_theirs(store: Store, user: Any, database: Database) -> None:
    owner, editor, viewer = await user(), await user(), await user()
    session_id = await finished(store, owner)
    project = (await store.sessions.get(owner, session_id)).project_id
    assert project
    await join(store, project, owner, editor, "editor")
    await join(store, project, owner, viewer, "viewer")
    draft, _ = await store.versions.edit(session_id, of(editor), Edit(2, "Another text.", 2))
    assert (draft.version, draft.author) == (3, "writer")
    before = await store.versions.so_far(editor, session_id)
    fork = NewFork(
        [step["step"] for step in before.steps],
        None,
        before.session.config,
        {},
        before.session.progress,
        {},
        3,
        "m",
        "paused",
    )
    with pytest.raises(Forbidden):
        await store.versions.fork(session_id, of(viewer), fork, 60)
    made = (await store.versions.fork(session_id, of(editor), fork, 60)).session
    assert (made.user_id, made.project_id, made.parent_session_id) == (editor.user_id, project, session_id)
    # Read by who may read the project, and counted for who made it.
    assert (await store.sessions.get(owner, made.id)).id == made.id
    await store.projects.remove_member(project, of(owner), of(editor))
    assert (await store.sessions.get(editor, made.id)).id == made.id
    with pytest.raises(NotFound):
        await store.sessions.get(editor, session_id)
    again = (await store.versions.fork(made.id, of(editor), fork, 60)).session
    assert again.project_id is None


async def test_a_list_of_ones_own_stays_that_and_a_project_lists_its_sessions(store: Store, user: Any) -> None:
    owner, editor, stranger = await user(), await user(), await user()
    project = await project_of(store, owner, (editor, "editor"))
    inside = {
        (await create(store, one, project_id=project, prompt="A bell in a whale.")).session.id
        for one in (owner, editor)
    }
    outside = (await create(store, editor)).session.id
    own = (await store.sessions.search(editor, Search(owner=editor.user_id))).items
    assert len(own) == 2 and outside in {one.id for one in own}
    for person in (owner, editor, await user(admin=True)):
        listed = (await store.sessions.search(person, Search(project_id=project))).items
        assert {one.id for one in listed} == inside and {one.project_id for one in listed} == {project}
        found = (await store.sessions.search(person, Search(project_id=project, q="WHALE"))).items
        assert {one.id for one in found} == inside
        mine = Search(project_id=project, owner=editor.user_id)
        assert {one.user_id for one in (await store.sessions.search(person, mine)).items} == {editor.user_id}
    with pytest.raises(NotFound, match="There is no such project"):
        await store.sessions.search(stranger, Search(project_id=project))


# -- Members and invitations -------------------------------------------------------------------------------------------


async def test_an_invitation_is_used_once_or_by_many_until_it_is_over(
    store: Store, user: Any, database: Database
) -> None:
    owner, first, second = await user(), await user(), await user()
    project = await project_of(store, owner)
    _, token = await invited(store, project, owner)
    seen = await store.projects.read_invite(of(first), token)
    assert (seen.project_id, seen.name, seen.role, seen.member) == (project, "The island", "viewer", None)
    joined = await store.projects.accept_invite(of(first), token)
    assert joined.joined and joined.project.role == "viewer" and joined.project.members == 2
    # Again, as after a lost answer; and to oneself.
    for person, role in ((first, "viewer"), (owner, "owner")):
        again = await store.projects.accept_invite(of(person), token)
        assert not again.joined and again.project.role == role
    for act in (store.projects.accept_invite, store.projects.read_invite):
        with pytest.raises(Expired, match="used already"):
            await act(of(second), token)
        with pytest.raises(NotFound, match="There is no such invitation"):
            await act(of(second), uuid4().hex * 2)

    revoked, token = await invited(store, project, owner, uses=None)
    assert (await store.projects.accept_invite(of(second), token)).joined
    assert (await store.projects.revoke_invite(project, of(owner), revoked)).revoked_at is not None
    await store.projects.revoke_invite(project, of(owner), revoked)
    third = await user()
    with pytest.raises(Expired, match="taken back"):
        await store.projects.accept_invite(of(third), token)
    _, token = await invited(store, project, owner, ttl_s=0)
    with pytest.raises(Expired, match="has expired"):
        await store.projects.accept_invite(of(third), token)
    assert {one.role for one in await store.projects.members(project, of(owner))} == {"owner", "viewer"}
    listed = await store.projects.invites(of(owner), project)
    assert len(listed) == 3 and [one.uses_left for one in listed] == [1, None, 0]
    async with await psycopg.AsyncConnection.connect(database.admin_url) as connection:
        kept = await (await connection.execute("select token_hash from project_invites where uses_left = 1")).fetchall()
    assert kept == [(token,)]


async def test_an_invitation_raises_a_role_and_never_lowers_one(store: Store, user: Any) -> None:
    owner, member = await user(), await user()
    project = await project_of(store, owner, (member, "viewer"))
    _, to_edit = await invited(store, project, owner, "editor", uses=None)
    _, to_view = await invited(store, project, owner, "viewer", uses=1)
    for token, role in ((to_view, "viewer"), (to_edit, "editor"), (to_view, "editor")):
        assert (await store.projects.accept_invite(of(member), token)).project.role == role
    assert (await store.projects.accept_invite(of(owner), to_edit)).project.role == "owner"
    assert [one.uses_left for one in await store.projects.invites(of(owner), project)][:2] == [1, None]


async def test_the_last_owner_stays_and_another_takes_over(store: Store, user: Any, database: Database) -> None:
    owner, second, viewer = await user(), await user(), await user()
    project = await project_of(store, owner, (second, "editor"), (viewer, "viewer"))
    for act in (
        store.projects.remove_member(project, of(owner), of(owner)),
        store.projects.change_member(project, of(owner), of(owner), "viewer"),
    ):
        with pytest.raises(Conflict, match="no other owner"):
            await act
    with pytest.raises(NotFound):
        await store.projects.change_member(project, of(owner), uuid4(), "viewer")
    await store.projects.change_member(project, of(owner), of(second), "owner")
    assert (await store.projects.get(second, project)).user_id == owner.user_id
    await store.projects.remove_member(project, of(owner), of(owner))
    assert (await store.projects.get(second, project)).user_id == second.user_id
    with pytest.raises(NotFound):
        await store.projects.get(owner, project)
    # Who is no owner leaves whenever they want.
    await store.projects.remove_member(project, of(viewer), of(viewer))
    found = await store.projects.get(second, project)
    assert found.members == 1
    with pytest.raises(NotFound):
        await store.projects.remove_member(project, of(second), of(viewer))


async def test_nothing_begins_in_an_archived_project(store: Store, user: Any) -> None:
    owner, editor = await user(), await user()
    project = await project_of(store, owner, (editor, "editor"))
    session_id = (await create(store, editor, project_id=project, request_id="r")).session.id
    archived = await store.projects.archive(project, of(owner), archived=True)
    assert archived.archived_at and await store.projects.archive(project, of(owner), archived=True) == archived
    for act in (
        create(store, editor, project_id=project),
        store.projects.put_entries(project, of(owner), {"rules": []}),
        store.projects.update(project, of(owner), {"name": "x"}, None),
    ):
        with pytest.raises(Conflict, match="archived: unarchive it first"):
            await act
    # What was begun goes on, and the same request again answers the same session.
    assert not (await create(store, editor, project_id=project, request_id="r")).changed
    await store.messages.steer(session_id, of(owner), uuid4(), "Colder.")
    listed = await store.projects.search(owner, q=None, archived=True, limit=9, cursor=None)
    assert [one.id for one in listed.items] == [project]
    assert (await store.projects.archive(project, of(owner), archived=False)).archived_at is None
    await create(store, editor, project_id=project)


@pytest.mark.parametrize("with_sessions", [True, False])
async def test_deleting_a_project_keeps_its_sessions_or_takes_them_along(
    store: Store, user: Any, with_sessions: bool
) -> None:
    owner, editor = await user(), await user()
    project = await project_of(store, owner, (editor, "editor"))
    made = [(await create(store, one, project_id=project)).session.id for one in (owner, editor, editor)]
    gone: list[UUID] = []
    while True:
        batch = await store.projects.delete(project, of(owner), with_sessions=with_sessions, limit=2)
        gone += batch.session_ids
        if not batch.more:
            break
    assert batch.kept == (0 if with_sessions else 3) and set(gone) == (set(made) if with_sessions else set())
    with pytest.raises(NotFound):
        await store.projects.get(owner, project)
    left = (await store.sessions.search(editor, Search(owner=editor.user_id))).items
    assert [one.project_id for one in left] == ([] if with_sessions else [None, None])
    if not with_sessions:
        # Nobody else's any more.
        with pytest.raises(NotFound):
            await store.sessions.get(owner, made[1])


# -- The bible ---------------------------------------------------------------------------------------------------------


async def test_entries_are_added_replaced_in_their_place_and_taken_out(store: Store, user: Any) -> None:
    owner = await user()
    project = await project_of(store, owner)
    ids = [str(uuid4()) for _ in range(3)]
    rules = [{"id": one, "text": f"Rule {place}."} for place, one in enumerate(ids)]
    await store.projects.put_entries(project, of(owner), {"rules": rules[:2]})
    await store.projects.put_entries(project, of(owner), {"rules": rules[:2], "facts": [rules[2]]})
    await store.projects.put_entries(project, of(owner), {"rules": [{"id": ids[0], "text": "Other."}]}, known=True)
    kept = await store.projects.bible(owner, project)
    assert kept.bible == {"rules": [{"id": ids[0], "text": "Other."}, rules[1]], "facts": [rules[2]]}
    with pytest.raises(NotFound, match="no such entry"):
        await store.projects.put_entries(project, of(owner), {"rules": [{"id": ids[2], "text": "x"}]}, known=True)
    await store.projects.remove_entry(project, of(owner), UUID(ids[0]))
    with pytest.raises(NotFound):
        await store.projects.remove_entry(project, of(owner), UUID(ids[0]))
    await store.projects.put_entries(project, of(owner), {}, settled=["a", "b", "a"])
    kept = await store.projects.bible(owner, project)
    assert kept.bible["rules"] == [rules[1]] and kept.settled == ["b", "a"]
    with pytest.raises(NotFound):
        await store.projects.bible(await user(), project)


async def test_what_a_session_begins_with_stays_what_it_was(store: Store, user: Any) -> None:
    owner = await user()
    project = await project_of(store, owner, instructions="Be brief.")
    rule = {"id": str(uuid4()), "text": "No magic."}
    await store.projects.put_entries(project, of(owner), {"rules": [rule]})
    session_id = (await create(store, owner, project_id=project)).session.id
    await store.projects.remove_entry(project, of(owner), UUID(rule["id"]))
    await store.projects.update(project, of(owner), {"instructions": "Be long."}, None)
    epoch = (await store.runs.begin(session_id, "node")).epoch
    for _ in range(2):
        loaded = await store.runs.load(session_id, epoch)
        assert loaded["material"] == {"instructions": "Be brief.", "bible": {"rules": [rule]}}
        await store.projects.delete(project, of(owner), with_sessions=False, limit=20) if _ == 0 else None
    alone = (await create(store, owner)).session.id
    assert (await store.runs.load(alone, (await store.runs.begin(alone, "node")).epoch))["material"] is None


async def test_limits_are_kept_and_named(store: Store, user: Any) -> None:
    limits = {"user_projects": 1, "project_members": 2, "project_invites": 1, "project_bytes": 300}
    await store.limits.set(limits)
    try:
        owner, second, third = [await user() for _ in range(3)]
        project = await project_of(store, owner)
        with pytest.raises(TooLarge, match="You have 1 projects"):
            await project_of(store, owner)
        first, token = await invited(store, project, owner, uses=None)
        with pytest.raises(Conflict, match="as many invitations"):
            await invited(store, project, owner)
        await store.projects.accept_invite(of(second), token)
        with pytest.raises(Conflict, match="The project has 2 members"):
            await store.projects.accept_invite(of(third), token)
        # What is over makes room.
        await store.projects.revoke_invite(project, of(owner), first)
        await invited(store, project, owner)
        assert len(await store.projects.invites(of(owner), project)) == 1
        with pytest.raises(TooLarge, match="The bible of a project has"):
            await store.projects.put_entries(project, of(owner), {"rules": [{"id": "a", "text": "x" * 300}]})
    finally:
        await store.limits.set({})


# -- Who goes ----------------------------------------------------------------------------------------------------------


async def test_erasing_an_owner_hands_their_project_over_or_takes_it_along(
    store: Store, user: Any, database: Database
) -> None:
    owner, second, viewer = await user(), await user(), await user()
    shared = await project_of(store, owner, (second, "owner"), (viewer, "viewer"))
    alone = await project_of(store, owner, (viewer, "editor"))
    theirs = (await create(store, viewer, project_id=alone)).session.id
    own = (await create(store, owner, project_id=shared)).session.id
    erased = await store.users.erase(of(owner))
    assert erased.removed["projects"] == 1 and erased.removed["user_projects"] == 2
    found = await store.projects.get(second, shared)
    assert (found.user_id, found.members) == (second.user_id, 2)
    with pytest.raises(NotFound):
        await store.projects.get(viewer, alone)
    assert (await store.sessions.get(viewer, theirs)).project_id is None
    with pytest.raises(NotFound):
        await store.sessions.get(second, own)


async def test_a_user_deleted_where_they_sign_in_leaves_no_project_without_an_owner(
    store: Store, user: Any, database: Database
) -> None:
    """By whoever deletes users there, who has no right to our tables."""
    owner, second = await user(), await user()
    shared, alone = (
        await project_of(store, owner, (second, "owner")),
        await project_of(store, owner, (second, "viewer")),
    )
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        await connection.execute("delete from auth.users where id = %s", [owner.user_id])
    assert (await store.projects.get(second, shared)).user_id == second.user_id
    with pytest.raises(NotFound):
        await store.projects.get(second, alone)


async def test_who_may_not_read_any_more_is_told_apart(store: Store, user: Any) -> None:
    owner, viewer = await user(), await user()
    project = await project_of(store, owner, (viewer, "viewer"))
    session_id, absent = (await create(store, owner, project_id=project)).session.id, uuid4()
    watched = {of(owner): [session_id], of(viewer): [session_id, absent]}
    assert await store.projects.lost_sights(watched) == [(of(viewer), absent)]
    await store.projects.remove_member(project, of(owner), of(viewer))
    assert set(await store.projects.lost_sights(watched)) == {(of(viewer), absent), (of(viewer), session_id)}
    assert await store.gateway.read("project_role", SERVICE, project_id=project, user_id=of(viewer)) is None
