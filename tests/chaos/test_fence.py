"""Two that would write one session: one of them is fenced, and whoever reads is told the truth."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr

from coordinator.settings import Settings
from coordinator.store import Store
from tests.chaos.node import Node, started
from tests.chaos.record import Keeper, check_whole, eventually, everything, next_frame, snapshot
from tests.chaos.test_outage import begin, getter
from tests.model_server import ModelServer
from tests.service import PROMPT, Service, bearer, serving

NOTICED_S = 10.0
"""A node that died is noticed, and its runs are taken up, within this time."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"offline_words_per_second": 400.0})


async def test_a_run_whose_session_is_claimed_elsewhere_stops(service: Service, store: Store) -> None:
    get = getter(service)
    async with service.socket() as socket:
        keeper = await begin(socket)
        session_id = keeper.session_id
        begun = await store.runs.begin(UUID(session_id), "another-node")
        # The old run ends by itself; what it told and had not stored is taken back by a snapshot.
        await eventually(lambda: idle(service), "the fenced run ends")
        async with asyncio.timeout(5):
            while keeper.state.epoch < 2:
                keeper.take(await next_frame(socket))
        assert keeper.state.epoch == begun.epoch == 2
        keeper.check_same(await snapshot(socket, session_id))
        before = await everything(get, f"/api/sessions/{session_id}/events")
        assert [event["epoch"] for event in before if event["seq"] > begun.events[0]["seq"]] == []

        # The other node goes on, and the reader here follows it.
        last = begun.events[-1]["seq"]
        told = {
            "type": "agent.state",
            "seq": last + 1,
            "at": "2026-01-01T00:00:00Z",
            "agent": "writer",
            "state": "thinking",
            "activity": "gathering ideas",
        }
        await store.runs.append_events(UUID(session_id), 2, [told])
        await socket.send(type="session.attach", session_id=session_id, epoch=2, after_seq=last)
        frame = await socket.until("agent.state", session_id=session_id)
        assert (frame["epoch"], frame["seq"]) == (2, last + 1)
        assert await everything(get, f"/api/sessions/{session_id}/events") == [*before, {**frame}]


async def idle(service: Service) -> bool:
    """Whether the node writes no story."""
    return bool((await service.get("/readyz")).json()["running_stories"] == 0)


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.fixture
async def modelled(settings: Settings, model: ModelServer) -> AsyncIterator[Service]:
    """A service with a model that answers when the test lets it."""
    changed = settings.model_copy(
        update={"model": "openai:test", "model_base_url": model.url, "model_api_key": SecretStr("k" * 20)}
    )
    async with serving(changed) as service:
        yield service


@pytest.mark.parametrize("how", ["cancel", "delete", "cancelled elsewhere", "deleted elsewhere"])
async def test_what_ends_a_session_stops_its_model_call(
    modelled: Service, model: ModelServer, store: Store, how: str
) -> None:
    """At once on its own node; from another one as soon as the engine looks, also while the model says nothing."""
    model.open.clear()
    async with modelled.socket() as socket:
        session_id = await socket.start(PROMPT, pages=1)
        await eventually(lambda: asyncio.sleep(0, model.running == 1), "the model is called")
        (call,) = model.requests
        at = f"/api/sessions/{session_id}"
        match how:
            case "cancel":
                assert (await modelled.post(f"{at}/cancel")).status_code == 200
            case "delete":
                answer = await modelled.http.delete(at, headers=bearer(modelled.token))
                assert answer.status_code == 204
            case "cancelled elsewhere":
                await store.sessions.change_status(UUID(session_id), None, to="cancelled", allowed=("active",))
            case "deleted elsewhere":
                await store.sessions.delete(UUID(session_id), None)
        within_s = NOTICED_S if "elsewhere" in how else 1.0
        await asyncio.wait_for(call.left.wait(), within_s)
        await eventually(lambda: idle(modelled), "the run is over")
        model.open.set()
        if how in ("cancel", "cancelled elsewhere"):
            await socket.until_finished(session_id)
            events = await everything(getter(modelled), f"{at}/events")
            assert events[-1]["type"] == "session.status" and events[-1]["status"] == "cancelled"
            assert len(model.requests) == 1
        else:
            assert (await modelled.get(at)).status_code == 404


@pytest.mark.timeout(120)
async def test_another_node_takes_up_what_a_dead_one_left(
    folder: Path, long: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two processes on one data folder: a story of the one is watched live on the other, which finishes it."""
    if not long:
        pytest.skip("in the long form")
    took: list[float] = []
    async with started(folder, offline_words_per_second=600) as first:
        second = Node(folder, offline_words_per_second=600)
        try:
            await second.start()
            await hand_over(first, second, took)
            for _ in range(3 if long else 0):
                await first.start()
                await hand_over(first, second, took)
        finally:
            await second.kill()
        for node in (first, second):
            assert "Traceback" not in node.told and " ERROR " not in node.told, node.told
    with capsys.disabled():
        print(f"\ntaken up by another node after {', '.join(f'{seconds:.1f} s' for seconds in took)}")
    assert max(took) < NOTICED_S


async def hand_over(first: Node, second: Node, took: list[float]) -> None:
    loop = asyncio.get_running_loop()
    async with first.socket() as writing, second.socket() as watching:
        keeper = Keeper(await writing.start(PROMPT, pages=3, seed=5))
        await keeper.attach(watching)
        async with asyncio.timeout(30):
            # Live on the other node: text that is still being written.
            while keeper.state.message_count < 3 or keeper.state.partial is None:
                keeper.take(await next_frame(watching))
        assert keeper.state.epoch == 1
        await first.kill()
        killed_at = loop.time()
        async with asyncio.timeout(30):
            while keeper.state.epoch < 2:
                keeper.take(await next_frame(watching))
        took.append(loop.time() - killed_at)
        async with asyncio.timeout(60):
            await keeper.read(watching)
        await check_whole(second.get, keeper.session_id)
        keeper.check_same(await snapshot(watching, keeper.session_id))
