"""The calls over REST: what each answers, and who may make it."""

from __future__ import annotations

import asyncio
import json
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from coordinator.models import Draft, Message, Session, SessionDetail, Step, Story
from storyloom.client import Client
from tests.api.support import TEST_MODEL, checked_error, held_story, problem
from tests.model_server import ModelServer, Reply
from tests.service import PROMPT, Service, bearer

ID = "00000000-0000-4000-8000-000000000000"


async def ended(service: Service, session_id: str, token: str | None = None) -> str:
    async with service.socket(token) as socket:
        await socket.send(type="session.attach", session_id=session_id)
        end = await socket.until_finished(session_id)
        return str(end.get("status") or end["session"]["status"])


# -- Starting ----------------------------------------------------------------------------------------------------------


async def test_a_story_is_started_and_found_where_the_answer_says(shared: Service) -> None:
    answer = await shared.post(
        "/api/sessions", prompt=PROMPT, title="  The Light ", template="horror", config={"pages": 1, "tone": "dry"}
    )
    session = answer.json()
    assert answer.status_code == 201 and answer.headers["location"] == f"/api/sessions/{session['id']}"
    Session.model_validate(session, extra="forbid")
    assert session["title"] == "The Light" and session["template"] == "horror" and session["status"] == "active"
    assert session["config"]["pages"] == 1 and session["config"]["tone"] == "dry" and session["kind"] == "story"
    assert await ended(shared, session["id"]) == "completed"
    found = await shared.get(answer.headers["location"])
    SessionDetail.model_validate(found.json(), extra="forbid")
    assert found.json()["status"] == "completed" and found.json()["usage_by_agent"]


async def test_an_idempotency_key_makes_one_story(shared: Service) -> None:
    token = await shared.new_token()
    headers = {**bearer(token), "Idempotency-Key": "k-1"}
    body = {"prompt": PROMPT, "config": {"pages": 1}}
    asked = [shared.http.post("/api/sessions", headers=headers, json=body) for _ in range(5)]
    answered = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answered) == [200] * 4 + [201]
    assert len({answer.json()["id"] for answer in answered}) == 1
    # The frame's request_id is the same word.
    async with shared.socket(token) as socket:
        assert await socket.start(request_id="k-1") == answered[0].json()["id"]
        await socket.until_finished(answered[0].json()["id"])
    assert len((await shared.get("/api/sessions", token)).json()["items"]) == 1
    without = [await shared.post("/api/sessions", token, **body) for _ in range(2)]
    assert [answer.status_code for answer in without] == [201, 201]
    for key in ("", "k" * 201):
        refused = await shared.http.post("/api/sessions", headers={**headers, "Idempotency-Key": key}, json=body)
        assert "idempotency-key" in problem(refused, 422, "invalid_message")["detail"].lower()


@pytest.mark.parametrize("key", ["é", "ключ", "🔔", "e\u0301", "a b", "ÿ"], ids=ascii)
async def test_a_key_is_the_same_at_both_doors(shared: Service, key: str) -> None:
    """In UTF-8, compared as its characters stand: no form of a letter is taken for another."""
    token = await shared.new_token()
    body = {"prompt": PROMPT, "config": {"pages": 1}}
    headers = {**bearer(token), "Idempotency-Key": key.encode()}
    made = (await shared.http.post("/api/sessions", headers=headers, json=body)).json()["id"]  # type: ignore[arg-type]
    async with shared.socket(token) as socket:
        assert await socket.start(request_id=key) == made
        assert await socket.start(request_id=f" {key}\t") == made
    async with Client(shared.url, token) as client:
        assert str((await client.create_session(PROMPT, config={"pages": 1}, request_id=key)).id) == made
        other = unicodedata.normalize("NFD" if key == "é" else "NFC", key)
        if other != key:
            assert str((await client.create_session(PROMPT, config={"pages": 1}, request_id=other)).id) != made


