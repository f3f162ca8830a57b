"""The contract between the store and the database: one call of one function, as one identity.

A transport (`direct` or `rpc`) carries a call and translates its driver's errors into ours. The gateway adds
patience: how long a caller would rather wait than be told that the database is away.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from pydantic import TypeAdapter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from coordinator.errors import Unavailable
from coordinator.metrics import Metrics
from coordinator.models import SERVICE, Identity
from coordinator.store.grouping import GROUPED, Grouping
from coordinator.traces import span

READ_WAIT_S = 2.0
"""Somebody is looking at a screen: better a clear `unavailable` after this than a long silence."""
RETRY_AFTER_CAP_S = 10.0
"""The longest pause that a Retry-After is given; proxies name round numbers, and the service is often back before."""

UNTRACED = frozenset({"append_events"})
"""A story that streams stores its events ten times a second: in a trace of its run nothing else would be seen."""

ENGINE = frozenset({"beat", "claim_runs", "leave", "take_chore"})
"""What keeps a node alive. A transport has a connection for these alone: they never wait behind users' calls."""

# Full jitter up to 2 s: a database that comes back is found soon, and not by all callers in the same moment.
_backoff = wait_random_exponential(multiplier=0.05, max=2)


class Transport(Protocol):
    async def call(
        self, function: str, args: Mapping[str, Any], identity: Identity, shape: TypeAdapter[Any] | None = None
    ) -> Any:
        """What `public.<function>` answers, in one transaction of its own run as `identity`: decoded from JSON, or
        validated as a `shape`, which is quicker than first the one and then the other.

        Raises the errors of `coordinator.errors` only: NotFound, Conflict, Fenced, InvalidMessage, Forbidden,
        Unauthorized, RateLimited, Misconfigured, Unavailable (nothing or everything of the call may have happened;
        `retry_after_s` where the other side says how long it wants to be left alone), Internal.
        """

    def listen(self) -> AsyncIterator[str] | None:
        """What the functions notify the nodes of, until it breaks with Unavailable. An empty text: it has begun.

        None where this way to the database has no notifications.
        """

    async def close(self) -> None: ...


class Gateway:
    """Calls with patience. All retries are of whole function calls, which are idempotent by their design."""

    def __init__(self, transport: Transport, wait_s: float, metrics: Metrics) -> None:
        self._transport = transport
        self._grouping = Grouping(transport)
        self._wait_s = wait_s
        self._metrics = metrics

    async def read(
        self, function: str, identity: Identity, *, shape: TypeAdapter[Any] | None = None, **args: Any
    ) -> Any:
        """One look, tried for at most `READ_WAIT_S`; the answer is a `shape` where one is given."""
        return await self._call(function, identity, args, min(READ_WAIT_S, self._wait_s), shape)

    async def write(self, function: str, identity: Identity, **args: Any) -> Any:
        """One change, durable on return; waits up to the settings' `database_wait_s` for a database that is away."""
        return await self._call(function, identity, args, self._wait_s)

    async def _call(
        self, function: str, identity: Identity, args: Mapping[str, Any], wait_s: float,
        shape: TypeAdapter[Any] | None = None,
    ) -> Any:  # fmt: skip
        with self._metrics.database_call(function):
            if function in UNTRACED:
                return await self._patiently(function, identity, args, wait_s, shape)
            facts = {"db.system.name": "postgresql", "db.operation.name": function}
            with span(f"database {function}", facts, "client"):
                return await self._patiently(function, identity, args, wait_s, shape)

    async def _patiently(
        self, function: str, identity: Identity, args: Mapping[str, Any], wait_s: float, shape: TypeAdapter[Any] | None
    ) -> Any:
        begun = time.monotonic()
        try:
            # Nearly always the only try: what retrying is made of would cost more than all else of the call here.
            return await self._once(function, identity, args, shape)
        except Unavailable as error:
            failed: Unavailable | None = error

        def left() -> float:
            return wait_s - (time.monotonic() - begun)

        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            stop=lambda state: left() <= _asked(state),
            # The last look is at the end of the patience, not after it.
            wait=lambda state: min(_asked(state) + _backoff(state), left()),
            before_sleep=lambda _: self._metrics.database_retries(function).inc(),
            reraise=True,
        ):
            with attempt:
                if failed is not None:
                    first, failed = failed, None
                    raise first
                return await self._once(function, identity, args, shape)
        raise AssertionError("unreachable: tenacity reraises")

    async def _once(
        self, function: str, identity: Identity, args: Mapping[str, Any], shape: TypeAdapter[Any] | None
    ) -> Any:
        if function in GROUPED and identity is SERVICE:
            return await self._grouping.call(function, args)
        return await self._transport.call(function, args, identity, shape)

    def listen(self) -> AsyncIterator[str] | None:
        return self._transport.listen()

    async def close(self) -> None:
        """What waits to be written is written first."""
        await self._grouping.close()
        await self._transport.close()


def _asked(state: RetryCallState) -> float:
    """The pause that the refusal asked for, 0 for none."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, Unavailable) else None
    return min(asked or 0.0, RETRY_AFTER_CAP_S)
