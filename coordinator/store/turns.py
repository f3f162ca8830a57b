"""Operations on the turns of a chat: a message and the epoch that answers it, the answer, what becomes of branches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from pydantic import TypeAdapter

from coordinator.errors import StoryloomError
from coordinator.models import SERVICE, Failure, Identity, Message, Session, Turn
from coordinator.store.gateway import Gateway
from coordinator.store.runs import numbered
from coordinator.store.sessions import Changed, Json, changed


@dataclass(frozen=True, slots=True)
class NewChat:
    """A chat that a message begins. `ttl_s` is how long it stays without activity, None for ever."""

    agent: str
    model: str
    title: str
    request_id: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    ttl_s: int | None = None
    project_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class NewTurn:
    """A person's message, in a session or in a `new` one; `edit` is the number of that in whose place it stands. The
    same `message_id` again is the same message."""

    text: str
    message_id: UUID = field(default_factory=uuid4)
    session_id: UUID | None = None
    new: NewChat | None = None
    edit: int | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PostedTurn:
    """What came of it: the message where one was posted; whether an epoch has `begun` on the caller's node, and then
    the `talk` that its agent is to see."""

    session: Session
    turn: Turn | None
    events: list[Json]
    begun: bool
    created: bool = False
    message: Message | None = None
    talk: Json | None = None


@dataclass(frozen=True, slots=True)
class AnswerResult:
    """How an answer ended, with what it used. `goes_on` is whether this run would answer what was said meanwhile, as
    the message `next_id`."""

    message_id: UUID
    agent: str
    content: str
    model: str
    tokens: int = 0
    cost_usd: float = 0
    metadata: Json = field(default_factory=dict)
    error: Failure | None = None
    stopped: bool = False
    goes_on: bool = True
    next_id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True, slots=True)
class FinishedTurn:
    """The session after an answer, the events that it made, and where more was said meanwhile, the next turn and its
    talk."""

    session: Session
    events: list[Json]
    turn: Turn | None
    talk: Json | None


@dataclass(frozen=True, slots=True)
class Noted:
    """What is put down after a turn, with what that used: a title, and a summary {upto, total, text} of what lies
    before the message with the number `upto`, itself included, the `total`-th of its branch."""

    title: str | None = None
    summary: Json | None = None
    agent: str | None = None
    tokens: int = 0
    cost_usd: float = 0


@dataclass(frozen=True, slots=True)
class Branch:
    """A page of the branch that is shown, oldest first: `first` is the place of its first message, from 0."""

    messages: list[Message]
    total: int
    first: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a chat stands, and the answer that was asked for, where there is one by now."""

    status: str
    error: Failure | None
    turn: Turn | None
    message: Message | None


_STANDING: TypeAdapter[Standing] = TypeAdapter(Standing)


