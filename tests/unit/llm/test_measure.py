"""A model's own measure: asked of its server in each server's way, set, or learned from a refusal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from coordinator.errors import InvalidMessage
from coordinator.llm import measure
from coordinator.llm.learned import MOST_REMEMBERED, Learned, Memory
from coordinator.llm.measure import (
    OLLAMA_CONTEXT,
    OWN_CONTEXT,
    Measure,
    is_overflow,
    of_ollama,
    of_server,
    of_table,
    told_in,
)
from coordinator.llm.models import Models
from coordinator.llm.tokens import tokens_of
from coordinator.settings import Settings
from tests.model_server import ModelServer

Answers = dict[str, Any]


def client(answers: Answers) -> httpx2.AsyncClient:
    def answer(request: httpx2.Request) -> httpx2.Response:
        found = answers.get(request.url.path)
        if found is None:
            return httpx2.Response(404, json={"error": "no such path"})
        return found if isinstance(found, httpx2.Response) else httpx2.Response(200, json=found)

    return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


PROPS = {"default_generation_settings": {"n_ctx": 4096}, "total_slots": 2}
SERVERS: list[tuple[Answers, int, bool]] = [
    ({"/props": PROPS, "/v1/models": {"data": [{"id": "m", "meta": {"n_ctx_train": 8192}}]}}, 4096, True),
    ({"/v1/models": {"data": [{"id": "m", "max_model_len": 16_384}, {"id": "n", "max_model_len": 1}]}}, 16_384, True),
    ({"/v1/models": {"data": [{"id": "m", "context_length": 32_768}]}}, 32_768, True),
    ({"/api/v0/models": {"data": [{"id": "m", "max_context_length": 131_072, "loaded_context_length": 6_000}]}}, 6_000, True),
    ({"/v1/models": {"data": [{"id": "other"}]}}, OWN_CONTEXT, False),
    ({}, OWN_CONTEXT, False),
    ({"/props": [1], "/v1/models": "x"}, OWN_CONTEXT, False),
    ({"/props": {"default_generation_settings": [4096]}, "/v1/models": {"data": [{"id": ["m"], "meta": 7}]}}, OWN_CONTEXT, False),
    ({"/props": {"default_generation_settings": {"n_ctx": "many"}}}, OWN_CONTEXT, False),
    ({"/props": {"default_generation_settings": {"n_ctx": -1}, "n_ctx": 10**12}}, OWN_CONTEXT, False),
    ({"/props": httpx2.Response(200, content=b"[" * 100_000)}, OWN_CONTEXT, False),
    ({"/props": httpx2.Response(200, content=b" " * 3_000_000)}, OWN_CONTEXT, False),
    ({"/props": httpx2.Response(302, headers={"location": "http://elsewhere/props"})}, OWN_CONTEXT, False),
]  # fmt: skip


@pytest.mark.parametrize(("answers", "context", "sure"), SERVERS)
async def test_a_server_is_asked_in_its_own_way(answers: Answers, context: int, sure: bool) -> None:
    found = await of_server(client(answers), "http://server:8080/v1/", "m", None)
    assert (found.context, found.sure, found.own) == (context, sure, True)
    assert found.slots == (2 if "/props" in answers and answers["/props"] == PROPS else None)


OLLAMA: list[tuple[Answers, int]] = [
    ({"/api/ps": {"models": [{"name": "llama3:latest", "context_length": 16_384}]}}, 16_384),
    ({"/api/ps": {"models": []}, "/api/show": {"parameters": "stop x\nnum_ctx    8192"}}, 8_192),
    ({"/api/show": {"model_info": {"llama.context_length": 131_072}}}, OLLAMA_CONTEXT),
    ({"/api/show": {"model_info": {"small.context_length": 2_048}}}, 2_048),
    ({}, OLLAMA_CONTEXT),
    ({"/api/ps": {"models": [{"name": ["llama3"], "model": {}}]}, "/api/show": {"model_info": ["x"]}}, OLLAMA_CONTEXT),
    ({"/api/show": {"model_info": "x", "parameters": "num_ctx 000"}}, OLLAMA_CONTEXT),
    ({"/api/show": {"parameters": "num_ctx 999999999"}}, OLLAMA_CONTEXT),
    ({"/api/ps": {"models": [7, None]}, "/api/show": {"model_info": None, "parameters": 3}}, OLLAMA_CONTEXT),
]


@pytest.mark.parametrize(("answers", "context"), OLLAMA)
async def test_ollama_is_asked_what_it_has_loaded(answers: Answers, context: int) -> None:
    assert (await of_ollama(client(answers), "http://localhost:11434/v1", "llama3", None)).context == context


class Drips(httpx2.AsyncByteStream):
    """A body that never ends, a byte at a time."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.01)
            yield b" "


async def test_a_server_that_never_ends_its_answer_has_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "ASK_S", 0.1)
    asked = client({"/props": httpx2.Response(200, stream=Drips()), "/v1/models": {"data": [{"n_ctx": 4_000}]}})
    assert (await of_server(asked, "http://server:8080/v1", "m", None)).context == 4_000


def test_providers_models_are_in_a_table() -> None:
    assert of_table("openai", "gpt-4o").context == 128_000
    assert of_table("openai", "gpt-of-nobody") == Measure() == of_table("nobody", "x")


