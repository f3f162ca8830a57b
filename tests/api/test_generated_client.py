"""A client that a generator made of the OpenAPI document compiles, and works against a service that runs."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

from tests.npm import fetched
from tests.service import Service

FILES = Path(__file__).parents[1] / "clients"
PROGRAM_S = 60


async def ran(folder: Path, *command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=-1, stderr=-1)
    out, told = await asyncio.wait_for(process.communicate(), PROGRAM_S)
    assert process.returncode == 0, (out + told).decode()[-3000:]
    return out.decode()


async def test_a_generated_client_writes_a_story(shared: Service, tmp_path: Path) -> None:
    folder = await asyncio.to_thread(fetched, FILES, "no client was generated from the document")
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
