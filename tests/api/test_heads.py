"""Connections that are no requests yet: heads without an end, heads and bodies that do not come, more than there is room
for. Whoever else connects meanwhile is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from api.bounds.connections import FRAGMENTS, PIPELINED
from coordinator.settings import Settings
from tests.service import WAIT_S, Service, serving

Bounded = Callable[..., Any]
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def bounded(settings: Settings) -> Bounded:
    @asynccontextmanager
    async def make(**bounds: Any) -> AsyncIterator[Service]:
        async with serving(settings.model_copy(update=bounds)) as service:
            yield service

    return make


class Raw:
    """A connection byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> tuple[int, dict[str, Any]]:
        """Status and JSON of what the server says before it closes."""
        told = await asyncio.wait_for(self.reader.read(), WAIT_S)
        head, _, body = told.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)

    async def closed(self) -> bool:
        """The server ends it, with whatever last word."""
        try:
            while await asyncio.wait_for(self.reader.read(65536), WAIT_S):
                pass
        except ConnectionError:
            pass
        return True


@asynccontextmanager
async def connected(service: Service) -> AsyncIterator[Raw]:
    host, port = service.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


async def alive(service: Service) -> None:
    assert (await service.http.get("/healthz")).status_code == 200
    assert (await service.get("/api/sessions")).status_code == 200


ENDLESS = {
    "one value": (HEAD + b"X-Long: ", b"a" * 4096),
    "one name": (HEAD, b"a" * 4096),
    "many headers": (HEAD, b"X-A: b\r\n" * 500),
    "the address": (b"GET /", b"a" * 4096),
    "before a body": (b"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\nX: ", b"a" * 4096),
    "trailers": (
        b"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Trail: ",
        b"a" * 4096,
    ),
    "many trailers": (
        b"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
        b"X-A: b\r\n" * 500,
    ),
    "a chunk's extension": (
        b"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2;",
        b"a" * 4096,
    ),
    "a handshake": (
        b"GET /ws/stories HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX: ",
        b"a" * 4096,
    ),
}


@pytest.mark.parametrize("kind", ENDLESS)
async def test_a_head_without_an_end_is_refused_after_its_bound(bounded: Bounded, kind: str) -> None:
    begins, goes_on = ENDLESS[kind]
    async with bounded(header_bytes=16_384) as service, connected(service) as connection:
        connection.writer.write(begins)
        sent = 0
        # A mebibyte is 64 times the bound: the kernel's own buffers take a part of it.
        while sent < 2**20 and not connection.reader.at_eof():
            connection.writer.write(goes_on)
            sent += len(goes_on)
            try:
                await connection.writer.drain()
            except ConnectionError:
                break
            await asyncio.sleep(0)
        assert await connection.closed()
        assert sent < 2**20
        await alive(service)


async def test_what_is_wrong_with_a_head_is_said(bounded: Bounded) -> None:
    async with bounded(header_bytes=16_384) as service:
        async with connected(service) as connection:
            connection.writer.write(HEAD + b"X-Long: " + b"a" * 16_384)
            status, told = await connection.answer()
            assert (status, told["code"]) == (431, "too_large") and "16384 bytes" in told["detail"]
        async with connected(service) as connection:
            connection.writer.write(HEAD + b"X: y\r\n" * 120 + b"\r\n")
            status, told = await connection.answer()
            assert (status, told["code"]) == (431, "too_large")
        async with connected(service) as connection:
            connection.writer.write(b"\x00\x01\x02 hello\r\n\r\n")
            status, told = await connection.answer()
            assert (status, told["code"]) == (400, "invalid_message")
        refused = (await service.http.get("/metrics")).text
        assert 'storyloom_refusals_total{limit="head"} 2.0' in refused


async def test_a_long_head_within_the_bound_and_a_long_body_behind_it_are_read(bounded: Bounded) -> None:
    async with bounded(header_bytes=16_384) as service:
        answer = await service.http.get("/healthz", headers={"X-Long": "a" * 15_000})
        assert answer.status_code == 200
        body = {"prompt": "A bell.", "title": None, "config": {"pages": 1}, "template": "short-story"}
        padded = json.dumps(body) + " " * 200_000
        answer = await service.http.post(
            "/api/sessions",
            content=padded,
            headers={"Authorization": f"Bearer {service.token}", "Content-Type": "application/json"},
        )
        assert answer.status_code == 201, answer.text


