"""Reading a prompt: which people, places and things it names, and how its premise can be said in a sentence."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

from coordinator.llm.storyteller import figures, verbs, wishes
from coordinator.llm.storyteller import lexicon as lx
from coordinator.llm.storyteller.figures import Figure, Phrase
from coordinator.llm.storyteller.tagger import Word, is_plural, tagged
from coordinator.llm.storyteller.wishes import Wish
from coordinator.story.language import of_prompt

MOST = 4_000
"""Characters of a prompt that are read."""
_TAGGED = re.compile(r"<(script|style)\b[^<]{0,2000}</\1\s{0,9}>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,200}>")
_CODE = re.compile(
    r"\b(drop|delete|insert|select|update|alter|truncate)\s+(table|from|into|\*|database)\b[^;.\n]{0,200};?",
    re.IGNORECASE,
)
_PAIR = re.compile(r'"\w{1,30}"\s{0,3}:\s{0,3}"[^"\n]{0,200}"')
"""A key and a value of JSON."""
_HIJACK = re.compile(
    r"\b(ignore|disregard|forget|override)\b.{0,40}\b(instruction|prompt|rule|above|previous)|"
    r"\b(system|developer)\s+(prompt|message)|\byou are now\b|\bjailbreak",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"^(also,?\s+|please\s+|and\s+|i (?:want|need|would like)( you to)?\s+|i'd like( you to)?\s+){0,4}"
    r"(can you\s+|could you\s+)?"
    r"((write|tell|give|make|create|compose|generate|draft)\s+)?(me\s+|us\s+)?(?=.)"
    r"(something\s+|anything\s+|it's\s+|it is\s+|it should be\s+|this is\s+)?(about\s+|of\s+|on\s+)?",
    re.IGNORECASE,
)
_FORM = re.compile(
    r"^(also,?\s+)?(an?|the|one|some|another)?\s*(very\s+)?"
    r"((short|long|little|brief|funny|sad|scary|dark|cozy|cosy|gothic|noir|horror|love|ghost|fantasy|warm|romantic)\s+){0,3}"
    r"(story|tale|novella|novel|fairy[ -]?tale|piece|fable|mystery|romance|noir|thriller|horror|comedy|satire|legend)"
    r"\s+(about|of|on|in which|where|with|between|that (?:starts|begins|opens) with|told through)\s+",
    re.IGNORECASE,
)
_PREFIX = re.compile(
    r"^\s*(a |an )?((cozy|cosy|gothic|dark|short|funny|classic|modern)\s+)?"
    r"(scp|noir|horror( story)?|story|prompt|fairy ?-?tale|sci-?fi|science[ -]fiction|title|mystery|fantasy|romance|"
    r"idea|thriller|fable)\s*[:.,]\s*(?=\S)",
    re.IGNORECASE,
)
_WISH = re.compile(
    r"^\s*(?:please\s+)?(?!(?:i want|i would like|i'd like|give me|give us)\s.{0,60}"
    r"\b(?:story|tale|mystery|romance|about)\b)"
    r"(keep|make|mention|include|i want|i would|use|avoid|set it|end|no |give|let|it should(?! be about)|should|add|"
    r"bring in|there should|have|don't|do not|never|set in)\b",
    re.IGNORECASE,
)
_NOT_WANTED = re.compile(
    r"\b(?:no|not|never|without|avoid|don't|do not|nothing)\s+"
    r"(?:an?\s+|any\s+|mention\s+(?:of\s+)?|use\s+|include\s+){0,3}"
    r"(?:the\s+)?(?:love story|story|word|clich[eé]s?|magic|violence|romance|gore|swearing|blood)s?\b",
    re.IGNORECASE,
)
_HANGING = frozenset(
    [
        "of",
        "on",
        "in",
        "at",
        "to",
        "from",
        "for",
        "with",
        "by",
        "about",
        "over",
        "under",
        "and",
        "or",
        "the",
        "a",
        "an",
        "that",
        "who",
        "which",
    ]
)


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
    def definite(self) -> str:
        """With `the`, unless it is a name (`Tuesday`)."""
        named = len(self.phrase.split()) == 1 and self.head.lower() in lx.WEEKDAYS and not self.plural
        bare = named or self.phrase in lx.BARE or self.phrase[0].isupper()
        return self.phrase if bare else f"the {self.phrase}"

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
    figures: tuple[Figure, ...] = ()
    """All people that the prompt has, named or not, living or dead; `people` has the roles of those without a part."""
    names: tuple[str, ...] = ()
    """Every proper name in the prompt."""
    wishes: tuple[Wish, ...] = ()
    language: str = "en"
    """The tag of the language that the prompt is in."""

    @property
    def dead(self) -> bool:
        """Whether somebody of the prompt is dead."""
        return any(figure.gone for figure in self.figures)

    def wants(self, *kinds: str) -> bool:
        return any(wish.kind in kinds for wish in self.wishes)


def article(phrase: str) -> str:
    """`phrase` with `a` or `an` (nothing before a plural)."""
    if is_plural(phrase.split(" of ")[0].split()[-1]):
        return phrase
    lower = phrase.lower()
    silent = lower.startswith(("hour", "honest", "heir", "honour", "honor"))
    hard = lower.startswith(("uni", "use", "eu", "one", "u-")) and not lower.startswith("unin")
    return f"{'an' if silent or (lower[0] in 'aeiou' and not hard) else 'a'} {phrase}"


def clean(text: str) -> str:
    """`text` in one line, without markup, code, control characters and sentences that try to give orders to a model."""
    return re.sub(r"\s+", " ", _cleaned(text)).strip()


def _cleaned(text: str) -> str:
    """As `clean`, with its lines."""
    letters = [c for c in text if c.isalpha()]
    if len(letters) > 8 and sum(c.isupper() for c in letters) > 0.7 * len(letters):
        text = text[:1] + text[1:].lower()
    text = _PAIR.sub(" ", text).replace(" & ", " and ")
    text = _CODE.sub(" ", _TAG.sub(" ", _TAGGED.sub(" ", text)))
    text = "".join(c if unicodedata.category(c)[0] != "C" or c in "\n\u200d" else " " for c in text)
    text = re.sub(r"\b(Dr|Mr|Mrs|Ms|Prof|Capt|St)\.", r"\1", text)
    kept = [part for part in re.split(r"(?<=[.!?。！？])", text) if part.strip() and not _HIJACK.search(part)]
    joined = " ".join(part.strip(" \t") for part in kept)
    return re.sub(r"[^\S\n]+", " ", re.sub(r"[<>{}\[\]|\\^`*#~=&]", " ", joined)).strip()


@lru_cache(maxsize=256)
def read(prompt: str) -> Seed:
    """What `prompt` names. Never fails; an empty or unreadable prompt gives an empty seed."""
    text = _PREFIX.sub("", _cleaned(prompt[:MOST]))
    if not any(c.isalpha() for c in text):
        return _from_pictures(text)
    language = of_prompt(text)
    if language != "en":
        return _from_foreign(text, language)
    return _from_english(text)


def _from_english(text: str) -> Seed:
    asked_of, text = wishes.find(text)
    text = _NOT_WANTED.sub(" ", text)
    people = figures.find(text)
    text = figures.unlabelled(text)
    sentences = [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n+", text) if part.strip(" -")]
    story = [part for part in sentences if not _WISH.match(part)]
    extra = [part for part in sentences if _WISH.match(part)]
    found = [pair for part in story for pair in _ranked(_strip_order(part))]
    wanted = [pair for part in extra for pair in _ranked(_WISH.sub("", part))]
    things = _unique([thing for _, thing in sorted(found, key=lambda pair: pair[0])])
    asked = _unique([thing for _, thing in wanted])
    every = [thing for thing in _unique([*things, *asked]) if thing.kind in ("thing", "idea", "animal")]
    places = [thing.phrase for thing in (*things, *asked) if thing.kind == "place"]
    clause, matter = _premise(story)
    names = tuple(dict.fromkeys([*(f.name for f in people if f.name), *figures.names(text)]))[:12]
    return Seed(
        clause=clause,
        matter=matter,
        things=tuple(every)[:8],
        people=tuple(dict.fromkeys(f.role for f in people if f.role and not f.gone and _without_part(f))),
        places=tuple(dict.fromkeys(places))[:6],
        asked=tuple(thing.phrase for thing in asked)[:6],
        figures=people,
        names=names,
        wishes=asked_of,
    )


def _without_part(figure: Figure) -> bool:
    """Whether a role says nothing against the part it would be given: a living elder is not the one who is gone."""
    return lx.KIN.get(figures.singular(figure.head)) != "elder" and lx.KIN.get(figure.head) != "elder"


def _unique(things: list[Thing]) -> tuple[Thing, ...]:
    kept: dict[str, Thing] = {}
    for thing in things:
        kept.setdefault(thing.head.lower(), thing)
    return tuple(kept.values())


_FIRST_LINE = re.compile(
    r"^\s*(?:please\s+)?(?:begin|start|open)s?\s+(?:it\s+)?(?:with|on)\s+(?:the\s+)?(?:(?:line|words|sentence|phrase)\b\s*:?\s*)?",
    re.IGNORECASE,
)


def _strip_order(sentence: str) -> str:
    sentence = _FIRST_LINE.sub("", sentence) or sentence
    bare = _ORDER.sub("", sentence)
    return _FORM.sub("", bare) or bare


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


def _from_foreign(text: str, language: str) -> Seed:
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
        figures=tuple(Figure(name, "", figures.sex_of_name(name)) for name in _foreign_names(text, language)),
        names=_foreign_names(text, language),
        language=language,
    )


def _foreign_names(text: str, language: str) -> tuple[str, ...]:
    """Names that a text in another language has: known ones, and words with a capital within a sentence where only
    names have one. Cyrillic ones in Latin letters."""
    found: list[str] = []
    for sentence in re.split(r"[.!?:\n]", text):
        words = re.findall(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*", sentence)
        for index, word in enumerate(words):
            lower = word.lower()
            if not word[0].isupper() or len(word) < 3 or len(word) > 30:
                continue
            known = lower in lx.FEMALE_NAMES or lower in lx.MALE_NAMES
            if known or (index > 0 and language not in ("de", "hi", "ar") and word[1:].islower()):
                found.append("".join(lx.LATIN.get(c, c) for c in word).capitalize())
    return tuple(dict.fromkeys(name for name in found if name.isascii() or name[0].isalpha()))[:4]


def _premise(story: list[str]) -> tuple[str, str]:
    """The premise as a clause or as a noun phrase, whichever the prompt's first sentence can be without harm."""
    if not story:
        return "", ""
    first = story[0]
    bare = _strip_order(first)
    said = re.sub(r"[\"“”]", "", bare).strip(" .!?,;:-")
    words = tagged(said)
    count = len(said.split())
    if not 3 <= count <= 34 or re.search(r"[%;@/_$:]|--|\?|\bscp\b|\b(I|my|me|our|you|your|we)\b", said, re.IGNORECASE):
        return "", ""
    if bare.rstrip().endswith("?") or first.rstrip().endswith("?") or words[-1].lower in _HANGING:
        return "", ""
    if words[0].tag not in ("D", "X", "E", "N", "A") or (words[0].tag in ("N", "A") and not said[0].isupper()):
        return "", ""
    if not _agrees(words):
        return "", ""
    named = words[0].tag == "E" or (len(words) > 1 and words[1].tag == "E" and words[0].lower in lx.TITLES)
    head = said if named else said[0].lower() + said[1:]
    finite = _main_verbs(words)
    if finite:
        return (head, "") if bare == first else ("", "")
    if words[0].tag in ("D", "X") and not any(word.tag in ("V", "M") for word in words[:2]):
        return "", head
    return "", ""


