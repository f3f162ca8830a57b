"""A cache that is bounded in number, bytes and idle time, with one load at a time per key, and measured."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass
class CacheStats:
    hits: int = 0
    misses: int = 0
    evictions: int = 0
    size: int = 0
    bytes: int = 0

    @property
    def hit_rate(self) -> float:
        """Share of look-ups answered from memory, 0 to 1; 0 before the first."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


class Cache(Generic[Key, Value]):
    """Least recently used first out. An entry unused for `idle_s` is dropped when the cache is next touched."""

    def __init__(
        self,
        size: int,
        idle_s: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        most_bytes: int = 0,
        weigh: Callable[[Value], int] = lambda _: 0,
    ) -> None:
        """Of `size` entries at the most, which together are no more than `most_bytes` as `weigh` finds each to be."""
        self._size = size
        self._idle_s = idle_s
        self._clock = clock
        self._most_bytes = most_bytes
        self._weigh = weigh
        self._bytes = 0
        self._entries: OrderedDict[Key, tuple[float, Value, int]] = OrderedDict()
        self._stats = CacheStats()

    @property
    def stats(self) -> CacheStats:
        """As of now; a later look gives a new one."""
        return replace(self._stats, size=len(self._entries), bytes=self._bytes)

    def get(self, key: Key, usable: Callable[[Value], bool] = lambda _: True) -> Value | None:
        """An entry that is not `usable` counts as a miss and stays, for a newer one to take its place."""
        self._drop_idle()
        entry = self._entries.get(key)
        if entry is None or not usable(entry[1]):
            self._stats.misses += 1
            return None
        self._stats.hits += 1
        self._entries[key] = (self._clock(), *entry[1:])
        self._entries.move_to_end(key)
        return entry[1]

    def peek(self, key: Key) -> Value | None:
        """Without counting as a use or a look-up."""
        entry = self._entries.get(key)
        return entry[1] if entry else None

    def put(self, key: Key, value: Value) -> None:
        self.drop(key)
        weight = self._weigh(value)
        self._entries[key] = (self._clock(), value, weight)
        self._bytes += weight
        self._drop_idle()
        while len(self._entries) > self._size or self._bytes > self._most_bytes:
            self._evict()

    def drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry[2]

    def _evict(self) -> None:
        """The one that was not used for longest."""
        _, entry = self._entries.popitem(last=False)
        self._bytes -= entry[2]
        self._stats.evictions += 1

    def _drop_idle(self) -> None:
        before = self._clock() - self._idle_s
        while self._entries and next(iter(self._entries.values()))[0] < before:
            self._evict()


class SingleFlight(Generic[Key, Value]):
    """Concurrent loads of one key by one asker are one load. A waiter that is cancelled cancels it for nobody else."""

    def __init__(self) -> None:
        self._flights: dict[Key, dict[Hashable, asyncio.Task[Value]]] = {}

    async def load(
        self, key: Key, asker: Hashable, loader: Callable[[], Awaitable[Value]], keep: Callable[[Value], object]
    ) -> Value:
        """What `loader` gives; `keep` is called with it once, unless the key was forgotten since the load began."""
        flights = self._flights.setdefault(key, {})
        flight = flights.get(asker)
        if flight is None:

            async def fly() -> Value:
                value = await loader()
                if self._flights.get(key) is flights:
                    keep(value)
                return value

            flight = flights[asker] = asyncio.create_task(fly())
            flight.add_done_callback(lambda done: self._landed(key, flights, asker, done))
        return await asyncio.shield(flight)

    def forget(self, key: Key) -> None:
        """What is being loaded may be older than what was just written: who asks from now on gets a load of its own."""
        self._flights.pop(key, None)

    def _landed(
        self, key: Key, flights: dict[Hashable, asyncio.Task[Value]], asker: Hashable, flight: asyncio.Task[Value]
    ) -> None:
        del flights[asker]
        if not flights and self._flights.get(key) is flights:
            del self._flights[key]
        if not flight.cancelled():
            # Seen by every waiter already; where all have gone nobody needs it.
            flight.exception()
