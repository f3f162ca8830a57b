"""What a story run does next. Pure: template + what is done → what is next. No I/O, no clock, no model.

A run's state is `Work`. It is folded from the steps that are done, one `advance` each, whether they were just finished or
are read back after a crash; `schedule` lists every step that the work will take as things stand, and the next one is the
first that is not done.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from coordinator.brief import WORDS_PER_PAGE, Brief
from coordinator.material import (
    Beat,
    Bible,
    Fact,
    LoreReview,
    Notes,
    Outline,
    OutlineReview,
    Person,
    Place,
    Record,
    Section,
    Verdict,
)
from coordinator.models import Progress, StoryConfig
from coordinator.template import STAGES, AgentName, Stage, StepKind, Template

SECTION_WORDS = 350
"""What a section aims at: models stall near 2,000 words, and a section is 200 to 600."""
SECTION_MOST = 600
LORE_SECTIONS = 8
"""Sections that one lore review reads: about 2,800 words, so that a passage is not lost in the middle."""
READING_WORDS = 4_000
"""What a reviewing call reads at the most; of a longer text its beginning, its end, and an even choice between."""
TYPED_WEIGHT = 60
"""What a step without prose counts for in the progress, in words."""
NOTES_KEPT = 8


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step to do. `name` is its key in the session: `draft-2`, `revise-1-3` (round 1, section 3)."""

    name: str
    kind: StepKind
    stage: Stage
    agent: AgentName
    section: int = 0
    round: int = 1
    weight: int = TYPED_WEIGHT


@dataclass(frozen=True, slots=True)
class Done:
    """A finished step: a typed answer as JSON in `output`, or prose in `text`."""

    name: str
    output: dict[str, Any] | None = None
    text: str = ""
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class NewDraft:
    """A version to save: the sections joined. `current` is false for a revision until the reader has scored it."""

    content: str
    current: bool


@dataclass(frozen=True, slots=True)
class Scored:
    """What a review says of a version; `accept` makes it the current one."""

    version: int
    scores: dict[str, int]
    accept: bool


@dataclass(frozen=True)
class Work:
    """The state of a run. `texts` is the current draft by section, `candidate` a revision not yet accepted."""

    prompt: str
    config: StoryConfig
    template: Template
    done: dict[str, Done] = field(default_factory=dict)
    brainstorm: str = ""
    outline: Outline | None = None
    outline_review: OutlineReview | None = None
    sections: list[list[Beat]] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    candidate: dict[int, str] = field(default_factory=dict)
    polished: dict[int, str] = field(default_factory=dict)
    bible: Bible = field(default_factory=Bible)
    summary: str = ""
    notes: list[str] = field(default_factory=list)
    mending: dict[int, list[str]] = field(default_factory=dict)
    rounds: list[list[int]] = field(default_factory=list)
    best: Verdict | None = None
    versions: int = 0
    current_version: int = 0

    @property
    def target_words(self) -> int:
        return self.config.pages * WORDS_PER_PAGE


# -- What is next ------------------------------------------------------------------------------------------------------


def next_step(work: Work) -> StepSpec | None:
    """The first step of the schedule that is not done; None when the story is ready to be saved."""
    return next((spec for spec in schedule(work) if spec.name not in work.done), None)


def schedule(work: Work) -> list[StepSpec]:
    """Every step that the work takes, in order, as far as can be told now. Revisions appear when they become needed."""
    return [*_foundation(work), *_drafting(work), *_validation(work)]


def _foundation(work: Work) -> Iterable[StepSpec]:
    yield from _spec(work, "brainstorm")
    yield from _spec(work, "outline")
    yield from _spec(work, "outline-review")
    # One more try where the reader found that the story could not work; a second opinion would cost more than it mends.
    if work.outline_review is not None and not work.outline_review.approved:
        yield from _spec(work, "outline", name="outline-2", round=2)


def _drafting(work: Work) -> Iterable[StepSpec]:
    count = section_count(work)
    thirds = _thirds(count)
    for number in range(1, count + 1):
        yield from _spec(work, "draft", section=number)
        yield from _spec(work, "record", section=number)
        if number in thirds:
            yield from _spec(work, "notes", section=number, name=f"notes-{thirds.index(number) + 1}")


