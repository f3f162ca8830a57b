"""What may not take the place of a text: one that lost a fifth, a person, or its language."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from coordinator.agents.revision import not_taken, other_language
from coordinator.models import StoryConfig
from coordinator.story.brief import Brief
from coordinator.story.material import Bible, Person
from tests.unit.agents.cleaning.corpus import brief as draft

BEFORE = """Mara Voss counted the lamps at dusk. Tom held the ladder and said nothing. When Mara asked for the oil, Tom gave her
the empty can first, as he always did. Below them the sea went on with its work. Mara lit the seventh lamp and waited for
the eighth. Tom looked at the stairs. There was one step too many, and both of them knew it, and neither would say so."""
GERMAN = """Mara Voss zählte in der Dämmerung die Lampen. Tom hielt die Leiter und sagte nichts. Als Mara nach dem Öl fragte,
gab Tom ihr zuerst die leere Kanne, wie er es immer tat. Unter ihnen ging das Meer seiner Arbeit nach. Mara zündete die
siebte Lampe an und wartete auf die achte. Tom sah die Treppe an. Es war eine Stufe zu viel, und beide wussten es."""
PROMPT = "A lighthouse keeper finds that the light has been signalling something back."


def polish(**given: Any) -> Brief:
    return replace(draft(prompt=PROMPT), kind="polish", text=BEFORE, **given)


def wishes(language: str) -> StoryConfig:
    return StoryConfig(language=language)


def test_a_text_that_is_mended_is_taken() -> None:
    after = BEFORE.replace("as he always did", "as ever").replace("went on with its work", "worked on")
    assert not_taken(BEFORE, after, polish()) is None
    assert not_taken(BEFORE, BEFORE, polish()) is None


def test_one_that_loses_more_than_a_fifth_is_not() -> None:
    words = BEFORE.split()
    told = not_taken(BEFORE, " ".join(words[: len(words) * 3 // 4]), polish())
    assert told == "It has 54 words, of 72 before: more than a fifth is lost."
    assert not_taken(BEFORE, " ".join(words[: len(words) * 5 // 6]), polish()) is None
    assert not_taken(BEFORE, "", polish()) == "It has no words."


@pytest.mark.parametrize("note", ["Section 2: cut the dream.", "Make it shorter.", "Bitte kürzen.", "太长了，删一些。"])
def test_unless_a_note_asks_for_less(note: str) -> None:
    half = "Mara Voss counted. Tom held the ladder. Mara lit the lamp. Tom looked at the stairs."
    assert not_taken(BEFORE, half, polish(notes=[note])) is None
    assert not_taken(BEFORE, half, polish(notes=["More rain."])) is not None


def test_or_its_budget_is_much_lower() -> None:
    half = "Mara Voss counted. Tom held the ladder. Mara lit the lamp. Tom looked at the stairs and said nothing at all then."
    revised = replace(polish(words=25), kind="revise")
    assert not_taken(BEFORE, half, revised) is None
    assert not_taken(BEFORE, half, replace(revised, words=70)) is not None
    assert not_taken(BEFORE, "Mara lit it. Tom saw it.", revised) is not None


def test_the_briefer_version_of_a_passage_may_be_shorter() -> None:
    half = "Mara Voss counted. Tom held the ladder. Mara lit the lamp. Tom looked at the stairs."
    assert not_taken(BEFORE, half, replace(polish(round=4), kind="rewrite")) is None
    assert not_taken(BEFORE, half, replace(polish(round=1), kind="rewrite")) is not None


def test_one_that_drops_or_renames_a_person_is_not() -> None:
    renamed = not_taken(BEFORE, BEFORE.replace("Mara Voss", "Clara Finch").replace("Mara", "Clara"), polish())
    assert renamed == "Mara Voss, who is named 4 times in the text, is not named any more."
    assert not_taken(BEFORE, BEFORE.replace("Tom", "he"), polish()) is not None
    assert not_taken(BEFORE, BEFORE.replace("Mara Voss", "Mara"), polish()) is None
    assert not_taken(BEFORE, BEFORE.replace("Tom", "he"), polish(notes=["Never name Tom."])) is None


def test_a_person_named_once_may_go() -> None:
    once = "The keeper counted the lamps. Tom was not there."
    assert not_taken(once, once.replace("Tom", "He"), polish()) is None


def test_one_in_which_two_people_change_names_is_not() -> None:
    swapped = BEFORE.replace("Mara", "\0").replace("Tom", "Mara").replace("\0", "Tom")
    assert not_taken(BEFORE, swapped, polish()) == "Mara Voss and Tom have changed names."


def test_a_name_that_is_a_word_is_told_by_its_capital() -> None:
    people = Bible(
        people=[
            Person(name="Will", role="boy", description="Small."),
            Person(name="May", role="girl", description="Tall."),
        ]
    )
    before = "They will come, and they will go; it may rain and it may not. " * 6
    after = before.replace("will", "shall").replace("may", "might")
    assert not_taken(before, after, replace(polish(), bible=people)) is None


def test_a_name_may_have_cases() -> None:
    people = Bible(people=[Person(name="Мара", role="смотритель", description="Устала.")])
    before = "Мара считала ступени. Мара молчала. Ветер стих к вечеру, и над морем стало светло."
    after = "Маре не хотелось считать ступени. Она молчала. Ветер стих к вечеру, и над морем стало светло."
    russian = replace(polish(), bible=people, prompt="Смотритель маяка видит, что ему отвечают огни.")
    assert not_taken(before, after, russian) is None


def test_people_with_one_surname_are_told_apart() -> None:
    people = Bible(
        people=[Person(name="Ada Reed", role="a", description="a"), Person(name="Ben Reed", role="b", description="b")]
    )
    before = "Ada Reed rowed and Ben Reed steered. Ada sang. Ben slept."
    told = not_taken(before, "Ada Reed rowed and Reed steered. Ada sang. He slept.", replace(polish(), bible=people))
    assert told is not None
    assert told.startswith("Ben Reed")


def test_one_in_another_language_is_not() -> None:
    assert not_taken(BEFORE, GERMAN, polish()) == "It is in German, which is not the language of the story."
    assert other_language(GERMAN, polish()) == "German"
    assert other_language(BEFORE, polish()) is None


def test_the_wished_language_comes_before_that_of_the_prompt() -> None:
    assert other_language(GERMAN, polish(config=wishes("Deutsch"))) is None
    assert other_language(BEFORE, polish(config=wishes("Deutsch"))) == "English"
    assert other_language(BEFORE, polish(config=wishes("pt-BR"))) == "English"


@pytest.mark.parametrize(
    "prompt",
    [
        "Lamps.",
        "Mara",
        "Write it in German: a keeper finds that the light answers.",
        "🗼🌊",
        "",
    ],
)
def test_where_nobody_can_tell_it_is_silent(prompt: str) -> None:
    assert other_language(GERMAN, replace(polish(), prompt=prompt)) is None


def test_it_is_silent_about_a_language_without_a_name_here_and_about_few_words() -> None:
    assert other_language(GERMAN, polish(config=wishes("the speech of pirates"))) is None
    assert other_language("Die Lampe und der Turm.", polish()) is None
    assert other_language(GERMAN, polish(notes=["Let them speak German."])) is None
