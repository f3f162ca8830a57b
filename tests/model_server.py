"""An OpenAI-compatible model server of the tests' own, on a real socket: chat completions, streamed and whole.

It answers well by default, and as scripted for the next calls: see `Reply`.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self

import uvicorn

from coordinator.agents.forms import SMALL
from coordinator.agents.prompts import OUTPUT_TYPES
from coordinator.chat.tools import ARGS
from tests.model_words import Writer


@dataclass(frozen=True)
class Reply:
    """How to answer one call. `when` keeps it for the first call whose request holds that text."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    error_code: str | None = None
    text: str | Callable[[str], str] | None = None
    """What it says, or how to make that from all that the request says."""
    args: dict[str, Any] | str | None = None
    finish: str | None = None
    refusal: str | None = None
    break_after: int | None = None
    """Words sent before the connection is dropped."""
    hang_after: int | None = None
    """Words sent before nothing more comes, for as long as the client stays."""
    raw: bytes | None = None
    """A body sent as it is, with status 200."""
    pieces: Sequence[str] | None = None
    """What it says, in deltas cut just so; halves of characters and empty ones as well."""
    unended: bool = False
    """The stream just stops, in good order and without a reason for its end."""
    tool_name: str | None = None
    """Under which name it calls, where that is not the tool's."""
    function: Any = None
    """A function call as it is put into the stream, whole."""
    message: str = "scripted failure"
    """What an error says."""
    counts: Any = None
    """The usage, as it is put into the answer."""
    usage: bool = True
    when: str = ""

    @classmethod
    def prose(cls, text: str | Callable[[str], str], **more: Any) -> Reply:
        return cls(text=text, **more)

    @classmethod
    def call(cls, args: dict[str, Any] | str, **more: Any) -> Reply:
        """A typed answer with these arguments, right or wrong."""
        return cls(args=args, **more)

    @classmethod
    def nonsense(cls, **more: Any) -> Reply:
        return cls(args={"colour": "green"}, **more)

    @classmethod
    def empty(cls, **more: Any) -> Reply:
        return cls(text="", **more)

    @classmethod
    def refuses(cls, **more: Any) -> Reply:
        return cls(text="I'm sorry, but I can't help with writing that.", **more)

    @classmethod
    def cut(cls, text: str = "She opened the door and saw", **more: Any) -> Reply:
        return cls(text=text, finish="length", **more)

    @classmethod
    def fails(cls, status: int, code: str | None = None, headers: dict[str, str] | None = None, **more: Any) -> Reply:
        return cls(status=status, error_code=code, headers=headers or {}, **more)

    @classmethod
    def busy(cls, retry_after: str = "0", **more: Any) -> Reply:
        return cls(status=429, error_code="rate_limit_exceeded", headers={"retry-after": retry_after}, **more)

    @classmethod
    def breaks(cls, after_words: int = 5, **more: Any) -> Reply:
        return cls(break_after=after_words, **more)

    @classmethod
    def hangs(cls, after_words: int = 0, **more: Any) -> Reply:
        return cls(hang_after=after_words, **more)

    @classmethod
    def invalid_json(cls, **more: Any) -> Reply:
        return cls(raw=b"data: {not json at all\n\n", **more)


