"""The engine: gives this node stories to run, tells the others that it lives, and takes over what dead nodes left.

The queue is the sessions themselves: an active one that no living node holds is waiting for its turn. One claim of the
database gives a node as many as it has room for, each in a new epoch, and no other node gets them. A node beats; one
that has been silent for too long is dead to the others, and fenced by their claims should it wake again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from coordinator.errors import Conflict, NotFound, StoryloomError, Unavailable
from coordinator.running.answering import Answering
from coordinator.running.workflow import StoryWorkflow
from coordinator.sessions.manager import StorySessionManager
from coordinator.sessions.runs import Recovered
from coordinator.store.node import NodeLock
from coordinator.store.runs import Begun
from coordinator.telemetry.logs import about

logger = logging.getLogger(__name__)

BEATS_PER_DEATH = 3
"""A node beats so often in the time after which its silence means its death: two lost beats are no death."""
REST_S = 60.0
"""A session whose run broke without a word to its writer is left alone for so long before it is taken up again."""
SWEEP_EVERY_S = 60.0
"""Some node sweeps this often, for all of them."""


class Engine:
    """Made by `launch`, ended by `close`, which leaves unfinished stories to other nodes or the next start."""

    def __init__(
        self,
        manager: StorySessionManager,
        workflow: StoryWorkflow,
        lock: NodeLock,
        *,
        stories: int,
        per_user: int,
        dead_s: float,
        drain_s: float,
        answering: Answering | None = None,
        about: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        """`answering` are the answers in chats: the engine beats for them, has them taken over and ends them."""
        self.others = 0
        """Other nodes that live, as of the last beat."""
        self.trouble: str | None = None
        """Why the last look for stories failed, in a sentence for people; None where it didn't."""
        self.waiting = 0
        """Stories that wait for their turn, as of the last claim."""
        self._manager = manager
        self._workflow = workflow
        self._lock = lock
        self._stories = stories
        self._per_user = per_user
        self._dead_s = dead_s
        self._drain_s = drain_s
        self._answering = answering
        self._about = about
        self._runs: dict[UUID, asyncio.Task[None]] = {}
        self._broken: dict[UUID, float] = {}
        self._beaten_at = 0.0
        self._claim_wanted = True
        self._beat_wanted = True
        self._woken = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        self._keeper: asyncio.Task[None] | None = None
        self._sweeper: asyncio.Task[None] | None = None

    @classmethod
    async def launch(
        cls, manager: StorySessionManager, workflow: StoryWorkflow, lock: NodeLock, **knobs: Any
    ) -> Engine:
        """Begin to run stories. `knobs` are those of the class."""
        engine = cls(manager, workflow, lock, **knobs)
        # Whoever had this slot before is dead: its lock was free.
        await manager.store.nodes.leave([lock.node_id])
        engine._keeper = asyncio.create_task(engine._keep(), name="engine keeper")
        engine._sweeper = asyncio.create_task(engine._sweep_on_time(), name="engine sweeper")
        return engine

    @property
    def alive(self) -> bool:
        """Whether stories are taken up."""
        return self._closing is None and self._keeper is not None and not self._keeper.done()

    @property
    def running(self) -> int:
        """Stories that are being written on this node."""
        return len(self._runs)

    def wake(self) -> None:
        """There is something to run."""
        self._claim_wanted = True
        self._woken.set()

    def look(self) -> None:
        """Somebody has changed a session whose run may be here."""
        self._beat_wanted = True
        self._woken.set()

    async def stop(self, session_id: UUID) -> None:
        """End the session's run on this node, the model's call included. On return it writes nothing more."""
        task = self._runs.get(session_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if self._answering is not None:
            await self._answering.stop(session_id)

    async def sweep(self) -> None:
        """End the sessions whose time is over. A database that is away is tried again by the next sweep."""
        try:
            for session in await self._manager.cleanup_expired_sessions():
                logger.info("the session has expired", extra={"session_id": str(session.id)})
                await self.stop(session.id)
        except StoryloomError as error:
            logger.warning("the sweep did not end: %s", error)

    async def close(self) -> None:
        """Let each story end the step at hand, for `drain_s` at the most, and leave them all to others. A second call
        waits for the first."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="engine close")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await _ended(self._sweeper)
        for journal in self._manager.runs.held().values():
            journal.ending = True
        # The keeper still beats: a silent node's stories would be taken from it before they end.
        ending = [self._drained(), *([self._answering.close()] if self._answering is not None else [])]
        await asyncio.gather(*ending)
        await _ended(self._keeper)
        await _ended(*self._runs.values())
        self._thread.shutdown(wait=False)
        try:
            await self._manager.store.nodes.leave([self._lock.node_id], well=True)
        except StoryloomError as error:
            # The others find out by the silence.
            logger.warning("the node's end could not be told: %s", error)

    async def _drained(self) -> None:
        if self._runs and self._drain_s:
            await asyncio.wait(list(self._runs.values()), timeout=self._drain_s)

    async def beat(self) -> None:
        """Tell that this node lives, and learn what to do. Raises Unavailable."""
        now = time.monotonic()
        self._beat_wanted = False
        beat = await self._manager.runs.beat(
            {**self._about(), "running": len(self._runs), "places": self._stories}, self._dead_s
        )
        self._beaten_at = now
        self.others = beat.others
        try:
            # Not in the pool that everybody else's files and imports wait in: a late beat is a dead node.
            dead = await asyncio.get_running_loop().run_in_executor(self._thread, self._lock.dead_slots)
        except OSError as error:
            # As when no more file can be opened. Without this look their silence tells it, a little later.
            logger.warning("which nodes of this folder are gone can't be seen: %s", error.strerror)
            dead = []
        if dead:
            await self._manager.store.nodes.leave(dead)
        self._claim_wanted |= beat.work

    async def claim(self) -> int:
        """Take up what this node has room for; answers how many. Raises Unavailable."""
        now = time.monotonic()
        self._claim_wanted = False
        self._broken = {one: at for one, at in self._broken.items() if now - at < REST_S}
        found, self.waiting = await self._manager.runs.claim(
            max(self._stories - len(self._runs), 0), self._per_user, [*self._runs, *self._broken], self._dead_s
        )
        for begun in found:
            # Each loads its own session: what one weighs, or that it can't be read, is no other's business.
            self._runs[begun.session_id] = asyncio.create_task(self._run(begun), name=f"story {begun.session_id}")
        if self._answering is not None:
            await self._answering.claim(self._dead_s)
        return len(found)

    async def _run(self, begun: Begun) -> None:
        session_id = begun.session_id
        with about(node=self._lock.node_id, session_id=session_id, run=begun.epoch):
            try:
                recovered = await self._taken_up(begun)
                if recovered is not None:
                    await self._workflow.run(recovered)
            except Exception:
                logger.exception("the run broke")
                self._manager.metrics.runs_broken.inc()
                await self._broke(begun)
            finally:
                del self._runs[session_id]
                if self.waiting or session_id in self._broken:
                    self.wake()

    async def _taken_up(self, begun: Begun) -> Recovered | None:
        """None where there is nothing to run: it is another's by now or gone, or can't be read and has failed."""
        while True:
            try:
                return await self._manager.runs.take_up(begun)
            except Unavailable as error:
                # The gateway has waited for as long as its settings say; a run has nothing better to do than that.
                logger.warning("the run waits for the database: %s", error)
            except (NotFound, Conflict) as reason:
                logger.info("the run ends before it has read anything: %s", reason)
                return None
            except Exception:
                logger.exception("what is kept of the session can't be read: it fails")
                await self._manager.runs.give_up(begun)
                return None

    async def _broke(self, begun: Begun) -> None:
        try:
            if await self._manager.runs.broke(begun):
                logger.error("the session has failed: its run broke too often")
                return
        except (NotFound, Conflict) as reason:
            # It is gone, or somebody has moved it since: there is nothing to take a rest from.
            logger.info("the run that broke is over: %s", reason)
            return
        except StoryloomError as error:
            logger.warning("that the run broke could not be told: %s", error)
        logger.info("the session is taken up again in %d s", REST_S)
        self._broken[begun.session_id] = time.monotonic()

    async def _keep(self) -> None:
        away = False
        beat_s = self._dead_s / BEATS_PER_DEATH
        while True:
            try:
                if self._beat_wanted or time.monotonic() - self._beaten_at >= beat_s:
                    await self.beat()
                if self._claim_wanted and self._closing is None:
                    await self.claim()
                if away:
                    logger.warning("the database is back")
                away, self.trouble = False, None
            except Unavailable as error:
                if not away:
                    logger.warning("stories wait for the database: %s", error.message)
                away, self.trouble = True, error.message
            except Exception:
                # The keeper must not end with one failed look.
                self.trouble = "The engine can't look for stories; the service's log says why."
                logger.warning("looking for stories to run failed", exc_info=True)
            left_s = beat_s - (time.monotonic() - self._beaten_at)
            try:
                async with asyncio.timeout(max(left_s, 0.05 if not away else beat_s)):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()

    async def _sweep_on_time(self) -> None:
        while True:
            try:
                if await self._manager.store.nodes.take_chore("sweep", SWEEP_EVERY_S - 1):
                    await self.sweep()
            except Unavailable:
                pass
            except Exception:
                logger.warning("the sweep broke", exc_info=True)
            await asyncio.sleep(SWEEP_EVERY_S)


async def _ended(*tasks: asyncio.Task[None] | None) -> None:
    begun = [task for task in tasks if task is not None]
    for task in begun:
        task.cancel()
    await asyncio.gather(*begun, return_exceptions=True)
