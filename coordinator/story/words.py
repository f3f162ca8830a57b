"""How long a text is, and which writing systems set no spaces between words. Pure."""

from __future__ import annotations

import re

IDEOGRAPHS = (
    "\u3005-\u3007"  # iteration mark, closing mark, zero
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han
    "\U00020000-\U000323af"  # Han, rare
)
KANA = "\u3041-\u3096\u309d\u309e\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d"
UNSPACED = "\u0e01-\u0e4e\u0e81-\u0eae\u0ec0-\u0ecd\u0edc-\u0edf\u1000-\u103f\u1780-\u17d3"
"""Thai, Lao, Burmese and Khmer letters and vowel signs; as the two above, ranges for a regular expression's class."""

LETTERS_PER_WORD = 5
"""In Thai, Lao, Burmese and Khmer, vowel signs and tone marks included."""

_SPECIAL = re.compile(f"[{IDEOGRAPHS}{KANA}{UNSPACED}]")
_WORD = re.compile(r"[^\W_]\S*")
"""From its first letter or digit: what stands before that makes no word."""
_UNITS = re.compile(
    f"[{IDEOGRAPHS}{KANA}]|([{UNSPACED}]+)|[^\\W_{IDEOGRAPHS}{KANA}{UNSPACED}][^\\s{IDEOGRAPHS}{KANA}{UNSPACED}]*"
)


def count_words(text: str) -> int:
    """How many words a word processor would show for `text`.

    Words are what stands between white space and holds at least one letter or digit, so that a dash, a row of
    asterisks or an emoji alone is none, and `well-being` or `**bold**` is one. Each Chinese character and each kana
    is one word and Hangul goes by its spaces, as in Microsoft Word's Word Count ("Asian characters, Korean words");
    unlike there, the punctuation between them is not counted. Thai, Lao, Burmese and Khmer put spaces between phrases
    only, and finding their words takes a dictionary: each run counts one word for every five letters or part of it,
    an estimate.
    """
    if text.isascii() or not _SPECIAL.search(text):
        return len(_WORD.findall(text))
    runs = _UNITS.findall(text)
    return len(runs) + sum(-(-len(run) // LETTERS_PER_WORD) - 1 for run in filter(None, runs))


def leading(text: str, words: int) -> int:
    """How many characters the longest beginning of `text` has that counts at most `words`."""
    left = max(words, 0)
    for unit in _UNITS.finditer(text):
        count = _counted(unit)
        if count > left:
            return unit.start() + left * LETTERS_PER_WORD if unit[1] else unit.start()
        left -= count
    return len(text)


def trailing(text: str, words: int) -> int:
    """How many characters an end of `text` has that counts at most `words`, the longest that begins after a word."""
    over = count_words(text) - max(words, 0)
    if over <= 0:
        return len(text)
    for unit in _UNITS.finditer(text):
        count = _counted(unit)
        if count >= over:
            start = min(unit.start() + over * LETTERS_PER_WORD, unit.end()) if unit[1] else unit.end()
            return len(text) - start
        over -= count
    return 0


def _counted(unit: re.Match[str]) -> int:
    return -(-len(unit[1]) // LETTERS_PER_WORD) if unit[1] else 1


def is_spaced(word: str) -> bool:
    """Whether nothing in this stretch without white space belongs to a writing system that sets none."""
    return not _SPECIAL.search(word)
