"""REST /api/sessions: start, list, read, change and delete a writer's sessions, and take part in them."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.errors import responses
from api.live.protocol import Comment, GateStep, RequestId
from api.state import Caller, Host, Service, admitted
from api.strict import StrictRoute
from coordinator.errors import InvalidMessage
from coordinator.models import (
    Budget,
    Draft,
    DraftHead,
    Kind,
    Message,
    Name,
    Note,
    Prompt,
    Session,
    SessionDetail,
    ShortText,
    Status,
    Step,
    Story,
    StoryConfig,
    Title,
)
from coordinator.running.stories import Asked, WantedStory
from coordinator.store.gateway import Page
from coordinator.store.sessions import Search as SessionSearch

router = APIRouter(prefix="/api/sessions", tags=["sessions"], route_class=StrictRoute)
T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=100, description="items on a page")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before")]
Search = Annotated[ShortText | None, Query(description="a part of the title, the prompt or the text")]
Version = Annotated[int, Path(ge=1, le=2**31 - 1)]


def _of_a_header(value: Any) -> Any:
    """Servers read headers as Latin-1; what came is UTF-8, as everywhere else."""
    try:
        return value.encode("latin-1").decode() if isinstance(value, str) else value
    except UnicodeError:
        raise ValueError("it is not UTF-8: send the bytes of its characters in UTF-8, or use ASCII") from None


Key = Annotated[
    Annotated[RequestId, BeforeValidator(_of_a_header)] | None,
    Header(alias="Idempotency-Key", description="1 to 200 characters in UTF-8, the same as `request_id` of a frame"),
]


class Items(BaseModel, Generic[T]):
    """A page of a list; `next_cursor` is null on the last."""

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """As a program generated from the document would name it: `SessionPage`; of plain objects, the events."""
        (of,) = params
        return f"{of.__name__ if isinstance(of, type) and issubclass(of, BaseModel) else 'Event'}Page"

    items: list[T]
    next_cursor: str | None = None


class NewStory(BaseModel):
    """As the frame `story.start`; the `Idempotency-Key` header is its `request_id`."""

    model_config = ConfigDict(extra="forbid")

    prompt: Prompt = Field(description="what the story should be about")
    template: Name | None = Field(default=None, description="of /api/templates; otherwise short-story")
    title: Title | None = Field(default=None, description="otherwise the outline's")
    project_id: UUID | None = Field(default=None, description="of /api/v1/projects: what the story is to be a part of")
    config: StoryConfig = StoryConfig()
    asked_in: UUID | None = Field(default=None, description="the chat in which it was proposed, which is told of it")
    asked_call: ShortText | None = Field(default=None, description="the call there that proposed it")


class SessionChange(BaseModel):
    """What is given is changed."""

    model_config = ConfigDict(extra="forbid")

    # No default that a document would show: a title is never none.
    title: Title = Field(default_factory=str)
    budget: Budget | None = Field(default=None, description="in place of the one before; null for no limit")


class Steering(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Note = Field(description="a note for the steps to come")


class Reply(BaseModel):
    model_config = ConfigDict(extra="forbid")

    step: GateStep = Field(description="of `approval.requested`")
    approved: bool
    comment: Comment | None = Field(default=None, description="what should be different")


class Resumption(BaseModel):
    model_config = ConfigDict(extra="forbid")

    budget: Budget | None = Field(default=None, description="in place of the one before; otherwise that stays")


def page(found: Page[T]) -> Items[T]:
    return Items(items=found.items, next_cursor=found.next_cursor)


@router.post(
    "",
    status_code=201,
    responses={
        200: {"model": Session, "description": "The session that this key made before"},
        **responses("unauthorized", "forbidden", "not_found", "invalid_message", "too_large", "conflict"),
    },
)
async def start_story(
    story: NewStory, caller: Caller, service: Service, host: Host, response: Response, idempotency_key: Key = None
) -> Session:
    """Start a story. The same `Idempotency-Key` from the same writer answers the session that it made before (200)."""
    await admitted(service, caller, host, idempotency_key)
    asked = Asked(story.asked_in, story.asked_call) if story.asked_in else None
    wanted = WantedStory(
        story.prompt, story.template, story.title, story.config, idempotency_key, story.project_id, asked
    )
    session, new = await service.coordinator.create(caller, wanted)
    service.coordinator.begin(session)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/api/sessions/{session.id}"
    return session


@router.get("", responses=responses("unauthorized", "not_found", "invalid_message"))
async def list_sessions(
    caller: Caller,
    service: Service,
    status: Status | None = None,
    kind: Kind | None = None,
    q: Search = None,
    project_id: Annotated[UUID | None, Query(description="those of a project, all members' alike")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Items[Session]:
    """The caller's own sessions, or those of a project that they are a member of, newest activity first."""
    wanted = SessionSearch(status=status, kind=kind, q=q, project_id=project_id, limit=limit, cursor=cursor)
    return page(await service.manager.list_sessions(caller, wanted))


@router.get("/{session_id}", responses=responses("unauthorized", "not_found"))
async def get_session(session_id: UUID, caller: Caller, service: Service) -> SessionDetail:
    """A session: status, progress, counters, usage by agent, expiry."""
    return await service.manager.get_session(caller, session_id)


