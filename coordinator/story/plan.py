"""What a story run does next. Pure: template + what is done → what is next. No I/O, no clock, no model.

A run's state is `Work`. It is folded from the steps that are done, one `advance` each, whether they were just finished
or are read back after a crash; `schedule` lists every step that the work will take as things stand, and the next one is
the first that is not done.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from coordinator.models import StoryConfig
from coordinator.story import gates
from coordinator.story.canon import NOTHING, Known
from coordinator.story.continuity import found_in
from coordinator.story.edits import edited, is_edit, is_kept, kept
from coordinator.story.material import (
    Bible,
    Fact,
    LoreReview,
    Notes,
    Outline,
    OutlineReview,
    Person,
    Place,
    Record,
    Verdict,
)
from coordinator.story.sections import SECTION_WORDS, group_beats
from coordinator.story.template import StepKind, Template
from coordinator.story.verdicts import with_lore, with_verdict
from coordinator.story.work import (
    LORE_SECTIONS,
    NOTES_KEPT,
    TYPED_WEIGHT,
    Done,
    Kind,
    NewDraft,
    StepSpec,
    Work,
    now_current,
    of_lore,
    section_count,
    section_words,
)

RESHAPING: frozenset[Kind] = frozenset({"outline", "outline-review", "review", "approval"})
"""Steps after which others may be needed."""


# -- What is next ------------------------------------------------------------------------------------------------------


def next_step(work: Work) -> StepSpec | None:
    """The first step of the schedule that is not done; None when the story is ready to be saved."""
    return next((spec for spec in schedule(work) if spec.name not in work.done), None)


def schedule(work: Work) -> list[StepSpec]:
    """Every step that the work takes, in order, as far as can be told now. Revisions appear when they become needed."""
    return work.steps or _scheduled(work)


def _scheduled(work: Work) -> list[StepSpec]:
    return [*_foundation(work), *_drafting(work), *_validation(work)]


def _foundation(work: Work) -> Iterable[StepSpec]:
    yield from _spec(work, "brainstorm")
    yield from _spec(work, "outline")
    yield from _spec(work, "outline-review")
    tries = 1
    # One more try where the reader found that the story could not work; a second opinion would cost more than it mends.
    if work.outline_review is not None and not work.outline_review.approved:
        tries += 1
        yield from _spec(work, "outline", name=f"outline-{tries}", round=tries)
    yield from gates.wait(work, "outline", 1)
    for turn, reply in enumerate(work.replies.get("outline", []), 1):
        if not reply.approved:
            tries += 1
            yield from _spec(work, "outline", name=f"outline-{tries}", round=tries)
            yield from gates.wait(work, "outline", turn + 1)


def _drafting(work: Work) -> Iterable[StepSpec]:
    count = section_count(work)
    thirds = _thirds(count)
    for number in range(1, count + 1):
        yield from _spec(work, "draft", section=number)
        if _to_do(work, number, f"record-{number}"):
            yield from _spec(work, "record", section=number)
        if number in thirds:
            yield from _spec(work, "notes", section=number, name=f"notes-{thirds.index(number) + 1}")


def _validation(work: Work) -> Iterable[StepSpec]:
    count = section_count(work)
    for number in range(1, math.ceil(count / LORE_SECTIONS) + 1):
        if f"lore-review-{number}" in work.done or any(work.texts.get(one) != "" for one in of_lore(work, number)):
            yield from _spec(work, "lore-review", section=number)
    yield from _spec(work, "review", name="review-1")
    turns = 1
    yield from gates.wait(work, "draft", turns)
    before = 0
    for time, until in enumerate([*work.passes, len(work.rounds)], 1):
        for turn in range(before + 1, until + 1):
            for number in _of_round(work, turn):
                yield from _spec(work, "revise", section=number, name=f"revise-{turn}-{number}", round=turn)
            yield from _spec(work, "review", name=f"review-{turn + 1}", round=turn + 1)
            if work.asked.get(turn) == "draft":
                turns += 1
                yield from gates.wait(work, "draft", turns)
        for number in range(1, count + 1):
            name = _polish(time, number)
            if _to_do(work, number, name):
                yield from _spec(work, "polish", section=number, name=name, round=time)
        yield from gates.wait(work, "final", time)
        before = until


def _polish(time: int, number: int) -> str:
    return f"polish-{number}" if time == 1 else f"polish-{time}-{number}"


def _of_round(work: Work, turn: int) -> list[int]:
    return [number for number in work.rounds[turn - 1] if _to_do(work, number, f"revise-{turn}-{number}")]


def _to_do(work: Work, section: int, name: str) -> bool:
    """Whether this step of a section is in the schedule: not where nothing is left of it, unless the step is done."""
    return work.texts.get(section) != "" or name in work.done


def _spec(
    work: Work, kind: StepKind, *, section: int = 0, name: str | None = None, round: int = 1
) -> Iterable[StepSpec]:
    step = work.template.step(kind)
    if step is not None:
        prose = kind in ("draft", "revise", "polish")
        weight = section_words(work, section) if prose else TYPED_WEIGHT
        name = name or (f"{kind}-{section}" if section else kind)
        yield StepSpec(name, kind, step.stage, step.agent, section, round, weight)


def _thirds(count: int) -> list[int]:
    """After which sections the reader gives notes; a text of one or two sections has no thirds."""
    return [] if count < 3 else [math.ceil(count / 3), math.ceil(count * 2 / 3)]


# -- What a finished step changes --------------------------------------------------------------------------------------


def restore(prompt: str, config: StoryConfig, template: Template, done: Iterable[Done], known: Known = NOTHING) -> Work:
    """The work as it stood after these steps."""
    work = begun(prompt, config, template, known)
    for step in done:
        work = taken_up(work, step)
    return work


def begun(prompt: str, config: StoryConfig, template: Template, known: Known = NOTHING) -> Work:
    """The work before its first step. `known` is what it begins with of its project."""
    work = Work(prompt, config, template, known, bible=known.bible)
    return replace(work, steps=_scheduled(work))


def taken_up(work: Work, done: Done) -> Work:
    """The work after one more step that was done before. One that the template no longer has is passed over."""
    if is_kept(done.name):
        return kept(work, done)
    if is_edit(done.name):
        return _edited(work, done)
    spec = _planned(work, done.name)
    return work if spec is None else _advanced(work, spec, done)


def advance(work: Work, done: Done) -> Work:
    """The work after one more step: one of its schedule, a person's edit, or one that kept the text so far.

    Raises pydantic.ValidationError where `output` is not what that kind of step gives.
    """
    if is_kept(done.name):
        return kept(work, done)
    if is_edit(done.name):
        return _edited(work, done)
    spec = _planned(work, done.name)
    if spec is None:
        raise ValueError(f"{done.name} is no step of this story")
    return _advanced(work, spec, done)


def _planned(work: Work, name: str) -> StepSpec | None:
    return next((spec for spec in schedule(work) if spec.name == name), None)


def _advanced(work: Work, spec: StepSpec, done: Done) -> Work:
    steps = schedule(work)
    work = _settled(replace(work, done={**work.done, done.name: done}), spec, done)
    if spec.kind in RESHAPING:
        steps = _scheduled(work)
    # Each step takes its share of what was left: steps that become needed slow progress down and never turn it back.
    ahead = [step for step in steps if step.name not in work.done]
    stage = sum(step.weight for step in ahead if step.stage == spec.stage)
    return replace(
        work,
        steps=steps,
        left=work.left * _rest(spec.weight, sum(step.weight for step in ahead)),
        stages_left={**work.stages_left, spec.stage: work.stages_left.get(spec.stage, 1.0) * _rest(spec.weight, stage)},
    )


def _rest(done: int, ahead: int) -> float:
    return ahead / (done + ahead)


def _settled(work: Work, spec: StepSpec, done: Done) -> Work:
    """What the step gave, taken in; `work` has it among the done already."""
    match spec.kind:
        case "brainstorm":
            return replace(work, brainstorm=done.text)
        case "outline":
            aim = (done.output or {}).get("section_words")
            return _with_outline(work, Outline.model_validate(done.output), aim or SECTION_WORDS)
        case "outline-review":
            return replace(work, outline_review=OutlineReview.model_validate(done.output))
        case "draft":
            work = replace(work, texts={**work.texts, spec.section: done.text}, under_way=None)
        case "record":
            work = _with_record(work, Record.model_validate(done.output), spec.section)
            before = [finding for finding in work.findings if finding.section != spec.section]
            return replace(work, findings=[*before, *found_in(done)])
        case "notes":
            notes = Notes.model_validate(done.output)
            return replace(work, notes=[note.comment for note in notes.notes][:NOTES_KEPT])
        case "lore-review":
            return with_lore(work, LoreReview.model_validate(done.output))
        case "review":
            return with_verdict(work, Verdict.model_validate(done.output), spec, found_in(done))
        case "revise":
            work = replace(work, candidate={**work.candidate, spec.section: done.text})
        case "polish":
            work = replace(work, polished={**work.polished, spec.section: done.text})
        case "approval":
            return gates.answered(work, spec, done.output or {})
    draft = draft_of(work, spec)
    if draft is None:
        return work
    work = replace(work, versions=work.versions + 1)
    return now_current(work, work.polished if spec.kind == "polish" else work.texts) if draft.current else work


def _edited(work: Work, done: Done) -> Work:
    work = edited(work, done)
    work = replace(work, steps=_scheduled(work))
    ahead = {step.stage for step in work.steps if step.name not in work.done}
    # Where nothing is left to do of what was taken away.
    ended = {stage: 0.0 if stage not in ahead else left for stage, left in work.stages_left.items()}
    return replace(work, left=work.left if ahead else 0.0, stages_left=ended)


def _named(name: str, entries: Iterable[Person | Place]) -> bool:
    return any(entry.name.casefold() == name.casefold() for entry in entries)


def _merged(old: Sequence[Person | Place], new: Sequence[Person | Place]) -> list[Any]:
    """Each name once, as it was told last."""
    if not old:
        return list(new)
    return list({entry.name.casefold(): entry for entry in (*old, *new)}.values())


def _with_outline(work: Work, outline: Outline, aim: int) -> Work:
    known = work.known.bible
    bible = Bible(
        # What the project says of somebody holds until the story itself changes it.
        people=_merged(known.people, [one for one in outline.people if not _named(one.name, known.people)]),
        places=_merged(known.places, [one for one in outline.places if not _named(one.name, known.places)]),
        rules=[*known.rules, *(rule for rule in outline.rules if rule not in known.rules)],
        facts=[*known.facts, Fact(text=outline.setting, section=0), Fact(text=outline.logline, section=0)],
    )
    return replace(work, outline=outline, sections=group_beats(outline.beats, work.target_words, aim), bible=bible)


def _with_record(work: Work, record: Record, section: int) -> Work:
    facts = {fact.text.casefold(): fact for fact in work.bible.facts}
    for text in record.facts:
        facts.setdefault(text.casefold(), Fact(text=text, section=section))
    bible = Bible(
        people=_merged(work.bible.people, record.people),
        places=_merged(work.bible.places, record.places),
        rules=work.bible.rules,
        facts=list(facts.values()),
    )
    details = tuple(one for one in work.details if one[0] != section) + tuple((section, one) for one in record.details)
    return replace(work, bible=bible, summary=record.summary, details=details)


def draft_of(work: Work, spec: StepSpec) -> NewDraft | None:
    """The version that a prose step completes, None where it completes none. `work` holds the step's text already."""
    count = section_count(work)
    match spec.kind:
        case "draft" if (
            spec.section == count
            or spec.section in _thirds(count)
            # Of which the current version has the beginning alone.
            or spec.section <= len(work.shown)
        ):
            return NewDraft(work.texts, current=True)
        case "revise" if spec.section == _of_round(work, spec.round)[-1]:
            return NewDraft({**work.texts, **work.candidate}, current=False)
        case "polish" if spec.section == _last_polished(work, spec.round):
            return NewDraft(work.polished, current=True)
    return None


def _last_polished(work: Work, time: int) -> int:
    return [number for number in range(1, section_count(work) + 1) if _to_do(work, number, _polish(time, number))][-1]
