"""The database to measure on: an embedded PostgreSQL of the bench's own, with the durability that it has for users."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import AsyncClientCursor, AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool

from coordinator.models import SERVICE, Identity
from coordinator.sessions.manager import StorySessionManager
from coordinator.sessions.streams import Streams
from coordinator.store import Store
from coordinator.store.direct import DirectTransport
from coordinator.store.embedded import EmbeddedPostgres
from coordinator.store.migrate import migrate
from coordinator.store.sessions import NewSession

POOL = 10
"""Connections, for the service's store as for every floor."""
BARE = Path(__file__).with_name("bare.sql")
WORDS = (
    "The keeper climbed the stairs again, though the lamp had not called him; below, the sea went on counting its stones "
    "and losing its place. He wrote the hour in the book, and beside it what the light had said. "
)
MESSAGE = (WORDS * 5)[:800]


@dataclass(frozen=True)
class Database:
    """A migrated database of one figure's own, and beside it the schema `bare` of the floors."""

    admin_url: str
    url: str

    @property
    def socket(self) -> Path:
        return Path(str(conninfo_to_dict(self.admin_url)["host"])) / ".s.PGSQL.5432"

    @property
    def name(self) -> str:
        return str(conninfo_to_dict(self.admin_url)["dbname"])

    @asynccontextmanager
    async def store(self, url: str | None = None) -> AsyncIterator[Store]:
        made = Store(await DirectTransport.open(url or self.url, POOL), wait_s=5)
        try:
            yield made
        finally:
            await made.close()

    @asynccontextmanager
    async def connection(self, url: str | None = None) -> AsyncIterator[AsyncConnection[Any]]:
        """A bare one, as fast as psycopg is: simple queries, no transaction around each."""
        connecting = AsyncConnection.connect(url or self.admin_url, **PLAIN)
        async with await connecting as connection:
            yield connection

    @asynccontextmanager
    async def pool(self) -> AsyncIterator[AsyncConnectionPool[AsyncConnection[Any]]]:
        async with AsyncConnectionPool(self.admin_url, min_size=POOL, max_size=POOL, kwargs=PLAIN, open=False) as pool:
            await pool.wait()
            yield pool

    async def ask(self, query: str, *values: Any) -> Any:
        """The first value that a query answers."""
        async with self.connection() as connection:
            row = await (await connection.execute(query, values)).fetchone()
            return row[0] if row else None


PLAIN: dict[str, Any] = {"autocommit": True, "prepare_threshold": None, "cursor_factory": AsyncClientCursor}


@dataclass
class Ground:
    server: EmbeddedPostgres
    folder: Path
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        name = f"bench_{next(self.numbers)}"
        await _admin(self.server.admin_url, f"create database {name} template prepared")
        try:
            yield Database(_on(self.server.admin_url, name), _on(self.server.url, name))
        finally:
            await _admin(self.server.admin_url, f"drop database {name} with (force)")

    async def version(self) -> str:
        async with await AsyncConnection.connect(self.server.admin_url) as connection:
            info = connection.info.server_version
            row = await (
                await connection.execute("select current_setting('fsync'), current_setting('synchronous_commit')")
            ).fetchone()
            assert row == ("on", "on"), "the figures are of a durable database"
            return f"PostgreSQL {info // 10_000}.{info % 10_000} (fsync on)"


@asynccontextmanager
async def prepared() -> AsyncIterator[Ground]:
    """Started, with a database to copy; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="storyloom-bench-"))
    server = await EmbeddedPostgres.start(folder)
    try:
        await _admin(server.admin_url, "create database prepared")
        await migrate(_on(server.admin_url, "prepared"))
        async with await AsyncConnection.connect(_on(server.admin_url, "prepared"), autocommit=True) as connection:
            await connection.execute(BARE.read_text())
        yield Ground(server, folder)
    finally:
        await server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def manager_of(store: Store, **knobs: Any) -> StorySessionManager:
    return StorySessionManager(store, Streams(), node="bench", **knobs)


async def new_user(store: Store, *, admin: bool = False) -> Identity:
    user_id = uuid4()
    await store.gateway.write(
        "local_sign_in", SERVICE, user_id=user_id, is_anonymous=True, app_metadata={"provider": "local"}
    )
    claims = {"sub": str(user_id), "role": "authenticated", "app_metadata": {"role": "admin"} if admin else {}}
    return Identity(user_id=user_id, role="authenticated", claims=claims)


async def new_session(store: Store, owner: Identity, **more: Any) -> UUID:
    assert owner.user_id is not None
    made = await store.sessions.create(
        owner.user_id, replace(NewSession("A prompt.", "short-story", "offline:storyteller", kind="chat"), **more), 7200
    )
    return made.session.id


def _on(url: str, name: str) -> str:
    parts = conninfo_to_dict(url)
    return f"postgresql://{parts['user']}@/{name}?host={parts['host']}&port={parts['port']}"


async def _admin(url: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(statement)
