"""The direct transport: a psycopg pool; each call is one round trip and one transaction under the caller's role."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import psycopg
import psycopg.types.json
from psycopg import AsyncClientCursor, AsyncConnection, errors, sql
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout
from pydantic_core import from_json, to_json

from coordinator.errors import (
    Conflict,
    Expired,
    Fenced,
    Forbidden,
    Internal,
    InvalidMessage,
    Misconfigured,
    NotFound,
    RateLimited,
    StoryloomError,
    Unavailable,
)
from coordinator.models import Identity

logger = logging.getLogger(__name__)

POOL_TIMEOUT_S = 5.0
"""Wait for a free connection; the gateway's patience stands above it."""
CONNECT_TIMEOUT_S = 5
AWAY = "The database can't be reached just now. Try again in a moment."

# The function's own errors: SQLSTATE PTnnn, of which PostgREST makes HTTP nnn.
_BY_STATE: dict[str, type[StoryloomError]] = {
    "PT404": NotFound, "PT409": Conflict, "PT410": Expired, "PT422": InvalidMessage, "PT429": RateLimited,
}  # fmt: skip


class DirectTransport:
    """Opened by `open`; `close` waits for the calls under way."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]]) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, url: str, size: int) -> DirectTransport:
        """Connect. Raises Misconfigured where not even a first connection can be had."""
        pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
            url,
            min_size=min(2, size),
            max_size=size,
            timeout=POOL_TIMEOUT_S,
            open=False,
            # Simple queries only: no prepared statement survives a call, so transaction poolers are fine.
            kwargs={
                "autocommit": True,
                "prepare_threshold": None,
                "cursor_factory": AsyncClientCursor,
                "connect_timeout": CONNECT_TIMEOUT_S,
                "application_name": "storyloom",
            },
            configure=_configure,
        )
        try:
            await pool.open(wait=True, timeout=POOL_TIMEOUT_S * 2)
        except PoolTimeout as error:
            await pool.close()
            raise Misconfigured(
                "The database can't be reached. Check DATABASE_URL, and that the server runs and accepts the login."
            ) from error
        return cls(pool)

    async def call(self, function: str, args: Mapping[str, Any], identity: Identity) -> Any:
        # Two statements in one simple query are one implicit transaction: the role ends with it.
        query = _query(function, tuple(args))
        claims = {**identity.claims, "role": identity.role}
        if identity.user_id is not None:
            claims["sub"] = str(identity.user_id)
        values = [identity.role, json.dumps(claims), claims.get("sub", ""), *map(_literal, args.values())]
        try:
            async with self._pool.connection() as connection:
                cursor = connection.cursor()
                await cursor.execute(query, values)
                cursor.nextset()
                row = await cursor.fetchone()
        except (psycopg.Error, PoolTimeout, PoolClosed) as error:
            raise _translated(error, function) from error
        return row[0] if row else None

    async def close(self) -> None:
        await self._pool.close()


async def _configure(connection: AsyncConnection[Any]) -> None:
    psycopg.types.json.set_json_loads(from_json, connection)


@functools.lru_cache(maxsize=256)
def _query(function: str, names: tuple[str, ...]) -> sql.Composed:
    """The text of a call; its literals have no type of their own, so each takes that of the function's parameter."""
    named = sql.SQL(", ").join(sql.SQL("{} => %s").format(sql.Identifier(f"p_{name}")) for name in names)
    return sql.SQL(
        "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true),"
        " set_config('request.jwt.claim.sub', %s, true); select public.{}({})"
    ).format(sql.Identifier(function), named)


def _literal(value: Any) -> str | None:
    """A value as PostgreSQL reads it from a quoted literal; the same JSON shapes that PostgREST takes."""
    match value:
        case None:
            return None
        case str():
            return _storable(value)
        case bool():
            return "true" if value else "false"
        case int() | float() | UUID():
            return str(value)
        case set() | frozenset() | tuple():
            return "{" + ",".join(sorted(f'"{item}"' for item in value)) + "}"
        case _:
            return _storable(to_json(value).decode().replace("\\u0000", ""))


def _storable(text: str) -> str:
    """PostgreSQL's text has no NUL and no lone surrogate."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _translated(error: Exception, function: str) -> StoryloomError:
    """The one place where a driver's error becomes ours."""
    if isinstance(error, PoolTimeout | PoolClosed):
        return Unavailable(AWAY)
    assert isinstance(error, psycopg.Error)
    state = error.sqlstate or ""
    message = error.diag.message_primary or ""
    if state in _BY_STATE:
        return Fenced(message) if error.diag.message_hint == "fenced" else _BY_STATE[state](message)
    if isinstance(error, errors.InsufficientPrivilege):
        return Forbidden("This identity has no right to do that.")
    if isinstance(error, errors.UniqueViolation):
        return Conflict("That exists already.")
    if isinstance(error, errors.ForeignKeyViolation):
        return Conflict("The user or session that this belongs to is gone.")
    if isinstance(error, errors.DataError | errors.CheckViolation | errors.NotNullViolation):
        return InvalidMessage(f"The database refused a value: {message}.")
    if isinstance(error, errors.UndefinedFunction):
        return Misconfigured(f"The database lacks the function {function}. Run `storyloom migrate`.")
    if isinstance(error, errors.SerializationFailure | errors.DeadlockDetected | psycopg.OperationalError):
        return Unavailable(AWAY)
    logger.error("database call %s failed: %s %s", function, state, message)
    return Internal("Something went wrong in the database; the details are in the service's log.")
