"""Operations on what a talk is about: stories that its agent reads, and those that come of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter

from coordinator.models import SERVICE, Identity, Kind, Status
from coordinator.store.gateway import Gateway
from coordinator.store.sessions import Json


@dataclass(frozen=True, slots=True)
class TalkHead:
    """A session in a list: `preview` is how what was said last begins."""

    session_id: UUID
    title: str
    kind: Kind
    status: Status
    template: str
    message_count: int
    user_id: UUID
    created_at: datetime
    last_message_at: datetime
    project_id: UUID | None = None
    preview: str | None = None


@dataclass(frozen=True, slots=True)
class TalkPage:
    sessions: list[TalkHead]
    total: int
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class TalkSearch:
    """One's own sessions, or those of a project; from an offset, or after a cursor."""

    limit: int = 20
    offset: int = 0
    cursor: str | None = None
    project_id: UUID | None = None
    kind: Kind | None = None
    q: str | None = None


_PAGE: TypeAdapter[TalkPage] = TypeAdapter(TalkPage)


class TalkOperations:
    """`asker` is the person whose message is answered: nothing is shown that they may not read."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def search(self, identity: Identity, wanted: TalkSearch) -> TalkPage:
        """Newest activity first. Raises NotFound for who is no member of the project."""
        found: TalkPage = await self._gateway.read(
            "list_talks",
            identity,
            shape=_PAGE,
            user_id=identity.writer(),
            project_id=wanted.project_id,
            kind=wanted.kind,
            q=wanted.q,
            limit=wanted.limit,
            offset=wanted.offset,
            cursor=wanted.cursor,
        )
        return found

    async def look_up(self, session_id: UUID, asker: UUID, query: str) -> Json:
        """What the bible and the stories say of a name or a few words."""
        answer: Json = await self._gateway.read(
            "talk_look_up", SERVICE, session_id=session_id, asker=asker, query=query
        )
        return answer

    async def read_story(self, session_id: UUID, asker: UUID, story: str, start: int, length: int) -> Json:
        """`length` characters of a story, by its id or title. Raises NotFound, Conflict before its first version."""
        answer: Json = await self._gateway.read(
            "talk_read_story", SERVICE, session_id=session_id, asker=asker, story=story, start=start, length=length
        )
        return answer

    async def ask_story(self, session_id: UUID, owner: UUID, call_id: str | None, story: UUID) -> list[Json]:
        """That a story was begun from what the chat has proposed: the chat is told how it goes. Its events, where no
        run holds the chat."""
        answer: Json = await self._gateway.write(
            "ask_story", SERVICE, session_id=session_id, owner=owner, call=call_id, story=story
        )
        told: list[Json] = answer["events"]
        return told
