"""Local sign-ins and how they go on: each refresh token is good once, and the next comes with the answer."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from api.identity.auth import REFRESH_TTL_S, LocalAuth, SignIn
from coordinator.errors import Unauthorized
from coordinator.store.signins import SignInOperations

logger = logging.getLogger(__name__)

USED = "The refresh token has been used or revoked. Sign in again."
GRACE_S = 10
"""A token that was used may be shown again for so long: where its answer was lost, or two asked at once. The answer has
the same next token, so that nothing is gained by it."""


class Renewals:
    def __init__(self, auth: LocalAuth, signins: SignInOperations) -> None:
        self._auth = auth
        self._signins = signins

    async def begin(self, user_id: UUID, *, admin: bool = False, anonymous: bool = True) -> dict[str, Any]:
        """The tokens of a new sign-in, in the shape of Supabase Auth's. Raises Conflict where there is no such user."""
        sign_in = SignIn(uuid4(), secrets.token_hex(32))
        tokens = self._auth.issue(user_id, admin=admin, anonymous=anonymous, sign_in=sign_in)
        await self._signins.begin(sign_in.id, user_id, _hashed(sign_in.number), REFRESH_TTL_S)
        return tokens

    async def renew(self, refresh_token: str) -> dict[str, Any]:
        """New tokens for the user of a refresh token, which is good no more. Raises Unauthorized where it wasn't.

        One that has been used before ends the sign-in: somebody else may have it."""
        claims = self._auth.refreshing(refresh_token)
        now = SignIn.of(claims)
        following = SignIn(now.id, self._auth.following(now.number))
        renewal = await self._signins.renew(
            now.id, _hashed(now.number), _hashed(following.number), grace_s=GRACE_S, ttl_s=REFRESH_TTL_S
        )
        if renewal.reused:
            logger.warning("a refresh token was used twice: its sign-in has ended")
        if not renewal.renewed:
            raise Unauthorized(USED)
        return self._auth.issue(UUID(claims["sub"]), sign_in=following, **_kind(claims))

    async def another(self, refresh_token: str) -> dict[str, Any]:
        """A second sign-in of the same user, as for another device; the token stays good for the first. Raises
        Unauthorized where it could not be renewed with."""
        claims = self._auth.refreshing(refresh_token)
        now = SignIn.of(claims)
        if not await self._signins.is_current(now.id, _hashed(now.number), grace_s=GRACE_S):
            raise Unauthorized(USED)
        return await self.begin(UUID(claims["sub"]), **_kind(claims))

    async def end(self, refresh_token: str) -> None:
        """Signed out: the sign-in can't be renewed any more. Again changes nothing. Raises Unauthorized for a token
        that is none of ours, or has expired."""
        await self._signins.end(SignIn.of(self._auth.refreshing(refresh_token)).id)


def _kind(claims: Mapping[str, Any]) -> dict[str, bool]:
    """What of its user a token carries on to the next."""
    admin = claims.get("app_metadata", {}).get("role") == "admin"
    return {"admin": admin, "anonymous": bool(claims.get("is_anonymous", True))}


def _hashed(number: str) -> str:
    return hashlib.sha256(number.encode()).hexdigest()
