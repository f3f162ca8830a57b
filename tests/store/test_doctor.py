"""What `storyloom doctor` finds, and that each finding says what to do and no secret."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from coordinator import doctor
from coordinator.doctor import Check
from coordinator.settings import Settings
from coordinator.store import migrate
from coordinator.store.embedded import EmbeddedPostgres


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sl-", dir="/tmp")).resolve()
    yield folder
    shutil.rmtree(folder)


@pytest_asyncio.fixture
async def server(data_dir: Path) -> AsyncIterator[EmbeddedPostgres]:
    server = await EmbeddedPostgres.start(data_dir)
    yield server
    await server.stop()


async def findings(**settings: object) -> dict[str, Check]:
    defaults: dict[str, object] = {"database_url": None, "port": 0, "model": None, "models": [], "templates": None}
    found = await doctor.examine(Settings(**(defaults | settings)))  # type: ignore[arg-type]
    for check in found:
        assert check.ok or check.remedy.endswith("."), check
    return {check.name: check for check in found}


def failed(found: dict[str, Check]) -> set[str]:
    return {name for name, check in found.items() if not check.ok}


async def test_all_is_well(server: EmbeddedPostgres, data_dir: Path) -> None:
    found = await findings(data_dir=data_dir)
    assert not failed(found)
    assert "to be applied by themselves" in found["migrations"].detail

    await migrate.migrate(server.admin_url)
    found = await findings(data_dir=data_dir)
    assert not failed(found)
    assert list(found) == [
        *("python", "settings", "data folder", "templates", "model", "port"),
        *("database", "migrations", "roles", "functions", "row level security"),
    ]
    assert found["database"].detail.startswith("PostgreSQL 18.")

    behind = await findings(data_dir=data_dir, database_url=server.admin_url)
    assert not failed(behind)


async def test_a_database_that_is_not_as_it_should_be(server: EmbeddedPostgres, data_dir: Path) -> None:
    found = await findings(data_dir=data_dir, database_url=server.admin_url)
    assert failed(found) == {"migrations"}
    assert found["migrations"].remedy == "Run `storyloom migrate`."

    await migrate.migrate(server.admin_url)
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute("create table public.forgotten ()")
        connection.execute("drop function public.get_story")
        connection.execute("insert into supabase_migrations.schema_migrations values ('29990101000000')")
    found = await findings(data_dir=data_dir)
    assert failed(found) == {"migrations", "functions", "row level security"}
    assert found["migrations"].remedy == "Upgrade Storyloom."
    assert "get_story" in found["functions"].detail
    assert "forgotten" in found["row level security"].detail

    found = await findings(data_dir=data_dir, database_url=server.url)
    assert failed(found) == {"database"}, "this login may not see the history"


async def test_each_other_finding(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "broken.toml").write_text("name = ")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = await findings(
            data_dir=tmp_path / "file",
            port=taken.getsockname()[1],
            templates=tmp_path,
            model="nonsense:model",
            database_url="postgresql://me:hidden-word@127.0.0.1:1/x",
        )
    assert failed(found) == {"data folder", "port", "templates", "model", "database"}
    assert not any("hidden-word" in f"{check}" for check in found.values())
    assert "broken.toml" in found["templates"].detail
    assert "STORYLOOM_PORT" in found["port"].remedy
    assert found["database"].remedy == "Check DATABASE_URL, and that the server runs."


async def test_an_embedded_database_that_does_not_start(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "PG_VERSION").write_text("12\n")
    found = await findings(data_dir=data_dir)
    assert failed(found) == {"database"}
    assert "PostgreSQL 12" in found["database"].detail + found["database"].remedy
