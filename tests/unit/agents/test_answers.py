"""What is done with an answer: refusals known, wrappings taken off, typed answers made readable."""

from __future__ import annotations

import time

import pytest
from pydantic import BaseModel

from coordinator.agents.evidence import Evidence
from coordinator.agents.fence import defuse
from coordinator.agents.library import load_library
from coordinator.agents.render import render
from coordinator.agents.tidy import is_refusal, tidy
from coordinator.models import StoryConfig
from coordinator.story.brief import Brief
from coordinator.story.material import (
    Beat,
    Contradiction,
    LoreReview,
    Note,
    Notes,
    Outline,
    OutlineReview,
    Person,
    Place,
    Record,
    Score,
    Section,
    SectionNote,
    Verdict,
)

TEMPLATE = load_library().get("short-story")
OUTLINE = Outline(
    title="The Eighth Lamp",
    logline="A keeper counts.",
    setting="A coast.",
    people=[Person(name="Mara", role="keeper", description="Tired.", voice="Short words.")],
    places=[Place(name="The tower", description="Tall.")],
    rules=["No light by day."],
    beats=[Beat(title="Dusk", summary="She counts.", words=120, place="The tower", people=["Mara"])],
)


def brief(section: int = 2, text: str = "") -> Brief:
    return Brief(
        step="draft-2",
        kind="draft",
        agent="writer",
        template=TEMPLATE,
        prompt="Lamps.",
        config=StoryConfig(),
        outline=OUTLINE,
        section=section,
        sections=3,
        reading=[Section(number=1, text=text)] if text else [],
    )


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I\u2019m sorry, but I will not write this scene.",
        "I cannot write this story.",
        "I'm unable to assist with this request.",
        "Sorry, I can\u2019t continue.",
        "As an AI language model, I can't create that.",
        "Unfortunately, I'm not able to provide that content.",
        "I must decline to write this.",
        "I'm sorry, but this request goes against my guidelines.",
    ],
)
def test_a_refusal_is_known(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "I can't remember the door. It was red, I think.",
        "I can't help but notice the rain.",
        "I am sorry, she said. But I can't stay.",
        "\u201cI'm sorry,\u201d he wrote, and crossed it out.",
        "I cannot write much tonight. " + "The oil is low and the wind is up. " * 20,
    ],
)
def test_a_story_is_not_taken_for_a_refusal(text: str) -> None:
    assert not is_refusal(text)


def test_half_of_what_was_asked_for_is_no_refusal() -> None:
    letter = "I cannot write much tonight. " + "The oil is low. " * 12
    assert is_refusal(letter)
    assert not is_refusal(letter, wanted_words=80)


STORY = "The lamp went out.\n\nNobody had lit it."


@pytest.mark.parametrize(
    "wrapped",
    [
        f"  {STORY}\n\n",
        f"```\n{STORY}\n```",
        f"```markdown\n{STORY}\n```",
        f"Here is the revised section:\n\n{STORY}",
        f"Sure! Here\u2019s section 2 of your story:\n\n{STORY}",
        f"Certainly, here is the story:\n{STORY}",
        f"Here is the draft:\n\n```\n{STORY}\n```",
        f"{STORY}\n\nLet me know if you'd like any changes!",
        f"## Section 2\n\n{STORY}",
        f"**Section 2 of 3: Dusk**\n\n{STORY}",
        f"# The Eighth Lamp\n\n{STORY}",
        f"#\t The Eighth Lamp ##  \n \n{STORY}",
        f"** Section 2**\n{STORY}",
        STORY.replace("\n", "\r\n"),
    ],
)
def test_what_is_no_story_is_taken_off(wrapped: str) -> None:
    assert tidy(wrapped, brief()) == STORY


@pytest.mark.parametrize(
    "text",
    [
        f"Here is what he left me:\n\n{STORY}",
        f"Here is the story he told me, word for word. {STORY}",
        f"## The Eighth Hour\n\n{STORY}",
        f"# Section 7\n\n{STORY}",
        f"# Section {'2' * 5_000}\n\n{STORY}",
        f"#hashtag\n\n{STORY}",
        f"**Seven** lamps, **eight**\n\n{STORY}",
        f"```\nLOG 7\n```\n\n{STORY}",
        "## Section 2",
        f"{STORY}\n\n\u201cLet me know,\u201d she said.",
    ],
)
def test_what_may_be_story_stays(text: str) -> None:
    assert tidy(text, brief()) == text


def test_the_first_section_keeps_the_title() -> None:
    text = f"# The Eighth Lamp\n\n{STORY}"
    assert tidy(text, brief(section=1)) == text
    assert tidy(f"# The Eighth Lamp\n\n{text}", brief(section=1)) == text


