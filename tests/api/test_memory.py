"""What one user's long texts cost the process: bounded in bytes, however many ask for them, and others are answered."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import random
import socket
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import psycopg
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from coordinator.store.embedded import EmbeddedPostgres
from tests.chaos.node import Node, started
from tests.conftest import cloned
from tests.service import WAIT_S, bearer

T = TypeVar("T")
MB = 2**20
VERSIONS = 40


class Long:
    """A running service in a process of its own, and a story of many long versions in it."""

    def __init__(self, node: Node, http: httpx.AsyncClient, session_id: str, text: str) -> None:
        self.node, self.http, self.session_id, self.text = node, http, session_id, text

    @property
    def at(self) -> str:
        return f"/api/sessions/{self.session_id}"

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.http.get(path, headers=bearer(self.node.token), params=params)

    async def grown_by(self, work: Callable[[], Awaitable[T]]) -> tuple[T, float]:
        """What the work gives, and by how many megabytes the process was larger at the most meanwhile."""
        process = psutil.Process(self.node.process_id)
        before = most = process.memory_info().rss
        working = asyncio.ensure_future(work())
        while not working.done():
            most = max(most, process.memory_info().rss)
            await asyncio.wait({working}, timeout=0.02)
        return working.result(), (most - before) / MB

    async def somebody_else(self) -> None:
        """Another user's calls are answered meanwhile."""
        token = (await self.http.post("/api/auth/anonymous")).json()["access_token"]
        answer = await self.http.get("/api/sessions", headers=bearer(token), timeout=10)
        assert answer.status_code == 200


async def narrow(node: Node) -> socket.socket:
    """A connection of which the kernel keeps little: what is not read, the service has to hold."""
    host, port = node.url.removeprefix("http://").split(":")
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.setblocking(False)
    await asyncio.get_running_loop().sock_connect(made, (host, int(port)))
    return made


@pytest.fixture(scope="module")
async def long(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Long]:
    folder = tmp_path_factory.mktemp("memory") / "data"
    async with cloned(postgres) as database:
        limits = {"held_bytes": 64 * MB, "offline_words_per_second": 0, "database_url": database.admin_url}
        async with started(Path(folder), **limits) as node:
            async with httpx.AsyncClient(base_url=node.url, timeout=WAIT_S) as http:
                async with node.socket() as socket:
                    session_id = await socket.start(pages=1)
                    await socket.until_finished(session_id)
                # Words that can't be packed to nothing, and are not too many for an index of words.
                chance = random.Random(1)
                words = [f"{chance.getrandbits(24):x}" for _ in range(5000)]
                text = " ".join(chance.choices(words, k=140_000))
                story = await node.get(f"/api/sessions/{session_id}/story")
                answer = await http.put(
                    f"/api/sessions/{session_id}/drafts",
                    headers=bearer(node.token),
                    json={"content": text, "base_version": story["version"]},
                )
                assert answer.status_code == 200, answer.text
                async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
                    await connection.execute(
                        "insert into session_drafts (session_id, user_id, version, author, content, word_count)"
                        " select session_id, user_id, version + n, 'editor', n || ' ' || content, word_count"
                        " from session_drafts cross join generate_series(1, %s) n where session_id = %s and current",
                        [VERSIONS, session_id],
                    )
                yield Long(node, http, session_id, text)


async def test_the_heads_of_long_versions_cost_nothing(long: Long) -> None:
    async def ask() -> list[httpx.Response]:
        return await asyncio.gather(*(long.get(f"{long.at}/drafts", content="false", limit=100) for _ in range(30)))

    answers, grown = await long.grown_by(ask)
    for answer in answers:
        assert len(answer.content) < 50_000 and len(answer.json()["items"]) >= VERSIONS
    assert grown < 40


