"""REST: talk with an agent, stop it, have it answer anew, go another way. Answers are streamed, or told whole."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag
from pydantic.config import JsonDict

from api.dialects.uichat import speaks
from api.errors import responses
from api.rest import chat_sdk
from api.rest.chat_sdk import UiChat
from api.rest.chat_stream import STREAM, Chat, stream_posted, wants_json
from api.rest.examples import answered, asked, shown
from api.rest.sessions import Key
from api.state import Caller, Host, Service
from api.strict import StrictRoute
from coordinator.models import Message, Name, Prompt, Session, ShortText, Usage
from coordinator.running.chats import Posted, Sending

router = APIRouter(tags=["chat"], route_class=StrictRoute)
ADDRESS = "/api/v1/chat"
BODY_BYTES = 4_194_304
"""Of a message with the whole history that its client has."""
ERRORS = responses(
    "unauthorized", "forbidden", "not_found", "invalid_message", "too_large", "conflict", "expired", "unavailable"
)
Seq = Annotated[int, Field(ge=0, le=2**31 - 1)]


MESSAGE: JsonDict = {
    "id": "6f1c1c0e-6a4f-4a58-9c0b-0f7b8d7f3a11",
    "seq": 2,
    "role": "assistant",
    "agent": "muse",
    "content": "Who is the keeper, and what does she do when the light answers?",
    "metadata": {},
    "model": "offline:storyteller",
    "tokens": 13,
    "cost_usd": 0,
    "created_at": "2026-11-29T12:00:00Z",
}
ANSWER: JsonDict = {
    "session_id": "2b6c1f3e-6d2f-4d0b-8a55-0c7f4f8f6b10",
    "message": MESSAGE,
    "usage": {"tokens": 13, "cost_usd": 0},
}
SESSION: JsonDict = {
    "id": "2b6c1f3e-6d2f-4d0b-8a55-0c7f4f8f6b10",
    "kind": "chat",
    "user_id": "0d7e3a52-2f0f-4a1e-9d9f-2f5b0c9d1e77",
    "title": "The light that answers",
    "template": "muse",
    "status": "waiting",
    "config": {},
    "progress": {},
    "epoch": 1,
    "message_count": 2,
    "draft_version": 0,
    "tokens": 13,
    "cost_usd": 0,
    "model": "offline:storyteller",
    "created_at": "2026-11-29T12:00:00Z",
    "updated_at": "2026-11-29T12:00:00Z",
    "last_activity_at": "2026-11-29T12:00:00Z",
    "expires_at": None,
    "head_seq": 2,
    "turn": None,
}


class NewMessage(BaseModel):
    """What is said. Without `session_id` it begins a chat; the `Idempotency-Key` header makes or finds it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra=shown({"text": "A keeper finds that the light answers her.", "agent": "muse"})
    )

    text: Prompt
    session_id: UUID | None = None
    project_id: UUID | None = None
    agent: Name | None = Field(default=None, description="of /api/templates?kind=chat; otherwise muse")
    model: ShortText | None = Field(default=None, description="of /api/models; otherwise the default")


class ChatAnswer(BaseModel):
    model_config = ConfigDict(json_schema_extra=shown(ANSWER))

    session_id: UUID
    message: Message
    usage: Usage


class Regeneration(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=shown({"seq": 2}))

    seq: Seq | None = Field(default=None, description="of the answer to stand beside; otherwise the last")


class Edit(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=shown({"seq": 1, "text": "A keeper with a lamp."}))

    seq: Seq = Field(description="of the message in whose place it stands")
    text: Prompt


class BranchChoice(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=shown({"seq": 2}))

    seq: Seq = Field(description="of a message of the branch that is to be shown")


def _kind(body: Any) -> str:
    if isinstance(body, dict):
        return "<history>" if speaks(body) else "<message>"
    return "<history>" if isinstance(body, UiChat) else "<message>"


Body = Annotated[Annotated[NewMessage, Tag("<message>")] | Annotated[UiChat, Tag("<history>")], Discriminator(_kind)]
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {**STREAM, "description": f"{STREAM['description']} With `Accept: application/json` the whole one."},
    **ERRORS,
}


async def _answered(service: Service, caller: Caller, posted: Posted, request: Request) -> ChatAnswer | Response:
    if not wants_json(request):
        return await stream_posted(service, caller, posted, request)
    message = await service.chats.answer(caller, posted)
    usage = Usage(tokens=message.tokens, cost_usd=message.cost_usd)
    return ChatAnswer(session_id=posted.session.id, message=message, usage=usage)


@router.post(
    ADDRESS,
    responses=ANSWERS,
    response_model=ChatAnswer,
    openapi_extra=asked({"text": "A keeper finds that the light answers her.", "agent": "muse"}),
)
async def chat(
    body: Body, caller: Caller, service: Service, host: Host, request: Request, key: Key = None
) -> ChatAnswer | Response:
    """Say something, and have the answer: as it is written, or with `Accept: application/json` when it is whole."""
    posted = (
        await chat_sdk.posted(service, caller, host, body)
        if isinstance(body, UiChat)
        else await say(service, caller, host, body, key)
    )
    return await _answered(service, caller, posted, request)


@router.post("/chat", responses=ERRORS, include_in_schema=False, response_model=ChatAnswer)
async def old_chat(
    body: Body, caller: Caller, service: Service, host: Host, request: Request, key: Key = None
) -> ChatAnswer | Response:
    """As /api/v1/chat, for clients that know this address."""
    return await chat(body, caller, service, host, request, key)


async def say(service: Service, caller: Caller, host: str | None, body: NewMessage, key: str | None) -> Posted:
    """What is said is kept on return, and its answer under way."""
    if body.session_id is None:
        await service.addresses.note(caller, host)
    sending = Sending(body.text, body.session_id, body.project_id, body.agent, body.model, key)
    return await service.chats.send(caller, sending)


@router.post("/api/v1/chat/{session_id}/stop", responses={200: answered(SESSION), **ERRORS})
async def stop_answer(session_id: Chat, caller: Caller, service: Service) -> Session:
    """The answer under way ends where it is, and keeps its text. Again changes nothing."""
    return await service.chats.stop(caller, session_id)


@router.post(
    "/api/v1/chat/{session_id}/regenerate",
    responses=ANSWERS,
    response_model=ChatAnswer,
    openapi_extra=asked({"seq": 2}),
)
async def regenerate_answer(
    session_id: Chat,
    caller: Caller,
    service: Service,
    request: Request,
    body: Regeneration | None = None,
    key: Key = None,
) -> ChatAnswer | Response:
    """Another answer beside one that is there, which stays; or to a message whose answer failed."""
    posted = await service.chats.regenerate(caller, session_id, (body or Regeneration()).seq, key)
    return await _answered(service, caller, posted, request)


@router.post("/api/v1/chat/{session_id}/edit", responses=ANSWERS, response_model=ChatAnswer)
async def edit_message(
    session_id: Chat, body: Edit, caller: Caller, service: Service, request: Request, key: Key = None
) -> ChatAnswer | Response:
    """One's own message otherwise, and its answer: the talk goes another way from there, and what was said stays."""
    posted = await service.chats.edit(caller, session_id, body.seq, body.text, key)
    return await _answered(service, caller, posted, request)


@router.post("/api/v1/chat/{session_id}/branch", responses={200: answered(SESSION), **ERRORS})
async def show_branch(session_id: Chat, body: BranchChoice, caller: Caller, service: Service) -> Session:
    """Show the branch with that message, as far as it was said last."""
    return await service.chats.branch(caller, session_id, body.seq)
