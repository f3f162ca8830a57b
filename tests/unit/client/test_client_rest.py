"""The client's calls, answered by respx: what is sent, what is made of the answer, and of no answer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import respx

from storyloom.client import Client
from storyloom.client.rest import Address
from storyloom.errors import ClientError
from tests.unit.client.stage import AT_ONCE, SESSION, WRITER, session

SERVER = "http://stories.example"


@pytest.fixture
async def rest() -> AsyncIterator[Client]:
    async with Client(SERVER, "t", reconnect=AT_ONCE) as client:
        yield client


@respx.mock
async def test_calls_carry_the_token_and_typed_answers_come_back(rest: Client) -> None:
    route = respx.get(f"{SERVER}/api/sessions", params={"status": "active", "limit": 5}).respond(
        json={"items": [{**session(), "mood": "new field"}], "next_cursor": "next"}
    )
    page = await rest.sessions(status="active", limit=5)
    assert (str(page.items[0].id), page.next_cursor) == (SESSION, "next")
    assert route.calls[0].request.headers["Authorization"] == "Bearer t"


@respx.mock
async def test_a_session_is_created_with_an_idempotency_key(rest: Client) -> None:
    answers = [httpx.Response(503), httpx.Response(201, json=session())]
    route = respx.post(f"{SERVER}/api/sessions").mock(side_effect=answers)
    await rest.create_session("A door", config={"pages": 2})
    keys = [call.request.headers["Idempotency-Key"] for call in route.calls]
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert json.loads(route.calls[0].request.content) == {"prompt": "A door", "config": {"pages": 2}}


@respx.mock
async def test_a_problem_is_an_error_with_its_facts(rest: Client) -> None:
    respx.post(f"{SERVER}/api/sessions/{SESSION}/resume").respond(
        429,
        json={"code": "rate_limited", "message": "Too fast.", "retryable": True, "retry_after_s": 700, "status": 429},
        headers={"Content-Type": "application/problem+json"},
    )
    with pytest.raises(ClientError) as caught:
        await rest.resume(SESSION)
    error = caught.value
    assert (error.code, error.message, error.retryable, error.retry_after_s, error.status) == (
        "rate_limited",
        "Too fast.",
        True,
        700,
        429,
    )


@respx.mock
async def test_what_a_writer_does_to_a_story_under_way(rest: Client) -> None:
    path = f"{SERVER}/api/sessions/{SESSION}"
    said = {"id": WRITER, "seq": 2, "role": "user", "content": "Make it rain."}
    for verb in ("pause", "resume", "cancel", "approve"):
        respx.post(f"{path}/{verb}").respond(json=session("paused"))
    respx.post(f"{path}/steer").respond(202, json=said)
    respx.patch(path).respond(json=session())
    assert (await rest.pause(SESSION)).status == "paused"
    await rest.resume(SESSION)
    await rest.resume(SESSION, budget_usd=2.5)
    await rest.approve(SESSION, "approve-outline", False, "More rain.")
    await rest.approve(SESSION, "approve-outline-2")
    assert (await rest.steer(SESSION, "Make it rain.")).content == "Make it rain."
    await rest.set_budget(SESSION, tokens=9)
    await rest.set_budget(SESSION)
    await rest.cancel(SESSION)
    sent = [
        (call.request.url.path.rpartition("/")[2], json.loads(call.request.content or "null")) for call in respx.calls
    ]
    assert sent == [
        ("pause", None),
        ("resume", None),
        ("resume", {"budget": {"usd": 2.5}}),
        ("approve", {"step": "approve-outline", "approved": False, "comment": "More rain."}),
        ("approve", {"step": "approve-outline-2", "approved": True}),
        ("steer", {"text": "Make it rain."}),
        (SESSION, {"budget": {"tokens": 9}}),
        (SESSION, {"budget": None}),
        ("cancel", None),
    ]


def too_fast(retry_after_s: float) -> httpx.Response:
    facts = {"code": "rate_limited", "detail": "Too fast.", "retryable": True, "retry_after_s": retry_after_s}
    return httpx.Response(429, json=facts)


@respx.mock
async def test_a_call_that_came_too_fast_is_made_again_when_it_may(rest: Client) -> None:
    waits: list[float] = []
    rest.on_lost = lambda error, wait_s: waits.append(wait_s)
    answers = [too_fast(0.02), too_fast(0.01), httpx.Response(200, json=session())]
    respx.post(f"{SERVER}/api/sessions/{SESSION}/resume").mock(side_effect=answers)
    assert (await rest.resume(SESSION)).status == "active"
    assert waits == [0.02, 0.01]


@respx.mock
async def test_a_call_that_is_always_too_fast_is_given_up(rest: Client) -> None:
    route = respx.post(f"{SERVER}/api/sessions/{SESSION}/resume").mock(return_value=too_fast(0.01))
    with pytest.raises(ClientError, match="Too fast") as caught:
        await rest.resume(SESSION)
    assert (caught.value.retry_after_s, route.call_count) == (0.01, 4)


@respx.mock
async def test_answers_that_are_not_the_protocol_s_are_told_clearly(rest: Client) -> None:
    respx.get(f"{SERVER}/api/config").respond(text="<html>")
    respx.get(f"{SERVER}/api/models").respond(500, text="<html>")
    respx.get(f"{SERVER}/api/sessions/{SESSION}").respond(json={"id": SESSION})
    with pytest.raises(ClientError, match="not a Storyloom server"):
        await rest.config()
    with pytest.raises(ClientError, match="HTTP 500"):
        await rest.models()
    with pytest.raises(ClientError, match="can't be read as a Session .user_id: "):
        await rest.session(SESSION)


@respx.mock
async def test_an_anonymous_writer_is_renewed_when_refused() -> None:
    def grant(token: str) -> dict[str, Any]:
        return {"access_token": token, "refresh_token": "again", "expires_in": 3600, "user": {"id": WRITER}}

    respx.post(f"{SERVER}/api/auth/anonymous").respond(json=grant("first"))
    refresh = respx.post(f"{SERVER}/api/auth/refresh").respond(json=grant("second"))
    respx.get(f"{SERVER}/api/templates").mock(side_effect=[httpx.Response(401), httpx.Response(200, json=[])])
    async with await Client.anonymous(SERVER) as client:
        assert await client.templates() == []
    assert json.loads(refresh.calls[0].request.content) == {"refresh_token": "again"}


@respx.mock
async def test_a_server_without_anonymous_writers_says_so() -> None:
    respx.post(f"{SERVER}/api/auth/anonymous").respond(404, json={"code": "not_found", "message": "Not found."})
    with pytest.raises(ClientError, match="takes no anonymous writers"):
        await Client.anonymous(SERVER)


@pytest.mark.parametrize("url", ["", "stories.example", "ftp://x", "http://", "http://x:port", "http://x?token=1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        Address(url)


def test_addresses_of_either_kind_are_taken() -> None:
    assert Address("ws://127.0.0.1:8000/").http == "http://127.0.0.1:8000"
    assert Address("https://x.example/stories").ws == "wss://x.example/stories"
    assert Address("http://[::1]:8000").local
    assert not Address("https://x.example").local


def test_the_client_needs_nothing_of_the_service() -> None:
    code = "import sys, storyloom.client; print([m for m in sys.modules if m.split('.')[0] in ('coordinator', 'api')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