def _agrees(words: list[Word]) -> bool:
    """Whether the first noun phrase can be the subject of the first verb; `a place for the brothers divide` is none."""
    told = figures.phrases(words)
    verb = next((at for at, word in enumerate(words) if word.tag in ("V", "M", "W")), None)
    if verb is None or not told or words[verb].tag != "V" or told[0].start > verb:
        return True
    forms = verbs.forms(words[verb].lower)
    before = [word for word in words[told[0].start : verb] if word.lower in ("and", "or")]
    plural = bool(before) or is_plural(told[0].head)
    return not forms or "past" in forms or ("base" in forms if plural else "third" in forms)


def _main_verbs(words: list[Word]) -> int:
    """Finite verbs that stand in no relative clause."""
    groups = relative = 0
    before = ""
    for word in words:
        if word.tag in ("V", "M") and before not in ("V", "M", "T") and word.lower not in ("be", "been", "being"):
            groups += 1
        if word.tag == "W":
            relative += 1
        if word.tag not in ("B", "R"):
            before = word.tag
    return max(0, groups - relative)


def _thing(phrase: str) -> Thing:
    head = phrase.split()[-1].lower()
    single = figures.singular(head)
    if is_person(phrase):
        kind = "person"
    elif head in lx.PLACES or single in lx.PLACES:
        kind = "place"
    elif head in lx.ANIMALS or single in lx.ANIMALS:
        kind = "animal"
    elif head in lx.ABSTRACT or single in lx.ABSTRACT:
        kind = "idea"
    else:
        kind = "thing"
    return Thing(phrase, kind)


