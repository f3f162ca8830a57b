"""The command line; docs/cli.md tells all of it.

Only typer is imported before a command is known: `storyloom --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from storyloom.cli import texts, version_commands
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
from storyloom.cli.program import DONE, FAILED, WRONG_USE, Wrong, program, report, wants_json

if TYPE_CHECKING:
    from storyloom.cli.commands import Commands
    from storyloom.cli.doors import Where
    from storyloom.cli.follow import View
    from storyloom.cli.gates import Ask

PROMPT_CHARACTERS = 20_000
GATES = ("outline", "draft", "final")
SEEDS = 2**63
HOW = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

app = typer.Typer(
    name="storyloom",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=HOW,
    help="Stories written by a cast of agents: write one, watch it, read it again.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong use, 128 + n ended by signal n (130 is Ctrl-C). With --json a "
    "failure is an object on standard error. With --debug a failure also shows its traceback. STORYLOOM_SERVER and "
    "STORYLOOM_TOKEN stand for --server and --token.",
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"storyloom {version('storyloom')}")
        raise typer.Exit


@app.callback()
def storyloom(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and exit.")
    ] = False,
) -> None:
    pass


BudgetTokens = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Tokens that the story may use, in and out, all agents together.")
]
BudgetUsd = Annotated[float | None, typer.Option(metavar="X", help="The same in US dollars.")]


@app.command(cls=Command)
def write(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What the story is about; - reads standard input.")],
    template: Annotated[str | None, typer.Option(metavar="NAME", help="The kind of story.")] = None,
    pages: Annotated[int | None, typer.Option(min=1, max=100, metavar="N", help="Length; a page is 300 words.")] = None,
    protagonist: Annotated[str | None, typer.Option(metavar="TEXT", help="Who it is about.")] = None,
    tone: Annotated[str | None, typer.Option(metavar="TEXT", help="How it should sound.")] = None,
    language: Annotated[str | None, typer.Option(metavar="TEXT", help="Otherwise that of the prompt.")] = None,
    model: Annotated[str | None, typer.Option(metavar="PROVIDER:NAME", help="Otherwise the server's default.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=SEEDS - 1, metavar="N", help="Same seed, same choices.")
    ] = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Otherwise the writer finds one.")] = None,
    approve: Annotated[
        str | None, typer.Option(metavar="GATES", help="Ask you before it goes on: outline,draft,final or some.")
    ] = None,
    budget_tokens: BudgetTokens = None,
    budget_usd: BudgetUsd = None,
    server: Server = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Write a story and watch it come to be."""
    prompt = texts.read(prompt, "PROMPT") if prompt == texts.STANDARD_INPUT else prompt
    prompt = bounded("PROMPT", prompt, PROMPT_CHARACTERS)
    config: dict[str, Any] = {"pages": pages, "seed": seed}
    for name, value in {"protagonist": protagonist, "tone": tone, "language": language, "model": model}.items():
        config[name] = bounded(f"--{name}", value, 200) if value is not None else None
    title = bounded("--title", title, TITLE_CHARACTERS) if title is not None else None
    config["approvals"] = _gates(approve) if approve is not None else None
    config["budget"] = _budget(budget_tokens, budget_usd)
    where = where_of(server, token)

    from storyloom.cli.doors import open_client
    from storyloom.cli.follow import follow, run

    commands = commands_of(where)
    view = _view(commands, as_json)

    async def work() -> int:
        # The view stands before the service does: starting that takes a moment in which something should be seen.
        with view:
            async with open_client(where, run_stories=True, on_lost=view.lost) as client:
                chosen = {key: value for key, value in config.items() if value is not None}
                events = client.write(prompt, template=template, title=title, config=chosen)
                return await follow(client, events, view, commands, ask=_ask(view))

    raise typer.Exit(run(work))


