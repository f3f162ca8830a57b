"""Hostile values at every field of every door: each is answered or refused in the contract's words, what was let in can
be read by everybody who may, and the stories of others start all the same."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.errors import STATUS
from api.live.protocol import ClientFrame, frames_of, kind_of
from tests.api.support import answers
from tests.service import PROMPT, Service, bearer

SETTINGS = {"offline_words_per_second": 0}
ID = "00000000-0000-4000-8000-000000000000"
PLAIN = settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

TEXTS = [
    "", " ", "\x00", "a\x00b", "\x00" * 300, "\x1b[2J", "\r\n\r\n", "\u202e\u2066", "\ufeff", "\ufffe\uffff", "\x85\u2028",
    "\ud800", "\ude00\ud83d", "🏴󠁧󠁢󠁥󠁮󠁧󠁿" * 30, "e\u0301" * 100, "' or 1=1 --", "%s %(x)s {0}", "\\u0000", '"}],{"', "../../etc/passwd",
    "<script>alert(1)</script>", "</material>", "NaN", "null", "0" * 5000, "# " + " \t" * 400 + "x", "*" * 1000,
    "a " * 9000, "ab" * 9999, "\U0010ffff", ID, "1970-01-01T00:00:00Z", "infinity", "2026-01-01T00:00:00+99:99",
]  # fmt: skip
NUMBERS = [
    0,
    -1,
    1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63),
    10**30,
    10**400,
    0.5,
    -0.0,
    1e-320,
    1e308,
    4294967295,
]
VALUES: list[Any] = [
    *TEXTS,
    *NUMBERS,
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    ["\x00"],
    {"\x00": "\x00"},
    {"": ""},
    {"a": {"b": ["\ud800"]}},
    [PROMPT] * 50,
    {str(n): n for n in range(30)},
]

CONFIG = {
    "pages": 1,
    "protagonist": "Ada",
    "tone": "wry",
    "language": "English",
    "model": "offline:storyteller",
    "seed": 7,
    "max_revisions": 0,
    "approvals": ["outline"],
    "budget": {"tokens": 100_000, "usd": 5.0},
    "theme_options": {"ending": "Open"},
}
PROFILE = {
    "display_name": "Ada",
    "avatar_url": "https://example.org/ada.png",
    "settings": {"theme": "dark", "keys": {"send": ["Enter"]}},
}
PROJECT_DEFAULTS = {
    "template": "short-story",
    "model": "offline:storyteller",
    "pages": 2,
    "budget": {"tokens": 5000, "usd": 1.0},
    "rating": "everybody",
}
ENTRY = {"name": "Ada", "role": "keeper", "description": "She waits.", "voice": "Low.", "text": "No magic."}
BODIES: dict[str, dict[str, Any]] = {
    "POST /api/sessions": {
        "prompt": PROMPT,
        "template": "short-story",
        "title": "A title",
        "project_id": None,
        "config": CONFIG,
        "asked_in": None,
        "asked_call": "call-1",
    },
    "PATCH /api/sessions/{session_id}": {"title": "Another", "budget": {"tokens": 5000, "usd": 1.0}},
    "POST /api/sessions/{session_id}/steer": {"text": "Colder."},
    "POST /api/sessions/{session_id}/approve": {"step": "approve-outline", "approved": True, "comment": "Good."},
    "POST /api/sessions/{session_id}/resume": {"budget": {"tokens": 5000, "usd": 1.0}},
    "POST /api/sessions/{session_id}/fork": {
        "from_version": 1,
        "from_step": "outline",
        "config": CONFIG,
        "title": "A fork",
        "start": False,
    },
    "PUT /api/sessions/{session_id}/drafts": {"content": "A text.", "base_version": 1},
    "POST /api/sessions/{session_id}/rewrite": {
        "version": 1,
        "start": 0,
        "end": 5,
        "section": 1,
        "instruction": "Shorter.",
        "alternatives": 1,
    },
    "POST /api/sessions/{session_id}/shares": {"expires_in_s": 600},
    "POST /api/sessions/{session_id}/ledger/{finding_id}/settle": {"comment": "He is a ghost."},
    "POST /api/v1/chat": {
        "text": "What stands against her?",
        "session_id": None,
        "project_id": None,
        "agent": "muse",
        "model": "offline:storyteller",
    },
    # The same door takes what the AI SDK sends.
    "POST /api/v1/chat?sdk": {
        "id": "QV4yXzbnzqhQJ6vT",
        "messages": [{"id": "m1", "role": "user", "parts": [{"type": "text", "text": "What stands against her?"}]}],
        "trigger": "submit-message",
        "messageId": None,
        "project_id": None,
        "agent": "muse",
        "model": "offline:storyteller",
    },
    "POST /api/v1/chat/{session_id}/regenerate": {"seq": 2},
    "POST /api/v1/chat/{session_id}/edit": {"seq": 1, "text": "Otherwise."},
    "POST /api/v1/chat/{session_id}/branch": {"seq": 1},
    "PUT /api/v1/sessions/{session_id}/title": {"title": "Another"},
    "POST /api/v1/users": PROFILE,
    "PATCH /api/v1/users/me": PROFILE,
    "POST /api/v1/projects": {
        "name": "A project",
        "description": "What it is.",
        "instructions": "Be brief.",
        "defaults": PROJECT_DEFAULTS,
    },
    "PATCH /api/v1/projects/{project_id}": {
        "name": "A project",
        "description": "What it is.",
        "instructions": "Be brief.",
        "defaults": PROJECT_DEFAULTS,
        "version": 1,
    },
    "PATCH /api/v1/projects/{project_id}/members/{user_id}": {"role": "viewer"},
    "POST /api/v1/projects/{project_id}/invites": {"role": "viewer", "expires_in_s": 600, "uses": 1},
    "POST /api/v1/projects/{project_id}/bible": {"kind": "person", **ENTRY},
    "PATCH /api/v1/projects/{project_id}/bible/{entry_id}": ENTRY,
    "POST /api/v1/projects/{project_id}/offers/{session_id}": {"accept": [ID], "dismiss": "all"},
    "PUT /api/users/me/keys/{provider}": {"key": "sk-0123456789"},
    "POST /api/auth/refresh": {"refresh_token": "none"},
    "POST /api/auth/device": {"refresh_token": "none"},
    "POST /api/auth/sign-out": {"refresh_token": "none"},
    "POST /api/admin/sessions/{session_id}/cancel": {"reason": "because"},
    "POST /api/admin/sessions/{session_id}/expire": {"reason": "because"},
}
"""A good body for each door that takes one."""
FRAMES: dict[str, dict[str, Any]] = {
    "auth": {"token": "none", "user_id": None},
    "story.start": {"request_id": "once", **BODIES["POST /api/sessions"]},
    "session.attach": {"session_id": ID, "epoch": 1, "after_seq": 1},
    "session.detach": {"session_id": ID},
    "session.steer": {"session_id": ID, "text": "Colder."},
    "session.approve": {"session_id": ID, "step": "approve-outline", "approved": False, "comment": "No."},
    "session.pause": {"session_id": ID},
    "session.resume": {"session_id": ID, "budget": {"tokens": 5000, "usd": 1.0}},
    "session.cancel": {"session_id": ID},
    "chat.send": {"request_id": "once", **BODIES["POST /api/v1/chat"]},
    "chat.stop": {"session_id": ID},
    "chat.regenerate": {"session_id": ID, "seq": 2, "request_id": "once"},
    "chat.edit": {"session_id": ID, "seq": 1, "text": "Otherwise.", "request_id": "once"},
    "session.branch": {"session_id": ID, "seq": 1},
    "ping": {"t": 1},
}


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where something may stand in a body: at each of its fields, and in each of theirs."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def put(body: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(body)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


def as_json(value: Any) -> bytes:
    # A lone surrogate as an escape, which is how it comes in JSON.
    return json.dumps(value).encode()


REST = [(door, path) for door, body in BODIES.items() for path in places(body)]
WIRE = [(kind, path) for kind, frame in FRAMES.items() for path in places(frame) if path]


def fine(answer: httpx.Response) -> None:
    """Done, or refused in the contract's words: nothing that nobody has thought of."""
    assert answer.status_code < 500, (answer.request.method, answer.request.url, answer.text[:500])
    if answer.status_code >= 400:
        assert answer.json()["code"] in STATUS and answer.json()["detail"].strip()


