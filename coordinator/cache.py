"""The memory of sessions: bounded in number and idle time, one load at a time per key, measured."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass
class CacheStats:
    hits: int = 0
    misses: int = 0
    evictions: int = 0
    size: int = 0

    @property
    def hit_rate(self) -> float:
        """Share of look-ups answered from memory, 0 to 1; 0 before the first."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


class Cache(Generic[Key, Value]):
    """Least recently used first out. An entry unused for `idle_s` is dropped when the cache is next touched."""

    def __init__(self, size: int, idle_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._idle_s = idle_s
        self._clock = clock
        self._entries: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._stats = CacheStats()

    @property
    def stats(self) -> CacheStats:
        self._stats.size = len(self._entries)
        return self._stats

    def get(self, key: Key) -> Value | None:
        self._drop_idle()
        entry = self._entries.get(key)
        if entry is None:
            self._stats.misses += 1
            return None
        self._stats.hits += 1
        self._entries[key] = (self._clock(), entry[1])
        self._entries.move_to_end(key)
        return entry[1]

    def peek(self, key: Key) -> Value | None:
        """Without counting as a use or a look-up."""
        entry = self._entries.get(key)
        return entry[1] if entry else None

    def put(self, key: Key, value: Value) -> None:
        self._entries[key] = (self._clock(), value)
        self._entries.move_to_end(key)
        self._drop_idle()
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)
            self._stats.evictions += 1

    def drop(self, key: Key) -> None:
        self._entries.pop(key, None)

    def _drop_idle(self) -> None:
        before = self._clock() - self._idle_s
        while self._entries and next(iter(self._entries.values()))[0] < before:
            self._entries.popitem(last=False)
            self._stats.evictions += 1


class SingleFlight(Generic[Key, Value]):
    """Concurrent loads of one key are one load. A waiter that is cancelled does not cancel it for the others."""

    def __init__(self) -> None:
        self._flights: dict[Key, asyncio.Task[Value]] = {}

    async def load(self, key: Key, loader: Callable[[], Awaitable[Value]]) -> Value:
        flight = self._flights.get(key)
        if flight is None:

            async def fly() -> Value:
                return await loader()

            flight = asyncio.create_task(fly())
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(flight)

    def _landed(self, key: Key, flight: asyncio.Task[Value]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            # Seen by every waiter already; where all have gone nobody needs it.
            flight.exception()
