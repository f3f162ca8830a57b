"""Who, what and where out of a genre's banks, another at each turn of a talk: no two turns have the same three.
Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from coordinator.llm.storyteller import banks
from coordinator.llm.storyteller.seedwork import article

ROLES, THINGS, STATES, PLACES = 13, 19, 11, 7
"""How many of each are drawn from; prime to each other, so that only after their product in turns one comes again."""
GENRES = tuple(name for name in banks.GENRES if name != "scp")


@dataclass(frozen=True, slots=True)
class Spark:
    """`role` is somebody (`the man from the ferry`), `thing` what they have, `place` where (`in the attic`)."""

    role: str
    thing: str
    place: str
    detail: str
    """Something that is to be seen there."""

    def slots(self) -> dict[str, str]:
        return {"role": self.role, "object": self.thing, "somewhere": self.place, "detail": self.detail}


@lru_cache(maxsize=512)
def _ordered(key: str, items: tuple[str, ...], count: int) -> tuple[str, ...]:
    """`count` of the items in an order of the talk's own."""
    ranked = sorted(items, key=lambda item: hashlib.sha256(f"{key}|{item}".encode("utf-8", "surrogatepass")).digest())
    return tuple(ranked[:count])


def spark(talk_id: str, genre_name: str, turn: int) -> Spark:
    """The one of a turn."""
    genre = banks.genre(genre_name)
    roles = tuple(_somebody(role) for role in (*genre.words["extra"], *genre.words["minor"]))
    states = tuple(state for state in genre.words["conditions"] if " I " not in f" {state} ")
    places = {
        place.within: place.details for place in (*genre.places, genre.home, genre.far) if "my " not in place.name
    }
    where = _ordered(f"{talk_id}|places", tuple(places), PLACES)[turn % PLACES]
    thing = _ordered(f"{talk_id}|things", tuple(dict.fromkeys(genre.words["objects"])), THINGS)[turn % THINGS]
    state = _ordered(f"{talk_id}|states", states, STATES)[turn % STATES]
    details = places[where]
    return Spark(
        role=_ordered(f"{talk_id}|roles", roles, ROLES)[turn % ROLES],
        thing=f"{article(thing)} {state}",
        place=where,
        detail=details[(turn // PLACES) % len(details)],
    )


def _somebody(role: str) -> str:
    return role if role.startswith(("a ", "an ", "the ", "somebody", "old ")) else article(role)


def names(
    talk_id: str, genre_name: str, turn: int, without: set[str], she: bool | None = None, count: int = 3
) -> list[str]:
    """First names of a genre's, hers and his, or those of one where it is known which."""
    entries = [entry.split() for name in (genre_name, *GENRES) for entry in banks.genre(name).words["names"]]
    fitting = [name for name, sex in entries if she is None or (sex == "f") == she]
    pool = [name for name in dict.fromkeys(fitting) if name.lower() not in without]
    ordered = _ordered(f"{talk_id}|names", tuple(pool[:60]), 60)
    return [ordered[(turn * count + index) % len(ordered)] for index in range(count)]
