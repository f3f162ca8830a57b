"""The embedded server: who starts it, who shares it, who stops it, and what is said when it can't work."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from coordinator.errors import Misconfigured
from coordinator.store import binaries, embedded
from coordinator.store.embedded import EmbeddedPostgres
from tests.conftest import quick_folder

ROOT = Path(__file__).parents[2]
HOLDER = """
import asyncio, sys
from pathlib import Path
from coordinator.store.embedded import EmbeddedPostgres

server = asyncio.run(EmbeddedPostgres.start(Path(sys.argv[1])))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A short path, because a socket's may have 103 bytes only; whatever server is left in it is stopped."""
    folder = quick_folder()
    yield folder
    embedded._shut_down(folder / "postgres")
    shutil.rmtree(folder)


@pytest.fixture
def ready_dir(made: Path, data_dir: Path) -> Path:
    subprocess.run(["cp", "-a", made, data_dir / "postgres"], check=True)
    return data_dir


def query(url: str, text: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(text.encode())
        return cursor.fetchone()[0] if cursor.description else None  # type: ignore[index]


def postmaster(data_dir: Path) -> int:
    return int(embedded._pid_file(data_dir / "postgres")[0])


def runs(data_dir: Path) -> bool:
    return embedded._answers(data_dir / "postgres")


@contextmanager
def holder(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the server, in a process group of its own as a shell would start it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        process_group=0,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


async def test_start_stop_and_what_is_kept(data_dir: Path) -> None:
    home = data_dir / "new" / "home"
    server = await EmbeddedPostgres.start(home)
    assert query(server.admin_url, "create table kept as select 7 as n") is None
    assert query(server.admin_url, "show fsync") == query(server.admin_url, "show full_page_writes") == "on"
    assert query(server.admin_url, "show synchronous_commit") == "on"
    assert query(server.admin_url, "show listen_addresses") == ""
    assert query(server.admin_url, "show timezone") == "UTC"
    assert query(server.admin_url, "select lower('ÉÄ')") == "éä"
    assert stat.S_IMODE((home / "postgres").stat().st_mode) == 0o700
    assert stat.S_IMODE(home.stat().st_mode) == (0o701 if os.geteuid() == 0 else 0o700)
    assert server.url == server.admin_url.replace("postgres@", "authenticator@")
    await server.stop()
    await server.stop()
    assert not runs(home)
    assert not (home / "postgres" / "postmaster.pid").exists()

    server = await EmbeddedPostgres.start(home)
    assert query(server.admin_url, "select n from kept") == 7
    await server.stop()


async def test_starting_an_existing_database_is_quick_and_taking_up_a_running_one_quicker(ready_dir: Path) -> None:
    began = time.perf_counter()
    first = await EmbeddedPostgres.start(ready_dir)
    started = time.perf_counter()
    second = await EmbeddedPostgres.start(ready_dir)
    taken_up = time.perf_counter()
    await first.stop()
    await second.stop()
    assert started - began < 3
    assert taken_up - started < 0.5


async def test_two_handles_of_one_process_count_as_two(ready_dir: Path) -> None:
    first, second = await asyncio.gather(EmbeddedPostgres.start(ready_dir), EmbeddedPostgres.start(ready_dir))
    await first.stop()
    assert query(second.admin_url, "select 1") == 1
    await second.stop()
    assert not runs(ready_dir)


async def test_a_second_process_shares_the_server_and_the_last_one_stops_it(ready_dir: Path) -> None:
    with holder(ready_dir) as other:
        began = postmaster(ready_dir)
        server = await EmbeddedPostgres.start(ready_dir)
        assert postmaster(ready_dir) == began
        await server.stop()
        assert query(server.admin_url, "select 1") == 1

        other.communicate("")  # the end of a process gives its handle back
        assert not runs(ready_dir)


async def test_a_killed_process_leaves_the_server_to_the_next_one(ready_dir: Path) -> None:
    with holder(ready_dir) as other:
        began = postmaster(ready_dir)
        other.kill()
        other.wait()
    assert runs(ready_dir)
    server = await EmbeddedPostgres.start(ready_dir)
    assert postmaster(ready_dir) == began
    await server.stop()
    assert not runs(ready_dir), "the dead process must not keep the server alive"


async def test_a_killed_process_does_not_stop_the_server_under_a_living_one(ready_dir: Path) -> None:
    server = await EmbeddedPostgres.start(ready_dir)
    with holder(ready_dir) as other:
        other.kill()
        other.wait()
    assert query(server.admin_url, "select 1") == 1
    await server.stop()


async def test_a_killed_server_recovers(ready_dir: Path) -> None:
    server = await EmbeddedPostgres.start(ready_dir)
    query(server.admin_url, "create table kept as select generate_series(1, 1000) as n")
    os.kill(postmaster(ready_dir), signal.SIGKILL)
    while runs(ready_dir):
        await asyncio.sleep(0.01)
    again = await EmbeddedPostgres.start(ready_dir)
    assert query(again.admin_url, "select count(*) from kept") == 1000
    await server.stop()
    assert runs(ready_dir), "the first handle counts no more for the new server than the second"
    await again.stop()


async def test_a_stale_process_id_that_is_now_another_programs(ready_dir: Path) -> None:
    server = await EmbeddedPostgres.start(ready_dir)
    lines = embedded._pid_file(ready_dir / "postgres")
    await server.stop()
    # Of the same OS user, or PostgreSQL would see by itself that it is none of its own.
    user = binaries.os_user(ready_dir / "postgres") or (None, None)
    other = subprocess.Popen(["sleep", "60"], user=user[0], group=user[1])
    try:
        # As after a power cut and a restart of the machine.
        for name in ("postmaster.pid", embedded.SOCKET + ".lock"):
            (ready_dir / "postgres" / name).write_text("\n".join([str(other.pid), *lines[1:], ""]))
        server = await EmbeddedPostgres.start(ready_dir)
        assert query(server.admin_url, "select 1") == 1
        await server.stop()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


async def test_ctrl_c_in_the_terminal_does_not_reach_the_server(ready_dir: Path) -> None:
    with holder(ready_dir) as other:
        assert os.getsid(postmaster(ready_dir)) != os.getsid(other.pid)
        before = postmaster(ready_dir)
        other.send_signal(signal.SIGSTOP)  # so that it can't stop the server itself
        os.killpg(other.pid, signal.SIGINT)
        await asyncio.sleep(0.2)
        assert runs(ready_dir)
        assert postmaster(ready_dir) == before


async def test_a_start_that_is_cancelled_leaves_no_server(ready_dir: Path) -> None:
    task = asyncio.create_task(EmbeddedPostgres.start(ready_dir))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not runs(ready_dir)


async def test_two_folders_have_two_servers(ready_dir: Path, made: Path) -> None:
    other = ready_dir / "with a space"
    other.mkdir()
    subprocess.run(["cp", "-a", made, other / "postgres"], check=True)
    first, second = await asyncio.gather(EmbeddedPostgres.start(ready_dir), EmbeddedPostgres.start(other))
    query(first.admin_url, "create table only_here ()")
    assert query(second.admin_url, "select to_regclass('only_here')") is None
    await first.stop()
    assert query(second.admin_url, "select 1") == 1
    await second.stop()


async def test_the_surroundings_do_not_count(ready_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "6000", "PGHOST": "elsewhere", "PGDATA": "/nowhere", "LC_ALL": "xx_YY"}.items():
        monkeypatch.setenv(name, value)
    server = await EmbeddedPostgres.start(ready_dir)
    assert query(server.admin_url, "select 1") == 1
    await server.stop()


async def test_half_a_database_of_a_killed_start_is_made_anew(data_dir: Path) -> None:
    (data_dir / "postgres.new-killed").mkdir()
    (data_dir / "postgres.new-killed" / "PG_VERSION").write_text("18\n")
    server = await EmbeddedPostgres.start(data_dir, version=16)
    assert query(server.admin_url, "show server_version_num") >= "160000"
    await server.stop()
    assert not list(data_dir.glob("postgres.new*"))

    server = await EmbeddedPostgres.start(data_dir)
    assert query(server.admin_url, "show server_version_num") < "170000", "an existing database keeps its version"
    await server.stop()


async def refused(data_dir: Path) -> str:
    with pytest.raises(Misconfigured) as caught:
        await EmbeddedPostgres.start(data_dir)
    assert "STORYLOOM_DATA_DIR" in caught.value.message or "DATABASE_URL" in caught.value.message
    return caught.value.message


async def test_a_file_in_the_way(data_dir: Path) -> None:
    (data_dir / "file").touch()
    assert f"{data_dir / 'file'} can't be a folder" in await refused(data_dir / "file")
    assert "can't be a folder" in await refused(data_dir / "file" / "below")
    (data_dir / "postgres").touch()
    assert f"{data_dir / 'postgres'} can't be a folder" in await refused(data_dir)
    (data_dir / "postgres").unlink()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, where not even root may write")
async def test_a_folder_that_cannot_be_written() -> None:
    assert "can't be used" in await refused(Path("/proc/storyloom"))


@pytest.mark.skipif(os.geteuid() == 0, reason="permission bits do not bind root")
async def test_a_folder_of_somebody_else(data_dir: Path) -> None:
    data_dir.chmod(0o500)
    assert "can't be used (Permission denied)" in await refused(data_dir)
    data_dir.chmod(0o700)


async def test_a_full_disk(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nearly_full = shutil._ntuple_diskusage(2**30, 2**30 - 4096, 4096)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: nearly_full)
    assert "is full: free 200 MB" in await refused(data_dir)


async def test_a_database_of_a_version_that_is_not_brought(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "PG_VERSION").write_text("12\n")
    message = await refused(data_dir)
    assert "made by PostgreSQL 12, and this installation brings 16 and 18" in message


async def test_a_folder_with_something_else_in_it(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "novel.txt").touch()
    assert "something else than a database" in await refused(data_dir)
    assert (data_dir / "postgres" / "novel.txt").exists()


async def test_paths_that_a_socket_cannot_have(data_dir: Path) -> None:
    assert "this system allows" in await refused(data_dir / ("long" * 30))
    assert "comma" in await refused(data_dir / "a,b")


async def test_a_server_that_does_not_start_says_why(ready_dir: Path) -> None:
    with (ready_dir / "postgres" / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = 'many'\n")
    message = await refused(ready_dir)
    assert "did not start" in message
    assert '"shared_buffers": "many"' in message
    assert len(message) < 1200
