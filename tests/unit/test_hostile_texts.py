"""No text takes longer than its length: everything that reads what a person or a model wrote, given the worst of it.

Measured in time of this thread's own, so that a busy machine makes no difference, and bounded generously: what grows with
the square of the length takes a hundred times as long.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from coordinator.agents import seam
from coordinator.agents.cleaning.clean import clean as cleaned
from coordinator.agents.digest import bible_digest
from coordinator.agents.evidence import Evidence
from coordinator.agents.library import load_library
from coordinator.agents.repetition import find_repetition
from coordinator.llm import storyteller
from coordinator.models import StoryConfig
from coordinator.story.brief import Brief, BriefKind
from coordinator.story.difference import compare
from coordinator.story.ledger.cast import cast_of
from coordinator.story.ledger.ledger import Sources, ledger_of
from coordinator.story.material import Bible, Note, Notes, Outline, Person, Section
from coordinator.story.sections import realign, spans
from coordinator.story.words import count_words
from storyloom.cli.comparison import compared
from storyloom.cli.prose import Wrapper, clean, plain_headings, shorten
from storyloom.cli.typeset import markdown
from tests.unit.hostile import SEED, TEXTS

SHORT, LONG = 10_000, 1_000_000
TEMPLATE = load_library(None).get("short-story")


def brief(kind: BriefKind, **given: Any) -> Brief:
    common = {
        "step": "a-step",
        "agent": "writer",
        "template": TEMPLATE,
        "config": StoryConfig(),
        "prompt": "A bell.",
        "section": 1,
        "sections": 3,
        "words": 300,
        "round": 1,
    }
    return Brief(**{**common, "kind": kind, **given})


NAMED = Sources(
    cast_of(
        [Person(name=f"Mara Venn {n}", role="x", description="x") for n in range(200)], [], ["No iron crosses it."], 200
    )
)
_outline = storyteller.answer(brief("outline"))
assert isinstance(_outline, Outline)
OUTLINE = _outline


def shuffled(text: str, between: str) -> str:
    parts = text.split(between)
    random.Random(SEED).shuffle(parts)
    return between.join(parts)


def halves(text: str) -> list[str]:
    return [text[: len(text) // 2], text[len(text) // 2 :]]


def many(text: str) -> list[str]:
    return [text[at : at + 2_000] for at in range(0, len(text), 2_000)]


def joined(text: str) -> None:
    for so_far, answer in ((text, text), (text[:-1] + "y", text), (text, text[len(text) // 2 :] + "and on")):
        try:
            seam.joined(so_far, answer)
        except seam.NoWayOn:
            continue


def streamed(text: str) -> None:
    """As a model sends it that tells all of the text so far again."""
    telling = seam.Seam(text)
    for at in range(0, len(text), 7):
        telling.add(text[at : at + 7])


def evidenced(text: str) -> None:
    evidence = Evidence(brief("notes", reading=[Section(number=1, text=text[:50_000])]))
    evidence.missing(Notes(impression="x", notes=[Note(quote=text[:2_000], comment="x")] * 12))


def wrapped(text: str) -> None:
    for size in (7, len(text)):
        wrapper = Wrapper(80)
        for at in range(0, len(text), size):
            wrapper.feed(text[at : at + size])
        wrapper.flush()


def told(text: str) -> None:
    Console(file=io.StringIO(), width=80).print(markdown(text))


READERS: dict[str, tuple[Callable[[str], Any], float, float]] = {
    "count_words": (count_words, 0.1, 1.5),
    "difference from half of it": (lambda text: compare(1, 2, text, text[::2]), 1, 20),
    "difference from its reverse": (lambda text: compare(1, 2, text, text[::-1]), 1, 20),
    "difference of words": (lambda text: compare(1, 2, text, shuffled(text, " ")), 1, 20),
    "difference of paragraphs": (lambda text: compare(1, 2, text, shuffled(text, "\n")), 1, 20),
    "realign": (lambda text: realign(many(text), shuffled(text, "\n")), 1, 10),
    "spans": (lambda text: spans(many(text), text), 0.5, 5),
    "find_repetition": (
        lambda text: find_repetition(
            [Section(number=number, text=half) for number, half in enumerate(halves(text), 1)]
        ),
        1,
        40,
    ),
    "ledger": (lambda text: ledger_of({1: text, 2: text[::-1]}, NAMED), 0.6, 15),
    "bible_digest": (lambda text: bible_digest(Bible(people=OUTLINE.people), text[:100_000], 1_000), 0.3, 1),
    "evidence": (evidenced, 0.3, 1),
    "seam": (joined, 0.5, 5),
    "seam of a stream": (streamed, 0.5, 5),
    "clean": (clean, 0.1, 2),
    "cleaned": (lambda text: cleaned(text, brief("draft", outline=OUTLINE, beats=OUTLINE.beats)), 0.3, 10),
    "shorten": (lambda text: shorten(text, 80), 0.3, 5),
    "plain_headings": (plain_headings, 0.1, 2),
    "compared": (
        lambda text: compared(
            [
                {
                    "op": "replace",
                    "from_text": text,
                    "to_text": text,
                    "changes": [{"op": "replace", "from_text": text, "to_text": text[::-1]}],
                }
            ]
        ),
        0.2,
        2,
    ),
    "wrapper": (wrapped, 2, 60),
}
"""Each with the seconds for a short text and for a long one: of this thread, not of a clock."""

SHORT_ALONE = {
    "difference from half of it",
    "difference of words",
    "difference of paragraphs",
    "wrapper",
    "seam of a stream",
}
"""What others of the list try with a long text as well, or what no long text comes to at once."""

STORYTELLER: dict[str, Callable[[str], Brief]] = {
    "prompt": lambda text: brief("outline", prompt=text),
    "notes": lambda text: brief("revise", outline=OUTLINE, text="She came. He went.", notes=[text[:4_000]] * 12),
    "text": lambda text: brief("revise", outline=OUTLINE, text=text),
    "polish": lambda text: brief("polish", outline=OUTLINE, text=text),
    "rewrite": lambda text: brief("rewrite", outline=OUTLINE, text=text, notes=["Shorter."]),
    "record": lambda text: brief("record", outline=OUTLINE, text=text),
    **{
        kind: lambda text, kind=kind: brief(kind, outline=OUTLINE, reading=[Section(number=1, text=text)])  # type: ignore[misc]
        for kind in ("notes", "lore-review", "review")
    },
}


def seconds(read: Callable[[str], Any], text: str) -> float:
    begun = time.thread_time()
    read(text)
    return time.thread_time() - begun


@pytest.mark.parametrize("name", TEXTS)
def test_a_long_text_takes_no_longer_than_its_length(name: str, long: bool) -> None:
    """What grows with the square of the length fails at 10,000 characters; a megabyte of each is for the long form."""
    for reader, (read, least, most) in READERS.items():
        assert seconds(read, TEXTS[name](SHORT)) < least, reader
        if long and reader not in SHORT_ALONE:
            assert seconds(read, TEXTS[name](LONG)) < most, reader


@pytest.mark.parametrize("name", TEXTS)
def test_the_built_in_storyteller_reads_anything(name: str) -> None:
    text = TEXTS[name](SHORT)
    for about, made in STORYTELLER.items():
        assert seconds(storyteller.answer, made(text)) < 1.5, about  # type: ignore[arg-type]


@pytest.mark.parametrize("name", TEXTS)
def test_a_strangers_story_is_set_in_a_terminal(name: str) -> None:
    assert seconds(told, TEXTS[name](SHORT)) < 3
