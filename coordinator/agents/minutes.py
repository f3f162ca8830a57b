"""What is put down of a talk beside its answers: a summary of what has fallen out of the window, and a title."""

from __future__ import annotations

import asyncio
import logging
from typing import ClassVar, Final

from pydantic_ai.direct import model_request_stream
from pydantic_ai.exceptions import AgentRunError, UserError

from coordinator.agents.call import Call, Listener, label
from coordinator.agents.faults import Fault
from coordinator.agents.length import Length, whole_sentences
from coordinator.chat.talk import Said
from coordinator.llm.models import OFFLINE, Models
from coordinator.llm.prices import Spent
from coordinator.plain import plain_title
from coordinator.telemetry.metrics import Metrics
from coordinator.telemetry.traces import instrumented

log = logging.getLogger(__name__)

SUMMARY_WORDS: Final = 350
TITLE_WORDS: Final = 12
LONGEST_TITLE: Final = 80
MOST_READ: Final = 60_000
"""Characters of a talk that are read for a summary at once."""

SUMMARIZE: Final = (
    "You keep the minutes of a talk between a writer and an agent. Bring the summary up to date with the messages that "
    f"follow it: who takes part and what they are called, every decision about the story, names, places, rules, wishes "
    f"and what was rejected, open questions. Facts only, in the talk's language, at most {SUMMARY_WORDS} words. Answer "
    "with the new summary and nothing else."
)
NAME: Final = (
    "Give the talk a title of two to seven words, in its language, that says what it is about. Answer with the title "
    "and nothing else: no quotation marks, no full stop."
)


class _Nobody:
    def state(self, state: str, activity: str) -> None:
        """Nobody watches this."""

    def delta(self, attempt: int, offset: int, text: str) -> None:
        """Nobody watches this."""


NOBODY: Final[Listener] = _Nobody()


class Minutes(Call):
    """One plain answer, by the first model of the chain that gives one."""

    is_prose: ClassVar = True

    def __init__(self, task: str, read: str, words: int, models: Models, spent: Spent, metrics: Metrics) -> None:
        super().__init__("minutes", "taking notes", models, NOBODY, spent, None, metrics)
        self._task, self._read = task, read
        self._length = Length(words)
        self._text = ""

    def instructions(self, *, short: bool) -> str:
        return self._task

    def sample(self) -> str:
        return self._read

    async def answer_of(self, name: str, words: int) -> str:
        """Raises Fault."""
        asked = await self.fit(name, 3 * words, lambda room: self._read[: room * 6])
        model = self.models.resolve(name)
        settings = self.models.model_settings(name, 1, 0.3, max_tokens=asked.max_tokens, own=asked.own)
        self.ask(name, asked)
        try:
            async with self.models.turn(name):
                with self.metrics.model_call(label(self.models, name)) as call:
                    async with model_request_stream(
                        instrumented(model), asked.messages, model_settings=settings
                    ) as stream:
                        self._begun = True
                        try:
                            await self.follow(stream, name, call, asked)
                        finally:
                            self.spend(stream.get(), name, asked, whole=True)
        except (AgentRunError, UserError) as error:
            raise self.fault_of(error, name, asked) from error
        return self._text.strip()

    def enough(self) -> bool:
        return self._length.over

    def write(self, text: str, name: str) -> None:
        self._text += self._length.add(text)

    def begin_text(self, index: int, name: str) -> None:
        self._text = ""


async def summary(
    earlier: str, said: tuple[Said, ...], models: Models, model: str, spent: Spent, metrics: Metrics
) -> str | None:
    """`earlier` brought up to date; None where no model could do it now, and it is tried after another turn."""
    if model == OFFLINE:
        from coordinator.llm.storyteller import muse

        return await asyncio.to_thread(muse.summary, earlier, said)
    read = f"The summary so far:\n{earlier or 'There is none yet.'}\n\nThe messages after it:\n{_told(said)}"
    text = await _plain(SUMMARIZE, read, SUMMARY_WORDS, models, model, spent, metrics)
    return whole_sentences(text) or text if text else None


async def title(said: tuple[Said, ...], models: Models, model: str, spent: Spent, metrics: Metrics) -> str | None:
    """Of a talk, by its first exchange; None where no model gave one that can be shown."""
    if model == OFFLINE:
        from coordinator.llm.storyteller import muse

        found = await asyncio.to_thread(muse.title, said)
    else:
        found = await _plain(NAME, _told(said), TITLE_WORDS, models, model, spent, metrics) or ""
    line = plain_title(found.strip().strip("\"'“”«»").splitlines()[0] if found.strip() else "")
    return line.rstrip(".")[:LONGEST_TITLE] or None


async def _plain(
    task: str, read: str, words: int, models: Models, model: str, spent: Spent, metrics: Metrics
) -> str | None:
    for name in models.chain(model):
        if name == OFFLINE:
            continue
        try:
            return await Minutes(task, read, words, models, spent, metrics).answer_of(name, words)
        except Fault as fault:
            log.warning("the notes of a talk: %s", fault.what)
    return None


def _told(said: tuple[Said, ...]) -> str:
    names = {"user": "Writer", "assistant": "Agent"}
    text = "\n\n".join(f"{names[one.speaker]}: {one.text}" for one in said)
    return text[-MOST_READ:]
