"""A terminal that remembers, and what a person would see on it."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console


def terminal(width: int = 80) -> Console:
    looks: dict[str, Any] = {"color_system": None, "highlight": False, "legacy_windows": False}
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=30, **looks)


def screen(console: Console) -> str:
    """What a terminal shows after all that was written: the few codes that rich's live area uses, obeyed."""
    assert isinstance(console.file, io.StringIO)
    return shown(console.file.getvalue())


def shown(raw: str) -> str:
    lines, row, at = [""], 0, 0
    while at < len(raw):
        char = raw[at]
        if char == "\x1b":
            end = at + 2
            while not raw[end].isalpha():
                end += 1
            if raw[end] == "A":
                row -= int(raw[at + 2 : end] or 1)
            elif raw[end] == "K":
                lines[row] = ""
            at = end
        elif char == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif char != "\r":
            lines[row] += char
        at += 1
    return "\n".join(line.rstrip() for line in lines)
