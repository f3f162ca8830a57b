"""What a line or a short answer says: the story, or something about it. Pure.

A line speaks about the story where every sentence of it does, and one unmistakably. Whatever opens with a quotation
mark is the story's, and so is a line with one sentence that is in no table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal

from coordinator.agents.cleaning.wordings import wordings
from coordinator.story.words import count_words

Grade = Literal["sure", "alone", "perhaps", "no"]
"""`sure`: no story. `alone`: no story, unless this is a letter. `perhaps`: none beside a line that is sure."""

LONGEST_LINE = 420
"""Characters. Whoever announces a story is briefer."""
LONGEST_SENTENCE = 260

LONGEST_CLAUSE = 60
"""Before an announcement: `Working from your notes, here is …`"""

LONGEST_REFUSAL = 120
SHORTEST_LIMIT = 40
"""In words. A longer text, or half of what was asked for, is an attempt at the task whatever it opens with."""
LONGEST_OPENING = 400
"""Characters of a text in which it has refused, if it does."""
MOST_SENTENCES = 40
LONGEST_SALUTATION = 80
LOOKED_FOR_YOU = 2_000
"""Characters before a hope, in which a letter speaks to somebody."""

_PLAIN = str.maketrans({"’": "'", "‘": "'", "\u00a0": " ", "\u202f": " ", "İ": "i", "：": ":", "！": "!", "？": "?"})
_WRAPPED = " \t*_#>~"
_DASHES = ("—", "–")
"""One at the beginning alone is how some languages set speech."""
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf\ufe0f]")
_QUOTES = tuple("\"“”„«»‹「『'‚‟")
_ENDS = re.compile(
    r"(?<!\bapprox)(?<!\bca)(?<!\bok)(?<!\d)[.!?…]{1,9}[)\]*_]{0,9}(?:\s{1,9}|\Z)"
    r"|[。！？।!?]{1,9}[)\]）*_]{0,9}\s{0,9}|؟\s{0,9}"
)
_STOPPED = re.compile(r"[.!?:…。।؟)\]）~—-]\Z")
_BRACKETS = {"(": ")", "[": "]", "（": "）", "【": "】", "{": "}"}
_BULLET = re.compile(r"\s{0,12}(?:[-*•–+]|\d{1,3}[.)])\s{1,9}\S")
_SPOKEN = re.compile(r"[\"“«„][^\"”»“\n]{0,400}[\"”»“]")
_WORD = re.compile(r"\w")
_SPEECH = re.compile(r"[,.!?…][\"”»]|[。！？]?[」』”]")
"""Who refuses quotes nobody."""
_TURN = re.compile(r"(?:\*\*)?(?:user|human)(?:\*\*)?:", re.IGNORECASE)
_ANSWER = re.compile(r"(?:\*\*)?(?:assistant|ai|model)(?:\*\*)?:", re.IGNORECASE)


def plain(line: str) -> str:
    """The words of a line in small letters, without the marks of emphasis, headings and brackets round all of it."""
    said = _EMOJI.sub("", line.translate(_PLAIN)).strip(_WRAPPED).lower()
    if said.startswith(_DASHES) and said.endswith(_DASHES):
        said = said.strip(" —–-")
    while said[:1] in _BRACKETS and said.endswith(_BRACKETS[said[0]]):
        said = said[1:-1].strip(_WRAPPED)
    return said.replace("**", "")


def is_marked(line: str) -> bool:
    """Whether emphasis or the sign of a heading says that the line is none of a paragraph."""
    line = line.strip()
    return line.startswith("#") or (len(line) > 4 and line.startswith(("**", "__")) and line.endswith(("**", "__")))


@lru_cache(maxsize=512)
def opening(line: str) -> Grade:
    """What a line before a story is."""
    said = _said(line)
    if not said:
        return "no"
    if wordings().labels.match(said) and (is_marked(line) or said.endswith(":")):
        return "sure"
    if not _STOPPED.search(said):
        return "no"
    return _graded(said, _opening_sentence)


@lru_cache(maxsize=512)
def closing(line: str) -> Grade:
    """What a line after a story is."""
    said = _said(line)
    return _graded(said, _closing_sentence) if said else "no"


def _said(line: str) -> str:
    """The line as plain words; nothing where it is too long, or somebody's speech."""
    said = plain(line) if len(line) <= LONGEST_LINE else ""
    return "" if said.startswith(_QUOTES) else said


def announced(line: str) -> str | None:
    """What follows on the line of an announcement, as in `Here is the revised section: The lamp …`; None otherwise."""
    head, colon, rest = line[:LONGEST_SENTENCE].partition(": ")
    if not colon or not rest.strip() or plain(head).startswith(_QUOTES):
        return None
    said = _unassented(plain(head) + ":")
    return line[len(head) + len(colon) :].lstrip() if wordings().opens.match(said) and "," not in said else None


def heads_a_list(line: str) -> bool:
    """Whether a line after a story announces a list of what was changed."""
    return len(line) <= LONGEST_SENTENCE and bool(wordings().heads_a_list.match(_with_colon(plain(line))))


def is_count(line: str) -> bool:
    """Whether a line that closes is about a number, as of words."""
    return len(line) <= 60 and any(character.isdigit() for character in line)


