"""Text on its way to a terminal: made harmless, and broken into lines while it is still being written."""

from __future__ import annotations

import re
import unicodedata

from rich.cells import cell_len, split_graphemes

# Everything a terminal might obey: controls except newline and tab, and the marks that turn the direction of a line.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
AHEAD = 16
"""Characters looked at for each cell of a line: a cell has seldom more than two or three, and may have any number."""
_NEVER_FIRST = frozenset("、。，．・：；？！）］｝〉》」』】〕ー…—％ゝゞ々ぁぃぅぇぉっゃゅょァィゥェォッャュョ")
_NEVER_LAST = frozenset("（［｛〈《「『【〔")


def clean(text: str) -> str:
    """The text without what a terminal could take for a command: what a model or another person wrote is only text."""
    return _UNSAFE.sub("", text).replace("\t", "    ")


def plain_headings(markdown: str) -> str:
    """Markdown headings as bold paragraphs: rich would set them in boxes and centre them."""
    return _HEADING.sub(lambda found: f"\n**{found[1].replace('*', '')}**\n", markdown)


def shorten(text: str, cells: int) -> str:
    """The first line of `text`, at most `cells` wide on a terminal."""
    line = " ".join(clean(text).split())
    if cell_len(line) <= cells:
        return line
    kept, width = "", 1
    for start, end, size in split_graphemes(line)[0]:
        if width + size > cells:
            break
        kept, width = kept + line[start:end], width + size
    return kept.rstrip() + "…"


class Wrapper:
    """Breaks a growing text into lines of at most `width` cells. A line, once given, never changes.

    Lines break at spaces and beside wide (Chinese, Japanese, Korean) characters, never inside a grapheme."""

    def __init__(self, width: int) -> None:
        self.width = max(width, 2)
        self.pending = ""

    def feed(self, text: str) -> list[str]:
        """The lines that `text` completed; what may still change waits in `pending`."""
        lines = []
        *whole, rest = (self.pending + clean(text)).split("\n")
        for line in whole:
            lines += self._break(line, last=True)
        *done, self.pending = self._break(rest, last=False)
        return [*lines, *done]

    def flush(self) -> list[str]:
        """What was pending, as last line."""
        line, self.pending = self.pending.rstrip(), ""
        return [line] if line else []

    def _break(self, line: str, *, last: bool) -> list[str]:
        """Each stretch is measured once, however long the line is."""
        lines: list[str] = []
        start = 0
        ahead = AHEAD * self.width
        while True:
            piece = line[start : start + ahead]
            rest = start + ahead < len(line)
            if not rest and cell_len(piece.rstrip()) <= self.width:
                return [*lines, piece.rstrip() if last else piece]
            place = self._place(piece)
            lines.append(piece[:place].rstrip())
            start += place
            while line.startswith(" ", start):
                start += 1

    def _place(self, line: str) -> int:
        """Index at which to break a line that is too long."""
        best = used = 0
        before = ""
        for start, end, size in split_graphemes(line)[0]:
            cluster = line[start:end]
            if start and _may_break(before, cluster):
                best = start
            if used + size > self.width and cluster != " ":
                return best or start or end
            used += size
            before = cluster
        return len(line)


def _may_break(before: str, after: str) -> bool:
    if after == " ":
        return False
    if before == " " or before.endswith("-"):
        return True
    if after[0] in _NEVER_FIRST or before[-1] in _NEVER_LAST:
        return False
    return _is_wide(before) or _is_wide(after)


def _is_wide(cluster: str) -> bool:
    return unicodedata.east_asian_width(cluster[0]) in "WF"
