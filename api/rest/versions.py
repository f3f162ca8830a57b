"""REST: more than one run at a text. Forks, a writer's own edits, alternatives, differences, estimates."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from api.errors import responses
from api.live.protocol import GateStep
from api.rest.sessions import Cursor, Items, Key, Limit, Version, page
from api.state import Caller, Host, Service, admitted
from api.strict import StrictRoute
from coordinator.llm.models import OFFLINE
from coordinator.llm.prices import price_of
from coordinator.models import Alternative, Draft, Name, Note, Session, ShortText, StoryConfig, Title
from coordinator.running.alternatives import Alternatives, Rewrite
from coordinator.running.estimate import Estimate, estimate
from coordinator.running.stories import DEFAULT_TEMPLATE, MOST_BYTES
from coordinator.story.difference import Difference, compare
from coordinator.story.fork import WantedFork
from coordinator.story.passage import Place

router = APIRouter(prefix="/api/sessions", tags=["versions"], route_class=StrictRoute)
T = TypeVar("T")

DRAFTS = r"/api/sessions/[^/]+/drafts"
BODY_BYTES = 3 * MOST_BYTES
"""As JSON, where each letter that is not of English may be written as six."""
CLIENT_LEFT = 499
Position = Annotated[int, Field(ge=0, le=MOST_BYTES)]


class NewFork(BaseModel):
    """Where neither a version nor a step is named, all that is done is shared."""

    model_config = ConfigDict(extra="forbid")

    from_version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    from_step: GateStep | None = Field(
        default=None, description="a finished step of the session, the last that is shared"
    )
    config: StoryConfig | None = Field(default=None, description="what is to change; the rest stays as it is")
    title: Title | None = None
    start: bool = Field(default=True, description="false leaves it paused")


class NewDraft(BaseModel):
    model_config = ConfigDict(extra="forbid")

    content: str = Field(description=f"Markdown, up to {MOST_BYTES:,} bytes")
    base_version: Annotated[int, Field(ge=1, le=2**31 - 1)] = Field(description="the version that it was made from")


class NewAlternatives(BaseModel):
    """A passage by `start` and `end`, counted in characters (code points) from 0, or a whole `section`."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=1, le=2**31 - 1)] = Field(description="the current version")
    start: Position | None = Field(
        default=None, description="in characters (Unicode code points, not UTF-16 units) from 0"
    )
    end: Position | None = Field(default=None, description="in the same: the character there is none of the passage")
    section: Annotated[int, Field(ge=1, le=10_000)] | None = None
    instruction: Note = Field(description="what is to be different")
    alternatives: int = Field(default=2, ge=1, le=4)


class Written(BaseModel):
    items: list[Alternative]


# Before the paths with a session's id, of which it would be one.
@router.get("/estimate", responses=responses("unauthorized", "invalid_message"))
async def estimate_story(
    caller: Caller,
    service: Service,
    pages: Annotated[int, Query(ge=1, le=100)] = 3,
    template: Annotated[Name | None, Query()] = None,
    model: Annotated[ShortText | None, Query()] = None,
    max_revisions: Annotated[int, Query(ge=0, le=5)] = 2,
    prompt_words: Annotated[int, Query(ge=1, le=20_000, description="length of the prompt")] = 50,
) -> Estimate:
    """What a story will take in steps, tokens and money, before it is started."""
    config = StoryConfig(pages=pages, max_revisions=max_revisions)
    chosen = service.library.get(template or DEFAULT_TEMPLATE)
    name = await service.coordinator.model_for(caller, model)
    price = await asyncio.to_thread(price_of, name) if name != OFFLINE else None
    likely = await asyncio.to_thread(estimate, chosen, config, name, price, prompt_words)
    seconds = service.coordinator.models.seconds(name, likely.tokens_in, likely.tokens_out)
    return likely.model_copy(update={"seconds": None if seconds is None else round(seconds, 1)})