def _validation(work: Work) -> Iterable[StepSpec]:
    count = section_count(work)
    for number in range(1, math.ceil(count / LORE_SECTIONS) + 1):
        yield from _spec(work, "lore-review", section=number)
    yield from _spec(work, "review", name="review-1")
    for turn, sections in enumerate(work.rounds, 1):
        for number in sections:
            yield from _spec(work, "revise", section=number, name=f"revise-{turn}-{number}", round=turn)
        yield from _spec(work, "review", name=f"review-{turn + 1}", round=turn + 1)
    for number in range(1, count + 1):
        yield from _spec(work, "polish", section=number)


def _spec(
    work: Work, kind: StepKind, *, section: int = 0, name: str | None = None, round: int = 1
) -> Iterable[StepSpec]:
    step = work.template.step(kind)
    if step is not None:
        prose = kind in ("draft", "revise", "polish")
        weight = _section_words(work, section) if prose else TYPED_WEIGHT
        name = name or (f"{kind}-{section}" if section else kind)
        yield StepSpec(name, kind, step.stage, step.agent, section, round, weight)


def section_count(work: Work) -> int:
    """Known once there is an outline, before that estimated from the length that is asked for."""
    return len(work.sections) or max(1, math.ceil(work.target_words / SECTION_WORDS))


def _section_words(work: Work, section: int) -> int:
    if work.sections:
        return sum(beat.words for beat in work.sections[section - 1])
    return work.target_words // section_count(work)


def _thirds(count: int) -> list[int]:
    """After which sections the reader gives notes; a text of one or two sections has no thirds."""
    return [] if count < 3 else [math.ceil(count / 3), math.ceil(count * 2 / 3)]


# -- What a finished step changes --------------------------------------------------------------------------------------


def restore(prompt: str, config: StoryConfig, template: Template, done: Iterable[Done]) -> Work:
    """The work as it stood after these steps."""
    work = Work(prompt, config, template)
    for step in done:
        work = advance(work, step)
    return work


def advance(work: Work, done: Done) -> Work:
    """The work after one more step. Raises pydantic.ValidationError where `output` is not what the kind of step gives."""
    spec = next(spec for spec in schedule(work) if spec.name == done.name)
    work = replace(work, done={**work.done, done.name: done})
    match spec.kind:
        case "brainstorm":
            return replace(work, brainstorm=done.text)
        case "outline":
            return _with_outline(work, Outline.model_validate(done.output))
        case "outline-review":
            return replace(work, outline_review=OutlineReview.model_validate(done.output))
        case "draft":
            work = replace(work, texts={**work.texts, spec.section: done.text})
        case "record":
            return _with_record(work, Record.model_validate(done.output), spec.section)
        case "notes":
            notes = Notes.model_validate(done.output)
            return replace(work, notes=[note.comment for note in notes.notes][:NOTES_KEPT])
        case "lore-review":
            return _with_lore(work, LoreReview.model_validate(done.output))
        case "review":
            return _with_verdict(work, Verdict.model_validate(done.output), spec)
        case "revise":
            work = replace(work, candidate={**work.candidate, spec.section: done.text})
        case "polish":
            work = replace(work, polished={**work.polished, spec.section: done.text})
    draft = draft_of(work, spec)
    if draft is None:
        return work
    version = work.versions + 1
    return replace(work, versions=version, current_version=version if draft.current else work.current_version)


def _with_outline(work: Work, outline: Outline) -> Work:
    bible = Bible(
        people=outline.people,
        places=outline.places,
        rules=outline.rules,
        facts=[Fact(text=outline.setting, section=0), Fact(text=outline.logline, section=0)],
    )
    return replace(work, outline=outline, sections=group_beats(outline.beats, work.target_words), bible=bible)


def _with_record(work: Work, record: Record, section: int) -> Work:
    def merged(old: Sequence[Person | Place], new: Sequence[Person | Place]) -> list[Any]:
        return list({entry.name.casefold(): entry for entry in (*old, *new)}.values())

    known = {fact.text.casefold() for fact in work.bible.facts}
    facts = [Fact(text=text, section=section) for text in record.facts if text.casefold() not in known]
    bible = Bible(
        people=merged(work.bible.people, record.people),
        places=merged(work.bible.places, record.places),
        rules=work.bible.rules,
        facts=[*work.bible.facts, *facts],
    )
    return replace(work, bible=bible, summary=record.summary)


