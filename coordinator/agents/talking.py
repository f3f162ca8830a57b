"""An agent's answer in a talk: told as it comes, with the tools that it calls, and gone on with where it was cut off.

What was told stays: a model that fails in the middle, or a node that dies, is followed by another that goes on from
there. Only what turns out to have been a thought is taken back.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Protocol
from uuid import uuid4

from pydantic_ai.direct import model_request_stream
from pydantic_ai.exceptions import AgentRunError, UserError
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from coordinator.agents import faults
from coordinator.agents.call import ATTEMPTS, OVERFLOWS, Asked, Call, Listener, label
from coordinator.agents.faults import Fault
from coordinator.agents.length import Length
from coordinator.agents.seam import NoWayOn, Seam, tail
from coordinator.chat import tools as tool_specs
from coordinator.chat.agent import ChatAgent
from coordinator.chat.talk import MOST_CALLS, Talk, Tool, ToolAnswer, ToolCall
from coordinator.chat.window import Count, Material, Window, as_text, window
from coordinator.errors import Misconfigured
from coordinator.llm.http import WAITING
from coordinator.llm.measure import Measure
from coordinator.llm.models import OFFLINE, Models
from coordinator.llm.prices import Spent
from coordinator.llm.tokens import tokens_of
from coordinator.telemetry.metrics import Metrics
from coordinator.telemetry.traces import instrumented

log = logging.getLogger(__name__)

ANSWER_WORDS: Final = 1_200
"""An answer is ended there: nobody reads a longer one in a talk."""
ANSWER_TOKENS: Final = 1_800
MOST_WINDOW: Final = 24_000
"""Tokens of a talk that a model is shown, however many it holds: more makes each answer slow and dear."""
UNKNOWN_CONTEXT: Final = 32_000
LEAST_WINDOW: Final = 500
SMALL: Final = 30_000
"""Characters of a talk and its bible that are read in a millisecond."""

ENDED: Final = "The answer was ended at its longest."
LOOPED: Final = "The model went round in circles, so the answer ends before that."
GO_ON: Final = (
    "Your answer was cut off. It stands above as far as it came; its last word is “{tail}”. Go on from there: begin "
    "with that word, repeat nothing else, and end the answer."
)


class TalkListener(Listener, Protocol):
    """Who is told while an answer is on its way. No method may block or raise."""

    def tool_called(self, call: ToolCall) -> None: ...
    def tool_answered(self, answer: ToolAnswer) -> None: ...


Do = Callable[[ToolCall], Awaitable[ToolAnswer]]
"""Does what an agent asks for. What goes wrong is in the answer; raises where the run must end."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as it is kept. `notes` are for its reader: what was done to it."""

    text: str
    model: str
    tools: tuple[ToolAnswer, ...]
    window: Window
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Start:
    """What is there of an answer already: its text, and the tools that were called."""

    text: str = ""
    tools: tuple[ToolAnswer, ...] = ()
    open: ToolCall | None = None
    """Called, and not answered when the run before ended."""


