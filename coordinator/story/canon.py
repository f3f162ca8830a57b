"""What the stories of a project share: its bible, entry by entry, each with where it comes from. Pure.

An entry stands in one of four lists, as in `material.Bible`. A story that begins in the project knows them; what it has
established beyond them is offered to the project when it is completed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID, uuid5

from pydantic import BaseModel, Field, ValidationError

from coordinator.errors import InvalidMessage
from coordinator.story.material import Aside, Bible, Fact, Material, Name, Person, Place

EntryKind = Literal["person", "place", "rule", "fact"]
How = Literal["told", "noted", "written"]
PARTS: dict[EntryKind, str] = {"person": "people", "place": "places", "rule": "rules", "fact": "facts"}
"""By kind, the list of the bible that has it."""
KNOWN_CHARACTERS = 60_000
"""Of the bible that a story begins with: several times what any call is shown of it."""
SOMEBODY = "somebody of this project"
"""The role of a person of whom none is said."""


class Source(BaseModel):
    """Where an entry comes from: `told` by a story, `noted` by an agent in a talk, `written` by a member."""

    how: How
    session_id: UUID | None = None
    title: str = Field(default="", max_length=200)


class Lore(Material):
    """What an entry says: of a person `name`, `role`, `description` and `voice`, of a place `name` and `description`,
    of a rule or fact `text`."""

    kind: EntryKind
    name: Name | None = None
    role: Aside = ""
    description: Aside = ""
    voice: Aside = ""
    text: Aside = ""

    @property
    def key(self) -> str:
        """What two entries of a kind have in common that speak of the same."""
        return (self.name or self.text).casefold()


class BibleEntry(Lore):
    id: UUID
    source: Source


class Offer(Lore):
    """What a story has established and the project's bible does not say. Accepted, it takes the place of the entry that
    it `replaces`, if any."""

    id: UUID
    replaces: UUID | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What a session has begun with of its project."""

    bible: Bible = field(default_factory=Bible)
    instructions: str = ""


NOTHING = Known()


def checked(lore: Lore) -> Lore:
    """With the fields of its kind alone. Raises InvalidMessage where one that it needs is empty."""
    needed = ("name", "description") if lore.kind in ("person", "place") else ("text",)
    for name in needed:
        if not getattr(lore, name):
            raise InvalidMessage(f"A {lore.kind} of the bible needs a `{name}`.")
    kept = {"person": ("name", "role", "description", "voice"), "place": ("name", "description")}.get(
        lore.kind, ("text",)
    )
    return Lore(kind=lore.kind, **{name: getattr(lore, name) for name in kept})


def stored(entry: BibleEntry) -> tuple[str, dict[str, Any]]:
    """The list that has it, and the entry as it is kept there."""
    fields = checked(entry).model_dump(mode="json", exclude_defaults=True, exclude={"kind"})
    source = entry.source.model_dump(mode="json", exclude_none=True)
    return PARTS[entry.kind], {"id": str(entry.id), **fields, "source": source}


def entries_of(kept: Mapping[str, Any]) -> list[BibleEntry]:
    """The entries of a project's bible, in their order; what this version of the service can't read is passed over."""
    found: list[BibleEntry] = []
    for kind, part in PARTS.items():
        listed = kept.get(part)
        for item in listed if isinstance(listed, list) else []:
            try:
                found.append(BibleEntry.model_validate({**item, "kind": kind}))
            except (ValidationError, TypeError):
                continue
    return found


def bible_of(entries: Iterable[Lore], most: int = KNOWN_CHARACTERS) -> Bible:
    """As a story keeps it, in `most` characters: rules, people and places first, of each the newest that there is room
    for."""
    by_kind: dict[str, list[Lore]] = {kind: [] for kind in PARTS}
    for entry in entries:
        by_kind[entry.kind].append(entry)
    kept: dict[str, list[Lore]] = {}
    for kind in ("rule", "person", "place", "fact"):
        chosen: list[Lore] = []
        for entry in reversed(by_kind[kind]):
            most -= sum(map(len, (entry.name or "", entry.role, entry.description, entry.voice, entry.text)))
            if most < 0:
                break
            chosen.append(entry)
        kept[kind] = chosen[::-1]
    return Bible(
        people=[
            Person(name=one.name or "", role=one.role or SOMEBODY, description=one.description, voice=one.voice)
            for one in kept["person"]
        ],
        places=[Place(name=one.name or "", description=one.description) for one in kept["place"]],
        rules=[one.text for one in kept["rule"]],
        facts=[Fact(text=one.text, section=0) for one in kept["fact"]],
    )


def known_of(material: Mapping[str, Any] | None) -> Known:
    """From what is kept with a session; nothing where it has begun without a project."""
    if not material:
        return NOTHING
    kept = material.get("bible")
    return Known(bible_of(entries_of(kept if isinstance(kept, dict) else {})), str(material.get("instructions") or ""))


def established(bible: Bible, known: Bible) -> Bible:
    """What of a story's bible is its own: not what it has begun with and left as it was."""
    facts = {fact.text.casefold() for fact in known.facts}
    return Bible(
        people=[person for person in bible.people if person not in known.people],
        places=[place for place in bible.places if place not in known.places],
        rules=[rule for rule in bible.rules if rule not in known.rules],
        facts=[fact for fact in bible.facts if fact.text.casefold() not in facts],
    )


def offers_of(
    session_id: UUID, bible: Mapping[str, Any] | None, entries: Iterable[BibleEntry], settled: Collection[str]
) -> list[Offer]:
    """What a completed story has to offer. `settled` are the ids of offers that were accepted or dismissed before.

    An offer's id is made of what it says: the same again is the same offer, another version of it another.
    """
    there: dict[tuple[str, str], BibleEntry] = {}
    ids: set[str] = set(settled)
    for entry in entries:
        there[entry.kind, entry.key] = entry
        ids.add(str(entry.id))
    found: dict[str, Offer] = {}
    for lore in _told(bible):
        own = uuid5(session_id, "\n".join((lore.kind, lore.key, lore.role, lore.description, lore.voice)))
        held = there.get((lore.kind, lore.key))
        if str(own) not in ids and (held is None or not _says_the_same(held, lore)):
            found[str(own)] = Offer(**lore.model_dump(), id=own, replaces=held.id if held else None)
    return list(found.values())


def accepted(offer: Offer, source: Source) -> BibleEntry:
    return BibleEntry(**offer.model_dump(exclude={"id", "replaces"}), id=offer.replaces or offer.id, source=source)


def _says_the_same(held: Lore, told: Lore) -> bool:
    if told.kind in ("rule", "fact"):
        return True
    same = (held.role or SOMEBODY) == told.role if told.kind == "person" else True
    return same and (held.description, held.voice) == (told.description, told.voice)


def _told(bible: Mapping[str, Any] | None) -> Iterator[Lore]:
    """The entries of a story's bible as it was kept; what can't be read is passed over."""
    for kind, part in PARTS.items():
        listed = (bible or {}).get(part)
        for item in listed if isinstance(listed, list) else []:
            fields = {"text": item} if isinstance(item, str) else item
            try:
                yield checked(Lore.model_validate({**fields, "kind": kind}))
            except (ValidationError, TypeError, InvalidMessage):
                continue
