"""What the muse keeps of a talk, and that a summary loses nothing of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.chat.talk import Said, Talk
from coordinator.llm.storyteller.muse import MOST, reply, summary, words
from coordinator.llm.storyteller.muse.memory import KEYS, Memory
from tests.unit.llm.storyteller.muse.talks import Room

TOLD = (
    "My name is Alice",
    "I am 34 years old",
    "my favourite colour is green",
    "I want to write a story about a lighthouse keeper who finds letters in the tide",
    "her name is Mara",
    "It is set on an island in the North Sea",
    "The villain is the harbour master, who wants the light out",
    "make it dark but hopeful",
    "ten pages",
    "It should end with a wedding",
    "Her brother is called Tom",
    "The bell under the water rings on Sundays.",
)
ASKED = (
    ("What is my name?", "Alice"),
    ("How old am I?", "34"),
    ("What's my favourite colour?", "green"),
    ("Who is the hero?", "Mara"),
    ("Where does it play?", "island in the North Sea"),
    ("Who is the villain?", "harbour master"),
    ("How should it feel?", "dark but hopeful"),
    ("How long is it?", "10 pages"),
    ("Who is Tom?", "brother"),
    ("When does the bell ring?", "Sundays"),
    ("What do we have so far?", "letters in the tide"),
)


@pytest.mark.parametrize(("question", "answer"), ASKED)
def test_what_was_told_is_answered(question: str, answer: str) -> None:
    room = Room(tools=())
    room.all(TOLD)
    assert answer.lower() in room.say(question).lower()


@pytest.mark.parametrize(("question", "answer"), ASKED)
def test_what_was_told_is_answered_when_it_has_fallen_out_of_the_window(question: str, answer: str) -> None:
    room = Room(tools=(), window=6)
    room.all([*TOLD, *["thanks"] * 4])
    assert all("Alice" not in said.text for said in room.said if said.speaker == "user")
    assert answer.lower() in room.say(question).lower()


def test_nothing_is_forgotten_after_ten_thousand_messages() -> None:
    earlier = summary("", tuple(Said("user", text) for text in TOLD))
    for block in range(100):
        said = [
            Said("user" if at % 2 == 0 else "assistant", f"Well, that was number {block % 4}, {at} of many things.")
            for at in range(100)
        ]
        earlier = summary(earlier, tuple(said))
    for question, answer in ASKED[:8]:
        talk = Talk("s", "muse", (Said("user", question),), 10_013, earlier=earlier)
        assert answer.lower() in reply(talk).text.lower()


def test_a_summary_is_read_by_people() -> None:
    lines = summary("", tuple(Said("user", text) for text in TOLD)).splitlines()
    assert "The writer's name is Alice." in lines
    assert "The hero's name is Mara." in lines
    assert all(line.endswith(".") for line in lines)


def test_a_summary_by_another_hand_is_kept_and_heard() -> None:
    earlier = "The user's name is Alice Liddell.\nThey have spoken of a rabbit with a watch."
    talk = Talk("s", "muse", (Said("user", "What is my name?"),), 300, earlier=earlier)
    assert "Alice Liddell" in reply(talk).text
    assert "rabbit with a watch" in summary(earlier, (Said("user", "hello"),))


def test_a_question_is_answered_over_the_edge_of_the_window() -> None:
    room = Room(window=2)
    room.say("I want to write a story")
    answer = room.say("a lamplighter")
    assert "lamplighter" in answer
    assert "lamplighter" in room.say("what do we have?")


values = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=300)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(KEYS.keys() - {"asked", "sort", "proposed"})), values), max_size=40))
def test_a_memory_is_read_back_from_its_lines(told: list[tuple[str, str]]) -> None:
    memory = Memory()
    for key, value in told:
        memory.put(key, value)
    lines = memory.lines()
    assert len(lines) <= MOST
    again = Memory.read(lines)
    assert again.lines() == lines


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=3_000), st.lists(st.text(max_size=400), max_size=12))
def test_a_summary_is_bounded_whatever_comes_in(earlier: str, texts: list[str]) -> None:
    said = tuple(Said("user" if at % 2 == 0 else "assistant", text) for at, text in enumerate(texts))
    told = summary(earlier, said)
    assert len(told) <= MOST
    assert summary(told, ()) == told


def test_forgetting() -> None:
    room = Room(tools=())
    room.all(["The hero is Mara", "It is set in Prague"])
    room.say("forget that")
    assert "Prague" not in room.say("what do we have?")
    room.say("forget the hero")
    assert "Mara" not in room.say("what do we have?")
    room.all(["My name is Alice", "The hero is Odile"])
    room.say("forget everything")
    assert "not told me" in room.say("what is my name?")
    assert "Odile" not in room.say("what do we have?")


@pytest.mark.parametrize("lengths", [[20_000] * 400, [10] * 400, [10] * 399 + [20_000], [1_000, 50] * 200, [], [0]])
def test_messages_share_what_is_read(lengths: list[int]) -> None:
    most = words.share(lengths)
    read = [min(length, most) for length in lengths]
    assert sum(read) <= words.BUDGET
    # Short ones are read whole, whatever the long ones are.
    assert all(part == length for part, length in zip(read, lengths, strict=True) if length <= 45)


@pytest.mark.parametrize("text", ["and, but, so, the ", "my name is Alice and ", "<", "e\u0301"])
def test_a_long_talk_of_long_messages_has_an_answer(text: str) -> None:
    said = tuple(
        Said("user" if at % 2 == 0 else "assistant", (text * 20_000)[: 20_000 - 6] + str(at)) for at in range(401)
    )
    assert reply(Talk("s", "muse", said, 401)).text
    assert len(summary("", said)) <= MOST
