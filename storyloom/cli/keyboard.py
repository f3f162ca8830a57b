"""A person's keyboard, read line by line while everything else goes on."""

from __future__ import annotations

import asyncio
import os
import sys

LINE_BYTES = 65_536


def can_ask() -> bool:
    """Whether a person can be asked here: at a terminal, where its lines can be waited for beside a socket."""
    return sys.platform != "win32" and sys.stdin is not None and sys.stdin.isatty()


async def ask(question: str) -> str | None:
    """The next line that is typed, None where input has ended. What was typed before the question doesn't answer it."""
    import termios

    keyboard = sys.stdin.fileno()
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[bytes] = loop.create_future()

    def read() -> None:
        if not typed.done():
            typed.set_result(os.read(keyboard, LINE_BYTES))

    termios.tcflush(keyboard, termios.TCIFLUSH)
    print(question, end="", flush=True)
    loop.add_reader(keyboard, read)
    try:
        line = await typed
    except asyncio.CancelledError:
        print(flush=True)
        raise
    finally:
        loop.remove_reader(keyboard)
    return line.decode(sys.stdin.encoding or "utf-8", "replace").rstrip("\n") if line else None
