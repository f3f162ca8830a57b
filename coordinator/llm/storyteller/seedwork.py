"""Reading a prompt: which people, places and things it names, and how its premise can be said in a sentence."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

from coordinator.llm.storyteller import lexicon as lx

_TAGGED = re.compile(r"<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]{0,200}>")
_CODE = re.compile(
    r"\b(drop|delete|insert|select|update|alter|truncate)\s+(table|from|into|\*|database)\b[^;.\n]*;?", re.IGNORECASE
)
_HIJACK = re.compile(
    r"\b(ignore|disregard|forget|override)\b.{0,40}\b(instruction|prompt|rule|above|previous)|"
    r"\b(system|developer)\s+(prompt|message)|\byou are now\b|\bjailbreak",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"^(also,?\s+|please\s+|and\s+)*(can you\s+|could you\s+)?(write|tell|give|make|create|compose|generate|draft)"
    r"\s+(me\s+|us\s+)?(about\s+|of\s+|on\s+)?",
    re.IGNORECASE,
)
_FORM = re.compile(
    r"^(also,?\s+)?(an?|the|one|some)?\s*(very\s+)?(short|long|little|brief|funny|sad|scary|dark)?\s*"
    r"(story|tale|novella|novel|fairy tale|fairytale|report|piece|fable|mystery)\s+(about|of|on|in which|where)\s+",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"^\s*(scp|noir|horror|story|prompt|fairy tale|sci-?fi|title)\s*:\s*", re.IGNORECASE)
_WISH = re.compile(r"^\s*(keep|make|mention|include|i want|i would|use|avoid|set it|end|no |give|let)\b", re.IGNORECASE)
_TOKEN = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*|\d+|[.,;:!?()\"“”—]")


@dataclass(frozen=True)
class Thing:
    """A noun phrase out of a prompt, without its article."""

    phrase: str
    kind: str
    """`thing`, `idea`, `animal`, `person` or `place`."""

    @property
    def head(self) -> str:
        return self.phrase.split()[-1]

    @property
    def plural(self) -> bool:
        return is_plural(self.head)

    @property
    def short(self) -> str:
        """The phrase without adjectives that only set it apart (`last ship` → `ship`)."""
        words = self.phrase.split()
        while len(words) > 1 and words[0].lower() in lx.LOOSE:
            words = words[1:]
        return " ".join(words)


@dataclass(frozen=True)
class Seed:
    """What a prompt gives to a story."""

    clause: str = ""
    """The premise as a sentence without its full stop, first letter lower unless a name; empty if it has none."""
    matter: str = ""
    """The premise as a noun phrase (`a beekeeper, an unpaid debt and a flood`); empty if it has none."""
    saying: str = ""
    """A short phrase of the prompt in its own language, to be quoted in the story; empty for an English prompt."""
    things: tuple[Thing, ...] = ()
    people: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    asked: tuple[str, ...] = field(default=())
    """Phrases that the writer asked by name to be mentioned."""


def is_plural(word: str) -> bool:
    lower = word.lower()
    if lower in {"species", "series", "news", "children", "people", "men", "women", "mice", "geese", "teeth", "feet"}:
        return lower not in {"news", "series"}
    return lower.endswith("s") and not lower.endswith(("ss", "us", "is", "as"))


def article(phrase: str) -> str:
    """`phrase` with `a` or `an` (nothing before a plural)."""
    if is_plural(phrase.split(" of ")[0].split()[-1]):
        return phrase
    lower = phrase.lower()
    silent = lower.startswith(("hour", "honest", "heir", "honour", "honor"))
    hard = lower.startswith(("uni", "use", "eu", "one", "u-")) and not lower.startswith("unin")
    return f"{'an' if silent or (lower[0] in 'aeiou' and not hard) else 'a'} {phrase}"


def clean(text: str) -> str:
    """`text` without markup, code, control characters and sentences that try to give orders to a model."""
    text = _CODE.sub(" ", _TAG.sub(" ", _TAGGED.sub(" ", text)))
    text = "".join(c if unicodedata.category(c)[0] != "C" or c in "\n\u200d" else " " for c in text)
    kept = [part for part in re.split(r"(?<=[.!?。！？])\s*", text) if part.strip() and not _HIJACK.search(part)]
    return re.sub(r"\s+", " ", re.sub(r"[<>{}\[\]|\\^`*#~=&]", " ", " ".join(kept))).strip()


@lru_cache(maxsize=256)
def read(prompt: str) -> Seed:
    """What `prompt` names. Never fails; an empty or unreadable prompt gives an empty seed."""
    text = _PREFIX.sub("", clean(prompt[:4_000]))
    if not any(c.isalpha() for c in text):
        return _from_pictures(text)
    if not _is_english(text):
        return _from_foreign(text)
    sentences = [part.strip() for part in re.split(r"(?<=[.!?])\s+", text) if part.strip()]
    story = [part for part in sentences if not _WISH.match(part)]
    wishes = [part for part in sentences if _WISH.match(part)]
    found = [thing for part in story for thing in phrases(_strip_order(part))]
    asked = [thing for part in wishes for thing in phrases(_WISH.sub("", part))] if wishes else []
    things = _unique([thing for thing in found + asked if thing.kind in ("thing", "idea", "animal")])
    people = tuple(dict.fromkeys(thing.phrase for thing in found if thing.kind == "person"))
    places = tuple(dict.fromkeys(thing.phrase for thing in found if thing.kind == "place"))
    clause, matter = _premise(story)
    return Seed(
        clause=clause,
        matter=matter,
        things=things[:8],
        people=people,
        places=places,
        asked=tuple(thing.phrase for thing in _unique(asked))[:6],
    )


def _unique(things: list[Thing]) -> tuple[Thing, ...]:
    kept: dict[str, Thing] = {}
    for thing in things:
        kept.setdefault(thing.head.lower(), thing)
    return tuple(kept.values())


def _strip_order(sentence: str) -> str:
    return _FORM.sub("", _ORDER.sub("", sentence))


def _is_english(text: str) -> bool:
    words = re.findall(r"[^\W\d_]+", text.lower())
    if sum(c.isascii() for c in text) < 0.7 * len(text):
        return False
    english = sum(word in lx.STOP or word in lx.VERBS for word in words)
    foreign = sum(word in lx.FOREIGN_MARKS or not word.isascii() for word in words)
    return english >= foreign or foreign == 0


def _from_pictures(text: str) -> Seed:
    """Emoji by their Unicode names: CLOUD WITH RAIN gives rain, MANTELPIECE CLOCK a mantelpiece clock."""
    things: list[Thing] = []
    for char in text:
        if unicodedata.category(char) != "So":
            continue
        name = unicodedata.name(char, "").lower().split(" with ")[-1]
        words = [word for word in re.findall(r"[a-z]+", name) if word not in {"face", "sign", "symbol", "button"}]
        if words and len(words) <= 3:
            things.append(_thing(" ".join(words[-2:])))
    kept = [thing for thing in things if thing.kind in ("thing", "idea", "animal")]
    people = tuple(dict.fromkeys(thing.phrase for thing in things if thing.kind == "person"))
    places = tuple(dict.fromkeys(thing.phrase for thing in things if thing.kind == "place"))
    return Seed(things=_unique(kept)[:6], people=people, places=places, matter=series(_unique(kept)[:3]))


def series(things: tuple[Thing, ...]) -> str:
    """`a clock, a cat and rain`."""
    names = [thing.phrase if thing.kind == "idea" else article(thing.phrase) for thing in things]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1] if names else ""


def _from_foreign(text: str) -> Seed:
    lower = text.lower()
    words = set(re.findall(r"[^\W\d_]+", lower))
    spaced = all(ord(c) < 0x2E80 for c in text)
    found = [
        (lower.find(word), _thing(english))
        for word, english in lx.GLOSS.items()
        if (word in words if spaced and word.isascii() else word in lower)
    ]
    things = [thing for _, thing in sorted(found, key=lambda pair: pair[0])]
    saying = re.split(r"[.!?。！？，،;；\n]", text)[0].strip(" \"'«»“”")
    if spaced and len(saying) > 90:
        saying = saying[:90].rsplit(" ", 1)[0]
    return Seed(
        saying=(saying if spaced else saying[:28]).replace('"', "'"),
        things=_unique([thing for thing in things if thing.kind in ("thing", "idea", "animal")])[:6],
        people=tuple(dict.fromkeys(thing.phrase for thing in things if thing.kind == "person")),
        places=tuple(dict.fromkeys(thing.phrase for thing in things if thing.kind == "place")),
    )


def _premise(story: list[str]) -> tuple[str, str]:
    """The premise as a clause or as a noun phrase, whichever the prompt's first sentence can be without harm."""
    if not story:
        return "", ""
    first = story[0]
    bare = _strip_order(first)
    said = re.sub(r"[\"“”]", "", bare).strip(" .!?,;:-")
    words = said.split()
    if not 3 <= len(words) <= 34 or re.search(r"[%;@/_$]|--|\?|\bscp\b|\b(I|my|me|our)\b", said, re.IGNORECASE):
        return "", ""
    head = said[0].lower() + said[1:] if words[0].lower() in lx.STOP else said
    if head.split()[0] not in lx.DETERMINERS and not said[0].isupper():
        return "", ""
    if bare != first or _is_phrase(words):
        return ("", head) if head.split()[0] in lx.DETERMINERS else ("", "")
    if words[0].lower() in {"what", "how", "why", "if", "when"} or words[0].lower() in lx.VERBS:
        return "", ""
    return head, ""


