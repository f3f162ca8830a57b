"""A connection's end: a reader that does not read, one far behind with unsaved events, and a server that stops."""

from __future__ import annotations

import asyncio
import gc
import json
import socket as sockets
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr
from websockets.asyncio.client import connect

from api.live.socket import Connection
from coordinator.settings import Settings
from tests.api.support import BUFFER_BYTES, TEST_MODEL, answers, closed
from tests.api.test_metrics import seen
from tests.api.test_replay import check_course, check_each_place, log, stuck
from tests.chaos.record import eventually
from tests.model_server import ModelServer
from tests.service import Service, Socket, bearer, serving


async def slow(service: Service) -> Socket:
    """A client that takes next to nothing unless it is made to."""
    address = urlsplit(service.url)
    connected = sockets.socket()
    connected.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, BUFFER_BYTES)
    connected.connect((address.hostname, address.port))
    connected.setblocking(False)
    socket = Socket(await connect(service.ws_url, sock=connected, max_queue=1, max_size=None))
    await socket.send(type="auth", token=service.token)
    assert (await socket.receive())["type"] == "ready"
    return socket


async def test_a_reader_that_does_not_read_is_sent_away_and_delays_nobody(
    settings: Settings, small_buffers: None
) -> None:
    # The heartbeat is also how long the server waits for it to take the close frame: longer than the story lasts.
    small = settings.model_copy(update={"reader_queue": 16, "heartbeat_s": 120.0})
    async with serving(small) as service, service.socket() as other:
        reader = await slow(service)
        session_id = await other.start(pages=20, max_revisions=0)
        await reader.send(type="session.attach", session_id=session_id, epoch=0, after_seq=0)
        assert (await other.until_finished(session_id))["status"] == "completed"
        kept = await log(service, session_id)
        check_course([frame for frame in other.frames if "seq" in frame], kept)
        # Now it reads: what was on its way, and then why nothing more came.
        code, got = await closed(reader.connection)
        assert code == 1013
        assert got == [] or got[-1]["seq"] < kept[-1]["seq"]
        # It comes back with what it has and gets what it lacks.
        place = {"epoch": got[-1]["epoch"], "after_seq": got[-1]["seq"]} if got else {"epoch": 0, "after_seq": 0}
        async with service.socket() as again:
            await again.send(type="session.attach", session_id=session_id, **place)
            await again.until_finished(session_id)
            rest = [frame for frame in again.frames if "seq" in frame]
        settled = [frame["seq"] for frame in [*got, *rest] if frame["type"] != "agent.delta"]
        assert settled == [event["seq"] for event in kept]


async def test_a_reader_that_never_reads_again_is_let_go_of_and_delays_nobody(
    settings: Settings, small_buffers: None
) -> None:
    """Not even the close frame reaches it: the server waits a heartbeat for that, and then drops the connection."""
    small = settings.model_copy(update={"reader_queue": 16, "heartbeat_s": 8.0})
    async with serving(small) as service, service.socket() as other:
        reader = await slow(service)
        assert (await seen(service))("sockets") == 2
        session_id = await other.start(pages=8, max_revisions=0)
        await reader.send(type="session.attach", session_id=session_id, epoch=0, after_seq=0)
        # The run and who reads it go on while it hangs there: nobody reads for it from here on.
        assert (await other.until_finished(session_id))["status"] == "completed"
        check_course([frame for frame in other.frames if "seq" in frame], await log(service, session_id))

        async def gone() -> bool:
            return (await seen(service))("sockets") == 1

        await eventually(gone, "the connection is dropped", 3 * small.heartbeat_s)
        assert (await seen(service))("slow_readers_closed_total") == 1
        assert await answers(other) == []
        reader.connection.transport.abort()


async def test_who_asks_faster_than_it_reads_is_not_sent_away(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"reader_queue": 16})) as service, service.socket() as socket:
        for number in range(500):
            await socket.send(type="ping", t=number)
        assert [(await socket.receive())["t"] for _ in range(500)] == list(range(500))


async def test_events_that_are_told_and_not_yet_stored_are_had_too(settings: Settings) -> None:
    async with ModelServer(pace_s=0.0015) as model:
        late = settings.model_copy(
            update={
                "models": [TEST_MODEL],
                "model_base_url": model.url,
                "model_api_key": SecretStr("k"),
                "event_flush_s": 60.0,
            }
        )
        async with serving(late) as service, service.socket() as owner, service.socket() as socket:
            session_id, told = await stuck(owner, model)
            assert not any(row["type"] == "agent.delta" for row in await log(service, session_id))
            await check_each_place(socket, session_id, told)
            # Deleted as it is, none of its watchers waits for more.
            await service.http.delete(f"/api/sessions/{session_id}", headers=bearer(service.token))
            for watching in (owner, socket):
                assert (await watching.until("error"))["code"] == "not_found"


async def test_when_the_server_stops_its_connections_are_told_to_come_back(settings: Settings) -> None:
    async with serving(settings) as service:
        connection = await connect(service.ws_url)
        await connection.send(json.dumps({"type": "auth", "token": service.token}))
        assert json.loads(await connection.recv())["type"] == "ready"
        closing: asyncio.Task[tuple[int, list[dict[str, Any]]]] = asyncio.create_task(closed(connection))
    assert await closing == (1012, [])


async def test_many_come_and_go_at_once(settings: Settings) -> None:
    async def visit(service: Service, number: int) -> None:
        async with service.socket() as socket:
            if number % 3 == 0:
                # Gone in the middle of things, without a word.
                await socket.send(type="session.attach", session_id=str(session_id))
                socket.connection.transport.abort()
                return
            assert await answers(socket) == []

    async with serving(settings) as service:
        session_id = await service.story(pages=1)
        await asyncio.gather(*(visit(service, number) for number in range(60)))
        async with service.socket() as socket:
            assert await answers(socket) == []


async def test_what_has_ended_is_not_left_to_the_garbage_collector(settings: Settings) -> None:
    """Ten thousand that come back would else take the room of twenty thousand."""

    def kept() -> int:
        return sum(isinstance(one, Connection) for one in gc.get_objects())

    async def gone() -> bool:
        return (await seen(service))("sockets") == 0 and kept() == 0

    async with serving(settings) as service:
        session_id = await service.story(pages=1)
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                async with service.socket() as socket:
                    await socket.send(type="session.attach", session_id=session_id)
                    await socket.until("session.snapshot")
                    assert kept() == 1
                await eventually(gone, "nothing is left of the connection", 10)
        finally:
            gc.enable()
