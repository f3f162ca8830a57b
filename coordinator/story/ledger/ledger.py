"""The ledger of a story: what its sections and records say, fact by fact, and what of it can't all be true. Pure.

Two sources. What rules read in the text, in English; and what the lore expert recorded with typed details, which are
compared by person and attribute in any language. A detail counts only as long as its quote stands in its section:
what a revision has taken away holds no longer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from coordinator.story.ledger import kinship, lives, looks, scenes, spelling
from coordinator.story.ledger.cast import Cast
from coordinator.story.ledger.claim import Claim, Clash
from coordinator.story.ledger.finding import QUOTE, WORLD, Entry, Finding, FindingKind, finding_id
from coordinator.story.ledger.reading import Reading, read
from coordinator.story.ledger.sentences import NO_NAMES, described
from coordinator.story.ledger.wording import listed
from coordinator.story.material import Detail, Fact

READ_COST = 10
"""A character is read in up to ten times the time that others take for it: for who shares out turns."""
MOST_FINDINGS = 60
MOST_ENTRIES = 1_000
HOLDER_SECTIONS = 2
"""So far on, somebody still holds what they held, where nothing tells that it was given away."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What a ledger rests on beside the text: the cast, and what was recorded of each section."""

    cast: Cast = field(default_factory=Cast)
    details: tuple[tuple[int, Detail], ...] = ()
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Ledger:
    """`left_off` entries are more than MOST_ENTRIES."""

    entries: tuple[Entry, ...] = ()
    findings: tuple[Finding, ...] = ()
    left_off: int = 0


@dataclass(frozen=True, slots=True)
class _Told:
    claim: Claim
    section: int


def read_all(texts: Sequence[str], cast: Cast) -> list[Reading]:
    """As `read`, of several sections: one call of a worker."""
    return [read(text, cast) for text in texts]


def ledger_of(texts: Mapping[int, str], sources: Sources, readings: Mapping[str, Reading] | None = None) -> Ledger:
    """All that the text and the records say, and what is found. `readings` are those there are already, by text."""
    read_so_far = {
        number: (readings or {}).get(text) or read(text, sources.cast) for number, text in sorted(texts.items())
    }
    entries = _entries(texts, read_so_far, sources)
    return Ledger(
        tuple(entries[:MOST_ENTRIES]),
        tuple(_findings(texts, read_so_far, sources)),
        max(len(entries) - MOST_ENTRIES, 0),
    )


def findings_of(texts: Mapping[int, str], sources: Sources, readings: Mapping[str, Reading]) -> list[Finding]:
    """What contradicts itself, in the order of the sections that are to be mended; at most MOST_FINDINGS. Every text
    has its reading among the `readings`."""
    return _findings(texts, {number: readings[text] for number, text in sorted(texts.items())}, sources)


# -- What is found -----------------------------------------------------------------------------------------------------


def _findings(texts: Mapping[int, str], readings: Mapping[int, Reading], sources: Sources) -> list[Finding]:
    found = [
        *_of_clashes(readings),
        *_of_traits(readings, sources),
        *_of_the_dead(readings, sources),
        *_of_holders(readings),
        *_of_hours(readings),
        *_of_spellings(texts, readings, sources.cast),
        *_of_details(texts, sources),
    ]
    once: dict[tuple[str, str, int], Finding] = {}
    for finding in found:
        once.setdefault((finding.kind, finding.subject.casefold(), finding.section), finding)
    each = {finding.id: finding for finding in reversed(once.values())}.values()
    return sorted(each, key=lambda finding: (finding.section, finding.id))[:MOST_FINDINGS]


def _of_clashes(readings: Mapping[int, Reading]) -> Iterator[Finding]:
    for section, reading in readings.items():
        for clash in reading.clashes:
            yield _clashing(section, clash)


def _clashing(section: int, clash: Clash) -> Finding:
    return Finding(
        # In one scene of one section; a name drifts and a rule is broken wherever it is.
        id=finding_id(clash.kind, *clash.what, "" if clash.kind in ("name", "rule") else str(section)),
        kind=clash.kind,
        subject=clash.subject,
        section=section,
        later=clash.later[:QUOTE],
        earlier_section=section if clash.earlier_section is None else clash.earlier_section,
        earlier=clash.earlier[:QUOTE],
        sentence=clash.sentence,
    )


