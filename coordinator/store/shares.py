"""Operations on the links that show a story. A link's token itself never comes here, only its SHA-256."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from coordinator.models import SERVICE
from coordinator.store.gateway import Gateway


class Share(BaseModel):
    """A link as its owner may see it: without its token, which is shown once, when it is made."""

    id: UUID
    session_id: UUID
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = Field(default=None, description="since when it shows nothing")


class SharedStory(BaseModel):
    """What whoever has the link sees: the story as it is now."""

    title: str
    content: str = Field(description="Markdown")
    word_count: int
    created_at: datetime = Field(description="when this version was written")
    language: str | None = Field(default=None, description="BCP 47 tag of what it is written in")


class ShareOperations:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def create(
        self, session_id: UUID, owner: UUID, *, share_id: UUID, token_hash: str, ttl_s: int, most: int
    ) -> Share:
        """Durable on return. Raises NotFound, and Conflict before the first draft or where the session has `most`."""
        answer = await self._gateway.write(
            "create_share",
            SERVICE,
            id=share_id,
            session_id=session_id,
            owner=owner,
            token_hash=token_hash,
            ttl_s=ttl_s,
            most=most,
        )
        return Share.model_validate(answer)

    async def of(self, owner: UUID, session_id: UUID | None = None) -> list[Share]:
        """The owner's links, newest first: to one session (NotFound where it is not theirs) or to all."""
        answer = await self._gateway.read("list_shares", SERVICE, owner=owner, session_id=session_id)
        return [Share.model_validate(item) for item in answer]

    async def revoke(self, session_id: UUID, owner: UUID, share_id: UUID) -> Share:
        """It shows nothing once this returns. Again changes nothing. Raises NotFound."""
        return Share.model_validate(
            await self._gateway.write("revoke_share", SERVICE, id=share_id, session_id=session_id, owner=owner)
        )

    async def read(self, token_hash: str) -> SharedStory:
        """Raises NotFound for a token that is unknown, expired or revoked, or of a session that is gone, all alike."""
        return SharedStory.model_validate(await self._gateway.read("read_share", SERVICE, token_hash=token_hash))
