"""The program `storyloom`: its commands, and their one way in and out.

Only typer is imported before a command is known: `storyloom --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from storyloom.cli.chat import chat
from storyloom.cli.editing import edit, fork
from storyloom.cli.exporting import export
from storyloom.cli.ledger import ledger
from storyloom.cli.options import Command
from storyloom.cli.program import DONE, WRONG_USE, Wrong, program, report, wants_json
from storyloom.cli.reading import sessions, show
from storyloom.cli.rewriting import rewrite
from storyloom.cli.service import doctor, migrate, serve, token
from storyloom.cli.steering import approve, cancel, pause, steer
from storyloom.cli.versions import diff, versions
from storyloom.cli.writing import attach, resume, write

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


for command in (
    *(write, attach, resume, show, sessions, cancel, pause, steer, approve, export),
    *(versions, diff, edit, fork, rewrite, ledger, chat),
    *(serve, token, migrate, doctor),
):
    app.command(cls=Command)(command)


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
