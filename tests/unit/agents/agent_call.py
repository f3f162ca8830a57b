"""An agent's call as the tests make it: its brief, and who watches it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from coordinator.agents.cast import Answer
from coordinator.agents.library import load_library
from coordinator.llm.models import Models
from coordinator.models import StoryConfig
from coordinator.story.brief import Brief
from coordinator.story.material import Section
from coordinator.story.template import StepKind

GPT = "openai:gpt-test"
SECRET = "sk-very-secret-key"
TEMPLATE = load_library().get("noir")
WAITS = [("waiting", "waiting for a free place among the model calls")]
TEXT = "Mara counted the brass lamps. “Seven,” she said, and the eighth went out.\n\nNobody had lit it."


class Watcher:
    """Puts deltas together as a client does, and fails where they do not fit."""

    def __init__(self) -> None:
        self.states: list[tuple[str, str]] = []
        self.deltas: list[tuple[int, int, str]] = []
        self.texts: dict[int, str] = {}
        self.begun = asyncio.Event()

    def state(self, state: str, activity: str) -> None:
        self.states.append((state, activity))

    def delta(self, attempt: int, offset: int, text: str) -> None:
        so_far = self.texts.setdefault(attempt, "")
        assert offset == len(so_far)
        assert attempt == max(self.texts)
        self.texts[attempt] = so_far + text
        self.deltas.append((attempt, offset, text))
        self.begun.set()

    @property
    def attempts(self) -> list[int]:
        return sorted(self.texts)


def brief(kind: StepKind = "draft", **values: Any) -> Brief:
    step = TEMPLATE.step(kind)
    assert step is not None
    given: dict[str, Any] = {"section": 1, "sections": 2, "words": 60} if kind in ("draft", "revise", "polish") else {}
    if kind in ("notes", "lore-review", "review"):
        given = {"reading": [Section(number=1, text=TEXT)]}
    if kind in ("revise", "polish"):
        given["text"] = TEXT
    return Brief(
        step=f"{kind}-1",
        kind=kind,
        agent=step.agent,
        template=TEMPLATE,
        prompt="A lamp goes out.",
        config=StoryConfig(),
        **(given | values),
    )


MakeModels = Callable[..., Models]
Ask = Callable[..., Awaitable[Answer]]
