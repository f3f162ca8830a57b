"""A page whose name was made to lead to this machine (DNS rebinding) gets nothing, over HTTP or WebSocket."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from api.errors import Problem
from api.guards.hosts import Names
from coordinator.errors import Misconfigured
from coordinator.settings import Settings, load_settings
from tests.service import Service, serving

EVIL = "rebound.example"


async def asked(service: Service, *lines: str, target: str = "/healthz", version: str = "1.1") -> tuple[int, Any]:
    """The answer to a request made by hand, with these header lines and no others."""
    address = httpx.URL(service.url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    head = [f"GET {target} HTTP/{version}", *lines, "Connection: close"]
    writer.write("\r\n".join([*head, "", ""]).encode("latin1"))
    answer = (await asyncio.wait_for(reader.read(), 10)).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split(" ")[1]), json.loads(body) if body.startswith("{") else body


async def refused_socket(service: Service, host: str) -> int:
    address = httpx.URL(service.url)
    uri = f"ws://{host}/ws/stories"
    with pytest.raises(InvalidStatus) as refused:
        async with connect(uri, host=address.host, port=address.port):
            pass
    told = Problem.model_validate_json(refused.value.response.body or b"")
    assert "STORYLOOM_ALLOWED_HOSTS" in told.detail
    assert "x-request-id" in refused.value.response.headers
    return refused.value.response.status_code


OURS = [
    "localhost",
    "LocalHost:8000",
    "localhost.",
    "stories.localhost",
    "127.0.0.1",
    "127.8.8.8:99",
    "[::1]",
    "[::1]:8000",
    "192.0.2.7",
    "192.0.2.7:80",
    "[2001:db8::7]",
]
OTHERS = [
    EVIL,
    f"{EVIL}:8000",
    EVIL.upper(),
    f"{EVIL}.",
    "localhost.rebound.example",
    "notlocalhost",
    "127.0.0.1.rebound.example",
    "",
    ":8000",
    "localhost:port",
    "localhost@rebound.example",
    "rebound.example#localhost",
    "[::1",
    "[rebound.example]",
    "localhost rebound.example",
    "localhost,rebound.example",
    "ＬＯＣＡＬＨＯＳＴ",
]


@pytest.mark.parametrize("host", OURS)
def test_names_that_are_ours(host: str) -> None:
    assert host in Names("127.0.0.1", [])


@pytest.mark.parametrize("host", OTHERS)
def test_names_that_are_not(host: str) -> None:
    assert host not in Names("127.0.0.1", [])


def test_what_it_listens_on_and_what_is_allowed() -> None:
    assert "story.lan:8000" in Names("story.lan", [])
    machine = socket.gethostname()
    assert machine.upper() in Names("0.0.0.0", [])
    assert "Story.Example.org." in Names("0.0.0.0", ["story.example.org"])
    below = Names("0.0.0.0", ["*.example.org"])
    assert "a.example.org" in below and "a.b.example.org:443" in below
    assert "example.org" not in below and "badexample.org" not in below
    assert EVIL in Names("127.0.0.1", ["*"])


@pytest.mark.parametrize(
    "wrong", ["https://story.example", "story.example:8000", "story.example/", "a*.example", "*.*"]
)
def test_what_is_no_name_is_told_at_start(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYLOOM_ALLOWED_HOSTS", wrong)
    with pytest.raises(Misconfigured, match="STORYLOOM_ALLOWED_HOSTS: a host is a name without scheme"):
        load_settings(_env_file=None)


async def test_a_page_with_another_name_gets_nothing(service: Service) -> None:
    for host in (EVIL, EVIL.upper(), f"{EVIL}.:8000"):
        status, told = await asked(service, f"Host: {host}", target="/api/config")
        assert status == 421 and "STORYLOOM_ALLOWED_HOSTS" in told["detail"]
        for path in ("/", "/healthz", "/metrics", "/api/sessions", "/nothing"):
            assert (await asked(service, f"Host: {host}", target=path))[0] == 421
        assert await refused_socket(service, host) == 421
    started = await service.http.post("/api/auth/anonymous", headers={"Host": EVIL})
    assert started.status_code == 421


@pytest.mark.parametrize(
    ("lines", "version", "status"),
    [
        ((), "1.1", 400),
        ((), "1.0", 200),
        (("Host: localhost", "Host: localhost"), "1.1", 400),
        ((f"Host: {EVIL}", "Host: localhost"), "1.1", 400),
        (("Host: LOCALHOST.:8000",), "1.1", 200),
        (("Host: [::1]:8000",), "1.1", 200),
        ((f"Host: {EVIL}", "X-Forwarded-Host: localhost"), "1.1", 421),
        ((f"Host: {EVIL}", "X-Forwarded-For: 192.0.2.1"), "1.1", 421),
    ],
)
async def test_how_a_request_names_it(service: Service, lines: tuple[str, ...], version: str, status: int) -> None:
    assert (await asked(service, *lines, version=version))[0] == status


async def test_a_target_with_a_name_of_its_own(service: Service) -> None:
    """Browsers send it to proxies alone. The header is what counts, so it can't be got round."""
    assert (await asked(service, f"Host: {EVIL}", target="http://localhost/healthz"))[0] == 421
    assert (await asked(service, "Host: localhost", target="http://localhost/healthz"))[0] == 200


async def test_what_a_trusted_proxy_passes_on_is_its_own_to_judge(settings: Settings) -> None:
    behind = settings.model_copy(update={"trusted_proxies": ["127.0.0.1"]})
    async with serving(behind) as service:
        assert (await asked(service, "Host: story.example", "X-Forwarded-For: 192.0.2.1"))[0] == 200
        assert (await asked(service, "Host: story.example"))[0] == 421, "nobody passed it on"


async def test_allowed_names_come_in(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"allowed_hosts": ["*.example.org"]})) as service:
        assert (await asked(service, "Host: story.example.org:443"))[0] == 200
        assert (await asked(service, "Host: example.org"))[0] == 421
