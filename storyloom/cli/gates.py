"""The gates of a story on the command line: whoever sits there is asked, while the story may be answered elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol
from uuid import UUID

from storyloom.cli.casting import waiting_text
from storyloom.client import Client
from storyloom.client.state import SessionState
from storyloom.client.things import Approval
from storyloom.errors import ClientError

COMMENT_CHARACTERS = 4_000
Ask = Callable[[str], Awaitable[str | None]]
"""Puts a question and gives the line that answers it, None where no more lines come."""


class Held(Protocol):
    """A view that makes room for a question."""

    def hold(self, approval: Approval) -> None: ...
    def go_on(self) -> None: ...


class Gates:
    """Asks at each gate that opens. `left` is done when the answer is to be given later; it has what went wrong."""

    def __init__(self, client: Client, view: Held, ask: Ask | None) -> None:
        self.left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._client = client
        self._view = view
        self._ask = ask
        self._asking: asyncio.Task[None] | None = None

    def look(self, session_id: UUID, state: SessionState) -> None:
        """After each event: a gate may have opened, or been answered elsewhere."""
        approval = state.approval if state.status == "awaiting_approval" else None
        if approval is None:
            if self._asking is not None and not self._asking.done():
                self._asking.cancel()
            self._asking = None
        elif self._asking is None and self._ask is not None:
            self._asking = asyncio.create_task(self._put(session_id, approval, self._ask))
            self._asking.add_done_callback(self._asked)

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        self.left.cancel()

    def _asked(self, asking: asyncio.Task[None]) -> None:
        if not asking.cancelled() and (error := asking.exception()) and not self.left.done():
            self.left.set_exception(error)

    async def _put(self, session_id: UUID, approval: Approval, ask: Ask) -> None:
        self._view.hold(approval)
        try:
            answer = await _answer(approval, ask)
            if answer is None:
                if not self.left.done():
                    self.left.set_result(None)
                return
            await self._client.approve(session_id, approval.step, *answer)
        except ClientError as error:
            # Somebody was quicker; the events tell what they said.
            if error.code != "conflict":
                raise
        finally:
            self._view.go_on()


async def _answer(approval: Approval, ask: Ask) -> tuple[bool, str | None] | None:
    """Whether it is approved, and the comment; None for later."""
    while True:
        said = await ask(f"Approve {waiting_text(approval.step)}? [y]es, [n]o with a comment, [l]ater: ")
        word = "later" if said is None else said.strip().lower()
        if word in ("y", "yes"):
            return True, None
        if word in ("l", "later"):
            return None
        if word in ("n", "no"):
            comment = await ask("What should be different? ")
            if comment is None:
                return None
            return False, comment.strip()[:COMMENT_CHARACTERS] or None
