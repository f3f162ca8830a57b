"""A template: the cast, the steps with their stages, and the theme. Data, read from TOML by `parse`; pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from coordinator.errors import Misconfigured

Stage = Literal["foundation", "drafting", "validation"]
StepKind = Literal[
    "brainstorm", "outline", "outline-review", "draft", "record", "notes", "lore-review", "review", "revise", "polish"
]
AgentName = Literal["writer", "reader", "expert", "editor"]

STAGES: tuple[Stage, ...] = get_args(Stage)
KINDS: tuple[StepKind, ...] = get_args(StepKind)
"""Step kinds in the only order in which they make sense; a template picks from it."""

Text = Annotated[str, Field(min_length=1, max_length=4_000)]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]


class Strict(BaseModel):
    """No unknown keys and no silent conversion: `temperature = "0.8"` is a mistake to be told, not a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, strict=True)


T = TypeVar("T", bound=Strict)


class Agent(Strict):
    """One member of the cast."""

    persona: Text = Field(description="who they are, said to the model in the second person")
    voice: Text = Field(description="how they write or speak")
    look_for: list[Text] = Field(min_length=1, max_length=12, description="what they must look for")
    temperature: float = Field(default=0.8, ge=0, le=2)


class StepPlan(Strict):
    kind: StepKind
    stage: Stage
    agent: AgentName
    instruction: str = Field(default="", max_length=4_000, description="added to the prompt of this kind of step")


class ThemeOption(Strict):
    name: Slug
    title: Text
    values: list[Text] = Field(min_length=2, max_length=20)
    default: Text
    effects: dict[str, Text] = Field(default_factory=dict, description="value: what choosing it changes in the story")

    @model_validator(mode="after")
    def _default_is_a_value(self) -> ThemeOption:
        if len(set(self.values)) < len(self.values):
            raise ValueError("values: each value once")
        if self.default not in self.values:
            raise ValueError(f"default {self.default!r} is not one of the values")
        for value in self.effects:
            if value not in self.values:
                raise ValueError(f"effects: {value!r} is not one of the values")
        return self


class Theme(Strict):
    """How it looks and what may be chosen; `name` is the studio's theme."""

    name: Slug
    accent: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")
    options: list[ThemeOption] = Field(default_factory=list, max_length=12)

    @model_validator(mode="after")
    def _each_option_once(self) -> Theme:
        names = [option.name for option in self.options]
        if len(set(names)) < len(names):
            raise ValueError("options: each name once")
        return self

    def choices(self, chosen: Mapping[str, str]) -> dict[str, str]:
        """The value of every option: the chosen one where it is one of the option's values, else the default."""
        return {
            option.name: value if (value := chosen.get(option.name, "")) in option.values else option.default
            for option in self.options
        }


class Style(Strict):
    """What makes a text one of this genre."""

    genre: Text
    setting: Text
    diction: Text
    point_of_view: Text
    opening: Text
    turn: Text
    ending: Text
    form: str = Field(
        default="", max_length=4_000, description="what the page looks like, and any headings it may have"
    )
    avoid: list[Text] = Field(min_length=1, max_length=40, description="filler and clichés that are banned")


class Template(Strict):
    name: Slug
    title: Text
    description: Text
    example_prompt: Text
    theme: Theme
    style: Style
    agents: dict[AgentName, Agent]
    steps: list[StepPlan] = Field(min_length=2, max_length=len(KINDS))

    @model_validator(mode="after")
    def _steps_make_a_story(self) -> Template:
        kinds = [step.kind for step in self.steps]
        if kinds != sorted(set(kinds), key=KINDS.index):
            raise ValueError(f"steps: each kind once, in this order: {', '.join(KINDS)}")
        for needed in ("outline", "draft"):
            if needed not in kinds:
                raise ValueError(f"steps: a {needed} step is needed")
        if "revise" in kinds and "review" not in kinds:
            raise ValueError("steps: revise needs a review to go by")
        order = [STAGES.index(step.stage) for step in self.steps]
        if order != sorted(order):
            raise ValueError(f"steps: stages come in this order: {', '.join(STAGES)}")
        for step in self.steps:
            if step.agent not in self.agents:
                raise ValueError(f"steps: {step.kind} wants agent {step.agent}, who is not in [agents]")
        return self

    def step(self, kind: str) -> StepPlan | None:
        return next((step for step in self.steps if step.kind == kind), None)


def parse(text: str, source: str) -> Template:
    """A template from TOML text. Raises Misconfigured naming `source` and the key that is wrong."""
    return checked(Template, read(text, source), source)


def read(text: str, source: str) -> dict[str, Any]:
    """What stands in TOML text. Raises Misconfigured naming `source`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"Template {source} is not valid TOML: {error}.") from error
    except RecursionError as error:
        raise Misconfigured(f"Template {source} is not valid TOML: its brackets are nested too deep.") from error


def checked(kind: type[T], fields: dict[str, Any], source: str) -> T:
    """A template of that kind. Raises Misconfigured naming `source` and the key that is wrong."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        told = "; ".join(_fault(fault) for fault in faults[:MAX_FAULTS])
        more = f"; and {len(faults) - MAX_FAULTS} more" if len(faults) > MAX_FAULTS else ""
        raise Misconfigured(f"Template {source} is not valid: {told}{more}.") from error


MAX_FAULTS = 5
"""One forgotten bracket can break every key after it; five are enough to see where to begin."""


def _fault(fault: ErrorDetails) -> str:
    """`steps[3].agent: is missing`: list places are counted from 1, as a person counts the `[[steps]]` of a file."""
    key = ""
    for part in fault["loc"]:
        if isinstance(part, int):
            key += f"[{part + 1}]"
        elif part != "[key]":
            key += f".{part}" if key else str(part)
    said = {"missing": "is missing", "extra_forbidden": "is not a key that a template has"}.get(fault["type"])
    return f"{key or 'template'}: {said or fault['msg'].removeprefix('Value error, ')}"
