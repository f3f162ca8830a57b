"""REST calls: addresses, the error envelope, tries. Knows nothing of stories."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx

from storyloom.client.backoff import Reconnect
from storyloom.client.reach import moved, origin, refused, trust, unreachable
from storyloom.errors import ClientError

TokenProvider = Callable[[bool], Awaitable[str]]
"""Gives the token to use. Called with True after the server refused the last one: then another one is wanted."""

Notice = Callable[[ClientError, float], None]
"""Told of what went wrong, and in how many seconds the next try is."""
GET_TRIES = 4
NO_TEXT = "The request holds characters that no text in UTF-8 can have (half of a surrogate pair): take them out."


class Address:
    """A server's address, as given by a person: `http(s)` or `ws(s)`, any path is kept as prefix.

    Raises ValueError where it isn't one."""

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.strip().rstrip("/").partition("://")
        scheme = {"ws": "http", "wss": "https"}.get(scheme.lower(), scheme.lower())
        parts = urlsplit(f"{scheme}://{rest}")
        if scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{url!r} is not a server's address. It looks like http://127.0.0.1:8000.")
        try:
            httpx.URL(f"{scheme}://{rest}")
            parts.hostname.encode("idna")
        except (httpx.InvalidURL, UnicodeError) as fault:
            raise ValueError(f"{url!r} is not a server's address: no host has such a name.") from fault
        _ = parts.port  # raises ValueError for a port that is none
        self.http = f"{scheme}://{rest}"
        self.ws = f"{'wss' if scheme == 'https' else 'ws'}://{rest}"
        self.local = _is_loopback(parts.hostname)

    def __str__(self) -> str:
        return self.http


def _is_loopback(host: str) -> bool:
    """Whether the host is this machine: a proxy from the environment must not get in between."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Http:
    """Calls with a bearer token, renewed once where it is refused."""

    def __init__(
        self,
        address: Address,
        provider: TokenProvider | None,
        *,
        timeout_s: float,
        backoff: Reconnect | None = None,
        notice: Notice | None = None,
    ) -> None:
        self._provider = provider
        self._notice: Notice = notice or (lambda error, wait_s: None)
        self._backoff = backoff or Reconnect()
        # Without TLS there is nothing to trust, and reading the authorities takes longer than a call.
        verify = trust() if address.http.startswith("https:") else False
        self._client = httpx.AsyncClient(
            base_url=address.http, timeout=timeout_s, trust_env=not address.local, verify=verify
        )
        self._address = address

    async def close(self) -> None:
        await self._client.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        repeatable: bool = False,
        timeout_s: float | None = None,
    ) -> Any:
        """The answer's JSON, None for an empty one. A `repeatable` call is tried again where that can help, and any
        that came too fast (429: nothing was done) after the time that the server names. GET_TRIES tries in all, and
        no more than the backoff's `total_s` of waiting. `timeout_s` is for an answer that takes its time."""
        tries, waited_s = 0, 0.0
        renewed = False
        while True:
            try:
                return await self._once(method, path, json, params, headers or {}, renewed, timeout_s)
            except ClientError as error:
                if error.status == 401 and self._provider is not None and not renewed:
                    renewed = True
                    continue
                tries += 1
                timed = error.status == 429 and error.retry_after_s is not None
                if tries >= GET_TRIES or not (timed or (repeatable and error.retryable and error.status is not None)):
                    raise
                wait_s = self._backoff.wait_s(tries, error.retry_after_s)
                waited_s += wait_s
                if waited_s > self._backoff.total_s or (wait_s > self._backoff.cap_s and not timed):
                    raise
                if timed:
                    self._notice(error, wait_s)
                await asyncio.sleep(wait_s)

    async def download(
        self, path: str, told: Callable[[dict[str, str]], None] | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The answer's body as it comes. Raises ClientError also where it breaks off: what came is not all of it.
        `told` gets the answer's headers, in lower case."""
        begun = False
        for renew in (False, True):
            token = await self._provider(renew) if self._provider is not None else None
            headers = _bearer(token) if token else {}
            try:
                async with self._client.stream("GET", path, headers=headers) as response:
                    if response.is_success:
                        begun = True
                        if told is not None:
                            told({name.lower(): value for name, value in response.headers.items()})
                        async for piece in response.aiter_bytes():
                            yield piece
                        return
                    await response.aread()
            except (httpx.TransportError, httpx.InvalidURL) as fault:
                raise self._lost(fault, begun) from fault
            if response.status_code != 401 or token is None or renew:
                raise _refusal(response)

    async def _once(
        self,
        method: str,
        path: str,
        json: Any,
        params: dict[str, Any] | None,
        headers: dict[str, str],
        renew: bool,
        timeout_s: float | None,
    ) -> Any:
        if self._provider is not None:
            headers = {**headers, **_bearer(await self._provider(renew))}
        wanted = {key: value for key, value in (params or {}).items() if value is not None}
        try:
            timeout = self._client.timeout if timeout_s is None else timeout_s
            response = await self._client.request(
                method,
                path,
                json=json,
                params=wanted,
                headers=httpx.Headers(headers, encoding="utf-8"),
                timeout=timeout,
            )
        except (httpx.TransportError, httpx.InvalidURL) as fault:
            raise self._lost(fault) from fault
        except UnicodeEncodeError as fault:
            raise ClientError("invalid_message", NO_TEXT) from fault
        if response.is_success:
            return _json(response) if response.content else None
        raise _refusal(response)

    def _lost(self, fault: Exception, begun: bool = False) -> ClientError:
        """What it means that there is no answer, or, where one had `begun`, no more of it."""
        where = origin(self._address.http)
        if begun:
            return ClientError("unavailable", f"The download from {where} broke off. Start it again.", retryable=True)
        if isinstance(fault, httpx.TimeoutException):
            return ClientError("unavailable", f"The server at {where} didn't answer in time.", retryable=True)
        return unreachable(self._address.http, fault)


def _bearer(token: str) -> dict[str, str]:
    """Raises ClientError for what is no token, which no server need be asked about."""
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ClientError("unauthorized", "The token has characters that no token has: copy it anew.")
    return {"Authorization": f"Bearer {token}"}


def _refusal(response: httpx.Response) -> ClientError:
    if response.has_redirect_location:
        return moved(str(response.request.url), response.headers["location"])
    url, asked = response.request.url, f"{response.request.method} {response.request.url.path}"
    return refused(str(url), asked, response.status_code, response.content, response.headers.get("retry-after"))


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as fault:
        where = origin(str(response.request.url))
        raise ClientError("internal", f"{where} is not a Storyloom server: its answer isn't JSON.") from fault
