"""Why a server can't be reached, or is none: from what went wrong on the way to one sentence with what to do."""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import certifi

from storyloom.errors import ClientError

AWAY = frozenset({429, 500, 502, 503, 504})
"""What a server, or a proxy before it, answers while it can't take anything: worth another try."""
_DOORS = frozenset({401, 403, 407})
_NO_ROUTE = frozenset({"Not Found.", "Method Not Allowed."})
"""What the service says of an address that it does not have, rather than of a thing that is not there."""


def trust() -> ssl.SSLContext:
    """Of the machine's authorities and those that come with Python's libraries; of SSL_CERT_FILE and SSL_CERT_DIR alone
    where they are set. One for both doors, so that no server is trusted at one and refused at the other."""
    context = ssl.create_default_context()
    if not (os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")):
        context.load_verify_locations(certifi.where())
    return context


def origin(url: str) -> str:
    """The server's address as a person would write it: no path, no credentials."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}{port}"


def unreachable(url: str, fault: BaseException | None = None) -> ClientError:
    """`fault` is what a library raised; what it was caused by says more than itself."""
    where = origin(url)
    for cause in _causes(fault):
        if isinstance(cause, ssl.SSLCertVerificationError):
            said = f"The certificate of {where} is not trusted ({cause.verify_message.rstrip('.')}): "
            remedy = "set SSL_CERT_FILE to a file with the authority that signed it, or mend the address."
            if "mismatch" in cause.verify_message:
                remedy = "give the address with a name that it is for."
            elif "expired" in cause.verify_message or "not yet valid" in cause.verify_message:
                remedy = "whoever runs the server has to renew it, unless this machine's clock is wrong."
            return ClientError("unavailable", said + remedy)
        if isinstance(cause, ssl.SSLError):
            said = f"{where} does not answer with TLS: give its address with http://, or the port of its TLS."
            return ClientError("unavailable", said)
        if isinstance(cause, socket.gaierror):
            said = f"There is no host named {urlsplit(url).hostname}: check the address, and the network."
            return ClientError("unavailable", said, retryable=True)
        if type(cause).__name__ in ("ProxyError", "InvalidProxy", "InvalidProxyMessage", "InvalidProxyStatus"):
            said = f"The proxy on the way to {where} does not let it through: check HTTPS_PROXY and NO_PROXY."
            return ClientError("unavailable", said)
        if type(cause).__name__ in ("RemoteProtocolError", "InvalidMessage"):
            said = f"What listens at {where} does not answer with HTTP: check the port, and whether it wants https://."
            return ClientError("unavailable", said, retryable=True)
    return ClientError("unavailable", f"No Storyloom server answers at {where}.", retryable=True)


def moved(url: str, location: str) -> ClientError:
    """A redirect is not followed: the token would go along, and a POST would become a GET."""
    there = urljoin(url, location)
    if origin(there) == origin(url):
        said = f"{origin(url)} redirects to {urlsplit(there).path}: something before it wants a sign-in of its own."
    else:
        said = f"{origin(url)} redirects to {origin(there)}: give the address at which Storyloom itself answers."
    return ClientError("unavailable", said)


def foreign(url: str, asked: str, status: int) -> ClientError:
    """Of an answer that is not Storyloom's. `asked` is the method and path, or "" for a WebSocket."""
    where = origin(url)
    if status in AWAY:
        said = f"The server at {where} can't answer now (HTTP {status})."
        return ClientError("unavailable", said, retryable=status != 500, status=status)
    if status in _DOORS:
        said = f"{where} answers HTTP {status}, not as Storyloom does: something before it wants a sign-in of its own, "
        said += "or it is not a Storyloom server."
    elif asked:
        said = f"{where} is not a Storyloom server: it answers {asked} with HTTP {status}. Check the address."
    else:
        said = (
            f"{where} answers HTTP {status} and opens no WebSocket: a proxy before Storyloom must pass on the headers "
            "Upgrade and Connection (docs/cli.md), or it is not a Storyloom server."
        )
    return ClientError("unavailable", said, status=status)


def refused(url: str, asked: str, status: int, body: bytes, retry_after: str | None = None) -> ClientError:
    """Of an answer that is a refusal: by RFC 9457 where Storyloom itself answers, else as `foreign`."""
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, dict) or "code" not in told:
        return foreign(url, asked, status)
    said = str(told.get("message") or told.get("detail") or told.get("title") or f"The server refused ({status}).")
    if said in _NO_ROUTE:
        said = f"The server at {origin(url)} has no {asked}: its address has a wrong path, or it is of another version."
        return ClientError("unavailable", said, status=status)
    retryable = bool(told.get("retryable", status in AWAY))
    wait_s = _retry_after(told.get("retry_after_s"), retry_after)
    return ClientError(str(told["code"]), said, retryable=retryable, retry_after_s=wait_s, status=status)


def _retry_after(told: object, header: str | None) -> float | None:
    try:
        return float(told) if isinstance(told, (int, float)) else float(header) if header else None
    except ValueError:
        return None  # a date: the other form that the header may have, not worth a clock


def _causes(fault: BaseException | None) -> Iterator[BaseException]:
    """The fault's own causes, the innermost first."""
    chain: list[BaseException] = []
    while fault is not None and fault not in chain:
        chain.append(fault)
        fault = fault.__cause__ or fault.__context__
    yield from reversed(chain)
