"""The table of what models say round a story, `wordings.toml`, as patterns. Read when it is first needed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

GAP: Final = r"[^\n]{0,90}?"
"""What `…` stands for in the table."""

PAUSES: Final = r"\s,.:;!—–、，。،-"
"""What stands between a word of assent and what follows it, as a class of characters."""

_NO_LANGUAGES: Final = ("words", "letters", "headings")
_WORD = re.compile(r"\{([a-z_]{1,20})\}")


@dataclass(frozen=True, slots=True)
class Wordings:
    """What sentences of all languages in the table say. Matched from their beginning, in small letters."""

    assent: re.Pattern[str]
    """A whole sentence that only says yes."""
    assented: re.Pattern[str]
    """Words of assent before something else."""
    opens: re.Pattern[str]
    chat: re.Pattern[str]
    labels: re.Pattern[str]
    closes: re.Pattern[str]
    heads_a_list: re.Pattern[str]
    asks: re.Pattern[str]
    refuses: re.Pattern[str]
    hopes: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]
    """By language: a hope, and the words with which a letter speaks to somebody."""
    salutations: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class HeadingWords:
    """The words of headings in all languages of the table, in small letters."""

    parts: Mapping[str, frozenset[str]]
    """By kind (`section`, `beat`, `scene`, `part`, `chapter`): its names."""
    numbered: re.Pattern[str]
    title: re.Pattern[str]
    wished: re.Pattern[str]
    plan: re.Pattern[str]
    the_end: frozenset[str]


@cache
def wordings() -> Wordings:
    """The sentences of the table. The first call takes a tenth of a second."""
    table = _table()
    words = table["words"]
    languages = [entry for name, entry in table.items() if name not in _NO_LANGUAGES]

    def of(field: str) -> list[str]:
        return [
            _WORD.sub(lambda found: str(words[found[1]]), pattern)
            for language in languages
            for pattern in language.get(field, [])
        ]

    assent = "|".join(f"(?:{language['assent']})" for language in languages)
    closes = of("closes")
    return Wordings(
        assent=re.compile(rf"(?:{assent})[{PAUSES}]{{0,5}}\Z"),
        assented=re.compile(rf"(?:{assent})(?:[{PAUSES}]{{1,5}}|(?<=[\u3000-\ud7ff]))"),
        opens=_either(of("opens")),
        chat=_either(of("chat")),
        labels=re.compile(f"(?:{'|'.join(of('labels'))})" + r"\s?[:.]?\Z"),
        closes=_either(closes),
        heads_a_list=_either(pattern for pattern in closes if pattern.endswith(":$")),
        asks=_either(of("asks")),
        refuses=_either(of("refuses")),
        hopes=tuple((_either(language["hopes"]), _you(language)) for language in languages if "hopes" in language),
        salutations=_either(table["letters"]["salutations"]),
    )


@cache
def heading_words() -> HeadingWords:
    """The words of headings in the table."""
    table = _table()["headings"]
    parts = {kind: frozenset(table[kind].split("|")) for kind in ("section", "beat", "scene", "part", "chapter")}
    names = "|".join(sorted({name for each in parts.values() for name in each}, key=lambda name: (-len(name), name)))
    number, of = table["number"], table["of"]
    return HeadingWords(
        parts=parts,
        numbered=re.compile(
            rf"(?P<name>{names})\s{{1,3}}(?:#|no\.? ?|nr\.? ?)?(?P<number>{number})"
            rf"(?:\s{{0,3}}{of}\s{{0,3}}(?P<of>{number}))?"
            r"(?:\s?[:.–—-]\s{0,3}(?P<title>[^\n]{0,90})|\s?\([^()\n]{0,40}\))?"
        ),
        title=re.compile(table["title"]),
        wished=re.compile(table["wished"]),
        plan=re.compile(table["plan"]),
        the_end=frozenset(table["the_end"].split("|")),
    )


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("wordings.toml").read_text(encoding="utf-8"))


def _either(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(pattern.replace("…", GAP) for pattern in patterns))


def _you(language: Mapping[str, Any]) -> re.Pattern[str]:
    you = language["you"]
    return re.compile(you if language.get("unspaced") else rf"\b(?:{you})\b")
