"""What a model can do, tried with one short call of each kind: prose, a typed answer, going on, and being stopped."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from pydantic import BaseModel

from coordinator.agents.cast import Begun, perform
from coordinator.agents.library import load_library
from coordinator.errors import ModelFailed, StoryloomError
from coordinator.llm.models import Models
from coordinator.models import StoryConfig
from coordinator.story.brief import Brief
from coordinator.story.material import Section
from coordinator.story.template import StepKind
from coordinator.story.words import count_words

WORDS = 80
"""Of the prose that is asked for."""
LONGEST_S = 180.0
"""For one of the calls. A model that needs longer for some eighty words would write a page in a quarter of an hour."""
STOPPED_S = 5.0
"""Within which a call that is cancelled must have let go of its model."""

PROMPT = "A lighthouse keeper finds that the light has been signalling something back."
TEXT = (
    "The keeper counted the flashes twice before she wrote them down. Nine, and then a pause, and then four. She had "
    "kept the light for eleven years, and in all that time nobody had answered it. Outside the wind went round the "
    "tower, trying the shutters one by one, and far out on the water, where there was no ship and no buoy, "
)


@dataclass
class Trial:
    """What was found. `failed` is one sentence where the model wrote nothing at all."""

    failed: str = ""
    words_per_s: float = 0.0
    can: list[str] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)

    def told(self) -> str:
        cans = f"it {', '.join(self.can)}" if self.can else ""
        lacks = f"but {', '.join(self.lacks)}" if self.lacks else ""
        return ", ".join(part for part in (cans, lacks) if part)


async def tried(models: Models, name: str) -> Trial:
    """Raises nothing: what goes wrong is what was found."""
    trial = Trial()
    try:
        await _prose(models, name, trial)
        await _typed(models, name, trial)
        await _going_on(models, name, trial)
        await _stopping(models, name, trial)
    except TimeoutError:
        trial.failed = f"The model {name} took longer than {LONGEST_S:.0f} s for a call of {WORDS} words."
    except StoryloomError as error:
        trial.failed = error.message
    return trial


async def _prose(models: Models, name: str, trial: Trial) -> None:
    watch = _Watch()
    begin = time.monotonic()
    async with asyncio.timeout(LONGEST_S):
        answer = await perform(_brief("draft"), models, name, watch)
    first = watch.first_at or begin
    trial.words_per_s = count_words(answer.text) / max(time.monotonic() - first, 0.001)
    trial.can.append(f"writes {trial.words_per_s:.0f} words a second, the first after {first - begin:.1f} s")


async def _typed(models: Models, name: str, trial: Trial) -> None:
    async with asyncio.timeout(LONGEST_S):
        answer = await perform(_brief("notes"), models, name, _Watch())
    assert isinstance(answer.output, BaseModel)
    learned = models.learned(name)
    if answer.notes:
        trial.lacks.append("gives no typed answers: its stories are planned by the built-in storyteller and not judged")
    else:
        form = " in the smaller form" if learned.small else ""
        trial.can.append(f"gives typed answers by {learned.mode}{form}")


async def _going_on(models: Models, name: str, trial: Trial) -> None:
    watch = _Watch()
    try:
        async with asyncio.timeout(LONGEST_S):
            await perform(_brief("draft", words=2 * WORDS), models, name, watch, begun=Begun(TEXT, 1, counted=True))
    except ModelFailed:
        watch.attempts.add(2)
    if watch.attempts <= {1}:
        trial.can.append("goes on from a text that was cut off")
    else:
        trial.lacks.append("can't go on from a text that was cut off and begins it again")


async def _stopping(models: Models, name: str, trial: Trial) -> None:
    watch = _Watch()
    call = asyncio.create_task(perform(_brief("draft", words=4 * WORDS), models, name, watch))
    begun = asyncio.create_task(watch.begun.wait())
    await asyncio.wait({call, begun}, timeout=LONGEST_S, return_when=asyncio.FIRST_COMPLETED)
    begin = time.monotonic()
    call.cancel()
    begun.cancel()
    await asyncio.gather(call, begun, return_exceptions=True)
    if time.monotonic() - begin < STOPPED_S:
        trial.can.append("stops when it is told to")
    else:
        trial.lacks.append(f"took {time.monotonic() - begin:.0f} s to stop")


class _Watch:
    def __init__(self) -> None:
        self.first_at: float | None = None
        self.begun = asyncio.Event()
        self.attempts: set[int] = set()

    def state(self, state: str, activity: str) -> None:
        return

    def delta(self, attempt: int, offset: int, text: str) -> None:
        self.first_at = self.first_at or time.monotonic()
        self.attempts.add(attempt)
        self.begun.set()


def _brief(kind: StepKind, words: int = WORDS) -> Brief:
    template = load_library().get("short-story")
    step = template.step(kind)
    assert step is not None
    reading = [Section(number=1, text=TEXT)] if kind == "notes" else []
    return Brief(
        step=f"{kind}-1",
        kind=kind,
        agent=step.agent,
        template=template,
        prompt=PROMPT,
        config=StoryConfig(pages=1),
        section=0 if reading else 1,
        sections=1,
        words=words,
        reading=reading,
    )
