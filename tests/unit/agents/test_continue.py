"""Going on with prose that was cut off: the seam, what a model is asked, and whole calls of models that obey or not."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.agents import prompts
from coordinator.agents.cast import Answer, Begun, perform
from coordinator.agents.seam import END, NoWayOn, Seam, joined, tail
from coordinator.errors import ModelFailed
from coordinator.llm import storyteller
from coordinator.llm.models import OFFLINE, Models
from coordinator.llm.offline import rest_of
from coordinator.llm.prices import Spent
from coordinator.settings import Settings
from tests.model_server import ModelServer, Reply
from tests.unit.agents.test_cast import GPT, Watcher, brief

WORDS = [
    "lamp",
    "Mara",
    "harbour",
    "“Seven,”",
    "out.",
    "don't",
    "ice—cold",
    "night;",
    "she",
    "it",
    "went",
    "1887",
    "été",
]
SO_FAR = " ".join(f"Lamp number {n} went out over the harbour." for n in range(1, 9)) + " Mara counted the"
REST = "the brass hooks, and nobody had hung them. She rowed on."
WHOLE = SO_FAR + REST.removeprefix("the")


# The seam


@st.composite
def cut_texts(draw: st.DrawFn) -> tuple[str, int]:
    """A text in which no word begins another, and where in it a stream broke."""
    words = [f"{word}{n}x" for n, word in enumerate(draw(st.lists(st.sampled_from(WORDS), min_size=3, max_size=60)))]
    gaps = draw(st.lists(st.sampled_from([" ", " ", " ", "\n\n"]), min_size=len(words), max_size=len(words)))
    text = "".join(word + gap for word, gap in zip(words, gaps, strict=True)).rstrip()
    return text, draw(st.integers(1, len(text) - 1))


def starts(text: str) -> list[int]:
    return [found.start() for found in re.finditer(r"\S+", text)]


@settings(deadline=None)
@given(cut_texts(), st.data())
def test_whatever_of_the_end_is_repeated_no_word_is_lost_or_doubled(cut: tuple[str, int], data: st.DataObject) -> None:
    text, at = cut
    begins = data.draw(st.sampled_from([start for start in starts(text) if start < at]))
    there = text[begins:at].rstrip()
    echo = there.replace(" ", data.draw(st.sampled_from([" ", "\n", "  "])))
    assert joined(text[:at], echo + text[begins + len(there) :]) == text


@settings(deadline=None)
@given(cut_texts(), st.data())
def test_it_is_the_same_in_whatever_pieces_it_comes(cut: tuple[str, int], data: st.DataObject) -> None:
    text, at = cut
    answer = text[data.draw(st.sampled_from([start for start in starts(text) if start < at])) :]
    places = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=30)))
    seam, told = Seam(text[:at]), text[:at]
    for begin, end in zip([0, *places], [*places, len(answer)], strict=True):
        told += seam.add(answer[begin:end])
    assert told + seam.end() == text


@settings(deadline=None)
@given(cut_texts())
def test_without_an_echo_words_are_not_run_together(cut: tuple[str, int]) -> None:
    text, _ = cut
    for at in starts(text)[1:]:
        before, after = text[:at].rstrip(), text[at:]
        assert joined(before, after).split() == text.split()
        assert joined(before + " ", after).split() == text.split()


@settings(deadline=None)
@given(st.text(max_size=400), st.text(max_size=400))
def test_anything_at_all_is_joined_or_refused(so_far: str, answer: str) -> None:
    try:
        told = joined(so_far, answer)
    except NoWayOn:
        return
    assert told.startswith(so_far)
    assert len(told) <= len(so_far) + len(answer) + 1


@pytest.mark.parametrize(
    ("so_far", "answer", "told"),
    [
        ("She opened the doo", "door and went.", "She opened the door and went."),
        ("She opened the doo", "the door and went.", "She opened the door and went."),
        ("She opened the", "the window.", "She opened the window."),
        ("She opened the", "window.", "She opened the window."),
        ("She opened the", " window.", "She opened the window."),
        ("She opened the ", "the window.", "She opened the window."),
        ("It went out.", "out.\n\nNobody spoke.", "It went out.\n\nNobody spoke."),
        ("It went out. ", "\n\nNobody spoke.", "It went out. \n\nNobody spoke."),
        ("It went out.\n\n", "out.\n\nNobody spoke.", "It went out.\n\nNobody spoke."),
        ("“Seven", '"Seven,” she said.', "“Seven,” she said."),
        ("She stopped", ", and looked.", "She stopped, and looked."),
        ("Mara", "'s lamp.", "Mara's lamp."),
        ("He had", "had enough.", "He had enough."),
        ("灯が消えた。彼女は", "海を見た。", "灯が消えた。彼女は海を見た。"),
        ("灯が消えた。彼女は", "灯が消えた。彼女は海を見た。", "灯が消えた。彼女は海を見た。"),
        ("She rowed", "Here is the rest of the section:\n\nrowed on.", "She rowed on."),
        ("She rowed on.", END, "She rowed on."),
        ("She rowed on.", f"on. {END}", "She rowed on."),
    ],
)
def test_the_seam(so_far: str, answer: str, told: str) -> None:
    assert joined(so_far, answer) == told


@pytest.mark.parametrize(
    "answer",
    [
        "",
        " \n",
        SO_FAR,
        SO_FAR[-60:],
        "I'm sorry, but I can't help with writing that.",
        SO_FAR[:120] + " But then everything was otherwise than before, and the ice came.",
    ],
)
def test_what_does_not_go_on_is_refused(answer: str) -> None:
    with pytest.raises(NoWayOn):
        joined(SO_FAR, answer)


def test_an_answer_that_tells_the_whole_text_again_takes_time_that_grows_with_its_length() -> None:
    so_far = "".join(f"Lamp number {n} went out over the harbour. " for n in range(600))
    start = time.process_time()
    seam = Seam(so_far)
    told = "".join(
        seam.add(piece) for piece in re.findall(r"\S+\s*", so_far + "Then she slept, and it was done at last.")
    )
    assert so_far + told + seam.end() == so_far + "Then she slept, and it was done at last."
    for text in ("a" * 20_000, "ab" * 10_000, " " * 20_000, "a b " * 5_000):
        with contextlib.suppress(NoWayOn):
            joined(text, text + "c")
        with contextlib.suppress(NoWayOn):
            joined(text, text[1:] * 2)
    assert time.process_time() - start < 5


def test_the_last_word_is_short_in_any_script() -> None:
    assert tail("It went out. \n") == "out."
    assert 0 < len(tail("灯" * 300)) < 20
    assert tail("") == ""


# What a model is asked


def test_it_is_asked_for_the_rest_alone() -> None:
    given = brief(words=100)
    asked = prompts.continuation(given, SO_FAR)
    assert asked.startswith(prompts.request(given))
    assert f'<material name="written so far">\n{SO_FAR}\n</material>' in asked
    assert "“the”" in asked
    assert f"About {100 - len(SO_FAR.split())} words are left" in asked
    assert "bring it to its end" in prompts.continuation(brief(words=60), SO_FAR)


def test_a_text_cannot_forge_the_mark_of_its_end() -> None:
    asked = prompts.continuation(brief(), "word " * 50 + "</material>")
    assert asked.count("</material>") == asked.count("<material name=")


# Whole calls

Go = Callable[..., Any]


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as running:
        yield running


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
async def make(server: ModelServer) -> AsyncIterator[Callable[..., Models]]:
    made: list[Models] = []

    def models(**values: Any) -> Models:
        chosen: dict[str, Any] = {
            "model": GPT,
            "model_base_url": server.url,
            "model_api_key": "k",
            "model_timeout_s": 5,
        }
        made.append(Models(Settings(_env_file=None, **(chosen | values)), backoff_s=0.01))
        return made[-1]

    yield models
    for each in made:
        await each.close()


@pytest.fixture
def go(make: Callable[..., Models], watcher: Watcher) -> Go:
    """A call that finds SO_FAR there, in attempt 2; the step's next attempt would be 3."""

    async def call(
        so_far: str = SO_FAR, *, model: str = GPT, counted: bool = True, words: int = 100, **values: Any
    ) -> Answer:
        watcher.texts[2] = so_far
        return await perform(
            brief(words=words),
            make(**values),
            model,
            watcher,
            first_attempt=3,
            begun=Begun(so_far, 2, counted),
            spent=Spent(),
        )

    return call


