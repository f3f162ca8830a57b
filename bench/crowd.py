"""Many WebSocket clients in a process of their own, as light as they can be: what is measured is the server.

`python -m bench.crowd` reads a command a line from standard input, as JSON, and answers each with a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import struct
import sys
import time
from typing import Any

import uvloop

STAMP = re.compile(rb"@(\d+)@")
"""When a piece of text was made, in nanoseconds of the machine's monotonic clock."""
OPENING = 200
"""Handshakes under way at once in one process."""
ATTEMPTS = 20
FIRST_S = 60.0


class Client(asyncio.Protocol):
    """One socket, of the server's own protocol or of the bare server's."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        self.number = number
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._crowd = crowd
        self._transport: asyncio.Transport | None = None
        self._data = b""
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._transport.write(self._crowd.handshake)  # type: ignore[union-attr]

    def data_received(self, data: bytes) -> None:
        data = self._data + data if self._data else data
        if not self._upgraded:
            head, found, rest = data.partition(b"\r\n\r\n")
            if not found:
                self._data = data
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._fail(head.split(b"\r\n")[0].decode())
                return
            self._upgraded, data = True, rest
            if first := self._crowd.first(self.number):
                self.say(first)
            if not self._crowd.first_wanted:
                self._is_ready()
        at, length = 0, len(data)
        while length - at >= 2:
            size, body = data[at + 1], at + 2
            if size == 126:
                if length - at < 4:
                    break
                size, body = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                if length - at < 10:
                    break
                size, body = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if length - body < size:
                break
            self._frame(data[at] & 15, data[body : body + size])
            at = body + size
        self._data = data[at:]

    def connection_lost(self, error: Exception | None) -> None:
        self._fail("closed")
        self._crowd.gone(self)

    def say(self, text: str) -> None:
        assert self._transport is not None
        payload = text.encode()
        size = bytes([128 | len(payload)]) if len(payload) < 126 else bytes([254]) + struct.pack(">H", len(payload))
        # Masked by zeros: the rule is kept, and no time is spent on it.
        self._transport.write(b"\x81" + size + b"\0\0\0\0" + payload)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _frame(self, kind: int, payload: bytes) -> None:
        if kind == 9:
            assert self._transport is not None
            self._transport.write(b"\x8a" + bytes([128 | len(payload)]) + b"\0\0\0\0" + payload)
        elif kind == 1:
            if not self.ready.done() and self._crowd.first_wanted and self._crowd.first_wanted in payload:
                self._is_ready()
            self._crowd.heard(self, payload)

    def _is_ready(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)

    def _fail(self, why: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(why))
            self.ready.exception()


class Crowd:
    def __init__(self) -> None:
        self.handshake = b""
        self.first_wanted = b""
        self._frames: list[str] = []
        self._clients: dict[int, Client] = {}
        self._place = ("", 0)
        self._lost = 0
        self._all_lost = asyncio.Event()
        self._window: list[int] | None = None
        self._events = 0
        self._marker = b""
        self._arrivals: dict[int, int] = {}
        self._all_arrived = asyncio.Event()

    def first(self, number: int) -> str:
        return self._frames[number % len(self._frames)] if self._frames else ""

    def heard(self, client: Client, payload: bytes) -> None:
        if self._window is not None:
            self._events += 1
            now = time.monotonic_ns()
            # A joined delta has several: the oldest waited longest.
            self._window.extend(now - int(stamp) for stamp in STAMP.findall(payload))
        if self._marker and self._marker in payload and client.number not in self._arrivals:
            self._arrivals[client.number] = time.monotonic_ns()
            if len(self._arrivals) == len(self._clients):
                self._all_arrived.set()

    def gone(self, client: Client) -> None:
        if self._clients.get(client.number) is client:
            del self._clients[client.number]
            self._lost += 1
            if not self._clients:
                self._all_lost.set()

    async def open(
        self,
        host: str,
        port: int,
        path: str,
        count: int,
        token: str = "",
        frames: list[str] | None = None,
        wanted: str = "",
        per_second: float = 0,
    ) -> dict[str, Any]:
        """Opens so many; each sends its first frame (they are given in turn) and is ready with the first that has `wanted`."""
        self._place = (host, port)
        self.first_wanted, self._frames = wanted.encode(), frames or []
        bearer = f"Authorization: Bearer {token}\r\n" if token else ""
        self.handshake = (
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{bearer}"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
        turn, start, took, failed = asyncio.Semaphore(OPENING), time.monotonic(), [], []

        async def one(number: int) -> None:
            if per_second:
                await asyncio.sleep(max(0.0, start + number / per_second - time.monotonic()))
            async with turn:
                begun = time.monotonic()
                try:
                    await self._connected(number)
                    took.append(time.monotonic() - begun)
                except (OSError, TimeoutError) as error:
                    failed.append(str(error) or type(error).__name__)

        await asyncio.gather(*(one(number) for number in range(count)))
        return {
            "seconds": time.monotonic() - start,
            "open": len(self._clients),
            "ms": _quantiles(took, 1e3),
            "failed": failed[:3],
        }

    async def reopen(self, jitter_s: float, frames: list[str], wanted: str) -> dict[str, Any]:
        """All that were lost come back, each after a moment of its own, and try again until they are in."""
        numbers, self._frames, self.first_wanted = range(self._lost), frames, wanted.encode()
        self._lost, start = 0, time.monotonic()
        tries = 0

        async def one(number: int) -> float:
            nonlocal tries
            await asyncio.sleep(random.uniform(0, jitter_s))
            for turn in range(ATTEMPTS):
                tries += 1
                try:
                    await self._connected(number)
                    return time.monotonic() - start
                except (OSError, TimeoutError):
                    await asyncio.sleep(random.uniform(0, min(8, 0.5 * 2**turn)))
            raise ConnectionError("it did not come back")

        back = await asyncio.gather(*(one(number) for number in numbers), return_exceptions=True)
        times = [one for one in back if isinstance(one, float)]
        return {"back": len(times), "seconds": max(times, default=0), "tries": tries, "s": _quantiles(times, 1)}

    async def dropped(self) -> dict[str, Any]:
        """When the server has closed them all."""
        async with asyncio.timeout(60):
            if self._clients:
                await self._all_lost.wait()
        return {"lost": self._lost}

    async def say(self, frames: list[str]) -> dict[str, Any]:
        for number, client in self._clients.items():
            client.say(frames[number % len(frames)])
        return {"said": len(self._clients)}

    async def window(self, seconds: float) -> dict[str, Any]:
        """What comes in so many seconds: events, and how old their text is."""
        self._window, self._events = [], 0
        await asyncio.sleep(seconds)
        ages, self._window = self._window, None
        return {"events": self._events, "stamps": len(ages), "ms": _quantiles(ages, 1e-6)}

    async def arm(self, marker: str) -> dict[str, Any]:
        self._marker, self._arrivals = marker.encode(), {}
        self._all_arrived.clear()
        return {"armed": len(self._clients)}

    async def arrived(self, since_ns: int) -> dict[str, Any]:
        """How long after that moment each client had the frame that was armed for; waits until all have it."""
        async with asyncio.timeout(FIRST_S):
            await self._all_arrived.wait()
        self._marker = b""
        return {
            "arrived": len(self._arrivals),
            "ms": _quantiles([at - since_ns for at in self._arrivals.values()], 1e-6),
        }

    async def close(self) -> dict[str, Any]:
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()
        return {"closed": len(clients)}

    async def _connected(self, number: int) -> None:
        async with asyncio.timeout(FIRST_S):
            _, client = await asyncio.get_running_loop().create_connection(lambda: Client(self, number), *self._place)
            await client.ready
        self._clients[number] = client
        self._all_lost.clear()


def _quantiles(values: list[Any], scale: float) -> dict[str, float]:
    if not values:
        return {}
    ordered = sorted(values)
    return {
        name: round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * scale, 3)
        for name, share in {"min": 0.0, "p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}.items()
    }


async def _serve() -> None:
    crowd, loop = Crowd(), asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        try:
            answer = await getattr(crowd, command.pop("do"))(**command)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(_serve())
