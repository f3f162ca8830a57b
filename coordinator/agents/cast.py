"""One agent call: a brief goes to a model, prose comes back as it is written, a typed answer when it is whole.

What can go wrong in a moment is tried again as a new attempt, then with the models to fall back on; what is left is
one error that a writer understands.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from pydantic import BaseModel
from pydantic_ai import Agent, ModelRetry, PromptedOutput, RunContext, UsageLimits
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
from pydantic_core import from_json

from coordinator.agents import faults, prompts, tasks
from coordinator.agents.cleaning.clean import clean
from coordinator.agents.cleaning.sentences import is_refusal
from coordinator.agents.evidence import Evidence
from coordinator.agents.faults import Fault
from coordinator.agents.render import render
from coordinator.agents.seam import END, NoWayOn, Seam
from coordinator.errors import Misconfigured
from coordinator.llm.http import WAITING
from coordinator.llm.models import OFFLINE, Models
from coordinator.llm.offline import OtherText
from coordinator.llm.prices import Spent, Used, estimate
from coordinator.story.brief import Brief, BriefKind
from coordinator.story.budget import Guard
from coordinator.story.words import count_words
from coordinator.telemetry.metrics import Metrics, ModelCall
from coordinator.telemetry.traces import instrumented

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""Attempts at one call with one model, the first included, where asking again may help."""

OUTPUT_RETRIES = 3
"""How often a model is told what was wrong with a typed answer and asked again."""

RUNAWAY_CHARACTERS = 24_000
RUNAWAY_CHARACTERS_PER_WORD = 60
"""Prose about ten times as long as its budget of words will not end by itself; it is stopped."""

MOST_HEARD = 2_000_000
"""Characters of one answer, thoughts and arguments included. A model that thinks for ever is stopped."""

LEAST_KEPT = 40
MOST_KEPT = 1.25
"""Text of fewer words is not worth going on from, nor one of more than so many times its budget."""
LONGEST_JOINED = 1.5
"""A text that is so many times its budget after a model went on with it was begun a second time, not gone on with."""

