"""A prepared machine: how soon the first word, the help, the service; and what waiting costs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import psutil

from bench.effort import Effort
from bench.figure import Figure, measured
from bench.ground import Database, Ground, new_user
from bench.process import begun, node
from bench.recorded import PROMPT
from bench.turns import in_turn

STORYLOOM = Path(sys.executable).with_name("storyloom")
IDLE_S = 20.0
WAITING = 1000
WAIT = """
insert into public.story_sessions (user_id, prompt, template, model, status, ttl_s, expires_at, message_count, epoch)
select %s, 'A prompt.', 'short-story', 'offline:storyteller', 'awaiting_approval', 7200, now() + interval '2 hours', 0, 1
from generate_series(1, %s)
"""


async def measure(ground: Ground, effort: Effort) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="storyloom-bench-home-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        environment = {**os.environ, "STORYLOOM_DATA_DIR": str(folder / "data")}
        took = await in_turn(
            effort,
            {
                "python": lambda: _ended([sys.executable, "-c", "pass"], environment),
                "help": lambda: _ended([str(STORYLOOM), "--help"], environment),
                # The warm-up makes the database; what is measured is a machine that has one.
                "story": lambda: _first_word(environment),
            },
        )
        async with ground.database() as database:
            ready = await _ready(effort, folder, database)
            idle = await _idle(effort, folder, database)
    return [
        measured(
            "`make story` to the first token",
            "s",
            took["story"],
            target="< 3 s",
            most=3,
            note="`storyloom write --json` with an embedded database that exists and is stopped: to its first `agent.delta`. make "
            "itself adds its own start, some 10 ms.",
        ),
        measured(
            "`storyloom --help`",
            "s",
            took["help"],
            floors=took["python"],
            target="< 0.3 s",
            most=0.3,
            note="The floor: `python -c pass`.",
        ),
        measured(
            "`storyloom serve` ready",
            "s",
            ready,
            target="< 2 s",
            most=2,
            note="To the first answer of `/readyz` that is 200, on a running, migrated database.",
        ),
        measured(
            f"idle CPU with {WAITING:,} waiting sessions",
            "%",
            [idle],
            target="< 1 %",
            most=1,
            note=f"Of one core, node and its database connections' processes, over {IDLE_S:.0f} s; the sessions wait for an approval.",
        ),
    ]


async def _ended(command: list[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 0
    return time.perf_counter() - start


async def _first_word(environment: dict[str, str]) -> float:
    start = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        str(STORYLOOM),
        "write",
        "--json",
        "--pages",
        "1",
        PROMPT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        while line := await process.stdout.readline():
            if json.loads(line).get("type") == "agent.delta":
                return time.perf_counter() - start
        raise RuntimeError(f"the story had no word: {(await process.stderr.read()).decode()[-1000:]}")
    finally:
        process.terminate()
        await process.communicate()


async def _ready(effort: Effort, folder: Path, database: Database) -> list[float]:
    found = []
    for _ in range(effort.repetitions):
        start = time.perf_counter()
        served = await begun(folder / "data", database.admin_url)
        found.append(time.perf_counter() - start)
        await served.end()
    return found


async def _idle(effort: Effort, folder: Path, database: Database) -> float:
    async with database.store() as store, database.connection() as connection:
        owner = await new_user(store)
        await connection.execute(WAIT, [owner.user_id, WAITING])
        async with node(folder / "data", database.admin_url) as served:
            await asyncio.sleep(3)
            before, start = served.cpu_s + _backends(database.name), time.monotonic()
            await asyncio.sleep(max(2.0, IDLE_S * effort.share))
            return (served.cpu_s + _backends(database.name) - before) / (time.monotonic() - start) * 100


def _backends(database: str) -> float:
    """CPU of the database's processes that serve this database, in seconds."""
    total = 0.0
    for process in psutil.process_iter(["name", "cmdline", "cpu_times"]):
        if process.info["name"] == "postgres" and f" {database} " in " ".join(process.info["cmdline"] or []):
            total += process.info["cpu_times"].user + process.info["cpu_times"].system
    return total