@app.command(cls=Command)
def attach(session_id: SessionId, server: Server = None, token: Token = None, as_json: Json = False) -> None:
    """Watch a story, from where it is to its end."""
    _watch(session_id, where_of(server, token), as_json, resume=False)


@app.command(cls=Command)
def resume(
    session_id: SessionId,
    budget_tokens: BudgetTokens = None,
    budget_usd: BudgetUsd = None,
    server: Server = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Go on with a paused, failed or expired story, and watch it."""
    budget = _budget(budget_tokens, budget_usd)
    _watch(session_id, where_of(server, token), as_json, resume=True, budget=budget)


@app.command(cls=Command)
def show(session_id: SessionId, server: Server = None, token: Token = None, as_json: Json = False) -> None:
    """Print a story as it is now."""
    where = where_of(server, token)

    from storyloom.cli.doors import open_client
    from storyloom.cli.follow import run
    from storyloom.errors import ClientError

    commands = commands_of(where)

    async def work() -> int:
        async with open_client(where, run_stories=False) as client:
            try:
                story = await client.story(session_id)
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
        console = plain_console()
        if as_json:
            tell(story)
        elif console.is_terminal:
            from storyloom.cli.display import print_story

            print_story(console, story, commands.line("show", session_id))
        else:
            from storyloom.cli.typeset import story_plain

            print(story_plain(story), end="")
        return 0

    raise typer.Exit(run(work))


@app.command(cls=Command)
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
    where = where_of(server, token)

    from storyloom.cli.doors import open_client
    from storyloom.cli.follow import run

    async def work() -> int:
        from datetime import UTC, datetime

        async with open_client(where, run_stories=False) as client:
            page = await client.sessions(status=status, kind="story", q=q, limit=limit, cursor=cursor)
        if as_json:
            tell(page)
        elif not page.items:
            none = "No story matches." if status or q else f'No stories yet. Begin one: {program()} write "…"'
            print(none)
        else:
            from storyloom.cli.listing import put, sessions_table

            console = plain_console()
            put(console, sessions_table(console, page.items, datetime.now(UTC)))
            if page.next_cursor:
                print(f"There are more: go on with --cursor '{page.next_cursor}', or see up to 100 with --limit.")
        return 0

    raise typer.Exit(run(work))


@app.command(cls=Command)
def cancel(session_id: SessionId, server: Server = None, token: Token = None, as_json: Json = False) -> None:
    """Stop a story for good. What was written is kept."""
    where = where_of(server, token)

    from storyloom.cli.doors import open_client
    from storyloom.cli.follow import run

    async def work() -> int:
        async with open_client(where, run_stories=False) as client:
            session = await client.cancel(session_id)
        tell(session if as_json else f"Cancelled {session_id}.")
        return 0

    raise typer.Exit(run(work))


@app.command(cls=Command)
def pause(session_id: SessionId, server: Server = None, token: Token = None, as_json: Json = False) -> None:
    """Pause a story, when the step at hand is done."""
    where = where_of(server, token)

    from storyloom.cli.doors import open_client
    from storyloom.cli.follow import run

    commands = commands_of(where)

    async def work() -> int:
        async with open_client(where, run_stories=False) as client:
            session = await client.pause(session_id)
        said = "Paused." if session.status == "paused" else "It pauses when the step at hand is done."
        tell(session if as_json else f"{said} Go on with:\n  {commands.line('resume', session_id)}")
        return 0

    raise typer.Exit(run(work))


@app.command(cls=Command)
def steer(
    session_id: SessionId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What should be different; - reads standard input.")],
    server: Server = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Tell the cast something for the steps to come."""
    text = bounded("TEXT", texts.read(text, "TEXT") if text == texts.STANDARD_INPUT else text, NOTE_CHARACTERS)
    where = where_of(server, token)

    from storyloom.cli.doors import open_client
    from storyloom.cli.follow import run

    async def work() -> int:
        async with open_client(where, run_stories=False) as client:
            note = await client.steer(session_id, text)
        tell(note if as_json else "Noted, for the steps to come.")
        return 0

    raise typer.Exit(run(work))


@app.command(cls=Command)
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

    from storyloom.cli.casting import waiting_text
    from storyloom.cli.doors import open_client
    from storyloom.cli.follow import run
    from storyloom.errors import ClientError

    commands = commands_of(where)

    async def work() -> int:
        async with open_client(where, run_stories=False) as client:
            waiting = step
            if waiting is None:
                session = await client.session(session_id)
                waiting = session.progress.current_step
                if session.status != "awaiting_approval" or waiting is None:
                    status = session.status.replace("_", " ")
                    raise ClientError("conflict", f"The story waits for no approval: it is {status}.")
            session = await client.approve(session_id, waiting, not reject, comment)
        what = waiting_text(waiting)
        said = f"Not approved: {what} is written again." if reject else f"Approved {what}."
        tell(session if as_json else f"{said} Watch it with:\n  {commands.line('attach', session_id)}")
        return 0

    raise typer.Exit(run(work))


@app.command(cls=Command)
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
    from storyloom.cli.exporting import export as export_story
    from storyloom.cli.exporting import wanted_format
    from storyloom.cli.follow import run

    wanted = wanted_format(format, output)
    where = where_of(server, token)
    raise typer.Exit(run(lambda: export_story(where, session_id, wanted, output, as_json)))


version_commands.add_to(app)


@app.command(cls=Command)
def serve(
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, metavar="N", help="Port; 0 takes a free one.")] = None,
) -> None:
    """Run the service: studio, WebSocket and REST."""
    host = bounded("--host", host, 255) if host is not None else None

    from api.serve import serve as serve_forever
    from coordinator.settings import load_settings

    given = {"host": host, "port": port}
    serve_forever(load_settings(**{name: value for name, value in given.items() if value is not None}))


