"""What a reply of the muse's asked, offered, decided and proposed, read back from its own text. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from coordinator.llm.storyteller.muse import banks, words
from coordinator.llm.storyteller.muse.hearing import Heard
from coordinator.llm.storyteller.muse.sets import words_of

QUESTIONS = ("start", "called", "who", "where", "foe", "tone", "pages", "want", "ending", "secret")
SORTS = words_of("name title opening ending twist villain person setting next idea surprise dialogue describe")
"""Kinds of messages to which something is offered that can be chosen."""
MOST = 2_000
"""Characters of a reply that are read."""
_EXAMPLE = re.compile(r"(?:^|[\s(])(?:Say|For instance|Perhaps|It could be): ([^.?!\n]{3,200})[.?!]")
_QUOTED = re.compile(r"“([^“”\n]{1,200})”")
SLOTS = {
    "who": "who it is",
    "called": "the name",
    "where": "the place",
    "foe": "the trouble",
    "tone": "the mood",
    "pages": "the length",
    "want": "the wish",
    "ending": "the ending",
    "secret": "the secret",
}
"""What a decision calls that which was asked."""
_OF_SLOT = {said: slot for slot, said in SLOTS.items()}
_DECIDED = re.compile(
    rf"(?:Then I say|My choice|I decide|I settle it), for ({'|'.join(_OF_SLOT)}): “([^“”\n]{{1,200}})”"
)


@dataclass(frozen=True, slots=True)
class Own:
    asked: str = ""
    offered: tuple[str, ...] = ()
    decided: tuple[tuple[str, str], ...] = ()
    proposed: bool = False


@lru_cache(maxsize=1)
def _stems() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The questions of the bank `asking`, with anything in their slots."""
    found = []
    for question in QUESTIONS:
        for line in banks.sayings()["start" if question == "start" else f"ask-{question}"]:
            escaped = re.escape(line)
            found.append((question, re.compile(re.sub(r"\\\{\w+\\\}", ".{1,140}?", escaped))))
    return tuple(found)


@lru_cache(maxsize=1)
def _proposals() -> tuple[re.Pattern[str], ...]:
    lines = (*banks.sayings()["proposed"],)
    return tuple(re.compile(re.sub(r"\\\{\w+\\\}", ".{1,140}?", re.escape(line))) for line in lines)


@lru_cache(maxsize=1024)
def _read(text: str, sort: str) -> Own:
    asked = ""
    last = -1
    for question, stem in _stems():
        told = stem.search(text)
        if told and told.start() > last:
            asked, last = question, told.start()
    decided = tuple((_OF_SLOT[told[1]], told[2]) for told in _DECIDED.finditer(text))
    return Own(asked, _offered(text, sort), decided, any(one.search(text) for one in _proposals()))


def read(text: str, sort: str) -> Own:
    """`sort` is the kind of the message that it answered, where that asked for something to choose."""
    return _read(text[:MOST], sort)


def _offered(text: str, sort: str) -> tuple[str, ...]:
    if sort.partition(" of ")[0] in ("name", "title"):
        return tuple(dict.fromkeys(_QUOTED.findall(text)))[:4]
    parts = text.split("\n\n")
    if sort and len(parts) > 1:
        return (words.bare(parts[1], 240),)
    example = _EXAMPLE.search(text)
    return (example[1],) if example else ()


_THE_HERO = re.compile(
    r"(?:an?|the|my|our|some|her|him|his|them|it|hero(?:ine)?|protagonist|main|lead|character|person|girl|boy|woman|man|first|last|good|nice|for|me|us|please|is|suggest)"
)


def thing_named(asked: Heard) -> str:
    """What a name is asked for, where that is not the hero: `the town`; empty for the hero's."""
    told = re.search(
        r"names? for (?:an? |the |my |our |her |his |this )?(.{2,40})$", words.squeezed(asked.sentence)[:300]
    )
    about = words.bare(told[1] if told else asked.about, 40).lower()
    left = [word for word in re.findall(r"[\w'-]+", about) if not _THE_HERO.fullmatch(word)]
    return "the " + " ".join(left) if left else ""


_NUMBERS = {
    "first": 0,
    "1st": 0,
    "1": 0,
    "one": 0,
    "former": 0,
    "second": 1,
    "2nd": 1,
    "2": 1,
    "two": 1,
    "middle": 1,
    "third": 2,
    "3rd": 2,
    "3": 2,
    "three": 2,
    "last": -1,
    "latter": -1,
}


def chosen(glimpsed: str, asked: Heard, offered: tuple[str, ...]) -> str:
    """Which of what was offered a message takes: by its number, by its words, or by a `yes` where there is one."""
    if not offered or asked.asks:
        return ""
    if asked.kind == "pick":
        index = _NUMBERS.get(asked.about.lower(), 0)
        return offered[index] if index < len(offered) else ""
    line = words.squeezed(glimpsed[:200])
    if len(offered) > 1:
        named = [one for one in offered if re.search(rf"(?<!\w){re.escape(one.lower())}(?!\w)", line)]
        if len(named) == 1 and not re.match(r"(?:not|no|i don't|anything but)\b", line):
            return named[0]
        return ""
    return offered[0] if asked.kind == "accept" else ""
