"""The runs that a node holds: taken up, written by, and given back."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from coordinator.models import Failure, Session
from coordinator.sessions.events import Event
from coordinator.sessions.feed import Feed
from coordinator.sessions.journal import Journal
from coordinator.sessions.memory import Memory
from coordinator.sessions.streams import Streams
from coordinator.sessions.writes import Writes, events_of
from coordinator.store import Store
from coordinator.store.nodes import Beat
from coordinator.store.runs import Begun, Failing, Finished
from coordinator.store.sessions import Changed, Json

logger = logging.getLogger(__name__)

BREAKS_MOST = 3
"""A run that breaks so often in a row, with no step finished in between, is given up."""
BROKEN = Failure(
    code="internal",
    message=f"The story broke {BREAKS_MOST} times at the same step by a fault of the service, whose owner can read "
    "what in the log. Resume the story to try once more.",
)
UNREADABLE = Failure(
    code="internal",
    message="The story could not be taken up: what is kept of it can't be read. The service's owner can read more in "
    "the log; fork it from an earlier step or version to go on from there.",
)


@dataclass(frozen=True, slots=True)
class Partial:
    """A message that a run before has begun and not ended, as far as it was stored."""

    message_id: UUID
    attempt: int
    text: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """A session taken up by this node: its new epoch's journal, and all that its run goes on from."""

    session: Session
    prompt: str
    steps: list[Json]
    notes: list[str]
    partial: Partial | None
    journal: Journal
    material: Json | None = None
    """What it has begun with of its project."""


