"""Who may do what in the database: a walk over the schema, and every actor on every table and function, refusals included.

What is granted is listed here once. Tables and functions themselves are taken from the catalog: a new one that is not
listed fails these tests.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors, sql

from coordinator.models import StoryConfig
from coordinator.store import Store
from coordinator.store.direct import DirectTransport
from coordinator.store.embedded import EmbeddedPostgres
from coordinator.store.projects import NewProject, ProjectDefaults
from coordinator.store.sessions import NewSession
from coordinator.store.versions import Made, Rewritten
from tests.conftest import Database, cloned, new_user

TABLES = {
    "profiles": "id",
    "story_sessions": "user_id",
    "session_messages": "user_id",
    "session_drafts": "user_id",
    "session_steps": "user_id",
    "session_events": "user_id",
    "session_alternatives": "user_id",
    "stories": "user_id",
    "session_materials": "user_id",
    "projects": "user_id",
    "user_projects": "user_id",
}
"""Every table that users read, with the column that names its owner."""
HIDDEN = {
    "user_api_keys", "session_shares", "nodes", "chores", "sign_ins", "erasures", "limits", "session_sizes", "project_invites",
}  # fmt: skip
"""The others: users read nothing of them, not even what is theirs."""
APPEND_ONLY = {"admin_audit"}
"""Admins read them whole and nobody else anything; the service adds rows, and changes and deletes none."""

FOR_USERS = {
    "is_admin", "session_json", "message_json", "draft_json", "step_json", "event_json", "visible_session", "get_session",
    "list_sessions", "number_cursor", "page_json", "list_messages", "list_drafts", "get_draft", "list_steps", "list_events",
    "get_story", "word_query", "search_fold", "search_text", "search_parts", "search_words", "moment_cursor", "moment_of",
    "get_snapshot", "get_replay", "inspect_session", "export_rows", "partial_json",
    "alternative_json", "list_alternatives", "get_alternative", "get_work", "get_ledger", "settled_findings", "audit_json", "list_audit", "no_text", "page_of", "page_fits",
    "profile_json", "get_profile",
    "place_of", "branch_numbers", "parent_of", "siblings_of", "branch_tip", "branch_page", "list_branch", "get_answer", "get_session_messages",
    "get_user_sessions", "list_talks", "answer_so_far", "tools_so_far", "current_turn",
    "own_role", "project_json", "get_project", "list_projects", "get_bible", "list_offers", "material_json",
}  # fmt: skip
FOR_THE_SERVICE = FOR_USERS | {
    "owned_session", "add_events", "events_since", "create_session", "change_status", "rename_session", "delete_session",
    "append_message", "append_messages", "append_draft", "draft_event", "check_epoch", "expire_sessions", "begin_run", "load_run", "break_run", "give_up_run", "keep_events",
    "append_events", "finish_step", "complete_session", "fail_session", "events_after", "usage_after",
    "beat", "silent_since", "take_chore", "leave", "waiting_runs", "claim_runs", "number_changes", "notes_json", "open_gate", "tell",
    "number_outside", "message_event", "activity", "write_many", "pause_session", "steer", "settle_finding", "answer_gate", "set_budget", "wake",
    "local_sign_in", "schema_version", "schema_state", "local_erase", "erase_user", "delete_old_sessions",
    "check_at_rest", "edit_draft", "add_alternatives", "fork_session",
    "share_json", "create_share", "list_shares", "revoke_share", "read_share",
    "user_key_json", "put_user_key", "list_user_keys", "get_user_keys", "reseal_user_key", "delete_user_key",
    "begin_sign_in", "renew_sign_in", "check_sign_in", "end_sign_in", "list_sign_ins", "note_erasure", "list_erasures",
    "audit_of", "note_inspection", "end_as_admin", "delete_as_admin", "service_stats", "list_nodes",
    "count_words", "section_under_way",
    "set_limits", "limit_of", "note_origin", "session_bytes", "count_bytes", "check_room", "check_work", "check_spent",
    "check_more", "lock_origin", "update_profile",
    "asked_story", "ask_story", "stories_of_talk", "told_stories", "talk_look_up", "talk_read_story", "project_for_talk",
    "look_up_bible", "talk_json", "check_turns", "check_open", "told_turn", "turn_of", "begin_turn", "post_turn", "regenerate_turn",
    "finish_turn", "stop_turn", "switch_branch", "note_talk", "claim_turns", "fail_turn", "load_turn", "check_story",
    "project_role", "check_project", "check_session", "sole_session", "create_project", "update_project", "archive_project",
    "delete_project", "member_json", "list_members", "check_other_owner", "change_member", "remove_member", "invite_json",
    "create_invite", "list_invites", "revoke_invite", "check_invite", "is_higher", "read_invite", "accept_invite",
    "put_entries", "remove_entry", "lost_sights",
}  # fmt: skip
FOR_ADMINS = {"inspect_session"}
"""Of those for users: to anybody but an admin, and the service, every session is absent."""
SILENT = {
    "partial_json",
    "settled_findings",
    "place_of",
    "branch_numbers",
    "siblings_of",
    "branch_tip",
    "branch_page",
    "get_user_sessions",
    "material_json",
}
"""Of those for users: of a session that is not theirs they answer nothing, where the others raise PT404."""
FOR_NOBODY = {
    "add_profile",
    "keep_text",
    "admit_session",
    "admit_resumed",
    "admit_edit",
    "count_deleted",
    "keep_members",
    "keep_answer",
    "tell_chat",
}
DEFINERS = {"add_profile", "local_sign_in", "local_erase", "keep_members"}
"""Run with their owner's rights; none may be called by a user."""