class TurnOperations:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._branch: TypeAdapter[Branch] = TypeAdapter(Branch)

    async def post(self, owner: UUID, new: NewTurn, node: str) -> PostedTurn:
        """Durable on return. Raises NotFound, Conflict for what is no chat or can't be edited now, Expired, TooLarge,
        RateLimited."""
        chat = new.new
        fresh = chat and {
            "agent": chat.agent,
            "model": chat.model,
            "title": chat.title,
            "request_id": chat.request_id,
            "config": dict(chat.config),
            "ttl_s": chat.ttl_s,
            "project_id": str(chat.project_id) if chat.project_id else None,
        }
        return _posted(
            await self._gateway.write(
                "post_turn",
                SERVICE,
                session_id=new.session_id,
                owner=owner,
                message_id=new.message_id,
                answer_id=uuid4(),
                text=new.text,
                node=node,
                new=fresh,
                edit=new.edit,
                metadata=new.metadata,
            )
        )

    async def regenerate(
        self, owner: UUID, session_id: UUID, answer_id: UUID, node: str, seq: int | None
    ) -> PostedTurn:
        """Another answer; the same `answer_id` again changes nothing. Raises as `post`."""
        return _posted(
            await self._gateway.write(
                "regenerate_turn",
                SERVICE,
                session_id=session_id,
                owner=owner,
                answer_id=answer_id,
                node=node,
                seq=seq,
            )
        )

    async def finish(self, session_id: UUID, epoch: int, events: list[Json], result: Json) -> FinishedTurn:
        """The answer, once, however often it is called."""
        answer = await self._gateway.write(
            "finish_turn", SERVICE, session_id=session_id, epoch=epoch, events=events, result=result
        )
        told = numbered(session_id, epoch, answer)
        turn = Turn.model_validate(answer["turn"]) if answer["turn"] else None
        return FinishedTurn(Session.model_validate(answer["session"]), told, turn, answer["talk"])

    async def stop(self, owner: UUID, session_id: UUID) -> Changed:
        """Ends the answer under way, or has its node end it."""
        return changed(await self._gateway.write("stop_turn", SERVICE, session_id=session_id, owner=owner))

    async def switch(self, owner: UUID, session_id: UUID, seq: int) -> Changed:
        """Shows the branch with that message. Raises NotFound, Conflict while an answer is written."""
        return changed(await self._gateway.write("switch_branch", SERVICE, session_id=session_id, owner=owner, seq=seq))

    async def load(self, session_id: UUID, epoch: int) -> Json:
        """All that a run goes on from which takes an answer up. Raises Fenced, NotFound."""
        answer: Json = await self._gateway.write("load_turn", SERVICE, session_id=session_id, epoch=epoch)
        return answer

    async def fail(self, session_id: UUID, epoch: int, error: StoryloomError) -> Changed:
        """The answer ends where it is, for a reason that its reader may read."""
        return changed(
            await self._gateway.write(
                "fail_turn",
                SERVICE,
                session_id=session_id,
                epoch=epoch,
                error={"code": error.code, "message": error.message},
            )
        )

    async def note(self, session_id: UUID, noted: Noted) -> Changed:
        """A title, unless a person gave one, and what lies before the window of the next turns."""
        return changed(
            await self._gateway.write(
                "note_talk",
                SERVICE,
                session_id=session_id,
                title=noted.title,
                summary=noted.summary,
                agent=noted.agent,
                tokens=noted.tokens,
                cost_usd=noted.cost_usd,
            )
        )

    async def find(self, identity: Identity, key: str) -> UUID | None:
        """The session with that id, or the one of the identity's own that a request with that id made."""
        found = await self._gateway.read("find_chat", identity, key=key, id=_id(key))
        return UUID(found) if found else None

    async def current(self, identity: Identity, session_id: UUID) -> tuple[SessionStatus, Turn | None]:
        """How the chat stands, and the answer under way, where one is. Raises NotFound."""
        answer = await self._gateway.read("current_turn", identity, session_id=session_id)
        turn = Turn.model_validate(answer["turn"]) if answer["turn"] else None
        return SessionStatus(answer["status"], answer["epoch"]), turn

    async def answer(
        self, identity: Identity, session_id: UUID, message_id: UUID | None = None, seq: int | None = None
    ) -> Standing:
        """An answer by its id, or the newest to the message with that number. Raises NotFound for the session."""
        answer = await self._gateway.read("get_answer", identity, session_id=session_id, message_id=message_id, seq=seq)
        return _STANDING.validate_python(answer)

    async def branch(
        self, identity: Identity, session_id: UUID, limit: int, offset: int | None, size: int = 1_000_000
    ) -> Branch:
        """A page of the branch that is shown, the newest without `offset`. It ends where it has `size` bytes."""
        found: Branch = await self._gateway.read(
            "list_branch",
            identity,
            shape=self._branch,
            session_id=session_id,
            limit=limit,
            offset=offset,
            bytes=size,
        )
        return found


@dataclass(frozen=True, slots=True)
class SessionStatus:
    status: str
    epoch: int


def result_of(answer: AnswerResult) -> Json:
    """As the store takes it."""
    return {
        "message_id": str(answer.message_id),
        "agent": answer.agent,
        "content": answer.content,
        "metadata": answer.metadata,
        "model": answer.model,
        "tokens": answer.tokens,
        "cost_usd": answer.cost_usd,
        "error": answer.error.model_dump() if answer.error else None,
        "stopped": answer.stopped,
        "goes_on": answer.goes_on,
        "next_id": str(answer.next_id),
    }


def _id(key: str) -> UUID | None:
    """None for what is no id as the service writes them."""
    try:
        found = UUID(key)
    except ValueError:
        return None
    return found if str(found) == key else None


def _posted(answer: Json) -> PostedTurn:
    turn = answer["turn"]
    message = answer.get("message")
    return PostedTurn(
        Session.model_validate(answer["session"]),
        Turn.model_validate(turn) if turn else None,
        answer["events"],
        answer["begun"],
        answer.get("created", False),
        Message.model_validate(message) if message else None,
        answer.get("talk"),
    )
