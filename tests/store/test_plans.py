"""No function of the database reads a table from end to end, however many rows it has: what its statements really read
is counted, statement by statement as they were planned, in a database of thousands of sessions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from bench.grow import grow
from coordinator.store.embedded import EmbeddedPostgres
from tests.conftest import cloned

SESSIONS, MESSAGES = 3000, 3
BIG = {
    "story_sessions",
    "session_messages",
    "session_events",
    "session_steps",
    "session_drafts",
    "stories",
    "session_materials",
}
"""Tables that grow with every story. The others have rows for few sessions, or for nodes."""
MOST_ROWS = 1000
"""Of one table that one call may read, by an index too: an index that is read from end to end is no better. A sweep of
a hundred sessions deletes all that hangs on them."""
TIMES = 8
"""The sixth call of a connection is the first that PostgreSQL may plan for any arguments alike."""

NO_READERS = {
    "is_admin", "session_json", "message_json", "draft_json", "step_json", "number_cursor", "page_json", "draft_event",
    "check_epoch", "message_event", "activity", "usage_after", "silent_since", "schema_version", "schema_state", "local_sign_in", "alternative_json",
    "search_fold", "search_text", "search_parts", "search_words", "moment_cursor", "moment_of",
    "check_at_rest", "audit_json", "share_json", "word_query", "user_key_json", "add_profile", "wake", "take_chore",
    "put_user_key", "list_user_keys", "get_user_keys", "reseal_user_key", "delete_user_key", "audit_of", "list_audit",
    "note_inspection", "list_shares", "revoke_share", "read_share", "create_share", "local_erase",
    "begin_sign_in", "renew_sign_in", "check_sign_in", "end_sign_in", "list_sign_ins", "note_erasure", "list_erasures", "set_limits",
    "limit_of", "note_origin", "page_of", "page_fits", "lock_origin", "count_words", "no_text",
    "profile_json", "get_profile", "update_profile", "parent_of", "asked_story", "project_for_talk", "look_up_bible", "check_open",
    "told_turn", "turn_of", "check_story",
    "own_role", "project_json", "project_role", "check_project", "check_session", "member_json", "check_other_owner", "invite_json",
    "check_invite", "is_higher", "read_invite", "create_invite", "list_invites", "revoke_invite", "material_json",
    "get_project", "list_projects", "create_project", "update_project", "archive_project", "list_members", "change_member",
    "accept_invite", "get_bible", "put_entries", "remove_entry", "keep_members",
}  # fmt: skip
"""Read no big table, or by its key alone, or only on behalf of one of the others."""
WITHIN = {
    "event_json", "visible_session", "owned_session", "add_events", "tell", "number_outside", "events_since", "partial_json",
    "keep_events", "notes_json", "waiting_runs", "begin_run", "load_run", "break_run", "give_up_run", "number_changes", "add_alternatives", "edit_draft",
    "fork_session", "get_alternative", "list_alternatives", "end_as_admin", "delete_as_admin",
    "session_bytes", "count_bytes", "check_room", "check_work", "check_spent", "admit_session", "admit_resumed", "admit_edit",
    "place_of", "branch_numbers", "siblings_of", "branch_tip", "branch_page", "answer_so_far", "tools_so_far", "tell_chat", "stories_of_talk",
    "told_stories", "talk_json", "check_turns", "begin_turn", "regenerate_turn", "keep_answer", "finish_turn", "stop_turn",
    "switch_branch", "note_talk", "fail_turn", "load_turn", "ask_story", "talk_read_story", "get_user_sessions", "get_session_messages",
    "count_deleted", "keep_text", "section_under_way", "sole_session",
    "shares_session",
}  # fmt: skip
"""Called by those below, or made of the same statements on one session's rows."""
PROJECT = UUID("00000000-0000-4000-8000-0000000000d1")
COUNTING = {"service_stats": {"story_sessions"}}
"""What counts every row must read every row: of these tables."""


