"""Turns: bounded, fair by user, and given back whatever happens."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.errors import RateLimited, Unavailable
from coordinator.workers.turns import Room, Turns


class Asked:
    """One who has asked for a turn, and leaves when told to."""

    def __init__(self, turns: Turns, user: str, order: list[str]) -> None:
        self.user = user
        self.leave = asyncio.Event()
        self.task = asyncio.create_task(self._be(turns, order))

    async def _be(self, turns: Turns, order: list[str]) -> None:
        async with turns.turn(self.user):
            order.append(self.user)
            await self.leave.wait()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_another_user_waits_for_one_of_anybodys_turns_and_no_longer() -> None:
    turns, order = Turns(Room(2, 20, 10, "books")), list[str]()
    greedy = [Asked(turns, "greedy", order) for _ in range(6)]
    await settled()
    others = [Asked(turns, name, order) for name in ("one", "two")]
    await settled()
    assert order == ["greedy"] * 2
    greedy[0].leave.set()
    await settled()
    assert order[2:] == ["one"]
    others[0].leave.set()
    await settled()
    assert order[3:] == ["two"]
    for one in (*greedy, *others):
        one.leave.set()
    await asyncio.gather(*(one.task for one in (*greedy, *others)))
    assert Counter(order) == {"greedy": 6, "one": 1, "two": 1} and turns.taken == turns.waiting == 0


async def test_what_is_too_much_is_refused_with_when_to_come_again() -> None:
    turns, order = Turns(Room(1, 2, 2, "books")), list[str]()
    asked = [Asked(turns, user, order) for user in ("a", "a", "b")]
    await settled()
    with pytest.raises(RateLimited, match="2 of your books are under way") as mine:
        async with turns.turn("a"):
            pass
    with pytest.raises(Unavailable, match="Too many books wait") as all_taken:
        async with turns.turn("c"):
            pass
    assert mine.value.retry_after_s and all_taken.value.retry_after_s
    for one in asked:
        one.leave.set()
    await asyncio.gather(*(one.task for one in asked))
    async with turns.turn("c"):
        pass


async def test_who_leaves_while_waiting_or_in_the_moment_of_being_served_keeps_no_place() -> None:
    turns, order = Turns(Room(1, 5, 5, "books")), list[str]()
    first, second, third = (Asked(turns, user, order) for user in "abc")
    await settled()
    second.task.cancel()
    await settled()
    assert turns.waiting == 1
    first.leave.set()
    while not first.task.done():
        await asyncio.sleep(0)
    # Given to the third by now, who may not know of it yet.
    third.task.cancel()
    await asyncio.gather(second.task, third.task, return_exceptions=True)
    assert turns.taken == turns.waiting == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=40))
async def test_no_place_is_lost_or_given_twice(steps: list[tuple[str, bool]]) -> None:
    turns, order, asked = Turns(Room(2, 10, 4, "books")), list[str](), list[Asked]()
    for user, leaves in steps:
        if leaves and asked:
            one = asked.pop(0)
            one.leave.set() if one.task.done() or len(asked) % 2 else one.task.cancel()
        else:
            asked.append(Asked(turns, user, order))
        await settled()
        assert turns.taken <= 2 and (turns.taken == 2 or turns.waiting == 0)
    for one in asked:
        one.task.cancel()
    await asyncio.gather(*(one.task for one in asked), return_exceptions=True)
    await settled()
    assert turns.taken == turns.waiting == 0


async def test_what_waits_is_bounded_in_bytes() -> None:
    turns = Turns(Room(1, 9, 9, "texts", waiting_bytes=100))

    async def comes(size: int) -> None:
        async with turns.turn(size, size):
            await end.wait()

    end = asyncio.Event()
    tasks = [asyncio.create_task(comes(size)) for size in (500, 60)]
    await settled()
    with pytest.raises(Unavailable, match="Too many texts"):
        await comes(50)
    tasks.append(asyncio.create_task(comes(40)))
    await settled()
    assert (turns.waiting, turns.waiting_bytes) == (2, 100)
    end.set()
    await asyncio.gather(*tasks)
    assert (turns.waiting, turns.waiting_bytes) == (0, 0)


async def test_who_waits_when_it_ends_is_told_so() -> None:
    turns, order = Turns(Room(1, 9, 9, "books")), list[str]()
    first, second = Asked(turns, "a", order), Asked(turns, "b", order)
    await settled()
    turns.close()
    with pytest.raises(Unavailable, match="ending"):
        await second.task
    first.leave.set()
    await first.task
    with pytest.raises(Unavailable, match="ending"):
        await Asked(turns, "c", order).task
    assert order == ["a"] and turns.taken == turns.waiting == 0
