"""The bibles of projects as talks need them, read once for as long as they stay what they are."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from coordinator.models import SERVICE
from coordinator.sessions.cache import Cache
from coordinator.store import Store
from coordinator.story.canon import bible_of, entries_of
from coordinator.story.material import Bible

MOST, IDLE_S = 200, 900.0
MOST_BYTES = 64_000_000
"""Of all that are kept: a bible has a megabyte at the most."""
WHOLE = 4_000_000
"""Characters: all of a bible, of which the talk's window then shows a part."""


class Bibles:
    """Of one node."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: Cache[tuple[UUID, str], tuple[Bible, int]] = Cache(
            MOST, IDLE_S, most_bytes=MOST_BYTES, weigh=lambda kept: kept[1]
        )

    async def of(self, project: dict[str, Any] | None) -> Bible:
        """As of the moment that `project`, {id, updated_at}, names."""
        if not project:
            return Bible()
        key = UUID(project["id"]), str(project["updated_at"])
        kept = self._kept.get(key)
        if kept is None:
            found = await self._store.projects.bible(SERVICE, key[0])
            # In a thread: it may have ten thousand entries.
            kept = await asyncio.to_thread(_read, found.bible)
            self._kept.put(key, kept)
        return kept[0]


def _read(bible: dict[str, Any]) -> tuple[Bible, int]:
    return bible_of(entries_of(bible), WHOLE), len(str(bible)) * 2
