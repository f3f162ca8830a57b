"""How people begin: what is learned of it, that the answer shows it, and that the story is made of it."""

from __future__ import annotations

import re

import pytest

from coordinator.chat.talk import Said
from coordinator.llm.storyteller import plot, prose
from coordinator.llm.storyteller.muse.memory import Memory
from coordinator.llm.storyteller.muse.story import prompt
from tests.unit.llm.storyteller.muse.openings import OPENINGS
from tests.unit.llm.storyteller.muse.talks import Room

CLOCK = (
    "I want to write about a clockmaker named Brann",
    "in a town under a frozen sea",
    "his brother wants to sell the clock",
)
IDS = [texts[-1][:50] for texts, _ in OPENINGS]


def known(said: list[Said]) -> Memory:
    memory = Memory()
    memory.hear_all(tuple(said))
    return memory


def check(memory: Memory, expected: dict[str, str]) -> None:
    for key, value in expected.items():
        there = " / ".join(memory.all(key)).lower()
        assert value in there, (key, memory.known)
        assert value or not there, (key, memory.known)


@pytest.mark.parametrize(("texts", "expected"), OPENINGS, ids=IDS)
def test_what_is_learned(texts: tuple[str, ...], expected: dict[str, str]) -> None:
    room = Room()
    room.all(texts)
    check(known(room.said[:-1]), expected)
    # Without the muse's own words between them, as well.
    check(known([Said("user", text) for text in texts]), expected)


@pytest.mark.parametrize(("texts", "expected"), OPENINGS, ids=IDS)
def test_the_answer_shows_what_was_understood(texts: tuple[str, ...], expected: dict[str, str]) -> None:
    answer = Room().all(texts)[-1]
    assert not re.search(
        r"in case it matters|Noted: “|kept that: “|have that down|caught only half|don't follow", answer
    )
    own = texts[-1].lower()
    for key in ("hero", "role", "place", "foe", "want"):
        value = expected.get(key, "")
        if value and value in own:
            assert value in answer.lower()


@pytest.mark.parametrize(("texts", "expected"), OPENINGS, ids=IDS)
def test_the_proposal_has_all_that_was_agreed(texts: tuple[str, ...], expected: dict[str, str]) -> None:
    room = Room()
    room.all(texts)
    told = prompt(known(room.said))
    for key in ("hero", "role", "place", "premise", "tone", "ending", "wish"):
        assert expected.get(key, "") in told.lower()
    for key in ("foe", "want"):
        assert re.sub(r"^to ", "", expected.get(key, "")) in told.lower()


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_the_order_in_which_it_is_told_does_not_matter(order: tuple[int, ...]) -> None:
    room = Room()
    room.all([CLOCK[index] for index in order])
    memory = known(room.said)
    assert memory.first("hero") == "Brann"
    assert memory.first("role") == "clockmaker"
    assert memory.first("place") == "in a town under a frozen sea"
    assert memory.first("foe") == "his brother, who wants to sell the clock"
    room.say("write it")
    ((_, args),) = room.calls
    assert args["prompt"] == (
        "Brann, a clockmaker, lives in a town under a frozen sea. "
        "Against Brann stands his brother, who wants to sell the clock."
    )
    assert args["protagonist"] == "Brann"


def test_only_what_is_lacking_is_asked_for() -> None:
    answers = Room().all(CLOCK)
    assert not re.search(r"Whom do we follow|Who is it about|Whose story", " ".join(answers))
    assert re.search(r"\bwhere\b|place", answers[0], re.IGNORECASE)
    assert re.search(r"way\?|against|failed|trouble|past\?", answers[1])


@pytest.mark.parametrize(
    ("texts", "hero", "place"),
    [
        ((*CLOCK, "make it sad"), "Brann", "town under a frozen sea"),
        ((" and ".join(CLOCK),), "Brann", "frozen sea"),
        (("a story about two sisters in Lisbon who inherit a lighthouse",), "sisters", "Lisbon"),
        (("Mara, a lighthouse keeper on an island, is chased by wolves. Dark, 5 pages.",), "Mara", "island"),
        (("my hero is Odile", "on a spaceship", "she is chased by wolves"), "Odile", "spaceship"),
        (("a sad story about a gril named lena in a big city, she wants to find her dad",), "Lena", "big city"),
        (("Hero: Tilde, a diver. Place: a flooded church. Tone: eerie.",), "Tilde", "flooded church"),
        (("It's about a nun who robs trains", "her name is Ida", "set it in Naples"), "Ida", "Naples"),
        (("it plays in 1920s Chicago", "the hero is Sal, a detective", "not Chicago, Boston"), "Sal", "Boston"),
        (("It's about a chef in Tokyo called Kenji", "a storm is coming"), "Kenji", "Tokyo"),
        (("a fairy tale about a goose called Olga", "in a valley behind the moon"), "Olga", "valley"),
        (("in an abandoned hotel in the alps", "a night porter named Emil"), "Emil", "hotel"),
        (("Brann is a clockmaker", "no, make him a woman", "call her Tilde", "she lives in Lisbon"), "Tilde", "Lisbon"),
        (("let's write about a lonely robot called Bolt", "on mars"), "Bolt", "Mars"),
        (("A nurse finds a door in the hospital basement", "her name is Ana", "scary"), "Ana", "hospital"),
        (("an old fisherman", "he is called Piet", "in a village that is sinking"), "Piet", "village"),
    ],
)
def test_the_story_has_the_hero_and_the_place(texts: tuple[str, ...], hero: str, place: str) -> None:
    room = Room()
    cards = []
    for text in (*texts, "write it"):
        room.say(text)
        cards += [args for name, args in room.calls if name == "propose_story"]
    args = cards[-1]
    tale = plot.tale(args["prompt"], args["template"], args.get("protagonist", ""), "", "", args["pages"])
    text = "\n".join(prose.tell(tale, tuple(beat.model_dump_json() for beat in tale.outline.beats)).texts)
    assert hero in text
    assert place in text


@pytest.mark.parametrize(
    "text",
    [
        "it's about time", "what about the ending?", "how about a title?", "I want to be with you", "what is it about",
        "I have an idea", "can you help me with something", "in love", "at night", "she says the villain is a banker",
        "I was thinking of you", "how about no", "let's start with the ending",
    ],
)  # fmt: skip
def test_what_is_no_idea_is_not_taken_for_one(text: str) -> None:
    room = Room()
    room.say(text)
    memory = known(room.said)
    assert not any(memory.first(key) for key in ("hero", "role", "place", "foe", "want")), memory.known


@pytest.mark.parametrize(
    ("texts", "key", "value"),
    [
        ((*CLOCK, "the clock eats an hour every night"), "event", "the clock eats an hour every night"),
        (("Brann is a clockmaker and every night the clock eats an hour",), "event", "the clock eats an hour"),
        (("A guard counts the statues. Tonight there is one more.",), "event", "Tonight there is one more"),
    ],
)
def test_nothing_that_is_told_gets_lost(texts: tuple[str, ...], key: str, value: str) -> None:
    room = Room()
    room.all(texts)
    memory = known(room.said)
    assert value in " ".join([*memory.all(key), memory.first("premise")])
    assert value.lower() in prompt(memory).lower()


def test_what_was_learned_outlives_the_window() -> None:
    room = Room(window=2)
    room.all([*CLOCK, "thanks", "thanks", "write it"])
    ((_, args),) = room.calls
    assert "Brann, a clockmaker, lives in a town under a frozen sea." in args["prompt"]
    assert "his brother, who wants to sell the clock" in args["prompt"]
