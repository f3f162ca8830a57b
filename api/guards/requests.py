"""Each request and each connection has an id: in its answer's header, in every line logged for it, and in its trace.

The last stop of what nobody foresaw, too: it is logged whole, with the id, and told without its inside.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem
from api.state import state_of
from coordinator.telemetry import traces
from coordinator.telemetry.logs import about

logger = logging.getLogger(__name__)

HEADER = "X-Request-ID"
SANE = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
SESSION = re.compile(r"/api/(?:admin/)?sessions/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/|$)", re.ASCII)
SHARED = re.compile(r"/(?:(?:api/)?shared|api/v1/invites)(?:/|$)")
PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer that has to do with a link, and of the page that shows a story: nobody else is to learn of it."""
UNKNOWN = "unknown path"
ANSWERS = ("http.response.start", "websocket.accept", "websocket.http.response.start")


class Requests:
    """Outside of all other middleware, so that nothing is answered without an id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope).get(HEADER, "")
        request_id = asked if SANE.fullmatch(asked) else secrets.token_hex(8)
        status = 0

        async def identified(message: Message) -> None:
            nonlocal status
            if message["type"] in ANSWERS:
                status = message.get("status", 101)
                message.setdefault("headers", [])
                headers = MutableHeaders(scope=message)
                headers[HEADER] = request_id
                if scope["type"] == "http" and state_of(HTTPConnection(scope)).departure.leaving:
                    # Or a proxy would send its next request on a connection that is just being closed.
                    headers["Connection"] = "close"
                if SHARED.match(scope["path"]):
                    # Of a refusal too: that there was a link is as private as what it showed.
                    for name, value in PRIVATE.items():
                        headers.setdefault(name, value)
            await send(message)

        named = SESSION.match(scope["path"])
        with about(request_id=request_id, session_id=named[1] if named else None):
            if scope["type"] == "websocket":
                await self._app(scope, receive, identified)
                return
            begun = time.perf_counter()
            with _traced(scope, request_id) as span:
                try:
                    await self._app(scope, receive, identified)
                except Exception as error:
                    logger.exception("%s %s broke", scope["method"], _route(scope))
                    span.facts["error.type"] = type(error).__name__
                    if status:
                        # Half an answer is out: the server ends the connection.
                        raise
                    told = problem(
                        "internal", "Something went wrong in the service; its owner can read what in the log."
                    )
                    await told(scope, receive, identified)
                finally:
                    route = _route(scope)
                    span.name, span.failed = f"{scope['method']} {route}", status >= 500
                    span.facts |= {"http.route": route, "http.response.status_code": status}
                    took = {"status": status, "duration_ms": round((time.perf_counter() - begun) * 1000, 1)}
                    level = logging.INFO if _of_people(scope) else logging.DEBUG
                    logger.log(level, "%s %s", scope["method"], route, extra=took)


@contextmanager
def _traced(scope: Scope, request_id: str) -> Iterator[traces.Span]:
    if not _of_people(scope):
        yield traces.Span("")
        return
    facts: dict[str, traces.Fact | None] = {
        "http.request.method": scope["method"],
        "url.scheme": scope["scheme"],
        "storyloom.request_id": request_id,
    }
    made = state_of(HTTPConnection(scope)).traces
    with made.begin(scope["method"], facts, kind="server", parent=Headers(scope=scope).get("traceparent")) as span:
        yield span


def _of_people(scope: Scope) -> bool:
    """Not of a load balancer or of Prometheus, who come every few seconds."""
    return bool(scope["path"].startswith("/api/"))


def _route(scope: Scope) -> str:
    """The path as the app names it: a path as it was sent may say anything."""
    return str(getattr(scope.get("route"), "path", UNKNOWN))
