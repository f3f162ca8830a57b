"""What a story run does next. Pure: template + what is done → what is next. No I/O, no clock, no model.

A run's state is `Work`. It is folded from the steps that are done, one `advance` each, whether they were just finished
or are read back after a crash; `schedule` lists every step that the work will take as things stand, and the next one is
the first that is not done.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

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
from coordinator.models import Gate, StoryConfig
from coordinator.sections import SECTION_WORDS, group_beats, realign
from coordinator.template import AgentName, Stage, StepKind, Template
from coordinator.words import count_words

LORE_SECTIONS = 6
"""Sections that one lore review reads: about 2,100 words, so that a passage is not lost in the middle."""
READING_WORDS = 4_000
"""A text of up to so many words is read whole by a reviewing call."""
WINDOW_WORDS = 2_500
"""Of a longer one so many are read: what there is room for beside the outline, bible and summary of a long story."""
TYPED_WEIGHT = 60
"""What a step without prose counts for in the progress, in words."""
GATE_WEIGHT = 10
NOTES_KEPT = 8
Kind = StepKind | Literal["approval"]
"""What a template names, and the wait for a person's answer."""
RESHAPING: frozenset[Kind] = frozenset({"outline", "outline-review", "review", "approval"})
"""Steps after which others may be needed."""
_GATED: dict[Gate, StepKind] = {"outline": "outline", "draft": "review", "final": "polish"}
"""Of each gate the kind of step that it comes after."""
_EDIT = re.compile(r"edit-\d+")
"""The name of a step that is a person's own edit of the text: in no schedule, done at once, at any time."""
ANYHOW = "The writer did not approve it, and did not say why. Make it clearly different and better."


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step to do. `name` is its key in the session: `draft-2`, `revise-1-3` (round 1, section 3)."""

    name: str
    kind: Kind
    stage: Stage
    agent: AgentName
    section: int = 0
    round: int = 1
    weight: int = TYPED_WEIGHT
    gate: Gate | None = None


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


@dataclass(frozen=True, slots=True)
class Reply:
    """A person's answer at a gate."""

    approved: bool
    comment: str = ""


@dataclass(frozen=True)
class Work:
    """The state of a run. `texts` is the current draft by section, `candidate` a revision not yet accepted.

    `rounds` are the sections of each revision round; `asked` says which of them a person asked for, and at which gate.
    `passes` has for each polished text that was sent back at the gate `final` the number of rounds before it.
    `steps` is its schedule, made anew where a step changes it; `left` and `stages_left` are the shares, 0 to 1, of the
    work and of each stage begun that are still to do. `shown` are the sections of the current version, as they stand in
    it; `scores` those of each version that a reader has judged. A section is "" where a person has taken all of it
    away: nothing is done to it any more.
    """

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
    asked: dict[int, Gate] = field(default_factory=dict)
    passes: list[int] = field(default_factory=list)
    replies: dict[Gate, list[Reply]] = field(default_factory=dict)
    best: Verdict | None = None
    versions: int = 0
    current_version: int = 0
    shown: list[str] = field(default_factory=list)
    scores: dict[int, dict[str, int]] = field(default_factory=dict)
    steps: list[StepSpec] = field(default_factory=list, repr=False)
    left: float = 1.0
    stages_left: dict[Stage, float] = field(default_factory=dict)

    @property
    def target_words(self) -> int:
        return self.config.pages * WORDS_PER_PAGE


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
    yield from _gate(work, "outline", 1)
    for turn, reply in enumerate(work.replies.get("outline", []), 1):
        if not reply.approved:
            tries += 1
            yield from _spec(work, "outline", name=f"outline-{tries}", round=tries)
            yield from _gate(work, "outline", turn + 1)


def gates(template: Template) -> list[Gate]:
    """Where a story of this template can wait for an approval: what is refused must be something that it can mend."""
    able = template.step("revise") is not None and template.step("review") is not None
    return [gate for gate, kind in _GATED.items() if template.step(kind) and (able or gate == "outline")]


