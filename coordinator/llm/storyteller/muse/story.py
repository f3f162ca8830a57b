"""The story that a talk is making, as its memory has it: how it is spoken of, what it lacks, what a prompt of it
says. Pure."""

from __future__ import annotations

import re

from coordinator.llm.storyteller import banks, seedwork, verbs
from coordinator.llm.storyteller.muse import settling, words
from coordinator.llm.storyteller.muse.fact import pattern
from coordinator.llm.storyteller.muse.memory import Memory

CORE = ("who", "where", "foe", "tone", "pages")
"""What a story lacks before it can be told, in the order in which it is asked for."""
LATER = ("called", "want", "ending", "secret")
"""What may be asked after that."""
PAGES = 3
MOST_WISHES = 10
_THEY = {"she": ("her", "her"), "he": ("his", "him"), "they": ("their", "them"), "": ("their", "them")}
KINDS = {
    "short-story": "a short story", "fairy-tale": "a fairy tale", "horror": "a horror story", "noir": "a noir",
    "science-fiction": "science fiction", "scp": "a containment report",
}  # fmt: skip


def genre_of(memory: Memory) -> str:
    """The template that fits what was said: the kind that was asked for, else by the words of the story."""
    if memory.first("kind") in banks.GENRES:
        return memory.first("kind")
    told = " ".join(
        [*(memory.first(key) for key in ("premise", "role", "foe", "place", "tone", "want")), *memory.all("wish")]
    ).lower()
    for genre, known in _BY_WORDS:
        if known.search(told):
            return genre
    return "short-story"


_BY_WORDS = tuple((genre, pattern(f"of-{genre}")) for genre in ("science-fiction", "fairy-tale", "noir", "horror"))


def slots(memory: Memory, writer: str) -> dict[str, str]:
    """What lines may speak of; empty where it was not told, but for `hero_or`, `place_or`, which always say
    something."""
    hero, role, place = memory.first("hero"), memory.first("role"), memory.first("place")
    his, him = _THEY[memory.first("pronoun")]
    called = hero or (f"the {words.bare(role, 50)}" if role else "")
    thing = thing_of(memory)
    return {
        "writer": writer,
        "hero": words.bare(hero, 60),
        "role": role,
        "the_hero": called or "",
        "hero_or": called or "your hero",
        "his": his,
        "him": him,
        "place": _where(place),
        "place_or": _where(place) or "there",
        "foe": words.lowered(_short(memory.first("foe"))),
        "want": _short(memory.first("want")),
        "tone": memory.first("tone"),
        "thing": thing,
        "title": memory.first("title"),
        "ending": memory.first("ending"),
        "kind_said": KINDS.get(memory.first("kind"), ""),
        "event": words.lowered(_short(memory.all("event")[-1], 90)) if memory.all("event") else "",
    }


def _where(place: str) -> str:
    if not place:
        return ""
    short = words.lowered(_short(place, 70))
    if re.match(
        r"(?:in|on|at|near|under|inside|aboard|by|beneath|beyond|during|between|around|somewhere|above|along|behind|outside|over)\b",
        short,
    ):
        return short
    return f"in {short}"


def _short(phrase: str, most: int = 70) -> str:
    """A phrase up to its first clause of its own."""
    part = re.split(r"[,;:.!?]| (?:who|which|because|but|so that) ", phrase, maxsplit=1)[0].strip()
    return words.bare(part or phrase, most)


def thing_of(memory: Memory) -> str:
    """The thing that the story turns on, with its article; empty where its words name none."""
    text = memory.first("premise") or " ".join(memory.all("event")[-2:])
    if not text:
        return ""
    role = memory.first("role").lower()
    for thing in seedwork.read(text[:300]).things:
        parts = thing.phrase.split()
        while len(parts) > 1 and verbs.forms(parts[0].lower()):
            parts = parts[1:]
        phrase = " ".join(parts)
        if (
            thing.kind == "thing"
            and phrase.lower() not in role
            and not verbs.forms(phrase.lower())
            and phrase.isascii()
        ):
            return seedwork.Thing(phrase, "thing").definite
    return ""


def lacks(memory: Memory) -> list[str]:
    """What the story lacks, in the order in which it is asked for."""
    there = {
        "who": memory.first("hero") or memory.first("role"),
        "where": memory.first("place"),
        "foe": memory.first("foe"),
        "tone": memory.first("tone"),
        "pages": memory.first("pages"),
        "called": memory.first("hero") if memory.first("role") else "x",
        "want": memory.first("want"),
        "ending": memory.first("ending"),
        "secret": memory.first("secret"),
    }
    order = [*CORE[:1], "called", *CORE[1:], *LATER[1:]]
    return [question for question in order if not there[question]]


def lacks_core(memory: Memory) -> bool:
    return any(question in CORE for question in lacks(memory))


def is_enough(memory: Memory) -> bool:
    """Whether a story can be told of it."""
    return not lacks_core(memory)


