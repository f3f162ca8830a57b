"""All that is kept of one user, over each transport: read by its owner alone, erased whole, and no table forgotten."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from coordinator.errors import Forbidden, NotFound, StoryloomError
from coordinator.models import SERVICE, Identity
from coordinator.store import Store
from coordinator.store.projects import NewProject, ProjectDefaults
from coordinator.store.users import MEMBERSHIPS, OF_A_SESSION, PROFILE, PROJECTS, SESSIONS, Rows
from coordinator.store.versions import Made, Rewritten
from tests.conftest import Database
from tests.store.conftest import BOTH
from tests.store.test_store import create, delta, step

EXPORTED = {
    PROFILE.table,
    SESSIONS.table,
    PROJECTS.table,
    MEMBERSHIPS.table,
    *(rows.table for rows in OF_A_SESSION.values()),
}
AS_A_LIST = {"user_api_keys", "session_shares", "sign_ins", "project_invites"}
"""Taken away by an operation of its own, because a part of the row is nobody's to read."""
KEPT = {"admin_audit"}
"""What admins did stays when the user is erased; until then the user takes away their part of it."""


@pytest.fixture(params=BOTH)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def finished(store: Store, owner: Identity, steps: int = 2) -> UUID:
    """A session with rows in every table that hangs on one."""
    assert owner.user_id
    project = NewProject(uuid4(), "A project", "", "", ProjectDefaults())
    await store.projects.create(owner.user_id, project)
    await store.projects.invite(
        project.id, owner.user_id, invite_id=uuid4(), role="viewer", token_hash=uuid4().hex * 2, ttl_s=60, uses=None
    )
    session_id = (await create(store, owner, project_id=project.id)).session.id
    seq = int((await store.runs.begin(session_id, "node")).events[-1]["seq"])
    for number in range(1, steps + 1):
        draft = {"content": f"It rang {number} times.", "word_count": 4, "current": True}
        result = step(session_id, f"draft-{number}", seq, draft=draft)
        answer = await store.runs.finish_step(session_id, 1, [delta(seq + 1, "It")], result)
        seq = int(answer.events[-1]["seq"])
    await store.runs.complete(session_id, None, 1)
    await store.versions.add_alternatives(
        session_id,
        owner.user_id,
        Rewritten(
            version=1,
            start=0,
            end=2,
            passage="It",
            instruction="Say what.",
            made=[Made(uuid4(), text, "m", 1, 0) for text in ("The bell", "What hung there", "She")],
        ),
    )
    await store.shares.create(session_id, owner.user_id, share_id=uuid4(), token_hash=uuid4().hex * 2, ttl_s=60, most=1)
    return session_id


async def rows_of(store: Store, identity: Identity, rows: Rows, session_id: UUID | None = None, size: int = 50) -> Any:
    return [row async for page in store.users.pages(identity, rows, session_id, size=size) for row in page]


async def tables(database: Database) -> dict[str, str]:
    """Of each table with rows of users the column that leads to the user."""
    query = (
        "select c.table_name, c.column_name from information_schema.columns c join information_schema.tables t"
        " on t.table_schema = c.table_schema and t.table_name = c.table_name and t.table_type = 'BASE TABLE'"
        " where c.table_schema = 'public'"
    )
    columns = await run(database, query)
    owned = {table: name for table, name in columns if name == "session_id"}
    owned |= {table: name for table, name in columns if name == "user_id"}
    return {**owned, "profiles": "id"}


async def run(database: Database, query: str, *params: Any) -> list[Any]:
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        cursor = await connection.execute(query, params)  # type: ignore[call-overload]
        return await cursor.fetchall() if cursor.description else []


async def counted(database: Database, owner: UUID | None) -> dict[str, int]:
    """Rows of the user in every table that has any user's to erase."""
    assert owner
    return {
        table: int((await run(database, f"select count(*) from {table} where {column} = %s", owner))[0][0])
        for table, column in (await tables(database)).items()
        if table not in KEPT
    }


async def everything(database: Database, owner: UUID | None) -> dict[str, list[Any]]:
    return {
        table: await run(
            database, f"select to_jsonb(t) from {table} t where {column} = %s order by to_jsonb(t)::text", owner
        )
        for table, column in (await tables(database)).items()
        if table not in KEPT
    }


async def test_a_user_reads_all_of_their_rows_page_by_page(store: Store, user: Any, database: Database) -> None:
    writer, other, admin = await user(), await user(), await user(admin=True)
    session_id, _ = await finished(store, writer, steps=3), await finished(store, other)
    await create(store, writer)
    for rows in (PROFILE, SESSIONS, PROJECTS, MEMBERSHIPS, *OF_A_SESSION.values()):
        of = session_id if rows in OF_A_SESSION.values() else None
        found = await rows_of(store, writer, rows, of)
        assert found and found == await rows_of(store, writer, rows, of, size=1) == await rows_of(
            store, writer, rows, of, size=2
        ), rows
        column = "id" if rows is PROFILE else "user_id"
        kept = f"select count(*) from {rows.table} where {column} = %s and (%s::uuid is null or session_id = %s)"
        if of is None:
            kept = f"select count(*) from {rows.table} where {column} = %s"
        ((count,),) = await run(database, kept, writer.user_id, *([of, of] if of else []))
        assert len(found) == count and {row[column] for row in found} == {str(writer.user_id)}
        # What an admin may see is not an admin's to take away, and nobody's is anybody else's.
        assert {row[column] for row in await rows_of(store, admin, rows)} <= {str(admin.user_id)}
        asked = {"table": rows.table, "key": rows.key, "owner": writer.user_id, "session_id": of}
        assert (await store.gateway.read("export_rows", other, **asked))["items"] == []
    whole = (await rows_of(store, writer, OF_A_SESSION["messages"], session_id))[0]
    assert whole["content"] == "A bell under water." and whole["seq"] == 1
    assert [row["version"] for row in await rows_of(store, writer, OF_A_SESSION["drafts"], session_id, 1)] == [1, 2, 3]
    assert await store.users.schema_version() == (await store.gateway.read("schema_state", SERVICE))["version"]


