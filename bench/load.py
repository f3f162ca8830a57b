"""Reading a session that is not in memory, and what sessions in memory take."""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from statistics import median
from uuid import uuid4

from bench.effort import Effort
from bench.figure import Figure, measured
from bench.ground import MESSAGE, Ground, manager_of, new_session, new_user
from bench.turns import in_turn
from coordinator.sessions.memory import Room
from coordinator.store.messages import NewMessage
from coordinator.store.versions import NewDraft

MESSAGES = 300
SELECT = (
    "select id, seq, role, agent, step, content, metadata, audio_url, model, tokens, cost_usd, created_at"
    " from public.session_messages where session_id = %s order by seq"
)
SESSIONS = 1000


async def cold(ground: Ground, effort: Effort) -> list[Figure]:
    """300 messages of one session, as its owner."""
    loads = effort.of(40, 5)
    async with ground.database() as database, database.store() as store, database.connection() as connection:
        owner = await new_user(store)
        session_id = await new_session(store, owner)
        for _ in range(MESSAGES - 1):
            await store.messages.append(session_id, None, NewMessage(id=uuid4(), role="user", content=MESSAGE))
        await connection.execute("vacuum analyze")

        async def ours() -> float:
            async def once() -> None:
                page = await store.record.messages(owner, session_id, MESSAGES, None)
                assert len(page.items) == MESSAGES

            return await _each(loads, once)

        async def bare() -> float:
            async def once() -> None:
                rows = await (await connection.execute(SELECT, [session_id])).fetchall()
                assert len(rows) == MESSAGES

            return await _each(loads, once)

        took = await in_turn(effort, {"bare": bare, "ours": ours})
    return [
        measured(
            "cold load of 300 messages",
            "ms",
            took["ours"],
            floors=took["bare"],
            target="≤ 1.3 × one SELECT",
            most_ratio=1.3,
            note="`store.record.messages` as the owner, under row level security, to 300 validated `Message`s. "
            "The floor: one SELECT of the same rows and columns as the tables' owner, to tuples.",
        )
    ]


async def memory(ground: Ground, effort: Effort) -> list[Figure]:
    """1,000 sessions of 20 messages each in the manager's memory."""
    async with ground.database() as database, database.store() as store:
        owner = await new_user(store)
        manager = manager_of(store, room=Room(SESSIONS))
        sessions = [await new_session(store, owner) for _ in range(SESSIONS)]
        for one in sessions:
            await store.versions.append(one, None, NewDraft(version=1, author="writer", content=MESSAGE * 4))
        gates = [
            store.messages.append(one, None, NewMessage(id=uuid4(), role="user", content=MESSAGE))
            for one in sessions
            for _ in range(19)
        ]
        for first in range(0, len(gates), 2000):
            await asyncio.gather(*gates[first : first + 2000])
        del gates
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for one in sessions:
            await manager.get_session(owner, one)
            await manager.get_latest_draft(owner, one)
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert manager.memory.stats.size == SESSIONS
    return [
        measured(
            "1,000 cached sessions of 20 messages",
            "MB",
            [taken / 1e6],
            target="≤ 25 MB",
            most=25,
            note="Session and current draft (3,200 characters) of each, by tracemalloc. Messages are not kept in memory: "
            "they are read when somebody asks for them, which the figure above is the price of.",
        )
    ]


async def _each(loads: int, once) -> float:  # type: ignore[no-untyped-def]
    took = []
    for _ in range(loads):
        start = time.perf_counter()
        await once()
        took.append(time.perf_counter() - start)
    return median(took) * 1000
