"""The commands that compare: which versions a text has, and what two of them differ in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from storyloom.cli.options import (
    Json,
    Server,
    SessionId,
    Token,
    commands_of,
    plain_console,
    tell,
    where_of,
)
from storyloom.cli.work import asked

if TYPE_CHECKING:
    from storyloom.cli.commands import Commands
    from storyloom.client import Client
    from storyloom.client.things import Draft
    from storyloom.errors import ClientError

LARGEST = 2**31 - 1

Version = Annotated[int, typer.Argument(min=1, max=LARGEST, metavar="VERSION", help="As `versions` lists it.")]


def versions(session_id: SessionId, server: Server = None, token: Token = None, as_json: Json = False) -> None:
    """List the versions of a story's text, the oldest first."""
    drafts = asked(where_of(server, token), lambda client: _drafts(client, session_id))
    if as_json:
        from storyloom.client.things import Draft, Page

        tell(Page[Draft](items=drafts))
    elif drafts:
        from storyloom.cli.listing import put, versions_table

        console = plain_console()
        put(console, versions_table(console, drafts, datetime.now(UTC)))
    else:
        print("There is no version yet: the story has no text.")


def diff(
    session_id: SessionId, a: Version, b: Version, server: Server = None, token: Token = None, as_json: Json = False
) -> None:
    """Show what two versions differ in, by paragraph and word."""
    where = where_of(server, token)

    async def compare(client: Client) -> Any:
        from storyloom.errors import ClientError

        try:
            return await client.diff(session_id, a, b)
        except ClientError as error:
            raise await no_version(client, commands_of(where), session_id, error, a, b) from error

    found = asked(where, compare)
    if as_json:
        tell(found)
        return

    from storyloom.cli.comparison import compared

    lines = compared(found["blocks"])
    console = plain_console()
    for line in lines:
        # Whole where no person reads: to break it would be a difference that is none.
        console.print(line, soft_wrap=not console.is_terminal)
    if not lines:
        print(f"Versions {a} and {b} have the same text.")


async def _drafts(client: Client, session_id: UUID) -> list[Draft]:
    page = await client.drafts(session_id, limit=100)
    drafts = list(page.items)
    while page.next_cursor:
        page = await client.drafts(session_id, limit=100, cursor=page.next_cursor)
        drafts += page.items
    return drafts


async def no_version(
    client: Client, commands: Commands, session_id: UUID, error: ClientError, *asked: int
) -> ClientError:
    """The error, with the versions that there are where one was asked for that is none."""
    from storyloom.errors import ClientError

    if error.code != "not_found":
        return error
    last = (await client.session(session_id)).draft_version
    if not last:
        return ClientError("not_found", "There is no version yet: the story has no text.")
    missing = next((version for version in asked if version > last), asked[0])
    there = "is only version 1" if last == 1 else f"are versions 1 to {last}"
    said = f"There is no version {missing} of this story: there {there}. See them with:\n"
    return ClientError("not_found", f"{said}  {commands.line('versions', session_id)}")
