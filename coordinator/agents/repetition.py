"""What a text says twice: sentences, paragraph openings and rare phrases, found by code and handed on as notes. Pure.

Tokens are words; where a script sets no spaces between words they are single characters, of which more make a phrase. A
word's form is compared without case, marks and look-alikes (NFKC), so that `Çok` and `çok`, or Arabic with and without
vowel signs, are the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain

from coordinator.story.material import Note, Section
from coordinator.story.words import IDEOGRAPHS, KANA, UNSPACED

MAX_NOTES = 12
"""As many as `Notes` holds; a writer given more mends none."""

MIN_SENTENCE = 4
"""Words. Shorter sentences ("He said nothing.") come back in any good text."""

OPENING = 3
PHRASE = 4
MIN_USES = 3
"""Of an opening or a phrase; two may be meant."""

NEIGHBOURS = 2
"""Openings are held against those of this many sections before: what stands further apart no reader hears."""

MAX_QUOTE = 300
"""Characters. Enough to find the passage by; a sentence without a full stop may be a page long."""

CHARACTERS_PER_WORD = {"word": 1.0, "ideograph": 1.5, "unspaced": 3.0}
"""How many tokens make up for one word, by kind of token: a Chinese word has one to two characters."""

_FUNCTION_WORDS = (
    # The commonest of English, then French, German, Spanish, Italian and Portuguese, Arabic, Chinese.
    "a about after again all am an and any are as at back be because been before being but by can could did do does "
    "down for from get go got had has have he her here him his how i if in into is it its just like me more my no not "
    "now of off on one only or other our out over own said say says she so some still than that the their them then "
    "there they this through to too two under until up us was way we were what when where which while who will with "
    "would you your end first last time side s t d ll re ve top rest moment day night man woman hand hands "
    "le la les l un une des du de d et ou à au aux en dans sur pour par avec que qui qu il elle ils elles on je tu "
    "nous vous ce cette se s n ne pas plus était avait est a son sa ses leur y comme "
    "der die das den dem des ein eine einen einem einer und oder in im an am auf aus bei mit nach von vom zu zum zur "
    "er sie es ich du wir ihr nicht war hatte ist hat sich als wie dass sein seine ihre "
    "el los las y o en con por para del al se lo su sus no que era había es una uno como más "
    "il lo gli i e ed di da del della nel che non si era aveva o os as um uma do da no na com não "
    "في من على إلى عن مع أن إن كان كانت هو هي لا ما لم هذا هذه ذلك التي الذي ثم قد كل بين بعد قبل و أو "
    "的 了 是 在 不 我 他 她 它 们 这 那 一 个 有 着 也 就 都 和 与 到 说 里 上 下 来 去 把 被 很 没 会 要 人 手 时 候 "
)
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())

COMMON_SHARE = 0.004
COMMON_USES = 8
"""A word that makes up this share of a text and is used this often ties it together in whatever language it is."""

NOUNS_IN_CAPITALS = 0.2
"""Where more than this share of the different words within sentences have a capital (as in German), it does not tell
a name."""

_MARKS = "".join(
    chr(code)
    for start, end in ((0x300, 0x1B00), (0x1DC0, 0x1E00), (0x20D0, 0x2100), (0xA66F, 0xABFF), (0xFE20, 0xFE30))
    for code in range(start, end)
    if unicodedata.category(chr(code)) in ("Mn", "Mc")
)
_TOKEN = re.compile(f"[{IDEOGRAPHS}{KANA}]|[{UNSPACED}]|(?:[^\\W_{IDEOGRAPHS}{KANA}{UNSPACED}][{_MARKS}]*)+")
_WORD = re.compile(r"[^\W_]+")
"""Does for `_TOKEN`, many times faster, in a text that has nothing of `_NO_WORD`."""
_NO_WORD = re.compile(f"[{IDEOGRAPHS}{KANA}{UNSPACED}{_MARKS}]")
_SPECIAL = re.compile(f"(?P<ideograph>[{IDEOGRAPHS}{KANA}])|(?P<unspaced>[{UNSPACED}])")
_HIRAGANA = re.compile("[\u3041-\u3096]")
_PARAGRAPH = re.compile(r"[^\n]+")
_CLOSING = "\"'”’»«›」』）)\\]*_"
_STOPS = ".!?…。！？؟۔।։።"
_SENTENCE = re.compile(f"[^{_STOPS}]+(?:[{_STOPS}]+[{_CLOSING}]*|$)")
_LABEL = re.compile(
    r"(?:[^\w\[\n]{0,8}\[[^\]\n]{1,30}\])?\W{0,8}(?:[^\W_]{1,4}\.\s)?[^\W_][^:：\n.!?。！？]{0,40}[:：](?!\d)"
)
"""`**Item #:**` or `[02:14] Dr. Osei:`, which stand at the head of a paragraph by right. Every repeat in it is
bounded, so that a line of ten thousand dashes is passed over at once."""


@dataclass(slots=True)
class _Sentence:
    """A sentence: the forms of its tokens, how many words they make, and where in its section's text it stands.

    `capitals` are the forms that have a capital though they are not its first.
    """

    section: int
    text: str = field(repr=False)
    forms: tuple[str, ...]
    words: float
    capitals: list[str]
    first_of_paragraph: bool
    start: int
    end: int

    def quote(self, first: int, last: int) -> str:
        """The text from one token to another, both included."""
        spans = self._spans()
        return self.text[spans[first][0] : spans[last][1]][:MAX_QUOTE].strip()

    def whole(self) -> str:
        spans = self._spans()
        # No further than is quoted: of a text without a full stop every sentence would else be read to the end.
        found = _SENTENCE.search(self.text, self.start, self.end + MAX_QUOTE)
        end = spans[-1][1] if found is None else max(spans[-1][1], found.end())
        return self.text[spans[0][0] : end].split("\n")[0][:MAX_QUOTE].strip()

    def _spans(self) -> list[tuple[int, int]]:
        # Few sentences are quoted: not worth the memory.
        return [token.span() for token in _TOKEN.finditer(self.text, self.start, self.end)]

    def grams(self) -> Iterable[tuple[str, ...]]:
        """From each place the tokens that make PHRASE words, as far as there are so many."""
        if self.words == len(self.forms):
            return zip(*(self.forms[step:] for step in range(PHRASE)), strict=False)
        counts = (_tokens_for(self, start, PHRASE) for start in range(len(self.forms)))
        return (self.forms[start : start + count] for start, count in enumerate(counts) if count is not None)


@dataclass(slots=True, frozen=True)
class _Finding:
    weight: float
    section: int
    quote: str
    comment: str


def find_repetition(sections: Sequence[Section]) -> list[Note]:
    """What `sections` repeat, the worst first, at most MAX_NOTES.

    Each note names the later section and quotes a passage that stands in its text character for character. Time grows
    with the length of the text: 30,000 words take a tenth of a second.
    """
    return _found(list(chain.from_iterable(map(_sentences, sections))))


def _found(sentences: list[_Sentence]) -> list[Note]:
    findings, repeated = _sentences_twice(sentences)
    findings += _openings(sentences)
    findings += _phrases(sentences, repeated)
    findings.sort(key=lambda finding: (-finding.weight, finding.section))
    return [Note(section=each.section, quote=each.quote, comment=each.comment) for each in findings[:MAX_NOTES]]


def _sentences(section: Section) -> list[_Sentence]:
    number, text = section.number, section.text
    pattern = _TOKEN if _NO_WORD.search(text) else _WORD
    sentences: list[_Sentence] = []
    for paragraph in _PARAGRAPH.finditer(text):
        label = _LABEL.match(paragraph[0])
        begin = paragraph.start() + (label.end() if label else 0)
        first = True
        for found in _SENTENCE.finditer(text, begin, paragraph.end()):
            start, end = found.span()
            tokens = pattern.findall(text, start, end)
            if tokens:
                forms = tuple(map(_form, tokens))
                named = zip(tokens[1:], forms[1:], strict=True)
                capitals = [form for token, form in named if token[0].lower() != token[0]]
                words = sum(map(_words_in, forms))
                sentences.append(_Sentence(number, text, forms, words, capitals, first, start, end))
                first = False
    return sentences


@lru_cache(maxsize=50_000)
def _form(token: str) -> str:
    if token.isascii():
        return token.lower()
    decomposed = unicodedata.normalize("NFKD", token.casefold())
    bare = "".join(mark for mark in decomposed if unicodedata.category(mark) != "Mn" and mark != "ـ")
    return bare or token


_FUNCTION_FORMS = frozenset(map(_form, FUNCTION_WORDS))


@lru_cache(maxsize=50_000)
def _words_in(form: str) -> float:
    """How much of a word this token is."""
    special = _SPECIAL.match(form)
    return 1 / CHARACTERS_PER_WORD[special.lastgroup or "word" if special else "word"]


def _tokens_for(sentence: _Sentence, start: int, words: int) -> int | None:
    """How many tokens from `start` make `words` words; None where the sentence ends before."""
    if sentence.words == len(sentence.forms):
        return words if start + words <= len(sentence.forms) else None
    sum_of_words = 0.0
    for count, form in enumerate(sentence.forms[start : start + 4 * words], 1):
        sum_of_words += _words_in(form)
        if sum_of_words >= words - 1e-9:
            return count
    return None


def _sentences_twice(sentences: list[_Sentence]) -> tuple[list[_Finding], set[int]]:
    """The findings, and the indexes of all sentences that repeat another."""
    places: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, sentence in enumerate(sentences):
        if _tokens_for(sentence, 0, MIN_SENTENCE) is not None:
            places[sentence.forms].append(index)
    findings, repeated = [], set()
    for indexes in places.values():
        if len(indexes) < 2:
            continue
        repeated.update(indexes)
        first, last = sentences[indexes[0]], sentences[indexes[-1]]
        where = "earlier in this section" if first.section == last.section else f"in section {first.section}"
        times = f" ({len(indexes)} times in all)" if len(indexes) > 2 else ""
        comment = f"This sentence stands already {where}{times}; say it another way."
        findings.append(_Finding(100 + 10 * len(indexes) + min(last.words, 40), last.section, last.whole(), comment))
    return findings, repeated


def _openings(sentences: list[_Sentence]) -> list[_Finding]:
    places: defaultdict[tuple[str, ...], list[_Sentence]] = defaultdict(list)
    for sentence in sentences:
        if sentence.first_of_paragraph and (count := _tokens_for(sentence, 0, OPENING)) is not None:
            places[sentence.forms[:count]].append(sentence)
    findings = []
    for opening, found in places.items():
        group = _densest(found)
        if len(group) >= MIN_USES:
            sections = _listed(sorted({sentence.section for sentence in group}))
            comment = f"{len(group)} paragraphs in {sections} begin with these words; open this one differently."
            last = group[-1]
            findings.append(_Finding(40 + 10 * len(group), last.section, last.quote(0, len(opening) - 1), comment))
    return findings


def _densest(found: list[_Sentence]) -> list[_Sentence]:
    """The most that stand within neighbouring sections; `found` is in order of the text."""
    best: list[_Sentence] = []
    start = 0
    for end, sentence in enumerate(found):
        while sentence.section - found[start].section > NEIGHBOURS:
            start += 1
        if end - start + 1 > len(best):
            best = found[start : end + 1]
    return best


def _phrases(sentences: list[_Sentence], repeated: set[int]) -> list[_Finding]:
    searched = [(index, sentence) for index, sentence in enumerate(sentences) if index not in repeated]
    counted = Counter(chain.from_iterable(sentence.grams() for _, sentence in searched))
    frequent = {gram for gram, count in counted.items() if count >= MIN_USES}
    if not frequent:
        return []
    places: defaultdict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for index, sentence in searched:
        if not frequent.isdisjoint(sentence.grams()):
            for start, gram in enumerate(sentence.grams()):
                if gram in frequent:
                    places[gram].append((index, start))
    weak = _weak_forms(sentences, set(chain.from_iterable(frequent)))
    candidates = [
        (len(found), strength, gram, found)
        for gram, found in places.items()
        if (strength := sum(_words_in(form) for form in gram if form not in weak)) >= 2 - 1e-9
    ]
    candidates.sort(key=lambda each: (-each[0], -each[1], each[3]))
    findings: list[_Finding] = []
    covered: set[tuple[int, int]] = set()
    for _, strength, gram, uses in candidates:
        free = [use for use in uses if not any((use[0], use[1] + step) in covered for step in range(len(gram)))]
        if len(free) < MIN_USES:
            continue
        before, length = _widened(sentences, free, len(gram))
        for index, start in free:
            covered.update((index, start - before + step) for step in range(length))
        index, start = free[-1]
        quote = sentences[index].quote(start - before, start - before + length - 1)
        where = _listed(sorted({sentences[index].section for index, _ in free}))
        comment = f"This phrase is used {len(free)} times, in {where}; keep it once."
        findings.append(
            _Finding(10 * len(free) + 3 * strength + min(length, 12), sentences[index].section, quote, comment)
        )
        if len(findings) == MAX_NOTES:
            break
    return findings


def _widened(sentences: list[_Sentence], uses: list[tuple[int, int]], length: int) -> tuple[int, int]:
    """How many tokens before a phrase all its uses share, and how many tokens it then has: the whole of it is quoted
    once.
    """

    def shared(step: int) -> bool:
        forms = set()
        for index, start in uses:
            place = start + step
            if not 0 <= place < len(sentences[index].forms):
                return False
            forms.add(sentences[index].forms[place])
        return len(forms) == 1

    before = 0
    while before < 40 and shared(-before - 1):
        before += 1
    after = length
    while after < 40 and shared(after):
        after += 1
    return before, before + after


def _weak_forms(sentences: list[_Sentence], forms: set[str]) -> set[str]:
    """Those of the `forms` that make no phrase rare: function words, what the text uses all the time, and names."""
    uses = Counter(chain.from_iterable(sentence.forms for sentence in sentences))
    inside = uses - Counter(sentence.forms[0] for sentence in sentences)
    capital = Counter(chain.from_iterable(sentence.capitals for sentence in sentences))
    floor = max(COMMON_USES, COMMON_SHARE * uses.total())
    names_told = len(capital) <= NOUNS_IN_CAPITALS * len(inside)
    return {
        form
        for form in forms
        if form in _FUNCTION_FORMS
        or uses[form] >= floor
        or (names_told and 0 < capital[form] == inside[form])
        or form.isdigit()
        or _HIRAGANA.match(form)
    }


def _listed(sections: list[int]) -> str:
    if len(sections) == 1:
        return f"section {sections[0]}"
    shown = sections if len(sections) <= 6 else sections[:5]
    rest = "" if len(sections) <= 6 else f" and {len(sections) - 5} more"
    head = ", ".join(map(str, shown if rest else shown[:-1]))
    return f"sections {head}{rest}" if rest else f"sections {head} and {shown[-1]}"
