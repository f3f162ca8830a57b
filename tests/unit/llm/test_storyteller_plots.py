"""How much the storyteller's stories have in common: of one template, of one prompt with two seeds, of one long story."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from itertools import combinations, pairwise
from statistics import median
from typing import Any

import pytest

from coordinator.llm.storyteller import answer, banks, plot, prose, weaver
from coordinator.models import StoryConfig
from coordinator.story.brief import Brief
from coordinator.story.material import Outline
from tests.unit.llm.test_storyteller import GENRES, sections_of, template

PROMPTS = (
    "A lighthouse keeper finds that the light has been signalling something back.",
    "Two sisters inherit a bakery and a debt that nobody will explain.",
    "A clockmaker repairs a watch that runs only when someone lies.",
    "The last train of the night stops at a station that was closed in the war.",
    "A night nurse hears a piano in the closed wing.",
    "An old diver looks for a bell under the lake.",
    "A story about a stolen painting and a locked greenhouse.",
    "A translator receives letters meant for a dead poet.",
    "Someone has been mowing the lawn of the empty house on Elm Street.",
    "A beekeeper, an unpaid debt and a flood.",
)
RUN = 8
"""Words of a run."""
SLOT = re.compile(r"\{(\w+)\^?\}")


@lru_cache
def told(genre: str, prompt: str, seed: int | None = None) -> frozenset[tuple[str, ...]]:
    """The runs of words of a story of three pages."""
    config = {"pages": 3} if seed is None else {"pages": 3, "seed": seed}
    words = re.findall(r"\w+", " ".join(text for text, _ in sections_of(prompt, genre, config)).lower())
    return frozenset(tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1))


def shared(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    return len(one & other) / min(len(one), len(other))


def tale_of(genre: str, prompt: str, seed: int) -> plot.Tale:
    return plot.tale(prompt, genre, "", "", str(seed), 3)


@pytest.mark.parametrize("genre", GENRES)
def test_two_stories_of_a_template_have_little_in_common(genre: str) -> None:
    shares = [shared(told(genre, one), told(genre, other)) for one, other in combinations(PROMPTS, 2)]
    assert median(shares) <= 0.1
    assert max(shares) <= 0.25


@pytest.mark.parametrize("genre", GENRES)
def test_two_seeds_of_a_prompt_tell_two_stories(genre: str) -> None:
    shares = [
        shared(told(genre, prompt, one), told(genre, prompt, other))
        for prompt in PROMPTS[:4]
        for one, other in combinations(range(1, 5), 2)
    ]
    assert median(shares) <= 0.1
    assert max(shares) <= 0.25


@pytest.mark.parametrize("genre", GENRES)
def test_every_plot_of_a_genre_is_used_and_none_twice_running(genre: str) -> None:
    spines = len(banks.ladders(genre))
    assert spines >= 6
    names = [tale_of(genre, "A clockmaker repairs a watch.", seed).ladder.name for seed in range(2 * spines)]
    assert set(Counter(names).values()) == {2}
    assert all(one != other for one, other in pairwise(names))


@pytest.mark.parametrize("genre", GENRES)
def test_a_line_is_told_at_most_three_times_in_sixty_pages(genre: str, monkeypatch: pytest.MonkeyPatch) -> None:
    times: Counter[str] = Counter()
    fill = weaver.Weaver.fill

    def counted(self: weaver.Weaver, line: str, *args: Any, **more: Any) -> weaver.Unit | None:
        unit = fill(self, line, *args, **more)
        times[line] += unit is not None and not line.startswith("**")  # headings of reports are not lines
        return unit

    monkeypatch.setattr(weaver.Weaver, "fill", counted)
    asked = Brief("outline", "outline", "writer", template(genre), PROMPTS[0], StoryConfig(pages=60, seed=7))
    outline = answer(asked)
    assert isinstance(outline, Outline)
    tale = plot.tale(PROMPTS[0], genre, "", "", "7", 60)
    assert tale.outline == outline
    prose.tell(tale, tuple(beat.model_dump_json() for beat in outline.beats))
    assert sum(times.values()) > 300
    assert max(times.values()) <= 3


def test_every_slot_of_a_spine_is_one_that_a_tale_fills() -> None:
    for genre in GENRES[:1] + GENRES[2:]:
        tale = tale_of(genre, PROMPTS[2], 1)
        known = {*tale.slots, "Years", "He", "They", "Time", "place", "minor", "inplace", "detail", "open_turn", "num"}
        for ladder in banks.ladders(genre):
            lines = [line for rung in ladder.rungs.values() for line in (*rung.lines, rung.summary, rung.title)]
            lines += [*ladder.short.values(), ladder.idea, ladder.logline, ladder.rule]
            assert {name for line in lines for name in SLOT.findall(line)} <= known, ladder.name


def test_a_choice_that_a_spine_makes_twice_is_made_alike() -> None:
    line = "There was a [1:dog|goose] behind it. ¶ It was the [1:dog|goose] that [1:barked|hissed] at the [gate|door]."
    texts = set()
    for seed in range(40):
        unit = weaver.Weaver(plot.tale("A gate.", "noir", "", "", str(seed), 1).rng("test")).fill(line, {}, steady=True)
        assert unit is not None
        assert ("dog" in unit.text) == ("barked" in unit.text) != ("goose" in unit.text)
        texts.add(unit.text)
    assert len(texts) == 4


def test_what_is_spare_in_a_line_is_told_or_not_and_one_speaker_goes_on() -> None:
    line = '"It is late." ~{A} looked up.~ "We might go." ~It rained.~'
    texts = set()
    for seed in range(40):
        unit = weaver.Weaver(plot.tale("A gate.", "noir", "", "", str(seed), 1).rng("test")).fill(line, {"A": "Ida"})
        assert unit is not None
        texts.add(unit.text)
    assert texts == {
        '"It is late." Ida looked up. "We might go." It rained.',
        '"It is late." Ida looked up. "We might go."',
        '"It is late. We might go." It rained.',
        '"It is late. We might go."',
    }


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{P} keeps a shelf by it, and goes round.", "I keep a shelf by it, and go round."),
        ("{P} has the key, and polishes it when {he} passes.", "I have the key, and polish it when I pass."),
        ("{P} was late.", "I was late."),
    ],
)
def test_the_verbs_of_a_first_person_agree(line: str, told: str) -> None:
    unit = weaver.Weaver(tale_of("noir", "A gate.", 1).rng("test")).fill(line, {"P": "I", "he": "I"})
    assert unit is not None and unit.text == told


def test_a_title_that_fits_one_plot_is_given_to_no_other() -> None:
    own = {title for ladder in banks.ladders("fairy-tale") for title in ladder.titles}
    assert own and not own & set(banks.genre("fairy-tale").words["titles"])
    for seed in range(28):
        tale = tale_of("fairy-tale", "A clockmaker repairs a watch.", seed)
        assert tale.outline.title.startswith("The Three Tolls") <= (tale.ladder.name == "tolls")
