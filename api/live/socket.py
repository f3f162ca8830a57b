"""WebSocket /ws/stories: one connection, its reader, and the sessions it watches."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from api.bounds.rates import TooMany, address_key
from api.errors import error_frame
from api.guards.origins import may_connect
from api.identity.auth import bearer
from api.identity.tokens import LEEWAY_S
from api.live import protocol
from api.live.watching import Watching, encoded
from api.state import State, admitted, host_of, person_of, state_of, verified
from coordinator.errors import Internal, RateLimited, StoryloomError, Unauthorized, Unavailable
from coordinator.models import Identity
from coordinator.running.chats import Sending
from coordinator.running.stories import Asked, WantedStory
from coordinator.sessions.streams import Reader, TooSlow
from coordinator.telemetry.logs import about

logger = logging.getLogger(__name__)


class Close(Exception):
    """End the connection with a code of the contract."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


async def stories(scope: Scope, receive: Receive, send: Send) -> None:
    """One connection, as an ASGI app."""
    websocket = WebSocket(scope, receive, send)
    offered = websocket.scope.get("subprotocols", [])
    await websocket.accept(protocol.SUBPROTOCOL if protocol.SUBPROTOCOL in offered else None)
    state = state_of(websocket)
    with state.manager.metrics.sockets.track_inprogress():
        await Connection(websocket, state).serve()


