"""One agent call: a brief goes to a model, prose comes back as it is written, a typed answer when it is whole.

What can go wrong in a moment is tried again as a new attempt, then with the models to fall back on; what is left is
one error that a writer understands.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from pydantic import BaseModel
from pydantic_ai import Agent, ModelRetry, RunContext, UsageLimits
from pydantic_ai.direct import model_request_stream
from pydantic_ai.exceptions import AgentRunError, UnexpectedModelBehavior, UserError
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
    UserPromptPart,
)

from coordinator.agents import faults, prompts
from coordinator.agents.evidence import Evidence
from coordinator.agents.faults import Fault
from coordinator.agents.render import render
from coordinator.agents.tidy import is_refusal, tidy
from coordinator.brief import Brief
from coordinator.errors import Misconfigured
from coordinator.llm.http import WAITING
from coordinator.llm.models import OFFLINE, Models
from coordinator.llm.prices import Spent
from coordinator.template import StepKind
from coordinator.words import count_words

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""Attempts at one call with one model, the first included, where asking again may help."""

OUTPUT_RETRIES = 3
"""How often a model is told what was wrong with a typed answer and asked again."""

RUNAWAY_CHARACTERS = 24_000
RUNAWAY_CHARACTERS_PER_WORD = 60
"""Prose about ten times as long as its budget of words will not end by itself; it is stopped."""

