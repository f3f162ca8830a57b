"""Looks after the embedded server while a service uses it: one that has died is started again, its log stays small.

Each process that shares the server has a keeper. Which of them starts it is decided by the lock that every start
takes: the others find it running.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from coordinator.errors import Misconfigured, StoryloomError
from coordinator.folder import DiskFull
from coordinator.store.embedded import EmbeddedPostgres
from coordinator.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

LOOK_S = 1.0
"""Between two looks. A server is dead when two find nobody: one that is restarted by hand is left to its owner."""
PAUSES_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 30.0, 30.0)
"""Before each attempt to start it; when they are used up the service ends. About two minutes in all."""
CALM_S = 30.0
"""A server that lives for so long counts as mended: its next death has all attempts again."""
FULL_S = 5.0
"""Between two attempts on a full disk, which only its owner can end: these are not counted."""

AWAY = "The database has stopped and is being started again. Try again in a moment."
FULL = "The disk of the database is full: the service's owner must free some space."


@dataclass(frozen=True, slots=True)
class Look:
    answers: bool
    room: bool


class Keeper:
    """Made by `begin`, ended by `close`."""

    def __init__(self, server: EmbeddedPostgres, metrics: Metrics) -> None:
        self.trouble: str | None = None
        """What is wrong with the database, in a sentence for people; None while it is well."""
        self.gave_up: asyncio.Future[Misconfigured] = asyncio.get_running_loop().create_future()
        """Done when the server could not be started again: without it there is no use in going on."""
        self._server = server
        self._metrics = metrics
        self._attempts = 0
        self._up_since = time.monotonic()
        # Of its own: the loop's threads may all be at work for somebody.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="postgres-keeper")
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def begin(cls, server: EmbeddedPostgres, metrics: Metrics) -> Keeper:
        keeper = cls(server, metrics)
        keeper._task = asyncio.create_task(keeper._keep(), name="postgres keeper")
        return keeper

    async def close(self) -> None:
        """On return no server is being started any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        # Not in the loop, which has to go on: a start that is under way may take long.
        await asyncio.to_thread(self._thread.shutdown)

    async def _keep(self) -> None:
        missed = False
        while not self.gave_up.done():
            await asyncio.sleep(LOOK_S)
            try:
                look = await self._in_thread(self._look)
            except OSError as error:
                logger.warning("the embedded database can't be looked at: %s", error.strerror)
                continue
            if look.answers:
                self._trouble(None if look.room else FULL)
                missed = False
            elif missed:
                await self._revive()
                missed = False
            else:
                self._trouble(AWAY)
                missed = True

    def _look(self) -> Look:
        if not self._server.answers():
            return Look(answers=False, room=True)
        self._server.trim_log()
        return Look(answers=True, room=self._server.room())

    async def _revive(self) -> None:
        """Try to start it until it runs, or the attempts are used up."""
        if time.monotonic() - self._up_since >= CALM_S:
            self._attempts = 0
        last = "it stops again and again."
        while self._attempts < len(PAUSES_S):
            await asyncio.sleep(PAUSES_S[self._attempts])
            self._attempts += 1
            try:
                ours = await self._in_thread(self._server.restart)
            except DiskFull:
                self._trouble(FULL)
                self._metrics.database_restarts("full").inc()
                self._attempts -= 1
                await asyncio.sleep(FULL_S)
            except StoryloomError as error:
                last = error.message
                logger.error("the embedded database did not start, attempt %d: %s", self._attempts, last)
                self._metrics.database_restarts("failed").inc()
            else:
                if ours:
                    logger.warning("the embedded database had stopped and was started again")
                    self._metrics.database_restarts("ok").inc()
                self._up_since = time.monotonic()
                self._trouble(None)
                return
        self.gave_up.set_result(_lost(last))

    def _trouble(self, words: str | None) -> None:
        if words is not None and words != self.trouble:
            logger.error("%s", words)
        self.trouble = words

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _lost(why: str) -> Misconfigured:
    return Misconfigured(
        f"The embedded database stopped and could not be started again in {len(PAUSES_S)} attempts, so the service "
        f"ends. The last time: {why}"
    )
