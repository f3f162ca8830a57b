"""`python -m bench.peers`: the figures of Storyloom and, in turn on the same server, of what users would pick instead."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from bench import append, chat, load, story
from bench.effort import Effort
from bench.figure import Figure, measured, show
from bench.ground import MESSAGE, Database, Ground, prepared
from bench.machine import machine
from bench.wire import Wire

FOLDER = Path(__file__).parents[1]
PYTHON = FOLDER / ".peers-venv" / "bin" / "python"
OURS: dict[str, tuple[Callable[[Ground, Effort], Awaitable[list[Figure]]], int]] = {
    "append": (append.one, 200),
    "many": (append.many, 20),
    "size": (append.size, 50),
    "load": (load.cold, 20),
    "memory": (load.memory, 200),
    "story": (story.measure, 100),
    "chat": (chat.turns, 6),
}
"""Of each figure what measures ours, and how much one repetition of a peer's does."""
UNITS = {
    "append": "ms",
    "many": "messages/s",
    "size": "bytes a message",
    "load": "ms",
    "memory": "MB",
    "story": "stories/s",
    "chat": "turns/s",
}
WITH_SESSIONS, WITH_STORIES, WITH_CHATS = (
    ("agents", "adk", "langgraph"),
    ("langgraph", "dbos"),
    ("langgraph", "chainlit"),
)
QUIET = {
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "LANGSMITH_TRACING": "false",
    # It writes a folder of settings where it is imported.
    "CHAINLIT_APP_ROOT": str(FOLDER / ".peers-venv"),
}
PEERS = {"story": WITH_STORIES, "chat": WITH_CHATS}
SESSIONS, CHATS = 64, 50


async def _peer(ground: Ground, name: str, what: str, effort: Effort, count: int) -> list[Figure]:
    values: list[float] = []
    trips: list[float] = []
    told: dict[str, Any] = {}
    for number in range(effort.repetitions + (what not in ("size", "memory"))):
        async with ground.database() as database:
            if what == "size":
                told, value = await _size(database, name, count)
            else:
                told = await _measure(name, what, _tcpless(database), count)
                value = told["value"]
            if what == "append" and not trips:
                trips = [await _trips(database, name, "trips")]
        # The first is the warm-up, where there is one.
        if number or what in ("size", "memory"):
            values.append(value)
        if what in ("size", "memory"):
            break
    figures = [measured(f"{told['name']}: {what}", UNITS[what], values, note=told["note"])]
    if trips:
        figures.append(measured(f"{told['name']}: round trips of one append", "", trips))
    return figures


async def _size(database: Database, name: str, count: int) -> tuple[dict[str, Any], float]:
    before = await database.ask("select pg_database_size(current_database())")
    told = await _measure(name, "many", _tcpless(database), count)
    # Of the tables alone: what the peer made itself, empty, is a few pages.
    taken = await database.ask("select pg_database_size(current_database())") - before
    return told, taken / (count * SESSIONS)


async def _chat(ground: Ground, name: str, effort: Effort, count: int) -> list[Figure]:
    """Turns a second as the others; what one takes; and what is there after a kill in the middle of an answer."""
    figures = await _peer(ground, name, "chat", effort, count)
    about = figures[0].name.partition(":")[0]
    async with ground.database() as database:
        trips = await _trips(database, name, "chat_trips")
    async with ground.database() as database:
        before = await database.ask("select pg_database_size(current_database())")
        await _measure(name, "chat", _tcpless(database), count)
        size = await database.ask("select pg_database_size(current_database())") - before
    return [
        *figures,
        measured(f"{about}: round trips of a turn", "", [trips]),
        measured(f"{about}: in tables", "bytes a message", [size / (2 * CHATS * count)]),
        await _killed(ground, name, about),
    ]


async def _killed(ground: Ground, name: str, about: str) -> Figure:
    async with ground.database() as database:
        process = await _started(name, "cut", _tcpless(database), 1)
        assert process.stdin and process.stdout
        process.stdin.write(MESSAGE.encode() + b"\n")
        session = await process.stdout.readline()
        process.kill()
        await process.wait()
        process = await _started(name, "again", _tcpless(database), len(MESSAGE))
        out, _ = await process.communicate(session)
        found = json.loads(out.splitlines()[0])
    kept = f"{about}: kept of half an answer, killed"
    return measured(
        kept, f"of {len(MESSAGE) // 2} characters", [found["kept"]], note=f"There is then {found['there']}."
    )


async def _trips(database: Database, name: str, what: str, count: int = 20) -> float:
    async with Wire(database.socket) as wire:
        process = await _started(name, what, wire.url(database.admin_url).partition("?")[0], count)
        assert process.stdin and process.stdout
        process.stdin.write(MESSAGE.encode() + b"\n")
        counted = []
        for _ in range(2):
            assert (await process.stdout.readline()).strip() in (b"begin", b"end")
            counted.append(wire.round_trips)
            process.stdin.write(b"\n")
        await process.communicate()
        return (counted[1] - counted[0]) / count


async def _measure(name: str, what: str, url: str, count: int) -> dict[str, Any]:
    process = await _started(name, what, url, count)
    out, _ = await process.communicate(MESSAGE.encode() + b"\n")
    if process.returncode:
        raise RuntimeError(f"{name} failed at {what}")
    answer: dict[str, Any] = json.loads(out.splitlines()[-1])
    return answer


async def _started(name: str, what: str, url: str, count: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        str(PYTHON),
        "-m",
        "bench.peers.measure",
        name,
        what,
        url,
        str(count),
        cwd=FOLDER.parent,
        env={**os.environ, **QUIET},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


def _tcpless(database: Database) -> str:
    """The server's socket, as for our own store."""
    return f"postgresql://postgres@/{database.name}?host={database.socket.parent}"


async def _run(names: list[str], effort: Effort) -> None:
    found: list[Figure] = []
    async with prepared() as ground:
        about = machine(await ground.version())
        print(about, flush=True)
        for what in names:
            ours, count = OURS[what]
            figures = await ours(ground, effort)
            for peer in PEERS.get(what, WITH_SESSIONS):
                measure = _chat if what == "chat" else partial(_peer, what=what)
                figures += await measure(ground, peer, effort=effort, count=effort.of(count, 2))
            for figure in figures:
                print(figure.line, flush=True)
            found += figures
    show(found, about)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("figures", nargs="*", help=f"some of {', '.join(OURS)}; otherwise all")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--share", type=float, default=1.0)
    asked = parser.parse_args()
    if not PYTHON.exists():
        sys.exit("The peers' environment is missing: run `make bench-peers`, which makes it.")
    uvloop.run(_run(asked.figures or list(OURS), Effort(asked.repetitions, asked.share)))


if __name__ == "__main__":
    main()
