"""What `useChat` of the AI SDK sends: its whole history, of which one message is new."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coordinator.errors import InvalidMessage

KEY_LENGTH = 200
_KEY = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
SUBMIT, REGENERATE = "submit-message", "regenerate-message"

NOT_NEW = (
    "The last of `messages` is not the person's: nothing is there to answer. To have an answer written again send the "
    f'trigger "{REGENERATE}".'
)
FILES = "Files can't be sent with a message: send its text alone."
NO_TEXT = "The newest message has no text: send some."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants of a chat. `chat_key` is the chat's id as the SDK has it: a session's, or one that the client
    made up.

    `message_key` is the SDK's id of the message with this text. With `edits` that message was sent before, and another
    text takes its place; with `regenerate` there is no text, and it is the answer to be written again, None for the
    newest."""

    chat_key: str
    message_key: str | None
    text: str
    regenerate: bool
    edits: bool = False


def speaks(body: Mapping[str, Any]) -> bool:
    """Whether a body is the SDK's."""
    return "messages" in body


def wanted(body: Mapping[str, Any]) -> Wanted:
    """Only the newest message's text is taken: what the body says of the past is not believed, nor looked at. Raises
    InvalidMessage with what is wrong."""
    chat_key = _key(body.get("id"), "id")
    trigger = body.get("trigger", SUBMIT)
    about = body.get("messageId")
    message_id = None if about is None else _key(about, "messageId")
    if trigger == REGENERATE:
        return Wanted(chat_key, message_id, "", regenerate=True)
    if trigger != SUBMIT:
        raise InvalidMessage(f'`trigger`: it is "{SUBMIT}" or "{REGENERATE}".')
    newest = _newest(body.get("messages"))
    message_key = _key(newest.get("id"), "messages.id")
    return Wanted(chat_key, message_key, _text(newest), regenerate=False, edits=message_id == message_key)


def _newest(messages: Any) -> Mapping[str, Any]:
    if not isinstance(messages, list):
        raise InvalidMessage("`messages`: it is a list.")
    newest = messages[-1] if messages else None
    if not isinstance(newest, dict) or newest.get("role") != "user":
        raise InvalidMessage(NOT_NEW)
    return newest


def _text(message: Mapping[str, Any]) -> str:
    parts = message.get("parts")
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise InvalidMessage("`messages.parts`: it is a list of parts.")
    if any(part.get("type") == "file" for part in parts):
        raise InvalidMessage(FILES)
    texts = [part.get("text") for part in parts if part.get("type") == "text"]
    if not all(isinstance(text, str) for text in texts):
        raise InvalidMessage("`messages.parts.text`: it is a string.")
    text = "\n".join(map(str, texts))
    if not text.strip():
        raise InvalidMessage(NO_TEXT)
    return text


def _key(value: Any, name: str) -> str:
    """As a request id: the same characters are the same key at every door."""
    key = value.strip(" \t") if isinstance(value, str) else ""
    if _KEY.fullmatch(key) is None:
        raise InvalidMessage(f"`{name}`: it is a string of 1 to {KEY_LENGTH} characters, no control character.")
    return key
