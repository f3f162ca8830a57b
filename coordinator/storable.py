"""What any text becomes before it is looked at, counted or kept: what PostgreSQL, JSON and XML alike can hold. Pure."""

from __future__ import annotations

import re

_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85]")
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000))
    + "]"
)
"""Control characters but tab and newline, and the code points that Unicode calls noncharacters."""


def storable(text: str) -> str:
    """The text without what can't be kept: every end of a line is a newline, two halves of a surrogate pair are the
    character, a half alone is U+FFFD, and control characters (NUL among them) and noncharacters are gone.

    Linear; again changes nothing. No more characters than before.
    """
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _UNWANTED.sub("", _LINE_ENDS.sub("\n", text))


def one_line(text: str) -> str:
    """A storable text without line ends and tabs, spaces at its ends or two in a row: a title, a name."""
    return " ".join(storable(text).split())
