"""Where prose ends: at its length, or before it goes round in circles. Pure.

Models that can't count are not asked again for what code can cut: what they wrote up to there is as good as it was.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Final

from coordinator.story.words import IDEOGRAPHS, KANA, UNSPACED, count_words

OVER: Final = 1.15
"""Times its budget; from there on prose ends with the sentence."""
SENTENCE_WORDS: Final = 80
"""So many words after that it ends between two words, where no sentence does."""
SENTENCE_CHARACTERS: Final = 1_000
"""And after so many characters anywhere."""

LOOPED: Final = 3
"""Times that the same words have come in a row, one stretch after the other, for it to be a loop: a refrain comes three
times at the most with nothing between."""
SAID_AGAIN: Final = 6
"""Times that one sentence has come, whatever stands between, for it to be a loop: a formula of a tale comes thrice, or
once for each of a few things."""
SAID_WORDS: Final = 4
"""Words of a sentence that is counted: `He said nothing.` may come as often as it likes."""
LOOP_WORDS: Final = 24
"""A loop has so many words at the least, all its turns together."""
LONGEST_TURN: Final = 120
"""Words of one turn of a loop."""
LOOKED_EVERY: Final = 100
"""Characters between two looks for a loop."""
PIECE: Final = 100
"""Characters that are looked at in one."""
LONGEST_MEAN: Final = 20
"""Characters a word: a text that has more of them for its words is none."""
LONGEST_END: Final = 8
"""Characters that end a sentence, with quotation marks and brackets."""
LONGEST_WORD: Final = 200
"""Characters of a word that are compared."""

_ENDS = re.compile(r"""(?:[.!?…؟।](?:[*_"'”’»)\]]{0,4})(?=\s|\Z)|[。！？][”」』）"]{0,2})""")
_WORD = re.compile(f"[{IDEOGRAPHS}{KANA}{UNSPACED}]|[^\\s{IDEOGRAPHS}{KANA}{UNSPACED}]+")
_BOUNDARY = re.compile(r"[.!?…؟।。！？\n][\"'”’»*_)\]]{0,4}")
_TAIL = (LOOPED + 1) * LONGEST_TURN * 7
"""Characters."""


class Length:
    """Takes prose piece by piece, and gives what of it belongs to the story. `over` once no more does."""

    def __init__(self, words: int, so_far: str = "") -> None:
        """`words` is the budget. `so_far` is the beginning that is there already, which counts."""
        self._most = max(round(words * OVER), 1)
        self._words = count_words(so_far)
        self._characters = 0
        self._tail = ""
        """What is not counted yet: a last word may go on."""
        self._past = 0
        """Characters since the budget was passed."""
        self._unseen = 0
        self._given = ""
        """The end of all that was given."""
        self.over = False
        self.looped = False
        """Whether it ends because it went round in circles."""
        self.turns = 0
        """Characters at the end of all that was given that only say again what stands before them."""

    def add(self, piece: str) -> str:
        """What of the piece belongs to the story: all of it, until it is over."""
        return "".join(self._add(piece[at : at + PIECE]) for at in range(0, len(piece), PIECE))

    def _add(self, piece: str) -> str:
        if self.over:
            return ""
        within = self._words < self._most and self._characters < LONGEST_MEAN * self._most
        kept = piece if within else self._cut(piece)
        self._count(kept)
        self._see(kept)
        return kept

    def _count(self, piece: str) -> None:
        self._characters += len(piece)
        text = self._tail + piece
        at = max(text.rfind(" "), text.rfind("\n")) + 1
        if len(text) - at > LONGEST_WORD:
            at = len(text)
        self._words += count_words(text[:at])
        self._tail = text[at:]

    def _cut(self, piece: str) -> str:
        """The piece up to the end of its first sentence, where one ends in it."""
        before = self._given[-LONGEST_END:]
        text = before + piece
        # The end of a piece is no end of a sentence yet: more dots or a quotation mark may follow.
        ends = (found.end() for found in _ENDS.finditer(text) if len(before) <= found.end() < len(text))
        end = next(ends, None)
        if end is not None:
            self.over = True
            return text[len(before) : end]
        self._past += len(piece)
        if self._past > SENTENCE_CHARACTERS or self._words > self._most + SENTENCE_WORDS:
            self.over = True
            return piece.rstrip().rpartition(" ")[0]
        return piece

    def _see(self, kept: str) -> None:
        self._given = (self._given + kept)[-_TAIL:]
        self._unseen += len(kept)
        if self._unseen < LOOKED_EVERY and not self.over:
            return
        self._unseen = 0
        again = max(_in_circles(self._given), _too_often(self._given))
        if again:
            self.over = self.looped = True
            self.turns = again


def without_loop(text: str, length: Length) -> str:
    """The text with one turn of the loop that it ended in, up to the end of a sentence."""
    return whole_sentences(text[: len(text) - length.turns]) if length.looped else text


def whole_sentences(text: str) -> str:
    """The text up to the end of its last sentence; all of it where none ends in its second half."""
    text = text.rstrip()
    last = 0
    for found in _ENDS.finditer(text):
        last = found.end()
    return text[:last] if last > len(text) // 2 else text


def _too_often(text: str) -> int:
    """How many of the last characters come after a sentence that is told SAID_AGAIN times was told the first time; 0
    where none is."""
    told: defaultdict[str, list[int]] = defaultdict(list)
    at = 0
    for found in _BOUNDARY.finditer(text):
        said = text[at : found.start()].casefold()
        # Asterisks that part scenes are no words.
        if count_words(said) >= SAID_WORDS:
            told[" ".join(said.split())].append(found.end())
        at = found.end()
    return max((len(text) - places[0] for places in told.values() if len(places) >= SAID_AGAIN), default=0)


def _in_circles(text: str) -> int:
    """How many of the last characters only say again what stands before them; 0 where they are no loop.

    By the borders of the words read backwards: Knuth, Morris and Pratt's, in time that grows with their number.
    """
    found = list(_WORD.finditer(text))
    # The last may go on, and is then another.
    words = [(each.start(), each[0][:LONGEST_WORD].casefold()) for each in found][:-1][::-1]
    borders = [0] * len(words)
    turn, seen = 0, 0
    for at in range(1, len(words)):
        length = borders[at - 1]
        while length and words[at][1] != words[length][1]:
            length = borders[length - 1]
        borders[at] = length + 1 if words[at][1] == words[length][1] else 0
        period = at + 1 - borders[at]
        if turn and period != turn:
            break
        if period <= LONGEST_TURN and at + 1 >= max(LOOPED * period, LOOP_WORDS):
            turn, seen = period, at + 1
    return len(text) - words[seen - turn - 1][0] if turn else 0
