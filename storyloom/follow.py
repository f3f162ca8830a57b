"""Watching a story from the command line, from its first event to the exit code."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from storyloom.client import Client
from storyloom.commands import Commands
from storyloom.errors import ClientError
from storyloom.events import Event
from storyloom.program import Stopped, say
from storyloom.state import SessionState
from storyloom.things import Story

TICK_S = 1 / 12
DONE, FAILED = 0, 1
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""SIGHUP is a terminal that was closed: the service in this process must still stop in order."""


class View(Protocol):
    """Something that shows a session: `Display` on a terminal, `Lines` and `Frames` elsewhere."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def tick(self) -> None: ...
    def tell(self, event: Event, state: SessionState) -> None: ...
    def lost(self, error: ClientError, wait_s: float) -> None: ...
    def story(self, story: Story) -> None: ...


async def follow(
    client: Client, events: AsyncIterator[Event], view: View, commands: Commands, known: UUID | None = None
) -> int:
    """Shows the events and then the story. Answers the exit code. `known` is the session's id where it is known."""
    state = SessionState()
    try:
        with view:
            ticker = asyncio.create_task(_tick(view))
            try:
                async for event in events:
                    state = state.apply(event)
                    known = event.session_id
                    view.tell(event, state)
            finally:
                ticker.cancel()
    except asyncio.CancelledError:
        say(_left(commands, known))
        raise
    if known is None:
        raise ClientError("internal", "The server ended the story before it began.")
    if state.status == "completed":
        view.story(await client.story(known))
        return DONE
    say(_outcome(state, known, commands))
    return FAILED


async def _tick(view: View) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        view.tick()


def _left(commands: Commands, session_id: UUID | None) -> str:
    if session_id is None:
        return "Stopped before the story began."
    return f"\nLeft the story; all that was written is kept. Go on with:\n  {commands.line('attach', session_id)}"


def _outcome(state: SessionState, session_id: UUID, commands: Commands) -> str:
    reason = f": {state.reason}" if state.reason else "."
    if state.status == "cancelled":
        kept = f" What was written is kept:\n  {commands.line('show', session_id)}" if state.draft else ""
        return f"The story was cancelled{reason}{'' if reason.endswith('.') else '.'}{kept}"
    how = "expired for want of activity." if state.status == "expired" else f"failed{reason}"
    if state.error is not None and state.error.code == "internal" and commands.log:
        how += f"\nThe log is {commands.log}"
    return f"The story {how}\nGo on from its last finished step with:\n  {commands.line('resume', session_id)}"


def run(work: Callable[[], Awaitable[int]]) -> int:
    """Runs a command's coroutine. One of `SIGNALS` cancels it, so that everything is closed in order, and raises
    Stopped; a second SIGINT doesn't wait for that."""

    async def stoppable() -> int:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        received: list[int] = []

        def stop(number: int) -> None:
            received.append(number)
            loop.remove_signal_handler(signal.SIGINT)
            task.cancel()

        for number in SIGNALS:
            # Not every platform's loop can: there a KeyboardInterrupt comes instead.
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, stop, number)
        try:
            return await work()
        except asyncio.CancelledError:
            if received:
                raise Stopped(received[0]) from None
            raise

    return asyncio.run(stoppable())