def _is_phrase(words: list[str]) -> bool:
    """Whether the words are a noun phrase: no finite verb before the first relative word, or a list of phrases."""
    for index, word in enumerate(words):
        lower = word.lower().strip(",")
        if lower in {"that", "who", "which", "where", "whose", "nobody"} or word.endswith(","):
            return True
        if lower in lx.VERBS and index > 0 and words[index - 1].lower() not in lx.DETERMINERS:
            return False
    return True


def _thing(phrase: str) -> Thing:
    head = phrase.split()[-1].lower()
    singular = head[:-1] if is_plural(head) else head
    if is_person(phrase):
        kind = "person"
    elif head in lx.PLACES or singular in lx.PLACES:
        kind = "place"
    elif head in lx.ANIMALS or singular in lx.ANIMALS:
        kind = "animal"
    elif head in lx.ABSTRACT or singular in lx.ABSTRACT:
        kind = "idea"
    else:
        kind = "thing"
    return Thing(phrase, kind)


def is_person(phrase: str) -> bool:
    head = phrase.split()[-1].lower()
    singular = head[:-1] if is_plural(head) else head
    if head in lx.PEOPLE or singular in lx.PEOPLE:
        return True
    if head in lx.NOT_PEOPLE or singular in lx.NOT_PEOPLE or len(singular) < 6:
        return False
    return singular.endswith(("keeper", "maker", "ist", "ian", "man", "woman", "eer", "ographer", "ologist")) or (
        singular.endswith(("er", "or")) and len(singular) > 6 and not singular.endswith(("ator", "ctor", "meter"))
    )


