"""What of a talk an agent gets to see: as much as its model has room for. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from coordinator.chat.talk import Said, Talk, Told, Tool
from coordinator.story.material import Bible

Count = Callable[[str], int]
"""Tokens of a text, rather too many than too few."""

LINE_TOKENS = 8
"""What a chat template puts round a message."""
BIBLE_SHARE, SUMMARY_SHARE = 4, 4
"""Of the room: the bible and the summary take one part in so many at the most, each."""
NEWEST_SHARE = 2
"""What is to be answered has one part in so many at the least, however much else there is."""
FALLEN_SHARE = 4
"""A summary is due where one part in so many of the window has fallen out of it."""
LEAST_NAME = 3
"""Letters of a word by which a name is found in a talk."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Line:
    """A message of the branch: its number, and its place in the branch from 1."""

    seq: int
    place: int
    said: Said


@dataclass(frozen=True, slots=True)
class Summary:
    """What was said up to the `place`-th message of the branch, which has the number `upto`."""

    upto: int = 0
    place: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Material:
    """All that a talk could show its agent: `lines` are the newest messages of the branch, the last of them to be
    answered."""

    session_id: str
    agent: str
    lines: tuple[Line, ...]
    total: int
    summary: Summary = field(default_factory=Summary)
    instructions: str = ""
    bible: Bible = field(default_factory=Bible)
    stories: tuple[Told, ...] = ()
    tools: tuple[Tool, ...] = ()
    again: int = 0
    """How often the last message was answered before."""

    @property
    def bible_size(self) -> int:
        """About how many characters."""
        bible = self.bible
        return 100 * (len(bible.people) + len(bible.places) + len(bible.rules) + len(bible.facts))


@dataclass(frozen=True, slots=True)
class Window:
    """`fallen` are the messages that neither the talk nor its summary shows."""

    talk: Talk
    fallen: tuple[Line, ...]
    tokens: int


def of_store(talk: dict[str, Any]) -> tuple[tuple[Line, ...], Summary]:
    """The messages and the summary as the store has them."""
    messages = talk["messages"]
    first = talk["total"] - len(messages) + 1
    lines = tuple(
        Line(message["seq"], first + at, Said(_speaker(message["role"]), message["content"], message.get("author_id")))
        for at, message in enumerate(messages)
    )
    kept = talk.get("summary")
    return lines, Summary(kept["upto"], kept["total"], kept["text"]) if kept else Summary()


def window(material: Material, room: int, count: Count) -> Window:
    """The newest messages, whole, as far as `room` tokens go, which the instructions, the summary and what of the
    bible is spoken of share with them. The last one is cut where it alone would take more than half of it."""
    instructions = start_of(material.instructions, room // BIBLE_SHARE, count)
    summary = start_of(material.summary.text, room // SUMMARY_SHARE, count)
    left = room - count(instructions) - count(summary)
    newest = material.lines[-1]
    last = replace(newest.said, text=start_of(newest.said.text, max(left // NEWEST_SHARE, 1), count))
    left -= count(last.text) + LINE_TOKENS
    bible = touched(material.bible, (line.said.text for line in material.lines[-20:]), left // BIBLE_SHARE, count)
    left -= count(as_text(bible))
    shown: list[Said] = []
    first = len(material.lines) - 1
    for at in range(len(material.lines) - 2, -1, -1):
        said = material.lines[at].said
        left -= count(said.text) + LINE_TOKENS
        if left < 0:
            break
        shown.append(said)
        first = at
    talk = Talk(
        material.session_id,
        material.agent,
        (*reversed(shown), last),
        material.total,
        summary,
        instructions,
        bible,
        material.stories,
        material.tools,
        again=material.again,
    )
    fallen = tuple(line for line in material.lines[:first] if line.place > material.summary.place)
    return Window(talk, fallen, max(room - max(left, 0), 0))


def is_summary_due(cut: Window, room: int, count: Count) -> bool:
    """Whether more has fallen out of the window than should go unremembered."""
    fallen = 0
    for line in cut.fallen:
        fallen += count(line.said.text) + LINE_TOKENS
        if fallen * FALLEN_SHARE > room:
            return True
    return False


def touched(bible: Bible, texts: Iterable[str], room: int, count: Count) -> Bible:
    """What of the bible the texts speak of, by the words of its names; rules always. As far as the room goes."""
    spoken: set[str] = set()
    if bible.people or bible.places or bible.facts:
        # Casefolded as a whole: word by word a long talk would take a millisecond.
        spoken = {word for text in texts for word in _WORD.findall(text.casefold()) if len(word) >= LEAST_NAME}

    def is_spoken_of(name: str) -> bool:
        return any(len(word) >= LEAST_NAME and word.casefold() in spoken for word in _WORD.findall(name))

    kept = Bible()
    found = (
        *(("rules", rule, rule) for rule in bible.rules),
        *(
            ("people", one, f"{one.name} {one.role} {one.description}")
            for one in bible.people
            if is_spoken_of(one.name)
        ),
        *(("places", one, f"{one.name} {one.description}") for one in bible.places if is_spoken_of(one.name)),
        *(("facts", one, one.text) for one in bible.facts if is_spoken_of(one.text)),
    )
    for group, entry, text in found:
        room -= count(text) + LINE_TOKENS
        if room < 0:
            break
        getattr(kept, group).append(entry)
    return kept


def as_text(bible: Bible) -> str:
    """The bible as an agent reads it; nothing where it is empty."""
    parts = [
        "\n".join(f"- {one.name}, {one.role}: {one.description}" for one in bible.people),
        "\n".join(f"- {one.name}: {one.description}" for one in bible.places),
        "\n".join(f"- {rule}" for rule in bible.rules),
        "\n".join(f"- {fact.text}" for fact in bible.facts),
    ]
    heads = ("People", "Places", "Always true", "Facts")
    return "\n\n".join(f"{head}:\n{part}" for head, part in zip(heads, parts, strict=True) if part)


def start_of(text: str, room: int, count: Count) -> str:
    """The text, or as much of its beginning as has room, with a mark where it was cut."""
    if count(text) <= room:
        return text
    # A token has a character at the least, so few halvings find the place.
    low, high = 0, min(len(text), max(room, 0) * 8)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(text[:middle]) <= room - 1 else (low, middle)
    return text[:low].rstrip() + " …" if low else ""


def _speaker(role: str) -> Any:
    return "assistant" if role == "assistant" else "user"
