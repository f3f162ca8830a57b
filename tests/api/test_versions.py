"""More than one run at a text, over REST: alternatives, differences, estimates, and all from Python."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from coordinator.models import Alternative
from coordinator.running.estimate import TOKENS_PER_WORD, Estimate
from coordinator.story.difference import Block
from storyloom.client import Client, ClientError
from tests.api.support import TEST_MODEL, problem
from tests.api.texts import ID, MINE, current, ended, failed_at, finished, getter, put
from tests.chaos.record import everything
from tests.model_server import ModelServer, Reply
from tests.service import WAIT_S, Service, bearer

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
        f"/api/sessions/{session_id}/rewrite",
        token,
        version=story["version"],
        start=start,
        end=end,
        instruction="Let the gulls be heard.",
        alternatives=4,
    )
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
        f"/api/sessions/{session_id}/rewrite",
        token,
        version=story["version"],
        section=2,
        alternatives=3,
        instruction="Say it in a breath.",
    )
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
    [
        {"instruction": ""},
        {"instruction": " \u0000"},
        {"instruction": "x" * 4_001},
        {"instruction": None},
        {"alternatives": 0},
        {"alternatives": 5},
        {"alternatives": "x"},
        {"section": 0},
        {"section": 99},
        {"start": 0, "end": 5},
        {"section": None},
        {"section": None, "start": 0},
        {"section": None, "end": 5},
        {"section": None, "start": 5, "end": 5},
        {"section": None, "start": 6, "end": 5},
        {"section": None, "start": -1, "end": 5},
        {"section": None, "start": 0, "end": 10**6},
        {"section": None, "start": 10**5, "end": 10**5 + 5},
        {"section": None, "start": 0, "end": 10**9},
        {"version": 0},
        {"version": None},
        {"passage": "x"},
    ],
    ids=str,
)
async def test_what_is_no_passage_is_refused(shared: Service, wrong: dict[str, Any]) -> None:
    session_id = await finished(shared)
    version = (await current(shared, session_id))["version"]
    body = {"version": version, "section": 1, "instruction": "Shorter.", **wrong}
    body = {key: value for key, value in body.items() if value is not None or key == "instruction"}
    problem(await shared.post(f"/api/sessions/{session_id}/rewrite", **body), 422, "invalid_message")


async def test_only_the_current_version_is_written_anew(shared: Service) -> None:
    session_id = await finished(shared)
    version = (await current(shared, session_id))["version"]
    for wrong in (version - 1, version + 1):
        answer = await shared.post(
            f"/api/sessions/{session_id}/rewrite", version=wrong, section=1, instruction="Shorter."
        )
        assert f"version {version} is the current one, not {wrong}" in problem(answer, 409, "conflict")["detail"]


# -- Differences -------------------------------------------------------------------------------------------------------


async def test_long_versions_are_compared_beside_everything_else(shared: Service) -> None:
    token = await shared.new_token()
    session_id = await shared.story(token, pages=1)
    version = (await current(shared, session_id, token))["version"]
    texts = ["\n\n".join(f"{letter} {number} came" for number in range(60_000)) for letter in "ab"]
    texts.append("\n\n".join(f"{number} came" for number in range(70_000, 0, -1)))
    for number, text in enumerate(texts):
        answer = await put(shared, session_id, text, version + number, token)
        assert answer.status_code == 200, answer.text
    at = f"/api/sessions/{session_id}/drafts"
    comparing = asyncio.create_task(shared.get(f"{at}/{version + 1}/diff/{version + 3}", token))
    answered = 0
    while not comparing.done():
        assert (await shared.http.get("/healthz")).status_code == 200
        answered += 1
    assert answered > 10, "the service answers others meanwhile"
    blocks = [Block.model_validate(block) for block in (await comparing).json()["blocks"]]
    assert "".join(block.from_text for block in blocks) == texts[0]
    assert "".join(block.to_text for block in blocks) == texts[2]
    assert (
        'storyloom_worker_call_seconds_count{outcome="ok",work="compare"}' in (await shared.http.get("/metrics")).text
    )


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
    [
        {"pages": 0},
        {"pages": 101},
        {"pages": "x"},
        {"template": "none"},
        {"template": "x" * 41},
        {"model": "openai:none"},
        {"model": ""},
        {"max_revisions": 6},
        {"max_revisions": -1},
        {"prompt_words": 0},
        {"prompt_words": 10**6},
    ],
    ids=str,
)
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
