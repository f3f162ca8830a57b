"""What is done with an answer: typed answers made readable, their quotes looked up."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from coordinator.agents.evidence import Evidence
from coordinator.agents.library import load_library
from coordinator.agents.render import render
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


STORY = "The lamp went out.\n\nNobody had lit it."


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
