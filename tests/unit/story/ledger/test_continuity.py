"""What is found is folded from the steps that kept it, and asks for a revision whatever the reader says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from coordinator.agents.library import load_library
from coordinator.models import StoryConfig
from coordinator.story import continuity, plan
from coordinator.story.briefing import brief_of
from coordinator.story.continuity import Past, Version, report
from coordinator.story.ledger.cast import cast_of
from coordinator.story.ledger.finding import Finding
from coordinator.story.ledger.ledger import Sources
from coordinator.story.work import Done, Work
from tests.unit.story.ledger.plants import MARA, TOBIN

FINDING = Finding(
    id="dead-0123456789", kind="dead", subject="Tobin", section=2, later="Tobin laughed.", earlier_section=1,
    earlier="Tobin died.", sentence="Tobin is dead by then.",
)  # fmt: skip
OUTLINE: dict[str, Any] = {
    "title": "T", "logline": "L", "setting": "S", "rules": ["No iron."],
    "people": [{"name": "Mara", "role": "r", "description": "A woman of forty."}],
    "beats": [{"title": f"B{n}", "summary": "s", "words": 300} for n in range(3)],
}  # fmt: skip
SCORE = {"score": 9, "evidence": "e", "comment": "c"}
PRAISE: dict[str, Any] = {
    **dict.fromkeys(("plot", "character", "prose", "pacing", "originality", "fit"), SCORE),
    "approved": True,
    "summary": "Perfect.",
}
DETAIL = {"subject": "Mara", "attribute": "eyes", "value": "green", "quote": "Her eyes were green."}


def answers(kind: str, name: str, findings: list[Finding]) -> Done:
    """What a model says that is pleased with everything."""
    match kind:
        case "outline":
            return Done(name, OUTLINE)
        case "outline-review":
            return Done(name, {"approved": True, "advice": "None."})
        case "record":
            return Done(name, continuity.kept({"summary": "So far.", "details": [DETAIL]}, findings))
        case "notes":
            return Done(name, {"impression": "Good."})
        case "lore-review":
            return Done(name, {"remarks": "Nothing."})
        case "review":
            return Done(name, continuity.kept(PRAISE, findings))
    return Done(name, None, f"The text of {name}.")


def told(max_revisions: int = 2, until: str | None = None, found: dict[str, list[Finding]] | None = None) -> Work:
    work = plan.begun(
        "A bell.", StoryConfig(pages=3, max_revisions=max_revisions), load_library(None).get("short-story")
    )
    while (spec := plan.next_step(work)) is not None and spec.name != until:
        work = plan.advance(work, answers(spec.kind, spec.name, (found or {}).get(spec.name, [])))
    return work


def test_what_was_found_is_mended_although_the_reader_approves() -> None:
    work = told(found={"review-1": [FINDING]}, until="revise-1-2")
    assert work.rounds == [[2]] and work.mending[2] == [FINDING.note]
    spec = plan.next_step(work)
    assert spec is not None and FINDING.note in brief_of(work, spec).notes
    ended = told(found={"review-1": [FINDING]})
    assert ended.findings == [] and "revise-1-2" in ended.done and "revise-2-2" not in ended.done


def test_it_is_asked_for_again_as_long_as_it_stands_and_revisions_are_left() -> None:
    stubborn = {"review-1": [FINDING], "review-2": [FINDING], "review-3": [FINDING]}
    ended = told(found=stubborn)
    assert ended.rounds == [[2], [2]] and ended.findings == [FINDING]
    assert told(max_revisions=0, found=stubborn).rounds == []


def test_what_no_revision_mends_is_told_to_who_polishes() -> None:
    work = told(max_revisions=0, found={"review-1": [FINDING]}, until="polish-2")
    spec = plan.next_step(work)
    assert spec is not None and FINDING.note in brief_of(work, spec).notes


def test_the_next_sections_are_told_not_to_build_on_it() -> None:
    work = told(found={"record-2": [FINDING]}, until="draft-3")
    spec = plan.next_step(work)
    assert spec is not None
    (note,) = [note for note in brief_of(work, spec).notes if FINDING.later in note]
    assert "do not repeat it" in note and work.findings == [FINDING]


def test_the_fold_of_the_steps_is_the_work_as_it_was() -> None:
    work = told(found={"record-2": [FINDING], "review-1": [FINDING]})
    again = plan.restore(work.prompt, work.config, work.template, list(work.done.values()))
    assert again == replace(work, done=again.done) and again.details == work.details
    assert [section for section, _ in work.details] == [1, 2, 3]


def test_a_step_without_or_with_another_services_findings_is_folded_all_the_same() -> None:
    for kept in (None, [], "x", [{"id": 7}], [None]):
        work = told(until="review-1")
        work = plan.advance(work, Done("review-1", {**PRAISE, "ledger": kept}))
        assert work.findings == [] and work.rounds == []


def test_the_chart_says_what_was_open_in_each_version_and_how_it_was_settled() -> None:
    sources = Sources(cast_of([MARA, TOBIN], [], [], 2))
    first = {1: "Mara's eyes were green. Tobin was dead.", 2: "Mara's brown eyes shut. Then Tobin laughed."}
    second = {**first, 2: "Mara's green eyes shut. Then Tobin laughed."}
    past = Past([Version(1, {1: first[1]}), Version(2, first), Version(3, second)], second, 3)
    found = report(past, sources, [])
    assert [(point.version, point.open) for point in found.versions] == [(1, 0), (2, 2), (3, 1)]
    (open_,), (settled,) = found.findings, found.settled
    assert (open_.kind, open_.settled) == ("dead", None) and (settled.kind, settled.settled) == ("looks", "revision")
    after = report(past, sources, [open_.id])
    assert after.findings == [] and [point.open for point in after.versions] == [0, 1, 0]
    assert {(one.kind, one.settled) for one in after.settled} == {("dead", "writer"), ("looks", "revision")}
