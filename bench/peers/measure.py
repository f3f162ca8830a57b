"""`python -m bench.peers.measure PEER WHAT URL COUNT`, in the peers' environment: one repetition, a line of JSON."""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import uvloop

from bench.peers.peer import ChatPeer, Peer, SessionPeer, StoryPeer

PEERS = {"langgraph": "LangGraph", "adk": "Adk", "agents": "Agents", "dbos": "Dbos", "chainlit": "Chainlit"}
SESSIONS, AT_ONCE, STEPS = 64, 50, 12


async def append(peer: SessionPeer, text: str, count: int) -> float:
    """The median append of one session, in ms."""
    session = await peer.new_session()
    return await _median(lambda: peer.append(session, text), count)


async def many(peer: SessionPeer, text: str, count: int) -> float:
    """Messages a second of 64 sessions."""
    sessions = [await peer.new_session() for _ in range(SESSIONS)]

    async def one(session: Any) -> None:
        for _ in range(count):
            await peer.append(session, text)

    start = time.perf_counter()
    await asyncio.gather(*map(one, sessions))
    return SESSIONS * count / (time.perf_counter() - start)


async def load(peer: SessionPeer, text: str, count: int) -> float:
    """The median load of 300 messages, in ms."""
    session = await peer.new_session()
    for _ in range(300):
        await peer.append(session, text)

    async def once() -> None:
        assert peer.count(await peer.load(session)) == 300

    return await _median(once, count)


async def memory(peer: SessionPeer, text: str, count: int) -> float:
    """So many loaded sessions of 20 messages, in MB for 1,000."""
    sessions = [await peer.new_session() for _ in range(count)]

    async def fill(session: Any) -> None:
        for _ in range(20):
            await peer.append(session, text)

    await asyncio.gather(*map(fill, sessions))
    await peer.load(sessions[0])
    gc.collect()
    tracemalloc.start()
    held = [await peer.load(session) for session in sessions]
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0]
    assert all(peer.count(one) == 20 for one in held)
    return taken / 1e6 / count * 1000


async def story(peer: StoryPeer, text: str, count: int) -> float:
    """Stories a second, 50 at once."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with turn:
            await peer.story(STEPS, text)

    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(count)))
    return count / (time.perf_counter() - start)


async def chat(peer: ChatPeer, text: str, count: int) -> float:
    """Turns a second of 50 chats."""
    sessions = [await peer.new_session() for _ in range(AT_ONCE)]

    async def one(session: Any) -> None:
        for _ in range(count):
            await peer.turn(session, text)

    start = time.perf_counter()
    await asyncio.gather(*map(one, sessions))
    return AT_ONCE * count / (time.perf_counter() - start)


async def trips(peer: SessionPeer, text: str, count: int) -> float:
    """Nothing but appends, with a line before and after them: who counts round trips listens at the wire."""
    session = await peer.new_session()
    return await _counted(lambda: peer.append(session, text), count)


async def chat_trips(peer: ChatPeer, text: str, count: int) -> float:
    """Nothing but turns, in the same way."""
    session = await peer.new_session()
    return await _counted(lambda: peer.turn(session, text), count)


async def cut(peer: ChatPeer, text: str, count: int) -> float:
    """Half an answer after a whole turn, then a line with the session; who reads it kills this process."""
    session = await peer.new_session()
    await peer.turn(session, text)
    await peer.half(session, text)
    print(json.dumps(session), flush=True)
    await asyncio.Event().wait()
    return 0.0


async def again(peer: ChatPeer, text: str, count: int) -> float:
    """What of such a session is there; its JSON comes in the place of the text, `count` is the length of its whole answer."""
    kept, there = await peer.again(json.loads(text), count)
    print(json.dumps({"kept": kept, "there": there}), flush=True)
    return 0.0


async def _counted(call: Callable[[], Awaitable[Any]], count: int) -> float:
    await call()
    for line in ("begin", "end"):
        print(line, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        if line == "begin":
            for _ in range(count):
                await call()
    return 0.0


async def _median(call: Callable[[], Awaitable[Any]], count: int) -> float:
    took = []
    for _ in range(count):
        start = time.perf_counter()
        await call()
        took.append(time.perf_counter() - start)
    return median(took) * 1000


async def _run(name: str, what: str, url: str, count: int) -> None:
    peer: Peer = getattr(importlib.import_module(f"bench.peers.{name}_peer"), PEERS[name])()
    await peer.open(url)
    try:
        text = sys.stdin.readline().strip()
        print(
            json.dumps({"value": await globals()[what](peer, text, count), "name": peer.name, "note": peer.note}),
            flush=True,
        )
    finally:
        await peer.close()


if __name__ == "__main__":
    uvloop.run(_run(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
