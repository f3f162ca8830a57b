"""A turn as it was recorded, told in every way in which it may be told; and a reader of what comes of it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai.ui.vercel_ai.response_types import BaseChunk

from api.dialects.uistream import SDK_VERSION
from coordinator.sessions.events import Event

SESSION, MESSAGE = "5a51b5a5-0000-4000-8000-000000000001", "5a51b5a5-0000-4000-8000-000000000002"
OTHER = "5a51b5a5-0000-4000-8000-000000000003"
AFTER_SEQ, EPOCH = 40, 3
USAGE = {"tokens": 12, "cost_usd": 0.0, "by_agent": {}}


@dataclass
class Tool:
    """A call `at` so many characters of the answer. `error` None is a success."""

    at: int
    call_id: str
    error: str | None = None
    tool: str = "look_up"

    @property
    def args(self) -> dict[str, Any]:
        return {"name": self.call_id}

    @property
    def result(self) -> dict[str, Any] | None:
        return {"found": self.call_id} if self.error is None else None

    def in_message(self) -> dict[str, Any]:
        return {
            "call_id": self.call_id, "tool": self.tool, "args": self.args, "offset": self.at, "result": self.result,
            "error": self.error,
        }  # fmt: skip


@dataclass
class Log:
    """Events with their numbers, from `AFTER_SEQ` on."""

    events: list[Event] = field(default_factory=list)
    epoch: int = EPOCH

    def add(self, type: str, **fields: Any) -> None:
        seq = AFTER_SEQ + 1 + len(self.events)
        about = {"session_id": SESSION, "epoch": self.epoch, "seq": seq, "at": "2026-11-29T12:00:00Z"}
        self.events.append(Event({"type": type, **about, **fields}))


def message(content: str, tools: Iterable[Tool] = (), **metadata: Any) -> dict[str, Any]:
    about = {"tools": [tool.in_message() for tool in tools], **metadata}
    return {
        "id": MESSAGE, "seq": 8, "role": "assistant", "agent": "muse", "content": content, "metadata": about, "model": "m",
        "tokens": 5, "cost_usd": 0.0, "created_at": "2026-11-29T12:00:01Z", "parent_seq": 7,
    }  # fmt: skip


def recorded(content: str, cuts: list[int], tools: list[Tool], taken_up_at: int | None = None) -> list[Event]:
    """A whole turn: its text in pieces that end at `cuts`, its calls, and its end. At `taken_up_at` another node goes on
    with it, in the next epoch."""
    log = Log()
    log.add("turn.started", message_id=MESSAGE, agent="muse", answers=7)
    log.add("agent.state", agent="muse", state="thinking", activity="thinks")
    ends = sorted({cut for cut in [*cuts, *(tool.at for tool in tools), len(content)] if 0 <= cut <= len(content)})
    offset = 0
    for end in ends:
        if end > offset:
            piece = content[offset:end]
            log.add("agent.delta", message_id=MESSAGE, agent="muse", attempt=1, offset=offset, text=piece)
            offset = end
        for tool in tools:
            if tool.at == end:
                about = {"message_id": MESSAGE, "call_id": tool.call_id, "tool": tool.tool}
                log.add("tool.called", **about, args=tool.args, offset=end)
                came = {"result": tool.result} if tool.error is None else {"error": tool.error}
                log.add("tool.answered", **about, **came)
        if taken_up_at is not None and end >= taken_up_at and log.epoch == EPOCH:
            log.epoch += 1
            log.add("turn.started", message_id=MESSAGE, agent="muse", answers=7)
    log.add("agent.message", message=message(content, tools))
    log.add("usage", **USAGE)
    log.add("session.status", status="waiting")
    return log.events


def joined(events: list[Event], chance: random.Random) -> list[Event]:
    """As a reader that fell behind, or the store, has them: some neighbouring deltas are one."""
    told: list[Event] = []
    for event in events:
        one = told[-1].joined(event) if told and chance.random() < 0.6 else None
        if one is None:
            told.append(event)
        else:
            told[-1] = one
    return told


def settled(events: list[Event]) -> list[Event]:
    """As the log is once the message is whole: without its pieces."""
    return [event for event in events if event.type != "agent.delta"]


def snapshot(events: list[Event]) -> Event:
    """Of the session when these have happened."""
    text, messages, status, tools = "", [], "active", []
    for event in events:
        fields = event.fields
        if event.type == "agent.delta":
            text += fields["text"]
        elif event.type == "agent.message":
            messages = [fields["message"]]
        elif event.type.startswith("tool."):
            tools.append(fields)
        elif event.type == "session.status":
            status = fields["status"]
    partial = None
    if text and not messages:
        partial = {"message_id": MESSAGE, "agent": "muse", "attempt": 1, "text": text}
    last = events[-1].fields if events else {"epoch": EPOCH, "seq": AFTER_SEQ}
    about = {"session_id": SESSION, "epoch": last["epoch"], "seq": last["seq"], "at": "2026-11-29T12:00:00Z"}
    session = {"status": status, "error": None, "turn": None}
    told = {"session": session, "messages": messages, "partial": partial, "tools": [] if messages else tools}
    return Event({"type": "session.snapshot", **about, **told})


class Reader:
    """What a client makes of a stream, as strictly as the AI SDK does: a piece of a part that was never begun is an
    error."""

    def __init__(self) -> None:
        self.parts: list[dict[str, Any]] = []
        self.open: dict[str, dict[str, Any]] = {}
        self.metadata: dict[str, Any] = {}
        self.id: str | None = None
        self.errors: list[str] = []
        self.ended: list[str] = []
        self.momentary: list[str] = []

    @property
    def text(self) -> str:
        return "".join(part["text"] for part in self.parts if part["type"] == "text")

    @property
    def tools(self) -> list[dict[str, Any]]:
        return [part for part in self.parts if part["type"] == "tool"]

    def take(self, chunks: Iterable[BaseChunk]) -> None:
        for chunk in chunks:
            assert not self.ended or self.ended[-1] != "done", "something after the end"
            self._take(chunk.type, chunk)

    def _take(self, type: str, chunk: Any) -> None:
        if type == "start":
            self.__init__()  # type: ignore[misc]
            self.id, self.metadata = chunk.message_id, dict(chunk.message_metadata)
        elif type == "message-metadata":
            self.metadata |= chunk.message_metadata
        elif type == "text-start":
            assert chunk.id not in self.open and not self.open
            self.open[chunk.id] = {"type": "text", "text": ""}
            self.parts.append(self.open[chunk.id])
        elif type == "text-delta":
            assert chunk.delta
            self.open[chunk.id]["text"] += chunk.delta
        elif type == "text-end":
            del self.open[chunk.id]
        elif type == "tool-input-available":
            assert chunk.dynamic and chunk.provider_executed and not self.open
            assert chunk.tool_call_id not in [part["id"] for part in self.tools]
            part = {"type": "tool", "id": chunk.tool_call_id, "name": chunk.tool_name, "input": chunk.input}
            self.parts.append(part)
        elif type in ("tool-output-available", "tool-output-error"):
            (part,) = [part for part in self.tools if part["id"] == chunk.tool_call_id]
            assert "output" not in part and "error" not in part
            part |= {"output": chunk.output} if type == "tool-output-available" else {"error": chunk.error_text}
        elif type == "error":
            self.errors.append(chunk.error_text)
        elif type.startswith("data-") and chunk.transient:
            self.momentary.append(type)
        elif type.startswith("data-"):
            self.parts.append({"type": type, "id": chunk.id, "data": chunk.data})
        else:
            assert type in ("finish", "abort", "done")
            self.ended.append(type)
        assert chunk.encode(SDK_VERSION)
