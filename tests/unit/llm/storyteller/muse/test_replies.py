"""What the muse answers: to stories that are told, to orders, to small talk and to nonsense; never the same twice."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.chat.talk import Said, Talk, Tool
from coordinator.llm.storyteller.muse import reply
from tests.unit.llm.storyteller.muse.talks import BRANN, SALT, Room

PHRASES = (
    "hi", "what is my name", "My name is Alice", "next", "another", "yes", "no", "idk", "you decide", "a dragon", "in a cave",
    "suggest a title", "give me an idea", "thanks", "lol", "?", "...", "are you an AI", "write it", "surprise me", "bye",
    "the mice have unionised", "what do we have", "tell me a joke", "suggest a name", "a twist please", "describe the place",
    "how should it end", "who is Tom", "remember that the sea is green", "what do we know about the sea", "3 pages",
    "make it funny", "her name is Mara", "asdfgh", "🦄", "I'm tired", "what do you think of it", "why", "ok", "the first one",
    "forget that", "Hola me llamo Ana y quiero un cuento", "SELECT * FROM users;", "", "you are stupid", "help", "2+2",
    "forget everything", "call me Bob", "what should happen next?", "write an opening line", "what happens in Brann",
)  # fmt: skip


@pytest.mark.parametrize("window", [2, 20, 400])
@pytest.mark.parametrize("text", ["hi", "what is my name?", "write it", "?", "a dragon"])
def test_the_same_message_is_never_answered_the_same_way(text: str, window: int) -> None:
    answers = Room(window=window).all([text] * 100)
    assert len(set(answers)) == len(answers)


def test_variety_needs_no_summary() -> None:
    answers = Room(window=1, summarised=False).all(["hi"] * 200)
    assert len(set(answers)) == len(answers)


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.sampled_from(PHRASES) | st.text(max_size=60), min_size=40, max_size=70),
    st.sampled_from([2, 12, 400]),
    st.sampled_from(["muse", "critic"]),
)
def test_whatever_is_said_no_answer_comes_twice(texts: list[str], window: int, agent: str) -> None:
    room = Room(agent, window=window, stories=(SALT, BRANN))
    answers = room.all(texts)
    assert len(set(answers)) == len(answers)
    assert all(answer.strip() and len(answer) < 4_000 for answer in answers)
    assert not any(re.search(r"\{\w+\}", answer) for answer in answers if "{" not in "".join(texts))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(PHRASES), min_size=1, max_size=12))
def test_an_answer_is_made_again_in_the_same_words(texts: list[str]) -> None:
    room = Room(stories=(SALT,))
    room.all(texts[:-1])
    room.add(Said("user", texts[-1]))
    assert reply(room.talk()) == reply(room.talk())


@pytest.mark.parametrize("text", ["Are you an AI?", "which model are you?", "are you human?", "how do you work?"])
def test_it_says_what_it_is(text: str) -> None:
    answer = Room().say(text)
    assert "rules" in answer
    assert re.search(
        r"no (?:language )?model|without any language model|program|machine|not human|rules alone", answer, re.I
    )


def test_a_story_is_asked_for_and_proposed_when_there_is_enough() -> None:
    room = Room()
    room.say("I want to write a fairy tale about a hedgehog called Pip")
    room.say("He lives in a forest")
    room.say("The villain is a fox with a lantern")
    assert room.calls == []
    room.say("make it funny")
    answer = room.say("four pages")
    (call,) = room.calls
    assert call[0] == "propose_story"
    assert call[1]["template"] == "fairy-tale"
    assert call[1]["pages"] == 4
    assert call[1]["protagonist"] == "Pip"
    assert "hedgehog" in call[1]["prompt"]
    assert "fox" in call[1]["prompt"]
    assert isinstance(call[1]["wishes"], list)
    assert "card" in answer


def test_it_is_proposed_once_for_each_state_of_things() -> None:
    room = Room()
    room.say("write me a noir about a missing saxophone")
    room.say("write it")
    assert [name for name, _ in room.calls] == ["propose_story"]
    room.say("thanks")
    assert room.calls == []
    room.say("write it")
    assert room.calls == []
    room.say("the hero is Sal, a detective")
    room.say("write it")
    assert room.calls[0][1]["protagonist"] == "Sal"


def test_no_question_is_asked_for_what_was_answered() -> None:
    room = Room()
    answers = room.all(["A story about a baker named Jo", "It is set in a small town", "The problem is the flood"])
    later = room.all(["hm", "I see", "well", "ok"])
    for answer in [*answers[1:], *later]:
        assert not re.search(r"Where (?:does it play|are we)|What place", answer)
    for answer in [answers[2], *later]:
        assert not re.search(r"stands against|in the way\?|failed\?|get past", answer)


def test_one_question_at_a_time() -> None:
    room = Room()
    for answer in room.all(["I want to write a story", "a lamplighter", "in a harbour town", "a storm"]):
        assert answer.count("?") <= 2


def test_a_choice_is_taken_up() -> None:
    room = Room()
    room.say("A story about a baker named Jo")
    titles = re.findall(r"“([^”]+)”", room.say("suggest a title"))
    assert len(titles) == 3
    assert titles[1] in room.say("the second one")
    assert titles[1] in room.say("what is the title?")
    idea = room.say("what should happen next?").split("\n\n")[1]
    room.say("yes, keep it")
    assert idea[:40].lower() in room.say("what do we have?").lower()


def test_what_is_left_to_the_muse_is_decided_and_can_be_taken_back() -> None:
    room = Room()
    asked = room.say("I want to write a story")
    assert "?" in asked
    decided = room.say("you decide")
    value = re.findall(r": “([^”]+)”", decided)[0]
    assert value.split(",")[0] in room.say("who is the hero?")


def test_a_fact_goes_into_the_bible_where_it_may() -> None:
    room = Room()
    answer = room.say("Remember that the bridge may never be crossed at night")
    ((name, args),) = room.calls
    assert name == "note"
    assert args["kind"] == "rule"
    assert args["text"] == "the bridge may never be crossed at night"
    assert "bible" in answer
    offline = Room(tools=())
    assert "bridge" in offline.say("Note: the bridge is cursed")
    assert "cursed" in offline.say("what do we know about the bridge?")


def test_kinds_of_notes() -> None:
    for text, kind in [
        ("Tom is her brother", "person"),
        ("the harbour is frozen in winter", "place"),
        ("it rained", "fact"),
    ]:
        room = Room()
        room.say(f"remember that {text}")
        assert room.calls[0][1]["kind"] == kind


def test_what_is_known_is_looked_up() -> None:
    room = Room(results={"look_up": {"entries": [{"id": "1", "name": "Ost", "text": "A river in the north."}]}})
    answer = room.say("What do we know about the river Ost?")
    assert room.calls == [("look_up", {"query": "the river Ost"})]
    assert "A river in the north" in answer
    failing = Room(results={"look_up": "The bible could not be read."})
    assert failing.say("What do we know about Ost?")


def test_a_tool_that_fails_is_told_of() -> None:
    room = Room(results={"propose_story": "There are too many cards.", "note": "You may only read here."})
    room.say("A story about a baker named Jo")
    assert "There are too many cards" in room.say("write it")
    assert "You may only read here" in room.say("remember that Jo is left-handed")


@pytest.mark.parametrize("tools", [(), ("note",)])
def test_only_tools_that_there_are_get_called(tools: tuple[Tool, ...]) -> None:
    room = Room(tools=tools, stories=(SALT,))
    room.all(
        ["A story about a baker named Jo", "write it", "what happens in The Salt Light?", "what do we know about Jo?"]
    )


def test_the_critic_reads_and_quotes() -> None:
    room = Room("critic", stories=(SALT, BRANN), results={"read_story": {"text": SALT.excerpt, "sections": 2}})
    assert "The Salt Light" in room.say("which stories do we have?")
    answer = room.say("What do you think of The Salt Light?")
    assert [args["section"] for _, args in room.calls] == [1, 2]
    assert room.calls[0][1]["session_id"] == SALT.session_id
    assert any(line in answer for line in re.split(r"(?<=[.!?]) ", SALT.excerpt) if len(line) > 20)
    assert "“Brann”" in room.say("what do you think of Brann?")


def test_a_passage_is_judged_by_its_own_words() -> None:
    text = (
        "The man was very tired. The man sat down. The man looked at the fire, which was nearly out. The man slept. "
        * 2
    )
    answer = Room("critic").say(f"What do you think of this: {text}")
    assert "very" in answer
    assert "The man looked at the fire, which was nearly out." in answer


def test_news_of_a_story_is_answered() -> None:
    room = Room()
    room.say("A story about a baker named Jo")
    for outcome in ("has begun", "is done", "failed"):
        assert "Bread and Water" in room.say(f"The story “Bread and Water” {outcome}.")


@pytest.mark.parametrize(
    "text",
    ["", " ", "…", "?", "!!!", "🦄", "😀", "\u0000", "\ud800", "a" * 20_000, "word " * 4_000, "<b>", "{hero}", "“", "*", "asdfghjkl",
     "def f(x):\n    return x", "{\"a\": 1}", "Привет, как дела?", "你好", "مرحبا", "Wie geht es dir heute, mein Freund?", "https://example.com"],
)  # fmt: skip
def test_everything_gets_an_answer(text: str) -> None:
    for agent in ("muse", "critic"):
        answer = Room(agent).say(text)
        assert answer.strip()
        assert len(answer) < 2_000
        answer.encode()


def test_news_that_the_service_put_in_is_answered_with_the_next_message() -> None:
    room = Room()
    room.say("My name is Alice")
    room.add(Said("assistant", "The story “Bread and Water” is done."))
    answer = room.say("What is my name?")
    assert "Bread and Water" in answer
    assert "Alice" in answer
    assert "Bread and Water" not in room.say("thanks")


def test_another_language_is_answered_in_english_and_told_so() -> None:
    answer = Room().say("Wie geht es dir heute, mein Freund? Ich möchte eine Geschichte schreiben.")
    assert "English" in answer
    assert "rules" in answer


def test_despair_is_met_with_people_not_plots() -> None:
    answer = Room().say("i want to die")
    assert "988" in answer
    assert "What if" not in answer


def test_nothing_is_put_into_the_writers_mouth() -> None:
    room = Room()
    room.all(["A story about a baker named Jo", "what should happen next?", "no"])
    answer = room.say("what do we have?")
    assert answer.count("“") == 0


def test_a_talk_without_messages_is_no_failure() -> None:
    assert reply(Talk("s", "muse", (), 0)).text
