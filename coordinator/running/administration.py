"""Administration: what an admin may do and see beyond their own sessions. The door has checked that they are one."""

from __future__ import annotations

import logging
from uuid import UUID

from coordinator.errors import Forbidden
from coordinator.models import Identity, Session
from coordinator.running.stories import Runs
from coordinator.sessions.manager import StorySessionManager
from coordinator.store.admin import AdminOperations, Ending, Nodes, Stats

logger = logging.getLogger(__name__)


class Administration:
    """`dead_s` is the silence after which a node counts as dead."""

    def __init__(self, manager: StorySessionManager, runs: Runs, dead_s: float) -> None:
        self.audit = manager.store.admin.audit
        self._operations: AdminOperations = manager.store.admin
        self._manager = manager
        self._runs = runs
        self._dead_s = dead_s

    async def end(self, admin: Identity, session_id: UUID, to: Ending, reason: str) -> Session:
        """Anybody's session ends, its run stopped wherever it is; who and why is in the audit on return.

        Again changes nothing. Raises Conflict where the session has ended otherwise, NotFound.
        """
        if not admin.is_admin:
            raise Forbidden("Only an admin may do that.")
        # First in the store, which fences the run wherever it is; then the run that is here.
        change = await self._manager.steering.end_as_admin(admin, session_id, to, reason)
        await self._runs.stop(session_id)
        if change.changed:
            logger.info("an admin ended a session as %s", to, extra={"session_id": str(session_id)})
        return change.session

    async def stats(self, days: int) -> Stats:
        """Of the last `days` days in UTC, today included."""
        return await self._operations.stats(days, self._dead_s)

    async def nodes(self) -> Nodes:
        return await self._operations.nodes(self._dead_s)
