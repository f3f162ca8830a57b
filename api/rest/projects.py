"""REST /api/v1/projects and /api/v1/invites: what sessions share, who takes part, and the links that let others in."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from api.errors import responses
from api.guards.requests import PRIVATE
from api.rest.examples import answered, asked, shown
from api.rest.sessions import Cursor, Items, Key, Limit, page
from api.state import Caller, Service
from api.strict import StrictRoute
from coordinator.models import ShortText, Storable, Title
from coordinator.people.projects import (
    DEFAULT_TTL_S,
    MOST_TTL_S,
    MOST_USES,
    Deleted,
    Settled,
    StoryOffers,
    WantedProject,
)
from coordinator.store.projects import (
    Invitation,
    Invite,
    InvitedRole,
    Joined,
    Member,
    Project,
    ProjectDefaults,
    ProjectRole,
)
from coordinator.story.canon import BibleEntry, EntryKind

router = APIRouter(prefix="/api/v1", tags=["projects"], route_class=StrictRoute)

Description = Annotated[str, Field(max_length=2_000), Storable]
Instructions = Annotated[str, Field(max_length=10_000), Storable]
Said = Annotated[str, Field(max_length=2_000), Storable]
Token = Annotated[str, Path(max_length=200)]
Chosen = Annotated[list[UUID], Field(max_length=1_000)] | Literal["all"]
Stories = Annotated[int, Query(ge=1, le=20, description="stories looked through for a page")]
MEMBER = ("unauthorized", "not_found")
EDITOR = ("unauthorized", "forbidden", "not_found", "conflict", "invalid_message", "too_large")
OWNER = ("unauthorized", "forbidden", "not_found", "conflict")


P, U, T = "7c0e3f4a-6a55-4b4e-8a3c-0d9b2f1c5e21", "0d7e3a52-2f0f-4a1e-9d9f-2f5b0c9d1e77", "2026-11-29T12:00:00Z"
PROJECT: JsonDict = {
    "id": P,
    "user_id": U,
    "name": "The Light",
    "description": "Stories of one coast.",
    "instructions": "Write as if it rained.",
    "defaults": {"template": "noir", "pages": 3},
    "role": "owner",
    "members": 2,
    "version": 1,
    "archived_at": None,
    "created_at": T,
    "updated_at": T,
}
MEMBER_SHOWN: JsonDict = {"user_id": U, "role": "editor", "display_name": "Ada", "created_at": T}
INVITE: JsonDict = {
    "id": "1f0c9a52-74c5-4a1c-93a2-8d5b7c0e6f11",
    "project_id": P,
    "user_id": U,
    "role": "editor",
    "uses_left": 1,
    "created_at": T,
    "expires_at": "2026-12-06T12:00:00Z",
    "revoked_at": None,
}
ENTRY: JsonDict = {
    "kind": "person",
    "name": "Mara Voss",
    "role": "keeper",
    "description": "She counts the flashes.",
    "voice": "",
    "text": "",
    "id": "9a1d5b0e-2c3f-4d7a-8b6e-5f4c3d2b1a09",
    "source": {"how": "written", "session_id": None, "title": ""},
}
OFFER: JsonDict = {
    "kind": "fact",
    "name": None,
    "role": "",
    "description": "",
    "voice": "",
    "text": "The lamp has seven lenses.",
    "id": "4e2b7c19-0a8d-4c5e-9f3b-6d1a2e7c8b50",
    "replaces": None,
}
STORY_OFFERS: JsonDict = {
    "session_id": "2b6c1f3e-6d2f-4d0b-8a55-0c7f4f8f6b10",
    "title": "The Keeper",
    "completed_at": T,
    "offers": [OFFER],
}


class NewProject(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra=shown({"name": "The Light", "instructions": "Write as if it rained."})
    )

    name: Title
    description: Description = ""
    instructions: Instructions = Field(default="", description="for all that is written in it")
    defaults: ProjectDefaults = ProjectDefaults()


class ProjectChange(BaseModel):
    """What is given is changed. With `version`, only where that is still the current one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=shown({"name": "The Light", "version": 1}))

    # No defaults that a document would show: what is not given stays.
    name: Title = Field(default_factory=str)
    description: Description = Field(default_factory=str)
    instructions: Instructions = Field(default_factory=str)
    defaults: ProjectDefaults = Field(default_factory=ProjectDefaults)
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class RoleChange(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=shown({"role": "editor"}))

    role: ProjectRole


