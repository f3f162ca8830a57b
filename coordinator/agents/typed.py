"""A call that judges or plans: a typed answer, asked for in the way that this model can give one.

Held to a schema, as the call of a tool, or by showing the form; what is nearly right is repaired before the model is
asked again, and it is told what was wrong alone: the failed answers themselves would fill its context. A model that
can't fill the whole form gets the smaller one.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, Final

from pydantic import BaseModel
from pydantic_ai.direct import model_request_stream
from pydantic_ai.exceptions import (
    AgentRunError,
    ModelAuthenticationError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    UserError,
)
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.tools import ToolDefinition
from pydantic_core import from_json

from coordinator.agents import faults, prompts
from coordinator.agents.call import ATTEMPTS, OVERFLOWS, Answer, Asked, BriefCall, label
from coordinator.agents.cleaning.sentences import is_refusal
from coordinator.agents.evidence import Evidence
from coordinator.agents.faults import Fault
from coordinator.agents.forms import SMALL, SmallForm, asked_in_words
from coordinator.agents.length import Length
from coordinator.agents.plausible import empty_words
from coordinator.agents.render import render
from coordinator.agents.repair import bounded, schema_of, understood
from coordinator.llm.learned import Mode
from coordinator.llm.models import OFFLINE
from coordinator.llm.prices import Used
from coordinator.story.brief import WORDS_PER_PAGE, BriefKind
from coordinator.story.words import count_words
from coordinator.telemetry.traces import instrumented

log = logging.getLogger(__name__)

TOOL: Final = "answer"
MOST_ASKED: Final = 4
"""Times that one model is asked for one typed answer: the whole form and what was wrong with it, then the smaller."""

ANSWER_TOKENS: Final[Mapping[BriefKind, int]] = {
    "outline": 900,
    "outline-review": 500,
    "record": 900,
    "notes": 700,
    "lore-review": 700,
    "review": 1_200,
}
"""What a typed answer in English comes to at the most, as a rule."""
BEAT_TOKENS: Final = 110

TEXT, LONG_TEXT, ENTRIES, MOST_BEATS = 200, 1_200, 6, 40
"""To what a schema holds a server of one's own: characters of a text and of a long one, entries of a list. With such
limits models of 135 million parameters come to an end; without, every third answer is cut off."""

ENDLESS_WORDS: Final = 10**9
"""A form has limits of its own."""

AGAIN: Final = "Your answer before this one could not be used:\n{wrong}\nAnswer again, whole, and mend that."
FALSE_QUOTES: Final = (
    "These passages do not stand in the text that you read:\n{quotes}\nQuote passages of the text word for word, or "
    "leave out what you can't quote."
)
ENDLESS: Final = "It did not come to an end. Answer in few words."
REFUSED: Final = "You answered that you would not. Nothing but a judgement of the work is asked for."


class TypedCall(BriefCall):
    _circles = Length(0)
    """Of the present answer. One that goes round in circles in its form is stopped, and what came before repaired."""

    async def answer_of(self, name: str) -> Answer:
        """What this one model answers, however often it has to be asked. Raises Fault."""
        measure, learned = await self.meet(name)
        kind = self.brief.kind
        whole = prompts.output_type(kind)
        evidence = Evidence(self.brief)
        avoided: set[Mode] = set()
        asks = self._asks(name, whole, own=measure.own, without=avoided)
        wrong, stumbles = "", 0
        failed = faults.nonsense(name, kind)
        doubted: BaseModel | None = None
        while asks:
            mode, form = asks[0]
            try:
                given = await self._given(name, mode, form, wrong, tries=MOST_ASKED - len(asks) + 1)
            except _NoMode:
                avoided.add(mode)
                asks = self._asks(name, whole, own=measure.own, without=avoided)[-len(asks) :]
                continue
            except Fault as fault:
                log.warning("%s: %s", self.brief.step, fault.what)
                stumbles += 1
                if fault.weak and fault.again:
                    asks.pop(0)
                    failed = fault
                    wrong = wrong or (REFUSED if fault.refusal else ENDLESS)
                elif not fault.again or stumbles >= ATTEMPTS:
                    if doubted is None:
                        raise
                    break
                elif fault.pause:
                    await self.pause(stumbles)
                continue
            asks.pop(0)
            output = understood(given, form)
            if isinstance(output, str):
                refused = is_refusal(given)
                failed = faults.refused(name, kind) if refused else faults.nonsense(name, kind)
                wrong = REFUSED if refused else output
                log.info("%s: %s asked by %s did not fill the form", self.brief.step, name, mode)
                continue
            small = isinstance(output, SmallForm)
            output = output.whole() if isinstance(output, SmallForm) else output
            if said := empty_words(output):
                failed, wrong = faults.nonsense(name, kind), said
                log.info("%s: %s asked by %s filled the form with nothing", self.brief.step, name, mode)
                continue
            learned.mode = mode
            if small:
                learned.small.add(kind)
            missing = evidence.missing(output)
            if not missing or doubted is not None or not asks:
                return self._answered(evidence.kept(output), name)
            doubted, wrong = output, FALSE_QUOTES.format(quotes="\n".join(f"- {quote}" for quote in missing))
        if doubted is not None:
            return self._answered(evidence.kept(doubted), name)
        raise failed

    def enough(self) -> bool:
        return self._circles.looped

    def write(self, text: str, name: str) -> None:
        self._circles.add(text)

    def _answered(self, output: BaseModel, name: str) -> Answer:
        text = render(output)
        if name == OFFLINE:
            self.spent.count(name, Used(count_words(text)))
        return self.answer(output, text, name)

    def _asks(
        self, name: str, whole: type[Any], *, own: bool, without: Collection[Mode]
    ) -> list[tuple[Mode, type[BaseModel]]]:
        """How to ask, one way after the other."""
        modes = [mode for mode in self.models.modes(name, own) if mode not in without] or ["prompt"]
        if name == OFFLINE:
            return [(modes[0], whole)]
        small = SMALL[self.brief.kind]
        first, last = modes[0], modes[-1]
        if self.brief.kind in self.models.learned(name).small:
            return [(first, small), (first, small), (last, small)]
        return [(first, whole), (first, whole), (modes[min(1, len(modes) - 1)], small), (last, small)]

    async def _given(self, name: str, mode: Mode, form: type[BaseModel], wrong: str, tries: int) -> str:
        """The arguments, as JSON, or the text that came. Raises Fault, and _NoMode where it can't be asked so."""
        overflows = 0
        while True:
            asked: Asked | None = None
            self._begun, self._state = False, ""
            try:
                asked = await self._asked_for(name, mode, form, wrong, overflows)
                self.place(name)
                async with self.models.turn(name):
                    self.tell("thinking", self._activity)
                    return await self._one(name, mode, form, asked, tries)
            except (AgentRunError, UserError) as error:
                if faults.is_overflow(error):
                    fault = self.fault_of(error, name, asked)
                    overflows += 1
                    if overflows > OVERFLOWS:
                        raise fault from error
                    log.warning("%s: %s", self.brief.step, fault.what)
                    continue
                if faults.is_without(mode, error):
                    log.info("the model %s can't be asked by %s", name, mode)
                    self.models.learned(name).without.add(mode)
                    raise _NoMode from error
                if mode != "prompt" and not self._begun and _may_be_the_mode(error):
                    log.warning("%s: %s did not accept a request by %s", self.brief.step, name, mode)
                    raise _NoMode from error
                raise self.fault_of(error, name, asked) from error

    async def _asked_for(self, name: str, mode: Mode, form: type[BaseModel], wrong: str, overflows: int) -> Asked:
        parts = [AGAIN.format(wrong=wrong)] if wrong else []
        if mode == "prompt":
            parts.append(asked_in_words(schema_of(form)))

        def build(words: int) -> str:
            return "\n\n".join([prompts.request(self.brief, words), *parts])

        answer = ANSWER_TOKENS[self.brief.kind]
        if self.brief.kind == "outline":
            answer += BEAT_TOKENS * math.ceil(self.brief.config.pages * WORDS_PER_PAGE / 425)
        answer = round(answer * self.tokens_per_word() / 1.4)
        beside = str(schema_of(form)) if mode == "tool" else ""
        return await self.fit(name, answer, build, beside=beside, tries=1 + overflows)

    async def _one(self, name: str, mode: Mode, form: type[BaseModel], asked: Asked, tries: int) -> str:
        model = instrumented(self.models.resolve(name, self.brief))
        settings = self.settings(name, tries, asked)
        self.ask(name, asked)
        self._circles = Length(ENDLESS_WORDS)
        # Streamed although it is only used whole: a long answer is then not taken for silence.
        with self.metrics.model_call(label(self.models, name)) as call:
            async with model_request_stream(
                model,
                asked.messages,
                model_settings=settings,
                model_request_parameters=_parameters(mode, form, asked.own),
            ) as stream:
                try:
                    await self.follow(stream, name, call, asked)
                finally:
                    if name != OFFLINE:
                        self.spend(stream.get(), name, asked, whole=mode != "tool")
                response = stream.get()
        if name != OFFLINE and not self.enough() and not _is_whole(response):
            raise faults.stopped(name, self.brief.kind)
        if response.finish_reason == "content_filter":
            raise faults.refused(name, self.brief.kind)
        calls = [part.args_as_json_str() for part in response.parts if isinstance(part, ToolCallPart)]
        if not calls and not _text(response) and response.finish_reason == "length":
            self.models.learned(name).thinks = True
        return calls[0] if calls else _text(response)