@router.post(
    "/{session_id}/fork",
    status_code=201,
    responses={
        200: {"model": Session, "description": "The session that this key made before"},
        **responses("unauthorized", "not_found", "invalid_message", "conflict", "too_large"),
    },
)
async def fork_session(
    session_id: UUID,
    wanted: NewFork,
    caller: Caller,
    service: Service,
    host: Host,
    response: Response,
    idempotency_key: Key = None,
) -> Session:
    """A new session that shares the past of this one, up to a step or a version, and goes its own way. This one is not
    changed. The same `Idempotency-Key` from the same writer answers the session that it made before (200)."""
    await admitted(service, caller, host, idempotency_key)
    changes = wanted.config.model_dump(exclude_unset=True) if wanted.config else {}
    fork = WantedFork(wanted.from_step, wanted.from_version, changes, wanted.title, wanted.start, idempotency_key)
    session, new = await service.coordinator.fork(caller, session_id, fork)
    service.coordinator.begin(session)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/api/sessions/{session.id}"
    return session


@router.put(
    "/{session_id}/drafts",
    responses=responses("unauthorized", "not_found", "invalid_message", "conflict", "too_large"),
)
async def edit_draft(session_id: UUID, draft: NewDraft, caller: Caller, service: Service) -> Draft:
    """The writer's own text as the next version, made from `base_version`: 409 where that is not the current one any
    more, or the story is being written. A story that goes on goes on with it."""
    return await service.coordinator.edit(caller, session_id, draft.content, draft.base_version)


@router.get(
    "/{session_id}/drafts/{a}/diff/{b}",
    response_model=Difference,
    responses=responses("unauthorized", "not_found", "too_large", "unavailable"),
)
async def compare_drafts(session_id: UUID, a: Version, b: Version, caller: Caller, service: Service) -> Response:
    """What is different between two versions, by paragraph, and by word within a paragraph that was changed."""
    old, new = [(await service.manager.record.draft(caller, session_id, version)).content for version in (a, b)]
    told = await service.workers.run(caller.user_id, len(old) + len(new), compare, a, b, old, new)
    return Response(told, media_type="application/json")


@router.post(
    "/{session_id}/rewrite",
    status_code=201,
    responses=responses(
        "unauthorized", "not_found", "invalid_message", "conflict", "budget_exceeded", "too_large", "unavailable"
    ),
)
async def rewrite_passage(
    session_id: UUID, wanted: NewAlternatives, caller: Caller, service: Service, host: Host, request: Request
) -> Written:
    """Have a passage of the current version written anew, one to four times at once. They are kept, and none is taken
    before it is accepted. Leaving the call ends it."""
    await service.rates.rewrite(caller, host)
    place = Place(wanted.start, wanted.end, wanted.section)
    rewrite = Rewrite(wanted.version, place, wanted.instruction, wanted.alternatives)
    written = await _while_here(request, _alternatives(service).write(caller, session_id, rewrite))
    return Written(items=written)


@router.get("/{session_id}/alternatives", responses=responses("unauthorized", "not_found", "invalid_message"))
async def list_alternatives(
    session_id: UUID, caller: Caller, service: Service, limit: Limit = 20, cursor: Cursor = None
) -> Items[Alternative]:
    """All alternatives that were written for passages of this text, oldest first."""
    return page(await service.manager.record.alternatives(caller, session_id, limit, cursor))


@router.post(
    "/{session_id}/alternatives/{alternative_id}/accept",
    responses=responses("unauthorized", "not_found", "conflict", "too_large"),
)
async def accept_alternative(session_id: UUID, alternative_id: UUID, caller: Caller, service: Service) -> Draft:
    """Put an alternative into the text, as its next version: 409 where the text has changed since it was written."""
    return await _alternatives(service).accept(caller, session_id, alternative_id)


def _alternatives(service: Service) -> Alternatives:
    return Alternatives(service.manager, service.library, service.models, service.vault, service.workers)


async def _while_here(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What the work gives, as long as the client waits for it; cancelled when the client goes away."""
    working, leaving = asyncio.create_task(work), asyncio.create_task(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)
    if working.cancelled():
        # Nobody reads it.
        raise HTTPException(CLIENT_LEFT, "The client went away")
    return working.result()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