async def test_a_table_that_users_may_not_read_is_refused(store: Store, user: Any) -> None:
    writer = await user()
    await store.keys.put(writer.user_id, "openai", "ciphertext", "1234")
    for rows in (Rows("user_api_keys", "provider"), Rows("user_api_keys", "secret")):
        with pytest.raises(Forbidden):
            await rows_of(store, writer, rows)
    for rows in (Rows("nowhere", "id"), Rows("profiles; select 1", "id"), Rows("profiles", "nothing")):
        with pytest.raises(StoryloomError):
            await rows_of(store, writer, rows)


async def test_erasing_counts_what_it_removed_and_leaves_others_alone(
    store: Store, user: Any, database: Database
) -> None:
    writer, other = await user(), await user()
    for owner in (writer, other):
        for _ in range(5):
            await finished(store, owner)
        await store.keys.put(owner.user_id, "openai", "ciphertext", "1234")
        await store.signins.begin(uuid4(), owner.user_id, uuid4().hex * 2, 60)
    before, theirs = await counted(database, writer.user_id), await everything(database, other.user_id)
    assert all(before.values()), "a table without rows in this test: give it some"

    removed: dict[str, int] = dict.fromkeys(before, 0)
    batches = []
    while True:
        batch = await store.users.erase(writer.user_id, batch=2)
        assert batch.removed.keys() == before.keys()
        batches.append(len(batch.session_ids))
        removed = {table: removed[table] + batch.removed[table] for table in removed}
        if not batch.more:
            break
    assert batches == [2, 2, 1]
    assert removed == before
    assert not any((await counted(database, writer.user_id)).values())
    assert await everything(database, other.user_id) == theirs
    again = await store.users.erase(writer.user_id)
    assert not any(again.removed.values()) and not again.session_ids and not again.more


async def test_a_run_elsewhere_finds_its_session_gone(store: Store, user: Any) -> None:
    writer = await user()
    session_id = (await create(store, writer)).session.id
    seq = (await store.runs.begin(session_id, "another node")).events[-1]["seq"]
    assert (await store.users.erase(writer.user_id)).session_ids == [session_id]
    with pytest.raises(NotFound):
        await store.runs.finish_step(session_id, 1, [], step(session_id, "draft-1", seq))
    with pytest.raises(NotFound):
        await store.runs.append_events(session_id, 1, [delta(seq + 1, "It rang.")])


async def test_erasing_one_who_never_was_removes_nothing(store: Store) -> None:
    erased = await store.users.erase(uuid4())
    assert not any(erased.removed.values()) and not erased.more


async def test_no_table_of_users_is_forgotten(database: Database) -> None:
    """A new table is taken away and erased by its columns' names, or this fails."""
    columns = await run(
        database,
        "select c.relname, a.attname, coalesce(f.confdeltype in ('n', 'd'), false) from pg_class c"
        " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " left join pg_constraint f on f.conrelid = c.oid and f.contype = 'f' and f.conkey = array[a.attnum]"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
        " and (f.confrelid in ('auth.users'::regclass, 'story_sessions'::regclass, 'profiles'::regclass)"
        "   or a.attname ~ '(user|owner|session|author|creator|member)_?(id)?$')",
    )
    named = {(table, column) for table, column, let_go in columns if not let_go}
    unknown = {
        (table, column)
        for table, column in named
        if column not in ("user_id", "session_id")
        and (table, column) not in (("profiles", "id"), ("session_drafts", "author"))
    }
    assert unknown == set(), "erase_user goes by user_id and session_id: name the column so"
    owned = {table for table, column in named if column in ("user_id", "session_id", "id")}
    taken = EXPORTED | AS_A_LIST | KEPT
    assert owned == set(await tables(database)) == taken, "coordinator/store/users.py takes it away"


async def test_a_table_that_comes_later_is_erased_by_its_columns(store: Store, user: Any, database: Database) -> None:
    await run(
        database,
        "create table public.later_notes (session_id uuid not null references public.story_sessions, note text)",
    )
    await run(
        database,
        "create table public.later_bills"
        " (user_id uuid not null, session_id uuid references public.story_sessions on delete set null)",
    )
    await run(database, "create table public.later_marks (user_id uuid not null, mark text)")
    try:
        await run(database, "grant all on later_notes, later_bills, later_marks to service_role")
        writer, other = await user(), await user()
        for owner in (writer, other):
            session_id, of = (await create(store, owner)).session.id, owner.user_id
            await run(database, "insert into later_notes values (%s, 'n')", session_id)
            await run(database, "insert into later_bills values (%s, %s), (%s, null)", of, session_id, of)
            await run(database, "insert into later_marks values (%s, 'm'), (%s, 'm')", of, of)
        removed = (await store.users.erase(writer.user_id)).removed
        assert {name: count for name, count in removed.items() if name.startswith("later")} == {
            "later_notes": 1,
            "later_bills": 2,
            "later_marks": 2,
        }
        for table, count in (("later_notes", 1), ("later_bills", 2), ("later_marks", 2)):
            assert await run(database, f"select count(*) from {table}") == [(count,)]
    finally:
        # Over rpc the database is the module's.
        await run(database, "drop table later_notes, later_bills, later_marks")
