"""The press: prints a book in a format, in a process of its own that is bounded in time, memory and output."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pypandoc  # type: ignore[import-untyped]

from coordinator.errors import Conflict, Internal, TooLarge
from coordinator.export import wordprocessing
from coordinator.export.book import Book, markdown
from coordinator.workers.turns import Room, Turns

logger = logging.getLogger(__name__)

Format = Literal["md", "txt", "html", "epub", "docx", "pdf"]
FORMATS: dict[Format, str] = {
    "md": "text/markdown; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "epub": "application/epub+zip",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
}
"""With the media type of each."""

AT_ONCE = 2
WAITING = 50
PER_USER = 5
"""Books printed at once by one service, those that wait for it, and of both those of one user."""
TIME_S = 60.0
FIRST_TRY = 0.6
"""Of the time: the rest is for the text as it stands."""
CONTENT_CHARACTERS = 2_000_000
"""Ten times the longest story that the agents write."""
PROGRAM = "import sys; sys.path.append(sys.argv[1]); from coordinator.export import printing; sys.exit(printing.main())"


@dataclass(frozen=True, slots=True)
class Printed:
    """A file; `note` says what in it is not as in the story."""

    content: bytes
    note: str | None = None


class Press:
    """Prints books. Needs a `close`, which takes its few files away."""

    def __init__(
        self, *, at_once: int = AT_ONCE, waiting: int = WAITING, time_s: float = TIME_S, system_fonts: bool = True
    ) -> None:
        """`at_once` books are printed, `waiting` wait for it. `system_fonts` false is to print with the fonts that come
        with Storyloom alone."""
        self.turns = Turns(Room(at_once, waiting, PER_USER, "exports"))
        """To be had before a story is read, so that what waits is no text."""
        self._time_s = time_s
        self._system_fonts = system_fonts
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    async def printed(self, book: Book, format: Format) -> Printed:
        """The book as a file of that format; where its marks are too much for a converter, as it stands, with a note.

        Raises TooLarge for a text over CONTENT_CHARACTERS or one that can't be printed in a minute and with the memory
        that is given to one, and Conflict for a PDF where no font here has the letters of its script.
        """
        if format == "md":
            return Printed(markdown(book).encode())
        if len(book.content) > CONTENT_CHARACTERS:
            raise TooLarge(
                f"The story has {len(book.content):,} characters, and a book {CONTENT_CHARACTERS:,} at the most: "
                "export it as md."
            )
        too_slow = False
        for plain, share in ((False, FIRST_TRY), (True, 1 - FIRST_TRY)):
            try:
                async with asyncio.timeout(self._time_s * share):
                    return await self._print(book, format, plain=plain)
            except TimeoutError:
                too_slow = True
            except Internal:
                too_slow = False
        why = f"took over {self._time_s:g} s and was given up" if too_slow else "takes more than a book may"
        raise TooLarge(f"Printing the story as {format} {why}: export it as md.")

    def close(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    async def _print(self, book: Book, format: Format, *, plain: bool) -> Printed:
        reference = str(await self._reference()) if format == "docx" else ""
        request = {
            "book": book.as_json(),
            "format": format,
            "plain": plain,
            "pandoc": pypandoc.get_pandoc_path(),
            "reference": reference,
            "system_fonts": self._system_fonts,
        }
        # -I: nothing of this service's folder or environment is where the process finds its modules.
        answer = await _run(
            [sys.executable, "-I", "-c", PROGRAM, str(Path(__file__).parents[2])], json.dumps(request).encode()
        )
        line, _, made = answer.partition(b"\n")
        head = json.loads(line)
        if "refused" in head:
            raise {"conflict": Conflict, "too_large": TooLarge}[head["code"]](head["refused"])
        return Printed(made, head.get("note"))

    async def _reference(self) -> Path:
        if self._folder is None:
            default = await _run([pypandoc.get_pandoc_path(), "--print-default-data-file", "reference.docx"], b"")
            made = wordprocessing.reference(default)
            self._folder = self._folder or tempfile.TemporaryDirectory(prefix="storyloom-press-")
            (Path(self._folder.name) / "reference.docx").write_bytes(made)
        return Path(self._folder.name) / "reference.docx"


async def _run(command: Sequence[str], given: bytes) -> bytes:
    """What a process makes of its input. It has none of the service's environment, which holds secrets; it and all that
    it starts do not outlive the call. Raises Internal where it fails."""
    environment = {
        name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT", "TEMP", "TMPDIR") if name in os.environ
    }
    environment["LC_ALL"] = "C.UTF-8"
    process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment, start_new_session=True
    )
    try:
        made, complaint = await process.communicate(given)
    finally:
        if process.returncode is None:
            _kill(process)
            await process.wait()
    if process.returncode != 0:
        told = complaint.decode(errors="replace")[-1000:]
        logger.warning("printing ended with %s: %s", process.returncode, told)
        raise Internal("The book could not be printed; the service's owner can read why in the log. Export it as md.")
    return made


def _kill(process: asyncio.subprocess.Process) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        # With pandoc, which it may be waiting for.
        os.killpg(process.pid, signal.SIGKILL)
