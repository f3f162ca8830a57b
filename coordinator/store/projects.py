"""Operations on projects: what sessions share, its members, invitations to it, its bible. An invitation's token itself
never comes here, only its SHA-256."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from coordinator.admins import reads_as
from coordinator.models import SERVICE, Budget, Identity, Kept, Name, ShortText
from coordinator.store.gateway import Gateway, Page, Rows

Json = dict[str, Any]
ProjectRole = Literal["owner", "editor", "viewer"]
InvitedRole = Literal["editor", "viewer"]


class ProjectDefaults(BaseModel):
    """What a story that is started in a project gets where its writer chose nothing."""

    model_config = ConfigDict(extra="forbid")

    template: Name | None = None
    model: ShortText | None = None
    pages: int | None = Field(default=None, ge=1, le=100)
    budget: Budget | None = None
    rating: ShortText | None = Field(default=None, description="for whom it is written")


class Project(BaseModel):
    id: UUID
    user_id: UUID = Field(description="the owner for whom it counts")
    name: str
    description: str
    instructions: str = Field(description="for all that is written in it")
    defaults: Annotated[ProjectDefaults, Kept]
    role: ProjectRole | None = Field(
        default=None, description="what the caller is in it; null for an admin who is nothing"
    )
    members: int = Field(description="how many it has")
    version: int = Field(description="the next with each change, but for those of the bible")
    archived_at: datetime | None = Field(default=None, description="since when nothing begins in it")
    created_at: datetime
    updated_at: datetime


class Member(BaseModel):
    user_id: UUID
    role: ProjectRole
    display_name: str
    created_at: datetime


class Invite(BaseModel):
    """A link as the owners of a project may see it: without its token, which is shown once, when it is made."""

    id: UUID
    project_id: UUID
    user_id: UUID = Field(description="who made it")
    role: InvitedRole
    uses_left: int | None = Field(default=None, description="null for any number")
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


class Invitation(BaseModel):
    """What whoever has the link sees before they accept it."""

    project_id: UUID
    name: str
    role: InvitedRole
    expires_at: datetime
    member: ProjectRole | None = Field(default=None, description="what the caller is there already")


class Joined(BaseModel):
    project: Project
    joined: bool = Field(description="false where the caller was a member before")


@dataclass(frozen=True, slots=True)
class NewProject:
    """A project that is to be made. The same `id` again is the same project."""

    id: UUID
    name: str
    description: str
    instructions: str
    defaults: ProjectDefaults


@dataclass(frozen=True, slots=True)
class DeletedBatch:
    """What a call has done: sessions that it deleted; with `more` another is to follow, after which the project is gone
    and so many of its sessions are `kept` without it."""

    session_ids: list[UUID]
    kept: int
    more: bool


@dataclass(frozen=True, slots=True)
class KeptBible:
    """As it is kept: the entries by their lists, and the ids of the offers that were settled."""

    bible: Json
    settled: list[str]


@dataclass(frozen=True, slots=True)
class Told:
    """What a completed story has established."""

    session_id: UUID
    title: str
    completed_at: datetime | None
    bible: Json | None


_PROJECTS = Rows(Project)


class ProjectOperations:
    """Everything is checked by the database within the call: NotFound for who is no member, Forbidden for one who may
    not do that, Conflict where the project is archived."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def create(self, owner: UUID, new: NewProject) -> tuple[Project, bool]:
        """Durable on return, and whether it is new. Raises TooLarge for one too many."""
        answer = await self._gateway.write(
            "create_project",
            SERVICE,
            id=new.id,
            user_id=owner,
            name=new.name,
            description=new.description,
            instructions=new.instructions,
            defaults=new.defaults.model_dump(mode="json", exclude_none=True),
        )
        return Project.model_validate(answer["project"]), answer["created"]

    async def get(self, identity: Identity, project_id: UUID) -> Project:
        answer = await self._gateway.read("get_project", reads_as(identity), project_id=project_id)
        return Project.model_validate(answer)

    async def search(
        self, identity: Identity, *, q: str | None, archived: bool | None, limit: int, cursor: str | None
    ) -> Page[Project]:
        """Those that the identity is a member of, changed last first."""
        return await self._gateway.page(
            "list_projects", identity, _PROJECTS, q=q, archived=archived, limit=limit, cursor=cursor
        )

    async def update(self, project_id: UUID, user: UUID, changes: Mapping[str, Any], version: int | None) -> Project:
        """What `changes` names of name, description, instructions and defaults. Raises Conflict where `version` is not
        the current one."""
        answer = await self._gateway.write(
            "update_project", SERVICE, project_id=project_id, user_id=user, changes=dict(changes), version=version
        )
        return Project.model_validate(answer)

    async def archive(self, project_id: UUID, user: UUID, *, archived: bool) -> Project:
        answer = await self._gateway.write(
            "archive_project", SERVICE, project_id=project_id, user_id=user, archived=archived
        )
        return Project.model_validate(answer)

    async def delete(self, project_id: UUID, user: UUID, *, with_sessions: bool, limit: int) -> DeletedBatch:
        """The project, its sessions kept without it; or `limit` of its sessions, the project with the last."""
        answer = await self._gateway.write(
            "delete_project",
            SERVICE,
            project_id=project_id,
            user_id=user,
            sessions="delete" if with_sessions else "keep",
            limit=limit,
        )
        return DeletedBatch([UUID(one) for one in answer["session_ids"]], answer["kept"], answer["more"])

    # -- Members and invitations -------------------------------------------------------------------------------------

    async def members(self, project_id: UUID, user: UUID) -> list[Member]:
        answer = await self._gateway.read("list_members", SERVICE, project_id=project_id, user_id=user)
        return [Member.model_validate(item) for item in answer]

    async def change_member(self, project_id: UUID, user: UUID, member: UUID, role: ProjectRole) -> Member:
        """Raises Conflict for the only owner's."""
        answer = await self._gateway.write(
            "change_member", SERVICE, project_id=project_id, user_id=user, member=member, role=role
        )
        return Member.model_validate(answer)

    async def remove_member(self, project_id: UUID, user: UUID, member: UUID) -> None:
        """Raises Conflict for the only owner. Every node hears of it."""
        await self._gateway.write("remove_member", SERVICE, project_id=project_id, user_id=user, member=member)

    async def invite(
        self,
        project_id: UUID,
        user: UUID,
        *,
        invite_id: UUID,
        role: InvitedRole,
        token_hash: str,
        ttl_s: int,
        uses: int | None,
    ) -> Invite:
        answer = await self._gateway.write(
            "create_invite",
            SERVICE,
            id=invite_id,
            project_id=project_id,
            user_id=user,
            role=role,
            token_hash=token_hash,
            ttl_s=ttl_s,
            uses=uses,
        )
        return Invite.model_validate(answer)

    async def invites(self, user: UUID, project_id: UUID | None = None) -> list[Invite]:
        """Newest first: of a project, for an owner of it, or all that the user has made."""
        answer = await self._gateway.read("list_invites", SERVICE, user_id=user, project_id=project_id)
        return [Invite.model_validate(item) for item in answer]

    async def revoke_invite(self, project_id: UUID, user: UUID, invite_id: UUID) -> Invite:
        """Again changes nothing."""
        return Invite.model_validate(
            await self._gateway.write("revoke_invite", SERVICE, id=invite_id, project_id=project_id, user_id=user)
        )

    async def read_invite(self, user: UUID, token_hash: str) -> Invitation:
        """Raises NotFound, or Expired with the reason."""
        return Invitation.model_validate(
            await self._gateway.read("read_invite", SERVICE, token_hash=token_hash, user_id=user)
        )

    async def accept_invite(self, user: UUID, token_hash: str) -> Joined:
        """Raises NotFound, Expired with the reason, Conflict for one member too many. Again uses nothing up."""
        return Joined.model_validate(
            await self._gateway.write("accept_invite", SERVICE, token_hash=token_hash, user_id=user)
        )

    # -- The bible ---------------------------------------------------------------------------------------------------

    async def bible(self, identity: Identity, project_id: UUID) -> KeptBible:
        answer = await self._gateway.read("get_bible", reads_as(identity), project_id=project_id)
        return KeptBible(answer["bible"], answer["dismissed"])

    async def put_entries(
        self,
        project_id: UUID,
        user: UUID,
        entries: Mapping[str, Collection[Json]],
        *,
        known: bool = False,
        settled: Collection[str] = (),
    ) -> None:
        """Entries by their lists, in the place of those of the same id. Raises NotFound where one that is to be `known`
        is not there, TooLarge for a bible that would be too long."""
        await self._gateway.write(
            "put_entries",
            SERVICE,
            project_id=project_id,
            user_id=user,
            entries={part: list(listed) for part, listed in entries.items()},
            known=known,
            dismissed=list(settled),
        )

    async def remove_entry(self, project_id: UUID, user: UUID, entry_id: UUID) -> None:
        await self._gateway.write("remove_entry", SERVICE, project_id=project_id, user_id=user, entry_id=str(entry_id))

    async def told(
        self,
        identity: Identity,
        project_id: UUID,
        *,
        session_id: UUID | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> Page[Told]:
        """What the completed stories of a project have established, newest first. NotFound where a named one is none of
        them."""
        answer = await self._gateway.read(
            "list_offers",
            reads_as(identity),
            project_id=project_id,
            session_id=session_id,
            limit=limit,
            cursor=cursor,
        )
        items = [
            Told(UUID(item["session_id"]), item["title"], item["completed_at"], item["bible"])
            for item in answer["items"]
        ]
        return Page(items, answer["next_cursor"])

    # -- Who watches -------------------------------------------------------------------------------------------------

    async def lost_sights(self, watched: Mapping[UUID, Collection[UUID]]) -> list[tuple[UUID, UUID]]:
        """Of the sessions that users watch the pairs (user, session) which that user may not read any more."""
        answer = await self._gateway.read(
            "lost_sights", SERVICE, watched={str(user): [str(one) for one in ids] for user, ids in watched.items()}
        )
        return [(UUID(user), UUID(session_id)) for user, session_id in answer]
