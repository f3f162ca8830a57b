"""A talk on a terminal: an answer scrolls by as it is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from storyloom.cli.casting import colour_of, name_of
from storyloom.cli.commands import Commands
from storyloom.cli.prose import Wrapper, clean, shorten
from storyloom.cli.talkview import begun_text, choices, story_text, talk_lines, titled_text, tool_text
from storyloom.cli.typeset import prose_width
from storyloom.client.events import (
    AgentDelta,
    AgentMessage,
    AgentState,
    Event,
    SessionSnapshot,
    SessionStatus,
    StoryAsked,
    ToolAnswered,
    ToolCalled,
    TurnStarted,
)
from storyloom.client.state import SessionState
from storyloom.client.things import Message, Proposal, Session, Talks, ToolUse
from storyloom.errors import ClientError

CARD_LINES = 12
"""Of a proposal's prompt on its card."""


class TalkDisplay:
    """A terminal: an answer scrolls by as it is written, and what its agent does is a dim line in it.

    As in `Display`, all drawing of an answer happens in `tick`."""

    def __init__(self, console: Console, commands: Commands) -> None:
        self._console = console
        self._commands = commands
        self._above: list[RenderableType] = []
        self._wrapper = Wrapper(prose_width(console))
        self._doing = ""
        self._trouble: str | None = None
        self._message: UUID | None = None
        self._shown = ""
        self._headed = False
        self._told: set[UUID] = set()
        self._tools: dict[str, ToolUse] = {}
        self._live: Live | None = None

    # What is there already

    def greet(self, agent: str, greeting: str | None) -> None:
        said = greeting or "Say what is on your mind."
        self._put(self._heading(agent), *self._laid(said))
        self._put(Text("\n/help lists what else there is. Ctrl-C stops an answer, Ctrl-D leaves.\n", style="dim"))

    def show(self, messages: Sequence[Message], head: str | None = None) -> None:
        if head:
            self._put(Text(clean(head), style="dim italic"))
        for message in messages:
            self._put(*self._whole(message))
        self._put(Text())

    # An answer as it comes

    @contextmanager
    def turn(self, agent: str) -> Iterator[None]:
        self._headed, self._doing, self._trouble, self._tools = False, f"{name_of(agent)} is about to answer", None, {}
        self._live = Live(
            console=self._console,
            get_renderable=self._below,
            auto_refresh=False,
            transient=True,
            vertical_overflow="crop",
        )
        self._live.start(refresh=True)
        try:
            yield
        finally:
            self._end_prose()
            self._doing, self._trouble = "", None
            self.tick()
            self._live.stop()
            self._live = None

    def tick(self) -> None:
        if self._live is None:
            return
        above, self._above = self._above, []
        with self._console:
            if above:
                self._console.print(Group(*above))
            self._live.refresh()

    def tell(self, event: Event, state: SessionState) -> None:
        self._trouble = None
        match event:
            case TurnStarted():
                if event.message_id != self._message:
                    self._end_prose()
                    self._headed = False
                self._doing = f"{name_of(event.agent)} is thinking"
            case AgentState():
                self._doing = f"{name_of(event.agent)}: {clean(event.activity or event.state)}"
            case AgentDelta():
                self._stream(state)
            case SessionSnapshot():
                if state.partial is not None:
                    self._stream(state)
            case ToolCalled():
                use = ToolUse(call_id=event.call_id, tool=event.tool, args=event.args, offset=event.offset)
                self._tools[event.call_id] = use
                self._head(state)
                self._doing = tool_text(use)
            case ToolAnswered():
                called = self._tools.get(event.call_id, ToolUse(call_id=event.call_id, tool=event.tool))
                self._head(state)
                self._end_line()
                self._above += self._used(called.model_copy(update={"result": event.result, "error": event.error}))
            case AgentMessage() if event.message.role == "assistant":
                self._settle(event.message)
            case StoryAsked():
                self._note(story_text(event.story))
            case SessionStatus() if event.status == "waiting" and event.reason == "stopped":
                self._note("Stopped. What was written is kept; /again has it answered anew.")

    def settled(self, messages: Sequence[Message]) -> None:
        """What no event has shown, as where a snapshot took its place."""
        for message in messages:
            if message.role == "assistant" and message.id not in self._told:
                self._settle(message)
        self._put(*self._above, Text())
        self._above = []

    def lost(self, error: ClientError, wait_s: float) -> None:
        self._trouble = f"{error.message} Trying again{f' in {wait_s:.0f} s' if wait_s >= 1 else ''} …"

    # What commands answer

    def begun(self, story: Session, *, again: bool) -> None:
        self._put(Text(begun_text(story, self._commands, again=again)))

    def titled(self, session: Session) -> None:
        self._put(Text(titled_text(session)))

    def listed(self, talks: Talks) -> None:
        self._put(*(Text(line) for line in talk_lines(talks, self._console.width)))

    def note(self, text: str) -> None:
        self._put(Text(clean(text)))

    def left(self, session_id: UUID) -> None:
        line = self._commands.line("chat", session_id)
        self._put(Text("This talk is kept. Go on with it:"), Text(f"  {line}", style="cyan"))

    # How

    def _put(self, *lines: RenderableType) -> None:
        for line in lines:
            self._console.print(line, soft_wrap=isinstance(line, Text))

    def _below(self) -> RenderableType:
        pending = self._wrapper.pending.rstrip()
        said = self._trouble or (f"{self._doing} …" if self._doing else "")
        below = Text(shorten(said, prose_width(self._console)), style="yellow" if self._trouble else "dim")
        return Group(Text(pending, no_wrap=True, overflow="crop"), below) if pending else below

    def _stream(self, state: SessionState) -> None:
        partial = state.partial
        if partial is None:
            return
        if partial.message_id != self._message or not partial.text.startswith(self._shown):
            self._end_prose()
            self._message = partial.message_id
        self._head(state, partial.agent)
        self._doing = ""
        self._prose(partial.text[len(self._shown) :])
        self._shown = partial.text

    def _head(self, state: SessionState, agent: str | None = None) -> None:
        if not self._headed:
            named = agent or (state.session.template if state.session else None)
            self._above.append(self._heading(named))
            self._headed = True

    def _settle(self, message: Message) -> None:
        """The end of what streamed, or all of it where nothing did."""
        self._told.add(message.id)
        if message.id == self._message and message.content.startswith(self._shown.rstrip()):
            self._prose(message.content[len(self._shown) :])
            self._end_prose()
            self._notes(message)
            return
        again = message.id == self._message
        self._end_prose()
        heading, *rest = self._whole(message)
        self._above += rest if self._headed and not again else [heading, *rest]
        self._headed = True

    def _whole(self, message: Message) -> list[RenderableType]:
        if message.role == "user":
            lines = clean(message.content).split("\n")
            return [Text("\n" + "\n".join(f"> {line}" for line in lines), style="bold")]
        found: list[RenderableType] = [self._heading(message.agent)]
        done = 0
        for use in sorted(message.tools, key=lambda use: use.offset):
            found += self._laid(message.content[done : use.offset])
            found += self._used(use)
            done = max(done, use.offset)
        found += self._laid(message.content[done:])
        if message.metadata.get("stopped"):
            found.append(Text("(stopped)", style="dim italic"))
        return found

    def _notes(self, message: Message) -> None:
        for note in message.notes:
            self._note(note)

    def _used(self, use: ToolUse) -> list[RenderableType]:
        proposal = use.proposal
        if proposal is not None:
            return [_card(proposal, self._console)]
        went = f": {clean(use.error)}" if use.error else ""
        text = shorten(f"· {tool_text(use)}{went}", prose_width(self._console))
        return [Text(text, style="dim", no_wrap=True, overflow="ellipsis")]

    def _heading(self, agent: str | None) -> Text:
        return Text(f"\n{clean(name_of(agent))}", style=f"bold {colour_of(agent)}", no_wrap=True, overflow="ellipsis")

    def _laid(self, text: str) -> list[RenderableType]:
        wrapper = Wrapper(prose_width(self._console))
        lines = [*wrapper.feed(text.strip("\n")), *wrapper.flush()]
        return [Text(line, no_wrap=True, overflow="crop") for line in lines]

    def _note(self, text: str) -> None:
        self._end_line()
        self._above.append(Text(clean(text), style="dim italic"))

    def _prose(self, text: str) -> None:
        self._add(self._wrapper.feed(text))

    def _end_line(self) -> None:
        self._add(self._wrapper.flush())

    def _end_prose(self) -> None:
        self._end_line()
        self._message, self._shown = None, ""
        self._wrapper = Wrapper(prose_width(self._console))

    def _add(self, lines: list[str]) -> None:
        self._above += [Text(line, no_wrap=True, overflow="crop") for line in lines]


def _card(proposal: Proposal, console: Console) -> RenderableType:
    width = prose_width(console)
    wrapper = Wrapper(width - 4)
    prompt = [*wrapper.feed(proposal.prompt.strip()), *wrapper.flush()]
    left = len(prompt) - CARD_LINES
    text = Text("\n".join(prompt[:CARD_LINES]), no_wrap=True, overflow="crop")
    if left > 0:
        text.append(f"\n… {left} more line{'s' if left > 1 else ''}", style="dim italic")
    if told := choices(proposal):
        text.append(f"\n\n{told}", style="dim")
    below = Text("/story has it written", style="bold")
    return Panel(text, title="A story, proposed", subtitle=below, title_align="left", box=box.ROUNDED, width=width)
