"""Prose as a model sent it: what is no story at all, and the few wrappings that are taken off."""

from __future__ import annotations

import re

from coordinator.agents.fence import one_line
from coordinator.story.brief import Brief

DEEPEST_HEADING = 6
LONGEST_REFUSAL = 120
SHORTEST_LIMIT = 40
"""In words. A longer text, or half of what was asked for, is an attempt at the task whatever it opens with."""

LONGEST_OPENING = 400
"""Characters of a text in which it has refused, if it does."""

_NOT = r"(?:can(?:'t|not| not)|won't|will not|(?:unable|not able) to|not (?:comfortable|willing)|must decline)"
_REFUSAL = re.compile(
    r"(?:(?:i'm|i am) (?:very |really |so )?sorry|sorry|i apologi[sz]e|unfortunately|as an ai\b[^,.]{0,80})?"
    r"[\s,.:;!—-]{0,9}(?:but |however,? )?(?:as an ai\b[^,.]{0,80}, )?i(?:'m| am)?\s{0,9}" + _NOT + r"\b[^.!?\n]{0,80}?"
    r"\b(?:help(?! but)|assist|writ|creat|continu|provid|compl|fulfil|generat|engag|produc|do that"
    r"|with (?:that|this)|discuss)",
    re.IGNORECASE,
)
_SORRY = re.compile(r"i(?:'m| am) sorry,? but (?:i|this|that|as an ai)\b", re.IGNORECASE)
_WORD = re.compile(r"\w")

_FENCE = re.compile(r"\A(```+|~~~+)[\w-]*[ \t]*\n(?P<inside>.*)\n\1[ \t]*\Z", re.DOTALL)
_PREAMBLE = re.compile(
    r"\A(?:(?:sure|certainly|absolutely|of course|okay|great)\b[,.!]?\s*)?(?:here(?:'s| is| are)|below (?:is|are))\b"
    r"(?:[^.?!\n]{0,80}\b(?:section|draft|revis\w{1,20}|rewritten|polished|edited|version|continuation|brainstorm\w{0,20}|ideas)\b"
    r"[^.?!\n]{0,80}|[^.?!\n]{0,40}\b(?:story|scene|chapter|text)):[ \t]*\n\s*(?=\S)",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"\n[ \t]*\n(?:let me know if you(?:'d| would)? (?:like|want)|would you like me to"
    r"|i hope this (?:section|draft|version|meets)|feel free to (?:ask|let))[^\n]{0,300}\Z",
    re.IGNORECASE,
)
_SECTION_NUMBER = re.compile("(?:section|part) (\\d{1,6})(?: of \\d{1,6})?(?: ?[:.\u2013\u2014-].*)?", re.IGNORECASE)


def is_refusal(text: str, wanted_words: int = 0) -> bool:
    """Whether a short text only says that it will not do what was asked. `wanted_words` is its budget, or 0."""
    limit = min(LONGEST_REFUSAL, max(SHORTEST_LIMIT, wanted_words // 2)) if wanted_words else LONGEST_REFUSAL
    if len(text.split()) > limit:
        return False
    begins = _WORD.search(text)
    if begins is None:
        return False
    opening = text[begins.start() : begins.start() + LONGEST_OPENING].replace("\u2019", "'")
    return bool(_REFUSAL.match(opening) or _SORRY.match(opening))


def tidy(text: str, brief: Brief) -> str:
    """The prose without what is unmistakably none of it: a surrounding code fence, a line that only announces it, a
    closing offer, or a heading that repeats the section's number or the story's title."""
    text = text.replace("\r\n", "\n").strip()
    for _ in range(2):  # A preamble may stand before a fence or within one.
        text = without_preamble(text)
        if fenced := _FENCE.match(text):
            text = fenced["inside"].strip()
    closing = _CLOSING.search(text)
    if closing:
        text = text[: closing.start()].rstrip()
    return _without_repeated_heading(text, brief)


def without_preamble(text: str) -> str:
    """The text without a first line that only announces it."""
    found = _PREAMBLE.match(text.replace("\u2019", "'"))
    return text[found.end() :] if found else text


def _without_repeated_heading(text: str, brief: Brief) -> str:
    heading, rest = _heading(text)
    if not heading or not brief.section:
        return text
    number = _SECTION_NUMBER.fullmatch(one_line(heading))
    title = brief.outline.title if brief.outline else ""
    repeated = (
        (number is not None and int(number[1]) == brief.section)
        or (brief.section > 1 and heading.casefold() == title.casefold())
        or _heading(rest)[0] == heading
    )
    return rest if repeated else text


def _heading(text: str) -> tuple[str, str]:
    """The words of the heading with which a text begins, and what follows it; nothing where either is missing."""
    line, _, rest = text.partition("\n")
    line, rest = line.strip(), rest.lstrip()
    bare = line.lstrip("#")
    if 1 <= len(line) - len(bare) <= DEEPEST_HEADING and bare[:1].isspace():
        heading = bare.rstrip("#")
    elif len(line) > 4 and line.startswith("**") and line.endswith("**") and "*" not in line[2:-2]:
        heading = line[2:-2]
    else:
        return "", text
    return (heading.strip(" \t*_"), rest) if rest else ("", text)
