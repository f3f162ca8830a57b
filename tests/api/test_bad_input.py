"""What bad input gets on the socket: a clear error with a code, while the socket and the server live on."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.support import TEST_MODEL, answers, checked_error, closed, held_story, problem, raw, refusal
from tests.chaos.record import eventually
from tests.model_server import ModelServer
from tests.service import PROMPT, Service, bearer

SETTINGS = {"attach_limit": 3}
ID = "00000000-0000-4000-8000-000000000000"
FRAME_BYTES = 262_144


def start(**fields: Any) -> dict[str, Any]:
    return {"type": "story.start", "request_id": str(uuid4()), "prompt": PROMPT, **fields}


# -- Frames that are none ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        ("", "JSON"),
        ("not json", "JSON"),
        ('{"type": "ping"', "JSON"),
        ("[" * 100_000 + "]" * 100_000, "JSON"),
        ('{"type": "ping", "t": ' + "[" * 60_000 + "]" * 60_000 + "}", "JSON"),
        ('{"type": "ping", "t": ' + "9" * 50_000 + "}", "JSON"),
        ('{"type": "ping", "t": NaN}', "JSON"),
        ('{"type": "ping", "t": 1e999}', "JSON"),
        ('{"type": "ping", "t": [{"a": -1e999}]}', "JSON"),
        ('{"type": "ping", "t": 1, "t": 2}', "twice"),
        ('{"type": "ping", "t": {"a": 1, "\\u0061": 2}}', "twice"),
        ('{"type": "ping", "t": -Infinity}', "JSON"),
        (r'{"type": "ping", "t": "\ud800"}', "JSON"),
        (r'{"type": "ping", "\udfff": 1, "t": 0', "JSON"),
        ("null", "object"),
        ("[]", "object"),
        ('"ping"', "object"),
        ("7", "object"),
        ("{}", "type"),
        ('{"type": null}', "type"),
        ('{"type": ["ping"]}', "type"),
        ('{"type": "PING"}', "type"),
        ('{"type": "story.\\u0000start"}', "type"),
        (json.dumps({"type": "x" * 200_000}), "type"),
        ('{"type": "session.created"}', "type"),
        (b"\x00\x01\xff", "binary"),
        (b'{"type": "ping"}', "binary"),
    ],
    ids=lambda value: ascii(value)[:30],
)
async def test_what_is_no_frame_is_refused(shared: Service, frame: str | bytes, says: str) -> None:
    async with shared.socket() as socket:
        error = await refusal(socket, frame)
    assert error["code"] == "invalid_message" and says in error["message"]
    assert len(error["message"]) < 500


@pytest.mark.parametrize(
    "t", [0, -1.5, 1e300, 10**30, "ü\u0000✓", None, True, [1, [2]], {"a": {"b": []}}], ids=lambda value: ascii(value)
)
async def test_pong_gives_back_what_ping_brought(shared: Service, t: Any) -> None:
    async with shared.socket() as socket:
        await socket.send(type="ping", t=t)
        assert await socket.receive() == {"type": "pong", "t": t}


@pytest.mark.parametrize(
    "body",
    [
        '{"prompt": "x", "config": {"budget": {"usd": NaN}}}',
        '{"prompt": "x", "config": {"budget": {"usd": Infinity}}}',
        '{"prompt": "x", "config": {"budget": {"usd": 1e999}}}',
        '{"prompt": "x", "config": {"pages": ' + "9" * 5_000 + "}}",
        '{"prompt": "x", "config": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"prompt": "x", "prompt": "y"}',
        '{"prompt": "x", "config": {"tone": "a", "tone": "b"}}',
        r'{"prompt": "x", "\ud800": 1}',
        r'{"prompt": "x", "config": {"theme_options": {"\udfff": "y"}}}',
        '\ufeff{"prompt": "x"}',
        '{"prompt": "x"} {}',
        "[",
        "NaN",
    ],
    ids=lambda value: ascii(value)[:60],
)
async def test_a_body_that_two_programs_would_read_differently_is_refused(shared: Service, body: str) -> None:
    token = await shared.new_token()
    headers = {**bearer(token), "Content-Type": "application/json"}
    told = problem(await shared.http.post("/api/sessions", headers=headers, content=body), 422, "invalid_message")
    assert len(told["detail"]) < 500 and told["detail"].endswith(".")
    as_utf_16 = await shared.http.post("/api/sessions", headers=headers, content='{"prompt": "x"}'.encode("utf-16"))
    problem(as_utf_16, 422, "invalid_message")
    assert (await shared.get("/api/sessions", token)).json()["items"] == []
    async with shared.socket(token) as socket:
        frame = body.replace('{"prompt"', '{"type": "story.start", "request_id": "r", "prompt"')
        assert (await refusal(socket, frame))["code"] == "invalid_message"


@pytest.mark.parametrize("depth", [50, 150, 198, 199, 200, 250, 300])
async def test_deep_json_is_answered_or_refused(shared: Service, depth: int) -> None:
    async with shared.socket() as socket:
        told = await answers(socket, '{"type": "ping", "t": ' + "[" * depth + "]" * depth + "}")
    assert len(told) == 1
    assert told[0]["type"] == "pong" or checked_error(told[0])["code"] == "invalid_message"


async def test_a_frame_has_256_kib_and_no_more(shared: Service) -> None:
    empty = len(json.dumps({"type": "ping", "t": ""}))
    async with shared.socket() as socket:
        t = "x" * (FRAME_BYTES - empty)
        await socket.send(type="ping", t=t)
        assert (await socket.receive())["t"] == t
        await socket.send(type="ping", t=t + "x")
        code, _ = await closed(socket.connection)
    assert code == 1009
    async with shared.socket() as socket:
        assert await answers(socket) == []


async def test_text_that_is_no_utf_8_closes_the_socket_alone(shared: Service) -> None:
    async with shared.socket() as socket, shared.socket() as other:
        await socket.connection.send(b'{"type": "ping", "t": "\xff"}', text=True)
        assert (await closed(socket.connection))[0] == 1007
        assert await answers(other) == []


# -- Stories that can't be started -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (start(prompt=""), "prompt"),
        (start(prompt=" \n\t\u2003"), "prompt is empty"),
        (start(prompt="\u0000 \u0000"), "prompt is empty"),
        (start(prompt="x" * 20_001), "20000"),
        (start(prompt=None), "prompt"),
        (start(prompt=["x"]), "prompt"),
        ({"type": "story.start", "request_id": "r"}, "prompt"),
        ({"type": "story.start", "prompt": PROMPT}, "request_id"),
        (start(request_id=""), "request_id"),
        (start(request_id="x" * 201), "request_id"),
        (start(request_id="a\u0000b"), "request_id"),
        (start(request_id=7), "request_id"),
        (start(template="no-such"), "short-story"),
        (start(template="x" * 41), "template"),
        (start(template="../../etc/passwd"), "template"),
        (start(title=""), "title"),
        (start(title="   "), "title"),
        (start(title="\u0000"), "title"),
        (start(title="x" * 201), "title"),
        (start(project_id="mine"), "project_id"),
        (start(config=None), "config"),
        (start(config=[]), "config"),
        (start(config={"pages": 0}), "config.pages"),
        (start(config={"pages": 101}), "config.pages"),
        (start(config={"pages": -3}), "config.pages"),
        (start(config={"pages": 2.5}), "config.pages"),
        (start(config={"pages": "x"}), "config.pages"),
        (start(config={"pages": 10**40}), "config.pages"),
        (start(config={"pages": None}), "config.pages"),
        (start(config={"page": 3}), "config.page"),
        (start(config={"x" * 100_000: 3}), "config.x"),
        (start(config={"seed": -1}), "config.seed"),
        (start(config={"seed": 2**63}), "config.seed"),
        (start(config={"max_revisions": 6}), "config.max_revisions"),
        (start(config={"tone": ""}), "config.tone"),
        (start(config={"tone": "x" * 201}), "config.tone"),
        (start(config={"model": "openai:gpt-none"}), "offline:storyteller"),
        (start(config={"model": ""}), "config.model"),
        (start(config={"theme_options": {"no-such": "x"}}), "no-such"),
        (start(config={"theme_options": {"a": 1}}), "config.theme_options"),
        (start(config={"approvals": ["nothing"]}), "approvals"),
        (start(config={"budget": {"tokens": 0}}), "budget"),
    ],
    ids=lambda value: ascii(value)[-50:] if isinstance(value, str) else None,
)
async def test_a_story_that_cannot_be_is_refused_and_nothing_is_made(
    shared: Service, frame: dict[str, Any], says: str
) -> None:
    token = await shared.new_token()
    async with shared.socket(token) as socket:
        error = await refusal(socket, frame)
    assert error["code"] == "invalid_message" and says in error["message"], error
    given = frame.get("request_id")
    assert error.get("request_id") == (given if isinstance(given, str) and len(given) <= 200 else None)
    assert (await shared.get("/api/sessions", token)).json()["items"] == []


async def test_a_refused_request_can_be_made_good(shared: Service) -> None:
    frame = start(config={"pages": 0})
    async with shared.socket() as socket:
        await refusal(socket, frame)
        session_id = await socket.start(request_id=frame["request_id"], pages=1)
        assert (await socket.until_finished(session_id))["status"] == "completed"


async def test_a_prompt_of_20000_characters_is_kept_whole(shared: Service, model: ModelServer) -> None:
    # Characters, not bytes: these have four each. A NUL is nothing that can be kept.
    prompt = "𝔖" * 19_999 + "."
    async with shared.socket() as socket:
        for given, kept in ((prompt, prompt), ("A lamp\u0000 goes out.", "A lamp goes out.")):
            session_id = await socket.start(given, pages=100)
            await socket.send(type="session.cancel", session_id=session_id)
            await socket.until_finished(session_id)
            messages = (await shared.get(f"/api/sessions/{session_id}/messages")).json()["items"]
            assert messages[0]["content"] == kept


# -- Sessions that are not to be had -----------------------------------------------------------------------------------


TAKING_PART = {
    "session.cancel": {},
    "session.resume": {"budget": {"tokens": 10}},
    "session.pause": {},
    "session.steer": {"text": "Make it rain."},
    "session.approve": {"step": "approve-outline", "approved": True},
}


@pytest.mark.parametrize("kind", ["session.attach", *TAKING_PART])
async def test_anothers_session_is_exactly_as_one_that_is_not(shared: Service, kind: str) -> None:
    theirs = await shared.story(pages=1)
    async with shared.socket(await shared.new_token()) as socket:
        refusals = []
        for wanted in (theirs, ID):
            await socket.send(type=kind, session_id=wanted, **TAKING_PART.get(kind, {}))
            refusals.append(checked_error(await socket.receive()))
    assert [error.pop("session_id") for error in refusals] == [theirs, ID]
    assert refusals[0] == refusals[1] and refusals[0]["code"] == "not_found"
    assert (await shared.get(f"/api/sessions/{theirs}")).json()["status"] == "completed"


@pytest.mark.parametrize("kind", ["session.attach", "session.detach", *TAKING_PART])
@pytest.mark.parametrize("session_id", ["mine", "", 7, None, ID[:-1], ID + "0", "'; drop table --", [ID]])
async def test_an_id_that_is_none_is_refused(shared: Service, kind: str, session_id: Any) -> None:
    async with shared.socket() as socket:
        error = await refusal(socket, {"type": kind, "session_id": session_id, **TAKING_PART.get(kind, {})})
    assert error["code"] == "invalid_message" and "session_id" in error["message"]
    assert error.get("session_id") == (session_id if isinstance(session_id, str) else None)


async def test_to_stop_watching_what_is_not_watched_is_nothing(shared: Service) -> None:
    async with shared.socket() as socket:
        assert await answers(socket, json.dumps({"type": "session.detach", "session_id": ID})) == []


@pytest.mark.parametrize("field", ["epoch", "after_seq"])
@pytest.mark.parametrize("value", [-1, 2**31, 10**30, 1.5, "x", [], {}])
async def test_a_place_in_no_stream_is_refused(shared: Service, field: str, value: Any) -> None:
    async with shared.socket() as socket:
        error = await refusal(socket, {"type": "session.attach", "session_id": ID, field: value})
    assert error["code"] == "invalid_message" and field in error["message"]


async def test_a_place_that_is_not_reached_yet_gets_a_snapshot(shared: Service) -> None:
    session_id = await shared.story(pages=1)
    async with shared.socket() as socket:
        for place in ({"after_seq": 100_000}, {"after_seq": 2**31 - 1}, {"epoch": 9, "after_seq": 3}, {"epoch": 1}):
            told = await _attached(socket, session_id, **place)
            assert told["type"] == "session.snapshot" and told["session"]["status"] == "completed", place
            assert await answers(socket) == []


async def _attached(socket: Any, session_id: str, **place: Any) -> dict[str, Any]:
    await socket.send(type="session.attach", session_id=session_id, **place)
    frame: dict[str, Any] = await socket.receive()
    return frame


async def test_what_attach_gets_of_a_session_that_is_over(shared: Service, model: ModelServer) -> None:
    finished, deleted = await shared.story(pages=1), await shared.story(pages=1)
    async with held_story(shared, model) as cancelled:
        await shared.post(f"/api/sessions/{cancelled}/cancel")
    await shared.http.delete(f"/api/sessions/{deleted}", headers={"Authorization": f"Bearer {shared.token}"})
    async with shared.socket() as socket:
        assert (await _attached(socket, finished))["session"]["status"] == "completed"
        assert (await _attached(socket, cancelled))["session"]["status"] == "cancelled"
        error = checked_error(await _attached(socket, deleted))
        assert error["code"] == "not_found" and error["session_id"] == deleted
        assert await answers(socket) == []


async def test_beyond_the_limit_nothing_more_is_watched_until_one_is_left(shared: Service) -> None:
    first, second, third, fourth = [await shared.story(pages=1) for _ in range(4)]
    async with shared.socket() as socket:
        for session_id in (first, second, third):
            await _attached(socket, session_id)
        error = checked_error(await _attached(socket, fourth))
        assert error["code"] == "conflict" and error["session_id"] == fourth and "3" in error["message"]
        error = await refusal(socket, start(request_id="one too many"))
        assert error["code"] == "conflict" and error["request_id"] == "one too many"
        # Again the same session is no further one; a deleted one leaves its place.
        assert (await _attached(socket, third))["type"] == "session.snapshot"
        await shared.http.delete(f"/api/sessions/{third}", headers={"Authorization": f"Bearer {shared.token}"})
        assert (await socket.receive())["code"] == "not_found"
        assert (await _attached(socket, fourth))["type"] == "session.snapshot"
        await socket.send(type="session.detach", session_id=first)
        session_id = await socket.start(request_id="one too many", pages=1)
        assert (await socket.until_finished(session_id))["status"] == "completed"


async def test_to_attach_to_a_thousand_is_refused_beyond_the_limit_and_ends_nothing(shared: Service) -> None:
    wanted = [str(uuid4()) for _ in range(1_000)]
    async with shared.socket() as socket:
        told = []
        for session_id in wanted:
            await socket.send(type="session.attach", session_id=session_id)
        while len(told) < len(wanted):
            told.append(checked_error(await socket.receive()))
        assert {error["session_id"] for error in told} == set(wanted)
        assert {error["code"] for error in told} <= {"conflict", "not_found"}
        assert await answers(socket) == []
        session_id = await socket.start(pages=1)
        assert (await socket.until_finished(session_id))["status"] == "completed"


# -- Taking part where there is nothing to take part in ----------------------------------------------------------------


STEER, APPROVE = "session.steer", "session.approve"


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        ({"type": STEER}, "text"),
        ({"type": STEER, "text": ""}, "text"),
        ({"type": STEER, "text": " \n\t\u2003"}, "note is empty"),
        ({"type": STEER, "text": "\u0000 \u0000"}, "note is empty"),
        ({"type": STEER, "text": "x" * 4_001}, "4000"),
        ({"type": STEER, "text": None}, "text"),
        ({"type": STEER, "text": ["x"]}, "text"),
        ({"type": APPROVE, "approved": True}, "step"),
        ({"type": APPROVE, "step": "approve-outline"}, "approved"),
        ({"type": APPROVE, "step": "", "approved": True}, "step"),
        ({"type": APPROVE, "step": "x" * 61, "approved": True}, "step"),
        ({"type": APPROVE, "step": "approve-outline", "approved": "perhaps"}, "approved"),
        ({"type": APPROVE, "step": "approve-outline", "approved": None}, "approved"),
        ({"type": APPROVE, "step": "approve-outline", "approved": False, "comment": "x" * 4_001}, "4000"),
        ({"type": APPROVE, "step": "approve-outline", "approved": False, "comment": 7}, "comment"),
        ({"type": "session.resume", "budget": {"tokens": 0}}, "budget.tokens"),
        ({"type": "session.resume", "budget": {"usd": -1}}, "budget.usd"),
        ({"type": "session.resume", "budget": {"euro": 1}}, "budget.euro"),
        ({"type": "session.resume", "budget": 7}, "budget"),
    ],
    ids=lambda value: ascii(value)[:60],
)
async def test_what_cannot_be_said_to_a_story_is_refused(
    shared: Service, model: ModelServer, frame: dict[str, Any], says: str
) -> None:
    async with held_story(shared, model) as session_id, shared.socket() as socket:
        error = await refusal(socket, {"session_id": session_id, **frame})
        await shared.post(f"/api/sessions/{session_id}/cancel")
    assert error["code"] == "invalid_message" and says in error["message"], error
    assert error["session_id"] == session_id
    messages = (await shared.get(f"/api/sessions/{session_id}/messages")).json()["items"]
    assert len(messages) == 1


async def test_what_is_kept_of_a_note_with_a_nul(shared: Service, model: ModelServer) -> None:
    async with held_story(shared, model) as session_id:
        said = await shared.post(f"/api/sessions/{session_id}/steer", text="Make\u0000 it rain.")
        assert said.json()["content"] == "Make it rain."
        most = await shared.post(f"/api/sessions/{session_id}/steer", text="𝔖" * 4_000)
        assert most.json()["content"] == "𝔖" * 4_000
        await shared.post(f"/api/sessions/{session_id}/cancel")


async def test_a_note_of_a_megabyte_is_too_large(shared: Service, model: ModelServer) -> None:
    note = "x" * 2**20
    async with held_story(shared, model) as session_id:
        problem(await shared.post(f"/api/sessions/{session_id}/steer", text=note), 413, "too_large")
        problem(await shared.post(f"/api/sessions/{session_id}/steer", text="x" * 4_001), 422, "invalid_message")
        async with shared.socket() as socket:
            await socket.send(type=STEER, session_id=session_id, text=note)
            assert (await closed(socket.connection))[0] == 1009
        assert (await shared.get(f"/api/sessions/{session_id}")).json()["status"] == "active"
        await shared.post(f"/api/sessions/{session_id}/cancel")


@pytest.mark.parametrize("kind", TAKING_PART)
async def test_of_a_story_that_is_over_there_is_nothing_to_take_part_in(shared: Service, kind: str) -> None:
    session_id = await shared.story(pages=1)
    before = (await shared.get(f"/api/sessions/{session_id}")).json()
    async with shared.socket() as socket:
        error = await refusal(socket, {"type": kind, "session_id": session_id, **TAKING_PART[kind]})
    assert error["code"] == "conflict" and error["session_id"] == session_id and not error["retryable"]
    assert "completed" in error["message"] or "wait" in error["message"]
    answer = await shared.post(f"/api/sessions/{session_id}/{kind.partition('.')[2]}", **TAKING_PART[kind])
    assert problem(answer, 409, "conflict")["detail"] == error["message"]
    assert (await shared.get(f"/api/sessions/{session_id}")).json() == before


async def test_to_resume_what_runs_or_waits_for_an_answer_is_a_conflict(shared: Service, model: ModelServer) -> None:
    async with held_story(shared, model) as session_id:
        path = f"/api/sessions/{session_id}"
        refused = problem(await shared.post(f"{path}/resume", budget={"tokens": 9}), 409, "conflict")
        assert "already" in refused["detail"]
        assert (await shared.get(path)).json()["config"]["budget"] is None
        refused = problem(await shared.post(f"{path}/approve", step="outline", approved=True), 409, "conflict")
        assert "wait" in refused["detail"]
        await shared.post(f"{path}/cancel")
    async with shared.socket() as socket:
        session_id = await socket.start(pages=1, approvals=["outline"])
        await socket.until("session.status", status="awaiting_approval")
        for kind in ("session.resume", "session.pause"):
            error = await refusal(socket, {"type": kind, "session_id": session_id})
            assert error["code"] == "conflict" and "approval" in error["message"]
        await shared.post(f"/api/sessions/{session_id}/cancel")


# -- The same request again --------------------------------------------------------------------------------------------


async def test_the_same_request_again_is_the_same_story_told_from_its_start(shared: Service) -> None:
    token = await shared.new_token()
    async with shared.socket(token) as socket:
        session_id = await socket.start(request_id="r", pages=1)
        await socket.until_finished(session_id)
    async with shared.socket(token) as again:
        assert await again.start("Another prompt.", request_id="r", pages=2) == session_id
        assert again.frames[-1]["seq"] == 1 and again.frames[-1]["request_id"] == "r"
        await again.until_finished(session_id)
    log = (await shared.get(f"/api/sessions/{session_id}/events", token, limit=100)).json()["items"]
    assert [frame["seq"] for frame in again.frames if "seq" in frame] == [event["seq"] for event in log]
    assert len((await shared.get("/api/sessions", token)).json()["items"]) == 1
    # Another writer's same word is another request.
    async with shared.socket(await shared.new_token()) as other:
        assert await other.start(request_id="r", pages=1) != session_id


async def test_the_same_request_at_once_is_one_story(shared: Service) -> None:
    token = await shared.new_token()

    async def ask() -> tuple[str, list[int]]:
        async with shared.socket(token) as socket:
            session_id = await socket.start(request_id="r", pages=1)
            await socket.until_finished(session_id)
            return session_id, [frame["seq"] for frame in socket.frames if frame.get("type") == "agent.message"]

    asked = await asyncio.gather(*(ask() for _ in range(6)))
    log = (await shared.get(f"/api/sessions/{asked[0][0]}/events", token, limit=100)).json()["items"]
    settled = [event["seq"] for event in log if event["type"] == "agent.message"]
    assert asked == [(asked[0][0], settled)] * 6
    assert len((await shared.get("/api/sessions", token)).json()["items"]) == 1
    assert [event["type"] for event in log].count("session.created") == 1


# -- Anything at all ---------------------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KINDS = st.sampled_from(
    [
        "auth",
        "story.start",
        "session.attach",
        "session.detach",
        "session.cancel",
        "session.resume",
        "session.steer",
        "session.pause",
        "session.approve",
        "ping",
        "pong",
        "error",
    ]
)
_NUMBERS = st.integers(-2, 5) | st.sampled_from([2**31 - 1, 2**31, 2**63]) | _JSON
_NEARLY = st.fixed_dictionaries(
    {"type": _KINDS},
    optional={
        "session_id": st.just(ID) | st.uuids().map(str) | _JSON,
        "epoch": _NUMBERS,
        "after_seq": _NUMBERS,
        "t": _JSON,
        "request_id": st.text(max_size=5) | _JSON,
        "prompt": st.just(PROMPT) | _JSON,
        "config": _JSON,
        "token": _JSON,
        "title": _JSON,
        "text": st.just("Make it rain.") | _JSON,
        "step": st.just("approve-outline") | _JSON,
        "approved": st.booleans() | _JSON,
        "comment": _JSON,
        "budget": st.just({"tokens": 1}) | _JSON,
    },
).map(lambda frame: {**frame, "template": "none"} if frame["type"] == "story.start" else frame)
_FRAMES = st.lists(
    (_NEARLY | st.dictionaries(st.text(max_size=8), _JSON, max_size=4) | _JSON).map(json.dumps)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    | st.binary(max_size=40),
    min_size=1,
    max_size=12,
)


@given(frames=_FRAMES)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_no_frame_ends_the_socket_or_the_server(shared: Service, frames: list[str | bytes]) -> None:
    async with shared.socket() as socket:
        for answer in await answers(socket, *frames):
            assert answer["type"] in ("pong", "error"), answer
            if answer["type"] == "error":
                assert checked_error(answer)["code"] in ("invalid_message", "not_found", "unauthorized"), answer


@given(frame=st.dictionaries(st.text(max_size=8), _JSON, max_size=4).map(json.dumps) | st.binary(max_size=40))
@settings(max_examples=20, deadline=None)
async def test_no_first_frame_but_auth_comes_in(shared: Service, frame: str | bytes) -> None:
    async with raw(shared) as socket:
        await socket.connection.send(frame)
        code, told = await closed(socket.connection)
    assert code == 4401 and [answer["type"] for answer in told] == ["error"]


async def test_the_service_is_as_well_as_before(shared: Service) -> None:
    """Last in this file, on the service that has had all of the above."""

    async def idle() -> bool:
        return bool((await shared.http.get("/readyz")).json()["running_stories"] == 0)

    await eventually(idle, "what was started above has ended")
    session_id = await shared.story(pages=1)
    assert (await shared.get(f"/api/sessions/{session_id}/story")).status_code == 200
    assert TEST_MODEL in [one["name"] for one in (await shared.http.get("/api/models")).json()]
