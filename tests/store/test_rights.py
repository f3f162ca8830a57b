"""Who may do what in the database: a walk over the schema, and every actor on every table and function, refusals included.

What is granted is listed here once. A new table or function that is not listed fails these tests.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors, sql

from coordinator.models import StoryConfig
from coordinator.store import Store
from coordinator.store.direct import DirectTransport
from coordinator.store.embedded import EmbeddedPostgres
from tests.conftest import Database, cloned, new_user

TABLES = {
    "profiles": "id", "story_sessions": "user_id", "session_messages": "user_id", "session_drafts": "user_id",
    "session_steps": "user_id", "session_events": "user_id", "stories": "user_id",
}  # fmt: skip
"""Every table, with the column that names its owner."""

FOR_USERS = {
    "is_admin", "session_json", "message_json", "draft_json", "step_json", "event_json", "visible_session", "get_session",
    "list_sessions", "number_cursor", "page_json", "list_messages", "list_drafts", "get_draft", "list_steps", "list_events",
    "get_story", "get_snapshot", "get_replay", "inspect_session",
}  # fmt: skip
FOR_THE_SERVICE = FOR_USERS | {
    "owned_session", "add_events", "events_since", "create_session", "change_status", "rename_session", "delete_session",
    "append_message", "append_draft", "draft_event", "check_epoch", "expire_sessions", "claim_run", "keep_events",
    "append_events", "finish_step", "complete_session", "fail_session", "running_sessions", "events_after", "usage_after",
    "local_sign_in",
}  # fmt: skip
FOR_NOBODY = {"add_profile"}
DEFINERS = {"add_profile", "local_sign_in"}
"""Run with their owner's rights; neither may be called by a user."""


