"""What stands in where no model gave a usable answer, so that the story goes on: never what it would have to tell.

A step that judges is passed over and says so, one that plans is done by the built-in grammar from the prompt, one that
mends leaves the text as it is. Only a story that nobody writes fails.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

from pydantic import BaseModel

from coordinator.agents.fence import end_of, one_line
from coordinator.story.brief import Brief, BriefKind
from coordinator.story.material import LoreReview, Notes, OutlineReview, Record, Verdict

UNJUDGED: Final = "The reader could not judge this: the model gave no usable answer."
UNCHECKED: Final = "The lore expert could not check this: the model gave no usable answer."
BUILT_IN: Final = "The model gave no usable answer, so the built-in storyteller has done this from the prompt."
UNRECORDED: Final = "The model gave no usable record: this one is made of the text's own sentences."
UNCHANGED: Final = "The model gave no usable text, so this section stays as it is."

SUMMARY_WORDS: Final = 250
SENTENCE_CHARACTERS: Final = 300
_SENTENCE = re.compile(r"\S[^.!?…。！？\n]{0,400}[.!?…。！？]?")

NOTES: Final[dict[BriefKind, str]] = {
    "brainstorm": BUILT_IN,
    "outline": BUILT_IN,
    "outline-review": UNJUDGED,
    "record": UNRECORDED,
    "notes": UNJUDGED,
    "lore-review": UNCHECKED,
    "review": UNJUDGED,
    "revise": UNCHANGED,
    "polish": UNCHANGED,
}
"""What a writer is told, by the kind of step. What is not among them has nothing that could stand in."""


async def stand_in(brief: Brief) -> str | BaseModel:
    """What this step gives where it was passed over. For the kinds of NOTES."""
    match brief.kind:
        case "outline-review":
            return OutlineReview(approved=True, advice=UNJUDGED)
        case "record":
            return Record(summary=_summary(brief))
        case "notes":
            return Notes(impression=UNJUDGED)
        case "lore-review":
            return LoreReview(remarks=UNCHECKED)
        case "review":
            return Verdict(approved=True, summary=UNJUDGED)
        case "revise" | "polish":
            return brief.text
    # Late: its word banks are only loaded by a node that uses them.
    from coordinator.llm import storyteller

    return await asyncio.to_thread(storyteller.answer, brief)


def _summary(brief: Brief) -> str:
    """The summary so far and how the section begins and ends, the newest kept where it is too much."""
    told = [found[0][:SENTENCE_CHARACTERS] for found in _SENTENCE.finditer(brief.text[:2_000])][:1]
    told += [found[0][:SENTENCE_CHARACTERS] for found in _SENTENCE.finditer(brief.text[-2_000:])][-1:]
    return end_of(one_line(" ".join([brief.summary, *dict.fromkeys(told)])), SUMMARY_WORDS).strip() or "Nothing yet."
