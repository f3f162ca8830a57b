"""Writes that come together go together: in order, each for itself, once, over both transports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest

from coordinator.errors import Conflict, Fenced, NotFound, Unavailable
from coordinator.models import SERVICE, Identity, StoryConfig
from coordinator.store import Store, grouping
from coordinator.store.messages import NewMessage
from coordinator.store.sessions import NewSession
from coordinator.store.transport import Transport
from tests.store.conftest import BOTH


class Counting:
    """A transport that counts, and can hold a call back or lose its answer."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.calls: list[str] = []
        self.sizes: list[int] = []
        self.open = asyncio.Event()
        self.open.set()
        self.lose = 0

    async def call(self, function: str, args: Mapping[str, Any], identity: Identity, shape: Any = None) -> Any:
        await self.open.wait()
        self.calls.append(function)
        answer = await self._transport.call(function, args, identity, shape)
        if function in ("append_messages", "write_many"):
            self.sizes.append(len(answer))
        if self.lose:
            self.lose -= 1
            raise Unavailable("lost")
        return answer

    def listen(self) -> None:
        return None

    async def close(self) -> None:
        await self._transport.close()


@pytest.fixture
async def counting(connect: Callable[[], Awaitable[Transport]]) -> Counting:
    return Counting(await connect())


@pytest.fixture
async def grouped(counting: Counting) -> Any:
    store = Store(counting, wait_s=5)
    yield store
    counting.open.set()
    await store.close()


@pytest.fixture(params=BOTH)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


Append = Callable[..., Awaitable[Any]]


@pytest.fixture
def append(grouped: Store) -> Append:
    async def one(session_id: UUID, content: str, message_id: UUID | None = None, **more: Any) -> Any:
        epoch = {"epoch": more.pop("epoch")} if "epoch" in more else {}
        return await grouped.messages.append(
            session_id,
            more.pop("owner", None),
            NewMessage(id=message_id or uuid4(), role="user", content=content, **more),
            **epoch,
        )

    return one


@pytest.fixture
def session(grouped: Store, user: Callable[..., Awaitable[Identity]]) -> Callable[[], Awaitable[UUID]]:
    async def make() -> UUID:
        owner = (await user()).user_id
        assert owner is not None
        made = await grouped.sessions.create(
            owner,
            NewSession(
                kind="story",
                prompt="A prompt.",
                template="short-story",
                config=StoryConfig(),
                model="offline:storyteller",
            ),
            ttl_s=600,
        )
        return made.session.id

    return make


async def test_what_comes_while_one_is_written_goes_as_one(
    grouped: Store, counting: Counting, session: Callable[[], Awaitable[UUID]], append: Append
) -> None:
    ids = [await session() for _ in range(5)]
    counting.calls.clear()
    answers = await asyncio.gather(*(append(ids[number % 5], f"number {number}") for number in range(40)))
    # Shared out between flushes.
    assert counting.calls == ["append_messages"] * 2 and sorted(counting.sizes) == [16, 24]
    counting.open.clear()
    first = asyncio.ensure_future(append(ids[0], "number 40"))
    await asyncio.sleep(0)
    others = asyncio.gather(*(append(ids[number % 5], f"number {number}") for number in range(41, 50)))
    counting.open.set()
    await asyncio.gather(first, others)
    # The others go at once beside the first, but for one of its session, which keeps its place.
    assert counting.calls[-3:] == ["append_message", "append_messages", "append_message"] and counting.sizes[-1] == 8
    told = [event for _, events in answers for event in events]
    for session_id in ids:
        stored = (await grouped.record.events(SERVICE, session_id, 0, 100)).items
        mine = [event for event in told if event["session_id"] == str(session_id)]
        assert [event for event in stored if event in mine] == mine and len(mine) == 8
        kept = (await grouped.record.messages(SERVICE, session_id, 100, None)).items
        assert [message.seq for message in kept] == list(range(1, 12))
        mine = [number for number in range(50) if ids[number % 5] == session_id]
        assert [message.content for message in kept[1:]] == [f"number {number}" for number in mine], "in their order"
    assert [message.content for message, _ in answers] == [f"number {number}" for number in range(40)]


