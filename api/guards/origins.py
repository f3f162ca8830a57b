"""Which page a browser speaks for: its `Origin`, compared part by part with the service's own and the allowed ones."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import idna
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

DEFAULT_PORTS = {"http": 80, "https": 443}
_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[^\s/?#@:\[\]\\]+)(?::(\d{1,5}))?/?", re.IGNORECASE)
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s/?#@:\[\]\\]+)(?::(\d{1,5}))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Origin:
    """`host` in lower case and punycode, without a dot at its end; an IPv6 address in its shortest form."""

    scheme: str
    host: str
    port: int


@lru_cache(maxsize=1024)
def parsed(text: str) -> Origin | None:
    """None for what names no page that could be told from others: `null`, a file, an extension."""
    if (found := _ORIGIN.fullmatch(text)) is None or (host := _host(found[2])) is None:
        return None
    scheme = found[1].lower()
    return Origin(scheme, host, int(found[3] or DEFAULT_PORTS[scheme]))


def may_connect(origin: str, host: str, allowed: Iterable[str]) -> bool:
    """Whether a page of that `Origin` is the service's own, by the `Host` that it connects to, or an allowed one."""
    page = parsed(origin)
    return page is not None and (page == _served(host, page.scheme) or page in map(parsed, allowed))


def _served(host: str, scheme: str) -> Origin | None:
    """The service as a page sees it. A proxy before it may speak TLS for it: the scheme is the page's to say."""
    if (found := _HOST.fullmatch(host)) is None or (name := _host(found[1])) is None:
        return None
    return Origin(scheme, name, int(found[2] or DEFAULT_PORTS[scheme]))


def _host(text: str) -> str | None:
    try:
        if text.startswith("["):
            return ipaddress.IPv6Address(text[1:-1]).compressed
        name = text.lower().removesuffix(".")
        return name if name.isascii() else idna.encode(name, uts46=True).decode()
    except ValueError:
        return None


class Cors(CORSMiddleware):
    """CORS for the allowed origins, however they are written."""

    def __init__(self, app: ASGIApp, allowed: list[str]) -> None:
        super().__init__(
            app,
            allow_origins=allowed,
            allow_methods=METHODS,
            allow_headers=ASKED,
            expose_headers=TOLD,
            max_age=MAX_AGE_S,
        )
        self._allowed = frozenset(filter(None, map(parsed, allowed)))

    def is_allowed_origin(self, origin: str) -> bool:
        return super().is_allowed_origin(origin) or parsed(origin) in self._allowed


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
ASKED = [
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "X-Request-ID",
    "X-User-ID",
    "traceparent",
]
"""What a page may send."""
TOLD = [
    "Content-Disposition",
    "Content-Language",
    "ETag",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "Warning",
    "X-Request-ID",
    "x-vercel-ai-ui-message-stream",
]
"""What a page may read of an answer besides what every page may: all that this service sends."""
MAX_AGE_S = 3600
"""So long a browser need not ask again before each call."""
