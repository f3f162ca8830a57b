"""Operations on a session's record: messages, drafts, steps, events, the story, snapshot and replay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from coordinator.admins import reads_as
from coordinator.models import SERVICE, Draft, DraftHead, Identity, Message, MessageRole, Step, Story
from coordinator.store.gateway import Gateway, Page, Rows
from coordinator.store.sessions import Json

_MESSAGES = Rows(Message)
_DRAFTS = Rows(Draft)
_HEADS = Rows(DraftHead)
_STEPS = Rows(Step)


@dataclass(frozen=True, slots=True)
class Replay:
    """Stored events after a number. `same_past` is false where what was seen up to it is not what was kept."""

    items: list[Json]
    more: bool
    epoch: int
    last_seq: int
    same_past: bool


class RecordOperations:
    def __init__(self, gateway: Gateway, page_bytes: int) -> None:
        """A page ends with the item that reaches `page_bytes`, however many more were asked for."""
        self._gateway = gateway
        self._bytes = page_bytes

    async def append_message(
        self,
        session_id: UUID,
        owner: UUID | None,
        *,
        message_id: UUID,
        role: MessageRole,
        content: str,
        epoch: int | None = None,
        agent: str | None = None,
        step: str | None = None,
        metadata: Json | None = None,
        model: str | None = None,
        tokens: int = 0,
        cost_usd: float = 0,
    ) -> tuple[Message, list[Json]]:
        """Durable on return, with the events it made; the same `message_id` again answers the same message."""
        answer = await self._gateway.write(
            "append_message",
            SERVICE,
            session_id=session_id,
            owner=owner,
            id=message_id,
            role=role,
            content=content,
            epoch=epoch,
            agent=agent,
            step=step,
            metadata=metadata or {},
            model=model,
            tokens=tokens,
            cost_usd=cost_usd,
        )
        return _said(answer)

    async def steer(self, session_id: UUID, owner: UUID, message_id: UUID, text: str) -> tuple[Message, list[Json]]:
        """A note for the next step. Raises Conflict where there is none to come."""
        answer = await self._gateway.write(
            "steer", SERVICE, session_id=session_id, owner=owner, id=message_id, text=text
        )
        return _said(answer)

    async def append_draft(
        self,
        session_id: UUID,
        owner: UUID | None,
        *,
        version: int,
        author: str,
        content: str,
        word_count: int,
        current: bool = True,
        step: str | None = None,
        scores: dict[str, int] | None = None,
        epoch: int | None = None,
    ) -> tuple[Draft, list[Json]]:
        """Durable on return. Raises Conflict where `version` is not the next one."""
        answer = await self._gateway.write(
            "append_draft",
            SERVICE,
            session_id=session_id,
            owner=owner,
            version=version,
            author=author,
            content=content,
            word_count=word_count,
            current=current,
            step=step,
            scores=scores,
            epoch=epoch,
        )
        return Draft.model_validate(answer["draft"]), answer["events"]

    async def messages(self, identity: Identity, session_id: UUID, limit: int, cursor: str | None) -> Page[Message]:
        return await self._gateway.page(
            "list_messages",
            reads_as(identity),
            _MESSAGES,
            session_id=session_id,
            limit=limit,
            cursor=cursor,
            bytes=self._bytes,
        )

    async def drafts(self, identity: Identity, session_id: UUID, limit: int, cursor: str | None) -> Page[Draft]:
        return await self._gateway.page(
            "list_drafts",
            reads_as(identity),
            _DRAFTS,
            session_id=session_id,
            limit=limit,
            cursor=cursor,
            bytes=self._bytes,
        )

    async def draft_heads(
        self, identity: Identity, session_id: UUID, limit: int, cursor: str | None
    ) -> Page[DraftHead]:
        """As `drafts`, without the text, which is not even read."""
        return await self._gateway.page(
            "list_drafts", reads_as(identity), _HEADS, session_id=session_id, limit=limit, cursor=cursor, content=False
        )

    async def draft(self, identity: Identity, session_id: UUID, version: int | None) -> Draft | None:
        """A version, or NotFound; without one the current draft, None before the first."""
        answer = await self._gateway.read("get_draft", reads_as(identity), session_id=session_id, version=version)
        return Draft.model_validate(answer) if answer else None

    async def steps(self, identity: Identity, session_id: UUID, limit: int, cursor: str | None) -> Page[Step]:
        return await self._gateway.page(
            "list_steps", reads_as(identity), _STEPS, session_id=session_id, limit=limit, cursor=cursor
        )

    async def events(self, identity: Identity, session_id: UUID, after_seq: int, limit: int) -> Page[Json]:
        answer = await self._gateway.read(
            "list_events",
            reads_as(identity),
            session_id=session_id,
            after_seq=after_seq,
            limit=limit,
            bytes=self._bytes,
        )
        return Page(answer["items"], answer["next_cursor"])

    async def events_after(self, wanted: dict[UUID, int]) -> dict[UUID, list[Json] | None]:
        """For the service: of each session the next events after a number; sessions without any are left out, and None
        stands for one that is gone."""
        positions = {str(session_id): seq for session_id, seq in wanted.items()}
        answer = await self._gateway.read("events_after", SERVICE, wanted=positions)
        return {UUID(session_id): events for session_id, events in answer.items()}

    async def story(self, identity: Identity, session_id: UUID) -> Story:
        """Raises Conflict before the first draft."""
        return Story.model_validate(await self._gateway.read("get_story", reads_as(identity), session_id=session_id))

    async def snapshot(self, identity: Identity, session_id: UUID) -> Json:
        """The `session.snapshot` frame as of one moment."""
        answer: Json = await self._gateway.read(
            "get_snapshot", reads_as(identity), session_id=session_id, bytes=self._bytes
        )
        return answer

    async def replay(self, identity: Identity, session_id: UUID, epoch: int, after_seq: int, limit: int) -> Replay:
        answer: dict[str, Any] = await self._gateway.read(
            "get_replay",
            reads_as(identity),
            session_id=session_id,
            epoch=epoch,
            after_seq=after_seq,
            limit=limit,
            bytes=self._bytes,
        )
        return Replay(
            answer["items"], answer["next_cursor"] is not None, answer["epoch"], answer["last_seq"], answer["same_past"]
        )


def _said(answer: Json) -> tuple[Message, list[Json]]:
    """A message, and its event where that has a number: the session's run may be yet to give it one."""
    event = answer["event"]
    return Message.model_validate(answer["message"]), [{**event, "message": answer["message"]}] if event else []
