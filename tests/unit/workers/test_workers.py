"""Worker processes: long texts are worked on beside the event loop, and whatever happens to them has an end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from coordinator.errors import Internal, TooLarge, Unavailable
from coordinator.telemetry.metrics import Metrics
from coordinator.workers.workers import AT_ONCE, Workers

LONG = AT_ONCE + 1
MARY, JOHN = uuid4(), uuid4()


@asynccontextmanager
async def started(processes: int = 1, time_s: float = 30) -> AsyncIterator[Workers]:
    workers = Workers(processes, time_s, Metrics())
    try:
        yield workers
    finally:
        await workers.close()
        assert not _children(), "no process is left"


def _children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "coordinator.workers.worker" in " ".join(child.cmdline())]


async def test_a_short_text_needs_no_process_and_a_long_one_gets_it() -> None:
    async with started() as workers:
        assert await workers.run(MARY, AT_ONCE, os.getpid) == os.getpid()
        assert not _children()
        pid = await workers.run(MARY, LONG, os.getpid)
        assert pid != os.getpid() and [child.pid for child in _children()] == [pid]
        assert await workers.run(JOHN, LONG, os.getpid) == pid, "it takes the next call, too"
        assert await workers.run(JOHN, LONG, str.upper, "é" * 3_000_000) == "É" * 3_000_000


async def test_a_process_has_nothing_of_the_services_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYLOOM_JWT_SECRET", "a secret that no other process needs to know")
    async with started() as workers:
        assert await workers.run(MARY, LONG, os.getenv, "STORYLOOM_JWT_SECRET") is None


async def test_what_takes_too_long_is_killed_and_others_go_on() -> None:
    async with started(time_s=1) as workers:
        first = await workers.run(MARY, LONG, os.getpid)
        with pytest.raises(TooLarge, match="given up"):
            # One call of C, which no signal of Python's and no thread could end.
            await workers.run(MARY, LONG, sum, range(10**12))
        assert not psutil.pid_exists(first)
        assert await workers.run(JOHN, LONG, os.getpid) != first


async def test_the_loop_answers_while_a_process_works() -> None:
    async with started(time_s=2) as workers:
        working = asyncio.create_task(workers.run(MARY, LONG, sum, range(10**12)))
        turns = 0
        while not working.done():
            turns += 1
            await asyncio.sleep(0.01)
        assert turns > 20
        with pytest.raises(TooLarge):
            await working


async def test_nobodys_work_is_ended_where_its_caller_leaves() -> None:
    async with started() as workers:
        pid = await workers.run(MARY, LONG, os.getpid)
        working = asyncio.create_task(workers.run(MARY, LONG, sum, range(10**12)))
        await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert not psutil.pid_exists(pid)
        assert await workers.run(JOHN, LONG, os.getpid) != pid


async def test_a_process_that_dies_is_told_of_and_replaced() -> None:
    async with started() as workers:
        with pytest.raises(Unavailable, match="try again"):
            await workers.run(MARY, LONG, os._exit, 1)
        idle = await workers.run(MARY, LONG, os.getpid)
        os.kill(idle, signal.SIGKILL)
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(idle).wait(5)
        with pytest.raises(Unavailable):
            await workers.run(MARY, LONG, os.getpid)
        assert await workers.run(MARY, LONG, os.getpid) != idle


async def test_a_fault_in_it_is_ours_and_quotes_nobodys_text(caplog: pytest.LogCaptureFixture) -> None:
    async with started() as workers:
        with pytest.raises(Internal):
            await workers.run(MARY, LONG, int, "a stranger's diary")
        assert "ValueError" in caplog.text and "diary" not in caplog.text
        assert await workers.run(MARY, LONG, len, "abc") == 3


async def test_the_end_of_the_service_ends_what_is_under_way() -> None:
    workers = Workers(1, 60, Metrics())
    await workers.run(MARY, LONG, os.getpid)
    working = [asyncio.create_task(workers.run(user, LONG, sum, range(10**12))) for user in (MARY, JOHN)]
    await asyncio.sleep(0.05)
    await workers.close()
    assert [type(end) for end in await asyncio.gather(*working, return_exceptions=True)] == [Unavailable, Unavailable]
    assert not _children()


SERVICE = """
import asyncio, os, sys
sys.path.insert(0, {root!r})
from coordinator.telemetry.metrics import Metrics
from coordinator.workers.workers import Workers

async def main():
    workers = Workers(1, 60, Metrics())
    print(await workers.run(None, 10**6, os.getpid), flush=True)
    await workers.run(None, 10**6, exec, "while True: pass")

asyncio.run(main())
"""


def test_no_process_outlives_a_service_that_was_killed_nor_hears_the_terminals_signals() -> None:
    program = SERVICE.format(root=str(Path(__file__).parents[3]))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        worker = psutil.Process(int(service.stdout.readline()))
        os.kill(worker.pid, signal.SIGINT)
        with pytest.raises(psutil.TimeoutExpired):
            worker.wait(timeout=0.3)
        service.kill()
    worker.wait(timeout=20)
