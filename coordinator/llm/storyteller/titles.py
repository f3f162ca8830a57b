"""Titles of stories: a genre's templates, those that its thing can fill, in the letters of a title."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from coordinator.llm.storyteller import banks
from coordinator.llm.storyteller.seedwork import Thing

LONGEST = 64
"""Characters of a title."""
_SMALL = frozenset(
    [
        "of",
        "the",
        "on",
        "in",
        "by",
        "for",
        "with",
        "and",
        "a",
        "an",
        "as",
        "at",
        "to",
        "from",
        "or",
        "into",
        "over",
        "under",
        "than",
        "but",
        "nor",
    ]
)


def fitting(genre: banks.Genre, thing: Thing, slots: Mapping[str, str], plot: Sequence[str] = ()) -> list[str]:
    """The templates of the genre, and of the plot, that make good titles of this thing; all where none does."""
    names = (*genre.words["titles"], *plot, *plot)  # a plot's own are told of nothing else
    fit = [name for name in names if _fits(name, thing) and len(title(name, slots)) <= LONGEST]
    return fit or [name for name in names if "{T" not in name] or list(names)


def _fits(template: str, thing: Thing) -> bool:
    if "{Tbare}" in template and "Nobody" in template:
        return thing.kind in ("thing", "animal") and thing.definite.startswith("the ")
    if re.search(r"\{T\} (by the Hour|and the Price of It)|Received and", template):
        return not thing.plural
    # What is no thing can be asked for and remembered, not weighed, moved or paid in cash.
    solid = re.search(r"Free Fall|Light-Hours|Uncorrected|Drift|Cash for|at Rest|After Midnight", template)
    return thing.kind in ("thing", "animal") or not solid


def title(template: str, slots: Mapping[str, str]) -> str:
    """`template` filled, each word with a capital but the small ones within."""
    filled = re.sub(r"\{(\w+)\}", lambda match: slots.get(match[1], ""), template)
    words = filled.split()
    return " ".join(
        word if word in _SMALL and index and not words[index - 1].endswith(":") else _capital(word)
        for index, word in enumerate(words)
    )


def _capital(word: str) -> str:
    return "-".join(part[:1].upper() + part[1:] for part in word.split("-"))
