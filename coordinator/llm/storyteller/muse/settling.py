"""Reading an answer: what a message that is no question and no order says to what was asked. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

from coordinator.llm.storyteller import figures, seedwork, verbs
from coordinator.llm.storyteller import lexicon as lx
from coordinator.llm.storyteller.muse import heroes, names, shapes, words
from coordinator.llm.storyteller.muse.fact import Fact
from coordinator.llm.storyteller.muse.sets import words_of
from coordinator.llm.storyteller.tagger import is_plural, tagged

LONGEST = 400
"""Characters of what can be an answer."""
_HEDGED = re.compile(
    r"^(?:(?:it's|it is|it's about|about|just|maybe|perhaps|i think|i guess|probably|let's say|well|hm+|um+|ok|"
    r"okay|yes|how about|what about)[, ]{1,2}){1,4}",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"(?:she|he|they|it|i|we|you|there|nobody|somebody|everybody)(?:'s|'re|'d|'ll|'ve|'m)? (?!who\b|that\b|like\b|"
    r"from\b|with\b)"
)
_ORDER = re.compile(
    r"(?:change|make|let|let's|add|remove|write|give|tell|show|put|use|keep|stop|go|try|help|please|don't|forget|start|look|read|call|name|can|could|would|what|who|how|why)\b"
)
_PREMISE = re.compile(r"\b(?:who|whose|that|which) \w", re.IGNORECASE)
_SIMPLE = words_of("is are was were has had have do does did am be been being")


@lru_cache(maxsize=2048)
def acts(sentence: str) -> bool:
    """Whether somebody does something in a sentence: it has a verb that is more than `is` or `has`."""
    for word in re.findall(r"[a-z]{2,20}", sentence.lower()):
        forms = verbs.forms(word)
        if (
            word not in _SIMPLE
            and (("third" in forms and word.endswith("s")) or "past" in forms)
            and not verbs.may_be_noun(word)
        ):
            return True
    if _DOES.search(sentence) is not None:
        return True
    words_of = tagged(sentence[:300])
    return any(word.tag == "V" and word.lower not in _SIMPLE for word in words_of[1:])


_DOES = re.compile(
    r"\b(?:she|he|they|who|that|it|[A-Z][a-z]{1,20}|must|can|will|would|to) (?:not |never |always |only "
    r")?[a-z]{2,15}(?:s|ed|t|w|m|d|e)?\b"
)


_FEARED = re.compile(
    r"^(?:she|he|they)(?:'s|'re| is| are)(?: so| very| always| just| really)? (?:scared|afraid|terrified|"
    r"frightened) of (.{2,100})$"
)
_WICKED = re.compile(
    r"^(?:an?|the|her|his|their|some|two|three) (?:[a-z]{2,12} ){0,2}?(?:evil|mean|wicked|cruel|crooked|corrupt|"
    r"jealous|greedy|bad|nasty|vengeful|ruthless|angry|hungry|rival|"
    r"vicious|murderous|treacherous|villainous|dark|terrible|hostile|enemy) [a-z]{2,20}\b.{0,80}$",
    re.IGNORECASE,
)


def is_foe(text: str) -> bool:
    """Whether words for somebody say by themselves that these stand against the hero: `a big mean fox`."""
    return _WICKED.match(words.bare(" ".join(text.split())[:160])) is not None


def settled(question: str, text: str) -> tuple[Fact, ...]:
    """The facts that `text` answers to one of `offers.QUESTIONS`; empty where it can be no answer to it."""
    line = " ".join(text.split())
    bare = _HEDGED.sub("", words.bare(line[: LONGEST + 1]))
    if not bare or len(line) > LONGEST or _ORDER.match(bare.lower()):
        return ()
    match question:
        case "who":
            more = (Fact("premise", bare[:240]),) if _PREMISE.search(bare) and len(bare.split()) > 4 else ()
            return (*more, *heroes.who(bare)) if not _CLAUSE.match(bare.lower()) and not is_clause(bare) else ()
        case "called":
            name = names.name_in(bare)
            return (Fact("hero", name),) if name and not is_clause(bare) else ()
        case "pages":
            return _pages(bare)
        case "tone":
            tone = shapes.tone_of(bare) or (
                bare
                if len(bare.split()) <= 6
                and not re.match(r"(?:because|since|of|by|about|when|until)\b", bare.lower())
                and _MOODY.search(bare)
                and not is_clause(bare)
                else ""
            )
            return (Fact("tone", tone),) if tone else ()
        case "where":
            clause = _CLAUSE.match(bare.lower()) or len(bare.split()) > 24 or is_clause(bare)
            return () if clause else (Fact("place", words.lowered(bare)),)
        case "start":
            return _started(bare)
        case "foe" if re.fullmatch(
            r"(?:every|each|all|the whole) [a-z]{3,9}|now|today|always|forever|later", bare.lower()
        ):
            return ()
        case "foe":
            if feared := _FEARED.match(bare.lower()):
                return (Fact("foe", f"a fear of {bare[feared.start(1) :]}"),)
            return () if _CLAUSE.match(bare.lower()) else (Fact("foe", words.lowered(bare)),)
        case "want" | "ending" | "secret":
            return (Fact(question, words.lowered(bare)),)
        case _:
            return ()


_MOODY = re.compile(
    r"^(?:like|as if|as though) |\b[a-z]{2,14}(?:y|ful|ous|ic|ive|ish|less|ing|ed|al|er|able|ant|ent)\b", re.IGNORECASE
)


def _started(bare: str) -> tuple[Fact, ...]:
    """A few words with no verb, where nothing is known yet: somebody, a place, or a thing that it is about."""
    told = re.sub(r"^(?:an?|the|some|my) ", "", bare, flags=re.IGNORECASE)
    head = told.split()[-1].lower() if told.split() else ""
    if re.match(r"(?:somebody|someone|a person|people) (?:who|that|whose)\b", bare.lower()):
        return (Fact("premise", bare),)
    if _CLAUSE.match(bare.lower()):
        return ()
    if re.match(r"(?:i|i'm|my|we|we're|you|you're|your|me|no|not)\b", bare.lower()):
        return ()
    if not head or len(bare.split()) > 6 or is_clause(bare) or not re.fullmatch(r"[^\W\d_]{3,20}", head):
        return ()
    if figures.is_person(told) or head in lx.ANIMALS or figures.singular(head) in lx.ANIMALS or head in _CREATURES:
        return (Fact("role", told),)
    if head in lx.PLACES:
        return (Fact("place", words.lowered(bare)),)
    if (
        head in lx.ADVERBS
        or head in lx.ADJECTIVES
        or head in lx.PREPOSITIONS
        or head in lx.SUBJECTS
        or head in lx.AUXILIARIES
    ):
        return ()
    if bare[0].isupper() and len(bare.split()) <= 2 and names.is_known(bare.split()[0]):
        return (Fact("hero", names.cleaned(bare)),)
    return (Fact("premise", bare if is_plural(head) or bare != told or bare[0].isupper() else seedwork.article(bare)),)


_CREATURES = words_of(
    "dragon unicorn griffin phoenix fairy elf goblin troll giant witch wizard robot ghost vampire mermaid dwarf "
    "orc alien werewolf"
)
_RELATIVE = re.compile(r"\b(?:who|whose|whom|that|which|where|when|in which)\b", re.IGNORECASE)


def is_clause(text: str) -> bool:
    """Whether words are a sentence of their own: they have a finite verb before any `who` or `where`."""
    first = _RELATIVE.split(text, maxsplit=1)[0].lower()
    return any(word in _FINITE or _is_third(word) for word in re.findall(r"[a-z']{2,20}", first)[1:])


_FINITE = words_of(
    "is are was were has had have must can will would could cannot can't won't isn't aren't stands stand went came "
    "took found lost saw knew began"
)


def _is_third(word: str) -> bool:
    forms = verbs.forms(word)
    return "third" in forms and word.endswith("s") and not verbs.may_be_noun(word)


def _pages(bare: str) -> tuple[Fact, ...]:
    numeral = re.fullmatch(r"(?:about |around |maybe |some )?(\d{1,4}|[a-z]+)", bare.lower())
    pages = shapes.pages_of(bare) or (shapes.pages_of(f"{numeral[1]} pages") if numeral else "")
    return (Fact("pages", pages),) if pages else ()
