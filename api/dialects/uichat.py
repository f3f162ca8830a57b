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

    `message_key` is the SDK's id of the newest message, with its text. With `edits` it was sent before, and this text
    takes the place of another. With `regenerate` it is to be answered anew; it is None, with no text, where the body
    has no message of the person's, and then `answer_key` is the id of the answer to stand beside, or the newest."""

    chat_key: str
    message_key: str | None
    text: str
    regenerate: bool = False
    edits: bool = False
    answer_key: str | None = None


def speaks(body: Mapping[str, Any]) -> bool:
    """Whether a body is the SDK's."""
    return "messages" in body


def wanted(body: Mapping[str, Any]) -> Wanted:
    """Only the newest message is taken: what the body says of the past is not believed, nor looked at. Raises
    InvalidMessage with what is wrong."""
    chat_key = _key(body.get("id"), "id")
    trigger = body.get("trigger", SUBMIT)
    about = body.get("messageId")
    message_id = None if about is None else _key(about, "messageId")
    if trigger not in (SUBMIT, REGENERATE):
        raise InvalidMessage(f'`trigger`: it is "{SUBMIT}" or "{REGENERATE}".')
    newest = _newest(body.get("messages"))
    if newest is None and trigger == REGENERATE:
        return Wanted(chat_key, None, "", regenerate=True, answer_key=message_id)
    if newest is None:
        raise InvalidMessage(NOT_NEW)
    message_key = _key(newest.get("id"), "messages.id")
    if trigger == REGENERATE:
        return Wanted(chat_key, message_key, _text(newest), regenerate=True)
    return Wanted(chat_key, message_key, _text(newest), edits=message_id == message_key)


def _newest(messages: Any) -> Mapping[str, Any] | None:
    """None where it is not the person's."""
    if not isinstance(messages, list):
        raise InvalidMessage("`messages`: it is a list.")
    newest = messages[-1] if messages else None
    return newest if isinstance(newest, dict) and newest.get("role") == "user" else None


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
