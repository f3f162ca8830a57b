"""Live fan-out of session events to the readers on this node.

A reader is one connection with one bounded queue for all the sessions it watches. An attachment is its watch of one
session: while the past is being replayed into it, live events wait in it; then they go straight to the queue. A reader
that falls behind has its deltas joined; one that is too slow all the same is told so and dropped. It delays nobody.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from coordinator.sessions.events import TEXT_BYTES, Event
from coordinator.sessions.held import Held

JOIN_BEYOND = 8
"""Events waiting for a reader before its deltas are joined: a reader that keeps up never sees a joined one."""


JOIN_CHARACTERS, JOIN_PARTS = 65_536, 8192
"""Of a joined delta; the next one begins another."""
ROOM_FOR_LIVE = 2
"""A replay fills one part in this many of a reader's queue; the rest is for what its other sessions tell meanwhile."""


class TooSlow(Exception):
    """The reader's queue is full and nothing more can be joined."""


class Reader:
    """A bounded queue of frames, filled from the event loop, emptied by one task."""

    def __init__(
        self,
        limit: int,
        on_too_slow: Callable[[], object] | None = None,
        *,
        most_bytes: int = 8_388_608,
        held: Held | None = None,
        owner: str = "",
    ) -> None:
        """`limit` is in frames, `most_bytes` of what waits and what is being sent. All of it counts in `held`, for
        `owner`."""
        self.too_slow = False
        self.on_too_slow = on_too_slow
        self._limit = limit
        self._most_bytes = most_bytes
        self._kept = (held or Held(sys.maxsize)).account(owner, self.give_up)
        self._sending = 0
        self._held_back = 0
        self._largest = 0
        self._waiting: deque[Event | str] = deque()
        self._ready = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def bytes(self) -> int:
        """Of what waits, of what is being sent, and of what its attachments hold."""
        return self._kept.bytes

    def give_up(self) -> None:
        """Mark the reader too slow; whoever waits at either end of its queue is told so at once, and `on_too_slow` is
        called: its task may be stuck in sending."""
        if self.too_slow:
            return
        self.too_slow = True
        self.close()
        self._ready.set()
        self._room.set()
        if self.on_too_slow is not None:
            self.on_too_slow()

    def close(self) -> None:
        """Nothing is kept for it any more."""
        self._waiting.clear()
        self._kept.close()

    def keep(self, size: int) -> None:
        """So many bytes more are kept for the reader, or less; one for whom it is too much is marked too slow."""
        self._kept.add(size)
        # Beside the largest frame: who is sent a long past is not slow for that.
        if size > 0 and self._kept.bytes - self._largest > self._most_bytes:
            self.give_up()

    def hold_back(self, size: int) -> None:
        """As `keep`, of what an attachment holds while its past is replayed."""
        self._held_back += size
        self.keep(size)

    def offer(self, item: Event | str) -> None:
        """Queue without waiting; joins deltas when behind. A full reader is marked too slow and gets no more."""
        if self.too_slow:
            return
        if isinstance(item, Event) and _join_to_last(self._waiting, item):
            self.keep(TEXT_BYTES * len(item.fields["text"]))
            return
        if len(self._waiting) >= self._limit:
            self.give_up()
            return
        self._append(item)

    async def room(self) -> None:
        """Waits until half of the queue is free: for a replay, whose pace is the reader's own. Raises TooSlow once
        marked so."""
        while not self.too_slow and self._half_full():
            self._room.clear()
            await self._room.wait()
        if self.too_slow:
            raise TooSlow

    async def put(self, item: Event | str) -> None:
        """Queue, waiting for `room`."""
        await self.room()
        self._append(item)

    def _append(self, item: Event | str) -> None:
        self._waiting.append(item)
        self._ready.set()
        size = _size(item)
        self._largest = max(self._largest, size)
        self.keep(size)

    def _half_full(self) -> bool:
        # What attachments hold grows less by their replays, and not by reading.
        waiting = self._kept.bytes - self._held_back
        return ROOM_FOR_LIVE * len(self._waiting) >= self._limit or ROOM_FOR_LIVE * waiting >= self._most_bytes

    async def next(self) -> str:
        """The next frame. Raises as `take`."""
        item = await self.take()
        return item.frame() if isinstance(item, Event) else item

    async def take(self) -> Event | str:
        """The next event, or a frame that is none. Raises TooSlow at once when marked so: the reader will attach again
        and be replayed to."""
        # The one before is on its way.
        self.keep(-self._sending)
        self._sending = 0
        self._room.set()
        if not self._waiting:
            self._largest = 0
        while not self._waiting and not self.too_slow:
            self._ready.clear()
            await self._ready.wait()
        if self.too_slow:
            raise TooSlow
        item = self._waiting.popleft()
        self._sending = _size(item)
        self._room.set()
        return item


