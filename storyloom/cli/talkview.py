"""How a talk is told: in plain lines where no person watches, or as JSON for programs; and in which words."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from storyloom.cli.commands import Commands
from storyloom.cli.listing import ago
from storyloom.cli.machine import as_json
from storyloom.cli.program import say, say_json
from storyloom.cli.prose import clean, shorten
from storyloom.client.events import (
    Event,
)
from storyloom.client.state import SessionState
from storyloom.client.things import AskedStory, Message, Proposal, Session, Talks, ToolUse
from storyloom.errors import ClientError

EARLIER = 6
"""Messages shown of a talk that is gone on with."""


class TalkView(Protocol):
    """Something that shows a talk."""

    def greet(self, agent: str, greeting: str | None) -> None:
        """Before anything is said."""

    def show(self, messages: Sequence[Message], head: str | None = None) -> None:
        """Messages that are there already, under a line about them."""

    @contextmanager
    def turn(self, agent: str) -> Iterator[None]:
        """While an answer comes."""
        yield

    def tick(self) -> None: ...
    def tell(self, event: Event, state: SessionState) -> None: ...

    def settled(self, messages: Sequence[Message]) -> None:
        """What was said in a turn that is over."""

    def lost(self, error: ClientError, wait_s: float) -> None: ...
    def begun(self, story: Session, *, again: bool) -> None: ...
    def titled(self, session: Session) -> None: ...
    def listed(self, talks: Talks) -> None: ...

    def note(self, text: str) -> None:
        """A sentence for people."""

    def left(self, session_id: UUID) -> None: ...


class TalkLines:
    """Answers as plain text on standard output, when they are whole; all else on standard error."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._told_lost = False
        self._said = False

    def greet(self, agent: str, greeting: str | None) -> None:
        pass

    def show(self, messages: Sequence[Message], head: str | None = None) -> None:
        for message in messages:
            self._say(f"> {clean(message.content)}" if message.role == "user" else plain_answer(message))

    def _say(self, text: str) -> None:
        """With an empty line before all but the first."""
        _print(f"\n{text}" if self._said else text)
        self._said = True

    @contextmanager
    def turn(self, agent: str) -> Iterator[None]:
        yield

    def tick(self) -> None:
        pass

    def tell(self, event: Event, state: SessionState) -> None:
        self._told_lost = False

    def settled(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.role == "assistant":
                self._say(plain_answer(message))

    def lost(self, error: ClientError, wait_s: float) -> None:
        if not self._told_lost:
            say(f"{error.message} Trying again.")
        self._told_lost = True

    def begun(self, story: Session, *, again: bool) -> None:
        self._say(begun_text(story, self._commands, again=again))

    def titled(self, session: Session) -> None:
        self._say(titled_text(session))

    def listed(self, talks: Talks) -> None:
        self._say("\n".join(talk_lines(talks, 80)))

    def note(self, text: str) -> None:
        say(text)

    def left(self, session_id: UUID) -> None:
        say(f"Go on with this talk:\n  {self._commands.line('chat', session_id)}")


class TalkFrames:
    """Every event as the server sent it, one JSON object a line, and what commands answer."""

    def greet(self, agent: str, greeting: str | None) -> None:
        pass

    def show(self, messages: Sequence[Message], head: str | None = None) -> None:
        for message in messages:
            _print(as_json(message))

    @contextmanager
    def turn(self, agent: str) -> Iterator[None]:
        yield

    def tick(self) -> None:
        pass

    def tell(self, event: Event, state: SessionState) -> None:
        _print(json.dumps(dict(event.raw)))

    def settled(self, messages: Sequence[Message]) -> None:
        pass

    def lost(self, error: ClientError, wait_s: float) -> None:
        say_json({"lost": {"code": error.code, "message": error.message, "wait_s": wait_s}})

    def begun(self, story: Session, *, again: bool) -> None:
        _print(as_json(story))

    def titled(self, session: Session) -> None:
        _print(as_json(session))

    def listed(self, talks: Talks) -> None:
        _print(as_json(talks))

    def note(self, text: str) -> None:
        say_json({"warning": text})

    def left(self, session_id: UUID) -> None:
        """Every event has said it."""


def tool_text(use: ToolUse) -> str:
    """What an agent does, in a few words for people."""
    about = {"look_up": "query", "read_story": "session_id", "note": "text"}.get(use.tool, "")
    told = shorten(str(use.args.get(about) or ""), 50)
    match use.tool:
        case "look_up":
            return f"looks up “{told}”" if told else "looks something up"
        case "read_story":
            part = use.args.get("section")
            title = shorten(str((use.result or {}).get("title") or ""), 40)
            return f"reads {f'“{title}”' if title else 'a story'}{f', part {part}' if isinstance(part, int) else ''}"
        case "note":
            return f"notes: {told}" if told else "notes something"
        case "propose_story":
            return "proposes a story"
        case _:
            return clean(use.tool).replace("_", " ")


def story_text(story: AskedStory) -> str:
    """How a story goes that was begun in a talk."""
    words = f", {story.words:,} words" if story.words else ""
    return f"The story “{shorten(story.title, 50)}” is {story.status.replace('_', ' ')}{words}."


def choices(proposal: Proposal) -> str:
    """`3 pages · noir · about Maren`."""
    pages, about = proposal.config.get("pages"), proposal.config.get("protagonist")
    told = [
        f"{pages} page{'s' if pages != 1 else ''}" if pages else "",
        proposal.template or "",
        f"about {about}" if about else "",
    ]
    return shorten(" · ".join(one for one in told if one), 76)


def plain_answer(message: Message) -> str:
    """An answer and what it proposes, for a file or another program."""
    text = clean(message.content).strip()
    for use in message.tools:
        if (proposal := use.proposal) is not None:
            text += (
                f"\n\nA story, proposed ({choices(proposal)}); /story has it written:\n{clean(proposal.prompt).strip()}"
            )
    return text


def talk_lines(talks: Talks, width: int) -> list[str]:
    """A line each, its id whole; at the end how many there are besides."""
    now = datetime.now(UTC)
    lines = [
        f"{talk.session_id}  {ago(talk.last_message_at, now):>8}  {shorten(talk.title, max(width - 48, 20))}"
        for talk in talks.sessions
    ]
    more = talks.total - len(talks.sessions)
    return [*lines, *([f"… and {more} more"] if more > 0 else [])] or ["No talks yet."]


def begun_text(story: Session, commands: Commands, *, again: bool) -> str:
    status = story.status.replace("_", " ")
    said = f"That story was begun already, and is {status}" if again else "The story has begun"
    how, command = ("Read", "show") if story.status == "completed" else ("Watch", "attach")
    return f"{said}: session {story.id}\n{how} it with:\n  {commands.line(command, story.id)}"


def titled_text(session: Session) -> str:
    return f"This talk is called {shorten(session.title, 60)} now."


def _print(line: str) -> None:
    print(line, file=sys.stdout, flush=True)
