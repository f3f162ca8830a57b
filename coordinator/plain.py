"""Titles and names as a model writes them, made the plain words that they are shown as. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from coordinator.storable import storable

LONGEST = 200
"""Characters of a title or a name, as the database keeps a session's."""
LONGEST_READ = 1_000

_EMPHASIS = re.compile(r"(?<![\w*_`])(\*{1,3}|_{1,3}|`{1,2})(?=[^\s*_`])([^*_`]*[^\s*_`])\1(?![\w*_`])")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,30});")
_LABEL = re.compile(r"#{1,6} |(?:(?:the|story|working|new|final|my) )?title ?[:：] ?", re.IGNORECASE)
_MARKS = "*_`"
_PAIRS = {'"': '"', "'": "'", "“": "”", "„": "“”", "«": "»", "‘": "’", "「": "」", "『": "』", "《": "》", "＂": "＂"}
_ABBREVIATED = re.compile(
    r"(?:mr|mrs|ms|dr|st|jr|sr|vs|etc|inc|ltd|co|no|prof|gen|capt|sgt|lt|col|rev|vol|pt|ch|ave|\w)\.", re.IGNORECASE
)


def plain_name(text: str) -> str:
    """In one line and without emphasis, at most 200 characters; as it was, where nothing is left of it. Again changes
    nothing."""
    return _plain(text, _bare)


def plain_title(text: str) -> str:
    """As a name, and without a label such as `Title:`, quotation marks round all of it and a full stop at its end."""
    return _plain(text, lambda title: _unstopped(_unquoted(_unlabelled(_bare(title)))))


def _plain(text: str, cleaned: Callable[[str], str]) -> str:
    line = " ".join(storable(text[:LONGEST_READ]).split())
    plain, before = cleaned(line), line
    while plain != before:  # Each time it is shorter.
        plain, before = cleaned(plain), plain
    plain = plain or line
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1].rstrip() + "…"


def _unlabelled(title: str) -> str:
    label = _LABEL.match(title)
    return title[label.end() :] if label else title


def _bare(line: str) -> str:
    line = _ENTITY.sub(lambda found: storable(html.unescape(found[0])), line)
    return _EMPHASIS.sub(r"\2", line).strip(f" {_MARKS}" if line.count("*") != 1 else " ").strip()


def _unquoted(title: str) -> str:
    closes = _PAIRS.get(title[:1])
    inside = title[1:-1]
    if closes and len(title) > 2 and title[-1] in closes and not set(inside) & {title[0], *closes}:
        return inside.strip()
    return title


def _unstopped(title: str) -> str:
    """A title is no sentence; one that holds several keeps their full stops."""
    for stop in (".", "。"):
        if title.endswith(stop) and title.count(stop) == 1 and not _ABBREVIATED.fullmatch(title.split()[-1]):
            return title[:-1].rstrip()
    return title