@app.command(cls=Command)
def token(
    admin: Annotated[bool, typer.Option("--admin", help="An administrator's.")] = False, as_json: Json = False
) -> None:
    """Print a token for a local service."""
    from api.identity.auth import local_token
    from coordinator.settings import load_settings

    settings = load_settings()
    issued = local_token(settings, admin=admin)
    tell({"access_token": issued, "expires_in": int(settings.token_ttl_s)} if as_json else issued)


@app.command(cls=Command)
def migrate(as_json: Json = False) -> None:
    """Bring the database's schema up to date."""
    from coordinator.settings import load_settings
    from coordinator.store.migrate import migrate_configured
    from storyloom.cli.follow import run

    async def work() -> int:
        applied = await migrate_configured(load_settings())
        said = "\n".join(f"Applied {name}" for name in applied)
        tell({"applied": applied} if as_json else said or "Nothing to do: the database is up to date.")
        return DONE

    raise typer.Exit(run(work))


@app.command(cls=Command)
def doctor(as_json: Json = False) -> None:
    """Check settings, database, keys and model, and say what to do."""
    from coordinator.doctor.doctor import examine
    from coordinator.settings import load_settings
    from storyloom.cli.follow import run
    from storyloom.cli.listing import checks_table, put

    async def work() -> int:
        checks = await examine(load_settings())
        failed = sum(not check.ok for check in checks)
        if as_json:
            tell({"ok": not failed, "checks": [asdict(check) for check in checks]})
        else:
            console = plain_console()
            put(console, checks_table(console, checks))
            noted = ", ".join(check.name for check in checks if check.ok and check.remedy)
            well = f"Nothing failed; have a look at what is said of {noted}." if noted else "All is well."
            print(f"{failed} of {len(checks)} checks failed." if failed else well)
        return FAILED if failed else DONE

    raise typer.Exit(run(work))