def is_person(phrase: str) -> bool:
    return figures.is_person(phrase)


def phrases(text: str) -> list[Thing]:
    """The noun phrases of an English text, in order."""
    words = tagged(text)
    return [thing for one in figures.phrases(words) if (thing := _of_phrase(one, words, lx.CHATTER)) is not None]


def _ranked(sentence: str) -> list[tuple[int, Thing]]:
    """The things of a sentence with how likely they are what it is about, 0 the likeliest: what only says where or when
    something is comes later."""
    words = tagged(sentence)
    if words and re.fullmatch(
        r"[.!?\s]*", " ".join(word.text for word in words if word.tag not in ("V", "R", "B", "P", "M"))
    ):
        return []
    found = [(1, Thing(place, "place")) for place in figures.places(words)]
    for one in figures.phrases(words):
        if one.is_name:
            continue
        chatter = lx.OF_TEXT if one.determiner or one.owner or one.before or "X" in one.tags else lx.CHATTER
        thing = _of_phrase(one, words, chatter | lx.TIMES)
        if thing is not None and thing.kind != "person":
            found.append((1 if one.before in _WHERE_OR_WHEN or one.owns else 0, thing))
    return found


_WHERE_OR_WHEN = frozenset(
    [
        "in",
        "on",
        "at",
        "under",
        "near",
        "by",
        "during",
        "after",
        "before",
        "since",
        "until",
        "across",
        "against",
        "around",
        "along",
        "through",
        "throughout",
        "inside",
        "outside",
        "off",
        "beneath",
        "below",
        "above",
        "behind",
        "beside",
        "towards",
        "toward",
        "into",
        "onto",
        "within",
        "like",
        "as",
    ]
)


