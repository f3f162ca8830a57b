"""The storyteller's word banks, read once from the TOML files beside this one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
GENRES = ("short-story", "noir", "fairy-tale", "horror", "science-fiction", "scp")
RUNGS = ("disturbance", "record", "turn", "dark", "climax", "ending")


@dataclass(frozen=True)
class Place:
    name: str
    preposition: str
    details: tuple[str, ...]

    @property
    def within(self) -> str:
        return f"{self.preposition} {self.name}"


@dataclass(frozen=True)
class Rung:
    """One step of a story's spine; `lines` in the order of telling, the first being enough."""

    title: str
    summary: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Ladder:
    name: str
    idea: str
    """What a brainstorm says of it: a clause with slots."""
    logline: str
    rule: str
    about: tuple[str, ...]
    """The kinds of things (see `seedwork.Thing.kind`) that it can be told of; empty for all."""
    rungs: dict[str, Rung]
    short: dict[str, str]
    """What a story of a page or so tells in place of a rung's lines."""
    titles: tuple[str, ...] = ()
    """Titles that fit this plot alone, beside those of its genre."""
    when: str = ""
    """A word that a prompt must have for it; empty for a plot of any prompt."""
    of: tuple[str, ...] = ()
    """The heads of things that a plot of one kind of prompt turns on."""
    spoken: int = 0
    """How many words of what is always told of it are said by somebody."""


@dataclass(frozen=True)
class Secret:
    object: str
    not_in: tuple[str, ...]
    clue: str
    tell: str
    found: str
    told: str
    after: str


@dataclass(frozen=True)
class Image:
    """An image that opens a story, is seen again at the turn and closes it."""

    noun: str
    open: str
    turn: str
    close: str


@dataclass(frozen=True)
class Genre:
    name: str
    first_person: bool
    words: dict[str, tuple[str, ...]]
    units: dict[str, tuple[str, ...]]
    home: Place
    far: Place
    places: tuple[Place, ...]
    images: tuple[Image, ...]


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((_HERE / f"{name}.toml").read_text("utf-8"))


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _place(text: str) -> Place:
    name, preposition, details = text.split("|")
    return Place(name, preposition, tuple(part.strip() for part in details.split(";")))


@lru_cache(maxsize=len(GENRES))
def genre(name: str) -> Genre:
    """The bank of one genre; a name that is not a genre's gives the short story's."""
    data = _load(name if name in GENRES else "short-story")
    return Genre(
        name=name if name in GENRES else "short-story",
        first_person=data["person"] == "first",
        words={key: tuple(value) for key, value in data.items() if isinstance(value, list) and key != "image"},
        units={key: _lines(value) for key, value in data.items() if isinstance(value, str) and "\n" in value},
        home=_place(data["home"]),
        far=_place(data["far"]),
        places=tuple(_place(text) for text in data["places"]),
        images=tuple(Image(**entry) for entry in data["image"]),
    )


@lru_cache(maxsize=1)
def shared() -> dict[str, tuple[str, ...]]:
    """Units that fit every genre; the keys of the weaving bank begin with `weave-`, of the tones with `tone-`."""
    banks = {**_load("scenes"), **_load("talk"), **_load("long")}
    banks |= {f"weave-{key}": value for key, value in _load("weave").items()}
    banks |= {f"tone-{key}": value for key, value in _load("tone").items()}
    banks |= {f"cast-{key}": value for key, value in _load("cast").items()}
    return {key: _lines(value) if isinstance(value, str) else tuple(value) for key, value in banks.items()}


@lru_cache(maxsize=len(GENRES))
def ladders(genre: str) -> tuple[Ladder, ...]:
    """The spines of one genre, by the name of its bank. Those of the reports are the arcs, which `arcs` tells."""
    if genre == "scp":
        return tuple(
            Ladder(
                name,
                arc["idea"],
                arc["logline"],
                arc["rule"],
                (),
                {},
                {},
                (f"{{item}} and {arc['motif']}",),
                spoken=_spoken([arc[key][0] for key in ("described", "discovery", "turn", "dark", "climax")]),
            )
            for name, arc in arcs().items()
        )
    return tuple(_ladder(entry) for entry in _load(f"ladders/{genre}")["ladder"])


