"""A session's log as server-sent events: what ends them, and what a client that does not read may cost."""

from __future__ import annotations

import asyncio
import gc
import json
import socket as sockets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import jwt
import pytest
from fastapi import FastAPI, Request
from pydantic import SecretStr

from api import serve
from api.dialects.places import Telling
from api.live.answers import ENDING, EXPIRED, Answer, Dialect
from api.state import Caller, host_of
from api.state import Service as State
from coordinator.settings import Settings
from tests.api.streams import Lines
from tests.api.support import BUFFER_BYTES, JWT_SECRET, TEST_MODEL, held_story, problem, signed
from tests.api.test_metrics import seen, until
from tests.api.test_replay import log
from tests.chaos.record import eventually
from tests.model_server import ModelServer
from tests.service import FINISHED, WAIT_S, Service, bearer, serving


class Plain:
    """A dialect of the tests: the type of every event and the event, until the story is finished or something is
    wrong."""

    def __init__(self) -> None:
        self.over = False

    def feed(self, event: Mapping[str, Any]) -> list[str]:
        self.over = event["type"] == "error" or event.get("status") in FINISHED
        return [event["type"], event["message"] if self.over and event["type"] == "error" else json.dumps(event)]


@pytest.fixture(autouse=True)
def door(monkeypatch: pytest.MonkeyPatch) -> None:
    create_app = serve.create_app

    def with_answers(*args: Any) -> FastAPI:
        app = create_app(*args)

        async def answer(session_id: UUID, caller: Caller, service: State, request: Request) -> Any:
            plain = Plain()
            dialect = Dialect(Telling(plain, 0), str, lambda: plain.over, {"x-dialect": "plain"})
            return Answer(service, caller, host_of(request), session_id, 0, dialect)

        app.add_api_route("/api/plain/{session_id}", answer, response_model=None)
        return app

    monkeypatch.setattr(serve, "create_app", with_answers)


@pytest.fixture
def known(settings: Settings) -> Settings:
    """A service whose tokens a test can sign."""
    return settings.model_copy(update={"jwt_secret": SecretStr(JWT_SECRET)})


@asynccontextmanager
async def told(service: Service, session_id: str, token: str | None = None) -> AsyncIterator[Lines]:
    headers = bearer(token or service.token)
    async with service.http.stream("GET", f"/api/plain/{session_id}", headers=headers) as response:
        assert response.status_code == 200, (await response.aread()).decode()
        yield Lines(response)


async def gone(service: Service) -> None:
    await until(service, "answers", 0)


async def test_a_story_is_told_from_its_beginning_to_its_end(service: Service) -> None:
    async with service.socket() as socket:
        session_id = await socket.start(pages=1)
        async with told(service, session_id) as lines:
            assert lines.response.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert lines.response.headers["x-dialect"] == "plain"
            assert lines.response.headers["cache-control"] == "no-cache, no-transform"
            groups = await lines.rest()
    kept = {f"{event['epoch']}:{event['seq']}": event["type"] for event in await log(service, session_id)}
    whole = [group for group in groups if "." not in group["id"]]
    told_of = {id: type for id, type in zip([g["id"] for g in whole], types(groups), strict=True) if id in kept}
    assert told_of == kept
    await gone(service)


def types(groups: list[dict[str, str]]) -> list[str]:
    return [group["data"] for group in groups if "." in group["id"]]


async def test_another_s_session_is_not_told(service: Service) -> None:
    session_id = await service.story(pages=1)
    async with told(service, session_id, await service.new_token()) as lines:
        groups = await lines.rest()
    assert [group["data"] for group in groups] == ["error", "There is no such session."]
    assert not any("id" in group for group in groups)


