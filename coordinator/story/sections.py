"""How a story is cut into sections: the beats of its outline, scaled to the length asked for and grouped; and which
section is which again where a person has changed the text. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from coordinator.story.alignment import Budget, opcodes
from coordinator.story.material import Beat

SECTION_WORDS = 350
"""What a section aims at: models stall near 2,000 words, and a section is 200 to 600."""
SECTION_LEAST = 200
SECTION_MOST = 600
CUT_COST = 0.3
"""Of ending a section within a beat: a beat of up to about 560 words is rather told whole."""
CUT_WORDS = 50
"""Steps in which the place of such a cut is looked for."""
OPERATIONS = 20
"""For each paragraph of a text changed by a person and of its sections, to find out which is which; beyond them, what
was changed is shared out evenly. Not by the clock: a run that is taken up again must find the same sections."""
LEAST_OPERATIONS = 20_000
_BETWEEN = re.compile(r"\n\s*\n")


SHORTER: tuple[tuple[int, int], ...] = ((6_000, 240), (10_000, 300))
"""For a model that holds fewer tokens than the first, what a section aims at: what bears on it must have room too."""


def words_for(context: int | None) -> int:
    """What a section aims at for a model that holds so many tokens; None is not known."""
    if context is None:
        return SECTION_WORDS
    return next((words for tokens, words in SHORTER if context < tokens), SECTION_WORDS)


def group_beats(beats: Sequence[Beat], target_words: int, aim: int = SECTION_WORDS) -> list[list[Beat]]:
    """Beats scaled to the length that was asked for and grouped, in order, into sections of 200 to 600 words; shorter
    and longer in proportion where they `aim` at another length than 350.

    Scaled, to the word, because models are careless with sums. A section ends with a beat where it can; a beat that is
    too long for one is told over several. `target_words` is 200 or more.
    """
    pieces = _pieces(beats, target_words, aim)
    sections: list[dict[int, int]] = []
    for first, last in _groups(pieces, target_words, aim):
        sections.append({})
        for piece in pieces[first:last]:
            sections[-1][piece.beat] = sections[-1].get(piece.beat, 0) + piece.words
    parts = Counter(beat for told in sections for beat in told)
    told_parts: Counter[int] = Counter()
    grouped: list[list[Beat]] = []
    for told in sections:
        told_parts.update(told.keys())
        grouped.append([_part(beats[beat], words, told_parts[beat], parts[beat]) for beat, words in told.items()])
    return grouped


@dataclass(frozen=True, slots=True)
class _Piece:
    """Of the beat with this index. A section may end after it; that is a `cut` where the beat goes on."""

    beat: int
    words: int
    cut: bool


def _pieces(beats: Sequence[Beat], target_words: int, aim: int) -> list[_Piece]:
    """No longer than the shortest section, so that there is always a way to make sections of them."""
    scale = target_words / sum(beat.words for beat in beats)
    pieces: list[_Piece] = []
    told, asked = 0, 0
    for index, beat in enumerate(beats):
        count = math.ceil(beat.words * scale / CUT_WORDS)
        # A part of a beat is no shorter than two steps.
        cuts = range(2, count - 1) if beat.words * scale > SECTION_LEAST * aim / SECTION_WORDS else ()
        for place in (*cuts, count):
            end = round(scale * (asked + beat.words * place / count))
            pieces.append(_Piece(index, end - told, cut=place < count))
            told = end
        asked += beat.words
    return pieces


def _groups(pieces: Sequence[_Piece], target_words: int, aim: int) -> list[tuple[int, int]]:
    """The cheapest way to share out the pieces: by how far the sections are from being alike, and by the beats cut."""
    ideal = target_words / math.ceil(target_words / aim)
    least, most = SECTION_LEAST * aim / SECTION_WORDS, SECTION_MOST * aim / SECTION_WORDS
    cost = [0.0] + [math.inf] * len(pieces)
    begins = [0] * (len(pieces) + 1)
    for end in range(1, len(pieces) + 1):
        words = 0
        for first in range(end - 1, -1, -1):
            words += pieces[first].words
            if words > most:
                break
            if words < least:
                continue
            told = cost[first] + (words / ideal - 1) ** 2 + CUT_COST * pieces[end - 1].cut
            if told < cost[end]:
                cost[end], begins[end] = told, first
    groups: list[tuple[int, int]] = []
    end = len(pieces)
    while end:
        groups.append((begins[end], end))
        end = begins[end]
    return groups[::-1]


def _part(beat: Beat, words: int, number: int, count: int) -> Beat:
    title = beat.title if count == 1 else f"{beat.title} ({number} of {count})"
    return beat.model_copy(update={"title": title, "words": words})


def paragraphs(text: str) -> list[str]:
    """Each as it stands, without the blank lines between."""
    return [part for part in _BETWEEN.split(text.strip("\n")) if part.strip()]


def realign(old: Sequence[str], new: str) -> list[str]:
    """The text of each section after a person has changed the whole to `new`: as many as before, "" for one of which
    nothing is left. Every paragraph of `new` is in one of them, in order.

    A paragraph that stayed stays in its section, a changed one takes the place of what it replaced, and an added one
    goes to the section of the paragraph before it.
    """
    before = [(number, paragraph) for number, text in enumerate(old) for paragraph in paragraphs(text)]
    after = paragraphs(new)
    told: list[list[str]] = [[] for _ in old]
    for paragraph, place in zip(after, _places([paragraph for _, paragraph in before], after), strict=True):
        told[before[place][0] if before else 0].append(paragraph)
    return ["\n\n".join(parts) for parts in told]


def _places(old: Sequence[str], new: Sequence[str]) -> list[int]:
    """For each new paragraph the old one that it stands for or follows."""
    places: list[int] = []
    budget = Budget(max(LEAST_OPERATIONS, OPERATIONS * (len(old) + len(new))))
    for _, i1, i2, j1, j2 in opcodes(old, new, budget):
        if i1 == i2:
            places += [max(i1 - 1, 0)] * (j2 - j1)
        else:
            places += [i1 + place * (i2 - i1) // (j2 - j1) for place in range(j2 - j1)]
    return places


def spans(sections: Sequence[str], text: str) -> list[tuple[int, int] | None]:
    """Where in `text`, which has all their paragraphs in order, each section stands; None for one without any.

    None, too, for all from the first of which `text` has not every paragraph.
    """
    found: list[tuple[int, int] | None] = []
    end = 0
    for section in sections:
        span: tuple[int, int] | None = None
        for paragraph in paragraphs(section):
            start = text.find(paragraph, end)
            if start < 0:
                return found + [None] * (len(sections) - len(found))
            end = start + len(paragraph)
            span = (span[0] if span else start, end)
        found.append(span)
    return found
