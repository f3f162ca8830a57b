"""A database that goes away in the middle of a story: the run waits and goes on, and nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from coordinator.settings import Settings
from coordinator.store import binaries
from tests.chaos.record import Keeper, check_whole, eventually, snapshot
from tests.conftest import Database
from tests.proxy import Proxy
from tests.service import PROMPT, Service, Socket, serving

BACK_S = 8.0
"""The service is ready again this soon after its database is back."""


@asynccontextmanager
async def behind_proxy(database: Database) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before the database, and the URL through it."""
    parts = conninfo_to_dict(database.admin_url)
    async with Proxy(Path(str(parts["host"])) / f".s.PGSQL.{parts['port']}") as proxy:
        yield proxy, f"postgresql://postgres@127.0.0.1:{proxy.port}/{database.name}?sslmode=disable&gssencmode=disable"


@pytest.fixture
async def proxied(database: Database, settings: Settings) -> AsyncIterator[tuple[Proxy, Service]]:
    """A service that reaches its database through the proxy, and gives up a call after a second."""
    async with behind_proxy(database) as (proxy, url):
        changed = settings.model_copy(
            update={
                "database_url": type(settings.database_url)(url),
                "offline_words_per_second": 1000.0,
                "database_wait_s": 1.0,
            }
        )
        async with serving(changed) as service:
            yield proxy, service


def getter(service: Service) -> Callable[..., Any]:
    async def get(path: str, **params: Any) -> Any:
        answer = await service.get(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return get


async def finish(service: Service, keeper: Keeper, socket: Socket) -> dict[str, Any]:
    """The rest of a watched story; its record is whole and its reader knows it all."""
    async with asyncio.timeout(60):
        await keeper.read(socket)
    assert keeper.state.status == "completed", keeper.state.error
    assert keeper.snapshots == 0, "nothing that was told has been taken back"
    story = await check_whole(getter(service), keeper.session_id)
    keeper.check_same(await snapshot(socket, keeper.session_id))
    return story


async def answers(service: Service, path: str, status: int) -> bool:
    return (await service.get(path)).status_code == status


def kept(session_id: str, socket: Socket) -> Keeper:
    """A reader that has seen what the socket has."""
    keeper = Keeper(session_id)
    for frame in socket.frames:
        keeper.take(frame)
    return keeper


async def begin(socket: Socket, seed: int = 7) -> Keeper:
    """A story that has written a part of its text."""
    keeper = kept(await socket.start(PROMPT, pages=3, seed=seed), socket)
    while keeper.state.draft is None and (keeper.state.partial is None or len(keeper.state.partial.text) < 200):
        keeper.take(await socket.receive())
    return keeper


async def test_a_story_waits_for_its_database(
    proxied: tuple[Proxy, Service], long: bool, chance: random.Random, capsys: pytest.CaptureFixture[str]
) -> None:
    """Away for longer than one call waits, so that the run itself has to; twice, at any moment."""
    proxy, service = proxied
    loop = asyncio.get_running_loop()
    took: list[float] = []
    async with service.socket() as socket:
        keeper = await begin(socket)
        for _ in range(2):
            await read_for(keeper, socket, chance.uniform(0, 0.5))
            await proxy.refuse()
            away = asyncio.create_task(asyncio.sleep(10 if long else 2))
            problem = await service.get("/readyz")
            assert problem.status_code == 503 and problem.headers["content-type"] == "application/problem+json"
            assert problem.json()["code"] == "unavailable"
            assert (await service.get("/healthz")).status_code == 200
            await away
            assert keeper.state.status == "active"
            await proxy.restore()
            back_at, seq = loop.time(), keeper.state.seq
            await eventually(lambda: answers(service, "/readyz", 200), "ready again", BACK_S)
            while keeper.state.seq <= seq or keeper.state.step is None:
                keeper.take(await socket.receive())
            took.append(loop.time() - back_at)
        await finish(service, keeper, socket)
        assert keeper.state.epoch == 1, "the run itself has waited"
    with capsys.disabled():
        print(f"\nwrites again {', '.join(f'{seconds:.1f} s' for seconds in took)} after its database is back")
    assert max(took) < BACK_S


RUN = ["append_events", "finish_step"]
LOST = ["create_session", "claim_runs", *RUN, *RUN, "complete_session"]
"""Calls whose answers are lost, in the order of a story."""


async def test_answers_that_are_lost_double_nothing(proxied: tuple[Proxy, Service]) -> None:
    """The database has done it, and the service doesn't know: it asks again."""
    proxy, service = proxied
    lose(proxy, *LOST)
    async with service.socket() as socket:
        keeper = kept(await socket.start(PROMPT, pages=3, seed=3), socket)
        await finish(service, keeper, socket)
    assert proxy.lost == len(LOST)


@pytest.mark.parametrize("function", sorted(set(LOST)))
async def test_an_answer_that_is_lost_before_an_outage(
    proxied: tuple[Proxy, Service], function: str, long: bool, chance: random.Random
) -> None:
    """Long enough for the call to be given up: only what the store says counts then."""
    if function != "finish_step" and not long:
        pytest.skip("in the long form")
    proxy, service = proxied
    async with service.socket() as socket:
        early = function in ("create_session", "claim_runs")
        keeper = Keeper() if early else await begin(socket, seed=3)
        await read_for(keeper, socket, 0 if early else chance.uniform(0, 0.3))
        lose(proxy, function, and_refuse=True)
        back = asyncio.create_task(back_later(proxy))
        if function == "create_session":
            # The client is told so, and asks again: the same request is the same story.
            await socket.send(type="story.start", request_id="once", prompt=PROMPT, config={"seed": 3})
            assert (await socket.until("error"))["code"] == "unavailable"
            await back
            socket.frames.clear()
        if early:
            keeper = kept(await socket.start(PROMPT, "once", seed=3), socket)
        await read_until(keeper, socket, back)
        await finish(service, keeper, socket)


async def test_a_database_that_is_restarted(folder: Path, long: bool, chance: random.Random) -> None:
    """The embedded server itself ends, in order and at once, and starts again in the middle of a story."""
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        data_dir=folder,
        offline_words_per_second=800,
        log_level="warning",
        event_flush_s=0.02,
        database_wait_s=1,
    )
    async with serving(settings) as service, service.socket() as socket:
        keeper = await begin(socket)
        for mode in ("fast", "immediate") * (3 if long else 1):
            await read_for(keeper, socket, chance.uniform(0, 0.5))
            await asyncio.to_thread(
                pg_ctl, folder / "postgres", "restart", "-m", mode, "-l", str(folder / "postgres" / "log")
            )
        await finish(service, keeper, socket)