@pytest.mark.parametrize("key", [b"\xe9", b"\xff", b"", "é".encode() * 201], ids=repr)
async def test_a_key_that_is_no_text_is_refused(shared: Service, key: bytes) -> None:
    headers = {**bearer(shared.token), "Idempotency-Key": key}
    told = await shared.http.post("/api/sessions", headers=headers, json={"prompt": PROMPT})  # type: ignore[arg-type]
    assert "Idempotency-Key" in problem(told, 422, "invalid_message")["detail"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "  "}, "prompt is empty"),
        ({"prompt": "x" * 20_001}, "20000"),
        ({"prompt": PROMPT, "promt": "x"}, "promt"),
        ({"prompt": PROMPT, "template": "none"}, "short-story"),
        ({"prompt": PROMPT, "config": {"pages": 101}}, "config.pages"),
        ({"prompt": PROMPT, "config": {"approvals": ["ending"]}}, "approvals"),
        ({"prompt": PROMPT, "config": {"budget": {"usd": 0}}}, "budget"),
        ({"prompt": PROMPT, "config": {"model": "openai:gpt-none"}}, TEST_MODEL),
    ],
    ids=lambda value: ascii(value)[-40:],
)
async def test_a_story_that_cannot_be_is_refused(shared: Service, body: dict[str, Any], says: str) -> None:
    assert says in problem(await shared.post("/api/sessions", **body), 422, "invalid_message")["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"not json", 422),
        (b"[]", 422),
        (b"null", 422),
        (b'"x"', 422),
        (b'{"prompt": NaN}', 422),
        (rb'{"prompt": "\u0000"}', 422),
        (rb'{"\ud800": 1, "prompt": "A lamp."}', 422),
        (rb'{"prompt": "A lamp.", "config": {"theme_options": {"\ud800": "x"}}}', 422),
        (b"\xff\xfe", 422),
        (b'{"prompt":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 422),
        (b"9" * 10_000, 422),
        (b'{"prompt": "' + b"x" * 300_000 + b'"}', 413),
    ],
    ids=lambda value: ascii(value)[:30],
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_none_is_refused(shared: Service, body: bytes, status: int, chunked: bool) -> None:
    async def pieces() -> Any:
        for start in range(0, len(body), 50_000):
            yield body[start : start + 50_000]

    answer = await shared.http.post(
        "/api/sessions",
        headers={**bearer(shared.token), "Content-Type": "application/json"},
        content=pieces() if chunked else body,
    )
    problem(answer, status, "too_large" if status == 413 else "invalid_message")
    assert (await shared.http.get("/healthz")).status_code == 200


# -- Lists -------------------------------------------------------------------------------------------------------------


async def pages(service: Service, path: str, token: str, limit: int, **params: Any) -> list[list[dict[str, Any]]]:
    found, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        answer = (await service.get(path, token, limit=limit, **params, **more)).json()
        found.append(answer["items"])
        cursor = answer["next_cursor"]
        if cursor is None:
            return found


async def test_lists_are_read_page_by_page(shared: Service) -> None:
    token = await shared.new_token()
    session_id = await shared.story(token, pages=1)
    for name, model, key in (("messages", Message, "seq"), ("drafts", Draft, "version"), ("steps", Step, "started_at")):
        path = f"/api/sessions/{session_id}/{name}"
        whole = (await shared.get(path, token, limit=100)).json()
        assert whole["next_cursor"] is None and len(whole["items"]) > 1
        for item in whole["items"]:
            model.model_validate(item, extra="forbid")
        assert [item[key] for item in whole["items"]] == sorted(item[key] for item in whole["items"])
        for limit in (1, 2, len(whole["items"])):
            by_page = await pages(shared, path, token, limit)
            assert [item for page in by_page for item in page] == whole["items"]
            assert {len(page) for page in by_page[:-1]} <= {limit} and len(by_page[-1]) in range(1, limit + 1)


async def test_events_go_on_after_a_number(shared: Service) -> None:
    session_id = await shared.story(pages=1)
    path = f"/api/sessions/{session_id}/events"
    whole = (await shared.get(path, limit=100)).json()["items"]
    first = (await shared.get(path, limit=7)).json()
    assert first["items"] == whole[:7] and first["next_cursor"] == str(whole[6]["seq"])
    rest = (await shared.get(path, limit=100, after_seq=first["next_cursor"])).json()
    assert rest["items"] == whole[7:] and rest["next_cursor"] is None
    assert (await shared.get(path, after_seq=whole[-1]["seq"])).json()["items"] == []
    assert not any("parts" in event for event in whole)
    for wrong in (-1, 2**31, "x"):
        problem(await shared.get(path, after_seq=wrong), 422, "invalid_message")


async def test_own_sessions_newest_first_and_filtered(shared: Service) -> None:
    token = await shared.new_token()
    made = [await shared.story(token, f"A lamp number {number} goes out_100%.", pages=1) for number in range(3)]
    started = await shared.post("/api/sessions", token, prompt="A harbour at dawn", config={"pages": 100})
    cancelled = started.json()["id"]
    await shared.post(f"/api/sessions/{cancelled}/cancel", token)

    async def ids(**params: Any) -> list[str]:
        return [item["id"] for page in await pages(shared, "/api/sessions", token, 2, **params) for item in page]

    assert await ids() == [cancelled, *reversed(made)]
    assert await ids(status="completed") == [*reversed(made)] and await ids(status="cancelled") == [cancelled]
    assert await ids(status="failed") == [] and await ids(kind="chat") == [] and len(await ids(kind="story")) == 4
    assert await ids(q="NUMBER 1") == [made[1]] and await ids(q="harbour") == [cancelled]
    assert len(await ids(q="out_100%")) == 3 and await ids(q="out%100") == [] and await ids(q="\\") == []
    story = (await shared.get(f"/api/sessions/{made[0]}/story", token)).json()
    assert made[0] in await ids(q=story["content"][-60:-20].strip())
    assert (await shared.get("/api/sessions", await shared.new_token())).json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": "x"},
        {"status": "done"},
        {"kind": "poem"},
        {"cursor": "x"},
        {"q": ""},
        {"cursor": "2026-01-01~x"},
        {"cursor": "x" * 201},
        {"q": "x" * 201},
    ],
    ids=str,
)
async def test_a_list_that_cannot_be_is_refused(shared: Service, params: dict[str, Any]) -> None:
    problem(await shared.get("/api/sessions", **params), 422, "invalid_message")


