"""Somebody at a real terminal: the program on a pseudo-terminal, what they type and what they see."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.service import WAIT_S
from tests.unit.cli.screen import shown

_LOOKS = re.compile(r"\x1b\[\?[0-9]+[hl]|\x1b\[[0-9;]*m|\x1b\[[0-9]*[CD]|\x07")
ROWS, COLUMNS = 40, 80


class Sitting:
    def __init__(self, terminal: int, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.raw = ""
        self._terminal = terminal
        self._came = asyncio.Event()
        self._looked = 0
        asyncio.get_running_loop().add_reader(terminal, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._terminal, 65_536)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._terminal)
        self.raw += data.decode(errors="replace")
        self._came.set()

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    async def sees(self, text: str) -> None:
        """Waits for something that comes after what was waited for before."""
        async with asyncio.timeout(WAIT_S):
            while (place := self.raw.find(text, self._looked)) < 0:
                self._came.clear()
                try:
                    await self._came.wait()
                except asyncio.CancelledError:
                    raise AssertionError(f"{text!r} was not seen after {self.raw[self._looked :]!r}") from None
        self._looked = place + len(text)

    async def prompted(self) -> None:
        """The program waits for a line: readline has said that it takes what is pasted."""
        await self.sees("\x1b[?2004h> ")

    async def left(self) -> int:
        """The exit code."""
        return await asyncio.wait_for(asyncio.to_thread(self.process.wait), WAIT_S)

    @property
    def screen(self) -> str:
        """What they see, with all that scrolled by."""
        return shown(_LOOKS.sub("", self.raw))


@asynccontextmanager
async def sitting(*arguments: str, **surroundings: str) -> AsyncIterator[Sitting]:
    """The program with a terminal of 80 columns, until the block ends."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment: dict[str, Any] = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TERM": "xterm",
        **surroundings,
    }
    command = [sys.executable, "-c", SESSION, *arguments]
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    os.close(slave)
    person = Sitting(master, process)
    try:
        yield person
    finally:
        asyncio.get_running_loop().remove_reader(master)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await asyncio.to_thread(process.wait)
        os.close(master)


SESSION = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
sys.argv = ["storyloom", *sys.argv[1:]]
from storyloom.cli import main
main()
"""
"""The terminal is the program's own, so that its Ctrl-C is heard."""
