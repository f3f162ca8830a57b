"""One worker process: calls functions that are sent to it over its input, one after another, until that ends."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import threading
import traceback
from queue import SimpleQueue
from typing import BinaryIO

LENGTH_BYTES = 8
NICE = 5
"""The service's own process comes first."""


def main() -> None:
    """Each message is its length and a pickle: of a function and its arguments, and back of whether it went well with
    what it gave or else where it broke. Both ends are this service's own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICE)
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever prints must not be taken for an answer.
    os.dup2(2, 1)
    calls: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_hear, args=(sys.stdin.buffer, calls), daemon=True).start()
    while True:
        answer = _answer(calls.get())
        answers.write(len(answer).to_bytes(LENGTH_BYTES, "big") + answer)
        answers.flush()


def _hear(stream: BinaryIO, calls: SimpleQueue[bytes]) -> None:
    """In a thread, so that the end of the service is heard in the middle of a call."""
    while length := stream.read(LENGTH_BYTES):
        calls.put(stream.read(int.from_bytes(length, "big")))
    os._exit(0)


def _answer(call: bytes) -> bytes:
    try:
        function, args = pickle.loads(call)  # noqa: S301
        return pickle.dumps((True, function(*args)))
    except Exception:
        # Without the values in it: an error's own words may quote somebody's text.
        kind, _, where = sys.exc_info()
        lines = "".join(traceback.format_tb(where))
        return pickle.dumps((False, f"{lines}{kind.__name__ if kind else ''}"))