async def test_half_open_requests_end_by_themselves_and_hold_nobody_up(bounded: Bounded) -> None:
    async with bounded(header_s=1, request_s=1) as service:
        beginnings = [
            b"",
            b"GET /",
            HEAD,
            HEAD + b"X: ",
            b"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{",
            b"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        ]
        host, port = service.url.removeprefix("http://").split(":")
        open_ones = []
        for number in range(300):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(beginnings[number % len(beginnings)])
            open_ones.append(Raw(reader, writer))
        await alive(service)
        statuses = [(await one.answer())[0] for one in open_ones]
        # A call with no token and half a body may be refused at once for what it lacks.
        assert set(statuses) <= {408, 401, 422}
        assert statuses[0] == statuses[2] == 408
        await alive(service)


async def test_a_head_that_comes_drop_by_drop_has_no_more_time_than_another(bounded: Bounded) -> None:
    async with bounded(header_s=1) as service, connected(service) as connection:
        connection.writer.write(HEAD)
        answering = asyncio.create_task(connection.answer())
        while not answering.done():
            connection.writer.write(b"X: y\r\n")
            await asyncio.wait({answering}, timeout=0.1)
        status, told = answering.result()
        assert status == 408 and "within 1 s" in told["detail"]


async def test_an_address_has_so_many_connections_and_what_ends_makes_room(bounded: Bounded) -> None:
    async with bounded(connections_per_address=3) as service:
        await service.http.aclose()
        async with connected(service) as first, connected(service) as second, service.socket() as third:
            for connection in (first, second):
                connection.writer.write(HEAD + b"\r\n")
                assert (await connection.reader.readline()).startswith(b"HTTP/1.1 200")
            async with connected(service) as refused:
                status, told = await refused.answer()
                assert (status, told["code"]) == (429, "rate_limited") and told["retry_after_s"] > 0
            # The three go on.
            await third.send(type="ping", t=1)
            await third.until("pong")
        while True:
            async with connected(service) as again:
                again.writer.write(HEAD + b"Connection: close\r\n\r\n")
                if (await again.answer())[0] == 200:
                    break


async def test_all_together_have_so_many_connections(bounded: Bounded) -> None:
    async with bounded(connections=10) as service:
        await service.http.aclose()
        host, port = service.url.removeprefix("http://").split(":")
        pairs = [await asyncio.open_connection(host, int(port)) for _ in range(10)]
        async with connected(service) as refused:
            status, told = await refused.answer()
            assert (status, told["code"]) == (503, "unavailable")
        for _, writer in pairs:
            writer.close()


async def test_calls_one_after_another_without_waiting_are_bounded(bounded: Bounded) -> None:
    async with bounded() as service:
        async with connected(service) as connection:
            connection.writer.write((HEAD + b"\r\n") * 10 + HEAD + b"Connection: close\r\n\r\n")
            told = await asyncio.wait_for(connection.reader.read(), WAIT_S)
            assert told.count(b"HTTP/1.1 200 ") == 11
        async with connected(service) as connection:
            connection.writer.write((HEAD + b"\r\n") * 1000)
            told = await asyncio.wait_for(connection.reader.read(), WAIT_S)
            assert told.count(b"HTTP/1.1 200 ") <= PIPELINED
        await alive(service)


async def test_a_message_of_endlessly_many_empty_parts_is_refused(bounded: Bounded) -> None:
    async with bounded() as service:
        async with service.socket() as socket:
            with pytest.raises(ConnectionClosed) as ended:
                await socket.connection.send("" for _ in range(FRAGMENTS + 10))
                while True:
                    await socket.receive()
            assert ended.value.rcvd is not None and ended.value.rcvd.code == 1009
        async with service.socket() as socket:
            await socket.connection.send(part for part in ['{"type": "ping", ', *[""] * 100, '"t": 1}'])
            await socket.until("pong", t=1)


async def test_pings_of_one_who_reads_no_pongs_are_not_collected(bounded: Bounded) -> None:
    async with bounded() as service:
        async with connected(service) as connection:
            connection.writer.write(
                b"GET /ws/stories HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            await connection.reader.readuntil(b"\r\n\r\n")
            connection.reader._transport.pause_reading()  # type: ignore[attr-defined]
            ping, sent = b"\x89\xfd" + bytes(4) + b"p" * 125, 0
            with pytest.raises(ConnectionError):
                # Far more than the buffers of both kernels take.
                while sent < 64 * 2**20:
                    connection.writer.write(ping * 1000)
                    sent += len(ping) * 1000
                    await connection.writer.drain()
        await alive(service)
