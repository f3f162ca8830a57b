"""What a talk is called before anybody has given it a title. Pure."""

from __future__ import annotations

from coordinator.storable import one_line

LONGEST = 60


def first_title(text: str) -> str:
    """The beginning of what was said first, cut between two words."""
    line = one_line(text[:1_000]).strip() or "A talk"
    if len(line) <= LONGEST:
        return line
    cut = line[:LONGEST].rsplit(" ", 1)[0]
    return (cut if len(cut) >= LONGEST // 3 else line[: LONGEST - 1]) + "…"
