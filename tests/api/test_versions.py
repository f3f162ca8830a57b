"""More than one run at a text, over REST: forks, a writer's own edits, alternatives, differences, estimates."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from coordinator.difference import Block
from coordinator.estimate import TOKENS_PER_WORD, Estimate
from coordinator.models import Alternative, Draft, Session
from storyloom.client import Client, ClientError
from tests.api.support import TEST_MODEL, held_story, problem
from tests.chaos.record import check_whole, everything
from tests.model_server import ModelServer, Reply
from tests.service import PROMPT, WAIT_S, Service, bearer, serving

ID = "00000000-0000-4000-8000-000000000000"
MINE = "Nobody had told the gulls, and so they came all the same."


def getter(service: Service, token: str) -> Any:
    async def get(path: str, **params: Any) -> Any:
        answer = await service.get(path, token, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return get


async def put(service: Service, session_id: str, content: Any, base: Any, token: str | None = None) -> httpx.Response:
    return await service.http.put(
        f"/api/sessions/{session_id}/drafts", headers=bearer(token or service.token),
        json={"content": content, "base_version": base},
    )  # fmt: skip


async def failed_at(service: Service, model: ModelServer, task: str, token: str, pages: int = 3) -> str:
    """A story by the tests' model that has come to this task, and failed at it."""
    model.script(Reply.fails(400, when=f"Your task: {task}"))
    async with service.socket(token) as socket:
        session_id = await socket.start(pages=pages, model=TEST_MODEL, max_revisions=0)
        assert (await socket.until_finished(session_id))["status"] == "failed"
    return session_id


async def ended(service: Service, session_id: str, token: str) -> str:
    async with service.socket(token) as socket:
        await socket.send(type="session.attach", session_id=session_id)
        end = await socket.until_finished(session_id)
        return str(end.get("status") or end["session"]["status"])


async def current(service: Service, session_id: str, token: str | None = None) -> dict[str, Any]:
    answer = await service.get(f"/api/sessions/{session_id}/story", token)
    assert answer.status_code == 200, answer.text
    story: dict[str, Any] = answer.json()
    return story


# -- A writer's own edits ----------------------------------------------------------------------------------------------


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
    [{}, {"content": "x"}, {"base_version": 1}, {"content": "", "base_version": 1}, {"content": 7, "base_version": 1},
     {"content": " \n\u0000", "base_version": 1}, {"content": "x", "base_version": 0}, {"content": "x", "base_version": "a"},
     {"content": "x", "base_version": 2**31}, {"content": "x", "base_version": 1, "current": True}, {"content": None}],
    ids=str,
)  # fmt: skip
async def test_what_is_no_edit_is_refused(shared: Service, body: dict[str, Any]) -> None:
    at = f"/api/sessions/{await _finished(shared)}/drafts"
    problem(await shared.http.put(at, headers=bearer(shared.token), json=body), 422, "invalid_message")


_stories: dict[int, str] = {}


async def _finished(service: Service) -> str:
    """A story of one page that the tests of refusals share: nothing of it is changed."""
    if id(service) not in _stories:
        _stories[id(service)] = await service.story(pages=1)
    return _stories[id(service)]


# -- Alternatives ------------------------------------------------------------------------------------------------------


