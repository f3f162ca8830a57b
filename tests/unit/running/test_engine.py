"""The engine's decisions: what it starts, how often, how many at once, and what it takes up from nodes that are no more."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import psycopg
import pytest

from coordinator.models import Identity, StoryConfig
from coordinator.running import engine as module
from coordinator.running.engine import Engine
from coordinator.running.workflow import StoryWorkflow
from coordinator.sessions.manager import StorySessionManager
from coordinator.sessions.runs import Recovered
from coordinator.sessions.streams import Streams
from coordinator.store import Store
from coordinator.store.node import NodeLock
from coordinator.store.sessions import NewSession, Search
from tests.conftest import Database
from tests.service import WAIT_S

PLACES = 2
DEAD_S = 0.6


class Workflow:
    """Completes nothing: a run lasts until the test lets it end, or the node's end is told."""

    def __init__(self, manager: StorySessionManager) -> None:
        self._manager = manager
        self.runs: list[UUID] = []
        self.now: set[UUID] = set()
        self.most = 0
        self.breaks = False
        self.changed = asyncio.Event()
        self._ends: dict[UUID, asyncio.Event] = {}

    async def run(self, recovered: Recovered) -> None:
        session_id, journal = recovered.session.id, recovered.journal
        self.runs.append(session_id)
        task = asyncio.current_task()
        assert task is not None
        journal.on_fenced = task.cancel
        self.now.add(session_id)
        self.most = max(self.most, len(self.now))
        self.changed.set()
        try:
            if self.breaks:
                raise RuntimeError("a fault")
            await self._ends.setdefault(session_id, asyncio.Event()).wait()
            if not journal.ending:
                await self._manager.steering.change_status(None, session_id, "cancelled", ("active",))
        finally:
            self.now.discard(session_id)
            self.changed.set()
            await self._manager.runs.release(journal)

    def end(self, session_id: UUID) -> None:
        self._ends.setdefault(session_id, asyncio.Event()).set()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not true():
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
async def manager(store: Store) -> StorySessionManager:
    return StorySessionManager(store, Streams(), node="a-node", ttl_s=600)


@pytest.fixture
def workflow(manager: StorySessionManager) -> Workflow:
    return Workflow(manager)


@pytest.fixture
def lock(tmp_path: Path, manager: StorySessionManager) -> Any:
    lock = NodeLock(tmp_path)
    manager.runs.node = lock.node_id
    yield lock
    lock.release()


@asynccontextmanager
async def launched(
    manager: StorySessionManager, workflow: Workflow, lock: NodeLock, **knobs: Any
) -> AsyncIterator[Engine]:
    knobs = {"stories": PLACES, "per_user": 100, "dead_s": DEAD_S, "drain_s": 0.0, **knobs}
    engine = await Engine.launch(manager, cast(StoryWorkflow, workflow), lock, **knobs)
    try:
        yield engine
    finally:
        await engine.close()


@pytest.fixture
async def engine(manager: StorySessionManager, workflow: Workflow, lock: NodeLock) -> AsyncIterator[Engine]:
    async with launched(manager, workflow, lock) as engine:
        yield engine


Make = Callable[..., Awaitable[UUID]]


@pytest.fixture
async def session(manager: StorySessionManager, user: Callable[..., Awaitable[Identity]]) -> Make:
    owner = await user()

    async def make(by: Identity = owner) -> UUID:
        made = await manager.create_session(
            by, NewSession("A prompt.", template="short-story", model="offline:storyteller", config=StoryConfig())
        )
        return made.session.id

    return make


async def places(store: Store, ids: list[UUID]) -> list[int | None]:
    from coordinator.models import SERVICE

    return [(await store.sessions.get(SERVICE, session_id)).queue_place for session_id in ids]