class Connection:
    """Two tasks: to receive, and to send what the reader's queue holds. What fails in either ends the connection, as do
    the token's end and a queue that is full."""

    def __init__(self, websocket: WebSocket, state: State) -> None:
        self._websocket = websocket
        self._state = state
        self._loop = asyncio.get_running_loop()
        self._why: asyncio.Future[Exception] = self._loop.create_future()
        self._reader = Reader(
            state.settings.reader_queue,
            partial(_settle, self._why, TooSlow()),
            most_bytes=state.settings.reader_bytes,
            held=state.connections.held,
            owner=address_key(host_of(websocket)),
        )
        self._watching: Watching | None = None
        self._person = person_of(websocket)
        self._number = 0
        self._expiry: asyncio.TimerHandle | None = None

    async def serve(self) -> None:
        """Until either side ends it. Raises nothing; every task it made has ended on return."""
        code, reason, last_word = 1000, "", None
        try:
            self._number = await self._state.rates.connect(host_of(self._websocket))
            self._check_origin()
            await self._authenticate()
            with self._state.rates.connected(self._caller):
                await self._work()
        except TooMany as error:
            code, reason = protocol.TOO_MANY, "too many connections or messages"
            last_word = encoded(error_frame(error))
        except Close as close:
            code, reason = close.code, close.reason
        except TooSlow:
            self._state.manager.metrics.slow_readers.inc()
            code, reason = protocol.TRY_AGAIN_LATER, "reading too slowly: reconnect and attach"
        except WebSocketDisconnect:
            pass
        except Exception:
            logger.exception("a connection broke")
            code, reason = protocol.BROKEN, "something went wrong: reconnect and attach"
        finally:
            if self._watching is not None:
                await self._watching.close()
            self._reader.close()
            # It leads back to here: what has ended would else be kept until the garbage collector comes by.
            self._reader.on_too_slow = None
            del self._why
        if self._websocket.client_state is WebSocketState.CONNECTED:
            # The client may have gone in the same moment. One that reads nothing is not waited for without end.
            with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
                async with asyncio.timeout(self._state.settings.heartbeat_s):
                    if last_word is not None:
                        await self._websocket.send_text(last_word)
                    await self._websocket.close(code, reason)

    # -- Coming in ---------------------------------------------------------------------------------------------------

    def _check_origin(self) -> None:
        """A browser names the page that connects; only our own and the allowed ones may. Others name none."""
        origin, host = (self._websocket.headers.get(name) for name in ("origin", "host"))
        if origin is not None and not may_connect(origin, host or "", self._state.settings.allowed_origins):
            raise Close(protocol.ORIGIN_REFUSED, "this origin may not connect")

    async def _authenticate(self) -> None:
        token = bearer(self._websocket.headers.get("authorization"))
        try:
            if token is None:
                async with asyncio.timeout(self._state.settings.auth_timeout_s):
                    frame = protocol.parse(await self._receive_text())
                if not isinstance(frame, protocol.Auth):
                    raise Unauthorized("The first frame of a connection is `auth`, with a token.")
                token = frame.token
                self._person = self._person if frame.user_id is None else frame.user_id
            caller = (await verified(self._state, token, self._person)).identity
            self._watching = Watching(self._state, self._reader, caller)
        except TimeoutError:
            raise Close(protocol.NO_AUTH_IN_TIME, "no auth in time") from None
        except (Unavailable, RateLimited) as error:
            # The token may be right: its holder is asked to come again, not to sign in.
            await self._websocket.send_text(encoded(error_frame(error)))
            raise Close(protocol.TRY_AGAIN_LATER, "not just now: see the error before this") from None
        except StoryloomError as error:
            await self._websocket.send_text(encoded(error_frame(error)))
            raise Close(protocol.NOT_AUTHENTICATED, "not authenticated") from None

    def _ready(self) -> str:
        caller = self._caller
        assert caller.user_id is not None
        ready = protocol.Ready(
            user_id=caller.user_id,
            role=caller.role,
            version=self._state.version,
            heartbeat_s=self._state.settings.heartbeat_s,
        )
        return ready.model_dump_json()

    # -- While it lasts ----------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Raises why the connection ends, in the words of whoever found that out first."""
        # Here, and not by the task to come: where the handshake brought the token its answer and this are one packet.
        await self._send_text(self._ready())
        self._watch_token()
        tasks = [asyncio.create_task(self._part(part)) for part in (self._receive, self._send)]
        try:
            raise await self._why
        finally:
            assert self._expiry is not None
            self._expiry.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _part(self, part: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await part()
        except Exception as why:
            _settle(self._why, why)

    async def _send(self) -> None:
        while True:
            await self._send_text(await self._reader.next())

    async def _send_text(self, text: str) -> None:
        try:
            await self._websocket.send_text(text)
        except RuntimeError as error:
            # The server's keepalive has closed it in the same moment, of which nobody was told yet.
            raise WebSocketDisconnect(protocol.LOST) from error

    def _watch_token(self) -> None:
        """Closes the connection when its token expires unless another came before. The stories go on."""
        if self._expiry is not None:
            self._expiry.cancel()
        left = float(self._caller.claims["exp"]) + LEEWAY_S - time.time()
        expired = Close(protocol.NOT_AUTHENTICATED, "the token has expired")
        self._expiry = self._loop.call_later(max(left, 0), _settle, self._why, expired)

    async def _receive(self) -> None:
        while True:
            try:
                frame: protocol.ClientFrame | protocol.Refused = protocol.parse(await self._receive_text())
            except protocol.Refused as error:
                frame = error
            with about(session_id=getattr(frame, "session_id", None)):
                await self._handle(frame)

    async def _receive_text(self) -> str:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text = message.get("text")
        if text is None:
            raise protocol.Refused("Frames are text, not binary.")
        return str(text)

    # -- Frames ------------------------------------------------------------------------------------------------------

    async def _handle(self, frame: protocol.ClientFrame | protocol.Refused) -> None:
        session_id = getattr(frame, "session_id", None)
        try:
            await self._state.rates.frame(self._number)
            if isinstance(frame, protocol.Refused):
                raise frame
            facts = {"storyloom.session_id": str(session_id) if session_id else None}
            with self._state.traces.begin(f"frame {frame.type}", facts, kind="server"):
                await self._act(frame)
            return
        except (TooSlow, TooMany, WebSocketDisconnect):
            raise
        except StoryloomError as error:
            failed = error
        except Exception:
            logger.exception("a %s frame broke", getattr(frame, "type", "refused"))
            failed = Internal("Something went wrong in the service; its owner can read what in the log.")
        request_id = getattr(frame, "request_id", None)
        await self._answer(
            error_frame(failed, request_id=request_id, session_id=None if session_id is None else str(session_id))
        )

    async def _act(self, frame: protocol.ClientFrame) -> None:
        caller, watching = self._caller, self._watches
        self._state.erasures.check(caller)
        coordinator = self._state.coordinator
        match frame:
            case protocol.Ping():
                await self._answer(protocol.Pong(t=frame.t).model_dump())
            case protocol.Auth():
                await self._renew(frame)
            case protocol.StoryStart():
                await self._start(frame)
            case protocol.SessionAttach():
                watching.attach(frame.session_id, frame.epoch, frame.after_seq)
            case protocol.SessionDetach():
                watching.detach(frame.session_id)
            case protocol.SessionCancel():
                await coordinator.cancel(caller, frame.session_id)
            case protocol.SessionResume():
                await coordinator.resume(caller, frame.session_id, frame.budget)
            case protocol.SessionPause():
                await coordinator.pause(caller, frame.session_id)
            case protocol.SessionSteer():
                await coordinator.steer(caller, frame.session_id, frame.text)
            case protocol.ChatSend():
                await self._say(frame)
            case protocol.ChatStop():
                await self._state.chats.stop(caller, frame.session_id)
            case protocol.ChatRegenerate():
                await self._state.chats.regenerate(caller, frame.session_id, frame.seq, frame.request_id)
            case protocol.ChatEdit():
                await self._state.chats.edit(caller, frame.session_id, frame.seq, frame.text, frame.request_id)
            case protocol.SessionBranch():
                await self._state.chats.branch(caller, frame.session_id, frame.seq)
            case protocol.SessionApprove():
                await coordinator.approve(
                    caller, frame.session_id, frame.step, approved=frame.approved, comment=frame.comment
                )

    async def _renew(self, frame: protocol.Auth) -> None:
        person = self._person if frame.user_id is None else frame.user_id
        renewed = (await verified(self._state, frame.token, person)).identity
        if renewed.user_id != self._caller.user_id:
            raise Unauthorized("A connection stays with its user: connect again to be another.")
        self._watches.caller = renewed
        self._watch_token()
        self._reader.offer(self._ready())

    async def _start(self, frame: protocol.StoryStart) -> None:
        watching = self._watches
        watching.check_room()
        await admitted(self._state, self._caller, host_of(self._websocket), frame.request_id)
        asked = Asked(frame.asked_in, frame.asked_call) if frame.asked_in else None
        wanted = WantedStory(
            frame.prompt,
            frame.template,
            frame.title,
            frame.config,
            frame.request_id,
            frame.project_id,
            asked,
        )
        session, _ = await self._state.coordinator.create(self._caller, wanted)
        # Watched before it runs; a repeated request is told its story from the beginning.
        watching.attach(session.id, 0, 0)
        self._state.coordinator.begin(session)

    async def _say(self, frame: protocol.ChatSend) -> None:
        watching = self._watches
        if frame.session_id is None:
            watching.check_room()
            await self._state.addresses.note(self._caller, host_of(self._websocket))
        sending = Sending(frame.text, frame.session_id, frame.project_id, frame.agent, frame.model, frame.request_id)
        posted = await self._state.chats.send(self._caller, sending)
        if not watching.watches(posted.session.id):
            # A repeated request is told its chat from the beginning.
            watching.attach(posted.session.id, 0, 0)

    @property
    def _watches(self) -> Watching:
        """From when it is known who connects."""
        assert self._watching is not None
        return self._watching

    @property
    def _caller(self) -> Identity:
        return self._watches.caller

    async def _answer(self, frame: dict[str, Any]) -> None:
        """Waits for room: a client that asks faster than it reads is read from more slowly, and not cut off."""
        await self._reader.put(encoded(frame))


def _settle(end: asyncio.Future[Exception], why: Exception) -> None:
    """A connection ends by what comes first."""
    if not end.done():
        end.set_result(why)
