"""One answer of a session as server-sent events: its past from its beginning or from a place in it, then live."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from starlette.types import Receive, Scope, Send

from api.bounds.connections import ABORT
from api.bounds.rates import address_key
from api.dialects.places import Telling, Told
from api.errors import error_frame
from api.identity.tokens import LEEWAY_S
from api.live.watching import Watching, encoded
from api.state import State
from coordinator.errors import StoryloomError, Unauthorized, Unavailable
from coordinator.models import Identity
from coordinator.sessions.events import Event
from coordinator.sessions.streams import Reader, TooSlow

Part = TypeVar("Part")

HEADERS = {
    # No proxy is to collect it first.
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}
EXPIRED = "The token has expired: get another, then ask for the stream again."
ENDING = "This node of the service ends: ask for the stream again, and the answer goes on."


@dataclass(frozen=True, slots=True)
class Dialect(Generic[Part]):
    """How a stretch of the log is told: by `telling`, each part `written` as a line, until it is `over`."""

    telling: Telling[Part]
    written: Callable[[Part], str]
    over: Callable[[], bool]
    headers: dict[str, str]


class Answer(EventSourceResponse, Generic[Part]):
    """Watches one session for as long as the response lasts. It ends with the dialect, with its client, with the
    client's token, with the service; and where the client reads too slowly it is cut off, to come back with the place
    that it has. Raises TooMany before anything is sent where its user has too many connections open."""

    def __init__(
        self, state: State, caller: Identity, host: str | None, session_id: UUID, after_seq: int, dialect: Dialect[Part]
    ) -> None:
        super().__init__(self._lines(), headers=HEADERS | dialect.headers)
        self._state = state
        self._caller = caller
        self._session_id = session_id
        self._after_seq = after_seq
        self._dialect = dialect
        self._reader = Reader(
            state.settings.reader_queue,
            most_bytes=state.settings.reader_bytes,
            held=state.connections.held,
            owner=address_key(host),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = self._state
        abort: dict[str, Callable[[], object]] = scope.get("extensions", {}).get(ABORT, {})

        def cut_off() -> None:
            # It may be stuck in sending what its client does not take.
            state.manager.metrics.slow_readers.inc()
            abort.get("abort", lambda: None)()

        with state.rates.connected(self._caller), state.manager.metrics.answers.track_inprogress():
            watching = Watching(state, self._reader, self._caller)
            self._reader.on_too_slow = cut_off
            leaving = asyncio.create_task(self._until_gone(receive))
            try:
                with state.connections.while_serving(lambda: self._end(Unavailable(ENDING))), self._until_expiry():
                    watching.attach(self._session_id, None, self._after_seq)
                    await self.stream_response(send)
            finally:
                leaving.cancel()
                await asyncio.gather(leaving, return_exceptions=True)
                await watching.close()
                self._reader.on_too_slow = None

    async def _until_gone(self, receive: Receive) -> None:
        """The framework would cancel what streams, and leave all that it had to the garbage collector."""
        await self.listen_for_disconnect(receive)
        self._reader.on_too_slow = None
        self._reader.give_up()

    @contextmanager
    def _until_expiry(self) -> Iterator[None]:
        left = float(self._caller.claims["exp"]) + LEEWAY_S - time.time()
        expiry = asyncio.get_running_loop().call_later(max(left, 0), self._end, Unauthorized(EXPIRED))
        try:
            yield
        finally:
            expiry.cancel()

    def _end(self, why: StoryloomError) -> None:
        self._reader.offer(encoded(error_frame(why)))

    async def _lines(self) -> AsyncIterator[bytes]:
        dialect = self._dialect
        while not dialect.over():
            try:
                async with asyncio.timeout(self._state.settings.heartbeat_s):
                    item = await self._reader.take()
            except TimeoutError:
                yield KEEPALIVE_COMMENT
                continue
            except TooSlow:
                return
            told = dialect.telling.feed(item) if isinstance(item, Event) else dialect.telling.frame(json.loads(item))
            if told:
                yield b"".join(map(self._line, told))

    def _line(self, told: Told[Part]) -> bytes:
        place = None if told.place is None else str(told.place)
        return format_sse_event(data_str=self._dialect.written(told.part), id=place)