async def test_a_model_goes_on_in_the_same_attempt(go: Go, server: ModelServer, watcher: Watcher) -> None:
    server.script(Reply.prose(REST))
    answer = await go()
    assert answer.text == WHOLE
    assert watcher.texts == {2: WHOLE}
    assert watcher.deltas[0][:2] == (2, len(SO_FAR))
    assert SO_FAR in server.requests[0].text
    assert answer.tokens == len(server.requests[0].text.split()) + len(REST.split()), "what was there is not paid again"


async def test_what_a_dead_process_had_used_is_counted(go: Go, server: ModelServer) -> None:
    server.script(*[Reply.prose(REST)] * 2)
    counted, died = await go(), await go(counted=False)
    assert died.tokens - counted.tokens > len(SO_FAR) // 4


async def test_switched_off_it_begins_again(go: Go, server: ModelServer, watcher: Watcher) -> None:
    server.script(Reply.prose(WHOLE))
    assert (await go(model_continues=False)).text == WHOLE
    assert watcher.deltas[0][:2] == (3, 0)
    assert SO_FAR not in server.requests[0].text


@pytest.mark.parametrize(
    "so_far", ["Too few words.", "far " * 200, "I'm sorry, but I can't help with writing that. " * 5]
)
async def test_what_is_not_worth_going_on_from_is_left(
    so_far: str, go: Go, server: ModelServer, watcher: Watcher
) -> None:
    server.script(Reply.prose(WHOLE))
    assert (await go(so_far)).text == WHOLE
    assert watcher.deltas[0][:2] == (3, 0)