ACTORS = ("anon", "owner", "other", "admin", "service")
Row = tuple[Any, ...]


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
    relations = "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')"
    assert await _names(admin, relations) == set(TABLES) | HIDDEN | APPEND_ONLY
    without = "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relrowsecurity"
    assert await _names(admin, without) == set()


async def test_no_grant_but_those_listed(admin: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    cursor = await admin.execute(
        "select c.relname, coalesce(r.rolname, 'public'), a.privilege_type"
        " from pg_class c cross join lateral aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a"
        " left join pg_roles r on r.oid = a.grantee"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S') and a.grantee <> c.relowner"
    )
    expected = {(table, "authenticated", "SELECT") for table in set(TABLES) | APPEND_ONLY}
    expected |= {(table, "service_role", right) for table in APPEND_ONLY for right in ("SELECT", "INSERT")}
    expected |= {
        (table, "service_role", right)
        for table in set(TABLES) | HIDDEN
        for right in ("SELECT", "INSERT", "UPDATE", "DELETE")
    }
    assert set(await cursor.fetchall()) == expected
    columns = "select attrelid::regclass || '.' || attname from pg_attribute where attacl is not null and attrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)"
    assert await _names(admin, columns) == set()
    creators = "select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role', 'authenticator') and has_schema_privilege(rolname, 'public', 'create')"
    assert await _names(admin, creators) == set()


async def test_policies_only_let_users_read(admin: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    cursor = await admin.execute(
        "select tablename, permissive, cmd, roles::text from pg_policies where schemaname = 'public'"
    )
    expected = [(table, "PERMISSIVE", "SELECT", "{authenticated}") for table in sorted(set(TABLES) | APPEND_ONLY)]
    assert sorted(await cursor.fetchall()) == expected


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
    """Two writers with a story each, and a connection as every kind of caller. Nothing that they do is kept."""

    def __init__(self, owner: UUID, other: UUID, session: UUID) -> None:
        self.owner = owner
        self.other = other
        self.session = session
        self._connections: dict[str, psycopg.AsyncConnection[Row]] = {}

    async def connect(self, stack: AsyncExitStack, database: Database) -> None:
        for actor in ACTORS:
            connecting = await psycopg.AsyncConnection.connect(database.url)
            self._connections[actor] = await stack.enter_async_context(connecting)

    async def run(self, actor: str, statement: str | sql.Composable, *params: object) -> list[Row]:
        """In a transaction of its own that is rolled back at the end."""
        role, user = {
            "anon": ("anon", None),
            "owner": ("authenticated", self.owner),
            "other": ("authenticated", self.other),
            "admin": ("authenticated", uuid4()),
            "service": ("service_role", None),
        }[actor]
        claims = {"role": role, **({"sub": str(user)} if user else {})}
        if actor == "admin":
            claims["app_metadata"] = {"role": "admin"}  # type: ignore[assignment]
        connection = self._connections[actor]
        try:
            await connection.execute(
                "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true),"
                " set_config('request.jwt.claim.sub', %s, true)",
                [role, json.dumps(claims), str(user or "")],
            )
            cursor = await connection.execute(statement, params)  # type: ignore[arg-type]
            return await cursor.fetchall() if cursor.description else [(cursor.rowcount,)]
        finally:
            await connection.rollback()

    async def outcome(self, actor: str, statement: sql.Composable, name: str) -> str:
        """What becomes of it: `denied` where the right to `name` itself is lacking, `absent` for PT404, else `allowed`."""
        try:
            await self.run(actor, statement)
        except errors.InsufficientPrivilege as error:
            told = str(error.diag.message_primary)
            return "denied" if told.startswith("permission denied for ") and told.endswith(f" {name}") else told
        except (errors.SyntaxError, errors.UndefinedFunction, errors.AmbiguousFunction) as error:
            return f"not called: {error.diag.message_primary}"
        except psycopg.DatabaseError as error:
            return "absent" if error.sqlstate == "PT404" else "allowed"
        return "allowed"


@pytest.fixture(scope="module")
async def actors(shared: Database) -> AsyncIterator[Actors]:
    sessions = []
    store = Store(await DirectTransport.open(shared.url, 2), wait_s=5)
    owners = [await new_user(store), await new_user(store)]
    for owner in owners:
        assert owner.user_id
        project = NewProject(uuid4(), "A project", "", "", ProjectDefaults())
        await store.projects.create(owner.user_id, project)
        made = await store.sessions.create(
            owner.user_id,
            NewSession(
                kind="story",
                prompt="A bell that rings under water.",
                template="short-story",
                config=StoryConfig(),
                model="offline:storyteller",
                request_id="r",
                project_id=project.id,
            ),
            ttl_s=60,
        )
        session_id = made.session.id
        sessions.append(session_id)
        seq = (await store.runs.begin(session_id, "node")).events[-1]["seq"]
        await store.runs.finish_step(
            session_id,
            1,
            [],
            {
                "step": "draft-1",
                "stage": "drafting",
                "agent": "writer",
                "attempt": 1,
                "started_at": "2026-01-01T00:00:00Z",
                "duration_ms": 5,
                "tokens": 3,
                "cost_usd": 0.01,
                "message_id": str(uuid4()),
                "content": "It rang.",
                "model": "m",
                "output": None,
                "progress": {},
                "after_seq": seq,
                "delta_from": seq + 1,
                "draft": {"content": "It rang.", "word_count": 2, "current": True},
            },
        )
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
                made=[Made(uuid4(), "The bell", "m", 2, 0.01)],
            ),
        )
    assert owners[0].user_id and owners[1].user_id
    await store.close()
    async with AsyncExitStack() as stack:
        everybody = Actors(owners[0].user_id, owners[1].user_id, sessions[0])
        await everybody.connect(stack, shared)
        yield everybody


