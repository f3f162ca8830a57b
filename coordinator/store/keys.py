"""Operations on users' own model keys. What goes in and comes out here is ciphertext; `people.vault` opens it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from coordinator.models import SERVICE
from coordinator.store.gateway import Gateway


class UserKey(BaseModel):
    """A key as its owner may see it."""

    provider: str
    last_four: str = Field(description="the last four characters; the rest is never shown")
    created_at: datetime
    updated_at: datetime


class KeyOperations:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def put(self, owner: UUID, provider: str, secret: str, last_four: str) -> UserKey:
        """In place of the one before, if any; durable on return. Raises Conflict where the user is gone."""
        answer = await self._gateway.write(
            "put_user_key", SERVICE, owner=owner, provider=provider, secret=secret, last_four=last_four
        )
        return UserKey.model_validate(answer)

    async def of(self, owner: UUID) -> list[UserKey]:
        """The user's keys, by provider."""
        answer = await self._gateway.read("list_user_keys", SERVICE, owner=owner)
        return [UserKey.model_validate(item) for item in answer]

    async def secrets(self, owner: UUID, providers: Collection[str]) -> dict[str, str]:
        """The ciphertext by provider, of those that the user has a key for."""
        answer = await self._gateway.read("get_user_keys", SERVICE, owner=owner, providers=frozenset(providers))
        return {item["provider"]: item["secret"] for item in answer}

    async def reseal(self, owner: UUID, provider: str, old: str, new: str) -> None:
        """The same key under a newer secret. Does nothing where another key has been stored meanwhile."""
        await self._gateway.write("reseal_user_key", SERVICE, owner=owner, provider=provider, old=old, new=new)

    async def delete(self, owner: UUID, provider: str) -> None:
        """Raises NotFound where there is none."""
        await self._gateway.write("delete_user_key", SERVICE, owner=owner, provider=provider)
