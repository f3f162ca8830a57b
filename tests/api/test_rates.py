"""Limits at the doors: who is refused, how it is told, that what is told is true, and that nobody else is touched."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from coordinator.settings import Settings
from storyloom.client import Client
from storyloom.client.backoff import Reconnect
from storyloom.errors import ClientError
from tests.api.support import answers, checked_error, closed, problem, raw
from tests.service import PROMPT, Service, bearer, serving

Limited = Callable[..., Any]


@pytest.fixture
def limited(settings: Settings) -> Limited:
    """A service with these limits and no other."""

    @asynccontextmanager
    async def make(**limits: Any) -> AsyncIterator[Service]:
        async with serving(settings.model_copy(update=limits)) as service:
            yield service

    return make


def refused(answer: httpx.Response) -> int:
    """The seconds that a refusal says to wait."""
    told = problem(answer, 429, "rate_limited")
    assert told["retryable"] is True
    assert re.fullmatch(r"[1-9][0-9]*", answer.headers["retry-after"])
    assert told["retry_after_s"] == int(answer.headers["retry-after"])
    return int(answer.headers["retry-after"])


def forwarded(*addresses: str) -> dict[str, str]:
    return {"X-Forwarded-For": ", ".join(addresses)}


# -- REST ------------------------------------------------------------------------------------------------------------


async def test_calls_are_counted_for_each_user_and_for_the_address_of_nobody(limited: Limited) -> None:
    async with limited(rate_rest="5/hour") as service:
        first, second = [str(service.auth.issue(uuid4())["access_token"]) for _ in range(2)]
        for token in (first, second):
            for _ in range(5):
                assert (await service.get("/api/sessions", token)).status_code == 200
            assert 0 < refused(await service.get("/api/sessions", token)) <= 3600
            # Whatever is called, and also what needs no token or does not exist.
            for path in ("/api/templates", "/api/nowhere", f"/api/sessions/{uuid4()}"):
                refused(await service.get(path, token))
            refused(await service.post("/api/sessions", token, prompt=PROMPT))
        for _ in range(5):
            assert (await service.http.get("/api/templates")).status_code == 200
        refused(await service.http.get("/api/config"))
        refused(await service.http.post("/api/auth/anonymous"))
        # What watches the service is never refused, and neither is a third writer.
        for path in ("/healthz", "/readyz", "/openapi.json", "/asyncapi.json"):
            assert (await service.http.get(path)).status_code == 200
        assert (await service.get("/api/sessions")).status_code == 200


async def test_guessing_tokens_is_counted_for_the_address_and_harms_no_one_who_has_one(limited: Limited) -> None:
    async with limited(rate_rest="5/hour") as service:
        for number in range(5):
            problem(await service.get("/api/sessions", f"a.guess.{number}"), 401, "unauthorized")
        for number in range(5):
            refused(await service.get("/api/sessions", f"a.guess.{number}"))
        refused(await service.http.get("/api/config"))
        assert (await service.get("/api/sessions")).status_code == 200


async def test_a_call_that_waits_as_it_is_told_is_answered(limited: Limited) -> None:
    async with limited(rate_rest="2/second") as service:
        while (answer := await service.get("/api/sessions")).status_code == 200:
            pass
        await asyncio.sleep(refused(answer))
        assert (await service.get("/api/sessions")).status_code == 200


async def test_a_refused_call_is_answered_before_its_body_came(limited: Limited) -> None:
    async with limited(rate_rest="1/hour") as service:
        assert (await service.get("/api/sessions")).status_code == 200
        host, port = service.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {service.token}\r\nContent-Length: 1000\r\n\r\n"
        writer.write(head.encode())
        assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 429 ")
        writer.close()


async def test_sign_ins_and_renewals_are_counted_by_address(limited: Limited) -> None:
    async with limited(rate_sign_in="3/hour") as service:
        tokens = (await service.http.post("/api/auth/anonymous")).json()
        renewal = {"refresh_token": tokens["refresh_token"]}
        for body in (renewal, {"refresh_token": "a.wrong.one"}):
            await service.http.post("/api/auth/refresh", json=body)
        refused(await service.http.post("/api/auth/refresh", json=renewal))
        # A token makes no difference to who signs in.
        refused(await service.post("/api/auth/anonymous"))
        assert (await service.get("/api/sessions", tokens["access_token"])).status_code == 200


async def test_every_call_is_documented_to_be_limited(limited: Limited) -> None:
    async with limited() as service:
        document = (await service.http.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert ("429" in operation["responses"]) == path.startswith("/api/"), path


# -- Starting stories ------------------------------------------------------------------------------------------------


async def test_starts_are_counted_for_a_user_over_both_doors(limited: Limited) -> None:
    async with limited(rate_start="3/hour") as service, service.socket() as socket:
        headers = {**bearer(service.token), "Idempotency-Key": "once"}
        body = {"prompt": PROMPT, "config": {"pages": 1}}
        made = await service.http.post("/api/sessions", headers=headers, json=body)
        assert made.status_code == 201
        await socket.start(pages=1, request_id="twice")
        await socket.start(pages=1, request_id="thrice")
        wait_s = refused(await service.post("/api/sessions", prompt=PROMPT))
        frame = {"type": "story.start", "request_id": "more", "prompt": PROMPT}
        await socket.send(**frame)
        told = checked_error(await socket.until("error"))
        assert (told["code"], told["request_id"], told["retryable"]) == ("rate_limited", "more", True)
        assert 0 < told["retry_after_s"] <= wait_s
        # What was let in before is answered again, by either door, and is no other story.
        again = await service.http.post("/api/sessions", headers=headers, json=body)
        assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
        assert len((await service.get("/api/sessions")).json()["items"]) == 3
        await socket.send(**{**frame, "request_id": "twice"})
        await socket.until("session.created", request_id="twice")
        other = await service.new_token()
        assert (await service.post("/api/sessions", other, prompt=PROMPT)).status_code == 201


# -- Connections and frames ------------------------------------------------------------------------------------------


async def test_connections_from_an_address_are_refused_before_they_say_who_they_are(limited: Limited) -> None:
    async with limited(rate_connect="3/hour") as service:
        for _ in range(2):
            async with service.socket() as socket:
                assert await answers(socket) == []
        async with service.socket() as living:
            async with raw(service) as socket:
                code, told = await closed(socket.connection)
                assert code == 4429 and socket.connection.close_reason == "too many connections or messages"
            (error,) = told
            assert checked_error(error)["code"] == "rate_limited" and 0 < error["retry_after_s"] <= 3600
            assert await answers(living) == []
        # Calls have limits of their own.
        assert (await service.get("/api/sessions")).status_code == 200


async def test_a_user_has_so_many_connections_open_and_no_more(limited: Limited) -> None:
    async with limited(connections_per_user=2) as service:
        async with service.socket(), service.socket() as second:
            async with raw(service) as third:
                await third.send(type="auth", token=service.token)
                code, (error,) = await closed(third.connection)
                assert code == 4429 and checked_error(error)["code"] == "rate_limited"
                assert "may have (2): close one" in error["message"] and "retry_after_s" not in error
            async with service.socket(await service.new_token()) as other:
                assert await answers(other) == []
            assert await answers(second) == []
            second.connection.transport.abort()
            await second.connection.wait_closed()
            # The server may be a moment behind in hearing of it.
            for _ in range(200):
                try:
                    async with service.socket() as next_one:
                        assert await answers(next_one) == []
                    break
                except (AssertionError, ConnectionClosed):
                    await asyncio.sleep(0.02)
            else:
                raise AssertionError("the place of a connection that ended is not given back")


async def test_frames_beyond_the_limit_are_refused_each_and_in_the_end_the_connection(limited: Limited) -> None:
    async with limited(rate_frame="5/hour") as service, service.socket() as other, raw(service) as socket:
        await socket.send(type="auth", token=service.token)
        await socket.until("ready")
        for number in range(3):
            await socket.send(type="ping", t=str(number))
            assert (await socket.receive())["t"] == str(number)
        await socket.connection.send("no frame at all")
        assert (await socket.receive())["code"] == "invalid_message"
        await socket.send(type="session.detach", session_id=str(uuid4()))
        frames: list[tuple[dict[str, Any], str]] = [
            ({"type": "ping"}, ""),
            ({"type": "nonsense"}, ""),
            ({"type": "story.start", "request_id": "r", "prompt": PROMPT}, "request_id"),
            ({"type": "session.attach", "session_id": str(uuid4())}, "session_id"),
        ]
        for frame, named in frames:
            await socket.send(**frame)
            error = checked_error(await socket.receive())
            assert error["code"] == "rate_limited" and 0 < error["retry_after_s"] <= 3600
            assert {key: error.get(key) for key in ("request_id", "session_id")} == {
                key: frame.get(key) if key == named else None for key in ("request_id", "session_id")
            }
        for _ in range(97):
            await socket.send(type="ping")
        code, told = await closed(socket.connection)
        assert code == 4429 and {frame["code"] for frame in told} == {"rate_limited"}
        assert len(frames) + len(told) == 101
        assert (await service.get("/api/sessions")).json()["items"] == []
        assert await answers(other) == []


async def test_a_flood_of_one_connection_does_not_stop_its_user_s_others(limited: Limited) -> None:
    async with limited(rate_frame="20/hour") as service, service.socket() as calm:
        session_id = await calm.start(pages=1)
        async with service.socket() as flood:
            with pytest.raises(ConnectionClosed):
                while True:
                    await flood.send(type="ping")
                    await asyncio.sleep(0)
        await calm.until_finished(session_id)


# -- Whose address ---------------------------------------------------------------------------------------------------


async def test_an_address_that_a_client_makes_up_changes_nothing(
    limited: Limited, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server library's own setting trusts nobody either.
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    async with limited(rate_rest="3/hour", rate_connect="1/hour") as service:
        for number in range(3):
            answer = await service.http.get("/api/config", headers=forwarded(f"192.0.2.{number}"))
            assert answer.status_code == 200
        refused(await service.http.get("/api/config", headers=forwarded("192.0.2.77")))
        async with raw(service, additional_headers=forwarded("192.0.2.1")):
            async with raw(service, additional_headers=forwarded("192.0.2.2")) as second:
                assert (await closed(second.connection))[0] == 4429


async def test_behind_a_trusted_proxy_the_address_is_the_one_that_it_saw(limited: Limited) -> None:
    async with limited(
        rate_rest="2/hour", rate_connect="1/hour", trusted_proxies=["127.0.0.1", "10.0.0.0/8"]
    ) as service:

        async def ask(*addresses: str) -> httpx.Response:
            return await service.http.get("/api/config", headers=forwarded(*addresses))

        # What stands before it in the header is the client's own word.
        assert [(await ask(f"198.51.100.{n}", "192.0.2.1", "10.1.2.3")).status_code for n in range(2)] == [200, 200]
        refused(await ask("198.51.100.9", "192.0.2.1"))
        assert (await ask("192.0.2.2")).status_code == 200
        # One customer's IPv6 network is one address.
        assert (await ask("2001:db8:1:2::1")).status_code == 200
        assert (await ask("[2001:db8:1:2:ffff::2]:4711")).status_code == 200
        refused(await ask("2001:db8:1:2:3:4:5:6"))
        assert (await ask("2001:db8:1:3::1")).status_code == 200
        # Nonsense is no way around it.
        assert [(await ask(f"nonsense-{n}")).status_code for n in range(3)] == [200, 200, 429]
        async with raw(service, additional_headers=forwarded("192.0.2.1")):
            async with raw(service, additional_headers=forwarded("192.0.2.2")) as second:
                await second.send(type="auth", token=service.token)
                assert (await second.receive())["type"] == "ready"
            async with raw(service, additional_headers=forwarded("192.0.2.1")) as third:
                assert (await closed(third.connection))[0] == 4429


# -- The Python client -----------------------------------------------------------------------------------------------


def patient(service: Service, waits: list[float], **policy: Any) -> Client:
    return Client(
        service.url,
        service.token,
        on_lost=lambda error, wait_s: waits.append(wait_s),
        reconnect=Reconnect(chance=lambda: 0.0, **policy),
    )


async def test_the_client_waits_as_it_is_told_and_goes_on(limited: Limited) -> None:
    waits: list[float] = []
    async with limited(rate_rest="4/second", rate_start="1/second", rate_connect="2/second") as service:
        async with patient(service, waits) as client:
            await asyncio.gather(*(client.sessions() for _ in range(6)))
            first = [event async for event in client.write(PROMPT, config={"pages": 1})]
            second = [event async for event in client.write(PROMPT, config={"pages": 1})]
            assert first[-1].session_id != second[-1].session_id
            for _ in range(3):
                assert [event.type async for event in client.watch(first[-1].session_id)] == ["session.snapshot"]
            assert len((await client.sessions()).items) == 2
    assert waits and all(1 <= wait_s <= 2 for wait_s in waits)


async def test_the_client_does_not_wait_for_hours(limited: Limited) -> None:
    waits: list[float] = []
    async with limited(rate_start="1/day", rate_connect="1/day", rate_rest="3/day") as service:
        async with patient(service, waits) as client:
            await client.create_session(PROMPT, config={"pages": 1})
            with pytest.raises(ClientError, match="as many stories as one writer may") as start:
                await client.create_session(PROMPT)
            with pytest.raises(ClientError, match="as many stories as one writer may") as frame:
                await anext(client.write(PROMPT))
            with pytest.raises(ClientError, match="Too many connections from your address") as connecting:
                await anext(client.write(PROMPT))
            await client.sessions()
            with pytest.raises(ClientError, match="Too many calls") as call:
                await client.sessions()
    for caught in (start, frame, connecting, call):
        assert caught.value.code == "rate_limited" and caught.value.retryable
        assert caught.value.retry_after_s is not None and caught.value.retry_after_s > 180
    assert waits == []


async def test_the_client_tells_that_too_many_connections_are_open(limited: Limited) -> None:
    waits: list[float] = []
    async with limited(connections_per_user=1) as service, service.socket():
        async with patient(service, waits) as client:
            with pytest.raises(ClientError, match="may have .1.: close one") as caught:
                await anext(client.write(PROMPT))
    assert caught.value.code == "rate_limited" and waits == []


async def test_frames_are_json_that_the_contract_knows(limited: Limited) -> None:
    async with limited(rate_connect="1/hour") as service, connect(service.ws_url):
        async with connect(service.ws_url) as second:
            frame = json.loads(await second.recv())
    assert frame["type"] == "error" and set(frame) == {"type", "code", "message", "retryable", "retry_after_s"}
