"""However a command is asked to end, it ends in order and leaves no database running."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from coordinator.store import embedded
from tests.chaos.node import SERVE, Node
from tests.chaos.record import eventually

SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


def database_runs(folder: Path) -> bool:
    return embedded._answers(folder / "postgres")


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_service_that_is_asked_to_end_leaves_no_database(folder: Path, number: signal.Signals) -> None:
    folder.mkdir(parents=True)
    node = await Node(folder).start()
    try:
        assert database_runs(folder)
        assert await node.end(number) == 0, node.told
        assert not database_runs(folder)
        assert "Traceback" not in node.told
    finally:
        await node.kill()


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("words", [["serve", "--port", "0"], ["migrate"], ["doctor"]], ids=lambda words: words[0])
async def test_a_command_that_is_ended_while_it_starts_leaves_no_database(
    folder: Path, number: signal.Signals, words: list[str], long: bool
) -> None:
    if number is not SIGNALS[0] and words[0] != "serve" and not long:
        pytest.skip("in the long form")
    folder.mkdir(parents=True)
    environment = {**os.environ, "STORYLOOM_DATA_DIR": str(folder), "STORYLOOM_LOG_FORMAT": "text"}
    process = await asyncio.create_subprocess_exec(
        *SERVE[:-1],
        *words,
        env=environment,
        cwd=folder.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        await eventually(lambda: asyncio.sleep(0, any(folder.glob("postgres*"))), "it has begun")
        process.send_signal(number)
        told, _ = await asyncio.wait_for(process.communicate(), 60)
        assert b"Traceback" not in told, told.decode()
        assert process.returncode == (0 if words[0] == "serve" else 128 + number), told.decode()
        assert not database_runs(folder)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_with_nohup_the_end_of_the_terminal_is_no_end(folder: Path) -> None:
    folder.mkdir(parents=True)
    node = Node(folder)
    ignoring = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); from storyloom.cli import main; main()"
    node.command = [sys.executable, "-c", ignoring, "serve"]
    await node.start()
    try:
        os.kill(node.process_id, signal.SIGHUP)
        assert (await node.get("/healthz"))["status"] == "ok"
        assert await node.end(signal.SIGTERM) == 0
    finally:
        await node.kill()
