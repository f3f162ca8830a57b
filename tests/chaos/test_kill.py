"""A service that is killed at any moment goes on with its stories after a restart, from their last finished step."""

from __future__ import annotations

import asyncio
import random
import signal
import statistics
from pathlib import Path
from uuid import UUID

import pytest
from websockets.exceptions import ConnectionClosed, WebSocketException

from coordinator.models import SERVICE, StoryConfig
from coordinator.store import Store
from coordinator.store.direct import DirectTransport
from coordinator.store.embedded import EmbeddedPostgres
from coordinator.store.sessions import NewSession
from tests.chaos.node import Node, started
from tests.chaos.record import Keeper, check_whole, next_frame, snapshot
from tests.service import FINISHED, PROMPT, Service

PROMPTS = [PROMPT, "A clockmaker is asked to mend a clock that runs backwards."]
WORDS_PER_SECOND = 500
"""A story of three pages takes about eight seconds."""
TAKEN_UP_S = 5.0
"""A restarted service writes again this soon after it listens; on an idle machine in one."""
GOES_ON_AT_ONCE = 0.7
"""So many of the kills wait until the restarted service is seen to go on; the others come before."""


class Watcher:
    """Watches several sessions of a node over all its lives, on one connection a life."""

    def __init__(self, ids: list[str]) -> None:
        self.keepers = {session_id: Keeper(session_id) for session_id in ids}
        self.goes_on: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        """When a run was first seen to begin on the present connection."""

    @property
    def unfinished(self) -> list[Keeper]:
        return [keeper for keeper in self.keepers.values() if keeper.state.status not in FINISHED]

    async def watch(self, node: Node) -> None:
        """Until all stories are finished, or the connection ends."""
        loop = asyncio.get_running_loop()
        self.goes_on = loop.create_future()
        epochs = {keeper.session_id: keeper.state.epoch for keeper in self.unfinished}
        try:
            async with node.socket() as socket:
                for keeper in self.unfinished:
                    await keeper.attach(socket)
                while self.unfinished:
                    frame = await next_frame(socket)
                    keeper = self.keepers[frame["session_id"]]
                    keeper.take(frame)
                    if keeper.state.epoch > epochs[keeper.session_id] and not self.goes_on.done():
                        self.goes_on.set_result(loop.time())
        except (WebSocketException, OSError) as closed:
            received = closed.rcvd if isinstance(closed, ConnectionClosed) else None
            for keeper in self.unfinished:
                keeper.closed.append(received.code if received else 1006)

    async def watch_for(self, node: Node, seconds: float) -> asyncio.Task[None]:
        watching = asyncio.create_task(self.watch(node))
        await asyncio.wait({watching}, timeout=seconds)
        return watching


async def check_read(node: Node, watcher: Watcher) -> dict[str, str]:
    """All records are whole and their readers know them; the texts by session."""
    texts = {}
    for session_id, keeper in watcher.keepers.items():
        texts[session_id] = (await check_whole(node.get, session_id))["content"]
        async with node.socket() as socket:
            keeper.check_same(await snapshot(socket, session_id))
    return texts


def check_quiet(node: Node) -> None:
    """Nothing that a stranger at the terminal would take for a fault."""
    for word in ("Traceback", " ERROR ", "CRITICAL", "cancelled", "Task was destroyed"):
        assert word not in node.told, node.told


async def begin_stories(node: Node, seeds: list[int]) -> list[str]:
    ids = []
    for prompt, seed in zip(PROMPTS, seeds, strict=True):
        # The connection ends at once: a story does not need the one that started it.
        async with node.socket() as socket:
            ids.append(await socket.start(prompt, pages=3, seed=seed))
    return ids


@pytest.mark.timeout(900)
async def test_killed_at_any_moment_a_story_goes_on(
    folder: Path, service: Service, chance: random.Random, long: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    kills, rounds = (10, 6) if long else (2, 1)
    took: list[float] = []
    from_start: list[float] = []
    done = 0
    async with started(folder, offline_words_per_second=WORDS_PER_SECOND) as node:
        for _ in range(rounds):
            seeds = [chance.randrange(1000) for _ in PROMPTS]
            watcher = Watcher(await begin_stories(node, seeds))
            for number in range(kills):
                # The first comes about when the runs claim their sessions.
                watching = await watcher.watch_for(node, chance.uniform(0, 0.05 if number == 0 else 1.2))
                if not watcher.unfinished:
                    break
                await node.kill()
                await watching
                done += 1
                await node.start()
                if number == 0 or chance.random() < GOES_ON_AT_ONCE:
                    watching = await watcher.watch_for(node, 0)
                    await asyncio.wait({watcher.goes_on}, timeout=30)
                    assert watcher.goes_on.done(), f"no story went on:\n{node.told}"
                    took.append(watcher.goes_on.result() - node.ready_at)
                    from_start.append(watcher.goes_on.result() - node.started_at)
                    watching.cancel()
                    await asyncio.wait({watching})
            async with asyncio.timeout(90):
                await watcher.watch(node)
            texts = await check_read(node, watcher)
            for (session_id, text), prompt, seed in zip(texts.items(), PROMPTS, seeds, strict=True):
                undisturbed = await service.story(prompt=prompt, pages=3, seed=seed)
                told = (await service.get(f"/api/sessions/{undisturbed}/story")).json()
                assert text == told["content"], f"{session_id} reads otherwise than when nothing happens"
        check_quiet(node)
    with capsys.disabled():
        print(
            f"\n{done} kills, {rounds * len(PROMPTS)} stories; they go on after the service listens: median "
            f"{statistics.median(took):.2f} s, worst {max(took):.2f} s; after its process begins: median "
            f"{statistics.median(from_start):.2f} s, worst {max(from_start):.2f} s"
        )
    assert max(took) < TAKEN_UP_S


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_asked_to_end_it_says_so_and_goes_on_later(folder: Path, number: signal.Signals, long: bool) -> None:
    """And a session that was created, but whose run never began, is begun by the next start."""
    if number is not signal.SIGTERM and not long:
        pytest.skip("in the long form")
    async with started(folder, offline_words_per_second=WORDS_PER_SECOND) as node:
        watcher = Watcher(await begin_stories(node, [1, 2]))
        watching = await watcher.watch_for(node, 1)
        first = next(iter(watcher.keepers))
        assert await node.end(number) == 0
        await watching
        assert {code for keeper in watcher.keepers.values() for code in keeper.closed} == {1012}
        check_quiet(node)

        created = await created_in(folder, first)
        await node.start()
        watcher.keepers[created] = Keeper(created)
        async with asyncio.timeout(60):
            await watcher.watch(node)
        await check_read(node, watcher)
        assert {keeper.snapshots for keeper in list(watcher.keepers.values())[:2]} == {0}, (
            "all that was told was stored"
        )
        check_quiet(node)


async def created_in(folder: Path, like: str) -> str:
    """A session of the same writer in the database of a service that does not run: as if it had died just then."""
    database = await EmbeddedPostgres.start(folder)
    try:
        store = Store(await DirectTransport.open(database.url, 2))
        try:
            session = await store.sessions.get(SERVICE, UUID(like))
            made = await store.sessions.create(
                session.user_id,
                NewSession(
                    kind="story",
                    prompt=PROMPT,
                    template=session.template,
                    config=StoryConfig(pages=3, seed=3),
                    model=session.model,
                ),
                ttl_s=600,
            )
            return str(made.session.id)
        finally:
            await store.close()
    finally:
        await database.stop()
