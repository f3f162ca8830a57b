"""`storyloom serve` as a process of its own, which can be killed at any moment and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import httpx
from websockets.asyncio.client import connect

from coordinator.settings import Settings
from coordinator.store.embedded import EmbeddedPostgres
from tests.service import LIMITS, WAIT_S, Socket, bearer

START_S = 60
"""A loaded machine takes its time to import a model library."""
SERVE = [sys.executable, "-c", "from storyloom.cli import main; main()", "serve"]


class Node:
    """One server process on a data folder. `start` after `kill` or `end` begins the next one, on the same port."""

    def __init__(self, folder: Path, port: int = 0, **settings: Any) -> None:
        self.folder = folder
        self.port = port
        self.command = SERVE
        self.token = ""
        self.started_at = 0.0
        self.ready_at = 0.0
        self._told: list[str] = []
        self._process: asyncio.subprocess.Process | None = None
        self._listener: asyncio.Task[None] | None = None
        self._announced = asyncio.Event()
        self._environment = {
            "STORYLOOM_DATA_DIR": str(folder),
            "STORYLOOM_EVENT_FLUSH_S": "0.05",
            "STORYLOOM_LOG_LEVEL": "info",
            # As in a terminal, where it announces itself.
            "STORYLOOM_LOG_FORMAT": "text",
            **{f"STORYLOOM_{name.upper()}": str(value) for name, value in (LIMITS | settings).items()},
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def told(self) -> str:
        """All that its processes wrote to stderr so far."""
        return "".join(self._told)

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> Self:
        """Ready on return: it listens. The token of the machine's own writer comes from the data folder."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("STORYLOOM_", "DATABASE_URL"))
        }
        self._announced.clear()
        self.started_at = time.monotonic()
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            "--port",
            str(self.port),
            env={**kept, **self._environment},
            cwd=self.folder.parent,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._listener = asyncio.create_task(self._listen())
        ready = asyncio.create_task(self._announced.wait())
        await asyncio.wait({ready, self._listener}, timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        assert self._announced.is_set(), f"the service did not start:\n{self.told}"
        self.ready_at = time.monotonic()
        from api.identity.auth import local_token

        self.token = local_token(self.settings)
        return self

    @property
    def settings(self) -> Settings:
        return Settings(_env_file=None, data_dir=self.folder)  # type: ignore[call-arg]

    async def kill(self) -> None:
        """kill -9. On return the process is gone."""
        await self.end(signal.SIGKILL)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; its exit code."""
        assert self._process is not None and self._listener is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        code = await asyncio.wait_for(self._process.wait(), WAIT_S)
        await self._listener
        return code

    async def ended(self) -> int:
        """Its exit code, when it ends by itself."""
        assert self._process is not None and self._listener is not None
        code = await self._process.wait()
        await self._listener
        return code

    @asynccontextmanager
    async def socket(self, token: str | None = None) -> AsyncIterator[Socket]:
        async with connect(
            self.url.replace("http", "ws", 1) + "/ws/stories", max_size=None, close_timeout=1
        ) as connection:
            socket = Socket(connection)
            await socket.send(type="auth", token=token or self.token)
            assert (await socket.receive())["type"] == "ready"
            yield socket

    async def get(self, path: str, **params: Any) -> Any:
        """The JSON of an answer that must be a success."""
        async with httpx.AsyncClient(base_url=self.url, timeout=WAIT_S) as http:
            answer = await http.get(path, headers=bearer(self.token), params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, **body: Any) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.url, timeout=WAIT_S) as http:
            return await http.post(path, headers=bearer(self.token), json=body)

    async def _listen(self) -> None:
        assert self._process is not None and self._process.stderr is not None
        async for line in self._process.stderr:
            text = line.decode(errors="replace")
            self._told.append(text)
            if text.startswith("Storyloom is listening on "):
                self.port = int(text.rsplit(":", 1)[1])
            if "admin token" in text:
                self._announced.set()


@asynccontextmanager
async def started(folder: Path, **settings: Any) -> AsyncIterator[Node]:
    """A running node; at the end it is killed, and the folder's database is stopped."""
    folder.mkdir(parents=True, exist_ok=True)
    node = Node(folder, **settings)
    try:
        yield await node.start()
    finally:
        await node.kill()
        await stop_database(folder)


async def stop_database(folder: Path) -> None:
    """A node that was killed leaves its database running; its next user stops it at the end."""
    await (await EmbeddedPostgres.start(folder)).stop()
