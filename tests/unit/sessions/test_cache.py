"""The memory of sessions: its bounds, what it forgets first, what it counts, and loads that are shared."""

from __future__ import annotations

import asyncio
import gc
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.sessions.cache import Cache, SingleFlight


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def keys(cache: Cache[Any, Any], of: str = "abcdefgh") -> str:
    return "".join(key for key in of if cache.peek(key) is not None)


def test_the_least_recently_used_goes_first() -> None:
    cache: Cache[str, int] = Cache(3, 60)
    for number, key in enumerate("abc", 1):
        cache.put(key, number)
    assert cache.get("a") == 1
    assert cache.peek("b") == 2
    cache.put("d", 4)
    assert keys(cache) == "acd"
    cache.put("c", 5)
    cache.put("e", 6)
    cache.put("f", 7)
    assert keys(cache) == "cef"
    assert cache.peek("c") == 5


def test_entries_are_bounded_by_what_they_weigh() -> None:
    cache: Cache[str, str] = Cache(100, 60, most_bytes=10, weigh=len)
    cache.put("a", "1234")
    cache.put("b", "1234")
    assert cache.stats.bytes == 8
    cache.put("a", "12345")
    assert keys(cache) == "ab" and cache.stats.bytes == 9
    cache.put("c", "12345")
    assert keys(cache) == "ac" and cache.stats.bytes == 10
    cache.put("d", "more than there is room for")
    assert keys(cache) == "" and cache.stats.bytes == 0
    cache.put("e", "1")
    cache.drop("e")
    assert (cache.stats.bytes, cache.stats.size, cache.stats.evictions) == (0, 0, 4)


def test_what_is_not_used_for_long_goes() -> None:
    clock = Clock()
    cache: Cache[str, int] = Cache(10, 60, clock)
    cache.put("a", 1)
    clock.now += 40
    cache.put("b", 2)
    clock.now += 20
    assert cache.get("a") == 1
    clock.now += 41
    assert cache.get("b") is None
    assert keys(cache) == "a"
    clock.now += 60
    cache.put("c", 3)
    assert keys(cache) == "c"
    assert (cache.stats.evictions, cache.stats.size) == (2, 1)


def test_look_ups_are_counted() -> None:
    cache: Cache[str, int] = Cache(1, 60)
    assert cache.stats.hit_rate == 0.0
    cache.put("a", 1)
    before = cache.stats
    assert cache.get("a") == 1 and cache.get("x") is None and cache.peek("a") == 1
    assert cache.get("a", lambda value: value > 1) is None, "what can't be used is no hit"
    assert cache.get("a") == 1
    cache.put("b", 2)
    cache.drop("b")
    cache.drop("b")
    stats = cache.stats
    assert (stats.hits, stats.misses, stats.evictions, stats.size) == (2, 2, 1, 0)
    assert stats.hit_rate == 0.5
    assert before.hits == 0 and before.size == 1


@given(st.lists(st.tuples(st.sampled_from(["get", "put", "drop", "wait"]), st.integers(0, 7)), max_size=60))
def test_it_is_what_a_plain_model_says(acts: list[tuple[str, int]]) -> None:
    clock = Clock()
    cache: Cache[int, int] = Cache(4, 10, clock)
    model: OrderedDict[int, float] = OrderedDict()
    evictions = 0
    for act, key in acts:
        if act == "wait":
            clock.now += key
            continue
        if act == "drop":
            cache.drop(key)
            model.pop(key, None)
            continue
        if act == "put":
            model[key] = clock.now
            model.move_to_end(key)
        for idle in [one for one, used in model.items() if used < clock.now - 10]:
            del model[idle]
            evictions += 1
        if act == "put":
            cache.put(key, key)
            while len(model) > 4:
                model.popitem(last=False)
                evictions += 1
        else:
            assert (cache.get(key) is not None) == (key in model)
            if key in model:
                model[key] = clock.now
                model.move_to_end(key)
        assert {one for one in range(8) if cache.peek(one) is not None} == set(model)
        assert cache.stats.size <= 4 and cache.stats.evictions == evictions


class Source:
    """What is loaded: waits until it is let go, counts its loads."""

    def __init__(self, error: Exception | None = None) -> None:
        self.loads = 0
        self.go = asyncio.Event()
        self.error = error

    async def load(self) -> int:
        self.loads += 1
        number = self.loads
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return number


async def test_concurrent_loads_are_one() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    source, kept = Source(), list[int]()
    waiters = [asyncio.create_task(flights.load("a", None, source.load, kept.append)) for _ in range(20)]
    other = asyncio.create_task(flights.load("a", "another asker", source.load, kept.append))
    await asyncio.sleep(0)
    source.go.set()
    assert await asyncio.gather(*waiters) == [1] * 20
    assert await other == 2
    assert source.loads == 2 and kept == [1, 2]
    assert await flights.load("a", None, source.load, kept.append) == 3
    assert not flights._flights


async def test_an_error_is_everybodys_and_is_not_kept() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    source, kept = Source(KeyError("gone")), list[int]()
    waiters = [asyncio.create_task(flights.load("a", None, source.load, kept.append)) for _ in range(3)]
    await asyncio.sleep(0)
    source.go.set()
    outcomes = await asyncio.gather(*waiters, return_exceptions=True)
    assert all(isinstance(outcome, KeyError) for outcome in outcomes) and source.loads == 1
    source.error = None
    assert await flights.load("a", None, source.load, kept.append) == 2
    assert kept == [2] and not flights._flights


async def test_one_who_goes_away_takes_nobody_along() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    source, kept = Source(), list[int]()
    first, second = (asyncio.create_task(flights.load("a", None, source.load, kept.append)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.go.set()
    assert await second == 1 and source.loads == 1


async def test_when_all_have_gone_nothing_is_left_over() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    complaints: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    try:
        for error in (None, KeyError("gone")):
            source, kept = Source(error), list[int]()
            waiters = [asyncio.create_task(flights.load("a", None, source.load, kept.append)) for _ in range(3)]
            await asyncio.sleep(0)
            for waiter in waiters:
                waiter.cancel()
            await asyncio.gather(*waiters, return_exceptions=True)
            source.go.set()
            for _ in range(3):
                await asyncio.sleep(0)
            assert not flights._flights and kept == ([] if error else [1])
        del waiters, source
        gc.collect()
        await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(None)
    assert complaints == []


async def test_what_is_forgotten_while_it_loads_is_not_kept() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    source, kept = Source(), list[int]()
    before = asyncio.create_task(flights.load("a", None, source.load, kept.append))
    await asyncio.sleep(0)
    flights.forget("a")
    flights.forget("never loaded")
    after = asyncio.create_task(flights.load("a", None, source.load, kept.append))
    await asyncio.sleep(0)
    source.go.set()
    assert (await before, await after) == (1, 2)
    assert kept == [2] and not flights._flights
