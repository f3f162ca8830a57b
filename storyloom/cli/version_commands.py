"""The commands for more than one run at a text: versions, their differences, one's own edit, forks, alternatives."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from storyloom.cli import texts
from storyloom.cli.options import (
    NOTE_CHARACTERS,
    TITLE_CHARACTERS,
    Command,
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

if TYPE_CHECKING:
    from storyloom.cli.commands import Commands
    from storyloom.client import Client
    from storyloom.client.things import Alternative, Story
    from storyloom.errors import ClientError

ALTERNATIVES = 4
LARGEST = 2**31 - 1
_RANGE = re.compile(r"(\d{1,9}):(\d{1,9})", re.ASCII)

Version = Annotated[int, typer.Argument(min=1, max=LARGEST, metavar="VERSION", help="As `versions` lists it.")]


def add_to(app: typer.Typer) -> None:
    for command in (versions, diff, edit, fork, rewrite):
        app.command(cls=Command)(command)


def versions(session_id: SessionId, server: Server = None, token: Token = None, as_json: Json = False) -> None:
    """List the versions of a story's text, the oldest first."""
    where = where_of(server, token)

    from storyloom.cli.doors import open_client
    from storyloom.cli.follow import run
    from storyloom.client.things import Draft, Page

    async def work() -> int:
        from datetime import UTC, datetime

        from storyloom.cli.listing import put, versions_table

        drafts: list[Draft] = []
        async with open_client(where, run_stories=False) as client:
            page = await client.drafts(session_id, limit=100)
            drafts += page.items
            while page.next_cursor:
                page = await client.drafts(session_id, limit=100, cursor=page.next_cursor)
                drafts += page.items
        if as_json:
            tell(Page[Draft](items=drafts))
        elif drafts:
            console = plain_console()
            put(console, versions_table(console, drafts, datetime.now(UTC)))
        else:
            print("There is no version yet: the story has no text.")
        return 0

    raise typer.Exit(run(work))


def diff(
    session_id: SessionId, a: Version, b: Version, server: Server = None, token: Token = None, as_json: Json = False
) -> None:
    """Show what two versions differ in, by paragraph and word."""
    where = where_of(server, token)

    from storyloom.cli.doors import open_client
    from storyloom.cli.follow import run
    from storyloom.errors import ClientError

    commands = commands_of(where)

    async def work() -> int:
        from storyloom.cli.comparison import compared

        async with open_client(where, run_stories=False) as client:
            try:
                found = await client.diff(session_id, a, b)
            except ClientError as error:
                raise await _no_version(client, commands, session_id, error, a, b) from error
        if as_json:
            tell(found)
            return 0
        lines = compared(found["blocks"])
        console = plain_console()
        for line in lines:
            # Whole where no person reads: to break it would be a difference that is none.
            console.print(line, soft_wrap=not console.is_terminal)
        if not lines:
            print(f"Versions {a} and {b} have the same text.")
        return 0

    raise typer.Exit(run(work))


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

    from storyloom.cli.doors import open_client
    from storyloom.cli.follow import run
    from storyloom.errors import ClientError

    commands = commands_of(where)

    async def work() -> int:
        async with open_client(where, run_stories=False) as client:
            story = await client.story(session_id)
            text = _without_title(content, story)
            if text == story.content.strip() and base in (None, story.version):
                kept = await client.draft(session_id, story.version) if as_json else None
                tell(kept or f"Nothing to save: that is the text of version {story.version}.")
                return 0
            try:
                draft = await client.edit(session_id, text, base or story.version)
            except ClientError as error:
                if error.code != "conflict":
                    raise
                raise await _not_saved(client, commands, session_id, file, base or story.version, error) from error
        said = f"Saved as version {draft.version}. Read it with:\n  {commands.line('show', session_id)}"
        tell(draft if as_json else said)
        return 0

    raise typer.Exit(run(work))


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

    from storyloom.cli.doors import open_client
    from storyloom.cli.follow import run
    from storyloom.errors import ClientError

    commands = commands_of(where)

    async def work() -> int:
        async with open_client(where, run_stories=False) as client:
            try:
                made = await client.fork(session_id, from_version=from_version, from_step=from_step, title=title)
            except ClientError as error:
                raise await _no_past(client, commands, session_id, error, from_version) from error
        tell(made if as_json else f"Forked as {made.id}. Watch it with:\n  {commands.line('attach', made.id)}")
        return 0

    raise typer.Exit(run(work))


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

    from storyloom.cli.doors import open_client
    from storyloom.cli.follow import run
    from storyloom.errors import ClientError

    commands = commands_of(where)

    async def work() -> int:
        async with open_client(where, run_stories=False) as client:
            if instruction is None:
                assert accept is not None
                return await _take(client, commands, await _kept(client, session_id, accept), session_id, as_json)
            version = (await client.session(session_id)).draft_version
            if not version:
                raise ClientError("conflict", "There is no text yet that could be written anew.")
            made = await client.rewrite(
                session_id, version, instruction, section=section, start=start, end=end, alternatives=alternatives
            )
            if accept is not None:
                if accept > len(made):
                    raise ClientError("conflict", f"Only {len(made)} of {alternatives} came, and none was taken.")
                return await _take(client, commands, made[accept - 1], session_id, as_json)
            if as_json:
                tell(made)
                return 0
            _show(made)
            chosen = await _asked(made)
            if chosen is not None:
                return await _take(client, commands, chosen, session_id, as_json)
            some = f" --accept {made[0].number}"
            print(f"None is taken; all are kept. Take one with:\n  {commands.line('rewrite', session_id, some)}")
        return 0

    raise typer.Exit(run(work))


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


async def _no_version(
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
            return await _no_version(client, commands, session_id, error, from_version)
        return ClientError("not_found", f"{error.message} Fork from another version, or with --from-step.")
    steps = [step.step for step in (await client.steps(session_id, limit=100)).items if step.status == "done"]
    there = f"Finished are {', '.join(steps)}." if steps else "No step is finished yet."
    return ClientError("not_found", f"{error.message} {there}")


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


async def _take(client: Client, commands: Commands, one: Alternative, session_id: UUID, as_json: bool) -> int:
    draft = await client.accept(session_id, one.id)
    said = f"It stands in the text, as version {draft.version}. Read it with:\n  {commands.line('show', session_id)}"
    tell(draft if as_json else said)
    return 0


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
