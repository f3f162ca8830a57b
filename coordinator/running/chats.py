"""ChatCoordinator: what a person does in a chat. It checks, writes, and has the answer written."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID, uuid4, uuid5

from coordinator.agents.library import Library
from coordinator.chat.title import first_title
from coordinator.errors import Conflict, InvalidMessage, ModelFailed, TooLarge, Unavailable
from coordinator.models import Identity, Message, Session, Turn
from coordinator.running.stories import StoryCoordinator
from coordinator.sessions.manager import StorySessionManager
from coordinator.sessions.turns import Taken
from coordinator.storable import storable
from coordinator.store.turns import NewChat, NewTurn, PostedTurn

DEFAULT_AGENT = "muse"
LOOK_S = 0.5
"""Between two looks for an answer that another node writes."""
MOST_TEXT = 20_000
"""Characters of a message."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What a person says: in a session, or in a new one with that agent and model. `request_id` makes or finds the new
    session, and `message_key` is the message's own; without it the request's is both."""

    text: str
    session_id: UUID | None = None
    project_id: UUID | None = None
    agent: str | None = None
    model: str | None = None
    request_id: str | None = None
    message_key: str | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """What came of it. `turn` is the answer under way; None where it is done already, as for a request that comes
    again."""

    session: Session
    message: Message | None
    turn: Turn | None
    created: bool
    answer_id: UUID | None = None
    """Of an answer that was asked for anew."""


class Answers(Protocol):
    """What the coordinator needs of who writes answers."""

    def check_room(self) -> None: ...
    def begin(self, taken: Taken) -> None: ...
    async def wait(self, session_id: UUID) -> None: ...


class NoAnswers:
    """For a process that only reads."""

    def check_room(self) -> None:
        raise Unavailable("This process writes no answers: start the service, and talk there.")

    def begin(self, taken: Taken) -> None:
        raise Unavailable("This process writes no answers.")

    async def wait(self, session_id: UUID) -> None:
        return


class ChatCoordinator:
    def __init__(
        self, manager: StorySessionManager, library: Library, stories: StoryCoordinator, answers: Answers
    ) -> None:
        self._manager = manager
        self._library = library
        self._stories = stories
        self._answers = answers
        self._posting: set[asyncio.Task[Posted]] = set()

    async def close(self) -> None:
        """On return nothing is being posted any more."""
        await asyncio.gather(*self._posting, return_exceptions=True)

    async def send(self, identity: Identity, sending: Sending) -> Posted:
        """The message is kept on return, and its answer under way, here or after the one before it.

        Raises InvalidMessage for an empty text or an agent or model that can't be chosen, TooLarge for a text over
        MOST_TEXT, NotFound, Conflict, Expired, RateLimited, and Unavailable where the node is full.
        """
        text = _checked(sending.text)
        owner = identity.writer()
        self._answers.check_room()
        new: NewChat | None = None
        if sending.session_id is None:
            agent = self._library.agent(sending.agent or DEFAULT_AGENT)
            model = await self._stories.model_for(identity, sending.model)
            new = NewChat(agent.name, model, first_title(text), sending.request_id, project_id=sending.project_id)
        key = sending.message_key or sending.request_id
        message_id = uuid5(owner, f"message {key}") if key else uuid4()
        return await self._post(identity, NewTurn(text, message_id, sending.session_id, new))

    async def edit(
        self, identity: Identity, session_id: UUID, seq: int, text: str, request_id: str | None = None
    ) -> Posted:
        """One's own message otherwise: the talk goes another way from there. Raises as `send`."""
        text = _checked(text)
        self._answers.check_room()
        message_id = uuid5(identity.writer(), f"message {request_id}") if request_id else uuid4()
        return await self._post(identity, NewTurn(text, message_id, session_id, edit=seq))

    async def regenerate(
        self, identity: Identity, session_id: UUID, seq: int | None = None, request_id: str | None = None
    ) -> Posted:
        """Another answer beside the one with that number, or to the message with it; else beside the last. What failed
        is tried again so. Raises as `send`."""
        self._answers.check_room()
        answer_id = uuid5(identity.writer(), f"answer {request_id}") if request_id else uuid4()
        return await self._kept(self._regenerated(identity, session_id, answer_id, seq))

    async def answer(self, identity: Identity, posted: Posted) -> Message:
        """The answer to what was posted, once it is there, whichever node writes it.

        Raises ModelFailed with the reason where it failed, Conflict where it was stopped before a word of it.
        """
        session_id, seq = posted.session.id, posted.message.seq if posted.message else None
        while True:
            await self._answers.wait(session_id)
            standing = await self._manager.store.turns.answer(identity, session_id, posted.answer_id, seq)
            if standing.message is not None:
                return standing.message
            if standing.status != "active":
                if standing.error is not None:
                    raise ModelFailed(standing.error.message)
                raise Conflict("The answer was stopped before anything of it was written.")
            await asyncio.sleep(LOOK_S)

    async def stop(self, identity: Identity, session_id: UUID) -> Session:
        """The answer under way ends where it is, and keeps its text."""
        return await self._manager.turns.stop(identity, session_id)

    async def branch(self, identity: Identity, session_id: UUID, seq: int) -> Session:
        """The branch with that message is shown. Raises Conflict while an answer is written."""
        return await self._manager.turns.switch(identity, session_id, seq)

    async def _post(self, identity: Identity, new: NewTurn) -> Posted:
        return await self._kept(self._posted(identity, new))

    async def _posted(self, identity: Identity, new: NewTurn) -> Posted:
        posted, taken = await self._manager.turns.post(identity, new)
        return self._begun(posted, taken)

    async def _regenerated(self, identity: Identity, session_id: UUID, answer_id: UUID, seq: int | None) -> Posted:
        posted, taken = await self._manager.turns.regenerate(identity, session_id, answer_id, seq)
        return replace(self._begun(posted, taken), answer_id=answer_id)

    def _begun(self, posted: PostedTurn, taken: Taken | None) -> Posted:
        if taken is not None:
            self._answers.begin(taken)
        return Posted(posted.session, posted.message, posted.turn, posted.created)

    async def _kept(self, posting: Coroutine[Any, Any, Posted]) -> Posted:
        """Done to its end, whether or not who asked for it is still there: the answer has begun with it."""
        task = asyncio.create_task(posting, name="posting")
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)
        return await asyncio.shield(task)


def _checked(text: str) -> str:
    text = storable(text)
    if not text.strip():
        raise InvalidMessage("The message is empty: say something.")
    if len(text) > MOST_TEXT:
        raise TooLarge(f"The message has {len(text):,} characters, and {MOST_TEXT:,} is the most that one may have.")
    return text