async def test_a_passage_is_written_anew_and_one_version_taken(shared: Service) -> None:
    token = await shared.new_token()
    session_id = await shared.story(token, pages=3)
    story = await current(shared, session_id, token)
    content = story["content"]
    start = content.index("\n\n") + 2
    end = content.index("\n\n", start)
    before = (await shared.get(f"/api/sessions/{session_id}", token)).json()
    answer = await shared.post(
        f"/api/sessions/{session_id}/rewrite", token, version=story["version"], start=start, end=end,
        instruction="Let the gulls be heard.", alternatives=4,
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    made = [Alternative.model_validate(item, extra="forbid") for item in answer.json()["items"]]
    assert len({one.content for one in made} | {content[start:end]}) == 5
    for one in made:
        assert (one.passage, one.start, one.end, one.version) == (content[start:end], start, end, story["version"])
        assert one.model == "offline:storyteller" and one.tokens > 0 and one.accepted_version is None
    after = (await shared.get(f"/api/sessions/{session_id}", token)).json()
    used = sum(one.tokens for one in made)
    assert after["tokens"] == before["tokens"] + used and (await current(shared, session_id, token)) == story
    assert after["usage_by_agent"]["writer"]["tokens"] == before["usage_by_agent"]["writer"]["tokens"] + used
    listed = (await shared.get(f"/api/sessions/{session_id}/alternatives", token)).json()
    assert listed["items"] == answer.json()["items"]

    at = f"/api/sessions/{session_id}/alternatives"
    drafts = [(await shared.post(f"{at}/{made[1].id}/accept", token)).json() for _ in range(2)]
    assert drafts[0] == drafts[1] and drafts[0]["version"] == story["version"] + 1
    new = await current(shared, session_id, token)
    assert new["content"] == content[:start] + made[1].content + content[end:] == drafts[0]["content"]
    told = problem(await shared.post(f"{at}/{made[0].id}/accept", token), 409, "conflict")
    assert "has changed since" in told["detail"]
    problem(await shared.post(f"{at}/{ID}/accept", token), 404, "not_found")
    accepted = (await shared.get(at, token)).json()["items"]
    assert [item["accepted_version"] for item in accepted] == [None, drafts[0]["version"], None, None]


async def test_a_section_is_written_anew_by_a_model_that_is_told_what_it_needs(
    shared: Service, model: ModelServer
) -> None:
    token = await shared.new_token()
    session_id = await failed_at(shared, model, "polish section 1", token)
    story = await current(shared, session_id, token)
    before = len(model.requests)
    model.script(Reply.prose("One way."), Reply.prose("Another way."))
    answer = await shared.post(
        f"/api/sessions/{session_id}/rewrite", token, version=story["version"], section=2, alternatives=3,
        instruction="Say it in a breath.",
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    items = answer.json()["items"]
    passage = items[0]["passage"]
    assert story["content"][items[0]["start"] : items[0]["end"]] == passage and len(items) == 3
    asked = [request.text for request in model.requests[before:]]
    assert len(asked) == 3 == len(set(asked))
    after = story["content"][items[0]["end"] :].split()
    for text in asked:
        assert f'<material name="passage">\n{passage}\n</material>' in text and "Say it in a breath." in text
        assert " ".join(after[:8]) in text and '<material name="story bible">' in text
    assert {"One way.", "Another way."} <= {item["content"] for item in items}
    accepted = await shared.post(f"/api/sessions/{session_id}/alternatives/{items[0]['id']}/accept", token)
    assert items[0]["content"] in accepted.json()["content"]
    await shared.post(f"/api/sessions/{session_id}/resume", token)
    assert await ended(shared, session_id, token) == "completed"
    assert any(items[0]["content"] in request.text for request in model.requests[before + 3 :])


async def test_what_fails_is_left_out_and_counted(shared: Service, model: ModelServer) -> None:
    token = await shared.new_token()
    session_id = await failed_at(shared, model, "polish section 1", token)
    version = (await current(shared, session_id, token))["version"]
    asked = {"version": version, "section": 1, "instruction": "Shorter.", "alternatives": 2}
    at = f"/api/sessions/{session_id}/rewrite"
    model.script(Reply.fails(401))
    answer = await shared.post(at, token, **asked)
    assert answer.status_code == 201 and len(answer.json()["items"]) == 1
    before = (await shared.get(f"/api/sessions/{session_id}", token)).json()["tokens"]
    model.script(*[Reply.refuses(when="passage")] * 10)
    told = problem(await shared.post(at, token, **asked), 503, "unavailable")
    assert "this passage" in told["detail"] and "resume the story" not in told["detail"].lower()
    model.heal()
    assert (await shared.get(f"/api/sessions/{session_id}", token)).json()["tokens"] > before
    assert len((await shared.get(f"/api/sessions/{session_id}/alternatives", token)).json()["items"]) == 1


async def test_who_leaves_ends_the_models_calls_and_what_they_used_counts(shared: Service, model: ModelServer) -> None:
    token = await shared.new_token()
    session_id = await failed_at(shared, model, "polish section 1", token)
    story = await current(shared, session_id, token)
    before, spent = len(model.requests), (await shared.get(f"/api/sessions/{session_id}", token)).json()["tokens"]
    model.script(*[Reply.hangs(after_words=5, text="It rang and rang and nobody came to the door at all.")] * 2)
    asked = shared.post(
        f"/api/sessions/{session_id}/rewrite", token, version=story["version"], section=1, instruction="Shorter."
    )
    leaving = asyncio.create_task(asked)
    while len(model.requests) < before + 2:
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)  # the first words come
    leaving.cancel()
    async with asyncio.timeout(WAIT_S):
        for request in model.requests[before:]:
            await request.left.wait()
        while (session := (await shared.get(f"/api/sessions/{session_id}", token)).json())["tokens"] == spent:
            await asyncio.sleep(0.02)
    assert session["tokens"] > spent
    assert (await shared.get(f"/api/sessions/{session_id}/alternatives", token)).json()["items"] == []


async def test_a_budget_holds_for_alternatives(shared: Service, model: ModelServer) -> None:
    token = await shared.new_token()
    session_id = await failed_at(shared, model, "polish section 1", token)
    session = (await shared.get(f"/api/sessions/{session_id}", token)).json()
    changed = await shared.http.patch(
        f"/api/sessions/{session_id}", headers=bearer(token), json={"budget": {"tokens": session["tokens"]}}
    )
    assert changed.status_code == 200, changed.text
    before = len(model.requests)
    asked = {"version": session["draft_version"], "section": 1, "instruction": "Shorter."}
    problem(await shared.post(f"/api/sessions/{session_id}/rewrite", token, **asked), 402, "budget_exceeded")
    assert len(model.requests) == before


@pytest.mark.parametrize(
    "wrong",
    [{"instruction": ""}, {"instruction": " \u0000"}, {"instruction": "x" * 4_001}, {"instruction": None},
     {"alternatives": 0}, {"alternatives": 5}, {"alternatives": "x"}, {"section": 0}, {"section": 99},
     {"start": 0, "end": 5}, {"section": None}, {"section": None, "start": 0}, {"section": None, "end": 5},
     {"section": None, "start": 5, "end": 5}, {"section": None, "start": 6, "end": 5},
     {"section": None, "start": -1, "end": 5}, {"section": None, "start": 0, "end": 10**6},
     {"section": None, "start": 10**5, "end": 10**5 + 5}, {"section": None, "start": 0, "end": 10**9},
     {"version": 0}, {"version": None}, {"passage": "x"}],
    ids=str,
)  # fmt: skip
async def test_what_is_no_passage_is_refused(shared: Service, wrong: dict[str, Any]) -> None:
    session_id = await _finished(shared)
    version = (await current(shared, session_id))["version"]
    body = {"version": version, "section": 1, "instruction": "Shorter.", **wrong}
    body = {key: value for key, value in body.items() if value is not None or key == "instruction"}
    problem(await shared.post(f"/api/sessions/{session_id}/rewrite", **body), 422, "invalid_message")


async def test_only_the_current_version_is_written_anew(shared: Service) -> None:
    session_id = await _finished(shared)
    version = (await current(shared, session_id))["version"]
    for wrong in (version - 1, version + 1):
        answer = await shared.post(
            f"/api/sessions/{session_id}/rewrite", version=wrong, section=1, instruction="Shorter."
        )
        assert f"version {version} is the current one, not {wrong}" in problem(answer, 409, "conflict")["detail"]


# -- Differences -------------------------------------------------------------------------------------------------------


async def test_what_two_versions_differ_in(shared: Service) -> None:
    token = await shared.new_token()
    session_id = await shared.story(token, pages=3)
    story = await current(shared, session_id, token)
    paragraphs = story["content"].split("\n\n")
    changed = "\n\n".join([paragraphs[0] + " And then some.", *paragraphs[2:], MINE])
    await put(shared, session_id, changed, story["version"], token)
    at = f"/api/sessions/{session_id}/drafts"
    drafts = {draft["version"]: draft["content"] for draft in await everything(getter(shared, token), at)}
    for a, b in ((1, story["version"]), (story["version"], story["version"] + 1), (story["version"], 1), (1, 1)):
        told = (await shared.get(f"{at}/{a}/diff/{b}", token)).json()
        assert (told["from"], told["to"]) == (a, b)
        blocks = [Block.model_validate(block, extra="forbid") for block in told["blocks"]]
        assert "".join(block.from_text for block in blocks) == drafts[a]
        assert "".join(block.to_text for block in blocks) == drafts[b]
    told = (await shared.get(f"{at}/{story['version']}/diff/{story['version'] + 1}", token)).json()["blocks"]
    assert [block["op"] for block in told] == ["replace", "delete", "equal", "insert"]
    assert told[0]["changes"][-1]["to_text"] == " And then some."
    for wrong in ("0/diff/1", "1/diff/99", "x/diff/1", "1/diff/99999999999"):
        problem(await shared.get(f"{at}/{wrong}", token), 404, "not_found")


# -- Forks -------------------------------------------------------------------------------------------------------------


async def test_a_fork_goes_its_own_way_and_the_parent_stays(shared: Service) -> None:
    token = await shared.new_token()
    session_id = await shared.story(token, pages=3, seed=1)
    get = getter(shared, token)
    lists = [f"/api/sessions/{session_id}/{name}" for name in ("messages", "drafts", "steps", "events")]
    before = [await get(f"/api/sessions/{session_id}"), *[await everything(get, at) for at in lists]]
    answer = await shared.post(
        f"/api/sessions/{session_id}/fork", token, from_step="outline", title="Otherwise",
        config={"tone": "dry", "max_revisions": 0, "seed": None},
    )  # fmt: skip
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
)  # fmt: skip
async def test_a_fork_that_cannot_be_is_refused(shared: Service, body: dict[str, Any], status: int, says: str) -> None:
    session_id = await _finished(shared)
    before = len(await everything(getter(shared, shared.token), "/api/sessions"))
    answer = await shared.post(f"/api/sessions/{session_id}/fork", **body)
    told = problem(answer, status, "not_found" if status == 404 else "invalid_message")
    assert says in told["detail"], told
    assert len(await everything(getter(shared, shared.token), "/api/sessions")) == before


