"""An answer of a chat as a stream: to whoever said something, and to whoever comes back for the one under way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.sse import EventSourceResponse, format_sse_event

from api.dialects import places
from api.dialects.places import Place, Telling
from api.errors import responses
from api.live.answers import HEADERS, Answer, Dialect
from api.state import Caller, Service, State, host_of
from api.strict import StrictRoute
from coordinator.errors import InvalidMessage, NotFound
from coordinator.models import Identity, Message, Turn
from coordinator.running.chats import Posted

router = APIRouter(tags=["chat"], route_class=StrictRoute)

STREAM: dict[str, Any] = {
    "description": "The answer as server-sent events, in the UI message stream protocol of the AI SDK.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


async def chat_named(service: State, caller: Identity, key: str) -> UUID:
    """The session with that id, or the one that a client made under that id of its own. Raises NotFound."""
    found = await service.manager.store.turns.find(caller, key)
    if found is None:
        raise NotFound("There is no such session.")
    return found


async def _chat(
    session_id: Annotated[
        str, Path(min_length=1, max_length=200, description="the session's id, or the key that it was begun with")
    ],
    caller: Caller,
    service: Service,
) -> UUID:
    return await chat_named(service, caller, session_id)


Chat = Annotated[UUID, Depends(_chat)]
"""Of a path, `session_id`."""


def wants_json(request: Request) -> bool:
    """Whether the whole answer is wanted at once: that has to be said."""
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/event-stream" not in accepted


@router.get(
    "/api/v1/chat/{session_id}/stream",
    responses={
        200: STREAM,
        204: {"description": "No answer is being written"},
        **responses("unauthorized", "not_found", "invalid_message", "rate_limited"),
    },
    response_class=Response,
)
async def stream_answer(
    session_id: Chat,
    caller: Caller,
    service: Service,
    request: Request,
    after: Annotated[str | None, Query(max_length=40, description="the `id` of the last line that was seen")] = None,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", description="the same")] = None,
) -> Response:
    """The answer under way, whichever node writes it: all of it from its beginning, and then live; or what follows a
    line that was seen."""
    seen = _seen(after, last_event_id)
    _, turn = await service.manager.store.turns.current(caller, session_id)
    if turn is None:
        return Response(status_code=204)
    return stream_turn(service, caller, session_id, turn, request, seen=seen)


def stream_turn(
    service: State,
    caller: Identity,
    session_id: UUID,
    turn: Turn,
    request: Request,
    *,
    answers: int | None = None,
    seen: Place | None = None,
) -> Response:
    """The answer of `turn`; or where `answers` is given, that to the message with this number, which may come after
    it."""
    # Late, for it brings the models' library: the start imports it beside the rest.
    from api.dialects import uistream

    message_id = str(turn.message_id) if answers is None else None
    translation = uistream.Translation(str(session_id), message_id, answers)
    dialect = Dialect(
        Telling(translation, turn.after_seq, seen),
        lambda chunk: chunk.encode(uistream.SDK_VERSION),
        lambda: translation.done,
        {uistream.HEADER: uistream.VERSION},
    )
    return Answer(service, caller, host_of(request), session_id, turn.after_seq, dialect)


async def stream_posted(service: State, caller: Identity, posted: Posted, request: Request) -> Response:
    """The answer to what was posted."""
    turn, said = posted.turn, posted.message
    if turn is None:
        # A request that came again, and was answered.
        return _whole(posted.session.id, await service.chats.answer(caller, posted))
    waits = said is not None and said.seq != turn.answers
    return stream_turn(service, caller, posted.session.id, turn, request, answers=said.seq if said and waits else None)


def _whole(session_id: UUID, message: Message) -> Response:
    """An answer that is there."""
    from api.dialects import uistream

    translation = uistream.Translation(str(session_id), str(message.id))
    chunks = [
        *translation.feed({"type": "agent.message", "message": message.model_dump(mode="json")}),
        *translation.feed({"type": "session.status", "status": "waiting"}),
    ]

    async def lines() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield format_sse_event(data_str=chunk.encode(uistream.SDK_VERSION))

    return EventSourceResponse(lines(), headers=HEADERS | {uistream.HEADER: uistream.VERSION})


def _seen(after: str | None, last_event_id: str | None) -> Place | None:
    if after is not None:
        if (place := places.parsed(after)) is None:
            raise InvalidMessage("`after`: it is the `id` of a line of the stream, as 3:41.")
        return place
    # A client sends what it has of whatever stream it read last.
    return places.parsed(last_event_id) if last_event_id is not None else None
