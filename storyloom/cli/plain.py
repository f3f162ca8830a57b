"""What `write` and `attach` print where no person watches: plain lines, or JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

from storyloom.cli.casting import name_of, place_in_queue
from storyloom.cli.commands import Commands
from storyloom.cli.machine import as_json
from storyloom.cli.prose import clean
from storyloom.cli.typeset import story_plain
from storyloom.client.events import (
    AgentMessage,
    AgentState,
    ApprovalRequested,
    DraftSaved,
    Event,
    SessionCreated,
    SessionSnapshot,
    SessionStatus,
    StepStarted,
)
from storyloom.client.state import SessionState
from storyloom.client.things import Approval, Session, Story
from storyloom.errors import ClientError

Print = Callable[[str], None]


def _print(line: str) -> None:
    print(line, flush=True)


def _complain(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Quiet:
    """What both have in common: nothing to draw, nothing to put back."""

    def __init__(self, say: Print = _print, complain: Print = _complain) -> None:
        self._say = say
        self._complain = complain
        self._told_lost = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def tick(self) -> None:
        pass

    def hold(self, approval: Approval) -> None:
        pass

    def go_on(self) -> None:
        pass

    def left(self, line: str) -> None:
        """What to say to whoever stopped the command."""
        self._complain(line)

    def lost(self, error: ClientError, wait_s: float) -> None:
        """Told once, however many tries it takes until the next event."""
        if not self._told_lost:
            self._complain(f"{error.message} Trying again.")
        self._told_lost = True


class Lines(Quiet):
    """A line a step; the story itself, as Markdown, at the end."""

    def __init__(self, commands: Commands, say: Print = _print, complain: Print = _complain) -> None:
        super().__init__(say, complain)
        self._commands = commands
        self._announced = False

    def tell(self, event: Event, state: SessionState) -> None:
        self._told_lost = False
        match event:
            case SessionCreated() | SessionSnapshot():
                self._announce(event.session)
            case StepStarted():
                again = f", attempt {event.attempt}" if event.attempt > 1 else ""
                where = f"{event.stage} {state.progress.percent:.0f}%".strip()
                self._say(clean(f"[{where}] {name_of(event.agent)}: {event.step}{again}"))
            case AgentState() if event.state == "waiting" and event.activity:
                self._say(clean(f"  waiting: {event.activity}"))
            case AgentMessage() if event.message.notes:
                for note in event.message.notes:
                    self._say(clean(f"  note: {note}"))
            case DraftSaved():
                scores = "".join(f", {name} {score:g}" for name, score in (event.scores or {}).items())
                kept = "" if event.current else ", not taken"
                self._say(clean(f"draft {event.version}: {event.word_count} words{scores}{kept}"))
            case ApprovalRequested():
                self._say("")
                self._say(clean(event.content).strip())
                self._say("")
            case SessionStatus() if event.status == "active" and event.queue_place:
                self._say(place_in_queue(event.queue_place))
            case SessionStatus() if event.status == "active" and event.reason in ("pausing", "approved", "rejected"):
                self._say(event.reason)
            case SessionStatus() if event.status != "active" or event.title:
                said = f"title {event.title}" if event.title else f"status {event.status}"
                self._say(clean(said.replace("_", " ")))

    def _announce(self, session: Session) -> None:
        where = f"status {session.status}, {session.progress.percent:.0f}%"
        if self._announced:
            self._say(clean(f"taken up again, {where}"))
            return
        self._announced = True
        self._say(f"session {session.id}")
        self._say(clean(f"model {session.model}, {where}"))
        if session.queue_place:
            self._say(place_in_queue(session.queue_place))

    def story(self, story: Story) -> None:
        self._say("")
        self._say(story_plain(story))
        self._say(f"{story.word_count} words, session {story.session_id}")
        self._say(f"show it again: {self._commands.line('show', story.session_id)}")

    def waits(self, line: str) -> None:
        self._say(line)


class Frames(Quiet):
    """Every event as the server sent it, one JSON object a line; the story is the last. Of trouble, too, an object."""

    def tell(self, event: Event, state: SessionState) -> None:
        self._told_lost = False
        self._say(json.dumps(dict(event.raw)))

    def story(self, story: Story) -> None:
        self._say(as_json(story))

    def lost(self, error: ClientError, wait_s: float) -> None:
        self._complain(json.dumps({"lost": {"code": error.code, "message": error.message, "wait_s": wait_s}}))

    def left(self, line: str) -> None:
        """The error at the end says it."""

    def waits(self, line: str) -> None:
        """The last event has said it."""
