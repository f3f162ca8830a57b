"""The contract between the store and the database: one call of one function, as one identity.

A transport (`direct`, later others) carries a call and translates its driver's errors into ours. The gateway adds
patience: how long a caller would rather wait than be told that the database is away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from coordinator.errors import Unavailable
from coordinator.models import Identity

READ_WAIT_S = 2.0
"""Somebody is looking at a screen: better a clear `unavailable` after this than a long silence."""


class Transport(Protocol):
    async def call(self, function: str, args: Mapping[str, Any], identity: Identity) -> Any:
        """What `public.<function>` answers, decoded from JSON, in one transaction of its own run as `identity`.

        Raises the errors of `coordinator.errors` only: NotFound, Conflict, Fenced, InvalidMessage, Forbidden,
        Unavailable (nothing or everything of the call may have happened), Internal.
        """

    async def close(self) -> None: ...


class Gateway:
    """Calls with patience. All retries are of whole function calls, which are idempotent by their design."""

    def __init__(self, transport: Transport, wait_s: float) -> None:
        self._transport = transport
        self._wait_s = wait_s

    async def read(self, function: str, identity: Identity, **args: Any) -> Any:
        """One look, tried for at most `READ_WAIT_S`."""
        return await self._call(function, identity, args, min(READ_WAIT_S, self._wait_s))

    async def write(self, function: str, identity: Identity, **args: Any) -> Any:
        """One change, durable on return; waits up to the settings' `database_wait_s` for a database that is away."""
        return await self._call(function, identity, args, self._wait_s)

    async def _call(self, function: str, identity: Identity, args: Mapping[str, Any], wait_s: float) -> Any:
        # Full jitter up to 2 s: a database that comes back is found soon, and not by all callers in the same moment.
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            stop=stop_after_delay(wait_s),
            wait=wait_random_exponential(multiplier=0.05, max=2),
            reraise=True,
        ):
            with attempt:
                return await self._transport.call(function, args, identity)
        raise AssertionError("unreachable: tenacity reraises")

    async def close(self) -> None:
        await self._transport.close()
