"""The turns of chats: what a person says, the run that answers it, and what becomes of both."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from coordinator.errors import StoryloomError
from coordinator.models import Identity, Session
from coordinator.sessions.feed import Feed
from coordinator.sessions.journal import Journal
from coordinator.sessions.memory import Memory
from coordinator.sessions.runs import NodeRuns
from coordinator.sessions.writes import Writes, events_of
from coordinator.store import Store
from coordinator.store.runs import Begun
from coordinator.store.sessions import Changed, Json
from coordinator.store.turns import AnswerResult, FinishedTurn, NewTurn, Noted, PostedTurn


@dataclass(frozen=True, slots=True)
class Taken:
    """An answer that this node is to write, or to go on with: what its agent is to see, the text that is there of it,
    and the events of the tools that it has called."""

    session: Session
    talk: Json
    journal: Journal
    written: str = ""
    tools: tuple[Json, ...] = ()


class ChatTurns:
    """What a method awaits is durable when it returns, and told to who watches. Another's session is NotFound."""

    def __init__(
        self,
        store: Store,
        memory: Memory,
        feed: Feed,
        writes: Writes,
        held: Mapping[UUID, Journal],
        runs: NodeRuns,
    ) -> None:
        """`held` as for NodeRuns, whose `runs` open and release the journals."""
        self._store = store
        self._memory = memory
        self._feed = feed
        self._writes = writes
        self._held = held
        self._runs = runs

    async def post(self, identity: Identity, new: NewTurn) -> tuple[PostedTurn, Taken | None]:
        """What a person says; and where this node is to answer it, that answer to come. `release` its journal."""
        posted = await self._store.turns.post(identity.writer(), new, self._runs.node)
        return posted, await self._posted(posted)

    async def regenerate(
        self, identity: Identity, session_id: UUID, answer_id: UUID, seq: int | None
    ) -> tuple[PostedTurn, Taken | None]:
        """Another answer beside the one with that number, or to the message with it; else beside what is shown."""
        posted = await self._store.turns.regenerate(identity.writer(), session_id, answer_id, self._runs.node, seq)
        return posted, await self._posted(posted)

    async def _posted(self, posted: PostedTurn) -> Taken | None:
        session_id = posted.session.id
        self._memory.forget(session_id)
        if posted.created:
            self._store.metrics.sessions_begun(posted.session.kind).inc()
        if posted.begun and posted.talk is not None:
            journal = await self._runs.open(posted.session, posted.events, None)
            return Taken(posted.session, posted.talk, journal)
        if session_id in self._held:
            await self._writes.number_changes(session_id)
        else:
            await self._feed.tell(session_id, posted.events)
        return None

    async def claim(self, room: int, held: Collection[UUID], dead_s: float | None) -> list[Begun]:
        """Begins to take over answers whose nodes are gone, but for those that are `held` here, or are being taken up.
        Each is yet to be taken up."""
        own = tuple({*held, *self._held})
        begun, broken = await self._store.nodes.claim_turns(self._runs.node, room=room, held=own, dead_s=dead_s)
        for session_id in broken:
            self._memory.forget(session_id)
            self._store.metrics.runs_given_up.inc()
        return begun

    async def take_up(self, begun: Begun) -> Taken:
        """All that an answer goes on from. Raises as `runs.take_up`."""
        loaded = await self._store.turns.load(begun.session_id, begun.epoch)
        session = Session.model_validate(loaded["session"])
        journal = await self._runs.open(session, begun.events, loaded["delta_from"])
        partial = loaded["partial"]
        return Taken(session, loaded["talk"], journal, partial["text"] if partial else "", tuple(loaded["tools"]))

    async def finish(self, journal: Journal, result: AnswerResult) -> FinishedTurn:
        """The answer is kept; a next turn is there where more was said meanwhile and the run is to answer that."""
        try:
            answer = await journal.finish_turn(self._store.turns, result)
        finally:
            self._memory.forget(journal.session_id)
        if answer.session.status != "active":
            self._store.metrics.sessions_came_to(answer.session.status).inc()
        return answer

    async def fail(self, begun: Begun, error: StoryloomError) -> None:
        """What is kept of the chat can't be handled: the answer ends, with a reason."""
        await self._writes.done(await self._store.turns.fail(begun.session_id, begun.epoch, error))

    async def release(self, journal: Journal) -> None:
        """The run on this node is over, whatever its end."""
        await self._runs.release(journal)

    async def stop(self, identity: Identity, session_id: UUID) -> Session:
        """The answer under way ends where it is; where its run is here or on another node, as soon as that hears of
        it. Nothing under way: nothing changes."""
        change = await self._store.turns.stop(identity.writer(), session_id)
        self._memory.forget(session_id)
        journal = self._held.get(session_id)
        if journal is not None:
            journal.on_stop()
        else:
            await self._feed.tell(session_id, change.events)
        return change.session

    async def switch(self, identity: Identity, session_id: UUID, seq: int) -> Session:
        """The branch with that message is shown."""
        owner = identity.writer()
        change: Changed = await self._writes.through(
            session_id, lambda _: self._store.turns.switch(owner, session_id, seq), events_of
        )
        return change.session

    async def ask_story(self, identity: Identity, session_id: UUID, call_id: str | None, story: UUID) -> None:
        """A story was begun from what the chat has proposed: who watches the chat is told how it goes."""
        await self._writes.beside(
            session_id, self._store.talks.ask_story(session_id, identity.writer(), call_id, story), lambda told: told
        )

    async def note(self, session_id: UUID, noted: Noted) -> None:
        """A title and a summary, after a turn."""
        await self._writes.beside(session_id, self._store.turns.note(session_id, noted), events_of)
