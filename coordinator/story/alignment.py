"""Which items two sequences have in common, in order, found within a budget of operations. Pure.

First what both begin and end with, then the items that stand exactly once in each (patience), and between those the
shortest way from one to the other (Myers). Where the budget ends, what is left counts as replaced: the answer is then a
coarser one, and never a wrong one. The same sequences and budget give the same answer on every machine.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

Op = Literal["equal", "insert", "delete", "replace"]
Opcode = tuple[Op, int, int, int, int]
Range = tuple[int, int, int, int]
"""From and until in the old sequence, from and until in the new one."""

MOST_CHANGES = 1_000
"""Of one stretch with no item that stands once in each: what differs in more counts as replaced. Bounds the memory."""


class Budget:
    """Operations that are left; about ten million take a second or two."""

    def __init__(self, operations: int) -> None:
        self.left = operations

    def take(self, operations: int) -> bool:
        """Whether there are so many left; then they are spent. Otherwise none ever are again: what comes after an end
        should not fare better than what it ended."""
        self.left = self.left - operations if operations <= self.left else 0
        return self.left > 0


def opcodes(old: Sequence[str], new: Sequence[str], budget: Budget) -> list[Opcode]:
    """What leads from `old` to `new`, in order, neighbours of different kinds: as difflib's."""
    numbers: dict[str, int] = {}
    a, b = ([numbers.setdefault(item, len(numbers)) for item in items] for items in (old, new))
    found: list[Opcode] = []
    i = j = 0
    for i1, j1, length in [*_runs(a, b, budget), (len(a), len(b), 0)]:
        if (i, j) != (i1, j1):
            op: Op = "insert" if i == i1 else "delete" if j == j1 else "replace"
            found.append((op, i, i1, j, j1))
        if length:
            found.append(("equal", i1, i1 + length, j1, j1 + length))
        i, j = i1 + length, j1 + length
    return found


def _runs(a: list[int], b: list[int], budget: Budget) -> list[tuple[int, int, int]]:
    """Where both are the same, and for how long: in order, none adjoining another."""
    joined: list[tuple[int, int, int]] = []
    for i, j, length in sorted(_matches(a, b, budget)):
        last = joined[-1] if joined else (0, 0, 0)
        if joined and (last[0] + last[2], last[1] + last[2]) == (i, j):
            joined[-1] = (last[0], last[1], last[2] + length)
        else:
            joined.append((i, j, length))
    return joined


def _matches(a: list[int], b: list[int], budget: Budget) -> Iterator[tuple[int, int, int]]:
    ranges: list[Range] = [(0, len(a), 0, len(b))]
    while ranges:
        i1, i2, j1, j2 = ranges.pop()
        begin = _alike(a, b, i1, j1, min(i2 - i1, j2 - j1), 1)
        if begin:
            yield i1, j1, begin
        i1, j1 = i1 + begin, j1 + begin
        end = _alike(a, b, i2 - 1, j2 - 1, min(i2 - i1, j2 - j1), -1)
        if end:
            yield i2 - end, j2 - end, end
        i2, j2 = i2 - end, j2 - end
        if i1 == i2 or j1 == j2 or not budget.take(i2 - i1 + j2 - j1):
            continue
        anchors = _anchors(a, b, (i1, i2, j1, j2))
        if anchors:
            yield from ((i, j, 1) for i, j in anchors)
            around = [(i1 - 1, j1 - 1), *anchors, (i2, j2)]
            # The first range is taken up first: where the budget ends, the beginning has been compared.
            ranges += [(i + 1, k, j + 1, m) for (i, j), (k, m) in pairwise(around) if k > i + 1 and m > j + 1][::-1]
        else:
            yield from _shortest(a, b, (i1, i2, j1, j2), budget)


def _alike(a: list[int], b: list[int], i: int, j: int, most: int, step: int) -> int:
    """How many items are the same from there on, in steps of 1 or -1."""
    for length in range(most):
        if a[i + length * step] != b[j + length * step]:
            return length
    return most


def _anchors(a: list[int], b: list[int], within: Range) -> list[tuple[int, int]]:
    """Of the items that stand exactly once in each range the most that are in the same order."""
    i1, i2, j1, j2 = within
    once_in_a, once_in_b = ({item for item, n in Counter(part).items() if n == 1} for part in (a[i1:i2], b[j1:j2]))
    once = once_in_a & once_in_b
    if not once:
        return []
    place = {b[j]: j for j in range(j1, j2) if b[j] in once}
    pairs = [(i, place[a[i]]) for i in range(i1, i2) if a[i] in once]
    # The longest rising row: `ends` has the least last place of a row of each length, `before` what leads there.
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for index, (_, j) in enumerate(pairs):
        length = bisect_left(ends, j)
        ends[length : length + 1] = [j]
        last[length : length + 1] = [index]
        before.append(last[length - 1] if length else -1)
    row: list[tuple[int, int]] = []
    index = last[-1]
    while index >= 0:
        row.append(pairs[index])
        index = before[index]
    return row[::-1]


def _shortest(a: list[int], b: list[int], within: Range, budget: Budget) -> Iterator[tuple[int, int, int]]:
    """Myers' greedy way, of those items alone that both ranges have. Nothing where it takes too long."""
    i1, i2, j1, j2 = within
    common = set(a[i1:i2]) & set(b[j1:j2])
    in_a = [i for i in range(i1, i2) if a[i] in common]
    in_b = [j for j in range(j1, j2) if b[j] in common]
    ways = _ways([a[i] for i in in_a], [b[j] for j in in_b], budget)
    if ways is None:
        return
    x, y = len(in_a), len(in_b)
    for changes in range(len(ways) - 1, -1, -1):
        # Row `changes` is as it was before that change was made; the first has none before it.
        row, k = ways[changes], x - y
        down = k == -changes or (k != changes and row[k - 1] < row[k + 1])
        began = row[k + 1] if down else row[k - 1] + 1
        while x > began if changes else x > 0 and y > 0:
            x, y = x - 1, y - 1
            yield in_a[x], in_b[y], 1
        x, y = (x, y - 1) if down else (x - 1, y)


def _ways(a: list[int], b: list[int], budget: Budget) -> list[array[int]] | None:
    """For each number of changes how far in `a` they had led on each diagonal before the last of them was made; a
    diagonal below 0 is counted from the end. None where more than MOST_CHANGES are needed, or more than is left."""
    n, m = len(a), len(b)
    most = min(n + m, MOST_CHANGES)
    if abs(n - m) > most:
        return None
    furthest = array("i", [0]) * (2 * most + 3)
    ways: list[array[int]] = []
    for changes in range(most + 1):
        ways.append(furthest[: changes + 2] + array("i", furthest[-changes - 1 :]))
        walked = 0
        for k in range(-changes, changes + 1, 2):
            down = k == -changes or (k != changes and furthest[k - 1] < furthest[k + 1])
            x = began = furthest[k + 1] if down else furthest[k - 1] + 1
            while x < n and x - k < m and a[x] == b[x - k]:
                x += 1
            furthest[k] = x
            walked += x - began
            if x >= n and x - k >= m:
                return ways
        if not budget.take(changes + 1 + walked):
            return None
    return None
