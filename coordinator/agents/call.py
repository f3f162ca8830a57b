"""What every call of a model has, whatever it answers: its request cut to what the model holds, its cost counted as it
comes, its silence bounded, its state told on."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol

from pydantic import BaseModel
from pydantic_ai.exceptions import AgentRunError, ModelHTTPError, UserError
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
from pydantic_ai.settings import ModelSettings

from coordinator.agents import faults, prompts
from coordinator.agents.faults import CallKind, Fault
from coordinator.llm.learned import Learned
from coordinator.llm.measure import LEAST_CONTEXT, Measure, told_in
from coordinator.llm.models import OFFLINE, Models, too_small
from coordinator.llm.prices import CHARACTERS_PER_TOKEN, Spent, Used, estimate
from coordinator.llm.tokens import tokens_of
from coordinator.story.brief import Brief, BriefKind
from coordinator.story.budget import Guard
from coordinator.story.words import count_words
from coordinator.telemetry.metrics import Metrics, ModelCall

ATTEMPTS: Final = 3
"""Attempts at one call with one model, the first included, where asking again may help."""

MOST_HEARD: Final = 2_000_000
"""Characters of one answer, thoughts and arguments included. A model that thinks for ever is stopped."""

OVERFLOWS: Final = 3
"""Times that a request is cut further because it was longer than the model's context."""
SPARE: Final = 64
"""Tokens that a chat template puts round a request."""
SHORT_CONTEXT: Final = 6_000
"""A model that holds fewer tokens gets the shorter instructions."""
ANSWER_SHARE: Final = 3
"""The answer's room is a third of the context at the most."""
LEAST_WORDS: Final = 150
"""Of a request; with fewer, there is nothing in it to write from."""
THOUGHTS: Final = 4_000
"""Tokens that a model may think, where it was seen to: as many as its context has room for."""
SLACK: Final = 600
"""Tokens that an answer may come to beyond twice what is expected of it."""
OWN_ROOM: Final = 1.3
"""Times what is expected that a typed answer may come to on a server of one's own."""
TOKENS_PER_WORD: Final = (1.4, 6.0)
SAMPLE: Final = 2_000
"""Characters of the material by which the language's tokens a word are judged."""

