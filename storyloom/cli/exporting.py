"""The command that exports: a story as a file."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from storyloom.cli.options import Json, Server, SessionId, Token, tell, where_of
from storyloom.cli.program import Failed, Wrong, say
from storyloom.cli.work import asked

if TYPE_CHECKING:
    from storyloom.client import Client

FORMATS = ("md", "txt", "html", "epub", "docx", "pdf", "json")
STANDARD_OUTPUT = "-"


def export(
    session_id: SessionId,
    format: Annotated[
        str | None, typer.Option("-f", "--format", metavar="FORMAT", help="md, txt, html, epub, docx, pdf or json.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Otherwise named by the title; - is standard output."),
    ] = None,
    server: Server = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Write a story to a file."""
    wanted = _wanted_format(format, output)
    asked(where_of(server, token), lambda client: _export(client, session_id, wanted, output, as_json))


def _wanted_format(named: str | None, output: str | None) -> str:
    """The format that was named, else what the file's ending says, else md. Raises Wrong for one that is none."""
    ending = Path(output).suffix.removeprefix(".").lower() if output else ""
    format = named.lower() if named else ending or "md"
    if format not in FORMATS:
        raise Wrong(f"There is no format {format!r}: choose one of {', '.join(FORMATS)} with --format.")
    return format


async def _export(client: Client, session_id: UUID, format: str, output: str | None, as_json: bool) -> None:
    """Writes the file whole or not at all, and says where; `-` is standard output. Without a name it gets that of the
    story, and replaces nothing. Raises Failed where the file can't be written."""
    notes: list[str] = []
    name = f"{session_id}.{format}"

    def told(headers: dict[str, str]) -> None:
        nonlocal name
        found = re.search(r'filename="([A-Za-z0-9.-]+)"', headers.get("content-disposition", ""))
        name = found[1] if found else name
        if warning := re.fullmatch(r'299 - "(.*)"', headers.get("warning", "")):
            notes.append(warning[1])

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
