"""Filling units of prose so that no sentence is ever used twice."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from coordinator.llm.storyteller import verbs
from coordinator.story.brief import WORDS_PER_PAGE

Slots = Mapping[str, "str | Callable[[], str]"]

_CHOICE = re.compile(r"\[(?:(\d):)?([^\[\]]*)\]")
"""`[a|b]`, and `[1:a|b]` for choices of one number, which a story makes alike wherever they stand."""
_SPARE = re.compile(r"~([^~]*)~")
"""`~…~`: what a line is told with as often as without."""
_SLOT = re.compile(r"\{(\w+)(\^?)\}")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"”’')*]*\s+|\n+|:\s+(?=[\"“*])")
_LIFTED = {"He": "he", "Time": "time", "Years": "years", "They": "they"}
_OBJECT = re.compile(
    r"\b(to|for|from|with|at|on|brought|took|found|saw|told|gave|seen|heard|asked|by|let|past|behind) \{P\}"
)
"""Words after which the protagonist is an object, which a first person must show (`saw me`, not `saw I`)."""
_EXTRA_WORDS = {
    "object2": 2,
    "stuff": 6, "object": 2, "detail": 4, "place": 1, "inplace": 2, "other": 1, "inother": 2, "minor": 2, "date": 3,
    "T": 1, "R": 1, "K": 1, "far": 1, "home": 1, "P": 0, "Crole": 4, "time": 2, "Time": 2, "topic": 2,
}  # fmt: skip
"""How many words more than one a slot usually brings."""
_EQUALS = {
    "somebody": "someone", "someone": "somebody", "nobody": "no one", "everybody": "everyone", "everyone": "everybody",
    "anybody": "anyone", "anyone": "anybody", "until": "till", "as if": "as though", "as though": "as if",
    "began to": "started to", "a good deal": "a great deal", "perhaps": "maybe", "a long time": "a good while",
    "in order to": "to", "toward": "towards", "towards": "toward", "afterwards": "later", "upon": "on",
    "thought that": "thought", "said that": "said", "knew that": "knew", "found that": "found", "was only": "was just",
    "turned round": "turned around", "came round": "came around",
    "every day": "each day", "each day": "every day", "every night": "each night", "each night": "every night",
    "every evening": "each evening", "each evening": "every evening", "every morning": "each morning",
    "each morning": "every morning", "every year": "each year", "each year": "every year", "every week": "each week",
    "each week": "every week", "every time": "each time", "each time": "every time", "because": "since",
    "Somebody": "Someone", "Someone": "Somebody", "Nobody": "No one", "No one": "Nobody", "Everybody": "Everyone",
    "Everyone": "Everybody", "Perhaps": "Maybe", "in front of everyone": "before everyone",
    "of course": "naturally",
}  # fmt: skip
_SHORTER = {
    "did not": "didn't", "could not": "couldn't", "had not": "hadn't", "would not": "wouldn't", "was not": "wasn't",
    "were not": "weren't", "is not": "isn't", "do not": "don't", "does not": "doesn't", "cannot": "can't",
}  # fmt: skip
"""Words that mean the same, either of which a line may be told with. Nothing is swapped that a question or a figure of
speech could hold. A report is not told with the shorter ones."""
_LONGER = {short: long for long, short in _SHORTER.items() if long.split()[0] not in ("do", "does", "is")}
_EQUAL = re.compile(
    rf"(?<![\w*'’])(?:{'|'.join(sorted((*_EQUALS, *_SHORTER, *_LONGER), key=len, reverse=True))})(?![\w*'’])"
    rf"(?! (?:to|again|you|it|he|she|they|we|I|there|that)\b)"
)
_HAD = re.compile(
    r"(?<=[\w}])(?: had|'d)(?= (?:been|come|gone|known|seen|made|done|taken|given|kept|put|left|got|said|thought|asked|"
    r"written|heard|brought|told|found|meant|begun|stood|sat|hung|forgotten|paid|worn|learned|stopped|waited|wanted|"
    r"never|always|already)\b)"
)
_HAS_SHORT = re.compile(r"(?:\b(?:they|who|we|you|I)|\{[ANXWE]?[Hh]e\^?\})\Z", re.IGNORECASE)
"""Subjects that `had` is drawn together with."""
_SAID = re.compile(r"([,?!]\") said (\{[ANXW]\})(?=\.(?: \"|\Z| ¶)|, \")")
_START = re.compile(r"(^|\n\n|[.!?] )([\"“*]?)([a-z])")


_APART = 30
"""How many units must be told between two tellings of one line."""
_PAGES_A_TELLING = 20
"""For how many pages of a story one line of a bank may be told once more: three times in 60 pages."""
_LEAST_TELLINGS = 2


@dataclass(frozen=True)
class Unit:
    """A filled unit. `text` may begin with a pronoun; `named` is the same with the name in its place."""

    text: str
    named: str
    others: bool
    """Whether somebody else than the protagonist is spoken of, so that a pronoun after it would be unclear."""

    @property
    def words(self) -> int:
        return len(self.text.split())


def sentences(text: str) -> list[str]:
    """The sentences of `text`, as finely cut as a reader could, trimmed of white space."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def plain(sentence: str) -> str:
    """`sentence` without case and punctuation, for comparison."""
    return " ".join(re.findall(r"\w+", sentence.lower()))


