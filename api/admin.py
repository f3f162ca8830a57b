"""REST /api/admin: every session, for admins."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.errors import responses
from api.sessions import Cursor, Items, Limit, Search, page
from api.state import Admin, Service
from coordinator.models import Draft, Kind, Message, Session, SessionDetail, Status, Step, Usage

router = APIRouter(prefix="/api/admin", tags=["admin"])


class InspectedSession(SessionDetail):
    prompt: str


class TotalUsage(Usage):
    by_agent: dict[str, Usage]


class Inspection(BaseModel):
    """A session whole; of its lists the first page, whose `next_cursor` goes on with the session's own lists."""

    session: InspectedSession
    node: str | None = None
    steps: list[Step]
    messages: Items[Message]
    drafts: Items[Draft]
    events: Items[dict[str, Any]]
    usage: TotalUsage


@router.get("/sessions", responses=responses("unauthorized", "forbidden", "invalid_message"))
async def every_session(
    admin: Admin, service: Service, status: Status | None = None, kind: Kind | None = None, user_id: UUID | None = None,
    template: Annotated[str | None, Query(max_length=40)] = None,
    since: Annotated[datetime | None, Query(description="created at or after")] = None,
    q: Search = None, limit: Limit = 20, cursor: Cursor = None,
) -> Items[Session]:  # fmt: skip
    """Sessions of all users, newest activity first."""
    return page(
        await service.manager.list_sessions(
            admin, everybody=True, owner=user_id, status=status, kind=kind, template=template,
            since=since.isoformat() if since else None, q=q, limit=limit, cursor=cursor,
        )
    )  # fmt: skip


@router.get("/sessions/{session_id}", responses=responses("unauthorized", "forbidden", "not_found"))
async def inspect(session_id: UUID, admin: Admin, service: Service) -> Inspection:
    """One session whole: steps, messages, drafts, events, usage, node."""
    found = await service.manager.inspect_session(admin, session_id)
    for event in found["events"]["items"]:
        event.pop("parts", None)
    return Inspection.model_validate(found)
