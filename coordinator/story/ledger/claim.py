"""What one sentence says of somebody or something, as far as a rule can tell. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Attribute = Literal[
    "dead", "acts", "alive", "eyes", "hair", "beard", "age", "mark", "kin", "holds", "where", "day", "weather"
]


@dataclass(frozen=True, slots=True)
class Claim:
    """`subject` is a name as the bible has it, a thing or the world; `values` are what it may be, all at once possible.

    `place` counts the paragraphs of its section. `other` is the second person of a kinship.
    """

    attribute: Attribute
    subject: str
    values: frozenset[str]
    quote: str
    place: int = 0
    other: str = ""
    time: str = ""

    @property
    def value(self) -> str:
        return " or ".join(sorted(self.values))


@dataclass(frozen=True, slots=True)
class Clash:
    """Two passages of one section that can't both be true. `what` names the contradiction for its id."""

    kind: Literal["place", "holder", "time", "weather", "rule", "name"]
    subject: str
    earlier: str
    later: str
    sentence: str
    what: tuple[str, ...]
    earlier_section: int | None = None
    """0 where it is the outline's, otherwise that of the later passage."""