ACTIVITIES: Final[dict[BriefKind, str]] = {
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
    `notes` are sentences for the writer on what was done to it, or instead of it.
    """

    output: str | BaseModel
    text: str
    model: str
    tokens: int
    cost_usd: float
    by_model: dict[str, Used] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Listener(Protocol):
    """Who is told, while a call is on its way. Neither method may block or raise."""

    def state(self, state: str, activity: str) -> None:
        """`thinking`, `writing`, or `waiting` for a place or for a busy provider."""

    def delta(self, attempt: int, offset: int, text: str) -> None:
        """A piece of prose. A higher attempt starts the message anew, with no text yet where the piece is empty;
        `offset` counts the characters before it. The first piece of a call may go on from where an earlier one was cut
        off."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it is sent. `tokens` is what it may come to, `max_tokens` what the answer may; `own` whether it goes
    to a server of one's own."""

    instructions: str
    request: str
    tokens: int
    max_tokens: int | None = None
    own: bool = False

    @property
    def characters(self) -> int:
        return len(self.instructions) + len(self.request)

    @property
    def messages(self) -> list[ModelMessage]:
        return [ModelRequest(parts=[UserPromptPart(self.request)], instructions=self.instructions)]


class Call(ABC):
    """One request on its way to models, one after the other."""

    is_prose: ClassVar = False

    def __init__(
        self,
        kind: CallKind,
        activity: str,
        models: Models,
        listener: Listener,
        spent: Spent,
        guard: Guard | None,
        metrics: Metrics,
    ) -> None:
        """`activity` is what the agent is doing, for people to read."""
        self.kind = kind
        self.models = models
        self.listener = listener
        self.spent = spent
        self._guard = guard
        self.metrics = metrics
        self._asked = self._heard = self._words = 0
        """Of the present request: characters asked, characters answered (thinking and arguments included), and words
        of prose answered."""
        self._begun = False
        self._thought = 0
        self._state = ""
        self._activity = activity

    @abstractmethod
    def instructions(self, *, short: bool) -> str:
        """Who is asked, and by which rules they answer; `short` for a model with little room."""

    @abstractmethod
    def sample(self) -> str:
        """Of the language at hand."""

    # -- The request -------------------------------------------------------------------------------------------------

    async def meet(self, name: str) -> tuple[Measure, Learned]:
        """What is known of the model now. Raises Fault where it holds too little for any step."""
        measure = await self.models.measure(name)
        if measure.context is not None and measure.context < LEAST_CONTEXT:
            raise faults.too_small(too_small(name, measure.context))
        return measure, self.models.learned(name)

    async def fit(
        self, name: str, answer: int, build: Callable[[int], str], *, beside: str = "", tries: int = 1
    ) -> Asked:
        """The request that `build` makes of so many words, with as many as the model has room for beside an answer of
        so many tokens. `beside` is what the library adds to it, `tries` how often it was cut already."""
        if name == OFFLINE:
            return Asked("", "", 0)
        measure, learned = await self.meet(name)
        context = measure.context
        instructions = self.instructions(short=context is not None and context < SHORT_CONTEXT)
        if context is None:
            request = build(prompts.REQUEST_WORDS)
            return Asked(
                instructions, request, tokens_of(request), self._limit(name, answer, None, measure), measure.own
            )
        thoughts = min(THOUGHTS, context // 4) if learned.thinks else 0
        room = (context - min(answer, context // ANSWER_SHARE) - thoughts - SPARE) * (10 - tries + 1) // 10
        words = prompts.REQUEST_WORDS
        request, tokens = "", 0
        while words >= LEAST_WORDS:
            request = build(words)
            tokens = await self.models.count(name, "\n".join((instructions, request, beside)), measure)
            if tokens <= room:
                limit = self._limit(name, answer, context - tokens - SPARE, measure)
                return Asked(instructions, request, tokens, limit, measure.own)
            words = min(int(words * room / tokens), words - LEAST_WORDS)
        raise faults.too_long_a_text(name, self.kind)

    def _limit(self, name: str, answer: int, left: int | None, measure: Measure) -> int | None:
        """What the answer may come to. Who is known to think, and is paid by the token, sets that limit itself."""
        learned = self.models.learned(name)
        if not measure.own and learned.thinks:
            return None
        # Prose is stopped at its length; a form that runs on costs a slow machine a minute for each thousand.
        usual = round(OWN_ROOM * answer) if measure.own and not self.is_prose else 2 * answer + SLACK
        most = usual + (THOUGHTS if learned.thinks else 0)
        return most if left is None else max(min(most, left), 1)

    def tokens_per_word(self) -> float:
        """Of the language at hand, as far as the material tells."""
        sample = self.sample()[:SAMPLE]
        words = count_words(sample)
        low, high = TOKENS_PER_WORD
        return min(max(tokens_of(sample) / words, low), high) if words else low

    # -- Its cost ----------------------------------------------------------------------------------------------------

    def ask(self, name: str, asked: Asked) -> None:
        """Begins to count one request. Raises BudgetExceeded where it must not be made."""
        self._asked, self._heard, self._words, self._thought = asked.characters, 0, 0, 0
        if self._guard is not None:
            used = self.used(name)
            self._guard.before(self.spent.tokens, self.spent.cost_usd, used.tokens, used.cost_usd)

    def used(self, name: str) -> Used:
        """What the present request used so far, as far as can be told. The built-in storyteller has no tokens: the
        words that it writes stand for them."""
        return Used(self._words) if name == OFFLINE else estimate(name, self._asked, self._heard)

    def spend(self, response: ModelResponse, name: str, asked: Asked, *, whole: bool) -> None:
        """Counts one response, and learns from it. `whole` is whether all that was asked is in the count."""
        if name == OFFLINE:
            self.spent.count(name, self.used(name))
            return
        self.spent.add(name, response, self._asked, self._heard)
        learned = self.models.learned(name)
        if whole and response.state == "complete":
            learned.counted(tokens_of(asked.instructions) + tokens_of(asked.request), response.usage.input_tokens)
        if self._thought > self._heard // 2:
            learned.thinks = True

    # -- Its course --------------------------------------------------------------------------------------------------

    async def follow(self, events: AsyncIterable[Any], name: str, call: ModelCall, asked: Asked) -> None:
        """Shows the events of a stream to its end, or until enough is there. Raises Fault when, once begun, it is
        silent for longer than the settings allow, events that say nothing included; until its first event the HTTP
        client counts the time, which may try again meanwhile."""
        loop = asyncio.get_running_loop()
        begin = first = loop.time()
        try:
            # One for the whole stream, put off by each event: to make one for each costs more than to show it.
            async with asyncio.timeout(None) as silence:
                async for event in events:
                    heard = self._heard
                    self._begun = True
                    self._show(event, name)
                    if silence.when() is None:
                        call.answers()
                        first = loop.time()
                    elif self._heard == heard:
                        continue
                    silence.reschedule(loop.time() + self.models.timeout_s)
                    if self.enough():
                        break
        except TimeoutError:
            if silence.expired():
                raise faults.silent(name, self.models.timeout_s) from None
            raise
        if name != OFFLINE:
            written = self._heard // CHARACTERS_PER_TOKEN
            self.models.learned(name).took(asked.tokens, first - begin, written, loop.time() - first)

    def enough(self) -> bool:
        """Whether what is there needs no more of the answer."""
        return False

    def write(self, text: str, name: str) -> None:
        """A piece of the answer's text; who wants none of it need not say so."""
        return

    def begin_text(self, index: int, name: str) -> None:
        """A part of text begins; as `write`."""
        return

    def _show(self, event: Any, name: str) -> None:
        match event:
            case (
                PartStartEvent(part=ThinkingPart(content=text))
                | PartDeltaEvent(delta=ThinkingPartDelta(content_delta=text))
            ):
                self._thought += len(text or "")
                self._hear(text, name)
                self.tell("thinking", self._activity)
            case PartStartEvent(index=index, part=TextPart(content=text)):
                self.begin_text(index, name)
                self._write(text, name)
            case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                self._write(text, name)
            case (
                PartStartEvent(part=ToolCallPart(args=args)) | PartDeltaEvent(delta=ToolCallPartDelta(args_delta=args))
            ):
                self._hear(args if isinstance(args, str) else "", name)
                self.tell("writing", self._activity)

    def _write(self, text: str, name: str) -> None:
        if text:
            self.tell("writing", self._activity)
            self._words += count_words(text) if self.is_prose else 0
            self.write(text, name)
            self._hear(text, name)

    def _hear(self, text: str | None, name: str) -> None:
        """Counts what comes. Raises BudgetExceeded as soon as it is too much."""
        self._heard += len(text or "")
        if self._heard > MOST_HEARD:
            raise faults.ran_on(name, self.kind)
        if self._guard is not None:
            used = self.used(name)
            self._guard.during(self.spent.tokens + used.tokens, self.spent.cost_usd + used.cost_usd)

    def wait(self, why: str) -> None:
        """Tells that the call waits, and for what: each wait anew."""
        self._state = "waiting"
        self.listener.state("waiting", why)

    def tell(self, state: str, activity: str) -> None:
        """Passes on changes of state only: a call has thousands of deltas."""
        if state != self._state:
            self._state = state
            self.listener.state(state, activity)

    async def pause(self, tries: int) -> None:
        self.wait("the model stumbled; trying again in a moment")
        await asyncio.sleep(self.models.pause_s(tries))

    def place(self, name: str) -> None:
        if self.models.crowded(name):
            self.wait("waiting for a free place among the model calls")

    def fault_of(self, error: AgentRunError | UserError, name: str, asked: Asked | None) -> Fault:
        if faults.is_overflow(error):
            body = error.body if isinstance(error, ModelHTTPError) else None
            told = told_in(body) if body is not None else None
            self.models.overflowed(name, told, asked.tokens if asked else LEAST_CONTEXT)
            return faults.overflowed(name, self.kind)
        return faults.fault_of(
            error,
            name,
            self.kind,
            tries=self.models.attempts,
            begun=self._begun,
            own_key=self.models.own_key(name),
        )

    def answer(self, output: str | BaseModel, text: str, name: str, *notes: str) -> Answer:
        spent = self.spent
        return Answer(output, text, name, spent.tokens, spent.cost_usd, spent.by_model, notes)


class BriefCall(Call):
    """A step of a story on its way to models."""

    def __init__(
        self,
        brief: Brief,
        models: Models,
        listener: Listener,
        spent: Spent,
        guard: Guard | None,
        metrics: Metrics,
    ) -> None:
        section = f"section {brief.section} of {brief.sections}" if brief.section else "the story"
        activity = ACTIVITIES[brief.kind].format(section=section)
        super().__init__(brief.kind, activity, models, listener, spent, guard, metrics)
        self.brief = brief

    def instructions(self, *, short: bool) -> str:
        return prompts.instructions(self.brief, short=short)

    def sample(self) -> str:
        return self.brief.previous or self.brief.text or self.brief.prompt

    def settings(self, name: str, tries: int, asked: Asked) -> ModelSettings:
        return self.models.model_settings(
            name,
            tries,
            self.brief.template.agents[self.brief.agent].temperature,
            seed=self.brief.config.seed,
            max_tokens=asked.max_tokens,
            own=asked.own,
        )

    def tell_whole(self, text: str) -> None:
        """A text that stands in for what was told of the answer."""


def label(models: Models, name: str) -> str:
    """A model in metrics: by its name where the server's owner chose it; of what writers may name there is no end."""
    return name if models.listed(name) else f"{name.partition(':')[0]}:other"
