"""Readers get each event once and in order, whatever happens meanwhile, and one who does not read harms nobody."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.sessions.events import Event, from_storage, join_for_storage
from coordinator.sessions.streams import JOIN_BEYOND, Attachment, Reader, Streams, TooSlow

SESSION = UUID("11111111-1111-4111-8111-111111111111")
AT = "2026-01-01T00:00:00Z"


def event(seq: int, type: str = "agent.state", *, epoch: int = 1, session: UUID = SESSION, **rest: Any) -> Event:
    return Event({"type": type, "session_id": str(session), "epoch": epoch, "seq": seq, "at": AT, **rest})


def delta(seq: int, offset: int, text: str, *, message: str = "m", attempt: int = 1, **rest: Any) -> Event:
    return event(
        seq, "agent.delta", message_id=message, agent="writer", attempt=attempt, offset=offset, text=text, **rest
    )


def deltas(*texts: str, first: int = 1) -> list[Event]:
    return [delta(first + place, len("".join(texts[:place])), text) for place, text in enumerate(texts)]


async def read(reader: Reader) -> list[Any]:
    """All that waits for a reader."""
    frames = []
    while reader._waiting:
        frames.append(json.loads(await reader.next()))
    return frames


# -- Joined deltas -----------------------------------------------------------------------------------------------------


@given(st.lists(st.text(max_size=5), min_size=1, max_size=12), st.integers(0, 20), st.integers(1, 9))
def test_of_a_joined_row_each_reader_gets_what_is_new(texts: list[str], seen: int, first: int) -> None:
    batch = deltas(*texts, first=first)
    rows = join_for_storage(batch)
    assert len(rows) == 1 and rows[0]["parts"] == [len(text) for text in texts]
    assert "session_id" not in rows[0] and rows[0]["seq"] == batch[-1].seq
    new = from_storage({"session_id": str(SESSION), "epoch": 1, **rows[0]}, seen)
    told = "".join(texts[: max(0, seen - first + 1)])
    assert told + new.fields["text"] == "".join(texts)
    assert new.fields["offset"] == len(told)
    assert "parts" not in json.loads(new.frame())
    if seen < first:
        assert new.first_seq == first


def test_only_neighbours_of_one_message_and_attempt_are_joined() -> None:
    one = delta(1, 0, "ab")
    joined = one.joined(delta(2, 2, "c"))
    assert joined is not None
    assert (joined.fields["text"], joined.seq, joined.first_seq) == ("abc", 2, 1)
    assert one.fields["text"] == "ab"
    for other in (
        delta(2, 2, "c", message="n"),
        delta(2, 0, "c", attempt=2),
        delta(3, 2, "c"),
        delta(2, 3, "c"),
        event(2),
    ):
        assert one.joined(other) is None
        assert len(join_for_storage([one, other])) == 2
    assert event(1).joined(delta(2, 0, "c")) is None


# -- The queue of one reader -------------------------------------------------------------------------------------------


async def test_a_reader_that_keeps_up_gets_every_delta_and_one_behind_gets_them_joined() -> None:
    reader = Reader(100)
    texts = [f"{number} " for number in range(JOIN_BEYOND + 30)]
    for one in deltas(*texts):
        reader.offer(one)
    frames = await read(reader)
    assert len(frames) == JOIN_BEYOND + 1
    assert "".join(frame["text"] for frame in frames) == "".join(texts)
    assert frames[-1]["offset"] == len("".join(texts[:JOIN_BEYOND])) and frames[-1]["seq"] == len(texts)
    for one in deltas("a", "b"):
        reader.offer(one)
    assert [frame["text"] for frame in await read(reader)] == ["a", "b"]


async def test_deltas_of_two_sessions_are_not_mixed() -> None:
    reader, other = Reader(100), uuid4()
    for number in range(JOIN_BEYOND + 1):
        reader.offer(str(number))
    reader.offer(delta(1, 0, "a"))
    reader.offer(delta(2, 1, "b", session=other))
    reader.offer('"frame"')
    reader.offer(delta(2, 1, "c"))
    frames = (await read(reader))[JOIN_BEYOND + 1 :]
    assert [frame if isinstance(frame, str) else frame["text"] for frame in frames] == ["a", "b", "frame", "c"]


async def test_a_reader_that_never_reads_is_bounded_and_told() -> None:
    told = list[str]()
    reader = Reader(16, lambda: told.append("too slow"))
    for number in range(1, 10_000):
        reader.offer(event(number))
    assert reader.too_slow and len(reader._waiting) <= 16 and told == ["too slow"]
    for attempt in (reader.next(), reader.put("x")):
        with pytest.raises(TooSlow):
            await attempt
    reader.offer("y")
    assert not reader._waiting


async def test_a_delta_text_that_nobody_reads_is_one_event() -> None:
    reader = Reader(16)
    for one in deltas(*["word "] * 5_000):
        reader.offer(one)
    assert not reader.too_slow and len(reader._waiting) == JOIN_BEYOND + 1


async def test_put_waits_for_room_and_leaves_some_for_what_is_live() -> None:
    reader = Reader(16)
    for number in range(8):
        await reader.put(str(number))
    waiting = asyncio.create_task(reader.put("8"))
    await asyncio.sleep(0)
    assert not waiting.done()
    for number in range(8):
        reader.offer(event(number + 1))
    assert not reader.too_slow, "a replay leaves room for other sessions"
    assert await reader.next() == "0"
    await asyncio.sleep(0)
    assert not waiting.done()
    for _ in range(8):
        await reader.next()
    await asyncio.wait_for(waiting, 1)


@pytest.mark.parametrize("end", ["put", "next"])
async def test_who_waits_is_woken_when_the_reader_is_given_up(end: str) -> None:
    reader = Reader(16)
    if end == "put":
        for number in range(8):
            await reader.put(str(number))
    waiting = asyncio.create_task({"put": lambda: reader.put("x"), "next": reader.next}[end]())
    await asyncio.sleep(0)
    attachment = Attachment(reader, SESSION, [], 3)
    for number in range(1, 5):
        attachment.publish(event(number))
    with pytest.raises(TooSlow):
        await asyncio.wait_for(waiting, 1)


async def test_next_waits_for_something() -> None:
    reader = Reader(16)
    waiting = asyncio.create_task(reader.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    reader.offer("x")
    assert await asyncio.wait_for(waiting, 1) == "x"


# -- One reader's watch ------------------------------------------------------------------------------------------------


async def test_a_long_replay_holds_little_of_what_goes_on() -> None:
    reader = Reader(1_000)
    attachment = Attachment(reader, SESSION, [], 20)
    for one in deltas(*["a"] * 50):
        attachment.publish(one)
    for number in range(51, 60):
        attachment.publish(event(number))
    await attachment.replay(
        from_storage({**join_for_storage(deltas(*["a"] * 40))[0], "session_id": str(SESSION), "epoch": 1}, 0)
    )
    assert attachment._held is not None and len(attachment._held) == 10
    attachment.go_live()
    frames = await read(reader)
    assert "".join(frame.get("text", "") for frame in frames) == "a" * 50
    assert [frame["seq"] for frame in frames] == [40, 50, *range(51, 60)]
    assert not reader.too_slow


@pytest.mark.parametrize(
    ("epoch", "seq", "passed"),
    [
        (1, 11, "told"),
        (2, 11, "told"),
        (1, 10, "known"),
        (1, 5, "known"),
        (2, 10, "diverged"),
        (2, 5, "diverged"),
        (2, 12, "diverged"),
        (0, 11, "known"),
    ],
)
async def test_another_epoch_goes_on_from_what_was_told_or_the_past_is_another(
    epoch: int, seq: int, passed: str
) -> None:
    reader, diverged = Reader(16), list[int]()
    attachment = Attachment(reader, SESSION, [], 16)
    attachment.on_diverged = lambda: diverged.append(1)
    attachment.start_after(1, 10)
    attachment.go_live()
    attachment.publish(event(seq, epoch=epoch))
    assert len(diverged) == (passed == "diverged")
    assert len(reader._waiting) == (passed == "told")
    attachment.publish(event(seq + 1, epoch=epoch))
    assert len(diverged) == (passed == "diverged"), "once"
    assert attachment.ended == (passed == "diverged")


async def test_the_end_of_a_session_is_told_once_to_all() -> None:
    streams, readers = Streams(), [Reader(16), Reader(16)]
    live, replaying = (streams.attach(reader, SESSION, 16) for reader in readers)
    live.go_live()
    streams.end(SESSION, '"gone"')
    streams.end(SESSION, '"gone"')
    streams.publish(SESSION, [event(1)], saved=True)
    replaying.go_live()
    for reader in readers:
        assert await read(reader) == ["gone"]
    streams.detach(live)
    assert live.ended and streams.positions() == {} and not streams._watched


async def test_nothing_is_kept_of_sessions_that_nobody_watches() -> None:
    streams, reader = Streams(), Reader(16)
    attachment = streams.attach(reader, SESSION, 16)
    streams.publish(SESSION, [event(1), event(2)], saved=False)
    assert streams.last_told(SESSION) == 2 and streams.positions() == {}
    streams.mark_saved(SESSION, 1)
    assert streams.last_told(SESSION) == 2
    streams.mark_saved(SESSION, 2)
    assert streams.last_told(SESSION) == 0
    attachment.go_live()
    assert streams.positions() == {SESSION: 2}
    streams.publish(SESSION, [event(3)], saved=False)
    streams.forget(SESSION)
    streams.detach(attachment)
    assert not streams._watched and not streams._unsaved


@pytest.mark.parametrize("count", [1, 3])
async def test_an_attachment_made_while_another_diverges_misses_nothing(count: int) -> None:
    streams, reader = Streams(), Reader(64)
    made: list[Attachment] = []
    for _ in range(count):
        attachment = streams.attach(reader, SESSION, 64)
        attachment.start_after(1, 10)
        attachment.go_live()

        def again(old: Attachment = attachment) -> None:
            streams.detach(old)
            made.append(streams.attach(reader, SESSION, 64))

        attachment.on_diverged = again
    streams.publish(SESSION, [event(5, epoch=2), event(6, epoch=2)], saved=False)
    assert len(made) == count and not reader._waiting
    for attachment in made:
        attachment.start_after(2, 4)
        attachment.go_live()
    assert [frame["seq"] for frame in await read(reader)] == [5, 6] * count


# -- A whole session, its table, two nodes, and clients that come and go -----------------------------------------------

State = dict[str, Any]
Act = tuple[str, int]


def empty() -> State:
    return {"marks": [], "texts": {}, "settled": {}}


def apply(state: State, fields: dict[str, Any]) -> None:
    """What a client makes of an event. Fails where text is missing or comes twice."""
    match fields["type"]:
        case "agent.delta":
            attempt, text = state["texts"].get(fields["message_id"], (0, ""))
            if fields["attempt"] > attempt:
                text = ""
            assert fields["offset"] == len(text), (fields, text)
            assert fields["attempt"] >= attempt
            state["texts"][fields["message_id"]] = (fields["attempt"], text + fields["text"])
        case "agent.message":
            state["texts"].pop(fields["message_id"], None)
            state["settled"][fields["message_id"]] = fields["content"]
        case "agent.state":
            state["marks"].append(fields["seq"])


class World:
    """One session. Its run is on this node, or on another, whose events come by the table alone."""

    def __init__(self) -> None:
        self.streams = Streams()
        self.table: list[dict[str, Any]] = []
        self.pending: list[Event] = []
        self.epoch, self.seq = 1, 0
        self.here = True
        self.message, self.attempt, self.text = 1, 1, ""

    def row(self, row: dict[str, Any], epoch: int) -> None:
        self.table.append({"session_id": str(SESSION), "epoch": epoch, **row})

    def rows(self, after: int) -> list[dict[str, Any]]:
        return [dict(row) for row in self.table if row["seq"] > after]

    def stored_seq(self) -> int:
        return int(self.table[-1]["seq"]) if self.table else 0

    def emit(self, made: Event) -> None:
        self.seq = made.seq
        self.pending.append(made)
        if self.here:
            self.streams.publish(SESSION, [made], saved=False)

    def delta(self, length: int) -> None:
        text = f"{self.seq:x}" * (length % 4)
        self.emit(
            delta(self.seq + 1, len(self.text), text, message=str(self.message), attempt=self.attempt, epoch=self.epoch)
        )
        self.text += text

    def mark(self, _: int) -> None:
        self.emit(event(self.seq + 1, epoch=self.epoch))

    def flush(self, _: int = 0) -> None:
        for row in join_for_storage(self.pending):
            self.row(row, self.epoch)
        self.pending = []
        if self.here:
            self.streams.mark_saved(SESSION, self.seq)

    def finish(self, _: int) -> None:
        """The step is stored, its text in place of its deltas."""
        self.flush()
        made = [
            event(self.seq + 1, "agent.message", epoch=self.epoch, message_id=str(self.message), content=self.text),
            event(self.seq + 2, epoch=self.epoch),
        ]
        self.table = [row for row in self.table if row["type"] != "agent.delta"]
        for one in made:
            self.row(
                {key: value for key, value in one.fields.items() if key not in ("session_id", "epoch")}, self.epoch
            )
        self.seq += 2
        self.message, self.attempt, self.text = self.message + 1, 1, ""
        if self.here:
            self.streams.publish(SESSION, made, saved=True)

    def take_over(self, where: int) -> None:
        """The run ends, with what it had not stored, and goes on here or on the other node."""
        self.streams.forget(SESSION)
        self.pending = []
        self.here = bool(where % 2)
        before = self.stored_seq()
        self.seq, self.epoch = before + 1, self.epoch + 1
        self.row({"type": "session.status", "seq": self.seq, "at": AT}, self.epoch)
        self.attempt, self.text = self.attempt + 1, ""
        if self.here:
            behind = self.streams.positions().get(SESSION, before)
            if behind < before:
                self.streams.publish(
                    SESSION, [from_storage(row, 0) for row in self.rows(behind) if row["seq"] <= before], saved=True
                )
            self.streams.publish(SESSION, [event(self.seq, "session.status", epoch=self.epoch)], saved=True)

    def follow(self, _: int = 0) -> None:
        if not self.here and SESSION in (positions := self.streams.positions()):
            self.streams.publish(SESSION, [from_storage(row, 0) for row in self.rows(positions[SESSION])], saved=True)

    def same_past(self, epoch: int, after: int) -> bool:
        later = [row["seq"] for row in self.table if row["epoch"] > epoch]
        return epoch <= self.epoch and (not later or after < min(later))

    def told(self) -> State:
        state = empty()
        for row in self.rows(0):
            apply(state, from_storage(row, 0).fields)
        for one in self.pending:
            apply(state, one.fields)
        return state

    def snapshot(self) -> Event:
        state = empty()
        for row in self.rows(0):
            apply(state, from_storage(row, 0).fields)
        return event(self.stored_seq(), "session.snapshot", epoch=self.epoch, state=state)


class Client:
    """Comes and goes as a connection does, and goes on from what it has seen. `pages` are of two rows."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.state, self.seq, self.epoch = empty(), 0, 0
        self.reader = Reader(100_000)
        self.attachment: Attachment | None = None
        self.seen: int | None = None

    def leave(self) -> None:
        if self.attachment is not None:
            self.world.streams.detach(self.attachment)
        self.attachment = None

    def attach(self, *, anew: bool = False) -> None:
        """On another connection, except where the past has `diverged`."""
        self.leave()
        if not anew:
            self.reader = Reader(100_000)
        self.attachment = self.world.streams.attach(self.reader, SESSION, 100_000)
        self.attachment.on_diverged = lambda: self.attach(anew=True)
        self.seen = None if anew else self.seq
        self.first = True
        self.already = self.world.streams.last_told(SESSION)

    async def page(self) -> None:
        if self.attachment is None or self.attachment.live:
            return
        world, last = self.world, self.world.stored_seq()
        if self.seen is not None and self.first:
            self.first = False
            if self.seen > max(last, self.already) or (self.epoch and not world.same_past(self.epoch, self.seen)):
                self.seen = None
            else:
                self.attachment.start_after(self.epoch or world.epoch, self.seen)
        if self.seen is None:
            await self.attachment.replay(world.snapshot())
        else:
            rows = world.rows(self.seen)
            for row in rows[:2]:
                seq = row["seq"]
                await self.attachment.replay(from_storage(row, self.seen))
                self.seen = seq
            if len(rows) > 2:
                return
        self.attachment.go_live()

    async def read(self, most: int) -> None:
        while self.reader._waiting and most:
            most -= 1
            frame = json.loads(await self.reader.next())
            if frame["type"] == "session.snapshot":
                self.state = {
                    **frame["state"],
                    "texts": {key: tuple(text) for key, text in frame["state"]["texts"].items()},
                }
            else:
                assert frame["seq"] > self.seq, "in order, and once"
                apply(self.state, frame)
            self.seq, self.epoch = frame["seq"], frame["epoch"]


