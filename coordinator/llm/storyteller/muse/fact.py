"""A fact that a message tells, and the patterns by which facts are read. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from coordinator.llm.storyteller.muse import banks


@dataclass(frozen=True, slots=True)
class Fact:
    """`key` is one of `memory.KEYS`, or `not name` for a name that is refused, `called` for one told by a pronoun."""

    key: str
    value: str


@lru_cache(maxsize=128)
def pattern(key: str) -> re.Pattern[str]:
    """One of the bank `telling`, for small letters and capitals alike."""
    return re.compile(banks.telling()[key], re.IGNORECASE)