@dataclass
class Request:
    """One call as the server saw it."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client closed the connection before the answer was whole."""

    @property
    def text(self) -> str:
        """All that the messages say."""
        return "\n".join(_content(message) for message in self.body.get("messages", []))

    @property
    def streamed(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def tool(self) -> dict[str, Any] | None:
        """The form that a typed answer is asked for with."""
        return next((tool for tool in self.tools if tool["name"] not in ARGS), None)

    @property
    def tools(self) -> list[dict[str, Any]]:
        return [tool["function"] for tool in self.body.get("tools") or []]


WORDS_AT_A_TIME = 6


class ModelServer:
    """`async with ModelServer() as server:` and give `server.url` to the client as its base URL."""

    def __init__(self, *, pace_s: float = 0.0) -> None:
        """`pace_s` passes between the pieces of a streamed answer."""
        self.requests: list[Request] = []
        self.running = 0
        self.most_running = 0
        self.pace_s = pace_s
        self.open = asyncio.Event()
        """Cleared, it holds back every answer until it is set again."""
        self.open.set()
        self.writer = Writer()
        self.distort: Callable[[str], Sequence[str]] | None = None
        """How the pieces of all the prose that it writes well are made of the text."""
        self.tools = True
        """Whether it takes tools; without, it answers in words with JSON of a schema that the request shows."""
        self.counts: Any = None
        """The usage in all answers, instead of what was used."""
        self.context = 128_000
        """Tokens that it holds, as it says of itself."""
        self.slots: int | None = None
        """Calls that it serves at once: where set, it is a llama.cpp that says so."""
        self.asked: list[str] = []
        """The paths at which it was asked about itself."""
        self._script: list[Reply] = []
        self._ids = count(1)

    def script(self, *replies: Reply) -> None:
        """The next calls are answered so, in this order; after that, well again."""
        self._script.extend(replies)

    def heal(self) -> None:
        """What is left of the script is forgotten: the next call is answered well."""
        self._script.clear()

    @property
    def unused(self) -> list[Reply]:
        return list(self._script)

    async def __aenter__(self) -> Self:
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        config = uvicorn.Config(self._app, log_level="critical", interface="asgi3", lifespan="off", ws="none")
        config.load()
        # Started without its main loop, which looks ten times a second whether to stop: a suite has many servers.
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup(sockets=[listener])
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._server.servers:
            server.close()
        calls = list(self._server.server_state.tasks)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        for connection in list(self._server.server_state.connections):
            connection.shutdown()

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        request = Request(scope["path"], headers, json.loads(body or b"{}"), time.monotonic())
        if scope["method"] == "GET" or request.path in ("/tokenize", "/api/show"):
            await self._tell_of_itself(request, send)
            return
        self.requests.append(request)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        leaving = asyncio.create_task(_left(receive))
        answering = asyncio.create_task(self._answer(request, send))
        try:
            await asyncio.wait({leaving, answering}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                request.left.set()
        finally:
            self.running -= 1
            for task in (leaving, answering):
                task.cancel()
            results = await asyncio.gather(leaving, answering, return_exceptions=True)
        if isinstance(results[1], _Dropped):
            raise results[1]

    async def _answer(self, request: Request, send: Any) -> None:
        await self.open.wait()
        reply = self._next(request)
        if reply.status == 200 and reply.raw is None and not request.path.endswith("/chat/completions"):
            await _json(send, 404, {"error": {"message": "no such path", "type": "invalid_request_error"}})
        elif not self.tools and request.tools:
            await _json(send, 400, {"error": {"message": "a-model:2b does not support tools", "type": "api_error"}})
        elif reply.status != 200:
            error = {"message": reply.message, "type": "scripted", "code": reply.error_code}
            await _json(send, reply.status, {"error": error}, reply.headers)
        elif reply.raw is not None:
            kind = b"text/event-stream" if request.streamed else b"application/json"
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
            await send({"type": "http.response.body", "body": reply.raw})
        elif request.streamed:
            await self._stream(request, reply, send)
        else:
            if reply.hang_after is not None:
                await asyncio.Event().wait()
            if reply.break_after is not None:
                raise _Dropped
            await _json(send, 200, self._whole(request, reply))

    async def _tell_of_itself(self, request: Request, send: Any) -> None:
        """What llama.cpp answers at `/props`, and others among their models."""
        self.asked.append(request.path)
        if request.path == "/props" and self.slots is not None:
            settings = {"n_ctx": self.context}
            await _json(send, 200, {"default_generation_settings": settings, "total_slots": self.slots})
        elif request.path == "/v1/models":
            await _json(send, 200, {"data": [{"id": "one", "max_model_len": self.context}]})
        else:
            await _json(send, 404, {"error": {"message": "no such path", "type": "invalid_request_error"}})

    def _next(self, request: Request) -> Reply:
        for reply in self._script:
            if reply.when in request.text:
                self._script.remove(reply)
                return reply
        return Reply()

    def _said(self, request: Request, reply: Reply) -> tuple[str, str | None, str]:
        """Text, arguments of a tool call, and why it ended."""
        if reply.refusal is not None:
            return "", None, reply.finish or "stop"
        if reply.pieces is not None:
            return "".join(reply.pieces), None, reply.finish or "stop"
        if reply.tool_name in ARGS and reply.args is not None:
            return _text(reply, request), _as_text(reply.args), "tool_calls"
        if reply.text is None and (tool := request.tool) is not None:
            args = reply.args if reply.args is not None else self.writer.typed(tool["parameters"], request.text)
            return "", args if isinstance(args, str) else json.dumps(args), reply.finish or "tool_calls"
        form = (request.body.get("response_format") or {}).get("json_schema")
        if reply.text is None and form is not None:
            return _as_text(reply.args or self.writer.typed(form["schema"], request.text)), None, "stop"
        if reply.text is None and (shown := _schema_in(request.text)) is not None:
            return _as_text(reply.args or self.writer.typed(shown, request.text)), None, "stop"
        text = self.writer.prose(request.text) if reply.text is None else _text(reply, request)
        return text, None, reply.finish or "stop"

    def _whole(self, request: Request, reply: Reply) -> dict[str, Any]:
        text, args, finish = self._said(request, reply)
        message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": reply.refusal}
        if args is not None:
            function = {"name": request.tool["name"], "arguments": args}  # type: ignore[index]
            message["tool_calls"] = [{"id": f"call-{next(self._ids)}", "type": "function", "function": function}]
        return {
            **self._frame(request, "chat.completion"),
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": (reply.counts or _usage(request, text or args or "")) if reply.usage else None,
        }

    async def _stream(self, request: Request, reply: Reply, send: Any) -> None:
        text, args, finish = self._said(request, reply)
        head = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
        if reply.hang_after == 0:
            await asyncio.Event().wait()
        await send(head)
        frame = self._frame(request, "chat.completion.chunk")

        async def chunk(delta: dict[str, Any], finish: str | None = None) -> None:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            await _event(send, {**frame, "choices": [choice]})

        await chunk({"role": "assistant", "content": ""})
        if reply.refusal is not None:
            await chunk({"refusal": reply.refusal})
        for sent, delta in enumerate(self._deltas(request, reply, text, args)):
            if sent == reply.break_after:
                raise _Dropped
            if sent == reply.hang_after:
                await asyncio.Event().wait()
            await chunk(delta)
            if self.pace_s:
                await asyncio.sleep(self.pace_s)
        if reply.break_after is not None:
            raise _Dropped
        if reply.hang_after is not None:
            await asyncio.Event().wait()
        if not reply.unended:
            await chunk({}, finish)
        if reply.usage and (request.body.get("stream_options") or {}).get("include_usage"):
            usage = reply.counts or self.counts or _usage(request, text or args or "")
            await _event(send, {**frame, "choices": [], "usage": usage})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    def _deltas(self, request: Request, reply: Reply, text: str, args: str | None) -> Iterator[dict[str, Any]]:
        if reply.function is not None:
            yield {"tool_calls": [{"index": 0, "id": "call-0", "type": "function", "function": reply.function}]}
            return
        if args is None or reply.tool_name in ARGS:
            yield from ({"content": piece} for piece in self._pieces(reply, text))
        if args is None:
            return
        function = {"name": reply.tool_name or request.tool["name"], "arguments": ""}  # type: ignore[index]
        yield {"tool_calls": [{"index": 0, "id": f"call-{next(self._ids)}", "type": "function", "function": function}]}
        for at in range(0, len(args), 400):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": args[at : at + 400]}}]}

    def _pieces(self, reply: Reply, text: str) -> Sequence[str]:
        if reply.pieces is not None:
            return reply.pieces
        if self.distort:
            return self.distort(text)
        words = re.findall(r"\s*\S+\s*|\s+", text)
        if self.pace_s or reply.hang_after is not None or reply.break_after is not None:
            return words
        # As long as nobody counts them, several at a time: each piece is worked on in a dozen places.
        return ["".join(words[at : at + WORDS_AT_A_TIME]) for at in range(0, len(words), WORDS_AT_A_TIME)]

    def _frame(self, request: Request, kind: str) -> dict[str, Any]:
        return {"id": f"chat-{next(self._ids)}", "object": kind, "created": 1, "model": request.body.get("model", "?")}


class _Dropped(Exception):
    """Raised out of the application, it makes uvicorn drop the connection."""


async def _left(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _event(send: Any, data: dict[str, Any]) -> None:
    body = b"data: " + json.dumps(data).encode() + b"\n\n"
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _json(send: Any, status: int, data: dict[str, Any], headers: dict[str, str] | None = None) -> None:
    listed = [(b"content-type", b"application/json")]
    listed += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": json.dumps(data).encode()})


def _usage(request: Request, answer: str) -> dict[str, int]:
    read, written = len(request.text.split()), len(answer.split())
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _as_text(args: dict[str, Any] | str) -> str:
    return args if isinstance(args, str) else json.dumps(args)


def _text(reply: Reply, request: Request) -> str:
    return reply.text(request.text) if callable(reply.text) else reply.text or ""


def _schema_in(text: str) -> dict[str, Any] | None:
    """The schema of the form that a request shows."""
    _, shows, rest = text.rpartition("Answer with one JSON object of exactly this form")
    if not shows:
        return None
    form: dict[str, Any] = json.JSONDecoder().raw_decode(rest, rest.index("{"))[0]
    known = [*OUTPUT_TYPES.values(), *SMALL.values()]
    return next(
        each.model_json_schema() for each in known if form.keys() == each.model_json_schema()["properties"].keys()
    )


def _content(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content)
    return content or ""
