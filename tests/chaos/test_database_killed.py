"""The embedded database is killed under a running service: it is started again, by one node, and stories go on."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

import httpx
import psutil
import psycopg

from coordinator.store import embedded
from tests.chaos.node import Node, started, stop_database
from tests.chaos.record import Keeper, check_whole, eventually, snapshot
from tests.service import PROMPT, Socket

IMPATIENT = [
    sys.executable,
    "-c",
    "import coordinator.store.keeper as keeper; keeper.PAUSES_S = (0.0, 0.1); from storyloom.cli import main; main()",
    "serve",
]
"""A service that gives up after two attempts."""
BACK_S = 20.0
"""A killed server is found out within two seconds and started within one; a loaded machine takes longer."""


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int(embedded._pid_file(folder / "postgres")[0]))


async def ready(node: Node) -> httpx.Response:
    async with httpx.AsyncClient(base_url=node.url, timeout=10) as http:
        return await http.get("/readyz")


async def is_ready(node: Node) -> bool:
    return (await ready(node)).status_code == 200


async def metric(node: Node, name: str) -> float:
    async with httpx.AsyncClient(base_url=node.url, timeout=10) as http:
        lines = (await http.get("/metrics")).text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"storyloom_{name}"))


async def begun(socket: Socket) -> Keeper:
    """A story of which some text has been told."""
    keeper = Keeper(await socket.start(PROMPT, pages=3, seed=7))
    for frame in socket.frames:
        keeper.take(frame)
    while keeper.state.partial is None or len(keeper.state.partial.text) < 200:
        keeper.take(await socket.receive())
    return keeper


async def finished(node: Node, keeper: Keeper, socket: Socket) -> None:
    async with asyncio.timeout(90):
        await keeper.read(socket)
    assert keeper.state.status == "completed", keeper.state.error
    await check_whole(node.get, keeper.session_id)
    keeper.check_same(await snapshot(socket, keeper.session_id))


async def test_a_killed_database_is_started_again_and_the_story_goes_on(folder: Path, chance: random.Random) -> None:
    async with started(folder, offline_words_per_second=400) as node, node.socket() as socket:
        keeper = await begun(socket)
        await killed(folder, node)
        # As with a fault that somebody mends: until then it is told, and tried again.
        conf = folder / "postgres" / "postgresql.conf"
        whole = conf.read_bytes()
        conf.write_bytes(whole + b"shared_buffers = 'many'\n")
        postmaster(folder).kill()
        refused = await eventually(lambda: not_ready(node), "told by /readyz", 10)
        assert refused.json()["code"] == "unavailable" and "database" in refused.json()["detail"]
        await eventually(lambda: asyncio.sleep(0, "did not start" in node.told), "tried again", BACK_S)
        conf.write_bytes(whole)
        await eventually(lambda: is_ready(node), "ready again", BACK_S)
        await finished(node, keeper, socket)
        assert await metric(node, 'database_restarts_total{outcome="ok"}') == 2
        assert await metric(node, 'database_restarts_total{outcome="failed"}') >= 1
        assert "was started again" in node.told


async def killed(folder: Path, *nodes: Node) -> None:
    """The database is killed; on return another runs, and the nodes are ready."""
    before = postmaster(folder)
    before.kill()
    await eventually(lambda: replaced(folder, before.pid), "another database", BACK_S)
    for node in nodes:
        await eventually(lambda node=node: is_ready(node), "ready again", BACK_S)


async def replaced(folder: Path, before: int) -> bool:
    lines = embedded._pid_file(folder / "postgres")
    return len(lines) >= 8 and lines[7].strip() == "ready" and int(lines[0]) != before


async def not_ready(node: Node) -> httpx.Response | None:
    answer = await ready(node)
    return answer if answer.status_code == 503 else None


async def test_a_killed_backend_is_the_servers_own_to_mend(folder: Path) -> None:
    """PostgreSQL ends all its connections and recovers by itself; nobody else may start it meanwhile."""
    async with started(folder, offline_words_per_second=400) as node, node.socket() as socket:
        keeper = await begun(socket)
        server = postmaster(folder)
        with psycopg.connect(node_url(folder), autocommit=True) as connection:
            backends = connection.execute("select pid from pg_stat_activity where application_name = 'storyloom'")
            victim = backends.fetchone()
        assert victim is not None
        os.kill(victim[0], signal.SIGKILL)
        await finished(node, keeper, socket)
        assert postmaster(folder).pid == server.pid
        assert await metric(node, "database_restarts_total") == 0


def node_url(folder: Path) -> str:
    return f"postgresql://postgres@/postgres?host={folder / 'postgres'}&port=5432"


async def test_of_two_nodes_on_one_folder_one_starts_it(folder: Path) -> None:
    async with started(folder) as first:
        second = await Node(folder).start()
        try:
            for _ in range(2):
                await killed(folder, first, second)
            restarts = [await metric(node, 'database_restarts_total{outcome="ok"}') for node in (first, second)]
            assert sum(restarts) == 2, restarts
        finally:
            await second.kill()


async def test_a_service_whose_database_is_lost_for_good_ends_and_says_why(folder: Path) -> None:
    folder.mkdir(parents=True)
    node = Node(folder, drain_s=0, database_wait_s=1)
    node.command = IMPATIENT
    await node.start()
    conf = folder / "postgres" / "postgresql.conf"
    whole = conf.read_bytes()
    try:
        conf.write_bytes(whole + b"shared_buffers = 'many'\n")
        postmaster(folder).kill()
        assert await asyncio.wait_for(node.ended(), 60) == 1
        last = node.told.splitlines()[-1]
        assert "could not be started again in 2 attempts" in last and "shared_buffers" in last
    finally:
        conf.write_bytes(whole)
        await node.kill()
        await stop_database(folder)


async def test_a_database_whose_folder_is_gone_is_not_made_anew(folder: Path) -> None:
    folder.mkdir(parents=True)
    node = Node(folder, drain_s=0, database_wait_s=1)
    node.command = IMPATIENT
    await node.start()
    try:
        server = postmaster(folder)
        (folder / "postgres").rename(folder / "elsewhere")
        server.kill()
        assert await asyncio.wait_for(node.ended(), 60) == 1
        assert "is gone: restore it from a backup" in node.told.splitlines()[-1]
        assert not (folder / "postgres").exists()
    finally:
        await node.kill()


async def test_two_services_that_start_on_a_new_folder_at_the_same_moment(folder: Path) -> None:
    folder.mkdir(parents=True)
    nodes = Node(folder), Node(folder)
    try:
        await asyncio.gather(*(node.start() for node in nodes))
        assert nodes[0].token and [await is_ready(node) for node in nodes] == [True, True]
        for node in nodes:
            assert (await node.post("/api/sessions", prompt=PROMPT, config={"pages": 1})).status_code == 201
    finally:
        for node in nodes:
            await node.kill()
        await stop_database(folder)
