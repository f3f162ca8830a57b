"""A person's own edits of the text, in the middle of a run or after it. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from coordinator.sections import realign
from coordinator.work import Done, Work, now_current, told_sections

_EDIT = re.compile(r"edit-\d+")
"""The name of a step that is a person's own edit of the text: in no schedule, done at once, at any time."""


def is_edit(name: str) -> bool:
    """Whether a step of this name is a person's own edit of the text."""
    return _EDIT.fullmatch(name) is not None


def is_replaced(done: Done) -> bool:
    """Whether the next edit, made of this one before anything else was done, takes its place: it is only counted."""
    return "content" not in (done.output or {})


def content_of(done: Done) -> str:
    """The whole text as the person has left it."""
    return str((done.output or {})["content"])


def edited(work: Work, done: Done) -> Work:
    """A person's own version takes the place of the current one. What is being made of the text as it was before, and
    is no version yet, is dropped where they have changed it. The schedule is the caller's to make anew."""
    if is_replaced(done):
        work = replace(work, done={**work.done, done.name: done}, versions=work.versions + 1)
        return replace(work, current_version=work.versions)
    sections = done.sections
    if sections is None:
        sections = realign(work.shown, content_of(done)) if work.shown else []
    shown = dict(enumerate(sections, 1))
    changed = {number: text for number, text in shown.items() if text != work.shown[number - 1]}
    all_polished = bool(work.polished) and set(work.polished) >= {number for number, text in work.texts.items() if text}
    in_polish = changed if all_polished else {number: changed[number] for number in changed if number in work.polished}
    work = replace(
        work,
        # Its text is in the sections: many edits of a long text would else be kept for as long as the story runs.
        done={**work.done, done.name: Done(done.name)},
        texts=work.texts if all_polished else {**work.texts, **changed},
        candidate={},
        polished={**work.polished, **in_polish},
        versions=work.versions + 1,
    )
    told = told_sections(work)
    work = replace(work, mending={number: notes for number, notes in work.mending.items() if number in told})
    return now_current(work, shown)
