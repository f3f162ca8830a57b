"""StorySessionManager over the real store: whose session it is, what is remembered how long, and who numbers what."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from coordinator.errors import Conflict, Fenced, Forbidden, NotFound, Unavailable
from coordinator.models import SERVICE, Failure, Identity, Session
from coordinator.sessions.events import from_storage
from coordinator.sessions.journal import Journal
from coordinator.sessions.manager import StorySessionManager
from coordinator.sessions.memory import FRESH_S, HELD_FRESH_S, Room
from coordinator.sessions.streams import Attachment, Reader, Streams
from coordinator.store import Store
from coordinator.store.direct import DirectTransport
from coordinator.store.messages import NewMessage
from coordinator.store.runs import Failing
from coordinator.store.sessions import NewSession
from coordinator.store.transport import Transport
from coordinator.store.versions import NewDraft
from tests.conftest import Database
from tests.store.test_store import step


class Counting:
    """A transport that counts calls, and can hold one up or fail it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.calls: Counter[str] = Counter()
        self.hold: dict[str, asyncio.Event] = {}
        self.away: set[str] = set()

    async def call(self, function: str, args: Mapping[str, Any], identity: Identity, shape: Any = None) -> Any:
        self.calls[function] += 1
        if function in self.away:
            raise Unavailable("Away.")
        answer = await self._transport.call(function, args, identity, shape)
        if function in self.hold:
            # What it answers is as of before; it arrives later.
            await self.hold[function].wait()
        return answer

    async def close(self) -> None:
        await self._transport.close()


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Node:
    """A manager with a store, a clock and streams of its own, as another process has."""

    def __init__(self, database: Database, name: str, transport: DirectTransport) -> None:
        self.transport = Counting(transport)
        self.clock = Clock()
        self.streams = Streams()
        self.store = Store(self.transport, wait_s=0.05)
        self.manager = StorySessionManager(
            self.store, self.streams, node=name, room=Room(5, idle_s=60), flush_s=0.01, clock=self.clock
        )
        self.database = database

    async def create(self, owner: Identity, prompt: str = "A bell under water.") -> Session:
        return (await self.manager.create_session(owner, NewSession(prompt, template="noir", model="m"))).session

    def watch(self, session_id: UUID, after: int = 0) -> tuple[Reader, Attachment]:
        reader = Reader(1_000)
        attachment = self.streams.attach(reader, session_id, 1_000)
        # The third event is the first run's claim.
        attachment.start_after(int(after > 2), after)
        attachment.go_live()
        return reader, attachment


@pytest.fixture
async def nodes(database: Database) -> Any:
    made = [Node(database, name, await DirectTransport.open(database.url, 4)) for name in ("here", "there")]
    yield made
    for node in made:
        for journal in node.manager.runs.held().values():
            await node.manager.runs.release(journal)
        await node.store.close()


@pytest.fixture
def here(nodes: list[Node]) -> Node:
    return nodes[0]


@pytest.fixture
def there(nodes: list[Node]) -> Node:
    return nodes[1]


async def drained(reader: Reader) -> list[dict[str, Any]]:
    import json

    return [json.loads(await reader.next()) for _ in range(len(reader._waiting))]


async def stored(node: Node, owner: Identity, session_id: UUID) -> list[dict[str, Any]]:
    return (await node.store.record.events(owner, session_id, 0, 1_000)).items


def result(journal: Journal, name: str = "draft-1", **more: Any) -> dict[str, Any]:
    made = step(journal.session_id, name, 0, **more)
    return {key: value for key, value in made.items() if key not in ("after_seq", "delta_from")}


# -- Whose it is -------------------------------------------------------------------------------------------------------


