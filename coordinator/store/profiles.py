"""Operations on a user's profile: a name, a picture's address, and the settings that programs keep there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from coordinator.models import SERVICE, Identity
from coordinator.store.gateway import Gateway


class StoredProfile(BaseModel):
    id: UUID
    display_name: str
    avatar_url: str | None = None
    settings: dict[str, Any]
    created_at: datetime


class ProfileOperations:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def of(self, user_id: UUID, identity: Identity = SERVICE) -> StoredProfile:
        """As this identity may read it. Raises NotFound where there is none, or none that it may read."""
        return StoredProfile.model_validate(await self._gateway.read("get_profile", identity, user_id=user_id))

    async def update(self, owner: UUID, changes: Mapping[str, Any]) -> tuple[StoredProfile, bool]:
        """Of `display_name`, `avatar_url` and `settings` what is given is changed, durable on return: None takes it
        away, settings are merged key by key. True where there was no profile before.

        Raises Conflict where there is no such user, and TooLarge for settings over 16,384 bytes of JSON."""
        answer = await self._gateway.write("update_profile", SERVICE, user_id=owner, changes=dict(changes))
        return StoredProfile.model_validate(answer), bool(answer["made"])
