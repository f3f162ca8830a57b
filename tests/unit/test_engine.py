"""The engine's decisions: what it starts, how often, how many at once, and what it takes up; over a real DBOS."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from coordinator import engine as module
from coordinator.engine import Engine
from coordinator.errors import Conflict
from coordinator.models import Identity, StoryConfig
from coordinator.sessions import StorySessionManager
from coordinator.store import Store
from coordinator.store.node import NodeLock
from coordinator.streams import Streams
from coordinator.workflow import StoryWorkflow
from tests.conftest import Database
from tests.service import WAIT_S

PLACES = 2


class Workflow:
    """Claims its session and completes nothing: a run lasts until the test lets it end."""

    def __init__(self, manager: StorySessionManager) -> None:
        self._manager = manager
        self.runs: list[UUID] = []
        self.now: set[UUID] = set()
        self.most = 0
        self.claims = True
        self.breaks = False
        self.changed = asyncio.Event()
        self._ends: dict[UUID, asyncio.Event] = {}

    async def run(self, session_id: UUID) -> None:
        self.runs.append(session_id)
        if self.breaks:
            self.changed.set()
            raise RuntimeError("a fault")
        try:
            journal = (await self._manager.recover_session(session_id)).journal if self.claims else None
        except Conflict:
            return
        self.now.add(session_id)
        self.most = max(self.most, len(self.now))
        self.changed.set()
        task = asyncio.current_task()
        assert task is not None
        if journal is not None:
            journal.on_fenced = task.cancel
        try:
            await self._ends.setdefault(session_id, asyncio.Event()).wait()
            await self._manager.change_status(None, session_id, "cancelled", ("active",))
        finally:
            self.now.discard(session_id)
            self.changed.set()
            if journal is not None:
                await self._manager.release(journal)

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
    manager.node = lock.node_id
    yield lock
    lock.release()


@asynccontextmanager
async def launched(
    database: Database, manager: StorySessionManager, workflow: Workflow, lock: NodeLock
) -> AsyncIterator[Engine]:
    engine = await Engine.launch(database.admin_url, manager, cast(StoryWorkflow, workflow), lock, stories=PLACES)
    try:
        yield engine
    finally:
        await engine.close()


@pytest.fixture
async def engine(
    database: Database, manager: StorySessionManager, workflow: Workflow, lock: NodeLock
) -> AsyncIterator[Engine]:
    async with launched(database, manager, workflow, lock) as engine:
        yield engine


@pytest.fixture
async def session(
    manager: StorySessionManager, user: Callable[..., Awaitable[Identity]]
) -> Callable[[], Awaitable[UUID]]:
    owner = await user()

    async def make() -> UUID:
        made = await manager.create_session(
            owner, "A prompt.", template="short-story", model="offline:storyteller", config=StoryConfig()
        )
        return made.session.id

    return make


Make = Callable[[], Awaitable[UUID]]


async def test_what_finds_no_place_waits_and_starts_by_itself(
    engine: Engine, workflow: Workflow, session: Make
) -> None:
    ids = [await session() for _ in range(3 * PLACES)]
    await asyncio.gather(*(engine.start(session_id, 0) for session_id in ids))
    ended: set[UUID] = set()
    while len(ended) < len(ids):
        places = min(PLACES, len(ids) - len(ended))
        await workflow.until(lambda places=places: len(workflow.now - ended) == places)  # type: ignore[misc]
        ended.add((workflow.now - ended).pop())
        for session_id in ended:
            workflow.end(session_id)
    await workflow.until(lambda: not workflow.now)
    assert workflow.most == PLACES
    assert Counter(workflow.runs) == dict.fromkeys(ids, 1)


async def test_the_same_run_started_twice_is_one_run(engine: Engine, workflow: Workflow, session: Make) -> None:
    session_id = await session()
    await asyncio.gather(*(engine.start(session_id, 0) for _ in range(5)))
    await workflow.until(lambda: session_id in workflow.now)
    # Looking for what to take up finds a run under way, too.
    assert await engine.take_up() == 0
    workflow.end(session_id)
    await workflow.until(lambda: not workflow.now)
    await engine.start(session_id, 0)
    assert workflow.runs == [session_id]


async def test_a_session_whose_run_never_began_is_taken_up(engine: Engine, workflow: Workflow, session: Make) -> None:
    session_id = await session()
    assert await engine.take_up() == 1
    await workflow.until(lambda: session_id in workflow.now)


async def test_a_run_that_ended_without_claiming_is_followed_by_another(
    engine: Engine, workflow: Workflow, session: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its workflow id is used up, and the session's row still names that one as the next."""
    workflow.breaks = True
    session_id = await session()
    await engine.start(session_id, 0)
    await workflow.until(lambda: len(workflow.runs) == 1)
    await eventually_idle(engine, session_id)
    assert await engine.take_up() == 0, "it rests for a while, so that a lasting fault is no busy loop"
    assert "a fault" in caplog.text

    monkeypatch.setattr(module, "REST_S", 0.0)
    workflow.breaks = False
    assert await engine.take_up() == 1
    await workflow.until(lambda: session_id in workflow.now)


async def test_a_run_started_while_the_one_before_is_ending_comes_after_it(
    engine: Engine, workflow: Workflow, session: Make, manager: StorySessionManager
) -> None:
    session_id = await session()
    await engine.start(session_id, 0)
    await workflow.until(lambda: session_id in workflow.now)
    change = await manager.change_status(None, session_id, "paused", ("active",))
    change = await manager.change_status(None, session_id, "active", ("paused",))
    await engine.start(session_id, change.session.epoch)
    await workflow.until(lambda: len(workflow.runs) == 2 and session_id in workflow.now)
    assert engine.running == 1


async def test_a_stopped_run_is_over_at_once(engine: Engine, workflow: Workflow, session: Make) -> None:
    session_id = await session()
    await engine.start(session_id, 0)
    await workflow.until(lambda: session_id in workflow.now)
    await engine.stop(session_id)
    assert not workflow.now and engine.running == 0
    await engine.stop(session_id)


async def test_what_is_closed_is_taken_up_by_the_next(
    database: Database, manager: StorySessionManager, workflow: Workflow, lock: NodeLock, session: Make
) -> None:
    ids = [await session() for _ in range(PLACES + 1)]
    async with launched(database, manager, workflow, lock) as engine:
        for session_id in ids:
            await engine.start(session_id, 0)
        await workflow.until(lambda: len(workflow.now) == PLACES)
    assert not workflow.now
    workflow.runs.clear()
    async with launched(database, manager, workflow, lock):
        await workflow.until(lambda: len(workflow.now) == PLACES)
        workflow.end(next(iter(workflow.now)))
        await workflow.until(lambda: set(workflow.runs) == set(ids))
    assert Counter(workflow.runs) == dict.fromkeys(ids, 1)


async def test_the_sweep_ends_what_nobody_touches_and_its_run(
    engine: Engine, workflow: Workflow, session: Make, database: Database, store: Store
) -> None:
    import psycopg

    session_id = await session()
    await engine.start(session_id, 0)
    await workflow.until(lambda: session_id in workflow.now)
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        await connection.execute("update story_sessions set expires_at = now() - interval '1 second'")
    await engine.sweep()
    assert not workflow.now
    assert await store.sessions.running() == []


async def eventually_idle(engine: Engine, session_id: UUID) -> None:
    async with asyncio.timeout(WAIT_S):
        while engine.running or await module._unfinished():
            await asyncio.sleep(0.02)
