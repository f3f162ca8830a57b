"""Grouped writes: what comes while others are on their way gathers, and goes as one call when one of them is back.

An idle node writes at once, one call for one write; the busier it is, the more go together, and the fewer are the
commits that the database has to make durable.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from coordinator.errors import Internal, StoryloomError, Unavailable
from coordinator.models import SERVICE
from coordinator.store.faults import fault
from coordinator.store.transport import Transport
from coordinator.store.values import JsonText, json_text, parameter

logger = logging.getLogger(__name__)

GROUPED = frozenset(
    {
        "append_events",
        "finish_step",
        "complete_session",
        "append_message",
        "create_session",
        "post_turn",
        "finish_turn",
    }
)
"""The writes that there are many of; the function `write_many` knows them by name."""
FLUSHES = 3
"""On their way at once: while the database works at one, the node reads the answers of the other and gathers anew."""
SHARED_FROM = 24
"""What waits is shared out among the flushes that are free, in groups of at least so many: in one group the writers of
a busy node would all wait for the same answer, then all write at once again, while the database has nothing to do.
Smaller ones cost more than that is worth: a set of rows has its price before the first of them."""
GROUP_CALLS = 64
"""Writes in one call at the most: a longer one would hold its sessions' rows for longer than it saves."""
GROUP_CHARACTERS = 2_000_000
"""The same for the length of their arguments as JSON, except for one write alone; a project's API takes no more."""
WAITING_CALLS = 20_000
"""Beyond so many waiting writes a node says that it is busy: the database does not keep up."""


@dataclass(frozen=True, slots=True)
class Call:
    session: Hashable
    function: str
    args: Mapping[str, Any]
    text: str
    """The arguments as JSON."""
    answer: asyncio.Future[Any]

    @property
    def named(self) -> str:
        return f'{{"function":"{self.function}","args":{self.text}}}'


class Grouping:
    """The writes of a session are done in the order in which they came: those of one flush, and one flush at a time."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._waiting: dict[Hashable, deque[Call]] = {}
        """By session, those first whose oldest write came first."""
        self._count = 0
        self._busy: set[Hashable] = set()
        """Sessions of which writes are on their way."""
        self._flushes: set[asyncio.Task[None]] = set()

    async def call(self, function: str, args: Mapping[str, Any]) -> Any:
        """What the function answers; durable on return. Its errors are its own, whatever it was grouped with.

        Cancelled, it is done all the same, once. Raises Unavailable where too many are waiting.
        """
        if self._count >= WAITING_CALLS:
            raise Unavailable("The service is too busy to store more just now. Try again in a moment.")
        named = {parameter(name): value for name, value in args.items()}
        text = json_text(named)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        # A session that is yet to be made has no order to keep.
        session = args.get("session_id") or answer
        self._waiting.setdefault(session, deque()).append(Call(session, function, args, text, answer))
        self._count += 1
        if len(self._flushes) < FLUSHES:
            # Not at once: what else is written in this turn of the loop goes with it.
            asyncio.get_running_loop().call_soon(self._flush_next)
        return await answer

    async def close(self) -> None:
        """What waits is written, or refused, on return."""
        self._flush_next()
        while self._flushes:
            await asyncio.wait(self._flushes)

    def _flush_next(self) -> None:
        while len(self._flushes) < FLUSHES and (group := self._next_group()):
            self._flushes.add(asyncio.create_task(self._flush(group), name="grouped writes"))

    async def _flush(self, group: list[Call]) -> None:
        try:
            if len(group) == 1:
                answers = [{"answer": await self._transport.call(group[0].function, group[0].args, SERVICE)}]
            else:
                answers = await self._together(group)
            _settle(group, answers)
        except Exception as error:
            for call in group:
                if not call.answer.done():
                    call.answer.set_exception(_own(error))
        finally:
            self._busy.difference_update(call.session for call in group)
            self._flushes = {flush for flush in self._flushes if flush is not asyncio.current_task()}
            self._flush_next()

    async def _together(self, group: list[Call]) -> list[dict[str, Any]]:
        """Of each {answer} or {code, message, hint}."""
        if group[0].function == "append_message":
            try:
                return [{"answer": answer} for answer in await self._sent("append_messages", [c.text for c in group])]
            except Unavailable:
                raise
            except StoryloomError:
                # Nothing was written. Whichever of them it is: each is tried by itself.
                pass
        answers: list[dict[str, Any]] = await self._sent("write_many", [call.named for call in group])
        return answers

    async def _sent(self, function: str, calls: list[str]) -> Any:
        return await self._transport.call(function, {"calls": JsonText(f"[{','.join(calls)}]")}, SERVICE)

    def _next_group(self) -> list[Call]:
        """Of one kind: messages alone are written as one set of rows, whatever else there is one after another."""
        free = [session for session in self._waiting if session not in self._busy]
        most = min(GROUP_CALLS, max(SHARED_FROM, math.ceil(self._count / (FLUSHES - len(self._flushes)))))
        group: list[Call] = []
        length = 0
        for session in free:
            calls = self._waiting[session]
            while calls and len(group) < most and (not group or _goes_with(calls[0], group, length)):
                length += len(calls[0].text)
                group.append(calls.popleft())
            if not calls:
                del self._waiting[session]
            if len(group) == most:
                break
        self._count -= len(group)
        self._busy.update(call.session for call in group)
        return group


def _settle(group: list[Call], answers: list[dict[str, Any]]) -> None:
    for call, answer in zip(group, answers, strict=True):
        if call.answer.done():
            # Nobody waits for it any more.
            continue
        if "answer" in answer:
            call.answer.set_result(answer["answer"])
        else:
            call.answer.set_exception(fault(answer["code"], answer["message"], answer["hint"], call.function))


def _goes_with(call: Call, group: list[Call], length: int) -> bool:
    same_kind = (call.function == "append_message") == (group[0].function == "append_message")
    return same_kind and length + len(call.text) <= GROUP_CHARACTERS


def _own(error: Exception) -> StoryloomError:
    """One for each who waits: an exception that several raise collects the tracks of all."""
    if isinstance(error, StoryloomError):
        return type(error)(error.message, retry_after_s=error.retry_after_s)
    logger.error("a grouped write broke", exc_info=error)
    return Internal("Something went wrong in the service; its owner can read what in the log.")
