"""Turns of chats with a model that answers at once, and opening chats of any length."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from statistics import median, quantiles
from typing import Any
from uuid import uuid4

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from bench.append import in_tables
from bench.effort import Effort
from bench.figure import Figure, measured
from bench.ground import MESSAGE, Database, Ground
from bench.talks import MODEL, Chat, Talking, made, talking
from bench.turns import in_turn
from bench.wire import Wire
from coordinator.store import Store
from coordinator.store.turns import AnswerResult, NewTurn

AT_ONCE = 50
BEFORE = 20
"""Messages of a chat before the first turn that is measured."""
FIRST_WITHIN_MS = 5
SAY = "select bare.say(%s, %s, %s, %s, %s, %s, %s)"
ANSWER = "select bare.answer(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
SAID = ["agent.message", "session.status", "turn.started"]
ANSWERED = ["agent.state", "agent.message", "usage", "session.status"]
"""The events of a turn, in the call that stores them. A run's state is told before its answer, and stored with it."""

COLUMNS = (
    "m.id, m.seq, m.role, m.agent, m.step, m.content, m.metadata, m.audio_url, m.model, m.tokens, m.cost_usd, m.created_at,"
    " m.parent_seq, m.author_id"
)
PAGE, NEWEST = 200, 50
SELECT = f"select {COLUMNS} from public.session_messages m where m.session_id = %s and m.seq = any (%s) order by m.seq"


async def turns(ground: Ground, effort: Effort) -> list[Figure]:
    """50 chats that go on, each with a turn after the other."""
    each = effort.of(6)
    first: dict[str, list[list[float]]] = {
        "alone": [],
        "50 at once, each a turn a second": [],
        "50 at once, without a pause": [],
    }
    async with ground.database() as database, database.store() as store, database.pool() as pool:

        async def bare() -> float:
            chats = await made(database, store, AT_ONCE, BEFORE)
            return await _rate(chats, each, lambda chat, number: _bare_turn(pool, chat, number))

        async def kept() -> float:
            """The two calls, told and numbered, without an agent."""
            chats = await made(database, store, AT_ONCE, BEFORE)
            async with talking(store) as talk:
                return await _rate(chats, each, lambda chat, _: _kept_turn(talk, chat))

        async def whole() -> float:
            chats = await made(database, store, AT_ONCE, BEFORE)
            async with talking(store) as talk:
                await talk.watch(chats)
                took: list[float] = []
                rate = await _rate(chats, each, lambda chat, _: _timed(talk, chat, took))
                await _as_they_should(database, chats, each)
            first["50 at once, without a pause"].append(took)
            return rate

        async def paced() -> float:
            chats = await made(database, store, AT_ONCE, BEFORE)
            async with talking(store) as talk:
                await talk.watch(chats)
                took: list[float] = []

                async def turn(chat: Chat, number: int) -> None:
                    # They don't all speak in the same moment.
                    await asyncio.sleep(random.random() if number == 1 else 1)
                    await _timed(talk, chat, took)

                rate = await _rate(chats, each, turn)
            first["50 at once, each a turn a second"].append(took)
            return rate

        async def alone() -> float:
            [chat] = await made(database, store, 1, BEFORE)
            async with talking(store) as talk:
                await talk.watch([chat])
                took: list[float] = []
                rate = await _rate([chat], 5 * each, lambda chat, _: _timed(talk, chat, took))
            first["alone"].append(took)
            return 1000 / rate

        rates = await in_turn(effort, {"bare": bare, "kept": kept, "whole": whole, "paced": paced, "alone": alone})
        trips = await _trips(database)
        size = await _size(database, store, each)
    return [
        measured(
            "a chat turn, instant model, 50 at once",
            "turns/s",
            rates["whole"],
            floors=rates["bare"],
            target="≥ 0.5 × floor",
            least_ratio=0.5,
            note=f"Chats of {BEFORE} messages that go on, each with a reader: `ChatCoordinator.send`, the agent's call of a "
            "model that gives 800 characters at once, the answer kept. The floor: the same rows and columns (two messages, "
            f"{len(SAID) + len(ANSWERED)} events, the session's counters) by two plpgsql calls a turn over ten connections.",
        ),
        measured(
            "a chat turn, durable part, 50 at once",
            "turns/s",
            rates["kept"],
            floors=rates["bare"],
            note="The two calls of the store with all that a node makes of them, and no agent.",
        ),
        measured("a chat turn, one after another", "ms", rates["alone"], note="The same, of one chat."),
        measured("round trips of a chat turn", "", trips, target="2", most=2),
        measured(
            "bytes in tables for an 800-byte message of a chat",
            "bytes",
            [size],
            note="Of a turn's two messages one; with its events, every index, and what the session's updates leave behind.",
        ),
        *(_first(f"first token after the model's, {what}", rows[1:]) for what, rows in first.items()),
    ]


async def opening(ground: Ground, effort: Effort) -> list[Figure]:
    """What a reader is shown first: the newest page of a chat, and all that a watcher needs."""
    figures = []
    shapes = {
        "100 messages": (100, 0),
        "10,000 messages": (10_000, 0),
        "10,000 messages, 500 answered again": (10_000, 10),
    }
    async with ground.database() as database, database.store() as store, database.connection() as connection:
        for name, (messages, every) in shapes.items():
            [chat] = await made(database, store, 1, messages, again_every=every)
            for what, limit in (("the snapshot of", PAGE), ("the newest page of", NEWEST)):
                took = await _opened(effort, store, connection, chat, limit)
                figures.append(
                    measured(
                        f"opening: {what} a chat of {name}",
                        "ms",
                        took["ours"],
                        floors=took["bare"],
                        target="≤ 1.3 × one SELECT",
                        most_ratio=1.3,
                        note=f"{limit} messages of 800 characters as the owner, under row level security. The floor: one SELECT "
                        "of the same rows and columns as the tables' owner, their numbers given, to tuples.",
                    )
                )
    return figures


