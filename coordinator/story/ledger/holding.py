"""Who holds what, as a text says it in English, and what two hold at once. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from coordinator.story.ledger.claim import Claim, Clash
from coordinator.story.ledger.sentences import Page, person_of
from coordinator.story.ledger.wording import listed

NEAR = 12
"""Sentences. What was said further back no longer binds."""

_THE = r"the (?P<thing>(?:[\w'-]+ ){0,2}?[\w-]+)"
_PLACE = (
    r"(?:hands?|fists?|palms?|pockets?|bag|coat|lap|belt|grip|arms|sleeves?|boots?|apron|satchel|grasp|fingers"
    r"|knees|teeth|neck|wrist|chest|shoulders?|waist|heart|jacket|vest|cloak)"
)
_WITH = r"(?:in|on|between|round|around|under|inside|against|at|from)"
_HOLD = r"(?:held|holds|holding|gripped|gripping|clutched|clutching|clasped|clasping|cradled|cradling|hugged|hugging)"
_HELD = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<who>@\d+|\bshe|\bhe) (?:(?:was|stood|sat|still|\w+ly) )?{_HOLD} {_THE}(?= (?:in|to|against|on"
        rf"|at|with|tight|tightly|between|up|out|under|above|close|as|and|while|over|high|aloft|like)\b"
        rf"|[.,;:!]|$)",
        rf"\b{_THE} (?:(?:was|were|lay|hung|rested|sat|folded|spread|tucked|hidden|safe|still|pressed"
        rf"|clutched|clenched|tight|warm) ){{0,3}}{_WITH} (?P<who>@\d+'s|her|his) (?:own |left |right "
        rf"|[\w-]+ )?{_PLACE}\b",
    )
)
_HAS = re.compile(
    rf"(?P<who>@\d+|\bshe|\bhe) (?:(?:still|now|always) )?(?:had|kept|wore) {_THE}(?=[.,;:!]| (?:and|now|with"
    rf"|safe|hidden|on|in)\b|$)"
)
_OBJECTS = listed(
    "key keys lamp lantern map letter book ledger knife sword gun pistol revolver rifle ring coin locket watch "
    "compass cup box photograph phone candle"
    " torch stone bell crown mask bottle dagger amulet pendant necklace envelope notebook journal scroll egg "
    "doll whistle violin flute staff axe"
    " hammer spear wand orb gem jewel diamond pearl satchel briefcase suitcase umbrella chart telescope "
    "spyglass purse wallet badge medal"
)
"""What may be held where a text says no more than that somebody has it."""
_SHARED = listed(
    "door rail railing rope table wall wheel hand hands arm reins gate banister ladder side edge back baby child "
    "boy girl rest end others one ones way"
    " way other breath frame line net bench sides head eyes gaze look tiller oars crowd boat cart handle "
    "sheet blanket bridge room world air night"
    " same stretcher coffin weight silence pose man woman sun moon light rain wind sky shadow blood rhythm "
    "title post office record peace fort course"
)
_ANOTHER = listed("other same first second third last next only best same two three four both")
_GIVES = re.compile(
    r"\b(?:g[ai]ve[sn]?|giving|hand(?:ed|s|ing) (?:over|it|her|him|the|@)|pass(?:ed|es|ing)|t[oa]ke[sn]?|took"
    r"|taking|toss\w*|thr[eo]wn?|threw|snatch\w*|st[eo]le\w*|drop\w*|set (?:it|the|down)"
    r"|laid|lay down|plac(?:ed|ing)|grabb\w+|seiz\w+|receiv\w+|accept\w+|caught|lent|sold|trad(?:ed|ing)"
    r"|swapp\w+|exchang\w+|return\w*|let (?:it|the|go)|let go"
    r"|pick(?:ed|ing)|found|left (?:it|the|them)|offer\w*|reach(?:ed|ing) for|pull(?:ed|ing)|slipp?(?:ed|ing)"
    r"|slid|brought|got|fetch\w*|wrest\w*|lost|put|bought|won|shar(?:ed|ing)"
    r"|both|together|each|pried|prised|relinquish\w*|surrender\w*|transferr\w*|deliver\w*|have it|here|here's"
    r"|hung (?:it|the)|lifted|drew|produced|fished|plucked|retriev\w*|presented)\b"
)
_IT = re.compile(r"\b(?:it|them|that|one|this)\b")


@dataclass(slots=True)
class Held:
    """A thing in somebody's keeping by a sentence of a scene."""

    thing: str
    holder: str
    quote: str
    at: int
    paragraph: int


def held(page: Page) -> tuple[list[Claim], list[Clash], frozenset[str]]:
    """Who holds what in a section, what two hold at once, and the things that are given, taken or laid down in it."""
    claims: list[Claim] = []
    found: list[Clash] = []
    moved: set[str] = set()
    last: dict[str, Held] = {}
    scene = -1
    for index, sentence in enumerate(page.sentences):
        if sentence.scene != scene:
            scene, last = sentence.scene, {}
        plain = sentence.plain
        gives = _GIVES.search(plain) is not None
        if gives or (sentence.spoken and _GIVES.search(sentence.spoken)):
            words = set(_WORDS.findall(f"{plain} {sentence.spoken}"))
            gone = [thing for thing in last if _head(thing) in words or _IT.search(plain) or sentence.spoken]
            for thing in gone:
                del last[thing]
            moved |= words
        if sentence.reverie or sentence.unreal or sentence.negated:
            continue
        for thing, holder in _holders(page, index, plain):
            claim = Held(thing, page.names[holder], page.quote(sentence), index, sentence.paragraph)
            known = _known(last, thing)
            if known is not None and known.holder != claim.holder and index - known.at <= NEAR and not gives:
                found.append(
                    Clash(
                        "holder", thing, known.quote, claim.quote,
                        f"{known.holder} has the {known.thing}, and so has {claim.holder}, and nothing tells "
                        "how it came to them: tell it, or leave it with one.",
                        (_head(thing), *sorted((known.holder, claim.holder))),
                    )
                )  # fmt: skip
            last[thing] = claim
            claims.append(Claim("holds", thing, frozenset([claim.holder]), claim.quote, claim.paragraph))
    return claims, found, frozenset(moved)


_WORDS = re.compile(r"[\w'-]+")


def _holders(page: Page, index: int, plain: str) -> Iterator[tuple[str, int]]:
    if "the " not in plain:
        return
    for pattern in (*_HELD, _HAS):
        for match in pattern.finditer(plain):
            thing = match["thing"]
            words = thing.split()
            if pattern is _HAS and words[-1] not in _OBJECTS:
                continue
            if (
                words[-1] in _SHARED
                or words[-1] in _NO_THING
                or not _ANOTHER.isdisjoint(words)
                or words[-1].endswith("ly")
            ):
                continue
            if any(word.startswith("@") or word in _NO_THING for word in words):
                continue
            person = person_of(page, index, match["who"], match.start("who"))
            if person is not None:
                yield thing, person


_NO_THING = listed(
    "in on at to of and or but with against from into up out down was were is as that which who it there"
)


def _known(last: dict[str, Held], thing: str) -> Held | None:
    """The same thing: by the same words, or by its noun alone where either has no more."""
    if thing in last:
        return last[thing]
    for other, kept in last.items():
        if _head(other) == _head(thing) and (" " not in other or " " not in thing):
            return kept
    return None


def _head(thing: str) -> str:
    return thing.rsplit(" ", 1)[-1]
