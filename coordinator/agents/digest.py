"""Outline, bible and reading cut to what one step needs of them, so that a request stays short however long the
story. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from coordinator.agents.fence import clip, fence, fit, shares, weigh
from coordinator.story.material import Beat, Bible, Fact, Outline, Person, Place, Section

PERSON_WORDS = 70
PLACE_WORDS = 45
RULE_WORDS = 60
FACT_WORDS = 50
"""What one entry may take: a model that writes an essay about one person must not push out the others."""

NAMES_WEIGHED = 100
FACTS_WEIGHED = 1_000
"""The newest: of a hundred pages a model that says what matters records a few hundred."""
FACT_CHARACTERS = 400
"""Of a fact are looked at, which is about what is shown of it."""

TITLES_WORDS = 20
"""What the titles of the bible's four parts weigh."""

SHORTEST_LINE = 5
"""Words. With less room than this, looking for one more entry that fits is in vain."""

FENCE_WORDS = 8
"""What the two marks round a section weigh."""

SECTION_WORDS = 90
"""A section cut shorter than this can't be judged; rather fewer sections."""

SUMMARY_STEPS = (80, 40, 25, 15, 8)
"""How far the summaries of beats are cut, one after the other, until an outline fits."""

Entry = TypeVar("Entry")

_TERM = re.compile("[^\\W\\d_]{4,}|[\u3400-\u9fff\uac00-\ud7af]{2}|(?<=[\u3400-\u9fff])[\u3400-\u9fff]")


def outline_digest(outline: Outline, words: int, *, cast: bool) -> str:
    """The outline in at most `words`; `cast` says whether people, places and rules belong to it, or the bible gives
    them.
    """
    head = f"Title: {clip(outline.title, 20)}\nLogline: {clip(outline.logline, 60)}"
    if cast:
        head += f"\nSetting: {clip(outline.setting, 80)}\n{_cast(outline, words // 3)}"
    head = fit(head, max(words // 2, 0))
    room = words - weigh(head) - SHORTEST_LINE
    heads = [_beat_head(number, beat) for number, beat in enumerate(outline.beats, 1)]
    summaries = [beat.summary for beat in outline.beats]
    for limit in SUMMARY_STEPS:
        summaries = [clip(summary, limit) for summary in summaries]
        beats = "\n".join(f"{front}: {summary}" for front, summary in zip(heads, summaries, strict=True))
        if weigh(beats) <= room:
            return f"{head}\nBeats:\n{beats}"
    titles = "\n".join(
        f"{number}. {clip(beat.title, 8)} ({beat.words})" for number, beat in enumerate(outline.beats, 1)
    )
    return f"{head}\nBeats:\n{fit(titles, room)}"


def beat_line(number: int, beat: Beat, words: int) -> str:
    """Number, title, budget and as much of the summary as `words` allow."""
    return f"{_beat_head(number, beat)}: {clip(beat.summary, words)}"


def bible_digest(bible: Bible, focus: str, words: int) -> str:
    """What of the bible matters for a passage: `focus` is what is being written or read.

    Rules come first, then whoever and whatever `focus` mentions, then the newest. Entries stand in the order in which
    the story set them.
    """
    people, places, facts = bible.people, bible.places, bible.facts
    terms, spoken = _terms(focus), focus.casefold()

    def named(name: str) -> int:
        lower = name.casefold()
        return int(lower in spoken or any(part in terms for part in lower.split() if len(part) > 2))

    known = {name.casefold() for name in _names(bible)[-NAMES_WEIGHED:] if named(name)}
    facts = facts[-FACTS_WEIGHED:]

    def relevance(fact: Fact) -> int:
        told = fact.text[:FACT_CHARACTERS].casefold()
        return 3 * sum(name in told for name in known) + min(len(terms & _terms(told)), 5)

    rules = _pick(bible.rules, _rule_line, words // 5)
    cast = _pick(people, _person_line, words * 3 // 10, lambda index: (named(people[index].name), index))
    scenes = _pick(places, _place_line, words * 3 // 20, lambda index: (named(places[index].name), index))
    left = words - sum(weigh(line) for line in (*rules, *cast, *scenes)) - TITLES_WORDS
    told = _pick(facts, _fact_line, left, lambda index: (relevance(facts[index]), facts[index].section, index))
    return _titled(("Rules of this world", rules), ("People", cast), ("Places", scenes), ("Facts", told))


def names_digest(bible: Bible, words: int) -> str:
    """Only what things are called: all that a line editor has to keep."""
    return ", ".join(_pick(_names(bible), lambda name: clip(name, 8), words))


def reading_digest(sections: Sequence[Section], words: int) -> str:
    """The sections that a reviewer reads, each as material of its own.

    Whole where they weigh at most `words` together. Otherwise the longest are cut in their middle, and where even
    that leaves too little of each, the first, the last and evenly spaced ones between are read.
    """
    most = max(words // (SECTION_WORDS + FENCE_WORDS), 1)
    if len(sections) > most and sum(weigh(section.text) + FENCE_WORDS for section in sections) > words:
        last = len(sections) - 1
        sections = [sections[round(step * last / max(most - 1, 1))] for step in range(most)]
    given = shares([section.text for section in sections], words - FENCE_WORDS * len(sections))
    shown = zip(sections, given, strict=True)
    return "\n\n".join(fence(f"section {section.number}", fit(section.text, share)) for section, share in shown)


def _beat_head(number: int, beat: Beat) -> str:
    where = f"; place: {clip(beat.place, 12)}" if beat.place else ""
    who = f"; people: {clip(', '.join(beat.people), 20)}" if beat.people else ""
    return f"{number}. {clip(beat.title, 15)} ({beat.words} words{where}{who})"


def _cast(outline: Outline, words: int) -> str:
    return _titled(
        ("People", _pick(outline.people, _person_line, words // 2)),
        ("Places", _pick(outline.places, _place_line, words // 4)),
        ("Rules of this world", _pick(outline.rules, _rule_line, words // 4)),
    )


def _person_line(person: Person) -> str:
    voice = f" Voice: {person.voice}" if person.voice else ""
    return "- " + clip(f"{person.name}, {person.role}. {person.description}{voice}", PERSON_WORDS)


def _place_line(place: Place) -> str:
    return "- " + clip(f"{place.name}: {place.description}", PLACE_WORDS)


def _rule_line(rule: str) -> str:
    return "- " + clip(rule, RULE_WORDS)


def _fact_line(fact: Fact) -> str:
    return f"- {clip(fact.text, FACT_WORDS)} ({f'section {fact.section}' if fact.section else 'outline'})"


def _pick(
    entries: Sequence[Entry],
    line: Callable[[Entry], str],
    words: int,
    rank: Callable[[int], tuple[int, ...]] | None = None,
) -> list[str]:
    """The lines of the highest ranked entries that fit, in their own order; without a rank those of the first that
    fit.
    """
    order = sorted(range(len(entries)), key=rank, reverse=True) if rank else range(len(entries))
    chosen: dict[int, str] = {}
    for index in order:
        if words < SHORTEST_LINE:
            break
        told = line(entries[index])
        if (weight := weigh(told)) <= words:
            chosen[index] = told
            words -= weight
    return [chosen[index] for index in sorted(chosen)]


def _names(bible: Bible) -> list[str]:
    return [person.name for person in bible.people] + [place.name for place in bible.places]


def _titled(*groups: tuple[str, list[str]]) -> str:
    return "\n".join(f"{title}:\n" + "\n".join(lines) for title, lines in groups if lines)


def _terms(text: str) -> set[str]:
    return set(_TERM.findall(text.casefold()))
