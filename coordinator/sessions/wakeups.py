"""Wake-ups between nodes: what one has stored, the readers on the others are told within a moment.

PostgreSQL carries them (NOTIFY, one for all that a node has stored in a flush interval). They may be lost and say no
more than where to look: whoever hears none looks on time all the same, only later.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol
from uuid import UUID

from coordinator.errors import StoryloomError, Unavailable
from coordinator.sessions.manager import StorySessionManager

logger = logging.getLogger(__name__)

POLL_S = 1.0
"""Between two looks at what other nodes have stored, where no wake-ups come."""
LISTENING_POLL_S = 5.0
"""The same where they come: a lost one costs so much."""
LISTEN_AGAIN_S = 2.0
"""After a connection for wake-ups broke."""
NO_WAKEUPS_S = 20.0
"""The same where none ever came through it, as with a pooler of transactions."""
KINDS = frozenset({"events", "change", "queue", "node", "sight"})
"""Of wake-ups. An empty one says that they begin to come."""


class Woken(Protocol):
    """Who acts on wake-ups that concern runs."""

    @property
    def others(self) -> int: ...
    def wake(self) -> None: ...
    def look(self) -> None: ...


class Wakeups:
    """Made by `begin`, ended by `close`."""

    def __init__(self, manager: StorySessionManager, engine: Woken | None, flush_s: float) -> None:
        self.listening = False
        """Whether wake-ups come; otherwise other nodes' sessions are looked at every second."""
        self._manager = manager
        self._engine = engine
        self._flush_s = flush_s
        self._wanted: set[UUID] | None = set()
        """Sessions to look at, None for all."""
        self._sight = False
        """Whether somebody may have lost the right to watch."""
        self._look = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        for part in (self._listen, self._follow, *((self._tell,) if self._engine else ())):
            self._tasks.append(asyncio.create_task(part(), name=f"wakeups {part.__name__}"))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self) -> None:
        while (payloads := self._manager.store.gateway.listen()) is not None:
            try:
                async for payload in payloads:
                    self._heard(payload)
            except Unavailable:
                pass
            except Exception:
                logger.warning("listening for wake-ups broke", exc_info=True)
            heard, self.listening = self.listening, False
            await asyncio.sleep(LISTEN_AGAIN_S if heard else NO_WAKEUPS_S)

    def _heard(self, payload: str) -> None:
        self.listening = True
        kind, _, rest = payload.partition(":")
        self._manager.metrics.wakeups(kind if kind in KINDS else "begun").inc()
        if kind == "events" and self._wanted is not None:
            self._wanted.update(UUID(one) for one in rest.split(",") if one)
        elif kind == "change":
            if self._wanted is not None:
                self._wanted.add(UUID(rest))
            if self._engine is not None and UUID(rest) in self._manager.runs.held():
                self._engine.look()
        elif kind == "queue" and self._engine is not None:
            self._engine.wake()
        elif kind == "node" and self._engine is not None:
            self._engine.look()
        elif kind == "sight":
            self._sight = True
        elif kind == "":
            # It has just begun to listen: something may have been missed.
            self._wanted = None
        self._look.set()

    async def _follow(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LISTENING_POLL_S if self.listening else POLL_S):
                    await self._look.wait()
            except TimeoutError:
                self._wanted = None
            self._look.clear()
            wanted, self._wanted = self._wanted, set()
            sight, self._sight = self._sight or wanted is None, False
            try:
                if sight:
                    # Before anything more is told.
                    await self._manager.feed.look_again()
                await self._manager.feed.follow(wanted)
            except Unavailable:
                # Readers catch up when the database is back.
                await asyncio.sleep(POLL_S)
                self._wanted = None
            except Exception:
                logger.warning("following the runs of other nodes failed", exc_info=True)
                await asyncio.sleep(POLL_S)

    async def _tell(self) -> None:
        assert self._engine is not None
        while True:
            await asyncio.sleep(self._flush_s)
            stored, self._manager.streams.stored = self._manager.streams.stored, set()
            if stored and self._engine.others:
                try:
                    await self._manager.store.nodes.wake(stored)
                except StoryloomError as error:
                    logger.info("other nodes were not woken: %s", error)
