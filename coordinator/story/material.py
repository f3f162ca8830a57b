"""What agents make and hand on: the typed answers of a story run. Pure data, and the schemas that models fill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.json_schema import SkipJsonSchema

from coordinator.plain import plain_name, plain_title
from coordinator.storable import storable


def _by(clean: Callable[[str], str]) -> BeforeValidator:
    """Cleans before anything is measured; what is no text is left to be refused."""

    def cleaned(value: Any) -> Any:
        return clean(value) if isinstance(value, str) else value

    return BeforeValidator(cleaned)


Aside = Annotated[str, Field(max_length=2_000), _by(storable)]
Line = Annotated[str, Field(min_length=1, max_length=2_000), _by(storable)]
Prose = Annotated[str, Field(min_length=1, max_length=20_000), _by(storable)]
Name = Annotated[str, Field(min_length=1), _by(plain_name)]
Title = Annotated[str, Field(min_length=1), _by(plain_title)]
"""Shown as plain words: in one line, without Markdown, never too long."""


class Material(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True, extra="ignore")


class Person(Material):
    name: Name
    role: Line = Field(description="what they are in the story, in a few words")
    description: Line = Field(description="looks, habits, what they want and what they hide")
    voice: Aside = Field(default="", description="how they speak")


class Place(Material):
    name: Name
    description: Line


class Beat(Material):
    title: Title
    summary: Line = Field(description="what happens and what changes by it")
    words: int = Field(ge=20, le=3_000, description="word budget of this beat")
    place: Annotated[str, _by(plain_name)] = ""
    people: list[Name] = Field(default_factory=list, max_length=20)


class Outline(Material):
    title: Title
    logline: Line
    setting: Line = Field(description="where and when, and what it feels like to be there")
    people: list[Person] = Field(min_length=1, max_length=40)
    places: list[Place] = Field(default_factory=list, max_length=40)
    rules: list[Line] = Field(default_factory=list, max_length=40, description="what is always true in this world")
    beats: list[Beat] = Field(min_length=1, max_length=400)


class OutlineReview(Material):
    approved: bool = Field(description="false only where the story could not work as outlined")
    strengths: list[Line] = Field(default_factory=list, max_length=10)
    problems: list[Line] = Field(default_factory=list, max_length=10)
    advice: Line


class Note(Material):
    section: int | None = Field(default=None, ge=1, description="the number of the section that it speaks of")
    quote: Aside = Field(default="", description="the passage it speaks of, word for word")
    comment: Line = Field(description="what to do about it")


class Notes(Material):
    impression: Line
    notes: list[Note] = Field(default_factory=list, max_length=12)


class Fact(Material):
    text: Line
    section: int = Field(ge=0, description="the section that set it; 0 is the outline")


class Bible(Material):
    """What the story has established. Grows by `Record`s; the outline sets its first entries."""

    people: list[Person] = Field(default_factory=list)
    places: list[Place] = Field(default_factory=list)
    rules: list[Line] = Field(default_factory=list)
    facts: list[Fact] = Field(default_factory=list)


DetailAttribute = Literal[
    "alive", "eyes", "hair", "looks", "age", "kin", "place", "holds", "injury", "day", "hour", "weather"
]
MOST_DETAILS = 30
MOST_READ = 10 * MOST_DETAILS
"""Details that are looked at."""


class Detail(Material):
    """A fact that can be compared with another of the same subject and attribute, whatever the language."""

    subject: Name = Field(description="who or what, under the name that the bible has; world for day, hour and weather")
    attribute: DetailAttribute
    value: Annotated[str, Field(min_length=1, max_length=200), _by(storable)] = Field(
        description="in one to five words"
    )
    quote: Annotated[str, Field(max_length=500), _by(storable)] = Field(
        default="", description="where the section says it, word for word"
    )


def _usable(details: Any) -> Any:
    """Those that are details, the first MOST_DETAILS: no record is refused for one that a model gets wrong."""
    kept: list[Detail] = []
    for told in details[:MOST_READ] if isinstance(details, list) else []:
        try:
            kept.append(Detail.model_validate(told))
        except ValidationError:
            continue
        if len(kept) == MOST_DETAILS:
            break
    return kept


class Record(Material):
    """What one section adds to the bible, and the running summary up to and with it."""

    summary: Prose = Field(description="the whole story so far in at most 300 words, replacing the last summary")
    people: list[Person] = Field(
        default_factory=list, max_length=20, description="people new or changed in this section"
    )
    places: list[Place] = Field(
        default_factory=list, max_length=20, description="places new or changed in this section"
    )
    facts: list[Line] = Field(
        default_factory=list, max_length=30, description="what later sections must not contradict"
    )
    details: Annotated[list[Detail], BeforeValidator(_usable)] = Field(
        default_factory=list, description="the facts of this section that can be looked up"
    )


class Contradiction(Material):
    section: int = Field(ge=1, description="the section to mend")
    earlier: Line = Field(description="the passage or fact that came first, word for word")
    later: Line = Field(description="the passage that contradicts it, word for word")
    remedy: Line


class LoreReview(Material):
    remarks: Line
    contradictions: list[Contradiction] = Field(default_factory=list, max_length=20)


class Score(Material):
    score: int = Field(ge=1, le=10)
    evidence: Line = Field(description="a passage of the text, word for word, that shows it")
    comment: Line


class SectionNote(Material):
    section: int = Field(ge=1)
    note: Line


def _all_scores(schema: dict[str, Any]) -> None:
    """A reader is asked for every score; one is only missing where its passage can't be found."""
    for name in SCORES:
        schema["properties"][name].pop("default", None)
    schema["required"] = [*SCORES, *schema.get("required", [])]


SCORES = ("plot", "character", "prose", "pacing", "originality", "fit")


class Verdict(Material):
    """The reader's rubric. Each score rests on a quoted passage; None is one whose passage stands nowhere."""

    model_config = ConfigDict(json_schema_extra=_all_scores)

    plot: Score | SkipJsonSchema[None] = None
    character: Score | SkipJsonSchema[None] = None
    prose: Score | SkipJsonSchema[None] = None
    pacing: Score | SkipJsonSchema[None] = None
    originality: Score | SkipJsonSchema[None] = None
    fit: Score | SkipJsonSchema[None] = Field(default=None, description="fit to what the writer asked for")
    approved: bool
    summary: Line
    rewrite: list[SectionNote] = Field(
        default_factory=list, max_length=40, description="sections to write again, and why"
    )

    def scores(self) -> dict[str, int]:
        """Those that there are."""
        return {name: score.score for name in SCORES if (score := getattr(self, name)) is not None}

    def total(self) -> float | None:
        """Mean of the scores, 1 to 10; None where there is none."""
        scores = self.scores().values()
        return sum(scores) / len(scores) if scores else None


class Section(Material):
    """A numbered part of the text, 1, 2, 3 …, written by one call."""

    number: int = Field(ge=1)
    text: str
