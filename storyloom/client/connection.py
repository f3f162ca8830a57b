"""One authenticated WebSocket to a server: opening, silence, and what a close means. `client.py` opens the next one."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
from websockets.http11 import Response
from websockets.typing import Subprotocol

from storyloom.client.reach import moved, origin, refused, trust, unreachable
from storyloom.errors import ClientError

SUBPROTOCOL = Subprotocol("storyloom.v1")
FRAME_BYTES = 32 * 2**20
"""Largest frame taken from the server: a snapshot holds 200 messages and a draft of up to 100 pages."""
OPEN_S = 15.0
"""Longest wait for the handshake and for `ready`, each."""

SENTENCES = {
    1001: "The server went away.",
    1006: "The connection to the server was lost.",
    1009: "The request is larger than the 256 KiB that a frame may have.",
    1012: "The server is restarting.",
    1013: "This client read too slowly and was asked to reconnect.",
    4401: "The server didn't accept the token: it is missing, wrong or expired.",
    4403: "The server refuses connections from this origin.",
    4408: "The server got no token in time.",
    4429: "The server has too many connections or messages from you. Close some, or try again later.",
}
FATAL = frozenset({1009, 4403, 4429})
CODES = {1009: "too_large", 4401: "unauthorized", 4403: "forbidden", 4429: "rate_limited"}


class Lost(Exception):
    """The connection can't go on, but another one may. `error` is what to tell where there is no other."""

    def __init__(self, error: ClientError) -> None:
        super().__init__(error.message)
        self.error = error


class Straight(connect):
    """Follows no redirect; see `reach.moved`."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Listening(ClientConnection):
    """Notes when the server was last heard. The server's pings never reach `recv`, but they are signs of life."""

    heard_at = 0.0

    def data_received(self, data: bytes) -> None:
        self.heard_at = self.loop.time()
        super().data_received(data)


def lost(code: int, told: str = "") -> ClientError | Lost:
    """What a close with `code` means: a ClientError is the end, Lost asks for another connection."""
    error = ClientError(
        CODES.get(code, "unavailable"),
        told or SENTENCES.get(code, f"The server closed the connection (code {code})."),
        retryable=code not in FATAL and code != 4401,
        status=code,
    )
    return error if code in FATAL else Lost(error)


class Socket:
    """A connection after `ready`. Every failure to go on is Lost or a ClientError, nothing else."""

    def __init__(self, connection: Listening) -> None:
        self._connection = connection
        self._told = ""
        self.heartbeat_s = 20.0
        self.user_id: str | None = None
        """Whose connection it is, as the server says."""

    @classmethod
    async def open(cls, url: str, token: str, *, proxy: bool) -> Socket:
        """Connects and authenticates. `url` begins with ws or wss; the token goes in the first frame, never in it."""
        try:
            connection = await Straight(
                url,
                ssl=trust() if url.startswith("wss:") else None,
                subprotocols=[SUBPROTOCOL],
                create_connection=Listening,
                proxy=True if proxy else None,
                open_timeout=OPEN_S,
                ping_interval=None,
                close_timeout=1,
                max_size=FRAME_BYTES,
            )
        except InvalidStatus as refusal:
            raise _refused(refusal.response, url) from refusal
        except (OSError, TimeoutError, EOFError, InvalidHandshake) as fault:
            error = unreachable(url, fault)
            raise (Lost(error) if error.retryable else error) from fault
        except (WebSocketException, ValueError) as fault:
            raise ClientError("unavailable", f"No connection can be made to {origin(url)}: {fault}") from fault
        assert isinstance(connection, Listening)
        socket = cls(connection)
        try:
            with contextlib.suppress(Lost, ClientError):
                # Where it is closed already, what the server said before that says why.
                await socket.send({"type": "auth", "token": token})
            await socket._ready()
        except BaseException:
            await socket.close()
            raise
        return socket

    async def _ready(self) -> None:
        while True:
            frame = await self.receive(OPEN_S)
            if frame.get("type") == "ready":
                self.heartbeat_s = float(frame.get("heartbeat_s") or self.heartbeat_s)
                self.user_id = str(frame.get("user_id") or "") or None
                return
            if frame.get("type") == "error" and frame.get("code") not in (None, "unauthorized"):
                error = refusal(frame)
                if error.code == "rate_limited" and error.retry_after_s is not None:
                    # Too many came from here at once: this one may come a little later.
                    error.status = 4429
                    raise Lost(error)
                raise error

    async def send(self, frame: Mapping[str, Any]) -> None:
        try:
            await self._connection.send(json.dumps({k: v for k, v in frame.items() if v is not None}))
        except ConnectionClosed as closed:
            raise self._closed(closed) from closed

    async def receive(self, silence_s: float | None = None) -> dict[str, Any]:
        """The next frame. Lost after two heartbeats (or `silence_s`) in which nothing at all was heard."""
        loop = asyncio.get_running_loop()
        allowed = silence_s or 2 * self.heartbeat_s
        asked_at = loop.time()
        while True:
            # A reader that was busy itself heard nothing: its own absence isn't the server's silence.
            deadline = max(self._connection.heard_at, asked_at) + allowed
            try:
                async with asyncio.timeout_at(deadline):
                    text = await self._connection.recv()
                break
            except TimeoutError:
                if max(self._connection.heard_at, asked_at) + allowed <= loop.time():
                    sentence = f"Nothing was heard from the server for {allowed:g} s."
                    raise Lost(ClientError("unavailable", sentence, retryable=True)) from None
            except ConnectionClosed as closed:
                raise self._closed(closed) from closed
        try:
            frame = json.loads(text)
        except ValueError as fault:
            raise ClientError("internal", "The server sent a frame that isn't JSON.") from fault
        if not isinstance(frame, dict):
            raise ClientError("internal", "The server sent a frame that isn't an object.")
        if frame.get("type") == "error" and frame.get("code") == "unauthorized":
            self._told = str(frame.get("message") or "")
        return frame

    def _closed(self, closed: ConnectionClosed) -> ClientError | Lost:
        code = closed.rcvd.code if closed.rcvd else 1006
        return lost(code, self._told if code == 4401 else "")

    async def close(self) -> None:
        await self._connection.close()


def refusal(frame: Mapping[str, Any]) -> ClientError:
    """The ClientError that an `error` frame tells."""
    return ClientError(
        str(frame.get("code") or "internal"),
        str(frame.get("message") or "The server refused without saying why."),
        retryable=bool(frame.get("retryable")),
        retry_after_s=frame.get("retry_after_s"),
    )


def _refused(response: Response, url: str) -> ClientError | Lost:
    """What it means that the handshake was answered otherwise."""
    location = response.headers.get("Location")
    if location and 300 <= response.status_code < 400:
        return moved(url, location)
    error = refused(url, "", response.status_code, response.body)
    return Lost(error) if error.retryable else error
