"""The command that talks: with a person at a terminal, or line by line with what is piped in."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from storyloom.cli.options import (
    TITLE_CHARACTERS,
    Json,
    Server,
    Token,
    bounded,
    commands_of,
    plain_console,
    session_id_of,
    where_of,
)
from storyloom.cli.program import Failed, Wrong, program, say, sentence

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from storyloom.cli.beside import Beside
    from storyloom.cli.commands import Commands
    from storyloom.cli.conversation import Conversation
    from storyloom.cli.lines import Lines
    from storyloom.cli.talkview import TalkView

MESSAGE_CHARACTERS = 20_000
HISTORY_FILE = "chat-history"
HELP = """\
/story           has the story written that was proposed last
/again           has the last answer written anew, beside the one that is there
/edit [TEXT]     your last message otherwise: the talk goes another way there
/next /previous  what stands beside the last thing that was said in more ways
/stop            ends an answer that is written elsewhere; here Ctrl-C does
/title TEXT      gives this talk a title
/list            lists your talks
/quit            leaves, as Ctrl-D does; the talk is kept
Anything else is said. Lines that are pasted together are one message."""


def _project_id(value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError:
        raise Wrong(f"{value!r} is not a project's id.") from None


def chat(
    session_id: Annotated[
        UUID | None, typer.Argument(parser=session_id_of, metavar="[ID]", help="A talk to go on with; else a new one.")
    ] = None,
    agent: Annotated[str | None, typer.Option(metavar="NAME", help="Whom to talk with: muse, critic.")] = None,
    project: Annotated[
        UUID | None, typer.Option(parser=_project_id, metavar="ID", help="The project that it is about.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="PROVIDER:NAME", help="Otherwise the server's default.")] = None,
    server: Server = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Talk with the muse about a story, and have it written."""
    for name, value in {"--agent": agent, "--project": project, "--model": model}.items():
        if session_id is not None and value is not None:
            raise Wrong(f"{name} is for a new talk: leave it out, or leave out ID.")
    agent = bounded("--agent", agent, 60) if agent is not None else None
    model = bounded("--model", model, 200) if model is not None else None
    where = where_of(server, token)

    from storyloom.cli.beside import Beside, stopped_by_signals
    from storyloom.cli.conversation import Conversation

    commands = commands_of(where)
    lines, view = _lines_and_view(commands, as_json)
    with stopped_by_signals(), Beside(where, view.lost) as beside:
        conversation = Conversation(
            beside.client, view, commands, session_id=session_id, project_id=project, agent=agent, model=model
        )
        try:
            _Room(beside, conversation, lines, view).talk()
        finally:
            lines.close()
            if conversation.is_open and conversation.session_id is not None:
                view.left(conversation.session_id)


class _Room:
    """Line by line, each to its end."""

    def __init__(self, beside: Beside, conversation: Conversation, lines: Lines, view: TalkView) -> None:
        self._beside = beside
        self._talk = conversation
        self._lines = lines
        self._view = view
        self._said = False

    def talk(self) -> None:
        self._hear(self._talk.open(attended=self._lines.attended))
        while True:
            try:
                line = self._lines.line()
                if line is None or line.strip() == "/quit":
                    break
                self._take(line)
            except KeyboardInterrupt:
                if not self._lines.attended:
                    raise
                if not self._lines.discard():
                    return
            except Exception as error:
                if not self._lines.attended or not _goes_on(error):
                    raise
                text = str(error) if isinstance(error, Wrong) else sentence(error, f"{program()} chat")
                say(f"storyloom: {text}")
        if not self._lines.attended and not self._said:
            raise Wrong("Standard input is empty: say something, a message a line.")

    def _take(self, line: str) -> None:
        line = line.strip()
        if not line:
            return
        self._said = True
        if line.startswith("/"):
            name, _, rest = line[1:].partition(" ")
            self._command(name, rest.strip())
            return
        self._hear(self._talk.say(bounded("The message", line, MESSAGE_CHARACTERS)))

    def _command(self, name: str, rest: str) -> None:
        if rest and name not in ("edit", "title"):
            raise Wrong(f"/{name} takes nothing more.")
        match name:
            case "story":
                self._do(self._talk.story())
            case "again":
                self._hear(self._talk.again())
            case "edit":
                self._edit(rest)
            case "next" | "previous":
                self._do(self._talk.walk(1 if name == "next" else -1))
            case "stop":
                if not self._beside.call(self._talk.stop()):
                    self._view.note("Nothing is being written.")
            case "title":
                self._do(self._talk.title(bounded("The title", rest, TITLE_CHARACTERS)))
            case "list":
                self._do(self._talk.talks())
            case "help":
                self._view.note(HELP)
            case _:
                raise Wrong(f"There is no command /{name[:40]}: /help lists them.")

    def _edit(self, text: str) -> None:
        said = self._beside.call(self._talk.last_said())
        if not text:
            if not self._lines.attended:
                raise Wrong("/edit takes the message as it should be: /edit TEXT.")
            text = (self._lines.line(said.content) or "").strip()
        if text and text != said.content:
            self._hear(self._talk.edit(said.seq, bounded("The message", text, MESSAGE_CHARACTERS)))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        self._beside.call(work)

    def _hear(self, work: Coroutine[Any, Any, None]) -> None:
        """An answer, to its end. Ctrl-C stops it; a second one does not wait for that."""
        hearing = self._beside.begin(work)
        stopping = False
        try:
            with self._lines.busy():
                while True:
                    try:
                        return self._beside.wait(hearing)
                    except KeyboardInterrupt:
                        if stopping or not self._lines.attended:
                            raise
                        stopping = True
                        self._beside.begin(self._talk.stop())
        finally:
            hearing.cancel()


def _goes_on(error: Exception) -> bool:
    """Whether a talk at a terminal goes on after it: what was said can be said again."""
    from storyloom.errors import ClientError

    if isinstance(error, ClientError):
        return error.code not in ("unauthorized", "forbidden")
    return isinstance(error, Wrong | Failed)


def _lines_and_view(commands: Commands, as_json: bool) -> tuple[Lines, TalkView]:
    from storyloom.cli.lines import Piped, Typed
    from storyloom.cli.talkview import TalkFrames, TalkLines

    if as_json:
        return Piped(), TalkFrames()
    console = plain_console()
    if sys.stdin is None or not sys.stdin.isatty() or not console.is_terminal or console.is_dumb_terminal:
        return Piped(), TalkLines(commands)

    from storyloom.cli.talkdisplay import TalkDisplay

    return Typed(_history(commands)), TalkDisplay(console, commands)


def _history(commands: Commands) -> Path:
    """In the data folder."""
    if commands.log is not None:
        return commands.log.parent / HISTORY_FILE
    import platformdirs

    folder = os.environ.get("STORYLOOM_DATA_DIR") or platformdirs.user_data_dir("storyloom", appauthor=False)
    return Path(folder) / HISTORY_FILE
