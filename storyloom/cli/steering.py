"""The commands that tell a story's cast something: steer, approve, pause, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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
    tell,
    where_of,
)
from storyloom.cli.work import asked

if TYPE_CHECKING:
    from storyloom.client import Client
    from storyloom.client.things import Session


def cancel(session_id: SessionId, server: Server = None, token: Token = None, as_json: Json = False) -> None:
    """Stop a story for good. What was written is kept."""
    session = asked(where_of(server, token), lambda client: client.cancel(session_id))
    tell(session if as_json else f"Cancelled {session_id}.")


def pause(session_id: SessionId, server: Server = None, token: Token = None, as_json: Json = False) -> None:
    """Pause a story, when the step at hand is done."""
    where = where_of(server, token)
    session = asked(where, lambda client: client.pause(session_id))
    said = "Paused." if session.status == "paused" else "It pauses when the step at hand is done."
    tell(session if as_json else f"{said} Go on with:\n  {commands_of(where).line('resume', session_id)}")


def steer(
    session_id: SessionId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What should be different; - reads standard input.")],
    server: Server = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Tell the cast something for the steps to come."""
    text = bounded("TEXT", texts.read(text, "TEXT") if text == texts.STANDARD_INPUT else text, NOTE_CHARACTERS)
    note = asked(where_of(server, token), lambda client: client.steer(session_id, text))
    tell(note if as_json else "Noted, for the steps to come.")


def approve(
    session_id: SessionId,
    step: Annotated[str | None, typer.Argument(metavar="STEP", help="Otherwise the one that waits.")] = None,
    reject: Annotated[bool, typer.Option("--reject", help="Have it written again.")] = False,
    comment: Annotated[str | None, typer.Option(metavar="TEXT", help="What should be different.")] = None,
    server: Server = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Approve, or reject, the outline or text that a story waits with."""
    comment = bounded("--comment", comment, NOTE_CHARACTERS) if comment is not None else None
    where = where_of(server, token)

    async def answer(client: Client) -> tuple[str, Session]:
        from storyloom.errors import ClientError

        waiting = step
        if waiting is None:
            session = await client.session(session_id)
            waiting = session.progress.current_step
            if session.status != "awaiting_approval" or waiting is None:
                status = session.status.replace("_", " ")
                raise ClientError("conflict", f"The story waits for no approval: it is {status}.")
        return waiting, await client.approve(session_id, waiting, not reject, comment)

    answered, session = asked(where, answer)

    from storyloom.cli.casting import waiting_text

    what = waiting_text(answered)
    said = f"Not approved: {what} is written again." if reject else f"Approved {what}."
    tell(session if as_json else f"{said} Watch it with:\n  {commands_of(where).line('attach', session_id)}")