def _with_lore(work: Work, review: LoreReview) -> Work:
    mending = {number: list(notes) for number, notes in work.mending.items()}
    for found in review.contradictions:
        if found.section <= len(work.sections):
            remedy = f"Contradiction: “{found.later}” against “{found.earlier}”. {found.remedy}"
            mending.setdefault(found.section, []).append(remedy)
    return replace(work, mending=mending)


def _with_verdict(work: Work, verdict: Verdict, spec: StepSpec) -> Work:
    """Settles a revision round, and opens the next where one is needed and allowed."""
    if spec.round > 1:
        kept = _accepts(work, verdict)
        work = replace(
            work,
            texts={**work.texts, **work.candidate} if kept else work.texts,
            current_version=work.versions if kept else work.current_version,
            best=verdict if kept else work.best,
            candidate={},
            # What lore found was asked of the first round; a later one goes by the reader alone.
            mending={},
        )
    else:
        work = replace(work, best=verdict)
    assert work.best is not None
    may = work.template.step("revise") is not None and len(work.rounds) < work.config.max_revisions
    if not may or (work.best.approved and not work.mending):
        return work
    mending = {number: list(notes) for number, notes in work.mending.items()}
    for note in work.best.rewrite:
        if note.section <= len(work.sections):
            mending.setdefault(note.section, []).append(note.note)
    if not mending:
        # Not approved, and no section named: the ending carries most of a reader's verdict.
        mending[len(work.sections)] = [work.best.summary]
    return replace(work, mending=mending, rounds=[*work.rounds, sorted(mending)])


def _accepts(work: Work, verdict: Verdict) -> bool:
    """A revision that scores lower than what it would replace is kept as a draft but does not become current."""
    return work.best is None or verdict.total() >= work.best.total()


def draft_of(work: Work, spec: StepSpec) -> NewDraft | None:
    """The version that a prose step completes, None where it completes none. `work` holds the step's text already."""
    count = section_count(work)
    match spec.kind:
        case "draft" if spec.section == count or spec.section in _thirds(count):
            return NewDraft(_joined(work.texts), current=True)
        case "revise" if spec.section == work.rounds[spec.round - 1][-1]:
            return NewDraft(_joined({**work.texts, **work.candidate}), current=False)
        case "polish" if spec.section == count:
            return NewDraft(_joined(work.polished), current=True)
    return None


def scored_by(before: Work, spec: StepSpec, verdict: Verdict) -> Scored:
    """What a review step tells of the newest version; `before` is the work without it."""
    return Scored(before.versions, verdict.scores(), accept=spec.round > 1 and _accepts(before, verdict))


def _joined(texts: dict[int, str]) -> str:
    return "\n\n".join(texts[number] for number in sorted(texts))


# -- Sections ----------------------------------------------------------------------------------------------------------


def group_beats(beats: Sequence[Beat], target_words: int) -> list[list[Beat]]:
    """Beats scaled to the length that was asked for and grouped, in order, into sections of 200 to 600 words.

    Scaled because models are careless with sums; a beat too long for one section is told over several.
    """
    scale = target_words / sum(beat.words for beat in beats)
    count = max(1, math.ceil(target_words / SECTION_WORDS))
    ideal = target_words / count
    pieces: list[Beat] = []
    for beat in beats:
        words = beat.words * scale
        parts = max(1, math.ceil(words / SECTION_MOST), round(words / ideal))
        for part in range(1, parts + 1):
            title = beat.title if parts == 1 else f"{beat.title} ({part} of {parts})"
            pieces.append(beat.model_copy(update={"title": title, "words": max(1, round(words / parts))}))
    sections: list[list[Beat]] = [[]]
    told = 0
    for beat in pieces:
        # A new section once this one has had its share, counted from the start so that rounding does not add up.
        share = ideal * len(sections)
        if sections[-1] and (told + beat.words / 2 > share or sum(b.words for b in sections[-1]) + beat.words > SECTION_MOST):
            sections.append([])
        sections[-1].append(beat)
        told += beat.words
    return sections


