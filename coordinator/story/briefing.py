"""What an agent is told for a step, from the state of the run. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from coordinator.story.brief import Brief
from coordinator.story.continuity import near
from coordinator.story.gates import ANYHOW
from coordinator.story.material import Section
from coordinator.story.words import count_words
from coordinator.story.work import (
    LORE_SECTIONS,
    NOTES_KEPT,
    StepSpec,
    Work,
    begun_by,
    newest_texts,
    of_lore,
    section_count,
    section_words,
)

READING_WORDS = 4_000
"""A text of up to so many words is read whole by a reviewing call."""
READ_CHARACTERS = 50_000
"""Of one section: about twice READING_WORDS."""
WINDOW_WORDS = 2_500
"""Of a longer one so many are read: what there is room for beside the outline, bible and summary of a long story."""


def brief_of(
    work: Work,
    spec: StepSpec,
    repetition: Sequence[tuple[int, str]] = (),
    wishes: Sequence[str] = (),
    count: Callable[[str], int] = count_words,
) -> Brief:
    """All that the agent of this step gets. `repetition` is what code found in the text: (section, note); `wishes` what
    the writer has noted while the story was under way; `count` is `count_words`, or one that remembers. Not for a gate.
    """
    assert spec.kind != "approval"
    in_text = spec.kind in ("draft", "record", "revise", "polish")
    return Brief(
        step=spec.name,
        kind=spec.kind,
        agent=spec.agent,
        template=work.template,
        prompt=work.prompt,
        config=work.config,
        round=spec.round,
        brainstorm=work.brainstorm,
        outline=work.outline,
        outline_review=work.outline_review,
        bible=work.bible,
        summary=work.summary,
        section=spec.section if in_text else 0,
        sections=section_count(work),
        beats=work.sections[spec.section - 1] if in_text and work.sections else [],
        words=_budget(work, spec),
        previous=before(work, spec.section) if in_text else "",
        text=_text_at_hand(work, spec),
        reading=_reading(work, spec, count),
        notes=[
            *(f"Asked for by the person whose story it is: {wish}" for wish in wishes),
            *_notes(work, spec, repetition),
        ],
        opening=begun.opening if (begun := begun_by(work, spec)) else "",
        instructions=work.known.instructions,
        hero=next((person.name for person in work.known.bible.people), ""),
    )


def _budget(work: Work, spec: StepSpec) -> int:
    return section_words(work, spec.section) if spec.kind in ("draft", "revise", "polish") else work.target_words


def before(work: Work, section: int) -> str:
    """The newest text of the section before this one, or of the last of which there is any."""
    present = newest_texts(work)
    return next((present[number] for number in range(section - 1, 0, -1) if present.get(number)), "")


def _text_at_hand(work: Work, spec: StepSpec) -> str:
    match spec.kind:
        case "record":
            return work.texts.get(spec.section, "")
        case "revise" | "polish":
            return work.texts[spec.section]
    return ""


def _reading(work: Work, spec: StepSpec, count: Callable[[str], int]) -> list[Section]:
    present = {**work.texts, **work.candidate}
    text = [Section(number=number, text=_readable(text)) for number, text in sorted(present.items()) if text]
    match spec.kind:
        case "lore-review":
            return [section for section in text if section.number in of_lore(work, spec.section)]
        case "notes":
            return _newest(text, count)
        case "review":
            return _window(text, sorted(work.candidate), count)
    return []


def _readable(text: str) -> str:
    """Beginning and end of a section that a person has made longer than any call reads."""
    half = READ_CHARACTERS // 2
    return text if len(text) <= READ_CHARACTERS else f"{text[:half]}\n\n{text[-half:]}"


def _newest(text: list[Section], count: Callable[[str], int]) -> list[Section]:
    kept: list[Section] = []
    room = WINDOW_WORDS
    for section in reversed(text):
        room -= count(section.text)
        if room < 0 and kept:
            break
        kept.append(section)
    return kept[::-1]


def _window(text: list[Section], revised: Sequence[int], count: Callable[[str], int]) -> list[Section]:
    """The whole text where it is short, else the sections just revised, beginning, end and an even choice between."""
    words = [count(section.text) for section in text]
    if sum(words) <= READING_WORDS:
        return text
    last = len(text) - 1
    places = {section.number: place for place, section in enumerate(text)}
    wanted = [places[revised[place]] for place in _spread(len(revised))]
    kept: set[int] = set()
    room = WINDOW_WORDS
    for place in dict.fromkeys([*wanted[: LORE_SECTIONS - 2], 0, last, *wanted, *_spread(len(text))]):
        if words[place] <= room or not kept:
            kept.add(place)
            room -= words[place]
    return [text[place] for place in sorted(kept)]


def _spread(count: int) -> list[int]:
    """The places 0 to `count` - 1 in an order of which each beginning is an even choice."""
    bits = count.bit_length()
    return sorted(range(count), key=lambda place: f"{place:0{bits}b}"[::-1])


def _notes(work: Work, spec: StepSpec, repetition: Sequence[tuple[int, str]]) -> list[str]:
    match spec.kind:
        case "outline" if work.replies.get("outline"):
            return [work.replies["outline"][-1].comment or ANYHOW]
        case "outline" if spec.round > 1 and work.outline_review is not None:
            return [*work.outline_review.problems, work.outline_review.advice]
        case "draft":
            return [*near(work, spec.section), *work.notes, *[note for _, note in repetition][:NOTES_KEPT]]
        case "revise" | "polish":
            found = [note for section, note in repetition if section == spec.section]
            # What is open still when the text is polished has no revision to come.
            left = [finding.note for finding in work.findings if finding.section == spec.section]
            asked = work.mending.get(spec.section, []) if spec.kind == "revise" else left
            return [*asked, *found][: NOTES_KEPT * 2]
        case "review":
            return [note for _, note in repetition][:NOTES_KEPT]
    return []