def _of_traits(readings: Mapping[int, Reading], sources: Sources) -> Iterator[Finding]:
    """Eyes, hair, ages and kinship: what is said first holds, and that of the outline before all."""
    known: dict[tuple[str, str, str], _Told] = {}
    for claim in _of_the_bible(sources.cast):
        known.setdefault((claim.attribute, claim.subject, claim.other), _Told(claim, 0))
    grown = -1
    for section, reading in readings.items():
        grown = section if reading.grown else grown
        for claim in reading.claims:
            if claim.attribute not in _TRAITS:
                continue
            key = (claim.attribute, claim.subject, claim.other)
            first = known.setdefault(key, _Told(claim, section))
            if first.claim is claim or _agree(first, claim, grown):
                # The narrower of two that agree is what is known from then on.
                if len(claim.values) < len(first.claim.values) and claim.values < first.claim.values:
                    known[key] = _Told(claim, section)
                continue
            yield _trait(first, claim, section)


_TRAITS: dict[str, FindingKind] = {"eyes": "looks", "hair": "looks", "beard": "looks", "age": "age", "kin": "kinship"}


def _agree(first: _Told, claim: Claim, grown: int) -> bool:
    if claim.attribute == "age":
        years = [int(value) for value in (*first.claim.values, *claim.values)]
        return max(years) - min(years) <= 1 or grown >= first.section
    if claim.attribute == "hair" and grown >= first.section:
        return True
    return not first.claim.values.isdisjoint(claim.values)


def _trait(first: _Told, claim: Claim, section: int) -> Finding:
    kind = _TRAITS[claim.attribute]
    before, now = first.claim.value, claim.value
    told = {
        "age": f"{claim.subject} was {before} before and is {now} here: keep to one age.",
        "kin": f"{claim.subject} was {claim.other}’s {before} before and is their {now} here: keep to one.",
    }.get(
        claim.attribute,
        f"The {claim.attribute} of {claim.subject} were {before} before and are {now} here: keep to one.",
    )
    return Finding(
        id=finding_id(kind, claim.attribute, claim.subject, claim.other, *sorted((before, now))),
        kind=kind, subject=claim.subject, section=section, later=claim.quote, earlier_section=first.section,
        earlier=first.claim.quote, sentence=told,
    )  # fmt: skip


def _of_the_bible(cast: Cast) -> Iterator[Claim]:
    """What the outline's descriptions say; those that were recorded later say what the text does."""
    for number, who in enumerate(cast.people[: cast.planned]):
        yield from looks.described(who.name, who.told)
        # Each part of a description is of them: "cook; Ilse's father" is "Tobin, Ilse's father".
        parts = [part for part in re.split(r"[.,;]\s*", who.told[:1_000]) if part][:_PARTS]
        page = described(" ".join(f"{who.name}, {part}." for part in parts), cast)
        for index, sentence in enumerate(page.sentences):
            for claim in kinship.kinship(page, index, sentence):
                if cast.people[number].name in (claim.subject, claim.other):
                    yield claim


_PARTS = 12


def _of_the_dead(readings: Mapping[int, Reading], sources: Sources) -> Iterator[Finding]:
    cast = sources.cast
    if any(_DEAD_WALK.search(rule.lower()) for rule in cast.rules):
        return
    walking = {
        who.name
        for who in cast.people
        if _DEAD_WALK.search(who.told.lower()) or lives.RETURNED.search(who.told.lower())
    }
    dead: dict[str, _Told] = {
        who.name: _Told(Claim("dead", who.name, frozenset(["dead"]), who.told[:QUOTE], -1), 0)
        for who in cast.people[: cast.planned]
        if lives.DEAD_BEFORE.search(who.told.lower())
    }
    told: set[str] = set()
    for section, reading in readings.items():
        returned = reading.returned
        for claim in reading.claims:
            if returned is not None and claim.place >= returned:
                dead.clear()
                returned = None
            if claim.attribute == "dead" and claim.subject not in walking:
                dead.setdefault(claim.subject, _Told(claim, section))
            elif claim.attribute == "acts" and claim.subject in dead and claim.subject not in told:
                died = dead[claim.subject]
                if (section, claim.place) > (died.section, died.claim.place):
                    told.add(claim.subject)
                    yield Finding(
                        id=finding_id("dead", claim.subject), kind="dead", subject=claim.subject, section=section,
                        later=claim.quote, earlier_section=died.section, earlier=died.claim.quote,
                        sentence=f"{claim.subject} is dead by then: let somebody else do it, or tell how they came "
                        f"back.",
                    )  # fmt: skip
        if returned is not None:
            dead.clear()


_DEAD_WALK = re.compile(
    r"\b(?:ghosts?|spirits?|the dead|undead|vampires?|zombies?|immortal|revenants?|haunt\w*|speaks only through)\b"
)


