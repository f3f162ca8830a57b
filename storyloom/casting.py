"""What steps and agents are called, and which of them write the story itself."""

from __future__ import annotations

import re

PROSE = frozenset({"draft", "revise", "polish"})
"""Step kinds whose message is text of the story; the others talk about it."""
BOOKKEEPING = frozenset({"record"})

_COLOURS = {"writer": "cyan", "reader": "magenta", "expert": "yellow", "editor": "green"}
_NUMBER = re.compile(r"(-\d+)+$")


def kind_of(step: str | None) -> str:
    """`draft` of `draft-2`."""
    return _NUMBER.sub("", step or "")


def is_prose(step: str | None, agent: str | None) -> bool:
    kind = kind_of(step)
    return kind in PROSE or (not kind and agent == "writer")


def excerpt_lines(step: str | None) -> int:
    """How much of a message about the story is shown."""
    kind = kind_of(step)
    if kind in BOOKKEEPING:
        return 2
    return 14 if kind == "outline" else 8


def name_of(agent: str | None) -> str:
    return (agent or "someone").capitalize()


def colour_of(agent: str | None) -> str:
    return _COLOURS.get(agent or "", "blue")
