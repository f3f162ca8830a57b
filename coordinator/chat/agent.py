"""An agent to talk with, as a template: data, read from TOML with `kind = "chat"`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coordinator.chat.talk import Tool
from coordinator.story.template import Slug, Strict, Text


class ChatAgent(Strict):
    kind: Literal["chat"]
    name: Slug
    title: Text
    description: Text
    greeting: Text = Field(description="shown before anything is said; no message")
    persona: Text = Field(description="who they are, said to the model in the second person")
    voice: Text = Field(description="how they speak")
    rules: list[Text] = Field(min_length=1, max_length=20, description="what they always do, and never")
    tools: list[Tool] = Field(default_factory=list, max_length=4)
    temperature: float = Field(default=0.8, ge=0, le=2)
