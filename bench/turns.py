"""Repetitions in turn: what is compared meets the same machine, disk and neighbours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bench.effort import Effort


async def in_turn(effort: Effort, parts: Mapping[str, Callable[[], Awaitable[float]]]) -> dict[str, list[float]]:
    """One warm-up and then the repetitions of every part, one after another, every other round in the reverse order."""
    values: dict[str, list[float]] = {name: [] for name in parts}
    for number in range(effort.repetitions + 1):
        for name in list(parts)[:: -1 if number % 2 else 1]:
            value = await parts[name]()
            if number:
                values[name].append(value)
    return values