def _of_holders(readings: Mapping[int, Reading]) -> Iterator[Finding]:
    """A thing that somebody holds in one section and somebody else in the next, with no word of how it came to them."""
    last: dict[str, _Told] = {}
    for section, reading in readings.items():
        for claim in reading.claims:
            if claim.attribute != "holds" or " " not in claim.subject:
                continue
            known = last.get(claim.subject)
            head = claim.subject.rsplit(" ", 1)[-1]
            if known is not None and known.section < section <= known.section + HOLDER_SECTIONS:
                between = [readings[number].moved for number in readings if known.section <= number <= section]
                if known.claim.values != claim.values and not any(head in moved for moved in between):
                    yield _held(known, claim, section)
            last[claim.subject] = _Told(claim, section)


def _of_hours(readings: Mapping[int, Reading]) -> Iterator[Finding]:
    """Somebody at two places at an hour of which the text says itself that it is the same."""
    known: dict[tuple[str, str], _Told] = {}
    for section, reading in readings.items():
        for claim in reading.claims:
            if claim.attribute != "where" or not claim.other:
                continue
            first = known.setdefault((claim.subject, claim.other), _Told(claim, section))
            here, there = claim.value, first.claim.value
            if scenes.apart(here, there, at_once=True) and (" same " in claim.quote or first.section == section):
                yield Finding(
                    id=finding_id("place", claim.subject, *sorted((here, there))), kind="place", subject=claim.subject,
                    section=section, later=claim.quote, earlier_section=first.section, earlier=first.claim.quote,
                    sentence=f"{claim.subject} is at the {there} and at the {here}, both at the same hour "
                    f"({claim.other}): leave one out.",
                )  # fmt: skip


def _held(known: _Told, claim: Claim, section: int) -> Finding:
    before, now = known.claim.value, claim.value
    return Finding(
        id=finding_id("holder", claim.subject, *sorted((before, now))), kind="holder", subject=claim.subject,
        section=section, later=claim.quote, earlier_section=known.section, earlier=known.claim.quote,
        sentence=f"{before} had the {claim.subject} before, {now} has it here, and nothing tells how it came to them.",
    )  # fmt: skip


def _of_spellings(texts: Mapping[int, str], readings: Mapping[int, Reading], cast: Cast) -> Iterator[Finding]:
    """Names that the bible does not have, of which one sounds like another that is used more."""
    uses: Counter[str] = Counter()
    for reading in readings.values():
        uses.update(reading.names)
    known = {part for name in (*cast.names, *cast.places) for part in name.split()}
    by_sound: dict[str, list[str]] = {}
    for name in uses:
        if len(name) >= _LEAST_SPELLED and name not in known and name not in NO_NAMES:
            by_sound.setdefault(spelling.skeleton(name), []).append(name)
    for same in by_sound.values():
        usual, *others = sorted(same, key=lambda name: (-uses[name], name))
        for other in others:
            if uses[usual] >= 2 * uses[other] and not {usual + "s", other + "s"} & set(same):
                first, later = _first(texts, usual), _first(texts, other)
                if first and later and not _as_a_word(texts.values(), (usual, other)):
                    yield Finding(
                        id=finding_id("name", usual, other), kind="name", subject=usual, section=later[0],
                        later=later[1],
                        earlier_section=first[0], earlier=first[1],
                        sentence=f"{usual} is written {other} here: keep to one spelling.",
                    )  # fmt: skip


_LEAST_SPELLED = 5


def _first(texts: Mapping[int, str], name: str) -> tuple[int, str] | None:
    for section, text in sorted(texts.items()):
        found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
        if found:
            start = max(text.rfind("\n", 0, found.start()) + 1, found.start() - 120)
            return section, text[start : found.end() + 60].split("\n")[0].strip()
    return None


