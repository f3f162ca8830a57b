"""Who writes, who is written of, and what is no name."""

from __future__ import annotations

import pytest

from tests.unit.llm.storyteller.muse.talks import Room

UNTOLD = "not told me"


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("My name is Alice", "Alice"),
        ("my name is alice and I like cats", "Alice"),
        ("hi! my name's alice", "Alice"),
        ("MY NAME IS BOB", "Bob"),
        ("I'm Alice.", "Alice"),
        ("i'm alice", "Alice"),
        ("I'm Will", "Will"),
        ("Call me Ishmael", "Ishmael"),
        ("Hello, this is Mara.", "Mara"),
        ("Alice here", "Alice"),
        ("My name is Zoë O'Brien-Smith, nice to meet you", "Zoë O'Brien-Smith"),
        ("My name is Ludwig van Beethoven", "Ludwig van Beethoven"),
        ("My name is Inigo Montoya. You killed my father.", "Inigo Montoya"),
        ("My name isn't Bob, it's Rob", "Rob"),
        ('My name is "Alice"', "Alice"),
        ("Hola, me llamo Alicia", "Alicia"),
        ("我叫小雨", "小雨"),
        ("Ich heiße Jürgen", "Jürgen"),
        ("remember that my name is Alice", "Alice"),
    ],
)
def test_a_name_that_is_told_is_known(told: str, name: str) -> None:
    room = Room(tools=())
    room.say(told)
    answer = room.say("What is my name?")
    assert name in answer
    assert UNTOLD not in answer


@pytest.mark.parametrize(
    "told",
    [
        "hello",
        "My name is not Bob",
        "Don't call me Bob.",
        "Is my name Bob?",
        "my name is Bob?",
        "my name is what?",
        "My name is hard to pronounce",
        "My name is a secret",
        "His name is Bob",
        "Her brother is called Bob",
        "What if my name is Bob?",
        "He said my name is Bob",
        '"Hello, my name is Bob," says the hero.',
        "I'm tired",
        "I'm Irish",
        "I'M TIRED",
        "I'm sure",
        "I'm writing",
        "I am a teacher",
        "I'm from Leeds",
        "I'm Bob's sister",
    ],
)
def test_what_is_no_name_of_the_writers_is_not_taken_for_one(told: str) -> None:
    room = Room()
    room.say(told)
    answer = room.say("What is my name?")
    assert UNTOLD in answer
    assert "Bob" not in answer


def test_in_another_talk_the_name_was_not_told() -> None:
    Room().say("My name is Alice")
    other = Room(session_id="7c1d3a5e-0000-4000-8000-000000000002")
    assert UNTOLD in other.say("What is my name?")


def test_a_name_can_be_corrected_asked_about_and_forgotten() -> None:
    room = Room()
    room.say("You can call me Zed")
    room.say("no, it's Zeb")
    assert "Zeb" in room.say("Who am I?")
    assert room.say("Is my name Zeb?").startswith(("Yes", "It is", "That's right"))
    assert "Zeb" in room.say("Is my name Bob?")
    room.say("forget my name")
    assert UNTOLD in room.say("What's my name?")


def test_a_name_is_shown_as_plain_words() -> None:
    for told, name in [
        ("My name is <script>alert('x')</script>Bob", "Bob"),
        ("My name is **Alice**", "Alice"),
        ("My name is Robert'); DROP TABLE students;--", "Robert"),
        ("My name is [Eve](javascript:alert)", "Eve"),
    ]:
        room = Room()
        answers = room.all([told, "What is my name?"])
        assert name in answers[1]
        assert not set("<>*[]`{}|") & set("".join(answers))


def test_writers_of_one_talk_have_names_of_their_own() -> None:
    room = Room(author="ada@example.org")
    room.say("I'm Ada")
    room.author = "ben@example.org"
    answer = room.say("What is my name?")
    assert "Ada" not in answer
    assert "ben@example.org" in answer
    room.say("My name is Ben")
    room.author = "ada@example.org"
    assert "Ada" in room.say("What is my name?")


def test_the_hero_has_a_name_apart_from_the_writers() -> None:
    room = Room()
    room.all(["My name is Alice", "I want to write about a lighthouse keeper", "her name is Mara"])
    assert "Mara" in room.say("What is the hero's name?")
    assert "Alice" in room.say("What is my name?")
    room.say("no, her name is Mira")
    answer = room.say("Who is the hero?")
    assert "Mira" in answer
    assert "Mara" not in answer


def test_people_of_the_story_are_told_apart() -> None:
    room = Room()
    room.all(["The hero is Mara, a lighthouse keeper", "Her brother is called Tom"])
    assert "her brother" in room.say("Who is Tom?")
    assert "lighthouse keeper" in room.say("Who is the hero?")
