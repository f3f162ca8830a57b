"""Two nodes behind nginx, set up as docs/running.md has it, are restarted one after the other: no request fails."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import socket
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.chaos.node import Node, started
from tests.chaos.record import Keeper, eventually
from tests.service import PROMPT, Socket, bearer

RUNNING = Path(__file__).parents[2] / "docs" / "running.md"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
DRAIN_S = 2
WRAPPED = """
daemon off; master_process off; pid {home}/pid; error_log stderr error;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
    {site}
}}
"""


def site(listen: int, *nodes: Node) -> str:
    """The example of the documentation, with the ports of these nodes."""
    found = re.search(r"```nginx\n(.*?)```", RUNNING.read_text(), re.DOTALL)
    assert found is not None
    text = found[1].replace("listen 8080", f"listen 127.0.0.1:{listen}")
    # Shorter than the drain, there as here.
    assert "keepalive_timeout 5s" in text
    text = text.replace("keepalive_timeout 5s", f"keepalive_timeout {DRAIN_S - 1}s")
    for example, node in zip(("127.0.0.1:8001", "127.0.0.1:8002"), nodes, strict=True):
        assert example in text
        text = text.replace(example, f"127.0.0.1:{node.port}")
    return text


@asynccontextmanager
async def nginx(*nodes: Node) -> AsyncIterator[str]:
    """Its address."""
    if NGINX is None:
        pytest.skip("there is no nginx on this machine")
    home = Path(tempfile.mkdtemp(prefix="storyloom-nginx-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (home / "nginx.conf").write_text(WRAPPED.format(home=home, site=site(port, *nodes)))
    process = await asyncio.create_subprocess_exec(NGINX, "-p", str(home), "-c", str(home / "nginx.conf"))
    try:
        await eventually(lambda: answers(f"http://127.0.0.1:{port}"), "nginx answers")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()
        shutil.rmtree(home)


async def answers(url: str, path: str = "/healthz") -> bool:
    try:
        async with httpx.AsyncClient(base_url=url, timeout=5) as http:
            return (await http.get(path)).status_code == 200
    except httpx.HTTPError:
        return False


class Load:
    """A few callers, one call after the other, and what came of it."""

    def __init__(self, url: str, token: str) -> None:
        self.outcomes: Counter[str] = Counter()
        self._url = url
        self._token = token

    async def get(self) -> None:
        async with httpx.AsyncClient(base_url=self._url, timeout=10, headers=bearer(self._token)) as http:
            while True:
                await self._count(http, "GET", "/api/sessions")

    async def post(self) -> None:
        async with httpx.AsyncClient(base_url=self._url, timeout=10) as http:
            while True:
                await self._count(http, "POST", "/api/auth/anonymous")

    async def _count(self, http: httpx.AsyncClient, method: str, path: str) -> None:
        try:
            answer = await http.request(method, path)
            self.outcomes["ok" if answer.is_success else f"{method} {answer.status_code}"] += 1
        except httpx.HTTPError as error:
            self.outcomes[f"{method} {type(error).__name__}"] += 1
        await asyncio.sleep(0.02)


async def watch(address: str, token: str, keeper: Keeper) -> None:
    """A reader that comes back, until its story is finished."""
    while keeper.state.status not in ("completed", "failed"):
        async with connect(f"ws://{address}/ws/stories", max_size=None) as connection:
            reader = Socket(connection)
            await reader.send(type="auth", token=token)
            assert (await reader.receive())["type"] == "ready"
            await keeper.attach(reader)
            await keeper.read(reader)


async def test_a_rolling_restart_fails_no_request(folder: Path) -> None:
    knobs = {"drain_s": DRAIN_S, "trusted_proxies": "127.0.0.1", "offline_words_per_second": 100}
    async with started(folder, **knobs) as first:
        second = await Node(folder, **knobs).start()
        try:
            async with nginx(first, second) as address:
                made = await first.post("/api/sessions", prompt=PROMPT, config={"pages": 3, "seed": 7})
                keeper = Keeper(made.json()["id"])
                watching = asyncio.create_task(watch(address, first.token, keeper))
                load = Load(f"http://{address}", first.token)
                callers = [asyncio.create_task(call()) for call in (load.get, load.get, load.post)]
                for node in (first, second):
                    before = load.outcomes["ok"]
                    await eventually(lambda: asyncio.sleep(0, load.outcomes["ok"] > before + 50), "load")  # noqa: B023
                    assert await node.end(signal.SIGTERM) == 0
                    await node.start()
                    await eventually(lambda: answers(node.url, "/readyz"), "ready again")  # noqa: B023
                for caller in callers:
                    caller.cancel()
                await asyncio.gather(*callers, return_exceptions=True)
                assert set(load.outcomes) == {"ok"}, load.outcomes
                await asyncio.wait_for(watching, 60)
                assert keeper.state.status == "completed", keeper.state.error
        finally:
            await second.kill()


async def test_a_node_that_is_about_to_end_says_so_and_serves_on(folder: Path) -> None:
    """Asked for its readiness before, it believes that somebody steers by it."""
    async with started(folder, drain_s=DRAIN_S) as node:
        async with httpx.AsyncClient(base_url=node.url, timeout=10) as http:
            assert (await http.get("/readyz")).status_code == 200
            ending = asyncio.create_task(node.end(signal.SIGTERM))
            await eventually(lambda: status(http, "/readyz", 503), "told by /readyz")
            refused = await http.get("/readyz")
            assert "about to end" in refused.json()["detail"] and refused.headers["connection"] == "close"
            served = await http.get("/api/sessions", headers=bearer(node.token))
            assert served.status_code == 200 and served.headers["connection"] == "close"
        assert await ending == 0


async def status(http: httpx.AsyncClient, path: str, wanted: int) -> bool:
    return (await http.get(path)).status_code == wanted


@pytest.mark.parametrize("why", ["nobody looks", "a terminal", "a second signal"])
async def test_nobody_waits_for_nothing(folder: Path, why: str) -> None:
    async with started(folder, drain_s=25) as node:
        if why != "nobody looks":
            async with httpx.AsyncClient(base_url=node.url, timeout=10) as http:
                assert (await http.get("/readyz")).status_code == 200
        began = asyncio.get_running_loop().time()
        if why == "a second signal":
            first = asyncio.create_task(node.end(signal.SIGTERM))
            await eventually(lambda: asyncio.sleep(0, "this node ends in 25 s" in node.told), "it begins to leave")
            assert await node.end(signal.SIGTERM) == await first == 0
        else:
            assert await node.end(signal.SIGINT if why == "a terminal" else signal.SIGTERM) == 0
        assert asyncio.get_running_loop().time() - began < 20
