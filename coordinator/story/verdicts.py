"""What reviews change: which sections are to be mended, and whether a revision is accepted. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from coordinator.story.continuity import with_notes
from coordinator.story.ledger.finding import Finding
from coordinator.story.material import LoreReview, Verdict
from coordinator.story.work import StepSpec, Work, now_current, told_sections


@dataclass(frozen=True, slots=True)
class Scored:
    """What a review says of a version; `accept` makes it the current one."""

    version: int
    scores: dict[str, int]
    accept: bool


def scored_by(before: Work, spec: StepSpec, verdict: Verdict) -> Scored:
    """What a review step tells of the newest version; `before` is the work without it."""
    return Scored(before.versions, verdict.scores(), accept=spec.round > 1 and accepts(before, verdict, spec))


def with_lore(work: Work, review: LoreReview) -> Work:
    told = told_sections(work)
    mending = {number: list(notes) for number, notes in work.mending.items()}
    for found in review.contradictions:
        if found.section in told:
            remedy = f"Contradiction: “{found.later}” against “{found.earlier}”. {found.remedy}"
            mending.setdefault(found.section, []).append(remedy)
    return replace(work, mending=mending)


def with_verdict(work: Work, verdict: Verdict, spec: StepSpec, findings: Sequence[Finding] = ()) -> Work:
    """Settles a revision round, and opens the next where one is needed and allowed. What code has found in the text
    that was read is to be mended, whatever the reader says."""
    work = replace(work, scores={**work.scores, work.versions: verdict.scores()})
    judged = verdict if verdict.scores() else None
    if spec.round == 1:
        # To what lore found, and code, comes what the reader asks for.
        found = with_notes(work.mending, findings, told_sections(work))
        work = replace(work, best=judged, findings=list(findings), mending=_asked(work, verdict, found))
    elif accepts(work, verdict, spec):
        work = replace(
            work,
            texts={**work.texts, **work.candidate},
            best=judged or work.best,
            candidate={},
            findings=list(findings),
            mending=_asked(work, verdict, with_notes({}, findings, told_sections(work))),
        )
        work = now_current(work, work.texts)
    else:
        # Nothing is mended by a revision that is not used: the same notes stand, and another try may do better.
        work = replace(work, candidate={})
    own = len(work.rounds) - len(work.asked)
    may = work.template.step("revise") is not None and own < work.config.max_revisions
    return replace(work, rounds=[*work.rounds, sorted(work.mending)]) if may and work.mending else work


def _asked(work: Work, verdict: Verdict, found: dict[int, list[str]]) -> dict[int, list[str]]:
    """What is to be mended, by section; nothing where the verdict approves and nothing was `found`."""
    if verdict.approved and not found:
        return {}
    told = told_sections(work)
    mending = {number: list(notes) for number, notes in found.items()}
    for note in verdict.rewrite:
        if note.section in told:
            mending.setdefault(note.section, []).append(note.note)
    # Not approved, and no section named: the ending carries most of a reader's verdict.
    return mending or {told[-1]: [verdict.summary]}


def accepts(work: Work, verdict: Verdict, spec: StepSpec) -> bool:
    """A revision that scores lower than what it would replace, or could not be judged where that was, is kept as a
    draft but does not become current, unless a person has asked for it, who is to judge it."""
    if work.best is None or spec.round - 1 in work.asked:
        return True
    total, best = verdict.total(), work.best.total()
    return total is not None and (best is None or total >= best)