async def test_cursors_of_other_lists_are_refused(shared: Service) -> None:
    session_id = await shared.story(pages=1)
    for name in ("messages", "drafts", "steps"):
        for cursor in ("x", "1.5", "99999999999", "2026-01-01~" + ID):
            answer = await shared.get(f"/api/sessions/{session_id}/{name}", cursor=cursor)
            assert "cursor" in problem(answer, 422, "invalid_message")["detail"]


# -- The story and its drafts ------------------------------------------------------------------------------------------


async def test_story_and_drafts(shared: Service, model: ModelServer) -> None:
    session_id = await shared.story(pages=1)
    story = (await shared.get(f"/api/sessions/{session_id}/story")).json()
    Story.model_validate(story, extra="forbid")
    draft = (await shared.get(f"/api/sessions/{session_id}/drafts/{story['version']}")).json()
    Draft.model_validate(draft, extra="forbid")
    assert draft["current"] and draft["content"] == story["content"] and draft["word_count"] == story["word_count"]
    for version in ("99", "0", "-1", "2147483648", "x", "1.5"):
        problem(await shared.get(f"/api/sessions/{session_id}/drafts/{version}"), 404, "not_found")
    async with held_story(shared, model) as running:
        problem(await shared.get(f"/api/sessions/{running}/story"), 409, "conflict")
        await shared.post(f"/api/sessions/{running}/cancel")


async def test_a_title_of_ones_own(shared: Service) -> None:
    session_id = await shared.story(pages=1)
    path = f"/api/sessions/{session_id}"
    async with shared.socket() as socket:
        await socket.send(type="session.attach", session_id=session_id)
        await socket.until("session.snapshot")
        answer = await shared.http.patch(path, headers=bearer(shared.token), json={"title": " Ünder  the light "})
        assert answer.status_code == 200 and answer.json()["title"] == "Ünder  the light"
        told = await socket.until("session.status")
    assert told["title"] == "Ünder  the light" and told["status"] == "completed"
    assert (await shared.get(path)).json()["title"] == "Ünder  the light"
    assert (await shared.get(f"{path}/story")).json()["title"] == "Ünder  the light"
    no_titles: list[Any] = ["", " ", "x" * 201, None, 7]
    no_budgets: list[Any] = [{"tokens": 0}, {"tokens": -1}, {"usd": 0}, {"usd": 1e400}, {"euro": 1}, 7, "x", []]
    wrong = [{"title": title} for title in no_titles] + [{"title": "x", "budget": budget} for budget in no_budgets]
    for body in ({}, {"title": "x", "status": "x"}, *wrong):
        refused = await shared.http.patch(
            path,
            headers={**bearer(shared.token), "Content-Type": "application/json"},
            content=json.dumps(body).replace("Infinity", "1e400"),
        )
        problem(refused, 422, "invalid_message")
    assert (await shared.get(path)).json()["title"] == "Ünder  the light"


async def test_a_title_given_while_it_is_written_stays(shared: Service, model: ModelServer) -> None:
    async with held_story(shared, model) as session_id:
        path = f"/api/sessions/{session_id}"
        await shared.http.patch(path, headers=bearer(shared.token), json={"title": "Mine"})
    assert await ended(shared, session_id) == "completed"
    assert (await shared.get(f"{path}/story")).json()["title"] == "Mine"


# -- Ending and going on -----------------------------------------------------------------------------------------------