WRITES = ["delta", "delta", "delta", "mark", "flush", "finish", "take_over", "follow"]
acts = st.tuples(st.sampled_from([*WRITES, "attach", "page", "page", "read", "leave"]), st.integers(0, 11))


@settings(max_examples=75, deadline=None)
@given(st.lists(acts, max_size=60))
def test_clients_that_come_and_go_all_end_with_the_same_story(script: list[Act]) -> None:
    async def play() -> None:
        world = World()
        world.take_over(1)
        clients = [Client(world) for _ in range(3)]
        for act, number in script:
            client = clients[number % 3]
            match act:
                case "attach":
                    client.attach()
                case "page":
                    await client.page()
                case "read":
                    await client.read(number)
                case "leave":
                    client.leave()
                case _:
                    getattr(world, act)(number)
        # In the end all is stored, and everybody is there and has read all.
        world.flush()
        for client in clients:
            if client.attachment is None or client.attachment.ended:
                client.attach()
        for _ in range(100):
            if all(
                client.attachment.live and client.seq == world.stored_seq() for client in clients if client.attachment
            ):
                break
            for client in clients:
                await client.page()
            world.follow()
            for client in clients:
                await client.read(10_000)
        for client in clients:
            assert client.attachment is not None and client.attachment.live
            assert client.seq == world.stored_seq()
            assert client.state == world.told()

    asyncio.run(play())


