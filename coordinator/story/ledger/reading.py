"""What one section says, as far as rules can tell. Pure, and made once for as long as its text stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from coordinator.story.ledger import breaking, holding, kinship, lives, looks, scenes, spelling
from coordinator.story.ledger.cast import Cast
from coordinator.story.ledger.claim import Claim, Clash
from coordinator.story.ledger.sentences import page_of

MOST_CLAIMS = 400
"""Of a section; nobody's six hundred words have so many, and a person may have brought a megabyte."""
MOST_CLASHES = 12


@dataclass(frozen=True, slots=True)
class Reading:
    """The claims of a section in its order, what in it contradicts itself, its names, and what tells of a change."""

    claims: tuple[Claim, ...] = ()
    clashes: tuple[Clash, ...] = ()
    names: Counter[str] = field(default_factory=Counter)
    moved: frozenset[str] = frozenset()
    """Words of sentences in which something is given, taken or laid down."""
    returned: int | None = None
    """The paragraph from which on the dead may act: there is word of a ghost, or of somebody who has survived."""
    grown: bool = False
    """Whether years pass."""


def read(text: str, cast: Cast) -> Reading:
    """Time grows with the length of the text: a section of 600 words takes a few milliseconds."""
    page = page_of(text, cast)
    claims: list[Claim] = []
    returned: int | None = None
    grown = False
    for index, sentence in enumerate(page.sentences):
        if returned is None and (lives.RETURNED.search(sentence.plain) or lives.RETURNED.search(sentence.spoken)):
            returned = sentence.paragraph
        grown = grown or looks.GROWN.search(sentence.plain) is not None
        if len(claims) >= MOST_CLAIMS:
            break
        for rule in (looks.looks, looks.ages, kinship.kinship, lives.deaths, lives.acts, scenes.whereabouts):
            claims += rule(page, index, sentence)
    claims += list(scenes.world(page))[: MOST_CLAIMS // 2]
    held, shared, moved = holding.held(page)
    claims += held[: MOST_CLAIMS // 2]
    clashes = [*scenes.clashes(page), *shared, *breaking.broken(page), *spelling.drifts(page)]
    kept = _each_once(clashes)
    claims.sort(key=lambda claim: claim.place)
    return Reading(
        tuple(_timed(claims)),
        tuple(kept[:MOST_CLASHES]),
        spelling.words_of(page.text),
        moved if held else frozenset(),
        returned,
        grown,
    )


def _each_once(clashes: Sequence[Clash]) -> list[Clash]:
    return list({(clash.kind, clash.what): clash for clash in reversed(clashes)}.values())[::-1]


def _timed(claims: list[Claim]) -> list[Claim]:
    """Each with what the section had last said of the day."""
    day, timed = "", []
    for claim in claims:
        if claim.attribute == "day":
            day = claim.value
        timed.append(Claim(claim.attribute, claim.subject, claim.values, claim.quote, claim.place, claim.other, day))
    return timed