@router.patch(
    "/{session_id}", responses=responses("unauthorized", "not_found", "invalid_message", "too_large", "conflict")
)
async def change_session(session_id: UUID, wanted: SessionChange, caller: Caller, service: Service) -> Session:
    """Give the session, and its story, another `title`, or another `budget`, which its next step goes by."""
    given = wanted.model_fields_set
    session: Session = await service.manager.get_session(caller, session_id)
    if not given:
        raise InvalidMessage("Nothing to change: give a `title`, a `budget` or both.")
    if "budget" in given:
        session = await service.coordinator.set_budget(caller, session_id, wanted.budget)
    if "title" in given:
        session = await service.manager.steering.rename(caller, session_id, wanted.title)
    return session


@router.delete("/{session_id}", status_code=204, responses=responses("unauthorized", "not_found"))
async def delete_session(session_id: UUID, caller: Caller, service: Service) -> None:
    """Delete the session and all that hangs on it; a running story is stopped first."""
    await service.coordinator.delete(caller, session_id)


@router.post("/{session_id}/cancel", responses=responses("unauthorized", "not_found", "conflict"))
async def cancel_session(session_id: UUID, caller: Caller, service: Service) -> Session:
    """End the story where it is; the model is stopped at once, what is written stays."""
    return await service.coordinator.cancel(caller, session_id)


@router.post(
    "/{session_id}/resume",
    responses=responses("unauthorized", "not_found", "conflict", "budget_exceeded", "invalid_message", "too_large"),
)
async def resume_session(
    session_id: UUID, caller: Caller, service: Service, wanted: Resumption | None = None
) -> Session:
    """Go on with a story that is paused, failed or expired, from its last finished step. 402 where its budget is used
    up: give another."""
    return await service.coordinator.resume(caller, session_id, wanted.budget if wanted else None)


@router.post("/{session_id}/pause", responses=responses("unauthorized", "not_found", "conflict"))
async def pause_session(session_id: UUID, caller: Caller, service: Service) -> Session:
    """Pause a story: at once where nothing runs, otherwise when the step at hand is done, `pausing` until then."""
    return await service.coordinator.pause(caller, session_id)


@router.post(
    "/{session_id}/steer",
    status_code=202,
    responses=responses("unauthorized", "not_found", "conflict", "invalid_message", "too_large"),
)
async def steer_session(
    session_id: UUID, steering: Steering, caller: Caller, service: Service, idempotency_key: Key = None
) -> Message:
    """A note that the steps to come go by. It is kept; the message that it is answers. The same `Idempotency-Key` for
    the same session answers the message that it made before."""
    return await service.coordinator.steer(caller, session_id, steering.text, idempotency_key)


@router.post(
    "/{session_id}/approve",
    responses=responses("unauthorized", "not_found", "conflict", "invalid_message", "too_large"),
)
async def approve_step(session_id: UUID, reply: Reply, caller: Caller, service: Service) -> Session:
    """Answer `approval.requested`. What is not approved is written again, with the comment."""
    return await service.coordinator.approve(
        caller, session_id, reply.step, approved=reply.approved, comment=reply.comment
    )


@router.get("/{session_id}/story", responses=responses("unauthorized", "not_found", "conflict"))
async def get_story(session_id: UUID, caller: Caller, service: Service) -> Story:
    """The current text. Before the first draft: 409."""
    return await service.manager.record.story(caller, session_id)


@router.get("/{session_id}/messages", responses=responses("unauthorized", "not_found", "invalid_message"))
async def list_messages(
    session_id: UUID, caller: Caller, service: Service, limit: Limit = 20, cursor: Cursor = None
) -> Items[Message]:
    """What was said, oldest first."""
    return page(await service.manager.record.messages(caller, session_id, limit, cursor))


@router.get("/{session_id}/drafts", responses=responses("unauthorized", "not_found", "invalid_message"))
async def list_drafts(
    session_id: UUID,
    caller: Caller,
    service: Service,
    limit: Limit = 20,
    cursor: Cursor = None,
    content: Annotated[bool, Query(description="false leaves the text out")] = True,
) -> Items[Draft] | Items[DraftHead]:
    """All versions of the text, oldest first."""
    if content:
        found = await service.manager.record.drafts(caller, session_id, limit, cursor)
        return Items[Draft](items=found.items, next_cursor=found.next_cursor)
    heads = await service.manager.record.draft_heads(caller, session_id, limit, cursor)
    return Items[DraftHead](items=heads.items, next_cursor=heads.next_cursor)


@router.get("/{session_id}/drafts/{version}", responses=responses("unauthorized", "not_found"))
async def get_draft(session_id: UUID, version: Version, caller: Caller, service: Service) -> Draft:
    """One version of the text."""
    return await service.manager.record.draft(caller, session_id, version)


@router.get("/{session_id}/steps", responses=responses("unauthorized", "not_found", "invalid_message"))
async def list_steps(
    session_id: UUID, caller: Caller, service: Service, limit: Limit = 100, cursor: Cursor = None
) -> Items[Step]:
    """The steps begun so far, in order."""
    return page(await service.manager.record.steps(caller, session_id, limit, cursor))


@router.get("/{session_id}/events", responses=responses("unauthorized", "not_found", "invalid_message"))
async def list_events(
    session_id: UUID,
    caller: Caller,
    service: Service,
    after_seq: Annotated[int, Query(ge=0, le=2**31 - 1, description="the last event already seen")] = 0,
    limit: Limit = 100,
) -> Items[dict[str, Any]]:
    """What happened after an event, in order; `next_cursor` is the `after_seq` of the next page."""
    found = await service.manager.record.events(caller, session_id, after_seq, limit)
    for event in found.items:
        # How a row of joined deltas may be cut is of use to a replay alone.
        event.pop("parts", None)
    return page(found)
