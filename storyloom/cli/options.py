"""What commands are given: the options that several of them share, and what becomes of them.

Only typer is imported before a command is known, here as in `cli`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from typer.core import TyperCommand

from storyloom.cli.program import Wrong, program
from storyloom.cli.texts import is_text

if TYPE_CHECKING:
    from rich.console import Console

    from storyloom.cli.commands import Commands
    from storyloom.cli.doors import Where
    from storyloom.client.things import Thing

NOTE_CHARACTERS = 4_000
TITLE_CHARACTERS = 200

PATHS = frozenset({"file", "output"})
"""Parameters that name a file, whose name may be any bytes."""


class Command(TyperCommand):
    """A command whose arguments are text, but for its paths."""

    def invoke(self, ctx: Any) -> Any:
        for parameter in self.params:
            name = parameter.name or ""
            if name not in PATHS and isinstance(value := ctx.params.get(name), str) and not is_text(value):
                given = parameter.opts[-1] if parameter.param_type_name == "option" else parameter.metavar
                raise Wrong(f"{given} is not text in UTF-8.")
        return super().invoke(ctx)


def session_id_of(value: str) -> UUID:
    """Raises Wrong for what is no session's id."""
    try:
        return UUID(value)
    except ValueError:
        raise Wrong(f"{value!r} is not a session's id: `{program()} sessions` lists yours.") from None


SessionId = Annotated[
    UUID, typer.Argument(parser=session_id_of, metavar="ID", help="The session's id, as `sessions` lists it.")
]
Server = Annotated[
    str | None,
    typer.Option(envvar="STORYLOOM_SERVER", metavar="URL", help="A running server; without it one starts in here."),
]
Token = Annotated[
    str | None,
    typer.Option(envvar="STORYLOOM_TOKEN", metavar="JWT", help="Who you are at that server; otherwise anonymous."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def bounded(name: str, value: str, most: int) -> str:
    """`value` without surrounding space. Raises Wrong where nothing or too much is left."""
    value = value.strip()
    if not value:
        raise Wrong(f"{name} is empty.")
    if len(value) > most:
        raise Wrong(f"{name} has {len(value):,} characters; {most:,} is the most.")
    return value


def where_of(server: str | None, token: str | None) -> Where:
    """Raises Wrong for a server whose address is none."""
    from storyloom.cli.doors import Where
    from storyloom.client.rest import Address

    if server:
        try:
            Address(server)
        except ValueError as error:
            raise Wrong(str(error)) from error
    return Where(server or None, token or None)


def commands_of(where: Where) -> Commands:
    """How commands are named to a person who gave these options."""
    from shlex import quote

    from storyloom.cli.commands import Commands

    if where.server is None:
        from coordinator.settings import load_settings
        from storyloom.cli.doors import LOG_FILE

        return Commands(program(), log=load_settings().data_dir / LOG_FILE)
    named = where.server != os.environ.get("STORYLOOM_SERVER")
    return Commands(program(), f" --server {quote(where.server)}" if named else "")


def tell(told: str | Thing | Mapping[str, Any] | Sequence[Thing]) -> None:
    """Prints text for people as it is, anything else as JSON for programs."""
    if isinstance(told, Mapping):
        told = json.dumps(told)
    elif not isinstance(told, str):
        from storyloom.cli.machine import as_json

        told = as_json(told)
    print(told)


def plain_console() -> Console:
    from storyloom.cli.terminal import Terminal

    return Terminal()
