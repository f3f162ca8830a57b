"""The place in a stream that a client names when it comes back, and what it is told from there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from coordinator.sessions.events import Event

Part = TypeVar("Part")

_PLACE = re.compile(r"(\d{1,9}):(\d{1,9})(?:\.(\d{1,4}))?", re.ASCII)


class Place(NamedTuple):
    """Whoever has it was told all parts up to event `seq`, which is of `epoch`, and `more` parts of what followed."""

    epoch: int
    seq: int
    more: int = 0

    def __str__(self) -> str:
        return f"{self.epoch}:{self.seq}.{self.more}" if self.more else f"{self.epoch}:{self.seq}"


def parsed(text: str) -> Place | None:
    """None for what was never sent as the id of an event."""
    found = _PLACE.fullmatch(text)
    return Place(int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


class Translates(Protocol[Part]):
    """Makes parts of another protocol of events, one after another. The same events make the same parts."""

    def feed(self, event: Mapping[str, Any]) -> list[Part]: ...


class Told(NamedTuple, Generic[Part]):
    """A part, and where its reader is once it has it; None where nobody could go on from there."""

    part: Part
    place: Place | None


class Telling(Generic[Part]):
    """A stretch of a session's log, translated, with a place for each part.

    A client that comes back with a place gets what follows it, where all up to there is still in the log. Where it is
    not (pieces of a message are gone once it is whole, and what a node told last before it died was never kept), it
    gets everything from the beginning, as if it had never been there.
    """

    def __init__(self, translation: Translates[Part], after_seq: int, seen: Place | None = None) -> None:
        """The log is fed from the event after number `after_seq` on. A place before that is passed over."""
        self._translation = translation
        self._after_seq = after_seq
        self._last: Place | None = None
        self._next_seq = after_seq + 1
        self._skip = 0
        self._held: list[Told[Part]] = []
        self._seen = seen if seen is not None and seen.seq >= after_seq else None
        if self._seen is not None and self._seen.seq == after_seq:
            self._skip, self._seen = self._seen.more, None

    def feed(self, event: Event) -> list[Told[Part]]:
        """What to send for this event."""
        if self._seen is None:
            told = self._translated(event)
            return self._after_skipped(told) if self._skip else told
        if event.type == "session.snapshot" or event.first_seq != self._next_seq:
            return self._from_the_beginning(event)
        self._next_seq = event.seq + 1
        if event.seq < self._seen.seq:
            self._held += self._translated(event)
            return []
        if event.epoch != self._seen.epoch:
            return self._from_the_beginning(event)
        return self._from_there(event, self._seen)

    def frame(self, fields: Mapping[str, Any]) -> list[Told[Part]]:
        """What to send for a frame that is no event of the log and has no number: an error."""
        held, self._held, self._seen = self._held, [], None
        return held + [Told(part, None) for part in self._translation.feed(fields)]

    def _from_there(self, event: Event, seen: Place) -> list[Told[Part]]:
        """The event has the place in it: of joined ones some were seen, and some may not have been."""
        self._held.clear()
        self._skip, self._seen = seen.more, None
        self._translated(event.until(seen.seq))
        return self._after_skipped(self._translated(event.after(seen.seq))) if seen.seq < event.seq else []

    def _from_the_beginning(self, event: Event) -> list[Told[Part]]:
        held, self._held, self._seen = self._held, [], None
        return held + self._translated(event)

    def _translated(self, event: Event) -> list[Told[Part]]:
        before, here = self._last, Place(event.epoch, event.seq)
        self._last = here
        parts = self._translation.feed(event.fields)
        if len(parts) <= 1:
            return [Told(part, here) for part in parts]
        before = before or Place(event.epoch, self._after_seq)
        # Parts of a snapshot are not those of the events that it stands for.
        replayed = event.type != "session.snapshot"
        first = [
            Told(part, Place(before.epoch, before.seq, number) if replayed else None)
            for number, part in enumerate(parts[:-1], start=1)
        ]
        return [*first, Told(parts[-1], here)]

    def _after_skipped(self, told: list[Told[Part]]) -> list[Told[Part]]:
        skipped = min(self._skip, len(told))
        self._skip -= skipped
        return told[skipped:]
