"""The program as a person meets it: its name on their command line, and what it says when something fails."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import textwrap
import traceback
from pathlib import Path

from storyloom.errors import ClientError


class Wrong(Exception):
    """The command was used wrongly in a way that only shows in its values."""


class Stopped(Exception):
    """A signal ended the command; `code` is the exit code that shells expect for it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number


def program() -> str:
    """How this program was called, as short as it can be typed again."""
    called = sys.argv[0]
    name = Path(called).name
    if name in ("cli.py", "__main__.py", "") or name.startswith("pytest"):
        return "storyloom"
    found = shutil.which(name)
    if found and os.path.realpath(found) == os.path.realpath(called):
        return name
    nearby = os.path.relpath(called)
    return nearby if len(nearby) < len(called) or not Path(called).is_absolute() else called


def report(error: Exception, *, debug: bool) -> int:
    """Says on standard error what failed and what to do about it. Answers the exit code."""
    if isinstance(error, Stopped):
        return error.code
    if debug:
        traceback.print_exception(error)
    if isinstance(error, BrokenPipeError):
        # Who reads the output has seen enough, as in `show ID | head`. Nothing may be written at exit any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    say(f"storyloom: {_sentence(error)}")
    return 2 if isinstance(error, Wrong) else 1


def say(text: str) -> None:
    """Says something on standard error, broken at words where a person reads it. Indented lines are commands, whole."""
    if sys.stderr.isatty():
        width = min(shutil.get_terminal_size().columns, 100)
        lines = [line if line.startswith("  ") else textwrap.fill(line, width) for line in text.split("\n")]
        text = "\n".join(lines)
    print(text, file=sys.stderr, flush=True)


def _sentence(error: Exception) -> str:
    if isinstance(error, Wrong):
        return f"{error} See {program()} --help."
    if isinstance(error, ClientError):
        return f"{error.message}{_remedy(error)}"
    coordinator = sys.modules.get("coordinator.errors")
    if coordinator is not None and isinstance(error, coordinator.StoryloomError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"This installation lacks the module {error.name}. Install the project again: make setup."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}{f': {error.filename}' if error.filename else ''}."
    return f"An unexpected {type(error).__name__}: {error}. With --debug it shows where."


def _remedy(error: ClientError) -> str:
    if error.retry_after_s:
        return f" Try again in {error.retry_after_s:.0f} s."
    if error.code == "unauthorized":
        return " Give one with --token or STORYLOOM_TOKEN."
    if error.code == "unavailable" and error.message.startswith("No Storyloom server"):
        return f" Start one with `{program()} serve`, or leave out --server."
    if error.code == "not_found":
        return f" `{program()} sessions` lists yours."
    return ""