# -- What an agent is told ---------------------------------------------------------------------------------------------


def brief(work: Work, spec: StepSpec, repetition: Sequence[tuple[int, str]] = ()) -> Brief:
    """All that the agent of this step gets. `repetition` is what code found in the text: (section, note)."""
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
        previous=_present(work).get(spec.section - 1, "") if in_text else "",
        text=_text_at_hand(work, spec),
        reading=_reading(work, spec),
        notes=_notes(work, spec, repetition),
    )


def _budget(work: Work, spec: StepSpec) -> int:
    return _section_words(work, spec.section) if spec.kind in ("draft", "revise", "polish") else work.target_words


def _present(work: Work) -> dict[int, str]:
    """The newest text of each section, a revision under way and what is polished included."""
    return {**work.texts, **work.candidate, **work.polished}


def _text_at_hand(work: Work, spec: StepSpec) -> str:
    match spec.kind:
        case "record":
            return work.texts.get(spec.section, "")
        case "revise" | "polish":
            return work.texts[spec.section]
    return ""


def _reading(work: Work, spec: StepSpec) -> list[Section]:
    text = [Section(number=number, text=text) for number, text in sorted({**work.texts, **work.candidate}.items())]
    match spec.kind:
        case "lore-review":
            return text[(spec.section - 1) * LORE_SECTIONS : spec.section * LORE_SECTIONS]
        case "notes":
            return _newest(text, READING_WORDS)
        case "review":
            return _window(text, READING_WORDS)
    return []


def _words(section: Section) -> int:
    return len(section.text.split())


def _newest(text: list[Section], most: int) -> list[Section]:
    kept: list[Section] = []
    for section in reversed(text):
        most -= _words(section)
        if most < 0 and kept:
            break
        kept.append(section)
    return kept[::-1]


def _window(text: list[Section], most: int) -> list[Section]:
    """The whole text where it fits, else beginning, end and an even choice between, in order."""
    total = sum(map(_words, text))
    if total <= most:
        return text
    room = max(3, int(len(text) * most / total))
    third = max(1, room // 3)
    middle = text[third:-third]
    stride = max(1, math.ceil(len(middle) / max(1, room - 2 * third)))
    return [*text[:third], *middle[::stride], *text[-third:]]


def _notes(work: Work, spec: StepSpec, repetition: Sequence[tuple[int, str]]) -> list[str]:
    match spec.kind:
        case "outline" if spec.round > 1 and work.outline_review is not None:
            return [*work.outline_review.problems, work.outline_review.advice]
        case "draft":
            return [*work.notes, *(note for _, note in repetition)][:NOTES_KEPT]
        case "revise" | "polish":
            found = [note for section, note in repetition if section == spec.section]
            asked = work.mending.get(spec.section, []) if spec.kind == "revise" else []
            return [*asked, *found][: NOTES_KEPT * 2]
        case "review":
            return [note for _, note in repetition][:NOTES_KEPT]
    return []


# -- How far it is -----------------------------------------------------------------------------------------------------


def progress(work: Work, current: str | None, words: int) -> Progress:
    """How far the work is, by words to write; `eta_s` from the pace of what is done, None before the first step."""
    steps = schedule(work)
    total = sum(spec.weight for spec in steps)
    finished = [spec for spec in steps if spec.name in work.done]
    weight = sum(spec.weight for spec in finished)
    spent_s = sum(work.done[spec.name].duration_ms for spec in finished) / 1000
    return Progress(
        completed_steps=len(finished),
        total_steps=len(steps),
        percent=round(100 * weight / total, 1),
        current_step=current,
        stages={stage: _share(steps, stage, work) for stage in STAGES if any(spec.stage == stage for spec in steps)},
        eta_s=round(spent_s / weight * (total - weight), 1) if weight else None,
        words=words,
        target_words=work.target_words,
    )


def _share(steps: Sequence[StepSpec], stage: Stage, work: Work) -> float:
    mine = [spec for spec in steps if spec.stage == stage]
    return round(sum(spec.weight for spec in mine if spec.name in work.done) / sum(spec.weight for spec in mine), 3)
