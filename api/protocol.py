"""The frames of the WebSocket: what a client may send, and what a connection is told besides session events. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from api.errors import in_words
from coordinator.errors import InvalidMessage
from coordinator.models import Prompt, StoryConfig, Title

SUBPROTOCOL = "storyloom.v1"
RequestId = Annotated[str, Field(min_length=1, max_length=200)]
Seq = Annotated[int, Field(ge=0, le=2**31 - 1)]

NOT_AUTHENTICATED, ORIGIN_REFUSED, NO_AUTH_IN_TIME, TOO_MANY = 4401, 4403, 4408, 4429
TRY_AGAIN_LATER = 1013
"""Close codes of the contract; 1009 and 1012 are the server library's own."""


class Frame(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Auth(Frame):
    type: Literal["auth"]
    token: str = Field(min_length=1, max_length=16_384)


class StoryStart(Frame):
    type: Literal["story.start"]
    request_id: RequestId
    prompt: Prompt
    template: str | None = Field(default=None, max_length=40)
    title: Title | None = None
    project_id: UUID | None = None
    config: StoryConfig = StoryConfig()


class SessionAttach(Frame):
    type: Literal["session.attach"]
    session_id: UUID
    epoch: Seq | None = None
    after_seq: Seq | None = None


class SessionDetach(Frame):
    type: Literal["session.detach"]
    session_id: UUID


class SessionCancel(Frame):
    type: Literal["session.cancel"]
    session_id: UUID


class SessionResume(Frame):
    type: Literal["session.resume"]
    session_id: UUID


class Ping(Frame):
    type: Literal["ping"]
    t: Any = None


ClientFrame = Annotated[
    Auth | StoryStart | SessionAttach | SessionDetach | SessionCancel | SessionResume | Ping, Field(discriminator="type")
]
_FRAME: TypeAdapter[ClientFrame] = TypeAdapter(ClientFrame)


class Ready(BaseModel):
    type: Literal["ready"] = "ready"
    user_id: UUID
    role: str
    version: str
    heartbeat_s: float


class Refused(InvalidMessage):
    """A frame that is not understood, with as much of its address as could be read."""

    def __init__(self, message: str, request_id: str | None = None, session_id: str | None = None) -> None:
        super().__init__(message)
        self.request_id = request_id
        self.session_id = session_id


def parse(text: str) -> ClientFrame:
    """A frame from its text. Raises Refused with one line that says what is wrong."""
    try:
        fields = from_json(text, allow_inf_nan=False)
    except ValueError:
        raise Refused("The frame is not valid JSON.") from None
    if not isinstance(fields, dict):
        raise Refused("A frame is a JSON object with a `type`.")
    try:
        return _FRAME.validate_python(fields, strict=False)
    except ValidationError as error:
        kind = fields.get("type")
        known = sorted(kinds())
        if not isinstance(kind, str) or kind not in known:
            message = f"A frame's `type` is one of {', '.join(known)}."
        else:
            message = in_words(error).replace(f"`{kind}.", "`")
        raise Refused(message, _short(fields.get("request_id")), _short(fields.get("session_id"))) from None


def kinds() -> set[str]:
    """All types that a client may send."""
    frames = (Auth, StoryStart, SessionAttach, SessionDetach, SessionCancel, SessionResume, Ping)
    return {frame.model_fields["type"].annotation.__args__[0] for frame in frames}  # type: ignore[union-attr]


def _short(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= 200 else None