async def test_what_finds_no_place_waits_and_starts_by_itself(
    engine: Engine, workflow: Workflow, session: Make, store: Store
) -> None:
    ids = [await session() for _ in range(3 * PLACES)]
    engine.wake()
    ended: set[UUID] = set()
    while len(ended) < len(ids):
        room = min(PLACES, len(ids) - len(ended))
        await workflow.until(lambda room=room: len(workflow.now - ended) == room)  # type: ignore[misc]
        ended.add((workflow.now - ended).pop())
        for session_id in ended:
            workflow.end(session_id)
    await workflow.until(lambda: not workflow.now)
    assert workflow.most == PLACES
    assert Counter(workflow.runs) == dict.fromkeys(ids, 1)
    places = [workflow.runs.index(session_id) for session_id in ids]
    assert all(abs(place - turn) < PLACES for turn, place in enumerate(places)), "in their turn"


async def test_who_waits_is_told_the_place_and_that_it_moves_up(
    engine: Engine, workflow: Workflow, session: Make, store: Store, manager: StorySessionManager
) -> None:
    from coordinator.models import SERVICE

    ids = [await session() for _ in range(PLACES + 3)]
    engine.wake()
    await workflow.until(lambda: len(workflow.now) == PLACES)
    await engine.claim()
    assert await places(store, ids) == [None, None, 1, 2, 3]
    assert engine.waiting == 3
    workflow.end(ids[0])
    await workflow.until(lambda: ids[2] in workflow.now)
    await engine.claim()
    assert await places(store, ids) == [None, None, None, 1, 2]
    told = (await store.record.events(SERVICE, ids[4], 0, 100)).items
    assert [event["queue_place"] for event in told if event.get("reason") == "queued"] == [3, 2]


async def test_one_user_gets_no_more_than_their_share(
    manager: StorySessionManager,
    workflow: Workflow,
    lock: NodeLock,
    session: Make,
    user: Callable[..., Awaitable[Identity]],
) -> None:
    other = await user()
    mine = [await session() for _ in range(4)]
    theirs = [await session(other) for _ in range(2)]
    async with launched(manager, workflow, lock, stories=10, per_user=1):
        await workflow.until(lambda: len(workflow.now) == 2)
        assert workflow.now == {mine[0], theirs[0]}
        workflow.end(mine[0])
        await workflow.until(lambda: mine[1] in workflow.now)
        assert workflow.now == {mine[1], theirs[0]}


async def test_waking_often_starts_a_run_once(engine: Engine, workflow: Workflow, session: Make) -> None:
    session_id = await session()
    for _ in range(5):
        engine.wake()
    await workflow.until(lambda: session_id in workflow.now)
    assert await engine.claim() == 0
    workflow.end(session_id)
    await workflow.until(lambda: not workflow.now)
    assert await engine.claim() == 0
    assert workflow.runs == [session_id]


async def test_two_nodes_never_run_the_same_session(
    engine: Engine, workflow: Workflow, session: Make, store: Store, tmp_path: Path
) -> None:
    second = StorySessionManager(store, Streams(), node="b", ttl_s=600)
    other, lock = Workflow(second), NodeLock(tmp_path / "elsewhere")
    second.runs.node = lock.node_id
    try:
        async with launched(second, other, lock, stories=3) as there:
            ids = [await session() for _ in range(5)]
            engine.wake()
            there.wake()
            await workflow.until(lambda: len(workflow.now) == 2)
            await other.until(lambda: len(other.now) == 3)
            assert workflow.now | other.now == set(ids)
            assert Counter(workflow.runs + other.runs) == dict.fromkeys(ids, 1)
            async with asyncio.timeout(WAIT_S):
                while not (engine.others == there.others == 1):
                    await asyncio.sleep(0.01)
    finally:
        lock.release()