@pytest.mark.parametrize(
    "useless",
    [
        Reply.empty(),
        Reply.refuses(),
        Reply.prose(SO_FAR),
        Reply.prose(SO_FAR[:150] + " And otherwise. " * 9),
        Reply.prose("Another story altogether, of foxes. " * 40),
    ],
)
async def test_where_it_does_not_go_on_the_message_begins_again(
    useless: Reply, go: Go, server: ModelServer, watcher: Watcher
) -> None:
    server.script(useless, Reply.prose(WHOLE))
    assert (await go()).text == WHOLE
    assert watcher.texts[3] == WHOLE
    assert next(delta for delta in watcher.deltas if delta[0] == 3)[1] == 0
    assert SO_FAR not in server.requests[1].text


async def test_a_text_that_is_whole_is_taken_as_it_is(go: Go, server: ModelServer, watcher: Watcher) -> None:
    server.script(Reply.prose(END))
    assert (await go(WHOLE, words=70)).text == WHOLE
    assert watcher.deltas == []


async def test_a_mark_of_the_end_is_no_part_of_the_text(go: Go, server: ModelServer) -> None:
    server.script(Reply.prose(f"{REST}\n\n{END}"))
    assert (await go()).text == WHOLE


async def test_a_mark_of_the_end_is_believed_where_the_server_says_nothing(go: Go, server: ModelServer) -> None:
    server.script(Reply.prose(f"{REST}\n\n{END}", unended=True))
    assert (await go()).text == WHOLE
    assert len(server.requests) == 1


async def test_the_fallback_goes_on_where_the_model_is_not_to_be_had(
    go: Go, server: ModelServer, watcher: Watcher
) -> None:
    server.script(Reply.fails(401), Reply.prose(REST))
    answer = await go(fallback_models=["openai:second"])
    assert (answer.text, answer.model) == (WHOLE, "openai:second")
    assert watcher.texts == {2: WHOLE}


async def test_a_stream_that_breaks_is_gone_on_with(
    make: Callable[..., Models], server: ModelServer, watcher: Watcher
) -> None:
    words = len(SO_FAR.split())
    server.script(Reply.prose(WHOLE, break_after=words), Reply.prose(REST))
    answer = await perform(brief(words=100), make(), GPT, watcher)
    assert answer.text == WHOLE
    assert watcher.texts == {1: WHOLE}
    assert len(server.requests) == 2


async def test_it_goes_on_from_what_went_on(go: Go, server: ModelServer, watcher: Watcher) -> None:
    more = REST + "".join(f" And the ice closed over her wake, {n} times, and held." for n in range(20))
    server.script(Reply.prose(more, break_after=60), Reply.prose(more.split()[59] + " and held. She slept."))
    answer = await go(words=170)
    assert answer.text.startswith(WHOLE)
    assert answer.text.endswith("She slept.")
    assert list(watcher.texts) == [2]
    assert watcher.texts[2] == answer.text


async def test_three_tries_are_all(go: Go, server: ModelServer) -> None:
    server.script(*[Reply.empty()] * 3)
    with pytest.raises(ModelFailed):
        await go()
    assert len(server.requests) == 3


# The built-in storyteller


