"""Connections before they are requests: how many there may be, how long a head may be and take, what is kept for one
that does not read. The server has no such bounds of its own: its parser collects a head for as long as one is sent.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from ipaddress import ip_network
from typing import Any

import httptools
from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from api.bounds.rates import address_key
from api.errors import problem
from coordinator.sessions.held import Account, Held
from coordinator.settings import Settings

HEADERS = 100
"""Of one request: each is an object, however short it is."""
PIPELINED = 16
"""Requests of one connection that wait for the one before them."""
FRAGMENTS = 1_000
"""Parts that one message may come in: an empty one costs its sender less than it costs here."""
FULL_RETRY_S = 5.0
ABORT = "storyloom.abort"
"""Among the extensions of a request's scope: ends its connection at once, where its client takes nothing any more."""

BUSY = "The service has as many connections as it takes: try again in a moment."
TOO_MANY = "Your address has as many connections open as one may have ({}): close one, then connect again."
NO_REQUEST = "That is no HTTP request."
LONG_HEAD = "The request's head is longer than {} bytes, or has more than {} headers."
LATE_HEAD = "The request's head did not come within {:g} s."
LATE_BODY = "The request's body did not come within {:g} s."
PIPELINE = "Too many requests at once on one connection: wait for the answers."


class Refused(Exception):
    """Raised into the parser, which then reads nothing more."""


class Connections:
    """Those of one service. Its protocols ask it for a place, and give it back."""

    def __init__(self, settings: Settings, held: Held) -> None:
        self.held = held
        self.header_bytes = settings.header_bytes
        self.header_s = settings.header_s
        self.request_s = settings.request_s
        self.refused: Counter[str] = Counter({"connections": 0, "head": 0, "late": 0})
        self._most = settings.connections
        self._most_of_address = settings.connections_per_address
        self._proxies = [ip_network(proxy) for proxy in settings.trusted_proxies]
        self._of_address: Counter[str] = Counter()
        self._open = 0
        self._ending = False
        self._last_words: set[Callable[[], object]] = set()

    @contextmanager
    def while_serving(self, last_word: Callable[[], object]) -> Iterator[None]:
        """For an answer that goes on for long: where the server ends before the block does, `last_word` is called, and
        the answer is to end."""
        self._last_words.add(last_word)
        try:
            if self._ending:
                last_word()
            yield
        finally:
            self._last_words.discard(last_word)

    def end(self) -> None:
        """The server ends: no answer is waited for that would go on and on."""
        if not self._ending:
            self._ending = True
            for last_word in tuple(self._last_words):
                last_word()

    def enter(self, host: str | None) -> str | None:
        """Takes a place; answers why there is none."""
        if self._open >= self._most:
            self.refused["connections"] += 1
            return BUSY
        key = address_key(host)
        if self._of_address[key] >= self._most_of_address and not self._is_proxy(key):
            self.refused["connections"] += 1
            return TOO_MANY.format(self._most_of_address)
        self._open += 1
        self._of_address[key] += 1
        return None

    def leave(self, host: str | None) -> None:
        """Gives a place back."""
        key = address_key(host)
        self._open -= 1
        self._of_address[key] -= 1
        if not self._of_address[key]:
            del self._of_address[key]

    def http(self, **options: Any) -> HttpConnection:
        """What the server makes of a new connection."""
        return HttpConnection(self, **options)

    def websocket(self, **options: Any) -> SocketConnection:
        """What it makes of one that asks for a WebSocket."""
        return SocketConnection(self, **options)

    def _is_proxy(self, key: str) -> bool:
        try:
            network = ip_network(key)
        except ValueError:
            return False
        return any(network.version == proxy.version and network.overlaps(proxy) for proxy in self._proxies)