async def _opened(
    effort: Effort, store: Store, connection: AsyncConnection[Any], chat: Chat, limit: int
) -> dict[str, list[float]]:
    page = await store.turns.branch(chat.owner, chat.id, limit, None)
    numbers = [message.seq for message in page.messages]

    async def bare() -> None:
        rows = await (await connection.execute(SELECT, [chat.id, numbers])).fetchall()
        assert len(rows) == len(numbers)

    async def ours() -> None:
        if limit == PAGE:
            told = await store.record.snapshot(chat.owner, chat.id)
            assert len(told["messages"]) == len(numbers)
        else:
            found = await store.turns.branch(chat.owner, chat.id, limit, None)
            assert len(found.messages) == len(numbers)

    calls = effort.of(40, 5)
    return await in_turn(effort, {"bare": lambda: _each(calls, bare), "ours": lambda: _each(calls, ours)})


def _first(name: str, rows: list[list[float]]) -> Figure:
    """Of the repetitions, each of which has the ages of many."""
    late = median(quantiles(row, n=20)[-1] for row in rows)
    return measured(
        name,
        "ms",
        [median(row) for row in rows],
        target=f"≤ {FIRST_WITHIN_MS} ms",
        most=FIRST_WITHIN_MS,
        note=f"From the model's first piece to the frame at a reader on the same node; 95 % within {late:.1f} ms.",
    )


async def _trips(database: Database, count: int = 5) -> list[float]:
    async with Wire(database.socket) as wire, database.store(wire.url(database.url)) as counted:
        [chat] = await made(database, counted, 1, BEFORE)
        async with talking(counted) as talk:
            await talk.watch([chat])
            await talk.turn(chat)
            return [await wire.counted(lambda: talk.turn(chat)) for _ in range(count)]


async def _size(database: Database, store: Store, each: int) -> float:
    chats = await made(database, store, AT_ONCE, BEFORE)
    before = await in_tables(database)
    async with talking(store) as talk:
        await _rate(chats, each, lambda chat, _: _kept_turn(talk, chat))
    return (await in_tables(database) - before) / (2 * len(chats) * each)


async def _timed(talk: Talking, chat: Chat, took: list[float]) -> None:
    await talk.turn(chat)
    took.append((chat.told - chat.written) * 1000)


async def _kept_turn(talk: Talking, chat: Chat) -> None:
    posted, taken = await talk.manager.turns.post(chat.owner, NewTurn(MESSAGE, session_id=chat.id))
    assert posted.turn is not None and taken is not None
    taken.journal.emit("agent.state", agent="muse", state="thinking", activity="answering")
    result = AnswerResult(posted.turn.message_id, "muse", MESSAGE, MODEL, 300, 0.001)
    await talk.manager.turns.finish(taken.journal, result)
    await talk.manager.turns.release(taken.journal)


async def _bare_turn(pool: AsyncConnectionPool[AsyncConnection[Any]], chat: Chat, number: int) -> None:
    answer_id, seq = uuid4(), number * (len(SAID) + len(ANSWERED))
    turn = {
        "message_id": str(answer_id),
        "answers": number,
        "by": str(chat.owner.user_id),
        "epoch": number,
        "after_seq": seq,
    }
    usage = {"muse": {"tokens": 300 * number, "cost_usd": 0.001 * number}}
    said: list[dict[str, Any]] = [
        {},
        {"status": "active", "reason": "asked"},
        {"message_id": str(answer_id), "agent": "muse", "answers": number},
    ]
    answered: list[dict[str, Any]] = [
        {"agent": "muse", "state": "thinking", "activity": "answering"},
        {},
        {"tokens": 300 * number, "cost_usd": 0.001 * number, "by_agent": usage},
        {"status": "waiting", "reason": "answered"},
    ]
    async with pool.connection() as connection:
        await connection.execute(
            SAY, [chat.id, uuid4(), MESSAGE, Jsonb(turn), seq, SAID, [Jsonb(payload) for payload in said]]
        )
    async with pool.connection() as connection:
        of_events = [seq + len(SAID), ANSWERED, [Jsonb(payload) for payload in answered]]
        await connection.execute(ANSWER, [chat.id, answer_id, MESSAGE, MODEL, 300, 0.001, Jsonb(usage), *of_events])


async def _as_they_should(database: Database, chats: list[Chat], each: int) -> None:
    """That a turn of ours stores what the floor does, and nothing less."""
    ids = [chat.id for chat in chats]
    messages = await database.ask("select sum(message_count) from public.story_sessions where id = any (%s)", ids)
    assert messages == len(chats) * (BEFORE + 2 * each), messages
    events = await database.ask("select count(*) from public.session_events where session_id = any (%s)", ids)
    assert events == len(chats) * (BEFORE * 7 // 2 + (len(SAID) + len(ANSWERED)) * each), events


async def _rate(chats: list[Chat], each: int, turn: Callable[[Chat, int], Awaitable[None]]) -> float:
    """Turns a second."""

    async def chat_goes_on(chat: Chat) -> None:
        for number in range(1, each + 1):
            await turn(chat, number)

    start = time.perf_counter()
    await asyncio.gather(*map(chat_goes_on, chats))
    return len(chats) * each / (time.perf_counter() - start)


async def _each(calls: int, call: Callable[[], Awaitable[None]]) -> float:
    """The median call, in ms."""
    took = []
    for _ in range(calls):
        start = time.perf_counter()
        await call()
        took.append(time.perf_counter() - start)
    return median(took) * 1000
