"""The things that the service speaks of, as a client reads them.

The protocol may add fields and values at any time: unknown fields are ignored, and what the server lists by name
(a status, a stage, an agent) is plain text here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from storyloom.errors import ClientError

FINISHED = frozenset({"completed", "failed", "cancelled", "expired"})
"""Statuses in which nothing runs any more; `failed` and `expired` may be resumed."""


class Thing(BaseModel):
    """What the server speaks of: never changed, unknown fields ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Failure(Thing):
    """Why something failed: `code` is one of the protocol's, `message` a sentence for people."""

    code: str
    message: str


class Usage(Thing):
    """What was used, in and out together; `cost_usd` is 0 where no price is known."""

    tokens: int = 0
    cost_usd: float = 0


class Progress(Thing):
    """`percent` is 0 to 100, a stage's share 0 to 1, `eta_s` the estimated seconds left."""

    completed_steps: int = 0
    total_steps: int = 0
    percent: float = 0
    current_step: str | None = None
    stages: dict[str, float] = Field(default_factory=dict)
    eta_s: float | None = None
    words: int = 0
    target_words: int = 0


class Turn(Thing):
    """The answer of a chat that is being written, to the message with the number `answers`. Its events come after
    `after_seq`; `epoch` is of the run that began it."""

    message_id: UUID
    answers: int = 0
    epoch: int = 0
    after_seq: int = 0


class Session(Thing):
    """A story from its prompt to its end, or a chat. `expires_at` moves with each activity, and is None where it never
    expires; `draft_version` is 0 before there is text, `queue_place` the place among those that wait for their turn.
    Of a chat, `head_seq` is the newest message of the branch that is shown, and `turn` the answer that is being
    written."""

    id: UUID
    kind: str = "story"
    user_id: UUID
    title: str = ""
    template: str = ""
    status: str
    config: dict[str, Any] = Field(default_factory=dict)
    progress: Progress = Progress()
    epoch: int = 0
    message_count: int = 0
    draft_version: int = 0
    tokens: int = 0
    cost_usd: float = 0
    model: str = ""
    parent_session_id: UUID | None = None
    project_id: UUID | None = None
    error: Failure | None = None
    created_at: datetime
    updated_at: datetime
    last_activity_at: datetime
    expires_at: datetime | None = None
    completed_at: datetime | None = None
    head_seq: int | None = None
    turn: Turn | None = None
    pausing: bool = False
    queue_place: int | None = None
    usage_by_agent: dict[str, Usage] = Field(default_factory=dict)

    @field_validator("turn", mode="before")
    @classmethod
    def _begun(cls, turn: Any) -> Any:
        # A chat is told as it is made: before it has a turn.
        return turn or None

    @property
    def finished(self) -> bool:
        return self.status in FINISHED


class Proposal(Thing):
    """A story as an agent of a chat proposes it: what `Client.create_session` takes."""

    prompt: str
    template: str | None = None
    config: dict[str, Any] = Field(default_factory=dict)


class ToolUse(Thing):
    """What an agent of a chat did, `offset` characters into its answer; without `result` and `error` it is at it."""

    call_id: str
    tool: str
    args: dict[str, Any] = Field(default_factory=dict)
    offset: int = 0
    result: dict[str, Any] | None = None
    error: str | None = None

    @property
    def proposal(self) -> Proposal | None:
        """The story that it proposes, where it does that."""
        told = (self.result or {}).get("proposal") if self.tool == "propose_story" else None
        try:
            return Proposal.model_validate(told) if told else None
        except ValidationError:
            return None


class AskedStory(Thing):
    """How a story goes that was proposed in a chat and begun; `call_id` is of the call that proposed it."""

    call_id: str | None = None
    session_id: UUID
    title: str = ""
    status: str = ""
    words: int = 0


