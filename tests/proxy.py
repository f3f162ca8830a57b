"""A TCP proxy of the tests' own, before a PostgreSQL on a unix socket: it passes, cuts, refuses and loses answers.

It runs in a thread of its own, so that it goes on while the event loop of a test waits for the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Self

CHUNK = 65_536
Pair = tuple[asyncio.StreamWriter, asyncio.StreamWriter]


class Proxy:
    """Listens on a free loopback port, `port`, for as long as its block runs, `refuse` and `restore` in between."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._pairs: set[Pair] = set()
        self._lose: deque[Callable[[bytes], bool]] = deque()
        self._and_refuse = False
        self.lost = 0
        """How many answers were lost as asked."""

    async def __aenter__(self) -> Self:
        self._thread.start()
        await self.restore()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()
        await self._there(self._ended())
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()

    async def restore(self) -> None:
        """New connections pass again."""
        await self._there(self._listen())

    async def refuse(self) -> None:
        """The server is away: what is open breaks, and new connections are refused."""
        await self._there(self._refuse())

    def lose_answers(self, *to: Callable[[bytes], bool], and_refuse: bool = False) -> None:
        """One after another, the next request for which `to` is true reaches the server, whose answer is lost with the
        connection. With `and_refuse` the server is away after each, until `restore`."""
        self._lose.extend(to)
        self._and_refuse = and_refuse

    async def _there(self, work: Coroutine[Any, Any, None]) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    # All below runs in the proxy's own loop.

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for pair in list(self._pairs):
            self._break(pair)

    async def _ended(self) -> None:
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.01)

    def _break(self, pair: Pair) -> None:
        self._pairs.discard(pair)
        for writer in pair:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_unix_connection(self._target)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, server_writer)
        self._pairs.add(pair)
        losing = asyncio.Event()
        ways = [
            asyncio.create_task(self._requests(reader, server_writer, losing)),
            asyncio.create_task(self._answers(server_reader, writer, losing)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        self._break(pair)
        await asyncio.wait(ways)

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if self._lose and self._lose[0](data):
                    self._lose.popleft()
                    losing.set()
                writer.write(data)
                await writer.drain()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if losing.is_set():
                    # The server has answered, so it is done. Nobody will see it.
                    if self._and_refuse:
                        await self._refuse()
                    self.lost += 1
                    return
                writer.write(data)
                await writer.drain()
