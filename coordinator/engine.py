"""DBOS: starts each run once, bounds how many run here, takes up again what a dead process left, and sweeps on time.

A run is the workflow `<session>:<run>`. Its number is that of the epoch it claims when nothing comes between, so a
session's next run is named by its row alone and starting it twice starts it once. DBOS keeps one instance a process,
and so does this module.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from uuid import UUID

from dbos import DBOS, DBOSConfig, SetWorkflowID

from coordinator.errors import Misconfigured, StoryloomError, Unavailable
from coordinator.sessions import StorySessionManager
from coordinator.store.node import NodeLock
from coordinator.workflow import StoryWorkflow

logger = logging.getLogger(__name__)

QUEUE = "stories"
QUEUE_POLL_S = 0.5
"""A run that has to wait for a place starts this long after there is one, at the most."""
APPLICATION_VERSION = "1"
"""Changes only when the workflow's own signature does: what it has done is in our rows, whatever the code's version."""
LOOK_EVERY_S = 3.0
"""How often a node looks for what to take up, and for runs of its own that a change elsewhere has ended."""
REST_S = 60.0
"""A session whose run broke without a word to its writer is left alone for so long before it is taken up again."""
UNFINISHED = ["PENDING", "ENQUEUED", "DELAYED"]

_engine: Engine | None = None


@DBOS.workflow(name="story")
async def _story(session_id: str) -> None:
    if _engine is None:
        raise asyncio.CancelledError
    await _engine.run(UUID(session_id))


@DBOS.workflow(name="sweep")
async def _sweep(scheduled: datetime, context: Any) -> None:
    if _engine is not None:
        await _engine.sweep()


class Engine:
    """Made by `launch`, ended by `close`, which leaves unfinished runs to be taken up again."""

    def __init__(self, manager: StorySessionManager, workflow: StoryWorkflow, lock: NodeLock, *, stories: int) -> None:
        self._manager = manager
        self._workflow = workflow
        self._lock = lock
        self._places = asyncio.Semaphore(stories)
        self._runs: dict[UUID, list[asyncio.Task[None]]] = {}
        """Of each session its runs here: one that runs, and any that wait for it to end."""
        self._writing = 0
        self._stopped: set[asyncio.Task[None]] = set()
        self._broken: dict[UUID, float] = {}
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
            _tame_logging()
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
        """Stories that are being written on this node."""
        return self._writing

    async def start(self, session_id: UUID, epoch: int) -> None:
        """Run the session from where it stands. `epoch` is its present one; starting the same run twice is one run."""
        await self._start(session_id, f"{session_id}:{epoch + 1}")

    async def stop(self, session_id: UUID) -> None:
        """End the session's run on this node, the model's call included. On return it writes nothing more."""
        tasks = list(self._runs.get(session_id, ()))
        self._stopped.update(tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def run(self, session_id: UUID) -> None:
        """The body of a workflow. It is over when it returns; raised out of, it stays to be taken up again."""
        if self._closing:
            raise asyncio.CancelledError
        runs = self._runs.setdefault(session_id, [])
        task = asyncio.create_task(self._run_after(list(runs), session_id), name=f"story {session_id}")
        runs.append(task)
        task.add_done_callback(lambda _: self._forget(session_id, task))
        try:
            await task
        except asyncio.CancelledError:
            # Stopped by a person the run is over; cancelled with the process it stays to be taken up again.
            if task not in self._stopped:
                raise
        finally:
            self._stopped.discard(task)

    async def sweep(self) -> None:
        """End the sessions whose time is over. A database that is away is tried again by the next sweep."""
        try:
            for session in await self._manager.cleanup_expired_sessions():
                logger.info("session %s has expired", session.id)
                await self.stop(session.id)
        except StoryloomError as error:
            logger.warning("the sweep did not end: %s", error)

    async def take_up(self) -> int:
        """Start what should run and does not: the runs of dead processes, and sessions between two runs.

        Ends runs here that are none any more, because another node has changed their session.
        """
        held = self._manager.held()
        # The rows first: this call gives up where the database is away, those of DBOS wait for it.
        rows = await self._manager.store.sessions.running()
        self._manager.fence_ended(held, {UUID(row["id"]): int(row["epoch"]) for row in rows})
        dead = await asyncio.to_thread(self._lock.dead_slots)
        unfinished = await _unfinished()
        if any(workflow.executor_id in dead and workflow.status == "PENDING" for workflow in unfinished):
            # Not `resume_workflow`: this one leaves alone what another node has taken up in the same moment.
            await asyncio.to_thread(DBOS._recover_pending_workflows, dead)
        waiting = {UUID(workflow.workflow_id.partition(":")[0]) for workflow in unfinished}
        mine = {None, self._lock.node_id, *dead}
        started = 0
        for row in rows:
            session_id = UUID(row["id"])
            if row["node"] in mine and session_id not in waiting and not self._resting(session_id):
                await self._start(session_id, await _next_id(session_id, int(row["epoch"])))
                started += 1
        return started

    async def close(self) -> None:
        """End all runs here without ending their sessions, and stop the engine."""
        global _engine
        self._closing = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        tasks = [task for runs in self._runs.values() for task in runs]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _destroy()
        _engine = None

    async def _start(self, session_id: UUID, workflow_id: str) -> None:
        with SetWorkflowID(workflow_id):
            # At once where there is a place, because a queue is polled; otherwise its turn comes, here or elsewhere.
            if not self._places.locked():
                await DBOS.start_workflow_async(_story, str(session_id))
            else:
                await DBOS.enqueue_workflow_async(QUEUE, _story, str(session_id))

    async def _run_after(self, before: list[asyncio.Task[None]], session_id: UUID) -> None:
        # A run that was stopped or has failed may be just ending, and a recovery may come beside a start: in either
        # case the later one finds in the store what is left to do.
        if before:
            await asyncio.wait(before)
        # The queue knows only the runs that came through it, so the bound of this node is kept here.
        async with self._places:
            self._writing += 1
            try:
                await self._workflow.run(session_id)
            except Exception:
                logger.exception("run of session %s broke; it is taken up again in %d s", session_id, REST_S)
                self._broken[session_id] = time.monotonic()
            finally:
                self._writing -= 1

    def _forget(self, session_id: UUID, task: asyncio.Task[None]) -> None:
        runs = self._runs[session_id]
        runs.remove(task)
        if not runs:
            del self._runs[session_id]

    def _resting(self, session_id: UUID) -> bool:
        broken_at = self._broken.get(session_id)
        if broken_at is not None and time.monotonic() - broken_at > REST_S:
            del self._broken[session_id]
            broken_at = None
        return broken_at is not None or session_id in self._runs

    async def _keep(self) -> None:
        away = False
        while True:
            try:
                await self.take_up()
                if away:
                    logger.warning("the database is back")
                away = False
            except Unavailable:
                if not away:
                    logger.warning("the database is away: stories wait for it")
                away = True
            except Exception:
                # The keeper must not end with one failed look.
                logger.warning("looking for stories to take up failed", exc_info=True)
            await asyncio.sleep(LOOK_EVERY_S)


async def _unfinished() -> list[Any]:
    return await DBOS.list_workflows_async(name="story", status=UNFINISHED, load_input=False, load_output=False)


async def _next_id(session_id: UUID, epoch: int) -> str:
    """Of a run to take up. A workflow that ended without claiming its epoch has used its own id up."""
    planned = f"{session_id}:{epoch + 1}"
    used = await DBOS.list_workflows_async(workflow_id_prefix=planned, load_input=False, load_output=False)
    again = [workflow for workflow in used if workflow.workflow_id.partition(".")[0] == planned]
    unfinished = [workflow.workflow_id for workflow in again if workflow.status in UNFINISHED]
    # One that began in this very moment is left to run: to start it again starts nothing.
    return unfinished[0] if unfinished else f"{planned}.{len(again)}" if again else planned


class _Tamed(logging.Filter):
    """Leaves out what is as it should be, and the many voices of an outage, which the keeper tells in one line."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        # The first at every shutdown: the run stays to be taken up again.
        return not message.startswith(("Asyncio task cancelled", "Database connection failed", "Notif")) and not (
            record.levelno <= logging.WARNING and "(psycopg." in message
        )


def _tame_logging() -> None:
    """DBOS logs as everything else does: with no handler of its own, which it makes where there is none."""
    log = logging.getLogger("dbos")
    if not any(isinstance(known, _Tamed) for known in log.filters):
        log.addHandler(logging.NullHandler())
        log.addFilter(_Tamed())


async def _destroy() -> None:
    """DBOS makes its own pool the loop's default and shuts it down at its end: both are put right here."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "engine-end") as pool:
        await loop.run_in_executor(pool, DBOS.destroy)
    loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
