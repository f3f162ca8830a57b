"""Fair turns: who waits, in which order, and that no place is ever lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.errors import RateLimited, Unavailable
from coordinator.turns import Room, Turns

ROOM = Room(places=1, waiting=100, waiting_per_user=50, waiting_bytes=1_000)


async def settle() -> None:
    """Until every task that can go on has done so."""
    for _ in range(10):
        await asyncio.sleep(0)


class Scene:
    """Users that take places, and in which order they had them."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.had: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}

    def comes(self, user: str, name: str = "", size: int = 1) -> asyncio.Task[None]:
        name = name or f"{user}{len(self.ends)}"
        self.ends[name] = asyncio.Event()
        return asyncio.create_task(self._hold(user, name, size), name=name)

    async def _hold(self, user: str, name: str, size: int) -> None:
        async with self.turns.taken(user, size):
            self.had.append(name)
            await self.ends[name].wait()

    async def all_end(self) -> None:
        for end in self.ends.values():
            end.set()
        await settle()


async def test_one_user_never_delays_another_by_more_than_one_thing() -> None:
    scene = Scene(Turns(ROOM))
    tasks = [scene.comes("mary", f"mary {number}") for number in range(6)]
    await settle()
    tasks += [scene.comes("john", f"john {number}") for number in range(2)]
    tasks.append(scene.comes("anna", "anna 0"))
    await settle()
    await scene.all_end()
    await asyncio.gather(*tasks)
    assert scene.had == [
        "mary 0", "mary 1", "john 0", "anna 0", "mary 2", "john 1", "mary 3", "mary 4", "mary 5",
    ]  # fmt: skip


async def test_what_waits_is_bounded_for_each_user_for_all_and_in_bytes() -> None:
    scene = Scene(Turns(Room(places=1, waiting=4, waiting_per_user=2, waiting_bytes=100)))
    tasks = [scene.comes("mary"), scene.comes("mary"), scene.comes("mary", size=60)]
    await settle()
    with pytest.raises(RateLimited) as own:
        await scene.comes("mary")
    assert own.value.retry_after_s
    with pytest.raises(RateLimited):
        await scene.comes("john", size=50)
    tasks += [scene.comes("john"), scene.comes("anna")]
    await settle()
    with pytest.raises(RateLimited):
        await scene.comes("ruth")
    assert (scene.turns.waiting, scene.turns.waiting_bytes) == (4, 63)
    await scene.all_end()
    await asyncio.gather(*tasks)
    assert (scene.turns.waiting, scene.turns.waiting_bytes) == (0, 0)


async def test_who_waits_when_it_ends_is_told_so() -> None:
    scene = Scene(Turns(ROOM))
    first, second = scene.comes("mary"), scene.comes("john")
    await settle()
    scene.turns.close()
    with pytest.raises(Unavailable):
        await second
    await scene.all_end()
    await first
    with pytest.raises(Unavailable):
        await scene.comes("anna")


@asynccontextmanager
async def _taken(turns: Turns) -> AsyncIterator[None]:
    async with asyncio.timeout(5), turns.taken("the last", 1):
        yield


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.booleans()), max_size=20), st.integers(1, 3))
def test_no_place_is_lost_whoever_leaves_when(comings: list[tuple[str, int, bool]], places: int) -> None:
    async def play() -> None:
        turns = Turns(Room(places, 100, 100, 1_000))
        scene = Scene(turns)
        tasks = []
        for user, after, leaves in comings:
            task = scene.comes(user)
            for _ in range(after):
                await asyncio.sleep(0)
            if leaves:
                next(iter(scene.ends.values())).set()
                task.cancel()
            tasks.append(task)
        await scene.all_end()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (turns.waiting, turns.waiting_bytes) == (0, 0)
        for _ in range(places):
            async with _taken(turns):
                pass

    asyncio.run(play())
