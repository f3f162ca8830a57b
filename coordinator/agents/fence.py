"""Text that others wrote, put between marks that it can't forge, and cut to a length. Pure.

What a person or a model wrote reaches a model only as `<material name="…">…</material>`. Inside it no other mark of
that kind can stand, however it is disguised, so the end of the material is always where we set it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from coordinator.story.words import count_words, is_spaced, leading, trailing

CHARACTERS_PER_WORD = 6
"""With its space. Bounds what counting words does not: scripts without spaces, and one endless word."""

LONGEST_WORD = 40
"""Characters looked at for each word wanted, so that cutting three words out of a megabyte costs nothing."""

SHORTENED = "[… shortened …]"

_UNSEEN = "[\\s\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]*"
_WIDE = 0xFEE0
"""From an ASCII character to its full-width twin."""


def _either(letter: str) -> str:
    return "[" + "".join(form + chr(ord(form) + _WIDE) for form in (letter, letter.upper())) + "]"


_MARK = re.compile(f"[<＜﹤](?={_UNSEEN}(?:[/／∕⁄]{_UNSEEN})?" + _UNSEEN.join(map(_either, "material")) + ")")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\U000e0000-\U000e007f]")
"""Control characters, broken halves of characters, and the invisible "tags" in which commands have been hidden."""


_SENTENCE = re.compile(r"(?:[.!?…؟।]{1,20}[\"”’»]?\s{1,20}|[。！？][”」』]?|\n)(?=\S)")
"""What stands before the beginning of a sentence."""


def fence(name: str, text: str) -> str:
    """`text` as material; nothing at all where it is empty. `name` is ours and never a person's."""
    clean = defuse(text)
    return f'<material name="{name}">\n{clean}\n</material>' if clean else ""


def defuse(text: str) -> str:
    """`text` without control characters, and with each `<` that would begin a mark of ours turned into `[`."""
    return _MARK.sub("[", _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))).strip()


def one_line(text: str) -> str:
    return " ".join(text.split())


def weigh(text: str) -> int:
    """The length of a text in words, or what its characters would come to as words, whichever is more."""
    return max(count_words(text), -(-len(text) // CHARACTERS_PER_WORD))


def clip(text: str, words: int) -> str:
    """The first `words` of a text on one line."""
    line = one_line(text[: words * LONGEST_WORD])
    end = _head(line, words)
    if len(text) <= words * LONGEST_WORD and end == len(line):
        return line
    kept, _, last = line[:end].rpartition(" ")
    # A word that was cut into goes; in scripts without spaces the line may be one stretch to its end.
    cut_into = kept and line[end : end + 1] not in ("", " ") and is_spaced(last)
    return (kept if cut_into else line[:end]).rstrip(",;: ") + " …"


def fit(text: str, words: int) -> str:
    """`text` where it weighs at most `words`, else its beginning and its end with a mark between. That weighs as much
    at the most, or no more than the mark."""
    if weigh(text) <= words:
        return text
    room = max(words - weigh(f"\n{SHORTENED}\n"), 0)
    head, tail = _head(text, room * 2 // 3), _tail(text, room - room * 2 // 3)
    return f"{text[:head].rstrip()}\n{SHORTENED}\n{text[len(text) - tail :].lstrip()}"


def end_of(text: str, words: int) -> str:
    """The end of `text`, at most `words`, from the beginning of a sentence where there is one."""
    if weigh(text) <= words:
        return text
    end = text[len(text) - _tail(text, words) :]
    start = _SENTENCE.search(end[: len(end) // 2])
    return end[start.end() if start else 0 :]


def shares(texts: Sequence[str], words: int) -> list[int]:
    """What each text may weigh so that all together stay within `words`: what the short leave goes to the long."""
    given = [0] * len(texts)
    left = words
    order = sorted(range(len(texts)), key=lambda index: weigh(texts[index]))
    for place, index in enumerate(order):
        given[index] = min(weigh(texts[index]), left // (len(order) - place))
        left -= given[index]
    return given


def _head(text: str, words: int) -> int:
    """How many characters from the beginning of `text` weigh at most `words`. Looks at no more than may."""
    return leading(text[: max(words, 0) * CHARACTERS_PER_WORD], words)


def _tail(text: str, words: int) -> int:
    """How many characters at the end of `text` weigh at most `words`. Looks at no more than may."""
    most = max(words, 0) * CHARACTERS_PER_WORD
    return trailing(text[max(len(text) - most, 0) :], words)