def prompt(memory: Memory, spark: str = "") -> str:
    """The story in sentences, at most 2,000 characters: the writer's own words for what it is about come first."""
    hero, role = memory.first("hero"), memory.first("role")
    premise = memory.first("premise")
    who = (
        f"{hero}, {seedwork.article(role)}"
        if hero and role and not re.match(r"(?:an?|the|my) ", role)
        else hero or (seedwork.article(role) if role else "")
    )
    parts: list[str] = []
    if premise:
        whole = words.lifted(premise) if settling.is_clause(premise) else f"A story about {words.lowered(premise)}"
        parts.append(whole)
        if hero and hero.lower() not in premise.lower():
            parts.append(f"The protagonist is {who}")
    elif who:
        parts.append(f"A story about {who}")
    elif spark:
        parts.append(spark)
    else:
        parts.append("A story")
    if memory.first("place"):
        parts.append(f"It is set {_full_where(memory.first('place'))}")
    if memory.first("want"):
        parts.append(f"{hero or 'The protagonist'} wants {memory.first('want')}")
    if memory.first("foe"):
        parts.append(f"{hero or 'The protagonist'} is up against {words.lowered(memory.first('foe'))}")
    parts += [words.lifted(event) for event in memory.all("event")[-5:]]
    if memory.all("person"):
        parts.append("Also in it: " + "; ".join(one.replace(": ", ", ", 1) for one in memory.all("person")[-6:]))
    if memory.first("secret"):
        parts.append(f"{hero or 'The protagonist'} keeps a secret: {memory.first('secret')}")
    if memory.first("ending"):
        parts.append(f"It ends {_ending(memory.first('ending'))}")
    if memory.first("tone"):
        parts.append(f"Tone: {memory.first('tone')}")
    return " ".join(f"{part.rstrip('.!')}." for part in parts)[:2_000]


def _full_where(place: str) -> str:
    lowered = words.lowered(place)
    return lowered if _where(place) == words.lowered(_short(place, 70)) else f"in {lowered}"


def _ending(ending: str) -> str:
    return (
        ending if re.match(r"(?:with|when|in|on|badly|well|happily|sadly|where|as|by)\b", ending) else f"so: {ending}"
    )


def proposal(memory: Memory, spark: str = "") -> dict[str, object]:
    """The arguments of `propose_story`."""
    wishes = [*memory.all("wish")]
    for key, before in (("title", "Title: "), ("ending", "Ending: "), ("tone", "Tone: ")):
        if memory.first(key):
            wishes.append(f"{before}{memory.first(key)}")
    wishes += [f"{words.lifted(event)}." for event in memory.all("event")]
    args: dict[str, object] = {
        "prompt": prompt(memory, spark),
        "template": genre_of(memory),
        "pages": int(memory.first("pages") or PAGES)
        if memory.first("pages").isdigit() or not memory.first("pages")
        else PAGES,
        "wishes": wishes[:MOST_WISHES],
    }
    if memory.first("hero"):
        args["protagonist"] = memory.first("hero")
    return args


def about(memory: Memory, most: int = 240) -> str:
    """What it is about, as a clause of a sentence."""
    premise = words.lowered(words.bare(memory.first("premise"), most))
    return premise if settling.is_clause(premise) else f"it is about {premise}"


_DETERMINED = re.compile(r"(?:an?|the|my|her|his|their|our|somebody|someone|\w{1,20}'s)\b")


def recap(memory: Memory) -> list[str]:
    """What is known, each as a clause of a sentence."""
    found: list[str] = []
    hero, role = memory.first("hero"), memory.first("role")
    if memory.first("premise"):
        found.append(about(memory, 140))
    if hero or role:
        article = "" if re.match(r"(?:an?|the|my|her|his) ", role) else "a "
        who = (
            f"{hero}, {seedwork.article(role) if article else role}"
            if hero and role
            else hero or (seedwork.article(role) if article else role)
        )
        found.append(f"we follow {who}")
    if memory.first("place"):
        found.append(f"it plays {_full_where(memory.first('place'))}")
    if memory.first("foe"):
        found.append(f"what stands against {hero or 'the hero'} is {words.lowered(memory.first('foe'))}")
    if memory.first("want"):
        found.append(f"{hero or 'the hero'} wants {memory.first('want')}")
    if memory.first("secret"):
        found.append(f"the secret is {memory.first('secret')}")
    if memory.first("tone") or memory.first("kind"):
        feels = [KINDS.get(memory.first("kind"), ""), memory.first("tone")]
        found.append(f"it is to be {', '.join(one for one in feels if one)}")
    if memory.first("pages"):
        found.append(f"it takes {memory.first('pages')} page{'s' if memory.first('pages') != '1' else ''}")
    if memory.first("ending"):
        found.append(f"it ends {_ending(memory.first('ending'))}")
    if memory.first("title"):
        found.append(f"it is called “{memory.first('title')}”")
    for one in memory.all("person")[-4:]:
        name, _, what = one.partition(": ")
        found.append(f"{name} is {what if _DETERMINED.match(what) else seedwork.article(what or 'somebody')}")
    found += [f"“{words.bare(one, 100)}”" for one in memory.all("event")[-4:]]
    return found
