"""What is read of a message, and how words of a writer's are shown again. Pure, and bounded whatever comes in."""

from __future__ import annotations

import re
import unicodedata

from coordinator.llm.storyteller.muse.sets import words_of
from coordinator.plain import plain_name
from coordinator.storable import storable

HEAD, TAIL = 1_200, 400
"""Characters that are read of a long message: its beginning, and its end, where one says what one wants of it."""
BUDGET = 20_000
"""Characters that are read of all messages of a talk together."""
MOST_SENTENCES = 24
LONGEST_SENTENCE = 300
LONGEST_NAME = 60

_ELEMENT = re.compile(r"<(script|style)\b[^<]{0,400}</\1\s{0,9}>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z!][^<>]{0,200}>")
_TITLED = re.compile(r"\b(Dr|Mr|Mrs|Ms|St|Prof|Capt)\.", re.IGNORECASE)
_END = re.compile(r"(?<=[.!?…。！？])[\"”’)]?\s+|\n+|;\s+|(?<=[。！？])")
_MARKUP = re.compile(r"[<>{}\[\]|\\^`*#~]|(?<!\w)_|_(?!\w)")
_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‐": "-"})
_INNER = str.maketrans({"“": "‘", "”": "’", '"': "'"})


def glimpse(text: str, most: int = HEAD + TAIL) -> str:
    """The part of a message that is read: at most `most` characters of its beginning and its end, without tags,
    quotation marks straight."""
    if len(text) > most:
        head = most * HEAD // (HEAD + TAIL)
        text = f"{text[:head]}\n{text[head - most :]}"
    text = unicodedata.normalize("NFC", storable(text))
    return _TAG.sub(" ", _ELEMENT.sub(" ", text)).translate(_QUOTES)


def share(lengths: list[int]) -> int:
    """How many characters of each of several messages are read, so that all together are at most BUDGET."""
    low, high = 1, HEAD + TAIL
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(length, middle) for length in lengths) <= BUDGET:
            low = middle
        else:
            high = middle - 1
    return low


def sentences(glimpsed: str) -> list[str]:
    """The sentences of what `glimpse` gave, the last MOST_SENTENCES of them and the first half as many."""
    found = [part.strip() for part in _END.split(_TITLED.sub(r"\1", glimpsed)) if part and part.strip()]
    if len(found) > MOST_SENTENCES:
        found = [*found[: MOST_SENTENCES // 2], *found[-MOST_SENTENCES // 2 :]]
    return [part[:LONGEST_SENTENCE] for part in found]


def squeezed(sentence: str) -> str:
    """A sentence in small letters and single spaces, without the marks at its ends."""
    return " ".join(sentence.lower().split()).strip(" .,!?…;:-–—\"'*_`~()[]")


def shown(text: str, most: int = 120) -> str:
    """Words of a writer's as they are quoted: one line, no markup, cut at a word."""
    line = " ".join(_MARKUP.sub(" ", _TAG.sub(" ", storable(text[: 4 * most]))).translate(_INNER).split())
    line = plain_name(line).strip(" ,;:-–—")
    if len(line) <= most:
        return line
    cut = line[: most - 1]
    return f"{cut.rsplit(' ', 1)[0] if ' ' in cut[most // 2 :] else cut}…"


def bare(text: str, most: int = 120) -> str:
    """As `shown`, without quotation marks round it and a stop at its end: what stands in a sentence of another's."""
    line = shown(text, most).strip(" .!?\"'")
    opened, closed = line.count("("), line.count(")")
    return line if opened == closed else line.replace("(", "").replace(")", "")


def lowered(phrase: str) -> str:
    """With a small letter at its beginning, unless that is a name or `I`."""
    first = phrase.split(" ", 1)[0] if phrase else ""
    return phrase[0].lower() + phrase[1:] if first in _OPENERS else phrase


def lifted(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


_OPENERS = words_of(
    "A An The In On At Under Near By Somebody Someone Something Two Three Four Five My Her His Their Our Once When It "
    "She He They There This That No One Maybe Perhaps Some Every Everybody Nobody Nothing"
)


def series(items: list[str]) -> str:
    """`a, b and c`."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1] if items else ""


_SMALL = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def number(count: int) -> str:
    return _SMALL[count] if 0 <= count < len(_SMALL) else f"{count:,}"
