"""Users who were erased: their access tokens, which nobody can call back, are refused.

The node that erased a user knows it at once, the others within `LEARN_S`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from math import floor
from uuid import UUID

from coordinator.errors import StoryloomError, Unauthorized
from coordinator.models import Identity
from coordinator.store.signins import SignInOperations

logger = logging.getLogger(__name__)

LEARN_S = 10.0
"""Between two looks at what other nodes have erased."""
LEAST_KEPT_S = 3600
"""A user's other tokens may live longer than the one that they were erased with: how long is a setting."""


class Erasures:
    """Made by `begin`, ended by `close`."""

    def __init__(self, signins: SignInOperations) -> None:
        self._signins = signins
        self._known: dict[UUID, float] = {}
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def begin(cls, signins: SignInOperations) -> Erasures:
        """Those so far are known on return. Raises Unavailable."""
        erasures = cls(signins)
        await erasures.learn()
        erasures._task = asyncio.create_task(erasures._learn_on_time(), name="erasures")
        return erasures

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def erased_at(self, user_id: UUID) -> float:
        """When the user was erased, in seconds since 1970, as far as is known here; 0 for never."""
        return self._known.get(user_id, 0)

    def check(self, identity: Identity) -> None:
        """Raises Unauthorized for a token that was issued before its user was erased."""
        erased_at = self._known.get(identity.user_id) if identity.user_id else None
        if erased_at is not None and float(identity.claims.get("iat", 0)) <= erased_at:
            raise Unauthorized("This account was erased. Sign in anew to begin again.")

    async def note(self, identity: Identity) -> None:
        """The user is erased: refused from now on, here, and within `LEARN_S` everywhere else."""
        owner = identity.writer()
        issued, expires = (float(identity.claims.get(name, 0)) for name in ("iat", "exp"))
        at = floor(max(time.time(), issued))
        await self._signins.note_erasure(owner, at, max(expires - issued, LEAST_KEPT_S))
        self._known[owner] = at
        # A token says in whole seconds when it was issued: none of a later sign-in may seem to be from before.
        await asyncio.sleep(max(at + 1 - time.time(), 0))

    async def learn(self) -> None:
        """Look at what others have erased. Raises Unavailable."""
        before = set(self._known)
        found = await self._signins.erasures()
        # What was noted here meanwhile may not have been found.
        self._known = found | {user_id: at for user_id, at in self._known.items() if user_id not in before}

    async def _learn_on_time(self) -> None:
        while True:
            await asyncio.sleep(LEARN_S)
            try:
                await self.learn()
            except StoryloomError as error:
                logger.info("who was erased by other nodes is not known yet: %s", error)
