"""Several nodes on one database, all of which break at random, while many stories are written and read.

Processes are killed, frozen and asked to end, connections to the database cut, the database restarted, readers dropped;
the moments come from a printed seed. Afterwards every story is whole, and reads as when nothing happens.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from websockets.exceptions import WebSocketException

from coordinator.store.embedded import EmbeddedPostgres
from tests.chaos.node import Node
from tests.chaos.record import Keeper, check_whole, everything, next_frame, snapshot
from tests.chaos.test_outage import pg_ctl
from tests.proxy import Proxy
from tests.service import FINISHED, WAIT_S, Service, bearer

SECRET = "a secret that all the nodes of this test have in common"
PROMPTS = [
    "A clockmaker is asked to mend a clock that runs backwards.",
    "A ferry that only runs when nobody waits.",
    "The last beekeeper of a town on stilts.",
    "A letter arrives for a house that burned down.",
    "Two sisters find the sea in their cellar.",
]
SEEDS = (1, 2)
TAKEN_OVER_S = 60
"""In which some node was up: where all are dead, frozen or starting there is nobody to take over."""


@dataclass(frozen=True)
class Size:
    """How long and how hard."""

    nodes: int
    stories: int
    kills: int
    writers: int
    at_once: int
    words_per_second: int


SHORT = Size(nodes=2, stories=6, kills=3, writers=3, at_once=4, words_per_second=300)
LONG = Size(nodes=3, stories=500, kills=200, writers=20, at_once=24, words_per_second=150)


@dataclass
class Writer:
    token: str
    ids: list[str] = field(default_factory=list)


class Machine:
    """A node, its own way to the database, and what is done to it just now."""

    def __init__(self, node: Node, proxy: Proxy) -> None:
        self.node = node
        self.proxy = proxy
        self.up = asyncio.Event()
        self.busy = asyncio.Lock()

    @property
    def node_id(self) -> str:
        return (self.node.folder / "node-id").read_text().strip() + "-0"


class Storm:
    """The world of one test: breaks things until it has broken enough, and remembers what it saw."""

    def __init__(self, size: Size, chance: random.Random, machines: list[Machine], folder: Path, url: str) -> None:
        self.size = size
        self.counts: Counter[str] = Counter()
        self.taken_over: dict[str, list[float]] = {"kill": [], "freeze": []}
        self.keepers: dict[str, Keeper] = {}
        self.story_of: dict[str, tuple[str, int]] = {}
        self.owner: dict[str, Writer] = {}
        self._chance = chance
        self._machines = machines
        self._folder = folder
        self._url = url
        self.failures: list[BaseException] = []
        self._outages = 0
        self._tasks: set[asyncio.Task[None]] = set()

    # -- Stories and their readers -------------------------------------------------------------------------------------

    async def write_all(self, writers: list[Writer]) -> None:
        """Starts stories, so many at a time, and reads each to its end; until there were enough of them and of kills."""
        numbers = itertools.count()

        async def write() -> None:
            while (number := next(numbers)) < self.size.stories or self.counts["kill"] < self.size.kills:
                writer = writers[number % len(writers)]
                prompt, seed = PROMPTS[number % len(PROMPTS)], SEEDS[number // len(PROMPTS) % len(SEEDS)]
                session_id = await self._started(writer, prompt, seed, f"story {number}")
                self.story_of[session_id], self.owner[session_id] = (prompt, seed), writer
                writer.ids.append(session_id)
                keeper = self.keepers[session_id] = Keeper(session_id)
                while keeper.state.status not in FINISHED:
                    await self._read(keeper, writer)
                assert keeper.state.status == "completed", keeper.state.error

        async with asyncio.TaskGroup() as group:
            for _ in range(self.size.at_once):
                group.create_task(write())

    async def _started(self, writer: Writer, prompt: str, seed: int, key: str) -> str:
        body = {"prompt": prompt, "config": {"pages": 1, "seed": seed}}
        headers = {**bearer(writer.token), "Idempotency-Key": key}
        while True:
            machine = await self._some_machine()
            with suppress(httpx.HTTPError):
                async with httpx.AsyncClient(base_url=machine.node.url, timeout=15) as http:
                    answer = await http.post("/api/sessions", json=body, headers=headers)
                if answer.status_code in (200, 201):
                    return str(answer.json()["id"])
                assert answer.status_code == 503, answer.text
            await asyncio.sleep(0.2)

    async def _read(self, keeper: Keeper, writer: Writer) -> None:
        """On some node, until the end, a break, or the wish to be elsewhere."""
        machine = await self._some_machine()
        patience = self._chance.uniform(0.5, 12)
        try:
            async with asyncio.timeout(patience), machine.node.socket(writer.token) as socket:
                await keeper.attach(socket)
                while keeper.state.status not in FINISHED:
                    frame = await next_frame(socket)
                    if frame["type"] == "error":
                        assert frame["code"] == "unavailable", frame
                        break
                    assert frame.get("session_id") in (None, keeper.session_id), "somebody else's session"
                    keeper.take(frame)
        except (WebSocketException, OSError, TimeoutError):
            self.counts["reconnects"] += 1
            await asyncio.sleep(self._chance.uniform(0, 0.3))

    async def _some_machine(self) -> Machine:
        while True:
            up = [machine for machine in self._machines if machine.up.is_set()]
            if up:
                return self._chance.choice(up)
            await asyncio.sleep(0.05)

    # -- What breaks ---------------------------------------------------------------------------------------------------

    async def rage(self, over: Callable[[], bool]) -> None:
        """Until so many were killed, or the writing has failed."""
        ways: list[tuple[int, Callable[[Machine], Coroutine[Any, Any, None]]]] = [
            (12, self._kill),
            (3, self._freeze),
            (3, self._cut),
            (1, self._end),
        ]
        weights, actions = zip(*ways, strict=True)
        while self.counts["kill"] < self.size.kills and not over():
            await asyncio.sleep(self._chance.uniform(0.1, 0.8))
            if self._chance.random() < 0.01:
                await self._restart_database()
                continue
            machine = self._chance.choice(self._machines)
            if machine.busy.locked() or not machine.up.is_set():
                continue
            (action,) = self._chance.choices(actions, weights)
            self._spawn(self._break(machine, action))
            # At least one stays up as a rule, or only starts would be tested.
            while sum(one.up.is_set() for one in self._machines) < 1:
                await asyncio.sleep(0.05)
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _break(self, machine: Machine, action: Callable[[Machine], Coroutine[Any, Any, None]]) -> None:
        async with machine.busy:
            await action(machine)

    async def _kill(self, machine: Machine) -> None:
        held = await self._held_by(machine)
        machine.up.clear()
        await machine.node.kill()
        self.counts["kill"] += 1
        self._spawn(self._time_taking_over("kill", held, lambda: False))
        # Mostly others have to see it: a restart on the same folder says at once that the one before is dead.
        await asyncio.sleep(self._chance.choice((0.0, 2.0, 8.0)))
        await self._back(machine)

    async def _freeze(self, machine: Machine) -> None:
        held = await self._held_by(machine)
        machine.up.clear()
        self._signal(machine, signal.SIGSTOP)
        self.counts["freeze"] += 1
        long = self._chance.random() < 0.7
        if long:
            # Where nobody else was there to see it, it wakes and goes on.
            self._spawn(self._time_taking_over("freeze", held, machine.up.is_set))
        await asyncio.sleep(self._chance.uniform(9, 14) if long else self._chance.uniform(0.5, 3))
        self._signal(machine, signal.SIGCONT)
        machine.up.set()

    async def _cut(self, machine: Machine) -> None:
        self.counts["cut"] += 1
        await machine.proxy.refuse()
        await asyncio.sleep(self._chance.uniform(0.3, 9))
        await machine.proxy.restore()

    async def _end(self, machine: Machine) -> None:
        machine.up.clear()
        self.counts["end"] += 1
        assert await machine.node.end() == 0, machine.node.told
        await self._back(machine)

    async def _restart_database(self) -> None:
        self.counts["database restart"] += 1
        self._outages += 1
        mode = self._chance.choice(("fast", "immediate"))
        data = self._folder / "postgres"
        await asyncio.to_thread(pg_ctl, data, "restart", "-m", mode, "-l", str(data / "log"))

    async def _back(self, machine: Machine) -> None:
        while True:
            try:
                await machine.node.start()
                break
            except AssertionError:
                # The database may have been away just then; a service that can't begin says so and ends.
                assert "can't be reached" in machine.node.told or "is away" in machine.node.told, machine.node.told
                await machine.node.kill()
        machine.up.set()

    def _signal(self, machine: Machine, number: signal.Signals) -> None:
        os.kill(machine.node.process_id, number)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures.append(error)

    # -- What is measured ----------------------------------------------------------------------------------------------

    async def _rows(self, query: str, *values: Any) -> list[Any]:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            return await (await connection.execute(query, values)).fetchall()  # type: ignore[arg-type]

    async def _held_by(self, machine: Machine) -> dict[str, int]:
        with suppress(psycopg.Error):
            rows = await self._rows(
                "select id::text, epoch from story_sessions where node = %s and status = 'active'", machine.node_id
            )
            return dict(rows)
        return {}

    async def _time_taking_over(self, what: str, held: dict[str, int], awake: Callable[[], bool]) -> None:
        """How long until each has a run elsewhere; not counted while the database itself is away."""
        begun, outages, waiting = time.monotonic(), self._outages, dict(held)
        looked, attended_s = begun, 0.0
        while waiting and attended_s < TAKEN_OVER_S and self._outages == outages:
            last, looked = looked, time.monotonic()
            if any(machine.up.is_set() for machine in self._machines):
                attended_s += looked - last
            woken = awake()
            try:
                rows = await self._rows(
                    "select id::text, epoch, status from story_sessions where id::text = any (%s)", list(waiting)
                )
            except psycopg.Error:
                return
            for session_id, epoch, status in rows:
                if epoch > waiting[session_id]:
                    del waiting[session_id]
                    self.taken_over[what].append(time.monotonic() - begun)
                elif status == "completed":
                    # At the last moment before it was to be hit.
                    del waiting[session_id]
            if woken:
                return
            await asyncio.sleep(0.1)
        assert not waiting or self._outages != outages, (
            f"{len(waiting)} stories were not taken over in {TAKEN_OVER_S} s"
        )


@asynccontextmanager
async def machines(size: Size, folder: Path) -> AsyncIterator[tuple[list[Machine], Path, str]]:
    """The nodes on one database with PostgreSQL's own durability, each behind a proxy."""
    async with AsyncExitStack() as stack:
        database = folder / "database"
        server = await EmbeddedPostgres.start(database)
        stack.push_async_callback(server.stop)
        made = []
        for number in range(size.nodes):
            proxy = await stack.enter_async_context(Proxy(database / "postgres" / ".s.PGSQL.5432"))
            url = f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres?sslmode=disable&gssencmode=disable"
            node = Node(
                folder / f"node-{number}",
                database_url=url,
                jwt_secret=SECRET,
                database_wait_s=3,
                database_pool=6,
                offline_words_per_second=size.words_per_second,
                stories_per_user=1000,
                log_level="warning",
                drain_s=3,
            )
            node.folder.mkdir(parents=True)
            stack.push_async_callback(node.kill)
            await node.start()
            machine = Machine(node, proxy)
            machine.up.set()
            made.append(machine)
        yield made, database, server.admin_url


