"""What a request may bring at the most, and how often one may come. The socket looks after its frames itself."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem
from api.state import asking, state_of
from coordinator.errors import RateLimited
from coordinator.models import Identity


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
