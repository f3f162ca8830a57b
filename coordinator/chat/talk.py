"""A talk as an agent sees it before it answers: who it is, what was said, what its project knows, what it may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from coordinator.story.material import Bible

Speaker = Literal["user", "assistant"]
Tool = Literal["look_up", "read_story", "note", "propose_story"]
MOST_CALLS = 8
"""Tools called in one turn."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the branch that is shown. `author` is a name for people, where more than one takes part."""

    speaker: Speaker
    text: str
    author: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What the agent asks for, `offset` characters into its answer."""

    id: str
    tool: Tool
    args: dict[str, Any]
    offset: int = 0


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What came of a call: `result` for the agent and for who watches, or the sentence that says why there is none."""

    call: ToolCall
    result: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A story of the project: what it is called, how far it is, and how it begins."""

    session_id: str
    title: str
    status: str
    words: int
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Talk:
    """`said` is the newest part of the talk, oldest first; it ends with what is to be answered. `earlier` is the
    summary of what lies before it, and `turn` how many messages the branch has in all."""

    session_id: str
    agent: str
    said: tuple[Said, ...]
    turn: int
    earlier: str = ""
    instructions: str = ""
    bible: Bible = field(default_factory=Bible)
    stories: tuple[Told, ...] = ()
    tools: tuple[Tool, ...] = ()
    answered: tuple[ToolAnswer, ...] = ()
    """Of this turn, in their order."""
    written: str = ""
    """The answer so far."""
    again: int = 0
    """How often this message was answered before: this is to be another answer."""
