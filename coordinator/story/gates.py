"""Gates: where a story waits for its writer's approval, and what the answer changes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from coordinator.models import Gate
from coordinator.story.template import StepKind, Template
from coordinator.story.work import Reply, StepSpec, Work, told_sections

GATE_WEIGHT = 10
_GATED: dict[Gate, StepKind] = {"outline": "outline", "draft": "review", "final": "polish"}
"""Of each gate the kind of step that it comes after."""
ANYHOW = "The writer did not approve it, and did not say why. Make it clearly different and better."


def of(template: Template) -> list[Gate]:
    """Where a story of this template can wait for an approval: what is refused must be something that it can mend."""
    able = template.step("revise") is not None and template.step("review") is not None
    return [gate for gate, kind in _GATED.items() if template.step(kind) and (able or gate == "outline")]


def wait(work: Work, gate: Gate, turn: int) -> Iterable[StepSpec]:
    """Its wait for an answer: `approve-outline`, and `approve-outline-2` for what was written after a refusal."""
    after = work.template.step(_GATED[gate])
    if gate in work.config.approvals and gate in of(work.template) and after is not None:
        name = f"approve-{gate}" if turn == 1 else f"approve-{gate}-{turn}"
        yield StepSpec(name, "approval", after.stage, "writer", round=turn, weight=GATE_WEIGHT, gate=gate)


def answered(work: Work, spec: StepSpec, output: dict[str, Any]) -> Work:
    """A refused outline is written again; a refused text goes through a round of revision, all of it."""
    assert spec.gate is not None
    reply = Reply(bool(output.get("approved")), str(output.get("comment") or ""))
    gate = spec.gate
    work = replace(work, replies={**work.replies, gate: [*work.replies.get(gate, []), reply]})
    if reply.approved or gate == "outline":
        return work
    asked = reply.comment or ANYHOW
    rounds, found = list(work.rounds), work.mending
    if gate == "final":
        found = {}
        work = replace(
            work, texts={**work.texts, **work.polished}, candidate={}, polished={}, passes=[*work.passes, len(rounds)]
        )
    elif len(rounds) > sum(name.startswith("review-") for name in work.done) - 1:
        # The reader's own round, which was about to begin, becomes a part of it.
        rounds.pop()
    mending = {number: [asked, *found.get(number, [])] for number in told_sections(work)}
    rounds.append(sorted(mending))
    return replace(work, mending=mending, rounds=rounds, asked={**work.asked, len(rounds): gate})
