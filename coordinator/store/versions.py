"""Operations on the versions of a text: a person's edits, alternatives for a passage, forks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal
from uuid import UUID, uuid4

from coordinator.admins import reads_as
from coordinator.errors import NotFound
from coordinator.models import SERVICE, Alternative, Draft, Identity, Progress, Session, StoryConfig
from coordinator.store.gateway import Gateway
from coordinator.store.sessions import Changed, Json, changed
from coordinator.story.words import count_words


@dataclass(frozen=True, slots=True)
class SoFar:
    """What a session has done: its finished steps in order, and of each version the step that made it; `material` is
    what it has begun with of its project."""

    session: Session
    prompt: str
    steps: list[Json]
    versions: dict[int, str | None]
    material: Json | None


@dataclass(frozen=True, slots=True)
class Made:
    """What one model call made of a passage; `content` is None where it failed. `id` makes a repeated call harmless."""

    id: UUID
    content: str | None
    model: str
    tokens: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class NewDraft:
    """A version of the text that is to be kept, `version` being its number."""

    content: str
    version: int
    author: str = "writer"
    current: bool = True
    step: str | None = None
    scores: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """A writer's own text in place of `base_version`; with `alternative_id` it is that one that they accept by it."""

    base_version: int
    content: str
    word_count: int
    alternative_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A passage of a version, from `start` to `end` in characters, and what model calls have made of it."""

    version: int
    start: int
    end: int
    passage: str
    instruction: str
    made: Sequence[Made]


@dataclass(frozen=True, slots=True)
class NewFork:
    """A session that is to begin with these `steps` of another, `until` being the last of them and None for all.

    `context` is what its agents know, `scores` those of its versions, `draft_version` its current one. `request_id` as
    of a new session."""

    steps: Sequence[str]
    until: str | None
    config: StoryConfig
    context: Json
    progress: Progress
    scores: dict[int, dict[str, int]]
    draft_version: int
    model: str
    status: Literal["active", "paused"] = "active"
    title: str | None = None
    request_id: str | None = None


class VersionOperations:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def so_far(self, identity: Identity, session_id: UUID) -> SoFar:
        """Raises NotFound where it is absent or not the identity's to see."""
        answer = await self._gateway.read("get_work", identity, session_id=session_id)
        return SoFar(
            Session.model_validate(answer["session"]),
            answer["prompt"],
            answer["steps"],
            {draft["version"]: draft["step"] for draft in answer["drafts"]},
            answer["material"],
        )

    async def append(
        self, session_id: UUID, owner: UUID | None, new: NewDraft, epoch: int | None = None
    ) -> tuple[Draft, list[Json]]:
        """Durable on return. Raises Conflict where `version` is not the next one."""
        answer = await self._gateway.write(
            "append_draft",
            SERVICE,
            session_id=session_id,
            owner=owner,
            **asdict(new),
            word_count=count_words(new.content),
            epoch=epoch,
        )
        return Draft.model_validate(answer["draft"]), answer["events"]

    async def edit(self, session_id: UUID, owner: UUID, edit: Edit) -> tuple[Draft, list[Json]]:
        """The next version, current. Raises Conflict where `base_version` is not current, or a run holds the text."""
        answer = await self._gateway.write("edit_draft", SERVICE, session_id=session_id, owner=owner, **asdict(edit))
        return Draft.model_validate(answer["draft"]), answer["events"]

    async def add_alternatives(
        self, session_id: UUID, owner: UUID, written: Rewritten
    ) -> tuple[list[Alternative], list[Json]]:
        """Keeps what was made and counts what was used, once; answers those that have a text."""
        answer = await self._gateway.write(
            "add_alternatives",
            SERVICE,
            session_id=session_id,
            owner=owner,
            version=written.version,
            start=written.start,
            end=written.end,
            passage=written.passage,
            instruction=written.instruction,
            made=[{**asdict(one), "id": str(one.id)} for one in written.made],
        )
        return [Alternative.model_validate(item) for item in answer["items"]], answer["events"]

    async def alternative(self, identity: Identity, session_id: UUID, alternative_id: UUID) -> Alternative:
        """Raises NotFound where there is none."""
        answer = await self._gateway.read(
            "get_alternative", reads_as(identity), session_id=session_id, id=alternative_id
        )
        if answer is None:
            raise NotFound("There is no such alternative.")
        return Alternative.model_validate(answer)

    async def fork(self, session_id: UUID, owner: UUID, new: NewFork, ttl_s: int) -> Changed:
        """Durable on return. The same `request_id` of the same owner answers the session that it made before."""
        answer = await self._gateway.write(
            "fork_session",
            SERVICE,
            session_id=session_id,
            owner=owner,
            steps=tuple(new.steps),
            step=new.until,
            title=new.title,
            config=new.config.model_dump(mode="json", exclude_none=True),
            context=new.context,
            progress=new.progress.model_dump(mode="json"),
            scores={str(version): rated for version, rated in new.scores.items()},
            draft_version=new.draft_version,
            model=new.model,
            ttl_s=ttl_s,
            status=new.status,
            request_id=new.request_id or str(uuid4()),
        )
        return changed(answer)
