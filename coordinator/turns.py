"""Fair turns: a few places for many users, none of whom waits for more than one thing of each of the others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from coordinator.errors import RateLimited, Unavailable

RETRY_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class Room:
    """`places` are worked in at once. What waits is bounded by number, for each user and for all, and by bytes."""

    places: int
    waiting: int
    waiting_per_user: int
    waiting_bytes: int


@dataclass(eq=False, slots=True)
class _Waiting:
    size: int
    turn: asyncio.Future[None]


class Turns:
    """Those of one user come in their order; between users one of each in turn."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._free = room.places
        self._queues: dict[Hashable, deque[_Waiting]] = {}
        """By user, those first whose turn it is."""
        self._closed = False
        self.waiting = 0
        self.waiting_bytes = 0

    @asynccontextmanager
    async def taken(self, user: Hashable, size: int) -> AsyncIterator[None]:
        """A place, for as long as the context. Raises RateLimited where too much waits, Unavailable once closed."""
        if self._closed:
            raise _ending()
        if self._free:
            self._free -= 1
        else:
            await self._wait(user, size)
        try:
            yield
        finally:
            self._free += 1
            self._pass_on()

    def close(self) -> None:
        """Whoever waits is refused."""
        self._closed = True
        for queue in self._queues.values():
            for waiting in queue:
                if not waiting.turn.done():
                    waiting.turn.set_exception(_ending())

    async def _wait(self, user: Hashable, size: int) -> None:
        """Comes back with a place."""
        queue = self._queues.get(user, ())
        if len(queue) >= self._room.waiting_per_user:
            raise RateLimited("Too much of yours is being worked on: try again soon.", retry_after_s=RETRY_AFTER_S)
        if self.waiting >= self._room.waiting or self.waiting_bytes + size > self._room.waiting_bytes:
            raise RateLimited("Too many long texts are being worked on: try again soon.", retry_after_s=RETRY_AFTER_S)
        waiting = _Waiting(size, asyncio.get_running_loop().create_future())
        self._queues.setdefault(user, deque()).append(waiting)
        self.waiting += 1
        self.waiting_bytes += size
        try:
            await waiting.turn
        except BaseException:
            if waiting.turn.done() and not waiting.turn.cancelled() and waiting.turn.exception() is None:
                # The place came in the same moment as the end of the wait for it.
                self._free += 1
            self._pass_on()
            raise

    def _pass_on(self) -> None:
        self._forget_who_left()
        while self._free and self._queues and not self._closed:
            user = next(iter(self._queues))
            queue = self._queues.pop(user)
            self._taken_out(queue.popleft()).set_result(None)
            self._free -= 1
            if queue:
                # Behind the others.
                self._queues[user] = queue

    def _forget_who_left(self) -> None:
        for user, queue in list(self._queues.items()):
            for left in [waiting for waiting in queue if waiting.turn.done()]:
                queue.remove(left)
                self._taken_out(left)
            if not queue:
                del self._queues[user]

    def _taken_out(self, waiting: _Waiting) -> asyncio.Future[None]:
        self.waiting -= 1
        self.waiting_bytes -= waiting.size
        return waiting.turn


def _ending() -> Unavailable:
    return Unavailable("The service is ending: try again in a moment.")