def operations(service: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in service["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


async def look(service: Service, session_ids: list[str]) -> None:
    """Every list and every reading of these sessions answers: their writer's, another's and the admin's."""
    document = (await service.http.get("/openapi.json")).json()
    other, admin = await service.new_token(), service.admin_token()
    for token in (service.token, other, admin):
        for method, path, _ in operations(document):
            if method != "GET" or path.endswith("/export") or "/diff/" in path:
                continue
            named = "{session_id}" in path
            for session_id in session_ids if named else [""]:
                address = path.replace("{session_id}", session_id)
                if "{" not in address:
                    fine(await service.http.get(address, headers=bearer(token)))
    for token in (service.token, admin):
        for session_id in session_ids:
            assert (await service.get(f"/api/sessions/{session_id}", token)).status_code == 200


async def others_go_on(service: Service) -> None:
    """Somebody else starts a story, which is written to its end."""
    session_id = await service.story(await service.new_token(), pages=1, max_revisions=0)
    assert (await service.get(f"/api/sessions/{session_id}", service.admin_token())).json()["status"] == "completed"


@pytest.fixture(scope="module")
async def target(shared: Service) -> str:
    """A finished story, which the attacks are on."""
    return await shared.story(pages=1, max_revisions=0)


@pytest.fixture(scope="module")
async def talk(shared: Service) -> str:
    """A chat, which the attacks on chats are on."""
    answer = await shared.post("/api/v1/chat", text="Hello", session_id=None)
    assert answer.status_code == 200, answer.text
    return str(answer.headers.get("x-session-id") or answer.json()["session_id"])


async def test_every_door_is_attacked(shared: Service) -> None:
    """A new door, or field of one, is to be listed above."""
    document = (await shared.http.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    with_body = {}
    for method, path, operation in operations(document):
        if body := operation.get("requestBody"):
            (content,) = body["content"].values()
            schema = json.dumps(content["schema"])
            names = [name for name in schemas if f'schemas/{name}"' in schema]
            with_body[f"{method} {path}"] = {field for name in names for field in schemas[name]["properties"]}
    listed: dict[str, set[str]] = {}
    for door, fields in BODIES.items():
        listed.setdefault(door.partition("?")[0], set()).update(fields)
    assert listed == with_body
    fields = {kind_of(frame): set(frame.model_fields) - {"type"} for frame in frames_of(ClientFrame)}
    assert {kind: set(frame) for kind, frame in FRAMES.items()} == fields
    assert set(CONFIG) == set(schemas["StoryConfig"]["properties"])
    assert set(PROJECT_DEFAULTS) == set(schemas["ProjectDefaults"]["properties"])


@pytest.fixture(scope="module")
async def project(shared: Service) -> dict[str, str]:
    """A project with an entry in its bible, by the names of its places in an address."""
    made = (await shared.post("/api/v1/projects", name="A project")).json()
    body = BODIES["POST /api/v1/projects/{project_id}/bible"]
    entry = (await shared.post(f"/api/v1/projects/{made['id']}/bible", **body)).json()
    return {"project_id": made["id"], "user_id": made["user_id"], "entry_id": entry["id"]}


@PLAIN
@given(at=st.sampled_from(REST), value=st.sampled_from(VALUES) | st.text(st.characters(exclude_categories=[])))
async def test_a_hostile_value_in_a_body(
    shared: Service,
    target: str,
    talk: str,
    project: dict[str, str],
    at: tuple[str, tuple[str | int, ...]],
    value: Any,
) -> None:
    door, path = at
    target = talk if "/v1/chat" in door or "/v1/sessions" in door else target
    method, address = door.split(" ")
    token = shared.admin_token() if "/admin/" in address else shared.token
    headers = {**bearer(token), "Content-Type": "application/json"}
    answer = await shared.http.request(
        method,
        address.format(session_id=target, provider="openai", finding_id="age-0123456789", **project),
        headers=headers,
        content=as_json(put(BODIES[door], path, value)),
    )
    fine(answer)
    if answer.status_code == 201 and "status" in answer.json():
        await shared.post(f"/api/sessions/{answer.json()['id']}/cancel")


@PLAIN
@given(at=st.sampled_from(WIRE), value=st.sampled_from(VALUES) | st.text(st.characters(exclude_categories=[])))
async def test_a_hostile_value_in_a_frame(
    shared: Service, target: str, talk: str, at: tuple[str, tuple[str | int, ...]], value: Any
) -> None:
    kind, path = at
    target = talk if kind.startswith("chat.") or kind == "session.branch" else target
    frame = {"type": kind, **FRAMES[kind]}
    frame = {**frame, **({"session_id": target} if "session_id" in frame else {})}
    frame |= {"request_id": str(uuid4())} if "request_id" in frame else {}
    async with shared.socket() as socket:
        for told in await answers(socket, as_json(put(frame, path, value)).decode()):
            if told["type"] == "error":
                assert told["code"] in STATUS and told["code"] != "internal", told
            elif told["type"] == "session.created":
                await shared.post(f"/api/sessions/{told['session_id']}/cancel")


@PLAIN
@given(data=st.data())
async def test_a_hostile_value_in_an_address(shared: Service, target: str, data: st.DataObject) -> None:
    document = (await shared.http.get("/openapi.json")).json()
    reads = [one for one in operations(document) if one[0] == "GET" and one[2].get("parameters")]
    _, path, operation = data.draw(st.sampled_from(reads))
    params: dict[str, str] = {}
    for parameter in operation["parameters"]:
        value = data.draw(st.sampled_from([str(value) for value in VALUES if not isinstance(value, list | dict)]))
        value = value.encode("utf-8", "replace").decode()[:3000]
        if parameter["in"] == "path":
            good = parameter["name"] == "session_id" and data.draw(st.booleans())
            path = path.replace(
                f"{{{parameter['name']}}}", target if good else httpx.QueryParams({"": value}).__str__()[1:]
            )
        elif parameter["in"] == "query" and data.draw(st.booleans()):
            params[parameter["name"]] = value
    fine(await shared.http.get(path, params=params, headers=bearer(shared.admin_token())))


async def test_after_all_that_everything_answers_and_others_go_on(shared: Service, target: str) -> None:
    """One session for each hostile value of each field of a start that is let in; then all lists, and a story."""
    made: list[str] = []
    start = BODIES["POST /api/sessions"]
    headers = {**bearer(shared.token), "Content-Type": "application/json"}
    for path in places(start):
        for value in VALUES[::3]:
            # The first gate comes soon, and nothing runs while it waits.
            answer = await shared.http.post("/api/sessions", headers=headers, content=as_json(put(start, path, value)))
            fine(answer)
            if answer.status_code == 201:
                made.append(answer.json()["id"])
                if path not in (("prompt",), ("title",)):
                    await shared.post(f"/api/sessions/{made[-1]}/cancel")
    assert len(made) > 30
    await others_go_on(shared)
    await look(shared, [target, *made[:: max(1, len(made) // 20)]])
    cursor, listed = None, 0
    while True:
        params = {"limit": 100, **({"cursor": cursor} if cursor else {})}
        page = (await shared.get("/api/admin/sessions", shared.admin_token(), **params)).json()
        listed += len(page["items"])
        if not (cursor := page["next_cursor"]):
            break
    assert listed >= len(made) + 2
    await asyncio.gather(*(shared.post(f"/api/sessions/{session_id}/cancel") for session_id in made))
