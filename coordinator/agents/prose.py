"""A call that writes prose: told on as it comes, gone on with where it was cut off, ended where it is long enough."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from pydantic_ai.direct import model_request_stream
from pydantic_ai.exceptions import AgentRunError, UserError
from pydantic_ai.messages import ModelResponse

from coordinator.agents import faults, prompts, tasks
from coordinator.agents.call import ATTEMPTS, OVERFLOWS, Answer, Asked, BriefCall, label
from coordinator.agents.cleaning.clean import Cleaned, clean
from coordinator.agents.cleaning.sentences import is_refusal
from coordinator.agents.faults import Fault
from coordinator.agents.length import OVER, Length, whole_sentences, without_loop
from coordinator.agents.revision import not_taken, other_language
from coordinator.agents.seam import END, NoWayOn, Seam
from coordinator.llm.models import OFFLINE
from coordinator.llm.offline import OtherText
from coordinator.story.words import count_words
from coordinator.telemetry.traces import instrumented

log = logging.getLogger(__name__)

LEAST_KEPT: Final = 40
MOST_KEPT: Final = 1.25
"""Text of fewer words is not worth going on from, nor one of more than so many times its budget."""
LONGEST_JOINED: Final = 1.5
"""A text that is so many times its budget after a model went on with it was begun a second time, not gone on with."""
SHORTEST: Final = 0.6
"""Of its budget: a section with less is gone on with once."""
LEAST_MISSING: Final = 60
"""Words: for fewer it is not worth another call."""
ENOUGH: Final = 0.8
"""Of its budget: a section that was cut off at its limit of tokens with so much ends with its last whole sentence."""
LEAST_TAKEN: Final = 0.25
"""Of its budget: with so much, a text that no model brought to an end is taken after all."""

OVER_LENGTH: Final = "The model did not come to an end, so this ends with a sentence at about its length."
SHORT: Final = "The model wrote less of this than it was asked for."
NOT_TAKEN: Final = "What the model gave does not take the place of this section, which stays as it is."
LOOPED: Final = "The model went round in circles, so this ends before that."


@dataclass(frozen=True, slots=True)
class Begun:
    """Prose that an earlier call was writing when it was cut off, in its `attempt`. `counted` is whether what that
    call used is counted already, as where the session paused or failed, and not where a process died."""

    text: str
    attempt: int
    counted: bool


class ProseCall(BriefCall):
    is_prose: ClassVar = True

    def __init__(self, *given: Any, attempt: int) -> None:
        super().__init__(*given)
        self._attempt = self._first_attempt = attempt
        self._kept = self.brief.opening
        """What is there of the prose, to go on from in this attempt."""
        self._opened = 0
        """The attempt in which the opening was told."""
        self._written = ""
        """The prose as it was told, with what was kept."""
        self._seam: Seam | None = None
        self._part: int | None = None
        """Of the present answer: the part that is prose. One that begins again replaces what was told of it."""
        self._wanted = tasks.length(self.brief)
        self._length = Length(self._wanted)
        self._taken: tuple[str, str] | None = None
        """A text that is taken where no better one comes, and what its writer is told of it."""
        self._loops = self._overflows = 0
        self._lengthened = self._foreign = False

    def take_up(self, begun: Begun, name: str) -> None:
        """Go on from there. What the call before it used is counted here where nobody else did, as that model's."""
        self._kept, self._attempt, self._opened = begun.text, begun.attempt, begun.attempt
        if not begun.counted:
            self._heard, self._words = len(begun.text), count_words(begun.text)
            asked = prompts.instructions(self.brief), prompts.request(self.brief)
            self._asked = sum(map(len, asked))
            self.spent.count(name, self.used(name))

    async def answer_of(self, name: str) -> Answer:
        """What this one model answers, in as many attempts as may help. Raises Fault."""
        tries, self._overflows = 1, 0
        while True:
            if self._kept and not self._goes_on(name):
                self._begin_anew()
            self._open()
            self._written, self._begun, self._state = self._kept, False, ""
            try:
                text, *notes = await self._attempt_with(name, tries)
            except Fault as fault:
                log.warning("%s, attempt %d: %s", self.brief.step, self._attempt, fault.what)
                if self._taken is not None and (self._lengthened or tries >= ATTEMPTS) and fault.weak:
                    text, note = self._taken
                    return self._accepted(text, name, [note])
                if self._written and not fault.spoilt:
                    self._kept = self._written
                else:
                    self._withdraw()
                if not fault.again or tries >= ATTEMPTS:
                    raise
                if fault.pause:
                    await self.pause(tries)
                tries += 1
            else:
                if self._may_lengthen(text, name):
                    self._lengthen(text)
                    continue
                if self._lengthened and count_words(text) < SHORTEST * self._wanted:
                    notes = [SHORT]
                return self._accepted(text, name, [note for note in notes if note])

    def _accepted(self, text: str, name: str, notes: list[str]) -> Answer:
        """The answer; where it is to take the place of a text and does not stand up to it, that text."""
        why = not_taken(self.brief.text, text, self.brief) if self._mends(name) else None
        if why is None:
            return self.answer(text, text, name, *notes)
        log.warning("%s is not taken: %s", self.brief.step, why)
        self.tell_whole(self.brief.text)
        return self.answer(self.brief.text, self.brief.text, name, f"{NOT_TAKEN} {why}")

    def _mends(self, name: str) -> bool:
        return name != OFFLINE and self.brief.kind in ("revise", "polish") and bool(self.brief.text)

    def _may_lengthen(self, text: str, name: str) -> bool:
        if name == OFFLINE or self._lengthened or not self.models.continues or self.brief.kind != "draft":
            return False
        said_so = self._seam is not None and self._seam.nothing_missing
        words = count_words(text)
        return not said_so and words < SHORTEST * self._wanted and self._wanted - words >= LEAST_MISSING

    def _lengthen(self, text: str) -> None:
        """The same section is gone on with, from all that there is of it."""
        self._lengthened = True
        self._taken = text, SHORT
        if text != self._written:
            # What was taken off had been told.
            self._attempt += 1
            self.listener.delta(self._attempt, 0, text)
        self._kept, self._opened = text, self._attempt

    def _goes_on(self, name: str) -> bool:
        """Whether this model can go on from what is kept, and it is worth it. The built-in one repeats itself for
        nothing, so with that it always is; what a person has left is not given up."""
        if self._kept == self.brief.opening or (self._lengthened and name != OFFLINE):
            return True
        if not self.models.continues:
            return False
        words = count_words(self._kept)
        return name == OFFLINE or (
            LEAST_KEPT <= words <= MOST_KEPT * self._wanted and not is_refusal(self._kept, self._wanted)
        )

    def _begin_anew(self) -> None:
        self._kept = self.brief.opening
        self._attempt = max(self._first_attempt, self._attempt + 1)

    def _withdraw(self) -> None:
        """What was told is no part of the story: the message begins anew at once, and not with the next piece of it."""
        told = self._written
        self._begin_anew()
        if told:
            self.listener.delta(self._attempt, 0, self._kept)
            self._opened = self._attempt

    def _open(self) -> None:
        if self._kept and self._kept == self.brief.opening and self._opened < self._attempt:
            self.listener.delta(self._attempt, 0, self._kept)
            self._opened = self._attempt

    async def _attempt_with(self, name: str, tries: int) -> tuple[str, str]:
        while True:
            asked: Asked | None = None
            try:
                asked = await self._asked_for(name)
                self.place(name)
                async with self.models.turn(name):
                    self.tell("thinking", self._activity)
                    return await self._prose(name, tries, asked)
            except (AgentRunError, UserError) as error:
                fault = self.fault_of(error, name, asked)
                self._overflows += faults.is_overflow(error)
                if not faults.is_overflow(error) or self._overflows > OVERFLOWS:
                    raise fault from error
                log.warning("%s: %s", self.brief.step, fault.what)

    async def _asked_for(self, name: str) -> Asked:
        kept = self._kept if self._kept and name != OFFLINE else ""
        self._seam = Seam(kept) if kept else None

        def build(words: int) -> str:
            return prompts.continuation(self.brief, kept, words) if kept else prompts.request(self.brief, words)

        answer = math.ceil(self._wanted * OVER * self.tokens_per_word())
        return await self.fit(name, answer, build, tries=1 + self._overflows)

    async def _prose(self, name: str, tries: int, asked: Asked) -> tuple[str, str]:
        # One request and its answer: no agent loop, which would ask again on its own and on the same message.
        self._part = None
        self._length = Length(self._wanted, self._kept)
        model = instrumented(self.models.resolve(name, self.brief, self._kept))
        settings = self.settings(name, tries, asked)
        self.ask(name, asked)
        try:
            with self.metrics.model_call(label(self.models, name)) as call:
                async with model_request_stream(model, asked.messages, model_settings=settings) as stream:
                    self._begun = True
                    try:
                        await self.follow(stream, name, call, asked)
                    finally:
                        self.spend(stream.get(), name, asked, whole=True)
                    if self._seam is not None and not self.enough():
                        self._add(self._seam.end(), name)
                    return self._checked(stream.get(), name)
        except (NoWayOn, OtherText) as error:
            raise faults.astray(name, self.brief.kind) from error

    def _checked(self, response: ModelResponse, name: str) -> tuple[str, str]:
        """The prose of a response, with what was kept, and what its writer is told of it. Raises Fault where it is
        none."""
        kind = self.brief.kind
        if self._length.looped:
            self._loops += 1
            text = self._cleaned(without_loop(self._written, self._length)).text
            self._take(text, LOOPED)
            if self._loops > 1 and self._taken is not None:
                return self._taken
            raise faults.looped(name, kind)
        cleaned = self._cleaned(self._written)
        text, said_so = cleaned.text, False
        if self._seam is not None:
            said_so = self._seam.nothing_missing or self._written.rstrip().endswith(END)
            text = text.removesuffix(END).rstrip()
            if count_words(text) > LONGEST_JOINED * self._wanted:
                raise faults.astray(name, kind)
        if response.finish_reason == "content_filter" or cleaned.no_story == "refusal":
            raise faults.refused(name, kind)
        if cleaned.no_story == "question":
            raise faults.asked_back(name, kind)
        self._check_language(text, name)
        if self._length.over:
            if not count_words(text):
                # Line ends without end, or dashes.
                raise faults.empty(name, kind)
            return text, OVER_LENGTH
        if response.finish_reason == "length":
            return self._cut_off(text, name)
        if response.finish_reason == "error":
            raise faults.broken(name)
        # A server that never says that it has ended is believed where the model says it.
        if name != OFFLINE and response.state != "complete" and not said_so:
            raise faults.stopped(name, kind)
        if not text:
            raise faults.empty(name, kind)
        return text, ""

    def _check_language(self, text: str, name: str) -> None:
        """Raises Fault where a draft is in another language than asked, once: it may be told better by its writer."""
        if name == OFFLINE or self.brief.kind not in ("draft", "brainstorm") or self._foreign or self.brief.opening:
            return
        language = other_language(text, self.brief)
        if language is not None:
            self._foreign = True
            raise faults.foreign(name, self.brief.kind, language)

    def _cut_off(self, text: str, name: str) -> tuple[str, str]:
        """Of an answer that had no more room."""
        if not text:
            # All of it was a thought: it gets more room for that, and begins again.
            self.models.learned(name).thinks = True
            raise faults.cut_off(name, self.brief.kind)
        whole = whole_sentences(text)
        if count_words(whole) >= ENOUGH * self._wanted:
            return whole, ""
        self._take(whole, SHORT)
        raise faults.cut_off(name, self.brief.kind)

    def _take(self, text: str, note: str) -> None:
        """Should nothing better come."""
        words = count_words(text)
        better = self._taken is None or words > count_words(self._taken[0])
        if better and words >= LEAST_TAKEN * self._wanted and not is_refusal(text, self._wanted):
            self._taken = text, note

    def _cleaned(self, text: str) -> Cleaned:
        cleaned = clean(text, self.brief)
        # A person's own words are not a model's to be cleaned.
        return cleaned if cleaned.text.startswith(self.brief.opening) else replace(cleaned, text=text.strip())

    def enough(self) -> bool:
        return self._length.over

    def write(self, text: str, name: str) -> None:
        self._add(self._seam.add(text) if self._seam is not None else text, name)

    def _add(self, text: str, name: str) -> None:
        kept = text if name == OFFLINE else self._length.add(text)
        if kept:
            self.listener.delta(self._attempt, len(self._written), kept)
            self._written += kept

    def tell_whole(self, text: str) -> None:
        self._attempt += 1
        self.listener.delta(self._attempt, 0, text)

    def begin_text(self, index: int, name: str) -> None:
        if index == self._part:
            self._take_back(name)
        self._part = index

    def _take_back(self, name: str) -> None:
        """What was told of this answer was a thought: the message begins anew, with what was kept of the one before."""
        if self._seam is not None:
            self._seam = Seam(self._kept)
        if self._written != self._kept:
            self._attempt = max(self._first_attempt, self._attempt + 1)
            self._written, self._opened = self._kept, self._attempt
            self.listener.delta(self._attempt, 0, self._kept)
        self._length = Length(self._wanted, self._kept)
