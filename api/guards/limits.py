"""What a request may bring at the most, and how often one may come. The socket looks after its frames itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.bounds.rates import address_key
from api.errors import Carried, problem
from api.state import asking, host_of, state_of
from coordinator.errors import RateLimited, StoryloomError, Unavailable
from coordinator.models import Identity


class BodyLimit:
    """Refuses a body over `limit` bytes with 413: by its Content-Length unread, else when it turns out so. What has
    come of it counts among what the node holds, and for how much its sender may send.

    `larger` are the calls that may bring more where it is known whose they are: method and path (a regular
    expression), and how much.
    """

    def __init__(self, app: ASGIApp, limit: int, larger: Mapping[tuple[str, str], int] | None = None) -> None:
        self._app = app
        self._limit = limit
        self._larger = {(method, re.compile(path)): most for (method, path), most in (larger or {}).items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = HTTPConnection(scope)
        declared = Headers(scope=scope).get("content-length", "")
        came = int(declared) if declared.isdecimal() else 0
        let_go = False

        def make_room() -> None:
            nonlocal let_go
            let_go = True

        account = state_of(call).connections.held.account(address_key(host_of(call)), make_room)

        async def limited() -> Message:
            nonlocal came
            limit = await self._limit_of(call)
            self._check(came, limit)
            message = await receive()
            if message["type"] == "http.disconnect":
                return message
            if size := len(message.get("body", b"")):
                if not declared:
                    came += size
                    self._check(came, limit)
                try:
                    await state_of(call).rates.body(await _caller(call), host_of(call), size)
                except RateLimited as error:
                    raise Carried(error) from None
                account.add(size)
            if let_go:
                raise Carried(Unavailable("The service has more to hold than it can: send it again in a moment."))
            return message

        async def answered(message: Message) -> None:
            # Whoever answers has read it, and lets go of it. The answer may be a long one.
            account.close()
            await send(message)

        try:
            await self._app(scope, limited, answered)
        finally:
            account.close()

    async def _limit_of(self, call: HTTPConnection) -> int:
        for (method, path), most in self._larger.items():
            if call.scope["method"] == method and path.fullmatch(call.scope["path"]) and await _caller(call):
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
            try:
                await state_of(call).rates.rest(await _caller(call), host_of(call))
            except RateLimited as error:
                refusal = problem(error.code, error.message, error.retryable, error.retry_after_s)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _caller(call: HTTPConnection) -> Identity | None:
    """Whose token a call brings, None where it is not known to be anybody's."""
    found = await asking(call)
    return None if isinstance(found, StoryloomError) else found.identity
