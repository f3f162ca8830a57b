"""Reading an answer: what a message that is no question and no order says to what was asked. Pure."""

from __future__ import annotations

import re

from coordinator.llm.storyteller import verbs
from coordinator.llm.storyteller.muse import names, telling, words
from coordinator.llm.storyteller.muse.telling import Fact

LONGEST = 400
"""Characters of what can be an answer."""
_HEDGED = re.compile(
    r"^(?:(?:it's|it is|it's about|about|just|maybe|perhaps|i think|i guess|probably|let's say|well|hm+|um+|ok|okay|yes|how about|what about)[, ]{1,2}){1,4}",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"(?:she|he|they|it|i|we|you|there|nobody|somebody|everybody)(?:'s|'re|'d|'ll|'ve|'m)? (?!who\b|that\b|like\b|from\b|with\b)"
)
_ORDER = re.compile(
    r"(?:change|make|let|let's|add|remove|write|give|tell|show|put|use|keep|stop|go|try|help|please|don't|forget|start|look|read|call|name|can|could|would|what|who|how|why)\b"
)
_PREMISE = re.compile(r"\b(?:who|whose|that|which) \w", re.IGNORECASE)
_SIMPLE = frozenset("is are was were has had have do does did am be been being".split())


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
    return _DOES.search(sentence) is not None


_DOES = re.compile(
    r"\b(?:she|he|they|who|that|it|[A-Z][a-z]{1,20}|must|can|will|would|to) (?:not |never |always |only )?[a-z]{2,15}(?:s|ed|t|w|m|d|e)?\b"
)


_FEARED = re.compile(
    r"^(?:she|he|they)(?:'s|'re| is| are)(?: so| very| always| just| really)? (?:scared|afraid|terrified|frightened) of (.{2,100})$"
)
_WICKED = re.compile(
    r"^(?:an?|the|her|his|their|some|two|three) (?:[a-z]{2,12} ){0,2}?(?:evil|mean|wicked|cruel|crooked|corrupt|jealous|greedy|bad|nasty|vengeful|ruthless|angry|hungry|rival|"
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
            return (*more, *telling.who(bare)) if not _CLAUSE.match(bare.lower()) else ()
        case "called":
            name = names.name_in(bare)
            return (Fact("hero", name),) if name else tuple(telling.who(bare))
        case "pages":
            return _pages(bare)
        case "tone":
            tone = telling.tone_of(bare) or (bare if len(bare.split()) <= 6 and not _CLAUSE.match(bare.lower()) else "")
            return (Fact("tone", tone),) if tone else ()
        case "where":
            clause = _CLAUSE.match(bare.lower()) or len(bare.split()) > 24
            return () if clause else (Fact("place", words.lowered(bare)),)
        case "foe":
            if feared := _FEARED.match(bare.lower()):
                return (Fact("foe", f"a fear of {bare[feared.start(1) :]}"),)
            return () if _CLAUSE.match(bare.lower()) else (Fact("foe", words.lowered(bare)),)
        case "want" | "ending" | "secret":
            return (Fact(question, words.lowered(bare)),)
        case _:
            return ()


def _pages(bare: str) -> tuple[Fact, ...]:
    numeral = re.fullmatch(r"(?:about |around |maybe |some )?(\d{1,4}|[a-z]+)", bare.lower())
    pages = telling.pages_of(bare) or (telling.pages_of(f"{numeral[1]} pages") if numeral else "")
    return (Fact("pages", pages),) if pages else ()
