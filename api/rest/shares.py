"""REST: a writer's links to a story, and the story as whoever has such a link reads it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.errors import responses
from api.guards.requests import PRIVATE
from api.rest.sessions import Items
from api.state import Caller, Service
from api.strict import StrictRoute
from coordinator.people.shares import DEFAULT_TTL_S, MOST_TTL_S
from coordinator.store.shares import Share, SharedStory

router = APIRouter(tags=["shares"], route_class=StrictRoute)


class NewShare(BaseModel):
    model_config = ConfigDict(extra="forbid")

    expires_in_s: int = Field(
        default=DEFAULT_TTL_S, ge=60, le=MOST_TTL_S, description="in seconds; 30 days, 365 at most"
    )


class MadeShare(Share):
    """The one answer that has the link."""

    token: str = Field(description="shown this once")
    url: str = Field(description="the page that shows the story")


@router.post(
    "/api/sessions/{session_id}/shares",
    status_code=201,
    responses=responses("unauthorized", "not_found", "invalid_message", "too_large", "conflict"),
)
async def create_share(
    session_id: UUID,
    caller: Caller,
    service: Service,
    request: Request,
    response: Response,
    wanted: NewShare | None = None,
) -> MadeShare:
    """Make a link that shows the story, as it is when it is read, to whoever has it."""
    made, token = await service.shares.create(caller, session_id, (wanted or NewShare()).expires_in_s)
    response.headers.update(PRIVATE)
    return MadeShare(**made.model_dump(), token=token, url=f"{str(request.base_url).rstrip('/')}/shared/{token}")


@router.get("/api/sessions/{session_id}/shares", responses=responses("unauthorized", "not_found"))
async def list_shares(session_id: UUID, caller: Caller, service: Service) -> Items[Share]:
    """The links to the story, newest first, those that are over too. All in one page."""
    return Items(items=await service.shares.of(caller, session_id))


@router.delete(
    "/api/sessions/{session_id}/shares/{share_id}", status_code=204, responses=responses("unauthorized", "not_found")
)
async def revoke_share(session_id: UUID, share_id: UUID, caller: Caller, service: Service) -> None:
    """Have the link show nothing from now on."""
    await service.shares.revoke(caller, session_id, share_id)


@router.get("/api/shared/{token}", responses=responses("not_found", "rate_limited"))
async def read_share(token: Annotated[str, Path(max_length=200)], service: Service) -> SharedStory:
    """The story behind a link: for anybody, without signing in. Unknown, expired, revoked and deleted are all 404."""
    return await service.shares.read(token)
