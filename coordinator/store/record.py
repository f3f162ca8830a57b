"""Readings of a session's record: messages, drafts, steps, events, the story, snapshot and replay. An admin's look at
another's is in the audit before it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from coordinator.models import SERVICE, Alternative, Draft, DraftHead, Identity, Message, Step, Story
from coordinator.store.gateway import Gateway, Page, Rows
from coordinator.store.inspection import noted
from coordinator.store.sessions import Json

_MESSAGES = Rows(Message)
_DRAFTS = Rows(Draft)
_HEADS = Rows(DraftHead)
_STEPS = Rows(Step)
_ALTERNATIVES = Rows(Alternative)
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Replay:
    """Stored events after a number, of a session of `user_id`'s. `same_past` is false where what was seen up to it is
    not what was kept."""

    items: list[Json]
    more: bool
    epoch: int
    last_seq: int
    same_past: bool
    user_id: UUID


class RecordOperations:
    def __init__(self, gateway: Gateway, page_bytes: int) -> None:
        """A page ends with the item that reaches `page_bytes`, however many more were asked for."""
        self._gateway = gateway
        self._bytes = page_bytes

    async def messages(self, identity: Identity, session_id: UUID, limit: int, cursor: str | None) -> Page[Message]:
        return await self._page("list_messages", _MESSAGES, identity, session_id, limit, cursor, bytes=self._bytes)

    async def drafts(self, identity: Identity, session_id: UUID, limit: int, cursor: str | None) -> Page[Draft]:
        return await self._page("list_drafts", _DRAFTS, identity, session_id, limit, cursor, bytes=self._bytes)

    async def draft_heads(
        self, identity: Identity, session_id: UUID, limit: int, cursor: str | None
    ) -> Page[DraftHead]:
        """As `drafts`, without the text, which is not even read."""
        return await self._page("list_drafts", _HEADS, identity, session_id, limit, cursor, content=False)

    async def steps(self, identity: Identity, session_id: UUID, limit: int, cursor: str | None) -> Page[Step]:
        return await self._page("list_steps", _STEPS, identity, session_id, limit, cursor)

    async def alternatives(
        self, identity: Identity, session_id: UUID, limit: int, cursor: str | None
    ) -> Page[Alternative]:
        return await self._page(
            "list_alternatives", _ALTERNATIVES, identity, session_id, limit, cursor, bytes=self._bytes
        )

    async def draft(self, identity: Identity, session_id: UUID, version: int) -> Draft:
        """A version. Raises NotFound where there is none."""
        return Draft.model_validate(await self._read("get_draft", identity, session_id, version=version))

    async def current_draft(self, identity: Identity, session_id: UUID) -> Draft | None:
        """None before the first."""
        answer = await self._read("get_draft", identity, session_id, version=None)
        return Draft.model_validate(answer) if answer else None

    async def events(self, identity: Identity, session_id: UUID, after_seq: int, limit: int) -> Page[Json]:
        answer = await self._read(
            "list_events", identity, session_id, after_seq=after_seq, limit=limit, bytes=self._bytes
        )
        return Page(answer["items"], answer["next_cursor"])

    async def events_after(self, wanted: dict[UUID, int]) -> dict[UUID, list[Json] | None]:
        """For the service: of each session the next events after a number; sessions without any are left out, and None
        stands for one that is gone."""
        positions = {str(session_id): seq for session_id, seq in wanted.items()}
        answer = await self._gateway.read("events_after", SERVICE, wanted=positions)
        return {UUID(session_id): events for session_id, events in answer.items()}

    async def story(self, identity: Identity, session_id: UUID) -> Story:
        """The current text. Raises Conflict before the first draft."""
        return Story.model_validate(await self._read("get_story", identity, session_id))

    async def snapshot(self, identity: Identity, session_id: UUID) -> Json:
        """The `session.snapshot` frame as of one moment."""
        answer: Json = await self._read("get_snapshot", identity, session_id, bytes=self._bytes)
        return answer

    async def replay(self, identity: Identity, session_id: UUID, epoch: int, after_seq: int, limit: int) -> Replay:
        answer: Json = await self._read(
            "get_replay", identity, session_id, epoch=epoch, after_seq=after_seq, limit=limit, bytes=self._bytes
        )
        return Replay(
            answer["items"],
            answer["next_cursor"] is not None,
            answer["epoch"],
            answer["last_seq"],
            answer["same_past"],
            UUID(answer["user_id"]),
        )

    async def ledger_work(self, identity: Identity, session_id: UUID) -> tuple[Json, list[str]]:
        """What a session has done, as `get_work` answers it, and the ids of the findings that its writer settled."""
        answer: Json = await self._read("get_ledger", identity, session_id)
        return answer, answer["settled"]

    async def settled(self, session_id: UUID) -> list[str]:
        """For the session's run: the ids of the findings that its writer has said to leave."""
        found: list[str] = await self._gateway.read("settled_findings", SERVICE, session_id=session_id)
        return found

    async def inspect(self, admin: Identity, session_id: UUID) -> Json:
        """One session whole, with the first page of each of its lists. NotFound for anybody but an admin."""
        answer: Json = await self._read("inspect_session", admin, session_id)
        return answer

    async def _read(self, function: str, identity: Identity, session_id: UUID, **args: Any) -> Any:
        reader = await noted(self._gateway, identity, session_id)
        return await self._gateway.read(function, reader, session_id=session_id, **args)

    async def _page(
        self,
        function: str,
        rows: Rows[Item],
        identity: Identity,
        session_id: UUID,
        limit: int,
        cursor: str | None,
        **args: Any,
    ) -> Page[Item]:
        reader = await noted(self._gateway, identity, session_id)
        return await self._gateway.page(
            function, reader, rows, session_id=session_id, limit=limit, cursor=cursor, **args
        )
