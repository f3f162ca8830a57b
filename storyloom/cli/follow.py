"""Watching a story from the command line, from its first event to the exit code."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Any, Protocol, Self
from uuid import UUID

from storyloom.cli.casting import waiting_text
from storyloom.cli.commands import Commands
from storyloom.cli.gates import Ask, Gates
from storyloom.cli.program import DONE, Failed
from storyloom.client import Client
from storyloom.client.events import Event
from storyloom.client.state import SessionState
from storyloom.client.things import Approval, Story
from storyloom.errors import ClientError

TICK_S = 1 / 12


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
    def hold(self, approval: Approval) -> None: ...
    def go_on(self) -> None: ...
    def waits(self, line: str) -> None: ...
    def left(self, line: str) -> None: ...


async def follow(
    client: Client,
    events: AsyncGenerator[Event, None],
    view: View,
    commands: Commands,
    known: UUID | None = None,
    ask: Ask | None = None,
) -> int:
    """Shows the events and then the story. Answers the exit code; raises Failed where the story came to no good end.
    `known` is the session's id where it is known.

    Where the story waits for a person, `ask` asks them; without it there is nobody, and the story is left waiting.
    """
    state = SessionState()
    gates = Gates(client, view, ask)
    try:
        with view:
            ticker = asyncio.create_task(_tick(view))
            try:
                async with contextlib.aclosing(_until(events, gates.left)) as told:
                    async for event in told:
                        state = state.apply(event)
                        known = event.session_id
                        view.tell(event, state)
                        gates.look(known, state)
                        if _waits(state, watched=ask is not None):
                            break
            finally:
                ticker.cancel()
                await gates.close()
    except asyncio.CancelledError:
        view.left(_left(commands, known))
        raise
    if known is None:
        raise ClientError("internal", "The server ended the story before it began.")
    if state.status == "completed":
        view.story(await client.story(known))
        return DONE
    if state.status in ("awaiting_approval", "paused") and state.error is None:
        view.waits(_waiting(state, known, commands))
        return DONE
    raise Failed(_outcome(state, known, commands), state.error.code if state.error else state.status)


def _waits(state: SessionState, *, watched: bool) -> bool:
    """Whether nothing more comes until a person does something, and none is here to see it, or they must do it here."""
    if state.status == "paused":
        return not watched or state.error is not None
    return state.status == "awaiting_approval" and not watched


async def _until(events: AsyncGenerator[Event, None], left: asyncio.Future[None]) -> AsyncGenerator[Event, None]:
    """The events, for as long as `left` is not done. Raises what it has."""
    coming: asyncio.Task[Event | None] | None = None
    try:
        while True:
            coming = asyncio.create_task(_next(events))
            awaited: set[asyncio.Future[Any]] = {coming, left}
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if left.done():
                left.result()
                return
            if (event := coming.result()) is None:
                return
            yield event
    finally:
        if coming is not None and not coming.done():
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        await events.aclose()


async def _next(events: AsyncIterator[Event]) -> Event | None:
    try:
        return await anext(events)
    except StopAsyncIteration:
        return None


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
    how = {"expired": "expired for want of activity.", "paused": f"is paused{reason}"}.get(
        state.status, f"failed{reason}"
    )
    if state.error is not None and state.error.code == "internal" and commands.log:
        how += f"\nThe log is {commands.log}"
    spent = state.error is not None and state.error.code == "budget_exceeded"
    more = f" {_budget_option(state)} MORE" if spent else ""
    return f"The story {how}\nGo on from its last finished step with:\n  {commands.line('resume', session_id, more)}"


def _budget_option(state: SessionState) -> str:
    """Of `resume`: the one that raises the limit that was met."""
    budget = (state.session.config.get("budget") if state.session else None) or {}
    money = budget.get("usd") is not None and state.cost_usd >= budget["usd"]
    return "--budget-usd" if money else "--budget-tokens"


def _waiting(state: SessionState, session_id: UUID, commands: Commands) -> str:
    if state.status == "paused":
        return f"The story is paused. Go on with: {commands.line('resume', session_id)}"
    what = waiting_text(state.approval.step) if state.approval else "something"
    return f"{what.capitalize()} waits for your answer. Give it with: {commands.line('approve', session_id)}"