ACTIVITIES: dict[StepKind, str] = {
    "brainstorm": "gathering ideas",
    "outline": "outlining the story",
    "outline-review": "reading the outline",
    "draft": "writing {section}",
    "record": "keeping the story bible",
    "notes": "reading and taking notes",
    "lore-review": "checking the story against its bible",
    "review": "reading the story and judging it",
    "revise": "rewriting {section}",
    "polish": "polishing {section}",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What an agent answered. `text` is kept as the message: prose as it is, a typed answer as Markdown.

    `tokens` and `cost_usd` count all attempts that led to it, the failed ones included.
    """

    output: str | BaseModel
    text: str
    model: str
    tokens: int
    cost_usd: float


class Listener(Protocol):
    """Who is told, while a call is on its way. Neither method may block or raise."""

    def state(self, state: str, activity: str) -> None:
        """`thinking`, `writing`, or `waiting` for a place or for a busy provider."""

    def delta(self, attempt: int, offset: int, text: str) -> None:
        """A piece of prose. A higher attempt starts the message anew; `offset` counts the characters before it."""


async def perform(
    brief: Brief,
    models: Models,
    model: str,
    listener: Listener,
    *,
    first_attempt: int = 1,
    spent: Spent | None = None,
) -> Answer:
    """One agent's answer to a brief.

    `spent` is counted up as the call goes, so that its caller knows what a failed or cancelled call used, too.

    Raises ModelFailed when the model and its fallbacks gave no usable answer, InvalidMessage when `model` is not one
    that may be chosen. Cancelled, it passes the cancellation on at once and closes the connection.
    """
    call = _Call(brief, models, listener, first_attempt, Spent() if spent is None else spent)
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
    raise faults.model_failed(found)


class _Call:
    def __init__(self, brief: Brief, models: Models, listener: Listener, attempt: int, spent: Spent) -> None:
        self._brief = brief
        self._models = models
        self._listener = listener
        self._attempt = attempt
        self._spent = spent
        self._offset = 0
        self._begun = False
        self._state = ""
        section = f"section {brief.section} of {brief.sections}" if brief.section else "the story"
        self._activity = ACTIVITIES[brief.kind].format(section=section)
        self._instructions = prompts.instructions(brief)
        self._request = prompts.request(brief)
        self._type = prompts.output_type(brief.kind)

    async def answer_of(self, name: str) -> Answer:
        """What this one model answers, in as many attempts as may help. Raises Fault."""
        for tries in range(1, ATTEMPTS + 1):
            self._offset, self._begun, self._state = 0, False, ""
            try:
                output = await self._attempt_with(name, tries)
            except Fault as fault:
                log.warning("%s, attempt %d: %s", self._brief.step, self._attempt, fault.what)
                self._attempt += 1
                if not fault.again or tries == ATTEMPTS:
                    raise
                if fault.pause:
                    self.wait("the model stumbled; trying again in a moment")
                    await asyncio.sleep(self._models.pause_s(tries))
            else:
                return self._answer(name, output)
        raise AssertionError("the last attempt returns or raises")

    def wait(self, why: str) -> None:
        """Tells that the call waits, and for what: each wait anew."""
        self._state = "waiting"
        self._listener.state("waiting", why)

    async def _attempt_with(self, name: str, tries: int) -> str | BaseModel:
        if self._models.crowded(name):
            self.wait("waiting for a free place among the model calls")
        kind = self._brief.kind
        try:
            async with self._models.turn(name):
                self._tell("thinking", self._activity)
                if self._type is str:
                    return await self._prose(name, tries)
                return await self._typed(name, tries)
        except (AgentRunError, UserError) as error:
            raise faults.fault_of(
                error, name, kind, tries=self._models.attempts, begun=self._begun, own_key=self._models.own_key(name),
            ) from error  # fmt: skip

    async def _prose(self, name: str, tries: int) -> str:
        # One request and its answer: no agent loop, which would ask again on its own and on the same message.
        messages: list[ModelMessage] = [
            ModelRequest(parts=[UserPromptPart(self._request)], instructions=self._instructions)
        ]
        model = self._models.resolve(name, self._brief)
        settings = self._models.model_settings(name, self._brief, tries)
        async with model_request_stream(model, messages, model_settings=settings) as stream:
            self._begun = True
            try:
                await self._follow(stream, name)
            finally:
                self._spend(stream.get(), name)
            return self._checked(stream.get(), name)

    def _checked(self, response: ModelResponse, name: str) -> str:
        """The prose of a whole response. Raises Fault where it is none."""
        kind = self._brief.kind
        text = tidy(_text(response), self._brief)
        if response.finish_reason == "content_filter" or is_refusal(text, self._brief.words):
            raise faults.refused(name, kind)
        if response.finish_reason == "length":
            raise faults.cut_off(name, kind)
        if response.state != "complete" or response.finish_reason == "error":
            raise faults.broken(name)
        if not text:
            raise faults.empty(name, kind)
        return text

    async def _typed(self, name: str, tries: int) -> BaseModel:
        # The output retries bound the loop already; this bounds whatever else might ask again.
        limits = UsageLimits(request_limit=2 * (OUTPUT_RETRIES + 1))
        said: list[ModelMessage] = []
        try:
            async with _asker(self._type).iter(
                self._request,
                model=self._models.resolve(name, self._brief),
                instructions=self._instructions,
                model_settings=self._models.model_settings(name, self._brief, tries),
                deps=_QuoteCheck(self._brief),
                usage_limits=limits,
            ) as run:
                try:
                    async for node in run:
                        if Agent.is_model_request_node(node):
                            self._begun = False
                            # Streamed although it is only used whole: a long answer is then not taken for silence.
                            async with node.stream(run.ctx) as stream:
                                await self._follow(stream, name)
                finally:
                    said = run.all_messages()
        except UnexpectedModelBehavior as error:
            if _refused(said):
                raise faults.refused(name, self._brief.kind) from error
            raise
        finally:
            for message in said:
                if isinstance(message, ModelResponse):
                    self._spend(message, name)
        assert run.result is not None
        output: BaseModel = run.result.output
        return output

    async def _follow(self, events: AsyncIterable[Any], name: str) -> None:
        """Shows the events of a stream to its end. Raises Fault when, once begun, it is silent for longer than the
        settings allow; until its first event the HTTP client counts the time, which may try again meanwhile."""
        source = aiter(events)
        allowed: float | None = None
        while True:
            try:
                async with asyncio.timeout(allowed) as silence:
                    event = await anext(source)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if silence.expired():
                    raise faults.silent(name, self._models.timeout_s) from None
                raise
            self._begun, allowed = True, self._models.timeout_s
            self._show(event, name)

    def _show(self, event: Any, name: str) -> None:
        match event:
            case PartStartEvent(part=ThinkingPart()) | PartDeltaEvent(delta=ThinkingPartDelta()):
                self._tell("thinking", self._activity)
            case PartStartEvent(part=TextPart(content=text)) | PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                self._write(text, name)
            case PartStartEvent(part=ToolCallPart()) | PartDeltaEvent(delta=ToolCallPartDelta()):
                self._tell("writing", self._activity)

    def _write(self, text: str, name: str) -> None:
        if not text:
            return
        self._tell("writing", self._activity)
        if self._type is not str:
            return
        self._listener.delta(self._attempt, self._offset, text)
        self._offset += len(text)
        if self._offset > max(RUNAWAY_CHARACTERS, RUNAWAY_CHARACTERS_PER_WORD * self._brief.words):
            raise faults.ran_on(name, self._brief.kind)

    def _tell(self, state: str, activity: str) -> None:
        """Passes on changes of state only: a call has thousands of deltas."""
        if state != self._state:
            self._state = state
            self._listener.state(state, activity)

    def _spend(self, response: ModelResponse, name: str) -> None:
        if name != OFFLINE:
            self._spent.add(response, len(self._instructions) + len(self._request))

    def _answer(self, name: str, output: str | BaseModel) -> Answer:
        text = render(output)
        if name == OFFLINE:
            # The built-in storyteller has no tokens: the words that it wrote stand for them.
            self._spent.tokens += count_words(text)
        return Answer(output, text, name, self._spent.tokens, self._spent.cost_usd)


class _QuoteCheck:
    """Asks a reviewer once for true quotes; what it then still misquotes is dropped or marked, not failed."""

    def __init__(self, brief: Brief) -> None:
        self._evidence = Evidence(brief)
        self._asked = False

    def __call__(self, output: Any, may_ask: bool) -> Any:
        missing = self._evidence.missing(output)
        if missing and may_ask and not self._asked:
            self._asked = True
            listed = "\n".join(f"- {quote}" for quote in missing)
            raise ModelRetry(
                "These passages do not stand in the text that you read:\n"
                f"{listed}\nQuote passages of the text word for word, or leave out what you can't quote."
            )
        return self._evidence.kept(output)


@cache
def _asker(output_type: type[BaseModel]) -> Agent[_QuoteCheck, Any]:
    """Asks for one type of answer, whoever is asked. Kept, because deriving the schema takes milliseconds."""
    asker = Agent(output_type=output_type, deps_type=_QuoteCheck, name="cast", retries={"output": OUTPUT_RETRIES})

    @asker.output_validator
    def _quotes(context: RunContext[_QuoteCheck], output: Any) -> Any:
        return context.deps(output, may_ask=context.retry < context.max_retries)

    return asker


def _text(response: ModelResponse) -> str:
    return "".join(part.content for part in response.parts if isinstance(part, TextPart))


def _refused(messages: list[ModelMessage]) -> bool:
    """Whether the last thing that a model said, to a question with a typed answer, was that it will not answer."""
    responses = [message for message in messages if isinstance(message, ModelResponse)]
    return bool(responses) and is_refusal(_text(responses[-1]))