async def check(storm: Storm, machine: Machine, undisturbed: dict[tuple[str, int], str]) -> None:
    """Every story whole and as it should read, every reader with exactly what is kept."""
    async with httpx.AsyncClient(base_url=machine.node.url, timeout=WAIT_S) as http:
        for session_id, keeper in storm.keepers.items():
            writer = storm.owner[session_id]

            async def get(path: str, token: str = writer.token, **params: Any) -> Any:
                answer = await http.get(path, headers=bearer(token), params=params)
                assert answer.status_code == 200, answer.text
                return answer.json()

            story = await check_whole(get, session_id, pages=1)
            assert story["content"] == undisturbed[storm.story_of[session_id]], session_id
            async with machine.node.socket(writer.token) as socket:
                keeper.check_same(await snapshot(socket, session_id))
            kept = [event["seq"] for event in await everything(get, f"/api/sessions/{session_id}/events")]
            seen = set(keeper.seqs)
            missed = [seq for seq in kept if seq not in seen]
            # What came before a snapshot was told by the snapshot.
            assert not missed or (keeper.snapshots and max(missed) <= keeper.snapshot_seq), (session_id, missed)
        for writer in {id(writer): writer for writer in storm.owner.values()}.values():
            own = await everything(get_as(http, writer), "/api/sessions")
            assert sorted(session["id"] for session in own) == sorted(writer.ids)


