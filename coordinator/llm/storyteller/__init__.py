"""The built-in storyteller: answers every kind of brief with a story grammar, without a model or a network."""

from __future__ import annotations

from pydantic import BaseModel

from coordinator.llm.storyteller import casting, critic, heeding, mending, passages, plot, prose, seedwork
from coordinator.story.brief import Brief
from coordinator.story.material import Beat, Outline

NAME = "offline:storyteller"
TELLINGS = 8
"""Different outlines that a prompt and a seed have."""
__all__ = ["NAME", "answer"]


def answer(brief: Brief) -> str | BaseModel:
    """The answer to `brief`: text for brainstorm, draft, revise, polish and rewrite, typed material for the rest.

    Depends on nothing but the brief, and fails on none that validates.
    """
    tale = _tale(brief)
    match brief.kind:
        case "brainstorm":
            return critic.brainstorm(tale, brief)
        case "outline":
            return heeding.renamed_outline(tale.outline, heeding.names(tale, None, brief.notes))
        case "outline-review":
            return critic.outline_review(tale, brief)
        case "draft":
            return _called(tale, brief, _draft(tale, brief))
        case "record":
            return critic.record(tale, brief)
        case "notes":
            return critic.notes(tale, brief)
        case "lore-review":
            return critic.lore_review(tale, brief)
        case "review":
            return critic.review(tale, brief)
        case "revise":
            text = brief.text or _draft(tale, brief)
            revised = mending.revise(
                tale, brief.section, brief.round, text, brief.notes, brief.words, _asides(tale, brief)
            )
            return _called(tale, brief, revised)
        case "polish":
            return mending.polish(brief.text or _draft(tale, brief))
        case "rewrite":
            return _called(tale, brief, passages.rewrite(tale, brief.round, brief.text, brief.notes))


def _called(tale: plot.Tale, brief: Brief, text: str) -> str:
    """`text` with the names that notes and outline give to people."""
    return heeding.rename(text, heeding.names(tale, brief.outline, brief.notes))


def _tale(brief: Brief) -> plot.Tale:
    """The tale of the brief's outline. An outline that is asked for again is never the one that there is: it takes up
    what is asked, and where that changes nothing it is another tale's."""
    told = brief.outline
    turn = 1 if told is None else _turn(brief, told)
    tale = _telling(brief, turn)
    if brief.kind != "outline" or not brief.notes:
        return tale
    wish = tuple(thing.phrase for thing in mending.wishes(brief.notes, tale))
    if told is not None and not wish and heeding.names(tale, None, brief.notes):
        return tale
    asked = _telling(brief, turn, wish)
    if told is None or asked.outline.beats != told.beats:
        return asked
    return _telling(brief, (brief.round - 1) % TELLINGS + 1, wish)


def _telling(brief: Brief, turn: int, wish: tuple[str, ...] = ()) -> plot.Tale:
    config = brief.config
    seed = "" if config.seed is None else str(config.seed)
    return plot.tale(
        brief.prompt,
        brief.template.name,
        _protagonist(brief),
        config.tone or "",
        seed if turn == 1 else f"{seed}/{turn}",
        config.pages,
        wish,
    )


def _protagonist(brief: Brief) -> str:
    """Whom the writer chose; else, where the prompt names nobody, whom the project knows first, if anybody."""
    if brief.config.protagonist or not brief.hero or casting.lead(seedwork.read(brief.prompt), ""):
        return brief.config.protagonist or ""
    return brief.hero


def _turn(brief: Brief, outline: Outline) -> int:
    """Which telling an outline is, or is most like."""
    best, most = 1, 0
    for turn in range(1, TELLINGS + 1):
        tale = _telling(brief, turn)
        shared = (tale.outline.title == outline.title) + sum(beat.title in tale.scenes for beat in outline.beats)
        if shared > len(outline.beats):
            return turn
        if shared > most:
            best, most = turn, shared
    return best


def _draft(tale: plot.Tale, brief: Brief) -> str:
    """The section's beats as they stand in the whole telling, so that no section repeats another."""
    outline: Outline = brief.outline or tale.outline
    told = [*outline.beats]
    wanted: list[Beat] = brief.beats or _share(told, brief.section, brief.sections)
    places = _places(told, wanted)
    for beat, place in zip(wanted, places, strict=True):
        if place is None:
            told.append(beat)
    whole = prose.tell(tale, tuple(beat.model_dump_json() for beat in told))
    texts = whole.texts
    fresh = iter(texts[len(outline.beats) :])
    parts = [texts[place] if place is not None else next(fresh) for place in places]
    text = "\n\n".join(part for part in parts if part)
    words = brief.words or sum(beat.words for beat in wanted)
    return mending.steer(text, brief.notes, tale, brief.section, words, whole.asides)


def _asides(tale: plot.Tale, brief: Brief) -> tuple[str, ...]:
    outline = brief.outline or tale.outline
    return prose.tell(tale, tuple(beat.model_dump_json() for beat in outline.beats)).asides


def _places(told: list[Beat], wanted: list[Beat]) -> list[int | None]:
    """Where in the telling each wanted beat stands, by equality and then by title; None if it does not."""
    found: list[int | None] = []
    start = 0
    for beat in wanted:
        place = next((i for i in range(start, len(told)) if told[i] == beat), None)
        if place is None:
            place = next((i for i, other in enumerate(told) if other.title == beat.title and i >= start), None)
            if place is not None:
                told[place] = beat
        if place is not None:
            start = place + 1
        found.append(place)
    return found


def _share(beats: list[Beat], section: int, sections: int) -> list[Beat]:
    """An even share of the beats, for a brief that names none."""
    if sections <= 1 or section < 1:
        return beats
    start, end = (len(beats) * (section - 1)) // sections, (len(beats) * section) // sections
    return beats[start:end] or beats[-1:]
