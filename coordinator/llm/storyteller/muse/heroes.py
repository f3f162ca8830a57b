"""Whom a story is about, read from a writer's words for them. Pure."""

from __future__ import annotations

import re

from coordinator.llm.storyteller import figures
from coordinator.llm.storyteller import lexicon as lx
from coordinator.llm.storyteller.muse import names, shapes, words
from coordinator.llm.storyteller.muse.fact import Fact, pattern
from coordinator.llm.storyteller.muse.sets import words_of

_ROLE = pattern("role")

_APPOSED = re.compile(
    r"^([^\W\d_a-z][\w'\-]{0,30}(?: [^\W\d_a-z][\w'\-]{0,30}){0,3})(?:,| -|:| is| \() ?((?:an?|the|my|our) "
    r"[^,.;()]{2,60})"
)

_BARE_ROLE = pattern("bare-role")

PARTS = words_of(
    "villain hero heroine protagonist antagonist character lead enemy rival star narrator person people somebody"
)
"""What somebody is in a story and not in its world."""
_SUBJECT = re.compile(r"^([^\W\d_a-z][\w'\-]{1,30})(?: [a-z]{2,16}(?:s|ed)?\b)")


def who(text: str, narrow: bool = True) -> list[Fact]:
    """Hero and role out of words for somebody: a name, a role, or both. With `narrow` the words are all about them."""
    text = text.strip(" .!?\"'")
    if both := _ROLE.match(text):
        name = names.name_in(both[2])
        role = words.bare(re.sub(r"^(?:an?|the|my) ", "", both[1], flags=re.IGNORECASE), 60)
        return [*([Fact("hero", name)] if name else []), Fact("role", role)]
    if (said := _APPOSED.match(text)) and figures.is_person(
        said[2].split(" who ")[0].split(" in ")[0].split(" with ")[0].split(" from ")[0]
    ):
        name = names.name_in(said[1])
        role = words.bare(
            re.split(
                r",? (?:who|whose|that|which) ", re.sub(r"^(?:an?|the|my|our) ", "", said[2], flags=re.IGNORECASE)
            )[0],
            60,
        )
        return [*([Fact("hero", name)] if name else []), Fact("role", role)]
    if told := _BARE_ROLE.match(text):
        head = told[1].split()[-1]
        animal = head.lower() in lx.ANIMALS
        if narrow or animal or figures.is_person(head):
            return [Fact("role", words.bare(told[1], 60))]
        return _figure(text)
    first = text.split()[0] if text.split() else ""
    if narrow and len(text.split()) == 1 and first.islower() and not names.is_known(first):
        return [Fact("role", words.bare(text, 60))] if re.fullmatch(r"[^\W\d_]{3,20}", first) else []
    if narrow and (name := names.name_in(text)) and len(text.split()) <= 5:
        return [Fact("hero", name)]
    if narrow and first[:1].islower() and len(text.split()) <= 6:
        return [Fact("role", words.bare(text, 60))]
    if (subject := _SUBJECT.match(text)) and names.is_known(subject[1]):
        return [Fact("hero", subject[1])]
    if not narrow and 0 < len(text.split()) <= 2 and names.is_known(first) and first[0].isupper():
        return [Fact("hero", names.cleaned(text))]
    return _figure(text)


def _figure(text: str) -> list[Fact]:
    """Whom the storyteller's own reading of people finds before anybody else."""
    living = [one for one in figures.find(text[:300]) if not one.gone and not one.many and one.role not in PARTS]
    lead = next((one for one in living if one.name), None) or next((one for one in living if not one.owned), None)
    if lead is None:
        return []
    found = [Fact("hero", names.cleaned(lead.name))] if lead.name and names.cleaned(lead.name) else []
    return [*found, *([Fact("role", lead.role)] if lead.role and len(lead.role) < 60 else [])]


_FOR = pattern("for")


def premise(text: str) -> list[Fact]:
    """What the story is about, and whom of it one can tell by their words."""
    about = words.bare(text, 240)
    wished = _FOR.search(about)
    about = about[: wished.start()] if wished else about
    if not about or about.lower() in ("it", "that", "this", "me", "you", "something", "anything", "what"):
        return []
    wish = [Fact("wish", wished[1])] if wished else []
    return [Fact("premise", about), *who(about, narrow=False), *shapes.shape(about), *wish]
