"""Talks with the muse, as the service runs them: a window of messages, a summary of what fell out of it, tools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from coordinator.chat.talk import MOST_CALLS, Said, Talk, Told, Tool, ToolAnswer, ToolCall
from coordinator.llm.storyteller.muse import reply, summary

TOOLS: tuple[Tool, ...] = ("look_up", "read_story", "note", "propose_story")
SALT = Told(
    "11111111-1111-4111-8111-111111111111",
    "The Salt Light",
    "completed",
    3_120,
    'Every evening Ottilie set a cup upside down on the sill. "Why?" asked Mara. Nobody answered; the stove ticked, '
    "and a smell of salt came up through the floor. It had been like that for nine years.",
)
BRANN = Told(
    "22222222-2222-4222-8222-222222222222",
    "Brann",
    "active",
    410,
    "Brann woke up. He was in a room. The room was white and it was empty and he did not know why he was there at all.",
)


@dataclass
class Room:
    """One talk. `results` are what tools answer, by their name; a string is an error."""

    agent: str = "muse"
    session_id: str = "7c1d3a5e-0000-4000-8000-000000000001"
    window: int = 400
    summarised: bool = True
    tools: tuple[Tool, ...] = TOOLS
    stories: tuple[Told, ...] = ()
    author: str | None = None
    results: Mapping[str, dict[str, Any] | str] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    earlier: str = ""
    turn: int = 0
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def say(self, text: str) -> str:
        """The whole answer to a message. Its calls are in `calls`."""
        self.add(Said("user", text, self.author))
        answered: tuple[ToolAnswer, ...] = ()
        written, self.calls = "", []
        while True:
            told = reply(self.talk(answered, written))
            written += told.text
            if told.call is None:
                break
            assert told.call[0] in self.tools
            assert len(answered) < MOST_CALLS
            self.calls.append(told.call)
            result = self.results.get(told.call[0], {})
            call = ToolCall(str(len(answered)), told.call[0], told.call[1], len(written))
            answer = ToolAnswer(call, error=result) if isinstance(result, str) else ToolAnswer(call, result)
            answered = (*answered, answer)
        self.add(Said("assistant", written))
        return written

    def all(self, texts: Iterable[str]) -> list[str]:
        return [self.say(text) for text in texts]

    def talk(self, answered: tuple[ToolAnswer, ...] = (), written: str = "") -> Talk:
        return Talk(
            self.session_id,
            self.agent,
            tuple(self.said),
            self.turn,
            earlier=self.earlier,
            stories=self.stories,
            tools=self.tools,
            answered=answered,
            written=written,
        )

    def add(self, said: Said) -> None:
        self.said.append(said)
        self.turn += 1
        gone = self.said[: -self.window]
        if gone and self.summarised:
            self.earlier = summary(self.earlier, tuple(gone))
        self.said = self.said[-self.window :]
