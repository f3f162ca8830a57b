"""Names that drift: a name a letter or two from that of the bible, or with another surname. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from coordinator.story.ledger.cast import TITLES
from coordinator.story.ledger.claim import Clash
from coordinator.story.ledger.sentences import NO_NAMES, Page

_WORD = re.compile(r"[^\W\d_]+(?:[-’'][^\W\d_]+)*")
_INSIDE = re.compile(r"(?<=[\w,;:] )([^\W\d_]+)")
"""Words that stand within a sentence: at its head any word has a capital."""
MOST_NAMES = 400
"""Different words with a capital that are looked at in a section."""
SHORTEST = 4
"""Letters of a name of which another with a letter changed may be a slip: Ann and Anna are two people."""
LONG = 7
"""From so many letters on two may be changed."""


def words_of(text: str) -> Counter[str]:
    """How often each word with a capital stands in a text, those at the head of a sentence included."""
    found: Counter[str] = Counter()
    for match in _WORD.finditer(text):
        word = _bare(match[0])
        if word[0].isupper() and not word.isupper() and len(word) >= SHORTEST and "-" not in word:
            found[word] += 1
            if len(found) > MOST_NAMES:
                break
    return found


def drifts(page: Page) -> Iterator[Clash]:
    """Names in a section that a name of the outline has become."""
    text, cast = page.text, page.cast
    known = _parts(cast.names)
    planned = _parts(cast.names[: cast.planned] or cast.names)
    spelled = {name: [] for name in planned}  # type: dict[str, list[str]]
    lower = {match[0] for match in _WORD.finditer(text) if match[0][0].islower()}
    places = _parts(cast.places)
    drifted: dict[str, str] = {}
    inside = {found[1] for found in _INSIDE.finditer(text)}
    for word in words_of(text):
        if (
            word not in inside
            or word in known
            or word in places
            or word in NO_NAMES
            or word.lower() in lower
            or word.lower() in TITLES
        ):
            continue
        near = next((name for name in spelled if is_slip(name, word)), None)
        if near is not None:
            drifted[word] = near
    for word, name in drifted.items():
        yield _clash(
            page,
            word,
            name,
            f"The name {name} is written {word} here: write {name}, or make clear that it is somebody else.",
        )
    yield from _surnames(page, known)


def is_slip(name: str, word: str) -> bool:
    """Whether `word` may be `name` misspelt: a letter more, less or other, or two neighbours changed over; in a long
    name two such slips."""
    if name == word or min(len(name), len(word)) < SHORTEST or abs(len(name) - len(word)) > 2:
        return False
    one, other = name.lower(), word.lower()
    # Its plural or possessive, a short form, a house called after it.
    if one + "s" == other or other + "s" == one or one + "es" == other or one[0] != other[0]:
        return False
    if one.startswith(other) or other.startswith(one):
        return False
    most = 2 if min(len(one), len(other)) >= LONG else 1
    return _distance(one, other, most) <= most


def _distance(one: str, other: str, most: int) -> int:
    """Letters to change, add, leave out or change over; more than `most` counts as `most` + 1. Names are short."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one[:40], 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(other[:40], 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]


def _surnames(page: Page, known: set[str]) -> Iterator[Clash]:
    """Somebody's first name with a surname that is not theirs."""
    for name in page.cast.names[: page.cast.planned]:
        words = [word for word in _WORD.findall(name) if word.lower() not in TITLES]
        if len(words) != 2 or len(words[0]) < 3 or sum(other.split()[0] == words[0] for other in page.cast.names) > 1:
            continue
        first, last = words
        for found in re.finditer(rf"(?<![\w-]){re.escape(first)} ([A-Z][^\W\d_]{{2,}})(?![\w-])", page.text):
            other = found[1]
            if other == last or other in known or other in NO_NAMES:
                continue
            if is_slip(last, other) or not re.search(rf"(?<![\w-]){other.lower()}(?![\w-])", page.text):
                told = f"{first} {other}"
                yield _clash(page, told, name, f"{name} is called {told} here: keep to one name, or tell the change.")
                break


def _parts(names: tuple[str, ...]) -> set[str]:
    return {word for name in names for word in map(_bare, _WORD.findall(name)) if word[0].isupper()}


def _bare(word: str) -> str:
    return word[:-2] if word[-2:] in ("'s", "’s") else word


def _clash(page: Page, word: str, name: str, sentence: str) -> Clash:
    at = page.text.find(word)
    start = max(page.text.rfind("\n", 0, at) + 1, at - 120)
    quote = page.text[start : at + len(word) + 60].split("\n")[0].strip()
    return Clash("name", name, name, quote, sentence, (name, word), earlier_section=0)


def skeleton(name: str) -> str:
    """What is left of a name where spellings differ and sound does not: Corrigan and Corigan, Stephen and Stefen."""
    told = name.lower().replace("ph", "f").replace("ck", "k").replace("c", "k").replace("y", "i").replace("z", "s")
    kept: list[str] = []
    for letter in told:
        if not kept or kept[-1] != letter:
            kept.append(letter)
    return "".join(kept).rstrip("e")
