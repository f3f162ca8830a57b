"""The things of the wire contract, as pydantic models: session, message, draft, step, story, identity."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from coordinator.errors import Forbidden
from coordinator.storable import one_line, storable

Kind = Literal["story", "chat", "adventure"]
Status = Literal["active", "waiting", "awaiting_approval", "paused", "completed", "failed", "cancelled", "expired"]
StepStatus = Literal["running", "done", "failed", "skipped"]
MessageRole = Literal["user", "assistant", "system"]
Role = Literal["anon", "authenticated", "service_role"]
Gate = Literal["outline", "draft", "final"]

FINISHED: frozenset[Status] = frozenset({"completed", "failed", "cancelled", "expired"})
"""Statuses in which nothing runs; `failed` and `expired` may be resumed, the others may not."""


def _storable(value: object) -> object:
    return storable(value) if isinstance(value, str) else value


def _one_line(value: object) -> object:
    return one_line(value) if isinstance(value, str) else value


# What comes in is made storable before it is counted, so that what was let in can be kept and read.
Storable = BeforeValidator(_storable)
OneLine = BeforeValidator(_one_line)
Prompt = Annotated[str, Field(min_length=1, max_length=20_000), Storable]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200), OneLine]
Note = Annotated[str, Field(min_length=1, max_length=4_000), Storable]
"""What a writer says while a story is under way."""
ShortText = Annotated[str, Field(min_length=1, max_length=200), OneLine]
Name = Annotated[str, Field(max_length=40), OneLine]
"""Of a template."""
Choice = Annotated[str, Field(max_length=200), OneLine]


class Budget(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tokens: int | None = Field(default=None, ge=1, le=10**12, description="tokens in and out, all agents together")
    usd: float | None = Field(default=None, gt=0, le=10**9, allow_inf_nan=False, description="money in US dollars")


class StoryConfig(BaseModel):
    """What a writer may choose for a story. A page is 300 words."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    pages: int = Field(default=3, ge=1, le=100, description="length in pages of 300 words")
    protagonist: ShortText | None = None
    tone: ShortText | None = None
    language: ShortText | None = Field(default=None, description="language to write in; otherwise that of the prompt")
    model: ShortText | None = Field(default=None, description="provider:name; otherwise the server's default")
    seed: int | None = Field(default=None, ge=0, le=2**63 - 1)
    max_revisions: int = Field(default=2, ge=0, le=5)
    approvals: list[Gate] = Field(default_factory=list, max_length=3)
    budget: Budget | None = None
    theme_options: dict[Choice, Choice] = Field(default_factory=dict, max_length=20)


class Progress(BaseModel):
    completed_steps: int = Field(default=0, ge=0)
    total_steps: int = Field(default=0, ge=0, description="grows when a revision becomes needed")
    percent: float = Field(default=0, ge=0, le=100)
    current_step: str | None = None
    stages: dict[str, float] = Field(default_factory=dict, description="stage: 0 to 1")
    eta_s: float | None = Field(default=None, ge=0, description="estimated seconds left")
    words: int = Field(default=0, ge=0)
    target_words: int = Field(default=0, ge=0)


class Failure(BaseModel):
    code: str
    message: str


