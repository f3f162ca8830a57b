"""DBOS: starts each run once, bounds how many run here, takes up again what a dead process left, and sweeps on schedule.

A run is the workflow `<session>:<run>`. Its number is that of the epoch it claims when nothing comes between, so a
session's next run is named by its row alone and starting it twice starts it once. DBOS keeps one instance a process, and
so does this module.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from uuid import UUID

from dbos import DBOS, DBOSConfig, SetWorkflowID

from coordinator.errors import Misconfigured, StoryloomError
from coordinator.sessions import StorySessionManager
from coordinator.store.node import NodeLock
from coordinator.workflow import StoryWorkflow

logger = logging.getLogger(__name__)

QUEUE = "stories"
QUEUE_POLL_S = 0.5
"""A run that has to wait for a place starts this long after there is one, at the most."""
APPLICATION_VERSION = "1"
"""Changes only when the workflow's own signature does: what it has done is in our rows, whatever the code's version."""
TAKE_UP_EVERY_S = 30.0
UNFINISHED = ["PENDING", "ENQUEUED", "DELAYED"]

_engine: Engine | None = None


@DBOS.workflow(name="story")
async def _story(session_id: str) -> None:
    if _engine is None:
        raise Misconfigured("The engine is not running.")
    await _engine.run(UUID(session_id))


@DBOS.workflow(name="sweep")
async def _sweep(scheduled: datetime, context: Any) -> None:
    if _engine is not None:
        await _engine.sweep()


class Engine:
    """Made by `launch`, ended by `close`, which leaves unfinished runs to be taken up again."""

    def __init__(
        self, manager: StorySessionManager, workflow: StoryWorkflow, lock: NodeLock, *, stories: int
    ) -> None:
        self._manager = manager
        self._workflow = workflow
        self._lock = lock
        self._stories = stories
        self._runs: dict[UUID, asyncio.Task[None]] = {}
        self._stopped: set[UUID] = set()
        self._closing = False
        self._keeper: asyncio.Task[None] | None = None

    @classmethod
    async def launch(
        cls, url: str, manager: StorySessionManager, workflow: StoryWorkflow, lock: NodeLock, *, stories: int
    ) -> Engine:
        """Start the engine on the database at `url`, where its login may make the schema `dbos`."""
        global _engine
        if _engine is not None:
            raise Misconfigured("This process runs an engine already.")
        engine = cls(manager, workflow, lock, stories=stories)
        config: DBOSConfig = {
            "name": "storyloom",
            "system_database_url": url.replace("postgres://", "postgresql://", 1),
            "executor_id": lock.node_id,
            "application_version": APPLICATION_VERSION,
            "log_level": "WARNING",
            "sys_db_pool_size": 10,
            # Each workflow's start and end take a thread for a moment; more would only wait for the pool.
            "max_executor_threads": 16,
        }
        _engine = engine
        try:
            DBOS(config=config)
            DBOS.launch()
            await DBOS.register_queue_async(QUEUE, worker_concurrency=stories, polling_interval_sec=QUEUE_POLL_S)
            await DBOS.apply_schedules_async(
                [{"schedule_name": "sweep", "workflow_fn": _sweep, "schedule": "* * * * *"}]
            )
        except BaseException:
            _engine = None
            await _destroy()
            raise
        engine._keeper = asyncio.create_task(engine._keep(), name="engine keeper")
        return engine

    @property
    def alive(self) -> bool:
        """Whether runs can be started, and what others left is looked after."""
        return not self._closing and self._keeper is not None and not self._keeper.done()

    @property
    def running(self) -> int:
        """Runs under way on this node."""
        return len(self._runs)

    async def start(self, session_id: UUID, epoch: int) -> None:
        """Run the session from where it stands. `epoch` is its present one; starting the same run twice is one run."""
        with SetWorkflowID(f"{session_id}:{epoch + 1}"):
            # At once where there is a place, because a queue is polled; otherwise its turn comes.
            if len(self._runs) < self._stories:
                await DBOS.start_workflow_async(_story, str(session_id))
            else:
                await DBOS.enqueue_workflow_async(QUEUE, _story, str(session_id))

    async def stop(self, session_id: UUID) -> None:
        """End the session's run on this node, the model's call included. On return it writes nothing more."""
        task = self._runs.get(session_id)
        if task is not None:
            self._stopped.add(session_id)
            task.cancel()
            await asyncio.wait([task])

    async def run(self, session_id: UUID) -> None:
        """The body of a workflow."""
        while (earlier := self._runs.get(session_id)) is not None and not earlier.done():
            # A story resumed in the moment it failed. Of a recovery beside a start the second finds nothing to run.
            await asyncio.wait([earlier])
        if self._closing:
            return
        task = asyncio.create_task(self._workflow.run(session_id), name=f"story {session_id}")
        self._runs[session_id] = task
        try:
            await task
        except asyncio.CancelledError:
            # Stopped by a person the run is over; cancelled with the process it stays to be taken up again.
            if session_id not in self._stopped:
                raise
        except StoryloomError as error:
            logger.warning("run of session %s ended: %s; it is taken up again", session_id, error)
        finally:
            self._stopped.discard(session_id)
            if self._runs.get(session_id) is task:
                del self._runs[session_id]

    async def sweep(self) -> None:
        for session in await self._manager.cleanup_expired_sessions():
            logger.info("session %s has expired", session.id)
            await self.stop(session.id)

    async def take_up(self) -> int:
        """Start what should run and does not: the runs of dead processes, and sessions between two runs."""
        unfinished = await DBOS.list_workflows_async(name="story", status=UNFINISHED, load_input=False, load_output=False)
        dead = set(self._lock.dead_slots())
        for workflow in unfinished:
            if workflow.executor_id in dead and workflow.status == "PENDING":
                await DBOS.resume_workflow_async(workflow.workflow_id)
        waiting = {UUID(workflow.workflow_id.partition(":")[0]) for workflow in unfinished}
        mine = {None, self._lock.node_id, *dead}
        started = 0
        for row in await self._manager.store.sessions.running():
            session_id = UUID(row["id"])
            if row["node"] in mine and session_id not in waiting and session_id not in self._runs:
                await self.start(session_id, row["epoch"])
                started += 1
        return started

    async def close(self) -> None:
        """End all runs here without ending their sessions, and stop the engine."""
        global _engine
        self._closing = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        runs = list(self._runs.values())
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
        await _destroy()
        _engine = None

    async def _keep(self) -> None:
        while True:
            try:
                await self.take_up()
            except Exception:
                # The database may be away; the keeper must not end with one failed look.
                logger.warning("looking for stories to take up failed", exc_info=True)
            await asyncio.sleep(TAKE_UP_EVERY_S)


async def _destroy() -> None:
    """DBOS makes its own pool the loop's default and shuts it down at its end: both are put right here."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "engine-end") as pool:
        await loop.run_in_executor(pool, DBOS.destroy)
    loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
