"""The store over both transports: direct, and rpc to @supabase/lite where a module asks for it by `transport`."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from coordinator.models import Identity
from coordinator.store import Store, schema
from coordinator.store.direct import DirectTransport
from coordinator.store.embedded import EmbeddedPostgres
from coordinator.store.migrate import migrate
from coordinator.store.transport import Transport
from tests.conftest import Database, _on, cloned, identity_of, new_user, quick_folder
from tests.lite_server import Lite, serving_lite
from tests.store.servers import server as server
from tests.store.servers import url as url

BOTH = ["direct", pytest.param("rpc", marks=pytest.mark.xdist_group("lite"))]
"""One group, so that one test process has one server."""


@dataclass(frozen=True)
class Project:
    """What a Supabase project is to us: an address, two keys, users; and a way behind its door for the tests."""

    lite: Lite
    database: Database

    async def empty(self) -> None:
        async with await self.connect() as connection:
            await connection.execute("truncate auth.users cascade")

    async def new_users(self, count: int) -> list[Identity]:
        ids = [uuid4() for _ in range(count)]
        async with await self.connect() as connection:
            await connection.execute("insert into auth.users (id, is_anonymous) select unnest(%s::uuid[]), true", [ids])
        return [self.identity(user_id) for user_id in ids]

    def identity(self, user_id: UUID, *, admin: bool = False, **claims: Any) -> Identity:
        app_metadata = {"role": "admin"} if admin else {}
        token = self.lite.token(user_id, app_metadata=app_metadata, **claims)
        return identity_of(user_id, admin=admin).model_copy(update={"token": SecretStr(token)})

    async def connect(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(self.database.admin_url, autocommit=True)


_templates = itertools.count(1)


@pytest.fixture(scope="session")
def supabase_template(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database as a project has it after `supabase db push`. Not async: it is made only where it is asked for."""
    # Also asked for by tests elsewhere, to whom it is another fixture.
    name = f"supabase_template_{next(_templates)}"
    _create(postgres, name)
    with serving_lite(_socket_folder(postgres), name, tmp_path_factory.mktemp("lite")):
        pass  # it makes the schema auth when it starts
    with psycopg.connect(_on(postgres.admin_url, name), autocommit=True) as connection:
        # As on a hosted project; without it no policy could ask auth.uid().
        connection.execute("grant usage on schema auth to anon, authenticated, service_role")
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, migrate(_on(postgres.admin_url, name))).result()
    yield name
    _drop(postgres, name)


@pytest.fixture(scope="module")
def supabase(
    request: pytest.FixtureRequest,
    postgres: EmbeddedPostgres,
    supabase_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    """A server and a database of a module's own."""
    name = f"supabase_{request.module.__name__.rpartition('.')[2]}"
    _create(postgres, name, template=supabase_template)
    with serving_lite(_socket_folder(postgres), name, tmp_path_factory.mktemp("lite")) as lite:
        _take_back(_on(postgres.admin_url, name))
        yield Project(lite, Database(name, _on(postgres.admin_url, name), _on(postgres.url, name)))
    _drop(postgres, name)


def _take_back(url: str) -> None:
    """What this server grants to everybody by itself when it starts, which a hosted project does not."""
    with psycopg.connect(url, autocommit=True) as connection:
        for table in sorted(schema.expected().tables):
            connection.execute(f"revoke all on public.{table} from anon, authenticated, service_role".encode())
        for name, role, what in sorted(schema.expected().rights):
            if name in schema.expected().tables:
                connection.execute(f"grant {what} on public.{name} to {role}".encode())


@pytest.fixture
def transport() -> str:
    return "direct"


@pytest.fixture
def project(request: pytest.FixtureRequest, postgres: EmbeddedPostgres, transport: str) -> Project | None:
    return request.getfixturevalue("supabase") if transport == "rpc" else None


@pytest.fixture
async def database(postgres: EmbeddedPostgres, project: Project | None) -> AsyncIterator[Database]:
    if project is None:
        async with cloned(postgres) as made:
            yield made
    else:
        await project.empty()
        yield project.database


@pytest.fixture
def connect(database: Database, project: Project | None) -> Callable[[], Awaitable[Transport]]:
    """Opens the transport that is judged."""

    async def open_it() -> Transport:
        if project is None:
            return await DirectTransport.open(database.url, 8)
        from coordinator.store.rpc import RpcTransport

        lite = project.lite
        return await RpcTransport.open(lite.url, SecretStr(lite.service_key), SecretStr(lite.public_key))

    return open_it


@pytest.fixture
async def store(connect: Callable[[], Awaitable[Transport]]) -> AsyncIterator[Store]:
    made = Store(await connect(), wait_s=5)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def user(store: Store, project: Project | None) -> Callable[..., Any]:
    """Makes users: `await user()` a writer, `await user(admin=True)` an admin."""

    async def make(*, admin: bool = False) -> Identity:
        if project is None:
            return await new_user(store, admin=admin)
        user_id = (await project.new_users(1))[0].user_id
        assert user_id
        return project.identity(user_id, admin=admin)

    return make


def _socket_folder(postgres: EmbeddedPostgres) -> str:
    return str(conninfo_to_dict(postgres.admin_url)["host"])


def _create(postgres: EmbeddedPostgres, name: str, template: str = "template0") -> None:
    with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template {} strategy file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )


def _drop(postgres: EmbeddedPostgres, name: str) -> None:
    with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def made() -> Iterator[Path]:
    """A database that was made once, for the tests that only need one to be there: they copy it."""
    folder = quick_folder()
    with ThreadPoolExecutor(1) as thread:
        server = thread.submit(asyncio.run, EmbeddedPostgres.start(folder)).result()
        thread.submit(asyncio.run, server.stop()).result()
    yield folder / "postgres"
    shutil.rmtree(folder)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """For a data folder: the path of the database's socket in it has room for about a hundred bytes."""
    folder = quick_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
