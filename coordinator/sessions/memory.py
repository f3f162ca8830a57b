"""The memory of sessions on a node: what was read lately, and for how long it may be shown."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass
from uuid import UUID

from coordinator.models import Draft, Identity, SessionDetail
from coordinator.sessions.cache import Cache, CacheStats, SingleFlight

SESSION_BYTES = 8192
"""Of a session in memory without its draft: about as much as the longest options, titles and figures take."""
FRESH_S = 1.0
"""How old an answer from memory may be for a session that this node does not run: another node may have changed it."""
HELD_FRESH_S = 10.0
"""The same for one that it runs: all that the run does is known here, a title given through another node is not."""


@dataclass
class Entry:
    """A cached session as of `loaded`, with its current draft where that was asked for."""

    session: SessionDetail
    loaded: float
    draft: Draft | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """How many sessions are remembered, of how many bytes, and for how long one that nobody asks for."""

    sessions: int = 1000
    bytes: int = 67_108_864
    idle_s: float = 900


class Memory:
    """It is the reader's business whether what it gives may be seen by who asks."""

    def __init__(
        self,
        held: Container[UUID],
        room: Room | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`held` are the sessions that this node runs, as of any moment."""
        self._held = held
        self._clock = clock
        room = room or Room()
        self._cache: Cache[UUID, Entry] = Cache(room.sessions, room.idle_s, clock, most_bytes=room.bytes, weigh=_weight)
        self._loads: SingleFlight[UUID, SessionDetail] = SingleFlight()

    @property
    def stats(self) -> CacheStats:
        """Hits, misses, evictions and size since the start."""
        return self._cache.stats

    def fresh(self, session_id: UUID) -> SessionDetail | None:
        """The session, unless what is known of it is too old."""
        entry = self._cache.get(session_id, self.is_fresh)
        return entry.session if entry is not None else None

    def entry(self, session_id: UUID) -> Entry | None:
        """For its draft: however old, and without counting as a look-up."""
        return self._cache.peek(session_id)

    def keep_draft(self, session_id: UUID, entry: Entry, draft: Draft | None) -> None:
        """For an entry that is still what is known of the session."""
        if self._cache.peek(session_id) is entry:
            entry.draft = draft
            self._cache.put(session_id, entry)

    async def load(
        self, identity: Identity, session_id: UUID, read: Callable[[], Awaitable[SessionDetail]]
    ) -> SessionDetail:
        """What `read` gives, once for all who ask as that identity at the same time. It is kept."""
        asked = self._clock()
        return await self._loads.load(
            session_id,
            (identity.user_id, identity.role, identity.is_admin),
            read,
            keep=lambda session: self._cache.put(session_id, Entry(session, asked)),
        )

    def forget(self, session_id: UUID) -> None:
        """What is known of it, and what is being read, may be older than a write just done."""
        self._cache.drop(session_id)
        self._loads.forget(session_id)

    def remember(self, session: SessionDetail) -> None:
        """As a write of the run here has left it."""
        self.forget(session.id)
        if session.id in self._held:
            self._cache.put(session.id, Entry(session, self._clock()))

    def is_fresh(self, entry: Entry) -> bool:
        return self._clock() - entry.loaded < (HELD_FRESH_S if entry.session.id in self._held else FRESH_S)


def _weight(entry: Entry) -> int:
    return SESSION_BYTES + (sys.getsizeof(entry.draft.content) if entry.draft is not None else 0)