@pytest.fixture(scope="module")
async def shared(postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    """One database for the module: nothing here is ever committed."""
    async with cloned(postgres) as made:
        yield made


@pytest.fixture
async def admin(shared: Database) -> AsyncIterator[psycopg.AsyncConnection[tuple[object, ...]]]:
    async with await psycopg.AsyncConnection.connect(shared.admin_url, autocommit=True) as connection:
        yield connection


async def _names(connection: psycopg.AsyncConnection[tuple[object, ...]], query: str) -> set[str]:
    cursor = await connection.execute(query)  # type: ignore[call-overload]
    return {str(row[0]) for row in await cursor.fetchall()}


async def test_every_table_is_listed_and_has_row_level_security(
    admin: psycopg.AsyncConnection[tuple[object, ...]],
) -> None:
    assert await _names(admin, "select tablename from pg_tables where schemaname = 'public'") == set(TABLES)
    without = "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relrowsecurity"
    assert await _names(admin, without) == set()


async def test_no_grant_but_those_listed(admin: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    cursor = await admin.execute(
        "select c.relname, coalesce(r.rolname, 'public'), a.privilege_type"
        " from pg_class c cross join lateral aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a"
        " left join pg_roles r on r.oid = a.grantee"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S') and a.grantee <> c.relowner"
    )
    expected = {(table, "authenticated", "SELECT") for table in TABLES}
    expected |= {
        (table, "service_role", right) for table in TABLES for right in ("SELECT", "INSERT", "UPDATE", "DELETE")
    }
    assert set(await cursor.fetchall()) == expected


async def test_no_function_may_be_executed_but_those_listed(admin: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    cursor = await admin.execute(
        "select p.proname, coalesce(r.rolname, 'public')"
        " from pg_proc p cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
        " left join pg_roles r on r.oid = a.grantee"
        " where p.pronamespace = 'public'::regnamespace and a.grantee <> p.proowner"
    )
    expected = {(name, "authenticated") for name in FOR_USERS} | {(name, "service_role") for name in FOR_THE_SERVICE}
    assert set(await cursor.fetchall()) == expected
    every = await _names(admin, "select proname from pg_proc where pronamespace = 'public'::regnamespace")
    assert every == FOR_THE_SERVICE | FOR_NOBODY


async def test_functions_are_safe_to_call(admin: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    ours = "from pg_proc where pronamespace = 'public'::regnamespace"
    assert await _names(admin, f"select proname {ours} and prosecdef") == DEFINERS
    assert (
        await _names(admin, f"select proname {ours} and not coalesce('search_path=\"\"' = any (proconfig), false)")
        == set()
    )
    assert await _names(admin, f"select proname {ours} and obj_description(oid, 'pg_proc') is null") == set()


async def test_every_foreign_key_has_an_index(admin: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    missing = (
        "select conrelid::regclass || '.' || conname from pg_constraint c"
        " where contype = 'f' and connamespace = 'public'::regnamespace and not exists ("
        "   select from pg_index i where i.indrelid = c.conrelid and (i.indkey::int2[])[0:cardinality(c.conkey) - 1] = c.conkey)"
    )
    assert await _names(admin, missing) == set()


class Actors:
    """Two writers with a story each, and connections as every kind of caller."""

    def __init__(self, database: Database, owner: UUID, other: UUID, session: UUID) -> None:
        self.database = database
        self.owner = owner
        self.other = other
        self.session = session

    async def run(self, actor: str, statement: str | sql.Composed, *params: object) -> list[tuple[object, ...]]:
        """As one of anon, owner, other, admin, service; rolled back at the end."""
        role, user = {
            "anon": ("anon", None), "owner": ("authenticated", self.owner), "other": ("authenticated", self.other),
            "admin": ("authenticated", uuid4()), "service": ("service_role", None),
        }[actor]  # fmt: skip
        claims = {"role": role, **({"sub": str(user)} if user else {})}
        if actor == "admin":
            claims["app_metadata"] = {"role": "admin"}  # type: ignore[assignment]
        async with await psycopg.AsyncConnection.connect(self.database.url) as connection:
            await connection.execute(
                "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true),"
                " set_config('request.jwt.claim.sub', %s, true)",
                [role, json.dumps(claims), str(user or "")],
            )
            cursor = await connection.execute(statement, params)  # type: ignore[arg-type]
            rows = await cursor.fetchall() if cursor.description else [(cursor.rowcount,)]
            await connection.rollback()
            return rows


@pytest.fixture(scope="module")
async def actors(shared: Database) -> AsyncIterator[Actors]:
    sessions = []
    store = Store(await DirectTransport.open(shared.url, 2), wait_s=5)
    owners = [await new_user(store), await new_user(store)]
    for owner in owners:
        assert owner.user_id
        made = await store.sessions.create(
            owner.user_id, kind="story", title=None, prompt="A bell that rings under water.", template="short-story",
            config=StoryConfig(), model="offline:storyteller", ttl_s=60, request_id="r", progress={},
        )  # fmt: skip
        session_id = made.session.id
        sessions.append(session_id)
        claim = await store.runs.claim(session_id, "node")
        seq = claim["events"][-1]["seq"]
        await store.runs.finish_step(
            session_id, 1, [],
            {"step": "draft-1", "stage": "drafting", "agent": "writer", "attempt": 1, "started_at": "2026-01-01T00:00:00Z",
             "duration_ms": 5, "tokens": 3, "cost_usd": 0.01, "message_id": str(uuid4()), "content": "It rang.",
             "model": "m", "output": None, "progress": {}, "after_seq": seq, "delta_from": seq + 1,
             "draft": {"content": "It rang.", "word_count": 2, "current": True}},
        )  # fmt: skip
        await store.runs.complete(session_id, None, 1)
    assert owners[0].user_id and owners[1].user_id
    yield Actors(shared, owners[0].user_id, owners[1].user_id, sessions[0])
    await store.close()


@pytest.mark.parametrize("table", sorted(TABLES))
async def test_reading_each_table_as_each_actor(actors: Actors, table: str) -> None:
    select = sql.SQL("select {} from public.{}").format(sql.Identifier(TABLES[table]), sql.Identifier(table))
    with pytest.raises(errors.InsufficientPrivilege):
        await actors.run("anon", select)
    for actor, mine in (("owner", actors.owner), ("other", actors.other)):
        rows = {row[0] for row in await actors.run(actor, select)}
        assert rows == {mine}, f"{actor} sees rows of {rows}"
    for actor in ("admin", "service"):
        assert {row[0] for row in await actors.run(actor, select)} >= {actors.owner, actors.other}


@pytest.mark.parametrize("table", sorted(TABLES))
@pytest.mark.parametrize("actor", ["anon", "owner", "other", "admin"])
async def test_no_user_changes_a_table(actors: Actors, table: str, actor: str) -> None:
    name = sql.Identifier(table)
    column = sql.Identifier(TABLES[table])
    for statement in (
        sql.SQL("insert into public.{} ({}) values (gen_random_uuid())").format(name, column),
        sql.SQL("update public.{} set {} = gen_random_uuid()").format(name, column),
        sql.SQL("delete from public.{}").format(name),
        sql.SQL("truncate public.{}").format(name),
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            await actors.run(actor, statement)


CALLS = {
    "get_session": "select public.get_session(%s)", "list_messages": "select public.list_messages(%s)",
    "list_drafts": "select public.list_drafts(%s)", "get_draft": "select public.get_draft(%s)",
    "list_steps": "select public.list_steps(%s)", "list_events": "select public.list_events(%s)",
    "get_story": "select public.get_story(%s)", "get_snapshot": "select public.get_snapshot(%s)",
    "get_replay": "select public.get_replay(%s, 0, 0, 10)", "visible_session": "select public.visible_session(%s)",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_reading_functions_as_each_actor(actors: Actors, name: str) -> None:
    for actor in ("owner", "admin", "service"):
        assert (await actors.run(actor, CALLS[name], actors.session))[0][0]
    with pytest.raises(psycopg.DatabaseError) as refused:
        await actors.run("other", CALLS[name], actors.session)
    assert refused.value.sqlstate == "PT404"
    with pytest.raises(psycopg.DatabaseError) as absent:
        await actors.run("owner", CALLS[name], uuid4())
    assert (absent.value.sqlstate, absent.value.diag.message_primary) == ("PT404", refused.value.diag.message_primary)
    with pytest.raises(errors.InsufficientPrivilege):
        await actors.run("anon", CALLS[name], actors.session)


async def test_only_an_admin_inspects(actors: Actors) -> None:
    for actor in ("admin", "service"):
        assert (await actors.run(actor, "select public.inspect_session(%s)", actors.session))[0][0]
    for actor in ("owner", "other"):
        with pytest.raises(psycopg.DatabaseError) as refused:
            await actors.run(actor, "select public.inspect_session(%s)", actors.session)
        assert refused.value.sqlstate == "PT404"


async def test_a_list_shows_only_what_is_ones_own(actors: Actors) -> None:
    for actor, count in (("owner", 1), ("other", 1), ("admin", 2)):
        answer = (await actors.run(actor, "select public.list_sessions()"))[0][0]
        assert len(answer["items"]) == count  # type: ignore[index, call-overload]
    # Asking for another's changes nothing.
    stolen = await actors.run("other", "select public.list_sessions(p_user_id => %s)", actors.owner)
    assert stolen[0][0]["items"] == []  # type: ignore[index, call-overload]


@pytest.mark.parametrize("name", sorted(FOR_THE_SERVICE - FOR_USERS))
@pytest.mark.parametrize("actor", ["anon", "owner", "admin"])
async def test_no_user_calls_a_writing_function(actors: Actors, name: str, actor: str) -> None:
    signature = await actors.run(
        "service",
        "select string_agg('null::' || format_type(type, null), ', ' order by place)"
        " from pg_proc, unnest(proargtypes) with ordinality as args (type, place) where proname = %s"
        " and pronamespace = 'public'::regnamespace",
        name,
    )
    call = sql.SQL("select public.{}({})").format(sql.Identifier(name), sql.SQL(str(signature[0][0] or "")))
    with pytest.raises(errors.InsufficientPrivilege):
        await actors.run(actor, call)


async def test_a_new_user_gets_a_profile(actors: Actors) -> None:
    assert await actors.run("owner", "select id from public.profiles") == [(actors.owner,)]
