"""A small WebSocket server that plays one scene a connection."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from storyloom.client.backoff import Reconnect
from storyloom.client.events import Event

SESSION = "5e551000-0000-4000-8000-000000000001"
WRITER = "5e551000-0000-4000-8000-000000000002"
AT = "2026-11-21T06:00:00+00:00"
AT_ONCE = Reconnect(attempts=5, chance=lambda: 0.0)
Scene = Callable[["Actor"], Awaitable[None]]


def session(status: str = "active") -> dict[str, Any]:
    return {
        "id": SESSION,
        "user_id": WRITER,
        "status": status,
        "title": "Untitled",
        "created_at": AT,
        "updated_at": AT,
        "last_activity_at": AT,
        "expires_at": AT,
    }


class Actor:
    """The server's side of one connection."""

    def __init__(self, connection: ServerConnection, heard: list[dict[str, Any]]) -> None:
        self.connection = connection
        self._heard = heard

    async def hear(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(await self.connection.recv())
        self._heard.append(frame)
        return frame

    async def say(self, kind: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, **fields}))

    async def ready(self, heartbeat_s: float = 20) -> dict[str, Any]:
        """Lets the client in; answers what it asked for."""
        await self.hear()
        await self.say("ready", user_id=WRITER, role="authenticated", version="1", heartbeat_s=heartbeat_s)
        return await self.hear()

    async def event(self, seq: int, kind: str = "progress", epoch: int = 1, **fields: Any) -> None:
        await self.say(kind, session_id=SESSION, epoch=epoch, seq=seq, at=AT, **fields)

    async def snapshot(self, seq: int, epoch: int = 1, status: str = "active") -> None:
        await self.event(seq, "session.snapshot", epoch, session=session(status), messages=[])

    async def finish(self, seq: int, epoch: int = 1) -> None:
        await self.event(seq, "session.status", epoch, status="completed")

    async def drop(self) -> None:
        """Ends without a goodbye, as a process that was killed."""
        self.connection.transport.abort()

    async def linger(self) -> None:
        await self.connection.wait_closed()


class Stage:
    def __init__(self, url: str) -> None:
        self.url = url
        self.heard: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.faults: list[BaseException] = []
        self.scenes: list[Scene] = []

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.heard if frame["type"] == kind]


@asynccontextmanager
async def theatre(*scenes: Scene) -> AsyncIterator[Stage]:
    stage = Stage("")
    stage.scenes = list(scenes)

    async def play(connection: ServerConnection) -> None:
        assert connection.request is not None
        stage.paths.append(connection.request.path)
        try:
            await stage.scenes.pop(0)(Actor(connection, stage.heard))
        except ConnectionClosed:
            pass
        except BaseException as fault:
            stage.faults.append(fault)
            raise

    async with serve(play, "127.0.0.1", 0) as server:
        stage.url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield stage
    assert not stage.faults
    assert not stage.scenes, "the client did not come back for the next scene"


async def collect(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]


def numbers(events: list[Event]) -> list[tuple[int, int]]:
    return [(event.epoch, event.seq) for event in events]
