"""A writer takes part in a story under way: gates, notes, a pause, a budget, a cancellation; on this node or another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from coordinator.sessions.events import EVENT
from coordinator.settings import Settings
from coordinator.store import Store
from storyloom.client import Client
from storyloom.client.events import parse
from storyloom.client.state import SessionState
from tests.api.support import TEST_MODEL, held_story, problem
from tests.conftest import Database
from tests.model_server import ModelServer
from tests.service import Service, Socket, bearer, serving

GATES = ["outline", "draft", "final"]
SOON_S = 10.0
"""What another node does is seen here within this; a look on time alone would take up to five seconds."""


@pytest.fixture
def with_model(settings: Settings, model: ModelServer) -> Settings:
    more = {"models": ["openai:test"], "model_base_url": model.url, "model_api_key": SecretStr("k")}
    return settings.model_copy(update={**more, "model_attempts": 1, "model_timeout_s": 30})


async def session_of(service: Service, session_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await service.get(f"/api/sessions/{session_id}")).json()
    return found


async def call(service: Service, session_id: str, verb: str, **body: Any) -> dict[str, Any]:
    answer = await service.post(f"/api/sessions/{session_id}/{verb}", **body)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def items(service: Service, session_id: str, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await service.get(f"/api/sessions/{session_id}/{name}", limit=100)).json()["items"]
    return found


async def gate(socket: Socket, session_id: str) -> dict[str, Any]:
    """The next gate, told and open."""
    asked = await socket.until("approval.requested", session_id=session_id)
    await socket.until("session.status", session_id=session_id, status="awaiting_approval")
    return asked


# -- Gates -------------------------------------------------------------------------------------------------------------


async def test_each_gate_waits_for_its_answer(shared: Service) -> None:
    async with shared.socket() as socket:
        session_id = await socket.start(pages=1, approvals=GATES)
        for name in GATES:
            asked = await gate(socket, session_id)
            EVENT.validate_python(asked)
            session = await session_of(shared, session_id)
            assert asked["step"] == f"approve-{name}" == session["progress"]["current_step"]
            assert session["status"] == "awaiting_approval"
            if name == "outline":
                assert session["title"] in asked["content"] and "draft_version" not in asked
            else:
                draft = (await shared.get(f"/api/sessions/{session_id}/drafts/{asked['draft_version']}")).json()
                assert draft["content"] == asked["content"] and draft["current"]
            if name == "draft":
                await socket.send(type="session.approve", session_id=session_id, step=asked["step"], approved=True)
            else:
                answered = await call(shared, session_id, "approve", step=asked["step"], approved=True)
                assert answered["status"] == "active" and answered["epoch"] == session["epoch"] + 1
            await socket.until("session.status", session_id=session_id, reason="approved")
        assert (await socket.until_finished(session_id))["status"] == "completed"
    steps = await items(shared, session_id, "steps")
    assert [step["step"] for step in steps if step["step"].startswith("approve")] == [f"approve-{n}" for n in GATES]
    assert {step["status"] for step in steps} == {"done"}
    session = await session_of(shared, session_id)
    assert session["progress"]["completed_steps"] == session["progress"]["total_steps"] == len(steps)


async def test_what_is_not_approved_is_written_again_with_the_comment(shared: Service) -> None:
    async with shared.socket() as socket:
        session_id = await socket.start(pages=1, approvals=GATES)
        for name in GATES:
            first = await gate(socket, session_id)
            comment = f"Bring in a ferry and a violin, for the {name}."
            answer = {"step": first["step"], "approved": False, "comment": comment}
            await socket.send(type="session.approve", session_id=session_id, **answer)
            await socket.until("session.status", session_id=session_id, reason="rejected")
            second = await gate(socket, session_id)
            assert second["step"] == f"approve-{name}-2" and second["content"] != first["content"]
            said = [one for one in await items(shared, session_id, "messages") if one["content"] == comment]
            assert [(one["role"], one["step"], one["metadata"]) for one in said] == [
                ("user", first["step"], {"approved": False})
            ]
            if name == "outline":
                assert "ferry" in second["content"] and "violin" in second["content"]
            else:
                assert second["draft_version"] > first["draft_version"]
            await call(shared, session_id, "approve", step=second["step"], approved=True)
        assert (await socket.until_finished(session_id))["status"] == "completed"
    story = (await shared.get(f"/api/sessions/{session_id}/story")).json()
    assert story["content"] == second["content"] and story["version"] == second["draft_version"]


async def test_an_outline_refused_without_a_word_is_another_one(shared: Service) -> None:
    async with shared.socket() as socket:
        session_id = await socket.start(pages=1, approvals=["outline"])
        outlines = [await gate(socket, session_id)]
        for _ in range(2):
            await call(shared, session_id, "approve", step=outlines[-1]["step"], approved=False)
            outlines.append(await gate(socket, session_id))
        await call(shared, session_id, "approve", step=outlines[-1]["step"], approved=True)
        assert (await socket.until_finished(session_id))["status"] == "completed"
    assert len({one["content"] for one in outlines}) == 3


async def test_the_comment_reaches_the_model(shared: Service, model: ModelServer) -> None:
    comment = "The keeper must be a retired clown."
    async with shared.socket() as socket:
        session_id = await socket.start(pages=1, model=TEST_MODEL, approvals=["outline"])
        asked = await gate(socket, session_id)
        before = len(model.requests)
        await call(shared, session_id, "approve", step=asked["step"], approved=False, comment=comment)
        await gate(socket, session_id)
        assert comment in model.requests[before].text and "outline" in model.requests[before].text
        await call(shared, session_id, "cancel")


async def test_an_answer_counts_once(shared: Service) -> None:
    async with shared.socket() as socket:
        session_id = await socket.start(pages=1, approvals=["outline"])
        step = (await gate(socket, session_id))["step"]
        path = f"/api/sessions/{session_id}/approve"
        wrong = await shared.post(path, step="approve-final", approved=True)
        assert "approve-outline" in problem(wrong, 409, "conflict")["detail"]
        stranger = await shared.post(path, await shared.new_token(), step=step, approved=True)
        problem(stranger, 404, "not_found")
        answers = await asyncio.gather(*(shared.post(path, step=step, approved=True) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
        assert (await socket.until_finished(session_id))["status"] == "completed"
        problem(await shared.post(path, step=step, approved=True), 409, "conflict")
        told = [one for one in socket.frames if one.get("reason") == "approved"]
    assert len(told) == 1


async def test_a_reader_who_comes_back_learns_of_the_open_gate(shared: Service) -> None:
    """And what they know then is what those know who saw it open."""
    async with shared.socket() as owner, shared.socket() as other:
        session_id = await owner.start(pages=1, approvals=["draft"])
        await gate(owner, session_id)
        seen = SessionState()
        for frame in owner.frames:
            seen = seen.apply(parse(frame)) if "seq" in frame else seen
        await other.send(type="session.attach", session_id=session_id)
        snapshot = await other.until("session.snapshot")
        EVENT.validate_python(snapshot)
        fresh = SessionState().apply(parse(snapshot))
        assert fresh.approval == seen.approval is not None and fresh.approval.step == "approve-draft"
        assert fresh.status == seen.status == "awaiting_approval" and fresh.seq == seen.seq
        await call(shared, session_id, "approve", step="approve-draft", approved=True)
        for socket in (owner, other):
            assert (await socket.until_finished(session_id))["status"] == "completed"
        for frame in other.frames:
            fresh = fresh.apply(parse(frame)) if "seq" in frame else fresh
        assert fresh.approval is None
        await other.send(type="session.attach", session_id=session_id)
        assert (await other.until("session.snapshot"))["approval"] is None


async def test_a_gate_waits_over_a_restart(settings: Settings) -> None:
    async with serving(settings) as service, service.socket() as socket:
        token, session_id = service.token, await socket.start(pages=1, approvals=["outline"])
        asked = await gate(socket, session_id)
    async with serving(settings) as service, service.socket(token) as socket:
        await socket.send(type="session.attach", session_id=session_id)
        snapshot = await socket.until("session.snapshot")
        assert snapshot["approval"] == {"step": asked["step"], "content": asked["content"], "draft_version": None}
        await socket.send(type="session.approve", session_id=session_id, step=asked["step"], approved=True)
        assert (await socket.until_finished(session_id))["status"] == "completed"


async def test_an_expired_gate_opens_again(service: Service, store: Store, database: Database) -> None:
    async with service.socket() as socket:
        session_id = await socket.start(pages=1, approvals=["outline"])
        asked = await gate(socket, session_id)
        async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
            await connection.execute("update public.story_sessions set expires_at = now()")
        assert [change.session.status for change in await store.sessions.expire(10)] == ["expired"]
        refused = await service.post(f"/api/sessions/{session_id}/approve", step=asked["step"], approved=True)
        problem(refused, 409, "conflict")
        assert (await call(service, session_id, "resume"))["status"] == "active"
        again = await gate(socket, session_id)
        assert (again["step"], again["content"]) == (asked["step"], asked["content"])
        await call(service, session_id, "approve", step=asked["step"], approved=True)
        assert (await socket.until_finished(session_id))["status"] == "completed"
    steps = [step["step"] for step in await items(service, session_id, "steps")]
    assert steps.count("approve-outline") == 1


# -- Notes -------------------------------------------------------------------------------------------------------------


async def test_a_note_reaches_the_next_step_and_those_after(shared: Service, model: ModelServer) -> None:
    note = "The lamp must be green from now on."
    async with held_story(shared, model) as session_id, shared.socket() as socket:
        await socket.send(type="session.attach", session_id=session_id)
        await socket.until("session.snapshot")
        begun = model.requests[-1]
        said = await shared.post(f"/api/sessions/{session_id}/steer", text=f"  {note} ")
        assert said.status_code == 202 and said.json()["content"] == note and said.json()["role"] == "user"
        # Told at once, in the middle of a step, to whoever watches.
        message = (await socket.until("agent.message"))["message"]
        assert message["id"] == said.json()["id"] and message["content"] == note
        await socket.send(type="session.steer", session_id=session_id, text="And call her Ada.")
        await socket.until("agent.message")
        before = len(model.requests)
        model.open.set()
        assert (await socket.until_finished(session_id))["status"] == "completed"
    assert note not in begun.text
    after = [request.text for request in model.requests[before:]]
    asked = [text for text in after if "Your task: write this section" in text]
    assert asked and all(note in text and "call her Ada" in text for text in asked)
    messages = await items(shared, session_id, "messages")
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))


async def test_the_same_note_again_is_the_same_note(shared: Service, model: ModelServer) -> None:
    async def steer(session_id: str, text: str, key: str) -> Any:
        answer = await shared.http.post(
            f"/api/sessions/{session_id}/steer",
            json={"text": text},
            headers={**bearer(shared.token), "Idempotency-Key": key},
        )
        assert answer.status_code == 202, answer.text
        return answer.json()

    async with held_story(shared, model) as session_id:
        first = await steer(session_id, "Make it rain.", "mine")
        assert await steer(session_id, "Make it snow.", "mine") == first and first["content"] == "Make it rain."
        # A key may be any word, also one that names a step.
        others = [await steer(session_id, "Call her Ada.", key) for key in ("yours", "draft-1", "outline")]
        assert len({first["id"], *(one["id"] for one in others)}) == 4
        model.open.set()
        async with shared.socket() as socket:
            await socket.send(type="session.attach", session_id=session_id)
            assert (await socket.until_finished(session_id))["status"] == "completed"
    said = [one["content"] for one in await items(shared, session_id, "messages") if one["role"] == "user"][1:]
    assert said == ["Make it rain.", *["Call her Ada."] * 3]


# -- Pausing -----------------------------------------------------------------------------------------------------------


async def test_a_pause_comes_between_steps_and_nothing_is_lost(shared: Service, model: ModelServer) -> None:
    async with held_story(shared, model) as session_id, shared.socket() as socket:
        await socket.send(type="session.attach", session_id=session_id)
        state = SessionState().apply(parse(await socket.until("session.snapshot")))
        for _ in range(2):
            # Again it changes nothing.
            asked = await call(shared, session_id, "pause")
            assert asked["status"] == "active" and asked["pausing"] is True
        state = state.apply(parse(await socket.until("session.status")))
        assert state.pausing and state.status == "active"
        model.open.set()
        state = state.apply(parse(await socket.until("session.status")))
        assert state.status == "paused" and not state.pausing and state.reason == "asked"
        session = await session_of(shared, session_id)
        assert session["status"] == "paused" and session["pausing"] is False
        steps = await items(shared, session_id, "steps")
        assert [step["status"] for step in steps] == ["done"]
        calls = len(model.requests)
        assert (await call(shared, session_id, "pause"))["status"] == "paused"
        assert len(model.requests) == calls
        await socket.send(type="session.resume", session_id=session_id)
        assert (await socket.until_finished(session_id))["status"] == "completed"
    assert (await items(shared, session_id, "steps"))[0]["attempt"] == 1
    assert len([frame for frame in socket.frames if frame.get("reason") == "pausing"]) == 1


async def test_a_pause_that_is_taken_back_does_not_come(shared: Service, model: ModelServer) -> None:
    async with held_story(shared, model) as session_id, shared.socket() as socket:
        await socket.send(type="session.attach", session_id=session_id)
        await call(shared, session_id, "pause")
        resumed = await call(shared, session_id, "resume")
        assert resumed["pausing"] is False and resumed["status"] == "active"
        model.open.set()
        assert (await socket.until_finished(session_id))["status"] == "completed"
    assert "paused" not in {frame.get("status") for frame in socket.frames}


async def test_a_title_given_while_it_is_pausing_leaves_it_pausing(shared: Service, model: ModelServer) -> None:
    async with held_story(shared, model) as session_id, shared.socket() as socket:
        await socket.send(type="session.attach", session_id=session_id)
        state = SessionState().apply(parse(await socket.until("session.snapshot")))
        await call(shared, session_id, "pause")
        path = f"/api/sessions/{session_id}"
        await shared.http.patch(path, headers=bearer(shared.token), json={"title": "Mine"})
        while state.title != "Mine":
            state = state.apply(parse(await socket.receive()))
        assert state.pausing
        await socket.send(type="session.attach", session_id=session_id)
        assert SessionState().apply(parse(await socket.until("session.snapshot"))).pausing
        await call(shared, session_id, "cancel")


async def test_who_waits_for_their_turn_is_told_their_place(with_model: Settings, model: ModelServer) -> None:
    async with serving(with_model.model_copy(update={"stories_per_user": 1})) as service:
        async with held_story(service, model) as first, service.socket() as socket:
            waiting = [await socket.start(pages=1) for _ in range(3)]
            for place, session_id in enumerate(waiting, 1):
                told = await _placed(socket, session_id)
                assert told == place == (await session_of(service, session_id))["queue_place"]
            # A title leaves the place as it is; a reader who comes learns it.
            path = f"/api/sessions/{waiting[2]}"
            await service.http.patch(path, headers=bearer(service.token), json={"title": "Mine"})
            renamed = await socket.until("session.status", session_id=waiting[2], reason="renamed")
            assert renamed["queue_place"] == 3
            # One that waits is paused at once, and gives its place up.
            paused = await call(service, waiting[0], "pause")
            assert paused["status"] == "paused" and paused["queue_place"] is None
            problem(await service.post(f"/api/sessions/{waiting[0]}/approve", step="x", approved=True), 409, "conflict")
            model.open.set()
            for session_id in waiting[1:]:
                assert (await socket.until_finished(session_id))["status"] == "completed"
            assert (await session_of(service, first))["status"] == "completed"
            assert (await session_of(service, waiting[0]))["status"] == "paused"
            resumed = await call(service, waiting[0], "resume")
            assert resumed["status"] == "active"
            assert (await socket.until_finished(waiting[0]))["status"] == "completed"
            assert (await session_of(service, waiting[2]))["queue_place"] is None


async def _placed(socket: Socket, session_id: str) -> int:
    for frame in socket.frames:
        if frame.get("session_id") == session_id and frame.get("queue_place"):
            return int(frame["queue_place"])
    return int((await socket.until("session.status", session_id=session_id, reason="queued"))["queue_place"])


# -- Budgets -----------------------------------------------------------------------------------------------------------


async def test_a_budget_is_raised_and_the_story_goes_on(shared: Service) -> None:
    async with shared.socket() as socket:
        session_id = await socket.start(pages=1, budget={"tokens": 50})
        paused = await socket.until("session.status", session_id=session_id, status="paused")
        assert paused["error"]["code"] == "budget_exceeded"
        path = f"/api/sessions/{session_id}"
        problem(await shared.post(f"{path}/resume"), 402, "budget_exceeded")
        problem(await shared.post(f"{path}/resume", budget={"tokens": 51}), 402, "budget_exceeded")
        changed = await shared.http.patch(path, headers=bearer(shared.token), json={"budget": {"tokens": 60}})
        assert changed.json()["config"]["budget"] == {"tokens": 60, "usd": None}
        assert (await session_of(shared, session_id))["status"] == "paused"
        resumed = await call(shared, session_id, "resume", budget={"tokens": 1_000_000})
        assert resumed["status"] == "active" and resumed["config"]["budget"]["tokens"] == 1_000_000
        assert (await socket.until_finished(session_id))["status"] == "completed"
        over = await shared.http.patch(path, headers=bearer(shared.token), json={"budget": None, "title": "x"})
        problem(over, 409, "conflict")
        assert (await session_of(shared, session_id))["title"] != "x"


async def test_a_budget_is_taken_away(shared: Service) -> None:
    async with shared.socket() as socket:
        session_id = await socket.start(pages=1, budget={"tokens": 50})
        await socket.until("session.status", session_id=session_id, status="paused")
        async with Client(shared.url, shared.token) as client:
            assert (await client.set_budget(session_id)).config.get("budget") is None
            assert (await client.resume(session_id)).status == "active"
        assert (await socket.until_finished(session_id))["status"] == "completed"


# -- From another node -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def two_nodes(settings: Settings) -> AsyncIterator[tuple[Service, Service]]:
    """Of which the first runs whatever is started: the second has no place for a story."""
    async with serving(settings) as first:
        other = settings.model_copy(update={"stories_per_node": 1})
        async with serving(other) as second:
            yield first, second


async def test_the_other_node_pauses_steers_and_cancels(with_model: Settings, model: ModelServer) -> None:
    async with two_nodes(with_model) as (first, second):
        async with held_story(first, model) as session_id, first.socket() as here, second.socket() as there:
            for socket in (here, there):
                await socket.send(type="session.attach", session_id=session_id)
                await socket.until("session.snapshot")
            running = model.requests[-1]
            async with asyncio.timeout(SOON_S):
                await there.send(type="session.steer", session_id=session_id, text="Make it rain.")
                for socket in (here, there):
                    assert (await socket.until("agent.message"))["message"]["content"] == "Make it rain."
            async with asyncio.timeout(SOON_S):
                assert (await call(second, session_id, "pause"))["pausing"] is True
                for socket in (here, there):
                    assert (await socket.until("session.status"))["pausing"] is True
            assert not running.left.is_set()
            begun = time.monotonic()
            async with asyncio.timeout(SOON_S):
                assert (await call(second, session_id, "cancel"))["status"] == "cancelled"
                await running.left.wait()
                for socket in (here, there):
                    await socket.until("session.status", status="cancelled")
            assert time.monotonic() - begun < SOON_S
        for socket in (here, there):
            seqs = [frame["seq"] for frame in socket.frames if "seq" in frame and frame["type"] != "session.snapshot"]
            assert seqs == sorted(set(seqs))
        assert (await session_of(first, session_id))["status"] == "cancelled"


async def test_the_other_node_answers_the_gate(settings: Settings) -> None:
    async with two_nodes(settings) as (first, second), first.socket() as here, second.socket() as there:
        session_id = await here.start(pages=1, approvals=["outline"])
        asked = await gate(here, session_id)
        await there.send(type="session.attach", session_id=session_id)
        assert (await there.until("session.snapshot"))["approval"]["step"] == asked["step"]
        async with asyncio.timeout(SOON_S):
            await there.send(type="session.approve", session_id=session_id, step=asked["step"], approved=True)
            await here.until("session.status", session_id=session_id, reason="approved")
        assert (await here.until_finished(session_id))["status"] == "completed"
        async with asyncio.timeout(SOON_S):
            assert (await there.until_finished(session_id))["status"] == "completed"
        kept = [frame["seq"] for frame in here.frames if frame["type"] not in ("agent.delta", "ready")]
        assert kept == sorted(set(kept))


async def test_the_other_node_resumes_what_was_paused_here(settings: Settings) -> None:
    async with two_nodes(settings) as (first, second), first.socket() as here:
        session_id = await here.start(pages=1, budget={"tokens": 50})
        await here.until("session.status", session_id=session_id, status="paused")
        # The first node has the session in its memory as it was.
        assert (await session_of(first, session_id))["status"] == "paused"
        body = {"budget": {"tokens": 1_000_000}}
        path = f"/api/sessions/{session_id}"
        assert (await second.http.patch(path, headers=bearer(second.token), json=body)).status_code == 200
        assert (await call(first, session_id, "resume"))["status"] == "active"
        assert (await here.until_finished(session_id))["status"] == "completed"
