"""An agent that is asked, and the models that it asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from coordinator.agents.cast import Answer, perform
from coordinator.llm.models import Models
from coordinator.settings import Settings
from coordinator.story.template import StepKind
from tests.model_server import ModelServer
from tests.unit.agents.agent_call import GPT, SECRET, Ask, MakeModels, Watcher, brief


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
