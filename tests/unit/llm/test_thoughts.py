"""Text in pieces, cut anywhere: it is made storable, and thoughts are told from the answer, as from the whole."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.llm.pieces import Pieces
from coordinator.llm.thoughts import LONGEST_MARK, MOST_TAKEN_BACK, Thoughts
from coordinator.storable import storable

PARTS = [
    "<think>", "</think>", "<THINKING a='b'>", "</ Thinking >", "<think/>", "[THINK]", "[/THINK]", "◁think▷", "◁/think▷",
    "<|channel|>analysis<|message|>", "<|channel|>final<|message|>", "<|channel|>commentary to=f <|constrain|>json<|message|>",
    "<|start|>assistant", "<|im_start|>user", "<|im_end|>", "<|channel>thought\n", "<channel|>", "<answer>", "</answer>",
    "<|begin_of_thought|>", "<|end_of_thought|>", "<end_of_turn>", "analysis", "assistantfinal",
    "<", "</", "<|", "[", "◁", "\ud83d", "\ude00", "\r", "\n", "\r\n", "\x00", "\x07", "\ufeff", "\ufffe", " ", "\u3000",
    "The lamp", "went out.", "He said \"", "`", "“", "”", "灯が", "。", "😀", "a < b", "W", "\u200d",
]  # fmt: skip

texts = st.one_of(st.lists(st.sampled_from(PARTS), max_size=14).map("".join), st.text(max_size=40))


@st.composite
def cut(draw: st.DrawFn) -> tuple[str, list[str]]:
    text = draw(texts)
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return text, [text[begin:end] for begin, end in zip([0, *places], [*places, len(text)], strict=True)]


def said(pieces: Iterable[str]) -> tuple[str, list[str]]:
    """The answer, and what readers had of it at each moment."""
    door, thoughts, answer, shown = Pieces(), Thoughts(), "", []
    stream = [thoughts.add(door.add(piece)) for piece in pieces]
    for each in [*stream, thoughts.add(door.end()), thoughts.end()]:
        for one in each:
            if one.kind == "anew":
                answer = ""
            elif one.kind == "answer":
                answer += one.text
            shown.append(answer)
    return answer, shown


def answer_of(*pieces: str) -> str:
    return said(pieces)[0]


@given(cut())
def test_pieces_made_storable_are_the_whole_made_storable(given: tuple[str, list[str]]) -> None:
    text, pieces = given
    door = Pieces()
    assert "".join(map(door.add, pieces)) + door.end() == storable(text)


@given(cut())
def test_however_an_answer_is_cut_its_text_is_the_same(given: tuple[str, list[str]]) -> None:
    text, pieces = given
    whole = answer_of(text)
    assert answer_of(*pieces) == whole == answer_of(*text)
    assert whole == whole.rstrip()
    whole.encode()


@given(cut())
def test_what_was_said_is_only_taken_back_by_an_end_without_a_beginning(given: tuple[str, list[str]]) -> None:
    shown = said(given[1])[1]
    lost = sum(not after.startswith(before) for before, after in pairwise(shown))
    assert lost <= MOST_TAKEN_BACK
    if not any(mark in given[0].lower() for mark in ("/", "final", "<channel", "<|end_")):
        assert lost == 0


@given(st.text(alphabet=st.characters(exclude_characters="<[◁\ufeff", codec="utf-8"), max_size=200))
def test_prose_without_a_mark_passes_as_it_is(text: str) -> None:
    if not text.startswith("analysis"):
        assert answer_of(text) == storable(text).rstrip()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>plan</think>The lamp.", "The lamp."),
        ("<think>\nplan\n</think>\n\nThe lamp.", "The lamp."),
        ("  <Think a='b'>plan</THINK>The lamp.", "The lamp."),
        ("<thinking>p</thinking><reasoning>q</reasoning><thought>r</thought>The lamp.", "The lamp."),
        ("plan\n</think>\n\nThe lamp.", "The lamp."),
        ("plan.</think>The lamp.", "The lamp."),
        ("<think>a<think>b</think>c</think>The lamp.", "The lamp."),
        ("<think><think>a</think>The lamp.", "The lamp."),
        ("<think>never ends", ""),
        ("<think>\n\n</think>\n\nThe lamp.", "The lamp."),
        ("<think/>The lamp.", "The lamp."),
        ("</think>The lamp.", "The lamp."),
        ("The lamp.<think>what now?</think> Nobody.", "The lamp. Nobody."),
        ("The lamp.<think>what now?</think>Nobody.", "The lamp. Nobody."),
        ("The lamp.\n\n<think>what now?</think>\n\nNobody.", "The lamp.\n\nNobody."),
        ("The lamp.\n\n<think>what now?", "The lamp."),
        ("灯が消えた。<think>x</think>誰も", "灯が消えた。誰も"),
        ("[THINK]plan[/THINK]The lamp.", "The lamp."),
        ("◁think▷plan◁/think▷The lamp.", "The lamp."),
        ("<|begin_of_thought|>p<|end_of_thought|><|begin_of_solution|>The lamp.<|end_of_solution|>", "The lamp."),
        ("<|START_THINKING|>p<|END_THINKING|><|START_RESPONSE|>The lamp.<|END_RESPONSE|>", "The lamp."),
        (
            "<|channel|>analysis<|message|>We need.<|end|><|start|>assistant<|channel|>final<|message|>The lamp.<|return|>",
            "The lamp.",
        ),
        ("We need.<|end|><|start|>assistant<|channel|>final<|message|>The lamp.", "The lamp."),
        ("analysisWe need a lamp.assistantfinalThe lamp.", "The lamp."),
        ("<|channel>thought\nhm<channel|>The lamp.", "The lamp."),
        ("<think>p</think><answer>The lamp.</answer>", "The lamp."),
        ("The lamp.<|im_end|>", "The lamp."),
        ("The lamp.<|im_end|>\n<|im_start|>user\nMore!", "The lamp."),
        ("\ufeffThe lamp.", "The lamp."),
    ],
)
def test_a_thought_is_no_part_of_the_answer(text: str, answer: str) -> None:
    assert answer_of(text) == answer == answer_of(*text)


@pytest.mark.parametrize(
    "text",
    [
        "The screen printed <think> and then </think>, and went dark.",
        'She typed "<think>" twice, then `</think>`.',
        "“<think>” was all it said (<thinking> on a good day).",
        "He wrote x <think>",
        "a < b, <b>bold</b>, [note], [THE END], </s>",
        "analysis of a lamp",
        "<thinker> <thinkpad>",
        "She said: <answer> me.",
        "👩\u200d👧 می\u200cخواهم \u2066x\u2069 🏴\U000e0067\U000e0062\U000e007f &amp; &lt;think&gt;",
    ],
)
def test_what_may_be_story_stays(text: str) -> None:
    assert answer_of(text) == text == answer_of(*text)


def test_a_text_with_many_ends_speaks_of_them() -> None:
    assert answer_of("a.</think>" * 9) == "a.</think>" * (8 - MOST_TAKEN_BACK) + "a.</think>"


def test_halves_of_a_character_are_joined_and_a_lone_one_is_shown_as_such() -> None:
    assert answer_of("So \ud83d", "\ude00 and \ud83d", " and \ude00", "!\ud83d") == "So 😀 and � and �!�"


def test_what_is_held_back_is_short() -> None:
    thoughts = Thoughts()
    told = "".join(one.text for one in thoughts.add("The lamp. <think " + "a" * 5000))
    assert len(told) > 5000 - LONGEST_MARK


@pytest.mark.parametrize(
    "flood",
    [
        "<",
        "<think ",
        "<|channel|>",
        "[think",
        " \n",
        "a.</think>",
        "<think>",
        '"<think> ',
        "a",
        "\ud83d",
        "\r",
        "</s> ",
    ],
)
@pytest.mark.parametrize("opening", ["", "analysisA"])
def test_a_flood_takes_time_that_grows_with_its_length(flood: str, opening: str) -> None:
    text = opening + flood * (100_000 // len(flood))
    start = time.process_time()
    read(text)
    read(*(text[at : at + 3] for at in range(0, 30_000, 3)))
    assert time.process_time() - start < 2


def read(*pieces: str) -> None:
    door, thoughts = Pieces(), Thoughts()
    for piece in pieces:
        thoughts.add(door.add(piece))
    thoughts.end()
