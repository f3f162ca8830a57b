"""The session events of the wire contract: one pydantic model a type. They describe; the hot path carries dicts."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_core import to_json

from coordinator.models import Draft, Failure, Message, Progress, Session, SessionDetail, Status, Usage


class SessionEvent(BaseModel):
    """`seq` counts 1, 2, 3 … within the session and goes on rising over epochs."""

    model_config = ConfigDict(extra="forbid")

    session_id: UUID
    epoch: int = Field(ge=0)
    seq: int = Field(ge=0)
    at: datetime


class SessionCreated(SessionEvent):
    """The first event of a session."""

    type: Literal["session.created"]
    request_id: str | None = None
    session: Session


class SessionStatus(SessionEvent):
    """Also told when the title, the place in the queue or `pausing` changes, with the status as it is."""

    type: Literal["session.status"]
    status: Status
    reason: str | None = None
    error: Failure | None = None
    title: str | None = None
    queue_place: int | None = None
    pausing: bool = False


class Partial(BaseModel):
    message_id: UUID
    agent: str
    attempt: int
    text: str


class Approval(BaseModel):
    """What waits for `session.approve`."""

    step: str
    content: str
    draft_version: int | None = None


class AskedStory(BaseModel):
    """A story that was proposed in a chat and begun."""

    call_id: str | None = None
    session_id: UUID
    title: str
    status: Status
    words: int = 0


class SessionSnapshot(SessionEvent):
    """Sent, not numbered: `seq` is the last event that it contains. `messages` are the newest 200, of a chat those of
    the branch that is shown."""

    type: Literal["session.snapshot"]
    session: SessionDetail
    messages: list[Message]
    draft: Draft | None = None
    partial: Partial | None = None
    approval: Approval | None = None
    tools: list[dict[str, Any]] | None = Field(
        default=None, description="of a chat: the events of the tools that the answer under way has called"
    )
    stories: list[AskedStory] | None = Field(
        default=None, description="of a chat: the newest stories that were begun from what it proposed"
    )


class StepStarted(SessionEvent):
    """An agent begins a step, or begins it again with a higher `attempt`.

    `begins_at`: where in the current version, in characters, the section to be written has its beginning already; what
    is written takes the place of all from there on."""

    type: Literal["step.started"]
    step: str
    stage: str
    agent: str
    attempt: int
    begins_at: int | None = None


class AgentState(SessionEvent):
    """What an agent is doing, for people to read."""

    type: Literal["agent.state"]
    agent: str
    state: Literal["thinking", "writing", "waiting"]
    activity: str


class AgentDelta(SessionEvent):
    """Text of a message that is being written. A higher `attempt` begins again."""

    type: Literal["agent.delta"]
    message_id: UUID
    agent: str
    attempt: int
    offset: int = Field(
        ge=0, description="characters of the message before this text: Unicode code points, not UTF-16 units or bytes"
    )
    text: str


class AgentMessage(SessionEvent):
    """Settles a message: replaces all deltas of its id."""

    type: Literal["agent.message"]
    message: Message


class DraftSaved(SessionEvent):
    """A version of the text, or its scores."""

    type: Literal["draft.saved"]
    version: int
    current: bool
    author: str
    step: str | None = None
    word_count: int
    scores: dict[str, int] | None = None


class ProgressMade(SessionEvent, Progress):
    """How far the story is."""

    type: Literal["progress"]


class ApprovalRequested(SessionEvent, Approval):
    """The story waits for `session.approve`."""

    type: Literal["approval.requested"]


class StepFinished(SessionEvent):
    """A step is done, and what it took is kept."""

    type: Literal["step.finished"]
    step: str
    duration_ms: int
    tokens: int
    cost_usd: float


class UsageCounted(SessionEvent):
    """What the session has used so far."""

    type: Literal["usage"]
    tokens: int
    cost_usd: float
    by_agent: dict[str, Usage]


class TurnStarted(SessionEvent):
    """An agent of a chat begins to answer, or another node goes on with the same answer."""

    type: Literal["turn.started"]
    message_id: UUID
    agent: str
    answers: int = Field(description="the number of the message that is answered")


class ToolCalled(SessionEvent):
    """An agent of a chat does something, `offset` characters into its answer."""

    type: Literal["tool.called"]
    message_id: UUID
    call_id: str
    tool: str
    args: dict[str, Any]
    offset: int = 0


class ToolAnswered(SessionEvent):
    """What came of it."""

    type: Literal["tool.answered"]
    message_id: UUID
    call_id: str
    tool: str
    result: dict[str, Any] = Field(default_factory=dict)
    error: str | None = None


class Moved(BaseModel):
    seq: int
    parent_seq: int


class BranchChanged(SessionEvent):
    """Another branch of a chat is shown, the one that ends with `head_seq`; or messages that were said while an answer
    was written have `moved` behind it."""

    type: Literal["branch.changed"]
    head_seq: int
    moved: list[Moved] = Field(default_factory=list)


class StoryAsked(SessionEvent):
    """Told in a chat: how a story goes that was proposed in it."""

    type: Literal["story.asked"]
    story: AskedStory


class StoryCompleted(SessionEvent):
    """The current draft is the story. `session.status` follows."""

    type: Literal["story.completed"]
    story_id: UUID
    title: str
    word_count: int


AnyEvent = Annotated[
    SessionCreated
    | SessionStatus
    | SessionSnapshot
    | StepStarted
    | AgentState
    | AgentDelta
    | AgentMessage
    | DraftSaved
    | ProgressMade
    | ApprovalRequested
    | StepFinished
    | UsageCounted
    | TurnStarted
    | ToolCalled
    | ToolAnswered
    | BranchChanged
    | StoryAsked
    | StoryCompleted,
    Field(discriminator="type"),
]
EVENT: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)
"""Validates any session event."""


DELTA_BYTES, TEXT_BYTES = 1000, 2
"""Of a delta in memory: its fields, and each character of its text."""


class Event:
    """An event on its way to readers: its fields as a dict, encoded once for all of them.

    `parts` are the lengths of the deltas that a joined one was made of. They are numbered without a gap and `seq` is
    the last one's, so that a reader who has seen some of them can be given the rest.
    """

    __slots__ = ("_frame", "_parts", "fields")

    def __init__(self, fields: dict[str, Any], parts: list[int] | None = None) -> None:
        self.fields = fields
        self._frame: str | None = None
        self._parts = parts

    @property
    def seq(self) -> int:
        return int(self.fields["seq"])

    @property
    def first_seq(self) -> int:
        """Number of the first of the deltas joined here, `seq` for anything else."""
        return self.seq - len(self._parts) + 1 if self._parts else self.seq

    @property
    def epoch(self) -> int:
        return int(self.fields["epoch"])

    @property
    def parts(self) -> list[int]:
        """Of a delta."""
        return self._parts if self._parts is not None else [len(self.fields["text"])]

    @property
    def type(self) -> str:
        return str(self.fields["type"])

    @property
    def size(self) -> int:
        """About what it takes in memory, in bytes. A delta may be joined before it is ever encoded."""
        if self.fields["type"] == "agent.delta":
            return DELTA_BYTES + TEXT_BYTES * len(self.fields["text"])
        return sys.getsizeof(self.frame())

    def frame(self) -> str:
        if self._frame is None:
            self._frame = to_json(self.fields, inf_nan_mode="null").decode()
        return self._frame

    def joined(self, later: Event) -> Event | None:
        """One delta for two neighbouring ones of the same message and attempt, None for anything else."""
        mine, other = self.fields, later.fields
        if mine["type"] != "agent.delta" or other["type"] != "agent.delta":
            return None
        if mine["message_id"] != other["message_id"] or mine["attempt"] != other["attempt"]:
            return None
        if later.first_seq != self.seq + 1 or other["offset"] != mine["offset"] + len(mine["text"]):
            return None
        return Event(
            {**other, "offset": mine["offset"], "text": mine["text"] + other["text"]}, [*self.parts, *later.parts]
        )

    def after(self, seq: int) -> Event:
        """For somebody who has seen up to `seq`: of a joined delta only the part that is new."""
        seen = seq - self.first_seq + 1
        if not self._parts or seen <= 0:
            return self
        cut = sum(self._parts[:seen])
        fields = {**self.fields, "offset": self.fields["offset"] + cut, "text": self.fields["text"][cut:]}
        return Event(fields, self._parts[seen:])

    def until(self, seq: int) -> Event:
        """What was told up to `seq`, which is one of its numbers: of a joined delta the part with those before."""
        if seq >= self.seq:
            return self
        seen = seq - self.first_seq + 1
        text = self.fields["text"][: sum(self.parts[:seen])]
        return Event({**self.fields, "seq": seq, "text": text}, self.parts[:seen])


def stored(event: Event) -> dict[str, Any]:
    """An event as a row: without what the row has columns for, and a delta with its `parts`."""
    row = {key: value for key, value in event.fields.items() if key not in ("session_id", "epoch")}
    return {**row, "parts": event.parts} if event.type == "agent.delta" else row


def join_for_storage(events: list[Event]) -> list[dict[str, Any]]:
    """A batch as rows, neighbouring deltas as one. `parts` has the lengths, so that a replay can start within a row."""
    batch: list[Event] = []
    for event in events:
        joined = batch[-1].joined(event) if batch else None
        if joined is None:
            batch.append(event)
        else:
            batch[-1] = joined
    return [stored(event) for event in batch]


def from_storage(item: dict[str, Any], after_seq: int) -> Event:
    """A stored event for somebody who has seen up to `after_seq`: of a joined delta only the part that is new."""
    parts = item.pop("parts", None)
    return Event(item, parts).after(after_seq)