def _gate(work: Work, gate: Gate, turn: int) -> Iterable[StepSpec]:
    """Its wait for an answer: `approve-outline`, and `approve-outline-2` for what was written after a refusal."""
    after = work.template.step(_GATED[gate])
    if gate in work.config.approvals and gate in gates(work.template) and after is not None:
        name = f"approve-{gate}" if turn == 1 else f"approve-{gate}-{turn}"
        yield StepSpec(name, "approval", after.stage, "writer", round=turn, weight=GATE_WEIGHT, gate=gate)


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
        if f"lore-review-{number}" in work.done or any(work.texts.get(one) != "" for one in _of_lore(work, number)):
            yield from _spec(work, "lore-review", section=number)
    yield from _spec(work, "review", name="review-1")
    turns = 1
    yield from _gate(work, "draft", turns)
    before = 0
    for time, until in enumerate([*work.passes, len(work.rounds)], 1):
        for turn in range(before + 1, until + 1):
            for number in _of_round(work, turn):
                yield from _spec(work, "revise", section=number, name=f"revise-{turn}-{number}", round=turn)
            yield from _spec(work, "review", name=f"review-{turn + 1}", round=turn + 1)
            if work.asked.get(turn) == "draft":
                turns += 1
                yield from _gate(work, "draft", turns)
        for number in range(1, count + 1):
            name = _polish(time, number)
            if _to_do(work, number, name):
                yield from _spec(work, "polish", section=number, name=name, round=time)
        yield from _gate(work, "final", time)
        before = until


def _of_lore(work: Work, number: int) -> range:
    """The sections that this lore review reads."""
    return range((number - 1) * LORE_SECTIONS + 1, min(number * LORE_SECTIONS, section_count(work)) + 1)


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
    """The work as it stood after these steps. One that the template no longer has is passed over."""
    work = Work(prompt, config, template)
    for step in done:
        if is_edit(step.name):
            work = _edited(work, step)
        elif (spec := _planned(work, step.name)) is not None:
            work = _advanced(work, spec, step)
    return work


def is_edit(name: str) -> bool:
    """Whether a step of this name is a person's own edit of the text."""
    return _EDIT.fullmatch(name) is not None


def advance(work: Work, done: Done) -> Work:
    """The work after one more step: one of its schedule, or a person's edit.

    Raises pydantic.ValidationError where `output` is not what that kind of step gives.
    """
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
        case "approval":
            return _with_reply(work, spec, done.output or {})
    draft = draft_of(work, spec)
    if draft is None:
        return work
    work = replace(work, versions=work.versions + 1)
    return _now_current(work, work.polished if spec.kind == "polish" else work.texts) if draft.current else work


def _now_current(work: Work, texts: dict[int, str]) -> Work:
    """The newest version, which is made of these, is the current one."""
    return replace(work, current_version=work.versions, shown=[texts[number] for number in sorted(texts)])


def _edited(work: Work, done: Done) -> Work:
    """A person's own version takes the place of the current one. What is being made of the text as it was before, and
    is no version yet, is dropped where they have changed it."""
    shown = dict(enumerate(realign(work.shown, str((done.output or {})["content"])) if work.shown else [], 1))
    changed = {number: text for number, text in shown.items() if text != work.shown[number - 1]}
    all_polished = bool(work.polished) and set(work.polished) >= {number for number, text in work.texts.items() if text}
    in_polish = changed if all_polished else {number: changed[number] for number in changed if number in work.polished}
    work = replace(
        work,
        done={**work.done, done.name: done},
        texts=work.texts if all_polished else {**work.texts, **changed},
        candidate={},
        polished={**work.polished, **in_polish},
        versions=work.versions + 1,
    )
    told = _told(work)
    work = replace(work, mending={number: notes for number, notes in work.mending.items() if number in told})
    work = _now_current(replace(work, steps=_scheduled(work)), shown)
    ahead = {step.stage for step in work.steps if step.name not in work.done}
    # Where nothing is left to do of what was taken away.
    ended = {stage: 0.0 if stage not in ahead else left for stage, left in work.stages_left.items()}
    return replace(work, left=work.left if ahead else 0.0, stages_left=ended)


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

    facts = {fact.text.casefold(): fact for fact in work.bible.facts}
    for text in record.facts:
        facts.setdefault(text.casefold(), Fact(text=text, section=section))
    bible = Bible(
        people=merged(work.bible.people, record.people),
        places=merged(work.bible.places, record.places),
        rules=work.bible.rules,
        facts=list(facts.values()),
    )
    return replace(work, bible=bible, summary=record.summary)


