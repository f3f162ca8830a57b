"""Calls of the database with patience: how long a caller would rather wait than be told that it is away."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from coordinator.errors import NotWritable, Unavailable
from coordinator.models import SERVICE, Identity
from coordinator.store.grouping import GROUPED, Grouping
from coordinator.store.transport import Transport
from coordinator.telemetry.metrics import Metrics
from coordinator.telemetry.traces import span

logger = logging.getLogger(__name__)
Item = TypeVar("Item")

READ_WAIT_S = 2.0
"""Somebody is looking at a screen: better a clear `unavailable` after this than a long silence."""
REMEMBERED_S = 10.0
"""So long after a write was refused for want of room the database counts as not writable. Not longer: who is sent no
requests because of it would else never find out that there is room again."""
RETRY_AFTER_CAP_S = 10.0
"""The longest pause that a Retry-After is given; proxies name round numbers, and the service is often back before."""

UNTRACED = frozenset({"append_events"})
"""A story that streams stores its events ten times a second: in a trace of its run nothing else would be seen."""

ENGINE = frozenset({"beat", "claim_runs", "leave", "take_chore"})
"""What keeps a node alive. A transport has a connection for these alone: they never wait behind users' calls."""

# Full jitter up to 2 s: a database that comes back is found soon, and not by all callers in the same moment.
_backoff = wait_random_exponential(multiplier=0.05, max=2)


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    items: list[Item]
    next_cursor: str | None


class Rows(Generic[Item]):
    """How the rows of a list are read: all at once, or where one of them can't be, each by itself."""

    def __init__(self, item: type[Item]) -> None:
        self.page: TypeAdapter[Page[Item]] = TypeAdapter(Page[item])  # type: ignore[valid-type]
        self._one = TypeAdapter(item)

    def readable(self, rows: Iterable[Any], listed: str) -> list[Item]:
        """Without those that this version of the service can't read, which are logged."""
        found: list[Item] = []
        for row in rows:
            try:
                found.append(self._one.validate_python(row))
            except ValidationError as error:
                wrong = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors()[:5])
                logger.error("%s: the row %s can't be read (%s) and is left out", listed, _named(row), wrong)
        return found


class Gateway:
    """Calls with patience. All retries are of whole function calls, which are idempotent by their design."""

    def __init__(self, transport: Transport, wait_s: float, metrics: Metrics) -> None:
        self._transport = transport
        self._grouping = Grouping(transport)
        self._wait_s = wait_s
        self._metrics = metrics
        self._refused: tuple[float, NotWritable] | None = None

    @property
    def trouble(self) -> str | None:
        """Why the database takes no writes, where it has refused one a moment ago."""
        if self._refused is None or time.monotonic() - self._refused[0] > REMEMBERED_S:
            return None
        return self._refused[1].message

    async def read(
        self, function: str, identity: Identity, *, shape: TypeAdapter[Any] | None = None, **args: Any
    ) -> Any:
        """One look, tried for at most `READ_WAIT_S`; the answer is a `shape` where one is given."""
        return await self._call(function, identity, args, min(READ_WAIT_S, self._wait_s), shape)

    async def page(self, function: str, identity: Identity, rows: Rows[Item], **args: Any) -> Page[Item]:
        """A page of a list, as `read`. One row that can't be read keeps nobody from the others."""
        try:
            found: Page[Item] = await self.read(function, identity, shape=rows.page, **args)
            return found
        except ValidationError:
            answer = await self.read(function, identity, **args)
            return Page(rows.readable(answer["items"], function), answer["next_cursor"])

    async def write(self, function: str, identity: Identity, **args: Any) -> Any:
        """One change, durable on return; waits up to the settings' `database_wait_s` for a database that is away."""
        return await self._call(function, identity, args, self._wait_s)

    async def _call(
        self,
        function: str,
        identity: Identity,
        args: Mapping[str, Any],
        wait_s: float,
        shape: TypeAdapter[Any] | None = None,
    ) -> Any:
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
        try:
            if function in GROUPED and identity is SERVICE:
                return await self._grouping.call(function, args)
            return await self._transport.call(function, args, identity, shape)
        except NotWritable as error:
            self._refused = time.monotonic(), error
            raise

    def listen(self) -> AsyncIterator[str] | None:
        return self._transport.listen()

    async def close(self) -> None:
        """What waits to be written is written first."""
        await self._grouping.close()
        await self._transport.close()


def _named(row: Any) -> str:
    """What tells a row from the others of its list."""
    names = ("id", "version", "step", "seq")
    return str(next((row[name] for name in names if name in row), "")) if isinstance(row, dict) else ""


def _asked(state: RetryCallState) -> float:
    """The pause that the refusal asked for, 0 for none."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, Unavailable) else None
    return min(asked or 0.0, RETRY_AFTER_CAP_S)
