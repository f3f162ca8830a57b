"""What a typesetter must know of a language: its direction, its quotation marks. Pure."""

from __future__ import annotations

from coordinator.story.language import primary

OTHERWISE = "en"
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur", "yi", "ps", "ckb", "sd", "ug", "dv"})
CJK = frozenset({"zh", "ja", "ko"})

_MARKS = {
    "“”‘’": "en zh ko ar tr pt nl hi th",
    "«»“”": "fr es it ca el",
    "«»„“": "ru uk",
    "«»‹›": "fa",
    "«»‘’": "nb",
    "„“‚‘": "de cs sk sl bg et lt sr",
    "„”«»": "pl ro",
    "„”»«": "hu",
    "„”‚’": "hr",
    "””’’": "sv fi he",
    "»«›‹": "da",
    "「」『』": "ja",
}
"""Outer and inner quotation marks as the CLDR has them, for those that pairs of straight ones stand for."""
_QUOTES = {tag: marks for marks, tags in _MARKS.items() for tag in tags.split()}


def is_right_to_left(tag: str) -> bool:
    return primary(tag) in RIGHT_TO_LEFT


def quotes(tag: str) -> tuple[str, str, str, str]:
    """Outer opening and closing, inner opening and closing; French ones with their narrow space."""
    marks = _QUOTES.get(primary(tag), _QUOTES[OTHERWISE])
    if primary(tag) == "fr":
        return "«\u202f", "\u202f»", "“", "”"
    return marks[0], marks[1], marks[2], marks[3]
