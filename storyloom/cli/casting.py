"""What steps and agents are called, and which of them write the story itself."""

from __future__ import annotations

import re

STAGES = ("foundation", "drafting", "validation")
"""In the order in which they come: an object's keys have none."""
FREE = frozenset({"brainstorm", "draft", "revise", "polish"})
"""Step kinds whose message is free text, worth reading while it is written; the others fill in a form."""
BESIDE = frozenset({"brainstorm", "polish"})
"""Step kinds whose text is shown dimmed: no more of the story, but thoughts about it or its text once more."""
BOOKKEEPING = frozenset({"record"})

_COLOURS = {"writer": "cyan", "reader": "magenta", "expert": "yellow", "editor": "green"}
_NUMBER = re.compile(r"(-\d+)+$")


def kind_of(step: str | None) -> str:
    """`draft` of `draft-2`."""
    return _NUMBER.sub("", step or "")


def is_read_live(step: str | None, agent: str | None) -> bool:
    """Whether a message is shown word by word, and then whole, rather than in brief when it is done."""
    kind = kind_of(step)
    return kind in FREE or (not kind and agent == "writer")


def waiting_text(step: str) -> str:
    """`the outline` of `approve-outline-2`: what a gate asks about."""
    gate = kind_of(step).removeprefix("approve-")
    return {"final": "the final text"}.get(gate, f"the {gate}")


def place_in_queue(place: int) -> str:
    """`3rd in the queue`."""
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending} in the queue"


def stage_place(stage: str) -> int:
    return STAGES.index(stage) if stage in STAGES else len(STAGES)


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