class TalkCall(Call):
    is_prose: ClassVar = True

    def __init__(
        self,
        agent: ChatAgent,
        material: Material,
        do: Do,
        start: Start,
        models: Models,
        listener: TalkListener,
        spent: Spent,
        metrics: Metrics,
    ) -> None:
        super().__init__("talk", "answering", models, listener, spent, None, metrics)
        self.text = start.text
        """The answer as it was told."""
        self.tools = list(start.tools)
        self._open = start.open
        self._agent = agent
        self._material = material
        self._do = do
        self._telling = listener
        self._seam: Seam | None = None
        self._length = Length(ANSWER_WORDS, start.text)
        self._attempt = 1
        self._part: int | None = None
        self._from = 0
        """Where the text of the present request begins."""
        self._window: Window | None = None
        self._joins = False
        self._overflows = 0
        self._bare = False
        """Whether this model is asked without tools."""

    def instructions(self, *, short: bool) -> str:
        agent, talk = self._agent, self._talk
        parts = [
            agent.persona,
            f"How you speak: {agent.voice}",
            "Rules:\n" + "\n".join(f"- {rule}" for rule in (agent.rules[:4] if short else agent.rules)),
            talk.instructions and f"What the project's owner asks of you:\n{talk.instructions}",
            (known := as_text(talk.bible)) and f"From the project's bible:\n{known}",
            talk.stories
            and "Stories there are:\n"
            + "\n".join(
                f"- {one.title} ({one.status}, {one.words} words), session {one.session_id}" for one in talk.stories
            ),
            talk.earlier and f"Earlier in this talk:\n{talk.earlier}",
        ]
        return "\n\n".join(part for part in parts if part)

    def sample(self) -> str:
        return self._talk.said[-1].text

    @property
    def _talk(self) -> Talk:
        assert self._window is not None
        return self._window.talk

    async def answer_of(self, name: str) -> Answered:
        """What this one model answers. Raises Fault."""
        tries, self._overflows, self._bare = 1, 0, False
        if self._open is not None:
            called, self._open = self._open, None
            await self._answer_tool(called)
        while True:
            try:
                return await self._to_the_end(name, tries)
            except Fault as fault:
                log.warning("an answer, try %d: %s", tries, fault.what)
                if not fault.again or tries >= ATTEMPTS:
                    raise
                if fault.pause:
                    await self.pause(tries)
                tries += 1

    async def _to_the_end(self, name: str, tries: int) -> Answered:
        while True:
            calls = await self._part_of_it(name, tries)
            if self._length.over or not calls:
                break
            for call in calls[: MOST_CALLS - len(self.tools)]:
                await self._called(call)
        if not self.text.strip():
            raise faults.empty(name, "talk")
        notes = [LOOPED if self._length.looped else ENDED] if self._length.over else []
        assert self._window is not None
        return Answered(self.text, name, tuple(self.tools), self._window, tuple(notes))

    async def _called(self, part: ToolCallPart) -> None:
        known = {answer.call.id for answer in self.tools}
        call_id = part.tool_call_id if part.tool_call_id and part.tool_call_id not in known else str(uuid4())
        args = part.args_as_dict(raise_if_invalid=False) if part.args else {}
        tool: Any = part.tool_name[:60]
        call = ToolCall(call_id[:200], tool, _bounded(args), len(self.text))
        self._telling.tool_called(call)
        await self._answer_tool(call)

    async def _answer_tool(self, call: ToolCall) -> None:
        answer = await self._do(call)
        self.tools.append(answer)
        self._telling.tool_answered(answer)

    async def _part_of_it(self, name: str, tries: int) -> list[ToolCallPart]:
        """One request: text until its end, or until tools are called, which are answered."""
        while True:
            asked: Asked | None = None
            try:
                asked = await self._asked_for(name)
                self.place(name)
                async with self.models.turn(name):
                    self.tell("thinking", self._activity)
                    return await self._streamed(name, tries, asked)
            except (AgentRunError, UserError) as error:
                if not self._bare and self._material.tools and faults.is_without("tool", error):
                    # It talks all the same.
                    self._bare = True
                    continue
                fault = self.fault_of(error, name, asked)
                self._overflows += faults.is_overflow(error)
                if not faults.is_overflow(error) or self._overflows > OVERFLOWS:
                    raise fault from error

    async def _asked_for(self, name: str) -> Asked:
        """What is shown of the talk, as much as the model holds; the request itself is put together from it."""
        self._from = len(self.text)
        cut_off = self.text if self.text and (not self.tools or self.tools[-1].call.offset < len(self.text)) else ""
        self._seam = Seam(cut_off) if cut_off and name != OFFLINE else None
        self._joins = bool(self.text) and not cut_off
        if name == OFFLINE:
            self._window = await self._cut(10**9, len)
            return Asked("", "", 0)
        measure, learned = await self.meet(name)
        room = _room(measure, 1 + self._overflows) - tokens_of(self.text) - sum(map(_weight, self.tools))
        room = max(math.floor(room / max(learned.ratio, 1.0)), LEAST_WINDOW)
        short = measure.context is not None and measure.context < 2 * ANSWER_TOKENS
        self._window = await self._cut(room, tokens_of)
        instructions = self.instructions(short=short)
        said = "\n".join(said.text for said in self._talk.said)
        tokens = await self.models.count(name, f"{instructions}\n{said}\n{self.text}", measure)
        left = None if measure.context is None else measure.context - tokens
        return Asked(instructions, said, tokens, self._limit(name, ANSWER_TOKENS, left, measure), measure.own)

    async def _cut(self, room: int, count: Count) -> Window:
        size = sum(len(line.said.text) for line in self._material.lines)
        if size + self._material.bible_size < SMALL:
            return window(self._material, room, count)
        # Reading so much takes longer than others should wait for it.
        return await asyncio.to_thread(window, self._material, room, count)

    async def _streamed(self, name: str, tries: int, asked: Asked) -> list[ToolCallPart]:
        self._part = None
        talk = replace(self._talk, tools=self._offered, answered=tuple(self.tools), written=self.text)
        model = instrumented(self.models.resolve(name, talk))
        settings = self.models.model_settings(
            name, tries, self._agent.temperature, max_tokens=asked.max_tokens, own=asked.own
        )
        parameters = ModelRequestParameters(function_tools=[_definition(tool) for tool in self._offered])
        self.ask(name, asked)
        try:
            with self.metrics.model_call(label(self.models, name)) as call:
                async with model_request_stream(
                    model, self._messages(asked), model_settings=settings, model_request_parameters=parameters
                ) as stream:
                    self._begun = True
                    try:
                        await self.follow(stream, name, call, asked)
                    finally:
                        self.spend(stream.get(), name, asked, whole=True)
                    if self._seam is not None and not self.enough():
                        self._add(self._seam.end(), name)
                    return self._checked(stream.get(), name)
        except NoWayOn as error:
            raise faults.astray(name, "talk") from error

    def _checked(self, response: ModelResponse, name: str) -> list[ToolCallPart]:
        """The tools that were called. Raises Fault where the answer broke off."""
        # Of a model that was offered none any more, they are not heard.
        calls = [part for part in response.parts if isinstance(part, ToolCallPart) and self._offered]
        if self._length.over:
            return []
        if response.finish_reason == "content_filter":
            raise faults.refused(name, "talk")
        if response.finish_reason == "error":
            raise faults.broken(name)
        if calls or response.finish_reason == "length":
            return calls
        said_so = self._seam is not None and self._seam.nothing_missing
        if name != OFFLINE and response.state != "complete" and not said_so:
            raise faults.stopped(name, "talk")
        return calls

    @property
    def _offered(self) -> tuple[Tool, ...]:
        return () if self._bare or len(self.tools) >= MOST_CALLS else self._material.tools

    def _messages(self, asked: Asked) -> list[ModelMessage]:
        """The talk as models take it: who speaks in turns, the tools of this answer, and what is there of it."""
        messages: list[ModelMessage] = []
        for said in self._talk.said:
            if said.speaker == "assistant":
                messages.append(ModelResponse(parts=[TextPart(said.text)]))
            else:
                messages.append(ModelRequest(parts=[UserPromptPart(said.text)], instructions=asked.instructions))
        at = 0
        for answer in self.tools:
            text, at = self.text[at : answer.call.offset], answer.call.offset
            before = [TextPart(text)] if text.strip() else []
            call = ToolCallPart(answer.call.tool, answer.call.args, answer.call.id)
            told = {"error": answer.error} if answer.error else answer.result
            messages.append(ModelResponse(parts=[*before, call]))
            messages.append(
                ModelRequest(
                    parts=[ToolReturnPart(answer.call.tool, told, answer.call.id)], instructions=asked.instructions
                )
            )
        if self._seam is not None:
            messages.append(ModelResponse(parts=[TextPart(self.text[at:])]))
            go_on = GO_ON.format(tail=tail(self.text))
            messages.append(ModelRequest(parts=[UserPromptPart(go_on)], instructions=asked.instructions))
        return messages

    # -- Its course --------------------------------------------------------------------------------------------------

    def enough(self) -> bool:
        return self._length.over

    def write(self, text: str, name: str) -> None:
        self._add(self._seam.add(text) if self._seam is not None else text, name)

    def _add(self, text: str, name: str) -> None:
        if self._joins and text and name != OFFLINE:
            # What is said before a tool is called and after it are two paragraphs.
            text = text.lstrip() if self.text.endswith("\n") else f"\n\n{text.lstrip()}"
            self._joins = not text.strip()
            text = "" if self._joins else text
        kept = text if name == OFFLINE else self._length.add(text)
        if kept:
            self.listener.delta(self._attempt, len(self.text), kept)
            self.text += kept

    def begin_text(self, index: int, name: str) -> None:
        if index == self._part and len(self.text) > self._from:
            # What was told of this request was a thought.
            self._attempt += 1
            self.text = self.text[: self._from]
            self._length = Length(ANSWER_WORDS, self.text)
            self.listener.delta(self._attempt, 0, self.text)
        self._part = index


