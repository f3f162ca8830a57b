"""Tokens that were found right: the same one comes with every call and every connection of its user."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from coordinator.models import Identity
from coordinator.people.bots import Bot
from coordinator.sessions.cache import Cache

ALGORITHM = "HS256"
ISSUER = "storyloom"
"""Of the tokens that the service signs itself."""
NOT_VALID = "The token is not valid. Sign in again."
EXPIRED = "The token has expired. Sign in again."
LEEWAY_S = 10
"""Clocks of two machines are rarely further apart than this."""
MOST, UNUSED_S = 10_000, 600
"""So many are remembered, and each until it is not used for so long."""


@dataclass(frozen=True, slots=True)
class Verified:
    """Who a token speaks for, and what it was verified with: it is as good as that for as long as that is the same.

    Of a bot's token that is the bot: which of its users a request is about stands in the request, and never here."""

    speaker: Identity | Bot
    algorithm: str
    key_id: str | None = None
    key: object = None

    @property
    def expires_at(self) -> int:
        return self.speaker.expires_at if isinstance(self.speaker, Bot) else int(self.speaker.claims["exp"])


class Tokens:
    """By their digests. None that has expired is given back."""

    def __init__(self) -> None:
        self._known: Cache[bytes, Verified] = Cache(MOST, UNUSED_S)

    def get(self, token: str) -> Verified | None:
        now = time.time()
        return self._known.get(_digest(token), lambda known: known.expires_at > now - LEEWAY_S)

    def put(self, token: str, verified: Verified) -> None:
        self._known.put(_digest(token), verified)


def _digest(token: str) -> bytes:
    # A client may send any text as a token, also one that is no UTF-8.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
