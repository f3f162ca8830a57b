"""The command that has a passage written anew."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from storyloom.cli import texts
from storyloom.cli.options import (
    NOTE_CHARACTERS,
    Json,
    Server,
    SessionId,
    Token,
    bounded,
    commands_of,
    plain_console,
    tell,
    where_of,
)
from storyloom.cli.program import Wrong
from storyloom.cli.versions import LARGEST
from storyloom.cli.work import asked

if TYPE_CHECKING:
    from storyloom.client import Client
    from storyloom.client.things import Alternative, Draft

ALTERNATIVES = 4
_RANGE = re.compile(r"(\d{1,9}):(\d{1,9})", re.ASCII)


def rewrite(
    session_id: SessionId,
    instruction: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="What should be different; - reads standard input.")
    ] = None,
    section: Annotated[int | None, typer.Option(min=1, max=10_000, metavar="N", help="A section, from 1.")] = None,
    range: Annotated[
        str | None, typer.Option(metavar="A:B", help="Or the characters from A up to B, counted from 0.")
    ] = None,
    alternatives: Annotated[int, typer.Option(min=1, max=ALTERNATIVES, metavar="N", help="How many.")] = 2,
    accept: Annotated[
        int | None,
        typer.Option(min=1, max=LARGEST, metavar="K", help="Take the K-th at once; without TEXT, the one shown as K."),
    ] = None,
    server: Server = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Have a passage written anew, and choose."""
    if instruction is None:
        if accept is None or section is not None or range is not None:
            raise Wrong("Say in TEXT what should be different in that passage.")
    else:
        instruction = texts.read(instruction, "TEXT") if instruction == texts.STANDARD_INPUT else instruction
        instruction = bounded("TEXT", instruction, NOTE_CHARACTERS)
        if (section is None) == (range is None):
            raise Wrong("Name the passage: give --section or --range.")
        if accept is not None and accept > alternatives:
            raise Wrong(f"--accept {accept} is none of {alternatives}: it can be 1 to {alternatives}.")
    start, end = _place(range) if range is not None else (None, None)
    where = where_of(server, token)
    commands = commands_of(where)

    async def write_anew(client: Client) -> Draft | list[Alternative]:
        """The version that has the one that was taken, or all of them where none was."""
        from storyloom.errors import ClientError

        if instruction is None:
            assert accept is not None
            return await client.accept(session_id, (await _kept(client, session_id, accept)).id)
        version = (await client.session(session_id)).draft_version
        if not version:
            raise ClientError("conflict", "There is no text yet that could be written anew.")
        made = await client.rewrite(
            session_id, version, instruction, section=section, start=start, end=end, alternatives=alternatives
        )
        if accept is not None and accept > len(made):
            raise ClientError("conflict", f"Only {len(made)} of {alternatives} came, and none was taken.")
        chosen = made[accept - 1] if accept is not None else None
        if chosen is None and not as_json:
            _show(made)
            chosen = await _asked(made)
        return made if chosen is None else await client.accept(session_id, chosen.id)

    found = asked(where, write_anew)
    if as_json:
        tell(found)
    elif isinstance(found, list):
        line = commands.line("rewrite", session_id, f" --accept {found[0].number}")
        print(f"None is taken; all are kept. Take one with:\n  {line}")
    else:
        line = commands.line("show", session_id)
        print(f"It stands in the text, as version {found.version}. Read it with:\n  {line}")


def _place(range: str) -> tuple[int, int]:
    found = _RANGE.fullmatch(range.strip())
    if found is None or int(found[1]) >= int(found[2]):
        raise Wrong("--range takes two numbers, the lower first, as in 120:480.")
    return int(found[1]), int(found[2])


async def _kept(client: Client, session_id: UUID, number: int) -> Alternative:
    """The alternative of that number. Raises ClientError where there is none."""
    from storyloom.errors import ClientError

    # A cursor is opaque: the pages are gone through.
    cursor: str | None = None
    while True:
        page = await client.alternatives(session_id, limit=100, cursor=cursor)
        for one in page.items:
            if one.number == number:
                return one
        cursor = page.next_cursor
        if cursor is None:
            raise ClientError("invalid_message", f"No alternative of this story has the number {number}.")


def _show(made: list[Alternative]) -> None:
    """Each under its number; the passage as it stands comes first."""
    from storyloom.cli.prose import clean
    from storyloom.cli.typeset import markdown, prose_width

    console = plain_console()
    for heading, text in [("As it is", made[0].passage), *((f"[{one.number}]", one.content) for one in made)]:
        print(heading)
        if console.is_terminal:
            console.print(markdown(text), width=prose_width(console))
        else:
            print(clean(text).strip())
        print()


async def _asked(made: list[Alternative]) -> Alternative | None:
    """The one that a person at a terminal takes; None for none, and where nobody can be asked."""
    from storyloom.cli.keyboard import ask, can_ask

    if not can_ask():
        return None
    by_number = {str(one.number): one for one in made}
    while True:
        said = await ask(f"Take which? {', '.join(by_number)}, or [n]one: ")
        word = "none" if said is None else said.strip().lower()
        if word in by_number:
            return by_number[word]
        if word in ("n", "no", "none"):
            return None