# -- Whose it is -------------------------------------------------------------------------------------------------------


async def test_anothers_text_is_exactly_as_one_that_is_not(shared: Service) -> None:
    session_id = await _finished(shared)
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
            told.append([
                problem(await put(shared, wanted, "Mine.", version, token), 404, "not_found"),
                problem(await shared.post(f"{at}/fork", token), 404, "not_found"),
                problem(await shared.post(f"{at}/rewrite", token, **asked), 404, "not_found"),
                problem(await shared.post(f"{at}/alternatives/{one}/accept", token), 404, "not_found"),
            ])  # fmt: skip
        # Of an admin, too: they read, and the text is its writer's.
        assert told[0] == told[1]
        for path in ("alternatives", "drafts/1/diff/2"):
            answer = await shared.get(f"/api/sessions/{session_id}/{path}", token)
            assert answer.status_code == (200 if reads else 404)
    for method, path in (("PUT", "drafts"), ("POST", "fork"), ("POST", "rewrite"), ("GET", "alternatives"),
                         ("GET", "drafts/1/diff/1"), ("POST", f"alternatives/{ID}/accept")):  # fmt: skip
        problem(await shared.http.request(method, f"/api/sessions/{session_id}/{path}"), 401, "unauthorized")
    assert (await current(shared, session_id))["version"] == version