def _join_to_last(waiting: deque[Any], event: Event) -> bool:
    """Whether more than `JOIN_BEYOND` wait and the event, a delta, has become a part of the last of them."""
    if len(waiting) <= JOIN_BEYOND:
        return False
    last = waiting[-1]
    if not isinstance(last, Event) or last.fields["session_id"] != event.fields["session_id"]:
        return False
    # Each joining copies what was joined before.
    if last.type != "agent.delta" or len(last.fields["text"]) > JOIN_CHARACTERS or len(last.parts) > JOIN_PARTS:
        return False
    joined = last.joined(event)
    if joined is not None:
        waiting[-1] = joined
    return joined is not None


def _size(item: Event | str) -> int:
    return item.size if isinstance(item, Event) else sys.getsizeof(item)


class Attachment:
    """One reader's watch of one session. Gives it each event once, in order."""

    def __init__(self, reader: Reader, session_id: UUID, unsaved: Iterable[Event], limit: int) -> None:
        self.reader = reader
        self.session_id = session_id
        self.last_seq = 0
        self.guest: UUID | None = None
        """Who watches, where the session is somebody else's and read as a member of its project."""
        self.on_diverged: Callable[[], object] = lambda: None
        self._epoch: int | None = None
        self._limit = limit
        self._held: deque[Event] | None = deque(unsaved)
        self._ended = False
        reader.hold_back(sum(event.size for event in self._held))

    @property
    def live(self) -> bool:
        return self._held is None

    @property
    def ended(self) -> bool:
        """Detached, or the session is gone: it passes nothing on any more."""
        return self._ended

    def end(self) -> None:
        self._ended = True
        self._let_go_of(self._held or ())
        if self._held is not None:
            self._held = deque()

    def start_after(self, epoch: int, seq: int) -> None:
        """The reader has seen everything up to this event of this epoch."""
        self._epoch, self.last_seq = epoch, seq

    def publish(self, event: Event) -> None:
        if self._held is None:
            self._pass_on(event)
        elif self._ended:
            return
        elif _join_to_last(self._held, event):
            self.reader.hold_back(TEXT_BYTES * len(event.fields["text"]))
        elif len(self._held) >= self._limit:
            self.reader.give_up()
        else:
            self._held.append(event)
            self.reader.hold_back(event.size)

    async def replay(self, event: Event) -> None:
        """An event of the past; waits for room in the reader's queue."""
        if event.seq > self.last_seq or event.type == "session.snapshot":
            event = event.after(self.last_seq)
            self.last_seq, self._epoch = event.seq, event.epoch
            self._drop_told()
            await self.reader.put(event)

    def go_live(self) -> None:
        """The past is told: what came meanwhile, then whatever comes."""
        held, self._held = self._held or deque(), None
        self._let_go_of(held)
        for event in held:
            self._pass_on(event)

    def take_back(self, from_seq: int) -> None:
        """What was told from this number on is no part of the record."""
        if self._held is not None:
            self._let_go_of(event for event in self._held if event.seq >= from_seq)
            self._held = deque(event for event in self._held if event.seq < from_seq)
        if self.last_seq >= from_seq and not self._ended:
            self.end()
            self.on_diverged()

    def _drop_told(self) -> None:
        """What is held and has been replayed need not be held: a long replay keeps up with a run that goes on."""
        while self._held and self._held[0].seq <= self.last_seq and self._held[0].epoch == self._epoch:
            self.reader.hold_back(-self._held.popleft().size)

    def _let_go_of(self, events: Iterable[Event]) -> None:
        self.reader.hold_back(-sum(event.size for event in events))

    def _pass_on(self, event: Event) -> None:
        if self._ended:
            return
        if self._epoch is None:
            self._epoch = event.epoch
        if event.epoch < self._epoch:
            # An older epoch: told by a run that was replaced while the newer one's events were being replayed.
            return
        if event.epoch > self._epoch and event.first_seq != self.last_seq + 1:
            # The next run goes on from before what was told here and never stored, or from after something that was
            # stored elsewhere and not told here: only a snapshot mends that, and it comes by another attachment.
            self.end()
            self.on_diverged()
        elif event.seq > self.last_seq:
            event = event.after(self.last_seq)
            self.last_seq, self._epoch = event.seq, event.epoch
            self.reader.offer(event)


