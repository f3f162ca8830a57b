"""The direct transport: a psycopg pool; each call is one round trip and one transaction under the caller's role."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import psycopg
import psycopg.types.json
from psycopg import AsyncClientCursor, AsyncConnection, sql
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout
from pydantic import TypeAdapter
from pydantic_core import from_json

from coordinator.errors import InvalidMessage, Misconfigured, StoryloomError, Unavailable
from coordinator.models import Identity
from coordinator.storable import storable
from coordinator.store.faults import AWAY, fault
from coordinator.store.gateway import ENGINE
from coordinator.store.values import JsonText, json_text, parameter

POOL_TIMEOUT_S = 2.0
"""Wait for a free connection; the gateway's patience stands above it."""
OPEN_TIMEOUT_S = 10.0
RECONNECT_S = 1.0
"""For so long the pool tries again by itself, with growing pauses; then whoever needs a connection makes it try."""
CONNECT_TIMEOUT_S = 5
HEARD_WITHIN_S = 3.0
"""Until a notification to oneself must have come."""
CHECKED_EVERY_S = 15.0
"""So often a notification to oneself is sent, which also finds out that the other end is gone."""

Pool = AsyncConnectionPool[AsyncConnection[Any]]


class DirectTransport:
    """Opened by `open`; `close` waits for the calls under way."""

    def __init__(self, pool: Pool, own: Pool, url: str) -> None:
        """`own` is for the engine's calls alone."""
        self._pool = pool
        self._own = own
        self._url = url

    @classmethod
    async def open(cls, url: str, size: int) -> DirectTransport:
        """Connect, with `size` connections at the most, of which the engine has one; of one alone it gets a second.
        Raises Misconfigured where not even a first connection can be had."""
        pool, own = _pool(url, max(1, size - 1)), _pool(url, 1)
        try:
            await pool.open(wait=True, timeout=OPEN_TIMEOUT_S)
            await own.open(wait=True, timeout=OPEN_TIMEOUT_S)
        except PoolTimeout as error:
            await pool.close()
            await own.close()
            raise Misconfigured(
                "The database can't be reached. Check DATABASE_URL, and that the server runs and accepts the login."
            ) from error
        return cls(pool, own, url)

    async def call(
        self, function: str, args: Mapping[str, Any], identity: Identity, shape: TypeAdapter[Any] | None = None
    ) -> Any:
        # Several statements in one simple query are one implicit transaction: the role ends with it.
        query = _query(function, tuple(args))
        claims = {**identity.claims, "role": identity.role}
        if identity.user_id is not None:
            claims["sub"] = str(identity.user_id)
        values = [identity.role, json_text(claims), claims.get("sub", ""), *map(_literal, args.values())]
        try:
            async with (self._own if function in ENGINE else self._pool).connection() as connection:
                cursor = connection.cursor()
                await cursor.execute(query, values)
                while cursor.nextset():
                    pass
                row = await cursor.fetchone()
        except (psycopg.Error, PoolTimeout, PoolClosed) as error:
            # Not with the driver's own, whose details quote the row.
            raise _translated(error, function) from None
        answer = row[0] if row else None
        # Only JSON comes as bytes.
        if isinstance(answer, bytes):
            return shape.validate_json(answer) if shape is not None else from_json(answer)
        return answer

    async def listen(self) -> AsyncIterator[str]:
        """On a connection of its own, which a pooler of transactions does not give: then it breaks at once."""
        try:
            connection = await AsyncConnection.connect(
                self._url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, application_name="storyloom listen"
            )
            async with connection:
                await connection.execute("listen storyloom")
                while True:
                    # By way of another connection: such a pooler takes the command, and passes nothing on afterwards.
                    async with self._pool.connection() as other:
                        await other.execute("select pg_notify('storyloom', '')")
                    heard = False
                    async with contextlib.aclosing(connection.notifies(timeout=HEARD_WITHIN_S)) as told:
                        async for notification in told:
                            heard = True
                            yield notification.payload
                    if not heard:
                        raise Unavailable("This connection to the database gets no notifications.")
                    async with contextlib.aclosing(connection.notifies(timeout=CHECKED_EVERY_S)) as told:
                        async for notification in told:
                            yield notification.payload
        except (psycopg.Error, PoolTimeout, PoolClosed) as error:
            raise Unavailable(AWAY) from error

    async def close(self) -> None:
        await self._pool.close()
        await self._own.close()


def _pool(url: str, size: int) -> Pool:
    return AsyncConnectionPool(
        url,
        min_size=min(2, size),
        max_size=size,
        timeout=POOL_TIMEOUT_S,
        reconnect_timeout=RECONNECT_S,
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


async def _configure(connection: AsyncConnection[Any]) -> None:
    # Left as it comes: `call` knows what is to be made of it.
    psycopg.types.json.set_json_loads(_as_it_comes, connection)


def _as_it_comes(text: str | bytes) -> str | bytes:
    return text


@functools.lru_cache(maxsize=256)
def _query(function: str, names: tuple[str, ...]) -> bytes:
    """The text of a call; its literals have no type of their own, so each takes that of the function's parameter."""
    named = sql.SQL(", ").join(sql.SQL("{} => %s").format(sql.Identifier(parameter(name))) for name in names)
    query = sql.SQL(
        "set local role = %s; set local request.jwt.claims = %s; set local request.jwt.claim.sub = %s;"
        " select public.{}({})"
    ).format(sql.Identifier(function), named)
    # Composed anew for each call it would take longer than to send it.
    return query.as_bytes()


def _literal(value: Any) -> str | None:
    """A value as PostgreSQL reads it from a quoted literal; the same JSON shapes that PostgREST takes."""
    match value:
        case None:
            return None
        case JsonText():
            return value
        case str():
            return storable(value)
        case bool():
            return "true" if value else "false"
        case int() | float() | UUID():
            return str(value)
        case set() | frozenset() | tuple():
            return "{" + ",".join(sorted(f'"{item}"' for item in value)) + "}"
        case _:
            return json_text(value)


def _translated(error: Exception, function: str) -> StoryloomError:
    """The one place where a driver's error becomes ours."""
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return fault(error.sqlstate, error.diag.message_primary or "", error.diag.message_hint, function)
    if isinstance(error, psycopg.DataError):
        return InvalidMessage("The database refused a value.")
    if isinstance(error, PoolTimeout | PoolClosed | psycopg.OperationalError):
        return Unavailable(AWAY)
    return fault("", str(error), None, function)
