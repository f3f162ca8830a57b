"""The state of a story's run, the steps that it takes, and what can be said of it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from coordinator.models import Gate, StoryConfig
from coordinator.story.brief import WORDS_PER_PAGE
from coordinator.story.canon import NOTHING, Known, established
from coordinator.story.ledger.finding import Finding
from coordinator.story.material import Beat, Bible, Detail, Outline, OutlineReview, Verdict
from coordinator.story.sections import SECTION_WORDS
from coordinator.story.template import AgentName, Stage, StepKind, Template

LORE_SECTIONS = 6
"""Sections that one lore review reads: about 2,100 words, so that a passage is not lost in the middle."""
TYPED_WEIGHT = 60
"""What a step without prose counts for in the progress, in words."""
NOTES_KEPT = 8
Kind = StepKind | Literal["approval"]
"""What a template names, and the wait for a person's answer."""


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
    """A finished step: a typed answer as JSON in `output`, or prose in `text`. `sections` is a person's edit cut into
    sections again, where somebody has done that already."""

    name: str
    output: dict[str, Any] | None = None
    text: str = ""
    duration_ms: int = 0
    sections: list[str] | None = None

    @classmethod
    def stored(cls, step: dict[str, Any]) -> Done:
        """From the row of a finished step."""
        return cls(step["step"], step["output"], step["text"] or "", step["duration_ms"] or 0)


@dataclass(frozen=True, slots=True)
class NewDraft:
    """A version to save, by section. `current` is false for a revision until the reader has scored it."""

    texts: dict[int, str]
    current: bool

    @property
    def content(self) -> str:
        return joined(self.texts)


@dataclass(frozen=True, slots=True)
class Reply:
    """A person's answer at a gate."""

    approved: bool
    comment: str = ""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A section of which the current version shows a beginning, `text`, from the character `begins_at` on.

    It was told in the step's `attempt`. `changed` is whether a person has changed it since; `opening` is what they have
    left of it, and stays: what is written of the section goes on from there.
    """

    section: int
    text: str
    attempt: int
    begins_at: int
    changed: bool = False
    opening: str = ""


@dataclass(frozen=True)
class Work:
    """The state of a run. `texts` is the current draft by section, `candidate` a revision not yet accepted.

    `rounds` are the sections of each revision round; `asked` says which of them a person asked for, and at which gate.
    `passes` has for each polished text that was sent back at the gate `final` the number of rounds before it.
    `steps` is its schedule, made anew where a step changes it; `left` and `stages_left` are the shares, 0 to 1, of the
    work and of each stage begun that are still to do. `shown` are the sections of the current version from the first
    on, as they stand in it; `scores` those of each version that a reader has judged. A section is "" where a person has
    taken all of it away: nothing is done to it any more. `under_way` is no part of `texts`, but shown. `details` are
    the records', each with its section; `findings` what of the text can't all be true, as the last step has kept it
    that looked. `known` is what it has begun with of its project: the first of its bible.
    """

    prompt: str
    config: StoryConfig
    template: Template
    known: Known = NOTHING
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
    details: tuple[tuple[int, Detail], ...] = ()
    findings: list[Finding] = field(default_factory=list)
    mending: dict[int, list[str]] = field(default_factory=dict)
    rounds: list[list[int]] = field(default_factory=list)
    asked: dict[int, Gate] = field(default_factory=dict)
    passes: list[int] = field(default_factory=list)
    replies: dict[Gate, list[Reply]] = field(default_factory=dict)
    best: Verdict | None = None
    versions: int = 0
    current_version: int = 0
    shown: list[str] = field(default_factory=list)
    under_way: UnderWay | None = None
    scores: dict[int, dict[str, int]] = field(default_factory=dict)
    steps: list[StepSpec] = field(default_factory=list, repr=False)
    left: float = 1.0
    stages_left: dict[Stage, float] = field(default_factory=dict)

    @property
    def target_words(self) -> int:
        return self.config.pages * WORDS_PER_PAGE


def section_count(work: Work) -> int:
    """Known once there is an outline, before that estimated from the length that is asked for."""
    return len(work.sections) or max(1, math.ceil(work.target_words / SECTION_WORDS))


def section_words(work: Work, section: int) -> int:
    if work.sections:
        return sum(beat.words for beat in work.sections[section - 1])
    return work.target_words // section_count(work)


def of_lore(work: Work, number: int) -> range:
    """The sections that this lore review reads."""
    return range((number - 1) * LORE_SECTIONS + 1, min(number * LORE_SECTIONS, section_count(work)) + 1)


def begun_by(work: Work, spec: StepSpec) -> UnderWay | None:
    """What the current version shows of the section that this step drafts."""
    under_way = work.under_way
    return under_way if under_way is not None and spec.kind == "draft" and spec.section == under_way.section else None


def told_sections(work: Work) -> list[int]:
    """The sections of the outline of which there is a text, or will be."""
    return [number for number in range(1, section_count(work) + 1) if work.texts.get(number) != ""]


def newest_texts(work: Work) -> dict[int, str]:
    """The newest text of each section, a revision under way and what is polished included."""
    return {**work.texts, **work.candidate, **work.polished}


def text_of(work: Work) -> str:
    """The story as it stands, the newest text of each section."""
    return joined(newest_texts(work))


def joined(texts: dict[int, str]) -> str:
    return "\n\n".join(texts[number] for number in sorted(texts) if texts[number])


def now_current(work: Work, texts: dict[int, str]) -> Work:
    """The newest version, which is made of these, is the current one. A section that it has none of stands in `shown`
    as "": the place there is the section's number."""
    shown = [texts.get(number, "") for number in range(1, max(texts, default=0) + 1)]
    return replace(work, current_version=work.versions, shown=shown)


def context_of(work: Work) -> dict[str, Any]:
    """What is kept with the session of what it has established, beside what it has begun with."""
    return {"bible": established(work.bible, work.known.bible).model_dump(mode="json"), "summary": work.summary}
