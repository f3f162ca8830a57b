"""The things that the service speaks of, as a client reads them.

The protocol may add fields and values at any time: unknown fields are ignored, and what the server lists by name
(a status, a stage, an agent) is plain text here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

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


class Session(Thing):
    """A story from its prompt to its end. `expires_at` moves with each activity; `draft_version` is 0 before there is
    text, `queue_place` the place among those that wait for their turn."""

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
    error: Failure | None = None
    created_at: datetime
    updated_at: datetime
    last_activity_at: datetime
    expires_at: datetime
    completed_at: datetime | None = None
    pausing: bool = False
    queue_place: int | None = None
    usage_by_agent: dict[str, Usage] = Field(default_factory=dict)

    @property
    def finished(self) -> bool:
        return self.status in FINISHED


class Message(Thing):
    """What was said: by an agent (`role` assistant), the writer (user) or the service. `seq` counts from 1."""

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

    @property
    def notes(self) -> list[str]:
        """Sentences on what was done to a model's answer, or instead of it, where it was not as it was asked for."""
        notes = self.metadata.get("notes")
        return [note for note in notes if isinstance(note, str)] if isinstance(notes, list) else []


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


class Page(Thing, Generic[Item]):
    """One page of a list; `next_cursor` is None on the last."""

    items: list[Item]
    next_cursor: str | None = None
