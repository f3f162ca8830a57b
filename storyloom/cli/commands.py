"""The command lines that this program names to a person."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID


class Commands:
    """Written as a person would type them: the program as it was called, and the options that it was called with."""

    def __init__(self, program: str, options: str = "", log: Path | None = None) -> None:
        """`log` is the file of the service in this process, None where there is none."""
        self.log = log
        self._program = program
        self._options = options

    def line(self, command: str, session_id: UUID | str, more: str = "") -> str:
        return f"{self._program} {command} {session_id}{more}{self._options}"
