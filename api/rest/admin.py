"""REST /api/admin: every session, for admins."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.errors import responses
from api.rest.sessions import Cursor, Items, Limit, Search, page
from api.state import Admin, Service
from api.strict import StrictRoute
from coordinator.models import Draft, Kind, Message, Name, Session, SessionDetail, Status, Step, Storable, Usage
from coordinator.store.admin import Action, AuditEntry, Nodes, Stats
from coordinator.store.sessions import Search as SessionSearch

router = APIRouter(prefix="/api/admin", tags=["admin"], route_class=StrictRoute)

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), Storable]


class InspectedSession(SessionDetail):
    prompt: str


class Ending(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Reason = Field(description="why; the session's writer reads it, and it is kept in the audit")


class TotalUsage(Usage):
    by_agent: dict[str, Usage]


class Inspection(BaseModel):
    """A session whole; of its lists the first page, whose `next_cursor` goes on with the session's own lists."""

    session: InspectedSession
    node: str | None = Field(default=None, description="who runs it, or ran it last where that node died")
    waiting_since: datetime | None = Field(default=None, description="where it waits for its turn")
    steps: list[Step] = Field(description="all of them, in order")
    messages: Items[Message]
    drafts: Items[Draft]
    events: Items[dict[str, Any]]
    usage: TotalUsage


@router.get("/sessions", responses=responses("unauthorized", "forbidden", "invalid_message"))
async def list_every_session(
    admin: Admin,
    service: Service,
    status: Status | None = None,
    kind: Kind | None = None,
    user_id: UUID | None = None,
    template: Annotated[Name | None, Query()] = None,
    since: Annotated[datetime | None, Query(description="created at or after")] = None,
    q: Search = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Items[Session]:
    """Sessions of all users, newest activity first."""
    wanted = SessionSearch(
        owner=user_id,
        status=status,
        kind=kind,
        template=template,
        since=since.isoformat() if since else None,
        q=q,
        limit=limit,
        cursor=cursor,
    )
    return page(await service.manager.list_sessions(admin, wanted, everybody=True))


@router.get("/sessions/{session_id}", responses=responses("unauthorized", "forbidden", "not_found"))
async def inspect_session(session_id: UUID, admin: Admin, service: Service) -> Inspection:
    """One session whole: steps, messages, drafts, events, usage, node. Somebody else's is an entry in the audit."""
    found = await service.manager.record.inspect(admin, session_id)
    for event in found["events"]["items"]:
        event.pop("parts", None)
    return Inspection.model_validate(found)


@router.post(
    "/sessions/{session_id}/cancel",
    responses=responses("unauthorized", "forbidden", "not_found", "invalid_message", "conflict", "too_large"),
)
async def cancel_any_session(session_id: UUID, ending: Ending, admin: Admin, service: Service) -> Session:
    """End anybody's session for good, its run stopped at once wherever it is; what is written stays."""
    return await service.administration.end(admin, session_id, "cancelled", ending.reason)


@router.post(
    "/sessions/{session_id}/expire",
    responses=responses("unauthorized", "forbidden", "not_found", "invalid_message", "conflict", "too_large"),
)
async def expire_any_session(session_id: UUID, ending: Ending, admin: Admin, service: Service) -> Session:
    """End anybody's session as if its time were over, its run stopped at once; its writer may resume it."""
    return await service.administration.end(admin, session_id, "expired", ending.reason)


@router.get("/stats", responses=responses("unauthorized", "forbidden", "invalid_message"))
async def get_stats(
    admin: Admin,
    service: Service,
    days: Annotated[int, Query(ge=1, le=365, description="days in UTC, today included")] = 30,
) -> Stats:
    """Sessions now by status; of the last days what was started, completed, used and failed."""
    return await service.administration.stats(days)


@router.get("/nodes", responses=responses("unauthorized", "forbidden"))
async def list_nodes(admin: Admin, service: Service) -> Nodes:
    """The nodes, and the stories that wait for their turn."""
    return await service.administration.nodes()


@router.get("/audit", responses=responses("unauthorized", "forbidden", "invalid_message"))
async def list_audit(
    admin: Admin,
    service: Service,
    session_id: UUID | None = None,
    admin_id: UUID | None = None,
    user_id: Annotated[UUID | None, Query(description="the sessions' owner")] = None,
    action: Action | None = None,
    since: Annotated[datetime | None, Query(description="at or after")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Items[AuditEntry]:
    """What admins did to sessions of others, newest first."""
    return page(
        await service.administration.audit(
            admin,
            session_id=session_id,
            admin_id=admin_id,
            user_id=user_id,
            action=action,
            since=since,
            limit=limit,
            cursor=cursor,
        )
    )