async def test_an_idle_node_writes_at_once(
    counting: Counting, session: Callable[[], Awaitable[UUID]], append: Append
) -> None:
    session_id = await session()
    counting.calls.clear()
    for number in range(3):
        await append(session_id, f"number {number}")
    assert counting.calls == ["append_message"] * 3


async def test_one_that_is_refused_fails_alone(
    grouped: Store, counting: Counting, session: Callable[[], Awaitable[UUID]], append: Append
) -> None:
    session_id, other = await session(), await session()
    message_id = uuid4()
    counting.open.clear()
    tasks = [
        asyncio.ensure_future(one)
        for one in (
            append(session_id, "first"),
            append(session_id, "good", message_id),
            append(uuid4(), "nowhere"),
            append(other, "taken id", message_id),
            append(session_id, "old run", epoch=7),
            append(session_id, "last"),
        )
    ]
    await asyncio.sleep(0)
    counting.open.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    kinds = [type(answer) for answer in answers]
    assert kinds == [tuple, tuple, NotFound, Conflict, Fenced, tuple]
    assert str(answers[2]) == "There is no such session."
    kept = (await grouped.record.messages(SERVICE, session_id, 100, None)).items
    assert [message.content for message in kept] == ["A prompt.", "first", "good", "last"]
    assert (await grouped.sessions.get(SERVICE, session_id)).message_count == 4


async def test_a_lost_answer_of_a_group_stores_nothing_twice(
    grouped: Store, counting: Counting, session: Callable[[], Awaitable[UUID]], append: Append
) -> None:
    session_id = await session()
    counting.lose = 2
    await asyncio.gather(*(append(session_id, f"number {number}") for number in range(10)))
    assert len(counting.calls) > 2, "it was tried again"
    kept = (await grouped.record.messages(SERVICE, session_id, 100, None)).items
    assert sorted(message.content for message in kept[1:]) == sorted(f"number {number}" for number in range(10))
    assert [message.seq for message in kept] == list(range(1, 12))


async def test_who_stops_waiting_neither_loses_nor_doubles_a_write(
    grouped: Store, counting: Counting, session: Callable[[], Awaitable[UUID]], append: Append
) -> None:
    session_id = await session()
    counting.open.clear()
    tasks = [asyncio.ensure_future(append(session_id, f"number {number}")) for number in range(4)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.sleep(0)
    counting.open.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [True, False, True, False]
    kept = (await grouped.record.messages(SERVICE, session_id, 100, None)).items
    assert [message.content for message in kept[1:]] == [f"number {number}" for number in range(4)]


async def test_closing_writes_what_waits(
    counting: Counting, grouped: Store, store: Store, session: Callable[[], Awaitable[UUID]], append: Append
) -> None:
    session_id = await session()
    counting.open.clear()
    tasks = [asyncio.ensure_future(append(session_id, f"number {number}")) for number in range(5)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(grouped.close())
    await asyncio.sleep(0)
    counting.open.set()
    await closing
    assert all(isinstance(answer, tuple) for answer in await asyncio.gather(*tasks))
    assert (await store.sessions.get(SERVICE, session_id)).message_count == 6


async def test_a_group_is_bounded_in_number_and_length(
    counting: Counting, session: Callable[[], Awaitable[UUID]], append: Append, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await session()
    monkeypatch.setattr(grouping, "GROUP_CALLS", 4)
    await asyncio.gather(*(append(session_id, "short") for _ in range(10)))
    assert counting.sizes == [4, 4, 2]
    counting.sizes.clear()
    monkeypatch.setattr(grouping, "GROUP_CHARACTERS", 3000)
    await asyncio.gather(*(append(session_id, "x" * 1000) for _ in range(6)))
    assert counting.sizes == [2, 2, 2]
    monkeypatch.setattr(grouping, "WAITING_CALLS", 3)
    counting.open.clear()
    tasks = [asyncio.ensure_future(append(session_id, "one too many")) for _ in range(5)]
    await asyncio.sleep(0)
    counting.open.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(answer, tuple) for answer in answers) >= 3
