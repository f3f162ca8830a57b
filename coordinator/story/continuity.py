"""The ledger of a run: what it rests on as the work stands, how a step keeps what was found, and what became of it over
the versions. Pure.

A finding is kept in the step that found it. So the fold takes no text up again, and a story that was begun by an older
service, whose rules found something else, goes on as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from coordinator.story.ledger.cast import cast_of
from coordinator.story.ledger.finding import Entry, Finding
from coordinator.story.ledger.ledger import Sources, findings_of, ledger_of, read_all
from coordinator.story.work import Done, Work, newest_texts

KEY = "ledger"
"""Of the output of a record or a review: what was found, beside what the agent said."""
MOST_KEPT = 20
"""Findings that a step keeps; a writer given more mends none."""
NEAR_SECTIONS = 3
"""A section that is drafted is told what was found in so many before it."""


def sources_of(work: Work) -> Sources:
    """The cast is the outline's, so that a section is read once; whom the text adds, its readings find themselves."""
    outline = work.outline
    if outline is None:
        return Sources(details=work.details, facts=tuple(work.bible.facts))
    places = [place.name for place in outline.places]
    cast = cast_of(outline.people, places, outline.rules, len(outline.people))
    return Sources(cast, work.details, tuple(work.bible.facts))


def kept(output: dict[str, Any], findings: Iterable[Finding]) -> dict[str, Any]:
    """A typed answer with what code found beside it."""
    told = [finding.model_dump(mode="json") for finding in findings][:MOST_KEPT]
    return {**output, KEY: told} if told else output


def found_in(done: Done) -> list[Finding]:
    """What a finished step has kept. What this version of the service can't read is passed over."""
    found: list[Finding] = []
    told = (done.output or {}).get(KEY)
    for item in told if isinstance(told, list) else []:
        try:
            found.append(Finding.model_validate(item))
        except ValidationError:
            continue
    return found


def with_notes(
    mending: Mapping[int, Sequence[str]], findings: Iterable[Finding], told: Sequence[int]
) -> dict[int, list[str]]:
    """What is to be mended by section, with the findings in the sections that are `told`."""
    notes = {section: list(said) for section, said in mending.items()}
    for finding in findings:
        if finding.section in told and finding.note not in notes.get(finding.section, ()):
            notes.setdefault(finding.section, []).append(finding.note)
    return notes


def near(work: Work, section: int) -> list[str]:
    """What was found shortly before a section that is to be drafted: it is mended later, and not to be built on."""
    return [
        f"{finding.note} It will be mended in section {finding.section}: do not repeat it here."
        for finding in work.findings
        if section - NEAR_SECTIONS <= finding.section < section
    ][-NEAR_SECTIONS:]


# -- Over the versions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the text by section."""

    number: int
    texts: dict[int, str]


class OpenFindings(BaseModel):
    """A point of the chart."""

    version: int
    open: int = Field(description="contradictions in this version that nobody has settled")


class LedgerReport(BaseModel):
    """The ledger of a story as it stands, and what was found in it since its first version."""

    current_version: int = Field(description="0 before the first")
    entries: list[Entry] = Field(description="every fact that the text and the records tell, in their order")
    left_off: int = Field(default=0, description="entries that are more than can be answered at once")
    findings: list[Finding] = Field(
        description="what is open in the text as it stands: what remains, where it is finished"
    )
    settled: list[Finding] = Field(description="what a revision has mended, or the writer has said to leave")
    versions: list[OpenFindings] = Field(description="the open findings of each version: a chart")


@dataclass(frozen=True, slots=True)
class Past:
    """A work's versions in order, and its text as it stands."""

    versions: list[Version] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    current: int = 0


def versions_of(before: Work, after: Work) -> list[Version]:
    """The version that a step has made, if any: `before` is the work without it."""
    if after.versions == before.versions:
        return []
    if after.current_version == after.versions:
        texts = {number: text for number, text in enumerate(after.shown, 1) if text}
    else:
        texts = {number: text for number, text in {**after.texts, **after.candidate}.items() if text}
    return [Version(after.versions, texts)]


def text_as_it_stands(work: Work) -> dict[int, str]:
    return {number: text for number, text in newest_texts(work).items() if text}


def report(past: Past, sources: Sources, settled: Sequence[str]) -> LedgerReport:
    """Each section is read once, in whatever versions it stands: ten versions of a hundred pages take two seconds."""
    texts = list(
        dict.fromkeys([text for version in past.versions for text in version.texts.values()] + [*past.texts.values()])
    )
    readings = dict(zip(texts, read_all(texts, sources.cast), strict=True))
    ledger = ledger_of(past.texts, sources, readings)
    words = set(settled)
    history: dict[str, Finding] = {}
    chart: list[OpenFindings] = []
    for version in past.versions:
        found = findings_of(version.texts, sources, readings)
        chart.append(OpenFindings(version=version.number, open=sum(finding.id not in words for finding in found)))
        if version.number <= past.current:
            history.update({finding.id: finding for finding in found})
    now = {finding.id: finding for finding in ledger.findings}
    mended = [finding for finding in history.values() if finding.id not in now and finding.id not in words]
    left = [finding for finding in {**history, **now}.values() if finding.id in words]
    return LedgerReport(
        current_version=past.current,
        entries=list(ledger.entries),
        left_off=ledger.left_off,
        findings=[finding for finding in ledger.findings if finding.id not in words],
        settled=[
            *(finding.model_copy(update={"settled": "revision"}) for finding in mended),
            *(finding.model_copy(update={"settled": "writer"}) for finding in left),
        ],
        versions=chart,
    )
