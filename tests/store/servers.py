"""Servers of PostgreSQL 15, 16 and 18, and an empty database on each."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from coordinator.store import binaries, embedded
from coordinator.store.embedded import EmbeddedPostgres
from tests.conftest import quick_folder


def binaries_of_15() -> Path | None:
    for folder in (Path(shutil.which("postgres") or "/").resolve().parent, Path("/usr/lib/postgresql/15/bin")):
        postgres = folder / "postgres"
        if (
            postgres.exists()
            and " 15." in subprocess.run([postgres, "--version"], capture_output=True, text=True).stdout
        ):
            return folder
    return None


@pytest.fixture(scope="module", params=[18, 16, 15])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Admin address of a server; {} stands for the database."""
    folder = quick_folder()
    try:
        if request.param == 15:
            if (programs := binaries_of_15()) is None:
                pytest.skip("no PostgreSQL 15 on this machine")
            yield from plain_server(programs, folder)
        else:
            handle = asyncio.run(EmbeddedPostgres.start(folder, version=request.param))
            yield handle.admin_url.replace("/postgres?", "/{}?")
            asyncio.run(handle.stop())
    finally:
        embedded._shut_down(folder / "postgres")
        shutil.rmtree(folder)


def plain_server(programs: Path, folder: Path) -> Iterator[str]:
    data = folder / "postgres"
    folder.chmod(0o755)
    data.mkdir(mode=0o700)
    if (user := binaries.os_user(data)) is not None:
        os.chown(data, *user)
    for command in (
        [str(programs / "initdb"), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "-D", str(data)],
        [str(programs / "pg_ctl"), "start", "-s", "-w", "-o", "-h '' -k .", "-l", str(data / "log"), "-D", str(data)],
    ):
        done = binaries.run(command, user)
        assert done.returncode == 0, done.stdout
    yield f"postgresql://postgres@/{{}}?host={data}&port=5432"


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """An empty database of its own."""
    name = f"test_{uuid4().hex[:12]}"
    execute(server.format("postgres"), f"create database {name}")
    yield server.format(name)
    execute(server.format("postgres"), f"drop database {name} with (force)")


def execute(url: str, text: str, user: str = "postgres") -> list[Any]:
    with psycopg.connect(url.replace("postgres@", f"{user}@"), autocommit=True) as connection:
        cursor = connection.execute(text.encode())
        while cursor.nextset():
            pass
        return cursor.fetchall() if cursor.description else []
