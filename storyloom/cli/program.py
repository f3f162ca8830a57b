"""The program as a person meets it: its name on their command line, and what it says when something fails."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import textwrap
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from storyloom.errors import ClientError

DONE, FAILED, WRONG_USE = 0, 1, 2
"""The exit codes; ended by signal n it is 128 + n."""
READER_LEFT = 128 + 13
"""As of a program that SIGPIPE ended: what reads the output has seen enough."""


class Wrong(Exception):
    """The command was used wrongly in a way that only shows in its values."""


class Failed(Exception):
    """What was asked for could not be done. `code` is one of the protocol's, or `failed`."""

    def __init__(self, message: str, code: str = "failed") -> None:
        super().__init__(message)
        self.code = code


class Stopped(Exception):
    """A signal ended the command; `code` is the exit code that shells expect for it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"Stopped by {signal.Signals(number).name}.")
        self.code = 128 + number


def program() -> str:
    """How this program was called, as short as it can be typed again."""
    called = sys.argv[0]
    name = Path(called).name
    if name in ("__main__.py", "") or name.startswith("pytest"):
        return "storyloom"
    found = shutil.which(name)
    if found and os.path.realpath(found) == os.path.realpath(called):
        return name
    nearby = os.path.relpath(called)
    return nearby if len(nearby) < len(called) or not Path(called).is_absolute() else called


def report(error: BaseException, *, command: str, debug: bool, as_json: bool) -> int:
    """Says on standard error what failed and what to do about it. Answers the exit code.

    `command` is the program and the command, for the help that a wrong use is told of."""
    if debug and not isinstance(error, Stopped):
        traceback.print_exception(error)
    if isinstance(error, BrokenPipeError):
        # Who reads the output has seen enough, as in `show ID | head`. Nothing may be written at exit any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return READER_LEFT
    if isinstance(error, KeyboardInterrupt):
        error = Stopped(signal.SIGINT)
    if as_json:
        say_json({"error": _facts(error, command)})
    elif not isinstance(error, Stopped):
        say(f"storyloom: {sentence(error, command)}")
    if isinstance(error, Stopped):
        return error.code
    return WRONG_USE if isinstance(error, Wrong) else FAILED


def say(text: str) -> None:
    """Says something on standard error, broken at words where a person reads it. Indented lines are commands, whole."""
    if sys.stderr.isatty():
        width = min(shutil.get_terminal_size().columns, 100)
        lines = [line if line.startswith("  ") else _filled(line, width) for line in text.split("\n")]
        text = "\n".join(lines)
    print(text, file=sys.stderr, flush=True)


def say_json(told: dict[str, Any]) -> None:
    """One line on standard error, for programs."""
    print(json.dumps(told), file=sys.stderr, flush=True)


def wants_json(arguments: Sequence[str]) -> bool:
    return "--json" in arguments[: arguments.index("--")] if "--" in arguments else "--json" in arguments


def warn(text: str) -> None:
    """Of something to look at that fails nothing."""
    if wants_json(sys.argv):
        say_json({"warning": text})
    else:
        say(f"storyloom: {text}")


def _filled(line: str, width: int) -> str:
    # A path, an address or a command is copied whole.
    return textwrap.fill(line, max(width, 20), break_long_words=False, break_on_hyphens=False)


def _facts(error: BaseException, command: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"code": _code(error), "message": sentence(error, command)}
    for name in ("retryable", "retry_after_s", "status"):
        if (value := getattr(error, name, None)) is not None:
            facts[name] = value
    return facts


def _code(error: BaseException) -> str:
    if isinstance(error, Wrong):
        return "wrong_use"
    if isinstance(error, Stopped):
        return "stopped"
    if isinstance(error, OSError):
        return "failed"
    code = getattr(error, "code", None)
    return code if isinstance(code, str) else "internal"


def sentence(error: BaseException, command: str) -> str:
    """What failed and what to do about it; `command` as of `report`."""
    if isinstance(error, Wrong):
        return f"{error} See {command} --help."
    if isinstance(error, ClientError):
        # The way in is another here than in a browser.
        return f"{error.message.removesuffix(' Sign in again.')}{_remedy(error)}"
    if isinstance(error, Failed | Stopped):
        return str(error)
    coordinator = sys.modules.get("coordinator.errors")
    if coordinator is not None and isinstance(error, coordinator.StoryloomError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"This installation lacks the module {error.name}. Install the project again: make clean story."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}{f': {error.filename}' if error.filename else ''}."
    return f"An unexpected {type(error).__name__}: {error}. With --debug it shows where."


def _remedy(error: ClientError) -> str:
    if error.retry_after_s:
        return f" Try again in {error.retry_after_s:.0f} s."
    if error.code == "unauthorized":
        return f" Give a good one with --token or STORYLOOM_TOKEN; `{program()} token` prints one of your own service."
    if error.code == "unavailable" and error.message.startswith("No Storyloom server"):
        named = "unset STORYLOOM_SERVER" if _by_environment() else "leave out --server"
        return f" Start one with `{program()} serve`, or {named} to have one in here."
    if error.code == "not_found" and "session" in error.message:
        return f" `{program()} sessions` lists yours."
    return ""


def _by_environment() -> bool:
    given = any(word == "--server" or word.startswith("--server=") for word in sys.argv)
    return bool(os.environ.get("STORYLOOM_SERVER")) and not given