async def answer(call: TalkCall, models: Models, model: str) -> Answered:
    """The agent's answer by the chosen model, or one to fall back on, which goes on from what is there.

    Raises ModelFailed where none gave one; what `call.text` has by then was told. InvalidMessage for a model that can't
    be chosen. Cancelled, it passes the cancellation on at once.
    """
    waiting = WAITING.set(call.wait)
    found: list[Fault] = []
    try:
        for name in models.chain(model):
            try:
                return await call.answer_of(name)
            except Fault as fault:
                found.append(fault)
                if fault.last:
                    break
            except Misconfigured as error:
                found.append(Fault(error.message, faults.OWNER))
    finally:
        WAITING.reset(waiting)
    raise faults.of_a_talk(faults.model_failed(found))


def _room(measure: Measure, tries: int) -> int:
    context = measure.context or UNKNOWN_CONTEXT
    room = (context - min(ANSWER_TOKENS, context // 3)) * (10 - tries + 1) // 10
    return min(room, MOST_WINDOW)


def _weight(answer: ToolAnswer) -> int:
    return tokens_of(str(answer.result)) + tokens_of(str(answer.call.args)) + 30


@functools.cache
def _definition(tool: Tool) -> ToolDefinition:
    # Once: to put a schema together takes longer than all else of asking a model.
    args = tool_specs.ARGS[tool]
    schema = args.model_json_schema()
    return ToolDefinition(name=tool, description=(args.__doc__ or "").strip(), parameters_json_schema=schema)


def _bounded(args: dict[str, Any]) -> dict[str, Any]:
    """Arguments that can be kept: a model may send anything."""
    return args if len(str(args)) <= 40_000 else {"too_long": True}
