"""A TCP proxy before the database that counts round trips and can make each take longer, as a far one does.

It runs in a thread of its own, so that it does not wait for the loop that it measures.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

from psycopg.conninfo import conninfo_to_dict

CHUNK = 262_144


class Wire:
    """Listens on a loopback port for as long as its block runs. `delay_s` is added to each round trip."""

    def __init__(self, target: Path, delay_s: float = 0) -> None:
        self.delay_s = delay_s
        self.round_trips = 0
        self._target = target
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._thread.start()
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._listen(), self._loop))
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._end(), self._loop))
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()

    def url(self, url: str) -> str:
        """The same login and database by way of here."""
        parts = conninfo_to_dict(url)
        return (
            f"postgresql://{parts['user']}@127.0.0.1:{self._port}/{parts['dbname']}?sslmode=disable&gssencmode=disable"
        )

    async def counted(self, work: Callable[[], Awaitable[Any]]) -> int:
        """Round trips of all connections while it works."""
        before = self.round_trips
        await work()
        return self.round_trips - before

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_unix_connection(self._target)
        asked = asyncio.Event()
        to, back = _Late(there_writer), _Late(writer)
        ways = [
            asyncio.create_task(self._read(reader, to, asked.set)),
            asyncio.create_task(self._read(there_reader, back, lambda: self._answered(asked))),
            asyncio.create_task(to.write()),
            asyncio.create_task(back.write()),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            # The end of the wire, which waits for what is still open.
            pass
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, there_writer):
                end.close()

    def _answered(self, asked: asyncio.Event) -> None:
        if asked.is_set():
            asked.clear()
            self.round_trips += 1

    async def _read(self, reader: asyncio.StreamReader, late: _Late, seen: Callable[[], None]) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                seen()
                late.queue.put_nowait((self._loop.time() + self.delay_s / 2, data))


class _Late:
    """What is read is written when half a round trip has passed; chunks travel together, as on a long wire."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._writer = writer

    async def write(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while True:
                due, data = await self.queue.get()
                if (left := due - loop.time()) > 0:
                    await asyncio.sleep(left)
                self._writer.write(data)
                await self._writer.drain()
