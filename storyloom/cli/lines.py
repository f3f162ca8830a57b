"""The lines of a talk, as a person types them at a terminal or as they are piped in."""

from __future__ import annotations

import codecs
import contextlib
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Protocol

from storyloom.cli.program import Wrong
from storyloom.cli.texts import is_text

MOST_BYTES = 4 * 20_000 + 3
"""Of a piped line: more than a message of the most characters and the line's end."""
HISTORY_LINES = 500
PASTED_S = 0.02
"""Lines that are there within this time of the one before were pasted with it."""
PROMPT = "> "
NO_TEXT = "That is not text in UTF-8."


class Lines(Protocol):
    attended: bool
    """Whether a person is there to see what became of a line."""

    def line(self, begun: str = "") -> str | None:
        """The next line, None where no more come. `begun` is there to be changed. Raises Wrong for what is no text."""

    def discard(self) -> bool:
        """After an interrupt: whether there was something in the line, which is gone now."""

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While something else is shown: what is typed is not."""
        yield

    def close(self) -> None: ...


class Piped:
    """Standard input, a line at a time, in UTF-8."""

    attended = False

    def __init__(self) -> None:
        self._first = True

    def line(self, begun: str = "") -> str | None:
        if sys.stdin is None:
            raise Wrong("Standard input can't be read (it is closed).")
        data = sys.stdin.buffer.readline(MOST_BYTES)
        if self._first:
            data, self._first = data.removeprefix(codecs.BOM_UTF8), False
        if not data:
            return None
        if len(data) == MOST_BYTES and not data.endswith(b"\n"):
            raise Wrong("A line has more characters than a message may have: 20,000 is the most.")
        try:
            return data.decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise Wrong("Standard input is not text in UTF-8: convert it first, as with iconv.") from error

    def discard(self) -> bool:
        return False

    @contextmanager
    def busy(self) -> Iterator[None]:
        yield

    def close(self) -> None:
        pass


class Typed:
    """A terminal, with the line editing and the history of `readline` where this Python has it."""

    attended = True

    def __init__(self, history: Path | None = None) -> None:
        self._history = history
        self._readline = _readline()
        if self._readline is not None and history is not None:
            with contextlib.suppress(OSError):
                self._readline.read_history_file(history)

    def line(self, begun: str = "") -> str | None:
        try:
            text = self._typed(begun)
            with contextlib.suppress(EOFError):
                while _more_is_there():
                    text += "\n" + self._typed("", "")
        except EOFError:
            print()
            return None
        except UnicodeDecodeError as error:
            raise Wrong(NO_TEXT) from error
        self._remember(text)
        if not is_text(text):
            raise Wrong(NO_TEXT)
        return text

    def _typed(self, begun: str, prompt: str = PROMPT) -> str:
        if self._readline is None:
            return input(prompt)
        self._readline.set_startup_hook((lambda: _put(begun)) if begun else None)
        return input(prompt)

    def discard(self) -> bool:
        print()
        if self._readline is None:
            return False
        return bool(self._readline.get_line_buffer().strip())

    @contextmanager
    def busy(self) -> Iterator[None]:
        try:
            import termios
        except ImportError:
            yield
            return
        keyboard = sys.stdin.fileno()
        before = termios.tcgetattr(keyboard)
        silent = [*before]
        silent[3] &= ~termios.ECHO
        termios.tcsetattr(keyboard, termios.TCSANOW, silent)
        try:
            yield
        finally:
            termios.tcsetattr(keyboard, termios.TCSANOW, before)

    def close(self) -> None:
        """The newest lines are kept, for this user alone."""
        if self._readline is None or self._history is None:
            return
        with contextlib.suppress(OSError):
            self._history.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._history, os.O_CREAT | os.O_WRONLY, 0o600))
            self._readline.set_history_length(HISTORY_LINES)
            self._readline.write_history_file(self._history)

    def _remember(self, text: str) -> None:
        """In one line each, as the file has them; what is said twice in a row, once."""
        if self._readline is None:
            return
        line = " ".join(text.split())
        last = self._readline.get_current_history_length()
        if line and line != (self._readline.get_history_item(last) if last else None):
            self._readline.add_history(line)


def _readline() -> ModuleType | None:
    try:
        import readline
    except ImportError:
        return None
    # What is pasted between two marks of the terminal is one text, whatever lines it has.
    readline.parse_and_bind("set enable-bracketed-paste on")
    readline.set_auto_history(False)
    return readline


def _put(text: str) -> None:
    import readline

    readline.insert_text(text)


def _more_is_there() -> bool:
    """Whether lines were pasted that the terminal did not mark as such."""
    if sys.platform == "win32":
        return False
    return bool(select.select([sys.stdin], [], [], PASTED_S)[0])
