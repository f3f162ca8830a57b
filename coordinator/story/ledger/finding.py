"""What the ledger holds, an entry a fact, and what it finds: two passages that can't both be true. Pure data."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

FindingKind = Literal["dead", "place", "looks", "age", "kinship", "holder", "time", "weather", "name", "rule"]
KINDS: tuple[FindingKind, ...] = get_args(FindingKind)
Settlement = Literal["revision", "writer"]
QUOTE = 300
"""Characters of a quote at the most; it stands in its text word for word."""
WORLD = "world"
"""The subject of what is true of no single person: the day, the weather, the rules."""


class Entry(BaseModel):
    """A fact of the story. `section` 0 is the outline; `time` is what the text had last said
    of the day, if anything."""

    model_config = ConfigDict(frozen=True)

    subject: str
    attribute: str
    value: str
    quote: str = Field(description="where it stands, word for word")
    section: int
    time: str = ""


class Finding(BaseModel):
    """Two passages that contradict each other, the later one in `section`, and a sentence for a writer.

    `id` stays the same as long as the contradiction does, whatever becomes of the words round it. `settled` says by
    what it is open no more.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    kind: FindingKind
    subject: str
    section: int
    later: str = Field(description="the passage that contradicts the earlier one, word for word")
    earlier_section: int = Field(description="0 is the outline")
    earlier: str = Field(description="the passage or rule that came first, word for word")
    sentence: str = Field(description="what is wrong and what would mend it")
    settled: Settlement | None = None

    @property
    def note(self) -> str:
        """For a writer who is to mend it."""
        where = f"section {self.earlier_section}" if self.earlier_section else "the story bible"
        return f"Contradiction: “{self.later}” against “{self.earlier}” ({where}). {self.sentence}"


def finding_id(kind: FindingKind, *what: str) -> str:
    """The same for the same contradiction: `what` names it without the words that tell it."""
    told = "\n".join([kind, *(part.casefold() for part in what)])
    return f"{kind}-{sha256(told.encode()).hexdigest()[:10]}"