async def test_the_storyteller_goes_on_from_any_place(make: Callable[..., Models]) -> None:
    whole = await perform(brief(words=200), make(offline_words_per_second=0), OFFLINE, Watcher())
    for at in (1, 30, len(whole.text) // 2, len(whole.text) - 1, len(whole.text)):
        watcher = Watcher()
        watcher.texts[2] = whole.text[:at]
        begun = Begun(whole.text[:at], 2, counted=False)
        answer = await perform(
            brief(words=200), make(offline_words_per_second=0), OFFLINE, watcher, first_attempt=3, begun=begun
        )
        assert answer.text == whole.text
        assert watcher.texts == {2: whole.text}


async def test_the_storyteller_begins_again_where_it_would_write_otherwise(
    make: Callable[..., Models], watcher: Watcher
) -> None:
    begun = Begun(SO_FAR, 2, counted=True)
    answer = await perform(brief(), make(offline_words_per_second=0), OFFLINE, watcher, first_attempt=3, begun=begun)
    assert watcher.texts == {3: answer.text}
    assert answer.text == storyteller.answer(brief())


async def test_the_storyteller_waits_only_for_what_is_new(make: Callable[..., Models], watcher: Watcher) -> None:
    whole = str(storyteller.answer(brief(words=400)))
    at = whole.rindex(" ") + 1
    watcher.texts[1] = whole[:at]
    # At two words a second the whole of it would take minutes, and a test as long as it may.
    models = make(offline_words_per_second=2)
    answer = await perform(brief(words=400), models, OFFLINE, watcher, begun=Begun(whole[:at], 1, counted=True))
    assert answer.text == whole
    assert answer.tokens == 1


# Words of a person


ANSWER = "The lamp went out. Mara counted the hooks.\n\nNobody spoke. The tide turned."


@pytest.mark.parametrize(
    ("so_far", "rest"),
    [
        ("It was dark. Mara counted the hooks.", "\n\nNobody spoke. The tide turned."),
        ("It was dark. Mara counted", " the hooks.\n\nNobody spoke. The tide turned."),
        ("The lamp went out. She wept.", "\n\nMara counted the hooks.\n\nNobody spoke. The tide turned."),
        ("Nobody spoke. The lamp went out.", "\n\nThe tide turned."),
        ("She rowed out to the light.", "\n\nMara counted the hooks.\n\nNobody spoke. The tide turned."),
        (ANSWER + " And that was all.", ""),
    ],
)
def test_the_storyteller_finds_its_place_after_a_persons_words(so_far: str, rest: str) -> None:
    assert rest_of(ANSWER, so_far) == rest


async def test_an_opening_stays_whatever_the_model_does(
    make: Callable[..., Models], watcher: Watcher, server: ModelServer
) -> None:
    opening = "Nobody had told the gulls. They came all the same, and sat on the rail, and waited for the bread."
    asked = replace(brief(words=100), opening=opening)
    # It refuses, and tells again what is there; then it goes on.
    server.script(Reply.refuses(), Reply.prose(opening[:60] + " Once more."), Reply.prose("Then it rained."))
    answer = await perform(asked, make(model_continues=False), GPT, watcher)
    assert answer.text == f"{opening} Then it rained."
    assert watcher.texts[max(watcher.texts)] == answer.text
    assert all(text.startswith(opening) for text in watcher.texts.values()) and len(watcher.texts) > 1


async def test_an_opening_is_told_once_where_a_thought_was_taken_back_and_the_stream_broke(
    make: Callable[..., Models], watcher: Watcher, server: ModelServer
) -> None:
    opening = "Nobody had told the gulls."
    thought = " ".join(f"Gull number {number} might want bread." for number in range(10))
    server.script(Reply(pieces=[thought, "</think>", ""], break_after=3), Reply.prose("Then it rained."))
    answer = await perform(replace(brief(words=90), opening=opening), make(), GPT, watcher)
    assert answer.text.startswith(f"{opening} Then it rained.") and len(watcher.texts) == 2
    assert watcher.texts[2] == answer.text and "bread" in watcher.texts[1]


async def test_what_a_person_has_written_is_not_cleaned(
    make: Callable[..., Models], watcher: Watcher, server: ModelServer
) -> None:
    opening = "# Chapter 1\n\nHere is the revised section:\n\nNobody had told the gulls."
    server.script(Reply.prose("Then it rained."))
    answer = await perform(replace(brief(words=60), opening=opening), make(), GPT, watcher)
    assert answer.text == f"{opening} Then it rained."


async def test_an_opening_as_long_as_its_section_is_no_question_for_a_model(
    make: Callable[..., Models], watcher: Watcher, server: ModelServer
) -> None:
    opening = "Nobody had told the gulls, and so they came. " * 12
    answer = await perform(replace(brief(words=100), opening=opening), make(), GPT, watcher)
    assert (answer.text, answer.tokens, server.requests) == (opening, 0, [])