async def test_a_list_of_long_versions_comes_in_pages_that_end_early(long: Long) -> None:
    async def read() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = (await long.get(f"{long.at}/drafts", limit=100, **({"cursor": cursor} if cursor else {}))).json()
            assert 1 <= len(page["items"]) <= 5
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    found, grown = await long.grown_by(read)
    assert [draft["version"] for draft in found] == list(range(1, len(found) + 1)) and len(found) > VERSIONS
    assert found[-1]["content"] == f"{VERSIONS} {long.text}"
    assert grown < 100


async def test_an_account_is_exported_in_pieces_while_others_are_answered(long: Long) -> None:
    async def export() -> bytes:
        asking = asyncio.create_task(long.get("/api/users/me/export"))
        while not asking.done():
            await long.somebody_else()
        return (await asking).content

    archive, grown = await long.grown_by(export)
    with zipfile.ZipFile(io.BytesIO(archive)) as unpacked:
        session = json.loads(unpacked.read(f"sessions/{long.session_id}.json"))
        counts = json.loads(unpacked.read("manifest.json"))["counts"]
    assert len(session["drafts"]) == counts["session_drafts"] > VERSIONS
    assert [draft["version"] for draft in session["drafts"]] == list(range(1, len(session["drafts"]) + 1))
    assert len(session["events"]) == counts["session_events"] and len(session["steps"]) == counts["session_steps"]
    assert grown < 100


async def test_many_who_attach_and_do_not_read_cost_no_more_than_is_held_for_all(long: Long) -> None:
    attach = json.dumps({"type": "session.attach", "session_id": long.session_id})
    echo = json.dumps({"type": "ping", "t": "t" * 200_000})
    address = long.node.url.replace("http", "ws", 1) + "/ws/stories"
    sockets: list[ClientConnection] = []
    asking: list[asyncio.Task[None]] = []

    async def ask(connection: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await connection.send(attach)
            for _ in range(60):
                await connection.send(echo)

    async def unread() -> None:
        connection = await connect(
            address,
            sock=await narrow(long.node),
            max_size=None,
            max_queue=1,
            close_timeout=1,
            additional_headers=bearer(long.node.token),
        )
        sockets.append(connection)
        connection.transport.pause_reading()
        asking.append(asyncio.create_task(ask(connection)))

    async def flood() -> None:
        for _ in range(4):
            await asyncio.gather(*(unread() for _ in range(10)))
            await long.somebody_else()
        while "storyloom_let_go_total 0.0" in (await long.http.get("/metrics")).text:
            await asyncio.wait(asking, timeout=0.05)
        # One who reads is told all of it, in the midst of them.
        async with long.node.socket() as reader:
            for _ in range(4):
                await reader.send(type="session.attach", session_id=long.session_id)
                snapshot = await reader.until("session.snapshot")
                assert snapshot["draft"]["content"] == long.text

    # Forty queues of 4 MiB, and as much in the kernel.
    _, grown = await long.grown_by(lambda: asyncio.wait_for(flood(), 2 * WAIT_S))
    assert grown < 64 + 150
    for connection in sockets:
        connection.transport.abort()
    await asyncio.gather(*asking)


async def test_answers_that_nobody_reads_cost_no_more_than_is_held_for_all(long: Long) -> None:
    head = (
        f"GET {long.at}/drafts?limit=100 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {long.node.token}\r\n\r\n"
    )
    writers: list[asyncio.StreamWriter] = []

    async def unread() -> None:
        reader, writer = await asyncio.open_connection(sock=await narrow(long.node), limit=2**10)
        writers.append(writer)
        # Less than is sent, so that it is known to be on its way.
        writer.write(head.encode())
        await asyncio.wait_for(reader.readexactly(2**11), WAIT_S)

    async def flood() -> None:
        for _ in range(30):
            await asyncio.gather(*(unread() for _ in range(6)))
            await long.somebody_else()

    _, grown = await long.grown_by(flood)
    # A hundred and eighty answers of a megabyte each.
    assert grown < 64 + 150
    for writer in writers:
        writer.close()