class Message(Thing):
    """What was said: by an agent (`role` assistant), the writer (user) or the service. `seq` counts from 1.

    Of a chat: it follows the message `parent_seq`, which is the one before where it is None and 0 for a first one;
    `author_id` wrote it, None is the session's owner; `siblings` are the numbers of all that follow the same message,
    its own among them, None where it is alone or it was not told."""

    id: UUID
    seq: int
    role: str = "assistant"
    agent: str | None = None
    step: str | None = None
    content: str
    metadata: dict[str, Any] = Field(default_factory=dict)

    audio_url: str | None = None
    model: str | None = None
    tokens: int = 0
    cost_usd: float = 0
    created_at: datetime | None = None
    parent_seq: int | None = None
    author_id: UUID | None = None
    siblings: tuple[int, ...] | None = None

    @property
    def follows(self) -> int:
        """The number of the message before it on its branch, 0 for a first one."""
        return self.seq - 1 if self.parent_seq is None else self.parent_seq

    @property
    def tools(self) -> list[ToolUse]:
        """What its agent did while it answered, in that order."""
        told = self.metadata.get("tools")
        return uses(told) if isinstance(told, list) else []

    @property
    def notes(self) -> list[str]:
        """Sentences on what was done to a model's answer, or instead of it, where it was not as it was asked for."""
        notes = self.metadata.get("notes")
        return [note for note in notes if isinstance(note, str)] if isinstance(notes, list) else []


def uses(told: list[Any]) -> list[ToolUse]:
    """The tools of a list, or of the `tool.called` and `tool.answered` events in it; without those that can't be
    read."""
    found: dict[str, ToolUse] = {}
    for one in told:
        if isinstance(one, dict):
            before = found.get(str(one.get("call_id")))
            fields = {**(before.model_dump() if before else {}), **one}
            try:
                use = ToolUse.model_validate(fields)
            except ValidationError:
                continue
            found[use.call_id] = use
    return list(found.values())


class Draft(Thing):
    """`content`, `author` and `created_at` are None where only a `draft.saved` event told of it."""

    version: int
    current: bool
    author: str | None = None
    step: str | None = None
    content: str | None = None
    word_count: int = 0
    scores: dict[str, float] | None = None
    created_at: datetime | None = None


class Alternative(Thing):
    """Another version of a passage; `start` and `end` are its place in that version of the text, in characters."""

    id: UUID
    number: int = 0
    version: int
    start: int
    end: int
    passage: str
    instruction: str = ""
    content: str
    model: str = ""
    tokens: int = 0
    cost_usd: float = 0
    accepted_version: int | None = None
    created_at: datetime | None = None


class Step(Thing):
    """One unit of work of one agent; `status` is `running`, `done`, `failed` or `skipped`."""

    step: str
    stage: str
    agent: str
    status: str
    attempt: int = 1
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration_ms: int | None = None
    tokens: int = 0
    cost_usd: float = 0
    error: Failure | None = None


class Story(Thing):
    """`content` is Markdown."""

    session_id: UUID
    story_id: UUID | None = None
    title: str
    content: str
    word_count: int = 0
    version: int = 0
    status: str = ""
    model: str = ""
    created_at: datetime | None = None


class Partial(Thing):
    """A message that is still being written. `attempt` is None where the server didn't tell it."""

    message_id: UUID
    agent: str | None = None
    attempt: int | None = None
    text: str = ""
    complete: bool = Field(default=True, description="false once a gap was seen: the text is only what came after it")


class Approval(Thing):
    """What waits for an answer: the gate's step, and the outline or text that it is about, as Markdown."""

    step: str
    content: str = ""
    draft_version: int | None = None


Item = TypeVar("Item")
A = TypeVar("A", bound=Thing)


class Page(Thing, Generic[Item]):
    """One page of a list; `next_cursor` is None on the last."""

    items: list[Item]
    next_cursor: str | None = None


class TalkHead(Thing):
    """A session in a list of talks: `preview` is how what was said last begins."""

    session_id: UUID
    title: str = ""
    kind: str = "chat"
    status: str = ""
    template: str = ""
    message_count: int = 0
    user_id: UUID
    created_at: datetime
    last_message_at: datetime
    project_id: UUID | None = None
    preview: str | None = None


class Talks(Thing):
    """A page of talks; `total` is how many there are in all, `next_cursor` None on the last page."""

    sessions: list[TalkHead]
    total: int = 0
    next_cursor: str | None = None


class Said(Thing):
    """A page of what was said; `total` is how many messages the branch has in all."""

    messages: list[Message]
    total: int = 0
    next_cursor: str | None = None


def read(kind: type[A], answer: Any) -> A:
    """The server's answer as that thing. Raises ClientError `internal` for one that is none."""
    try:
        return kind.model_validate(answer)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise ClientError(
            "internal",
            f"The server's answer can't be read as a {kind.__name__} ({where}: {fault['msg']}): "
            "it is of another version, or not a Storyloom server.",
        ) from error
