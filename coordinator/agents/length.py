"""Where prose ends: at its length, or before it goes round in circles. Pure.

Models that can't count are not asked again for what code can cut: what they wrote up to there is as good as it was.
"""

from __future__ import annotations

import re
from typing import Final

from coordinator.story.words import count_words

OVER: Final = 1.15
"""Times its budget; from there on prose ends with the sentence."""
SENTENCE_WORDS: Final = 80
"""So many words after that it ends between two words, where no sentence does."""
SENTENCE_CHARACTERS: Final = 1_000
"""And after so many characters anywhere."""

LOOPED: Final = 3
"""Times that the same words have come in a row, one stretch after the other, for it to be a loop: a refrain comes three
times at the most with nothing between."""
LOOP_WORDS: Final = 24
"""A loop has so many words at the least, all its turns together."""
LONGEST_TURN: Final = 120
"""Words of one turn of a loop."""
LOOKED_EVERY: Final = 20
"""Words between two looks for a loop."""
PIECE: Final = 100
"""Characters that are looked at in one."""
LONGEST_WORD: Final = 200
"""Characters of a word that are compared."""

_ENDS = re.compile(r"""(?:[.!?…؟।](?:[*_"'”’»)\]]{0,4})(?=\s|\Z)|[。！？][”」』）"]{0,2})""")
_TAIL = (LOOPED + 1) * LONGEST_TURN


class Length:
    """Takes prose piece by piece, and gives what of it belongs to the story. `over` once no more does."""

    def __init__(self, words: int, so_far: str = "") -> None:
        """`words` is the budget. `so_far` is the beginning that is there already, which counts."""
        self._most = max(round(words * OVER), 1)
        self._words = count_words(so_far)
        self._tail = ""
        """What is not counted yet: a last word may go on."""
        self._past = 0
        """Characters since the budget was passed."""
        self._looked = 0
        self.over = False
        self.looped = False
        """Whether it ends because it went round in circles."""
        self.turns = 0
        """Characters at the end of all that was given that only say again what stands before them."""
        self._given: list[str] = []
        """The end of it, for loops."""

    def add(self, piece: str) -> str:
        """What of the piece belongs to the story: all of it, until it is over."""
        return "".join(self._add(piece[at : at + PIECE]) for at in range(0, len(piece), PIECE))

    def _add(self, piece: str) -> str:
        if self.over:
            return ""
        kept = piece if self._words < self._most else self._cut(piece)
        self._count(kept)
        self._see(kept)
        return kept

    def _count(self, piece: str) -> None:
        text = self._tail + piece
        at = max(text.rfind(" "), text.rfind("\n")) + 1
        if len(text) - at > LONGEST_WORD:
            at = len(text)
        self._words += count_words(text[:at])
        self._tail = text[at:]

    def _cut(self, piece: str) -> str:
        """The piece up to the end of its first sentence, where one ends in it."""
        before = self._tail[-1:]
        found = _ENDS.search(before + piece)
        # The end of a piece is no end of a sentence yet: more dots or a quotation mark may follow.
        if found is not None and found.end() < len(before + piece):
            self.over = True
            return piece[: max(found.end() - len(before), 0)]
        if found is None and before and _ENDS.fullmatch(before) and piece[:1].isspace():
            self.over = True
            return ""
        self._past += len(piece)
        if self._past > SENTENCE_CHARACTERS or self._words > self._most + SENTENCE_WORDS:
            self.over = True
            return piece.rstrip().rpartition(" ")[0] or piece[:SENTENCE_CHARACTERS]
        return piece

    def _see(self, kept: str) -> None:
        self._given.append(kept)
        self._looked += len(kept)
        if self._looked < LOOKED_EVERY * 5 and not self.over:
            return
        self._looked = 0
        text = "".join(self._given)[-_TAIL * 12 :]
        self._given = [text]
        again = _said_again(_words_of(text)[-_TAIL:])
        if again:
            self.over = self.looped = True
            self.turns = _length_of(text, again)


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


def _words_of(text: str) -> list[str]:
    return [word[:LONGEST_WORD].casefold() for word in text.split()]


def _said_again(words: list[str]) -> int:
    """How many of the last words only say again what stands before them; 0 where they are no loop.

    By the borders of the words read backwards: Knuth, Morris and Pratt's, in time that grows with their number.
    """
    back = words[::-1]
    borders = [0] * len(back)
    found = (0, 0)
    for at in range(1, len(back)):
        length = borders[at - 1]
        while length and back[at] != back[length]:
            length = borders[length - 1]
        borders[at] = length + 1 if back[at] == back[length] else 0
        period, seen = at + 1 - borders[at], at + 1
        if found[0] and period != found[0]:
            break
        if period <= LONGEST_TURN and seen >= max(LOOPED * period, LOOP_WORDS):
            found = (period, seen)
    return found[1] - found[0]


def _length_of(text: str, words: int) -> int:
    """Characters that the last so many words of a text take, with what stands between them."""
    at = len(text)
    for _ in range(words):
        at = len(text[:at].rstrip())
        at = max(text.rfind(" ", 0, at), text.rfind("\n", 0, at)) + 1
        if at == 0:
            break
    return len(text) - at