def pg_ctl(folder: Path, *words: str) -> None:
    program = binaries.find(folder, int((folder / "PG_VERSION").read_text())) / "pg_ctl"
    done = binaries.run([str(program), *words, "-s", "-w", "-D", str(folder)], binaries.os_user(folder))
    assert done.returncode == 0, done.stdout


def lose(proxy: Proxy, *functions: str, and_refuse: bool = False) -> None:
    calls = [f'"{function}"'.encode() for function in functions]
    proxy.lose_answers(*(lambda request, call=call: call in request for call in calls), and_refuse=and_refuse)


async def back_later(proxy: Proxy) -> None:
    """The database is back once the answer was lost and its call was given up."""
    await eventually(lambda: asyncio.sleep(0, proxy.lost), "an answer was lost")
    await asyncio.sleep(2)
    await proxy.restore()


async def read_for(keeper: Keeper, socket: Socket, seconds: float) -> None:
    await read_until(keeper, socket, asyncio.create_task(asyncio.sleep(seconds)))


async def read_until(keeper: Keeper, socket: Socket, done: asyncio.Task[None]) -> None:
    """What comes before something is done."""
    reading = asyncio.create_task(keeper.read(socket))
    await asyncio.wait({reading, done}, return_when=asyncio.FIRST_COMPLETED)
    reading.cancel()
    await asyncio.wait({reading})
    if not reading.cancelled():
        reading.result()
    await done