class NodeRuns:
    """What a method awaits is durable when it returns."""

    def __init__(
        self,
        store: Store,
        streams: Streams,
        memory: Memory,
        feed: Feed,
        writes: Writes,
        held: dict[UUID, Journal],
        *,
        node: str,
        flush_s: float,
    ) -> None:
        """`held` are the journals of the runs here, by session: what is taken up comes to it, what is released goes."""
        self._store = store
        self._streams = streams
        self._memory = memory
        self._feed = feed
        self._writes = writes
        self._held = held
        self.node = node
        self._flush_s = flush_s

    def held(self) -> dict[UUID, Journal]:
        """The runs on this node, by session, as of now."""
        return dict(self._held)

    async def recover(self, session_id: UUID) -> Recovered:
        """Take this one up on this node, whoever ran it: begins its next epoch, so that every older run is fenced.

        Raises Conflict where it is not active, NotFound where it is gone. `release` it when the run ends.
        """
        return await self.take_up(await self._store.runs.begin(session_id, self.node))

    async def claim(
        self, room: int, per_user: int, held: Collection[UUID], dead_s: float | None
    ) -> tuple[list[Begun], int]:
        """Begin runs on this node, in their turn, and answer how many go on waiting. Each is yet to be taken up.

        Begins the next epoch of each, so that every older run is fenced. One that is not taken up is claimed again by
        the next call that does not name it in `held`.
        """
        answer = await self._store.nodes.claim(self.node, room=room, per_user=per_user, held=held, dead_s=dead_s)
        for event in answer.placed:
            session_id = UUID(event["session_id"])
            self._memory.forget(session_id)
            await self._feed.tell(session_id, [event])
        for session_id, code in answer.broken.items():
            logger.error(
                "the session could not be begun and has failed: %s", code, extra={"session_id": str(session_id)}
            )
            self._given_up(session_id)
        return answer.runs, answer.waiting

    async def take_up(self, begun: Begun) -> Recovered:
        """All that a run which has begun goes on from. `release` it when the run ends.

        Raises Unavailable where the database is away, Fenced or NotFound where the session is another's by now or
        gone; what else it raises is for what is kept of the session, and will be raised again.
        """
        loaded = await self._store.runs.load(begun.session_id, begun.epoch)
        session = Session.model_validate(loaded["session"])
        journal = await self.open(session, begun.events, loaded["delta_from"])
        self._store.metrics.claims(begun.events[-1]["reason"]).inc()
        partial = loaded["partial"]
        return Recovered(
            session,
            loaded["prompt"],
            loaded["steps"],
            loaded["notes"],
            Partial(UUID(partial["message_id"]), partial["attempt"], partial["text"]) if partial else None,
            journal,
            loaded["material"],
        )

    async def open(self, session: Session, events: list[Json], delta_from: int | None) -> Journal:
        """The journal of a run here that has begun with `events`, which are told; `delta_from` as of what an earlier
        run has told and not settled. `release` it when the run ends."""
        journal = Journal(
            session.id,
            session.epoch,
            events[-1]["seq"],
            delta_from,
            self._store.runs,
            self._streams,
            self._flush_s,
            self._store.metrics,
        )
        journal.before_telling = lambda: self._memory.forget(session.id)
        self._held[session.id] = journal
        self._memory.forget(session.id)
        try:
            await self._feed.catch_up(session.id, events[0]["seq"] - 1)
        except BaseException:
            # Nobody would release it: the session would count as run by this node for ever.
            await self.release(journal)
            raise
        self._streams.publish(session.id, [Event(event) for event in events], saved=True)
        self._streams.stored.add(session.id)
        return journal

    async def broke(self, begun: Begun) -> bool:
        """The run broke by a fault of ours; answers whether it was once too often, and the session has failed."""
        change = await self._store.runs.broke(begun.session_id, begun.epoch, BREAKS_MOST, BROKEN)
        return await self._failed(change)

    async def give_up(self, begun: Begun) -> None:
        """What is kept of the session can't be handled: it fails, with a reason that its writer may read."""
        await self._failed(await self._store.runs.give_up(begun.session_id, begun.epoch, UNREADABLE))

    async def _failed(self, change: Changed) -> bool:
        if not change.changed:
            return False
        self._given_up(change.session.id)
        await self._writes.done(change)
        return True

    def _given_up(self, session_id: UUID) -> None:
        self._memory.forget(session_id)
        self._store.metrics.runs_given_up.inc()

    async def finish_step(self, journal: Journal, result: Json) -> Finished:
        """Durable on return, in one call, with all events before it. The session is `paused` where that was asked."""
        answer = await journal.finish_step(result)
        self._memory.remember(answer.session)
        if answer.session.status != "active":
            self._store.metrics.sessions_came_to(answer.session.status).inc()
        return answer

    async def open_gate(self, journal: Journal, gate: Json) -> Session:
        """The session waits for its writer's answer. Durable on return."""
        answer = await journal.open_gate(gate)
        self._memory.forget(journal.session_id)
        return self._writes.counted(answer).session

    async def complete(self, session_id: UUID) -> Session:
        """The current draft is the story. Again changes nothing."""
        change = await self._writes.through(
            session_id, lambda epoch: self._store.runs.complete(session_id, None, epoch), events_of, of_run=True
        )
        return self._writes.counted(change).session

    async def fail(self, session_id: UUID, failing: Failing) -> Session:
        """With a reason that its writer may read; it may be resumed. What the failed step used is counted."""
        journal = self._held.get(session_id)
        if journal is not None:
            answer = await journal.fail(failing)
            self._memory.forget(session_id)
            return self._writes.counted(answer).session
        return (await self._writes.done(await self._store.runs.fail(session_id, None, failing))).session

    async def release(self, journal: Journal) -> None:
        """The run on this node is over, whatever its end."""
        try:
            await journal.close()
        finally:
            # Also where the run is cancelled once more just here.
            if self._held.get(journal.session_id) is journal:
                del self._held[journal.session_id]
                self._memory.forget(journal.session_id)

    async def beat(self, about: Json, dead_s: float) -> Beat:
        """Tell that this node lives; ends the runs here that other nodes have ended, and tells what others changed."""
        held = {session_id: journal.epoch for session_id, journal in self._held.items() if not journal.fenced}
        beat = await self._store.nodes.beat(self.node, about, held, dead_s)
        for session_id in beat.lost:
            journal = self._held.get(session_id)
            if journal is not None and journal.epoch == held[session_id]:
                journal.replaced()
        for session_id in beat.stopped:
            if journal := self._held.get(session_id):
                journal.on_stop()
        for session_id in beat.changed:
            # Not here: the next beat must not wait for it.
            if journal := self._held.get(session_id):
                journal.changed()
        return beat
