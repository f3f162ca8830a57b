"""Lists of words, written as text."""

from __future__ import annotations


def words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())
