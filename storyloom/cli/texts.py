"""Text from outside: of arguments, files and standard input. It is UTF-8, whatever the locale says, and bounded."""

from __future__ import annotations

import codecs
import os
import sys
from pathlib import Path

from storyloom.cli.program import Wrong

STANDARD_INPUT = "-"
MOST_BYTES = 4 * 2**20
"""So much is read: more than any text that the service takes, and not a device that never ends."""


def read(file: str, name: str | None = None) -> str:
    """The text of a file, or of standard input for `-`; `name` is what it is called where it can't be used.

    Raises Wrong for what is no text or can't be read."""
    name = name or ("Standard input" if file == STANDARD_INPUT else file)
    try:
        data = _standard_input() if file == STANDARD_INPUT else _beginning(Path(file))
    except OSError as error:
        raise Wrong(f"{name} can't be read ({error.strerror}).") from error
    if len(data) > MOST_BYTES:
        raise Wrong(f"{name} has more than {MOST_BYTES // 2**20} MB.")
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode(_encoding(file)).replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise Wrong(f"{name} is not text in UTF-8: convert it first, as with iconv.") from error


def is_text(value: str) -> bool:
    """Whether an argument was UTF-8: bytes that were not are halves of surrogate pairs by now (PEP 383)."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise OSError(0, "it is closed")
    return sys.stdin.buffer.read(MOST_BYTES + 1)


def _encoding(file: str) -> str:
    """What is typed is in the terminal's own; what is piped in is a file like any other."""
    typed = file == STANDARD_INPUT and sys.stdin.isatty()
    return (os.device_encoding(sys.stdin.fileno()) if typed else None) or "utf-8"
