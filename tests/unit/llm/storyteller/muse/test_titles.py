"""Titles of talks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.chat.talk import Said
from coordinator.llm.storyteller.muse import title


def titled(text: str) -> str:
    return title((Said("user", text), Said("assistant", "Good.")))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A lighthouse keeper finds letters in the tide.", "A lighthouse keeper's tale"),
        ("What do you think of Brann?", "Talking about Brann"),
        ("My name is Alice", "A talk with Alice"),
        ("I'd like a fairy tale about Pip the hedgehog", "About Pip the hedgehog"),
    ],
)
def test_a_talk_is_called_by_what_it_is_about(text: str, told: str) -> None:
    assert titled(text) == told


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(max_size=300), max_size=4))
def test_a_title_is_two_to_eight_words_whatever_was_said(texts: list[str]) -> None:
    said = tuple(Said("user" if at % 2 == 0 else "assistant", text) for at, text in enumerate(texts))
    told = title(said)
    assert 2 <= len(told.split()) <= 8
    assert len(told) <= 80
    assert "\n" not in told


@pytest.mark.parametrize("text", ["", "🦄", "a" * 20_000, "<script>alert(1)</script>", "\n\n\n", "word", "。" * 5_000])
def test_junk_has_a_title_too(text: str) -> None:
    told = titled(text)
    assert 2 <= len(told.split()) <= 8
    assert len(told) <= 80
