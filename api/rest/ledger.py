"""REST /api/sessions/{id}/ledger: what a story says, what of it can't all be true, and the writer's word on that."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from api.errors import responses
from api.live.protocol import Comment
from api.state import Caller, Service
from api.strict import StrictRoute
from coordinator.models import Message
from coordinator.running.ledgers import Ledgers
from coordinator.story.continuity import LedgerReport

router = APIRouter(prefix="/api/sessions", tags=["ledger"], route_class=StrictRoute)
FindingId = Annotated[str, Path(pattern=r"^[a-z]{3,12}-[0-9a-f]{10}$", description="the `id` of a finding")]


class Settling(BaseModel):
    model_config = ConfigDict(extra="forbid")

    comment: Comment | None = Field(default=None, description="why it is to stay as it is")


@router.get(
    "/{session_id}/ledger", responses=responses("unauthorized", "not_found", "conflict", "too_large", "unavailable")
)
async def get_ledger(session_id: UUID, caller: Caller, service: Service) -> LedgerReport:
    """Every fact of the story with its quote, what contradicts itself in it with both quotes, open and settled, and how
    many were open in each version. What is open in a finished story is what remains."""
    return await _ledgers(service).report(caller, session_id)


@router.post(
    "/{session_id}/ledger/{finding_id}/settle",
    responses=responses("unauthorized", "not_found", "conflict", "invalid_message", "too_large", "unavailable"),
)
async def settle_finding(
    session_id: UUID, finding_id: FindingId, caller: Caller, service: Service, settling: Settling | None = None
) -> Message:
    """Say that a finding is to stay as it is: no revision is asked to mend it, and it counts as settled. Answers the
    message that keeps this; again answers the same one."""
    return await _ledgers(service).settle(caller, session_id, finding_id, settling.comment if settling else None)


def _ledgers(service: Service) -> Ledgers:
    return Ledgers(service.manager, service.library, service.workers)