def _as_a_word(texts: Iterable[str], names: Sequence[str]) -> bool:
    """Whether one of them is no name: it stands in lower case as well."""
    return any(re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", text) for text in texts for name in names)


# -- Typed details -----------------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"\d{1,3}")
_TOKEN = re.compile(r"[^\W_]+")
_NO_LIFE = listed(
    "dead died no false deceased killed gone tot gestorben muerto muerta mort morte morta morto décédé décédée 死 "
    "ölü dood død död мертв мертва"
)


def _of_details(texts: Mapping[int, str], sources: Sources) -> Iterator[Finding]:
    known: dict[tuple[str, ...], tuple[int, Detail]] = {}
    for section, detail in _standing(texts, sources):
        key, value = _keyed(detail, sources.cast)
        if not key or not value:
            continue
        first_section, first = known.setdefault(key, (section, detail))
        _, before = _keyed(first, sources.cast)
        if first is detail or first_section > section or not _differ(detail.attribute, before, value):
            continue
        kind = _DETAILED[detail.attribute]
        yield Finding(
            id=finding_id(kind, *key, *sorted((first.value, detail.value))), kind=kind, subject=detail.subject,
            section=section, later=detail.quote or detail.value, earlier_section=first_section,
            earlier=first.quote or first.value,
            sentence=f"{detail.subject}, {detail.attribute}: {first.value} before and {detail.value} here: keep to "
            f"one.",
        )  # fmt: skip


_DETAILED: dict[str, FindingKind] = {"alive": "dead", "eyes": "looks", "hair": "looks", "age": "age", "kin": "kinship"}


def _standing(texts: Mapping[int, str], sources: Sources) -> Iterator[tuple[int, Detail]]:
    """The details of which the quote, or without one the value, is in the text still."""
    plain: dict[int, str] = {}
    for section, detail in sources.details:
        if section not in plain:
            plain[section] = " ".join(texts.get(section, "").split()).casefold()
        told = " ".join((detail.quote or detail.value).split()).casefold()
        if told and told in plain[section]:
            yield section, detail


def _keyed(detail: Detail, cast: Cast) -> tuple[tuple[str, ...], frozenset[str]]:
    """What a detail is compared by, and its value as words that are compared."""
    subject, value = detail.subject.casefold(), detail.value.casefold()
    words = frozenset(_TOKEN.findall(value))
    match detail.attribute:
        case "alive":
            return ("alive", subject), frozenset(["dead" if words & _NO_LIFE else "alive"])
        case "age":
            number = _NUMBER.search(value)
            return ("age", subject), frozenset([number[0]] if number else [])
        case "eyes" | "hair":
            families = [looks.colours_of(word, "eyes" if detail.attribute == "eyes" else "hair") for word in words]
            return (detail.attribute, subject), frozenset().union(*families) or words
        case "kin":
            other = next(
                (name for name in cast.names if name.casefold() != subject and name.split()[0].casefold() in words),
                None,
            )
            if other is None:
                return (), frozenset()
            relation = words - {word.casefold() for word in other.split()} - _OF
            return ("kin", subject, other.casefold()), relation
    return (), frozenset()


_OF = listed("of to the s her his von der des de del di la le el younger older elder")


def _differ(attribute: str, before: frozenset[str], now: frozenset[str]) -> bool:
    if attribute == "alive":
        return before == {"dead"} and now == {"alive"}
    if attribute == "age":
        return abs(int(next(iter(before))) - int(next(iter(now)))) > 1
    return before.isdisjoint(now)


# -- What is known -----------------------------------------------------------------------------------------------------

_SAID = {"dead": "alive", "kin": "kin", "where": "place", "holds": "holder"}


def _entries(texts: Mapping[int, str], readings: Mapping[int, Reading], sources: Sources) -> list[Entry]:
    """Each fact once, as it was first said, in the order of the story."""
    found: list[Entry] = [
        Entry(subject=WORLD, attribute="rule", value=rule[:QUOTE], quote=rule[:QUOTE], section=0)
        for rule in sources.cast.rules
    ]
    found += [
        Entry(subject=who.name, attribute="description", value=who.told[:QUOTE], quote=who.told[:QUOTE], section=0)
        for who in sources.cast.people[: sources.cast.planned]
    ]
    found += [_entry(claim, 0) for claim in _of_the_bible(sources.cast)]
    said = [
        *(
            _entry(claim, section)
            for section, reading in readings.items()
            for claim in reading.claims
            if claim.attribute != "acts"
        ),
        *(
            Entry(
                subject=detail.subject,
                attribute=detail.attribute,
                value=detail.value,
                quote=detail.quote[:QUOTE],
                section=section,
            )
            for section, detail in _standing(texts, sources)
        ),
        *(
            Entry(
                subject=WORLD, attribute="fact", value=fact.text[:QUOTE], quote=fact.text[:QUOTE], section=fact.section
            )
            for fact in sources.facts
        ),
    ]
    found += sorted(said, key=lambda entry: entry.section)
    return list({(entry.subject, entry.attribute, entry.value): entry for entry in reversed(found)}.values())[::-1]


def _entry(claim: Claim, section: int) -> Entry:
    value = {"dead": "no", "kin": f"{claim.value} of {claim.other}"}.get(claim.attribute, claim.value)
    return Entry(
        subject=claim.subject, attribute=_SAID.get(claim.attribute, claim.attribute), value=value, quote=claim.quote,
        section=section, time=claim.time,
    )  # fmt: skip
