"""The live view on a terminal: prose scrolls by above, cast and progress stay below.

All drawing happens in `tick`, a few times a second, in one write: what scrolls and what stays never tear apart.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self
from uuid import UUID

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from storyloom.cli.casting import BESIDE, colour_of, excerpt_lines, is_read_live, kind_of, name_of, waiting_text
from storyloom.cli.commands import Commands
from storyloom.cli.panel import Panel
from storyloom.cli.program import say
from storyloom.cli.prose import Wrapper, clean, shorten
from storyloom.cli.typeset import excerpt, markdown, prose_width, story_text, summary
from storyloom.client.events import (
    AgentDelta,
    AgentMessage,
    DraftSaved,
    Event,
    SessionCreated,
    SessionSnapshot,
    SessionStatus,
)
from storyloom.client.state import SessionState
from storyloom.client.things import Approval, Message, Partial, Session, Story
from storyloom.errors import ClientError


class Display:
    """Draws a session on `console`. Used as a context manager: the live area is gone when it is left."""

    def __init__(self, console: Console, commands: Commands) -> None:
        self._console = console
        self._commands = commands
        self._above: list[RenderableType] = []
        self._panel = Panel()
        self._wrapper = Wrapper(prose_width(console))
        self._style = ""
        self._headed: tuple[str | None, str | None] | None = None
        self._message: UUID | None = None
        self._attempt: int | None = None
        self._shown = ""
        self._after_prose = False
        self._live = self._area()

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live.is_started:
            self._end_prose()
            self.tick()
            self._live.stop()

    def tick(self) -> None:
        """Draws what has changed. Called a few times a second."""
        if not self._live.is_started:
            return
        above, self._above = self._above, []
        with self._console:
            if above:
                self._console.print(Group(*above))
            self._live.refresh()

    def tell(self, event: Event, state: SessionState) -> None:
        """What happened, and the state after it."""
        self._panel.state = state
        self._panel.trouble = None
        match event:
            case SessionCreated():
                self._announce(event.session)
            case SessionSnapshot():
                self._take_up(event, state)
            case AgentDelta():
                self._stream(state)
            case AgentMessage():
                self._settle(event.message)
                for note in event.message.notes:
                    self._note(note)
            case DraftSaved():
                self._note(_draft_line(event))
            case SessionStatus():
                self._status(event)

    def hold(self, approval: Approval) -> None:
        """Shows what waits for an answer, whole, and leaves what is below it to the question."""
        self.__exit__(None, None, None)
        what = waiting_text(approval.step).removeprefix("the ").capitalize()
        self._console.print(Text(f"\n{what}, for your approval", style="bold"))
        self._console.print("", markdown(approval.content), "", sep="\n", width=prose_width(self._console))

    def go_on(self) -> None:
        # Another one: the one before would clear as many lines as it had, and what was asked with them.
        self._live = self._area()
        self._live.start(refresh=True)

    def waits(self, line: str) -> None:
        before, _, command = line.rpartition(": ")
        self._console.print(Text(f"\n{before}:"), Text(f"  {command}", style="cyan"), sep="\n", soft_wrap=True)

    def left(self, line: str) -> None:
        say(line)

    def lost(self, error: ClientError, wait_s: float) -> None:
        self._panel.trouble = f"{error.message} Trying again{f' in {wait_s:.0f} s' if wait_s >= 1 else ''} …"

    def story(self, story: Story) -> None:
        """The finished story, whole, and its summary. After the live area is gone."""
        print_story(self._console, story, self._commands.line("show", story.session_id))

    # What scrolls

    def _announce(self, session: Session) -> None:
        line = Text(no_wrap=True, overflow="fold")
        line.append("Session  ").append(str(session.id), style="bold")
        line.append(f"\nModel    {clean(session.model)}")
        self._above.append(line)

    def _take_up(self, event: SessionSnapshot, state: SessionState) -> None:
        if self._headed is not None:
            self._end_prose()
            self._note("Taken up again from what the server has kept.")
        else:
            self._announce(event.session)
            if not event.session.finished:
                draft = f", draft {event.draft.version} kept" if event.draft else ""
                count = state.message_count
                self._note(f"{shorten(state.title, 60)}: {count} message{'s' if count != 1 else ''} so far{draft}.")
                if event.session.status == "paused":
                    self._paused(event.session.id)
        if state.partial is not None:
            self._stream(state)

    def _status(self, event: SessionStatus) -> None:
        if event.status == "paused" and event.error is None:
            self._paused(event.session_id)
        elif event.reason in ("approved", "rejected"):
            self._note("Approved." if event.reason == "approved" else "Not approved: it is written again.")
        elif event.title:
            self._note(f"The story is now called {shorten(event.title, 60)}.")

    def _paused(self, session_id: UUID) -> None:
        self._note("Paused, and nothing is lost. It is watched on here; go on with it elsewhere:")
        self._above.append(Text(f"  {self._commands.line('resume', session_id)}", style="cyan", overflow="fold"))

    def _stream(self, state: SessionState) -> None:
        partial = state.partial
        step = state.step.step if state.step else state.progress.current_step
        if partial is None or not is_read_live(step, partial.agent):
            return
        again = partial.message_id == self._message and partial.attempt != self._attempt
        if partial.message_id != self._message or again or not partial.text.startswith(self._shown):
            self._begin(partial, step)
            if again:
                self._note("Begun again:")
        self._prose(partial.text[len(self._shown) :])
        self._shown = partial.text

    def _begin(self, partial: Partial, step: str | None) -> None:
        self._end_prose()
        self._head(partial.agent, step)
        if not partial.complete:
            self._note("(the beginning was missed)")
        self._message, self._attempt, self._shown = partial.message_id, partial.attempt, ""

    def _settle(self, message: Message) -> None:
        """A whole message: the end of what streamed, or all of it where nothing did."""
        if message.role == "user":
            if message.seq > 1:
                self._note(f"You: {shorten(message.content, 70)}")
            return
        prose = is_read_live(message.step, message.agent)
        content = message.content
        if prose and message.id == self._message and content.startswith(self._shown.rstrip()):
            self._prose(content[len(self._shown) :])
            self._end_prose()
            return
        corrected = prose and message.id == self._message
        self._end_prose()
        self._head(message.agent, message.step)
        if not prose:
            self._above.append(excerpt(self._console, content, excerpt_lines(message.step)))
            return
        if corrected:
            self._note("As kept:")
        self._prose(content)
        self._end_prose()

    def _head(self, agent: str | None, step: str | None) -> None:
        if (agent, step) == self._headed:
            return
        self._headed, self._after_prose = (agent, step), False
        self._style = "dim" if kind_of(step) in BESIDE else ""
        heading = Text(f"\n{name_of(agent)}", style=f"bold {colour_of(agent)}", no_wrap=True, overflow="ellipsis")
        if step:
            heading.append(f" · {clean(step)}", style="not bold dim")
        self._above.append(heading)

    def _note(self, text: str) -> None:
        self._end_line()
        apart, self._after_prose = "\n" if self._after_prose else "", False
        self._above.append(Text(apart + clean(text), style="dim italic"))

    def _prose(self, text: str) -> None:
        self._add(self._wrapper.feed(text))

    def _end_line(self) -> None:
        self._add(self._wrapper.flush())

    def _end_prose(self) -> None:
        self._end_line()
        self._message = self._attempt = None
        self._shown = ""
        self._wrapper = Wrapper(prose_width(self._console))

    def _add(self, lines: list[str]) -> None:
        self._above += [_prose_line(line, self._style) for line in lines]
        self._after_prose = self._after_prose or bool(lines)

    # What stays

    def _area(self) -> Live:
        return Live(
            console=self._console,
            get_renderable=self._below,
            auto_refresh=False,
            transient=True,
            vertical_overflow="crop",
        )

    def _below(self) -> RenderableType:
        pending = _prose_line(self._wrapper.pending.rstrip(), self._style)
        return self._panel.render(self._console, pending, time.monotonic())


def print_story(console: Console, story: Story, again: str) -> None:
    """The story and its summary, at most 80 columns wide whatever the terminal has."""
    width = prose_width(console)
    line = Text(("-" if console.options.ascii_only else "─") * width, style="dim")
    console.print("", line, "", sep="\n")
    console.print(story_text(story), width=width)
    console.print("", line, sep="\n")
    console.print(summary(story, again), soft_wrap=True)


def _prose_line(line: str, style: str) -> Text:
    if line.startswith("#"):
        return Text(line.lstrip("# "), style=f"bold {style}".strip(), no_wrap=True, overflow="crop")
    return Text(line, style=style, no_wrap=True, overflow="crop")


def _draft_line(event: DraftSaved) -> str:
    scores = ", ".join(f"{name} {score:g}" for name, score in (event.scores or {}).items())
    kept = "kept" if event.current else "kept aside, the one before is better"
    return f"Draft {event.version} {kept}: {event.word_count:,} words{f' ({scores})' if scores else ''}."
