"""What a story is to be like, in words: its kind, its tone, its length. Pure."""

from __future__ import annotations

import re

from coordinator.llm.storyteller.muse import words
from coordinator.llm.storyteller.muse.fact import Fact, pattern
from coordinator.llm.storyteller.muse.sets import words_of

_KINDS = (
    (
        "fairy-tale",
        re.compile(r"\b(?:fairy ?-?tales?|fairytales?|bedtime|fable|once upon a time|folk ?tale)\b", re.IGNORECASE),
    ),
    (
        "noir",
        re.compile(
            r"\b(?:noir|detective stor(?:y|ies)|hard-?boiled|crime stor(?:y|ies)|private eye|gumshoe|murder "
            r"mystery|whodunit)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "horror",
        re.compile(
            r"\b(?:horror|ghost stor(?:y|ies)|scary stor(?:y|ies)|spooky|haunted house|terrifying|creepy stor(?:y|"
            r"ies))\b",
            re.IGNORECASE,
        ),
    ),
    (
        "science-fiction",
        re.compile(
            r"\b(?:science[ -]fiction|sci-?fi|space opera|spaceship|starship|space station|cyberpunk)\b", re.IGNORECASE
        ),
    ),
    ("scp", re.compile(r"\b(?:scp|containment report|scp report)\b", re.IGNORECASE)),
    ("short-story", re.compile(r"\bshort[ -]stor(?:y|ies)\b", re.IGNORECASE)),
)

_NO = pattern("no")


def kind_of(text: str) -> str:
    """The template that words for a kind of story stand for; empty where there are none, or it is not wanted."""
    for kind, known in _KINDS:
        told = known.search(text)
        if told and not _NO.search(text[max(0, told.start() - 30) : told.start()]):
            return kind
    return ""


PAGES = pattern("pages")

_LENGTH = pattern("length")

_TONES = words_of(
    "hope humour humor warmth dread irony melancholy "
    "grand majestic sweeping tragicomic bitter mythic wry elegiac solemn feverish dreamlike fast-paced dark funny "
    "sad warm cold cosy cozy scary spooky creepy eerie grim bleak hopeful gentle tender melancholy melancholic tragic "
    "comic silly playful whimsical light lighthearted light-hearted serious tense romantic epic strange weird "
    "dreamy quiet slow "
    "fast gritty gothic bittersweet uplifting sweet magical mysterious suspenseful sombre somber dry witty absurd "
    "surreal "
    "heartwarming exciting thrilling peaceful lonely nostalgic wistful brutal violent cheerful happy joyful angry "
    "calm haunting "
    "unsettling moody poetic lyrical cruel kind hilarious humorous darker funnier sadder warmer scarier colder "
    "lighter stranger "
    "weirder happier gentler slower melancholically adventurous heroic intimate raw satirical ironic atmospheric"
)


def may_be(text: str) -> bool:
    """Whether there is any word in a text that says how a story is to be."""
    found = set(_WORD.findall(text.lower()))
    return bool(found & _TONES) or any(word.startswith(("page", "word", "end")) for word in found)


_WORD = re.compile(r"[a-z][a-z-]{0,30}")


def tone_of(text: str) -> str:
    """The words for how it should feel, where they are nothing else: `dark but hopeful`."""
    text = re.sub(
        r"^(?:tone|mood|style|feel|feeling|atmosphere) ?: ?|,? please$",
        "",
        text[:200].strip(" .!"),
        flags=re.IGNORECASE,
    )
    told = words.bare(re.sub(r",? ?(?:and )?(?:about|around)?\s{0,3}$", "", PAGES.sub("", text).strip(" ,.")), 80)
    plain = re.findall(r"[a-z][a-z\-]*", told.lower())
    known = [word for word in plain if word in _TONES]
    most = [word for word in plain if word not in _FILL]
    if not known or len(plain) > 9:
        return ""
    return (
        re.sub(r"^(?:make it|it should be|it should feel|like) ", "", told, flags=re.IGNORECASE)
        if len(known) * 2 >= len(most)
        else ""
    )


_FILL = words_of(
    "some touch lot hint kind sort bit moments of it's is i'd i want would something "
    "and but or a an the very quite rather bit little too not more less with of at in it be should feel like so "
    "really please "
    "somewhat also yet then first end tone mood dark story tale for by"
)

_NUMBERS = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "twelve": 12,
    "a dozen": 12,
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
}

MOST_PAGES = 100

_LENGTHS = {
    "short": 2,
    "brief": 2,
    "tiny": 1,
    "shorter": 2,
    "small": 2,
    "medium": 5,
    "long": 12,
    "longer": 12,
    "epic": 30,
    "novel-length": 60,
}

WORDS_OF_PAGE = 300


def pages_of(text: str) -> str:
    """A length in pages, 1 to MOST_PAGES, as a numeral; empty where none is told."""
    if told := PAGES.search(text):
        count = _NUMBERS.get(told[1].lower()) or int(told[1] if told[1].isdigit() else 0)
        if told[2].lower() == "words":
            if count < 50:
                return ""
            count = round(count / WORDS_OF_PAGE)
        return str(max(1, min(MOST_PAGES, count)))
    if told := _LENGTH.match(text.strip(" .!?")):
        return str(_LENGTHS[told[1].lower()])
    return ""


def shape(text: str) -> list[Fact]:
    """Kind, length and tone in the words that ask for a story."""
    found = [Fact("kind", kind)] if (kind := kind_of(text)) else []
    if pages := pages_of(text):
        found.append(Fact("pages", pages))
    elif re.search(r"\b(?:very )?(?:short|brief|tiny) (?:\w{2,12} )?(?:tale|fairy|one)\b", text, re.IGNORECASE):
        found.append(Fact("pages", "2"))
    if re.search(r"\bfantasy\b", text, re.IGNORECASE):
        found.append(Fact("wish", "a fantasy"))
    if len(text) < 120:
        asked = [word for word in re.findall(r"[a-z\-]+", text.lower()) if word in _TONES and word != "epic"]
        found += [Fact("tone", " and ".join(dict.fromkeys(asked)))] if asked else []
    return found
