"""When no more file can be opened, which somebody's connections may bring about, what is open goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import psutil

from tests.chaos.node import SERVE, Node, stop_database
from tests.chaos.record import eventually

MOST = 120


async def test_a_node_without_a_free_file_lives_on(folder: Path) -> None:
    """It beats, so that its stories are not taken from it, writes no flood of logs, and serves again afterwards."""
    folder.mkdir(parents=True)
    node = Node(folder, node_dead_s=3)
    node.command = ["sh", "-c", f'ulimit -n {MOST}; exec "$@"', "sh", *SERVE]
    await node.start()
    writers: list[asyncio.StreamWriter] = []
    try:
        process = psutil.Process(node.process_id)
        async with httpx.AsyncClient(base_url=node.url, timeout=10) as http:
            assert (await http.get("/readyz")).status_code == 200
            while process.num_fds() < MOST:
                writers.append((await asyncio.open_connection("127.0.0.1", node.port))[1])
                await asyncio.sleep(0)
            told = len(node.told)
            await asyncio.sleep(4)  # longer than a silence that means death
            # On the connection that it has: by the beats that it makes it is one that lives.
            answer = await http.get("/readyz")
            assert answer.status_code == 200, answer.text
            assert "Traceback" not in node.told and len(node.told) - told < 20_000
        for writer in writers:
            writer.close()
        await eventually(lambda: serves(node), "it serves again")
        assert await node.end() == 0
    finally:
        await node.kill()
        await stop_database(folder)


async def serves(node: Node) -> bool:
    try:
        async with httpx.AsyncClient(base_url=node.url, timeout=5) as http:
            return (await http.get("/readyz")).status_code == 200
    except httpx.HTTPError:
        return False
