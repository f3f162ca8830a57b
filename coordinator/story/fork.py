"""What a session that shares another's past begins with. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from coordinator.errors import Conflict, InvalidMessage, NotFound
from coordinator.models import StoryConfig
from coordinator.story.canon import NOTHING, Known
from coordinator.story.plan import restore, schedule
from coordinator.story.template import Template
from coordinator.story.work import Done, Work

OF_THE_OUTLINE = ("pages",)
"""What the outline was made for: a text that follows it can't be given another."""


@dataclass(frozen=True, slots=True)
class Fork:
    """`steps` are the shared ones, `until` the last of them, None for all that there is; `work` is how the new session
    stands."""

    steps: list[str]
    until: str | None
    work: Work


@dataclass(frozen=True, slots=True)
class WantedFork:
    """The past up to a step, or to the step that made a version, all of it where neither is named; `changes` to its
    config. Not to `start` is to be paused."""

    from_step: str | None = None
    from_version: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    title: str | None = None
    start: bool = True
    request_id: str | None = None


def fork(
    prompt: str,
    config: StoryConfig,
    template: Template,
    done: Sequence[Done],
    versions: Mapping[int, str | None],
    wanted: WantedFork,
    known: Known = NOTHING,
) -> Fork:
    """The past as far as it is wanted, with the changes made to the config.

    `versions` are the steps that made them, `known` what it has begun with of its project. Raises NotFound where there
    is no such step or version, InvalidMessage for a change that what is done already does not allow, Conflict where it
    was done by another template of that name.
    """
    if wanted.from_step is not None and wanted.from_version is not None:
        raise InvalidMessage("Name the step or the version that the fork goes on from: not both.")
    until = wanted.from_step
    if wanted.from_version is not None:
        until = versions.get(wanted.from_version)
        if until is None:
            raise NotFound(f"The story has no version {wanted.from_version} that a step of it made.")
    names = [step.name for step in done]
    if until is not None and until not in names:
        raise NotFound(f"The story has no finished step {until}.")
    past = done[: names.index(until) + 1] if until is not None else done
    before = restore(prompt, config, template, past, known)
    if set(before.done) != {step.name for step in past}:
        raise Conflict("The template of this story has changed since it was written: it can't be forked.")
    work = restore(prompt, _changed(before, past, wanted.changes), template, past, known)
    return Fork([step.name for step in past], until, work)


def _changed(before: Work, past: Sequence[Done], changes: Mapping[str, Any]) -> StoryConfig:
    config = before.config
    other = {name: value for name, value in changes.items() if getattr(config, name) != value}
    fixed = [name for name in OF_THE_OUTLINE if name in other and before.outline is not None]
    fixed += [
        name for name in other if name not in fixed and not _fits(before, past, _with(config, {name: other[name]}))
    ]
    if not fixed and not _fits(before, past, _with(config, other)):
        fixed = list(other)
    if fixed:
        raise InvalidMessage(
            f"What is done already does not go with another {' or '.join(fixed)}: leave that as it is, or fork from an "
            "earlier step."
        )
    return _with(config, other)


def _with(config: StoryConfig, changes: Mapping[str, Any]) -> StoryConfig:
    try:
        return StoryConfig.model_validate({**config.model_dump(), **changes})
    except ValidationError as error:
        raise InvalidMessage("; ".join(str(fault["msg"]) for fault in error.errors()) + ".") from error


def _fits(before: Work, past: Iterable[Done], config: StoryConfig) -> bool:
    """Whether the steps done are the first ones with that config, too, and make the same versions."""
    after = restore(before.prompt, config, before.template, past, before.known)
    done = [spec.name in after.done for spec in schedule(after)]
    same = set(after.done) == set(before.done) and after.versions == before.versions
    return same and done == sorted(done, reverse=True)
