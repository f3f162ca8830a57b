"""The story that a talk is making, as its memory has it: how it is spoken of, what it lacks, what a prompt of it
says. Pure."""

from __future__ import annotations

import re

from coordinator.llm.storyteller import banks, figures, seedwork, verbs
from coordinator.llm.storyteller.muse import settling, words
from coordinator.llm.storyteller.muse.fact import pattern
from coordinator.llm.storyteller.muse.memory import Memory
from coordinator.llm.storyteller.muse.sets import words_of
from coordinator.llm.storyteller.tagger import is_plural

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
        [
            *(memory.first(key) for key in ("premise", "role", "foe", "place", "tone", "want")),
            *(
                one
                for one in memory.all("wish")
                if not re.match(r"(?:no|not|without|don't|avoid)\b", one, re.IGNORECASE)
            ),
        ]
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
        "many": "yes" if is_many(memory) else "",
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
        "called": memory.first("hero") if memory.first("role") and not is_many(memory) else "x",
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
    """The story in sentences, at most MOST_PROMPT characters: first whom it is about and where, in one that can be said
    of them, then all else that was agreed, in the writer's own words as far as they go."""
    hero, role = memory.first("hero"), memory.first("role")
    parts = _lead(memory, spark)
    told = " ".join(parts).lower()
    if hero and hero.lower() not in told:
        parts.append(f"The protagonist is {who_is(hero, role)}")
    she = {"she": True, "he": False}.get(memory.first("pronoun"))
    known = next((sex for sex in (figures.sex(role), figures.sex_of_name(hero)) if sex is not None), None)
    spoken = re.search(r"\b(?:she|her|he|his|him)\b", f"{told} {memory.first('foe')} {memory.first('want')}".lower())
    if hero and she is not None and (known is (not she) or (known is None and not spoken)):
        parts.append(f"{hero} is a {'woman' if she else 'man'}")
    if memory.first("place") and bare_where(memory.first("place")) not in told:
        parts.append(f"It is set {_full_where(memory.first('place'))}")
    subject = hero or (f"the {role}" if role else "the protagonist")
    many = is_many(memory)
    want, foe = memory.first("want"), memory.first("foe")
    if want and re.sub(r"^to ", "", want.lower()) not in told:
        parts.append(f"{words.lifted(subject)} want{'' if many else 's'} {want}")
    if foe and foe.lower() not in told:
        parts.append(_against(subject, foe))
    parts += [words.lifted(event) for event in memory.all("event")[-5:] if event.lower() not in told]
    if memory.all("person"):
        parts.append("Also in it: " + "; ".join(one.replace(": ", ", ", 1) for one in memory.all("person")[-6:]))
    if memory.first("secret"):
        parts.append(f"{words.lifted(subject)} keep{'' if many else 's'} a secret: {memory.first('secret')}")
    parts += [words.lifted(kept) for kept in memory.all("kept")[-4:]]
    if memory.first("ending"):
        parts.append(f"It ends {ending_said(memory.first('ending'))}")
    if memory.first("tone"):
        parts.append(f"Tone: {memory.first('tone')}")
    parts += [words.lifted(wish) for wish in memory.all("wish")[-4:]]
    return " ".join(f"{part.rstrip('.!')}." for part in parts if part.strip(" .!"))[:MOST_PROMPT]


MOST_PROMPT = 2_000
_LONGEST_LEAD = 32
"""Words of a first sentence that a storyteller can still say as it stands."""


def is_many(memory: Memory) -> bool:
    """Whether the story follows more than one: `two sisters`."""
    role = memory.first("role")
    return not memory.first("hero") and bool(re.match(r"(?:two|three|four|five|six|seven|some|many|several) ", role))


def with_article(role: str) -> str:
    """`a clockmaker`, `the smallest dragon`, `two sisters`; empty for nobody."""
    if not role or re.match(r"(?:an?|the|my|our|her|his|two|three|four|five|six|seven|some|many|several) ", role):
        return role
    first = role.split()[0].lower()
    only = first in ("last", "first", "only") or (first.endswith("est") and len(first) > 5)
    return f"the {role}" if only else seedwork.article(role)


def who_is(hero: str, role: str) -> str:
    """`Brann, a clockmaker`, `a clockmaker`, `two sisters`."""
    what = with_article(role)
    return f"{hero}, {what}" if hero and role else hero or what


def bare_where(place: str) -> str:
    """A place without the `in a` before it, small: what tells whether a sentence has it."""
    return re.sub(r"^(?:[a-z]{2,9} )?(?:an?|the) ", "", _full_where(place).lower())


