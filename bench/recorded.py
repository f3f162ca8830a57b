"""A model that answers at once: the built-in storyteller's answers to one story of twelve steps, made beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from coordinator.agents.cast import Answer
from coordinator.agents.library import load_library
from coordinator.agents.render import render
from coordinator.llm import storyteller
from coordinator.models import StoryConfig
from coordinator.story import plan
from coordinator.story.brief import Brief
from coordinator.story.briefing import brief_of
from coordinator.story.material import OutlineReview
from coordinator.story.work import Done, StepSpec, Work

PROMPT = "A lighthouse keeper finds that the light has been signalling something back."
TEMPLATE = "short-story"
CONFIG = StoryConfig(pages=2, seed=7)
STEPS = 12


@dataclass(frozen=True)
class Recording:
    answers: dict[str, Answer]

    async def perform(self, brief: Brief, *_: object, **__: Any) -> Answer:
        """In the place of `coordinator.agents.cast.perform`: no model, no stream, no wait."""
        return self.answers[brief.step]


def record() -> Recording:
    """Two pages, with the outline sent back once: twelve steps."""
    work = Work(PROMPT, CONFIG, load_library(None).get(TEMPLATE))
    answers: dict[str, Answer] = {}
    while (spec := plan.next_step(work)) is not None:
        output = _output(work, spec)
        answer = Answer(output, render(output), "offline:storyteller", 100, 0.0)
        answers[spec.name] = answer
        if isinstance(output, BaseModel):
            work = plan.advance(work, Done(spec.name, output.model_dump(mode="json")))
        else:
            work = plan.advance(work, Done(spec.name, text=output))
    assert len(answers) == STEPS, f"a story of {len(answers)} steps: {', '.join(answers)}"
    return Recording(answers)


def _output(work: Work, spec: StepSpec) -> str | BaseModel:
    output = storyteller.answer(brief_of(work, spec, [], []))
    if isinstance(output, OutlineReview):
        return output.model_copy(update={"approved": False})
    return output