class NewInvite(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=shown({"role": "editor", "uses": 1}))

    role: InvitedRole = "viewer"
    expires_in_s: int = Field(
        default=DEFAULT_TTL_S, ge=60, le=MOST_TTL_S, description="in seconds; 7 days, 365 at most"
    )
    uses: Annotated[int, Field(ge=1, le=MOST_USES)] | None = Field(default=1, description="null for any number")


class MadeInvite(Invite):
    """The one answer that has the token."""

    token: str = Field(description="shown this once; whoever has it may accept the invitation")


class EntryChange(BaseModel):
    """What is given is changed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=shown({"description": "She counts the flashes."}))

    name: ShortText | None = Field(default=None, description="of a person or a place")
    role: Said = Field(default="", description="of a person: what they are, in a few words")
    description: Said = Field(default="", description="of a person or a place")
    voice: Said = Field(default="", description="of a person: how they speak")
    text: Said = Field(default="", description="of a rule or a fact")


class NewEntry(EntryChange):
    """A person needs `name` and `description`, a place the same, a rule and a fact `text`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra=shown(
            {"kind": "person", "name": "Mara Voss", "role": "keeper", "description": "She counts the flashes."}
        ),
    )

    kind: EntryKind


class OfferAnswer(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=shown({"accept": "all"}))

    accept: Chosen = Field(default_factory=list, description="ids of offers, or `all`")
    dismiss: Chosen = Field(default_factory=list, description="ids of offers, or `all` that are not accepted")


# -- Projects ----------------------------------------------------------------------------------------------------------


