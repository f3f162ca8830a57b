"""Whether the passages that a reviewer quotes stand in what it read."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from pydantic import BaseModel

from coordinator.story.brief import Brief
from coordinator.story.material import SCORES, LoreReview, Notes, Score, Verdict

MOST_SHOWN = 2
"""Scores that may rest on one passage: a reader that quotes the same for all has read nothing else."""

_DOUBLE = "\u201c\u201d\u201e\u00ab\u00bb"
_SINGLE = "\u2018\u2019\u201a`"
_DASHES = "\u2010\u2011\u2013\u2014"
_EMPHASIS = "*_"
_ROUND = "\"' .,;-"
"""What may stand round a quote and is no part of the passage."""
_ALIKE = str.maketrans(
    {
        **dict.fromkeys(_DOUBLE, '"'),
        **dict.fromkeys(_SINGLE, "'"),
        **dict.fromkeys(_DASHES, "-"),
        **dict.fromkeys(_EMPHASIS, None),
    }
)


class Evidence:
    """The passages that a review of this brief may quote."""

    def __init__(self, brief: Brief) -> None:
        self._read = _plain("\n".join(section.text for section in brief.reading))
        self._known = ""
        if brief.kind == "lore-review":
            bible = brief.bible
            parts: list[BaseModel | str | None] = [*bible.people, *bible.places, *bible.rules, *bible.facts]
            self._known = _plain("\n".join(_texts([*parts, brief.outline, brief.summary])))

    def missing(self, output: BaseModel) -> list[str]:
        """The quotes of a review that are nowhere in what it read; none where it was given nothing to read."""
        if not self._read:
            return []
        match output:
            case Verdict():
                return [score.evidence for score in _scores(output).values() if not self._holds(score.evidence)]
            case Notes():
                return [note.quote for note in output.notes if not self._holds(note.quote)]
            case LoreReview():
                found = output.contradictions
                earlier = [item.earlier for item in found if not self._holds_or_knows(item.earlier)]
                return earlier + [item.later for item in found if not self._holds(item.later)]
        return []

    def kept(self, output: BaseModel) -> BaseModel:
        """The review without what rests on a passage that is not there, scores included."""
        if not self._read:
            return output
        match output:
            case Verdict():
                return output.model_copy(update=dict.fromkeys(self._unfounded(output)))
            case Notes():
                return output.model_copy(update={"notes": [note for note in output.notes if self._holds(note.quote)]})
            case LoreReview():
                true = [
                    item
                    for item in output.contradictions
                    if self._holds(item.later) and self._holds_or_knows(item.earlier)
                ]
                return output.model_copy(update={"contradictions": true})
        return output

    def _unfounded(self, verdict: Verdict) -> list[str]:
        """The names of its scores that rest on nothing."""
        shown: Counter[str] = Counter()
        names = []
        for name, score in _scores(verdict).items():
            quote = _plain(score.evidence).strip(_ROUND)
            shown[quote] += 1
            if shown[quote] > MOST_SHOWN or not self._holds(score.evidence):
                names.append(name)
        return names

    def _holds(self, quote: str) -> bool:
        return _occurs(quote, self._read)

    def _holds_or_knows(self, quote: str) -> bool:
        return self._holds(quote) or _occurs(quote, self._known)


def _scores(verdict: Verdict) -> dict[str, Score]:
    return {name: score for name in SCORES if (score := getattr(verdict, name)) is not None}


def _occurs(quote: str, text: str) -> bool:
    """Whether all parts of a quote, between its ellipses, stand in the text in their order."""
    at = 0
    for part in re.split(r"\[?\.{3,}\]?|\[?…\]?", unicodedata.normalize("NFC", quote)):
        wanted = _plain(part).strip(_ROUND)
        found = text.find(wanted, at)
        if found < 0:
            return False
        at = found + len(wanted)
    return True


def _plain(text: str) -> str:
    """Text as quotes are compared: one kind of quotation mark and dash, single spaces, no emphasis, no capitals."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_ALIKE).casefold().split())


def _texts(parts: Iterable[object]) -> Iterable[str]:
    """All the strings within models, lists and strings."""
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, BaseModel):
            yield from _texts(getattr(part, name) for name in type(part).model_fields)
        elif isinstance(part, list):
            yield from _texts(part)