def phrases(text: str) -> list[Thing]:
    """The noun phrases of an English text, in order."""
    tokens = _TOKEN.findall(text)
    found: list[Thing] = []
    run: list[str] = []
    before = ""
    for index, token in enumerate([*tokens, "."]):
        word = re.sub(r"['’]s$", "", token)
        lower = word.lower()
        opens = not run and before in lx.DETERMINERS and before != "that"
        ends = (
            not word[0].isalpha()
            or lower in lx.STOP
            or (lower in lx.VERBS and not (opens and not _verb_follows(tokens, index)))
            or (lower.endswith("ly") and len(lower) > 4)
            or (_is_participle(lower) and not (opens and _noun_follows(tokens, index)))
        )
        if not ends:
            run.append(lower if not word[0].isupper() or index == 0 else word)
        if ends or token != word:
            _close(run, found)
            run = []
        before = lower
    return found


def _is_participle(word: str) -> bool:
    known = word in lx.ABSTRACT or word in lx.PEOPLE or word in lx.NOUNS_IN_ING
    return word.endswith(("ing", "ed")) and len(word) > 5 and not known


def _verb_follows(tokens: list[str], index: int) -> bool:
    return index + 1 < len(tokens) and tokens[index + 1].lower() in lx.DETERMINERS


def _noun_follows(tokens: list[str], index: int) -> bool:
    if index + 1 >= len(tokens):
        return False
    following = tokens[index + 1].lower()
    return following[0].isalpha() and following not in lx.STOP and following not in lx.VERBS


def _close(run: list[str], found: list[Thing]) -> None:
    while run and run[-1].lower() in lx.CHATTER:
        run.pop()
    run = [word for word in run if word.lower() not in lx.CHATTER or word.lower() in lx.ATTRIBUTES][-3:]
    if run and run[-1].lower() not in lx.LOOSE and 2 < len(" ".join(run)) <= 40 and len(run[-1]) > 2:
        found.append(_thing(" ".join(run)))
