"""Operations on sessions: create, read, list, move, rename, delete, sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID, uuid4

from coordinator.admins import reads_as
from coordinator.models import (
    SERVICE,
    Budget,
    Failure,
    Identity,
    Kind,
    Progress,
    Session,
    SessionDetail,
    Status,
    StoryConfig,
)
from coordinator.store.gateway import Gateway, Page, Rows

Json = dict[str, Any]

_SESSIONS = Rows(Session)


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change answers: the session as it stands, and the events that it made, already stored and numbered."""

    session: Session
    events: list[Json]
    changed: bool = True


@dataclass(frozen=True, slots=True)
class Deleted:
    """Sessions that retention removed: how many of each status, and which."""

    counts: dict[Status, int]
    session_ids: list[UUID]


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that is to be made. Without a `request_id` it gets one of its own, so that a write whose answer was
    lost and is tried again makes no second one."""

    prompt: str
    template: str
    model: str
    config: StoryConfig = field(default_factory=StoryConfig)
    kind: Kind = "story"
    title: str | None = None
    request_id: str | None = None
    progress: Progress = field(default_factory=Progress)
    project_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """Which sessions are wanted: those of one `owner`, or of all that the reader may see, of one project where that is
    named; `since` is when they were made, in ISO 8601, `q` a part of the title, the prompt or the text."""

    owner: UUID | None = None
    project_id: UUID | None = None
    status: Status | None = None
    kind: Kind | None = None
    template: str | None = None
    since: str | None = None
    q: str | None = None
    limit: int = 20
    cursor: str | None = None


def changed(answer: Json) -> Changed:
    fresh = bool(answer.get("changed", answer.get("created", True)))
    return Changed(Session.model_validate(answer["session"]), answer["events"], fresh)


class SessionOperations:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def create(self, owner: UUID, new: NewSession, ttl_s: int) -> Changed:
        """Durable on return. The same `request_id` of the same owner answers the session that it made before."""
        answer = await self._gateway.write(
            "create_session",
            SERVICE,
            user_id=owner,
            kind=new.kind,
            title=new.title,
            prompt=new.prompt,
            template=new.template,
            config=new.config.model_dump(mode="json", exclude_none=True),
            model=new.model,
            ttl_s=ttl_s,
            request_id=new.request_id or str(uuid4()),
            progress=new.progress.model_dump(mode="json"),
            project_id=new.project_id,
        )
        return changed(answer)

    async def get(self, identity: Identity, session_id: UUID) -> SessionDetail:
        """Raises NotFound where it is absent or not the identity's to see."""
        answer = await self._gateway.read("get_session", reads_as(identity), session_id=session_id)
        return SessionDetail.model_validate(answer)

    async def search(self, identity: Identity, wanted: Search) -> Page[Session]:
        """Newest activity first."""
        owner = wanted.owner
        # An admin's look at one other user is a read of anybody's rows, as the look at all is.
        caller = identity if owner is not None and owner == identity.user_id else reads_as(identity)
        if owner is None and wanted.project_id is None and wanted.q is not None and identity.is_admin:
            # Under row level security no index by words can be used.
            caller = SERVICE
        conditions = asdict(wanted)
        del conditions["owner"]
        return await self._gateway.page("list_sessions", caller, _SESSIONS, user_id=owner, **conditions)

    async def change_status(
        self,
        session_id: UUID,
        owner: UUID | None,
        *,
        to: Status,
        allowed: tuple[Status, ...],
        reason: str | None = None,
        error: Failure | None = None,
    ) -> Changed:
        """Fences the session's run. Raises Conflict where the session's status is not among `allowed`."""
        return changed(
            await self._gateway.write(
                "change_status",
                SERVICE,
                session_id=session_id,
                owner=owner,
                to=to,
                **{"from": allowed},
                reason=reason,
                error=error.model_dump() if error else None,
            )
        )

    async def rename(self, session_id: UUID, owner: UUID, title: str, epoch: int | None) -> Changed:
        return changed(
            await self._gateway.write(
                "rename_session", SERVICE, session_id=session_id, owner=owner, title=title, epoch=epoch
            )
        )

    async def check_editor(self, session_id: UUID, user: UUID) -> None:
        """Raises NotFound for a session that is neither the user's nor of a project of theirs, Forbidden where they may
        only read it."""
        await self._gateway.read("check_session", SERVICE, session_id=session_id, owner=user)

    async def delete(self, session_id: UUID, owner: UUID | None) -> None:
        await self._gateway.write("delete_session", SERVICE, session_id=session_id, owner=owner)

    async def expire(self, limit: int) -> list[Changed]:
        """Ends up to `limit` sessions whose time is over."""
        return [changed(item) for item in await self._gateway.write("expire_sessions", SERVICE, limit=limit)]

    async def delete_old(self, keep: Mapping[Status, float], limit: int) -> Deleted:
        """Up to `limit` sessions that ended longer ago than `keep` says, in seconds, 0 being never."""
        answer = await self._gateway.write("delete_old_sessions", SERVICE, keep=dict(keep), limit=limit)
        return Deleted(answer["deleted"], [UUID(text) for text in answer["session_ids"]])

    async def pause(self, session_id: UUID, owner: UUID) -> Changed:
        """Paused, or where a run holds it `pausing` until the step at hand is done."""
        return changed(await self._gateway.write("pause_session", SERVICE, session_id=session_id, owner=owner))

    async def answer_gate(
        self, session_id: UUID, owner: UUID, step: str, *, approved: bool, comment: str | None
    ) -> Changed:
        """Raises Conflict where that gate does not wait."""
        return changed(
            await self._gateway.write(
                "answer_gate",
                SERVICE,
                session_id=session_id,
                owner=owner,
                step=step,
                approved=approved,
                # The same in every try of this one call, so that only a second answer is refused.
                comment=comment,
                call=uuid4(),
            )
        )

    async def set_budget(self, session_id: UUID, owner: UUID, budget: Budget | None) -> Changed:
        return changed(
            await self._gateway.write(
                "set_budget",
                SERVICE,
                session_id=session_id,
                owner=owner,
                budget=budget.model_dump(exclude_none=True) if budget else None,
            )
        )
