"""What several files here begin with: a command line that is run, and an agent that is asked."""

from __future__ import annotations

import io
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from coordinator.agents.cast import Answer, perform
from coordinator.llm.models import Models
from coordinator.settings import Settings
from coordinator.story.template import StepKind
from storyloom.cli import doors, main
from tests.model_server import ModelServer
from tests.unit.agent_call import GPT, SECRET, Ask, MakeModels, Watcher, brief
from tests.unit.fake_client import Fake, Run


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


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as running:
        yield running


@pytest.fixture
async def make(server: ModelServer) -> AsyncIterator[MakeModels]:
    made: list[Models] = []

    def models(**values: Any) -> Models:
        chosen: dict[str, Any] = {"model": GPT, "model_base_url": server.url, "model_api_key": SECRET}
        chosen |= {"model_timeout_s": 5} | values
        made.append(Models(Settings(_env_file=None, **chosen), backoff_s=0.01))
        return made[-1]

    yield models
    for each in made:
        await each.close()


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def ask(make: MakeModels, watcher: Watcher) -> Ask:
    async def answer(kind: StepKind = "draft", **values: Any) -> Answer:
        return await perform(brief(kind), make(**values), GPT, watcher)

    return answer
