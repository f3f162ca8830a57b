"""What `useChat` of the AI SDK posts, as what is done in a chat."""

from __future__ import annotations

import hashlib
from typing import Any, Literal
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from api.dialects.uichat import Wanted, wanted
from api.live.protocol import RequestId
from api.rest.examples import shown
from api.state import State
from coordinator.errors import NotFound
from coordinator.models import Identity, Name, ShortText
from coordinator.running.chats import Posted, Sending

EXAMPLE: JsonDict = {
    "id": "QV4yXzbnzqhQJ6vT",
    "messages": [{"id": "rPmOUFM8OkIz3Hcq", "role": "user", "parts": [{"type": "text", "text": "Who is she?"}]}],
    "trigger": "submit-message",
}


class UiChat(BaseModel):
    """What `useChat` of the AI SDK sends. Of its messages only the newest is taken; `id` is a session's, or one that
    makes or finds it. What a page adds to it says with whom a new chat is."""

    model_config = ConfigDict(extra="ignore", json_schema_extra=shown(EXAMPLE))

    id: RequestId
    messages: list[Any]
    trigger: Literal["submit-message", "regenerate-message"] = "submit-message"
    message_id: RequestId | None = Field(default=None, alias="messageId")
    project_id: UUID | None = None
    agent: Name | None = None
    model: ShortText | None = None

    def as_sent(self) -> dict[str, Any]:
        return {"id": self.id, "messages": self.messages, "trigger": self.trigger, "messageId": self.message_id}


async def posted(service: State, caller: Identity, host: str | None, body: UiChat) -> Posted:
    """What the body wants is kept on return, and its answer under way. Raises InvalidMessage, and as ChatCoordinator's
    methods do."""
    want = wanted(body.as_sent())
    # An id that the client made up need not be looked for: it makes the session, or finds it, with the message.
    named = want.edits or want.regenerate or _is_id(want.chat_key)
    session_id = await service.manager.store.turns.find(caller, want.chat_key) if named else None
    if want.edits or want.regenerate:
        seq = await _said(service, caller, session_id, want) if session_id is not None else None
        if session_id is not None and seq is not None and want.edits:
            return await service.chats.edit(caller, session_id, seq, want.text, _edit_key(want))
        if session_id is not None and seq is not None:
            return await service.chats.regenerate(caller, session_id, seq)
        if want.message_key is None:
            if session_id is None or want.answer_key is not None:
                raise NotFound("There is no such message.")
            return await service.chats.regenerate(caller, session_id)
        # It never came here: it is said now.
    if session_id is None:
        await service.addresses.note(caller, host)
    sending = Sending(want.text, session_id, body.project_id, body.agent, body.model, want.chat_key, _message_key(want))
    return await service.chats.send(caller, sending)


async def _said(service: State, caller: Identity, session_id: UUID, want: Wanted) -> int | None:
    """The number of the message that the client means, as it was said last."""
    key = want.message_key or want.answer_key
    if key is None:
        return None
    owner = caller.writer()
    ids = [_made(owner, _edit_key(want)), _made(owner, _message_key(want))]
    if _is_id(key):
        ids.insert(0, UUID(key))
    for message_id in ids:
        found = await service.manager.store.turns.answer(caller, session_id, message_id)
        if found.message is not None:
            return found.message.seq
    return None


def _message_key(want: Wanted) -> str:
    """Of the message, among all of the person's: what a client calls its messages is its own."""
    return f"{want.chat_key} {want.message_key}"


def _edit_key(want: Wanted) -> str:
    """The same edit again is the same message."""
    return f"{_message_key(want)} {hashlib.sha256(want.text.encode()).hexdigest()}"


def _made(owner: UUID, key: str) -> UUID:
    """As ChatCoordinator makes a message's id of its key."""
    return uuid5(owner, f"message {key}")


def _is_id(key: str) -> bool:
    try:
        return str(UUID(key)) == key
    except ValueError:
        return False
