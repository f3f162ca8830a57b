"""A service that is killed at any moment goes on with its stories after a restart, from their last finished step."""

from __future__ import annotations

import asyncio
import random
import statistics
from pathlib import Path

import pytest

from tests.chaos.node import Node, started
from tests.chaos.record import Keeper, check_whole, next_frame, snapshot
from tests.service import FINISHED, PROMPT

PROMPTS = [
    PROMPT,
    "A clockmaker is asked to mend a clock that runs backwards.",
    "The last ferry carries one passenger too many.",
]
WORDS_PER_SECOND = 400
"""A story of three pages takes about ten seconds."""
TAKEN_UP_S = 5.0
"""A restarted service writes again this soon after it listens."""


class Watcher:
    """Watches several sessions of a node, over all its lives, on one connection a life."""

    def __init__(self, keepers: list[Keeper]) -> None:
        self.keepers = {keeper.session_id: keeper for keeper in keepers}
        self.first_event: asyncio.Future[float] | None = None

    @property
    def unfinished(self) -> list[Keeper]:
        return [keeper for keeper in self.keepers.values() if keeper.state.status not in FINISHED]

    async def watch(self, node: Node) -> None:
        """Until all stories are finished, or the connection ends."""
        from websockets.exceptions import ConnectionClosed

        self.first_event = asyncio.get_running_loop().create_future()
        try:
            async with node.socket() as socket:
                places = {}
                for keeper in self.unfinished:
                    await keeper.attach(socket)
                    places[keeper.session_id] = keeper.state.epoch
                while self.unfinished:
                    frame = await next_frame(socket)
                    keeper = self.keepers[frame["session_id"]]
                    keeper.take(frame)
                    # A newer epoch is the proof that a run has begun in this life.
                    if keeper.state.epoch > places.get(keeper.session_id, 0) and not self.first_event.done():
                        self.first_event.set_result(asyncio.get_running_loop().time())
        except (ConnectionClosed, OSError) as closed:
            received = getattr(closed, "rcvd", None)
            for keeper in self.unfinished:
                keeper.closed.append(received.code if received else 1006)


async def start_story(node: Node, prompt: str, seed: int, request_id: str | None = None) -> str:
    async with node.socket() as socket:
        return await socket.start(prompt, request_id, pages=3, seed=seed)


async def undisturbed(node: Node, prompt: str, seed: int) -> str:
    """The text of the same story, written with nothing in its way."""
    async with node.socket() as socket:
        session_id = await socket.start(prompt, pages=3, seed=seed)
        await socket.until_finished(session_id)
    text: str = (await check_whole(node.get, session_id))["content"]
    return text


@pytest.mark.timeout(900)
async def test_killed_at_any_moment_a_story_goes_on(
    folder: Path, chance: random.Random, long: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    kills, rounds = (10, 5) if long else (6, 1)
    took: list[float] = []
    from_start: list[float] = []
    done = 0
    async with started(folder, offline_words_per_second=WORDS_PER_SECOND) as node:
        for _ in range(rounds):
            seeds = [chance.randrange(1000) for _ in PROMPTS]
            ids = [await start_story(node, prompt, seed) for prompt, seed in zip(PROMPTS, seeds, strict=True)]
            watcher = Watcher([Keeper(session_id) for session_id in ids])
            for _ in range(kills):
                watching = asyncio.create_task(watcher.watch(node))
                await asyncio.wait({watching}, timeout=chance.uniform(0.05, 2.5))
                if not watcher.unfinished:
                    break
                await node.kill()
                done += 1
                await watching
                await node.start()
                ready_at, started_at = node.ready_at, node.started_at
                # In every other life the next kill comes before anything is known to be taken up.
                if chance.random() < 0.7:
                    watching = asyncio.create_task(watcher.watch(node))
                    await asyncio.sleep(0)
                    assert watcher.first_event is not None
                    await asyncio.wait({watcher.first_event, watching}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
                    assert watcher.first_event.done(), f"no story was taken up:\n{node.told}"
                    took.append(watcher.first_event.result() - ready_at)
                    from_start.append(watcher.first_event.result() - started_at)
                    watching.cancel()
                    await asyncio.gather(watching, return_exceptions=True)
            await asyncio.wait_for(watcher.watch(node), 120)
            for keeper in watcher.keepers.values():
                story = await check_whole(node.get, keeper.session_id)
                async with node.socket() as socket:
                    keeper.check_same(await snapshot(socket, keeper.session_id))
                keeper.text = story["content"]
        assert "Traceback" not in node.told and " ERROR " not in node.told, node.told
        for keeper, prompt, seed in zip(watcher.keepers.values(), PROMPTS, seeds, strict=True):
            assert keeper.text == await undisturbed(node, prompt, seed)
    with capsys.disabled():
        print(
            f"\n{done} kills, {rounds * len(PROMPTS)} stories; taken up after listening: median "
            f"{statistics.median(took):.2f} s, worst {max(took):.2f} s; after the process began: median "
            f"{statistics.median(from_start):.2f} s, worst {max(from_start):.2f} s"
        )
    assert max(took) < TAKEN_UP_S
