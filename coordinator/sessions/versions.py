"""More than one run at a text: a writer's own versions, alternatives for a passage, sessions that fork off."""

from __future__ import annotations

from uuid import UUID

from coordinator.models import Alternative, Draft, Identity
from coordinator.sessions.writes import Writes
from coordinator.store import Store
from coordinator.store.sessions import Changed
from coordinator.store.versions import Edit, NewFork, Rewritten, SoFar


class Versions:
    """What a method awaits is durable when it returns. A session that is not theirs to read is NotFound."""

    def __init__(self, store: Store, writes: Writes, ttl_s: int) -> None:
        """`ttl_s` is how long a forked session stays without activity, in seconds."""
        self._store = store
        self._writes = writes
        self._ttl_s = ttl_s

    async def so_far(self, identity: Identity, session_id: UUID) -> SoFar:
        """What a session has done that is the identity's own, or of a project of which they are an editor, from the
        store. An admin's look at another's is NotFound, a viewer's Forbidden."""
        found = await self._store.versions.so_far(identity, session_id)
        if found.session.user_id != identity.writer():
            await self._store.sessions.check_editor(session_id, identity.writer())
        return found

    async def edit(self, identity: Identity, session_id: UUID, edit: Edit) -> Draft:
        """The writer's own version of the text, current.

        Conflict where `base_version` is not the current one, or a run holds the text. Again changes nothing.
        """
        draft, _ = await self._writes.beside(
            session_id,
            self._store.versions.edit(session_id, identity.writer(), edit),
            lambda answer: answer[1],
        )
        return draft

    async def add_alternatives(self, identity: Identity, session_id: UUID, written: Rewritten) -> list[Alternative]:
        """Keeps versions of a passage and counts what all that was made used; answers those that have a text."""
        kept, _ = await self._writes.beside(
            session_id,
            self._store.versions.add_alternatives(session_id, identity.writer(), written),
            lambda answer: answer[1],
        )
        return kept

    async def fork(self, identity: Identity, session_id: UUID, new: NewFork) -> Changed:
        """A session that begins with the past of another, or with a `request_id` used before the one made then."""
        made = await self._store.versions.fork(session_id, identity.writer(), new, self._ttl_s)
        if made.changed:
            self._store.metrics.sessions_begun(made.session.kind).inc()
        return made