async def test_memory_answers_only_whose_it_is(here: Node, user: Callable[..., Any]) -> None:
    owner, other, admin = await user(), await user(), await user(admin=True)
    session = await here.create(owner)
    anonymous = Identity(user_id=owner.user_id, role="anon")

    async def refused(who: Identity) -> None:
        with pytest.raises((NotFound, Forbidden)):
            await here.manager.get_session(who, session.id)
        with pytest.raises((NotFound, Forbidden)):
            await here.manager.get_latest_draft(who, session.id)

    await refused(other)
    assert (await here.manager.get_session(owner, session.id)).id == session.id
    calls = here.transport.calls["get_session"]
    with pytest.raises(NotFound):
        await here.manager.get_session(other, session.id)
    assert here.transport.calls["get_session"] == calls, "it was memory that refused"
    for journal in (None, (await here.manager.recover_session(session.id)).journal):
        for who in (owner, admin, SERVICE):
            assert (await here.manager.get_session(who, session.id)).id == session.id
        if journal is not None:
            draft = {"content": "One.", "word_count": 1, "current": True}
            await here.manager.runs.finish_step(journal, result(journal, draft=draft))
        draft_calls = here.transport.calls["get_draft"]
        kept = [await here.manager.get_latest_draft(owner, session.id) for _ in range(2)]
        assert here.transport.calls["get_draft"] == draft_calls + (1 if kept[0] else 2)
        for who in (other, anonymous):
            await refused(who)
        assert (await here.manager.get_session(owner, session.id)).user_id == owner.user_id
        await refused(other)
    for refused_write in (
        here.manager.save_message(other, session.id, NewMessage("user", "x")),
        here.manager.steering.rename(other, session.id, "x"),
        here.manager.save_draft(other, session.id, NewDraft("x", version=2)),
        here.manager.steering.delete(other, session.id),
        here.manager.steering.change_status(other, session.id, "cancelled", ("active",)),
    ):
        with pytest.raises(NotFound):
            await refused_write
    assert [one.id for one in (await here.manager.list_sessions(owner)).items] == [session.id]
    assert (await here.manager.list_sessions(other)).items == []
    with pytest.raises(Forbidden):
        await here.manager.list_sessions(other, everybody=True)
    with pytest.raises(Forbidden):
        await here.manager.get_session(Identity(user_id=None, role="anon"), uuid4())


