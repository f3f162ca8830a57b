"""The commands that show: one story, and which there are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

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
from storyloom.cli.program import program
from storyloom.cli.work import asked

if TYPE_CHECKING:
    from storyloom.client import Client
    from storyloom.client.things import Story


def show(session_id: SessionId, server: Server = None, token: Token = None, as_json: Json = False) -> None:
    """Print a story as it is now."""
    where = where_of(server, token)
    commands = commands_of(where)

    async def read(client: Client) -> Story:
        from storyloom.errors import ClientError

        try:
            return await client.story(session_id)
        except ClientError as error:
            if error.code != "conflict":
                raise
            session = await client.session(session_id)
            status = session.status.replace("_", " ")
            said = f"There is no text yet: the story is {status}, {session.progress.percent:.0f}% done."
            if session.status != "cancelled":
                go_on = "resume" if session.status in ("failed", "expired") else "attach"
                said += f" Go on with:\n  {commands.line(go_on, session_id)}"
            raise ClientError("conflict", said) from error

    story = asked(where, read)
    console = plain_console()
    if as_json:
        tell(story)
    elif console.is_terminal:
        from storyloom.cli.display import print_story

        print_story(console, story, commands.line("show", session_id))
    else:
        from storyloom.cli.typeset import story_plain

        print(story_plain(story), end="")


def sessions(
    status: Annotated[str | None, typer.Option(metavar="STATUS", help="Only active, completed, failed …")] = None,
    q: Annotated[str | None, typer.Option("-q", "--query", metavar="TEXT", help="Only with this in it.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="How many.")] = 20,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on after a page: its `next_cursor`.")] = None,
    server: Server = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """List your stories, the one last worked on first."""
    page = asked(
        where_of(server, token),
        lambda client: client.sessions(status=status, kind="story", q=q, limit=limit, cursor=cursor),
    )
    if as_json:
        tell(page)
    elif not page.items:
        print("No story matches." if status or q else f'No stories yet. Begin one: {program()} write "…"')
    else:
        from storyloom.cli.listing import put, sessions_table

        console = plain_console()
        put(console, sessions_table(console, page.items, datetime.now(UTC)))
        if page.next_cursor:
            print(f"There are more: go on with --cursor '{page.next_cursor}', or see up to 100 with --limit.")
