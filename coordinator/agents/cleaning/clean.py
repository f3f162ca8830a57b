"""An answer as a model sent it, without what is no story: one cleaning for all that is kept. Pure.

What a model says round a story is known by its place and its words: at an edge of the text, in a line of its own, in
wordings of `wordings`. Where it can't be told from a story, it is the story.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from coordinator.agents.cleaning import marks, sentences
from coordinator.agents.cleaning.headings import Headings, is_rule, plan_lines, thought_lines
from coordinator.agents.cleaning.wordings import heading_words
from coordinator.story.brief import Brief

Kind = Literal["preamble", "remark", "heading", "mark", "fence", "thought", "tool call", "plan"]
"""What is taken off a story. Of an answer that is none, `no_story` says what it is."""

MOST_ROUNDS = 10
"""What was taken off may have hidden something: it is looked at again, so often at most."""

MOST_ASIDES = 3
"""Lines such as "Certainly!" between the beginning and the line that makes a preamble of them."""

LONGEST_PREAMBLE = 4_000
"""Characters at the beginning of an answer in which its preamble ends, where only that is looked for."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The story in `text`, and nothing that was not in the answer. `removed` says what was taken off, sorted by name.
    `no_story`: all that is left asks back or refuses."""

    text: str
    removed: tuple[Kind, ...] = ()
    no_story: Literal["question", "refusal"] | None = None


def clean(text: str, brief: Brief) -> Cleaned:
    """The prose of an answer. Cleaning it again changes nothing. Time grows with the length of the text."""
    text = text.replace("\r\n", "\n").strip()
    if no_story := _no_story(text, brief):
        return Cleaned(text, no_story=no_story)
    page = _Page(text, brief)
    for _ in range(MOST_ROUNDS):
        if not page.cleaned():
            break
    return Cleaned(page.text(), tuple(sorted(page.removed)), _no_story(page.text(), brief) if page.removed else None)


def _no_story(text: str, brief: Brief) -> Literal["question", "refusal"] | None:
    if sentences.is_refusal(text, brief.words):
        return "refusal"
    return "question" if sentences.is_question(text, brief.words) else None


def without_preamble(text: str) -> str:
    """The text without lines at its beginning that only announce it. The same where nothing follows them yet."""
    start = text[:LONGEST_PREAMBLE].split("\n")
    end = _preamble_lines(start)
    while end and (more := _preamble_lines(start[end:])):
        end += more
    if not end or not any(line.strip() for line in start[end:]):
        return text
    return text[sum(len(line) + 1 for line in start[:end]) :].lstrip()


class _Page:
    def __init__(self, text: str, brief: Brief) -> None:
        self._lines = text.split("\n")
        self._first, self._last = 0, len(self._lines)
        self._brief = brief
        self._headings = Headings(brief)
        self.removed: set[Kind] = set()
        self._changed = False

    def text(self) -> str:
        return "\n".join(self._lines).strip()

    def cleaned(self) -> bool:
        """Takes off what is found now. Whether that was anything."""
        self._changed = False
        self._keep(map(self._without_mark, self._lines))
        self._keep(self._without_blocks())
        self._at_the_edges()
        self._keep(None if self._is_heading(at) else line for at, line in enumerate(self._lines))
        return self._changed

    def _found(self, kind: Kind) -> None:
        self.removed.add(kind)
        self._changed = True

    def _keep(self, lines: Iterable[str | None]) -> None:
        """These lines, those that are None left out; where one was, no two empty lines meet."""
        kept: list[str] = []
        gone = False
        for line in lines:
            if line is None:
                gone = True
                continue
            empty = not line.strip()
            if gone and empty and (not kept or not kept[-1].strip()):
                continue
            gone = gone and empty
            kept.append(line)
        self._lines = kept

    def _without_mark(self, line: str) -> str | None:
        bare = None if marks.is_wrapper(line) else marks.without_our_marks(line)
        if bare != line:
            self._found("mark")
        return bare

    def _without_blocks(self) -> list[str | None]:
        kept: list[str | None] = list(self._lines)
        for start, end, is_call in marks.blocks(self._lines):
            kept[start:end] = [None] * (end - start)
            self._found("tool call" if is_call else "thought")
        return kept

    def _is_heading(self, at: int) -> bool:
        alone = at + 1 == len(self._lines) or not self._lines[at + 1].strip()
        found = self._headings.is_ours(self._lines[at], first=False, alone=alone)
        if found:
            self._found("heading")
        return found

    def _at_the_edges(self) -> None:
        """Takes line after line off both ends, looking at a window there each time."""
        self._first, self._last = 0, len(self._lines)
        fences = marks.fences(self._lines)
        opened, closed = 0, len(fences)
        while self._narrowed():
            while opened < closed and fences[opened] < self._first:
                opened += 1
            while opened < closed and fences[closed - 1] >= self._last:
                closed -= 1
            begins = opened < closed and fences[opened] == self._first
            ends = opened < closed and fences[closed - 1] == self._last - 1
            if not (self._unfenced(closed - opened, begins, ends) or self._headed() or self._tailed()):
                break
        self._lines = self._lines[self._first : self._last]

    def _narrowed(self) -> bool:
        """Passes over empty lines at both ends and, where something was taken off, rules that set it apart. False where
        nothing is left."""
        while self._first < self._last and self._is_empty(self._first):
            self._first += 1
        while self._first < self._last and self._is_empty(self._last - 1):
            self._last -= 1
        return self._first < self._last

    def _is_empty(self, at: int) -> bool:
        return not self._lines[at].strip() or (bool(self.removed) and is_rule(self._lines[at]))

    def _unfenced(self, fences: int, begins: bool, ends: bool) -> bool:
        head, tail = marks.wrapping(fences, begins, ends, marks.about(self._lines[self._first]))
        if not (head or tail):
            return False
        self._found("fence")
        self._first += head
        self._last -= tail and self._last > self._first
        return True

    def _headed(self) -> bool:
        """Takes off what begins the text and is none of the story. Whether there was any."""
        lines = self._lines[self._first : min(self._first + marks.MOST_LINES, self._last)]
        kind, count = self._head(lines)
        if kind is None and (rest := sentences.announced(lines[0])) is not None:
            self._lines[self._first] = rest
            kind = "preamble"
        if kind is None:
            return False
        self._found(kind)
        self._first += count
        return True

    def _head(self, lines: Sequence[str]) -> tuple[Kind | None, int]:
        """What begins these lines, and how many of them it is."""
        count, thought = marks.head_call(lines)
        if count:
            return "thought" if thought else "tool call", count
        if count := marks.is_bracketed_thought(lines[0]) or thought_lines(lines):
            return "thought", int(count)
        if count := plan_lines(lines, self._brief):
            return "plan", count
        alone = len(lines) == 1 or not lines[1].strip()
        if self._headings.is_ours(lines[0], first=True, alone=alone):
            return "heading", 1
        if count := _preamble_lines(lines):
            return "preamble", count
        return None, 0

    def _tailed(self) -> bool:
        """Takes off what ends the text and is none of the story. Whether there was any."""
        lines = self._lines[max(self._first, self._last - marks.MOST_LINES) : self._last]
        kind, count = self._tail(lines)
        if kind is None:
            return False
        self._found(kind)
        self._last -= count
        return True

    def _tail(self, lines: Sequence[str]) -> tuple[Kind | None, int]:
        """What ends these lines, and how many of them it is."""
        if marks.is_end(lines[-1]):
            return "mark", 1
        if count := marks.tail_call(lines):
            return "tool call", count
        if count := _turn_lines(lines) or _list_lines(lines) or self._remark_lines(lines):
            return "remark", count
        return None, 0

    def _remark_lines(self, lines: Sequence[str]) -> int:
        """How many lines at the end speak of the story: a paragraph of its own, or a count of words."""
        asides = 0
        for back, line in enumerate(reversed(lines[-4 * MOST_ASIDES :]), 1):
            if not line.strip():
                continue
            apart = back == len(lines) or not lines[-back - 1].strip() or is_rule(lines[-back - 1])
            grade = sentences.closing(line)
            if grade == "sure" or (grade == "alone" and self._is_no_letter(lines, back)):
                return back if apart or (back == 1 and sentences.is_count(line)) else 0
            if grade == "no" or asides == MOST_ASIDES:
                break
            asides += 1
        return 1 if (len(lines) == 1 or not lines[-2].strip()) and self._is_early_end(lines[-1]) else 0

    def _is_no_letter(self, lines: Sequence[str], back: int) -> bool:
        """Whether what stands so many lines from the end can't be the end of a letter."""
        beginning = self._lines[self._first : self._first + 12]
        return "remark" in self.removed or not sentences.is_letter(beginning, lines[-back - 40 : -back], lines[-back])

    def _is_early_end(self, line: str) -> bool:
        return (
            0 < self._brief.section < self._brief.sections
            and sentences.plain(line).strip(" .!—-") in heading_words().the_end
        )


def _preamble_lines(lines: Sequence[str]) -> int:
    """How many lines at the beginning only announce what follows."""
    asides = end = 0
    for at, line in enumerate(lines[: 4 * MOST_ASIDES]):
        if not line.strip():
            continue
        grade = sentences.opening(line)
        if grade == "sure":
            end = at + 1
            break
        if grade != "perhaps" or asides == MOST_ASIDES:
            break
        asides += 1
    return end


def _turn_lines(lines: Sequence[str]) -> int:
    """How many lines at the end make up the next turn of whoever ordered the story, and an answer to it."""
    answered = False
    for back, line in enumerate(reversed(lines[-60:]), 1):
        answered = answered or sentences.is_answer(line)
        if answered and sentences.is_turn(line) and back < len(lines) and not lines[-back - 1].strip():
            return back
    return 0


def _list_lines(lines: Sequence[str]) -> int:
    """How many lines at the end list what was changed, under a line that says so."""
    if not sentences.is_listed(lines[-1]):
        return 0
    for back, line in enumerate(reversed(lines[-60:]), 1):
        if line.strip() and not sentences.is_listed(line):
            return back if sentences.heads_a_list(line) else 0
    return 0
