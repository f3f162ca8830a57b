"""Operations on local sign-ins, and on the ids of users who were erased a moment ago."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from coordinator.models import SERVICE
from coordinator.store.gateway import Gateway
from coordinator.store.sessions import Json


@dataclass(frozen=True, slots=True)
class Renewal:
    """Whether a sign-in goes on; `reused` where it has ended because a token of it was shown once too often."""

    renewed: bool
    reused: bool


class SignInOperations:
    """Tokens are known by their SHA-256, in hex."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def begin(self, sign_in: UUID, user_id: UUID, token_hash: str, ttl_s: int) -> None:
        """Durable on return. Raises Conflict where there is no such user."""
        await self._gateway.write(
            "begin_sign_in", SERVICE, id=sign_in, user_id=user_id, token_hash=token_hash, ttl_s=ttl_s
        )

    async def renew(self, sign_in: UUID, token_hash: str, next_hash: str, *, grace_s: int, ttl_s: int) -> Renewal:
        """Durable on return. Asked again with the same token within `grace_s` it answers the same."""
        answer = await self._gateway.write(
            "renew_sign_in",
            SERVICE,
            id=sign_in,
            token_hash=token_hash,
            next_hash=next_hash,
            grace_s=grace_s,
            ttl_s=ttl_s,
        )
        return Renewal(answer["renewed"], answer["reused"])

    async def is_current(self, sign_in: UUID, token_hash: str, *, grace_s: int) -> bool:
        """Whether the token would renew the sign-in now, which this does not."""
        answer = await self._gateway.read("check_sign_in", SERVICE, id=sign_in, token_hash=token_hash, grace_s=grace_s)
        return bool(answer["current"])

    async def end(self, sign_in: UUID) -> None:
        """It can't be renewed any more, on return. Again changes nothing."""
        await self._gateway.write("end_sign_in", SERVICE, id=sign_in)

    async def of(self, owner: UUID) -> list[Json]:
        """When the user's sign-ins began, were renewed, and end."""
        found: list[Json] = await self._gateway.read("list_sign_ins", SERVICE, owner=owner)
        return found

    async def note_erasure(self, user_id: UUID, at: float, keep_s: float) -> None:
        """Tokens of this user issued until `at`, in seconds since 1970, are good no more. Durable on return."""
        moment = datetime.fromtimestamp(at, UTC).isoformat()
        await self._gateway.write("note_erasure", SERVICE, user_id=user_id, at=moment, keep_s=int(keep_s))

    async def erasures(self) -> dict[UUID, float]:
        """Users who were erased, and when, in seconds since 1970."""
        answer: dict[str, float] = await self._gateway.read("list_erasures", SERVICE)
        return {UUID(user_id): at for user_id, at in answer.items()}