def slots_of(template: str) -> frozenset[str]:
    return frozenset(_LIFTED.get(name, name) for name, _ in _SLOT.findall(template))


def length_of(template: str) -> int:
    """About how many words `template` will have."""
    bare = _CHOICE.sub(lambda match: match[2].split("|")[0], template.replace("~", ""))
    return len(bare.split()) + sum(_EXTRA_WORDS.get(name, 0) for name, _ in _SLOT.findall(bare))


_FIRST = re.compile(r"\bI ((?:never |still |always |just )?)(\w{2,20}s)\b([^.!?\"]{0,200})")
_THEN = re.compile(r"(?:(?<=\band )|(?<=, ))(\w{2,20}s)\b( (?:it|them|him|her|the|an?|my)\b)?")


def _and_then(match: re.Match[str]) -> str:
    acts = bool(match[2]) or match[1] in ("does", "goes") or not verbs.may_be_noun(match[1])
    return ((verbs.base(match[1]) if acts else None) or match[1]) + (match[2] or "")


def _first_person(match: re.Match[str]) -> str:
    """`I keep` for `I keeps`, and what goes on with `and` likewise."""
    verb = verbs.base(match[2])
    if verb is None:
        return match[0]
    rest = _FIRST.sub(_first_person, match[3])
    rest = _THEN.sub(_and_then, rest)
    return f"I {match[1]}{'am' if match[2] == 'is' else verb}{rest}"


def capitalise(text: str) -> str:
    return _START.sub(lambda match: match[1] + match[2] + match[3].upper(), text)