async def test_a_silent_node_is_dead_and_fenced_when_it_wakes(
    manager: StorySessionManager, workflow: Workflow, lock: NodeLock, session: Make, store: Store, tmp_path: Path
) -> None:
    frozen = StorySessionManager(store, Streams(), node="frozen-1", ttl_s=600)
    await frozen.runs.beat({}, DEAD_S)
    session_id = await session()
    ((begun,), _) = await frozen.runs.claim(10, 10, [], None)
    taken = await frozen.runs.take_up(begun)
    fenced = asyncio.Event()
    taken.journal.on_fenced = fenced.set
    async with launched(manager, workflow, lock):
        # It says nothing for as long as a dead one.
        await workflow.until(lambda: session_id in workflow.now)
        taken.journal.emit("agent.state", agent="writer", state="thinking", activity="dreaming")
        await frozen.runs.beat({}, DEAD_S)
        assert fenced.is_set() and taken.journal.fenced
        from coordinator.models import SERVICE

        events = (await store.record.events(SERVICE, session_id, 0, 100)).items
        assert not [event for event in events if event.get("activity") == "dreaming"]
        assert [event["epoch"] for event in events if event["type"] == "session.status"] == [1, 2]
    await frozen.runs.release(taken.journal)


async def test_after_a_silence_of_all_nobody_is_dead_at_once(
    manager: StorySessionManager, workflow: Workflow, lock: NodeLock, session: Make, store: Store
) -> None:
    """It was the database that was away: the first node back must not take all there is."""
    other = StorySessionManager(store, Streams(), node="other-1", ttl_s=600)
    await other.runs.beat({}, 60)
    session_id = await session()
    ((begun,), _) = await other.runs.claim(10, 10, [], None)
    taken = await other.runs.take_up(begun)
    await asyncio.sleep(DEAD_S)
    async with launched(manager, workflow, lock) as engine:
        await engine.beat()
        assert await engine.claim() == 0
        await other.runs.beat({}, 60)
        assert not taken.journal.fenced
        assert session_id not in workflow.now
    await other.runs.release(taken.journal)


