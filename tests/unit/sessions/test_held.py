"""Bytes held for who is connected: who is let go when it is too much, and that the others read on."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from coordinator.models import Identity
from coordinator.sessions.events import Event
from coordinator.sessions.held import Held
from coordinator.sessions.snapshots import Snapshots
from coordinator.sessions.streams import Attachment, Reader, TooSlow
from tests.unit.sessions.test_streams import SESSION, deltas, event

KB = 1000


def note(number: int, size: int) -> Event:
    return Event({"type": "agent.message", "session_id": SESSION, "epoch": 1, "seq": number, "message": "m" * size})


def test_whoever_makes_the_node_hold_most_is_let_go_first_and_by_address() -> None:
    held, gone = Held(100), list[str]()
    accounts = {name: held.account(name[0], lambda name=name: gone.append(name)) for name in ("a1", "a2", "a3", "b1")}
    accounts["b1"].add(40)
    for name in ("a1", "a2", "a3"):
        accounts[name].add(20 if name != "a2" else 15)
    assert not gone and held.bytes == 95
    # b1 holds most of all connections, but the address a holds more than b.
    accounts["a3"].add(6)
    assert gone == ["a3"] and held.bytes == 75 and held.let_go == 1
    accounts["a3"].add(1000)
    accounts["a3"].close()
    assert held.bytes == 75
    accounts["b1"].add(1000)
    assert gone == ["a3", "b1"] and held.bytes == 35


async def test_room_is_waited_for_and_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(100)
    account = held.account("a", lambda: None)
    account.add(60)
    waiting = asyncio.create_task(held.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    account.add(-30)
    await asyncio.wait_for(waiting, 1)
    account.add(30)
    monkeypatch.setattr("coordinator.sessions.held.ROOM_WAIT_S", 0.01)
    await asyncio.wait_for(held.room(), 1)


def test_a_reader_that_never_reads_is_bounded_in_bytes() -> None:
    held, told = Held(10_000 * KB), list[str]()
    reader = Reader(1000, lambda: told.append("too slow"), most_bytes=1000 * KB, held=held)
    for number in range(1, 1000):
        reader.offer(note(number, 100 * KB))
        assert reader.bytes <= 1200 * KB
    assert told == ["too slow"] and reader.bytes == held.bytes == 0


async def test_what_is_read_is_held_no_more_and_what_is_being_sent_still_is() -> None:
    held = Held(10_000 * KB)
    reader = Reader(1000, most_bytes=1000 * KB, held=held)
    for number in (1, 2):
        reader.offer(note(number, 100 * KB))
    await reader.next()
    assert 200 * KB < held.bytes < 202 * KB
    await reader.next()
    assert 100 * KB < held.bytes < 102 * KB
    reading = asyncio.create_task(reader.next())
    await asyncio.sleep(0)
    assert held.bytes == 0
    reader.offer("x")
    assert await reading == "x"
    reader.close()
    assert held.bytes == 0


async def test_a_long_past_waits_for_room_in_bytes_and_a_frame_larger_than_all_is_sent_alone() -> None:
    reader = Reader(1000, most_bytes=1000 * KB)
    await reader.put(note(1, 3000 * KB))
    waiting = asyncio.create_task(reader.put(note(2, 3000 * KB)))
    await asyncio.sleep(0)
    # What is live meanwhile has its room beside it.
    for number in range(3, 9):
        reader.offer(note(number, 100 * KB))
    assert not reader.too_slow and not waiting.done()
    for _ in range(7):
        await reader.next()
    await asyncio.sleep(0)
    reading = asyncio.create_task(reader.next())
    await asyncio.wait_for(waiting, 1)
    assert len(await reading) > 3000 * KB and not reader.too_slow


def test_a_text_that_nobody_reads_costs_no_more_than_its_bytes() -> None:
    held = Held(100_000 * KB)
    reader = Reader(1000, most_bytes=1000 * KB, held=held)
    # Joined to one, each piece would copy all before it: 10 GB of copying.
    for one in deltas(*["word "] * 40_000):
        reader.offer(one)
    assert not reader.too_slow and len(reader._waiting) < 50
    assert 400 * KB <= held.bytes <= 600 * KB
    for one in deltas(*["word " * 1000] * 1000):
        reader.offer(one)
    assert reader.too_slow and held.bytes == 0


def test_what_waits_for_a_replay_is_bounded_in_bytes_too() -> None:
    held = Held(10_000 * KB)
    reader = Reader(1000, most_bytes=1000 * KB, held=held)
    attachment = Attachment(reader, SESSION, [note(1, 100 * KB)], 1000)
    for number in range(2, 6):
        attachment.publish(note(number, 100 * KB))
    assert 500 * KB < held.bytes < 505 * KB
    attachment.take_back(5)
    assert 400 * KB < held.bytes < 405 * KB
    attachment.go_live()
    assert 400 * KB < held.bytes < 405 * KB and reader._held_back == 0
    other = Attachment(reader, SESSION, [], 1000)
    for number in range(6, 30):
        other.publish(note(number, 100 * KB))
    assert reader.too_slow and held.bytes == 0


def test_a_watch_that_ends_holds_nothing() -> None:
    held = Held(10_000 * KB)
    reader = Reader(1000, most_bytes=1000 * KB, held=held)
    attachment = Attachment(reader, SESSION, [event(1)], 1000)
    attachment.publish(event(2))
    attachment.end()
    attachment.publish(event(3))
    assert held.bytes == 0


# -- Snapshots ---------------------------------------------------------------------------------------------------------


class Reads:
    def __init__(self) -> None:
        self.begun = 0
        self.go = asyncio.Event()

    async def __call__(self, identity: Identity, session_id: Any) -> dict[str, Any]:
        self.begun += 1
        number = self.begun
        await self.go.wait()
        return {"type": "session.snapshot", "seq": number}


async def test_who_asks_while_one_is_read_gets_a_later_one_and_all_of_them_the_same() -> None:
    reads = Reads()
    snapshots = Snapshots(reads, asyncio.Semaphore(4))
    writer, session_id = Identity(user_id=uuid4(), role="authenticated", claims={}), uuid4()
    first = asyncio.create_task(snapshots.get(writer, session_id))
    while not reads.begun:
        await asyncio.sleep(0)
    later = [asyncio.create_task(snapshots.get(writer, session_id)) for _ in range(480)]
    other = asyncio.create_task(snapshots.get(Identity(user_id=uuid4(), role="authenticated", claims={}), session_id))
    await asyncio.sleep(0)
    later[0].cancel()
    reads.go.set()
    made = await asyncio.gather(*later, return_exceptions=True)
    assert (await first).seq == 1
    assert len({id(one) for one in made[1:]}) == 1 and made[1] is not await first and made[1] is not await other
    assert reads.begun == 3 and not snapshots._reading and not snapshots._next


async def test_a_read_that_fails_fails_for_those_who_waited_and_for_nobody_after() -> None:
    fails = [True]

    async def read(identity: Identity, session_id: Any) -> dict[str, Any]:
        if fails:
            fails.pop()
            raise TooSlow
        return {"type": "session.snapshot", "seq": 1}

    snapshots = Snapshots(read, asyncio.Semaphore(1))
    writer, session_id = Identity(user_id=uuid4(), role="authenticated", claims={}), uuid4()
    with pytest.raises(TooSlow):
        await snapshots.get(writer, session_id)
    assert (await snapshots.get(writer, session_id)).seq == 1