@router.get(
    "/projects",
    responses={
        200: answered({"items": [PROJECT], "next_cursor": None}),
        **responses("unauthorized", "invalid_message"),
    },
)
async def list_projects(
    caller: Caller,
    service: Service,
    q: Annotated[ShortText | None, Query(description="a part of name or description")] = None,
    archived: Annotated[bool | None, Query(description="only those, or none of those, that are archived")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Items[Project]:
    """The projects that the caller is a member of, changed last first."""
    return page(await service.projects.search(caller, q=q, archived=archived, limit=limit, cursor=cursor))


@router.post(
    "/projects",
    status_code=201,
    responses={
        201: answered(PROJECT),
        200: {"model": Project, **answered(PROJECT, "The project that this key made before")},
        **responses("unauthorized", "invalid_message", "too_large"),
    },
)
async def create_project(
    wanted: NewProject, caller: Caller, service: Service, response: Response, idempotency_key: Key = None
) -> Project:
    """Make a project, of which the caller is the owner. The same `Idempotency-Key` from the same user answers the
    project that it made before (200)."""
    new = WantedProject(wanted.name, wanted.description, wanted.instructions, wanted.defaults, idempotency_key)
    project, made = await service.projects.create(caller, new)
    response.status_code = 201 if made else 200
    response.headers["Location"] = f"/api/v1/projects/{project.id}"
    return project


@router.get("/projects/{project_id}", responses={200: answered(PROJECT), **responses(*MEMBER)})
async def get_project(project_id: UUID, caller: Caller, service: Service) -> Project:
    """A project, with what the caller is in it."""
    return await service.projects.get(caller, project_id)


@router.patch("/projects/{project_id}", responses={200: answered(PROJECT), **responses(*EDITOR)})
async def change_project(project_id: UUID, wanted: ProjectChange, caller: Caller, service: Service) -> Project:
    """Change it, as one of its editors. With `version`: 409 where it has changed since."""
    changes = wanted.model_dump(mode="json", include=wanted.model_fields_set - {"version"})
    if "defaults" in changes:
        changes["defaults"] = wanted.defaults.model_dump(mode="json", exclude_none=True)
    return await service.projects.update(caller, project_id, changes, wanted.version)


@router.delete(
    "/projects/{project_id}",
    responses={200: answered({"sessions_deleted": 0, "sessions_kept": 3}), **responses(*OWNER, "invalid_message")},
)
async def delete_project(
    project_id: UUID,
    caller: Caller,
    service: Service,
    sessions: Annotated[Literal["keep", "delete"], Query(description="what becomes of its sessions")],
) -> Deleted:
    """Delete the project, as one of its owners. Its sessions are kept without it, each its writer's, or deleted, all
    members' alike: the answer says how many."""
    return await service.projects.delete(caller, project_id, with_sessions=sessions == "delete")


@router.post("/projects/{project_id}/archive", responses={200: answered(PROJECT), **responses(*OWNER)})
async def archive_project(project_id: UUID, caller: Caller, service: Service) -> Project:
    """Nothing begins in it from now on, and nothing of it is changed; what has begun goes on."""
    return await service.projects.archive(caller, project_id, archived=True)


@router.post("/projects/{project_id}/unarchive", responses={200: answered(PROJECT), **responses(*OWNER)})
async def unarchive_project(project_id: UUID, caller: Caller, service: Service) -> Project:
    """As it was before it was archived."""
    return await service.projects.archive(caller, project_id, archived=False)


# -- Members -----------------------------------------------------------------------------------------------------------


@router.get(
    "/projects/{project_id}/members",
    responses={200: answered({"items": [MEMBER_SHOWN], "next_cursor": None}), **responses(*MEMBER)},
)
async def list_members(project_id: UUID, caller: Caller, service: Service) -> Items[Member]:
    """Its members, who came first first. All in one page."""
    return Items(items=await service.projects.members(caller, project_id))


@router.patch(
    "/projects/{project_id}/members/{user_id}",
    responses={200: answered(MEMBER_SHOWN), **responses(*OWNER, "invalid_message", "too_large")},
)
async def change_member(
    project_id: UUID, user_id: UUID, wanted: RoleChange, caller: Caller, service: Service
) -> Member:
    """Make a member an owner, editor or viewer, as one of the owners. 409 for the only owner's."""
    return await service.projects.change_member(caller, project_id, user_id, wanted.role)


@router.delete("/projects/{project_id}/members/{user_id}", status_code=204, responses=responses(*OWNER))
async def remove_member(project_id: UUID, user_id: UUID, caller: Caller, service: Service) -> None:
    """Remove a member, as one of the owners, or oneself to leave. What they watch of it ends at once; what they wrote
    in it stays in it, and theirs. 409 for the only owner."""
    await service.projects.remove_member(caller, project_id, user_id)


# -- Invitations -------------------------------------------------------------------------------------------------------


@router.get(
    "/projects/{project_id}/invites",
    responses={200: answered({"items": [INVITE], "next_cursor": None}), **responses(*OWNER)},
)
async def list_invites(project_id: UUID, caller: Caller, service: Service) -> Items[Invite]:
    """Its invitations, newest first, for its owners. All in one page."""
    return Items(items=await service.projects.invites(caller, project_id))


@router.post(
    "/projects/{project_id}/invites",
    status_code=201,
    openapi_extra=asked({"role": "editor", "uses": 1}),
    responses={
        201: answered({**INVITE, "token": "shown-this-once"}),
        **responses(*OWNER, "invalid_message", "too_large"),
    },
)
async def create_invite(
    project_id: UUID, caller: Caller, service: Service, response: Response, wanted: NewInvite | None = None
) -> MadeInvite:
    """Make a link that lets others in, once or several times, as one of the owners."""
    asked = wanted or NewInvite()
    made, token = await service.projects.invite(caller, project_id, asked.role, asked.expires_in_s, asked.uses)
    response.headers.update(PRIVATE)
    return MadeInvite(**made.model_dump(), token=token)


@router.delete("/projects/{project_id}/invites/{invite_id}", status_code=204, responses=responses(*OWNER))
async def revoke_invite(project_id: UUID, invite_id: UUID, caller: Caller, service: Service) -> None:
    """Have the link let nobody in from now on. Who is a member by it stays one."""
    await service.projects.revoke_invite(caller, project_id, invite_id)


@router.get(
    "/invites/{token}",
    responses={
        200: answered({"project_id": P, "name": "The Light", "role": "editor", "expires_at": T, "member": None}),
        **responses(*MEMBER, "expired"),
    },
)
async def read_invite(token: Token, caller: Caller, service: Service) -> Invitation:
    """What an invitation is to, before it is accepted."""
    return await service.projects.read_invite(caller, token)


@router.post(
    "/invites/{token}",
    responses={200: answered({"project": PROJECT, "joined": True}), **responses(*MEMBER, "expired", "conflict")},
)
async def accept_invite(token: Token, caller: Caller, service: Service) -> Joined:
    """Become a member. Who is one already stays what they are, or becomes more by it, never less; accepting again uses
    nothing up."""
    return await service.projects.accept_invite(caller, token)


# -- The bible ---------------------------------------------------------------------------------------------------------


@router.get(
    "/projects/{project_id}/bible",
    responses={200: answered({"items": [ENTRY], "next_cursor": None}), **responses(*MEMBER)},
)
async def list_entries(project_id: UUID, caller: Caller, service: Service) -> Items[BibleEntry]:
    """What its stories share: people, places, rules, facts, each with its source. All in one page."""
    return Items(items=await service.projects.bible(caller, project_id))


@router.post("/projects/{project_id}/bible", status_code=201, responses={201: answered(ENTRY), **responses(*EDITOR)})
async def add_entry(
    project_id: UUID, entry: NewEntry, caller: Caller, service: Service, idempotency_key: Key = None
) -> BibleEntry:
    """Write an entry, as one of the editors. Stories that begin from now on know it. The same `Idempotency-Key` is the
    same entry."""
    return await service.projects.add_entry(caller, project_id, entry.model_dump(), idempotency_key)


@router.patch("/projects/{project_id}/bible/{entry_id}", responses={200: answered(ENTRY), **responses(*EDITOR)})
async def change_entry(
    project_id: UUID, entry_id: UUID, wanted: EntryChange, caller: Caller, service: Service
) -> BibleEntry:
    """Change an entry, as one of the editors. Its kind and its source stay."""
    changes = wanted.model_dump(include=wanted.model_fields_set)
    return await service.projects.change_entry(caller, project_id, entry_id, changes)


@router.delete(
    "/projects/{project_id}/bible/{entry_id}",
    status_code=204,
    responses=responses("unauthorized", "forbidden", "not_found", "conflict"),
)
async def remove_entry(project_id: UUID, entry_id: UUID, caller: Caller, service: Service) -> None:
    """Take an entry out, as one of the editors. Stories under way keep it."""
    await service.projects.remove_entry(caller, project_id, entry_id)


@router.get(
    "/projects/{project_id}/offers",
    responses={200: answered({"items": [STORY_OFFERS], "next_cursor": None}), **responses(*MEMBER, "invalid_message")},
)
async def list_offers(
    project_id: UUID, caller: Caller, service: Service, limit: Stories = 10, cursor: Cursor = None
) -> Items[StoryOffers]:
    """What its completed stories have established and the bible does not say, newest story first. A page has of `limit`
    stories those that offer something: it may have none, and another page come after it."""
    return page(await service.projects.offers(caller, project_id, limit=limit, cursor=cursor))


@router.post(
    "/projects/{project_id}/offers/{session_id}",
    responses={200: answered({"accepted": [ENTRY], "dismissed": 0}), **responses(*EDITOR)},
)
async def settle_offers(
    project_id: UUID, session_id: UUID, answer: OfferAnswer, caller: Caller, service: Service
) -> Settled:
    """Accept offers of a story into the bible, with the story as their source, and dismiss others, as one of the
    editors. Neither is offered again."""
    return await service.projects.settle(caller, project_id, session_id, accept=answer.accept, dismiss=answer.dismiss)
