"""Two nodes on one database: what the one stores, readers on the other are told by notifications, not by looking."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from coordinator.sessions import wakeups
from coordinator.settings import Settings
from tests.chaos.record import eventually
from tests.service import PROMPT, WAIT_S, Service, serving


@pytest.fixture(autouse=True)
def never_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "POLL_S", 600.0)
    monkeypatch.setattr(wakeups, "LISTENING_POLL_S", 600.0)


async def know_each_other(service: Service) -> bool:
    nodes = (await service.get("/api/admin/nodes", service.admin_token())).json()["nodes"]
    newest = max(node["started_at"] for node in nodes)
    return len(nodes) == 2 and all(node["seen_at"] > newest for node in nodes)


async def test_a_reader_on_another_node_is_woken(settings: Settings, tmp_path: Path) -> None:
    first_settings = settings.model_copy(
        update={"offline_words_per_second": 400.0, "jwt_secret": SecretStr("s" * 40), "node_dead_s": 1.5}
    )
    reading = first_settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    async with serving(first_settings) as first, serving(reading) as second:
        # Who is alone wakes nobody: both have beaten since the second came.
        await eventually(lambda: know_each_other(first), "two nodes that know of each other", WAIT_S)
        async with first.socket() as writing, second.socket(token=first.token) as watching:
            session_id = await writing.start(PROMPT, pages=1)
            await watching.send(type="session.attach", session_id=session_id)
            await watching.until("session.snapshot")
            delta = await watching.until("agent.delta", session_id=session_id)
            assert delta["text"], "text comes while it is written"
            assert (await watching.until_finished(session_id))["status"] == "completed"
            # The one that runs it told as much.
            await writing.until_finished(session_id)
            told = [frame["seq"] for frame in watching.frames if frame.get("type") == "agent.message"]
            assert (
                told == [frame["seq"] for frame in writing.frames if frame.get("type") == "agent.message"][-len(told) :]
            )

            # A session that is deleted on the one is gone for readers on the other.
            await first.http.delete(f"/api/sessions/{session_id}", headers={"Authorization": f"Bearer {first.token}"})
            gone = await watching.until("error", session_id=session_id)
            assert gone["code"] == "not_found"
