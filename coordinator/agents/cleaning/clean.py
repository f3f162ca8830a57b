"""An answer as a model sent it, without what is no story: one cleaning for all that is kept. Pure.

What a model says round a story is known by its place and its words: at an edge of the text, in a line of its own, in
wordings of `wordings`. Where it can't be told from a story, it is the story.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from coordinator.agents.cleaning import marks, sentences
from coordinator.agents.cleaning.headings import Headings, is_rule, plan_lines, thought_lines
from coordinator.story.brief import Brief

Kind = Literal[
    "preamble", "remark", "heading", "mark", "fence", "thought", "question", "refusal", "tool call", "plan"
]  # fmt: skip

MOST_ROUNDS = 10
"""What was taken off may have hidden something: it is looked at again, so often at most."""

MOST_ASIDES = 3
"""Lines such as "Certainly!" between the beginning and the line that makes a preamble of them."""

LONGEST_PREAMBLE = 4_000
"""Characters at the beginning of an answer in which its preamble ends, where only that is looked for."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The story in `text`: nothing in it that was not there. `removed` says in order of the alphabet what was taken off.
    `no_story`: all of the text asks back or refuses; then nothing was removed."""

    text: str
    removed: tuple[Kind, ...] = ()
    no_story: Literal["question", "refusal"] | None = None


def clean(text: str, brief: Brief) -> Cleaned:
    """The prose of an answer. Cleaning it again changes nothing. Time grows with the length of the text."""
    text = text.replace("\r\n", "\n").strip()
    if sentences.is_refusal(text, brief.words):
        return Cleaned(text, no_story="refusal")
    if sentences.is_question(text, brief.words):
        return Cleaned(text, no_story="question")
    page = _Page(text, brief)
    for _ in range(MOST_ROUNDS):
        if not page.cleaned():
            break
    return Cleaned(page.text(), tuple(sorted(page.removed)))


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
        self._brief = brief
        self._headings = Headings(brief)
        self.removed: set[Kind] = set()
        self._changed = False

    def text(self) -> str:
        return "\n".join(self._lines).strip()

    def cleaned(self) -> bool:
        """Takes off what is found now. Whether that was anything."""
        self._changed = False
        self._without_marks()
        self._without_blocks()
        self._at_the_edges()
        self._without_headings()
        return self._changed

    def _found(self, kind: Kind) -> None:
        self.removed.add(kind)
        self._changed = True

    def _without_marks(self) -> None:
        kept: list[str | None] = []
        for line in self._lines:
            bare = None if marks.is_wrapper(line) else marks.without_our_marks(line)
            if bare is None or bare != line:
                self._found("mark")
            kept.append(bare)
        if None in kept or self._changed:
            self._lines = _closed_up(kept)

    def _without_blocks(self) -> None:
        kept: list[str | None] = list(self._lines)
        for start, end, is_call in marks.blocks(self._lines):
            kept[start:end] = [None] * (end - start)
            self._found("tool call" if is_call else "thought")
        if None in kept:
            self._lines = _closed_up(kept)

    def _without_headings(self) -> None:
        kept: list[str | None] = list(self._lines)
        for at, line in enumerate(self._lines):
            alone = at + 1 == len(self._lines) or not self._lines[at + 1].strip()
            if self._headings.is_ours(line, first=False, alone=alone):
                kept[at] = None
                self._found("heading")
        if None in kept:
            self._lines = _closed_up(kept)

    def _at_the_edges(self) -> None:
        first, last = 0, len(self._lines)
        while True:
            first, last = self._blank(first, last)
            if first >= last:
                break
            self._lines, first, last = self._lines[first:last] if first or last < len(self._lines) else self._lines, 0, last - first
            head = self._head()
            tail = 0 if head >= len(self._lines) else self._tail()
            if not head and not tail:
                break
            first, last = head, last - tail
        self._lines = self._lines[first:last]

    def _blank(self, first: int, last: int) -> tuple[int, int]:
        """Without empty lines at both ends and, where something was taken off, rules that set it apart."""
        while first < last and (not self._lines[first].strip() or (self.removed and is_rule(self._lines[first]))):
            first += 1
        while first < last and (not self._lines[last - 1].strip() or (self.removed and is_rule(self._lines[last - 1]))):
            last -= 1
        return first, last

    def _head(self) -> int:
        """How many lines at the beginning are none of the story."""
        lines = self._lines
        opened, closed = marks.fenced_text(lines)
        if opened and not closed or (opened and closed):
            if opened and closed:
                lines[-1] = ""
            self._found("fence")
            return 1
        count, thought = marks.head_call(lines)
        if count:
            self._found("thought" if thought else "tool call")
            return count
        if marks.is_bracketed_thought(lines[0]):
            self._found("thought")
            return 1
        if count := thought_lines(lines):
            self._found("thought")
            self._found("heading")
            return count
        if count := plan_lines(lines, self._brief):
            self._found("plan")
            return count
        alone = len(lines) == 1 or not lines[1].strip()
        if self._headings.is_ours(lines[0], first=True, alone=alone):
            self._found("heading")
            return 1
        if count := _preamble_lines(lines):
            self._found("preamble")
            return count
        if (rest := sentences.announced(lines[0])) is not None:
            self._found("preamble")
            lines[0] = rest
        return 0

    def _tail(self) -> int:
        """How many lines at the end are none of the story."""
        lines = self._lines
        if marks.is_end(lines[-1]):
            self._found("mark")
            return 1
        if marks.fenced_text(lines)[1]:
            self._found("fence")
            return 1
        if count := marks.tail_call(lines):
            self._found("tool call")
            return count
        if count := self._remark_lines():
            self._found("remark")
            return count
        return 0

    def _remark_lines(self) -> int:
        lines = self._lines
        if count := _turn_lines(lines) or _list_lines(lines):
            return count
        alone = len(lines) == 1 or not lines[-2].strip()
        count = asides = 0
        for back, line in enumerate(reversed(lines[-2 * MOST_ASIDES - 2 :]), 1):
            if not line.strip():
                continue
            grade = sentences.closing(line)
            if grade == "sure" or (grade == "alone" and self._is_no_letter(back)):
                count = back
                break
            if grade == "no" or asides == MOST_ASIDES:
                break
            asides += 1
        if count:
            before = count == len(lines) or not lines[-count - 1].strip()
            return count if before or (alone and count == 1) or _is_count(lines[-count]) else 0
        return 1 if self._is_early_end(lines[-1]) and alone else 0

    def _is_no_letter(self, back: int) -> bool:
        return "remark" in self.removed or not sentences.is_letter(self._lines[: len(self._lines) - back])

    def _is_early_end(self, line: str) -> bool:
        brief = self._brief
        said = sentences.plain(line).strip(" .!—-")
        return 0 < brief.section < brief.sections and said in _ENDS


_ENDS = {"the end", "end", "ende", "fin", "fine", "fim", "einde", "koniec", "slut", "son", "конец", "кінець", "完", "終わり", "끝", "النهاية", "समाप्त"}


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


def _is_count(line: str) -> bool:
    return any(character.isdigit() for character in line) and len(line) <= 60


def _closed_up(lines: Sequence[str | None]) -> list[str]:
    """The lines that are left; where some are gone, no two empty ones meet."""
    kept: list[str] = []
    gone = False
    for line in lines:
        if line is None:
            gone = True
            continue
        if gone and not line.strip() and (not kept or not kept[-1].strip()):
            continue
        gone = gone and not line.strip()
        kept.append(line)
    return kept
