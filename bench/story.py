"""Whole stories with a model that answers at once: what engine, workflow and store cost."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

from psycopg import AsyncConnection

from bench import recorded
from bench.effort import Effort
from bench.figure import Figure, measured
from bench.ground import Ground, manager_of, new_user
from bench.turns import in_turn
from coordinator.agents.library import load_library
from coordinator.llm.models import Models
from coordinator.models import Identity, Kind, StoryConfig
from coordinator.people.vault import Seal, Vault
from coordinator.running.engine import Engine
from coordinator.running.workflow import StoryWorkflow
from coordinator.sessions.manager import StorySessionManager
from coordinator.settings import Settings
from coordinator.store.node import NodeLock
from coordinator.store.sessions import NewSession
from coordinator.workers.workers import Workers

AT_ONCE = 50
INSERT = "insert into bare.steps (session_id, step, content, output) values (%s, %s, %s, %s)"
UNFINISHED = "select from public.story_sessions where kind = 'story' and status = 'active' limit 1"
CONTENT = "x" * 800


async def measure(ground: Ground, effort: Effort) -> list[Figure]:
    stories = effort.of(200, AT_ONCE)
    recording = await asyncio.to_thread(recorded.record)
    async with ground.database() as database, database.store() as store, database.pool() as pool:
        owner = await new_user(store)

        async def bare() -> float:
            turn = asyncio.Semaphore(AT_ONCE)

            async def story() -> None:
                async with turn:
                    session_id = uuid4()
                    for number in range(recorded.STEPS):
                        async with pool.connection() as connection:
                            await connection.execute(INSERT, [session_id, f"step-{number}", CONTENT, None])

            start = time.perf_counter()
            await asyncio.gather(*(story() for _ in range(stories)))
            return stories / (time.perf_counter() - start)

        async def kept() -> float:
            """Claim, twelve steps with their events, completion: the journal and the store without a workflow."""
            manager = manager_of(store)
            made = await sessions(manager, owner, stories, "adventure")
            turn = asyncio.Semaphore(AT_ONCE)

            async def story(session_id: UUID) -> None:
                async with turn:
                    run = await manager.recover_session(session_id)
                    for number in range(recorded.STEPS):
                        name = f"step-{number}"
                        run.journal.emit("step.started", step=name, stage="drafting", agent="writer", attempt=1)
                        await manager.runs.finish_step(run.journal, step_result(name, draft=number == 3))
                    await manager.runs.complete(session_id)
                    await manager.runs.release(run.journal)

            start = time.perf_counter()
            await asyncio.gather(*map(story, made))
            return stories / (time.perf_counter() - start)

        async def whole() -> float:
            """The engine claims, the workflow runs, everything is told and kept as in a service."""
            manager = manager_of(store)
            await sessions(manager, owner, stories, "story")
            async with engine(manager), pool.connection() as connection:
                start = time.perf_counter()
                while await unfinished(connection):
                    await asyncio.sleep(0.02)
                return stories / (time.perf_counter() - start)

        with patch("coordinator.running.workflow.perform", recording.perform):
            rates = await in_turn(effort, {"bare": bare, "kept": kept, "whole": whole})
    return [
        measured(
            "a 12-step story, durable part, 50 at once",
            "stories/s",
            rates["kept"],
            floors=rates["bare"],
            target="≥ 300/s or ≥ 0.4 × floor",
            least=300,
            least_ratio=0.4,
            note="Journal and store: claim, twelve steps of 800 characters (each with message, step row, usage, progress "
            "and five events; one draft), completion. The floor: twelve bare inserts of one row, ten connections. "
            "This is what peers' figures of twelve instant steps measure.",
        ),
        measured(
            "a 12-step story, whole engine, 50 at once",
            "stories/s",
            rates["whole"],
            floors=rates["bare"],
            target="≥ 300/s or ≥ 0.4 × floor",
            least=300,
            least_ratio=0.4,
            note="Engine, workflow and store on a real two-page story (15,000 characters), whose model answers at once: "
            "besides the above the plan, the search for repetition in each text, word counts, and `pydantic` of every answer.",
        ),
    ]


async def sessions(manager: StorySessionManager, owner: Identity, count: int, kind: Kind) -> list[UUID]:
    made = await asyncio.gather(
        *(
            manager.create_session(
                owner,
                NewSession(
                    recorded.PROMPT,
                    template=recorded.TEMPLATE,
                    model="offline:storyteller",
                    config=StoryConfig(pages=2, seed=7),
                    kind=kind,
                ),
            )
            for _ in range(count)
        )
    )
    return [change.session.id for change in made]


def step_result(name: str, *, draft: bool) -> dict[str, object]:
    result: dict[str, object] = {
        "step": name,
        "stage": "drafting",
        "agent": "writer",
        "attempt": 1,
        "started_at": "2026-01-01T00:00:00Z",
        "duration_ms": 5,
        "tokens": 3,
        "cost_usd": 0.0,
        "message_id": str(uuid4()),
        "content": CONTENT,
        "model": "m",
        "output": None,
        "metadata": {},
        "progress": {"percent": 10},
    }
    return {**result, "draft": {"content": CONTENT, "word_count": 150, "current": True}} if draft else result


async def unfinished(connection: AsyncConnection[Any]) -> bool:
    return await (await connection.execute(UNFINISHED)).fetchone() is not None


@asynccontextmanager
async def engine(manager: StorySessionManager) -> AsyncIterator[Engine]:
    """As `api.app` puts it together."""
    with tempfile.TemporaryDirectory(prefix="storyloom-bench-node-") as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder))
        models, lock = Models(settings), NodeLock(settings.data_dir)
        vault = Vault(manager.store.keys, Seal(["a secret of the bench, of no other use"]))
        workers = Workers(settings.worker_processes, settings.worker_time_s, manager.metrics)
        workflow = StoryWorkflow(manager, models, load_library(None), vault, workers)
        launched = await Engine.launch(manager, workflow, lock, stories=AT_ONCE, per_user=AT_ONCE, dead_s=6, drain_s=0)
        try:
            yield launched
        finally:
            await launched.close()
            await workers.close()
            await models.close()
            lock.release()
