"""The command `export`: a story as a file."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from storyloom.cli.options import tell
from storyloom.cli.program import Failed, Wrong, say

if TYPE_CHECKING:
    from storyloom.cli.doors import Where

FORMATS = ("md", "txt", "html", "epub", "docx", "pdf", "json")
STANDARD_OUTPUT = "-"


def wanted_format(named: str | None, output: str | None) -> str:
    """The format that was named, else what the file's ending says, else md. Raises Wrong for one that is none."""
    ending = Path(output).suffix.removeprefix(".").lower() if output else ""
    format = named.lower() if named else ending or "md"
    if format not in FORMATS:
        raise Wrong(f"There is no format {format!r}: choose one of {', '.join(FORMATS)} with --format.")
    return format


async def export(where: Where, session_id: UUID, format: str, output: str | None, as_json: bool) -> int:
    """Writes the file whole or not at all, and says where; `-` is standard output. Without a name it gets that of the
    story, and replaces nothing. Raises Failed where the file can't be written."""
    from storyloom.cli.doors import open_client

    notes: list[str] = []
    name = f"{session_id}.{format}"

    def told(headers: dict[str, str]) -> None:
        nonlocal name
        found = re.search(r'filename="([A-Za-z0-9.-]+)"', headers.get("content-disposition", ""))
        name = found[1] if found else name
        if warning := re.fullmatch(r'299 - "(.*)"', headers.get("warning", "")):
            notes.append(warning[1])

    async with open_client(where, run_stories=False) as client:
        with tempfile.TemporaryFile() as whole:
            async for piece in client.export(session_id, format, told=told):
                whole.write(piece)
            whole.seek(0)
            if output == STANDARD_OUTPUT:
                while piece := whole.read(1 << 16):
                    sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
            else:
                content = whole.read()
                _write(Path(output or name), content, replace=output is not None)
                about = {"file": output or name, "format": format, "bytes": len(content), "warnings": notes}
                tell(about if as_json else f"Wrote {output or name}.")
    for note in notes if not as_json else []:
        say(note)
    return 0


def _write(path: Path, content: bytes, *, replace: bool) -> None:
    if not replace and path.exists():
        raise Wrong(f"{path} is there already: say with -o where the story goes.")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    if path.exists() and not path.is_file() and not path.is_dir():
        beside = path  # a pipe or a device, which is written to and not replaced
    try:
        beside.write_bytes(content)
        if beside != path:
            beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            if beside != path:
                beside.unlink(missing_ok=True)
        raise Failed(f"{path} can't be written ({error.strerror}): say with -o where the story goes.") from error
