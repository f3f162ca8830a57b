"""Whole stories written by a model behind an OpenAI-compatible server, with everything that such a server does wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from pydantic import SecretStr

from coordinator.settings import Settings
from tests.model_server import ModelServer, Reply
from tests.service import Service, serving

SECRET = "sk-never-to-be-seen-anywhere"


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


def with_model(settings: Settings, model: ModelServer, **more: object) -> Settings:
    return settings.model_copy(
        update={
            "model": "openai:test-model",
            "model_base_url": model.url,
            "model_api_key": SecretStr(SECRET),
            "model_timeout_s": 5.0,
            "model_attempts": 2,
            **more,
        }
    )


async def _failed(service: Service, **config: object) -> tuple[str, dict[str, str]]:
    async with service.socket() as socket:
        session_id = await socket.start(pages=1, **config)
        end = await socket.until_finished(session_id)
        assert end["status"] == "failed"
        assert SECRET not in str(socket.frames)
    session = (await service.get(f"/api/sessions/{session_id}")).json()
    assert session["error"] == end["error"] and end["reason"] == end["error"]["message"]
    return session_id, end["error"]


async def test_a_model_writes_a_story(settings: Settings, model: ModelServer) -> None:
    async with serving(with_model(settings, model)) as service:
        session_id = await service.story(pages=2)
        session = (await service.get(f"/api/sessions/{session_id}")).json()
        story = (await service.get(f"/api/sessions/{session_id}/story")).json()
    assert session["model"] == story["model"] == "openai:test-model"
    assert session["tokens"] > 0 and set(session["usage_by_agent"]) == {"writer", "reader", "expert", "editor"}
    assert 600 * 0.7 < story["word_count"] < 600 * 1.3
    asked = [request.text for request in model.requests]
    # The whole text of a story is in no request that writes; the bible and the summary are.
    assert any("bible" in text.lower() for text in asked)


async def test_every_passing_fault_is_survived(settings: Settings, model: ModelServer) -> None:
    model.script(
        Reply.busy(),
        Reply.fails(500),
        Reply.breaks(5, when="section 1 of"),
        Reply.empty(),
        Reply.cut(),
        Reply.nonsense(),
    )
    async with serving(with_model(settings, model, model_attempts=3)) as service, service.socket() as socket:
        session_id = await socket.start(pages=1)
        assert (await socket.until_finished(session_id))["status"] == "completed"
        frames = socket.frames
    assert not model.unused
    # A message that began again says so by its attempt, and is settled by what came last.
    attempts = {frame["attempt"] for frame in frames if frame["type"] == "agent.delta"}
    assert max(attempts) > 1


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply.fails(401), "key"),
        (Reply.fails(404), "test-model"),
        (Reply.refuses(), "refused"),
        (Reply.fails(500), "test-model"),
        (Reply.busy(), "fewer requests"),
        (Reply.invalid_json(), "test-model"),
    ],
)
async def test_a_lasting_fault_fails_the_story_in_plain_words(
    settings: Settings, model: ModelServer, reply: Reply, says: str
) -> None:
    model.script(*[reply] * 40)
    async with serving(with_model(settings, model, model_attempts=1)) as service:
        session_id, error = await _failed(service)
        assert error["code"] == "unavailable" and says in error["message"]
        steps = (await service.get(f"/api/sessions/{session_id}/steps")).json()["items"]
        assert steps[-1]["status"] == "failed" and steps[-1]["error"] == error
        # The model is well again: the story goes on from its last finished step.
        model.heal()
        async with service.socket() as socket:
            await socket.send(type="session.attach", session_id=session_id)
            await socket.until("session.snapshot")
            await socket.send(type="session.resume", session_id=session_id)
            assert (await socket.until_finished(session_id))["status"] == "completed"


async def test_the_fallback_writes_where_the_model_does_not(settings: Settings, model: ModelServer) -> None:
    model.script(*[Reply.fails(401)] * 40)
    fallback = with_model(settings, model, fallback_models=["offline:storyteller"])
    async with serving(fallback) as service:
        session_id = await service.story(pages=1)
        messages = (await service.get(f"/api/sessions/{session_id}/messages", limit=100)).json()["items"]
    assert {message["model"] for message in messages if message["role"] == "assistant"} == {"offline:storyteller"}


async def test_no_provider_but_the_allowed_ones_is_called(settings: Settings, model: ModelServer) -> None:
    async with serving(with_model(settings, model)) as service:
        answer = await service.post("/api/sessions", prompt="x", config={"model": "openai:other"})
        assert answer.status_code == 422 and "offline:storyteller" in answer.json()["detail"]
    assert not model.requests


# What models really send

THOUGHT = "Okay, they want a story. I must not show this."


def _glued(text: str) -> list[str]:
    return ["<thi", f"nk>{THOUGHT}</", f"think>{text[:7]}", text[7:]]


def _channels(text: str) -> list[str]:
    whole = (
        f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{text}<|return|>"
    )
    return [whole[at : at + 5] for at in range(0, len(whole), 5)]


def _unopened(text: str) -> list[str]:
    return [*THOUGHT, "\n</think>", "\n\n", text]


def _dirty(text: str) -> list[str]:
    return [piece for word in text.split(" ") for piece in ("\x00" + word, "\x07 ", "\ud83d", "\ude00", " \ud83d")]


@pytest.mark.parametrize("distort", [_glued, _channels, _unopened, _dirty])
async def test_a_story_holds_nothing_but_the_story(
    settings: Settings, model: ModelServer, distort: Callable[[str], list[str]]
) -> None:
    model.distort = distort
    async with serving(with_model(settings, model)) as service, service.socket() as socket:
        session_id = await socket.start(pages=1)
        assert (await socket.until_finished(session_id))["status"] == "completed"
        story = (await service.get(f"/api/sessions/{session_id}/story")).json()
    texts: dict[str, tuple[int, str]] = {}
    for frame in socket.frames:
        if frame["type"] == "agent.delta":
            attempt, text = texts.get(frame["message_id"], (0, ""))
            text = text if frame["attempt"] == attempt else ""
            assert frame["offset"] == len(text)
            texts[frame["message_id"]] = frame["attempt"], text + frame["text"]
        elif frame["type"] == "agent.message" and frame["message"]["id"] in texts:
            assert frame["message"]["content"] == texts[frame["message"]["id"]][1].strip()
    assert story["word_count"] > 200
    for told in (story["content"], *(text for _, text in texts.values())):
        assert THOUGHT not in told and "think>" not in told and "<|" not in told
        assert not set("\x00\x07") & set(told)
    assert ("😀" in story["content"]) == (distort is _dirty)


async def test_streams_that_just_stop_do_not_make_a_short_story(settings: Settings, model: ModelServer) -> None:
    model.script(*[Reply(break_after=None, unended=True, text="The lamp went out.", when="section 1 of")] * 3)
    async with serving(with_model(settings, model)) as service:
        _, error = await _failed(service)
        assert "stopped in the middle of this section" in error["message"]


@pytest.mark.parametrize("tokens", [4_294_967_295, -1, 10**40])
async def test_impossible_numbers_of_tokens_do_not_keep_a_story_from_its_end(
    settings: Settings, model: ModelServer, tokens: int
) -> None:
    model.counts = {"prompt_tokens": tokens, "completion_tokens": tokens, "total_tokens": 2 * tokens}
    async with serving(with_model(settings, model)) as service:
        session_id = await service.story(pages=1)
        session = (await service.get(f"/api/sessions/{session_id}")).json()
        assert session["status"] == "completed" and 100 < session["tokens"] < 1_000_000
        model.script(*[Reply.refuses()] * 40)
        session_id, _ = await _failed(service)
        assert 0 < (await service.get(f"/api/sessions/{session_id}")).json()["tokens"] < 1_000_000


async def test_a_model_without_tools_writes_a_story(settings: Settings, model: ModelServer) -> None:
    model.tools = False
    async with serving(with_model(settings, model)) as service:
        session_id = await service.story(pages=1)
        session = (await service.get(f"/api/sessions/{session_id}")).json()
    assert session["status"] == "completed"
    assert all(request.tool is None for request in model.requests)
    assert any("response_format" in request.body for request in model.requests)
