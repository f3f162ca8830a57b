"""One answer of a chat in the UI message stream protocol, version 1, of the AI SDK: what `useChat` reads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pydantic_ai.ui.vercel_ai.response_types import (
    AbortChunk,
    BaseChunk,
    DataChunk,
    DoneChunk,
    ErrorChunk,
    FinishChunk,
    MessageMetadataChunk,
    StartChunk,
    TextDeltaChunk,
    TextEndChunk,
    TextStartChunk,
    ToolInputAvailableChunk,
    ToolOutputAvailableChunk,
    ToolOutputErrorChunk,
)

SDK_VERSION = 7
HEADER, VERSION = "x-vercel-ai-ui-message-stream", "v1"
PROPOSES = "propose_story"
"""The tool whose answer is a story to be started."""
PIECES = 64
"""Of text, kept before they are counted into what was told."""
TOLD_OF_MESSAGE = ("seq", "parent_seq", "model", "tokens", "cost_usd", "created_at")

NOT_KEPT = "The answer went on otherwise than it was told here: load the chat again, it has what was kept."
NOT_ANSWERED = "The talk rests, and this message was not answered: send it again, or have it answered anew."
NOT_FINISHED = "The answer was ended before it was whole: load the chat again, it has what was kept."
NO_RESULT = "The answer ended before this was done."

Json = Mapping[str, Any]
Chunks = Iterator[BaseChunk]


class Written:
    """The text that was told, without the text: how long it is, in characters, and whether another begins with it."""

    def __init__(self) -> None:
        self.length = 0
        self._digest = hashlib.blake2b(digest_size=16)
        self._pieces: list[str] = []

    def add(self, text: str) -> None:
        self.length += len(text)
        self._pieces.append(text)
        if len(self._pieces) >= PIECES:
            self._digest.update(_bytes("".join(self._pieces)))
            self._pieces.clear()

    def begins(self, text: str) -> bool:
        """Whether `text` begins with what was told. Takes as long as that is."""
        if len(text) < self.length:
            return False
        told = self._digest.copy()
        told.update(_bytes("".join(self._pieces)))
        return told.digest() == hashlib.blake2b(_bytes(text[: self.length]), digest_size=16).digest()


class Translation:
    """Of one turn: fed with its session's events in their order, from wherever they are told, it makes the parts of one
    message. What the stream has had is never told again: where that would be needed it ends with an error, and the
    client loads the chat again.

    Whether it begins with the turn, with a snapshot or after a message was settled, the text is the same.
    """

    def __init__(self, session_id: str, message_id: str | None, answers: int | None = None) -> None:
        """`message_id` is the answer's; None for one that waits for its turn, as the answer to message number `answers`
        or to one that was said after it."""
        self.done = False
        self._session_id = session_id
        self._message_id = message_id
        self._answers = answers
        self._begun = False
        self._settled = False
        self._stopped = False
        self._written = Written()
        self._attempt: int | None = None
        self._text_part: str | None = None
        self._called: dict[str, Json] = {}
        self._answered: set[str] = set()
        self._tells: dict[str, Callable[[Json], Chunks]] = {
            "turn.started": self._turn_started,
            "agent.delta": self._delta,
            "tool.called": self._tool_called,
            "tool.answered": self._tool_answered,
            "agent.state": self._agent_state,
            "agent.message": self._message,
            "usage": self._usage,
            "session.status": self._status,
            "session.snapshot": self._snapshot,
            "error": self._error,
        }

    def feed(self, event: Json) -> list[BaseChunk]:
        """The parts that this event makes. Nothing for what has no part in the answer, and nothing once `done`."""
        tell = self._tells.get(event["type"])
        if self.done or tell is None or event.get("session_id", self._session_id) != self._session_id:
            return []
        return list(tell(event))

    # -- Its events --------------------------------------------------------------------------------------------------

    def _turn_started(self, event: Json) -> Chunks:
        self._recognize(event["message_id"], event["answers"])
        if event["message_id"] == self._message_id:
            yield from self._begin()
        elif self._begun:
            # The next in the queue, in the same run: nothing more comes of this one.
            yield from self._end()

    def _delta(self, event: Json) -> Chunks:
        if event["message_id"] != self._message_id:
            return
        yield from self._begin()
        again = self._attempt is not None and event["attempt"] != self._attempt and self._written.length > 0
        if again or event["offset"] > self._written.length:
            yield from self._broken(NOT_KEPT)
            return
        self._attempt = event["attempt"]
        yield from self._text(event["text"][self._written.length - event["offset"] :])

    def _tool_called(self, event: Json) -> Chunks:
        if event["message_id"] == self._message_id:
            yield from self._begin()
            # The pieces before it are gone where the message is whole, which then follows and tells the call as well.
            if event["offset"] <= self._written.length:
                yield from self._call(event)

    def _tool_answered(self, event: Json) -> Chunks:
        # Of a call that was not told the message that settles it all tells both.
        if event["message_id"] == self._message_id and event["call_id"] in self._called:
            yield from self._answer(event)

    def _agent_state(self, event: Json) -> Chunks:
        if self._begun and not self._settled:
            yield _momentary("status", {name: event[name] for name in ("agent", "state", "activity")})

    def _usage(self, event: Json) -> Chunks:
        if self._begun:
            yield _momentary("usage", {name: event[name] for name in ("tokens", "cost_usd", "by_agent")})

    def _message(self, event: Json) -> Chunks:
        message = event["message"]
        if message["id"] == self._message_id:
            yield from self._settle(message)

    def _status(self, event: Json) -> Chunks:
        if event["status"] != "active":
            yield from self._end(event["status"], event.get("reason"), event.get("error"))
        elif event.get("title") is not None and self._begun:
            yield _momentary("title", {"title": event["title"]})

    def _snapshot(self, event: Json) -> Chunks:
        session, partial = event["session"], event.get("partial")
        message = next((message for message in event["messages"] if self._is_mine(message)), None)
        turn = session.get("turn")
        if message is None and turn is not None:
            self._recognize(turn["message_id"], turn["answers"])
        if message is not None:
            yield from self._settle(message)
        elif partial is not None and partial["message_id"] == self._message_id:
            yield from self._begin()
            yield from self._all_of(partial["text"], _calls(event.get("tools") or ()))
        elif self._written.length:
            yield from self._broken(NOT_KEPT)
        if not self.done and session["status"] != "active":
            yield from self._end(session["status"], None, session.get("error"))

    def _error(self, frame: Json) -> Chunks:
        """Of the session, or of the connection: nothing more is told here."""
        yield from self._broken(frame["message"])

    # -- Its parts ---------------------------------------------------------------------------------------------------

    def _recognize(self, message_id: str, answers: int) -> None:
        """The answer that was waited for, by what it answers."""
        if self._message_id is None and self._answers is not None and answers >= self._answers:
            self._message_id = message_id

    def _is_mine(self, message: Json) -> bool:
        if message["role"] == "assistant":
            before = message.get("parent_seq")
            self._recognize(message["id"], message["seq"] - 1 if before is None else before)
        return bool(message["id"] == self._message_id)

    def _begin(self) -> Chunks:
        if not self._begun:
            self._begun = True
            about = {"session_id": self._session_id, "message_id": self._message_id}
            yield StartChunk(message_id=self._message_id, message_metadata=about)

    def _text(self, text: str) -> Chunks:
        if not text:
            return
        if self._text_part is None:
            # By where it begins: the same name for whoever comes back to it.
            self._text_part = f"text-{self._written.length}"
            yield TextStartChunk(id=self._text_part)
        self._written.add(text)
        yield TextDeltaChunk(id=self._text_part, delta=text)

    def _end_text(self) -> Chunks:
        if self._text_part is not None:
            yield TextEndChunk(id=self._text_part)
            self._text_part = None

    def _call(self, call: Json) -> Chunks:
        if call["call_id"] not in self._called:
            yield from self._end_text()
            self._called[call["call_id"]] = call["args"]
            # The service calls them: the client is to show them, and waits for no answer of its own to them.
            yield ToolInputAvailableChunk(
                tool_call_id=call["call_id"],
                tool_name=call["tool"],
                input=call["args"],
                provider_executed=True,
                dynamic=True,
            )

    def _answer(self, answer: Json) -> Chunks:
        call_id, error = answer["call_id"], answer.get("error")
        if call_id in self._answered:
            return
        self._answered.add(call_id)
        if error is not None:
            yield ToolOutputErrorChunk(tool_call_id=call_id, error_text=error, provider_executed=True, dynamic=True)
            return
        result = answer.get("result") or {}
        yield ToolOutputAvailableChunk(tool_call_id=call_id, output=result, provider_executed=True, dynamic=True)
        if answer["tool"] == PROPOSES:
            proposal = {**self._called[call_id], **result, "call_id": call_id}
            yield DataChunk(type="data-proposal", id=call_id, data=proposal)

    def _all_of(self, content: str, tools: Iterable[Json]) -> Chunks:
        """The text so far and the calls within it, as far as they were not told."""
        if not self._written.begins(content):
            yield from self._broken(NOT_KEPT)
            return
        for call in sorted(tools, key=lambda call: int(call["offset"])):
            yield from self._text(content[self._written.length : call["offset"]])
            yield from self._call(call)
            if call.get("result") is not None or call.get("error") is not None:
                yield from self._answer(call)
        yield from self._text(content[self._written.length :])

    def _settle(self, message: Json) -> Chunks:
        if self._settled:
            return
        yield from self._begin()
        metadata = message.get("metadata") or {}
        yield from self._all_of(message["content"], metadata.get("tools") or ())
        if self.done:
            return
        self._settled, self._stopped = True, bool(metadata.get("stopped"))
        yield from self._end_text()
        about = {name: message[name] for name in TOLD_OF_MESSAGE if message.get(name) is not None}
        yield MessageMetadataChunk(message_metadata=about)

    def _end(self, status: str = "waiting", reason: str | None = None, failure: Json | None = None) -> Chunks:
        """Of the turn, as its session tells it."""
        yield from self._end_text()
        for call_id in [call_id for call_id in self._called if call_id not in self._answered]:
            yield ToolOutputErrorChunk(tool_call_id=call_id, error_text=NO_RESULT, provider_executed=True, dynamic=True)
        stopped = self._stopped or reason == "stopped" or status == "cancelled"
        if failure is not None:
            yield ErrorChunk(error_text=failure["message"])
            yield FinishChunk(finish_reason="error")
        elif self._begun and stopped:
            yield AbortChunk(reason="stopped")
        elif self._settled:
            yield FinishChunk(finish_reason="stop")
        else:
            yield ErrorChunk(error_text=NOT_FINISHED if self._begun else NOT_ANSWERED)
            yield FinishChunk(finish_reason="error")
        self.done = True
        yield DoneChunk()

    def _broken(self, why: str) -> Chunks:
        """Nothing more can be told here, of an answer that may go on: without the words that end a message."""
        yield from self._end_text()
        self.done = True
        yield ErrorChunk(error_text=why)


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _calls(events: Iterable[Json]) -> list[Json]:
    """Calls and what came of them, as a message keeps them, of the events that told of them."""
    calls: dict[str, dict[str, Any]] = {}
    for event in events:
        if event["type"] == "tool.called":
            calls[event["call_id"]] = dict(event)
        elif event["call_id"] in calls:
            calls[event["call_id"]] |= {"result": event.get("result"), "error": event.get("error")}
    return list(calls.values())


def _momentary(name: str, data: Json) -> DataChunk:
    """Told to who watches, and no part of the message."""
    return DataChunk(type=f"data-{name}", data=data, transient=True)
