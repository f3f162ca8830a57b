"""A ZIP file that is sent while it is made: in memory is only what was written since the last `take`."""

from __future__ import annotations

import io
import time
import zipfile
from types import TracebackType
from typing import IO, Self

MODE = 0o644 << 16


class Archive:
    """Files, one after the other. Writing compresses, which is CPU work and belongs into a thread."""

    def __init__(self) -> None:
        self._made = _Made()
        self._zip = zipfile.ZipFile(self._made, "w")

    def open(self, name: str) -> IO[bytes]:
        """A file to write; it must be closed before the next one is opened."""
        entry = zipfile.ZipInfo(name, time.gmtime()[:6])
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = MODE
        return self._zip.open(entry, "w")

    def take(self) -> bytes:
        """What the archive has grown by since it was last asked."""
        return self._made.take()

    def close(self) -> None:
        """Writes the table of contents, without which it is no archive."""
        self._zip.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Made(io.RawIOBase):
    """Where the archive goes. It has no position to go back to, so nothing written is ever changed."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        made = b"".join(self._parts)
        self._parts.clear()
        return made
