"""Of whom a story tells: its people as the bible has them, by every name that a text may call them. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from coordinator.story.ledger.wording import listed
from coordinator.story.material import Person

MOST_PEOPLE = 200
TITLES = listed(
    "mr mrs ms miss dr doctor professor captain father mother brother sister sir lady lord king queen prince "
    "princess old "
    "young aunt uncle the a an of von van de la le el saint st researcher agent detective inspector sergeant"
)
_WORD = re.compile(r"[^\W_]+(?:[-’'][^\W_]+)*")
_FEMALE = re.compile(
    r"\b(?:she|her|hers|woman|girl|mother|daughter|sister|wife|widow|queen|princess|aunt|niece|grandmother"
    r"|lady|mrs|miss)\b"
)
_MALE = re.compile(
    r"\b(?:he|his|him|man|boy|father|son|brother|husband|widower|king|prince|uncle|nephew|grandfather|lord|mr|lad)\b"
)


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody of the bible. `gender` is "f", "m" or "" where the bible leaves it open."""

    name: str
    told: str
    gender: str = ""


@dataclass(frozen=True, slots=True)
class Cast:
    """People in the order of the bible, `planned` of them by the outline; places and rules as the outline has them."""

    people: tuple[Who, ...] = ()
    places: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    planned: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(who.name for who in self.people)


def cast_of(people: Sequence[Person], places: Sequence[str], rules: Sequence[str], planned: int) -> Cast:
    """The first MOST_PEOPLE of them; the first `planned` are the outline's."""
    told = [
        Who(one.name, f"{one.role}. {one.description}", gender_of(f"{one.name} {one.role} {one.description}"))
        for one in people[:MOST_PEOPLE]
    ]
    return Cast(tuple(told), tuple(places[:MOST_PEOPLE]), tuple(rules[:MOST_PEOPLE]), min(planned, len(told)))


def gender_of(description: str) -> str:
    """Where all words that tell it tell the same; a description may name others as well."""
    words = description.lower()[:2_000]
    female, male = bool(_FEMALE.search(words)), bool(_MALE.search(words))
    return "" if female == male else "f" if female else "m"


Aliases = dict[str, list[tuple[tuple[str, ...], int]]]
"""By first word the names that begin with it, longest first, and whose they are."""


@lru_cache(maxsize=16)
def aliases(people: tuple[Who, ...]) -> Aliases:
    """Every name that is one person's alone: the whole, and each word of it that is no title."""
    parts = [_WORD.findall(who.name) for who in people]
    owners = Counter(word for words in parts for word in {word for word in words if _is_name(word)})
    found: Aliases = {}
    known: set[tuple[str, ...]] = set()
    for index, words in enumerate(parts):
        proper = [word for word in words if _is_name(word)]
        names = [tuple(words), *((word,) for word in proper if owners[word] == 1)]
        if words and words[0].lower() == "the":
            names.append(tuple(word.lower() for word in words))
        for name in names:
            if name and name not in known and (len(name) > 1 or _is_name(name[0])):
                known.add(name)
                found.setdefault(name[0], []).append((name, index))
    for same in found.values():
        same.sort(key=lambda one: -len(one[0]))
    return found


def _is_name(word: str) -> bool:
    return word[0].isupper() and len(word) > 1 and word.lower() not in TITLES
