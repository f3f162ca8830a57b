"""Prose ends at its length and before it goes round in circles, however it is cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.agents.length import OVER, Length, whole_sentences, without_loop
from coordinator.story.words import count_words

LONG = " ".join(f"Sentence number {n} is told here and ends." for n in range(300))
LOOPS = (
    ("The lamp was lit again by nobody at all. " * 40, "The lamp was lit again by nobody at all."),
    (
        "She waited there. He came in late. Nobody spoke to them. " * 20,
        "She waited there. He came in late. Nobody spoke",
    ),
    ("and the sea and " * 300, ""),
    ("海很深。" * 200, "海很深。"),
    ("".join(f"It goes, it goes on. And {n} gulls came. " for n in range(200)), "It goes, it goes on."),
)


def read(text: str, words: int, size: int, so_far: str = "") -> tuple[str, Length]:
    length = Length(words, so_far)
    kept = "".join(length.add(text[at : at + size]) for at in range(0, len(text), size))
    return kept, length


@pytest.mark.parametrize("size", [1, 2, 7, 40, 10_000])
def test_it_ends_with_the_sentence_after_its_length(size: int) -> None:
    kept, length = read(LONG, 100, size)
    assert length.over and not length.looped
    assert kept == LONG[: len(kept)] and kept.endswith("ends.")
    assert 100 * OVER <= count_words(kept) <= 100 * OVER + 8


def test_what_is_there_already_counts() -> None:
    before = LONG[:600]
    kept, _ = read(LONG[600:], 100, 5, before)
    assert 100 * OVER <= count_words(before + kept) <= 100 * OVER + 9


@pytest.mark.parametrize("text", ["word " * 9_000, "w" * 90_000, "a-b" * 30_000, "词" * 9_000, "\u0301" * 90_000])
def test_without_a_sentence_it_ends_all_the_same(text: str) -> None:
    kept, length = read(text, 50, 50)
    assert length.over
    assert len(kept) < 25_000


def test_dots_and_closing_quotes_stay_with_their_sentence() -> None:
    text = "One two three four five six. “He said it . . . and again...” She went on and on and on."
    kept, _ = read(text, 9, 1)
    assert kept == "One two three four five six. “He said it . . . and again...”"


@pytest.mark.parametrize("size", [1, 9, 300])
@pytest.mark.parametrize(("looped", "turn"), LOOPS)
def test_a_loop_is_seen_and_left_after_its_first_turn(looped: str, turn: str, size: int) -> None:
    begin = "Mara rowed out before it was light, and nobody saw her go."
    kept, length = read(f"{begin} {looped}", 3_000, size)
    assert length.over and length.looped
    text = without_loop(kept, length)
    assert text.startswith(begin) and turn in text
    assert text.count(turn) == 1 if turn else text == begin
    assert len(kept) < 2_000


REFRAINS = (
    "“Who is there?” said the door. “Only the wind.” " * 3,
    "Knock, knock, knock went the hand on the wood, and no one came. " * 2,
    "No. No. No. No. No. No. No. No.",
    "".join(
        f"The {day} day out.\n\n* * * * *\n\n"
        for day in ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")
    ),
    "".join(
        f"“Who has my {thing}?” said the bear. Nobody said a word. " for thing in ("bowl", "chair", "bed", "honey")
    ),
    "".join(
        f"He said nothing. She moved the {thing}. " for thing in ("cup", "lamp", "chair", "bread", "key", "coat", "jar")
    ),
    "One for the sea, one for the shore, one for the man who comes no more. He drank. " * 2,
)


@pytest.mark.parametrize("refrain", REFRAINS)
def test_a_refrain_is_no_loop(refrain: str) -> None:
    kept, length = read(f"It was night. {refrain} Then it was day.", 300, 3)
    assert not length.looped and kept.endswith("Then it was day.")


@given(st.text(max_size=400), st.integers(1, 60), st.integers(1, 50))
def test_what_is_kept_is_how_it_begins(text: str, words: int, size: int) -> None:
    kept, length = read(text, words, size)
    assert text.startswith(kept)
    assert kept == text or length.over
    assert text.startswith(whole_sentences(without_loop(kept, length)).rstrip()[:1])
