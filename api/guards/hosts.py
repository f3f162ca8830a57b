"""Which names this service answers to.

A page somewhere may have its own name lead to this machine (DNS rebinding): its scripts then speak to the service as if
it were theirs. They can't change the name that their browser sends, so a name that is not ours is refused.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import problem
from coordinator.errors import InvalidMessage
from coordinator.settings import Settings

MISDIRECTED, BAD = 421, 400
HOST = re.compile(r"(?P<name>[^\s:/?#@\[\]]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?", re.ASCII)
NOT_OURS = (
    "This service does not answer to the name in `Host`: if it is yours, add it to STORYLOOM_ALLOWED_HOSTS, "
    "and restart the service."
)
NOT_ONE = "A request says in one `Host` header which service it is for."


class Hosts:
    """Refuses calls and connections under names that are not ours."""

    def __init__(self, app: ASGIApp, names: Names) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._app if scope["type"] not in ("http", "websocket") else self._refusal(scope) or self._app
        await answer(scope, receive, send)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        told = Headers(scope=scope).getlist("host")
        # No browser leaves it out; the health checks of some load balancers do, in HTTP/1.0.
        if len(told) > 1 or (not told and scope.get("http_version") != "1.0"):
            return problem(InvalidMessage.code, NOT_ONE, status=BAD)
        if not told or _proxied(scope) or told[0] in self._names:
            return None
        return problem(InvalidMessage.code, NOT_OURS, status=MISDIRECTED)


def _proxied(scope: Scope) -> bool:
    """Whether a load balancer that is trusted has passed it on: which names lead there is its own to say.

    The server has then put the address that it tells in the place of its own, which has no port.
    """
    client = scope.get("client")
    return client is not None and client[1] == 0


class Names:
    """The names that are ours. Addresses all are: no name server can make one lead elsewhere than it does."""

    def __init__(self, listening: str, allowed: Iterable[str]) -> None:
        """`listening` is what the service listens on; `allowed` are names, `*.name` for all below it, or `*`."""
        self._known = {"localhost", _plain(listening)}
        if not _is_loopback(listening):
            # Others can reach it, and do so by the name of the machine.
            self._known.add(_plain(socket.gethostname()))
        plain = {_plain(name) for name in allowed}
        self._all = "*" in plain
        self._known |= plain
        self._below = (".localhost", *(name[1:] for name in plain if name.startswith("*.")))

    @classmethod
    def of(cls, settings: Settings) -> Names:
        return cls(settings.host, settings.allowed_hosts)

    def __contains__(self, host: object) -> bool:
        """Whether the text of a `Host` header is one of ours, with or without a port."""
        if self._all:
            return True
        found = HOST.fullmatch(host) if isinstance(host, str) else None
        if found is None:
            return False
        name = _plain(found["name"])
        return _is_address(name) or name in self._known or name.endswith(self._below)


def _plain(name: str) -> str:
    """As names are compared: in small letters, without the root's dot at the end."""
    return name.strip().lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        if name.startswith("["):
            IPv6Address(name[1:-1])
        else:
            ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)
