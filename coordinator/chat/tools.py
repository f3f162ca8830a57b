"""What an agent of a chat can do besides talking: the arguments of each tool, and what they say to a model. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coordinator.models import OneLine, Prompt, ShortText, Storable

MOST_RESULT = 6_000
"""Characters of what a tool answers: more would push the talk out of the window."""


class Args(BaseModel):
    """Arguments of a tool. What it does not know is overlooked: models add things."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)


class LookUp(Args):
    """Look up what the project's bible and stories say of a person, a place or a thing."""

    query: ShortText = Field(description="a name, or a few words")


class ReadStory(Args):
    """Read a story of the project, a section at a time."""

    session_id: ShortText = Field(description="the story's session id, as look_up and the list of stories give it")
    section: int = Field(default=1, ge=1, le=1000, description="which part of it, from 1")


class NoteDown(Args):
    """Put something that the writer has decided into the project's bible."""

    kind: Literal["person", "place", "rule", "fact"] = "fact"
    name: Annotated[str, Field(max_length=120), OneLine] = Field(
        default="", description="of the person or place; empty for a rule or a fact"
    )
    text: Annotated[str, Field(min_length=1, max_length=2_000), Storable] = Field(
        description="what is to be remembered, in a sentence or two"
    )


class ProposeStory(Args):
    """Show the writer a card with a button that has the story written. It begins when they press it, and not before."""

    prompt: Prompt = Field(
        description="what the story is about, with all that was agreed: people, place, aim, obstacle, tone, ending"
    )
    template: ShortText | None = Field(default=None, description="one of the templates, where one fits")
    pages: int = Field(default=3, ge=1, le=100, description="of 300 words")
    protagonist: ShortText | None = None
    wishes: list[Annotated[str, Field(min_length=1, max_length=500), OneLine]] = Field(
        default_factory=list, max_length=12, description="what must happen, or must not"
    )


ARGS: Mapping[str, type[Args]] = {
    "look_up": LookUp,
    "read_story": ReadStory,
    "note": NoteDown,
    "propose_story": ProposeStory,
}


def checked(tool: str, args: Any) -> Args | str:
    """The arguments, or a sentence for the agent that says what is wrong with them."""
    kind = ARGS.get(tool)
    if kind is None:
        return f"There is no tool {tool[:60]!r}. There are: {', '.join(ARGS)}."
    if not isinstance(args, dict):
        return f"The arguments of {tool} are an object."
    try:
        found: Args = kind.model_validate(args)
        return found
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or tool}: {fault['msg']}"
            for fault in error.errors(include_url=False)[:3]
        )
        return f"The arguments of {tool} are not right: {wrong}."