def is_listed(line: str) -> bool:
    return bool(_BULLET.match(line))


def is_turn(line: str) -> bool:
    return bool(_TURN.match(line[:40]))


def is_answer(line: str) -> bool:
    return bool(_ANSWER.match(line[:40]))


def is_letter(beginning: Sequence[str], end: Sequence[str], said: str) -> bool:
    """Whether a text of this beginning and end, after which somebody says such a hope, may be a letter: it greets
    somebody, or speaks to somebody outside of what people say."""
    greeting = [line for line in beginning if line.strip()][:3]
    if any(len(line) <= LONGEST_SALUTATION and wordings().salutations.match(plain(line)) for line in greeting):
        return True
    near = _SPOKEN.sub("", "\n".join(end)[-LOOKED_FOR_YOU:].translate(_PLAIN).lower())
    return any(
        hopes.match(sentence) and you.search(near)
        for sentence in _sentences(plain(said))
        for hopes, you in wordings().hopes
    )


def is_refusal(text: str, wanted_words: int = 0) -> bool:
    """Whether a short text only says that it will not do what was asked. `wanted_words` is its budget, or 0."""
    if not _is_short(text, wanted_words) or _SPEECH.search(text):
        return False
    begins = _WORD.search(text)
    if begins is None:
        return False
    start = text[begins.start() : begins.start() + LONGEST_OPENING].translate(_PLAIN).lower()
    if wordings().refuses.match(start) or wordings().refuses.match(_unassented(start)):
        return True
    second = _ENDS.search(start)
    first = start[: second.end()].strip() if second else ""
    return second is not None and _aside(first) and bool(wordings().refuses.match(start[second.end() :]))


def is_question(text: str, wanted_words: int = 0) -> bool:
    """Whether a short text only asks back for what its writer wants to know. `wanted_words` as for is_refusal."""
    if not _is_short(text, wanted_words):
        return False
    sentences = [
        each for line in text.splitlines()[:MOST_SENTENCES] if line.strip() for each in _sentences(plain(line))
    ]
    if any(each.startswith(_QUOTES) for each in sentences[:MOST_SENTENCES]):
        return False
    asked = sum(_asks(each) for each in sentences[:MOST_SENTENCES])
    aside = sum(_aside(each) or each.endswith("?") for each in sentences[:MOST_SENTENCES] if not _asks(each))
    return asked > 0 and 2 * (asked + aside) >= len(sentences)


def _is_short(text: str, wanted_words: int) -> bool:
    limit = min(LONGEST_REFUSAL, max(SHORTEST_LIMIT, wanted_words // 2)) if wanted_words else LONGEST_REFUSAL
    return len(text) <= limit * 40 and len(text.split()) <= limit and count_words(text) <= 2 * limit


def _sentences(said: str) -> list[str]:
    found: list[str] = []
    at = 0
    for end in _ENDS.finditer(said):
        found.append(said[at : end.end()].strip())
        at = end.end()
    if said[at:].strip():
        found.append(said[at:].strip())
    return found


def _graded(said: str, grade: Callable[[str], Grade]) -> Grade:
    grades = [grade(sentence) for sentence in _sentences(said)]
    if not grades or "no" in grades:
        return "no"
    return "sure" if "sure" in grades else "alone" if "alone" in grades else "perhaps"


def _opening_sentence(sentence: str) -> Grade:
    if len(sentence) > LONGEST_SENTENCE or sentence.startswith(_QUOTES):
        return "no"
    bare = _unassented(sentence)
    clause, comma, rest = sentence.partition(", ")
    if wordings().opens.match(sentence) or wordings().opens.match(bare):
        return "sure"
    if comma and len(clause) <= LONGEST_CLAUSE and sentence.endswith(":") and wordings().opens.match(rest):
        return "sure"
    return "perhaps" if _aside(sentence) else "no"


def _closing_sentence(sentence: str) -> Grade:
    if len(sentence) > LONGEST_SENTENCE or sentence.startswith(_QUOTES):
        return "no"
    bare = _unassented(sentence)
    if wordings().closes.match(sentence) or wordings().closes.match(bare):
        return "sure"
    if any(hopes.match(sentence) for hopes, _ in wordings().hopes):
        return "alone"
    return "perhaps" if _aside(sentence) else "no"


def _aside(sentence: str) -> bool:
    sentence = sentence.lstrip("¡¿")
    return bool(
        wordings().assent.match(sentence)
        or wordings().chat.match(sentence)
        or wordings().chat.match(_unassented(sentence))
    )


def _asks(sentence: str) -> bool:
    return len(sentence) <= LONGEST_SENTENCE and bool(
        wordings().asks.match(sentence) or wordings().asks.match(_unassented(sentence))
    )


def _unassented(sentence: str) -> str:
    """The sentence without up to two words of assent before it, nor the Spanish marks that open it."""
    sentence = sentence.lstrip("¡¿")
    for _ in range(2):
        if found := wordings().assented.match(sentence):
            sentence = sentence[found.end() :].lstrip("¡¿ ")
    return sentence


def _with_colon(said: str) -> str:
    return said if said.endswith(":") else said + ":"
