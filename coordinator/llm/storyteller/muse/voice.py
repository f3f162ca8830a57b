"""How the muse chooses its words: lines of the banks, none twice in a talk as far as it is seen, and none at all
where it is not. Pure."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from coordinator.chat.talk import Talk
from coordinator.llm.storyteller.muse import banks, sparks

RECENT = 120
"""Replies that are looked at for what was said already, and MOST characters of each."""
MOST = 1_500
NUDGES = 17
_SLOT = re.compile(r"\{(\w+)\}")
_OF_ONE = re.compile(
    r"\b(?:does|is|has|with) \{(?:hero_or|the_hero)\}|\{(?:hero_or|the_hero)\}"
    r"(?: is| has| wants| does| doesn't| keeps| knows|:)"
)
"""Lines that can't be said of two sisters."""
_GAP = re.compile(r"\{\w+\}")


@lru_cache(maxsize=256)
def _start(talk_id: str, key: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{talk_id}|{key}".encode("utf-8", "surrogatepass")).digest()[:4])


@lru_cache(maxsize=4096)
def _core(line: str) -> str:
    """The longest stretch of a line that has no slot."""
    return max(_GAP.split(line), key=len).strip()


class Voice:
    """One turn's choices. `slots` are what the lines may speak of; a slot that is empty keeps a line from being
    said."""

    def __init__(self, talk: Talk, genre: str, slots: dict[str, str]) -> None:
        self.turn = talk.turn
        self.genre = genre
        self._id = talk.session_id
        replies = [said.text for said in talk.said if said.speaker == "assistant"]
        self._replies = {text.strip() for text in replies}
        own = [text[:MOST] for text in replies[-RECENT:]]
        self.recent = "\n".join(own)
        self._lately = "\n".join(own[-8:])
        self._hidden = talk.turn > len(talk.said)
        self._used: set[str] = set()
        self._marked = False
        self.slots = slots

    def line(self, key: str, **more: str) -> str:
        """A line of a bank, filled: the first in the talk's own order that was not said, or least lately."""
        slots = {**self.slots, **more}
        bank = banks.sayings()[key]
        start = _start(self._id, key) + self.turn // 2
        rotated = [bank[(start + index) % len(bank)] for index in range(len(bank))]
        usable = [
            line for line in rotated if all(slots.get(name) for name in _SLOT.findall(line)) and line not in self._used
        ]
        if not usable:
            return ""
        if self.slots.get("many"):
            usable = [line for line in usable if not _OF_ONE.search(line)] or usable
        fresh = [line for line in usable if _core(line) not in self.recent]
        later = [line for line in usable if _core(line) not in self._lately]
        chosen = (fresh or later or usable)[0]
        self._used.add(chosen)
        return fill(chosen, slots)

    def fresh(self, texts: list[str]) -> str:
        """The first of the texts that was not said in what is seen of the talk; the turn's own where all were."""
        unsaid = next(
            (text for text in texts if text and text.split("\n")[0] not in self.recent and text not in self._used), ""
        )
        chosen = unsaid or (texts[self.turn // 2 % len(texts)] if texts else "")
        self._used.add(chosen)
        return chosen

    def example(self, key: str, **more: str) -> str:
        """A line with the spark of this turn, by which no other turn's reply is the same."""
        self._marked = True
        return self.line(key, **self._spark(), **more)

    def _spark(self) -> dict[str, str]:
        spark = sparks.spark(self._id, self.genre, self.turn).slots()
        return spark | {"somewhere_up": spark["somewhere"][:1].upper() + spark["somewhere"][1:]}

    def nudge(self) -> str:
        """A `what if` of this turn alone."""
        lines = banks.sayings()["nudge"][:NUDGES]
        self._marked = True
        return fill(lines[(_start(self._id, "nudge") + self.turn) % len(lines)], {**self.slots, **self._spark()})

    def names(self, without: set[str], she: bool | None = None) -> list[str]:
        """Three names for somebody, none of `without`."""
        return sparks.names(self._id, self.genre, self.turn // 2, without, she)

    @property
    def hidden(self) -> bool:
        """Whether there are messages of the talk that are not seen."""
        return self._hidden

    def whole(self, text: str, written: str = "", quiet: bool = False) -> str:
        """`text`, and where the same, with what was written before it, may have been said before, what only this turn
        says: a nudge, or `quiet` no more than the number of the message."""
        text = re.sub(r"[^\S\n]{2,9}", " ", text).strip()
        before = re.sub(r"\s{1,9}$", "\n\n", written) if written else ""
        if (self._hidden and not self._marked) or not text or f"{before}{text}".strip() in self._replies:
            more = self.line("count", count=f"{self.turn:,}") if quiet and text else self.nudge()
            return f"{text}\n\n{more}".strip()
        return text


def fill(line: str, slots: dict[str, str]) -> str:
    """`line` with its slots filled; a slot at the beginning of a sentence gets a capital."""
    text = _SLOT.sub(lambda found: slots.get(found[1], ""), line)
    return re.sub(
        r"(^|[.!?:] |\n)([a-z])", lambda found: found[1] + (found[2].upper() if found[1] != ": " else found[2]), text
    )
