"""Titles and names as models write them, and the plain words that they are shown as."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.plain import LONGEST, plain_name, plain_title
from coordinator.story.material import Outline, Person


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ('**"The Bell"**', "The Bell"),
        ('"**The Bell**"', "The Bell"),
        ("# Title: **“The Bell.”**", "The Bell"),
        ("**Title:** The Bell", "The Bell"),
        ("Story title: `The Bell`", "The Bell"),
        ("The *Bell* of __Night__", "The Bell of Night"),
        ("«La cloche»", "La cloche"),
        ("「鐘」", "鐘"),
        ("The Bell\n\nof Night\r\n", "The Bell of Night"),
        ("Salt &amp; Ash", "Salt & Ash"),
        ("**The Bell", "The Bell"),
        ("The\x00 \ud83d\x07Bell.", "The \ufffdBell"),
    ],
)
def test_a_title_is_plain_words(written: str, title: str) -> None:
    assert plain_title(written) == title == plain_title(title)


@pytest.mark.parametrize(
    "title",
    [
        "M*A*S*H",
        "Dr. No.",
        "John Q.",
        "I Am Done. Go.",
        "And then…",
        "Who?",
        "snake_case",
        "'Tis the Season",
        "The Dogs'",
        '"The Bell" and "The Book"',
        '"The Bell," She Said',
        "Subtitle: a Story",
        "A * B",
        "AT&T",
        "***",
        '""',
        "Ж",
        "鐘",
        "می\u200cخواهم",
        "👩\u200d👧",
    ],
)
def test_a_title_that_is_plain_stays(title: str) -> None:
    assert plain_title(title) == title


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("**Mara**", "Mara"),
        ("*Dr. Voss Jr.*", "Dr. Voss Jr."),
        ("`Mara`\n", "Mara"),
        ('Ann "Fox" Lee', 'Ann "Fox" Lee'),
    ],
)
def test_a_name_loses_its_emphasis_alone(written: str, name: str) -> None:
    assert plain_name(written) == name


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["*", "_", '"', "“", "”", "Title: ", "a", ".", "&amp;", " "])).map("".join)
)
def test_whatever_it_is_it_is_one_storable_line_and_cleaning_it_again_changes_nothing(text: str) -> None:
    for clean in (plain_title, plain_name):
        plain = clean(text)
        plain.encode()
        assert len(plain) <= LONGEST
        assert plain == " ".join(plain.split())
        assert clean(plain) == plain


@pytest.mark.parametrize("flood", ["*", '"', "* ", "&amp;", "_a_ ", "Title: ", "#"])
def test_a_flood_is_cut(flood: str) -> None:
    start = time.process_time()
    assert len(plain_title(flood * 300_000)) <= LONGEST
    assert time.process_time() - start < 1


def test_the_fields_of_a_typed_answer_are_cleaned_before_they_are_measured() -> None:
    person = {"name": "**Mara**", "role": "keeper\x00", "description": "Tired\r\n\ud83d\ude00."}
    beat = {
        "title": "1. *Dusk*",
        "summary": "She counts.",
        "words": 120,
        "place": "__The tower__",
        "people": ["*Mara*"],
    }
    about = {"title": "x" * 5_000, "logline": "\x00" * 3_000 + "A keeper.", "setting": "A coast."}
    outline = Outline.model_validate({**about, "people": [person], "beats": [beat]})
    assert outline.people == [Person(name="Mara", role="keeper", description="Tired\n😀.")]
    assert (outline.beats[0].title, outline.beats[0].place, outline.beats[0].people) == (
        "1. Dusk",
        "The tower",
        ["Mara"],
    )
    assert (len(outline.title), outline.logline) == (LONGEST, "A keeper.")