async def test_concurrent_loads_of_one_session_are_one_call_each_asker(here: Node, user: Callable[..., Any]) -> None:
    owner, other = await user(), await user()
    session = await here.create(owner)
    here.transport.hold["get_session"] = asyncio.Event()
    asked = [asyncio.create_task(here.manager.get_session(owner, session.id)) for _ in range(30)]
    refused = [asyncio.create_task(here.manager.get_session(other, session.id)) for _ in range(30)]
    asked[0].cancel()
    await asyncio.sleep(0.01)
    here.transport.hold["get_session"].set()
    outcomes = await asyncio.gather(*asked, *refused, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert all(isinstance(outcome, Session) for outcome in outcomes[1:30])
    assert all(isinstance(outcome, NotFound) for outcome in outcomes[30:])
    assert here.transport.calls["get_session"] == 2
    assert not here.manager.memory._loads._flights


# -- How old it is -----------------------------------------------------------------------------------------------------


async def test_what_is_awaited_is_seen_at_once_here_and_there(
    here: Node, there: Node, user: Callable[..., Any]
) -> None:
    owner = await user()
    for held in (False, True):
        session = await here.create(owner)
        if held:
            await here.manager.recover_session(session.id)
        await here.manager.get_session(owner, session.id)
        message = await here.manager.save_message(
            owner, session.id, NewMessage("user", "Make it rain.", metadata={"a": 1})
        )
        assert (await here.manager.get_session(owner, session.id)).message_count == 2
        one = await here.manager.save_draft(owner, session.id, NewDraft("One two.", version=1))
        assert (await here.manager.get_latest_draft(owner, session.id)) == one and one.word_count == 2
        two = await here.manager.save_draft(owner, session.id, NewDraft("Two.", version=2))
        assert (await here.manager.get_latest_draft(owner, session.id)) == two
        await here.manager.save_draft(owner, session.id, NewDraft("Three.", version=3, current=False))
        assert (await here.manager.get_latest_draft(owner, session.id)) == two
        await here.manager.steering.rename(owner, session.id, "Rain")
        for node in (here, there):
            seen = await node.manager.get_session(owner, session.id)
            assert (seen.title, seen.message_count, seen.draft_version) == ("Rain", 2, 2)
            assert (await node.manager.record.messages(owner, session.id, 9, None)).items[-1] == message
            draft = await node.manager.get_latest_draft(owner, session.id)
            assert draft is not None and (draft.version, draft.content, draft.current) == (2, "Two.", True)
            assert (await node.manager.record.draft(owner, session.id, 3)).current is False
        done = await here.manager.runs.complete(session.id)
        assert done.status == "completed"
        for node in (here, there):
            node.clock.now += FRESH_S
            assert (await node.manager.get_session(owner, session.id)).status == "completed"
            assert (await node.manager.record.story(owner, session.id)).content == "Two."
    failed = await here.create(owner)
    await here.manager.runs.fail(failed.id, Failing(Failure(code="unavailable", message="No model.")))
    seen = await here.manager.get_session(owner, failed.id)
    assert seen.status == "failed" and seen.error is not None and seen.error.message == "No model."
    await here.manager.steering.delete(owner, failed.id)
    with pytest.raises(NotFound):
        await here.manager.get_session(owner, failed.id)


async def test_a_load_that_began_before_a_write_is_not_answered_after_it(here: Node, user: Callable[..., Any]) -> None:
    owner = await user()
    session = await here.create(owner)
    here.transport.hold["get_session"] = asyncio.Event()
    before = asyncio.create_task(here.manager.get_session(owner, session.id))
    await asyncio.sleep(0.02)
    await here.manager.steering.rename(owner, session.id, "New")
    after = asyncio.create_task(here.manager.get_session(owner, session.id))
    await asyncio.sleep(0.02)
    here.transport.hold["get_session"].set()
    assert (await before).title == "A bell under water."
    assert (await after).title == "New"
    assert (await here.manager.get_session(owner, session.id)).title == "New"


@pytest.mark.parametrize(("held", "fresh_s"), [(False, FRESH_S), (True, HELD_FRESH_S)])
async def test_what_another_node_changes_is_seen_in_time(
    held: bool, fresh_s: float, here: Node, there: Node, user: Callable[..., Any]
) -> None:
    owner = await user()
    session = await here.create(owner)
    if held:
        await here.manager.recover_session(session.id)
    await here.manager.get_session(owner, session.id)
    await there.manager.steering.rename(owner, session.id, "New")
    here.clock.now += fresh_s - 0.01
    calls = here.transport.calls["get_session"]
    assert (await here.manager.get_session(owner, session.id)).title == "A bell under water."
    assert here.transport.calls["get_session"] == calls
    here.clock.now += 0.01
    assert (await here.manager.get_session(owner, session.id)).title == "New"


async def test_memory_is_bounded_and_measured(here: Node, user: Callable[..., Any]) -> None:
    owner = await user()
    sessions = [await here.create(owner) for _ in range(8)]
    for session in sessions:
        await here.manager.get_session(owner, session.id)
    for session in sessions[3:]:
        await here.manager.get_session(owner, session.id)
    stats = here.manager.memory.stats
    assert (stats.size, stats.evictions, stats.hits, stats.misses) == (5, 3, 5, 8)
    here.clock.now += FRESH_S
    await here.manager.get_session(owner, sessions[-1].id)
    assert here.manager.memory.stats.hits == 5, "an answer from the store is no hit"
    here.clock.now += 61
    await here.manager.get_session(owner, sessions[0].id)
    assert here.manager.memory.stats.size == 1


# -- Runs --------------------------------------------------------------------------------------------------------------


async def test_what_is_remembered_of_a_run_is_what_the_store_has(
    here: Node, there: Node, user: Callable[..., Any]
) -> None:
    owner = await user()
    session = await here.create(owner)
    for node in (here, there):
        recovered = await node.manager.recover_session(session.id)
        assert recovered.prompt == "A bell under water." and recovered.session.epoch == recovered.journal.epoch
        for agent, name in (("writer", "a"), ("reader", "b"), ("writer", "c")):
            journal = recovered.journal
            await node.manager.runs.finish_step(journal, result(journal, f"{name}-{journal.epoch}", agent=agent))
            remembered = await node.manager.get_session(owner, session.id)
            assert remembered == await node.store.sessions.get(owner, session.id)
            assert remembered.usage_by_agent["writer"].tokens > 0
        await node.manager.save_message(owner, session.id, NewMessage("user", "Go on."))
        assert (await node.manager.get_session(owner, session.id)) == await node.store.sessions.get(owner, session.id)
    assert len(recovered.steps) == 3 and all(one["status"] == "done" for one in recovered.steps)


async def test_people_and_a_run_write_at_once_and_numbers_do_not_clash(
    here: Node, there: Node, user: Callable[..., Any]
) -> None:
    owner = await user()
    session = await here.create(owner)
    journal = (await here.manager.recover_session(session.id)).journal
    reader, _ = here.watch(session.id, 3)
    far, _ = there.watch(session.id, 3)

    async def tell() -> None:
        for number in range(60):
            journal.emit(
                "agent.delta", message_id="m", agent="writer", attempt=1, offset=number * 2, text=f"{number:02}"
            )
            if number % 20 == 0:
                journal.emit("agent.state", agent="writer", state="writing", activity=str(number))
            await asyncio.sleep(0.001)

    async def draft() -> None:
        for version in range(1, 6):
            await here.manager.save_draft(owner, session.id, NewDraft(f"Draft {version}.", version=version))

    await asyncio.gather(
        tell(),
        draft(),
        *(here.manager.save_message(owner, session.id, NewMessage("user", f"Note {number}")) for number in range(25)),
    )
    await journal.flush()
    rows = await stored(here, owner, session.id)
    told = await drained(reader)
    covered = [number for row in rows for number in range(row["seq"] - len(row.get("parts", "x")) + 1, row["seq"] + 1)]
    assert covered == list(range(1, rows[-1]["seq"] + 1)), "numbered without gap or clash"
    assert {frame["seq"] for frame in told} <= set(covered) and told[-1]["seq"] == covered[-1]
    assert [frame["seq"] for frame in told] == sorted({frame["seq"] for frame in told})
    for seen in (told, [from_storage(row, 0).fields for row in rows]):
        assert "".join(one["text"] for one in seen if one["type"] == "agent.delta") == "".join(
            f"{n:02}" for n in range(60)
        )
        messages = [
            one["message"]["seq"] for one in seen if one["type"] == "agent.message" and one["message"]["seq"] > 1
        ]
        assert messages == list(range(2, 27))
        assert [one["version"] for one in seen if one["type"] == "draft.saved"] == [1, 2, 3, 4, 5]
    await there.manager.feed.follow()
    assert (await drained(far))[-1]["seq"] == covered[-1]


async def test_released_it_is_an_ordinary_session_again(here: Node, user: Callable[..., Any]) -> None:
    owner = await user()
    session = await here.create(owner)
    journal = (await here.manager.recover_session(session.id)).journal
    journal.emit("agent.state", agent="writer", state="writing", activity="x")
    assert here.manager.runs.held() == {session.id: journal}
    await here.manager.runs.release(journal)
    await here.manager.runs.release(journal)
    assert here.manager.runs.held() == {} and here.streams.last_told(session.id) == 0
    assert [row["type"] for row in await stored(here, owner, session.id)][-1] == "agent.state", "it was stored first"
    await here.manager.get_session(owner, session.id)
    here.clock.now += FRESH_S
    calls = here.transport.calls["get_session"]
    await here.manager.get_session(owner, session.id)
    assert here.transport.calls["get_session"] == calls + 1


async def test_a_claim_that_can_not_be_told_holds_nothing(here: Node, there: Node, user: Callable[..., Any]) -> None:
    owner = await user()
    session = await here.create(owner)
    await there.manager.save_message(owner, session.id, NewMessage("user", "More."))
    here.watch(session.id, 2)
    here.transport.away = {"events_after"}
    with pytest.raises(Unavailable):
        await here.manager.recover_session(session.id)
    assert here.manager.runs.held() == {}
    here.transport.away = set()
    assert (await here.manager.recover_session(session.id)).session.epoch == 2


async def test_a_replaced_run_writes_nothing_and_stops(here: Node, there: Node, user: Callable[..., Any]) -> None:
    owner = await user()
    session = await here.create(owner)
    old = (await here.manager.recover_session(session.id)).journal
    stopped: list[str] = []
    old.on_fenced = lambda: stopped.append("run")
    new = (await there.manager.recover_session(session.id)).journal
    old.emit("agent.state", agent="writer", state="writing", activity="of the old run")
    for _ in range(200):
        if stopped:
            break
        await asyncio.sleep(0.01)
    assert stopped == ["run"] and old.fenced
    old.emit("agent.state", agent="writer", state="writing", activity="of the old run")
    for refused in (
        here.manager.runs.finish_step(old, result(old)),
        here.manager.runs.complete(session.id),
        here.manager.save_message(None, session.id, NewMessage("assistant", "x")),
    ):
        with pytest.raises(Fenced):
            await refused
    # A person's word is kept all the same, and the run that goes on is not disturbed.
    assert (await here.manager.save_message(owner, session.id, NewMessage("user", "Still here."))).seq == 2
    new.emit("agent.state", agent="writer", state="writing", activity="of the new run")
    await new.flush()
    rows = await stored(here, owner, session.id)
    assert [row.get("activity") for row in rows if row["type"] == "agent.state"] == ["of the new run"]
    assert stopped == ["run"]


async def test_a_person_may_cancel_where_an_old_run_does_not_know_yet(
    here: Node, there: Node, user: Callable[..., Any]
) -> None:
    owner = await user()
    session = await here.create(owner)
    old = (await here.manager.recover_session(session.id)).journal
    await there.manager.recover_session(session.id)
    old.emit("agent.state", agent="writer", state="writing", activity="x")
    change = await here.manager.steering.change_status(owner, session.id, "cancelled", ("active",), "enough")
    assert change.session.status == "cancelled" and old.fenced
    assert (await here.manager.get_session(owner, session.id)).status == "cancelled"


async def test_who_watches_is_told_why_a_run_here_was_ended(here: Node, user: Callable[..., Any]) -> None:
    """Also where a beat hears of the end before the call that made it has its answer."""
    owner = await user()
    session = await here.create(owner)
    journal = (await here.manager.recover_session(session.id)).journal
    reader, attachment = here.watch(session.id, 3)
    attachment.on_diverged = lambda: pytest.fail("nothing was lost, so nobody needs a snapshot")
    journal.emit("agent.state", agent="writer", state="writing", activity="x")
    answered = here.transport.hold["change_status"] = asyncio.Event()
    ending = asyncio.create_task(
        here.manager.steering.change_status(owner, session.id, "cancelled", ("active",), "It names a neighbour.")
    )
    while (await here.store.sessions.get(owner, session.id)).status == "active":
        await asyncio.sleep(0.01)
    await here.manager.runs.beat({}, 60)
    answered.set()
    assert (await ending).session.status == "cancelled" and journal.fenced
    told = await drained(reader)
    assert [(one["seq"], one["type"]) for one in told] == [(4, "agent.state"), (5, "session.status")]
    assert told[-1]["reason"] == "It names a neighbour."


async def test_a_run_that_writes_while_it_is_ended_elsewhere_stops_with_that_write(
    here: Node, there: Node, user: Callable[..., Any]
) -> None:
    owner = await user()
    session = await here.create(owner)
    journal = (await here.manager.recover_session(session.id)).journal
    journal.emit("agent.state", agent="writer", state="writing", activity="x")
    answered = here.transport.hold["append_events"] = asyncio.Event()
    writing = asyncio.create_task(journal.flush())
    while [row["seq"] for row in await stored(there, owner, session.id)][-1] < 4:
        await asyncio.sleep(0.01)
    await there.manager.steering.change_status(owner, session.id, "cancelled", ("active",))
    await here.manager.runs.beat({}, 60)
    assert not journal.fenced
    answered.set()
    await writing
    assert journal.fenced


async def test_a_write_is_told_though_its_caller_has_gone(here: Node, user: Callable[..., Any]) -> None:
    owner = await user()
    session = await here.create(owner)
    journal = (await here.manager.recover_session(session.id)).journal
    reader, _ = here.watch(session.id, 3)
    here.transport.hold["append_message"] = asyncio.Event()
    saving = asyncio.create_task(here.manager.save_message(owner, session.id, NewMessage("user", "Note")))
    await asyncio.sleep(0.02)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    journal.emit("agent.state", agent="writer", state="writing", activity="after it")
    here.transport.hold["append_message"].set()
    await asyncio.sleep(0.02)
    await journal.flush()
    assert [(one["seq"], one["type"]) for one in await drained(reader)] == [(4, "agent.message"), (5, "agent.state")]
    assert [row["seq"] for row in await stored(here, owner, session.id)] == [1, 2, 3, 4, 5]


async def test_only_what_is_active_is_taken_up(here: Node, user: Callable[..., Any]) -> None:
    owner = await user()
    session = await here.create(owner)
    await here.manager.steering.change_status(owner, session.id, "cancelled", ("active",))
    with pytest.raises(Conflict):
        await here.manager.recover_session(session.id)
    with pytest.raises(NotFound):
        await here.manager.recover_session(uuid4())
    assert here.manager.runs.held() == {}


# -- Readers of what others do -----------------------------------------------------------------------------------------


async def test_a_change_here_is_told_after_what_was_done_there(
    here: Node, there: Node, user: Callable[..., Any]
) -> None:
    owner = await user()
    session = await here.create(owner)
    reader, attachment = here.watch(session.id, 2)
    attachment.on_diverged = lambda: pytest.fail("nothing was lost, so nobody needs a snapshot")
    journal = (await there.manager.recover_session(session.id)).journal
    for offset, text in enumerate("abc"):
        journal.emit("agent.delta", message_id="m", agent="writer", attempt=1, offset=offset, text=text)
    await journal.flush()
    await here.manager.steering.change_status(owner, session.id, "cancelled", ("active",))
    told = await drained(reader)
    assert [(one["seq"], one["type"], one.get("text")) for one in told] == [
        (3, "session.status", None),
        (6, "agent.delta", "abc"),
        (7, "session.status", None),
    ]
    await here.manager.feed.follow()
    assert await drained(reader) == []


async def test_readers_at_different_places_each_get_the_rest(here: Node, there: Node, user: Callable[..., Any]) -> None:
    owner = await user()
    session = await here.create(owner)
    journal = (await there.manager.recover_session(session.id)).journal
    for offset, text in enumerate("abcdef"):
        journal.emit("agent.delta", message_id="m", agent="writer", attempt=1, offset=offset, text=text)
    await journal.flush()
    readers = {place: here.watch(session.id, 3 + place)[0] for place in range(7)}
    await here.manager.feed.follow()
    for place, reader in readers.items():
        assert "".join(one["text"] for one in await drained(reader)) == "abcdef"[place:]


# -- The end of their time ---------------------------------------------------------------------------------------------


async def test_sessions_whose_time_is_over_are_ended_once(here: Node, there: Node, user: Callable[..., Any]) -> None:
    owner = await user()
    due, fresh = [await here.create(owner) for _ in range(3)], await here.create(owner)
    await here.manager.get_session(owner, due[0].id)
    reader, _ = here.watch(due[0].id, 2)
    async with await psycopg.AsyncConnection.connect(here.database.admin_url, autocommit=True) as connection:
        await connection.execute(
            "update public.story_sessions set expires_at = now() - interval '1 s' where id = any(%s)",
            [[session.id for session in due]],
        )
    ended = await asyncio.gather(here.manager.cleanup_expired_sessions(), there.manager.cleanup_expired_sessions())
    assert sorted(session.id for some in ended for session in some) == sorted(session.id for session in due)
    await here.manager.feed.follow()
    assert [(one["type"], one["status"]) for one in await drained(reader)] == [("session.status", "expired")]
    assert (await there.manager.get_session(owner, due[0].id)).status == "expired"
    assert (await here.manager.get_session(owner, fresh.id)).status == "active"
    assert await here.manager.cleanup_expired_sessions() == []
