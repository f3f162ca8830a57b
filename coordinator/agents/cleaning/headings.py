"""Headings and plans that repeat the brief and are no part of the page: decided by what the form of the page is. Pure.

A template without a `form` has no headings, and then the numbers of sections, chapters and beats, the story's title and a
beat's are nobody's. Where a form is described, or the writer wishes for chapters, only those of our own words go that no
reader can have been meant to see. A heading of other words stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from coordinator.agents.cleaning.sentences import is_listed, is_marked, plain
from coordinator.agents.cleaning.wordings import NUMBER, OF, PARTS
from coordinator.story.brief import Brief

LONGEST = 120
"""Characters of a heading."""
LONGEST_PLAN = 60
"""Lines."""

_WORDS = {word: kind for kind, words in PARTS.items() for word in words.split("|")}
_NUMBERED = re.compile(
    rf"(?P<word>{'|'.join(sorted(_WORDS, key=len, reverse=True))})\s{{1,3}}(?:#|no\.? ?|nr\.? ?)?(?P<number>{NUMBER})"
    rf"(?:\s{{0,3}}{OF}\s{{0,3}}(?P<of>{NUMBER}))?(?:\s?[:.–—-]\s{{0,3}}(?P<title>[^\n]{{0,90}})|\s?\([^()\n]{{0,40}}\))?"
)
_CJK_DIGITS = "[\\d一二三四五六七八九十百]{1,5}"
_CJK = re.compile(
    f"第\\s?(?P<number>{_CJK_DIGITS})\\s?(?P<word>章|节|節|部分|幕|场|場|话|話|回|장|절)(?:[\\s:：、　]{{1,3}}[^\\n。]{{0,40}})?"
    "|(?:제\\s?)?\\d{1,4}\\s?(?:장|절|부|화)(?:[\\s:.]{1,3}[^\\n]{0,40})?"
)
_TITLE = re.compile(r"(?:(?:story )?title|titel|titre|título|titolo|tytuł|başlık|название|назва|标题|題名|タイトル|제목)\s?: ?", re.IGNORECASE)
_HEADINGS_WISHED = re.compile(
    r"\b(?:headings?|headlines?|überschrift\w{0,3}|titres|encabezad\w{1,3}|chapters?|kapitel\w{0,2}|chapitres?|capítulos?|capitol\w"
    r"|hoofdstuk\w{0,3}|rozdział\w{0,3}|bölüm\w{0,4}|глав\w{1,3}|розділ\w{0,3}|parts|in two parts|in three parts|teile|parties|partes|parti)\b|[章节節장]|الفصول|فصول|अध्याय"
)
_PLAN_LABEL = re.compile(
    r"(?:(?:my |the )?(?:section |scene |story )?(?:plan|outline|approach|structure)(?: (?:for|of) (?:this|the|section)[^\n:]{0,40})?|(?:section |story )?beats"
    r"|key beats|beat (?:sheet|plan|list)|plan (?:des|für den|dieses) abschnitts?|gliederung|plan de la sección|plan de la section|esquema|piano della sezione|план(?: раздела)?|写作计划|大纲|構成|プロット|개요)"
    r"\s?[:：]?\Z"
)
_SURE_PLAN = re.compile(r"section|this|beats|abschnitt|sección|sezione|раздела|写作")
_BUDGET = re.compile(r"\(?~?\d{2,4} (?:words?|wörter|mots|palabras|parole|palavras|woorden|słów|ord|слов)\b|\d{2,4}\s?[字語자]")
_THOUGHT_HEAD = re.compile(r"(?:my |the )?(?:analysis|thought process|thoughts|thinking|reasoning|planning|approach|internal monologue|thinking process)\s?:?\Z")
_STORY_HEAD = re.compile(r"(?:the |final |revised )?(?:story|section|draft|text|answer|output|response|version|prose|final|scene)(?: \d{1,4})?\s?:?\Z")
_RULE = re.compile(r"\s{0,3}(?:-\s?){3,40}\s{0,9}\Z|\s{0,3}\*{3,40}\s{0,9}\Z|\s{0,3}_{3,40}\s{0,9}\Z|\s{0,3}—{1,3}\s{0,9}\Z")


class Headings:
    """What headings of one brief are nobody's."""

    def __init__(self, brief: Brief) -> None:
        wishes = " ".join([brief.prompt[:4_000], *(note[:500] for note in brief.notes[:20]), brief.config.tone or ""])
        step = brief.template.step(brief.kind)
        wishes += " " + (step.instruction if step else "")
        self._has_form = bool(brief.template.style.form)
        self._wished = self._has_form or bool(_HEADINGS_WISHED.search(wishes.casefold()))
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
        found = _NUMBERED.fullmatch(said)
        if found is None:
            return bool(_CJK.fullmatch(said)) and first and not self._wished
        kinds = {kind for kind, words in PARTS.items() if found["word"] in words.split("|")}
        number = int(found["number"]) if found["number"].isdecimal() else 0
        of = int(found["of"]) if found["of"] and found["of"].isdecimal() else 0
        if "section" in kinds and of == self._sections and number <= of or "beat" in kinds:
            return True
        if self._wished or _is_sentence(found["title"] or ""):
            return False
        if kinds & {"section", "part", "scene"} and number > self._sections:
            return False
        return first or marked

    def _is_title(self, line: str, said: str, marked: bool, first: bool) -> bool:
        bare = _bare(_TITLE.sub("", said, count=1))
        if first and bare and bare == self._title:
            set_apart = marked or _TITLE.match(said) or line.strip().upper() == line.strip() or bare != said
            return bool(set_apart) and (not self._has_form or self._section > 1)
        return marked and not self._wished and bare in self._beats


def plan_lines(lines: Sequence[str], brief: Brief) -> int:
    """How many lines at the beginning are a plan of the section: a list under a name that says so, or one that repeats
    the beats or their budgets; and the rule after it."""
    at, label = 0, ""
    if (said := plain(lines[0])) and len(lines[0]) <= LONGEST and _PLAN_LABEL.match(said):
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
