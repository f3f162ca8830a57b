"""Links that show a story to whoever has them: made, listed, revoked by its writer; read by anybody."""

from __future__ import annotations

import hashlib
import secrets
from uuid import UUID, uuid4

from coordinator.models import Identity
from coordinator.store.shares import Share, SharedStory, ShareOperations
from coordinator.story.language import language_of

TOKEN_BYTES = 32
DEFAULT_TTL_S = 30 * 86400
MOST_TTL_S = 365 * 86400
PER_SESSION = 50


class Shares:
    def __init__(self, operations: ShareOperations) -> None:
        self._operations = operations

    async def create(self, identity: Identity, session_id: UUID, ttl_s: int = DEFAULT_TTL_S) -> tuple[Share, str]:
        """A link and its token, which is nowhere kept and can't be had again."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        share = await self._operations.create(
            session_id, identity.writer(), share_id=uuid4(), token_hash=_hashed(token), ttl_s=ttl_s, most=PER_SESSION
        )
        return share, token

    async def of(self, identity: Identity, session_id: UUID) -> list[Share]:
        return await self._operations.of(identity.writer(), session_id)

    async def revoke(self, identity: Identity, session_id: UUID, share_id: UUID) -> None:
        await self._operations.revoke(session_id, identity.writer(), share_id)

    async def read(self, token: str) -> SharedStory:
        """Raises NotFound, in the same words whatever the reason."""
        # Looked up by a hash: how long it takes tells nothing of any token. Of so many random bits none needs a salt.
        story = await self._operations.read(_hashed(token))
        return story.model_copy(update={"language": language_of(story.language, story.content)})


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
