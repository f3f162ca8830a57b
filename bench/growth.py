"""Growth: how long each operation takes with 1,000 sessions, and with 20,000 of 50 messages each.

`python -m bench.growth [--sessions N] [--messages M]`; with a large N it takes minutes, most of which is making them.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import uvloop

from bench.effort import Effort
from bench.figure import Figure, measured, show
from bench.ground import Database, Ground, manager_of, new_user, prepared
from bench.grow import grow
from bench.machine import machine
from bench.turns import in_turn
from coordinator.models import SERVICE, Identity, Status
from coordinator.store import Store
from coordinator.store.messages import NewMessage
from coordinator.store.sessions import Search

SMALL = 1000
CALLS = 20
WITHIN = 2.0
"""Times as long as in the small database, at the most."""
KEEP: dict[Status, float] = {"failed": 1e9, "cancelled": 1e9, "expired": 1e9}


@dataclass(frozen=True)
class Scene:
    """A grown database, a writer in it, an admin, and the writer's sessions."""

    store: Store
    writer: Identity
    admin: Identity
    sessions: list[UUID]

    @property
    def one(self) -> UUID:
        return random.choice(self.sessions)


OPERATIONS: dict[str, Callable[[Scene], Awaitable[Any]]] = {
    "a writer's list": lambda at: manager_of(at.store).list_sessions(at.writer),
    "a writer's search": lambda at: manager_of(at.store).list_sessions(at.writer, Search(q="lamp17")),
    "an admin's list": lambda at: manager_of(at.store).list_sessions(at.admin, everybody=True),
    "an admin's list of one status": lambda at: manager_of(at.store).list_sessions(
        at.admin, Search(status="failed"), everybody=True
    ),
    "an admin's search": lambda at: manager_of(at.store).list_sessions(
        at.admin, Search(q="lamp17 answers number 5"), everybody=True
    ),
    "statistics of a week": lambda at: at.store.gateway.read("service_stats", SERVICE, days=7, dead_s=6),
    "one session": lambda at: at.store.sessions.get(at.writer, at.one),
    "a snapshot": lambda at: at.store.record.snapshot(at.writer, at.one),
    "a replay of 100 events": lambda at: at.store.record.replay(at.writer, at.one, 1, 10, 100),
    "an append": lambda at: at.store.messages.append(
        at.one, None, NewMessage(id=uuid4(), role="user", content="A new one.")
    ),
    "the sweep": lambda at: manager_of(at.store, keep=KEEP).cleanup_expired_sessions(),
    "a claim": lambda at: at.store.nodes.claim("bench", room=5, per_user=5, held=[], dead_s=6),
    "a beat": lambda at: at.store.nodes.beat("bench", {}, {}, 6),
}


async def measure(ground: Ground, effort: Effort, sessions: int, messages: int) -> list[Figure]:
    async with AsyncExitStack() as stack:
        places = []
        for count in (SMALL, sessions):
            database = await stack.enter_async_context(ground.database())
            start = time.monotonic()
            async with database.connection() as connection:
                await grow(connection, count, messages)
            rows = await database.ask("select count(*) from public.session_messages")
            size = await database.ask("select pg_database_size(current_database())")
            print(
                f"{count:,} sessions, {rows:,} messages, {size / 2**20:,.0f} MiB, made in {time.monotonic() - start:.0f} s",
                flush=True,
            )
            places.append(await _scene(database, await stack.enter_async_context(database.store())))
        small, large = places
        figures = []
        for name, call in OPERATIONS.items():
            took = await in_turn(effort, {"small": partial(_each, call, small), "large": partial(_each, call, large)})
            figures.append(
                measured(name, "ms", took["large"], floors=took["small"], target=f"≤ {WITHIN:.0f} ×", most_ratio=WITHIN)
            )
            print(figures[-1].line, flush=True)
        return figures


async def _scene(database: Database, store: Store) -> Scene:
    admin = await new_user(store, admin=True)
    async with database.connection() as connection:
        cursor = await connection.execute(
            "select id, user_id from public.story_sessions where status = 'completed' and user_id ="
            " (select user_id from public.story_sessions where status = 'completed' order by created_at limit 1)"
        )
        found = await cursor.fetchall()
    user_id = found[0][1]
    claims = {"sub": str(user_id), "role": "authenticated"}
    writer = Identity(user_id=user_id, role="authenticated", claims=claims)
    return Scene(store, writer, admin, [session_id for session_id, _ in found])


async def _each(call: Callable[[Scene], Awaitable[Any]], scene: Scene) -> float:
    took = []
    for _ in range(CALLS):
        start = time.perf_counter()
        await call(scene)
        took.append(time.perf_counter() - start)
    return median(took) * 1000


async def _run(sessions: int, messages: int, repetitions: int) -> None:
    async with prepared() as ground:
        about = machine(await ground.version())
        show(await measure(ground, Effort(repetitions), sessions, messages), about)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--sessions", type=int, default=20_000)
    parser.add_argument("--messages", type=int, default=50)
    parser.add_argument("--repetitions", type=int, default=5)
    asked = parser.parse_args()
    uvloop.run(_run(asked.sessions, asked.messages, asked.repetitions))


if __name__ == "__main__":
    main()
