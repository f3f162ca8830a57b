"""A client that a generator made of the OpenAPI document compiles, and works against a service that runs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import platformdirs
import pytest

from coordinator.store import filelock
from tests.service import Service

FILES = Path(__file__).parents[1] / "clients"
TOOLS_S, PROGRAM_S = 120, 60


def tools() -> Path:
    """A folder with the generator and the compiler, fetched once a machine; skips where npm is missing or can't."""
    if (npm := shutil.which("npm")) is None or shutil.which("node") is None:
        pytest.skip("Node is not on this machine: no client was generated from the document")
    lock = (FILES / "package-lock.json").read_bytes()
    cache = Path(platformdirs.user_cache_dir("storyloom", appauthor=False))
    folder = cache / f"tests-clients-{hashlib.sha256(lock).hexdigest()[:16]}"
    cache.mkdir(parents=True, exist_ok=True)
    with filelock.held(cache / "tests-clients.lock"):
        if not (folder / "done").exists():
            folder.mkdir(exist_ok=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(FILES / name, folder / name)
            command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=TOOLS_S)
            if done.returncode != 0:
                pytest.skip(f"npm can't fetch the generator: no client was generated. {done.stderr[-300:]}")
            (folder / "done").touch()
    return folder


async def ran(folder: Path, *command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=-1, stderr=-1)
    out, told = await asyncio.wait_for(process.communicate(), PROGRAM_S)
    assert process.returncode == 0, (out + told).decode()[-3000:]
    return out.decode()


async def test_a_generated_client_writes_a_story(shared: Service, tmp_path: Path) -> None:
    folder = await asyncio.to_thread(tools)
    for name in ("story.ts", "tsconfig.json", "package.json"):
        shutil.copy(FILES / name, tmp_path / name)
    (tmp_path / "node_modules").symlink_to(folder / "node_modules")
    (tmp_path / "openapi.json").write_bytes((await shared.http.get("/openapi.json")).content)
    programs = folder / "node_modules" / ".bin"
    await ran(tmp_path, str(programs / "openapi-typescript"), "openapi.json", "--output", "service.d.ts")
    await ran(tmp_path, str(programs / "tsc"), "--project", "tsconfig.json")
    told = json.loads(await ran(tmp_path, "node", "out/story.js", shared.url))
    assert told["status"] == "completed" and told["found"] == [told["id"]] and told["words"] > 100
    assert told["title"] == "The Bell" and {"insert", "replace"} & set(told["ops"])
    assert told["events"] == 3 and told["refused"] == "not_found"
    assert told["latin"] == "invalid_message"
    async with shared.socket(told["token"]) as socket:
        assert await socket.start(request_id="clé") == told["id"]
