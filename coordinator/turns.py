"""Turns at something that few may do at once: fair by user, bounded in number, refused in words."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from coordinator.errors import RateLimited, Unavailable

RETRY_AFTER_S = 5


class Turns:
    """The next place goes to whoever has the fewest of them, and among those to who was served longest ago: so however
    much one user asks for, another waits until one of theirs is done, and no longer."""

    def __init__(self, places: int, waiting: int, per_user: int, what: str = "exports") -> None:
        """`places` are had at once, `waiting` wait for one, `per_user` of both are one user's; `what` they are for."""
        self._places = places
        self._most = places + waiting
        self._per_user = per_user
        self._what = what
        self._having: Counter[Hashable] = Counter()
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    @property
    def taken(self) -> int:
        return self._having.total()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

    @asynccontextmanager
    async def turn(self, user: Hashable) -> AsyncIterator[None]:
        """A place for as long as the block lasts. Raises RateLimited where the user has, with those that wait, as many
        as one may, and Unavailable where too many wait."""
        await self._take(user)
        try:
            yield
        finally:
            self._leave(user)

    async def _take(self, user: Hashable) -> None:
        queue = self._waiting.get(user, deque())
        if self._having[user] + len(queue) >= self._per_user:
            raise RateLimited(
                f"{self._per_user} of your {self._what} are under way: wait until one of them is done.",
                retry_after_s=RETRY_AFTER_S,
            )
        if self.taken < self._places:
            self._having[user] += 1
            return
        if self.taken + self.waiting >= self._most:
            raise Unavailable(f"Too many {self._what} wait already: try again soon.", retry_after_s=RETRY_AFTER_S)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, queue).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                # It was given in the same moment.
                self._leave(user)
            else:
                self._forget(user, place)
            raise

    def _leave(self, user: Hashable) -> None:
        self._having[user] -= 1
        if not self._having[user]:
            del self._having[user]
        while self._waiting and self.taken < self._places:
            # Of several with as few as each other the first: a dict keeps its order, and who is served goes to its end.
            after = min(self._waiting, key=lambda one: self._having[one])
            queue = self._waiting.pop(after)
            place = queue.popleft()
            if queue:
                self._waiting[after] = queue
            # Who has left in this moment is passed over.
            if not place.done():
                self._having[after] += 1
                place.set_result(None)

    def _forget(self, user: Hashable, place: asyncio.Future[None]) -> None:
        queue = self._waiting.get(user, deque())
        if place in queue:
            queue.remove(place)
        if not queue:
            self._waiting.pop(user, None)
