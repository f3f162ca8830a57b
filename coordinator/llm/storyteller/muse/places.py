"""Where a sentence says that something is, and whether words are a place. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

from coordinator.llm.storyteller import figures
from coordinator.llm.storyteller import lexicon as lx
from coordinator.llm.storyteller.muse import names, settling, words
from coordinator.llm.storyteller.muse.fact import pattern
from coordinator.llm.storyteller.muse.sets import words_of
from coordinator.llm.storyteller.tagger import Word, tagged

LONGEST = 240
"""Characters of a sentence that are read."""
_LOCAL = words_of(
    "in on at under aboard inside beneath above near below underneath behind beyond outside within by off on "
    "across atop"
)
_LINKS = _LOCAL | words_of("of with without between around along among from")
_PLACES = words_of(
    "mars submarine alps basement cellar attic ice asylum circus fair train bunker trench oasis swamp marsh "
    "jungle tundra steppe orbit moonbase commune orphanage cathedral tavern pub cafe café restaurant carnival "
    "arctic antarctica europa venus jupiter pluto rooftop sewer sewers subway metro underworld heaven hell "
    "limbo dungeon wasteland suburb suburbs dome colony outback prairie ranch world realm land country "
    "continent county district quarter zeppelin airship starship caravan boat raft elevator lift mall "
    "supermarket diner motel gym barn stable meadow cliff coast"
)
_CITIES = words_of(
    "lisbon paris london berlin rome venice madrid vienna prague tokyo kyoto chicago boston moscow dublin "
    "edinburgh cairo istanbul athens delhi mumbai shanghai beijing seoul lagos nairobi havana lima bogota "
    "toronto montreal sydney melbourne amsterdam brussels oslo stockholm helsinki copenhagen warsaw budapest "
    "lyon marseille naples florence milan seville barcelona porto hamburg munich zurich geneva texas "
    "california alaska iceland norway sweden finland ireland scotland england wales france spain italy "
    "germany russia china japan india egypt greece brazil mexico canada australia kenya morocco africa asia "
    "europe america siberia manhattan brooklyn"
)
_WORLDS = words_of("mars venus jupiter pluto saturn neptune uranus europa titan antarctica")
_BEINGS = words_of(
    "dragon unicorn griffin phoenix fairy elf goblin troll giant witch wizard robot ghost vampire mermaid "
    "dwarf orc alien werewolf superhero superheroine android cyborg demon angel god goddess monster zombie "
    "snowman golem spirit puppet kid guy teen teenager baby twin spy hacker astronaut samurai ninja viking "
    "cowboy gladiator mouse rat goose fox cat dog"
)


_CITY = re.compile(rf"(?<=[a-z,] )(?:{'|'.join(sorted(_CITIES | _WORLDS))})(?![\w'-])")


def cased(text: str) -> str:
    """With a capital at the names of places that are often written without."""
    return _CITY.sub(lambda found: found[0].capitalize(), text)


@lru_cache(maxsize=1024)
def parsed(text: str) -> tuple[tuple[Word, ...], tuple[figures.Phrase, ...]]:
    """The words of a text with what they are, and its noun phrases."""
    tags = tagged(text)
    return tuple(tags), tuple(figures.phrases(tags))


def is_being(word: str) -> bool:
    lower = word.lower()
    one = figures.singular(lower)
    return figures.is_person(lower) or {lower, one} & (lx.ANIMALS | _BEINGS) != set()


def _local(word: Word) -> bool:
    return word.lower in _LOCAL


def _is_where(phrase: figures.Phrase) -> bool:
    head = phrase.words[-1].lower()
    one = figures.singular(head)
    if {head, one} & (lx.PLACES | _PLACES | _CITIES):
        return True
    return phrase.is_name and phrase.before in ("in", "near", "at", "on", "under") and not names.is_known(head)


def place_in(text: str) -> str:
    """Where something is, in a sentence's own words: `in a town under a frozen sea`; empty where it says no place."""
    tags, told = parsed(_years(text)[:LONGEST])
    for at, phrase in enumerate(told):
        if phrase.before in _LOCAL and _is_where(phrase) and _own(tags, phrase):
            start = max(0, phrase.start - 1)
            end = _chained(tags, told, at)
            where = " ".join(word.text for word in tags[start:end])
            where = re.sub(r" ([,'’])", r"\1", where)
            if end < len(tags) and tags[end].lower == "where":
                where += " " + " ".join(word.text for word in tags[end:])
                where = re.sub(r" ([,'’])", r"\1", where)
            return words.bare(_unyears(where), 140)
    return ""


