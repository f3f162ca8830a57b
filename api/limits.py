"""What a request may bring at the most. The socket's frames are limited by the server library."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Refuses a body over `limit` bytes with 413: by its Content-Length unread, else when it turns out so."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        came = int(declared) if declared.isdecimal() else 0

        async def limited() -> Message:
            nonlocal came
            self._check(came)
            message = await receive()
            if not declared:
                came += len(message.get("body", b""))
                self._check(came)
            return message

        await self._app(scope, limited, send)

    def _check(self, size: int) -> None:
        # Raised into the route that reads, so that it leaves as every other problem does.
        if size > self._limit:
            raise HTTPException(413, f"The body is larger than {self._limit} bytes")