class Grown:
    """One connection, and what of the database its calls are about."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection = connection
        self.values: dict[str, Any] = {}

    async def learn(self) -> None:
        async def one(query: str) -> Any:
            row = await (await self.connection.execute(query)).fetchone()  # type: ignore[call-overload]
            assert row is not None, query
            return row[0]

        of = "select id from public.story_sessions where status = '{}' order by created_at desc limit 1"
        self.values = {
            "session": await one(of.format("completed")),
            "paused": await one(of.format("paused")),
            "waiting": await one(of.format("active")),
            "gate": await one(of.format("awaiting_approval")),
            "running": await one("select id from public.story_sessions where node = 'bench' limit 1"),
        }
        session = self.values["session"]
        self.values["owner"] = await one(f"select user_id from public.story_sessions where id = '{session}'")
        self.values["member"] = await one("select user_id from public.user_projects where role = 'editor'")
        self.values["project"] = PROJECT
        self.values["paused_owner"] = await one(
            f"select user_id from public.story_sessions where id = '{self.values['paused']}'"
        )

    async def read_by(
        self, function: str, role: str, args: dict[str, Any], times: int = TIMES
    ) -> dict[str, tuple[int, int]]:
        """Of each big table the sequential scans and the rows read, by the last of several calls."""
        found: dict[str, tuple[int, int]] = {}
        call = sql.SQL("select public.{}({})").format(
            sql.Identifier(function),
            sql.SQL(", ").join(
                sql.SQL("{} => {}").format(sql.Identifier(f"p_{name}"), sql.Literal(value))
                for name, value in args.items()
            ),
        )
        for _ in range(times):
            async with self.connection.transaction(force_rollback=True):
                before = await self._counters()
                await self._become(role)
                await self.connection.execute(call)
                await self.connection.execute("reset role")
                after = await self._counters()
            found = {
                table: (after[table][0] - before[table][0], after[table][1] - before[table][1]) for table in sorted(BIG)
            }
        return found

    async def _become(self, role: str) -> None:
        user = self.values[role] if role in ("owner", "member") else uuid4()
        name = "service_role" if role == "service" else "authenticated"
        metadata = {"role": "admin"} if role == "admin" else {}
        claims = {"role": name, "sub": str(user), "app_metadata": metadata}
        await self.connection.execute(
            "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true),"
            " set_config('request.jwt.claim.sub', %s, true)",
            [name, json.dumps(claims), str(user)],
        )

    async def _counters(self) -> dict[str, tuple[int, int]]:
        cursor = await self.connection.execute(
            "select relname, seq_scan, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)"
            " from pg_catalog.pg_stat_xact_user_tables where schemaname = 'public'"
        )
        return {name: (scans, rows) for name, scans, rows in await cursor.fetchall()}


@pytest.fixture(scope="module")
async def grown(postgres: EmbeddedPostgres) -> AsyncIterator[Grown]:
    async with cloned(postgres) as database:
        async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
            await grow(connection, SESSIONS, MESSAGES)
            # As Supabase sets it, for disks that need not seek: so few rows would be worth a scan otherwise.
            await connection.execute("set random_page_cost = 1.1")
            await _queue(connection)
            await _share(connection)
            made = Grown(connection)
            await made.learn()
            yield made


async def _share(connection: psycopg.AsyncConnection[Any]) -> None:
    """All sessions of one user in twenty are of a project, in which another takes part."""
    for statement in (
        f"insert into public.projects (id, user_id, name) select '{PROJECT}', user_id, 'A project'"
        " from public.story_sessions where status = 'completed' order by created_at desc limit 1",
        "insert into public.user_projects (user_id, project_id, role) select p.user_id, p.id, 'owner' from public.projects p"
        " union all select (select s.user_id from public.story_sessions s where s.user_id <> p.user_id limit 1), p.id, 'editor'"
        " from public.projects p",
        "insert into public.projects (id, user_id, name) select gen_random_uuid(), s.user_id, 'Another'"
        " from (select distinct user_id from public.story_sessions limit 100) s"
        " where s.user_id not in (select user_id from public.projects)",
        "update public.story_sessions s set project_id = p.id from public.projects p where p.user_id = s.user_id",
        "insert into public.session_materials (session_id, user_id, instructions, bible)"
        " select id, user_id, 'Be brief.', '{}' from public.story_sessions where project_id is not null",
        "vacuum analyze",
    ):
        await connection.execute(statement)  # type: ignore[call-overload]


async def _queue(connection: psycopg.AsyncConnection[Any]) -> None:
    """Some of the sessions wait for their turn, one is run by a node that lives, and one has a gate."""
    for statement in (
        "update public.story_sessions set status = 'active' where id in (select id from public.story_sessions where status = 'completed' limit 20)",
        "update public.story_sessions set node = 'bench' where id in (select id from public.story_sessions where status = 'active' limit 1)",
        "insert into public.nodes (id) values ('bench')",
        "insert into public.session_steps (session_id, user_id, step, position, stage, agent, status, started_at, epoch)"
        " select id, user_id, 'approve-outline', 99, 'foundation', 'writer', 'running', now(), 1 from public.story_sessions"
        " where status = 'awaiting_approval'",
        "update public.story_sessions set expires_at = now() - interval '1 hour' where id in"
        " (select id from public.story_sessions where status = 'paused' limit 5)",
        "update public.story_sessions set last_activity_at = now() - interval '90 days' where id in"
        " (select id from public.story_sessions where status = 'failed' limit 5)",
        # Far away all of them, but looked at.
        "insert into public.limits (name, amount) select name, 1e12 from unnest(array['user_sessions', 'user_bytes',"
        " 'session_bytes', 'pages_at_work', 'turns_user', 'user_projects', 'project_members', 'project_invites', 'project_bytes', 'day_tokens_user', 'day_usd_user', 'day_tokens', 'day_usd']) as name",
        "vacuum analyze",
    ):
        await connection.execute(statement)  # type: ignore[call-overload]


STEP = {
    "step": "draft-99",
    "stage": "drafting",
    "agent": "writer",
    "attempt": 1,
    "started_at": "2026-01-01T00:00:00Z",
    "duration_ms": 5,
    "tokens": 3,
    "cost_usd": 0.01,
    "content": "Text.",
    "model": "m",
    "output": None,
    "metadata": {},
    "progress": {"percent": 10},
    "after_seq": 10_000,
    "delta_from": 10_000,
    "draft": {"content": "Text.", "word_count": 1, "current": True},
}
STARTED = {
    "type": "step.started",
    "seq": 9_999,
    "at": "2026-01-01T00:00:00Z",
    "step": "draft-99",
    "stage": "drafting",
    "agent": "writer",
    "attempt": 1,
}
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("get_session", "owner", {"session_id": "session"}),
    ("get_session", "service", {"session_id": "session"}),
    ("list_sessions", "owner", {"user_id": "owner"}),
    ("list_sessions", "owner", {}),
    ("list_sessions", "owner", {"q": "nothing"}),
    ("list_sessions", "owner", {"user_id": "owner", "status": "failed"}),
    ("list_sessions", "owner", {"user_id": "owner", "q": "nothing that is there"}),
    ("list_sessions", "admin", {}),
    ("list_sessions", "admin", {"user_id": "owner"}),
    ("list_sessions", "admin", {"since": "2100-01-01T00:00:00Z"}),
    ("list_sessions", "service", {"status": "failed"}),
    ("list_sessions", "service", {"status": "active"}),
    ("list_sessions", "service", {"q": "lamp17 answers"}),
    ("list_sessions", "service", {"q": "keeper3", "status": "completed"}),
    ("list_sessions", "service", {"cursor": f"1767225600000000-{UUID(int=0).hex}"}),
    ("list_messages", "owner", {"session_id": "session"}),
    ("list_drafts", "owner", {"session_id": "session"}),
    ("get_draft", "owner", {"session_id": "session"}),
    ("list_steps", "owner", {"session_id": "session"}),
    ("list_events", "owner", {"session_id": "session"}),
    ("get_story", "owner", {"session_id": "session"}),
    ("get_snapshot", "owner", {"session_id": "session"}),
    ("get_replay", "owner", {"session_id": "session", "epoch": 1, "after_seq": 10, "limit": 200}),
    ("get_work", "owner", {"session_id": "session"}),
    ("get_ledger", "owner", {"session_id": "session"}),
    ("settled_findings", "service", {"session_id": "session"}),
    ("inspect_session", "admin", {"session_id": "session"}),
    ("list_sessions", "owner", {"project_id": "project"}),
    ("list_sessions", "member", {"project_id": "project"}),
    ("list_sessions", "member", {"project_id": "project", "q": "nothing"}),
    ("list_sessions", "member", {}),
    ("get_session", "member", {"session_id": "session"}),
    ("list_messages", "member", {"session_id": "session"}),
    ("list_drafts", "member", {"session_id": "session"}),
    ("list_steps", "member", {"session_id": "session"}),
    ("list_events", "member", {"session_id": "session"}),
    ("get_snapshot", "member", {"session_id": "session"}),
    ("get_replay", "member", {"session_id": "session", "epoch": 1, "after_seq": 10, "limit": 200}),
    ("get_work", "member", {"session_id": "session"}),
    ("list_offers", "member", {"project_id": "project"}),
    ("delete_project", "service", {"project_id": "project", "user_id": "owner", "sessions": "keep"}),
    ("delete_project", "service", {"project_id": "project", "user_id": "owner", "sessions": "delete"}),
    ("remove_member", "service", {"project_id": "project", "user_id": "owner", "member": "member"}),
    ("lost_sights", "service", {"watched": "watched"}),
    ("export_rows", "owner", {
        "table": "session_materials", "key": "session_id", "owner": "owner", "session_id": "session"}),
    ("export_rows", "owner", {"table": "story_sessions", "key": "id", "owner": "owner"}),
    ("export_rows", "owner", {"table": "session_messages", "key": "seq", "owner": "owner", "session_id": "session"}),
    ("export_rows", "owner", {"table": "session_events", "key": "seq", "owner": "owner", "session_id": "session"}),
    ("export_rows", "owner", {"table": "stories", "key": "id", "owner": "owner"}),
    ("create_session", "service", {
        "user_id": "owner", "kind": "story", "title": None, "prompt": "A prompt.", "template": "noir", "config": Jsonb({}),
        "model": "m", "ttl_s": 60, "request_id": "new"}),
    ("change_status", "service", {"session_id": "paused", "owner": None, "to": "active", "from": ["paused"]}),
    ("rename_session", "service", {"session_id": "session", "owner": "owner", "title": "Another"}),
    ("delete_session", "service", {"session_id": "session", "owner": "owner"}),
    ("append_message", "service", {
        "session_id": "session", "owner": None, "id": UUID(int=1), "role": "user", "content": "Text."}),
    ("append_draft", "service", {
        "session_id": "session", "owner": None, "version": 3, "author": "writer", "content": "Text.", "word_count": 1}),
    ("expire_sessions", "service", {"limit": 20}),
    ("delete_old_sessions", "service", {"keep": Jsonb({"failed": 3600 * 24 * 60}), "limit": 20}),
    ("erase_user", "service", {"owner": "owner", "limit": 5}),
    ("beat", "service", {"node": "bench", "about": Jsonb({}), "held": Jsonb({}), "dead_s": 6}),
    ("leave", "service", {"nodes": ["bench"]}),
    ("claim_runs", "service", {"node": "bench", "room": 5, "per_user": 5, "held": "none", "dead_s": 6}),
    ("list_nodes", "service", {"dead_s": 6}),
    ("service_stats", "service", {"days": 7, "dead_s": 6}),
    ("append_events", "service", {"session_id": "running", "epoch": 1, "events": Jsonb([STARTED])}),
    ("finish_step", "service", {
        "session_id": "running", "epoch": 1, "events": Jsonb([STARTED]),
        "result": Jsonb({**STEP, "message_id": str(UUID(int=2))})}),
    ("complete_session", "service", {"session_id": "running", "owner": None, "epoch": 1}),
    ("fail_session", "service", {
        "session_id": "running", "owner": None, "error": Jsonb({"code": "internal", "message": "no"}), "epoch": 1}),
    ("open_gate", "service", {
        "session_id": "running", "epoch": 1, "events": Jsonb([]),
        "gate": Jsonb({**STEP, "step": "approve-draft", "gate": "draft", "draft_version": 2})}),
    ("events_after", "service", {"wanted": "wanted"}),
    ("append_messages", "service", {"calls": "messages"}),
    ("write_many", "service", {"calls": "writes"}),
    ("pause_session", "service", {"session_id": "waiting", "owner": None}),
    ("steer", "service", {"session_id": "paused", "owner": "paused_owner", "id": UUID(int=3), "text": "A note."}),
    ("settle_finding", "service", {
        "session_id": "session", "owner": "owner", "id": UUID(int=6), "finding": "age-0123456789", "text": "It stays."}),
    ("answer_gate", "service", {
        "session_id": "gate", "owner": None, "step": "approve-outline", "approved": True, "comment": "Yes.",
        "call": UUID(int=4)}),
    ("list_branch", "owner", {"session_id": "session"}),
    ("list_branch", "member", {"session_id": "session"}),
    ("get_answer", "owner", {"session_id": "session", "seq": 1}),
    ("current_turn", "owner", {"session_id": "session"}),
    ("find_chat", "owner", {"key": "k"}),
    ("find_chat", "owner", {"key": "k", "id": "session"}),
    ("list_talks", "owner", {"user_id": "owner"}),
    ("list_talks", "owner", {"user_id": "owner", "q": "nothing"}),
    ("list_talks", "member", {"project_id": "project"}),
    ("talk_look_up", "service", {"session_id": "session", "asker": "owner", "query": "lamp"}),
    ("post_turn", "service", {
        "session_id": None, "owner": "owner", "message_id": UUID(int=7), "answer_id": UUID(int=8), "text": "Hello.",
        "node": "bench", "new": Jsonb({"agent": "muse", "model": "m", "title": "Hello", "request_id": "k"})}),
    ("claim_turns", "service", {"node": "bench", "room": 5, "held": "none", "dead_s": 6}),
    ("check_more", "service", {"user_id": "owner", "session_id": "session", "bytes": 1000}),
    ("set_budget", "service", {"session_id": "paused", "owner": None, "budget": Jsonb({"tokens": 5})}),
]  # fmt: skip


def _filled(grown: Grown, name: str, value: Any) -> Any:
    if name == "wanted":
        return Jsonb({str(grown.values["session"]): 5})
    if name == "watched":
        return Jsonb({str(grown.values["member"]): [str(grown.values["session"])]})
    if name == "calls":
        messages = [
            {
                "p_session_id": str(grown.values["session"]),
                "p_id": str(UUID(int=number)),
                "p_role": "user",
                "p_content": "Text.",
                "p_metadata": {},
                "p_tokens": 0,
                "p_cost_usd": 0,
            }
            for number in (5, 6)
        ]
        return Jsonb(messages if value == "messages" else [{"function": "append_message", "args": messages[0]}] * 2)
    if value == "none":
        return [UUID(int=9)]
    return grown.values.get(value, value) if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("function", "role", "args"), CALLS, ids=[f"{name}-{role}-{'-'.join(args)}" for name, role, args in CALLS]
)
async def test_nothing_is_read_from_end_to_end(grown: Grown, function: str, role: str, args: dict[str, Any]) -> None:
    filled = {name: _filled(grown, name, value) for name, value in args.items()}
    for table, (scans, rows) in (await grown.read_by(function, role, filled)).items():
        if table not in COUNTING.get(function, ()):
            assert scans == 0, f"{function} scans {table} from end to end"
            assert rows <= MOST_ROWS, f"{function} reads {rows} rows of {table}"


async def test_every_function_is_looked_at(grown: Grown) -> None:
    cursor = await grown.connection.execute(
        "select proname from pg_catalog.pg_proc where pronamespace = 'public'::regnamespace"
    )
    every = {str(name) for (name,) in await cursor.fetchall()}
    assert every == NO_READERS | WITHIN | {name for name, _, _ in CALLS}, (
        "list it, and call it where it reads a big table"
    )


async def test_a_scan_would_be_found(grown: Grown) -> None:
    """Neither an index that is missing nor a filter that no index serves goes unseen."""
    connection = grown.connection
    async with connection.transaction(force_rollback=True):
        await connection.execute("drop index public.stories_by_words")
        read = await grown.read_by("list_sessions", "service", {"q": "lamp17"}, times=1)
    scans, rows = read["stories"]
    assert scans or rows > MOST_ROWS
    read = await grown.read_by("list_sessions", "service", {"template": "absent"}, times=1)
    assert read["story_sessions"][1] >= SESSIONS
