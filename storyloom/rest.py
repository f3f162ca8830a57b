"""REST calls: addresses, the error envelope, tries. Knows nothing of stories."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx

from storyloom.backoff import Reconnect
from storyloom.connection import origin, unreachable
from storyloom.errors import ClientError

TokenProvider = Callable[[bool], Awaitable[str]]
"""Gives the token to use. Called with True after the server refused the last one: then another one is wanted."""

Notice = Callable[[ClientError, float], None]
"""Told of what went wrong, and in how many seconds the next try is."""
TRANSIENT = frozenset({429, 502, 503, 504})
GET_TRIES = 4


class Address:
    """A server's address, as given by a person: `http(s)` or `ws(s)`, any path is kept as prefix.

    Raises ValueError where it isn't one."""

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.strip().rstrip("/").partition("://")
        scheme = {"ws": "http", "wss": "https"}.get(scheme.lower(), scheme.lower())
        parts = urlsplit(f"{scheme}://{rest}")
        if scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{url!r} is not a server's address. It looks like http://127.0.0.1:8000.")
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
        self, address: Address, provider: TokenProvider | None, *, timeout_s: float, backoff: Reconnect | None = None,
        notice: Notice | None = None,
    ) -> None:  # fmt: skip
        self._provider = provider
        self._notice: Notice = notice or (lambda error, wait_s: None)
        self._backoff = backoff or Reconnect()
        self._client = httpx.AsyncClient(
            base_url=address.http, timeout=timeout_s, trust_env=not address.local, follow_redirects=True
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
        for renew in (False, True):
            token = await self._provider(renew) if self._provider is not None else None
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            try:
                async with self._client.stream("GET", path, headers=headers) as response:
                    if response.is_success:
                        if told is not None:
                            told({name.lower(): value for name, value in response.headers.items()})
                        async for piece in response.aiter_bytes():
                            yield piece
                        return
                    await response.aread()
            except (httpx.TransportError, httpx.InvalidURL) as fault:
                sentence = f"The download from {origin(self._address.http)} broke off. Start it again."
                raise ClientError("unavailable", sentence, retryable=True) from fault
            if response.status_code != 401 or token is None or renew:
                raise problem(response)

    async def _once(
        self, method: str, path: str, json: Any, params: dict[str, Any] | None, headers: dict[str, str], renew: bool,
        timeout_s: float | None,
    ) -> Any:  # fmt: skip
        if self._provider is not None:
            headers = {**headers, "Authorization": f"Bearer {await self._provider(renew)}"}
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
        except httpx.TimeoutException as fault:
            sentence = f"The server at {origin(self._address.http)} didn't answer in time."
            raise ClientError("unavailable", sentence, retryable=True) from fault
        except (httpx.TransportError, httpx.InvalidURL) as fault:
            raise unreachable(self._address.http) from fault
        if response.is_success:
            return _json(response) if response.content else None
        raise problem(response)


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as fault:
        where = origin(str(response.request.url))
        raise ClientError("internal", f"{where} is not a Storyloom server: its answer isn't JSON.") from fault


def problem(response: httpx.Response) -> ClientError:
    """The ClientError that a refused call tells: RFC 9457 where the server sends it, the status otherwise."""
    try:
        body = response.json()
    except ValueError:
        body = None
    status = response.status_code
    if not isinstance(body, dict) or "code" not in body:
        code = {401: "unauthorized", 403: "forbidden", 404: "not_found", 429: "rate_limited"}.get(status)
        where = f"{response.request.method} {response.request.url.path}"
        return ClientError(
            code or ("unavailable" if status >= 500 else "internal"),
            f"{origin(str(response.request.url))} answered {where} with HTTP {status}.",
            retryable=status in TRANSIENT,
            status=status,
        )
    return ClientError(
        str(body["code"]),
        str(body.get("message") or body.get("detail") or body.get("title") or f"The server refused (HTTP {status})."),
        retryable=bool(body.get("retryable", status in TRANSIENT)),
        retry_after_s=_retry_after(body.get("retry_after_s"), response.headers.get("retry-after")),
        status=status,
    )


def _retry_after(told: object, header: str | None) -> float | None:
    try:
        return float(told) if isinstance(told, (int, float)) else float(header) if header else None
    except ValueError:
        return None  # a date: the other form that the header may have, not worth a clock
