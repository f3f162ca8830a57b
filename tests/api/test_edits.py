"""A writer's own edits of a story's text, over REST."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from coordinator.models import Draft
from tests.api.support import held_story, problem
from tests.api.texts import MINE, current, ended, failed_at, finished, getter, put
from tests.chaos.record import check_whole, everything
from tests.model_server import ModelServer
from tests.service import Service, bearer


async def test_a_story_goes_on_with_its_writers_text(shared: Service, model: ModelServer) -> None:
    token = await shared.new_token()
    session_id = await failed_at(shared, model, "polish section 2", token)
    story = await current(shared, session_id, token)
    paragraphs = story["content"].split("\n\n")
    content = "\n\n".join([*paragraphs[:-1], MINE])
    answer = await put(shared, session_id, content, story["version"], token)
    assert answer.status_code == 200, answer.text
    draft = Draft.model_validate(answer.json(), extra="forbid")
    assert (draft.version, draft.current, draft.author) == (story["version"] + 1, True, "writer")
    assert (await current(shared, session_id, token))["content"] == content == draft.content

    before = len(model.requests)
    assert (await shared.post(f"/api/sessions/{session_id}/resume", token)).status_code == 200
    assert await ended(shared, session_id, token) == "completed"
    asked = [request.text for request in model.requests[before:]]
    assert sum(MINE in text for text in asked) == 1 and paragraphs[-1] not in "".join(asked)
    whole = await check_whole(getter(shared, token), session_id)
    assert whole["version"] == draft.version + 1
    steps = await everything(getter(shared, token), f"/api/sessions/{session_id}/steps")
    names = [step["step"] for step in steps]
    assert names[names.index("edit-1") - 1 :][:3] == ["polish-1", "edit-1", "polish-2"]
    assert steps[names.index("edit-1")]["agent"] == "writer"


async def test_a_finished_story_is_edited_and_readers_are_told(shared: Service) -> None:
    token = await shared.new_token()
    session_id = await shared.story(token, pages=1)
    story = await current(shared, session_id, token)
    async with shared.socket(token) as socket:
        await socket.send(type="session.attach", session_id=session_id)
        await socket.until("session.snapshot")
        assert (await put(shared, session_id, f"{MINE}\r\n\r\nAnd more.", story["version"], token)).status_code == 200
        told = await socket.until("draft.saved")
        assert (told["version"], told["current"], told["author"]) == (story["version"] + 1, True, "writer")
    after = await current(shared, session_id, token)
    assert after["content"] == f"{MINE}\n\nAnd more." and after["status"] == "completed" and after["word_count"] == 14
    assert after["story_id"] == story["story_id"] is not None
    session = (await shared.get(f"/api/sessions/{session_id}", token)).json()
    assert session["progress"]["words"] == 14 and session["draft_version"] == after["version"]
    # The version before is still there.
    old = (await shared.get(f"/api/sessions/{session_id}/drafts/{story['version']}", token)).json()
    assert old["content"] == story["content"] and old["current"] is False


async def test_at_a_gate_the_edited_text_is_what_is_approved(shared: Service) -> None:
    token = await shared.new_token()
    async with shared.socket(token) as socket:
        session_id = await socket.start(pages=1, approvals=["final"])
        asked = await socket.until("approval.requested")
        assert (await put(shared, session_id, MINE, asked["draft_version"], token)).status_code == 200
        again = await socket.until("approval.requested")
        assert (again["content"], again["draft_version"]) == (MINE, asked["draft_version"] + 1)
        await socket.send(type="session.attach", session_id=session_id)
        snapshot = await socket.until("session.snapshot")
        assert snapshot["approval"]["content"] == MINE and snapshot["draft"]["content"] == MINE
        await socket.send(type="session.approve", session_id=session_id, step=again["step"], approved=True)
        assert (await socket.until_finished(session_id))["status"] == "completed"
    assert (await current(shared, session_id, token))["content"] == MINE


async def test_two_edits_of_one_version_are_one_and_a_conflict(shared: Service) -> None:
    token = await shared.new_token()
    session_id = await shared.story(token, pages=1)
    base = (await current(shared, session_id, token))["version"]
    answers = await asyncio.gather(*(put(shared, session_id, f"Mine {n}.", base, token) for n in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert f"version {base + 1} is the current one, not {base}" in problem(refused, 409, "conflict")["detail"]


async def test_a_story_that_is_written_is_not_edited_or_rewritten(shared: Service, model: ModelServer) -> None:
    async with held_story(shared, model) as session_id:
        told = problem(await put(shared, session_id, "Mine.", 1), 409, "conflict")
        assert "pause it first" in told["detail"]
        asked = {"version": 1, "section": 1, "instruction": "Shorter."}
        told = problem(await shared.post(f"/api/sessions/{session_id}/rewrite", **asked), 409, "conflict")
        assert "pause it first" in told["detail"]
        await shared.post(f"/api/sessions/{session_id}/cancel")
    told = problem(await put(shared, session_id, "Mine.", 1), 409, "conflict")
    assert "no draft yet" in told["detail"]


async def test_an_edit_has_a_megabyte_and_no_more(shared: Service) -> None:
    token = await shared.new_token()
    session_id = await shared.story(token, pages=1)
    base = (await current(shared, session_id, token))["version"]
    long = "ж" * 499_999 + "e."
    answer = await put(shared, session_id, long, base, token)
    assert answer.status_code == 200 and answer.json()["content"] == long
    assert (await current(shared, session_id, token))["content"] == long
    problem(await put(shared, session_id, long + "e", base + 1, token), 413, "too_large")
    problem(await put(shared, session_id, "x" * 3_000_100, base + 1, token), 413, "too_large")
    # Other calls have the limit that they had.
    body = {"version": base, "section": 1, "instruction": "x" * 300_000}
    problem(await shared.post(f"/api/sessions/{session_id}/rewrite", token, **body), 413, "too_large")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"content": "x"},
        {"base_version": 1},
        {"content": "", "base_version": 1},
        {"content": 7, "base_version": 1},
        {"content": " \n\u0000", "base_version": 1},
        {"content": "x", "base_version": 0},
        {"content": "x", "base_version": "a"},
        {"content": "x", "base_version": 2**31},
        {"content": "x", "base_version": 1, "current": True},
        {"content": None},
    ],
    ids=str,
)
async def test_what_is_no_edit_is_refused(shared: Service, body: dict[str, Any]) -> None:
    at = f"/api/sessions/{await finished(shared)}/drafts"
    problem(await shared.http.put(at, headers=bearer(shared.token), json=body), 422, "invalid_message")