def _with_lore(work: Work, review: LoreReview) -> Work:
    told = _told(work)
    mending = {number: list(notes) for number, notes in work.mending.items()}
    for found in review.contradictions:
        if found.section in told:
            remedy = f"Contradiction: “{found.later}” against “{found.earlier}”. {found.remedy}"
            mending.setdefault(found.section, []).append(remedy)
    return replace(work, mending=mending)


def _with_reply(work: Work, spec: StepSpec, output: dict[str, Any]) -> Work:
    """A refused outline is written again; a refused text goes through a round of revision, all of it."""
    assert spec.gate is not None
    reply = Reply(bool(output.get("approved")), str(output.get("comment") or ""))
    gate = spec.gate
    work = replace(work, replies={**work.replies, gate: [*work.replies.get(gate, []), reply]})
    if reply.approved or gate == "outline":
        return work
    asked = reply.comment or ANYHOW
    rounds, found = list(work.rounds), work.mending
    if gate == "final":
        found = {}
        work = replace(
            work, texts={**work.texts, **work.polished}, candidate={}, polished={}, passes=[*work.passes, len(rounds)]
        )
    elif len(rounds) > sum(name.startswith("review-") for name in work.done) - 1:
        # The reader's own round, which was about to begin, becomes a part of it.
        rounds.pop()
    mending = {number: [asked, *found.get(number, [])] for number in _told(work)}
    rounds.append(sorted(mending))
    return replace(work, mending=mending, rounds=rounds, asked={**work.asked, len(rounds): gate})


def _with_verdict(work: Work, verdict: Verdict, spec: StepSpec) -> Work:
    """Settles a revision round, and opens the next where one is needed and allowed."""
    work = replace(work, scores={**work.scores, work.versions: verdict.scores()})
    if spec.round == 1:
        # To what lore found comes what the reader asks for.
        work = replace(work, best=verdict, mending=_asked(work, verdict, work.mending))
    elif _accepts(work, verdict, spec):
        work = replace(
            work,
            texts={**work.texts, **work.candidate},
            best=verdict,
            candidate={},
            mending=_asked(work, verdict, {}),
        )
        work = _now_current(work, work.texts)
    else:
        # Nothing is mended by a revision that is not used: the same notes stand, and another try may do better.
        work = replace(work, candidate={})
    own = len(work.rounds) - len(work.asked)
    may = work.template.step("revise") is not None and own < work.config.max_revisions
    return replace(work, rounds=[*work.rounds, sorted(work.mending)]) if may and work.mending else work


def _asked(work: Work, verdict: Verdict, found: dict[int, list[str]]) -> dict[int, list[str]]:
    """What is to be mended, by section; nothing where the verdict approves and nothing was `found`."""
    if verdict.approved and not found:
        return {}
    told = _told(work)
    mending = {number: list(notes) for number, notes in found.items()}
    for note in verdict.rewrite:
        if note.section in told:
            mending.setdefault(note.section, []).append(note.note)
    # Not approved, and no section named: the ending carries most of a reader's verdict.
    return mending or {told[-1]: [verdict.summary]}


def _told(work: Work) -> list[int]:
    """The sections of the outline of which there is a text, or will be."""
    return [number for number in range(1, section_count(work) + 1) if work.texts.get(number) != ""]


def _accepts(work: Work, verdict: Verdict, spec: StepSpec) -> bool:
    """A revision that scores lower than what it would replace is kept as a draft but does not become current, unless a
    person has asked for it, who is to judge it."""
    return work.best is None or spec.round - 1 in work.asked or verdict.total() >= work.best.total()


