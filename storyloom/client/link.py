"""How a server is reached, and as whom: what calls and watched connections share."""

from __future__ import annotations

from dataclasses import dataclass

from storyloom.client.backoff import Reconnect
from storyloom.client.rest import Address, Notice, TokenProvider
from storyloom.errors import ClientError


@dataclass(frozen=True, slots=True)
class Link:
    address: Address
    provider: TokenProvider | None
    renewable: bool
    """Whether a refused token can be exchanged for another."""
    reconnect: Reconnect
    on_lost: Notice

    async def token(self, renew: bool = False) -> str:
        """The token to send now. Raises ClientError `unauthorized` where there is none, or no other one."""
        if self.provider is None or (renew and not self.renewable):
            raise ClientError("unauthorized", "The server wants a token, and there is none to give that it accepts.")
        return await self.provider(renew)