async def test_cancel_stops_the_model_at_once(shared: Service, model: ModelServer) -> None:
    async with held_story(shared, model) as session_id:
        call = model.requests[-1]
        async with shared.socket() as socket, shared.socket() as other:
            for watching in (socket, other):
                await watching.send(type="session.attach", session_id=session_id)
                await watching.until("session.snapshot")
            answer = await shared.post(f"/api/sessions/{session_id}/cancel")
            assert answer.status_code == 200 and answer.json()["status"] == "cancelled"
            await asyncio.wait_for(call.left.wait(), 10)
            for watching in (socket, other):
                await watching.until("session.status", status="cancelled")
        # Again it changes nothing; what is cancelled can't go on.
        assert (await shared.post(f"/api/sessions/{session_id}/cancel")).json()["epoch"] == answer.json()["epoch"]
        problem(await shared.post(f"/api/sessions/{session_id}/resume"), 409, "conflict")
    done = await shared.story(pages=1)
    problem(await shared.post(f"/api/sessions/{done}/cancel"), 409, "conflict")
    problem(await shared.post(f"/api/sessions/{done}/resume"), 409, "conflict")


async def test_delete_stops_the_story_and_tells_its_watchers(shared: Service, model: ModelServer) -> None:
    async with held_story(shared, model) as session_id, shared.socket() as socket:
        call = model.requests[-1]
        await socket.send(type="session.attach", session_id=session_id)
        await socket.until("session.snapshot")
        path = f"/api/sessions/{session_id}"
        answer = await shared.http.delete(path, headers=bearer(shared.token))
        assert answer.status_code == 204 and answer.content == b""
        await asyncio.wait_for(call.left.wait(), 10)
        error = checked_error(await socket.until("error"))
        assert error["code"] == "not_found" and error["session_id"] == session_id
        for gone in (path, f"{path}/messages", f"{path}/events", f"{path}/story"):
            problem(await shared.get(gone), 404, "not_found")
        problem(await shared.http.delete(path, headers=bearer(shared.token)), 404, "not_found")
        # The socket and its other stories live on.
        assert await socket.start(pages=1) != session_id


async def test_a_failed_story_tells_why_and_goes_on_at_once_when_it_can(shared: Service, model: ModelServer) -> None:
    for _ in range(2):
        model.script(Reply.fails(401))
        async with shared.socket() as socket:
            session_id = await socket.start(pages=1, model=TEST_MODEL)
            failed = await socket.until_finished(session_id)
            assert failed["status"] == "failed" and failed["error"]["code"] == "unavailable"
            # Straight after the word of it, while the failed run is still ending.
            answer = await shared.post(f"/api/sessions/{session_id}/resume")
            assert answer.status_code == 200 and answer.json()["status"] == "active"
            assert (await socket.until_finished(session_id))["status"] == "completed"
    session = (await shared.get(f"/api/sessions/{session_id}")).json()
    assert session["error"] is None and session["epoch"] >= 3


async def test_what_attach_gets_of_a_failed_story(shared: Service, model: ModelServer) -> None:
    model.script(Reply.fails(401))
    async with shared.socket() as socket:
        session_id = await socket.start(pages=1, model=TEST_MODEL)
        failed = await socket.until_finished(session_id)
        await socket.send(type="session.attach", session_id=session_id)
        snapshot = await socket.until("session.snapshot")
    assert snapshot["session"]["status"] == "failed" and snapshot["session"]["error"] == failed["error"]
    assert snapshot["seq"] == failed["seq"] and snapshot["epoch"] == failed["epoch"]
    steps = (await shared.get(f"/api/sessions/{session_id}/steps")).json()["items"]
    assert steps[-1]["status"] == "failed" and steps[-1]["error"] == failed["error"]


# -- What anyone may ask -----------------------------------------------------------------------------------------------


async def test_what_can_be_chosen_and_how_to_sign_in(shared: Service) -> None:
    templates = (await shared.http.get("/api/templates")).json()
    assert [one["name"] for one in templates if one["default"]] == ["short-story"]
    assert all(one["example_prompt"] and one["cast"] and one["steps"] for one in templates)
    models = (await shared.http.get("/api/models")).json()
    assert models[0]["name"] == "offline:storyteller" and models[0]["default"] and models[0]["offline"]
    assert TEST_MODEL in [one["name"] for one in models]
    config = (await shared.http.get("/api/config")).json()
    assert config["sign_in"] == {"auth": "local", "anonymous": True, "url": None, "publishable_key": None}
    assert config["default_template"] == "short-story" and config["default_model"] == "offline:storyteller"
    assert config["frame_bytes"] == 262_144 and config["version"]


