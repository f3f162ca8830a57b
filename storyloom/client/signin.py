"""Anonymous sign-in: a server of the local kind gives anyone a writer of their own, and renews the token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from pydantic import Field, ValidationError

from storyloom.client.rest import Address, Http
from storyloom.client.things import Thing
from storyloom.errors import ClientError

EARLY_S = 60.0
"""A token is renewed this long before it expires."""


class Grant(Thing):
    """What a sign-in gives; `expires_at` is in Unix seconds."""

    access_token: str = Field(repr=False)
    refresh_token: str = Field(default="", repr=False)
    expires_at: float = 0
    user_id: str = ""

    @property
    def fresh(self) -> bool:
        return self.expires_at == 0 or self.expires_at - EARLY_S > time.time()


async def sign_in(address: Address) -> Grant:
    """A new anonymous writer. Raises ClientError where the server gives none out."""
    try:
        return await _grant(address, "/api/auth/anonymous", None)
    except ClientError as error:
        # Storyloom's own refusal, and no other's: somebody else's server would take no token either.
        if error.code in ("unauthorized", "forbidden", "not_found"):
            sentence = (
                f"The server at {address} takes no anonymous writers: ask its owner for a token, and give it with "
                "--token or STORYLOOM_TOKEN."
            )
            raise ClientError("unauthorized", sentence, status=error.status) from error
        raise


async def refresh(address: Address, grant: Grant) -> Grant:
    """The same writer with new tokens: the grant's own refresh token is good once. Raises ClientError where it is no
    longer good."""
    return await _grant(address, "/api/auth/refresh", {"refresh_token": grant.refresh_token})


async def sign_out(address: Address, grant: Grant) -> None:
    """The grant can't be renewed any more; again changes nothing. Raises ClientError where it is not the server's."""
    http = Http(address, None, timeout_s=15)
    try:
        await http.call("POST", "/api/auth/sign-out", json={"refresh_token": grant.refresh_token})
    finally:
        await http.close()


async def _grant(address: Address, path: str, body: dict[str, Any] | None) -> Grant:
    http = Http(address, None, timeout_s=15)
    try:
        answer = await http.call("POST", path, json=body)
    finally:
        await http.close()
    try:
        user = answer.get("user") or {}
        expires_at = answer.get("expires_at") or time.time() + float(answer.get("expires_in") or 0)
        return Grant.model_validate({**answer, "expires_at": expires_at, "user_id": str(user.get("id") or "")})
    except (AttributeError, TypeError, ValueError, ValidationError) as fault:
        raise ClientError("internal", f"{address} is not a Storyloom server: its sign-in can't be read.") from fault


class Anonymous:
    """A token provider that signs in when first asked and renews in time.

    A refresh token is good once. So `keep` is told of every new grant, and `recall` answers what was kept last, by
    whichever program: the one here may have been used by another.
    """

    def __init__(
        self,
        address: Address,
        grant: Grant | None = None,
        keep: Callable[[Grant], None] | None = None,
        recall: Callable[[], Grant | None] | None = None,
    ) -> None:
        self._address = address
        self._grant = grant
        self._keep = keep or (lambda grant: None)
        self._recall = recall or (lambda: None)
        self._one = asyncio.Lock()

    async def __call__(self, renew: bool) -> str:
        refused = self._grant.access_token if renew and self._grant else None
        async with self._one:
            return await self._token(refused)

    async def _token(self, refused: str | None) -> str:
        """One that is good for a while, and not the one that was refused."""
        if not self._good(refused):
            self._grant = self._recall() or self._grant
        if self._grant is None or not self._good(refused):
            self._grant = await self._next()
            self._keep(self._grant)
        return self._grant.access_token

    def _good(self, refused: str | None) -> bool:
        return self._grant is not None and self._grant.fresh and self._grant.access_token != refused

    async def _next(self) -> Grant:
        if self._grant is None or not self._grant.refresh_token:
            return await sign_in(self._address)
        try:
            return await refresh(self._address, self._grant)
        except ClientError as error:
            # Only a refusal ends an identity: a server that is away must not cost the writer their sessions.
            if error.status not in (400, 401, 403, 404):
                raise
            return await sign_in(self._address)
