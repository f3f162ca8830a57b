"""What is not the story never reaches it, and what is stays: over the corpora of this folder, and whatever text comes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.agents.cleaning.clean import clean, without_preamble
from coordinator.agents.cleaning.sentences import is_refusal
from tests.unit.agents.cleaning.corpus import STORIES, Case, brief, to_remove, to_stay
from tests.unit.hostile import TEXTS

STORY = STORIES["en"]
REMOVED = [*to_remove("wordings.toml"), *to_remove("held_out.toml")]
STAYING = [*to_stay("innocent.toml"), *to_stay("held_out.toml")]


def name(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", REMOVED, ids=name)
def test_what_is_no_story_is_taken_off(case: Case) -> None:
    cleaned = clean(case.before, case.brief)
    assert cleaned.text == case.after
    assert (cleaned.removed, cleaned.no_story) == (case.removed, case.no_story)


@pytest.mark.parametrize("case", STAYING, ids=name)
def test_what_may_be_story_stays(case: Case) -> None:
    cleaned = clean(case.before, case.brief)
    assert cleaned.text == case.before
    assert (cleaned.removed, cleaned.no_story) == ((), None)


def test_the_corpora_are_as_large_as_they_are_said_to_be() -> None:
    assert len(REMOVED) >= 640
    assert len(to_remove("held_out.toml")) >= 200
    assert len(STAYING) >= 300


@pytest.mark.parametrize("section", [1, 2, 3])
def test_the_title_is_told_elsewhere_unless_the_form_has_headings(section: int) -> None:
    text = f"# The Eighth Lamp\n\n{STORY}"
    assert clean(text, brief(section=section)).text == STORY
    file = clean(text, brief(section=section, template="scp"))
    assert file.text == (text if section == 1 else STORY)


def test_line_ends_are_newlines() -> None:
    assert clean(STORY.replace("\n", "\r\n"), brief()).text == STORY


def test_a_refusal_under_an_announcement_is_one() -> None:
    cleaned = clean("Here is the revised section:\n\nI'm sorry, but I can't write this story.", brief())
    assert (cleaned.text, cleaned.no_story) == ("I'm sorry, but I can't write this story.", "refusal")


def test_half_of_what_was_asked_for_is_no_refusal() -> None:
    letter = "I cannot write much tonight. " + "The oil is low. " * 12
    assert is_refusal(letter)
    assert not is_refusal(letter, wanted_words=80)
    assert clean(letter, replace(brief(), words=80)).no_story is None


@pytest.mark.parametrize(
    "text",
    [
        "I can't remember the door. It was red, I think.",
        "I can't help but notice the rain.",
        "I am sorry, she said. But I can't stay.",
        "\u201cI'm sorry,\u201d he wrote, and crossed it out.",
        "I cannot write much tonight. " + "The oil is low and the wind is up. " * 20,
        "",
        "\n",
        "…",
    ],
)
def test_a_story_is_no_refusal(text: str) -> None:
    assert not is_refusal(text)


def test_where_no_section_is_written_numbers_are_no_headings_of_ours() -> None:
    ideas = "1. Dusk: she counts.\n2. The stairs: one too many.\n\nThe second is stronger."
    assert clean(ideas, replace(brief(section=0), kind="brainstorm")).text == ideas


def test_a_preamble_without_anything_after_it_may_go_on_yet() -> None:
    said = "Here is the revised section:"
    for text in (said, said + "\n", said + "\n\n"):
        assert without_preamble(text) == text
    assert without_preamble(f"{said}\n\nThe lamp") == "The lamp"


SAID = [case.before for case in REMOVED if len(case.before) < 600]
PIECES = [
    "# ", "## Section 2\n\n", "**Beat 1**\n", "* ", "- a\n", "---\n", "* * *\n", "```", "```json\n", "\n", "\n\n", " ", "(", "[",
    "[end]", "[…", " shortened …]", "[… shortened …]", "<think>", "</think>", "<story>\n", "</story>\n", "<material name=\"x\">",
    "</material>", "Sure! ", "Here is the revised section:", "Here is the story: ", "Let me know if you'd like changes.",
    "I hope this helps!", "I can't write this story.", "Word count: 4", "User: a\n\n", "Assistant: b", "Plan:\n", "1. Dusk\n",
    "The lamp went out. ", "“Who?” ", "Mara counted.", "{\"name\": \"a\", \"arguments\": {}}", "The End", "以下は改訂版です：",
]  # fmt: skip
TEXT = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(PIECES), max_size=14).map("".join),
    st.lists(st.sampled_from([*PIECES, *SAID]), min_size=1, max_size=5).map("\n\n".join),
)
BRIEFS = [brief(), brief(section=3), brief(template="scp"), brief(prompt="A story in chapters."), brief(section=0)]


@settings(max_examples=300, deadline=None)
@given(TEXT, st.sampled_from(range(len(BRIEFS))))
def test_whatever_comes_nothing_is_added_and_nothing_left_for_a_second_time(text: str, which: int) -> None:
    once = clean(text, BRIEFS[which])
    letters = iter(text)
    assert all(letter in letters for letter in once.text), "what is left stands in what came, in its order"
    again = clean(once.text, BRIEFS[which])
    assert again.text == once.text
    assert again.no_story == once.no_story
    assert without_preamble(text) in text


FLOODS = [
    "#", "*", "`", "(", "[", " ", "# ", "```\n", "<think>\n", "</think>\n", "[… shortened …]", "## Section 2\n\n", "Sure! ", "Sure!\n",
    "Here is the revised section:\n\n", "Let me know if you want me to continue.\n\n", "{\"a\":", "- a\n", "---\n", "Plan:\n- a\n",
    "User: a\n\nAssistant: b\n\n", "```thinking\na\n```\n", "I'm sorry, but ", "before i begin ",
]  # fmt: skip


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_is_cleaned(flood: str) -> None:
    """A megabyte of it: what grew with the square of the length would not come back before the suite's limit."""
    text = flood * (1_000_000 // len(flood) // (10 if "\n" in flood else 1))
    assert len(clean(text + "x", brief()).text) <= len(text) + 1
    without_preamble(text)
    is_refusal(text)


@pytest.mark.parametrize("kind", TEXTS)
def test_a_hostile_text_is_cleaned_once_and_for_all(kind: str) -> None:
    once = clean(TEXTS[kind](10_000), brief()).text
    assert clean(once, brief()).text == once