FLOODS = [
    "# " + " \t" * 400 + "x", "# " + " \t", "#", "# #", "**", "** ", "**a", "\n", "\n ", " ", "\t", ".", " .", "!,", "- ", "'",
    "I'm sorry, ", "sorry", "as an ai ", "I can't ", "I am ", "Here is ", "Here is revis", "Sure ", "```\n", "\n```", "`", "~~~\n\n",
    "\n\nlet me know if you want", "section 2", "## Section 2\n\n", "## Section " + "9" * 5_000 + "\n", "<", "<\u200b", "<  /  ", "\u200b",
    "<m", "<mater", "< / m a t e r i a", "</material>", "a", "“", "…",
]  # fmt: skip


@pytest.mark.parametrize("length", [20_000, 100_000])
@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_takes_time_that_grows_with_its_length(flood: str, length: int) -> None:
    text = flood * (length // len(flood) + 1)
    start = time.process_time()
    for each in (text, text + "x", f"I'm{text}", f"# {text}\nx", f"Here is{text}:\nx", f"a\n\n{text}\nx"):
        tidy(each, brief())
        is_refusal(each)
        defuse(each)
    assert time.process_time() - start < length / 100_000 + 0.5


SCORE = Score(score=7, evidence="The lamp went out.", comment="Good.")
VERDICT = Verdict(
    plot=SCORE,
    character=None,
    prose=SCORE,
    pacing=SCORE,
    originality=SCORE,
    fit=SCORE,
    approved=False,
    summary="Nearly.",
    rewrite=[SectionNote(section=2, note="Slower.")],
)
RENDERED: list[tuple[BaseModel, list[str]]] = [
    (
        OUTLINE,
        [
            "# The Eighth Lamp",
            "*A keeper counts.*",
            "A coast.",
            "- **Mara**, keeper. Tired. *Voice: Short words.*",
            "- **The tower.** Tall.",
            "- No light by day.",
            "1. **Dusk** (120 words · The tower · Mara) She counts.",
        ],
    ),
    (
        OutlineReview(approved=True, strengths=["Clear."], problems=["Short."], advice="Go on."),
        ["**The outline works.**", "Go on.", "- Clear.", "- Short."],
    ),
    (
        Notes(
            impression="Good.", notes=[Note(section=2, quote="The lamp", comment="Which?"), Note(comment="More rain.")]
        ),
        ["Good.", "- **Section 2.** “The lamp” Which?", "- More rain."],
    ),
    (
        Record(summary="It went out.", people=OUTLINE.people, places=OUTLINE.places, facts=["Eight lamps."]),
        ["It went out.", "- **Mara**, keeper. Tired.", "- Eight lamps."],
    ),
    (LoreReview(remarks="Sound."), ["Sound.", "**No contradictions.**"]),
    (
        LoreReview(
            remarks="One.",
            contradictions=[Contradiction(section=2, earlier="Eight.\nLamps.", later="Nine.", remedy="Count.")],
        ),
        ["**Section 2**", "> Eight.\n> Lamps.", "> Nine.", "→ Count."],
    ),
    (
        VERDICT,
        [
            "**Not approved yet**, 7.0 of 10 on average",
            "### Plot: 7/10",
            "> The lamp went out.",
            "### Fit to the prompt: 7/10",
            "- **Section 2.** Slower.",
        ],
    ),
]


@pytest.mark.parametrize(("output", "parts"), RENDERED, ids=lambda value: type(value).__name__)
def test_a_typed_answer_reads_well(output: BaseModel, parts: list[str]) -> None:
    text = render(output)
    at = -1
    for part in parts:
        found = text.find(part)
        assert found > at, part
        at = found
    assert "\n\n\n" not in text
    assert text == text.strip()


def test_only_what_agents_answer_is_rendered() -> None:
    assert render(STORY) == STORY
    with pytest.raises(TypeError):
        render(SCORE)


@pytest.mark.parametrize(
    "quote",
    [
        "The lamp went out.",
        "the  LAMP\nwent out",
        "\u201cThe lamp went out.\u201d",
        "The lamp … lit it.",
        "The lamp [...] Nobody",
        "*Nobody* had lit it",
    ],
)
def test_a_quote_is_found_however_it_is_marked(quote: str) -> None:
    notes = Notes(impression="x", notes=[Note(quote=quote, comment="y")])
    evidence = Evidence(brief(text=STORY))
    assert evidence.missing(notes) == []
    assert evidence.kept(notes) == notes


@pytest.mark.parametrize("quote", ["The lamp had gone out.", "Nobody … The lamp", "The lamp went out again"])
def test_a_quote_that_is_not_there_is_missed(quote: str) -> None:
    notes = Notes(impression="x", notes=[Note(quote=quote, comment="y")])
    evidence = Evidence(brief(text=STORY))
    assert evidence.missing(notes) == [quote]
    kept = evidence.kept(notes)
    assert isinstance(kept, Notes)
    assert kept.notes == []


def test_without_anything_read_nothing_is_judged() -> None:
    notes = Notes(impression="x", notes=[Note(quote="Anything.", comment="y")])
    assert Evidence(brief()).missing(notes) == []
    assert Evidence(brief()).kept(notes) == notes
