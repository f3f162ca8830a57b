"""What people do to a session that is there: rename it, steer it, answer for it, stop it, delete it."""

from __future__ import annotations

from uuid import UUID, uuid4, uuid5

from coordinator.models import Budget, Identity, Message, Session, Status
from coordinator.sessions.feed import Feed
from coordinator.sessions.memory import Memory
from coordinator.sessions.writes import Writes, events_of
from coordinator.store import Store
from coordinator.store.admin import Ending
from coordinator.store.sessions import Changed


class Steering:
    """What a method awaits is durable when it returns, and told to who watches. Another's session is NotFound."""

    def __init__(self, store: Store, memory: Memory, feed: Feed, writes: Writes) -> None:
        self._store = store
        self._memory = memory
        self._feed = feed
        self._writes = writes

    async def rename(self, identity: Identity, session_id: UUID, title: str) -> Session:
        owner = identity.writer()
        change = await self._writes.through(
            session_id, lambda epoch: self._store.sessions.rename(session_id, owner, title, epoch), events_of
        )
        return change.session

    async def delete(self, identity: Identity, session_id: UUID) -> None:
        """The session and all that hangs on it; its run is fenced. An admin may delete anybody's, an owner of a project
        what is of it."""
        owner = identity.writer()
        delete = self._store.admin.delete if identity.is_admin else self._store.sessions.delete
        await delete(session_id, owner)
        self._feed.end(session_id)

    async def pause(self, identity: Identity, session_id: UUID) -> Changed:
        """Paused on return, or where a run holds it when its step at hand is done. Conflict where nothing runs."""
        owner = identity.writer()
        change = await self._writes.beside(session_id, self._store.sessions.pause(session_id, owner), events_of)
        return self._writes.counted(change) if change.session.status == "paused" else change

    async def steer(self, identity: Identity, session_id: UUID, text: str, request_id: str | None = None) -> Message:
        """A note for the steps to come, or the one that this `request_id` made. Conflict where no step is to come."""
        # No step's message has such a name.
        message_id = uuid5(session_id, f"note {request_id}") if request_id else uuid4()
        owner = identity.writer()
        message, _ = await self._writes.beside(
            session_id, self._store.messages.steer(session_id, owner, message_id, text), lambda answer: answer[1]
        )
        return message

    async def settle(self, identity: Identity, session_id: UUID, finding: str, text: str) -> Message:
        """The writer's word that a finding of the ledger is to be left, once."""
        owner = identity.writer()
        message_id = uuid5(session_id, f"settles {finding}")
        message, _ = await self._writes.beside(
            session_id,
            self._store.messages.settle(session_id, owner, message_id, finding, text),
            lambda answer: answer[1],
        )
        return message

    async def answer_gate(
        self, identity: Identity, session_id: UUID, step: str, *, approved: bool, comment: str | None
    ) -> Changed:
        """The writer's answer to a gate; the session then waits for its run. Conflict where that gate does not wait."""
        owner = identity.writer()
        change = await self._writes.beside(
            session_id,
            self._store.sessions.answer_gate(session_id, owner, step, approved=approved, comment=comment),
            events_of,
        )
        return self._writes.counted(change)

    async def set_budget(self, identity: Identity, session_id: UUID, budget: Budget | None) -> Session:
        """What the session may use; a run learns it before its next step."""
        owner = identity.writer()
        try:
            return (await self._store.sessions.set_budget(session_id, owner, budget)).session
        finally:
            self._memory.forget(session_id)

    async def change_status(
        self,
        identity: Identity | None,
        session_id: UUID,
        to: Status,
        allowed: tuple[Status, ...],
        reason: str | None = None,
    ) -> Changed:
        """Fences the session's run. Conflict where the present status is not among `allowed`. None is the service."""
        owner = identity.writer() if identity else None
        return await self._writes.move(
            session_id,
            lambda _: self._store.sessions.change_status(session_id, owner, to=to, allowed=allowed, reason=reason),
        )

    async def end_as_admin(self, admin: Identity, session_id: UUID, to: Ending, reason: str) -> Changed:
        """For an admin, anybody's: ended, its run fenced, in the audit with the reason. Conflict as `change_status`."""
        asker = admin.writer()
        return await self._writes.move(
            session_id, lambda _: self._store.admin.end(session_id, asker, to=to, reason=reason)
        )
