"""REST /api/v1/users: what a user tells of themselves, and what programs keep for them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from api.errors import responses
from api.rest.examples import shown
from api.state import Caller, NewUser, Service
from api.strict import StrictRoute
from coordinator.models import Identity, OneLine
from coordinator.storable import storable
from coordinator.store.profiles import StoredProfile

router = APIRouter(prefix="/api/v1/users", tags=["account"], route_class=StrictRoute)

DEEPEST = 16
"""So many objects and lists may stand in one another."""
KEY_CHARACTERS = 100
_ADDRESS = re.compile(r'https://[^\s"<>\\]+')
_NO_ADDRESS = "an address begins with https:// and a host, and has no spaces, quotation marks, <, > or \\"


def _https(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    address = scheme.lower() + separator + rest
    try:
        parts = urlsplit(address)
        named = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        named = False
    if not named or _ADDRESS.fullmatch(address) is None:
        raise ValueError(_NO_ADDRESS)
    return address


def _keepable(value: Any, depth: int = 1) -> Any:
    """JSON with all text in it storable. Raises ValueError for what would come back as something else."""
    match value:
        case str():
            return storable(value)
        case dict() | list() if depth > DEEPEST:
            raise ValueError(f"more than {DEEPEST} objects and lists stand in one another")
        case dict():
            return {_key(key): _keepable(inner, depth + 1) for key, inner in value.items()}
        case list():
            return [_keepable(inner, depth + 1) for inner in value]
        case _:
            return value


def _key(key: str) -> str:
    if len(key) > KEY_CHARACTERS or storable(key) != key:
        raise ValueError(f"a key has {KEY_CHARACTERS} characters at the most, and no control characters")
    return key


Settings = Annotated[dict[str, Any], AfterValidator(_keepable)]
EXAMPLE: JsonDict = {
    "display_name": "Ada",
    "avatar_url": "https://example.org/ada.png",
    "settings": {"theme": "dark", "shortcuts": {"send": "Enter"}},
}


class ProfileChange(BaseModel):
    """What is given is changed; null takes it away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=shown(EXAMPLE))

    display_name: Annotated[str, StringConstraints(max_length=100), OneLine] | None = Field(
        default=None, description="in one line"
    )
    avatar_url: Annotated[str, StringConstraints(max_length=2_000), OneLine, AfterValidator(_https)] | None = Field(
        default=None, description="where a picture is, beginning with https://"
    )
    settings: Settings | None = Field(
        default=None,
        description="merged key by key: a key that is null is taken out, one that is not given stays; 16,384 bytes of "
        "JSON in all",
    )


class Profile(BaseModel):
    """What a user tells of themselves."""

    model_config = ConfigDict(
        json_schema_extra=shown(
            {
                "id": "5f0c9d4e-6c1b-4f0a-9f5e-2b1f6f0d7a11",
                **EXAMPLE,
                "is_anonymous": False,
                "created_at": "2026-11-29T12:00:00Z",
            }
        )
    )

    id: UUID
    display_name: str
    avatar_url: str | None
    settings: dict[str, Any]
    is_anonymous: bool = Field(description="whether nobody but this browser or program knows whose it is")
    created_at: datetime

    @classmethod
    def of(cls, caller: Identity, stored: StoredProfile) -> Profile:
        return cls(**dict(stored), is_anonymous=caller.claims.get("is_anonymous") is True)


@router.post(
    "",
    responses={
        201: {"model": Profile, "description": "The same, of a user whom this call has made."},
        **responses("unauthorized", "forbidden", "invalid_message", "too_large", "conflict", "unavailable"),
    },
)
async def save_profile(
    change: ProfileChange, caller: Caller, service: Service, new: NewUser, response: Response
) -> Profile:
    """Make the caller's profile, or change what is given of it; again changes nothing. 201 where there was none."""
    stored, made = await _changed(service, caller, change)
    response.status_code = 201 if made or new else 200
    return stored


@router.get("/me", responses=responses("unauthorized", "forbidden", "not_found", "unavailable"))
async def get_profile(caller: Caller, service: Service) -> Profile:
    """The caller's profile."""
    return Profile.of(caller, await service.manager.store.profiles.of(caller.writer(), caller))


@router.patch(
    "/me",
    responses=responses("unauthorized", "forbidden", "invalid_message", "too_large", "conflict", "unavailable"),
)
async def change_profile(change: ProfileChange, caller: Caller, service: Service) -> Profile:
    """Change what is given of the caller's profile; again changes nothing."""
    stored, _ = await _changed(service, caller, change)
    return stored


async def _changed(service: Service, caller: Identity, change: ProfileChange) -> tuple[Profile, bool]:
    given = change.model_dump(exclude_unset=True)
    stored, made = await service.manager.store.profiles.update(caller.writer(), given)
    return Profile.of(caller, stored), made