def get_as(http: httpx.AsyncClient, writer: Writer) -> Any:
    async def get(path: str, **params: Any) -> Any:
        answer = await http.get(path, headers=bearer(writer.token), params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return get


async def undisturbed_stories(service: Service) -> dict[tuple[str, int], str]:
    texts = {}
    for prompt in PROMPTS:
        for seed in SEEDS:
            session_id = await service.story(prompt=prompt, pages=1, seed=seed)
            texts[prompt, seed] = (await service.get(f"/api/sessions/{session_id}/story")).json()["content"]
    return texts


@pytest.mark.timeout(3600)
async def test_nothing_is_lost_in_a_storm(
    folder: Path, service: Service, chance: random.Random, long: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    size = LONG if long else SHORT
    undisturbed = await undisturbed_stories(service)
    begun = time.monotonic()
    async with machines(size, folder) as (made, database, url):
        storm = Storm(size, chance, made, database, url)
        writers = []
        for _ in range(size.writers):
            async with httpx.AsyncClient(base_url=made[0].node.url, timeout=WAIT_S) as http:
                writers.append(Writer((await http.post("/api/auth/anonymous")).json()["access_token"]))
        writing = asyncio.create_task(storm.write_all(writers))
        raging = asyncio.create_task(storm.rage(writing.done))
        await asyncio.wait({writing, raging}, return_when=asyncio.FIRST_EXCEPTION)
        for task in (raging, writing):
            if task.done() and not task.cancelled() and task.exception():
                writing.cancel()
                raging.cancel()
                await task
        await asyncio.gather(writing, raging)
        assert not storm.failures, storm.failures
        await check(storm, made[0], undisturbed)
        for machine in made:
            for word in ("Traceback", " ERROR ", "CRITICAL", "Task was destroyed"):
                assert word not in machine.node.told, machine.node.told[-5000:]
    with capsys.disabled():
        print(told(storm, time.monotonic() - begun))


def told(storm: Storm, seconds: float) -> str:
    counts = ", ".join(f"{count} {what}" for what, count in sorted(storm.counts.items()))
    lines = [f"\n{len(storm.keepers)} stories on {storm.size.nodes} nodes in {seconds:.0f} s: {counts}"]
    for what, took in storm.taken_over.items():
        if took:
            lines.append(
                f"stories taken over after a {what}, the other nodes breaking as well: {len(took)}, "
                f"median {statistics.median(took):.1f} s, worst {max(took):.1f} s"
            )
    snapshots = sum(keeper.snapshots for keeper in storm.keepers.values())
    events = sum(len(keeper.seqs) for keeper in storm.keepers.values())
    lines.append(f"readers saw {events} events, and {snapshots} snapshots where what they had seen was not kept")
    return "\n".join(lines)
