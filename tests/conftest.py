"""What the tests share: one embedded PostgreSQL a test process, a fresh copy of the migrated database a test, and a
real service on a real socket."""

from __future__ import annotations

import gc
import itertools
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import hypothesis
import platformdirs
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

# Before anything reads the environment: the tests know no setting but their own.
for name in list(os.environ):
    if name.startswith(("STORYLOOM_", "SUPABASE_")) or name in ("DATABASE_URL", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        del os.environ[name]
# Where no bytecode is kept, each process that a test starts would compile all that it imports.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    bytecode = platformdirs.user_cache_path("storyloom", appauthor=False) / "tests-bytecode"
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(bytecode))

from api.serve import COLLECT_EVERY
from coordinator.models import SERVICE, Identity
from coordinator.settings import Settings
from coordinator.store import Store
from coordinator.store.direct import DirectTransport
from coordinator.store.embedded import EmbeddedPostgres
from coordinator.store.migrate import migrate
from coordinator.telemetry import logs
from tests.service import Service, serving

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("suite", max_examples=50, deadline=None)
hypothesis.settings.load_profile("suite")

_numbers = itertools.count(1)
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 2**31
"""So much room in memory is enough for the databases of several test processes."""


def quick_folder() -> Path:
    """An empty folder for a database, in memory where there is room: making one there takes an eighth of the work.

    Its path leaves room for a socket's. It is not below pytest's own folder: each run of pytest closes that one to the
    OS user as which root's PostgreSQL runs.
    """
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_BYTES
    return Path(tempfile.mkdtemp(prefix="storyloom-", dir=MEMORY if roomy else None)).resolve()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the long form: more of everything, and what takes long")
    parser.addoption("--model", action="store_true", help="with a small real model, see tests/model/install.py")
    parser.addoption("--chaos-seed", type=int, default=None, help="seed of the moments at which things break")


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether the long form was asked for."""
    return bool(request.config.getoption("--long"))


def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """What a module makes for all its tests is made once: they go to one test process, wherever that is."""
    for item in items:
        of_module = any(
            found[-1].scope == "module"
            for name in getattr(item, "fixturenames", ())
            if (found := session._fixturemanager.getfixturedefs(name, item))
        )
        if of_module and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def pytest_collection_finish() -> None:
    # As in the service: what is there by now stays, and no collection need look at it again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_EVERY)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@dataclass(frozen=True)
class Database:
    """A migrated database of a test's own."""

    name: str
    admin_url: str
    url: str

    def url_for(self, user: str) -> str:
        return make_conninfo(self.admin_url, user=user)


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[EmbeddedPostgres]:
    folder = quick_folder()
    server = await EmbeddedPostgres.start(folder)
    try:
        # What this server keeps is thrown away with the tests; what survives a crash is judged on servers of its own.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            await _admin(server.admin_url, f"alter system set {setting} = off")
        await _admin(server.admin_url, "select pg_reload_conf()")
        await _admin(server.admin_url, "create database prepared")
        await migrate(_on(server.admin_url, "prepared"))
        yield server
    finally:
        await server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def database(postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    async with cloned(postgres) as made:
        yield made


@asynccontextmanager
async def cloned(postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    name = f"test_{next(_numbers)}"
    await _admin(postgres.admin_url, f"create database {name} template prepared strategy file_copy")
    try:
        yield Database(name, _on(postgres.admin_url, name), _on(postgres.url, name))
    finally:
        await _admin(postgres.admin_url, f"drop database {name} with (force)")


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    made = Store(await DirectTransport.open(database.url, 8), wait_s=5)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def user(store: Store) -> Callable[..., Any]:
    """Makes users: `await user()` a writer, `await user(admin=True)` an admin."""

    async def make(*, admin: bool = False) -> Identity:
        return await new_user(store, admin=admin)

    return make


async def new_user(store: Store, *, admin: bool = False) -> Identity:
    user_id = uuid4()
    await store.gateway.write(
        "local_sign_in", SERVICE, user_id=user_id, is_anonymous=True, app_metadata={"provider": "local"}
    )
    return identity_of(user_id, admin=admin)


def identity_of(user_id: UUID, *, admin: bool = False) -> Identity:
    claims = {"sub": str(user_id), "role": "authenticated", "app_metadata": {"role": "admin"} if admin else {}}
    return Identity(user_id=user_id, role="authenticated", claims=claims)


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Logging that is set up in here is no other test's."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.QUIET}
    root.handlers[:] = []  # what sets up another closes those that it finds
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    logging.captureWarnings(False)


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    """Of a service on the test's database, whose storyteller writes at once."""
    return settings_of(database, tmp_path / "data")


def settings_of(database: Database, data_dir: Path, **more: Any) -> Settings:
    given: dict[str, Any] = {
        "data_dir": data_dir,
        "database_url": database.admin_url,
        "offline_words_per_second": 0,
        "log_level": "warning",
        "event_flush_s": 0.02,
        "database_pool": 6,
    }
    return Settings(_env_file=None, **{**given, **more})


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Service]:
    async with serving(settings) as made:
        yield made


Serving = Callable[..., AbstractAsyncContextManager[Service]]


def _on(url: str, name: str) -> str:
    parts = conninfo_to_dict(url)
    host, port, user = parts["host"], parts["port"], parts["user"]
    return f"postgresql://{user}@/{name}?host={host}&port={port}"


async def _admin(url: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(statement)  # type: ignore[call-overload]
