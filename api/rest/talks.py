"""REST /api/v1/sessions: sessions of every kind as a list of talks, and what was said in them."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from api.errors import responses
from api.rest.chat import MESSAGE, SESSION
from api.rest.examples import answered, shown
from api.rest.sessions import Cursor, Limit, Search
from api.state import Caller, Service
from api.strict import StrictRoute
from coordinator.models import Kind, Message, Session, Title
from coordinator.store.talks import TalkHead, TalkSearch

router = APIRouter(prefix="/api/v1/sessions", tags=["talks"], route_class=StrictRoute)

Offset = Annotated[int | None, Query(ge=0, le=10_000, description="how many to pass over; a cursor goes further")]


HEAD: JsonDict = {
    "session_id": "2b6c1f3e-6d2f-4d0b-8a55-0c7f4f8f6b10",
    "title": "The light that answers",
    "kind": "chat",
    "status": "waiting",
    "template": "muse",
    "message_count": 2,
    "user_id": "0d7e3a52-2f0f-4a1e-9d9f-2f5b0c9d1e77",
    "created_at": "2026-11-29T12:00:00Z",
    "last_message_at": "2026-11-29T12:00:00Z",
    "project_id": None,
    "preview": "Who is the keeper, and what does she do when the light answers?",
}


class Talks(BaseModel):
    model_config = ConfigDict(json_schema_extra=shown({"sessions": [HEAD], "total": 1, "next_cursor": None}))

    sessions: list[TalkHead]
    total: int = Field(description="how many there are in all")
    next_cursor: str | None = None


class Said(BaseModel):
    model_config = ConfigDict(json_schema_extra=shown({"messages": [MESSAGE], "total": 2, "next_cursor": None}))

    messages: list[Message]
    total: int = Field(description="how many the branch has in all")
    next_cursor: str | None = None


class NewTitle(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=shown({"title": "The light that answers"}))

    title: Title


@router.get("", name="list_talks", responses=responses("unauthorized", "not_found", "invalid_message"))
async def list_talks(
    caller: Caller,
    service: Service,
    limit: Limit = 20,
    offset: Offset = None,
    cursor: Cursor = None,
    project_id: UUID | None = None,
    kind: Kind | None = None,
    q: Search = None,
) -> Talks:
    """One's own sessions, or those of a project, newest activity first."""
    wanted = TalkSearch(limit, offset or 0, cursor, project_id, kind, q)
    found = await service.manager.store.talks.search(caller, wanted)
    return Talks(sessions=found.sessions, total=found.total, next_cursor=found.next_cursor)


@router.get(
    "/{session_id}/messages", name="list_said", responses=responses("unauthorized", "not_found", "invalid_message")
)
async def list_said(
    session_id: UUID,
    caller: Caller,
    service: Service,
    limit: Limit = 50,
    offset: Offset = None,
    cursor: Cursor = None,
    branch: Annotated[Literal["shown", "all"], Query(description="`all`: every message that was ever said")] = "shown",
) -> Said:
    """What was said, oldest first: of the branch that is shown, the newest page without an offset or cursor."""
    manager = service.manager
    if branch == "all":
        page = await manager.record.messages(caller, session_id, limit, cursor)
        total = (await manager.get_session(caller, session_id)).message_count
        return Said(messages=page.items, total=total, next_cursor=page.next_cursor)
    first = int(cursor) if cursor is not None and cursor.isascii() and cursor.isdigit() else offset
    found = await manager.store.turns.branch(caller, session_id, limit, first)
    after = found.first + len(found.messages)
    return Said(messages=found.messages, total=found.total, next_cursor=str(after) if after < found.total else None)


@router.put(
    "/{session_id}/title",
    name="name_talk",
    responses={
        200: answered(SESSION),
        **responses("unauthorized", "forbidden", "not_found", "invalid_message", "too_large"),
    },
)
async def name_talk(session_id: UUID, body: NewTitle, caller: Caller, service: Service) -> Session:
    """Give a session a title: it keeps that."""
    return await service.manager.steering.rename(caller, session_id, body.title)


@router.delete(
    "/{session_id}", name="delete_talk", status_code=204, responses=responses("unauthorized", "forbidden", "not_found")
)
async def delete_talk(session_id: UUID, caller: Caller, service: Service) -> None:
    """The session and all that hangs on it, gone; an answer or story under way is stopped first."""
    await service.coordinator.delete(caller, session_id)