class _NoMode(Exception):
    """This model can't be asked in that way."""


@cache
def _parameters(mode: Mode, form: type[BaseModel], own: bool) -> ModelRequestParameters:
    schema = schema_of(form)
    if mode == "tool":
        tool = ToolDefinition(name=TOOL, description="Gives your answer.", parameters_json_schema=schema, kind="output")
        return ModelRequestParameters(output_mode="tool", output_tools=[tool], allow_text_output=False)
    if mode == "schema":
        held = bounded(schema, text=TEXT, long_text=LONG_TEXT, entries=_entries(form)) if own else schema
        wanted = OutputObjectDefinition(json_schema=held, name=TOOL, strict=False)
        return ModelRequestParameters(output_mode="native", output_object=wanted)
    return ModelRequestParameters()


def _entries(form: type[BaseModel]) -> int:
    """Of the longest list that the form needs: an outline has as many beats as the story asks for."""
    return MOST_BEATS if {"beats", "scenes"} & form.model_fields.keys() else ENTRIES


SERVERS_OWN: Final = frozenset({500})
"""May be a failure that passes."""


def _may_be_the_mode(error: AgentRunError | UserError) -> bool:
    """Whether a refusal may be of how was asked and not of what, in words that nobody knows."""
    if isinstance(error, ModelAuthenticationError | ModelNotFoundError | ModelQuotaExceededError):
        return False
    return isinstance(error, ModelHTTPError) and error.status_code in faults.REFUSING_STATUSES - SERVERS_OWN


def _text(response: ModelResponse) -> str:
    return "".join(part.content for part in response.parts if isinstance(part, TextPart))


def _is_whole(response: ModelResponse) -> bool:
    """Whether a typed answer has come to its end: its model says so, or it is whole as it is."""
    if response.state == "complete" and response.finish_reason != "error":
        return True
    calls = [part.args for part in response.parts if isinstance(part, ToolCallPart)]
    try:
        return all(from_json(args) is not None for args in calls or [_text(response)] if isinstance(args, str))
    except ValueError:
        return False