_IDIOMS = frozenset(
    {
        ("in", "love"),
        ("of", "course"),
        ("in", "fact"),
        ("of", "view"),
        ("on", "fire"),
        ("in", "secret"),
        ("since", "birth"),
        ("from", "birth"),
        ("by", "heart"),
    }
)
_KINDS_OF_TALE = frozenset(
    {"love", "ghost", "war", "crime", "horror", "fairy", "murder", "detective", "adventure", "hate"}
)
_SEASONS = frozenset({"winter", "summer", "autumn", "spring", "season", "christmas"})


def _of_phrase(phrase: Phrase, words: list[Word], chatter: frozenset[str]) -> Thing | None:
    """A phrase as a thing; None for a name, for a word of the talk about texts, and for what only measures."""
    if phrase.is_name or (phrase.owns and figures.is_person(phrase.head)):
        return None
    head = phrase.head.lower()
    after = words[phrase.end].lower if phrase.end < len(words) else ""
    if (head in lx.MEASURES and after == "of") or head in lx.GROUPS:
        return None
    run = [
        word if tag == "E" or (word[0].isupper() and at and word.isupper() and len(word) > 1) else word.lower()
        for at, (word, tag) in enumerate(zip(phrase.words, phrase.tags, strict=True))
        if tag != "X"
    ]
    if head in lx.WEEKDAYS and phrase.before in ("on", "in", "at") and not phrase.determiner:
        return None
    if (phrase.before, head) in _IDIOMS and not phrase.determiner:
        return None
    if len(run) > 1 and head in ("story", "tale", "mystery", "novel") and run[-2].lower() in _KINDS_OF_TALE:
        return None
    while run and run[-1].lower() in chatter:
        run.pop()
        if len(run) != len(phrase.words) - 1 or phrase.tags[len(run) - 1 : len(run)] != ("N",):
            return None
    run = [word for word in run if word.lower() not in lx.CHATTER or word.lower() in lx.ATTRIBUTES or word == run[-1]]
    if run and run[-1] in _SEASONS and {"last", "next", "every", "this"} & {*run, phrase.determiner}:
        return None
    run = [word for word in run if word.lower() not in ("same", "different", "own", "other", "certain", "more")][-3:]
    if not run or (run[-1].lower() in lx.LOOSE and phrase.tags[-1] != "N") or len(run[-1]) < 3:
        return None
    if run[-1].lower() in lx.WEEKDAYS:
        run[-1] = run[-1].capitalize()
    while len(run) > 1 and len(" ".join(run)) > 40:
        run = run[1:]
    return _thing(" ".join(run)) if len(" ".join(run)) <= 40 else None
