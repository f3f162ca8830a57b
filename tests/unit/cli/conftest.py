"""A command line that is run, and a service for it."""

from __future__ import annotations

import io
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from coordinator.store.embedded import EmbeddedPostgres
from storyloom.cli import doors, main
from tests.conftest import cloned, settings_of
from tests.service import Service, serving
from tests.unit.cli.fake_client import Fake, Run


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line; answers exit code, standard output and standard error."""
    for name in ("STORYLOOM_SERVER", "STORYLOOM_TOKEN", "STORYLOOM_LOG_LEVEL", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, client: Fake | Exception | None = None, stdin: str = "") -> tuple[int, str, str]:
        @asynccontextmanager
        async def open_client(where: Any, **options: Any) -> AsyncIterator[Fake]:
            if isinstance(client, Exception):
                raise client
            assert client is not None, "this command should not have got as far as a client"
            yield client

        monkeypatch.setattr(doors, "open_client", open_client)
        monkeypatch.setattr(sys, "argv", ["storyloom", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err or "--debug" in arguments
        return int(ended.value.code or 0), out, err

    return run


@pytest.fixture(scope="module")
async def shared(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with cloned(postgres) as database, serving(settings_of(database, tmp_path_factory.mktemp("data"))) as service:
        yield service
