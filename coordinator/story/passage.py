"""A passage of a version of the text: where it stands, and what an agent is told that is to write it anew. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from coordinator.errors import InvalidMessage
from coordinator.story.brief import Brief
from coordinator.story.sections import spans
from coordinator.story.words import count_words
from coordinator.story.work import Work, section_count

MOST_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Passage:
    """`text` is what stands in the version from `start` to `end`, counted in characters (code points) from 0."""

    start: int
    end: int
    text: str
    before: str
    after: str
    section: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody says that a passage is: from `start` to `end`, or a whole `section`, counted from 1."""

    start: int | None = None
    end: int | None = None
    section: int | None = None


def find(work: Work, content: str, place: Place) -> Passage:
    """The passage of the current version, whose text is `content`. Raises InvalidMessage where that is none."""
    start, end, section = place.start, place.end, place.section
    places = spans(work.shown, content)
    if section is not None:
        if start is not None or end is not None:
            raise InvalidMessage("Name a section, or the start and end of a passage: not both.")
        if not 1 <= section <= len(places):
            raise InvalidMessage(f"This version has the sections 1 to {len(places)}: choose one of them.")
        found = places[section - 1]
        if found is None:
            raise InvalidMessage(f"Nothing is left of section {section}: choose another.")
        start, end = found
    elif start is None or end is None:
        raise InvalidMessage("Name a section, or the start and end of a passage.")
    if not 0 <= start < end <= len(content):
        raise InvalidMessage(f"A passage starts before it ends, within the text's {len(content)} characters.")
    if end - start > MOST_CHARACTERS:
        raise InvalidMessage(f"The passage has {end - start} characters; it can have {MOST_CHARACTERS} at the most.")
    text = content[start:end]
    if not text.strip():
        raise InvalidMessage("There is nothing but space in that passage.")
    if section is None:
        section = next((number for number, span in enumerate(places, 1) if span and start < span[1]), len(places))
    return Passage(start, end, text, content[:start], content[end:], max(section, 1))


def brief(work: Work, passage: Passage, instruction: str, number: int) -> Brief:
    """For version `number` of the passage, from 1."""
    text = passage.text.strip()
    return Brief(
        step=f"rewrite-{number}",
        kind="rewrite",
        agent="writer",
        template=work.template,
        prompt=work.prompt,
        config=work.config,
        round=number,
        outline=work.outline,
        bible=work.bible,
        summary=work.summary,
        section=passage.section,
        sections=section_count(work),
        words=count_words(text),
        previous=passage.before[-MOST_CHARACTERS:],
        following=passage.after[:MOST_CHARACTERS],
        text=text,
        notes=[instruction],
        instructions=work.known.instructions,
        hero=next((person.name for person in work.known.bible.people), ""),
    )


def placed(passage: str, version: str) -> str:
    """Another version of a passage with the space at its ends as the passage had it."""
    inner = passage.strip()
    at = passage.find(inner)
    return passage[:at] + version.strip() + passage[at + len(inner) :]
