"""Projects: what members share, who they are, and the links that make others members."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID, uuid4, uuid5

from pydantic import BaseModel, Field, ValidationError

from coordinator.errors import InvalidMessage, NotFound, Unavailable
from coordinator.models import Identity
from coordinator.sessions.manager import StorySessionManager
from coordinator.store.gateway import Page
from coordinator.store.projects import (
    Invitation,
    Invite,
    InvitedRole,
    Joined,
    KeptBible,
    Member,
    NewProject,
    Project,
    ProjectDefaults,
    ProjectRole,
    Told,
)
from coordinator.story import canon
from coordinator.story.canon import BibleEntry, Lore, Offer, Source

TOKEN_BYTES = 32
DEFAULT_TTL_S = 7 * 86400
MOST_TTL_S = 365 * 86400
MOST_USES = 1000
BATCH = 20
"""Sessions of one deleting transaction: a second or so where they are long ones."""
Chosen = Collection[UUID] | Literal["all"]


class Deleted(BaseModel):
    """What became of the sessions of a project that is gone."""

    sessions_deleted: int
    sessions_kept: int = Field(description="they are without a project now, each its writer's alone")


class StoryOffers(BaseModel):
    """What a completed story offers to the bible of its project."""

    session_id: UUID
    title: str
    completed_at: datetime | None = None
    offers: list[Offer]


class Settled(BaseModel):
    """What was done with the offers of a story."""

    accepted: list[BibleEntry] = Field(description="as they stand in the bible now")
    dismissed: int


@dataclass(frozen=True, slots=True)
class WantedProject:
    name: str
    description: str = ""
    instructions: str = ""
    defaults: ProjectDefaults = field(default_factory=ProjectDefaults)
    request_id: str | None = None


class Stops(Protocol):
    """Whoever runs stories here."""

    async def stop(self, session_id: UUID) -> None: ...


class Projects:
    """What a method awaits is durable when it returns. Raises NotFound for who is no member, Forbidden for one who may
    not do that, Conflict where the project is archived."""

    def __init__(self, manager: StorySessionManager, runs: Stops) -> None:
        self._feed = manager.feed
        self._operations = manager.store.projects
        self._runs = runs

    # -- Projects ----------------------------------------------------------------------------------------------------

    async def create(self, identity: Identity, wanted: WantedProject) -> tuple[Project, bool]:
        """A new project of theirs, and whether it is new: the same `request_id` answers the one that it made."""
        owner = identity.writer()
        made = uuid5(owner, f"project {wanted.request_id}") if wanted.request_id else uuid4()
        new = NewProject(made, wanted.name, wanted.description, wanted.instructions, wanted.defaults)
        return await self._operations.create(owner, new)

    async def get(self, identity: Identity, project_id: UUID) -> Project:
        return await self._operations.get(identity, project_id)

    async def search(
        self, identity: Identity, *, q: str | None, archived: bool | None, limit: int, cursor: str | None
    ) -> Page[Project]:
        """Those that they are a member of."""
        identity.writer()
        return await self._operations.search(identity, q=q, archived=archived, limit=limit, cursor=cursor)

    async def update(
        self, identity: Identity, project_id: UUID, changes: Mapping[str, Any], version: int | None
    ) -> Project:
        """Raises Conflict where `version` is not the current one."""
        if not changes:
            raise InvalidMessage("Nothing to change: give a `name`, `description`, `instructions` or `defaults`.")
        return await self._operations.update(project_id, identity.writer(), changes, version)

    async def archive(self, identity: Identity, project_id: UUID, *, archived: bool) -> Project:
        return await self._operations.archive(project_id, identity.writer(), archived=archived)

    async def delete(self, identity: Identity, project_id: UUID, *, with_sessions: bool) -> Deleted:
        """Its sessions go as well, their runs stopped, or are kept without it."""
        owner, gone = identity.writer(), 0
        while True:
            batch = await self._operations.delete(project_id, owner, with_sessions=with_sessions, limit=BATCH)
            for session_id in batch.session_ids:
                self._feed.end(session_id)
                await self._runs.stop(session_id)
            gone += len(batch.session_ids)
            if not batch.more:
                await self._look_again()
                return Deleted(sessions_deleted=gone, sessions_kept=batch.kept)

    # -- Members -----------------------------------------------------------------------------------------------------

    async def members(self, identity: Identity, project_id: UUID) -> list[Member]:
        return await self._operations.members(project_id, identity.writer())

    async def change_member(self, identity: Identity, project_id: UUID, member: UUID, role: ProjectRole) -> Member:
        """Raises Conflict for the only owner's."""
        return await self._operations.change_member(project_id, identity.writer(), member, role)

    async def remove_member(self, identity: Identity, project_id: UUID, member: UUID) -> None:
        """Themselves to leave. What the member watches of the project ends at once. Raises Conflict for the only
        owner."""
        await self._operations.remove_member(project_id, identity.writer(), member)
        await self._look_again()

    async def _look_again(self) -> None:
        """On this node at once; the others are told of it by the database, and what is missed here is seen on time."""
        with contextlib.suppress(Unavailable):
            await self._feed.look_again()

    # -- Invitations -------------------------------------------------------------------------------------------------

    async def invite(
        self, identity: Identity, project_id: UUID, role: InvitedRole, ttl_s: int = DEFAULT_TTL_S, uses: int | None = 1
    ) -> tuple[Invite, str]:
        """An invitation and its token, which is nowhere kept and can't be had again."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        made = await self._operations.invite(
            project_id,
            identity.writer(),
            invite_id=uuid4(),
            role=role,
            token_hash=_hashed(token),
            ttl_s=ttl_s,
            uses=uses,
        )
        return made, token

    async def invites(self, identity: Identity, project_id: UUID) -> list[Invite]:
        return await self._operations.invites(identity.writer(), project_id)

    async def revoke_invite(self, identity: Identity, project_id: UUID, invite_id: UUID) -> None:
        await self._operations.revoke_invite(project_id, identity.writer(), invite_id)

    async def read_invite(self, identity: Identity, token: str) -> Invitation:
        """Raises NotFound, or Expired where it is good no more."""
        return await self._operations.read_invite(identity.writer(), _hashed(token))

    async def accept_invite(self, identity: Identity, token: str) -> Joined:
        """Raises NotFound, Expired where it is good no more, Conflict for one member too many."""
        return await self._operations.accept_invite(identity.writer(), _hashed(token))

    # -- The bible ---------------------------------------------------------------------------------------------------

    async def bible(self, identity: Identity, project_id: UUID) -> list[BibleEntry]:
        kept = await self._operations.bible(identity, project_id)
        return await asyncio.to_thread(canon.entries_of, kept.bible)

    async def add_entry(
        self, identity: Identity, project_id: UUID, lore: Mapping[str, Any], request_id: str | None = None
    ) -> BibleEntry:
        """Something that a member has written. The same `request_id` of theirs is the same entry."""
        user = identity.writer()
        made = uuid5(project_id, f"entry {user} {request_id}") if request_id else uuid4()
        return await self.put(user, project_id, _read(lore), Source(how="written"), made)

    async def put(self, user: UUID, project_id: UUID, lore: Lore, source: Source, entry_id: UUID) -> BibleEntry:
        """An entry from any source, in the place of the one with that id. Raises TooLarge for a bible too long."""
        entry = BibleEntry(**canon.checked(lore).model_dump(), id=entry_id, source=source)
        part, kept = canon.stored(entry)
        await self._operations.put_entries(project_id, user, {part: [kept]})
        return entry

    async def change_entry(
        self, identity: Identity, project_id: UUID, entry_id: UUID, changes: Mapping[str, Any]
    ) -> BibleEntry:
        """What is given is changed. Where it comes from stays."""
        if not changes:
            raise InvalidMessage("Nothing to change: give what the entry is to say.")
        held = next((one for one in await self.bible(identity, project_id) if one.id == entry_id), None)
        if held is None:
            raise NotFound("The bible has no such entry.")
        lore = canon.checked(_read({**held.model_dump(exclude={"id", "source"}), **changes}))
        entry = BibleEntry(**lore.model_dump(), id=held.id, source=held.source)
        part, kept = canon.stored(entry)
        await self._operations.put_entries(project_id, identity.writer(), {part: [kept]}, known=True)
        return entry

    async def remove_entry(self, identity: Identity, project_id: UUID, entry_id: UUID) -> None:
        await self._operations.remove_entry(project_id, identity.writer(), entry_id)

    # -- What stories offer ------------------------------------------------------------------------------------------

    async def offers(
        self, identity: Identity, project_id: UUID, *, limit: int, cursor: str | None
    ) -> Page[StoryOffers]:
        """Of the newest completed stories those that have something to offer: fewer than `limit`, as a rule."""
        kept = await self._operations.bible(identity, project_id)
        told = await self._operations.told(identity, project_id, limit=limit, cursor=cursor)
        # Long bibles take a while to compare.
        return Page(await asyncio.to_thread(_offered, told.items, kept), told.next_cursor)

    async def settle(
        self, identity: Identity, project_id: UUID, session_id: UUID, *, accept: Chosen, dismiss: Chosen
    ) -> Settled:
        """Offers of a story into the bible, with their source, and others never offered again. Again changes nothing.

        Raises NotFound for what it has never offered.
        """
        user = identity.writer()
        kept = await self._operations.bible(identity, project_id)
        (story,) = (await self._operations.told(identity, project_id, session_id=session_id)).items
        found = await asyncio.to_thread(_offered, [story], kept)
        left = {offer.id: offer for one in found for offer in one.offers}
        source = Source(how="told", session_id=session_id, title=story.title)
        wanted = _chosen(accept, left, kept.settled)
        entries = [canon.accepted(offer, source) for offer in wanted]
        unwanted = [one for one in _chosen(dismiss, left, kept.settled) if one not in wanted]
        parts: dict[str, list[dict[str, Any]]] = {}
        for entry in entries:
            part, item = canon.stored(entry)
            parts.setdefault(part, []).append(item)
        settled = [str(offer.id) for offer in (*wanted, *unwanted)]
        await self._operations.put_entries(project_id, user, parts, settled=settled)
        return Settled(accepted=entries, dismissed=len(unwanted))


def _offered(stories: Iterable[Told], kept: KeptBible) -> list[StoryOffers]:
    """Of these stories those that have something to offer."""
    entries = canon.entries_of(kept.bible)
    found = [
        StoryOffers(
            session_id=story.session_id,
            title=story.title,
            completed_at=story.completed_at,
            offers=canon.offers_of(story.session_id, story.bible, entries, kept.settled),
        )
        for story in stories
    ]
    return [story for story in found if story.offers]


def _chosen(chosen: Chosen, left: Mapping[UUID, Offer], settled: Collection[str]) -> list[Offer]:
    if chosen == "all":
        return list(left.values())
    if any(one not in left and str(one) not in settled for one in chosen):
        raise NotFound("The story has no such offer.")
    return [left[one] for one in dict.fromkeys(UUID(str(one)) for one in chosen) if one in left]


def _read(lore: Mapping[str, Any]) -> Lore:
    try:
        return Lore.model_validate(lore)
    except ValidationError as error:
        faults = "; ".join(f"`{fault['loc'][0]}`: {fault['msg']}" for fault in error.errors()[:5] if fault["loc"])
        raise InvalidMessage(f"{faults or 'The entry can not be read'}.") from None


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
