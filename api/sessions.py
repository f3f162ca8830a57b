"""REST /api/sessions: start, list, read, rename, delete, cancel and resume a writer's sessions."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.errors import responses
from api.state import Caller, Service
from coordinator.models import (
    Draft,
    Kind,
    Message,
    Prompt,
    Session,
    SessionDetail,
    Status,
    Step,
    Story,
    StoryConfig,
    Title,
)
from coordinator.store.sessions import Page

router = APIRouter(prefix="/api/sessions", tags=["sessions"])
T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=100, description="items on a page")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before")]
Search = Annotated[
    str | None, Query(min_length=1, max_length=200, description="a part of the title, the prompt or the text")
]
Version = Annotated[int, Path(ge=1, le=2**31 - 1)]


class Items(BaseModel, Generic[T]):
    """A page of a list; `next_cursor` is null on the last."""

    items: list[T]
    next_cursor: str | None = None


class NewStory(BaseModel):
    """As the frame `story.start`; the `Idempotency-Key` header is its `request_id`."""

    model_config = ConfigDict(extra="forbid")

    prompt: Prompt = Field(description="what the story should be about")
    template: str | None = Field(default=None, max_length=40, description="of /api/templates; otherwise short-story")
    title: Title | None = Field(default=None, description="otherwise the outline's")
    project_id: UUID | None = None
    config: StoryConfig = StoryConfig()


class NewTitle(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Title


def page(found: Page[T]) -> Items[T]:
    return Items(items=found.items, next_cursor=found.next_cursor)


@router.post(
    "", status_code=201,
    responses={
        200: {"model": Session, "description": "The session that this key made before"},
        **responses("unauthorized", "invalid_message", "too_large", "conflict"),
    },
)  # fmt: skip
async def start(
    story: NewStory, caller: Caller, service: Service, response: Response,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> Session:  # fmt: skip
    """Start a story. The same `Idempotency-Key` from the same writer answers the session that it made before (200)."""
    await service.rates.start(caller, idempotency_key)
    session, new = await service.coordinator.create(
        caller, story.prompt, template=story.template, title=story.title, config=story.config,
        request_id=idempotency_key,
    )  # fmt: skip
    service.coordinator.begin(session)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/api/sessions/{session.id}"
    return session


@router.get("", responses=responses("unauthorized", "invalid_message"))
async def own_sessions(
    caller: Caller, service: Service, status: Status | None = None, kind: Kind | None = None, q: Search = None,
    limit: Limit = 20, cursor: Cursor = None,
) -> Items[Session]:  # fmt: skip
    """The caller's own sessions, newest activity first."""
    return page(await service.manager.list_sessions(caller, status=status, kind=kind, q=q, limit=limit, cursor=cursor))


@router.get("/{session_id}", responses=responses("unauthorized", "not_found"))
async def one(session_id: UUID, caller: Caller, service: Service) -> SessionDetail:
    """A session: status, progress, counters, usage by agent, expiry."""
    return await service.manager.get_session(caller, session_id)


@router.patch("/{session_id}", responses=responses("unauthorized", "not_found", "invalid_message", "too_large"))
async def rename(session_id: UUID, change: NewTitle, caller: Caller, service: Service) -> Session:
    """Give the session, and its story, another title."""
    return await service.manager.rename_session(caller, session_id, change.title)


@router.delete("/{session_id}", status_code=204, responses=responses("unauthorized", "not_found"))
async def delete(session_id: UUID, caller: Caller, service: Service) -> None:
    """Delete the session and all that hangs on it; a running story is stopped first."""
    await service.coordinator.delete(caller, session_id)


@router.post("/{session_id}/cancel", responses=responses("unauthorized", "not_found", "conflict"))
async def cancel(session_id: UUID, caller: Caller, service: Service) -> Session:
    """End the story where it is; the model is stopped at once, what is written stays."""
    return await service.coordinator.cancel(caller, session_id)


@router.post("/{session_id}/resume", responses=responses("unauthorized", "not_found", "conflict"))
async def resume(session_id: UUID, caller: Caller, service: Service) -> Session:
    """Go on with a story that failed or expired, from its last finished step."""
    return await service.coordinator.resume(caller, session_id)


@router.get("/{session_id}/story", responses=responses("unauthorized", "not_found", "conflict"))
async def story(session_id: UUID, caller: Caller, service: Service) -> Story:
    """The current text. Before the first draft: 409."""
    return await service.manager.get_story(caller, session_id)


@router.get("/{session_id}/messages", responses=responses("unauthorized", "not_found", "invalid_message"))
async def messages(
    session_id: UUID, caller: Caller, service: Service, limit: Limit = 20, cursor: Cursor = None
) -> Items[Message]:
    """What was said, oldest first."""
    return page(await service.manager.list_messages(caller, session_id, limit, cursor))


@router.get("/{session_id}/drafts", responses=responses("unauthorized", "not_found", "invalid_message"))
async def drafts(
    session_id: UUID, caller: Caller, service: Service, limit: Limit = 20, cursor: Cursor = None
) -> Items[Draft]:
    """All versions of the text, oldest first."""
    return page(await service.manager.list_drafts(caller, session_id, limit, cursor))


@router.get("/{session_id}/drafts/{version}", responses=responses("unauthorized", "not_found"))
async def draft(session_id: UUID, version: Version, caller: Caller, service: Service) -> Draft:
    """One version of the text."""
    return await service.manager.get_draft(caller, session_id, version)


@router.get("/{session_id}/steps", responses=responses("unauthorized", "not_found", "invalid_message"))
async def steps(
    session_id: UUID, caller: Caller, service: Service, limit: Limit = 100, cursor: Cursor = None
) -> Items[Step]:
    """The steps begun so far, in order."""
    return page(await service.manager.list_steps(caller, session_id, limit, cursor))


@router.get("/{session_id}/events", responses=responses("unauthorized", "not_found", "invalid_message"))
async def events(
    session_id: UUID, caller: Caller, service: Service,
    after_seq: Annotated[int, Query(ge=0, le=2**31 - 1, description="the last event already seen")] = 0,
    limit: Limit = 100,
) -> Items[dict[str, Any]]:  # fmt: skip
    """What happened after an event, in order; `next_cursor` is the `after_seq` of the next page."""
    found = await service.manager.list_events(caller, session_id, after_seq, limit)
    for event in found.items:
        # How a row of joined deltas may be cut is of use to a replay alone.
        event.pop("parts", None)
    return page(found)
