"""A budget through the doors: reached in the middle of a message it pauses the story, and raised it goes on from there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from coordinator.settings import Settings
from storyloom.client.events import parse
from storyloom.client.state import SessionState
from tests.api.support import problem
from tests.api.test_model_story import with_model
from tests.chaos.record import check_whole, everything
from tests.model_server import ModelServer, Reply
from tests.service import FINISHED, PROMPT, Service, Socket, serving

WRITTEN = " ".join(f"Lamp number {n} went out over harbour {n}." for n in range(120))
SPEED = 400
"""Words a second: the storyteller's deltas have eight words then."""


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


async def _got(service: Service, path: str, **params: Any) -> Any:
    answer = await service.get(path, **params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _session(service: Service, session_id: str) -> dict[str, Any]:
    return dict(await _got(service, f"/api/sessions/{session_id}"))


async def _until_paused(socket: Socket, session_id: str) -> dict[str, Any]:
    while True:
        status = await socket.until("session.status", session_id=session_id)
        assert status["status"] not in FINISHED, status
        if status["status"] == "paused":
            return status


def _deltas(socket: Socket, message_id: str) -> list[tuple[int, int, str]]:
    return [
        (frame["attempt"], frame["offset"], frame["text"])
        for frame in socket.frames
        if frame["type"] == "agent.delta" and frame["message_id"] == message_id
    ]


async def _state(service: Service, session_id: str) -> SessionState:
    async with service.socket() as socket:
        await socket.send(type="session.attach", session_id=session_id)
        return SessionState().apply(parse(await socket.until("session.snapshot")))


async def test_reached_in_a_message_it_pauses_and_raised_it_goes_on_there(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"offline_words_per_second": SPEED})) as service:
        whole = await service.story(pages=1, seed=5)
        story = await check_whole(_getter(service), whole, pages=1)
        used = await _tokens(service, whole)
        before = _until(used, "draft-1")
        budget = before + used["draft-1"] // 2

        async with service.socket() as socket:
            session_id = await socket.start(PROMPT, pages=1, seed=5, budget={"tokens": budget})
            paused = await _until_paused(socket, session_id)
            assert paused["error"]["code"] == "budget_exceeded"
            assert f"The budget of {budget:,} tokens is used up" in paused["reason"]
            session = await _session(service, session_id)
            assert session["status"] == "paused" and session["error"] == paused["error"]
            assert budget < session["tokens"] <= budget + 10

            partial = (await _state(service, session_id)).partial
            assert partial is not None
            told = _deltas(socket, str(partial.message_id))
            assert "".join(text for _, _, text in told) == partial.text
            assert len(partial.text.split()) == session["tokens"] - before

            # Not raised, it does not go on, by either door; a budget below what is used is none.
            problem(await service.post(f"/api/sessions/{session_id}/resume"), 402, "budget_exceeded")
            lower = {"tokens": session["tokens"]}
            problem(await service.post(f"/api/sessions/{session_id}/resume", budget=lower), 402, "budget_exceeded")
            await socket.send(type="session.resume", session_id=session_id)
            assert (await socket.until("error"))["code"] == "budget_exceeded"
            assert (await _session(service, session_id))["status"] == "paused"

            socket.frames.clear()
            answer = await service.post(f"/api/sessions/{session_id}/resume", budget={"tokens": 100_000})
            assert answer.status_code == 200, answer.text
            assert (await socket.until_finished(session_id))["status"] == "completed"
            more = _deltas(socket, str(partial.message_id))
            assert {attempt for attempt, _, _ in more} == {told[0][0]} == {1}
            assert more[0][1] == len(partial.text)
            message = next(
                frame["message"]
                for frame in socket.frames
                if frame["type"] == "agent.message" and frame["message"]["id"] == str(partial.message_id)
            )
            assert (partial.text + "".join(text for _, _, text in more)).strip() == message["content"]

        # Nothing is counted twice or lost, in the session, by agent and by step.
        ended = await check_whole(_getter(service), session_id, pages=1)
        assert ended["content"] == story["content"]
        assert (await _session(service, session_id))["tokens"] == sum(used.values())


