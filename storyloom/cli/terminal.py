"""Where this program prints for people."""

from __future__ import annotations

from typing import NoReturn

from rich.console import Console

FEWEST_COLUMNS = 20
"""A terminal that says it has fewer has not been asked for its width, or lies."""


class Terminal(Console):
    """Plain: nothing is coloured that was not asked to be."""

    def __init__(self) -> None:
        super().__init__(highlight=False)
        if self.width < FEWEST_COLUMNS:
            self.width = FEWEST_COLUMNS

    def on_broken_pipe(self) -> NoReturn:
        # Instead of an end of the process in here: `program.report` knows the exit code, and what was begun is closed.
        raise BrokenPipeError
