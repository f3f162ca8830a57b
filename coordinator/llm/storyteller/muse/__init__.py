"""A partner to talk with, by rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from coordinator.chat.talk import Said, Talk


@dataclass(frozen=True, slots=True)
class Reply:
    text: str
    call: tuple[str, dict[str, Any]] | None = None


def reply(talk: Talk) -> Reply:
    if talk.answered:
        return Reply("")
    return Reply(f"You said: {talk.said[-1].text[:200]} ({talk.turn})")


def summary(earlier: str, said: tuple[Said, ...]) -> str:
    return f"{earlier}\n{len(said)} messages."[:2000]


def title(said: tuple[Said, ...]) -> str:
    return said[0].text[:40]
