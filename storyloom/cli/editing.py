"""The commands that go another way: with one's own text, or with a story that forks off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from storyloom.cli import texts
from storyloom.cli.options import (
    TITLE_CHARACTERS,
    Json,
    Server,
    SessionId,
    Token,
    bounded,
    commands_of,
    tell,
    where_of,
)
from storyloom.cli.program import Wrong
from storyloom.cli.versions import LARGEST, no_version
from storyloom.cli.work import asked

if TYPE_CHECKING:
    from storyloom.cli.commands import Commands
    from storyloom.client import Client
    from storyloom.client.things import Draft, Session, Story
    from storyloom.errors import ClientError


def edit(
    session_id: SessionId,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Your text, Markdown; - reads standard input.")],
    base: Annotated[
        int | None,
        typer.Option("--from", min=1, max=LARGEST, metavar="VERSION", help="The version you changed; else the last."),
    ] = None,
    server: Server = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Save your own text as the story's next version."""
    content = texts.read(file)
    if not content.strip():
        raise Wrong(f"{_named(file)} is empty.")
    where = where_of(server, token)
    commands = commands_of(where)

    async def save(client: Client) -> tuple[Draft, bool]:
        """The version that has the text, and whether it was made for it."""
        from storyloom.errors import ClientError

        story = await client.story(session_id)
        text = _without_title(content, story)
        if text == story.content.strip() and base in (None, story.version):
            return await client.draft(session_id, story.version), False
        try:
            return await client.edit(session_id, text, base or story.version), True
        except ClientError as error:
            if error.code != "conflict":
                raise
            raise await _not_saved(client, commands, session_id, file, base or story.version, error) from error

    draft, made = asked(where, save)
    if as_json:
        tell(draft)
    elif made:
        tell(f"Saved as version {draft.version}. Read it with:\n  {commands.line('show', session_id)}")
    else:
        tell(f"Nothing to save: that is the text of version {draft.version}.")


def fork(
    session_id: SessionId,
    from_version: Annotated[
        int | None, typer.Option(min=1, max=LARGEST, metavar="N", help="Go on from this version of the text.")
    ] = None,
    from_step: Annotated[
        str | None, typer.Option(metavar="STEP", help="Go on from this finished step, as outline or draft-2.")
    ] = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Otherwise that of the story.")] = None,
    server: Server = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Begin a story that shares another's past and goes its own way."""
    if from_version is not None and from_step is not None:
        raise Wrong("A fork goes on from a version or from a step: give --from-version or --from-step.")
    if from_step is not None:
        from_step = bounded("--from-step", from_step, 60)
    title = bounded("--title", title, TITLE_CHARACTERS) if title is not None else None
    where = where_of(server, token)
    commands = commands_of(where)

    async def go(client: Client) -> Session:
        from storyloom.errors import ClientError

        try:
            return await client.fork(session_id, from_version=from_version, from_step=from_step, title=title)
        except ClientError as error:
            raise await _no_past(client, commands, session_id, error, from_version) from error

    made = asked(where, go)
    tell(made if as_json else f"Forked as {made.id}. Watch it with:\n  {commands.line('attach', made.id)}")


def _named(file: str) -> str:
    return "Standard input" if file == texts.STANDARD_INPUT else file


def _without_title(content: str, story: Story) -> str:
    """The text without the heading that `show` put over it: it is none of the text's own."""
    from storyloom.cli.typeset import without_title

    own = without_title(story.content, story.title) != story.content
    return (content if own else without_title(content, story.title)).strip()


async def _not_saved(
    client: Client, commands: Commands, session_id: UUID, file: str, base: int, error: ClientError
) -> ClientError:
    """The conflict, with what to do about it."""
    from storyloom.errors import ClientError

    kept = "what you piped in is as it was" if file == texts.STANDARD_INPUT else f"{file} is as it was"
    session = await client.session(session_id)
    if session.status == "active":
        do = f"The story is being written, so nothing was saved and {kept}: pause it, then edit again.\n"
        return ClientError("conflict", f"{do}  {commands.line('pause', session_id)}")
    if session.draft_version == base:
        return ClientError("conflict", f"{error.message.rstrip('.')}; nothing was saved, and {kept}.")
    now = session.draft_version
    do = (
        f"The text has changed since version {base}, so nothing was saved and {kept}: see what is different, then edit "
        f"again with --from {now}.\n"
    )
    return ClientError("conflict", f"{do}  {commands.line('diff', session_id, f' {base} {now}')}")


async def _no_past(
    client: Client, commands: Commands, session_id: UUID, error: ClientError, from_version: int | None
) -> ClientError:
    """The error, with what there is to go on from where a fork named something that is not there."""
    from storyloom.errors import ClientError

    if error.code != "not_found":
        return error
    if from_version is not None:
        last = (await client.session(session_id)).draft_version
        if from_version > last:
            return await no_version(client, commands, session_id, error, from_version)
        return ClientError("not_found", f"{error.message} Fork from another version, or with --from-step.")
    steps = [step.step for step in (await client.steps(session_id, limit=100)).items if step.status == "done"]
    there = f"Finished are {', '.join(steps)}." if steps else "No step is finished yet."
    return ClientError("not_found", f"{error.message} {there}")
