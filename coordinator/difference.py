"""What is different between two versions of a text: paragraphs, and within a changed one the words. Pure.

Bounded by construction, whatever the texts: two of 30,000 words take a tenth of a second or two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal

from pydantic import BaseModel, Field

from coordinator.words import IDEOGRAPHS, KANA, UNSPACED

Op = Literal["equal", "insert", "delete", "replace"]
Opcode = tuple[Op, int, int, int, int]

MOST_COMPARED = 5_000
"""Paragraphs, or words, on one side. What is more, after the same beginning and end, counts as replaced whole."""
WORK = 50_000_000
"""Pairs of words that one difference compares at the most; what is changed beyond that is told by the paragraph."""
WINDOW = 50
ALIKE = 0.4
"""The share of words that two paragraphs have in common where one is taken for the other, changed."""

_UNIT = re.compile(r"\n*[^\n]+|\n+")
"""A paragraph with the line breaks before it."""
_ONE = f"{IDEOGRAPHS}{KANA}{UNSPACED}"
_WORD = re.compile(f"\\s*[{_ONE}]|\\s*[^\\s{_ONE}]+|\\s+")


class Change(BaseModel):
    op: Op
    from_text: str
    to_text: str


class Block(Change):
    """One or more paragraphs. All `from_text` joined are the one version, all `to_text` the other, to the character."""

    changes: list[Change] | None = Field(default=None, description="of a replaced paragraph: its words, in order")


def opcodes(old: Sequence[str], new: Sequence[str], most: int = MOST_COMPARED) -> list[Opcode]:
    """As difflib's. Where more than `most` are left without what both begin and end with, those are one `replace`."""
    least = min(len(old), len(new))
    begin = next((place for place in range(least) if old[place] != new[place]), least)
    end = next((back for back in range(least - begin) if old[-1 - back] != new[-1 - back]), least - begin)
    old_end, new_end = len(old) - end, len(new) - end
    middle: list[Opcode]
    if max(old_end, new_end) - begin > most:
        op: Op = "insert" if begin == old_end else "delete" if begin == new_end else "replace"
        middle = [(op, begin, old_end, begin, new_end)]
    else:
        matcher = SequenceMatcher(None, old[begin:old_end], new[begin:new_end])
        middle = [(op, i1 + begin, i2 + begin, j1 + begin, j2 + begin) for op, i1, i2, j1, j2 in matcher.get_opcodes()]
    first: list[Opcode] = [("equal", 0, begin, 0, begin)] if begin else []
    last: list[Opcode] = [("equal", old_end, len(old), new_end, len(new))] if end else []
    return [*first, *middle, *last]


def difference(old: str, new: str) -> list[Block]:
    """Blocks in order, none of them empty. Takes a second at the worst: not for the event loop."""
    before, after = _UNIT.findall(old), _UNIT.findall(new)
    words = _Words()
    blocks: list[Block] = []
    for block in _blocks(before, after, words):
        if block.op == "equal" and blocks and blocks[-1].op == "equal":
            blocks[-1].from_text += block.from_text
            blocks[-1].to_text += block.to_text
        else:
            blocks.append(block)
    return blocks


def _blocks(before: list[str], after: list[str], words: _Words) -> Iterator[Block]:
    # By their text alone: what stands before a paragraph is often moved, and the paragraph is still the same.
    for op, i1, i2, j1, j2 in opcodes([unit.strip() for unit in before], [unit.strip() for unit in after]):
        old, new = before[i1:i2], after[j1:j2]
        if op == "equal":
            for one, other in zip(old, new, strict=True):
                yield words.compared(one, other)
        else:
            yield from _replaced(old, new, words)


def _replaced(old: list[str], new: list[str], words: _Words) -> Iterator[Block]:
    i = j = 0
    for one, other in [*_pairs(old, new), (len(old), len(new))]:
        if i < one:
            yield Block(op="delete", from_text="".join(old[i:one]), to_text="")
        if j < other:
            yield Block(op="insert", from_text="", to_text="".join(new[j:other]))
        if one < len(old):
            yield words.compared(old[one], new[other])
        i, j = one + 1, other + 1


def _pairs(old: list[str], new: list[str]) -> Iterator[tuple[int, int]]:
    """Which paragraph has become which, in order."""
    if len(old) > MOST_COMPARED or len(new) > MOST_COMPARED:
        return
    said_before, said_after = ([frozenset(unit.casefold().split()) for unit in units] for units in (old, new))
    start = 0
    for i, said in enumerate(said_before):
        near = range(start, min(start + WINDOW, len(new)))
        alike, j = max(((_alike(said, said_after[place]), -place) for place in near), default=(0.0, 0))
        if alike >= ALIKE:
            yield i, -j
            start = -j + 1


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0


class _Words:
    """Compares words, as long as there is work left to give."""

    def __init__(self) -> None:
        self._left = WORK

    def compared(self, old: str, new: str) -> Block:
        """Of one paragraph, as it was and as it is."""
        if old == new:
            return Block(op="equal", from_text=old, to_text=new)
        before, after = _WORD.findall(old), _WORD.findall(new)
        self._left -= len(before) * len(after)
        changes = [
            Change(op=op, from_text="".join(before[i1:i2]), to_text="".join(after[j1:j2]))
            for op, i1, i2, j1, j2 in opcodes(before, after, MOST_COMPARED if self._left > 0 else 0)
        ]
        return Block(op="replace", from_text=old, to_text=new, changes=changes)
