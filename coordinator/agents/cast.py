"""One agent call: a brief goes to a model, prose comes back as it is written, a typed answer when it is whole.

What can go wrong in a moment is tried again as a new attempt, then with the models to fall back on. What models that
answer can't do is passed over where the story can go on without it, and its writer is told; what is left is one error
that a writer understands.
"""

from __future__ import annotations

import logging

from coordinator.agents import faults, prompts, tasks
from coordinator.agents.call import Answer, BriefCall, Listener, label
from coordinator.agents.faults import Fault
from coordinator.agents.prose import Begun, ProseCall
from coordinator.agents.render import render
from coordinator.agents.standins import BUILT_IN, NOTES, stand_in
from coordinator.agents.typed import TypedCall
from coordinator.errors import Misconfigured
from coordinator.llm.http import WAITING
from coordinator.llm.models import OFFLINE, Models
from coordinator.llm.prices import Spent
from coordinator.story.brief import Brief
from coordinator.story.budget import Guard
from coordinator.story.words import count_words
from coordinator.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

__all__ = ["Answer", "Begun", "Listener", "label", "perform"]


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

    Where the models could be reached and none did what it was asked, a step that judges, plans or mends is passed over:
    its answer is what `standins` gives, and a note says so. Raises ModelFailed when none could be reached, or none
    wrote what only a model can write; InvalidMessage when `model` is not one that may be chosen, BudgetExceeded where
    the `guard` says so. Cancelled, it passes the cancellation on at once and closes the connection.
    """
    if brief.opening and count_words(brief.opening) >= tasks.length(brief):
        # A person has told the section: it is as they want it.
        return Answer(brief.opening, brief.opening, model, 0, 0)
    chain = models.chain(model)
    given = (brief, models, listener, Spent() if spent is None else spent, guard, metrics or Metrics())
    call = _call(given, first_attempt, begun, chain[0])
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
    if any(fault.weak for fault in found) and brief.kind in NOTES:
        return await _passed_over(call, chain[0], found)
    raise faults.model_failed(found)


def _call(
    given: tuple[Brief, Models, Listener, Spent, Guard | None, Metrics],
    first_attempt: int,
    begun: Begun | None,
    first: str,
) -> ProseCall | TypedCall:
    if prompts.output_type(given[0].kind) is not str:
        return TypedCall(*given)
    call = ProseCall(*given, attempt=first_attempt)
    if begun is not None:
        call.take_up(begun, first)
    return call


async def _passed_over(call: BriefCall, model: str, found: list[Fault]) -> Answer:
    brief = call.brief
    log.warning("%s is passed over: %s", brief.step, " ".join(fault.what for fault in found))
    output = await stand_in(brief)
    note, why = NOTES[brief.kind], " ".join(dict.fromkeys(fault.what for fault in found))
    text = render(output)
    if isinstance(output, str):
        call.tell_whole(text)
    return call.answer(output, text, OFFLINE if note == BUILT_IN else model, f"{note} {why}")
