"""Operations on messages: what is said in a session, and a writer's notes for its steps to come."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID, uuid4

from coordinator.models import SERVICE, Message, MessageRole
from coordinator.store.gateway import Gateway
from coordinator.store.sessions import Json


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that is to be kept. The same `id` again is the same message."""

    role: MessageRole
    content: str
    id: UUID = field(default_factory=uuid4)
    agent: str | None = None
    step: str | None = None
    metadata: Json = field(default_factory=dict)
    model: str | None = None
    tokens: int = 0
    cost_usd: float = 0


class MessageOperations:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def append(
        self, session_id: UUID, owner: UUID | None, new: NewMessage, epoch: int | None = None
    ) -> tuple[Message, list[Json]]:
        """Durable on return, with the events it made; the same id again answers the same message."""
        answer = await self._gateway.write(
            "append_message",
            SERVICE,
            session_id=session_id,
            owner=owner,
            id=new.id,
            role=new.role,
            content=new.content,
            epoch=epoch,
            agent=new.agent,
            step=new.step,
            metadata=new.metadata,
            model=new.model,
            tokens=new.tokens,
            cost_usd=new.cost_usd,
        )
        return _said(answer)

    async def steer(self, session_id: UUID, owner: UUID, message_id: UUID, text: str) -> tuple[Message, list[Json]]:
        """A note for the next step. Raises Conflict where there is none to come."""
        answer = await self._gateway.write(
            "steer", SERVICE, session_id=session_id, owner=owner, id=message_id, text=text
        )
        return _said(answer)

    async def settle(
        self, session_id: UUID, owner: UUID, message_id: UUID, finding: str, text: str
    ) -> tuple[Message, list[Json]]:
        """The writer's word that a finding is to be left; the same id again answers the same message."""
        answer = await self._gateway.write(
            "settle_finding", SERVICE, session_id=session_id, owner=owner, id=message_id, finding=finding, text=text
        )
        return _said(answer)


def _said(answer: Json) -> tuple[Message, list[Json]]:
    """A message, and its event where that has a number: the session's run may be yet to give it one."""
    event = answer["event"]
    return Message.model_validate(answer["message"]), [{**event, "message": answer["message"]}] if event else []