def _as_far_as_it_can_be_read(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """What was kept, by whatever version of the service, without the fields that this one can't read."""
    try:
        return read(value)
    except ValidationError as error:
        if not isinstance(value, dict):
            return read({})
        wrong = {fault["loc"][0] for fault in error.errors() if fault["loc"]}
        return read({name: item for name, item in value.items() if name not in wrong})


Kept = WrapValidator(_as_far_as_it_can_be_read)


class Turn(BaseModel):
    """The answer of a chat that is being written. Its events come after `after_seq`."""

    message_id: UUID
    answers: int = Field(description="the number of the message that it answers")
    epoch: int = Field(description="the run that began it")
    after_seq: int
    stop: bool = Field(default=False, description="it is to end where it is")


class Session(BaseModel):
    id: UUID
    kind: Kind
    user_id: UUID
    title: str
    template: str
    status: Status
    config: Annotated[StoryConfig, Kept]
    progress: Annotated[Progress, Kept]
    epoch: int
    message_count: int
    draft_version: int = Field(description="the current draft's version, 0 before the first")
    tokens: int
    cost_usd: float
    model: str
    parent_session_id: UUID | None = None
    error: Failure | None = None
    created_at: datetime
    updated_at: datetime
    last_activity_at: datetime
    expires_at: datetime | None = Field(default=None, description="null for what never expires, as one's own chat")
    completed_at: datetime | None = None
    head_seq: int | None = Field(default=None, description="of a chat: the newest message of the branch that is shown")
    turn: Turn | None = Field(default=None, description="of a chat: the answer that is being written")
    pausing: bool = Field(default=False, description="to be paused when the step at hand is done")
    project_id: UUID | None = Field(default=None, description="the project that it is of")
    queue_place: int | None = Field(default=None, description="place in the queue, while it waits for its turn")


class SessionDetail(Session):
    usage_by_agent: dict[str, Usage] = Field(default_factory=dict)


class Usage(BaseModel):
    tokens: int = 0
    cost_usd: float = 0


class Message(BaseModel):
    id: UUID
    seq: int
    role: MessageRole
    agent: str | None = None
    step: str | None = None
    content: str
    metadata: dict[str, Any] = Field(default_factory=dict)
    audio_url: str | None = None
    model: str | None = None
    tokens: int = 0
    cost_usd: float = 0
    created_at: datetime
    parent_seq: int | None = Field(
        default=None, description="the message that it follows; null is the one before, 0 that it is a first"
    )
    author_id: UUID | None = Field(default=None, description="who wrote it, where that is not the session's owner")
    siblings: list[int] | None = Field(
        default=None, description="the messages that stand beside it, itself among them, where a talk has branches"
    )


class Draft(BaseModel):
    version: int
    current: bool
    author: str = Field(description="an agent, or `writer` for the person's own edit")
    step: str | None = None
    content: str
    word_count: int
    scores: dict[str, int] | None = None
    created_at: datetime


class DraftHead(BaseModel):
    """A version of the text without the text."""

    version: int
    current: bool
    author: str = Field(description="an agent, or `writer` for the person's own edit")
    step: str | None = None
    word_count: int
    scores: dict[str, int] | None = None
    created_at: datetime


class Alternative(BaseModel):
    """Another version of a passage, for its writer to choose from."""

    id: UUID
    number: int
    version: int = Field(description="the version of the text that the passage is of")
    start: int = Field(description="where the passage starts, in characters (Unicode code points) from 0")
    end: int = Field(description="where it ends, in the same: the character there is none of it")
    passage: str
    instruction: str
    content: str = Field(description="what would stand in place of the passage")
    model: str
    tokens: int = 0
    cost_usd: float = 0
    accepted_version: int | None = Field(default=None, description="the version of the text that it was put into")
    created_at: datetime


class Step(BaseModel):
    step: str
    stage: str
    agent: str
    status: StepStatus
    attempt: int
    started_at: datetime
    finished_at: datetime | None = None
    duration_ms: int | None = None
    tokens: int = 0
    cost_usd: float = 0
    error: Failure | None = None


class Story(BaseModel):
    session_id: UUID
    story_id: UUID | None = None
    title: str
    content: str
    word_count: int
    version: int
    status: Status
    model: str
    created_at: datetime


class Identity(BaseModel):
    """Who is asking. Built from a verified token, or by the service for its own work."""

    model_config = ConfigDict(frozen=True)

    user_id: UUID | None
    role: Role
    claims: dict[str, Any] = Field(default_factory=dict)
    token: SecretStr | None = Field(default=None, exclude=True, repr=False)
    """The verified token itself, where the database is asked over HTTP and verifies it again."""
    bot: str | None = None
    """The name of the bot that speaks for the user; None for who signed in. No token says it: the service does."""

    @property
    def is_admin(self) -> bool:
        metadata = self.claims.get("app_metadata")
        return isinstance(metadata, dict) and metadata.get("role") == "admin"

    def writer(self) -> UUID:
        """The user id of a signed-in writer. Raises Forbidden for anybody else."""
        if self.user_id is None or self.role != "authenticated":
            raise Forbidden("Only a signed-in writer may do that.")
        return self.user_id


SERVICE = Identity(user_id=None, role="service_role")
"""The service itself: what runs and the sweep act as this."""

SessionDetail.model_rebuild()
