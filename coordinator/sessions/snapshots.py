"""Snapshots for those who attach: of one session one at a time, and one for all who wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from uuid import UUID

from coordinator.models import Identity
from coordinator.sessions.events import Event
from coordinator.store.sessions import Json

Read = Callable[[Identity, UUID], Awaitable[Json]]


class Snapshots:
    """Of one node. `at_once` is how many are read together with other pasts."""

    def __init__(self, read: Read, at_once: asyncio.Semaphore) -> None:
        self._read = read
        self._at_once = at_once
        self._reading: dict[Hashable, asyncio.Task[Event]] = {}
        self._next: dict[Hashable, asyncio.Task[Event]] = {}

    async def close(self) -> None:
        """On return nothing is being read any more."""
        tasks = [*self._reading.values(), *self._next.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def get(self, identity: Identity, session_id: UUID) -> Event:
        """One that is begun from now on: what is being read lacks what the caller has not been told of since. All who
        ask as that identity until it is begun get the same one, encoded once. Raises as the read does."""
        key = (session_id, identity.user_id, identity.role, identity.is_admin)
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.create_task(self._made(key, identity, session_id))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    async def _made(self, key: Hashable, identity: Identity, session_id: UUID) -> Event:
        if (before := self._reading.get(key)) is not None:
            await asyncio.wait([before])
        async with self._at_once:
            task = self._reading[key] = self._next.pop(key)
            try:
                return Event(await self._read(identity, session_id))
            finally:
                if self._reading.get(key) is task:
                    del self._reading[key]
