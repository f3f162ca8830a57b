"""What a story will take, told before it starts: steps, tokens and money. Pure.

By the steps of a story without revisions and with them, what their requests hold of each material (`prompts.WINDOWS`)
and how long such answers are. The sizes are those of stories of 1 to 30 pages; a test holds them to what stories really
take.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache

from pydantic import BaseModel, Field

from coordinator.agents import prompts
from coordinator.agents.tasks import BEAT_WORDS
from coordinator.llm.models import OFFLINE
from coordinator.llm.prices import CHARACTERS_PER_TOKEN, Price
from coordinator.models import StoryConfig
from coordinator.story.brief import Brief
from coordinator.story.briefing import READING_WORDS, WINDOW_WORDS
from coordinator.story.plan import schedule
from coordinator.story.template import StepKind, Template
from coordinator.story.work import LORE_SECTIONS, StepSpec, Work, section_count

TOKENS_PER_WORD = 1.35
"""Of English prose, in the vocabularies of today's models. Of other languages it is more."""
JSON_OVERHEAD = 1.25
"""What names of fields and quotes add to a typed answer."""


class Amount(BaseModel):
    steps: int
    calls: int = Field(description="of the model: the steps without those in which a person is asked")
    tokens_in: int
    tokens_out: int
    tokens: int
    cost_usd: float | None = Field(description="in US dollars; null where the model's price is not known")


class Estimate(Amount):
    """The likely amount: one revision round, of a third of the story, where there may be any. Attempts that fail, and
    what a person asks for at an approval, come to it."""

    model: str
    template: str
    pages: int
    words: int
    seconds: float | None = Field(
        default=None,
        description="how long it may take, by how fast this node has seen the model; null where it has not",
    )
    low: Amount = Field(description="without a revision")
    high: Amount = Field(description="the outline made twice, and all of the story revised as often as may be")


def estimate(template: Template, config: StoryConfig, model: str, price: Price | None, prompt_words: int) -> Estimate:
    """For a story of `config` by `model`, whose price is None where it is not known."""
    work = Work("", config, template)
    count = section_count(work)
    revises = template.step("revise") is not None and config.max_revisions > 0
    every = list(range(1, count + 1))
    plain = schedule(work)
    likely = schedule(replace(work, rounds=[every[: math.ceil(count / 3)]])) if revises else plain
    most = schedule(replace(work, rounds=[every] * config.max_revisions)) if revises else plain
    if template.step("outline-review") is not None:
        most = [*(spec for spec in plain if spec.kind == "outline"), *most]
    sizes = _Sizes(work, count, prompt_words)
    low, middle, high = (_amount(sizes, steps, model, price) for steps in (plain, likely, most))
    return Estimate(
        model=model,
        template=template.name,
        pages=config.pages,
        words=work.target_words,
        low=low,
        high=high,
        **middle.model_dump(),
    )


def _amount(sizes: _Sizes, steps: Iterable[StepSpec], model: str, price: Price | None) -> Amount:
    steps = list(steps)
    calls = [(spec.kind, sizes.of_section(spec)) for spec in steps if spec.kind != "approval"]
    written = [sizes.written(kind, section) for kind, section in calls]
    if model == OFFLINE:
        # It reads nothing, and its words stand for tokens.
        tokens_in, tokens_out = 0, round(sum(written))
    else:
        tokens_in = round(sum(sizes.read(kind, section) for kind, section in calls))
        tokens_out = round(
            sum(
                words * TOKENS_PER_WORD * (JSON_OVERHEAD if kind in prompts.OUTPUT_TYPES else 1)
                for (kind, _), words in zip(calls, written, strict=True)
            )
        )
    cost = 0.0 if model == OFFLINE else None
    if price is not None:
        cost = round(tokens_in * price.read + tokens_out * price.written, 6)
    return Amount(
        steps=len(steps),
        calls=len(calls),
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        tokens=tokens_in + tokens_out,
        cost_usd=cost,
    )


@dataclass(frozen=True)
class _Sizes:
    """How many words there are of each thing, in a story of `count` sections."""

    work: Work
    count: int
    prompt_words: int
    fixed: dict[StepKind, float] = field(default_factory=dict)
    """What stands in every request of that kind, in tokens: who the agent is, rules, task, the form of the answer."""

    def of_section(self, spec: StepSpec) -> int:
        """How far the story is told when this step is taken: the number of sections."""
        if spec.kind in ("brainstorm", "outline", "outline-review"):
            return 0
        return spec.section if spec.kind in ("draft", "record", "notes") else self.count

    @property
    def section(self) -> float:
        return self.work.target_words / self.count

    @property
    def outline(self) -> float:
        return 350 + 80 * max(2, round(self.work.target_words / (sum(BEAT_WORDS) / 2)))

    def summary(self, section: int) -> float:
        return min(300, 80 + 40 * section)

    def material(self, name: str, kind: StepKind, section: int) -> float:
        match name:
            case "prompt":
                return self.prompt_words
            case "outline":
                return self.outline if kind != "outline" else 0
            case "bible":
                # Before the outline there is that of a project alone.
                return 0 if kind in ("brainstorm", "outline", "outline-review") else 200 + 60 * section
            case "summary":
                return self.summary(section) if section > 1 else 0
            case "previous":
                return self.section if section > 1 else 0
            case "text":
                return self.section
            case "reading" if kind == "lore-review":
                return self.section * min(LORE_SECTIONS, self.count)
            case "reading":
                told = self.section * section
                return told if kind == "review" and told <= READING_WORDS else min(told, WINDOW_WORDS)
            case "notes":
                return {"draft": 100, "revise": 150, "polish": 60, "review": 60}.get(kind, 0)
        return {"brainstorm": 300, "ahead": 150, "beats": 100, "names": 60}.get(name, 0)

    def written(self, kind: StepKind, section: int) -> float:
        match kind:
            case "draft" | "revise" | "polish":
                return self.section
            case "outline":
                return self.outline
            case "record":
                return 150 + self.summary(section)
        return {"brainstorm": 200, "outline-review": 100, "notes": 170, "lore-review": 60, "review": 240}[kind]

    def read(self, kind: StepKind, section: int) -> float:
        """In tokens."""
        shown = 0.0
        for name, cap in prompts.WINDOWS[kind].items():
            most = cap if cap > 0 else prompts.REQUEST_WORDS
            shown += min(self.material(name, kind, section), most)
        return min(shown, prompts.REQUEST_WORDS + self.prompt_words) * TOKENS_PER_WORD + self._fixed(kind)

    def _fixed(self, kind: StepKind) -> float:
        if kind not in self.fixed:
            self.fixed[kind] = self._counted(kind)
        return self.fixed[kind]

    def _counted(self, kind: StepKind) -> float:
        step = self.work.template.step(kind)
        assert step is not None
        brief = Brief(
            step=kind,
            kind=kind,
            agent=step.agent,
            template=self.work.template,
            prompt="",
            config=self.work.config,
            section=1,
            sections=self.count,
            words=round(self.section),
        )
        words = len(prompts.instructions(brief).split()) + len(prompts.request(brief).split())
        return words * TOKENS_PER_WORD + _form_tokens(kind)


@cache
def _form_tokens(kind: StepKind) -> int:
    form = prompts.OUTPUT_TYPES.get(kind)
    return len(json.dumps(form.model_json_schema())) // CHARACTERS_PER_TOKEN if form else 0