def _watch(
    session_id: UUID, where: Where, as_json: bool, *, resume: bool, budget: dict[str, Any] | None = None
) -> None:
    from storyloom.cli.doors import open_client
    from storyloom.cli.follow import follow, run
    from storyloom.errors import ClientError

    commands = commands_of(where)
    view = _view(commands, as_json)

    async def work() -> int:
        with view:
            async with open_client(where, run_stories=True, on_lost=view.lost) as client:
                if resume:
                    limits = {f"budget_{name}": limit for name, limit in (budget or {}).items()}
                    try:
                        await client.resume(session_id, **limits)
                    except ClientError as error:
                        # A story that runs already, because the service itself took it up, is as good as resumed.
                        if error.code != "conflict" or (await client.session(session_id)).status != "active":
                            raise
                        if budget:
                            await client.set_budget(session_id, **budget)
                return await follow(client, client.watch(session_id), view, commands, session_id, _ask(view))

    raise typer.Exit(run(work))


def _gates(value: str) -> list[str]:
    named = list(dict.fromkeys(word.strip() for word in value.split(",")))
    if not set(named) <= set(GATES):
        raise Wrong(f"--approve takes {', '.join(GATES)}, with commas between them.")
    return named


def _budget(tokens: int | None, usd: float | None) -> dict[str, Any] | None:
    if usd is not None and not 0 < usd < float("inf"):
        raise Wrong("--budget-usd is an amount of US dollars above 0.")
    given = {name: limit for name, limit in {"tokens": tokens, "usd": usd}.items() if limit is not None}
    return given or None


def _ask(view: View) -> Ask | None:
    """How to ask whoever watches; None where nobody can answer."""
    from storyloom.cli.keyboard import ask, can_ask
    from storyloom.cli.plain import Quiet

    return None if isinstance(view, Quiet) or not can_ask() else ask


def _view(commands: Commands, as_json: bool) -> View:
    from storyloom.cli.plain import Frames, Lines

    if as_json:
        return Frames()
    console = plain_console()
    if not console.is_terminal or console.is_dumb_terminal:
        return Lines(commands)

    from storyloom.cli.display import Display

    return Display(console, commands)


def main() -> None:
    """The entry point. Every failure is one clear sentence; see `program.report`."""
    arguments = sys.argv[1:]
    end = arguments.index("--") if "--" in arguments else len(arguments)
    debug = "--debug" in arguments[:end] or os.environ.get("STORYLOOM_LOG_LEVEL", "").lower() == "debug"
    as_json = wants_json(arguments)
    arguments = [word for word in arguments[:end] if word != "--debug"] + arguments[end:]
    _mend_streams()
    named = program()
    try:
        sys.exit(_run(arguments, named))
    except (Exception, KeyboardInterrupt) as error:
        commands = {command.callback.__name__ for command in app.registered_commands if command.callback}
        command = " ".join([named, *(word for word in arguments[:1] if word in commands)])
        sys.exit(report(error, command=command, debug=debug, as_json=as_json))


def _run(arguments: list[str], named: str) -> int:
    """The exit code. What is printed is out when this returns, or the fault of its reader is raised."""
    command = typer.main.get_command(app)
    if not arguments:
        print(command.get_help(command.make_context(named, [], resilient_parsing=True)), file=sys.stderr)
        return WRONG_USE
    code = DONE
    try:
        # Not by typer's own way to run a program, which takes over where an output was closed, and prints the usage.
        with command.make_context(named, arguments) as context:
            command.invoke(context)
    except typer.Exit as ended:
        code = ended.exit_code
    except typer.TyperException as error:
        said = error.format_message()
        raise Wrong(said if said.endswith((".", "?")) else f"{said}.") from error
    sys.stdout.flush()
    return code


def _mend_streams() -> None:
    for number in range(3):
        # One that was closed is the next file's number, which nothing may be printed into.
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")
    for stream in (sys.stdout, sys.stderr):
        # A terminal that can't show a character gets a question mark, not an end of the story. A file or a pipe gets
        # UTF-8, whatever the locale says: that is what every command reads.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace", encoding=None if stream.isatty() else "utf-8")
