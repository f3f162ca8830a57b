"""The sweep: sessions whose time is over end, and those that ended long ago are deleted."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping

from coordinator.models import Session, Status
from coordinator.sessions.feed import Feed
from coordinator.sessions.writes import Writes
from coordinator.store import Store

logger = logging.getLogger(__name__)

SWEEP_BATCH = 100
RETENTION_BATCHES = 50
"""Of one sweep at the most: after a month of standing still there is a lot to delete."""


class Sweep:
    """Any node may do it at any time: what two do at once is done once."""

    def __init__(self, store: Store, writes: Writes, feed: Feed, keep: Mapping[Status, float] | None = None) -> None:
        """`keep` is how long sessions of an end status are kept after their last activity, in seconds; 0 and none
        given is for ever."""
        self._store = store
        self._writes = writes
        self._feed = feed
        self._keep = dict(keep or {})

    async def run(self) -> list[Session]:
        """The whole sweep: ends the sessions whose time is over, in batches, and answers them; deletes the old ones."""
        ended: list[Session] = []
        while batch := await self._store.sessions.expire(SWEEP_BATCH):
            ended += [(await self._writes.done(change)).session for change in batch]
            if len(batch) < SWEEP_BATCH:
                break
        await self.delete_old()
        return ended

    async def delete_old(self) -> Counter[Status]:
        """Deletes what ended longer ago than its status is kept, in batches; answers how many of each status.

        Never one that has a story. What one sweep does not come to is left to the next.
        """
        deleted: Counter[Status] = Counter()
        for _ in range(RETENTION_BATCHES):
            batch = await self._store.sessions.delete_old(self._keep, SWEEP_BATCH)
            deleted.update(batch.counts)
            for session_id in batch.session_ids:
                self._feed.gone(session_id)
            if len(batch.session_ids) < SWEEP_BATCH:
                break
        if deleted.total():
            logger.info("retention deleted %s", ", ".join(f"{n} {status}" for status, n in deleted.items() if n))
        return deleted
