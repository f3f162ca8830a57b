"""Lists of words as one reads them: a string of them with spaces between. Pure."""

from __future__ import annotations


def listed(told: str) -> frozenset[str]:
    return frozenset(told.split())
