"""What is asked of the telling and not of the tale: shorter, darker, in the first person, without dialogue, …"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from coordinator.llm.storyteller import banks


@dataclass(frozen=True)
class Wish:
    """`kind` is one of `KINDS`; `old` and `new` are the names of a renaming, `new` empty where none is given."""

    kind: str
    old: str = ""
    new: str = ""
    told: str = ""
    """The words in which it was asked."""


TONES = {"dark": "grave", "sad": "grave", "cold": "cold", "warm": "warm", "funny": "funny"}
"""Wishes that are a tone, by the bank of units that has it."""

_MORE = r"(?:(?:a (?:bit|little|lot|touch)|much|far|somewhat|more|very|really|rather|quite|so|too) ){0,3}"
_NAME = r"[^\W\d_a-z][\w'’\-]{0,30}"
_PATTERNS = tuple(
    (kind, re.compile(text.replace("{more}", _MORE).replace("{name}", _NAME), 0 if kind == "rename" else re.IGNORECASE))
    for kind, texts in banks.wishes().items()
    for text in texts
)
KINDS = tuple(dict.fromkeys(kind for kind, _ in _PATTERNS))
_NOT = re.compile(
    r"\b(?:not|less|isn't|don't make it|not so|without being|nothing)\s+(?:so |too |as )?$", re.IGNORECASE
)
_ASKED = re.compile(
    r"\b(?:make|keep|be|it|this|story|tale|tone|more|less|write|rewrite|tell|told|use|please|want|would like|i'd like|"
    r"should|feel|sound|get|give|bit|little|much|half|beginning|middle|ending|opening|section|chapter|part|something)\b",
    re.IGNORECASE,
)
_BY_ADJECTIVE = ("dark", "cold", "sad", "warm", "funny", "vivid", "shorter")
MOST = 8_000
"""Characters of a text that are looked at."""


@lru_cache(maxsize=512)
def find(text: str) -> tuple[tuple[Wish, ...], str]:
    """The wishes in `text`, and the text without them."""
    text = re.sub(r"\s*\n\s*", "\n", re.sub(r"[^\S\n]+", " ", text[:MOST])).replace("’", "'")
    found: list[Wish] = []
    for kind, pattern in _PATTERNS:
        spans: list[tuple[int, int]] = []
        for match in pattern.finditer(text):
            if kind in _BY_ADJECTIVE and not _is_asked(text, match.start(), match.end()):
                continue
            spans.append(match.span())
            if kind in TONES and _NOT.search(text[max(0, match.start() - 24) : match.start()]):
                continue
            groups = match.groupdict()
            old, new = groups.get("old") or "", groups.get("new") or ""
            if not any(wish.kind == kind and (wish.old, wish.new) == (old, new) for wish in found):
                found.append(Wish(kind, old, new, match[0].strip()))
        for start, end in reversed(spans):
            text = f"{text[:start]} {text[end:]}"
    return tuple(found), _tidy(text)


def _is_asked(text: str, start: int, end: int) -> bool:
    """Whether an adjective is asked for, and not said of something in the story: the rest of its clause is nothing but
    an order (`make it darker`, `very short story about`), or there is none (`warmer, please`)."""
    before = re.split(r"[.;:!?\n\"“”]", text[max(0, start - 60) : start])[-1].lower()
    words = re.findall(r"[a-z']+", before)
    if all(_ASKED.fullmatch(word) or word in _PLAIN for word in words):
        return True
    last = re.split(r",| and ", before)[-1].split()
    if not set(last) & _ORDERS:
        return False
    more = re.match(r"(?:more |less |a bit |a little |much )*\w+er\b", text[start:end], re.IGNORECASE)
    return more is not None or set(last[:2]) <= _ORDERS | _PLAIN


def tone(wished: tuple[Wish, ...]) -> str:
    """The bank of units by which a wish for a tone is followed: `funny`, `grave`, `warm`, `cold`; or empty."""
    return next((TONES[wish.kind] for wish in wished if wish.kind in TONES), "")


_PLAIN = frozenset(
    [
        "a",
        "an",
        "the",
        "me",
        "us",
        "of",
        "and",
        "but",
        "very",
        "i",
        "you",
        "could",
        "can",
        "would",
        "like",
        "to",
        "in",
        "style",
        "second",
        "first",
        "last",
        "third",
        "it's",
    ]
)
_ORDERS = frozenset(["make", "keep", "it", "write", "tell", "be", "more", "let", "rewrite"])


_ORDERED = re.compile(
    r"(?:^|(?<=[.!?;\n,]))\s*(?:(?:please|could you|can you|and|but|also|just|i'd like|i would like|i want)\s+){0,3}"
    r"(?:make|keep|use|let|write|rewrite|tell|have|give)"
    r"(?: (?:it|this|that|the|story|a|be|whole|thing|all|end|me|in|to|of|second|first|last|half|part|beginning|"
    r"middle)){0,5}"
    r"\s*(?:,|and|but|please|\s){0,5}(?=[.!?;\n]|$)",
    re.IGNORECASE,
)


def _tidy(text: str) -> str:
    """Without what orders leave behind when their wish is gone: `Make it .`, `, and`."""
    text = _ORDERED.sub(" ", text)
    text = re.sub(r"\s*[,;]\s*(?:and|but|please)?\s*(?=[.!?:]|$)", "", text)
    text = re.sub(r"(?:^|(?<=[.!?]))\s*(?:[,;:.!]|and\b|please\b|in\b(?= *[,.]))\s*", " ", text, flags=re.IGNORECASE)
    return re.sub(r"[^\S\n]{2,}", " ", text).strip(" ,;:\n")
