"""Whether what came back for a text may take its place: that it is as long, in its language, and about the same people.

Pure. Each check is silent where it is not sure: an answer that is refused costs another call.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from coordinator.agents import tasks
from coordinator.agents.fence import one_line
from coordinator.story import language
from coordinator.story.brief import Brief
from coordinator.story.words import IDEOGRAPHS, KANA, UNSPACED, count_words

MOST_LOST = 0.2
"""As a share of the words."""
LEAST_COUNTED = 40
"""Words. Of a shorter text a fifth is a phrase."""
LEAST_IDENTIFIED = 25
"""Words of a text whose language is told."""
LEAST_SAID = 2
"""Times that a person is named before anybody misses the name."""
MOST_PEOPLE = 60
MOST_LOOKED_AT = 60_000
"""Characters of each text in which people are looked for: more than any section has."""

_SHORTER = re.compile(
    r"short|brief|trim|cut\b|cuts\b|condens|tighten|fewer words|less words|too long|compress|remove|delete|drop"
    r"|kürz|streich|raccourc|coupe|supprim|acort|recort|elimin|accorc|tagli|encurt|cort|inkort|skróc|skreśl|usuń|korta"
    r"|stryk|kısal|сократ|короч|убер|скорот|вилуч|短|删|刪|削|줄|삭제|اختصر|احذف|छोटा|हटा"
)
"""Notes that ask for less."""
_UNSPACED = re.compile(f"[{IDEOGRAPHS}{KANA}{UNSPACED}]")
_WORD = re.compile(r"[^\W_]{1,60}")
_TITLES = """
the a an of and von van de der den di da del la le el los las dr mr mrs ms miss sir lady lord st old young captain
doctor professor father mother sister brother uncle aunt king queen prince princess herr frau monsieur madame señor
señora don
"""
_NO_NAMES = frozenset(_TITLES.split())
_SHORTEST_NAME = 2
_STEM = 3
"""Letters of a name that no case of a language changes."""


def not_taken(before: str, after: str, brief: Brief) -> str | None:
    """Why `after` does not take the place of `before`, in a sentence; None where nothing speaks against it.

    It has lost more than a fifth of the words and nobody asked for that; or a person of the bible who was named is not
    named any more, or has changed names with another; or it is in another language than asked.
    """
    if not after.strip():
        return "It has no words."
    if other := other_language(after, brief):
        return f"It is in {other}, which is not the language of the story."
    if other := _translated(before, after, brief):
        return f"It is in {other}, and what it would replace is not."
    return _shortened(before, after, brief) or _renamed(before, after, brief)


def other_language(text: str, brief: Brief) -> str | None:
    """The English name of the language that a text is in, where it is surely another than the story's: that of the
    wishes, or that of the prompt. None where either is not sure, or where prompt or notes speak of languages."""
    is_in = language.identified(text) if count_words(text[:MOST_LOOKED_AT]) >= LEAST_IDENTIFIED else None
    if is_in is None:
        return None
    if brief.config.language:
        asked = language.named(brief.config.language)
    else:
        said = "\n".join([brief.prompt, *brief.notes])
        asked = None if language.languages_named_in(said[:MOST_LOOKED_AT]) else language.identified(brief.prompt)
    if asked is None or language.primary(asked) == language.primary(is_in):
        return None
    return language.english_name(is_in)


def _translated(before: str, after: str, brief: Brief) -> str | None:
    """The language of a text that is surely in another than what it would replace, where nobody speaks of languages."""
    if language.languages_named_in("\n".join(brief.notes)[:MOST_LOOKED_AT]):
        return None
    is_in, was = language.identified(after), language.identified(before)
    if is_in is None or was is None or language.primary(is_in) == language.primary(was):
        return None
    return language.english_name(is_in)


def _shortened(before: str, after: str, brief: Brief) -> str | None:
    had, has = count_words(before), count_words(after)
    if had < LEAST_COUNTED or has >= (1 - MOST_LOST) * had or _may_be_shorter(had, has, brief):
        return None
    return f"It has {has} words, of {had} before: more than a fifth is lost."


def _may_be_shorter(had: int, has: int, brief: Brief) -> bool:
    if any(_SHORTER.search(note.casefold()) for note in brief.notes):
        return True
    if brief.kind == "rewrite" and tasks.is_briefer(brief):
        return True
    return brief.kind != "polish" and 0 < brief.words < (1 - MOST_LOST) * had and has >= (1 - MOST_LOST) * brief.words


def _renamed(before: str, after: str, brief: Brief) -> str | None:
    before, after = before[:MOST_LOOKED_AT], after[:MOST_LOOKED_AT]
    notes = " ".join(brief.notes)
    # Of whom a note speaks, that may be renamed or left out.
    people = {name: parts for name, parts in _people(brief).items() if not any(part in notes for part in parts)}
    for name, parts in people.items():
        times = _said(before, parts)
        if times >= LEAST_SAID and not _said(after, parts, stems=True):
            return f"{one_line(name)}, who is named {times} times in the text, is not named any more."
    for one, other in _swapped(before, after, people):
        return f"{one_line(one)} and {one_line(other)} have changed names."
    return None


def _people(brief: Brief) -> Mapping[str, Sequence[str]]:
    """By the name in the bible: those of its words that no other person's name has."""
    everyone = brief.bible.people or (brief.outline.people if brief.outline else [])
    words = {person.name: _words_of(person.name) for person in everyone[:MOST_PEOPLE]}
    shared = Counter(word for each in words.values() for word in each)
    return {name: own for name, each in words.items() if (own := [word for word in each if shared[word] == 1])}


def _words_of(name: str) -> list[str]:
    found = re.split(r"[\s·・]+", name) if _UNSPACED.search(name) else _WORD.findall(name)
    return list(
        dict.fromkeys(word for word in found if len(word) >= _SHORTEST_NAME and word.casefold() not in _NO_NAMES)
    )


def _said(text: str, parts: Sequence[str], *, stems: bool = False) -> int:
    """How often the parts of a name are said, as it is spelt or in capitals; with its `stems` also in the cases of a
    language that has them."""
    counts = Counter(_WORD.findall(text))
    times = 0
    for part in parts:
        if _UNSPACED.search(part):
            times += text.count(part)
        elif stems:
            stem = part[: max(_STEM, len(part) - 1)]
            begins = (stem, stem.upper())
            times += sum(
                count for word, count in counts.items() if word.startswith(begins) and len(word) < len(part) + 5
            )
        else:
            times += counts[part] + (counts[part.upper()] if part != part.upper() else 0)
    return times


def _swapped(before: str, after: str, people: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Pairs of people of whom the one stands where the other stood, and the other way round, more often than each at
    its own place. A place is known by the words next to it."""
    owners = {part: name for name, parts in people.items() for part in parts if not _UNSPACED.search(part)}
    stood, stands = _places(before, owners), _places(after, owners)
    met = Counter((stood[place], stands[place]) for place in stood.keys() & stands.keys())
    for (one, other), times in met.items():
        back = met[other, one]
        if one < other and back and times + back > met[one, one] + met[other, other]:
            yield one, other


def _places(text: str, owners: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Who is named between which words, a name among them standing for any. Only places where one alone is named."""
    words = _WORD.findall(text)
    shape = ["" if word in owners else word.casefold() for word in words]
    found: dict[tuple[str, ...], set[str]] = {}
    for at, word in enumerate(words):
        if word in owners:
            found.setdefault((*shape[max(at - 1, 0) : at], "", *shape[at + 1 : at + 3]), set()).add(owners[word])
    return {place: names.pop() for place, names in found.items() if len(names) == 1}
