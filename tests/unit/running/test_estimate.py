"""What an estimate says, against what stories take."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from coordinator.agents import prompts
from coordinator.agents.library import load_library
from coordinator.agents.render import render
from coordinator.llm import storyteller
from coordinator.llm.models import OFFLINE
from coordinator.llm.prices import Price
from coordinator.models import StoryConfig
from coordinator.running.estimate import TOKENS_PER_WORD, Estimate, estimate
from coordinator.story import plan
from coordinator.story.briefing import brief_of
from coordinator.story.words import count_words
from coordinator.story.work import Done, Work

LIBRARY = load_library()
PROMPT = "A lighthouse keeper finds that the light has been signalling something back."
FACTOR = 1.5
"""How far an estimate may be from the truth, either way; of a story that takes as many rounds as the likely one."""


def of(pages: int, template: str = "short-story", model: str = "openai:x", rounds: int = 2, **more: object) -> Estimate:
    price = Price(2e-6, 8e-6) if model != OFFLINE else None
    config = StoryConfig(pages=pages, max_revisions=rounds, **more)  # type: ignore[arg-type]
    return estimate(LIBRARY.get(template), config, model, price, len(PROMPT.split()))


def taken(pages: int, template: str, rounds: int) -> tuple[int, int, int]:
    """Calls, words read and words written of a whole story by the built-in storyteller."""
    work = Work(PROMPT, StoryConfig(pages=pages, max_revisions=rounds), LIBRARY.get(template))
    calls = read = written = 0
    while (spec := plan.next_step(work)) is not None:
        brief = brief_of(work, spec)
        answer = storyteller.answer(brief)
        calls += 1
        read += len(prompts.instructions(brief).split()) + len(prompts.request(brief).split())
        written += count_words(render(answer))
        output = answer.model_dump(mode="json") if isinstance(answer, BaseModel) else None
        work = plan.advance(work, Done(spec.name, output, "" if output else str(answer)))
    return calls, read, written


@pytest.mark.parametrize(("pages", "template"), [(1, "short-story"), (3, "noir"), (5, "scp"), (12, "short-story")])
def test_an_estimate_is_near_what_a_story_takes(pages: int, template: str) -> None:
    calls, read, written = taken(pages, template, 0)
    told = of(pages, template).low
    # How many sections there are is the outline's to say.
    assert told.steps == told.calls == of(pages, template, rounds=0).calls == pytest.approx(calls, rel=0.1)
    assert 1 / FACTOR < told.tokens_in / (read * TOKENS_PER_WORD) < FACTOR
    assert 1 / FACTOR < told.tokens_out / (written * TOKENS_PER_WORD) < FACTOR
    offline = of(pages, template, OFFLINE).low
    assert offline.tokens_in == 0 and offline.cost_usd == 0
    assert 1 / FACTOR < offline.tokens / written < FACTOR
    # What was taken with revisions lies between without any and as many as may be.
    calls, _, written = taken(pages, template, 2)
    high = of(pages, template, OFFLINE).high
    assert told.calls <= calls <= high.calls and offline.tokens / FACTOR <= written <= high.tokens


def test_more_pages_and_rounds_are_more() -> None:
    for less, more in ((of(3), of(4)), (of(30), of(100)), (of(3, rounds=1), of(3, rounds=5))):
        assert less.high.tokens < more.high.tokens and less.low.tokens <= more.low.tokens
    told = of(3)
    assert told.low.tokens < told.tokens < told.high.tokens and told.low.steps < told.steps < told.high.steps
    assert told.cost_usd == pytest.approx(told.tokens_in * 2e-6 + told.tokens_out * 8e-6, abs=1e-6)
    plain = of(3, rounds=0)
    assert plain.tokens == plain.low.tokens and plain.high.calls == plain.calls + 1
    gated = of(3, approvals=["outline", "final"])
    assert (gated.steps, gated.calls) == (told.steps + 2, told.calls)


def test_a_price_that_is_not_known_is_not_made_up() -> None:
    told = estimate(LIBRARY.get("short-story"), StoryConfig(), "ollama:own", None, 10)
    assert told.cost_usd is None and told.low.cost_usd is None and told.tokens > 0
