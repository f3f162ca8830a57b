"""Where a text that was cut off and what a model writes on meet. Pure.

A model is asked to begin with the last word that is there, because nobody can tell whether that is whole. What it
repeats is taken off, up to ECHO_MOST characters; the rest joins the text so that no word is doubled, lost or run
together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from coordinator.agents.tidy import is_refusal, without_preamble
from coordinator.words import IDEOGRAPHS, KANA, UNSPACED

END = "[end]"
"""What a model answers where nothing is missing."""

HELD = 200
"""Characters of an answer that are kept back until it is clear what it begins with: an announcement, a refusal, the
text so far."""

ECHO = 12
"""So many characters that stand at the end already are an echo wherever they begin; fewer, where a word begins."""

RETOLD = 40
"""So many characters that stand further up are no way on: the model tells the text again."""

ECHO_MOST = 20_000
"""Characters; five times a section. Who repeats more tells the text again."""

LOOKED_AT_AGAIN = 1.25
"""An answer that may still be an echo is held against the text again when it has grown by so much: not for each piece,
of which there are thousands."""

LONGEST_TAIL = 40

_SPACELESS = re.compile(f"[{IDEOGRAPHS}{KANA}{UNSPACED}]\\Z")
_BEGINS = re.compile(r"(?:\A| )[\"'(\[{«*_]*\Z")
_PLAIN = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " "})
_RUN = re.compile(r"\s+|\S+")
_CLOSING = re.compile(r"[,.;:!?…)\]}’”»%]|'\w{1,2}\b")
_OPENING = re.compile(r"[(\[{‘“«\-–—/]\Z")


class NoWayOn(Exception):
    """What the model wrote does not go on from the text so far."""


def tail(so_far: str) -> str:
    """The last word that is there, perhaps cut: a model that goes on begins with it. The end of it, where it is long
    or the script has no spaces."""
    last = so_far.rsplit(maxsplit=1)[-1] if so_far.strip() else ""
    return last if len(last) <= LONGEST_TAIL else last[-ECHO:]


class Seam:
    """Takes an answer piece by piece, and gives what is to be added to the text so far.

    Made for one answer: `add` for each piece, `end` once. Both raise NoWayOn where the answer refuses, or tells
    the text again in other words; `end` also where it adds nothing and does not say that nothing is missing.
    """

    def __init__(self, so_far: str) -> None:
        self._so_far = so_far
        self._base = _folded(so_far.rstrip())
        self._answer = ""
        self._next_look = HELD
        self._joined = False

    def add(self, piece: str) -> str:
        if self._joined:
            return piece
        self._answer += piece
        if len(self._answer) < self._next_look:
            return ""
        self._next_look = int(len(self._answer) * LOOKED_AT_AGAIN)
        answer = without_preamble(self._answer)
        folded = _folded(answer)
        # As long as it stands in the text word for word, it may be an echo that goes on.
        if folded in self._base or not _rest(self._base, answer).strip():
            return ""
        return self._join(answer)

    def end(self) -> str:
        """What is left to add: all of it where the answer was short."""
        return "" if self._joined else self._join(without_preamble(self._answer))

    def _join(self, answer: str) -> str:
        self._joined = True
        if is_refusal(answer):
            raise NoWayOn("it refuses")
        rest = _rest(self._base, answer)
        if rest.strip().casefold() == END:
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
    folded = _folded(answer)[:ECHO_MOST]
    for length in _echoes(base[-ECHO_MOST:], folded):
        at = len(base) - length
        if length >= ECHO or _BEGINS.search(base, max(0, at - LONGEST_TAIL), at):
            return answer[_unfolded(answer, length) :]
    return answer


def _echoes(end: str, begin: str) -> Iterator[int]:
    """How long each end of the one is that the other begins with, the longest first (Knuth, Morris and Pratt)."""
    shorter = [0] * (len(begin) + 1)
    """For each length of a beginning the longest shorter one that is its end."""
    length = 0
    for at in range(1, len(begin)):
        while length and begin[at] != begin[length]:
            length = shorter[length]
        length += begin[at] == begin[length]
        shorter[at + 1] = length
    length = 0
    for character in end[-len(begin) :] if begin else "":
        while length and (length == len(begin) or character != begin[length]):
            length = shorter[length]
        length += character == begin[length]
    while length:
        yield length
        length = shorter[length]


def _retells(base: str, answer: str) -> bool:
    folded = _folded(answer)
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


def _folded(text: str) -> str:
    """The text with each stretch of white space as one space, none before it, and plain quotes."""
    words = " ".join(text.translate(_PLAIN).split())
    return f"{words} " if words and text[-1].isspace() else words


def _unfolded(text: str, length: int) -> int:
    """Where in the text so many of its folded characters end."""
    for run in _RUN.finditer(text, len(text) - len(text.lstrip())):
        folded = 1 if run[0].isspace() else len(run[0])
        if folded >= length:
            return run.end() if run[0].isspace() else run.start() + length
        length -= folded
    return len(text)
