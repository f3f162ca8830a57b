"""Grouped writes: what comes while a write is on its way gathers, and goes as one call with it back.

An idle node writes at once, one call for one write; the busier it is, the more go together, and the fewer are the
commits that the database has to make durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coordinator.errors import Internal, StoryloomError, Unavailable
from coordinator.models import SERVICE
from coordinator.store.faults import fault
from coordinator.store.values import JsonText, json_text, parameter

if TYPE_CHECKING:
    from coordinator.store.gateway import Transport

logger = logging.getLogger(__name__)

GROUPED = frozenset({"append_events", "finish_step", "complete_session", "append_message", "create_session"})
"""The writes that there are many of; the function `write_many` knows them by name."""
GROUP_CALLS = 256
"""Writes in one call at the most: a longer one would hold its sessions' rows for longer than it saves."""
GROUP_CHARACTERS = 2_000_000
"""The same for the length of their arguments as JSON, except for one write alone; a project's API takes no more."""
WAITING_CALLS = 20_000
"""Beyond so many waiting writes a node says that it is busy: the database does not keep up."""


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    args: Mapping[str, Any]
    text: str
    answer: asyncio.Future[Any]


class Grouping:
    """One flush at a time, so that the writes of a session are done in the order in which they came."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._waiting: deque[Call] = deque()
        self._flusher: asyncio.Task[None] | None = None

    async def call(self, function: str, args: Mapping[str, Any]) -> Any:
        """What the function answers; durable on return. Its errors are its own, whatever it was grouped with.

        Cancelled, it is done all the same, once. Raises Unavailable where too many are waiting.
        """
        if len(self._waiting) >= WAITING_CALLS:
            raise Unavailable("The service is too busy to store more just now. Try again in a moment.")
        named = {parameter(name): value for name, value in args.items()}
        text = f'{{"function":"{function}","args":{json_text(named)}}}'
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        # Somebody may have stopped waiting for it: then nobody asks what became of it.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._waiting.append(Call(function, args, text, answer))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush(), name="grouped writes")
        return await asyncio.shield(answer)

    async def close(self) -> None:
        """What waits is written, or refused, on return."""
        while self._flusher is not None:
            await asyncio.wait([self._flusher])

    async def _flush(self) -> None:
        try:
            while self._waiting:
                group = self._next_group()
                try:
                    if len(group) == 1:
                        group[0].answer.set_result(
                            await self._transport.call(group[0].function, group[0].args, SERVICE)
                        )
                    else:
                        self._settle(
                            group, await self._transport.call("write_many", {"calls": _together(group)}, SERVICE)
                        )
                except Exception as error:
                    for call in group:
                        if not call.answer.done():
                            call.answer.set_exception(_own(error))
        finally:
            self._flusher = None

    def _next_group(self) -> list[Call]:
        group = [self._waiting.popleft()]
        length = len(group[0].text)
        while self._waiting and len(group) < GROUP_CALLS:
            length += len(self._waiting[0].text)
            if length > GROUP_CHARACTERS:
                break
            group.append(self._waiting.popleft())
        return group

    def _settle(self, group: list[Call], answers: list[dict[str, Any]]) -> None:
        for call, answer in zip(group, answers, strict=True):
            if "answer" in answer:
                call.answer.set_result(answer["answer"])
            else:
                call.answer.set_exception(fault(answer["code"], answer["message"], answer["hint"], call.function))


def _together(group: list[Call]) -> JsonText:
    return JsonText(f"[{','.join(call.text for call in group)}]")


def _own(error: Exception) -> StoryloomError:
    """One for each who waits: an exception that several raise collects the tracks of all."""
    if isinstance(error, StoryloomError):
        return type(error)(error.message, retry_after_s=error.retry_after_s)
    logger.error("a grouped write broke", exc_info=error)
    return Internal("Something went wrong in the service; its owner can read what in the log.")
