"""The HTTP client under every provider: it tries again what a moment may mend, and says so while it waits.

Only what happens before an answer's first byte is tried again here. A stream that breaks in the middle has already
been shown to somebody; `agents.cast` starts that call anew.
"""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Callable
from contextvars import ContextVar
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy

import httpx2
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models import create_async_httpx2_client
from pydantic_ai.retries import AsyncHTTPX2TenacityTransport, RetryConfig, wait_retry_after
from tenacity import RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

TRIED_AGAIN = frozenset({408, 429, 500, 502, 503, 504, 529})
LONGEST_WAIT_S = 60.0
HOPELESS_WAIT_S = 300.0
"""A server that names a longer wait than this (a daily limit, say) is believed at once instead of asked again."""
CONNECT_S = 10.0
LONGEST_REFUSAL = 65_536
"""Bytes of a refusal's body that are read: more says nothing more of why."""
_OF_BODY = frozenset({"content-length", "content-encoding", "transfer-encoding"})

WAITING: ContextVar[Callable[[str], None] | None] = ContextVar("storyloom_model_waiting", default=None)
"""Told, in a sentence, whenever the call of the current task waits before its next try."""

_MENDABLE = (
    httpx2.HTTPStatusError,
    httpx2.TimeoutException,
    httpx2.NetworkError,
    httpx2.RemoteProtocolError,
    httpx2.ProxyError,
)


def retrying_client(*, attempts: int, timeout_s: float, backoff_s: float) -> httpx2.AsyncClient:
    """A client that makes up to `attempts` tries of a request, the first included.

    It waits as long as `Retry-After` asks, at most a minute; otherwise `backoff_s`, doubled each time, with jitter.
    `timeout_s` is the longest silence while reading, before the first byte and between any two.
    """
    config = RetryConfig(
        retry=retry_if_exception_type(_MENDABLE),
        wait=wait_retry_after(
            wait_exponential_jitter(initial=backoff_s, max=LONGEST_WAIT_S / 2, jitter=backoff_s),
            max_wait=LONGEST_WAIT_S,
        ),
        stop=stop_after_attempt(attempts),
        # Tenacity's own default picks a sleep by guessing the async library from the stack.
        sleep=asyncio.sleep,
        before_sleep=_tell,
        reraise=True,
    )
    transport = AsyncHTTPX2TenacityTransport(config, wrapped=_Wire(), validate_response=_judge)
    timeout = httpx2.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
    client = create_async_httpx2_client(timeout=timeout, transport=transport)
    # One client serves many accounts: what a provider remembers of one is not sent with the next.
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


def plain_client() -> httpx2.AsyncClient:
    """A client that asks once, through the environment's proxy where it names one."""
    return httpx2.AsyncClient(transport=_Wire(), timeout=CONNECT_S)


class _Wire(httpx2.AsyncBaseTransport):
    """Sends requests, through the environment's proxy where it names one, and reads the body of every refusal.

    A client that is given a transport no longer looks for proxies by itself. And the retrying transport closes a
    refused response unread, when its body is what tells an empty account from a busy server.
    """

    def __init__(self) -> None:
        self._direct = httpx2.AsyncHTTPTransport()
        self._proxies = {
            scheme: httpx2.AsyncHTTPTransport(proxy=address)
            for scheme, address in urllib.request.getproxies().items()
            if scheme in ("http", "https", "all") and address.startswith(("http://", "https://"))
        }

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._way(request.url).handle_async_request(request)
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            response.request = request
            return await _read(response)
        return response

    def _way(self, url: httpx2.URL) -> httpx2.AsyncHTTPTransport:
        proxy = self._proxies.get(url.scheme) or self._proxies.get("all")
        return self._direct if proxy is None or urllib.request.proxy_bypass(url.host) else proxy

    async def aclose(self) -> None:
        for transport in (self._direct, *self._proxies.values()):
            await transport.aclose()


async def _read(response: httpx2.Response) -> httpx2.Response:
    """The refusal with the beginning of its body."""
    body = bytearray()
    try:
        async for piece in response.aiter_bytes():
            body += piece[: LONGEST_REFUSAL - len(body)]
            if len(body) == LONGEST_REFUSAL:
                break
    finally:
        await response.aclose()
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in _OF_BODY]
    return httpx2.Response(
        response.status_code,
        headers=headers,
        content=bytes(body),
        request=response.request,
        extensions=response.extensions,
    )


def _judge(response: httpx2.Response) -> None:
    """Raises HTTPStatusError for a refusal that is worth another try; lets the SDK see all others."""
    if response.status_code in TRIED_AGAIN and _worth_waiting(response):
        response.raise_for_status()


def _worth_waiting(response: httpx2.Response) -> bool:
    try:
        body = response.json()
    except ValueError:
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    said = ModelHTTPError(response.status_code, "", body, headers=response.headers)
    if said.provider_retry_hint is False or (said.retry_after or 0) > HOPELESS_WAIT_S:
        return False
    code = str(error.get("code") or error.get("type") or "") if isinstance(error, dict) else ""
    return not is_quota(code)


def is_quota(code: str) -> bool:
    """Whether a provider's error code says that the account is empty, which no waiting mends."""
    return "quota" in code or "billing" in code or "credit" in code or "spend_limit" in code


def _tell(state: RetryCallState) -> None:
    told = WAITING.get()
    if told is None or state.next_action is None:
        return
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, httpx2.HTTPStatusError):
        status = error.response.status_code
        why = "is asking for fewer requests" if status == HTTPStatus.TOO_MANY_REQUESTS else f"failed ({status})"
    elif isinstance(error, httpx2.TimeoutException):
        why = "did not answer in time"
    else:
        why = "can't be reached"
    told(f"the model {why}; trying again in {max(1, round(state.next_action.sleep))} s")


__all__ = ["HOPELESS_WAIT_S", "LONGEST_WAIT_S", "TRIED_AGAIN", "WAITING", "is_quota", "plain_client", "retrying_client"]