def draft_of(work: Work, spec: StepSpec) -> NewDraft | None:
    """The version that a prose step completes, None where it completes none. `work` holds the step's text already."""
    count = section_count(work)
    match spec.kind:
        case "draft" if spec.section == count or spec.section in _thirds(count):
            return NewDraft(_joined(work.texts), current=True)
        case "revise" if spec.section == _of_round(work, spec.round)[-1]:
            return NewDraft(_joined({**work.texts, **work.candidate}), current=False)
        case "polish" if spec.section == _last_polished(work, spec.round):
            return NewDraft(_joined(work.polished), current=True)
    return None


def scored_by(before: Work, spec: StepSpec, verdict: Verdict) -> Scored:
    """What a review step tells of the newest version; `before` is the work without it."""
    return Scored(before.versions, verdict.scores(), accept=spec.round > 1 and _accepts(before, verdict, spec))


def _last_polished(work: Work, time: int) -> int:
    return [number for number in range(1, section_count(work) + 1) if _to_do(work, number, _polish(time, number))][-1]


def _joined(texts: dict[int, str]) -> str:
    return "\n\n".join(texts[number] for number in sorted(texts) if texts[number])


# -- What an agent is told ---------------------------------------------------------------------------------------------


def text(work: Work) -> str:
    """The story as it stands, the newest text of each section."""
    return _joined(_present(work))


def brief(work: Work, spec: StepSpec, repetition: Sequence[tuple[int, str]] = (), wishes: Sequence[str] = ()) -> Brief:
    """All that the agent of this step gets. `repetition` is what code found in the text: (section, note); `wishes` what
    the writer has noted while the story was under way. Not for a gate."""
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
        reading=_reading(work, spec),
        notes=[
            *(f"Asked for by the person whose story it is: {wish}" for wish in wishes),
            *_notes(work, spec, repetition),
        ],
    )


def _budget(work: Work, spec: StepSpec) -> int:
    return _section_words(work, spec.section) if spec.kind in ("draft", "revise", "polish") else work.target_words


def _present(work: Work) -> dict[int, str]:
    """The newest text of each section, a revision under way and what is polished included."""
    return {**work.texts, **work.candidate, **work.polished}


def before(work: Work, section: int) -> str:
    """The newest text of the section before this one, or of the last of which there is any."""
    present = _present(work)
    return next((present[number] for number in range(section - 1, 0, -1) if present.get(number)), "")


def _text_at_hand(work: Work, spec: StepSpec) -> str:
    match spec.kind:
        case "record":
            return work.texts.get(spec.section, "")
        case "revise" | "polish":
            return work.texts[spec.section]
    return ""


def _reading(work: Work, spec: StepSpec) -> list[Section]:
    present = {**work.texts, **work.candidate}
    text = [Section(number=number, text=text) for number, text in sorted(present.items()) if text]
    match spec.kind:
        case "lore-review":
            return [section for section in text if section.number in _of_lore(work, spec.section)]
        case "notes":
            return _newest(text)
        case "review":
            return _window(text, sorted(work.candidate))
    return []


def _newest(text: list[Section]) -> list[Section]:
    kept: list[Section] = []
    room = WINDOW_WORDS
    for section in reversed(text):
        room -= count_words(section.text)
        if room < 0 and kept:
            break
        kept.append(section)
    return kept[::-1]


def _window(text: list[Section], revised: Sequence[int]) -> list[Section]:
    """The whole text where it is short, else the sections just revised, beginning, end and an even choice between."""
    words = [count_words(section.text) for section in text]
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
            return [*work.notes, *[note for _, note in repetition][:NOTES_KEPT]]
        case "revise" | "polish":
            found = [note for section, note in repetition if section == spec.section]
            asked = work.mending.get(spec.section, []) if spec.kind == "revise" else []
            return [*asked, *found][: NOTES_KEPT * 2]
        case "review":
            return [note for _, note in repetition][:NOTES_KEPT]
    return []