# -- Estimates ---------------------------------------------------------------------------------------------------------


async def test_an_estimate_before_a_start_is_near_what_it_took(shared: Service) -> None:
    token = await shared.new_token()
    answer = await shared.get("/api/sessions/estimate", token, pages=3, max_revisions=0)
    told = Estimate.model_validate(answer.json(), extra="forbid")
    assert (told.model, told.template, told.words, told.cost_usd) == ("offline:storyteller", "short-story", 900, 0)
    offline = (await shared.get(f"/api/sessions/{await shared.story(token, pages=3, max_revisions=0)}", token)).json()
    assert offline["progress"]["total_steps"] == told.steps
    assert 1 / 1.5 < told.tokens / offline["tokens"] < 1.5
    answer = await shared.get(
        "/api/sessions/estimate", token, pages=3, max_revisions=0, model=TEST_MODEL, prompt_words=13
    )
    told = Estimate.model_validate(answer.json(), extra="forbid")
    by_model = await shared.story(token, pages=3, max_revisions=0, model=TEST_MODEL)
    session = (await shared.get(f"/api/sessions/{by_model}", token)).json()
    # The tests' server counts words, and reads no schema.
    assert told.cost_usd is None
    assert 0.5 < told.tokens / (session["tokens"] * TOKENS_PER_WORD) < 2


@pytest.mark.parametrize(
    "params",
    [{"pages": 0}, {"pages": 101}, {"pages": "x"}, {"template": "none"}, {"template": "x" * 41}, {"model": "openai:none"},
     {"model": ""}, {"max_revisions": 6}, {"max_revisions": -1}, {"prompt_words": 0}, {"prompt_words": 10**6}],
    ids=str,
)  # fmt: skip
async def test_an_estimate_of_what_cannot_be_is_refused(shared: Service, params: dict[str, Any]) -> None:
    problem(await shared.get("/api/sessions/estimate", **params), 422, "invalid_message")


async def test_an_estimate_is_for_who_is_signed_in(shared: Service) -> None:
    problem(await shared.http.get("/api/sessions/estimate"), 401, "unauthorized")


# -- From Python -------------------------------------------------------------------------------------------------------


async def test_the_client_has_them_all(shared: Service) -> None:
    token = await shared.new_token()
    async with Client(shared.url, token) as client:
        assert (await client.estimate(pages=1))["cost_usd"] == 0
        session_id = await shared.story(token, pages=1)
        version = (await client.story(session_id)).version
        (one,) = await client.rewrite(session_id, version, "Shorter.", section=1, alternatives=1)
        assert (await client.alternatives(session_id)).items == [one]
        draft = await client.accept(session_id, one.id)
        assert draft.version == version + 1 and draft.content == one.content
        with pytest.raises(ClientError) as refused:
            await client.edit(session_id, MINE, version)
        assert refused.value.code == "conflict"
        assert (await client.edit(session_id, MINE, version + 1)).version == version + 2
        assert (await client.diff(session_id, version, version + 2))["to"] == version + 2
        child = await client.fork(session_id, from_version=version, config={"tone": "dry"}, start=False)
        assert str(child.parent_session_id) == session_id and child.status == "paused"