class HttpConnection(HttpToolsProtocol):
    """The server's own, with bounds. What is out of them is answered with a problem, and the connection ends."""

    def __init__(self, connections: Connections, **options: Any) -> None:
        super().__init__(**options)
        self._of = connections
        self._placed = False
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = True
        self._head = 0
        self._uncounted = 0
        self._refusal: Response | None = None
        self._unread: Account | None = None

    # -- Its life ----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        reason = self._of.enter(self.client[0] if self.client else None)
        if reason is not None:
            self._end_with(problem("unavailable" if reason is BUSY else "rate_limited", reason, True, FULL_RETRY_S))
            return
        self._placed = True
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        self._of.end()
        super().shutdown()

    def handle_websocket_upgrade(self) -> None:
        # The WebSocket takes the place that this one had.
        self._leave()
        super().handle_websocket_upgrade()

    def _leave(self) -> None:
        self._set_timer(None)
        if self._placed:
            self._placed = False
            self._of.leave(self.client[0] if self.client else None)
        if self._unread is not None:
            self._unread.close()

    # -- What comes in -----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        self._uncounted += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._upgrade()
            return
        except httptools.HttpParserError:
            self._end_with(self._refusal or problem("invalid_message", NO_REQUEST, status=HTTPStatus.BAD_REQUEST))
            return
        # A head, or the trailers of a body in chunks, of which the parser has not told yet.
        if self._uncounted > self._of.header_bytes and not self.transport.is_closing() and self.parser is not None:
            self._end_with(self._too_long())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: {"abort": self._abort}}
        if len(self.pipeline) >= PIPELINED:
            self._refusal = problem("rate_limited", PIPELINE, True, 1)
            raise Refused
        self._head = 0
        if not self._in_head:
            self._expect_head()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        if len(self.headers) >= HEADERS:
            self._refusal = self._too_long()
            raise Refused
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._uncounted = False, 0
        self._set_timer(self._of.request_s, LATE_BODY)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._uncounted = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._uncounted = 0
        self._set_timer(None)
        super().on_message_complete()

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > self._of.header_bytes:
            self._refusal = self._too_long()
            raise Refused

    def _too_long(self) -> Response:
        self._of.refused["head"] += 1
        told = LONG_HEAD.format(self._of.header_bytes, HEADERS)
        return problem("too_large", told, status=HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _upgrade(self) -> None:
        if self._should_upgrade():
            self.handle_websocket_upgrade()
        else:
            self._unsupported_upgrade_warning()

    # -- Time --------------------------------------------------------------------------------------------------------

    def _expect_head(self) -> None:
        self._in_head = True
        self._set_timer(self._of.header_s, LATE_HEAD)

    def _set_timer(self, seconds: float | None, told: str = "") -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None:
            self._timer = self.loop.call_later(seconds, self._late, told.format(seconds))

    def _late(self, told: str) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        self._of.refused["late"] += 1
        self._end_with(problem("invalid_message", told, status=HTTPStatus.REQUEST_TIMEOUT))

    # -- What goes out -----------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is None:
            self._unread = self._of.held.account(address_key(self.client[0] if self.client else None), self._abort)
        self._unread.add(self.transport.get_write_buffer_size() - self._unread.bytes)

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.add(-self._unread.bytes)
        super().resume_writing()

    def _abort(self) -> None:
        self.transport.abort()

    def _end_with(self, refusal: Response) -> None:
        """The refusal, where no other answer has begun, and the end of the connection."""
        self._set_timer(None)
        cycle = self.cycle
        # One that was answered before its body had come has had its answer.
        if cycle is None or not cycle.response_started or (cycle.response_complete and not cycle.more_body):
            self.transport.write(_encoded(refusal))
        self.transport.close()


class SocketConnection(WebSocketsSansIOProtocol):
    """The server's own, with a place among the connections, and bounds for what a client may do unasked."""

    def __init__(self, connections: Connections, **options: Any) -> None:
        super().__init__(**options)
        self._of = connections
        self._placed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._placed = self._of.enter(self.client[0] if self.client else None) is None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._placed:
            self._placed = False
            self._of.leave(self.client[0] if self.client else None)
        super().connection_lost(exc)

    def handle_ping(self) -> None:
        # Each is answered at once, also to one who reads no answers.
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.transport.abort()

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= FRAGMENTS:
            self.conn.fail(1009, "too many parts")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    async def send(self, message: Any) -> None:
        await super().send(message)
        # Until it is on its way: what a frame takes is counted for its reader as long as this lasts.
        await self.writable.wait()


def _encoded(refusal: Response) -> bytes:
    status = HTTPStatus(refusal.status_code)
    headers = {**dict(refusal.headers), "Connection": "close", "X-Request-ID": secrets.token_hex(8)}
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + bytes(refusal.body)