def _lead(memory: Memory, spark: str) -> list[str]:
    """The first sentence or two."""
    hero, role, place = memory.first("hero"), memory.first("role"), memory.first("place")
    premise, who = memory.first("premise").rstrip(" .!"), who_is(memory.first("hero"), memory.first("role"))
    where = _full_where(place) if place else ""
    lives = (
        f"{words.lifted(who)}{',' if hero and role else ''} live{'' if is_many(memory) else 's'} {where}"
        if where
        else ""
    )
    if not premise:
        if who:
            return [lives or (f"{hero} is {who_is('', role)}" if hero and role else f"A story about {who}")]
        told = place or any(memory.first(key) for key in ("foe", "want", "secret", "event", "person"))
        return [spark] if spark and not told else []
    acts = _acting(premise, who, hero, role, where)
    if acts:
        return [acts] if len(acts.split()) <= _LONGEST_LEAD else [lives, words.lifted(premise)] if lives else [acts]
    there = not where or bare_where(place) in premise.lower()
    if settling.is_clause(premise) or seedwork.read(f"{words.lifted(premise)}.").clause:
        named = not hero or hero.lower() in premise.lower()
        return (
            [words.lifted(premise)]
            if named and there
            else [lives or f"The protagonist is {who}" if who else "", words.lifted(premise)]
        )
    told = f"A story about {words.lowered(premise)}"
    return (
        [told]
        if not who or (there and (not hero or hero.lower() in premise.lower()))
        else [lives, told]
        if lives
        else [told]
    )


_ACTS = re.compile(r"^,? ?(?:(?:who|that) )?([a-z]{2,20}(?:n't|'t)?\b.*)$")


_PROPER = r"(?-i:[^\W\d_a-z])[\w'-]{0,20}(?: (?-i:[A-Z])[\w'-]{1,20}){0,3}"


def _acting(premise: str, who: str, hero: str, role: str, where: str) -> str:
    """A premise that begins with the hero as a sentence that says their name and where they are: `a nun who robs
    trains` is `Ida, a nun in Naples, robs trains`; empty where it can't be said so."""
    if not role:
        return ""
    bare_role = re.sub(r"^(?:an?|the|my) ", "", role)
    head = re.match(
        rf"(?:(?:an?|the|my|this) )?(?:[a-z]+ )?{re.escape(bare_role)}(?:,? (?:called|named) {_PROPER})?",
        premise,
        re.IGNORECASE,
    )
    if head is None and hero:
        named = rf"{re.escape(hero)}(?:(?: is|,) (?:an?|the) {re.escape(bare_role)})?"
        head = re.match(named, premise, re.IGNORECASE)
    if head is None:
        return ""
    rest = premise[head.end() :]
    bare_place = re.sub(r"^,? ?", "", rest)
    if where and bare_place.lower().startswith(where.lower()):
        rest = bare_place[len(where) :]
        if not rest.strip():
            return ""
    if hero and (called := re.match(rf"^,? ?(?:called|named) {re.escape(hero)}\b", rest, re.IGNORECASE)):
        rest = rest[called.end() :]
    told = _ACTS.match(rest)
    if told is None or not _is_verb(told[1].split()[0]):
        return ""
    at = "" if not where or bare_where(where) in rest.lower() else f" {where}"
    aside = "," if hero else ""
    return words.lifted(f"{who}{at}{aside} {told[1]}")


def _is_verb(word: str) -> bool:
    forms = verbs.forms(word.lower())
    return word.lower() in _AUXILIARY or "third" in forms or "past" in forms or "base" in forms


_AUXILIARY = words_of(
    "is are was were has have had must can can't cannot will won't would could couldn't does doesn't did didn't do "
    "don't"
)


def _against(subject: str, foe: str) -> str:
    """`Against Brann stands his brother, who wants to sell the clock`."""
    if settling.is_clause(foe) and not re.match(r"[^,]{2,60}, (?:who|which) ", foe):
        return f"What stands against {subject}: {words.lowered(foe)}"
    head = re.split(r",| (?:who|which|that|with|from|of|in|on) ", foe, maxsplit=1)[0].split()
    stand = "stand" if " and " in foe or (head and is_plural(head[-1])) else "stands"
    return f"Against {subject} {stand} {words.lowered(foe)}"


def _full_where(place: str) -> str:
    lowered = words.lowered(place)
    return lowered if _where(place) == words.lowered(_short(place, 70)) else f"in {lowered}"


def ending_said(ending: str) -> str:
    if re.fullmatch(r"(?:[a-z-]{2,20} ){0,3}end(?:ing)?", ending, re.IGNORECASE) and not ending.lower().startswith(
        "with"
    ):
        return f"with {ending if re.match('(?:an?|the) ', ending) else seedwork.article(ending)}"
    return (
        ending
        if re.match(r"(?:with|without|when|in|on|badly|well|happily|sadly|where|as|by)\b", ending)
        else f"so: {ending}"
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
        found.append(f"it ends {ending_said(memory.first('ending'))}")
    if memory.first("title"):
        found.append(f"it is called “{memory.first('title')}”")
    for one in memory.all("person")[-4:]:
        name, _, what = one.partition(": ")
        found.append(f"{name} is {what if _DETERMINED.match(what) else seedwork.article(what or 'somebody')}")
    found += [f"“{words.bare(one, 100)}”" for one in memory.all("event")[-4:]]
    return found
