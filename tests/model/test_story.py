"""A small real model, of 135 million parameters, writes stories through the whole service. `make test-model`."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chaos.message import begun
from tests.chaos.node import Node, started
from tests.chaos.record import everything
from tests.model import install

pytestmark = [
    pytest.mark.skipif("not config.getoption('--model')", reason="with a real model: make test-model"),
    pytest.mark.timeout(3_000),
]
STORY_S = 2_400
"""A page takes a minute on a quiet machine; this one may be busy, and slow."""
WORDS = (200, 420)
"""Of a page of 300, by a model that can't count."""


@dataclass
class RealModel:
    """One behind its own server."""

    url: str

    async def told(self) -> dict[str, int]:
        """How many calls it is at, has answered, and was left in the middle of."""
        async with httpx.AsyncClient() as http:
            found: dict[str, int] = (await http.get(f"{self.url}/told")).json()
        return found

    async def until(self, **wanted: int) -> None:
        async with asyncio.timeout(60):
            while not wanted.items() <= (await self.told()).items():
                await asyncio.sleep(0.1)

    @property
    def settings(self) -> dict[str, Any]:
        return {"model": "openai:smollm2", "model_base_url": f"{self.url}/v1", "model_timeout_s": 300}


@asynccontextmanager
async def real_model(context: int) -> AsyncIterator[RealModel]:
    if not install.is_installed():
        pytest.skip("the model is not here: python -m tests.model.install says why")
    command = [install.node(), install.INSTALLED / "server.mjs", install.model(), str(context)]
    (install.INSTALLED / "server.mjs").write_text((install.HERE / "server.mjs").read_text())
    process = await asyncio.create_subprocess_exec(*map(str, command), stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        port = int(await asyncio.wait_for(process.stdout.readline(), 120))
        yield RealModel(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        await process.wait()


async def finished(node: Node, session_id: str) -> dict[str, Any]:
    """The session, once it has ended."""
    async with asyncio.timeout(STORY_S):
        while (session := await node.get(f"/api/sessions/{session_id}"))["status"] in ("active", "paused"):
            await asyncio.sleep(1)
    found: dict[str, Any] = session
    return found


async def tell(node: Node, session_id: str) -> None:
    """The steps with their times, and the story: for whoever runs this to read."""
    for step in await everything(node.get, f"/api/sessions/{session_id}/steps"):
        print(
            f"{step['step']:16} {(step['duration_ms'] or 0) / 1000:7.1f} s {step['tokens']:6} tokens, {step['status']}"
        )
    for message in await everything(node.get, f"/api/sessions/{session_id}/messages"):
        for note in message["metadata"].get("notes", []):
            print(f"note on {message['step']}: {note}")
    story = await node.get(f"/api/sessions/{session_id}/story")
    print(f"\n{story['title']}\n\n{story['content']}\n")


@pytest.mark.parametrize("context", [4_096, 8_192])
async def test_a_page_comes_to_its_end(context: int, folder: Path) -> None:
    async with real_model(context) as model, started(folder, **model.settings) as node:
        begin = time.monotonic()
        message = await begun(node, "draft-1", pages=1, max_revisions=1)
        session = await finished(node, message.session_id)
        print(f"\n{context} tokens: {time.monotonic() - begin:.0f} s")
        await tell(node, message.session_id)
        assert session["status"] == "completed", session["error"]
        story = await node.get(f"/api/sessions/{message.session_id}/story")
        assert WORDS[0] <= story["word_count"] <= WORDS[1]
        steps = await everything(node.get, f"/api/sessions/{message.session_id}/steps")
        assert {step["status"] for step in steps} == {"done"}
        assert (await model.told())["answered"] > 4


async def test_cancelled_it_is_let_go_of_at_once(folder: Path) -> None:
    async with real_model(4_096) as model, started(folder, **model.settings) as node:
        message = await begun(node, "brainstorm", pages=1)
        async with node.socket() as socket:
            await message.attach(socket)
            await message.until(socket, 5)
            await socket.send(type="session.cancel", session_id=message.session_id)
        await model.until(running=0, left=1)
        assert (await node.get(f"/api/sessions/{message.session_id}"))["status"] == "cancelled"


async def test_killed_in_the_middle_it_goes_on_there(folder: Path) -> None:
    async with real_model(4_096) as model:
        async with started(folder, **model.settings) as node:
            message = await begun(node, "brainstorm", pages=1, max_revisions=0)
            await message.killed_at(node, 60)
            await node.start()
            async with node.socket() as socket:
                kept = await message.goes_on(socket)
            assert len(kept.split()) >= 40
            first = message.deltas[0]
            assert (first["attempt"], first["offset"]) in ((1, len(kept)), (2, 0)), "on from there, or anew and said so"
            session = await finished(node, message.session_id)
            assert session["status"] == "completed", session["error"]
