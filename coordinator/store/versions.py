"""Operations on the versions of a text: a person's edits, alternatives for a passage, forks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal
from uuid import UUID

from coordinator.admins import reads_as
from coordinator.errors import NotFound
from coordinator.models import SERVICE, Alternative, Draft, Identity, Session, StoryConfig
from coordinator.store.gateway import Gateway, Page, Rows
from coordinator.store.sessions import Changed, Json, changed

_ALTERNATIVES = Rows(Alternative)


@dataclass(frozen=True, slots=True)
class SoFar:
    """What a session has done: its finished steps in order, and of each version the step that made it."""

    session: Session
    prompt: str
    steps: list[Json]
    versions: dict[int, str | None]


@dataclass(frozen=True, slots=True)
class Made:
    """What one model call made of a passage; `content` is None where it failed. `id` makes a repeated call harmless."""

    id: UUID
    content: str | None
    model: str
    tokens: int
    cost_usd: float


class VersionOperations:
    def __init__(self, gateway: Gateway, page_bytes: int) -> None:
        self._gateway = gateway
        self._bytes = page_bytes

    async def so_far(self, identity: Identity, session_id: UUID) -> SoFar:
        """Raises NotFound where it is absent or not the identity's to see."""
        answer = await self._gateway.read("get_work", identity, session_id=session_id)
        return SoFar(
            Session.model_validate(answer["session"]),
            answer["prompt"],
            answer["steps"],
            {draft["version"]: draft["step"] for draft in answer["drafts"]},
        )

    async def edit(
        self,
        session_id: UUID,
        owner: UUID,
        *,
        base_version: int,
        content: str,
        word_count: int,
        alternative_id: UUID | None = None,
    ) -> tuple[Draft, list[Json]]:
        """The next version, current. Raises Conflict where `base_version` is not current, or a run holds the text."""
        answer = await self._gateway.write(
            "edit_draft",
            SERVICE,
            session_id=session_id,
            owner=owner,
            base_version=base_version,
            content=content,
            word_count=word_count,
            alternative_id=alternative_id,
        )
        return Draft.model_validate(answer["draft"]), answer["events"]

    async def add_alternatives(
        self,
        session_id: UUID,
        owner: UUID,
        *,
        version: int,
        start: int,
        end: int,
        passage: str,
        instruction: str,
        made: Sequence[Made],
    ) -> tuple[list[Alternative], list[Json]]:
        """Keeps what was made and counts what was used, once; answers those that have a text."""
        rows = [{**asdict(one), "id": str(one.id)} for one in made]
        answer = await self._gateway.write(
            "add_alternatives",
            SERVICE,
            session_id=session_id,
            owner=owner,
            version=version,
            start=start,
            end=end,
            passage=passage,
            instruction=instruction,
            made=rows,
        )
        return [Alternative.model_validate(item) for item in answer["items"]], answer["events"]

    async def alternatives(
        self, identity: Identity, session_id: UUID, limit: int, cursor: str | None
    ) -> Page[Alternative]:
        return await self._gateway.page(
            "list_alternatives",
            reads_as(identity),
            _ALTERNATIVES,
            session_id=session_id,
            limit=limit,
            cursor=cursor,
            bytes=self._bytes,
        )

    async def alternative(self, identity: Identity, session_id: UUID, alternative_id: UUID) -> Alternative:
        """Raises NotFound where there is none."""
        answer = await self._gateway.read(
            "get_alternative", reads_as(identity), session_id=session_id, id=alternative_id
        )
        if answer is None:
            raise NotFound("There is no such alternative.")
        return Alternative.model_validate(answer)

    async def fork(
        self,
        session_id: UUID,
        owner: UUID,
        *,
        steps: Sequence[str],
        until: str | None,
        title: str | None,
        config: StoryConfig,
        context: Json,
        progress: Json,
        scores: dict[int, dict[str, int]],
        draft_version: int,
        model: str,
        ttl_s: int,
        status: Literal["active", "paused"],
        request_id: str,
    ) -> Changed:
        """Durable on return. The same `request_id` of the same owner answers the session that it made before."""
        return changed(
            await self._gateway.write(
                "fork_session",
                SERVICE,
                session_id=session_id,
                owner=owner,
                steps=tuple(steps),
                step=until,
                title=title,
                config=config.model_dump(mode="json", exclude_none=True),
                context=context,
                progress=progress,
                scores={str(version): rated for version, rated in scores.items()},
                draft_version=draft_version,
                model=model,
                ttl_s=ttl_s,
                status=status,
                request_id=request_id,
            )
        )
