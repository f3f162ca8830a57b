"""Text that comes in pieces, made storable as it comes. Pure."""

from __future__ import annotations

from coordinator.storable import storable


class Pieces:
    """What `add` gives for each piece and `end` once, joined, is `storable` of the whole, wherever it was cut: within
    the two halves of a character or of a line's end as well."""

    def __init__(self) -> None:
        self._half = ""

    def add(self, piece: str) -> str:
        text = self._half + piece
        whole = len(text) - 1 if text and _is_half(text[-1]) else len(text)
        self._half = text[whole:]
        return storable(text[:whole])

    def end(self) -> str:
        text, self._half = self._half, ""
        return storable(text)


def _is_half(character: str) -> bool:
    return character == "\r" or "\ud800" <= character <= "\udbff"
