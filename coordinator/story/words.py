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