async def test_a_run_that_broke_without_a_word_is_taken_up_after_a_rest(
    engine: Engine, workflow: Workflow, session: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    workflow.breaks = True
    session_id = await session()
    engine.wake()
    await workflow.until(lambda: len(workflow.runs) == 1 and not workflow.now)
    await eventually(lambda: not engine.running)
    assert await engine.claim() == 0, "it rests for a while, so that a lasting fault is no busy loop"
    assert "a fault" in caplog.text

    monkeypatch.setattr(module, "REST_S", 0.0)
    workflow.breaks = False
    engine.wake()
    await workflow.until(lambda: session_id in workflow.now)


async def test_a_run_that_breaks_three_times_is_failed_and_resumed_it_has_three_more(
    engine: Engine, workflow: Workflow, session: Make, manager: StorySessionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coordinator.models import SERVICE

    monkeypatch.setattr(module, "REST_S", 0.0)
    workflow.breaks = True
    session_id = await session()
    for times in (3, 6):
        engine.wake()
        await workflow.until(lambda times=times: len(workflow.runs) == times and not workflow.now)  # type: ignore[misc]
        await eventually(lambda: not engine.running)
        failed = await manager.store.sessions.get(SERVICE, session_id)
        assert failed.status == "failed" and failed.error is not None
        assert failed.error.message.startswith("The story broke 3 times")
        assert await engine.claim() == 0
        told = (await manager.store.record.events(SERVICE, session_id, 0, 100)).items[-1]
        assert (told["status"], told["error"]["code"]) == ("failed", "internal")
        await manager.steering.change_status(None, session_id, "active", ("failed",))


async def test_a_node_that_dies_of_a_session_again_and_again_gives_it_up(
    manager: StorySessionManager, session: Make, store: Store
) -> None:
    from coordinator.models import SERVICE

    session_id, other = await session(), await session()
    for node in range(6):
        claimed = await store.nodes.claim(f"node-{node}", room=1, per_user=9, held=[other], dead_s=None)
        assert [begun.session_id for begun in claimed.runs] == [session_id], node
        # It tells nothing of what it does, and is no more.
    last = await store.nodes.claim("node-6", room=9, per_user=9, held=[], dead_s=None)
    assert [begun.session_id for begun in last.runs] == [other] and last.broken == {session_id: "silent"}
    assert (await store.sessions.get(SERVICE, session_id)).status == "failed"


async def test_nodes_that_end_well_or_get_on_with_it_do_not_count(session: Make, store: Store) -> None:
    session_id = await session()
    for turn in range(10):
        (begun,) = (await store.nodes.claim(f"node-{turn}", room=1, per_user=9, held=[], dead_s=None)).runs
        if turn % 2:
            await store.nodes.leave([f"node-{turn}"], well=True)
        else:
            delta = {
                "type": "agent.delta",
                "seq": begun.events[-1]["seq"] + 1,
                "at": "2026-01-01T00:00:00Z",
                "message_id": "m",
                "agent": "writer",
                "attempt": 1,
                "offset": 0,
                "text": "A",
            }
            await store.runs.append_events(session_id, begun.epoch, [delta])


@pytest.mark.parametrize(
    "wrong",
    [
        "update story_sessions set outside = '[1]' where id = %s",
        "insert into session_events (session_id, user_id, seq, epoch, type, payload)"
        " select id, user_id, 99, 0, 'agent.delta', '{\"message_id\": \"none\"}' from story_sessions where id = %s",
    ],
)
async def test_what_cant_be_taken_up_fails_alone(
    manager: StorySessionManager, workflow: Workflow, lock: NodeLock, session: Make, database: Database, wrong: str
) -> None:
    """What is kept of it is not what any run keeps. The first can't be begun, the second can't be read."""
    from coordinator.models import SERVICE

    bad, good = await session(), await session()
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        await connection.execute(wrong, [bad])  # type: ignore[arg-type]
    async with launched(manager, workflow, lock) as engine:
        await workflow.until(lambda: good in workflow.now)
        await eventually(lambda: engine.running == 1)
    store = manager.store
    failed = await store.sessions.get(SERVICE, bad)
    assert failed.status == "failed" and failed.error is not None and "could not be taken up" in failed.error.message
    assert bad not in workflow.runs
    assert store.metrics.runs_given_up._value.get() == 1
    assert {one.id for one in (await store.sessions.search(SERVICE, Search(owner=None))).items} == {bad, good}


async def test_hundreds_of_long_edits_are_taken_up(session: Make, database: Database, store: Store) -> None:
    """A megabyte each: together more than PostgreSQL's jsonb holds."""
    session_id = await session()
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        await connection.execute(
            "insert into session_steps (session_id, user_id, step, position, stage, agent, status, started_at, epoch, output)"
            " select id, user_id, 'edit-' || n, n, 'drafting', 'writer', 'done', now(), 0,"
            " jsonb_build_object('base_version', n, 'content', repeat('long ', 200000) || n)"
            " from story_sessions, generate_series(1, 270) n where id = %s",
            [session_id],
        )
    begun = await store.runs.begin(session_id, "node")
    steps = (await store.runs.load(session_id, begun.epoch))["steps"]
    assert len(steps) == 270
    assert [step["step"] for step in steps if "content" in step["output"]] == ["edit-270"]
    assert steps[0]["output"] == {"base_version": 1}


async def test_a_session_resumed_while_its_run_is_ending_runs_after_it(
    engine: Engine, workflow: Workflow, session: Make, manager: StorySessionManager
) -> None:
    session_id = await session()
    engine.wake()
    await workflow.until(lambda: session_id in workflow.now)
    await manager.steering.change_status(None, session_id, "paused", ("active",))
    await manager.steering.change_status(None, session_id, "active", ("paused",))
    engine.wake()
    await workflow.until(lambda: len(workflow.runs) == 2 and session_id in workflow.now)
    assert engine.running == 1


async def test_a_stopped_run_is_over_at_once(engine: Engine, workflow: Workflow, session: Make) -> None:
    session_id = await session()
    engine.wake()
    await workflow.until(lambda: session_id in workflow.now)
    await engine.stop(session_id)
    assert not workflow.now and engine.running == 0
    await engine.stop(session_id)


async def test_a_beat_and_a_claim_wait_behind_nobodys_calls(engine: Engine, store: Store, database: Database) -> None:
    ended = threading.Event()
    waiting: list[asyncio.Task[Any]] = []
    busy = r"select count(*) from pg_stat_activity where datname = current_database() and query ~ 'list_user_keys\W'"
    async with (
        await psycopg.AsyncConnection.connect(database.admin_url) as connection,
        # What a transaction has seen of others' activity it goes on seeing.
        await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as other,
    ):
        try:
            async with asyncio.timeout(20):
                await connection.execute("lock table public.user_api_keys")
                waiting += [asyncio.create_task(store.keys.of(uuid4())) for _ in range(20)]
                while (await (await other.execute(busy)).fetchone() or (0,))[0] < 5:
                    await asyncio.sleep(0.01)
                waiting += [asyncio.create_task(asyncio.to_thread(ended.wait)) for _ in range(100)]
                for _ in range(3):
                    await engine.beat()
                    await store.nodes.claim("another-node", room=0, per_user=1, held=(), dead_s=DEAD_S)
        finally:
            ended.set()
            await connection.rollback()
            await asyncio.gather(*waiting, return_exceptions=True)


async def test_what_is_closed_is_taken_up_by_the_next(
    manager: StorySessionManager, workflow: Workflow, lock: NodeLock, session: Make
) -> None:
    ids = [await session() for _ in range(PLACES + 1)]
    async with launched(manager, workflow, lock):
        await workflow.until(lambda: len(workflow.now) == PLACES)
    assert not workflow.now
    workflow.runs.clear()
    async with launched(manager, workflow, lock):
        await workflow.until(lambda: len(workflow.now) == PLACES)
        workflow.end(next(iter(workflow.now)))
        await workflow.until(lambda: set(workflow.runs) == set(ids))
    assert Counter(workflow.runs) == dict.fromkeys(ids, 1)


async def test_a_node_that_ends_lets_its_steps_end_first(
    manager: StorySessionManager, workflow: Workflow, lock: NodeLock, session: Make, store: Store
) -> None:
    session_id = await session()
    engine = await Engine.launch(
        manager, cast(StoryWorkflow, workflow), lock, stories=1, per_user=1, dead_s=60.0, drain_s=WAIT_S
    )
    await workflow.until(lambda: session_id in workflow.now)
    closing = asyncio.create_task(engine.close())
    await eventually(lambda: all(journal.ending for journal in manager.runs.held().values()))
    assert not closing.done()
    workflow.end(session_id)
    await asyncio.wait_for(closing, WAIT_S)
    # At once, although this node would count as living for a minute.
    claimed = await store.nodes.claim("next", room=1, per_user=1, held=[], dead_s=None)
    assert [begun.session_id for begun in claimed.runs] == [session_id]


async def test_the_sweep_ends_what_nobody_touches_and_its_run(
    engine: Engine, workflow: Workflow, session: Make, database: Database, store: Store
) -> None:
    session_id = await session()
    engine.wake()
    await workflow.until(lambda: session_id in workflow.now)
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        await connection.execute("update story_sessions set expires_at = now() - interval '1 second'")
    await engine.sweep()
    assert not workflow.now
    assert (await store.nodes.claim("n", room=9, per_user=9, held=[], dead_s=None)).runs == []


async def test_a_chore_is_one_nodes_at_a_time(store: Store) -> None:
    took = await asyncio.gather(*(store.nodes.take_chore("sweep", 60) for _ in range(8)))
    assert sorted(took) == [False] * 7 + [True]
    assert await store.nodes.take_chore("sweep", 0)


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not true():
            await asyncio.sleep(0.01)