async def test_every_actor_on_every_table(actors: Actors, admin: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    relations = (
        "select c.relname, min(a.attname) from pg_class c join pg_attribute a on a.attrelid = c.oid and attnum > 0"
    )
    cursor = await admin.execute(
        f"{relations} where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f') group by 1"
    )
    found, expected = {}, {}
    for table, column in await cursor.fetchall():
        name, field = sql.Identifier(str(table)), sql.Identifier(str(column))
        statements = {
            "select": sql.SQL("select from public.{}").format(name),
            "insert": sql.SQL("insert into public.{} default values").format(name),
            "update": sql.SQL("update public.{0} set {1} = {1}").format(name, field),
            "delete": sql.SQL("delete from public.{}").format(name),
            "truncate": sql.SQL("truncate public.{}").format(name),
        }
        for verb, statement in statements.items():
            for actor in ACTORS:
                found[table, verb, actor] = await actors.outcome(actor, statement, str(table))
                readable = table in set(TABLES) | APPEND_ONLY
                reads = actor in ("owner", "other", "admin") and verb == "select" and readable
                changes = ("select", "insert") if table in APPEND_ONLY else ("select", "insert", "update", "delete")
                allowed = reads or (actor == "service" and verb in changes)
                expected[table, verb, actor] = "allowed" if allowed else "denied"
    assert {str(table) for table, _, _ in found} == set(TABLES) | HIDDEN | APPEND_ONLY
    assert _differences(found, expected) == {}


@pytest.mark.parametrize("table", sorted(TABLES))
async def test_each_actor_sees_the_rows_of_the_policy(
    actors: Actors, admin: psycopg.AsyncConnection[tuple[object, ...]], table: str
) -> None:
    select = sql.SQL("select to_jsonb(t)::text from public.{} t").format(sql.Identifier(table))
    whole = select + sql.SQL(" where {} = %s").format(sql.Identifier(TABLES[table]))
    rows = {
        "owner": sorted(await (await admin.execute(whole, [actors.owner])).fetchall()),
        "other": sorted(await (await admin.execute(whole, [actors.other])).fetchall()),
        "admin": sorted(await (await admin.execute(select)).fetchall()),
    }
    assert rows["owner"] and rows["other"], f"the fixture `actors` has to store rows of both writers in {table}"
    assert not set(rows["owner"]) & set(rows["other"])
    rows["service"] = rows["admin"]
    for actor, theirs in rows.items():
        assert sorted(await actors.run(actor, select)) == theirs, actor


GIVEN = {"p_table": "story_sessions", "p_key": "id"}
"""Arguments whose value matters for getting anywhere, by name."""
OF_A_TYPE = {
    "integer": 1,
    "bigint": 1,
    "numeric": 1,
    "double precision": 1,
    "boolean": False,
    "text": "x",
    "text[]": "{}",
    "uuid[]": "{}",
    "jsonb": "{}",
    "timestamp with time zone": "2026-01-01T00:00:00Z",
}
"""The others', by type; null for any other type."""


async def test_every_actor_on_every_function(
    actors: Actors, admin: psycopg.AsyncConnection[tuple[object, ...]]
) -> None:
    """Of session-keyed functions for users the owner's session is asked for, so that "other" is somebody else."""
    cursor = await admin.execute(
        "select p.oid::regprocedure::text, p.proname, p.prokind, coalesce(array_agg(a.name order by a.place)"
        "   filter (where a.place <= p.pronargs - p.pronargdefaults), '{}'),"
        " coalesce(array_agg(format_type(a.type, null) order by a.place)"
        "   filter (where a.place <= p.pronargs - p.pronargdefaults), '{}')"
        " from pg_proc p left join lateral unnest(p.proargtypes::oid[], p.proargnames) with ordinality"
        "   as a (type, name, place) on a.type is not null"
        " where p.pronamespace = 'public'::regnamespace group by p.oid"
    )
    found, expected = {}, {}
    for signature, name, kind, names, types in await cursor.fetchall():
        assert kind == "f", f"{signature} is not a plain function: how each actor is to call it has to be said here"
        arguments = [await _argument(actors, admin, *each) for each in zip(names, types, strict=True)]
        call = sql.SQL("select public.{}({})").format(sql.Identifier(name), sql.SQL(", ").join(arguments))
        for actor in ACTORS:
            told = await actors.outcome(actor, call, name)
            of_session = name in FOR_USERS - SILENT and "p_session_id" in names
            # What the service is told when there is nothing to change is not a matter of rights.
            found[signature, actor] = "allowed" if told == "absent" and not of_session else told
            if name in FOR_NOBODY or actor == "anon" or (actor != "service" and name not in FOR_USERS):
                expected[signature, actor] = "denied"
            elif of_session and (actor == "other" or (actor == "owner" and name in FOR_ADMINS)):
                expected[signature, actor] = "absent"
            else:
                expected[signature, actor] = "allowed"
        if name in FOR_USERS and "p_session_id" in names:
            # What is somebody else's and what is not there at all are told in the same words.
            position = names.index("p_session_id")
            absent = [*arguments[:position], sql.Literal(uuid4()), *arguments[position + 1 :]]
            gone = sql.SQL("select public.{}({})").format(sql.Identifier(name), sql.SQL(", ").join(absent))
            assert await _told(actors, "other", call) == await _told(actors, "other", gone), signature
    assert {
        signature.partition("(")[0].removeprefix("public.") for signature, _ in found
    } == FOR_THE_SERVICE | FOR_NOBODY
    assert _differences(found, expected) == {}


async def _argument(
    actors: Actors, admin: psycopg.AsyncConnection[tuple[object, ...]], name: str, type_name: str
) -> sql.Composable:
    """A value that the function can work with: of the owner, and of the owner's session."""
    value: object
    if name in GIVEN:
        value = GIVEN[name]
    elif type_name == "uuid":
        value = {"p_session_id": actors.session}.get(name, actors.owner)
    elif (table := type_name.removeprefix("public.")) in TABLES:
        row = sql.SQL("select t::text from public.{} t where {} = %s").format(
            sql.Identifier(table), sql.Identifier(TABLES[table])
        )
        found = await (await admin.execute(row, [actors.owner])).fetchone()
        value = found[0] if found else None
    else:
        value = OF_A_TYPE.get(type_name)
    return sql.SQL("{}::{}").format(sql.Literal(value), sql.SQL(type_name))


async def _told(actors: Actors, actor: str, call: sql.Composable) -> object:
    """What the call answers, or how it is refused."""
    try:
        return await actors.run(actor, call)
    except psycopg.DatabaseError as error:
        return error.sqlstate, error.diag.message_primary


def _differences(found: dict[Any, str], expected: dict[Any, str]) -> dict[Any, str]:
    """What is not as it ought to be, as `found, not expected`."""
    return {key: f"{found[key]}, not {expected[key]}" for key in found if found[key] != expected[key]}


async def test_what_users_call_changes_nothing(admin: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    volatile = "select proname from pg_proc where pronamespace = 'public'::regnamespace and provolatile = 'v'"
    assert await _names(admin, volatile) & FOR_USERS == set()


async def test_only_admins_and_the_service_read_what_admins_did(
    actors: Actors, admin: psycopg.AsyncConnection[tuple[object, ...]]
) -> None:
    entry = (
        "insert into public.admin_audit (admin_id, action, session_id, user_id) values"
        " (gen_random_uuid(), 'inspect', %s, %s)"
    )
    await admin.execute(entry, [actors.session, actors.owner])
    try:
        for actor, count in (("owner", 0), ("other", 0), ("admin", 1), ("service", 1)):
            assert len(await actors.run(actor, "select id from public.admin_audit")) == count, actor
            assert len((await actors.run(actor, "select public.list_audit()"))[0][0]["items"]) == count, actor
    finally:
        await admin.execute("delete from public.admin_audit")


async def test_a_list_shows_only_what_is_ones_own(actors: Actors) -> None:
    for actor, count in (("owner", 1), ("other", 1), ("admin", 2)):
        answer = (await actors.run(actor, "select public.list_sessions()"))[0][0]
        assert len(answer["items"]) == count
    # Asking for another's changes nothing.
    stolen = await actors.run("other", "select public.list_sessions(p_user_id => %s)", actors.owner)
    assert stolen[0][0]["items"] == []


async def test_a_new_user_gets_a_profile(actors: Actors) -> None:
    assert await actors.run("owner", "select id from public.profiles") == [(actors.owner,)]
