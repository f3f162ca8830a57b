"""Turns at something that few may do at once: fair by user, bounded in number and in bytes, refused in words."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from coordinator.errors import RateLimited, Unavailable

RETRY_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class Room:
    """`places` are had at once, `waiting` wait for one with `waiting_bytes` at the most, and `per_user` of both are one
    user's; `what` they are for."""

    places: int
    waiting: int
    per_user: int
    what: str
    waiting_bytes: int | None = None


@dataclass(eq=False, slots=True)
class _Waiting:
    size: int
    place: asyncio.Future[None]


class Turns:
    """The next place goes to whoever has the fewest of them, and among those to who was served longest ago: so however
    much one user asks for, another waits until one of theirs is done, and no longer."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._having: Counter[Hashable] = Counter()
        self._waiting: dict[Hashable, deque[_Waiting]] = {}
        """By user, those first who were served longest ago."""
        self._closed = False
        self.waiting = 0
        self.waiting_bytes = 0

    @property
    def taken(self) -> int:
        return self._having.total()

    @asynccontextmanager
    async def turn(self, user: Hashable, size: int = 0) -> AsyncIterator[None]:
        """A place for as long as the block lasts. `size` is what is held in memory until it is had, in bytes.

        Raises RateLimited where the user has, with those that wait, as many as one may, and Unavailable where too much
        waits of all users, or once closed.
        """
        await self._take(user, size)
        try:
            yield
        finally:
            self._leave(user)

    def close(self) -> None:
        """Whoever waits is refused."""
        self._closed = True
        for queue in self._waiting.values():
            for one in queue:
                if not one.place.done():
                    one.place.set_exception(_ending())

    async def _take(self, user: Hashable, size: int) -> None:
        if self._closed:
            raise _ending()
        room, queue = self._room, self._waiting.get(user, deque())
        if self._having[user] + len(queue) >= room.per_user:
            raise RateLimited(
                f"{room.per_user} of your {room.what} are under way: wait until one of them is done.",
                retry_after_s=RETRY_AFTER_S,
            )
        if self.taken < room.places:
            self._having[user] += 1
            return
        too_large = room.waiting_bytes is not None and self.waiting_bytes + size > room.waiting_bytes
        if self.waiting >= room.waiting or too_large:
            raise Unavailable(f"Too many {room.what} wait already: try again soon.", retry_after_s=RETRY_AFTER_S)
        one = _Waiting(size, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(user, queue).append(one)
        self.waiting += 1
        self.waiting_bytes += size
        try:
            await one.place
        except BaseException:
            if one.place.done() and not one.place.cancelled() and one.place.exception() is None:
                # It was given in the same moment.
                self._leave(user)
            else:
                self._forget(user, one)
            raise

    def _leave(self, user: Hashable) -> None:
        self._having[user] -= 1
        if not self._having[user]:
            del self._having[user]
        while self._waiting and self.taken < self._room.places and not self._closed:
            # Of several with as few as each other the first: a dict keeps its order, and who is served goes to its end.
            after = min(self._waiting, key=lambda one: self._having[one])
            queue = self._waiting.pop(after)
            one = queue.popleft()
            self._counted_out(one)
            if queue:
                self._waiting[after] = queue
            # Who has left in this moment is passed over.
            if not one.place.done():
                self._having[after] += 1
                one.place.set_result(None)

    def _forget(self, user: Hashable, one: _Waiting) -> None:
        queue = self._waiting.get(user, deque())
        if one in queue:
            queue.remove(one)
            self._counted_out(one)
        if not queue:
            self._waiting.pop(user, None)

    def _counted_out(self, one: _Waiting) -> None:
        self.waiting -= 1
        self.waiting_bytes -= one.size


def _ending() -> Unavailable:
    return Unavailable("The service is ending: try again in a moment.")
