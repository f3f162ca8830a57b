"""How far a story is: a Progress from the state of its run. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from coordinator.models import Progress
from coordinator.story.plan import schedule
from coordinator.story.template import STAGES
from coordinator.story.work import Kind, StepSpec, Work


def of(work: Work, current: str | None, words: int) -> Progress:
    """How far the work is, by words to write. Never less than after the step before, and 100 only when all is done."""
    steps = schedule(work)
    done = [spec for spec in steps if spec.name in work.done]
    ahead = [spec for spec in steps if spec.name not in work.done]
    told = {spec.stage for spec in steps}
    return Progress(
        completed_steps=len(done),
        total_steps=len(steps),
        percent=min(_down(100 * (1 - work.left), 1), 99.9 if ahead else 100),
        current_step=current,
        stages={stage: _down(1 - work.stages_left.get(stage, 1.0), 3) for stage in STAGES if stage in told},
        eta_s=_eta_s(work, done, ahead),
        words=words,
        target_words=work.target_words,
    )


def _eta_s(work: Work, done: Sequence[StepSpec], ahead: Sequence[StepSpec]) -> float | None:
    """By what a step of the same kind has taken on average, or any step where none of its kind is done yet."""
    spent: dict[Kind, list[int]] = {}
    for spec in done:
        if spec.kind != "approval":
            spent.setdefault(spec.kind, []).append(work.done[spec.name].duration_ms)
    every = [duration for durations in spent.values() for duration in durations]
    if not every:
        return None
    likely = [spent.get(spec.kind, every) for spec in ahead if spec.kind != "approval"]
    return round(sum(sum(known) / len(known) for known in likely) / 1000, 1)


def _down(value: float, digits: int) -> float:
    """Rounded down, so that nothing looks finished before it is; what floating point has added or lost is made good."""
    return math.floor(round(value * 10.0**digits, 6)) / 10.0**digits
