"""Where a text that was cut off and what a model writes on meet. Pure.

A model is asked to begin with the last word that is there, because nobody can tell whether that is whole. What it
repeats is taken off, however much it is; the rest joins the text so that no word is doubled, lost or run together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from coordinator.agents.cleaning.clean import without_preamble
from coordinator.agents.cleaning.sentences import is_refusal
from coordinator.story.words import IDEOGRAPHS, KANA, UNSPACED

END = "[end]"
"""What a model answers where nothing is missing."""

HELD = 200
"""Characters of an answer that are kept back until it is clear what it begins with: an announcement, a refusal, the
text so far."""

ECHO = 12
"""So many characters that stand at the end already are an echo wherever they begin; fewer, where a word begins."""

RETOLD = 40
"""So many characters that stand further up are no way on: the model tells the text again."""

LONGEST_TAIL = 40
LONGEST_OPENING = 40
"""Quotation marks, brackets and emphasis before a word."""

_SPACELESS = re.compile(f"[{IDEOGRAPHS}{KANA}{UNSPACED}]\\Z")
_BEGINS = re.compile(r"(?:\A| )[\"'(\[{«*_]{0,40}\Z")
_PLAIN = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " "})
_CLOSING = re.compile(r"[,.;:!?…)\]}’”»%]|'\w{1,2}\b")
_OPENING = re.compile(r"[(\[{‘“«\-–—/]\Z")


class NoWayOn(Exception):
    """What the model wrote does not go on from the text so far."""


def tail(so_far: str) -> str:
    """The last word that is there, perhaps cut: a model that goes on begins with it. The end of it, where it is long
    or the script has no spaces."""
    last = so_far.split()[-1] if so_far.strip() else ""
    return last if len(last) <= LONGEST_TAIL else last[-ECHO:]


class Seam:
    """Takes an answer piece by piece, and gives what is to be added to the text so far.

    Made for one answer: `add` for each piece, `end` once. Both raise NoWayOn where the answer refuses, or tells
    the text again in other words; `end` also where it adds nothing and does not say that nothing is missing.
    """

    def __init__(self, so_far: str) -> None:
        self._so_far = so_far
        self._base, _ = _folded(so_far.rstrip())
        self._answer = ""
        self._due = HELD
        self._joined = False
        self.nothing_missing = False
        """Whether the model says that the text is whole as it is."""

    def add(self, piece: str) -> str:
        if self._joined:
            return piece
        self._answer += piece
        if len(self._answer) < self._due:
            return ""
        answer = without_preamble(self._answer)
        rest = _rest(self._base, answer)
        # As long as it stands in the text word for word, it may be an echo that goes on; and what goes on is only
        # judged by enough of it. Looked at less and less often: each look reads all that there is.
        if len(_folded(rest)[0]) < RETOLD or _folded(answer)[0] in self._base:
            self._due = len(self._answer) * 5 // 4
            return ""
        return self._join(answer, rest)

    def end(self) -> str:
        """What is left to add: all of it where the answer was short."""
        if self._joined:
            return ""
        answer = without_preamble(self._answer)
        return self._join(answer, _rest(self._base, answer))

    def _join(self, answer: str, rest: str) -> str:
        self._joined = True
        if is_refusal(answer[:HELD]):
            raise NoWayOn("it refuses")
        if rest.strip().casefold() == END:
            self.nothing_missing = True
            return ""
        if not rest.strip():
            raise NoWayOn("it adds nothing")
        if _retells(self._base, rest):
            raise NoWayOn("it tells the text again")
        return _spaced(self._so_far, rest, echoed=len(rest) < len(answer))


def joined(so_far: str, answer: str) -> str:
    """The text so far with all that the answer adds. Raises NoWayOn as Seam."""
    seam = Seam(so_far)
    return so_far + seam.add(answer) + seam.end()


def _rest(base: str, answer: str) -> str:
    """The answer without the longest beginning that is the end of the folded text."""
    folded, ends = _folded(answer)
    for length in _overlaps(base, folded):
        if length >= ECHO or _BEGINS.search(base, max(len(base) - length - LONGEST_OPENING, 0), len(base) - length):
            return answer[ends[length - 1] :]
    return answer


def _overlaps(base: str, answer: str) -> Iterator[int]:
    """The lengths, longest first, of beginnings of the answer that are ends of the text; by Knuth, Morris and Pratt,
    in time that grows with the two lengths."""
    end = base[-len(answer) :] if answer else ""
    borders = [0] * len(answer)
    for at in range(1, len(answer)):
        length = _longer(answer, borders, borders[at - 1], answer[at])
        borders[at] = length
    length = 0
    for character in end:
        length = _longer(answer, borders, length, character)
    while length:
        yield length
        length = borders[length - 1]


def _longer(answer: str, borders: list[int], length: int, character: str) -> int:
    """How much of the answer's beginning ends in this character, after so much of it ended before it."""
    while length and (length == len(answer) or answer[length] != character):
        length = borders[length - 1]
    return length + 1 if answer[length] == character else 0


def _retells(base: str, answer: str) -> bool:
    folded, _ = _folded(answer)
    return len(folded) >= RETOLD and folded[:RETOLD] in base


def _spaced(so_far: str, rest: str, *, echoed: bool) -> str:
    """The rest with white space before it as it should be. After an echo it is the model's own."""
    bare = rest.lstrip()
    lead, gap = rest[: len(rest) - len(bare)], so_far[len(so_far.rstrip()) :]
    if gap:
        if "\n" not in lead:
            return bare
        return rest.removeprefix(gap) if "\n" in gap else rest
    if echoed or lead or _CLOSING.match(rest) or _OPENING.search(so_far) or _SPACELESS.search(so_far):
        return rest
    return " " + rest


def _folded(text: str) -> tuple[str, list[int]]:
    """The text with each stretch of white space as one space, none before it, and plain quotes; and for each of its
    characters where its original ends."""
    kept: list[str] = []
    ends: list[int] = []
    for at, character in enumerate(text.translate(_PLAIN), 1):
        plain = " " if character.isspace() else character
        if plain == " " and (not kept or kept[-1] == " "):
            if kept:
                ends[-1] = at
            continue
        kept.append(plain)
        ends.append(at)
    return "".join(kept), ends