REFUSALS = [
    ({"error": {"type": "exceed_context_size_error", "message": "too long", "n_ctx": 2048, "n_prompt_tokens": 3000}}, 2048),
    ({"error": {"message": "This model's maximum context length is 4096 tokens. However, you requested 5000"}}, 4096),
    ({"message": "the request exceeds the available context size (3000 tokens). n_ctx = 2048"}, None),
    ({"error": {"message": "prompt is too long for the context"}}, None),
]  # fmt: skip


@pytest.mark.parametrize(("body", "told"), REFUSALS)
def test_a_refusal_says_what_fits(body: Any, told: int | None) -> None:
    assert is_overflow(body) or "maximum context length" in json.dumps(body)
    assert told_in(body) == told or told is None


@pytest.mark.parametrize("body", [None, "x", {"error": "tools are not supported"}, {"error": {"message": 7}}, [1]])
def test_other_refusals_are_none_of_it(body: Any) -> None:
    assert not is_overflow(body)
    assert told_in(body) is None


TEXTS = {
    "The keeper counted the flashes twice before she wrote them down.": (11, 24),
    "Смотритель дважды сосчитал вспышки, прежде чем записать их.": (15, 60),
    "灯塔看守人数了两遍闪光，才把它们写下来。": (15, 40),
    "": (0, 0),
}


@pytest.mark.parametrize(("text", "bounds"), TEXTS.items())
def test_tokens_are_rather_too_many(text: str, bounds: tuple[int, int]) -> None:
    assert bounds[0] <= tokens_of(text) <= bounds[1]


def test_what_is_remembered_is_bounded() -> None:
    memory = Memory()
    for number in range(3 * MOST_REMEMBERED):
        memory.of("openai:kept").thinks = True
        memory.of(f"openai:{number}")
    assert len(memory._known) == MOST_REMEMBERED
    assert memory.of("openai:kept").thinks


def make(server: ModelServer, **more: Any) -> Models:
    chosen: dict[str, Any] = {"model": "openai:m", "model_base_url": server.url} | more
    return Models(Settings(_env_file=None, **chosen))


async def asked(make_models: Callable[[], Models]) -> Measure:
    models = make_models()
    try:
        return await models.measure("openai:m")
    finally:
        await models.close()


async def test_a_setting_overrides_what_a_server_says() -> None:
    async with ModelServer() as server:
        assert (await asked(lambda: make(server))).context == server.context
        assert (await asked(lambda: make(server, model_context=9_000))).context == 9_000


async def test_what_a_refusal_said_holds_until_the_server_is_another() -> None:
    async with ModelServer() as server:
        models = make(server)
        models.overflowed("openai:m", 4_000, 5_000)
        assert (await models.measure("openai:m")).context == server.context, "it has just said so"
        models.learned("openai:m").context = 4_000
        assert (await models.measure("openai:m")).context == 4_000
        await models.close()


async def test_what_a_refusal_said_holds_where_the_server_does_not_say() -> None:
    models = Models(Settings(_env_file=None, model="openai:m", model_base_url="http://127.0.0.1:9/v1"))
    assert (await models.measure("openai:m")).context == OWN_CONTEXT
    models.overflowed("openai:m", 4_000, 5_000)
    assert (await models.measure("openai:m")).context == 4_000
    await models.close()


async def test_what_a_call_with_a_writers_key_is_taken_for_is_nobody_elses() -> None:
    async with ModelServer() as server:
        models = make(server)
        theirs = await models.with_keys("openai:m", {"openai": SecretStr("sk-theirs")})
        assert not (await theirs.measure("openai:m")).own
        assert (await models.measure("openai:m")).own
        await models.close()


async def test_who_waits_for_a_server_of_one_place_keeps_no_place_from_others() -> None:
    async with ModelServer() as server:
        server.slots = 1
        models = make(server, models=["anthropic:other"], model_concurrency=2)
        await models.measure("openai:m")
        async with models.turn("openai:m"):
            waiting = asyncio.create_task(_has_turn(models))
            await asyncio.sleep(0)
            assert not models.crowded("anthropic:other")
            async with models.turn("anthropic:other"):
                assert not waiting.done()
        await waiting
        await models.close()


async def _has_turn(models: Models) -> None:
    async with models.turn("openai:m"):
        pass


def test_a_server_that_counts_next_to_nothing_is_not_believed() -> None:
    learned = Learned()
    for _ in range(50):
        learned.counted(10_000, 1)
    assert learned.ratio >= 0.4
    learned.counted(10_000, 15_000)
    assert learned.ratio == 1.5


async def test_a_server_has_as_many_calls_at_once_as_it_has_places() -> None:
    async with ModelServer() as server:
        server.slots = 1
        models = make(server)
        await models.measure("openai:m")
        async with models.turn("openai:m"):
            assert models.crowded("openai:m")
        assert not models.crowded("openai:m")
        await models.close()


async def test_too_small_a_model_is_refused_with_what_to_do() -> None:
    async with ModelServer() as server:
        server.context = 2_048
        models = make(server)
        with pytest.raises(InvalidMessage, match="has a context of 2048 tokens, and a story needs .* -c 8192"):
            await models.check_room("openai:m")
        await models.close()