ACTIVITIES: dict[BriefKind, str] = {
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
    "rewrite": "rewriting a passage",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What an agent answered. `text` is kept as the message: prose as it is, a typed answer as Markdown.

    `tokens` and `cost_usd` count all attempts that led to it, the failed ones included; `by_model` tells them apart.
    """

    output: str | BaseModel
    text: str
    model: str
    tokens: int
    cost_usd: float
    by_model: dict[str, Used] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Begun:
    """Prose that an earlier call was writing when it was cut off, in its `attempt`. `counted` is whether what that
    call used is counted already, as where the session paused or failed, and not where a process died."""

    text: str
    attempt: int
    counted: bool


class Listener(Protocol):
    """Who is told, while a call is on its way. Neither method may block or raise."""

    def state(self, state: str, activity: str) -> None:
        """`thinking`, `writing`, or `waiting` for a place or for a busy provider."""

    def delta(self, attempt: int, offset: int, text: str) -> None:
        """A piece of prose. A higher attempt starts the message anew, with no text yet where the piece is empty;
        `offset` counts the characters before it. The first piece of a call may go on from where an earlier one was cut
        off."""


async def perform(
    brief: Brief,
    models: Models,
    model: str,
    listener: Listener,
    *,
    first_attempt: int = 1,
    begun: Begun | None = None,
    guard: Guard | None = None,
    spent: Spent | None = None,
    metrics: Metrics | None = None,
) -> Answer:
    """One agent's answer to a brief.

    Goes on from the prose that was `begun`, in the same attempt, where it is worth it and the model can; else, and
    where that fails, attempts are counted from `first_attempt`, and begin with the brief's `opening`, which they tell.
    An opening as long as what was to be written is the answer.
    `spent` is counted up as the call goes, so that its caller knows what a failed or cancelled call used, too.

    Raises ModelFailed when the model and its fallbacks gave no usable answer, InvalidMessage when `model` is not one
    that may be chosen, BudgetExceeded where the `guard` says so. Cancelled, it passes the cancellation on at once and
    closes the connection.
    """
    if brief.opening and count_words(brief.opening) >= tasks.length(brief):
        # A person has told the section: it is as they want it.
        return Answer(brief.opening, brief.opening, model, 0, 0)
    chain = models.chain(model)
    call = _Call(
        brief, models, listener, first_attempt, Spent() if spent is None else spent, guard, metrics or Metrics()
    )
    if begun is not None:
        call.take_up(begun, chain[0])
    waiting = WAITING.set(call.wait)
    found: list[Fault] = []
    try:
        for name in chain:
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
    def __init__(
        self,
        brief: Brief,
        models: Models,
        listener: Listener,
        attempt: int,
        spent: Spent,
        guard: Guard | None,
        metrics: Metrics,
    ) -> None:
        self._brief = brief
        self._models = models
        self._listener = listener
        self._attempt = self._first_attempt = attempt
        self._spent = spent
        self._guard = guard
        self._metrics = metrics
        self._kept = brief.opening
        """What is there of the prose, to go on from in this attempt."""
        self._opened = 0
        """The attempt in which the opening was told."""
        self._written = ""
        """The prose as it was told, with what was kept."""
        self._seam: Seam | None = None
        self._asked = self._heard = self._words = 0
        """Of the present request: characters asked, characters answered (thinking and arguments included), and words
        of prose answered."""
        self._begun = False
        self._part: int | None = None
        """Of the present answer: the part that is prose. One that begins again replaces what was told of it."""
        self._state = ""
        section = f"section {brief.section} of {brief.sections}" if brief.section else "the story"
        self._activity = ACTIVITIES[brief.kind].format(section=section)
        self._instructions = prompts.instructions(brief)
        self._request = prompts.request(brief)
        self._type = prompts.output_type(brief.kind)
        self._asked = len(self._instructions) + len(self._request)

    def take_up(self, begun: Begun, name: str) -> None:
        """Go on from there. What the call before it used is counted here where nobody else did, as that model's."""
        self._kept, self._attempt, self._opened = begun.text, begun.attempt, begun.attempt
        if not begun.counted:
            self._heard, self._words = len(begun.text), count_words(begun.text)
            self._spent.count(name, self._used(name))

    async def answer_of(self, name: str) -> Answer:
        """What this one model answers, in as many attempts as may help. Raises Fault."""
        for tries in range(1, ATTEMPTS + 1):
            if self._kept and not self._goes_on(name):
                self._begin_anew()
            self._open()
            self._written, self._begun, self._state = self._kept, False, ""
            try:
                output = await self._attempt_with(name, tries)
            except Fault as fault:
                log.warning("%s, attempt %d: %s", self._brief.step, self._attempt, fault.what)
                if self._written and not fault.spoilt:
                    self._kept = self._written
                else:
                    self._withdraw()
                if not fault.again or tries == ATTEMPTS:
                    raise
                if fault.pause:
                    self.wait("the model stumbled; trying again in a moment")
                    await asyncio.sleep(self._models.pause_s(tries))
            else:
                spent = self._spent
                return Answer(output, render(output), name, spent.tokens, spent.cost_usd, spent.by_model)
        raise AssertionError("the last attempt returns or raises")

    def _goes_on(self, name: str) -> bool:
        """Whether this model can go on from what is kept, and it is worth it. The built-in one repeats itself for
        nothing, so with that it always is; what a person has left is not given up."""
        if self._kept == self._brief.opening:
            return True
        if not self._models.continues:
            return False
        words, wanted = count_words(self._kept), tasks.length(self._brief)
        return name == OFFLINE or (LEAST_KEPT <= words <= MOST_KEPT * wanted and not is_refusal(self._kept, wanted))

    def _begin_anew(self) -> None:
        self._kept = self._brief.opening
        self._attempt = max(self._first_attempt, self._attempt + 1)

    def _withdraw(self) -> None:
        """What was told is no part of the story: the message begins anew at once, and not with the next piece of it."""
        told = self._written
        self._begin_anew()
        if told:
            self._listener.delta(self._attempt, 0, self._kept)
            self._opened = self._attempt

    def _open(self) -> None:
        if self._kept and self._kept == self._brief.opening and self._opened < self._attempt:
            self._listener.delta(self._attempt, 0, self._kept)
            self._opened = self._attempt

    def wait(self, why: str) -> None:
        """Tells that the call waits, and for what: each wait anew."""
        self._state = "waiting"
        self._listener.state("waiting", why)

    async def _attempt_with(self, name: str, tries: int) -> str | BaseModel:
        if self._models.crowded(name):
            self.wait("waiting for a free place among the model calls")
        try:
            async with self._models.turn(name):
                self._tell("thinking", self._activity)
                if self._type is str:
                    return await self._prose(name, tries)
                return await self._typed(name, tries)
        except (AgentRunError, UserError) as error:
            if self._type is str or not self._models.takes_tools(name) or not faults.is_without_tools(error):
                raise self._fault_of(error, name) from error
        log.info("the model %s takes no tools: its typed answers are asked for in words", name)
        self._models.ask_without_tools(name)
        return await self._attempt_with(name, tries)

    def _fault_of(self, error: AgentRunError | UserError, name: str) -> Fault:
        return faults.fault_of(
            error,
            name,
            self._brief.kind,
            tries=self._models.attempts,
            begun=self._begun,
            own_key=self._models.own_key(name),
        )

    async def _prose(self, name: str, tries: int) -> str:
        # One request and its answer: no agent loop, which would ask again on its own and on the same message.
        self._part = None
        self._seam = Seam(self._kept) if self._kept and name != OFFLINE else None
        request = prompts.continuation(self._brief, self._kept) if self._seam else self._request
        messages: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart(request)], instructions=self._instructions)]
        model = instrumented(self._models.resolve(name, self._brief, self._kept))
        settings = self._models.model_settings(name, self._brief, tries)
        self._ask(name, request)
        try:
            with self._metrics.model_call(label(self._models, name)) as call:
                async with model_request_stream(model, messages, model_settings=settings) as stream:
                    self._begun = True
                    try:
                        await self._follow(stream, name, call)
                    finally:
                        self._spend(stream.get(), name)
                    if self._seam is not None:
                        self._add(self._seam.end(), name)
                    return self._checked(stream.get(), name)
        except (NoWayOn, OtherText) as error:
            raise faults.astray(name, self._brief.kind) from error

    def _checked(self, response: ModelResponse, name: str) -> str:
        """The prose of a whole response, with what was kept. Raises Fault where it is none."""
        kind, cleaned = self._brief.kind, clean(self._written, self._brief)
        text = cleaned.text
        if not text.startswith(self._brief.opening):
            # Those words are not a model's to be cleaned.
            text = self._written.strip()
        said_so = False
        if self._seam is not None:
            said_so = self._seam.nothing_missing or self._written.rstrip().endswith(END)
            text = text.removesuffix(END).rstrip()
            if count_words(text) > LONGEST_JOINED * tasks.length(self._brief):
                raise faults.astray(name, kind)
        if response.finish_reason == "content_filter" or cleaned.no_story == "refusal":
            raise faults.refused(name, kind)
        if cleaned.no_story == "question":
            raise faults.asked_back(name, kind)
        if response.finish_reason == "length":
            raise faults.cut_off(name, kind)
        if response.finish_reason == "error":
            raise faults.broken(name)
        # A server that never says that it has ended is believed where the model says it.
        if name != OFFLINE and response.state != "complete" and not said_so:
            raise faults.stopped(name, kind)
        if not text:
            raise faults.empty(name, kind)
        return text

    async def _typed(self, name: str, tries: int) -> BaseModel:
        # The output retries bound the loop already; this bounds whatever else might ask again.
        limits = UsageLimits(request_limit=2 * (OUTPUT_RETRIES + 1))
        said: list[ModelMessage] = []
        try:
            async with _asker(self._type, self._models.takes_tools(name)).iter(
                self._request,
                model=instrumented(self._models.resolve(name, self._brief)),
                instructions=self._instructions,
                model_settings=self._models.model_settings(name, self._brief, tries),
                deps=_QuoteCheck(self._brief),
                usage_limits=limits,
            ) as run:
                try:
                    async for node in run:
                        if Agent.is_model_request_node(node):
                            self._begun = False
                            self._ask(name, self._request)
                            # Streamed although it is only used whole: a long answer is then not taken for silence.
                            with self._metrics.model_call(label(self._models, name)) as call:
                                async with node.stream(run.ctx) as stream:
                                    try:
                                        await self._follow(stream, name, call)
                                    finally:
                                        self._spend(stream.response, name)
                                    if name != OFFLINE and not _is_whole(stream.response):
                                        raise faults.stopped(name, self._brief.kind)
                finally:
                    said = run.all_messages()
        except UnexpectedModelBehavior as error:
            if _refused(said):
                raise faults.refused(name, self._brief.kind) from error
            raise
        assert run.result is not None
        output: BaseModel = run.result.output
        if name == OFFLINE:
            self._spent.count(name, Used(count_words(render(output))))
        return output

    def _ask(self, name: str, request: str) -> None:
        """Begins to count one request. Raises BudgetExceeded where it must not be made."""
        self._asked, self._heard, self._words = len(self._instructions) + len(request), 0, 0
        if self._guard is not None:
            used = self._used(name)
            self._guard.before(self._spent.tokens, self._spent.cost_usd, used.tokens, used.cost_usd)

    async def _follow(self, events: AsyncIterable[Any], name: str, call: ModelCall) -> None:
        """Shows the events of a stream to its end. Raises Fault when, once begun, it is silent for longer than the
        settings allow; until its first event the HTTP client counts the time, which may try again meanwhile."""
        loop = asyncio.get_running_loop()
        try:
            # One for the whole stream, put off by each event: to make one for each costs more than to show it.
            async with asyncio.timeout(None) as silence:
                async for event in events:
                    if silence.when() is None:
                        call.answers()
                    self._begun = True
                    silence.reschedule(loop.time() + self._models.timeout_s)
                    self._show(event, name)
        except TimeoutError:
            if silence.expired():
                raise faults.silent(name, self._models.timeout_s) from None
            raise

    def _show(self, event: Any, name: str) -> None:
        match event:
            case (
                PartStartEvent(part=ThinkingPart(content=text))
                | PartDeltaEvent(delta=ThinkingPartDelta(content_delta=text))
            ):
                self._hear(text, name)
                self._tell("thinking", self._activity)
            case PartStartEvent(index=index, part=TextPart(content=text)):
                if index == self._part:
                    self._take_back(name)
                self._part = index
                self._write(text, name)
                self._hear(text, name)
            case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                self._write(text, name)
                self._hear(text, name)
            case (
                PartStartEvent(part=ToolCallPart(args=args)) | PartDeltaEvent(delta=ToolCallPartDelta(args_delta=args))
            ):
                self._hear(args if isinstance(args, str) else "", name)
                self._tell("writing", self._activity)

    def _hear(self, text: str | None, name: str) -> None:
        """Counts what comes. Raises BudgetExceeded as soon as it is too much."""
        self._heard += len(text or "")
        if self._heard > MOST_HEARD:
            raise faults.ran_on(name, self._brief.kind)
        if self._guard is not None:
            used = self._used(name)
            self._guard.during(self._spent.tokens + used.tokens, self._spent.cost_usd + used.cost_usd)

    def _write(self, text: str, name: str) -> None:
        if not text:
            return
        self._tell("writing", self._activity)
        if self._type is str:
            self._words += count_words(text)
            self._add(self._seam.add(text) if self._seam is not None else text, name)

    def _add(self, text: str, name: str) -> None:
        if not text:
            return
        room = max(RUNAWAY_CHARACTERS, RUNAWAY_CHARACTERS_PER_WORD * self._brief.words) - len(self._written)
        if len(text) > room:
            raise faults.ran_on(name, self._brief.kind)
        self._listener.delta(self._attempt, len(self._written), text)
        self._written += text

    def _take_back(self, name: str) -> None:
        """What was told of this answer was a thought: the message begins anew, with what was kept of the one before."""
        if self._seam is not None:
            self._seam = Seam(self._kept)
        if self._type is str and self._written != self._kept:
            self._attempt = max(self._first_attempt, self._attempt + 1)
            self._written = ""
            self._add(self._kept, name)

    def _tell(self, state: str, activity: str) -> None:
        """Passes on changes of state only: a call has thousands of deltas."""
        if state != self._state:
            self._state = state
            self._listener.state(state, activity)

    def _used(self, name: str) -> Used:
        """What the present request used so far, as far as can be told. The built-in storyteller has no tokens: the
        words that it writes stand for them."""
        return Used(self._words) if name == OFFLINE else estimate(name, self._asked, self._heard)

    def _spend(self, response: ModelResponse, name: str) -> None:
        if name == OFFLINE:
            self._spent.count(name, self._used(name))
        else:
            self._spent.add(name, response, self._asked, self._heard)


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
def _asker(output_type: type[BaseModel], tools: bool) -> Agent[_QuoteCheck, Any]:
    """Asks for one type of answer, whoever is asked: as a call of a tool, or in words as JSON. Kept, because deriving
    the schema takes milliseconds."""
    asker: Agent[_QuoteCheck, Any] = Agent(
        output_type=output_type if tools else PromptedOutput(output_type),
        deps_type=_QuoteCheck,
        name="cast",
        retries={"output": OUTPUT_RETRIES},
    )

    @asker.output_validator
    def _quotes(context: RunContext[_QuoteCheck], output: Any) -> Any:
        return context.deps(output, may_ask=context.retry < context.max_retries)

    return asker


def label(models: Models, name: str) -> str:
    """A model in metrics: by its name where the server's owner chose it; of what writers may name there is no end."""
    return name if models.listed(name) else f"{name.partition(':')[0]}:other"


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


def _refused(messages: list[ModelMessage]) -> bool:
    """Whether the last thing that a model said, to a question with a typed answer, was that it will not answer."""
    responses = [message for message in messages if isinstance(message, ModelResponse)]
    return bool(responses) and is_refusal(_text(responses[-1]))
