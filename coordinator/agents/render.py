"""Typed answers as Markdown that a person likes to read: it is kept as the message's content."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from coordinator.story.ledger.finding import Finding
from coordinator.story.material import (
    Beat,
    LoreReview,
    Note,
    Notes,
    Outline,
    OutlineReview,
    Person,
    Place,
    Record,
    Score,
    Verdict,
)


def render(output: str | BaseModel) -> str:
    """Prose as it is, a typed answer as Markdown. Raises TypeError for a model that no agent answers with."""
    match output:
        case str():
            return output
        case Outline():
            return _outline(output)
        case OutlineReview():
            return _outline_review(output)
        case Notes():
            return _notes(output)
        case Record():
            return _record(output)
        case LoreReview():
            return _lore_review(output)
        case Verdict():
            return _verdict(output)
    raise TypeError(f"no agent answers with {type(output).__name__}")


def ledger(findings: Sequence[Finding]) -> str:
    """What code found in the text, as Markdown."""
    found = [
        _join(
            f"**Section {item.section}**: {_line(item.sentence)}",
            f"First:\n\n{_quoted(item.earlier)}",
            f"Later:\n\n{_quoted(item.later)}",
        )
        for item in findings
    ]
    return _join("## Against the ledger", *found)


def _outline(outline: Outline) -> str:
    return _join(
        f"# {_line(outline.title)}",
        f"*{_line(outline.logline)}*",
        outline.setting,
        _titled("People", [_person(person) for person in outline.people]),
        _titled("Places", [_place(place) for place in outline.places]),
        _titled("Always true", outline.rules),
        "## Beats",
        "\n".join(f"{number}. {_beat(beat)}" for number, beat in enumerate(outline.beats, 1)),
    )


def _outline_review(review: OutlineReview) -> str:
    return _join(
        "**The outline works.**" if review.approved else "**The outline does not work yet.**",
        review.advice,
        _titled("Strengths", review.strengths),
        _titled("Problems", review.problems),
    )


def _notes(notes: Notes) -> str:
    return _join(notes.impression, "\n".join(_note(note) for note in notes.notes))


def _record(record: Record) -> str:
    return _join(
        "## The story so far",
        record.summary,
        _titled("People", [_person(person) for person in record.people]),
        _titled("Places", [_place(place) for place in record.places]),
        _titled("Established", record.facts),
    )


def _lore_review(review: LoreReview) -> str:
    if not review.contradictions:
        return _join(review.remarks, "**No contradictions.**")
    found = [
        _join(
            f"**Section {item.section}** contradicts what came before.",
            f"First:\n\n{_quoted(item.earlier)}",
            f"Later:\n\n{_quoted(item.later)}",
            f"→ {_line(item.remedy)}",
        )
        for item in review.contradictions
    ]
    return _join(review.remarks, "## Contradictions", *found)


def _verdict(verdict: Verdict) -> str:
    titles = {
        "Plot": verdict.plot,
        "Character": verdict.character,
        "Prose": verdict.prose,
        "Pacing": verdict.pacing,
        "Originality": verdict.originality,
        "Fit to the prompt": verdict.fit,
    }
    total = verdict.total()
    if total is None:
        return verdict.summary
    return _join(
        f"**{'Approved' if verdict.approved else 'Not approved yet'}**, {total:.1f} of 10 on average",
        verdict.summary,
        *(_score(title, score) for title, score in titles.items() if score is not None),
        _titled("To write again", [f"**Section {item.section}.** {_line(item.note)}" for item in verdict.rewrite]),
    )


def _score(title: str, score: Score) -> str:
    return f"### {title}: {score.score}/10\n\n{_line(score.comment)}\n\n{_quoted(score.evidence)}"


def _note(note: Note) -> str:
    where = f"**Section {note.section}.** " if note.section else ""
    quote = f"“{_line(note.quote)}” " if note.quote else ""
    return f"- {where}{quote}{_line(note.comment)}"


def _person(person: Person) -> str:
    voice = f" *Voice: {_line(person.voice)}*" if person.voice else ""
    return f"**{_line(person.name)}**, {_line(person.role)}. {_line(person.description)}{voice}"


def _place(place: Place) -> str:
    return f"**{_line(place.name)}.** {_line(place.description)}"


def _beat(beat: Beat) -> str:
    about = [f"{beat.words} words", _line(beat.place), ", ".join(_line(name) for name in beat.people)]
    return f"**{_line(beat.title)}** ({' · '.join(part for part in about if part)}) {_line(beat.summary)}"


def _titled(title: str, items: list[str]) -> str:
    return f"## {title}\n\n" + "\n".join(f"- {_line(item)}" for item in items) if items else ""


def _quoted(passage: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in passage.splitlines())


def _line(text: str) -> str:
    """A text in one line, as a list item or a heading needs it."""
    return " ".join(text.split())


def _join(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
