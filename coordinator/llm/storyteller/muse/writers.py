"""What writers tell of themselves: names, first of all, and what they like, have, do. Pure."""

from __future__ import annotations

import re

from coordinator.llm.storyteller import figures
from coordinator.llm.storyteller.muse import names, words
from coordinator.llm.storyteller.muse.fact import Fact, pattern
from coordinator.llm.storyteller.muse.sets import words_of

_NOT_NAME = pattern("not-name")

NAME = pattern("name")

INSTEAD = pattern("instead")

_I_AM = pattern("i-am")

_HERE = re.compile(r"^([A-Z][\w'\-]{1,20}) here$")

_AGE = pattern("age")

_FAVOURITE = pattern("favourite")

_MINE = pattern("mine")

_LIVE = pattern("live")

_WORK = pattern("work")

_LIKE = pattern("like")

_HAVE = pattern("have")

_HAVE_NOT = words_of(
    "question idea feeling problem headache cold request hunch suggestion bit few lot look plan thought"
)

OF_STORY = words_of("hero heroine protagonist villain antagonist story title lead tale book novel character town")


def refused(clause: str) -> Fact | None:
    told = _NOT_NAME.match(clause)
    tail = told[1] if told else ""
    if told is None and (named := NAME.match(clause)) and named[1].lower().startswith("not "):
        tail = named[1][4:]
    name = names.name_in(tail, clause.isupper())
    return Fact("not name", name) if name else None


def of_writer(clause: str) -> list[Fact]:
    if named := NAME.match(clause):
        name = names.name_in(named[1], clause.isupper())
        return [Fact("name", name)] if name else []
    if aged := _AGE.match(clause):
        return [Fact("about", f"age: {aged[1]}")]
    if (here := _HERE.match(clause)) and names.self_named(here[1]):
        return [Fact("name", names.self_named(here[1]))]
    if (said := _I_AM.match(clause)) and (name := names.self_named(said[1])):
        return [Fact("name", name)]
    return _of_life(clause)


def _of_life(clause: str) -> list[Fact]:
    if liked := _FAVOURITE.match(clause):
        return [Fact("about", f"favourite {liked[1].lower()}: {words.bare(liked[2], 80)}")]
    if mine := _MINE.match(clause):
        if mine[1].lower() in OF_STORY:
            return []
        name = names.name_in(mine[2]) or words.bare(mine[2], 60)
        return [Fact("about", f"{mine[1].lower()}: {name}")]
    if lives := _LIVE.match(clause):
        place = words.bare(lives[2], 60)
        away = lives[1].strip() == "in" and clause.lower().startswith(("i'm in", "i am in"))
        if away and place.split()[0].lower() in ("love", "a", "the", "trouble", "bed", "need", "charge", "doubt", "my"):
            return []
        return [Fact("about", f"{'from' if lives[1].strip() == 'from' else 'home'}: {place}")] if place else []
    if (works := _WORK.match(clause)) and figures.is_person(
        words.bare(works[1]).split(" who ")[0].split(" in ")[0] or "x"
    ):
        return [Fact("about", f"trade: {words.bare(works[1], 60)}")]
    if likes := _LIKE.match(clause):
        kind = "likes" if likes[1].lower() in ("love", "like", "enjoy", "adore", "collect") else "dislikes"
        return [Fact("about", f"{kind}: {words.bare(likes[2], 70)}")]
    if (has := _HAVE.match(clause)) and not set(has[1].lower().split()) & _HAVE_NOT:
        return [Fact("about", f"has: {words.bare(has[1], 60)}")]
    return []