# -- Guests ------------------------------------------------------------------------------------------------------------


async def test_a_guest_is_shown_out_of_one_session_and_nobody_else_is() -> None:
    streams, guest, other = Streams(), uuid4(), uuid4()
    elsewhere = uuid4()
    readers = {name: Reader(9) for name in ("owner", "guest", "other")}
    for name, who in (("owner", None), ("guest", guest), ("other", other)):
        for session in (SESSION, elsewhere):
            attachment = streams.attach(readers[name], session, 9)
            attachment.guest = who
            attachment.go_live()
    assert streams.guests() == {guest: {SESSION, elsewhere}, other: {SESSION, elsewhere}}
    streams.dismiss(guest, SESSION, json.dumps({"type": "error"}))
    assert streams.guests() == {guest: {elsewhere}, other: {SESSION, elsewhere}}
    streams.publish(SESSION, [event(1)], saved=True)
    streams.publish(elsewhere, [event(1, session=elsewhere)], saved=True)
    assert [frame["type"] for frame in await read(readers["guest"])] == ["error", "agent.state"]
    for name in ("owner", "other"):
        assert [frame["type"] for frame in await read(readers[name])] == ["agent.state", "agent.state"]
    # Again, and of what nobody watches, it changes nothing.
    streams.dismiss(guest, SESSION, "{}")
    streams.dismiss(guest, uuid4(), "{}")
    assert await read(readers["guest"]) == []
