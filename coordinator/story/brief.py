"""A brief: all that an agent is told for one step. Made by `briefing`, read by prompts and the offline storyteller."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from coordinator.models import StoryConfig
from coordinator.story.material import Beat, Bible, Outline, OutlineReview, Section
from coordinator.story.template import AgentName, StepKind, Template

WORDS_PER_PAGE = 300
BriefKind = StepKind | Literal["rewrite"]
"""What a template names, and what a writer may ask for beside it: another version of a passage."""


@dataclass(frozen=True, slots=True)
class Brief:
    """What one step is given. Never the whole text of a long story: windows of it, the bible and a running summary.

    `round` says which revision round, try at the outline or version of a passage it is. `section` is the one at hand,
    from 1, and 0 where the step has none; `sections` says how many the story has. `words` is the budget of what is to
    be written. `previous` is the text of the section before, and `following` what stands after a passage, for rewrite.
    `text` is the section's present text, for revise, polish and record, or the passage, for rewrite; `reading` is what
    a reviewing step reads. `notes` are to be followed, each a sentence or two. `opening` is how a person has left the
    section at hand, for draft: it stays, and is gone on with. `instructions` are those of the story's project, for all
    that is written in it, and `hero` is whom that knows first, if anybody.
    """

    step: str
    kind: BriefKind
    agent: AgentName
    template: Template
    prompt: str
    config: StoryConfig
    round: int = 1

    brainstorm: str = ""
    outline: Outline | None = None
    outline_review: OutlineReview | None = None
    bible: Bible = field(default_factory=Bible)
    summary: str = ""

    section: int = 0
    sections: int = 0
    beats: list[Beat] = field(default_factory=list)
    words: int = 0
    previous: str = ""
    following: str = ""
    text: str = ""
    reading: list[Section] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    opening: str = ""
    instructions: str = ""
    hero: str = ""