class Streams:
    """Who watches what on this node, and which events of the runs here are told but not yet known to be stored."""

    def __init__(self) -> None:
        self._watched: dict[UUID, set[Attachment]] = {}
        self._unsaved: dict[UUID, deque[Event]] = {}
        self.told = 0
        """Events that this node has told of, whoever watched."""
        self.stored: set[UUID] = set()
        """Sessions of which events were stored by this node since `Wakeups` last told the other nodes."""

    def attach(self, reader: Reader, session_id: UUID, limit: int) -> Attachment:
        """Begin to hold live events for a reader; replay into it, then `go_live`."""
        attachment = Attachment(reader, session_id, self._unsaved.get(session_id, ()), limit)
        self._watched.setdefault(session_id, set()).add(attachment)
        return attachment

    def detach(self, attachment: Attachment) -> None:
        attachment.end()
        watchers = self._watched.get(attachment.session_id)
        if watchers is not None:
            watchers.discard(attachment)
            if not watchers:
                del self._watched[attachment.session_id]

    def publish(self, session_id: UUID, events: Iterable[Event], *, saved: bool) -> None:
        """Tell all watchers. What is not `saved` is kept for those who attach before it is."""
        events = list(events)
        self.told += len(events)
        if not saved:
            self._unsaved.setdefault(session_id, deque()).extend(events)
        # A copy: an attachment that diverges is replaced while it is told, by one that has the unsaved events already.
        for attachment in tuple(self._watched.get(session_id, ())):
            for event in events:
                attachment.publish(event)

    def mark_saved(self, session_id: UUID, up_to_seq: int) -> None:
        """All events up to this number can now be had from the store."""
        self.stored.add(session_id)
        unsaved = self._unsaved.get(session_id)
        while unsaved and unsaved[0].seq <= up_to_seq:
            unsaved.popleft()
        if not unsaved:
            self._unsaved.pop(session_id, None)

    def last_told(self, session_id: UUID) -> int:
        """Number of the newest event that is told but not stored, 0 where there is none."""
        unsaved = self._unsaved.get(session_id)
        return unsaved[-1].seq if unsaved else 0

    def forget(self, session_id: UUID) -> None:
        """The run here is over; what it had not stored is no part of the record: who was told it gets a snapshot."""
        unsaved = self._unsaved.pop(session_id, None)
        if unsaved:
            for attachment in tuple(self._watched.get(session_id, ())):
                attachment.take_back(unsaved[0].seq)

    def positions(self) -> dict[UUID, int]:
        """Of each session watched live on this node, the number of the last event that all its readers have."""
        live = {
            session_id: [attachment.last_seq for attachment in watchers if attachment.live]
            for session_id, watchers in self._watched.items()
        }
        return {session_id: min(seqs) for session_id, seqs in live.items() if seqs}

    def position(self, session_id: UUID) -> int | None:
        """The number of the last event that all live readers of a session here have, None where it has none."""
        return min((one.last_seq for one in self._watched.get(session_id, ()) if one.live), default=None)

    def guests(self) -> dict[UUID, set[UUID]]:
        """The sessions of others that users watch on this node as members of a project, by user."""
        found: dict[UUID, set[UUID]] = {}
        for session_id, watchers in self._watched.items():
            for attachment in watchers:
                if attachment.guest is not None:
                    found.setdefault(attachment.guest, set()).add(session_id)
        return found

    def dismiss(self, guest: UUID, session_id: UUID, frame: str) -> None:
        """The guest may not read the session any more: tell them with a last frame, and nothing else of it."""
        for attachment in tuple(self._watched.get(session_id, ())):
            if attachment.guest == guest:
                self.detach(attachment)
                attachment.reader.offer(frame)

    def end(self, session_id: UUID, frame: str) -> None:
        """The session is gone: tell its readers with a last frame and stop watching."""
        for attachment in self._watched.pop(session_id, ()):
            attachment.end()
            attachment.reader.offer(frame)
