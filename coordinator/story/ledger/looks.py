"""Eyes, hair and ages: what stays as it is, and how a text says it in English. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from coordinator.story.ledger.claim import Attribute, Claim
from coordinator.story.ledger.sentences import Page, Sentence, person_of
from coordinator.story.ledger.wording import listed

EYES: dict[str, frozenset[str]] = {
    word: frozenset(families.split())
    for word, families in {
        "blue": "blue", "azure": "blue", "cornflower": "blue", "sapphire": "blue", "cobalt": "blue", "green": "green",
        "emerald": "green", "brown": "brown", "hazel": "brown green amber", "chestnut": "brown", "grey": "grey",
        "gray": "grey", "slate": "grey blue", "steel": "grey blue", "silver": "grey", "black": "black brown",
        "dark": "black brown", "amber": "amber brown", "gold": "amber", "golden": "amber", "yellow": "amber",
        "violet": "violet", "purple": "violet", "turquoise": "blue green", "teal": "blue green",
    }.items()
}  # fmt: skip
HAIR: dict[str, frozenset[str]] = {
    word: frozenset(families.split())
    for word, families in {
        "black": "black", "raven": "black", "jet": "black", "dark": "black brown", "brown": "brown",
        "chestnut": "brown red",
        "auburn": "red brown", "red": "red", "ginger": "red", "copper": "red", "coppery": "red", "russet": "red brown",
        "blond": "fair", "blonde": "fair", "fair": "fair", "golden": "fair", "flaxen": "fair", "yellow": "fair",
        "sandy": "fair brown red", "grey": "grey", "gray": "grey", "white": "grey", "silver": "grey", "silvery": "grey",
        "bald": "bald",
    }.items()
}  # fmt: skip
_EYE = "|".join(EYES)
_HAIR = "|".join(HAIR)
_HEADS = r"(?P<part>eyes|hair|curls|braids?|plaits?|ponytail|beard)"
_WHOSE = r"(?P<whose>@\d+'s|\bher|\bhis)"
_WHO = r"(?P<who>@\d+|\bshe|\bhe)"
_FEW = r"(?P<words>(?:[\w'-]+,? ){1,4})"
_LOOKS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_WHOSE} {_FEW}{_HEADS}\b",
        rf"{_WHOSE} {_HEADS},? (?:was|were|is|are|had been|had always been)(?P<words> (?:[\w'-]+,? ?){{1,4}})",
        rf"{_WHOSE} {_HEADS}, (?P<words>(?:[\w'-]+ ){{0,2}}(?:{_EYE}|{_HAIR}))\b",
        rf"{_WHO},? (?:had|has|with) {_FEW}{_HEADS}\b",
        rf"{_WHO} had (?:[\w'-]+ ){{1,3}}{_HEADS}, (?P<words>(?:an? )?(?:[\w'-]+ ){{0,2}}(?:{_EYE}|{_HAIR}))\b",
        rf"{_WHO} (?:was|is) (?:as )?(?P<words>bald)(?P<part>)\b",
        rf"{_WHO} (?:was|is) an? (?:[\w-]+,? ){{1,4}}with {_FEW}{_HEADS}\b",
        rf"\bthe {_FEW}{_HEADS} of (?P<who>@\d+)\b(?!')",
        rf"{_WHO}(?:,| was| is)(?: an?| the)?(?: [\w-]+){{0,2}} (?P<words>(?:{_EYE}|{_HAIR})-)(?P<part>eyed"
        rf"|haired|bearded)",
        rf"\b(?P<words>(?:{_EYE}|{_HAIR})-)(?P<part>eyed|haired|bearded)(?: [\w-]+){{0,2}} (?P<who>@\d+)\b(?!')",
    )
)
_OF_NOBODY = re.compile(
    rf"(?P<words>(?:[\w'-]+,? ){{1,4}}|(?:{_EYE}|{_HAIR})-)(?P<part>eyes|hair|curls|beard|eyed|haired|bearded)\b"
)
_PARTS: dict[str, Attribute] = {"eyes": "eyes", "eyed": "eyes", "beard": "beard", "bearded": "beard"}
_STOP = listed(
    "on in at to from upon fixed like as but open wide closed shut half into over behind under his her with by"
)
_CHANGED = re.compile(
    r"\b(?:turn(?:ed|ing|s)|bec(?:ame|ome)|chang\w+|glow\w*|flash\w*|contact|lens\w*|wig|dye[ds]?|dyed"
    r"|bleach\w*|once|one eye|other eye"
    r"|left eye|right eye|going|gone|reflect\w*|red-rimmed|bruise\w*|dust\w*|snow|flour|paint\w*|streak\w*"
    r"|now|shadow\w*|firelight)\b"
)
_OTHER_OWNER = re.compile(
    r"\b(?:met|held|into|at|saw|found|caught|watched|searched|avoided|studied|against|kissed|stroked"
    r"|brushed|touched)(?: [\w']+)? $"
)

_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_FROM_TEN = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TEENS = tuple(_FROM_TEN.split())
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDERED = "first second third fourth fifth sixth seventh eighth ninth"
NUMBERS: dict[str, int] = {
    **{word: number for number, word in enumerate(_ONES, 1)},
    **{word: number for number, word in enumerate(_TEENS, 10)},
    **{word: number for number, word in zip(range(20, 100, 10), _TENS, strict=True)},
    **{
        f"{ten}{join}{one}": tens + number
        for tens, ten in zip(range(20, 100, 10), _TENS, strict=True)
        for number, one in enumerate(_ONES, 1)
        for join in ("-", " ")
    },
}
_NUM = rf"(?P<age>\d{{1,3}}|(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_ONES)}))?|{'|'.join([*_TEENS, *_ONES])})\b"
_END = (
    r"(?=[.,;:!?)]|$| and\b| but\b| years old\b| years of age\b| now\b| or\b| who\b| with\b| that\b| in (?:the"
    r"|may|june|march)\b| last\b)"
)
_ABOUT = r"(?:only |just |now |barely |all of |aged )?"
_ORDINALS = {
    **{f"{word}th": NUMBERS[word] for word in _TEENS if word != "twelve"},
    "eighth": 8, "ninth": 9, "twelfth": 12,
    **{f"{ten[:-1]}ieth": tens for tens, ten in zip(range(20, 100, 10), _TENS, strict=True)},
    **{f"{tens}-{one}": NUMBERS[tens] + number for tens in _TENS for number, one in enumerate(_ORDERED.split(), 1)},
}  # fmt: skip
_BIRTHDAY = re.compile(rf"(?P<who>@\d+)(?:'s|\b[^.;§@]{{0,40}} (?:his|her)) (?P<age>{'|'.join(_ORDINALS)}) birthday\b")
_AGES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_WHO} (?:was|is|am) {_ABOUT}{_NUM}{_END}",
        rf"{_WHO}, (?:who (?:was|is) )?{_ABOUT}{_NUM}(?=[.,;:!?]|$| years old| now\b)",
        rf"\b{_NUM}[- ]years?[- ]old (?:[\w-]+ )?(?P<who>@\d+)\b(?!')",
        rf"{_WHO}(?:,| was| is)(?: an?| the)?(?: [\w-]+)? {_NUM}[- ]years?[- ]old\b",
        rf"{_WHO}(?:,| was| is) (?:an?|the) (?:[\w-]+ ){{1,3}}of {_NUM}(?=[.,;:!?]|$| who\b| and\b| with\b)",
        rf"{_WHO} (?:had |has )?(?:just )?turned {_NUM}{_END}",
    )
)
_AGE_OF_NOBODY = re.compile(
    rf"(?:\b(?:aged |of |is |an? )|(?:^|[,.;] ))?{_NUM}(?P<old>[- ]years?[- ]old| years of age)?{_END}"
)
_PASSED = re.compile(r"\b(?:when|before|until|by the time|since|at the age|if|as if|that) $")
GROWN = re.compile(
    r"\b(?:years (?:later|passed|after|went by)|years? had passed|grew up|had grown|grown up|older now|had aged)\b"
)


def looks(page: Page, index: int, sentence: Sentence) -> Iterator[Claim]:
    """What this sentence says of the eyes, the hair and the beard of somebody."""
    plain = sentence.plain
    if not _PART.search(plain) or _CHANGED.search(plain):
        return
    for pattern in _LOOKS:
        for found in pattern.finditer(plain):
            attribute = _PARTS.get(found["part"], "hair")
            colours = colours_of(found["words"], attribute, after=found.start("words") > found.start("part"))
            groups = found.groupdict()
            told, at = groups.get("whose") or groups.get("who"), found.start("whose" if groups.get("whose") else "who")
            if not colours or told is None or sentence.unreal_until(found.end()):
                continue
            if told in ("her", "his") and _OTHER_OWNER.search(plain, 0, at):
                continue
            person = person_of(page, index, told, at)
            if person is not None:
                yield Claim(attribute, page.key(person), colours, page.quote(sentence), sentence.paragraph)


_PART = re.compile(r"\b(?:eyes|hair|curls|braids?|plaits?|ponytail|beard|bald|\w+-eyed|\w+-haired|\w+-bearded)\b")


def colours_of(words: str, attribute: Attribute, *, after: bool = False) -> frozenset[str]:
    """The families of colour that these few words before the eyes or the hair name, or `after` them."""
    known = EYES if attribute == "eyes" else HAIR
    if not _UNPAIRED.isdisjoint(words.replace(",", " ").split()):
        return frozenset()
    told = words.replace("-", " ").replace(",", " ").split()
    found: frozenset[str] = frozenset()
    if after and told[:1] == ["as"]:
        told = told[1:]
    for word in told if after else reversed(told):
        if word in _STOP or (found and word not in known and word != "and"):
            break
        found |= known.get(word, frozenset())
    return found


_UNPAIRED = frozenset(("one", "left", "right", "other", "not"))


def ages(page: Page, index: int, sentence: Sentence) -> Iterator[Claim]:
    """What this sentence says of how old somebody is, in years."""
    plain = sentence.plain
    if not _NUMBER_WORD.search(plain) and "birthday" not in plain:
        return
    for pattern in (*_AGES, _BIRTHDAY):
        for found in pattern.finditer(plain):
            age = _ORDINALS.get(found["age"]) or number_of(found["age"])
            if age is None or age < 3 or _PASSED.search(plain, 0, found.start()) or sentence.unreal_until(found.end()):
                continue
            person = person_of(page, index, found["who"], found.start("who"))
            if person is not None:
                yield Claim("age", page.key(person), frozenset([str(age)]), page.quote(sentence), sentence.paragraph)


_NUMBER_WORD = re.compile(rf"\d|\b(?:{'|'.join([*_TENS, *_TEENS, *_ONES])})\b")


def number_of(told: str) -> int | None:
    if told.isdecimal():
        return int(told) if 3 <= int(told) <= 150 else None
    return NUMBERS.get(told)


def described(name: str, told: str) -> Iterator[Claim]:
    """What the bible's description of somebody says of their looks and age."""
    plain = " ".join(told.lower().replace("’", "'").split())[:2_000]
    if not _CHANGED.search(plain):
        for found in _OF_NOBODY.finditer(plain):
            attribute = _PARTS.get(found["part"], "hair")
            if colours := colours_of(found["words"], attribute):
                yield Claim(attribute, name, colours, told[:300])
    for found in _AGE_OF_NOBODY.finditer(plain):
        lead = found[0]
        alone = lead[0] in ",.;" or found.start() == 0
        if not (
            found["old"]
            or (alone and plain[found.end() : found.end() + 1] in (".", ",", ";", ""))
            or lead.startswith("aged ")
            or (lead.startswith("of ") and _SOMEBODY.search(plain, 0, found.start()))
        ):
            continue
        age = number_of(found["age"])
        if age is not None and not re.search(
            r"\b(?:about|almost|nearly|over|under|some)(?: an?)? $", plain[: found.start()]
        ):
            yield Claim("age", name, frozenset([str(age)]), told[:300])
            return


_SOMEBODY = re.compile(r"\b(?:man|woman|girl|boy|child|widow|widower|lad|person|maid|soldier|keeper|sailor) $")
