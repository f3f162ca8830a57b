"""Texts that make a careless expression or algorithm take minutes: each by about how many characters it is to have."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import islice, product

SEED = 7
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _repeated(unit: str, before: str = "", after: str = "") -> Callable[[int], str]:
    return lambda length: before + unit * (length // len(unit)) + after


def _four_letters(length: int) -> str:
    return " ".join(map("".join, islice(product(LETTERS, repeat=4), length // 5)))


def _paragraphs(length: int) -> str:
    return "\n\n".join(f"p{number}" for number in range(length // 8))


def _words_by_chance(length: int) -> str:
    chance = random.Random(SEED)
    return " ".join(chance.choice(("the", "a", "of", "it", "he", "\n\n")) for _ in range(length // 3))


def _ideographs(length: int) -> str:
    return "".join(chr(0x4E00 + number % 20_000) for number in range(length))


TEXTS: dict[str, Callable[[int], str]] = {
    "spaces": _repeated(" ", "x", "x"),
    "tabs": _repeated("\t", "x", "x"),
    "line ends": _repeated("\n", "x", "x"),
    "blank lines": _repeated(" \n", "x", "x"),
    "line separators": _repeated("\u2028", "- ", "x"),
    "no-break spaces": _repeated("\u00a0", "x", "x"),
    "heading": _repeated(" \t", "# ", "x"),
    "heading marks": _repeated("#"),
    "heading marks apart": _repeated("# "),
    "emphasis": _repeated("*"),
    "emphasis apart": _repeated("* "),
    "emphasis never closed": _repeated(" *a"),
    "emphasis of words": _repeated("*a*"),
    "emphasis nested": _repeated("**a*b**c*"),
    "rule and spaces": _repeated(" ", "***", "x"),
    "underscores": _repeated("_"),
    "underscores never closed": _repeated("_a "),
    "quotations": _repeated(">"),
    "quotations apart": _repeated("> "),
    "quotation lines": _repeated("> a\n"),
    "list": _repeated("- a\n"),
    "numbers": _repeated("1. "),
    "brackets": _repeated("["),
    "links": _repeated("[]("),
    "parentheses": _repeated("("),
    "marks of quotation": _repeated('"'),
    "curly quotation": _repeated("“"),
    "apostrophes": _repeated("'"),
    "code": _repeated("`"),
    "code never closed": _repeated("`a", "", "`"),
    "backslashes": _repeated("\\"),
    "broken lines": _repeated("a  \n"),
    "tags": _repeated("<a"),
    "tag and spaces": _repeated(" ", "<", "m"),
    "scripts": _repeated("<script>"),
    "braces": _repeated("{a}"),
    "escapes of a terminal": _repeated("\x1b["),
    "full stops": _repeated("."),
    "ellipses": _repeated("…"),
    "dashes": _repeated("-"),
    "colons": _repeated("a:"),
    "speech": _repeated('"a," said A. '),
    "absences": _repeated("A gone b "),
    "letters": _repeated("a "),
    "capitals": _repeated("Ab "),
    "one word": _repeated("a"),
    "different words": _four_letters,
    "different paragraphs": _paragraphs,
    "equal paragraphs": _repeated("same\n\n"),
    "few words": _words_by_chance,
    "combining": _repeated("\u0301", "e"),
    "combined": _repeated("e\u0301 "),
    "emoji": _repeated("😀"),
    "families": _repeated("👩\u200d"),
    "ideographs": _ideographs,
    "Thai": _repeated("ก"),
    "Hebrew": _repeated("שלום "),
    "Arabic": _repeated("مَرحبا "),
}
