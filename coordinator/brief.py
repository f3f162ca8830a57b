"""A brief: all that an agent is told for one step. Made by `briefing`, read by prompts and the offline storyteller."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from coordinator.material import Beat, Bible, Outline, OutlineReview, Section
from coordinator.models import StoryConfig
from coordinator.template import AgentName, StepKind, Template

WORDS_PER_PAGE = 300
BriefKind = StepKind | Literal["rewrite"]
"""What a template names, and what a writer may ask for beside it: another version of a passage."""


class Brief(BaseModel):
    """What one step is given. Never the whole text of a long story: windows of it, the bible and a running summary."""

    model_config = ConfigDict(frozen=True)

    step: str = Field(description="the step's name, as `draft-2`")
    kind: BriefKind
    agent: AgentName
    template: Template
    prompt: str
    config: StoryConfig
    round: int = Field(default=1, ge=1, description="which revision round, try at the outline or version of a passage")

    brainstorm: str = ""
    outline: Outline | None = None
    outline_review: OutlineReview | None = None
    bible: Bible = Bible()
    summary: str = ""

    section: int = Field(default=0, ge=0, description="the section at hand, from 1; 0 where the step has none")
    sections: int = Field(default=0, ge=0, description="how many sections the story has")
    beats: list[Beat] = Field(default_factory=list, description="the beats of the section at hand")
    words: int = Field(default=0, ge=0, description="word budget of what is to be written")
    previous: str = Field(default="", description="the text of the section before")
    following: str = Field(default="", description="what stands after the passage, for rewrite")
    text: str = Field(
        default="", description="the section's present text, for revise, polish and record; the passage, for rewrite"
    )
    reading: list[Section] = Field(default_factory=list, description="what a reviewing step reads")
    notes: list[str] = Field(default_factory=list, description="notes to follow, each a sentence or two")