class Weaver:
    """Draws units from banks, the least used first, and keeps every sentence that has been used."""

    def __init__(self, rng: random.Random, words: int = 0, formal: bool = False) -> None:
        """For a story of about `words` words, by which it is judged how often one line may be told. A `formal` one
        shortens no words."""
        self.rng = rng
        self.formal = formal
        self.most = max(_LEAST_TELLINGS, round(words / (_PAGES_A_TELLING * WORDS_PER_PAGE)))
        self.times: Counter[str] = Counter()
        self.used: set[str] = set()
        self.counts: Counter[str] = Counter()
        self._told: dict[str, int] = {}
        self._drawn = 0
        self._sizes: dict[str, tuple[frozenset[str], int]] = {}
        self._orders: dict[str, dict[str, float]] = {}
        self._chosen: dict[str, int] = {}

    def draw(self, bank: str, lines: Sequence[str], slots: Slots, room: int = 999, last: bool = False) -> Unit | None:
        """A unit of `bank` of at most about `room` words whose sentences are all new, or None. With `last`, for where a
        text would else stay too short, lines may be told more often than a reader likes."""
        unit = self._draw(bank, lines, slots, room, _APART, self.most)
        unit = unit or self._draw(bank, lines, slots, room, _APART // 4, self.most)
        return unit or (self._draw(bank, lines, slots, room, _APART // 4, 4 * self.most) if last else None)

    def _draw(self, bank: str, lines: Sequence[str], slots: Slots, room: int, apart: int, most: int) -> Unit | None:
        order = self._orders.setdefault(bank, {})
        fit = []
        for line in lines:
            needed, size = self._size(line)
            if self._worn(line, apart, most):
                continue
            if size <= room and all(name in slots for name in needed):
                fit.append((self.counts[line], order.setdefault(line, self.rng.random()), line))
        for _, _, line in sorted(fit)[:8]:
            for _ in range(3):
                unit = self.fill(line, slots)
                if unit is not None:
                    return unit
            self.counts[line] += 1
        return None

    def fill(self, line: str, slots: Slots, force: bool = False, steady: bool = False) -> Unit | None:
        """`line` filled, or None where a sentence of it has been used before (kept all the same if `force`).

        With `steady`, for lines of one spine, the same choice is made the same way each time.
        """
        told = _SPARE.sub(lambda match: match[1] if self.rng.random() < 0.5 else "\0", line)
        told = re.sub(r"\" \0 \"|\0", lambda match: " " if len(match[0]) > 1 else "", told)  # one speaker goes on
        chosen = _CHOICE.sub(self._steadily if steady else self._freely, told)
        chosen = _HAD.sub(self._drawn_together, _SAID.sub(self._turned, _EQUAL.sub(self._equal, chosen)))
        text = self._render(_OBJECT.sub(r"\1 {Po}", chosen), slots)
        fresh = [plain(part) for part in sentences(text)]
        fresh = [part for part in fresh if part.count(" ") >= 2]
        if not force and (len(set(fresh)) < len(fresh) or any(part in self.used for part in fresh)):
            return None
        self.used.update(fresh)
        self.counts[line] += 1
        self._drawn += 1
        self._told[line] = self._drawn
        self.times[line] += 1
        lead = re.match(r"\{[Hh]e\^?\}", chosen)
        name = slots.get("P")
        named = text
        if lead and isinstance(name, str) and name != "I":
            rest = text.split(" ", 1)[1] if " " in text else ""
            named = capitalise(f"{name} {rest}")
            self.used.update(plain(part) for part in sentences(named))
        others = bool(slots_of(line) & {"A", "N", "X", "W", "E", "C", "Nhe", "Xhe", "Ahe", "Ehe", "minor"})
        return Unit(text, named, others)

    def _freely(self, match: re.Match[str]) -> str:
        return self.rng.choice(str(match[2]).split("|"))

    def _steadily(self, match: re.Match[str]) -> str:
        options = match[2].split("|")
        key = match[1] or match[2]
        if key not in self._chosen:
            self._chosen[key] = self.rng.randrange(len(options))
        return options[self._chosen[key] % len(options)]

    def _equal(self, match: re.Match[str]) -> str:
        word = match[0]
        other = _EQUALS.get(word) or _LONGER.get(word) or (word if self.formal else _SHORTER[word])
        return str(self.rng.choice((word, other)))

    def _drawn_together(self, match: re.Match[str]) -> str:
        """`they had been` or `they'd been`. Not where a line begins with its subject, which may become a name."""
        subject = _HAS_SHORT.search(match.string[max(0, match.start() - 8) : match.start()])
        if subject is None or match.start() <= 8 or self.formal:
            return match[0]
        return str(self.rng.choice((" had", "'d")))

    def _turned(self, match: re.Match[str]) -> str:
        return f"{match[1]} {match[2]} said" if self.rng.random() < 0.5 else match[0]

    def _worn(self, line: str, apart: int, most: int) -> bool:
        """Whether `line` was told less than `apart` units ago, or `most` times already."""
        recent = line in self._told and self._drawn - self._told[line] < apart
        return recent or self.times[line] >= most

    def _size(self, line: str) -> tuple[frozenset[str], int]:
        if line not in self._sizes:
            self._sizes[line] = (slots_of(line), length_of(line))
        return self._sizes[line]

    def _render(self, chosen: str, slots: Slots) -> str:
        drawn: dict[str, str] = {}

        def value(match: re.Match[str]) -> str:
            name = match[1]
            key = _LIFTED.get(name, name)
            lifted = match[2] == "^" or key != name
            if key not in drawn:
                found = slots.get(key, "")
                drawn[key] = found if isinstance(found, str) else found()
            word = drawn[key]
            return word[:1].upper() + word[1:] if lifted else word

        text = re.sub(r"\s*¶\s*", "\n\n", _SLOT.sub(value, chosen))
        if slots.get("P") == "I":
            text = _FIRST.sub(_first_person, text)
        return capitalise(re.sub(r" {2,}", " ", text).strip())


class Deck:
    """Endless draws from a list: all of it in a shuffled order, then again in another."""

    def __init__(self, rng: random.Random, items: Sequence[str]) -> None:
        self._rng = rng
        self._items = list(items)
        self._left: list[str] = []
        self._last = ""

    def draw(self) -> str:
        if not self._left:
            self._left = list(self._items)
            self._rng.shuffle(self._left)
            if len(self._left) > 1 and self._left[-1] == self._last:
                self._left.insert(0, self._left.pop())
        self._last = self._left.pop()
        return self._last
