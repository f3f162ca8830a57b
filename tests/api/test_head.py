"""HEAD is answered wherever GET is, as GET but for the body."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.api.test_doors import DOCUMENT
from tests.service import Service, bearer

PUBLIC = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/asyncapi.json",
    "/",
    "/dashboard",
    "/studio/js/main.js",
    "/api/config",
    "/api/templates",
    "/api/models",
    "/nothing",
    "/studio/nothing.js",
]
VARY = {"date", "x-request-id", "content-length"}


async def both(service: Service, path: str, token: str | None = None) -> tuple[httpx.Response, httpx.Response]:
    headers = bearer(token) if token else {}
    return await service.http.get(path, headers=headers), await service.http.head(path, headers=headers)


@pytest.mark.parametrize("path", PUBLIC)
async def test_what_everybody_may_get(shared: Service, path: str) -> None:
    get, head = await both(shared, path)
    assert head.status_code == get.status_code and head.content == b""
    assert {name: value for name, value in head.headers.items() if name not in VARY} == {
        name: value for name, value in get.headers.items() if name not in VARY
    }
    if path not in ("/metrics", "/readyz"):
        assert head.headers["content-length"] == str(len(get.content))


async def test_every_route_that_is_documented(shared: Service) -> None:
    session_id = await shared.story(pages=1)
    named = {"session_id": session_id, "version": 1, "a": 1, "b": 1, "number": 1, "token": "x", "name": "short-story"}
    paths = [path for path, methods in DOCUMENT["paths"].items() if "get" in methods]
    assert len(paths) > 20
    for path in paths:
        filled = path.format_map(_Any(named))
        get, head = await both(shared, filled, shared.token)
        assert (head.status_code, head.content) == (get.status_code, b""), path


class _Any(dict[str, object]):
    def __missing__(self, key: str) -> object:
        return "00000000-0000-4000-8000-000000000000"


async def test_a_connection_goes_on_after_it(shared: Service) -> None:
    """No byte of a body is left on it, which the next answer would be taken for."""
    address = httpx.URL(shared.url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    request = f"HEAD /healthz HTTP/1.1\r\nHost: {address.netloc.decode()}\r\n\r\n".encode()
    for _ in range(3):
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert head.startswith(b"HTTP/1.1 200 ")
    writer.write(request.replace(b"HEAD", b"GET"))
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).startswith(b"HTTP/1.1 200 ")
    assert (await reader.readexactly(10)).startswith(b'{"status"')
    writer.close()
