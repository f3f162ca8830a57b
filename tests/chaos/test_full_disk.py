"""A disk that is full is told as such, stories wait, and all goes on when there is room."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from coordinator.errors import Misconfigured
from coordinator.folder import DiskFull
from coordinator.people.secret import kept_secret
from coordinator.store import embedded
from coordinator.store.embedded import EmbeddedPostgres
from coordinator.store.node import NodeLock
from tests.chaos.node import Node, started
from tests.chaos.record import Keeper, check_whole, eventually
from tests.service import PROMPT

SIZE = "400m"


@pytest.fixture
def disk() -> Iterator[Path]:
    """A small disk of the test's own."""
    folder = Path(tempfile.mkdtemp(prefix="storyloom-disk-")).resolve()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def fill(disk: Path) -> Path:
    """To the last byte; the file that takes it all."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(b"0" * 65_536)
    with ballast.open("ab", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(b"0" * 512)
    return ballast


async def readiness(node: Node) -> httpx.Response:
    async with httpx.AsyncClient(base_url=node.url, timeout=10) as http:
        return await http.get("/readyz")


async def told_full(node: Node) -> bool:
    answer = await readiness(node)
    return answer.status_code == 503 and "The disk of the database is full" in answer.json()["detail"]


async def ready(node: Node) -> bool:
    return (await readiness(node)).status_code == 200


@pytest.mark.parametrize("dies", [False, True], ids=["it lives on", "it dies of it"])
async def test_a_story_outlives_a_full_disk(disk: Path, dies: bool) -> None:
    async with started(disk / "data", offline_words_per_second=300, database_wait_s=2) as node:
        async with node.socket() as socket:
            keeper = Keeper(await socket.start(PROMPT, pages=3, seed=7))
            for frame in socket.frames:
                keeper.take(frame)
            while keeper.state.partial is None:
                keeper.take(await socket.receive())
            ballast = fill(disk)
            if dies:
                # As it does by itself when its write-ahead log can't grow, which takes 16 MB of writing.
                psutil.Process(int(embedded._pid_file(node.folder / "postgres")[0])).kill()
            await eventually(lambda: told_full(node), "told by /readyz")
            assert (await node.get("/healthz"))["status"] == "ok"
            ballast.unlink()
            await eventually(lambda: ready(node), "ready again")
            await keeper.read(socket)
        assert keeper.state.status == "completed", keeper.state.error
        await check_whole(node.get, keeper.session_id)


async def test_what_cannot_be_begun_on_a_full_disk_says_so(disk: Path) -> None:
    made = disk / "made"
    await (await EmbeddedPostgres.start(made)).stop()
    ballast = fill(disk)
    with pytest.raises(DiskFull, match="is full: free 200 MB"):
        await EmbeddedPostgres.start(disk / "new")
    with pytest.raises(DiskFull, match="is full: free 200 MB") as refused:
        await (await EmbeddedPostgres.start(made)).stop()
    assert len(refused.value.message) < 300
    with pytest.raises(Misconfigured, match="is full"):
        kept_secret(disk / "secrets", "jwt-secret")
    with pytest.raises(Misconfigured, match="is full"):
        NodeLock(disk / "node")
    ballast.unlink()
    shutil.rmtree(disk / "secrets", ignore_errors=True)
    await (await EmbeddedPostgres.start(made)).stop()
    assert len(kept_secret(disk / "secrets", "jwt-secret")) >= 32
    NodeLock(disk / "node").release()
