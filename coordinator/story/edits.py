"""What becomes of the text between two runs: it is kept as far as it was told, and a person edits it. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from coordinator.storable import storable
from coordinator.story.sections import paragraphs, realign, spans
from coordinator.story.words import count_words
from coordinator.story.work import Done, UnderWay, Work, now_current, told_sections

_EDIT = re.compile(r"edit-\d+")
"""The name of a step that is a person's own edit of the text: in no schedule, done at once, at any time."""
_KEPT = re.compile(r"so-far-\d+")
"""The name of a step by which the database kept the text so far, where a run ended before its next version."""


def is_edit(name: str) -> bool:
    """Whether a step of this name is a person's own edit of the text."""
    return _EDIT.fullmatch(name) is not None


def brought(content: str) -> tuple[str, int, int]:
    """What a person has written, as it is kept: the text, its size in bytes, its words."""
    text = storable(content)
    return text, len(text.encode()), count_words(text)


def is_replaced(done: Done) -> bool:
    """Whether the next edit, made of this one before anything else was done, takes its place: it is only counted."""
    return "content" not in (done.output or {})


def content_of(done: Done) -> str:
    """The whole text as the person has left it."""
    return str((done.output or {})["content"])


def is_kept(name: str) -> bool:
    """Whether a step of this name has kept the text so far."""
    return _KEPT.fullmatch(name) is not None


def kept(work: Work, done: Done) -> Work:
    """The version that the database made of the sections there are, with the one under way as far as it was told."""
    told = (done.output or {}).get("under_way")
    before = work.under_way
    work = replace(work, done={**work.done, done.name: done}, versions=work.versions + 1, under_way=None)
    shown = dict(work.texts)
    if told is not None:
        section = max(work.texts, default=0) + 1
        text = "\n\n".join(paragraphs(told["text"]))
        opening = before.opening if before is not None and before.section == section else ""
        shown[section] = text
        work = replace(work, under_way=UnderWay(section, text, told["attempt"], told["begins_at"], opening=opening))
    return now_current(work, shown)


def edited(work: Work, done: Done) -> Work:
    """A person's own version takes the place of the current one. What is being made of the text as it was before, and
    is no version yet, is dropped where they have changed it. The schedule is the caller's to make anew."""
    if is_replaced(done):
        work = replace(work, done={**work.done, done.name: done}, versions=work.versions + 1)
        return replace(work, current_version=work.versions)
    content, sections = content_of(done), done.sections
    if sections is None:
        sections = realign(work.shown, content) if work.shown else []
    shown = dict(enumerate(sections, 1))
    changed = {number: text for number, text in shown.items() if text != work.shown[number - 1]}
    work = _left_under_way(work, shown, changed, content)
    if work.under_way is not None:
        changed.pop(work.under_way.section, None)
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


def _left_under_way(work: Work, shown: dict[int, str], changed: dict[int, str], content: str) -> Work:
    """What they have left of the section under way is gone on with. All of it taken away, it is written from its
    beginning."""
    under_way = work.under_way
    if under_way is None:
        return work
    if under_way.section in changed:
        text = changed[under_way.section]
        under_way = replace(under_way, text=text, opening=text, changed=True)
    place = spans([shown[number] for number in sorted(shown)], content)[under_way.section - 1]
    return replace(work, under_way=replace(under_way, begins_at=place[0] if place else len(content)))
