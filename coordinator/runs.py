"""The runs that a node holds: taken up, written by, and given back."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from coordinator.errors import Unavailable
from coordinator.events import Event
from coordinator.feed import Feed
from coordinator.journal import Journal
from coordinator.memory import Memory
from coordinator.models import Failure, Session
from coordinator.store import Store
from coordinator.store.nodes import Beat
from coordinator.store.runs import Finished
from coordinator.store.sessions import Json
from coordinator.streams import Streams
from coordinator.writes import Writes, events_of

logger = logging.getLogger(__name__)


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


class NodeRuns:
    """What a method awaits is durable when it returns."""

    def __init__(
        self, store: Store, streams: Streams, memory: Memory, feed: Feed, writes: Writes, held: dict[UUID, Journal], *,
        node: str, flush_s: float,
    ) -> None:  # fmt: skip
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
        return await self._take_up(await self._store.runs.claim(session_id, self.node))

    async def claim(
        self, room: int, per_user: int, held: Collection[UUID], dead_s: float | None
    ) -> tuple[list[Recovered], int]:
        """Take sessions up on this node, in their turn, and answer how many go on waiting.

        Begins the next epoch of each, so that every older run is fenced. `release` each when its run ends. One that
        can't be taken up just now is claimed again by the next call that does not name it in `held`.
        """
        answer = await self._store.nodes.claim(self.node, room=room, per_user=per_user, held=held, dead_s=dead_s)
        for event in answer.placed:
            session_id = UUID(event["session_id"])
            self._memory.forget(session_id)
            await self._feed.tell(session_id, [event])
        found = []
        for claim in answer.runs:
            try:
                found.append(await self._take_up(claim))
            except Unavailable as error:
                about = {"session_id": claim["session"]["id"], "run": claim["session"]["epoch"]}
                logger.warning("a session is not taken up yet: %s", error, extra=about)
        return found, answer.waiting

    async def _take_up(self, claim: Json) -> Recovered:
        session = Session.model_validate(claim["session"])
        journal = Journal(
            session.id, session.epoch, claim["events"][-1]["seq"], claim["delta_from"], self._store.runs,
            self._streams, self._flush_s, self._store.metrics,
        )  # fmt: skip
        journal.before_telling = lambda: self._memory.forget(session.id)
        self._held[session.id] = journal
        self._memory.forget(session.id)
        try:
            await self._feed.catch_up(session.id, claim["events"][0]["seq"] - 1)
        except BaseException:
            # Nobody would release it: the session would count as run by this node for ever.
            await self.release(journal)
            raise
        self._streams.publish(session.id, [Event(event) for event in claim["events"]], saved=True)
        self._streams.stored.add(session.id)
        self._store.metrics.claims(claim["events"][-1]["reason"]).inc()
        partial = claim["partial"]
        return Recovered(
            session, claim["prompt"], claim["steps"], claim["notes"],
            Partial(UUID(partial["message_id"]), partial["attempt"], partial["text"]) if partial else None, journal,
        )  # fmt: skip

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

    async def fail(
        self, session_id: UUID, error: Failure, step: str | None = None, *, agent: str | None = None, tokens: int = 0,
        cost_usd: float = 0, to: Literal["failed", "paused"] = "failed",
    ) -> Session:  # fmt: skip
        """Failed with a reason that its writer may read; it may be resumed. What the failed step used is counted."""
        journal = self._held.get(session_id)
        if journal is not None:
            answer = await journal.fail(error, step, agent, tokens, cost_usd, to)
            self._memory.forget(session_id)
            return self._writes.counted(answer).session
        return (await self._writes.done(await self._store.runs.fail(session_id, None, error, step=step, to=to))).session

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
                journal.fence()
        for session_id in beat.changed:
            await self._writes.number_changes(session_id)
        return beat
