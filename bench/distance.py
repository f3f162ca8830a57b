"""A database far away: round trips of each operation, and what it takes with 0, 2 and 30 ms added to each."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any
from uuid import uuid4

from bench.effort import Effort
from bench.figure import Figure
from bench.ground import MESSAGE, Ground, manager_of, new_session, new_user
from bench.story import step_result
from bench.wire import Wire
from coordinator.sessions.memory import Room
from coordinator.store.messages import NewMessage
from coordinator.store.sessions import NewSession

DELAYS_MS = (0, 2, 30)
Operation = Callable[[], Awaitable[Any]]


async def measure(ground: Ground, effort: Effort) -> list[Figure]:
    figures = []
    repetitions = max(effort.repetitions, 5)
    async with (
        ground.database() as database,
        Wire(database.socket) as wire,
        database.store(wire.url(database.url)) as store,
    ):
        manager = manager_of(store, room=Room(1))
        owner = await new_user(store)
        session_id = await new_session(store, owner)
        run = await manager.recover_session(await new_session(store, owner))
        steps = iter(range(10_000))

        async def step() -> None:
            name = f"step-{next(steps)}"
            run.journal.emit("step.started", step=name, stage="drafting", agent="writer", attempt=1)
            await manager.runs.finish_step(run.journal, step_result(name, draft=False))

        operations: dict[str, Operation] = {
            "create a session": lambda: manager.create_session(
                owner, NewSession("A prompt.", template="short-story", model="offline:storyteller", kind="chat")
            ),
            "append a message": lambda: manager.save_message(None, session_id, NewMessage("user", MESSAGE)),
            "finish a step": step,
            "read a session": lambda: store.sessions.get(owner, session_id),
            "list sessions": lambda: manager.list_sessions(owner),
            "read 100 messages": lambda: manager.record.messages(owner, session_id, 100, None),
            "snapshot": lambda: manager.record.snapshot(owner, session_id),
            "replay": lambda: manager.record.replay(owner, session_id, 0, 0, 200),
            "claim a run": lambda: _claimed(manager, owner),
        }
        for name, operation in operations.items():
            took, trips = [], 0
            for delay in DELAYS_MS:
                wire.delay_s = delay / 1000
                await operation()
                trips = await wire.counted(operation)
                took.append(median([await _timed(operation) for _ in range(repetitions)]) * 1000)
            told = ", ".join(f"{ms:.1f} ms at {delay}" for ms, delay in zip(took, DELAYS_MS, strict=True))
            expected = 2 if name == "claim a run" else 1
            figures.append(
                Figure(
                    f"round trips: {name}",
                    trips,
                    "",
                    target=str(expected),
                    met=trips == expected,
                    note=f"{told} ms added" + (", with the creation of its session" if expected == 2 else ""),
                )
            )
        wire.delay_s = 0
        await manager.runs.release(run.journal)
    return figures


async def _claimed(manager, owner) -> None:  # type: ignore[no-untyped-def]
    run = await manager.recover_session(await new_session(manager.store, owner, request_id=str(uuid4())))
    await manager.runs.release(run.journal)


async def _timed(operation: Operation) -> float:
    start = time.perf_counter()
    await operation()
    return time.perf_counter() - start
