"""What admins do and see in the store, over each transport: endings, the audit, statistics, nodes and the queue."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from coordinator.errors import Conflict, Fenced, InvalidMessage, NotFound
from coordinator.models import Identity
from coordinator.store import Store
from coordinator.store.admin import AuditEntry
from coordinator.store.inspection import noted
from tests.conftest import Database
from tests.service import bearer, serving
from tests.store.conftest import BOTH, Project
from tests.store.test_store import create, delta, step
from tests.store.test_supabase_service import settings_for


@pytest.fixture(params=BOTH)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def run(database: Database, query: str, *params: Any) -> list[Any]:
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        cursor = await connection.execute(query, params)  # type: ignore[call-overload]
        return await cursor.fetchall() if cursor.description else []


async def told(store: Store, owner: Identity) -> UUID:
    """A finished story: three messages, four words."""
    session_id = (await create(store, owner)).session.id
    seq = int((await store.runs.begin(session_id, "node")).events[-1]["seq"])
    for number in (1, 2):
        draft = {"content": f"It rang {number} times.", "word_count": 4, "current": True}
        answer = await store.runs.finish_step(session_id, 1, [], step(session_id, f"draft-{number}", seq, draft=draft))
        seq = int(answer.events[-1]["seq"])
    await store.runs.complete(session_id, None, 1)
    return session_id


async def beat(store: Store, database: Database, node: str, **about: Any) -> None:
    """The node lives, and not since a moment ago alone: the first of all has been away, and waits for others."""
    await store.nodes.beat(node, about, {}, 60)
    await run(database, "delete from chores where name = 'outage'")


async def entries(store: Store, admin: Identity, **wanted: Any) -> list[AuditEntry]:
    return (await store.admin.audit(admin, **wanted)).items


# -- Ending and deleting -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("to", "action"), [("cancelled", "cancel"), ("expired", "expire")])
async def test_an_admin_ends_anybodys_session_and_its_run(store: Store, user: Any, to: Any, action: str) -> None:
    writer, admin = await user(), await user(admin=True)
    session_id = (await create(store, writer)).session.id
    seq = (await store.runs.begin(session_id, "far away")).events[-1]["seq"]
    change = await store.admin.end(session_id, admin.user_id, to=to, reason="It is not for children.")
    assert change.changed and change.session.status == to and change.session.epoch == 2
    assert change.session.error is not None and change.session.error.code == to
    assert "It is not for children." in change.session.error.message
    assert (change.events[-1]["status"], change.events[-1]["reason"]) == (to, "It is not for children.")
    with pytest.raises(Fenced):
        await store.runs.append_events(session_id, 1, [delta(seq + 1, "It rang.")])
    with pytest.raises(Fenced):
        await store.runs.finish_step(session_id, 1, [], step(session_id, "draft-1", seq))
    (entry,) = await entries(store, admin, session_id=session_id)
    assert (entry.action, entry.reason, entry.admin_id) == (action, "It is not for children.", admin.user_id)
    assert entry.user_id == writer.user_id and abs(entry.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert entry.details == {"status": "active", "epoch": 1, "node": "far away"}
    # As after a lost answer.
    again = await store.admin.end(session_id, admin.user_id, to=to, reason="It is not for children.")
    assert not again.changed and again.session.epoch == 2 and not again.events
    assert await entries(store, admin, session_id=session_id) == [entry]


async def test_what_is_refused_leaves_no_trace(store: Store, user: Any) -> None:
    writer, admin = await user(), await user(admin=True)
    session_id = await told(store, writer)
    with pytest.raises(Conflict):
        await store.admin.end(session_id, admin.user_id, to="cancelled", reason="Too late.")
    with pytest.raises(NotFound):
        await store.admin.end(uuid4(), admin.user_id, to="expired", reason="Where?")
    with pytest.raises(NotFound):
        await store.admin.delete(uuid4(), admin.user_id)
    assert (await store.sessions.get(writer, session_id)).status == "completed"
    assert await entries(store, admin, admin_id=admin.user_id) == []


async def test_a_deletion_is_remembered_longer_than_the_session(store: Store, user: Any) -> None:
    writer, admin = await user(), await user(admin=True)
    theirs, own = await told(store, writer), await told(store, admin)
    for session_id in (theirs, own):
        await store.admin.delete(session_id, admin.user_id)
        with pytest.raises(NotFound):
            await store.sessions.get(admin, session_id)
    (entry,) = await entries(store, admin, admin_id=admin.user_id)
    assert (entry.action, entry.session_id, entry.user_id) == ("delete", theirs, writer.user_id)
    assert entry.details["status"] == "completed" and entry.reason is None


# -- The audit ---------------------------------------------------------------------------------------------------------


async def test_a_look_is_noted_once_a_minute(store: Store, user: Any, database: Database) -> None:
    writer, admin, other = await user(), await user(admin=True), await user(admin=True)
    session_id, own = (await create(store, writer)).session.id, (await create(store, admin)).session.id
    for looking in (session_id, own, uuid4()):
        await asyncio.gather(*(noted(store.gateway, admin, looking) for _ in range(8)))
    found = await entries(store, admin, admin_id=admin.user_id)
    minutes = {entry.at.replace(second=0, microsecond=0) for entry in found}
    assert len(found) == len(minutes) and len(found) <= 2, "two where a minute has just begun"
    assert {(entry.action, entry.session_id) for entry in found} == {("inspect", session_id)}
    await noted(store.gateway, other, session_id)
    assert len(await entries(store, admin, session_id=session_id, admin_id=other.user_id)) == 1
    # As if it had been before.
    await run(database, "update admin_audit set at = at - interval '5 minutes' where session_id = %s", session_id)
    await noted(store.gateway, admin, session_id)
    assert len(await entries(store, admin, admin_id=admin.user_id)) == len(found) + 1


async def test_the_audit_is_listed_by_what_is_asked_for(store: Store, user: Any) -> None:
    writer, admin, other = await user(), await user(admin=True), await user(admin=True)
    begun = datetime.now(UTC) - timedelta(minutes=1)
    ids = [(await create(store, writer)).session.id for _ in range(5)]
    for number, session_id in enumerate(ids):
        await store.admin.end(session_id, admin.user_id, to=("cancelled", "expired")[number % 2], reason=f"{number}")
        await noted(store.gateway, other, session_id)
    mine = {"user_id": writer.user_id}
    assert len(await entries(store, admin, **mine)) == 10
    assert [entry.reason for entry in await entries(store, admin, admin_id=admin.user_id)] == ["4", "3", "2", "1", "0"]
    assert {entry.reason for entry in await entries(store, admin, action="expire", **mine)} == {"1", "3"}
    assert len(await entries(store, admin, session_id=ids[2])) == 2
    assert len(await entries(store, admin, since=begun, **mine)) == 10
    assert await entries(store, admin, since=begun + timedelta(hours=1), **mine) == []
    paged: list[AuditEntry] = []
    cursor = None
    while True:
        page = await store.admin.audit(admin, limit=3, cursor=cursor, **mine)
        assert 1 <= len(page.items) <= 3
        paged += page.items
        if (cursor := page.next_cursor) is None:
            break
    assert paged == await entries(store, admin, **mine)
    with pytest.raises(InvalidMessage):
        await store.admin.audit(admin, cursor="x")
    # The database itself shows it to nobody but admins.
    assert await entries(store, writer) == []


async def test_the_trail_outlives_the_user_who_takes_away_their_part(store: Store, user: Any) -> None:
    writer, other, admin = await user(), await user(), await user(admin=True)
    for owner in (writer, other):
        session_id = (await create(store, owner)).session.id
        await noted(store.gateway, admin, session_id)
        await store.admin.end(session_id, admin.user_id, to="cancelled", reason="It names a neighbour.")
    taken = await store.admin.audit_of(writer.user_id)
    assert [(row["action"], row["reason"]) for row in taken] == [("inspect", None), ("cancel", "It names a neighbour.")]
    assert str(admin.user_id) not in str(taken)
    before = await entries(store, admin, user_id=writer.user_id)
    erased = await store.users.erase(writer.user_id)
    assert erased.removed["story_sessions"] == 1 and "admin_audit" not in erased.removed
    assert await entries(store, admin, user_id=writer.user_id) == before


# -- Statistics --------------------------------------------------------------------------------------------------------


async def test_statistics_count_what_there_is(store: Store, user: Any, database: Database, transport: str) -> None:
    writer = await user()
    done = [await told(store, writer) for _ in range(3)]
    long_ago = await told(store, writer)
    failed = (await create(store, writer)).session.id
    await run(
        database,
        "update story_sessions set status = 'failed', error = %s where id = %s",
        '{"code": "budget_exceeded", "message": "Spent."}',
        failed,
    )
    held, lost, waiting = [(await create(store, writer)).session.id for _ in range(3)]
    await beat(store, database, "here")
    await store.runs.begin(held, "here")
    await store.runs.begin(lost, "nowhere")
    chat = (await create(store, writer, kind="chat")).session.id
    sql = (
        "update story_sessions set created_at = %s, completed_at = %s, last_activity_at = %s, model = %s where id = %s"
    )
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for session_id, begun, minutes, model in (
        # The first instant of a window of seven days, and the last before it.
        (done[0], midnight - timedelta(days=6), 10, "a:b"),
        (done[1], midnight - timedelta(days=1), 20, "a:b"),
        (done[2], midnight - timedelta(days=1), 60, "c:d"),
        (long_ago, midnight - timedelta(days=6, minutes=9), 1, "a:b"),
    ):
        ended = begun + timedelta(minutes=minutes)
        await run(database, sql, begun, ended, ended, model, session_id)
    if transport == "direct":
        # Of the million rows not one is looked at.
        await run(database, "revoke all on session_messages, session_events, session_drafts from service_role")

    stats = await store.admin.stats(7, 60)
    assert stats.since == midnight - timedelta(days=6) and stats.days == 7
    assert stats.totals == {"completed": 4, "failed": 1, "active": 4} and chat
    assert (stats.active.running, stats.active.waiting) == (1, 2) and waiting
    days = {(one.day - stats.since.date()).days: (one.started, one.completed) for one in stats.per_day}
    assert days == {0: (1, 1), 1: (0, 0), 2: (0, 0), 3: (0, 0), 4: (0, 0), 5: (2, 2), 6: (5, 0)}
    assert stats.means.minutes == 30 and stats.means.words == 4 and stats.means.messages == 3
    assert {model: used.tokens for model, used in stats.by_model.items()} == {
        "a:b": 12,
        "c:d": 6,
        "offline:storyteller": 0,
    }
    assert stats.by_model["c:d"].cost_usd == 0.02
    assert {agent: (used.tokens, used.cost_usd) for agent, used in stats.by_agent.items()} == {"writer": (18, 0.06)}
    assert stats.failures == {"budget_exceeded": 1}
    # The node that is silent for longer than this runs nothing.
    assert (await store.admin.stats(1, 0)).active.waiting == 3
    assert (await store.admin.stats(365, 60)).means.minutes == 22.75


async def test_statistics_of_nothing(store: Store) -> None:
    stats = await store.admin.stats(1, 60)
    assert stats.totals == {"completed": 0} and (stats.active.running, stats.active.waiting) == (0, 0)
    assert [(one.started, one.completed) for one in stats.per_day] == [(0, 0)]
    assert stats.means.minutes is None and stats.by_model == {} == stats.by_agent and stats.failures == {}


# -- Nodes and queue ---------------------------------------------------------------------------------------------------


async def test_nodes_and_who_waits_for_them(store: Store, user: Any, database: Database) -> None:
    await run(database, "delete from nodes")
    one, two = await user(), await user()
    await beat(store, database, "here", version="1.2", address="0.0.0.0:8000", places=3)
    await beat(store, database, "gone")
    await run(database, "update nodes set seen_at = now() - interval '2 minutes' where id = 'gone'")
    first, second, third = [(await create(store, one, title=title)).session.id for title in ("A", "B", "C")]
    theirs = (await create(store, two, title="D")).session.id
    await store.runs.begin(first, "here")
    await store.runs.begin(second, "gone")
    found = await store.admin.nodes(60)
    assert [(node.id, node.alive, node.running) for node in found.nodes] == [("here", True, 1), ("gone", False, 1)]
    assert (found.nodes[0].version, found.nodes[0].address, found.nodes[0].places) == ("1.2", "0.0.0.0:8000", 3)
    assert found.nodes[1].version is None and found.nodes[1].places is None
    # In the turn of the claims: another's first before anybody's second.
    assert [(who.place, who.session_id, who.title, who.user_id) for who in found.queue] == [
        (1, theirs, "D", two.user_id),
        (2, second, "B", one.user_id),
        (3, third, "C", one.user_id),
    ]
    assert found.waiting == 3 and all(who.since <= datetime.now(UTC) for who in found.queue)
    claimed = await store.nodes.claim("here", room=3, per_user=9, held=[first], dead_s=60)
    assert [begun.session_id for begun in claimed.runs] == [who.session_id for who in found.queue]
    assert (await store.admin.nodes(60)).waiting == 0


# -- Where users come from a project -----------------------------------------------------------------------------------


@pytest.mark.xdist_group("lite")
async def test_admins_of_a_project_over_its_api(supabase: Project, short_folder: Path, transport: str) -> None:
    await supabase.empty()
    writer, listed, other = await supabase.new_users(3)
    assert writer.token and listed.token and writer.user_id and listed.user_id and other.user_id
    by_token = supabase.identity(other.user_id, admin=True).token
    assert by_token
    settings = settings_for(supabase, short_folder, transport).model_copy(
        update={"admin_user_ids": [str(listed.user_id)], "offline_words_per_second": 5.0}
    )
    mine = writer.token.get_secret_value()
    async with serving(settings) as service:
        for admin, user_id in ((listed.token, listed.user_id), (by_token, other.user_id)):
            token = admin.get_secret_value()
            async with service.socket(mine) as socket:
                session_id = await socket.start(pages=3)
                # Ended just while it is taken up it would be told by a snapshot, which has no reason.
                await socket.until("step.started")
                path = f"/api/admin/sessions/{session_id}"
                assert (await service.post(f"{path}/cancel", mine, reason="Mine.")).status_code == 403
                assert (await service.get(path, token)).status_code == 200
                ended = await service.post(f"{path}/cancel", token, reason="Enough.")
                assert ended.status_code == 200 and ended.json()["status"] == "cancelled"
                assert (await socket.until_finished(session_id))["reason"] == "Enough."
            trail = (await service.get("/api/admin/audit", token, session_id=session_id)).json()["items"]
            assert [(one["action"], one["admin_id"]) for one in trail] == [
                ("cancel", str(user_id)),
                ("inspect", str(user_id)),
            ]
            assert (await service.get("/api/admin/stats", token)).json()["totals"]["cancelled"] >= 1
            assert any(node["alive"] for node in (await service.get("/api/admin/nodes", token)).json()["nodes"])
            gone = await service.http.delete(f"/api/sessions/{session_id}", headers=bearer(token))
            assert gone.status_code == 204
            trail = (await service.get("/api/admin/audit", token, session_id=session_id)).json()["items"]
            assert [one["action"] for one in trail] == ["delete", "cancel", "inspect"]
        for what in ("audit", "stats", "nodes"):
            assert (await service.get(f"/api/admin/{what}", mine)).status_code == 403