async def test_while_nothing_happens_it_says_that_it_is_there(known: Settings) -> None:
    async with ModelServer() as model:
        more = {
            "models": [TEST_MODEL],
            "model_base_url": model.url,
            "model_api_key": SecretStr("k"),
            "heartbeat_s": 1.0,
        }
        async with serving(known.model_copy(update=more)) as service, held_story(service, model) as session_id:
            async with told(service, session_id) as lines:
                while (await lines.next()) != {"": "ping"}:
                    pass
            await gone(service)


async def test_it_ends_with_the_token(known: Settings) -> None:
    async with ModelServer() as model:
        more = {"models": [TEST_MODEL], "model_base_url": model.url, "model_api_key": SecretStr("k")}
        async with serving(known.model_copy(update=more)) as service, held_story(service, model) as session_id:
            user_id = jwt.decode(service.token, options={"verify_signature": False})["sub"]
            # Within the leeway, of which two seconds are left.
            soon = signed(sub=user_id, iat=int(time.time()) - 100, exp=int(time.time()) - 8)
            async with told(service, session_id, soon) as lines:
                assert (await lines.rest())[-1] == {"data": EXPIRED}


async def test_it_ends_with_the_service_and_does_not_hold_it_up(settings: Settings) -> None:
    slowly = settings.model_copy(update={"offline_words_per_second": 20.0})
    async with httpx.AsyncClient(timeout=WAIT_S) as http:
        async with serving(slowly) as service, service.socket() as socket:
            session_id = await socket.start(pages=3)
            address = f"{service.url}/api/plain/{session_id}"
            response = await http.send(http.build_request("GET", address, headers=bearer(service.token)), stream=True)
            lines = Lines(response)
            await lines.next()
            rest = asyncio.create_task(lines.rest())
            began = time.monotonic()
        assert (await rest)[-1] == {"data": ENDING}
        assert time.monotonic() - began < serve.DRAIN_S


async def test_each_is_one_of_the_connections_that_a_user_may_have(known: Settings) -> None:
    few = known.model_copy(update={"connections_per_user": 1})
    async with ModelServer() as model:
        more = {"models": [TEST_MODEL], "model_base_url": model.url, "model_api_key": SecretStr("k")}
        async with serving(few.model_copy(update=more)) as service, held_story(service, model) as session_id:
            async with told(service, session_id) as lines:
                await lines.next()
                assert (await seen(service))("answers") == 1
                refused = await service.get(f"/api/plain/{session_id}")
                problem(refused, 429, "rate_limited")
            await gone(service)
            async with told(service, session_id) as lines:
                await lines.next()


async def test_who_does_not_read_is_cut_off_and_delays_nobody(settings: Settings, small_buffers: None) -> None:
    small = settings.model_copy(update={"reader_queue": 16})
    async with serving(small) as service, service.socket() as other:
        session_id = await other.start(pages=20, max_revisions=0)
        address = urlsplit(service.url)
        client = sockets.socket()
        client.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, BUFFER_BYTES)
        client.connect((address.hostname, address.port))
        head = (
            f"GET /api/plain/{session_id} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {service.token}"
        )
        client.sendall(head.encode() + b"\r\n\r\n")
        assert (await other.until_finished(session_id))["status"] == "completed"

        async def cut_off() -> bool:
            look = await seen(service)
            return look("answers") == 0 and look("slow_readers_closed_total") == 1

        await eventually(cut_off, "the connection is dropped", WAIT_S)
        client.close()


async def test_what_has_ended_is_not_left_to_the_garbage_collector(settings: Settings) -> None:
    def kept() -> int:
        return sum(isinstance(one, Answer) for one in gc.get_objects())

    async def gone_too() -> bool:
        return kept() == 0

    slowly = settings.model_copy(update={"offline_words_per_second": 20.0})
    async with serving(slowly) as service, service.socket() as socket:
        session_id = await socket.start(pages=3)
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                async with told(service, session_id) as lines:
                    await lines.next()
                    assert kept() == 1
                await eventually(gone_too, "nothing is left of the answer", 10)
        finally:
            gc.enable()
