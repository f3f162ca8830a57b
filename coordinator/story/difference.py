"""What is different between two versions of a text: paragraphs, and within a changed one the words. Pure.

Linear, whatever the texts: what is compared has a budget that grows with their length, and beyond it a stretch is told
as replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from pydantic import BaseModel, Field

from coordinator.story.alignment import Budget, Op, opcodes
from coordinator.story.words import IDEOGRAPHS, KANA, UNSPACED

OPERATIONS = 4
"""For each character of the two texts. A paragraph of which every third word was changed takes about so many."""
LEAST_OPERATIONS = 20_000
"""Enough for any two paragraphs of two hundred words."""
WINDOW = 50
"""A changed paragraph is looked for among so many."""
ALIKE = 0.4
"""The share of words that two paragraphs have in common where one is taken for the other, changed."""
WORDS_AT_ONCE = 16
"""Of a set, compared with another in the time of one operation."""

MOST_BLOCKS = 20_000
"""What comes after so many is told as one."""
MOST_CHANGES = 40_000
"""Of words, in all; after so many a paragraph is told as replaced."""

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


class Difference(BaseModel):
    """Of two versions. All `from_text` joined are the one, all `to_text` the other."""

    from_version: int = Field(serialization_alias="from")
    to_version: int = Field(serialization_alias="to")
    blocks: list[Block]


def compare(from_version: int, to_version: int, old: str, new: str) -> bytes:
    """A Difference as JSON: of long texts it takes long to write, too."""
    told = Difference(from_version=from_version, to_version=to_version, blocks=difference(old, new))
    return told.model_dump_json(by_alias=True).encode()


def difference(old: str, new: str) -> list[Block]:
    """Blocks in order, none of them empty. Two texts of a megabyte may take seconds."""
    paragraphs = _Comparison(len(old) + len(new)).blocks(_UNIT.findall(old), _UNIT.findall(new))
    blocks: list[Block] = []
    i = j = 0
    for block in _joined(paragraphs):
        if len(blocks) == MOST_BLOCKS - 1:
            return [*blocks, _whole(old[i:], new[j:])]
        blocks.append(block)
        i, j = i + len(block.from_text), j + len(block.to_text)
    return blocks


def _joined(paragraphs: Iterator[Block]) -> Iterator[Block]:
    """Those that are the same and stand together as one."""
    for op, group in groupby(paragraphs, lambda block: block.op):
        if op == "equal":
            same = "".join(block.from_text for block in group)
            yield Block(op="equal", from_text=same, to_text=same)
        else:
            yield from group


def _whole(old: str, new: str) -> Block:
    op: Op = "equal" if old == new else "insert" if not old else "delete" if not new else "replace"
    changes = [Change(op=op, from_text=old, to_text=new)] if op == "replace" else None
    return Block(op=op, from_text=old, to_text=new, changes=changes)


class _Comparison:
    """Of two texts with so many characters together: what it may still do and tell."""

    def __init__(self, characters: int) -> None:
        self._budget = Budget(max(LEAST_OPERATIONS, OPERATIONS * characters))
        self._changes = MOST_CHANGES

    def blocks(self, before: list[str], after: list[str]) -> Iterator[Block]:
        # By their text alone: what stands before a paragraph is often moved, and the paragraph is still the same.
        bare, bare_after = [unit.strip() for unit in before], [unit.strip() for unit in after]
        for op, i1, i2, j1, j2 in opcodes(bare, bare_after, self._budget):
            old, new = before[i1:i2], after[j1:j2]
            if op == "equal":
                for one, other in zip(old, new, strict=True):
                    yield self._words(one, other)
            else:
                yield from self._replaced(old, new)

    def _replaced(self, old: list[str], new: list[str]) -> Iterator[Block]:
        i = j = 0
        for one, other in [*self._pairs(old, new), (len(old), len(new))]:
            if i < one:
                yield Block(op="delete", from_text="".join(old[i:one]), to_text="")
            if j < other:
                yield Block(op="insert", from_text="", to_text="".join(new[j:other]))
            if one < len(old):
                yield self._words(old[one], new[other])
            i, j = one + 1, other + 1

    def _pairs(self, old: list[str], new: list[str]) -> Iterator[tuple[int, int]]:
        """Which paragraph has become which, in order."""
        said_before, said_after = ([frozenset(unit.casefold().split()) for unit in units] for units in (old, new))
        start = 0
        for i, said in enumerate(said_before):
            best, chosen = 0.0, -1
            for j in range(start, min(start + WINDOW, len(new))):
                if not self._budget.take(1 + min(len(said), len(said_after[j])) // WORDS_AT_ONCE):
                    return
                if (alike := _alike(said, said_after[j])) > best:
                    best, chosen = alike, j
            if best >= ALIKE:
                yield i, chosen
                start = chosen + 1

    def _words(self, old: str, new: str) -> Block:
        """One paragraph, as it was and as it is."""
        if old == new or self._changes <= 0:
            return _whole(old, new)
        before, after = _WORD.findall(old), _WORD.findall(new)
        changes = [
            Change(op=op, from_text="".join(before[i1:i2]), to_text="".join(after[j1:j2]))
            for op, i1, i2, j1, j2 in opcodes(before, after, self._budget)
        ]
        self._changes -= len(changes)
        return (
            Block(op="replace", from_text=old, to_text=new, changes=changes) if self._changes >= 0 else _whole(old, new)
        )


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0
