"""Headings and plans that repeat the brief and are no part of the page: what the form of the page is decides. Pure.

A template without a `form` has no headings: the numbers of sections, chapters and beats, the story's title and those
of its beats are then nobody's. Where a form is described, or the writer wishes for chapters, only our own words
go, which no reader should see. A heading of other words stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from coordinator.agents.cleaning.sentences import is_listed, is_marked, plain
from coordinator.agents.cleaning.wordings import heading_words
from coordinator.story.brief import Brief

LONGEST = 120
"""Characters of a heading."""
LONGEST_PLAN = 60
"""Lines."""

_DIGITS = "[\\d一二三四五六七八九十百]{1,5}"
_CJK = re.compile(
    f"第\\s?{_DIGITS}\\s?(?:章|节|節|部分|幕|场|場|话|話|回|장|절)(?:[\\s:：、]{{1,3}}[^\\n。]{{0,40}})?"
    "|(?:제\\s?)?\\d{1,4}\\s?(?:장|절|부|화)(?:[\\s:.]{1,3}[^\\n]{0,40})?"
)
_SURE_PLAN = re.compile(r"section|this|beats|abschnitt|sección|sezione|раздела|写作")
_BUDGET = re.compile(
    r"\(?~?\d{2,4} (?:words?|wörter|mots|palabras|parole|palavras|woorden|słów|ord|слов)\b|\d{2,4}\s?[字語자]"
)
_THOUGHT_HEAD = re.compile(
    r"(?:my |the )?(?:analysis|thought process|thoughts|thinking|reasoning|planning|approach|internal monologue"
    r"|thinking process)\s?:?\Z"
)
_STORY_HEAD = re.compile(
    r"(?:the |final |revised )?(?:story|section|draft|text|answer|output|response|version|prose|final|scene)"
    r"(?: \d{1,4})?\s?:?\Z"
)
_RULE = re.compile(
    r"\s{0,3}(?:-\s?){3,40}\s{0,9}\Z|\s{0,3}\*{3,40}\s{0,9}\Z|\s{0,3}_{3,40}\s{0,9}\Z|\s{0,3}—{1,3}\s{0,9}\Z"
)


class Headings:
    """What headings of one brief are nobody's."""

    def __init__(self, brief: Brief) -> None:
        wishes = " ".join([brief.prompt[:4_000], *(note[:500] for note in brief.notes[:20]), brief.config.tone or ""])
        step = brief.template.step(brief.kind)
        wishes += " " + (step.instruction if step else "")
        self._has_form = bool(brief.template.style.form)
        self._wished = self._has_form or bool(heading_words().wished.search(wishes.casefold()))
        self._section, self._sections = brief.section, brief.sections
        outline = brief.outline
        self._title = _bare(outline.title) if outline else ""
        beats = [*brief.beats, *(outline.beats if outline else [])]
        self._beats = {bare for beat in beats if (bare := _bare(beat.title))}

    def is_ours(self, line: str, *, first: bool, alone: bool) -> bool:
        """Whether the line is a heading that nobody should see. `first`: the text begins with it; `alone`: an empty
        line follows."""
        if not line.strip() or len(line) > LONGEST or not self._section:
            return False
        marked = is_marked(line)
        if not marked and not alone:
            return False
        said = plain(line).rstrip(":：").strip()
        return self._is_number(said, marked, first) or self._is_title(line, said, marked, first)

    def _is_number(self, said: str, marked: bool, first: bool) -> bool:
        found = heading_words().numbered.fullmatch(said)
        if found is None:
            return bool(_CJK.fullmatch(said)) and first and not self._wished
        kinds = {kind for kind, names in heading_words().parts.items() if found["name"] in names}
        number = int(found["number"]) if found["number"].isdecimal() else 0
        of = int(found["of"]) if found["of"] and found["of"].isdecimal() else 0
        if ("section" in kinds and of == self._sections and number <= of) or "beat" in kinds:
            return True
        if self._wished or _is_sentence(found["title"] or ""):
            return False
        if kinds & {"section", "part", "scene"} and number > self._sections:
            return False
        return first or marked

    def _is_title(self, line: str, said: str, marked: bool, first: bool) -> bool:
        bare = _bare(heading_words().title.sub("", said, count=1))
        if first and bare and bare == self._title:
            set_apart = (
                marked or heading_words().title.match(said) or line.strip().upper() == line.strip() or bare != said
            )
            return bool(set_apart) and (not self._has_form or self._section > 1)
        return marked and not self._wished and bare in self._beats


def plan_lines(lines: Sequence[str], brief: Brief) -> int:
    """How many lines at the beginning are a plan of the section: a list under a name that says so, or one that repeats
    the beats or their budgets; and the rule after it."""
    if not brief.section:
        return 0
    at, label = 0, ""
    if (said := plain(lines[0])) and len(lines[0]) <= LONGEST and heading_words().plan.match(said):
        at, label = _filled(lines, 1), said
    first = at
    while at < min(len(lines), LONGEST_PLAN) and (is_listed(lines[at]) or (at > first and lines[at].startswith("  "))):
        at += 1
        after = _filled(lines, at)
        if after < len(lines) and is_listed(lines[after]):
            at = after
    items = list(lines[first:at])
    after = _filled(lines, at)
    ruled = after < len(lines) and is_rule(lines[after])
    if not items or after >= len(lines):
        return 0
    titles = [_bare(beat.title) for beat in [*brief.beats, *(brief.outline.beats if brief.outline else [])]]
    ours = sum(_is_planned(item, titles) for item in items)
    if not (_SURE_PLAN.search(label) or 2 * ours > len(items) or (label and (ruled or ours))):
        return 0
    return after + 1 if ruled else at


def thought_lines(lines: Sequence[str]) -> int:
    """How many lines at the beginning are a thought under a heading of its own, and the heading of the story after."""
    if not is_marked(lines[0]) or not _THOUGHT_HEAD.match(plain(lines[0][:LONGEST])):
        return 0
    for at in range(1, min(len(lines), 200)):
        if is_marked(lines[at]) and _STORY_HEAD.match(plain(lines[at][:LONGEST])):
            return at
    return 0


def is_rule(line: str) -> bool:
    """Whether the line is drawn across the page; `* * *` is a break within the story."""
    return len(line) <= 120 and bool(_RULE.match(line))


def _is_planned(item: str, titles: Sequence[str]) -> bool:
    words = _bare(re.sub(r"\A\s*(?:[-*•–+]|\d{1,3}[.)])\s*", "", item[:400]))
    return bool(_BUDGET.search(item[:400].lower())) or any(title and words.startswith(title) for title in titles)


def _filled(lines: Sequence[str], at: int) -> int:
    while at < len(lines) and not lines[at].strip():
        at += 1
    return at


def _is_sentence(title: str) -> bool:
    return title.endswith((".", "!", "?", "…")) and len(title.split()) > 4


def _bare(title: str) -> str:
    return " ".join(re.sub(r"[\"'“”„«»*_#:()]", " ", title[:300].casefold()).split())
