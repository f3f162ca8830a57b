"""One session watched over as many connections as it takes: each event once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from uuid import UUID

from storyloom.client.connection import Lost, Socket, refusal
from storyloom.client.events import AgentDelta, Event, SessionSnapshot, SessionStatus, parse
from storyloom.client.link import Link
from storyloom.client.state import SessionState
from storyloom.errors import ClientError


class Watch:
    """Either `start` (a frame with a request_id that begins a session) or a session id begins it; the last epoch and
    seq carry it on. Where a chat comes to show what was never told here, a snapshot is asked for.

    `state` is what is known of the session, without what is just being written."""

    def __init__(
        self,
        link: Link,
        *,
        start: Mapping[str, Any] | None = None,
        session_id: UUID | None = None,
        epoch: int | None = None,
        after_seq: int | None = None,
        state: SessionState | None = None,
    ) -> None:
        self.state = state or SessionState()
        self._link = link
        self._start = start
        self._session_id = session_id
        self._epoch = epoch
        self._seq = after_seq
        self._resyncing = False
        self._socket: Socket | None = None
        self._user_id: UUID | None = None

    async def close(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    async def events(self) -> AsyncGenerator[Event, None]:
        """Events until the session is finished. Raises ClientError when it is refused, or no server is to be had within
        the link's bounds. A server that was never reached is not waited for."""
        tries = 0
        broken_at: float | None = None
        renew = renewed = reached = False
        loop = asyncio.get_running_loop()
        while True:
            opened_at = loop.time()
            try:
                self._socket = await self._open(renew)
                reached, renew = True, False
                self._user_id = UUID(self._socket.user_id) if self._socket.user_id else None
                for frame in self._opening():
                    await self._socket.send(frame)
                async for event in self._read(self._socket):
                    tries, broken_at, renewed = 0, None, False
                    yield event
                    if self._is_last(event):
                        return
            except Lost as lost:
                error = lost.error
            finally:
                await self.close()
            if error.code == "unauthorized":
                if renewed or not self._link.renewable:
                    raise error
                renew = renewed = True
                continue
            if not reached and error.status is None:
                raise error
            policy = self._link.reconnect
            now = loop.time()
            if now - opened_at > policy.cap_s:
                # It held for a while, only nothing happened in the session: that is progress as well.
                tries, broken_at, renewed = 0, None, False
            broken_at = broken_at or now
            wait_s = policy.wait_s(tries, error.retry_after_s)
            tries += 1
            if tries > policy.attempts or now - broken_at + wait_s > policy.total_s:
                raise error
            self._link.on_lost(error, wait_s)
            await asyncio.sleep(wait_s)

    async def _open(self, renew: bool) -> Socket:
        try:
            token = await self._link.token(renew)
        except ClientError as error:
            # The server that renews tokens is the one that went away.
            raise Lost(error) if error.retryable else error from error
        address = self._link.address
        return await Socket.open(f"{address.ws}/ws/stories", token, proxy=not address.local)

    def _opening(self) -> list[dict[str, Any]]:
        """What is said on a new connection."""
        if self._session_id is None:
            assert self._start is not None
            return [dict(self._start)]
        return [self._attach()]

    def _attach(self) -> dict[str, Any]:
        attach: dict[str, Any] = {"type": "session.attach", "session_id": str(self._session_id)}
        if self._seq is not None and not self._resyncing:
            attach |= {"epoch": self._epoch, "after_seq": self._seq}
        return attach

    async def _read(self, socket: Socket) -> AsyncGenerator[Event, None]:
        while True:
            frame = await socket.receive()
            if frame.get("type") == "error":
                self._judge(frame)
            elif self._ours(frame):
                event = parse(frame)
                if self._is_news(event):
                    self._session_id, self._epoch, self._seq = event.session_id, event.epoch, event.seq
                    self._resyncing = False
                    if not isinstance(event, AgentDelta):
                        self.state = self.state.apply(event)
                    yield event
                    if self.state.stale:
                        await self._resync(socket)
                elif self._contradicts(event):
                    await self._resync(socket)

    async def _resync(self, socket: Socket) -> None:
        if not self._resyncing:
            self._resyncing = True
            await socket.send(self._attach())

    def _ours(self, frame: Mapping[str, Any]) -> bool:
        if "session_id" not in frame or "seq" not in frame:
            return False
        if self._session_id is None:
            # One story is started on this socket, so the first session heard of is that one.
            return True
        return str(frame["session_id"]).lower() == str(self._session_id)

    def _is_news(self, event: Event) -> bool:
        if isinstance(event, SessionSnapshot):
            return True
        if self._resyncing or event.epoch < (self._epoch or 0):
            return False
        return self._seq is None or event.seq > self._seq

    def _contradicts(self, event: Event) -> bool:
        """A newer run reuses numbers that were seen: what was seen isn't what was kept, so a snapshot is wanted."""
        return not self._resyncing and event.epoch > (self._epoch or 0)

    def _judge(self, frame: Mapping[str, Any]) -> None:
        """Raises where the error concerns this watch."""
        about_session, about_request = frame.get("session_id"), frame.get("request_id")
        if about_session is not None and str(about_session).lower() != str(self._session_id):
            return
        if about_request is not None and (self._start is None or about_request != self._start["request_id"]):
            return
        error = refusal(frame)
        if error.retryable or error.code == "unauthorized":
            raise Lost(error)
        raise error

    def _is_last(self, event: Event) -> bool:
        if isinstance(event, SessionSnapshot):
            return event.session.finished
        return isinstance(event, SessionStatus) and event.finished
