"""Operations for admins: what they do to anybody's session with its row in the audit, statistics, nodes and queue."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from coordinator.admins import reads_as
from coordinator.models import SERVICE, Identity, Status, Usage
from coordinator.store.gateway import Gateway, Page, Rows
from coordinator.store.sessions import Changed, Json, changed

Action = Literal["inspect", "cancel", "expire", "delete"]
Ending = Literal["cancelled", "expired"]
"""What an admin ends a session as: for good, or so that its writer may resume it."""


class AuditEntry(BaseModel):
    """What an admin did to somebody's session. It outlives the session, its owner and the admin."""

    id: UUID
    at: datetime
    admin_id: UUID
    action: Action
    session_id: UUID
    user_id: UUID = Field(description="the session's owner")
    reason: str | None = None
    details: dict[str, Any] = Field(description="what the session was then: `status`, `epoch`, `node`")


class Active(BaseModel):
    running: int = Field(description="stories that a living node writes")
    waiting: int = Field(description="stories that wait for their turn")


class Day(BaseModel):
    day: date = Field(description="in UTC")
    started: int
    completed: int


class Means(BaseModel):
    """Of the stories completed in these days; null where there is none."""

    messages: float | None
    words: float | None
    minutes: float | None = Field(description="from start to end, pauses and gates included")


class Stats(BaseModel):
    days: int
    since: datetime = Field(description="the start of the first of these days")
    totals: dict[Status, int] = Field(description="all sessions there are, by status; one without any is left out")
    active: Active
    per_day: list[Day]
    means: Means
    by_model: dict[str, Usage] = Field(description="used by the sessions started in these days")
    by_agent: dict[str, Usage] = Field(description="the same, by agent")
    failures: dict[str, int] = Field(
        description="sessions that failed in these days and still are, by the error's code"
    )


class Node(BaseModel):
    id: str
    version: str | None = None
    address: str | None = Field(default=None, description="what it listens on, as its own settings say")
    started_at: datetime
    seen_at: datetime
    alive: bool = Field(description="seen within STORYLOOM_NODE_DEAD_S")
    running: int = Field(description="stories that it holds")
    places: int | None = Field(default=None, description="stories that it may hold")


class Waiting(BaseModel):
    session_id: UUID
    user_id: UUID
    title: str
    place: int
    since: datetime


class Nodes(BaseModel):
    nodes: list[Node] = Field(description="the living ones first")
    waiting: int = Field(description="stories in the queue")
    queue: list[Waiting] = Field(description="the first 100 of them, in their turn")


_AUDIT = Rows(AuditEntry)


class AdminOperations:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def end(self, session_id: UUID, admin: UUID, *, to: Ending, reason: str) -> Changed:
        """Fences the session's run. Raises Conflict where the session has ended otherwise, NotFound."""
        answer = await self._gateway.write(
            "end_as_admin", SERVICE, session_id=session_id, admin=admin, to=to, reason=reason
        )
        return changed(answer)

    async def delete(self, session_id: UUID, admin: UUID) -> None:
        await self._gateway.write("delete_as_admin", SERVICE, session_id=session_id, admin=admin)

    async def audit(
        self,
        admin: Identity,
        *,
        session_id: UUID | None = None,
        admin_id: UUID | None = None,
        user_id: UUID | None = None,
        action: Action | None = None,
        since: datetime | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> Page[AuditEntry]:
        """Newest first; empty for anybody but an admin."""
        return await self._gateway.page(
            "list_audit",
            reads_as(admin),
            _AUDIT,
            session_id=session_id,
            admin_id=admin_id,
            user_id=user_id,
            action=action,
            since=since.isoformat() if since else None,
            limit=limit,
            cursor=cursor,
        )

    async def audit_of(self, owner: UUID) -> list[Json]:
        """What admins did to the owner's sessions, oldest first, as the owner may see it: not which admin."""
        found: list[Json] = await self._gateway.read("audit_of", SERVICE, owner=owner)
        return found

    async def stats(self, days: int, dead_s: float) -> Stats:
        return Stats.model_validate(await self._gateway.read("service_stats", SERVICE, days=days, dead_s=dead_s))

    async def nodes(self, dead_s: float) -> Nodes:
        return Nodes.model_validate(await self._gateway.read("list_nodes", SERVICE, dead_s=dead_s))
