"""StorySessionManager: the one door to session state. A cache of active sessions in front, the store behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from uuid import UUID

from coordinator.errors import Forbidden, NotFound
from coordinator.models import Draft, Identity, Message, Session, SessionDetail, Status
from coordinator.sessions.feed import Feed
from coordinator.sessions.journal import Journal
from coordinator.sessions.memory import Memory, Room
from coordinator.sessions.runs import NodeRuns, Recovered
from coordinator.sessions.steering import Steering
from coordinator.sessions.streams import Streams
from coordinator.sessions.sweep import Sweep
from coordinator.sessions.turns import ChatTurns
from coordinator.sessions.versions import Versions
from coordinator.sessions.writes import Writes
from coordinator.store import Store
from coordinator.store.gateway import Page
from coordinator.store.messages import NewMessage
from coordinator.store.sessions import Changed, NewSession, Search
from coordinator.store.versions import NewDraft
from coordinator.telemetry import traces

EVERY = Search()


class StorySessionManager:
    """Creates and finds sessions, keeps what is written in them, takes up their runs. Behind it stand `record`, which
    reads one, `steering`, which changes it, `versions` of its text, `runs` on this node, `turns` of chats, `feed` and
    `streams` to its readers, the `memory` of sessions and the `sweep` of those that are over.

    What a method awaits is durable when it returns. Every method for a person takes their identity; a session that is
    not theirs is NotFound, also from memory.
    """

    def __init__(
        self,
        store: Store,
        streams: Streams,
        *,
        node: str,
        ttl_s: int = 7200,
        flush_s: float = 0.1,
        room: Room | None = None,
        keep: Mapping[Status, float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`room` is that of the memory. `keep` is how long sessions of an end status are kept after their last
        activity, in seconds; 0 and none given is for ever."""
        held: dict[UUID, Journal] = {}
        self.store = store
        self.metrics = store.metrics
        self.streams = streams
        self.memory = Memory(held, room, clock)
        self.feed = Feed(store, streams, self.memory, held)
        self._writes = Writes(self.memory, self.feed, held, store.metrics)
        self.record = store.record
        self.steering = Steering(store, self.memory, self.feed, self._writes)
        self.versions = Versions(store, self._writes, ttl_s)
        self.runs = NodeRuns(store, streams, self.memory, self.feed, self._writes, held, node=node, flush_s=flush_s)
        self.turns = ChatTurns(store, self.memory, self.feed, self._writes, held, self.runs)
        self.sweep = Sweep(store, self._writes, self.feed, keep)
        self._ttl_s = ttl_s

    async def create_session(self, identity: Identity, new: NewSession) -> Changed:
        """A new session, or with a `request_id` used before the one it made then (`changed` is false)."""
        made = await self.store.sessions.create(identity.writer(), new, self._ttl_s)
        traces.note({"storyloom.session_id": str(made.session.id)})
        if made.changed:
            self.metrics.sessions_begun(new.kind).inc()
        return made

    async def get_session(self, identity: Identity, session_id: UUID) -> SessionDetail:
        """From memory where that is fresh, else read as the identity. Never older than a write awaited on this node."""
        session = self.memory.fresh(session_id)
        if session is not None and _is_known_visible(identity, session):
            return session
        return await self.memory.load(identity, session_id, lambda: self.store.sessions.get(identity, session_id))

    async def list_sessions(
        self,
        identity: Identity,
        wanted: Search = EVERY,
        *,
        everybody: bool = False,
    ) -> Page[Session]:
        """Newest activity first: the identity's own, those of a project of theirs where one is wanted, or `everybody`'s
        for an admin (Forbidden for others)."""
        if everybody and not identity.is_admin:
            raise Forbidden("Only an admin may list everybody's sessions.")
        return await self.store.sessions.search(
            identity, wanted if everybody or wanted.project_id else replace(wanted, owner=identity.writer())
        )

    async def save_message(self, identity: Identity | None, session_id: UUID, new: NewMessage) -> Message:
        """The next message of the session, None being its run. The same id again answers the message made before."""
        owner = identity.writer() if identity else None
        message, _ = await self._writes.through(
            session_id,
            lambda epoch: self.store.messages.append(session_id, owner, new, epoch),
            lambda answer: answer[1],
            of_run=identity is None,
        )
        return message

    async def save_draft(self, identity: Identity | None, session_id: UUID, new: NewDraft) -> Draft:
        """A version of the text. Conflict where its number is not the next; the same draft again changes nothing."""
        owner = identity.writer() if identity else None
        draft, _ = await self._writes.through(
            session_id,
            lambda epoch: self.store.versions.append(session_id, owner, new, epoch),
            lambda answer: answer[1],
            of_run=identity is None,
        )
        return draft

    async def get_latest_draft(self, identity: Identity, session_id: UUID) -> Draft | None:
        """The current draft, None before the first."""
        entry = self.memory.entry(session_id)
        # An admin's look is in the audit before they see anything: the store knows of it, the memory does not.
        known = None if identity.is_admin else entry
        fresh = known is not None and known.draft is not None and self.memory.is_fresh(known)
        if known is not None and fresh and _is_known_visible(identity, known.session):
            return known.draft
        draft = await self.record.current_draft(identity, session_id)
        if entry is not None:
            # Of no effect where a write has meanwhile made the memory forget the entry.
            self.memory.keep_draft(session_id, entry, draft)
        return draft

    async def recover_session(self, session_id: UUID) -> Recovered:
        """Take this one up on this node, as `runs.recover`."""
        return await self.runs.recover(session_id)

    async def cleanup_expired_sessions(self) -> list[Session]:
        """The whole sweep, as `sweep.run`."""
        return await self.sweep.run()


def _is_known_visible(identity: Identity, session: Session) -> bool:
    """Whether a session from memory may be shown. False for another's in a project, of which only the database knows
    who its members are. Raises NotFound as it would: somebody else's session does not exist."""
    if identity.role == "service_role":
        return True
    if identity.role == "authenticated" and (identity.is_admin or identity.user_id == session.user_id):
        return True
    if identity.role == "authenticated" and session.project_id is not None:
        return False
    raise NotFound("There is no such session.")
