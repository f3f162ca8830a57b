"""The other processes of a figure: the service, the bare server, crowds of clients. Ended with their block."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from coordinator.settings import RATES

END_S = 30.0
READY_S = 60.0
LINE_BYTES = 2**24


@dataclass
class Served:
    """A server process on a loopback port."""

    process: asyncio.subprocess.Process
    port: int

    @property
    def cpu_s(self) -> float:
        """Of the process, all its threads, so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    @property
    def resident(self) -> int:
        """Bytes."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), END_S)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()


@asynccontextmanager
async def node(data_dir: Path, database_url: str, **settings: Any) -> AsyncIterator[Served]:
    """As `begun`, ended with the block."""
    served = await begun(data_dir, database_url, **settings)
    try:
        yield served
    finally:
        await served.end()


async def begun(
    data_dir: Path,
    database_url: str,
    *,
    module: str = "storyloom.cli",
    port: int = 0,
    environment: Mapping[str, str] | None = None,
    **settings: Any,
) -> Served:
    """A service in a process of its own, ready, with no limits. `module` is what runs, and may stand something in."""
    port = port or free_port()
    environment = {
        "STORYLOOM_DATA_DIR": str(data_dir),
        "DATABASE_URL": database_url,
        "STORYLOOM_LOG_LEVEL": "warning",
        "STORYLOOM_CONNECTIONS_PER_USER": "100000",
        "STORYLOOM_CONNECTIONS_PER_ADDRESS": "100000",
        "STORYLOOM_PAGES_AT_WORK": "1000000",
        "STORYLOOM_SESSIONS_PER_USER": "1000000",
        **(environment or {}),
        **{f"STORYLOOM_{name.upper()}": "off" for name in RATES},
        **{f"STORYLOOM_{name.upper()}": str(value) for name, value in settings.items()},
    }
    code = (
        "from storyloom.cli import main; main()" if module == "storyloom.cli" else f"from {module} import main; main()"
    )
    served = await _started(["-c", code, "serve", "--port", str(port)], port, environment)
    await answering(port, "/readyz", served)
    return served


@asynccontextmanager
async def bare(streams_per_second: float) -> AsyncIterator[Served]:
    """The bare server of the floors."""
    port = free_port()
    served = await _started(["-m", "bench.bare_server", str(port), str(streams_per_second)], port, {})
    try:
        await answering(port, "/", served)
        yield served
    finally:
        await served.end()


async def answering(port: int, path: str, served: Served | None = None) -> None:
    """Returns with the first answer that is no refusal."""
    deadline = time.monotonic() + READY_S
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5) as http:
        while time.monotonic() < deadline:
            try:
                if (await http.get(path)).status_code < 500:
                    return
            except httpx.TransportError:
                pass
            if served is not None and served.process.returncode is not None:
                raise RuntimeError("the server ended at its start")
            await asyncio.sleep(0.005)
    raise RuntimeError(f"nothing answered on port {port}")


class Crowd:
    """A process of clients; `do` sends it a command and answers what it answers."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def do(self, name: str, **arguments: Any) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"do": name, **arguments}).encode() + b"\n")
        await self.process.stdin.drain()
        answer: dict[str, Any] = json.loads(await self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(f"the clients failed to {name}: {answer['error']}")
        return answer


@asynccontextmanager
async def crowds(count: int = 1) -> AsyncIterator[list[Crowd]]:
    made: list[Crowd] = []
    try:
        for _ in range(count):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bench.crowd",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=LINE_BYTES,
            )
            made.append(Crowd(process))
        yield made
    finally:
        for crowd in made:
            assert crowd.process.stdin
            crowd.process.stdin.close()
            await crowd.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _started(arguments: list[str], port: int, environment: Mapping[str, str]) -> Served:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={**os.environ, **environment},
        stderr=asyncio.subprocess.DEVNULL if "BENCH_LOG" not in os.environ else None,
    )
    return Served(process, port)
