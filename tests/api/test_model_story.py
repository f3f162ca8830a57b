"""Whole stories written by a model behind an OpenAI-compatible server, with everything that such a server does wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator

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
        update={"model": "openai:test-model", "model_base_url": model.url, "model_api_key": SecretStr(SECRET),
                "model_timeout_s": 5.0, "model_attempts": 2, **more}
    )  # fmt: skip


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
        Reply.busy(), Reply.fails(500), Reply.breaks(5, when="section 1 of"), Reply.empty(), Reply.cut(), Reply.nonsense(),
    )  # fmt: skip
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