async def test_a_model_is_stopped_in_its_message_and_goes_on_with_it(settings: Settings, model: ModelServer) -> None:
    model.pace_s = 0.001
    async with serving(with_model(settings, model)) as service:
        first = await service.story(pages=1, seed=1)
        before = _until(await _tokens(service, first), "draft-1")
        asked = max(len(request.text) // 4 for request in model.requests if "write this section" in request.text)

        model.requests.clear()
        model.script(Reply.prose(WRITTEN, when="write this section"))
        async with service.socket() as socket:
            budget = before + asked + 400
            session_id = await socket.start(PROMPT, pages=1, seed=1, budget={"tokens": budget})
            assert (await _until_paused(socket, session_id))["error"]["code"] == "budget_exceeded"
            await model.requests[-1].left.wait()
            session = await _session(service, session_id)
            assert budget * 0.98 < session["tokens"] < budget + 50
            partial = (await _state(service, session_id)).partial
            assert partial is not None and WRITTEN.startswith(partial.text) and len(partial.text) > 1_000

            socket.frames.clear()
            last = partial.text.split()[-1]
            rest = WRITTEN[partial.text.rindex(last) : partial.text.rindex(last) + 400]
            model.script(Reply.prose(rest, when="written so far"))
            answer = await service.post(f"/api/sessions/{session_id}/resume", budget=None)
            problem(answer, 402, "budget_exceeded")
            await socket.send(type="session.resume", session_id=session_id, budget={"tokens": 10 * budget})
            assert (await socket.until_finished(session_id))["status"] == "completed"
            assert not model.unused
            more = _deltas(socket, str(partial.message_id))
            assert more[0][:2] == (1, len(partial.text))
            messages = await everything(_getter(service), f"/api/sessions/{session_id}/messages")
            message = next(message for message in messages if message["id"] == str(partial.message_id))
            assert message["content"] == (partial.text + "".join(text for _, _, text in more)).strip()
            assert WRITTEN.startswith(message["content"])


async def test_nothing_is_asked_for_which_there_is_no_budget(settings: Settings, model: ModelServer) -> None:
    async with serving(with_model(settings, model)) as service, service.socket() as socket:
        session_id = await socket.start(PROMPT, pages=1, budget={"tokens": 10})
        reason = (await _until_paused(socket, session_id))["reason"]
        assert "The budget of 10 tokens is too small for the next call" in reason
        assert not model.requests
        assert (await _session(service, session_id))["tokens"] == 0


async def test_a_budget_that_is_lowered_holds_from_the_next_step_on(settings: Settings, model: ModelServer) -> None:
    model.open.clear()
    async with serving(with_model(settings, model)) as service, service.socket() as socket:
        session_id = await socket.start(PROMPT, pages=1)
        await socket.until("step.started", session_id=session_id, step="brainstorm")
        changed = await service.http.patch(
            f"/api/sessions/{session_id}",
            headers={"Authorization": f"Bearer {service.token}"},
            json={"budget": {"tokens": 50}},
        )
        assert changed.status_code == 200, changed.text
        model.open.set()
        assert (await _until_paused(socket, session_id))["error"]["code"] == "budget_exceeded"
        steps = await everything(_getter(service), f"/api/sessions/{session_id}/steps")
        assert steps[0]["status"] == "done" and "draft-1" not in {step["step"] for step in steps}


async def test_a_budget_of_money_needs_a_model_with_a_price(settings: Settings, model: ModelServer) -> None:
    async with serving(with_model(settings, model)) as service:
        money = {"budget": {"usd": 0.5}, "pages": 1}
        refused = problem(await service.post("/api/sessions", prompt=PROMPT, config=money), 422, "invalid_message")
        assert "openai:test-model has no known price: set a budget of tokens" in refused["detail"]
        # The built-in storyteller costs nothing, so the money is never used up.
        free = {**money, "model": "offline:storyteller", "budget": {"usd": 0.000001}}
        session_id = await service.story(**free)
        assert (await _session(service, session_id))["cost_usd"] == 0

        with_tokens = await service.story(pages=1, budget={"tokens": 10_000_000})
        answer = await service.post(f"/api/sessions/{with_tokens}/resume", budget={"usd": 1})
        problem(answer, 409, "conflict")


async def test_each_model_of_a_call_is_told_in_its_message(settings: Settings, model: ModelServer) -> None:
    model.script(*[Reply.refuses(when="brainstorm")] * 3)
    chosen = with_model(settings, model, fallback_models=["openai:second"])
    async with serving(chosen) as service:
        session_id = await service.story(pages=1)
        messages = await everything(_getter(service), f"/api/sessions/{session_id}/messages")
        said = next(message for message in messages if message["step"] == "brainstorm")
        shares = said["metadata"]["by_model"]
        assert said["model"] == "openai:second" and set(shares) == {"openai:test-model", "openai:second"}
        assert sum(share["tokens"] for share in shares.values()) == said["tokens"]
        assert all("by_model" not in other["metadata"] for other in messages if other is not said)


async def _tokens(service: Service, session_id: str) -> dict[str, int]:
    """By step, in order."""
    steps = await everything(_getter(service), f"/api/sessions/{session_id}/steps")
    return {step["step"]: step["tokens"] for step in steps}


def _until(used: dict[str, int], step: str) -> int:
    steps = list(used)
    return sum(used[name] for name in steps[: steps.index(step)])


def _getter(service: Service) -> Any:
    return lambda path, **params: _got(service, path, **params)
