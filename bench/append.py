"""Keeping messages: one at a time, many sessions at once, and what they take on disk."""

from __future__ import annotations

import asyncio
import time
from statistics import median
from uuid import UUID, uuid4

from bench.effort import Effort
from bench.figure import Figure, measured
from bench.ground import MESSAGE, Database, Ground, manager_of, new_session, new_user
from bench.turns import in_turn
from bench.wire import Wire
from coordinator.store.messages import NewMessage

SESSIONS = 64
BARE = "select bare.append(%s, %s, %s)"
SAME = "select public.append_message(%s, null, %s, 'user', %s)"


async def one(ground: Ground, effort: Effort) -> list[Figure]:
    """One append after another, each awaited."""
    calls = effort.of(400, 20)
    async with ground.database() as database, database.store() as store, database.connection() as connection:
        session_id = await new_session(store, await new_user(store))
        bare_id = await bare_session(database)
        manager = manager_of(store)

        async def ours() -> float:
            return await _each(calls, lambda: manager.save_message(None, session_id, NewMessage("user", MESSAGE)))

        async def bare() -> float:
            return await _each(calls, lambda: connection.execute(BARE, [bare_id, uuid4(), MESSAGE]))

        async def same() -> float:
            return await _each(calls, lambda: connection.execute(SAME, [session_id, uuid4(), MESSAGE]))

        took = await in_turn(effort, {"bare": bare, "ours": ours, "same": same})
        async with Wire(database.socket) as wire, database.store(wire.url(database.url)) as counted:
            remote = manager_of(counted)
            await remote.save_message(None, session_id, NewMessage("user", MESSAGE))
            trips = await wire.counted(lambda: remote.save_message(None, session_id, NewMessage("user", MESSAGE)))
    return [
        measured(
            "one awaited append",
            "ms",
            took["ours"],
            floors=took["bare"],
            target="≤ 1.25 × bare call",
            most_ratio=1.25,
            note="`manager.save_message` of 800 bytes. The bare call is one plpgsql function over one psycopg connection: "
            "counter, insert, commit. Ours also stores the event that readers are told. The same SQL function called "
            f"bare takes {median(took['same']):.3g} ms, so {median(took['ours']) - median(took['same']):.2g} ms are Python's.",
        ),
        measured("round trips of one append", "", [trips], target="1", most=1),
    ]


async def many(ground: Ground, effort: Effort) -> list[Figure]:
    """64 sessions, each appending one message after another."""
    each = effort.of(150, 5)
    async with ground.database() as database, database.store() as store, database.pool() as pool:
        owner = await new_user(store)
        sessions = [await new_session(store, owner) for _ in range(SESSIONS)]
        bare_sessions = [await bare_session(database) for _ in range(SESSIONS)]
        manager = manager_of(store)

        async def ours() -> float:
            return await _rate(sessions, each, lambda one: manager.save_message(None, one, NewMessage("user", MESSAGE)))

        async def append(one: UUID) -> object:
            async with pool.connection() as connection:
                return await connection.execute(BARE, [one, uuid4(), MESSAGE])

        async def bare() -> float:
            return await _rate(bare_sessions, each, append)

        rates = await in_turn(effort, {"bare": bare, "ours": ours})
    return [
        measured(
            "64 sessions appending at once",
            "messages/s",
            rates["ours"],
            floors=rates["bare"],
            target="≥ 2 × floor",
            least_ratio=2,
            note="The floor: 64 tasks that share ten connections, one bare call a message.",
        )
    ]


async def size(ground: Ground, effort: Effort) -> list[Figure]:
    """What a message of 800 bytes takes in all tables and their indexes."""
    each = effort.of(300, 30)
    async with ground.database() as database, database.store() as store:
        owner = await new_user(store)
        sessions = [await new_session(store, owner) for _ in range(SESSIONS)]
        manager = manager_of(store)
        before = await in_tables(database)
        await _rate(sessions, each, lambda one: manager.save_message(None, one, NewMessage("user", MESSAGE)))
        taken = (await in_tables(database) - before) / (each * SESSIONS)
    return [
        measured(
            "bytes in tables for an 800-byte message",
            "bytes",
            [taken],
            target="≤ 1.3 kB",
            most=1300,
            note=f"{each * SESSIONS:,} messages in {SESSIONS} sessions; message, event and every index counted, "
            "and what the sessions' updates leave behind until the vacuum.",
        )
    ]


async def bare_session(database: Database) -> UUID:
    session_id = uuid4()
    await database.ask("insert into bare.sessions (id) values (%s) returning id", session_id)
    return session_id


async def in_tables(database: Database) -> int:
    """Bytes of all tables and their indexes."""
    total: int = await database.ask(
        "select sum(pg_total_relation_size(oid))::bigint from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
    )
    return total


async def _each(calls: int, call) -> float:  # type: ignore[no-untyped-def]
    """The median call, in ms."""
    took = []
    for _ in range(calls):
        start = time.perf_counter()
        await call()
        took.append(time.perf_counter() - start)
    return median(took) * 1000


async def _rate(sessions: list[UUID], each: int, append) -> float:  # type: ignore[no-untyped-def]
    async def session(one: UUID) -> None:
        for _ in range(each):
            await append(one)

    start = time.perf_counter()
    await asyncio.gather(*map(session, sessions))
    return len(sessions) * each / (time.perf_counter() - start)
