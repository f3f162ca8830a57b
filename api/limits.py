"""What a request may bring at the most, and how often one may come. The socket looks after its frames itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem
from api.state import asking, state_of
from coordinator.errors import RateLimited
from coordinator.models import Identity


class BodyLimit:
    """Refuses a body over `limit` bytes with 413: by its Content-Length unread, else when it turns out so.

    `larger` are the calls that may bring more: method and path (a regular expression), and how much.
    """

    def __init__(self, app: ASGIApp, limit: int, larger: Mapping[tuple[str, str], int] | None = None) -> None:
        self._app = app
        self._limit = limit
        self._larger = {(method, re.compile(path)): most for (method, path), most in (larger or {}).items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit_of(scope)
        declared = Headers(scope=scope).get("content-length", "")
        came = int(declared) if declared.isdecimal() else 0

        async def limited() -> Message:
            nonlocal came
            self._check(came, limit)
            message = await receive()
            if not declared:
                came += len(message.get("body", b""))
                self._check(came, limit)
            return message

        await self._app(scope, limited, send)

    def _limit_of(self, scope: Scope) -> int:
        for (method, path), most in self._larger.items():
            if scope["method"] == method and path.fullmatch(scope["path"]):
                return max(most, self._limit)
        return self._limit

    def _check(self, size: int, limit: int) -> None:
        # Raised into the route that reads, so that it leaves as every other problem does.
        if size > limit:
            raise HTTPException(413, f"The body is larger than {limit} bytes")


class RestLimit:
    """Counts every call of `/api`, for the user whose token it brings, otherwise (none, or one that is refused) for the
    address, and answers 429 before anything of it is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            call = HTTPConnection(scope)
            found = await asking(call)
            caller = found if isinstance(found, Identity) else None
            try:
                await state_of(call).rates.rest(caller, call.client.host if call.client else None)
            except RateLimited as error:
                refusal = problem(error.code, error.message, error.retryable, error.retry_after_s)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