async def test_health_and_readiness(shared: Service, model: ModelServer) -> None:
    health = (await shared.http.get("/healthz")).json()
    assert health["status"] == "ok" and health["version"]
    async with held_story(shared, model) as session_id:
        ready = (await shared.http.get("/readyz")).json()
        # Other tests of the module may have left a story at work.
        assert ready.pop("running_stories") >= 1
        assert ready == {"status": "ready", "database": "ok", "engine": "ok"}
        await shared.post(f"/api/sessions/{session_id}/cancel")


async def test_anonymous_writers_are_each_their_own(shared: Service) -> None:
    one, other = [(await shared.http.post("/api/auth/anonymous")).json() for _ in range(2)]
    assert one["user"]["id"] != other["user"]["id"] and one["user"]["is_anonymous"]
    assert one["token_type"] == "bearer" and one["expires_in"] == shared.settings.token_ttl_s
    assert abs(one["expires_at"] - one["expires_in"] - datetime.now(UTC).timestamp()) < 60
    renewed = await shared.http.post("/api/auth/refresh", json={"refresh_token": one["refresh_token"]})
    assert renewed.status_code == 200 and renewed.json()["user"] == one["user"]
    for body, status, code in (
        ({}, 422, "invalid_message"),
        ({"refresh_token": ""}, 422, "invalid_message"),
        ({"refresh_token": "x"}, 401, "unauthorized"),
        ({"refresh_token": one["access_token"]}, 401, "unauthorized"),
    ):
        problem(await shared.http.post("/api/auth/refresh", json=body), status, code)


# -- Admins ------------------------------------------------------------------------------------------------------------


async def test_an_admin_sees_every_session_and_a_writer_none(shared: Service) -> None:
    admin, token = shared.admin_token(), await shared.new_token()
    mine, theirs = await shared.story(pages=1), await shared.story(token, "An island of clocks.", pages=1)
    user_id = (await shared.get(f"/api/sessions/{theirs}", token)).json()["user_id"]

    async def ids(**params: Any) -> list[str]:
        return [item["id"] for page in await pages(shared, "/api/admin/sessions", admin, 50, **params) for item in page]

    every = await ids()
    assert {theirs, mine} <= set(every) and every.index(theirs) < every.index(mine)
    assert await ids(user_id=user_id) == [theirs] and await ids(q="island of clocks") == [theirs]
    assert theirs in await ids(template="short-story") and await ids(template="horror", user_id=user_id) == []
    now = datetime.now(UTC)
    assert theirs in await ids(since=(now - timedelta(minutes=5)).isoformat())
    assert await ids(since=(now + timedelta(minutes=5)).isoformat()) == []
    assert await ids(status="completed", user_id=user_id) == [theirs]
    assert await ids(status="failed", user_id=user_id) == []
    for wrong in ({"user_id": "x"}, {"since": "soon"}, {"status": "x"}, {"template": "x" * 41}, {"cursor": "x"}):
        problem(await shared.get("/api/admin/sessions", admin, **wrong), 422, "invalid_message")
    for path in ("/api/admin/sessions", f"/api/admin/sessions/{theirs}", f"/api/admin/sessions/{ID}"):
        problem(await shared.get(path, token), 403, "forbidden")
        problem(await shared.http.get(path), 401, "unauthorized")


async def test_an_admin_inspects_a_session_whole(shared: Service) -> None:
    admin, token = shared.admin_token(), await shared.new_token()
    session_id = await shared.story(token, "An island of clocks.", pages=1)
    found = (await shared.get(f"/api/admin/sessions/{session_id}", admin)).json()
    assert found["session"]["id"] == session_id and found["session"]["prompt"] == "An island of clocks."
    assert found["usage"]["tokens"] == found["session"]["tokens"] > 0 and found["usage"]["by_agent"]
    for name in ("messages", "drafts", "events"):
        own = (await shared.get(f"/api/sessions/{session_id}/{name}", token, limit=100)).json()
        assert found[name] == own and own["items"]
    assert found["steps"] == (await shared.get(f"/api/sessions/{session_id}/steps", token)).json()["items"]
    for wrong in (ID, "x"):
        problem(await shared.get(f"/api/admin/sessions/{wrong}", admin), 404, "not_found")
    # What an owner reads an admin may read; the title is the owner's alone.
    assert (await shared.get(f"/api/sessions/{session_id}/story", admin)).status_code == 200
    renamed = await shared.http.patch(f"/api/sessions/{session_id}", headers=bearer(admin), json={"title": "x"})
    problem(renamed, 404, "not_found")
    assert (await shared.http.delete(f"/api/sessions/{session_id}", headers=bearer(admin))).status_code == 204
