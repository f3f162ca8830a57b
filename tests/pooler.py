"""A connection pooler of the tests' own before a PostgreSQL on a unix socket: what PgBouncer and Supabase's Supavisor do.

In transaction mode a server connection serves one client until the server says `ReadyForQuery` outside a transaction;
then it goes to the back of the line, so that a client's next transaction is, as a rule, on another one. Nothing is
cleaned in between, so that what a session leaves behind (a setting, a prepared statement, a lock, a LISTEN) is the next
client's. In session mode a client keeps its server connection until it leaves.

It asks nobody for a password, speaks no TLS, and knows no cancelling. It runs in a thread of its own, so that it goes on
while the event loop of a test waits for the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

PROTOCOL_3 = 196_608
CANCEL, TLS, GSS = 80_877_102, 80_877_103, 80_877_104
PARSE, FLUSH, TERMINATE = b"P", b"H", b"X"
ANSWERED = frozenset((b"Q", b"S", b"F", b"c", b"f"))
"""Query, Sync, function call, and the end of a COPY: a ReadyForQuery follows, or a question for a COPY's data."""
READY, COPY_IN, AUTHENTICATION, REFUSED = b"Z", b"G", b"R", b"E"
Login = tuple[tuple[str, str], ...]


@dataclass
class Server:
    """One connection to PostgreSQL, past its login."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    greeting: bytes
    """What it said at its login, from AuthenticationOk to ReadyForQuery."""
    idle: bool = True
    """Outside a transaction, with nothing sent that is still to be answered."""


@dataclass
class Line:
    """The server connections for one user and database, those free in the order in which they became so."""

    free: list[Server] = field(default_factory=list)
    opened: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


class Pooler:
    """Listens on a free loopback port, `port`, for as long as its block runs. `servers` is per user and database."""

    def __init__(
        self, target: Path, *, servers: int = 3, mode: Literal["transaction", "session"] = "transaction"
    ) -> None:
        self._target = target
        self._servers = servers
        self._mode = mode
        self.port = 0
        self.clients = 0
        """How many there have been."""
        self.prepared: set[str] = set()
        """Names of the prepared statements that clients made, which in transaction mode are other clients' too."""
        self._lines: dict[Login, Line] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pooler", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._thread.start()
        await self._there(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._there(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()

    @property
    def opened(self) -> int:
        """Server connections that are open, of all users and databases."""
        return sum(line.opened for line in self._lines.values())

    async def _there(self, work: Coroutine[Any, Any, None]) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    # All below runs in the pooler's own loop.

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        assert self._listener is not None
        self._listener.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for line in self._lines.values():
            for server in line.free:
                server.writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                if (login := await _login(reader, writer)) is not None:
                    self.clients += 1
                    await self._serve(reader, writer, login)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, login: Login) -> None:
        line = self._lines.setdefault(login, Line())
        server: Server | None = None
        try:
            # The login is the server's to judge, so one of its connections answers it.
            server = await self._borrow(line, login)
            writer.write(server.greeting)
            while True:
                if server is not None and server.idle and self._mode == "transaction":
                    await self._give_back(line, server)
                    server = None
                kind, message = await _message(reader)
                if kind == TERMINATE:
                    return
                assert kind != FLUSH, "this pooler learns from ReadyForQuery alone that an answer is over"
                if kind == PARSE and message[5:6] != b"\0":
                    self.prepared.add(message[5 : message.index(b"\0", 5)].decode())
                server = server or await self._borrow(line, login)
                server.idle = False
                server.writer.write(message)
                if kind in ANSWERED:
                    await _answer(server, writer)
        except RefusedLogin as refused:
            writer.write(refused.args[0])
            await writer.drain()
        finally:
            if server is not None:
                # What it was in the middle of ends with it.
                server.writer.transport.abort()
                await self._give_back(line, None)

    async def _borrow(self, line: Line, login: Login) -> Server:
        async with line.changed:
            while True:
                # A new one first, so that there are always several to be mixed up.
                if line.opened < self._servers:
                    line.opened += 1
                    break
                if line.free:
                    server = line.free.pop(0)
                    if server.reader.at_eof():
                        line.opened -= 1
                        continue
                    return server
                await line.changed.wait()
        try:
            return await self._open(login)
        except BaseException:
            await self._give_back(line, None)
            raise

    async def _give_back(self, line: Line, server: Server | None) -> None:
        """None for one that is no more."""
        async with line.changed:
            if server is None:
                line.opened -= 1
            else:
                line.free.append(server)
            line.changed.notify()

    async def _open(self, login: Login) -> Server:
        reader, writer = await asyncio.open_unix_connection(self._target)
        body = struct.pack("!i", PROTOCOL_3) + b"".join(f"{name}\0{value}\0".encode() for name, value in login) + b"\0"
        writer.write(struct.pack("!i", len(body) + 4) + body)
        greeting = b""
        while True:
            kind, message = await _message(reader)
            greeting += message
            if kind == REFUSED:
                raise RefusedLogin(greeting)
            assert kind != AUTHENTICATION or message[5:9] == b"\0\0\0\0", "the server asks for a password"
            if kind == READY:
                return Server(reader, writer, greeting)


class RefusedLogin(Exception):
    """`args[0]` is what the server said."""


async def _answer(server: Server, client: asyncio.StreamWriter) -> None:
    """All of it, or as far as the server asks for something."""
    while True:
        kind, message = await _message(server.reader)
        client.write(message)
        await client.drain()
        if kind == READY:
            server.idle = message[5:] == b"I"
            return
        if kind == COPY_IN:
            return


async def _login(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Login | None:
    """Who the client wants to be and where; None for one that wants something else."""
    while True:
        (length, code) = struct.unpack("!ii", await reader.readexactly(8))
        rest = await reader.readexactly(length - 8)
        if code in (TLS, GSS):
            writer.write(b"N")
        elif code == PROTOCOL_3:
            words = rest.decode().split("\0")
            given = dict(zip(words[0::2], words[1::2], strict=False))
            # As real ones do, no more: another client's name or options would be this one's.
            return tuple((name, given[name]) for name in ("user", "database") if name in given)
        else:
            assert code == CANCEL
            return None


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Its kind, and all of it."""
    head = await reader.readexactly(5)
    return head[:1], head + await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)