@lru_cache(maxsize=len(GENRES))
def special(genre: str) -> tuple[Ladder, ...]:
    """The spines of a genre that are each for one kind of prompt."""
    return () if genre == "scp" else tuple(_ladder(entry) for entry in _load(f"ladders/{genre}").get("special", ()))


def _spoken(lines: Sequence[str]) -> int:
    return sum(len(part.split()) for line in lines for part in line.split('"')[1::2])


def _ladder(entry: dict[str, Any]) -> Ladder:
    return Ladder(
        name=entry["name"],
        idea=entry["idea"],
        logline=entry["logline"],
        rule=entry["rule"],
        about=tuple(entry.get("about", ())),
        rungs={key: Rung(entry[key]["title"], entry[key]["summary"], tuple(entry[key]["lines"])) for key in RUNGS},
        short={key: entry[f"short_{key}"] for key in RUNGS if f"short_{key}" in entry},
        titles=tuple(entry["titles"]),
        when=entry.get("when", ""),
        of=tuple(entry.get("of", ())),
        spoken=sum(
            min(_spoken([entry[key]["lines"][0]]), _spoken([entry.get(f"short_{key}", entry[key]["lines"][0])]))
            for key in RUNGS
        ),
    )


@lru_cache(maxsize=1)
def arcs() -> dict[str, dict[str, Any]]:
    """The arcs of containment reports, by name."""
    return {entry["name"]: entry for entry in _load("arcs")["arc"]}


@lru_cache(maxsize=1)
def secrets() -> tuple[Secret, ...]:
    return tuple(
        Secret(
            object=entry["object"],
            not_in=tuple(entry.get("not_in", ())),
            **{key: entry[key] for key in ("clue", "tell", "found", "told", "after")},
        )
        for entry in _load("secrets")["secret"]
    )


@lru_cache(maxsize=1)
def report() -> dict[str, Any]:
    """The bank of containment reports."""
    return _load("report")


@lru_cache(maxsize=1)
def mend() -> dict[str, tuple[str, ...]]:
    """Units kept for revisions: `sense`, `tongue`, `filed` for reports, `little` where there is little room,
    `vivid` where more of the senses is asked for, `brief` and `told` (in reports `…_filed`) for a thing
    and for anything else that is wished for, where there is none."""
    data = _load("mend")
    return {
        key: _lines(data[key])
        for key in ("sense", "tongue", "filed", "little", "vivid", "brief", "told", "brief_filed", "told_filed")
    }


@lru_cache(maxsize=1)
def tightenings() -> tuple[tuple[str, str], ...]:
    """Phrases with a shorter or plainer one to put in their place."""
    return tuple((entry["from"], entry["to"]) for entry in _load("mend")["tighten"])


@lru_cache(maxsize=1)
def english_only() -> dict[str, str]:
    """That the storyteller writes English only, and what to do about it, by the tag of the language it is said in."""
    return {tag: str(said) for tag, said in _load("languages").items()}


@lru_cache(maxsize=1)
def wishes() -> dict[str, list[str]]:
    """The regular expressions by which a wish of each kind is found."""
    return _load("wishes")


@lru_cache(maxsize=1)
def small_words() -> frozenset[str]:
    """Every word that the banks have with a small letter: what is no name where a prompt begins with it."""
    paths = sorted(path for path in _HERE.glob("*.toml") if path.stem not in ("languages", "wishes"))
    text = "\n".join(path.read_text("utf-8") for path in paths)
    return frozenset(re.findall(r"(?<![\w'’{])[a-z]{2,20}(?![\w'’}])", text))
