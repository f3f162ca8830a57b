"""A node that dies or freezes while another one lives: how soon its stories go on there, and what their readers see."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import statistics
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.chaos.node import Node
from tests.chaos.record import Keeper, check_whole, eventually, next_frame, snapshot
from tests.chaos.test_storm import PROMPTS, Size, machines
from tests.service import FINISHED, WAIT_S, bearer

STORIES = 3
NOTICED_S = 10.0
"""A node that died or froze is noticed, and its runs go on elsewhere, within this time."""
SIZE = Size(nodes=2, stories=STORIES, kills=0, writers=1, at_once=STORIES, words_per_second=60)


class Reader:
    """Reads one story on the node that lives on, and knows its longest silence."""

    def __init__(self, session_id: str) -> None:
        self.keeper = Keeper(session_id)
        self.silence_s = 0.0

    async def read(self, node: Node, token: str) -> None:
        async with node.socket(token) as socket:
            await self.keeper.attach(socket)
            last = time.monotonic()
            while self.keeper.state.status not in FINISHED:
                self.keeper.take(await next_frame(socket))
                self.silence_s = max(self.silence_s, time.monotonic() - last)
                last = time.monotonic()
            self.keeper.check_same(await snapshot(socket, self.keeper.session_id))


@pytest.mark.timeout(1200)
async def test_the_stories_of_a_node_that_stops_go_on_elsewhere(
    folder: Path, long: bool, chance: random.Random, capsys: pytest.CaptureFixture[str]
) -> None:
    if not long:
        pytest.skip("in the long form")
    took: dict[str, list[float]] = {"kill": [], "freeze": []}
    silences: dict[str, list[float]] = {"kill": [], "freeze": []}
    async with machines(SIZE, folder) as (made, _, url):
        for what in ("kill", "freeze") * 6:
            # Each of the two lives on in its turn.
            chance.shuffle(made)
            stopping, living = (machine.node for machine in made)
            async with httpx.AsyncClient(base_url=stopping.url, timeout=WAIT_S) as http:
                token = (await http.post("/api/auth/anonymous")).json()["access_token"]
                ids = [await started(http, token, chance) for _ in range(STORIES)]
            readers = [Reader(session_id) for session_id in ids]
            reading = [asyncio.create_task(reader.read(living, token)) for reader in readers]
            try:
                held = await eventually(lambda: held_by(url, ids, made[0].node_id), "the first node runs all")  # noqa: B023
                await asyncio.sleep(chance.uniform(0, 2))
                begun = time.monotonic()
                if what == "kill":
                    await stopping.kill()
                else:
                    os.kill(stopping.process_id, signal.SIGSTOP)
                for session_id, epoch in held.items():
                    await eventually(lambda: later(url, session_id, epoch), "it goes on elsewhere")  # noqa: B023
                    took[what].append(time.monotonic() - begun)
                if what == "kill":
                    await stopping.start()
                else:
                    os.kill(stopping.process_id, signal.SIGCONT)
                async with asyncio.timeout(90):
                    await asyncio.gather(*reading)
            finally:
                for task in reading:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
            async with httpx.AsyncClient(base_url=living.url, timeout=WAIT_S) as http:

                async def get(path: str, **params: Any) -> Any:
                    answer = await http.get(path, headers=bearer(token), params=params)  # noqa: B023
                    assert answer.status_code == 200, answer.text
                    return answer.json()

                for session_id in ids:
                    await check_whole(get, session_id, pages=1)
            silences[what] += [reader.silence_s for reader in readers]
        for machine in made:
            assert "Traceback" not in machine.node.told, machine.node.told
    with capsys.disabled():
        for what, seconds in took.items():
            print(
                f"\ntaken over after a {what}: median {statistics.median(seconds):.1f} s, worst {max(seconds):.1f} s; "
                f"the longest silence of a reader: {max(silences[what]):.1f} s",
                end="",
            )
        print()
    assert max(took["kill"] + took["freeze"]) < NOTICED_S


async def started(http: httpx.AsyncClient, token: str, chance: random.Random) -> str:
    body = {"prompt": chance.choice(PROMPTS), "config": {"pages": 1, "seed": chance.randrange(1000)}}
    answer = await http.post("/api/sessions", json=body, headers=bearer(token))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def rows(url: str, query: str, *values: Any) -> list[Any]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        return await (await connection.execute(query, values)).fetchall()  # type: ignore[arg-type]


async def held_by(url: str, ids: list[str], node: str) -> dict[str, int] | None:
    found = await rows(url, "select id::text, epoch, node from story_sessions where id::text = any (%s)", ids)
    return {one: epoch for one, epoch, holder in found} if all(holder == node for *_, holder in found) else None


async def later(url: str, session_id: str, epoch: int) -> bool:
    ((now,),) = await rows(url, "select epoch from story_sessions where id::text = %s", session_id)
    return bool(now > epoch)
