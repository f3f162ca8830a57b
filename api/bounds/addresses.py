"""Whom the stories of anonymous writers count for: all of one address together, since another writer costs a call."""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

from api.bounds.rates import address_key
from coordinator.models import Identity
from coordinator.sessions.cache import Cache
from coordinator.store.limits import LimitOperations

KNOWN, KNOWN_S = 10_000, 3600
"""So many writers' addresses are known to be noted, for so long."""
CHARACTERS = 32


class Addresses:
    """An address is kept as a hash with the service's secret: good for being the same, and for nothing else."""

    def __init__(self, limits: LimitOperations, secret: str) -> None:
        self._limits = limits
        self._secret = secret.encode()
        self._noted: Cache[UUID | None, str] = Cache(KNOWN, KNOWN_S)

    async def note(self, caller: Identity, host: str | None) -> None:
        """Before a story of theirs is made. Of no effect for who is not anonymous."""
        if not caller.claims.get("is_anonymous"):
            return
        origin = self.of(host)
        if self._noted.get(caller.user_id) != origin:
            await self._limits.note_origin(caller.writer(), origin)
            self._noted.put(caller.user_id, origin)

    def of(self, host: str | None) -> str:
        told = f"origin {address_key(host)}".encode()
        return hmac.new(self._secret, told, hashlib.sha256).hexdigest()[:CHARACTERS]
