"""The work of a session as its finished steps have left it, without holding up whoever else is served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from coordinator.models import StoryConfig
from coordinator.story import plan
from coordinator.story.canon import NOTHING, known_of
from coordinator.story.edits import content_of, is_edit, is_replaced
from coordinator.story.sections import realign
from coordinator.story.template import Template
from coordinator.story.work import Done, Work
from coordinator.workers.workers import Workers

STEPS_AT_ONCE = 20
"""They are folded in a few milliseconds; then others have their turn."""


async def restored(
    workers: Workers,
    user: UUID,
    prompt: str,
    config: StoryConfig,
    template: Template,
    done: Iterable[Done],
    material: Mapping[str, Any] | None,
    *,
    patient: bool = False,
    each: Callable[[Work, Work], None] | None = None,
) -> tuple[Work, list[Done]]:
    """As `plan.restore`, and the steps with what that found out about a person's edits, so that it need not be found
    again. Long edits are matched to their sections in a worker process. `material` is what is kept with the session of
    its project; `each` is told the work before and after every step.

    Raises what `Workers.run` raises, or waits for room there where it is `patient`.
    """
    run = workers.run_patiently if patient else workers.run
    # A long bible takes a while to read.
    known = await asyncio.to_thread(known_of, material) if material else NOTHING
    work = plan.begun(prompt, config, template, known)
    steps: list[Done] = []
    for number, step in enumerate(done, 1):
        if is_edit(step.name) and not is_replaced(step) and work.shown:
            content = content_of(step)
            size = len(content) + sum(map(len, work.shown))
            step = replace(step, sections=await run(user, size, realign, work.shown, content))
        before, work = work, plan.taken_up(work, step)
        if each is not None:
            each(before, work)
        steps.append(step)
        if number % STEPS_AT_ONCE == 0:
            await asyncio.sleep(0)
    return work, steps
