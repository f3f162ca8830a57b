"""What an agent gets to see of a talk: the newest whole, what is to be answered always, and never more than has room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coordinator.chat.talk import Said
from coordinator.chat.window import (
    LINE_TOKENS,
    Line,
    Material,
    Summary,
    as_text,
    is_summary_due,
    start_of,
    touched,
    window,
)
from coordinator.story.material import Bible, Fact, Person, Place

TEXTS = st.lists(st.text(max_size=300), min_size=1, max_size=30)


def material(texts: list[str], **more: object) -> Material:
    lines = tuple(
        Line(at + 1, at + 1, Said("user" if (len(texts) - at) % 2 else "assistant", text))
        for at, text in enumerate(texts)
    )
    return Material("s", "muse", lines, len(texts), **more)  # type: ignore[arg-type]


@given(TEXTS, st.integers(50, 5_000))
def test_the_newest_are_shown_whole_and_no_more_than_there_is_room_for(texts: list[str], room: int) -> None:
    cut = window(material(texts), room, len)
    shown = [said.text for said in cut.talk.said]
    assert shown[:-1] == texts[len(texts) - len(shown) : -1]
    assert texts[-1].startswith(shown[-1].removesuffix(" …"))
    assert sum(len(text) + LINE_TOKENS for text in shown[:-1]) + len(shown[-1]) <= room
    assert len(cut.fallen) + len(shown) == len(texts)
    assert cut.talk.turn == len(texts)


def test_what_is_to_be_answered_is_shown_however_long_the_rest_is() -> None:
    cut = window(material(["x" * 10_000, "y" * 10_000, "And now?"]), 1_000, len)
    assert [said.text for said in cut.talk.said] == ["And now?"]
    assert [line.seq for line in cut.fallen] == [1, 2]


def test_a_summary_stands_for_what_it_was_made_of() -> None:
    texts = [f"message {number} " * 20 for number in range(20)]
    cut = window(material(texts, summary=Summary(10, 10, "They spoke of a lamp.")), 1_500, len)
    assert cut.talk.earlier == "They spoke of a lamp."
    assert cut.fallen and cut.fallen[0].place == 11


def test_a_summary_is_due_when_a_quarter_of_the_window_has_fallen_out_of_it() -> None:
    texts = ["word " * 20 for _ in range(12)]
    assert not is_summary_due(window(material(texts), 10_000, len), 10_000, len)
    cut = window(material(texts), 1_000, len)
    assert is_summary_due(cut, 1_000, len) and not is_summary_due(cut, 10_000, len)


BIBLE = Bible(
    people=[
        Person(name="Mara Voss", role="keeper", description="She counts."),
        Person(name="Tobin", role="a", description="b"),
    ],
    places=[Place(name="The Lamp Room", description="High up.")],
    rules=["The light never goes out."],
    facts=[Fact(text="Mara lost a brother.", section=0), Fact(text="It rains on Sundays.", section=0)],
)


def test_of_the_bible_is_shown_what_is_spoken_of() -> None:
    found = touched(BIBLE, ["Does mara know?"], 10_000, len)
    assert [one.name for one in found.people] == ["Mara Voss"] and not found.places
    assert [fact.text for fact in found.facts] == ["Mara lost a brother."]
    assert found.rules == BIBLE.rules
    text = as_text(found)
    assert "Mara Voss, keeper: She counts." in text and "Tobin" not in text
    assert as_text(Bible()) == ""


def test_a_bible_of_ten_thousand_entries_is_read_in_its_room() -> None:
    large = Bible(people=[Person(name=f"Person{n}", role="r", description="d" * 80) for n in range(10_000)])
    spoken = " ".join(f"Person{n}" for n in range(10_000))
    found = touched(large, [spoken], 5_000, len)
    assert 0 < len(found.people) < 60


@given(st.text(max_size=500), st.integers(0, 600))
def test_a_beginning_fits(text: str, room: int) -> None:
    kept = start_of(text, room, len)
    assert (
        kept == text
        if len(text) <= room
        else len(kept) <= max(room + 1, 0) and text.startswith(kept.removesuffix(" …"))
    )
