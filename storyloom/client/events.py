"""The session events of the protocol, typed. `parse` makes one of a frame.

Event             session_id, epoch, seq, at, and `raw`, the frame as it came
├── SessionCreated, SessionStatus, SessionSnapshot
├── StepStarted, StepFinished
├── AgentState, AgentDelta, AgentMessage
├── DraftSaved, ProgressMade, UsageCounted
├── ApprovalRequested
├── StoryCompleted
├── TurnStarted, ToolCalled, ToolAnswered, BranchChanged, StoryAsked   of chats
└── UnknownEvent  a type that this client doesn't know yet
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field, ValidationError

from storyloom.client.things import (
    FINISHED,
    Approval,
    AskedStory,
    Draft,
    Failure,
    Message,
    Partial,
    Progress,
    Session,
    Thing,
    Usage,
)
from storyloom.errors import ClientError


class Event(Thing):
    """`seq` rises within a session and never repeats; a snapshot's is that of the last event it contains."""

    type: str
    session_id: UUID
    epoch: int
    seq: int
    at: datetime | None = None
    raw: Mapping[str, Any] = Field(default_factory=dict, exclude=True, repr=False)


class SessionCreated(Event):
    """The first event of a session, and the answer to the start with that `request_id`."""

    session: Session
    request_id: str | None = None


class SessionStatus(Event):
    """`title` comes where the session was given another one, `error` where it failed, `queue_place` while it waits for
    its turn; it is `pausing` until the step at hand is done."""

    status: str
    reason: str | None = None
    title: str | None = None
    error: Failure | None = None
    queue_place: int | None = None
    pausing: bool = False

    @property
    def finished(self) -> bool:
        return self.status in FINISHED


class SessionSnapshot(Event):
    """All that a watcher needs as of one moment. `messages` are the newest 200, of a chat those of the branch that is
    shown; `tools` are the events of the tools that the answer under way has called."""

    session: Session
    messages: tuple[Message, ...] = ()
    draft: Draft | None = None
    partial: Partial | None = None
    approval: Approval | None = None
    tools: list[dict[str, Any]] | None = None


class StepStarted(Event):
    """An agent begins; a higher `attempt` is the same step once more."""

    step: str
    stage: str = ""
    agent: str = ""
    attempt: int = 1


class AgentState(Event):
    """What an agent is about: `state` is `thinking`, `writing` or `waiting`, `activity` a phrase for people."""

    agent: str
    state: str
    activity: str = ""


class AgentDelta(Event):
    """`offset` counts the characters (Unicode code points) before `text` in the message."""

    message_id: UUID
    agent: str = ""
    attempt: int = 1
    offset: int = 0
    text: str


class AgentMessage(Event):
    """A message is complete: it takes the place of all deltas of its id."""

    message: Message


class DraftSaved(Event):
    """A version of the text was kept; one that is not `current` was not taken. Scores are of 10."""

    version: int
    current: bool
    step: str | None = None
    word_count: int = 0
    scores: dict[str, float] | None = None


class ProgressMade(Event, Progress):
    """How far the story is."""


class ApprovalRequested(Event, Approval):
    """The story waits for an answer (`Client.approve`)."""


class StepFinished(Event):
    """All that the step made is kept."""

    step: str
    duration_ms: int | None = None
    tokens: int = 0
    cost_usd: float = 0


class UsageCounted(Event):
    """What the session has used so far, in all and by agent."""

    tokens: int = 0
    cost_usd: float = 0
    by_agent: dict[str, Usage] = Field(default_factory=dict)


class StoryCompleted(Event):
    """The text is final; `session.status` follows."""

    story_id: UUID | None = None
    title: str
    word_count: int = 0


class TurnStarted(Event):
    """An agent of a chat begins to answer the message with the number `answers`; with the same `message_id` again,
    another node goes on with that answer."""

    message_id: UUID
    agent: str = ""
    answers: int = 0


class ToolCalled(Event):
    """An agent of a chat does something, `offset` characters into its answer."""

    message_id: UUID
    call_id: str
    tool: str
    args: dict[str, Any] = Field(default_factory=dict)
    offset: int = 0


class ToolAnswered(Event):
    """What came of it: `result`, or the sentence that says why there is none."""

    message_id: UUID
    call_id: str
    tool: str
    result: dict[str, Any] | None = None
    error: str | None = None


class Moved(Thing):
    """A message that follows another one from now on."""

    seq: int
    parent_seq: int


class BranchChanged(Event):
    """The branch of a chat is shown that ends with the message `head_seq`. What was said while an answer was written
    has `moved` behind it."""

    head_seq: int
    moved: tuple[Moved, ...] = ()


class StoryAsked(Event):
    """How a story goes that was proposed in this chat and begun."""

    story: AskedStory


class UnknownEvent(Event):
    """A type that came after this client was made; `raw` has its fields."""


EVENTS: dict[str, type[Event]] = {
    "session.created": SessionCreated,
    "session.status": SessionStatus,
    "session.snapshot": SessionSnapshot,
    "step.started": StepStarted,
    "agent.state": AgentState,
    "agent.delta": AgentDelta,
    "agent.message": AgentMessage,
    "draft.saved": DraftSaved,
    "progress": ProgressMade,
    "approval.requested": ApprovalRequested,
    "step.finished": StepFinished,
    "usage": UsageCounted,
    "story.completed": StoryCompleted,
    "turn.started": TurnStarted,
    "tool.called": ToolCalled,
    "tool.answered": ToolAnswered,
    "branch.changed": BranchChanged,
    "story.asked": StoryAsked,
}


def parse(frame: Mapping[str, Any]) -> Event:
    """The event in a frame. Raises ClientError `internal` where a known type lacks what the protocol promises."""
    kind = EVENTS.get(str(frame.get("type")), UnknownEvent)
    try:
        return kind.model_validate({**frame, "raw": frame})
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise ClientError(
            "internal", f"The server sent a {frame.get('type')} event that can't be read: {where}: {fault['msg']}."
        ) from error
