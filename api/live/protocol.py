"""The frames of the WebSocket: what a client may send, and what a connection is told besides session events. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from api.errors import ErrorFrame, in_words
from api.strict import parsed
from coordinator.errors import InvalidMessage
from coordinator.models import (
    Budget,
    Name,
    Note,
    OneLine,
    Prompt,
    ShortText,
    Storable,
    StoryConfig,
    Title,
)


def _trimmed(value: Any) -> Any:
    return value.strip(" \t") if isinstance(value, str) else value


ADDRESS = "/ws/stories"
SUBPROTOCOL = "storyloom.v1"
# No control character: PostgreSQL keeps no NUL, and two requests must not come to be one. Without spaces around it, as
# a header's value is: an `Idempotency-Key` is the same thing, and the same characters are the same key at both doors.
RequestId = Annotated[
    str, BeforeValidator(_trimmed), Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Seq = Annotated[int, Field(ge=0, le=2**31 - 1)]
GateStep = Annotated[str, Field(min_length=1, max_length=60), OneLine]
Comment = Annotated[str, Field(max_length=4_000), Storable]

NOT_AUTHENTICATED, ORIGIN_REFUSED, NO_AUTH_IN_TIME, TOO_MANY = 4401, 4403, 4408, 4429
TRY_AGAIN_LATER, BROKEN, LOST = 1013, 1011, 1006
"""Close codes of the contract; 1009 and 1012 are the server library's own."""


class Frame(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Auth(Frame):
    """Who I am. Again, before the token expires, to stay."""

    type: Literal["auth"]
    token: str = Field(min_length=1, max_length=16_384)
    user_id: str | None = Field(
        default=None,
        max_length=400,
        description="with a bot's token for whom it speaks, in place of the handshake's `X-User-ID`; with a user's "
        "token that user's id, if any",
    )


class StoryStart(Frame):
    """Start a story, and watch it. The same `request_id` of a user is the same session, told from its start."""

    type: Literal["story.start"]
    request_id: RequestId
    prompt: Prompt
    template: Name | None = None
    title: Title | None = None
    project_id: UUID | None = None
    config: StoryConfig = StoryConfig()
    asked_in: UUID | None = None
    asked_call: ShortText | None = None


class SessionAttach(Frame):
    """Watch a session: what came after `after_seq` in `epoch`, or a snapshot, and then live."""

    type: Literal["session.attach"]
    session_id: UUID
    epoch: Seq | None = None
    after_seq: Seq | None = None


class SessionDetach(Frame):
    """Stop watching; the story goes on."""

    type: Literal["session.detach"]
    session_id: UUID


class SessionSteer(Frame):
    """A note for the steps to come."""

    type: Literal["session.steer"]
    session_id: UUID
    text: Note


class SessionApprove(Frame):
    """The answer to `approval.requested`. What is not approved is written again, with the comment."""

    type: Literal["session.approve"]
    session_id: UUID
    step: GateStep
    approved: bool
    comment: Comment | None = None


class SessionPause(Frame):
    """Pause the story, when the step at hand is done."""

    type: Literal["session.pause"]
    session_id: UUID


class SessionCancel(Frame):
    """End the story where it is; the model is stopped at once."""

    type: Literal["session.cancel"]
    session_id: UUID


class SessionResume(Frame):
    """Go on with a story that is paused, failed or expired, with another budget where one is given."""

    type: Literal["session.resume"]
    session_id: UUID
    budget: Budget | None = None


class ChatSend(Frame):
    """Say something in a chat, or begin one with it, and watch it. The same `request_id` is the same message."""

    type: Literal["chat.send"]
    request_id: RequestId
    text: Prompt
    session_id: UUID | None = None
    project_id: UUID | None = None
    agent: Name | None = None
    model: ShortText | None = None


class ChatStop(Frame):
    """The answer under way ends where it is, and keeps its text."""

    type: Literal["chat.stop"]
    session_id: UUID


class ChatRegenerate(Frame):
    """Another answer beside the one with the number `seq`, or to the message with it; else beside the last."""

    type: Literal["chat.regenerate"]
    session_id: UUID
    seq: Seq | None = None
    request_id: RequestId | None = None


class ChatEdit(Frame):
    """One's own message otherwise: the talk goes another way from there, and the one before stays."""

    type: Literal["chat.edit"]
    session_id: UUID
    seq: Seq
    text: Prompt
    request_id: RequestId | None = None


class SessionBranch(Frame):
    """Show the branch of a chat that has this message."""

    type: Literal["session.branch"]
    session_id: UUID
    seq: Seq


class Ping(Frame):
    """Answered by `pong`."""

    type: Literal["ping"]
    t: Any = None


ClientFrame = Annotated[
    Auth
    | StoryStart
    | SessionAttach
    | SessionDetach
    | SessionSteer
    | SessionApprove
    | SessionPause
    | SessionResume
    | SessionCancel
    | ChatSend
    | ChatStop
    | ChatRegenerate
    | ChatEdit
    | SessionBranch
    | Ping,
    Field(discriminator="type"),
]
_FRAME: TypeAdapter[ClientFrame] = TypeAdapter(ClientFrame)


class Ready(BaseModel):
    """Who the connection is, after each `auth`."""

    type: Literal["ready"] = "ready"
    user_id: UUID
    role: str
    version: str
    heartbeat_s: float = Field(description="the server pings this often; after two of them in silence reconnect")


class Pong(BaseModel):
    """The answer to `ping`, with the same `t`."""

    type: Literal["pong"] = "pong"
    t: Any = None


ConnectionFrame = Annotated[Ready | Pong | ErrorFrame, Field(discriminator="type")]
CONNECTION_FRAME: TypeAdapter[ConnectionFrame] = TypeAdapter(ConnectionFrame)
"""Validates what a connection is told besides session events."""


class Refused(InvalidMessage):
    """A frame that is not understood, with as much of its address as could be read."""

    def __init__(self, message: str, request_id: str | None = None, session_id: str | None = None) -> None:
        super().__init__(message)
        self.request_id = request_id
        self.session_id = session_id


def parse(text: str) -> ClientFrame:
    """A frame from its text. Raises Refused with one line that says what is wrong."""
    try:
        fields = parsed(text)
    except ValueError as error:
        raise Refused(f"The frame can't be taken: {error}.") from None
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
    return {kind_of(frame) for frame in frames_of(ClientFrame)}


def frames_of(union: Any) -> tuple[type[BaseModel], ...]:
    """The models of a discriminated union as `ClientFrame`."""
    return get_args(get_args(union)[0])


def kind_of(frame: type[BaseModel]) -> str:
    """The `type` of a frame or an event."""
    return str(get_args(frame.model_fields["type"].annotation)[0])


def _short(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= 200 else None
