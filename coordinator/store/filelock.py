"""Locks on files that the kernel lets go of when their holder dies, however it dies.

flock, because it belongs to the open file and not to the process: two holders in one process exclude each other too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coordinator.errors import Misconfigured

try:
    import fcntl
except ImportError as error:  # Windows
    raise Misconfigured("Storyloom's server runs on Linux and macOS; on Windows start it inside WSL.") from error


def take(path: Path, *, shared: bool = False, wait: bool = False) -> int | None:
    """A descriptor that holds the lock until `let_go`, or None where another holds it and `wait` is off.

    The file is made when missing and must never be removed while in use: the next holder would lock another one.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def let_go(descriptor: int) -> None:
    # Unlocked by word, not only by closing: a forked child may still have the same open file.
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


@contextmanager
def held(path: Path) -> Iterator[int]:
    """The lock, waited for as long as it takes; yields the descriptor, which may be read and written."""
    descriptor = take(path, wait=True)
    assert descriptor is not None
    try:
        yield descriptor
    finally:
        let_go(descriptor)
