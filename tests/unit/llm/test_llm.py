"""Models: who may choose which, how they are reached, and the built-in one's pace."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Any

import pytest
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters

from coordinator.agents.library import load_library
from coordinator.errors import InvalidMessage, Misconfigured
from coordinator.llm import storyteller
from coordinator.llm.door import Door
from coordinator.llm.http import is_quota
from coordinator.llm.models import NO_KEY, OFFLINE, Models
from coordinator.llm.offline import offline_model, paced
from coordinator.models import StoryConfig
from coordinator.settings import Settings
from coordinator.story.brief import Brief
from coordinator.story.template import StepKind

KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "OLLAMA_BASE_URL", "OPENROUTER_API_KEY")


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


def brief(kind: StepKind = "brainstorm", **values: Any) -> Brief:
    template = load_library().get("noir")
    step = template.step(kind)
    assert step is not None
    config = values.pop("config", StoryConfig())
    return Brief(step=kind, kind=kind, agent=step.agent, template=template, prompt="A lamp.", config=config, **values)


def test_the_default_stands_first_and_the_storyteller_is_always_there() -> None:
    models = Models(settings(model="openai:gpt-5", models=["ollama:llama3"], fallback_models=["anthropic:claude"]))
    listed = models.available()
    assert [info.name for info in listed] == ["openai:gpt-5", "ollama:llama3", "anthropic:claude", OFFLINE]
    assert [info.default for info in listed] == [True, False, False, False]
    assert [info.offline for info in listed] == [False, False, False, True]
    assert "no key needed" in listed[-1].description


def test_with_nothing_configured_only_the_storyteller_is_there() -> None:
    models = Models(settings())
    assert [(info.name, info.default) for info in models.available()] == [(OFFLINE, True)]
    assert models.check(None) == OFFLINE
    models.verify()


def test_a_description_does_not_show_the_servers_address() -> None:
    models = Models(settings(model="openai:local", model_base_url="http://10.1.2.3:8080/v1"))
    assert "10.1.2.3" not in models.available()[0].description


@pytest.mark.parametrize("name", ["openai:gpt-5-pro", "test", "", "offline:other", "x" * 5_000])
def test_a_writer_cannot_choose_what_the_owner_did_not_name(name: str) -> None:
    models = Models(settings(model="openai:gpt-5"))
    with pytest.raises(InvalidMessage, match=r"Choose one of: openai:gpt-5, offline:storyteller\.") as caught:
        models.check(name)
    assert len(caught.value.message) < 200


def test_a_chain_is_the_choice_and_then_the_fallbacks_each_once() -> None:
    models = Models(settings(model="openai:a", fallback_models=["openai:b", "openai:a", OFFLINE]))
    assert models.chain("openai:a") == ["openai:a", "openai:b", OFFLINE]
    assert models.chain("openai:b") == ["openai:b", "openai:a", OFFLINE]
    assert models.chain(OFFLINE) == [OFFLINE]
    with pytest.raises(InvalidMessage):
        models.chain("openai:c")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"model": "openai:gpt-5"}, "openai:gpt-5 needs OPENAI_API_KEY (or STORYLOOM_MODEL_API_KEY)"),
        ({"model": "anthropic:claude-sonnet-4-5"}, "anthropic:claude-sonnet-4-5 needs ANTHROPIC_API_KEY"),
        ({"model": "gpt-5"}, "'gpt-5' is not a provider:name"),
        ({"model": "nobody:gpt-5"}, "nobody:gpt-5 names a provider that is not known"),
        ({"model": "groq:llama"}, "groq:llama needs a library that is not installed"),
        ({"model": "openai:x", "model_base_url": "localhost:8080"}, "STORYLOOM_MODEL_BASE_URL must be an address"),
    ],
)
def test_what_is_misconfigured_is_told_at_start_up(values: dict[str, Any], told: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        Models(settings(**values)).verify()
    assert told in caught.value.message
    assert caught.value.message.endswith(".")


def test_all_faults_are_told_at_once() -> None:
    models = Models(settings(model="openai:gpt-5", fallback_models=["anthropic:claude-sonnet-4-5"]))
    with pytest.raises(Misconfigured, match=r"OPENAI_API_KEY.*ANTHROPIC_API_KEY"):
        models.verify()


async def test_providers_share_one_client_and_do_not_try_again_themselves() -> None:
    models = Models(settings(model="openai:a", models=["openai:b"], model_base_url="http://127.0.0.1:9/v1"))
    models.verify()
    first, second = models.resolve("openai:a", brief()), models.resolve("openai:b", brief())
    assert first.provider is second.provider
    assert first.provider.client.max_retries == 0  # type: ignore[union-attr]
    assert isinstance(first, Door)
    assert type(first.wrapped).__name__ == "OpenAIChatModel"
    client = first.provider.client._client  # type: ignore[union-attr]
    await models.close()
    assert client.is_closed


async def test_the_environments_key_is_not_sent_to_a_server_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    models = Models(settings(model="openai:a", model_base_url="http://127.0.0.1:9/v1"))
    assert models.resolve("openai:a", brief()).provider.client.api_key == NO_KEY  # type: ignore[union-attr]
    await models.close()


async def test_the_key_of_the_settings_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    models = Models(settings(model="openai:gpt-5", model_api_key="sk-ours"))
    assert models.resolve("openai:gpt-5", brief()).provider.client.api_key == "sk-ours"  # type: ignore[union-attr]
    await models.close()


def test_a_seed_varies_by_attempt_and_a_temperature_fits_its_provider() -> None:
    models = Models(settings(model="openai:a"))
    seeds = {models.model_settings("openai:a", attempt, 0.8, seed=2**63 - 1)["seed"] for attempt in (1, 2, 3)}
    assert len(seeds) == 3
    assert max(seeds) < 2**31
    assert "seed" not in models.model_settings("openai:a", 1, 0.8)
    assert models.model_settings("openai:a", 1, 1.5)["temperature"] == 1.5
    assert models.model_settings("anthropic:a", 1, 1.5)["temperature"] == 1.0
    assert models.model_settings(OFFLINE, 1, 1.5) == {}


def test_naming_models_imports_no_model_library() -> None:
    code = (
        "import sys; from coordinator.llm.models import Models; from coordinator.settings import Settings;"
        "Models(Settings(_env_file=None)).available(); print('pydantic_ai' in sys.modules, 'openai' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(("code", "quota"), [("insufficient_quota", True), ("rate_limit_exceeded", False), ("", False)])
def test_an_empty_account_is_told_from_a_busy_server(code: str, quota: bool) -> None:
    assert is_quota(code) is quota


TEXTS = ["", "One two  three.\n\nFour, five — six.\n", "  leading and trailing  ", "word", "\n\n", "a\u00a0b c\td"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("speed", [0, 5_000, 100_000])
async def test_paced_pieces_join_to_the_text(text: str, speed: float) -> None:
    assert "".join([piece async for piece in paced(text, speed)]) == text


async def test_words_come_at_the_set_speed_and_a_slow_reader_costs_no_time() -> None:
    text = "word " * 21
    start = time.perf_counter()
    pieces = []
    async for piece in paced(text, 100):
        pieces.append(piece)
        await asyncio.sleep(0.005)
    took = time.perf_counter() - start
    assert len(pieces) == 21
    assert 0.2 <= took < 0.35


async def test_great_speed_comes_in_groups_of_words() -> None:
    start = time.perf_counter()
    pieces = [piece async for piece in paced("word " * 1_000, 4_000)]
    took = time.perf_counter() - start
    assert 0.23 <= took < 0.5
    assert len(pieces) / 0.25 <= 52


async def test_the_storyteller_streams_its_answer_made_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Rain on tin.\n\nShe waited, and then she did not."
    blocked: list[bool] = []

    def answer(_: Brief) -> str:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            blocked.append(False)
        else:
            blocked.append(True)
        return text

    monkeypatch.setattr(storyteller, "answer", answer, raising=False)
    model = offline_model(OFFLINE, brief(), 100_000)
    assert model.model_name == OFFLINE
    messages: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart("ask")])]
    pieces: list[str] = []
    for _ in range(2):
        async with model.request_stream(messages, None, ModelRequestParameters()) as stream:
            async for event in stream:
                match event:
                    case PartStartEvent(part=TextPart(content=piece)):
                        pieces.append(piece)
                    case PartDeltaEvent(delta=TextPartDelta(content_delta=piece)):
                        pieces.append(piece)
    assert "".join(pieces) == text * 2
    assert blocked == [False]
    whole = await model.request(messages, None, ModelRequestParameters())
    assert whole.text == text
