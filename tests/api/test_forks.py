"""Forks of a story, over REST, and that another's text is as one that is not there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from coordinator.models import Session
from tests.api.support import TEST_MODEL, held_story, problem
from tests.api.texts import ID, MINE, current, ended, finished, getter, put
from tests.chaos.record import check_whole, everything
from tests.model_server import ModelServer
from tests.service import PROMPT, Service, bearer, serving


async def test_a_fork_goes_its_own_way_and_the_parent_stays(shared: Service) -> None:
    token = await shared.new_token()
    session_id = await shared.story(token, pages=3, seed=1)
    get = getter(shared, token)
    lists = [f"/api/sessions/{session_id}/{name}" for name in ("messages", "drafts", "steps", "events")]
    before = [await get(f"/api/sessions/{session_id}"), *[await everything(get, at) for at in lists]]
    answer = await shared.post(
        f"/api/sessions/{session_id}/fork",
        token,
        from_step="outline",
        title="Otherwise",
        config={"tone": "dry", "max_revisions": 0, "seed": None},
    )
    assert answer.status_code == 201 and answer.headers["location"] == f"/api/sessions/{answer.json()['id']}"
    child = Session.model_validate(answer.json(), extra="forbid")
    assert str(child.parent_session_id) == session_id and child.title == "Otherwise" and child.tokens == 0
    assert (child.config.pages, child.config.tone, child.config.seed) == (3, "dry", None)
    assert child.progress.completed_steps == 2 and child.progress.total_steps > 10 and child.draft_version == 0
    assert await ended(shared, str(child.id), token) == "completed"
    steps = await everything(get, f"/api/sessions/{child.id}/steps")
    theirs = {step["step"]: step for step in before[3]}
    assert [step["step"] for step in steps[:2]] == ["brainstorm", "outline"]
    assert (
        steps[1]["started_at"] == theirs["outline"]["started_at"]
        and steps[2]["started_at"] > child.created_at.isoformat()
    )
    messages = await everything(get, f"/api/sessions/{child.id}/messages")
    assert [message["content"] for message in messages[:3]] == [message["content"] for message in before[1][:3]]
    session = await get(f"/api/sessions/{child.id}")
    assert session["tokens"] == sum(step["tokens"] for step in steps) == sum(step["tokens"] for step in steps[2:])
    assert len(steps) == session["progress"]["completed_steps"] == session["progress"]["total_steps"]
    events = await everything(get, f"/api/sessions/{child.id}/events")
    assert [event["seq"] for event in events] == sorted({event["seq"] for event in events})
    assert [event["type"] for event in events[:4]] == ["session.created", *["agent.message"] * 3]
    after = [await get(f"/api/sessions/{session_id}"), *[await everything(get, at) for at in lists]]
    assert after == before


async def test_a_fork_of_a_story_that_is_written(shared: Service, model: ModelServer) -> None:
    async with held_story(shared, model) as session_id:
        answer = await shared.post(
            f"/api/sessions/{session_id}/fork", config={"model": "offline:storyteller", "pages": 2}
        )
        assert answer.status_code == 201, answer.text
        child = answer.json()
        assert child["model"] == "offline:storyteller" and child["config"]["pages"] == 2
        assert await ended(shared, child["id"], shared.token) == "completed"
        assert (await shared.get(f"/api/sessions/{session_id}")).json()["status"] == "active"
        await shared.post(f"/api/sessions/{session_id}/cancel")
    await check_whole(getter(shared, shared.token), child["id"], pages=2)


async def test_a_fork_of_a_version_an_edit_among_them(shared: Service) -> None:
    token = await shared.new_token()
    session_id = await shared.story(token, pages=1)
    base = (await current(shared, session_id, token))["version"]
    await put(shared, session_id, MINE, base, token)
    for version, content in ((base + 1, MINE), (base, (await _draft(shared, session_id, base, token))["content"])):
        answer = await shared.post(f"/api/sessions/{session_id}/fork", token, from_version=version, start=False)
        child = answer.json()
        assert (answer.status_code, child["status"], child["draft_version"]) == (201, "paused", version)
        assert (await current(shared, child["id"], token))["content"] == content
        await shared.post(f"/api/sessions/{child['id']}/resume", token)
        assert await ended(shared, child["id"], token) == "completed"
        assert (await current(shared, child["id"], token))["content"] == content
    first = await shared.post(f"/api/sessions/{session_id}/fork", token, from_version=1, start=False)
    drafts = await everything(getter(shared, token), f"/api/sessions/{first.json()['id']}/drafts")
    assert [(draft["version"], draft["current"], draft.get("scores")) for draft in drafts] == [(1, True, None)]


async def _draft(service: Service, session_id: str, version: int, token: str) -> dict[str, Any]:
    draft: dict[str, Any] = (await service.get(f"/api/sessions/{session_id}/drafts/{version}", token)).json()
    return draft


async def test_a_fork_with_the_same_key_is_one_and_counts_as_a_start(shared: Service) -> None:
    token = await shared.new_token()
    session_id = await shared.story(token, pages=1)
    at, headers = f"/api/sessions/{session_id}/fork", {**bearer(token), "Idempotency-Key": "f"}
    asked = [shared.http.post(at, headers=headers, json={"from_step": "outline"}) for _ in range(5)]
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len((await shared.get("/api/sessions", token)).json()["items"]) == 2
    settings = shared.settings.model_copy(update={"rate_start": "1/hour"})
    async with serving(settings) as limited:
        answer = await limited.post("/api/sessions", token, prompt=PROMPT, config={"pages": 1})
        assert answer.status_code == 201
        refused = await limited.post(f"/api/sessions/{answer.json()['id']}/fork", token)
        problem(refused, 429, "rate_limited")


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"from_step": "draft-1", "from_version": 1}, 422, "not both"),
        ({"from_version": 0}, 422, "from_version"),
        ({"from_version": "x"}, 422, "from_version"),
        ({"from_step": ""}, 422, "from_step"),
        ({"from_step": "x" * 61}, 422, "from_step"),
        ({"title": ""}, 422, "title"),
        ({"start": "maybe"}, 422, "start"),
        ({"template": "noir"}, 422, "template"),
        ({"config": {"pages": 0}}, 422, "pages"),
        ({"config": {"page": 3}}, 422, "page"),
        ({"config": []}, 422, "config"),
        ({"config": {"pages": 5}}, 422, "pages"),
        ({"from_step": "review-1", "config": {"approvals": ["outline"]}}, 422, "approvals"),
        ({"config": {"model": "openai:none"}}, 422, "can't be chosen"),
        ({"config": {"theme_options": {"no-such": "x"}}}, 422, "no-such"),
        ({"config": {"budget": {"usd": 1}, "model": TEST_MODEL}}, 422, "no known price"),
        ({"from_step": "draft-99"}, 404, "draft-99"),
        ({"from_step": "'; drop table"}, 404, "drop table"),
        ({"from_version": 99}, 404, "99"),
    ],
    ids=str,
)
async def test_a_fork_that_cannot_be_is_refused(shared: Service, body: dict[str, Any], status: int, says: str) -> None:
    session_id = await finished(shared)
    before = len(await everything(getter(shared, shared.token), "/api/sessions"))
    answer = await shared.post(f"/api/sessions/{session_id}/fork", **body)
    told = problem(answer, status, "not_found" if status == 404 else "invalid_message")
    assert says in told["detail"], told
    assert len(await everything(getter(shared, shared.token), "/api/sessions")) == before


# -- Whose it is -------------------------------------------------------------------------------------------------------


async def test_anothers_text_is_exactly_as_one_that_is_not(shared: Service) -> None:
    session_id = await finished(shared)
    version = (await current(shared, session_id))["version"]
    made = await shared.post(
        f"/api/sessions/{session_id}/rewrite", version=version, section=1, instruction="Shorter.", alternatives=1
    )
    one = made.json()["items"][0]["id"]
    for token, reads in ((await shared.new_token(), False), (shared.admin_token(), True)):
        told = []
        for wanted in (session_id, ID):
            at = f"/api/sessions/{wanted}"
            asked = {"version": version, "section": 1, "instruction": "Shorter."}
            told.append(
                [
                    problem(await put(shared, wanted, "Mine.", version, token), 404, "not_found"),
                    problem(await shared.post(f"{at}/fork", token), 404, "not_found"),
                    problem(await shared.post(f"{at}/rewrite", token, **asked), 404, "not_found"),
                    problem(await shared.post(f"{at}/alternatives/{one}/accept", token), 404, "not_found"),
                ]
            )
        # Of an admin, too: they read, and the text is its writer's.
        assert told[0] == told[1]
        for path in ("alternatives", "drafts/1/diff/2"):
            answer = await shared.get(f"/api/sessions/{session_id}/{path}", token)
            assert answer.status_code == (200 if reads else 404)
    for method, path in (
        ("PUT", "drafts"),
        ("POST", "fork"),
        ("POST", "rewrite"),
        ("GET", "alternatives"),
        ("GET", "drafts/1/diff/1"),
        ("POST", f"alternatives/{ID}/accept"),
    ):
        problem(await shared.http.request(method, f"/api/sessions/{session_id}/{path}"), 401, "unauthorized")
    assert (await current(shared, session_id))["version"] == version