def _own(tags: tuple[Word, ...], phrase: figures.Phrase) -> bool:
    """Whether the preposition stands right before the phrase."""
    return phrase.start > 0 and _local(tags[phrase.start - 1])


def _chained(tags: tuple[Word, ...], told: tuple[figures.Phrase, ...], at: int) -> int:
    """Where the place ends that begins at a phrase: `a town` goes on `under a frozen sea`."""
    end = told[at].end
    for phrase in told[at + 1 :]:
        named = phrase.start == end and phrase.is_name
        linked = phrase.start == end + 1 and tags[end].lower in _LINKS and not is_being(phrase.words[-1])
        if not named and not linked:
            break
        end = phrase.end
    return end


_DECADE = re.compile(r"\b(1[0-9]|20)(\d)0s\b")


def _years(text: str) -> str:
    """`1920s` as one word without figures, which the tagger would part: `Decadeten2` is undone by `_unyears`."""
    return _DECADE.sub(lambda found: f"Decade{'x' * (int(found[1]) - 9)}{'y' * int(found[2])}z", text)


def _unyears(text: str) -> str:
    return re.sub(r"Decade(x{1,11})(y{0,9})z", lambda found: f"{len(found[1]) + 9}{len(found[2])}0s", text)


def is_place(text: str) -> bool:
    """Whether words are a place and nothing else, with where it lies: `in a town under a frozen sea`."""
    bare = re.sub(r"^(?:set |maybe |perhaps |somewhere )", "", text.strip(), flags=re.IGNORECASE)
    told = re.match(
        r"(in|on|at|under|aboard|inside|beneath|near|below|above|behind|beyond|within|outside|deep) (.{2,130})$",
        bare,
        re.IGNORECASE,
    )
    if told is None or _NOWHERE.match(bare) or len(bare.split()) > 24:
        return False
    tags = tagged(_DECADE.sub("old", told[2]))
    parts = [word for word in tags if word.tag in ("V", "M")]
    relative = next((at for at, word in enumerate(tags) if word.tag == "W"), len(tags))
    if any(word in parts for word in tags[:relative]):
        return False
    phrases = figures.phrases(tags[:relative])
    if re.fullmatch(r"(?:the year )?\d{3,4}(?: (?:ad|bc))?", told[2].lower()):
        return True
    return any(
        {one.words[-1].lower(), figures.singular(one.words[-1])} & (lx.PLACES | _PLACES | _CITIES)
        or (one.is_name and not names.is_known(one.words[-1]))
        for one in phrases
    ) or (
        told[1].lower() not in ("at",)
        and bool(phrases)
        and phrases[0].determiner in ("a", "an")
        and len(phrases[0].words) > 1
    )


_NOWHERE = pattern("nowhere")


def is_named(text: str) -> bool:
    """`an abandoned hotel in the alps`, `a small town where nobody can sleep`."""
    tags, told = parsed(text[:LONGEST])
    if not told or told[0].start != 0 or len(text.split()) > 20:
        return False
    head = {told[0].words[-1].lower(), figures.singular(told[0].words[-1])}
    end = told[0].end
    after = tags[end] if end < len(tags) else None
    fits = after is None or after.lower == "where" or after.lower in _LINKS
    return bool(head & (lx.PLACES | _PLACES)) and fits and not settling.is_clause(text)


def bare_name(text: str) -> str:
    """A place that is only named, with the preposition that it takes: `1920s chicago` gives `in 1920s Chicago`."""
    told = text.split()
    if not told or len(told) > 4 or told[-1].lower() not in _CITIES | _WORLDS:
        return ""
    if any(word.lower() not in _OF_NAMES and not _DECADE.fullmatch(word) and not word.isdigit() for word in told[:-1]):
        return ""
    named = [word if word[0].isdigit() or word.lower() in _OF_NAMES else word.capitalize() for word in told]
    return f"{'on' if told[-1].lower() in _WORLDS - {'europa', 'antarctica'} else 'in'} {' '.join(named)}"


_OF_NAMES = words_of("old modern medieval ancient victorian rainy wintry downtown future near post-war wartime")
