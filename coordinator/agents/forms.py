"""The smaller form of each typed answer, for models that can't fill the whole one: fewer fields, none within another.

What it leaves out is left out of the answer too, or told from what is there; nothing is made up. Pure.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, Field

from coordinator.story.brief import BriefKind
from coordinator.story.material import (
    Aside,
    Beat,
    Contradiction,
    Line,
    LoreReview,
    Material,
    Note,
    Notes,
    Outline,
    OutlineReview,
    Person,
    Prose,
    Record,
    Score,
    SectionNote,
    Title,
    Verdict,
)

BEAT_WORDS: Final = 300
"""What each beat is given where nobody has said: all are scaled to the story's length."""


class SmallForm(Material, ABC):
    """Asked for instead of the whole form."""

    @abstractmethod
    def whole(self) -> BaseModel:
        """As the whole form."""


class SmallOutline(SmallForm):
    title: Title
    idea: Line = Field(description="the story in one sentence")
    people: list[Line] = Field(min_length=1, max_length=6, description="each: name, who they are")
    scenes: list[Line] = Field(min_length=2, max_length=40, description="what happens, scene after scene")

    def whole(self) -> Outline:
        people = [_person(line) for line in self.people]
        beats = [Beat(title=_first_words(scene), summary=scene, words=BEAT_WORDS) for scene in self.scenes]
        return Outline(title=self.title, logline=self.idea, setting=self.idea, people=people, beats=beats)


class SmallOutlineReview(SmallForm):
    good_enough: bool
    advice: Line = Field(description="the one thing to change")

    def whole(self) -> OutlineReview:
        problems = [] if self.good_enough else [self.advice]
        return OutlineReview(approved=self.good_enough, problems=problems, advice=self.advice)


class SmallRecord(SmallForm):
    summary: Prose = Field(description="what has happened in the story so far, in a few sentences")
    facts: list[Line] = Field(default_factory=list, max_length=6, description="what must stay true from now on")

    def whole(self) -> Record:
        return Record(summary=self.summary, facts=self.facts)


class SmallNotes(SmallForm):
    impression: Line
    advice: list[Line] = Field(default_factory=list, max_length=4, description="what the writer should do next")

    def whole(self) -> Notes:
        return Notes(impression=self.impression, notes=[Note(comment=line) for line in self.advice])


class SmallLoreReview(SmallForm):
    contradiction: bool = Field(description="whether the story contradicts itself")
    earlier: Aside = Field(default="", description="the first passage, word for word")
    later: Aside = Field(default="", description="the passage that contradicts it, word for word")
    section: int = Field(default=1, ge=1)
    remedy: Aside = ""

    def whole(self) -> LoreReview:
        if not (self.contradiction and self.earlier and self.later):
            return LoreReview(remarks="No contradiction was found.")
        remedy = self.remedy or "Make the later passage agree with the earlier one."
        found = Contradiction(section=self.section, earlier=self.earlier, later=self.later, remedy=remedy)
        return LoreReview(remarks="One contradiction was found.", contradictions=[found])


class SmallVerdict(SmallForm):
    score: int = Field(ge=1, le=10, description="of the story as it is: 3 fails, 5 is competent, 7 is good")
    passage: Line = Field(description="a passage of the text, word for word, that shows it")
    why: Line
    weakest_section: int = Field(default=0, ge=0)
    what_to_do: Aside = Field(default="", description="in that section")

    def whole(self) -> Verdict:
        rewrite = []
        if self.weakest_section and self.what_to_do:
            rewrite = [SectionNote(section=self.weakest_section, note=self.what_to_do)]
        return Verdict(
            prose=Score(score=self.score, evidence=self.passage, comment=self.why),
            approved=self.score >= GOOD,
            summary=self.why,
            rewrite=rewrite,
        )


GOOD: Final = 7
"""From this score on a story is approved."""

SMALL: Final[Mapping[BriefKind, type[SmallForm]]] = {
    "outline": SmallOutline,
    "outline-review": SmallOutlineReview,
    "record": SmallRecord,
    "notes": SmallNotes,
    "lore-review": SmallLoreReview,
    "review": SmallVerdict,
}


def _example(schema: Mapping[str, Any], defs: Mapping[str, Any], name: str) -> Any:
    """A form as it is shown to a model that is asked in words."""
    if reference := schema.get("$ref"):
        return _example(defs[reference.rsplit("/", 1)[1]], defs, name)
    match schema.get("type"):
        case "object":
            return {key: _example(part, defs, key) for key, part in schema["properties"].items()}
        case "array":
            return [_example(schema["items"], defs, schema.get("description", name.rstrip("s")))]
        case "boolean":
            return True
        case "integer":
            return max(schema.get("minimum", 1), 1)
    if options := schema.get("enum"):
        return options[0]
    return f"<{schema.get('description', name.replace('_', ' '))}>"


def asked_in_words(schema: Mapping[str, Any]) -> str:
    """What a request ends with where nothing but words can hold a model to a form."""
    example = json.dumps(_example(schema, schema.get("$defs", {}), ""), ensure_ascii=False, indent=1)
    return (
        "Answer with one JSON object of exactly this form, your own words in place of what stands in <…>, and with "
        f"nothing before or after it:\n{example}"
    )


def _person(line: str) -> Person:
    name, _, role = line.partition(",")
    if not role:
        name, _, role = line.partition(":")
    role = role.strip() or "in the story"
    return Person(name=name.strip() or line, role=role, description=role)


def _first_words(line: str) -> str:
    words = line.split()
    return " ".join(words[:6]).rstrip(".,;:!?") or line
