"""Writes to a session from this node: through the journal of its run where that is here, and told to its readers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar
from uuid import UUID

from coordinator.errors import Fenced, NotFound, StoryloomError
from coordinator.sessions.feed import Feed
from coordinator.sessions.journal import Journal
from coordinator.sessions.memory import Memory
from coordinator.store.sessions import Changed, Json
from coordinator.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Writes:
    """What is awaited here is durable, forgotten by the memory, and told in its order among the session's events."""

    def __init__(self, memory: Memory, feed: Feed, held: Mapping[UUID, Journal], metrics: Metrics) -> None:
        self._memory = memory
        self._feed = feed
        self._held = held
        self._metrics = metrics

    async def through(
        self,
        session_id: UUID,
        write: Callable[[int | None], Awaitable[T]],
        events: Callable[[T], list[Json]],
        *,
        of_run: bool = False,
    ) -> T:
        """A write that makes events: through the journal where a run here numbers them, else told as they are.

        Raises Fenced for one `of_run` whose run was replaced; a person's is done all the same.
        """
        journal = self._held.get(session_id)
        try:
            if journal is not None and (of_run or not journal.fenced):
                try:
                    return await journal.through(write, events)
                except Fenced:
                    journal.fence()
                    if of_run:
                        raise
            answer = await write(None)
        finally:
            # Also where the answer was lost: it may have been done.
            self._memory.forget(session_id)
        await self._feed.tell(session_id, events(answer))
        return answer

    async def beside(self, session_id: UUID, write: Awaitable[T], events: Callable[[T], list[Json]]) -> T:
        """A person's change that leaves the session to its run, wherever that is; it numbers what was changed."""
        try:
            answer = await write
        finally:
            # Also where the answer was lost: it may have been done.
            self._memory.forget(session_id)
        if session_id in self._held:
            await self.number_changes(session_id)
        else:
            await self._feed.tell(session_id, events(answer))
        return answer

    async def move(self, session_id: UUID, write: Callable[[int | None], Awaitable[Changed]]) -> Changed:
        """A change of status that fences the session's run, wherever that is."""
        # Through the journal, so that what the run has told is stored before the epoch ends.
        change = await self.through(session_id, write, events_of)
        journal = self._held.get(session_id)
        if journal is not None and journal.epoch < change.session.epoch:
            journal.fence()
        return self.counted(change)

    async def done(self, change: Changed) -> Changed:
        """What another epoch has done to the session is told, and the memory of it forgotten."""
        self._memory.forget(change.session.id)
        await self._feed.tell(change.session.id, change.events)
        return self.counted(change)

    async def number_changes(self, session_id: UUID) -> None:
        """What others have changed in a session whose run is here gets its numbers, and is told."""
        journal = self._held.get(session_id)
        if journal is not None and not journal.fenced:
            try:
                await journal.number_changes()
            except (Fenced, NotFound):
                journal.fence()
            except StoryloomError as error:
                about = {"session_id": str(session_id), "run": journal.epoch}
                logger.warning("changes are not told yet: %s", error, extra=about)

    def counted(self, change: Changed) -> Changed:
        if change.changed:
            self._metrics.sessions_came_to(change.session.status).inc()
        return change


def events_of(change: Changed) -> list[Json]:
    return change.events
