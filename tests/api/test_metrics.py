"""GET /metrics: what is counted is what was done, for anybody to read, with nothing of anybody in it."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.app import app_version
from coordinator.agents.cast import label
from coordinator.errors import Unavailable
from coordinator.llm.models import OFFLINE, Models
from coordinator.models import SERVICE, Identity, StoryConfig
from coordinator.sessions.manager import StorySessionManager
from coordinator.sessions.streams import Streams
from coordinator.settings import Settings
from coordinator.store import Store
from coordinator.store.sessions import NewSession
from coordinator.telemetry.metrics import Metrics
from tests.api.support import held_story
from tests.api.test_replay import log
from tests.model_server import ModelServer, Reply
from tests.service import PROMPT, WAIT_S, Service, serving


class Seen:
    """One look at the metrics."""

    def __init__(self, text: str) -> None:
        self._samples = [one for family in text_string_to_metric_families(text) for one in family.samples]

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of what has these labels, 0 for none."""
        name = f"storyloom_{name}"
        return sum(one.value for one in self._samples if one.name == name and labels.items() <= one.labels.items())

    def by(self, label: str, name: str) -> Counter[str]:
        found = [one for one in self._samples if one.name == f"storyloom_{name}"]
        return Counter({one.labels[label]: int(one.value) for one in found})

    @property
    def labels(self) -> set[str]:
        return {value for one in self._samples for name, value in one.labels.items() if name != "le"}


async def seen(service: Service) -> Seen:
    answer = await service.http.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return Seen(answer.text)


async def until(service: Service, name: str, value: float, **labels: str) -> Seen:
    """What was asked for is told before the connection that it came by is counted as closed."""
    async with asyncio.timeout(WAIT_S):
        while (look := await seen(service))(name, **labels) != value:
            await asyncio.sleep(0.01)
    return look


async def test_one_story_is_counted_as_it_was_kept(service: Service) -> None:
    async with service.socket() as socket:
        during = await seen(service)
        session_id = await socket.start(pages=1)
        await socket.until_finished(session_id)
        path = f"/api/sessions/{session_id}"
        session, _ = [(await service.get(path)).json() for _ in range(2)]
        steps = (await service.get(f"{path}/steps", limit=100)).json()["items"]
        kept = await log(service, session_id)
        async with service.socket() as again:
            await again.send(type="session.attach", session_id=session_id, after_seq=0)
            await again.until_finished(session_id)
            await again.send(type="session.attach", session_id=session_id)
            await again.until("session.snapshot")
    look = await until(service, "sockets", 0)

    assert during("sockets") == 1
    assert look("sessions_begun_total", kind="story") == 1
    assert look.by("status", "sessions_came_to_total") == {"completed": 1}
    assert look.by("reason", "claims_total") == {"started": 1}
    assert look("runs", state="running") == look("runs", state="waiting") == look("runs_broken_total") == 0
    assert look("run_places") == service.settings.stories_per_node and look("nodes") == 1

    kinds = Counter(re.sub(r"(-\d+)+$", "", step["step"]) for step in steps)
    assert look.by("kind", "step_seconds_count") == kinds
    assert look("step_seconds_sum") == pytest.approx(sum(step["duration_ms"] for step in steps) / 1000)
    assert look("model_call_seconds_count", model=OFFLINE, outcome="ok") == len(steps)
    assert look("model_first_token_seconds_count", model=OFFLINE) == len(steps)
    assert 0 < look("model_first_token_seconds_sum") <= look("model_call_seconds_sum")
    assert look("model_tokens_total", model=OFFLINE) == session["tokens"] > 0
    usage = {agent: used["tokens"] for agent, used in session["usage_by_agent"].items()}
    assert look.by("agent", "model_tokens_total") == usage

    # All but those of its creation, before anybody watches; the run sends those that the database does not make.
    last, own = kept[-1]["seq"], ("step.started", "agent.state")
    sent = last - sum(event["type"] not in own for event in kept)
    started = next(event["seq"] for event in kept if event["type"] == "session.status")
    assert look("events_told_total") == last - started + 1
    assert look("event_batch_events_sum") == sent and 0 < look("event_batch_events_count") < sent
    # It was attached when it was started, and replayed again later.
    assert look("replay_events_count") == 2 and look("replay_events_sum") >= len(kept)
    assert look("snapshots_total") == 1
    assert look("cache_looks_total", outcome="hit") >= 1 and look("cache_sessions") == 1
    assert look("database_call_seconds_count", function="finish_step", outcome="ok") == len(steps)
    assert look("database_call_seconds_count", function="complete_session") == 1
    assert look("database_retries_total") == 0 == look("slow_readers_closed_total")


async def test_anybody_may_look_as_often_as_they_like_and_sees_nobody(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"rate_rest": "2/hour", "rate_connect": "1/hour"})) as service:
        session_id = await service.story(pages=1, prompt="A very secret lighthouse.")
        refused = [(await service.get(f"/api/sessions/{session_id}")).status_code for _ in range(4)]
        for _ in range(5):
            look = await seen(service)
        text = (await service.http.get("/metrics")).text
        own = service.auth.local_user("writer")
    assert refused == [200, 200, 429, 429] and look("refusals_total", limit="rest") == 2
    assert look("refusals_total", limit="connect") == 0
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", text) and str(own) not in text
    assert "secret lighthouse" not in text
    assert {one for one in look.labels if not re.fullmatch("[a-z_-]+", one)} == {OFFLINE, app_version()}


async def test_services_of_one_process_are_counted_apart(settings: Settings) -> None:
    async with serving(settings) as one, serving(settings) as other:
        await one.story(pages=1)
        ones, others = await seen(one), await seen(other)
        # Either may have run it; only one has begun it.
        assert ones("sessions_begun_total") == 1 and others("sessions_begun_total") == 0
        assert ones("claims_total") + others("claims_total") == 1


async def test_what_runs_and_what_is_cancelled(shared: Service, model: ModelServer) -> None:
    before = await seen(shared)
    async with held_story(shared, model) as session_id:
        assert (await seen(shared))("runs", state="running") == 1
        assert (await shared.post(f"/api/sessions/{session_id}/cancel")).status_code == 200
    look = await until(shared, "runs", 0, state="running")
    assert (
        look("sessions_came_to_total", status="cancelled") - before("sessions_came_to_total", status="cancelled") == 1
    )
    assert look("model_call_seconds_count", model="openai:test", outcome="cancelled") == 1
    assert look("model_first_token_seconds_count", model="openai:test") == 0


async def test_failed_tries_count_their_calls_and_tokens(shared: Service, model: ModelServer) -> None:
    before = await seen(shared)
    model.script(Reply.breaks(5), Reply.empty())
    session_id = await shared.story(model="openai:test", pages=1)
    look = await seen(shared)
    session = (await shared.get(f"/api/sessions/{session_id}")).json()

    def more(name: str, **labels: str) -> float:
        return look(name, model="openai:test", **labels) - before(name, model="openai:test", **labels)

    assert more("model_call_seconds_count", outcome="failed") == 2
    assert more("model_call_seconds_count", outcome="ok") >= more("model_first_token_seconds_count") - 2 > 0
    assert more("model_tokens_total") == session["tokens"]


async def test_a_run_that_is_taken_over_is_a_recovery(store: Store, user: Any) -> None:
    writer: Identity = await user()
    first, second = (StorySessionManager(store, Streams(), node=name) for name in ("a", "b"))
    made = await first.create_session(
        writer, NewSession(PROMPT, template="short-story", model=OFFLINE, config=StoryConfig())
    )
    for manager in (first, second):
        await manager.runs.release((await manager.recover_session(made.session.id)).journal)
    assert Seen(store.metrics.text().decode()).by("reason", "claims_total") == {"started": 1, "recovered": 1}


class Away:
    """A database that answers the third time."""

    def __init__(self, error: Exception, times: int) -> None:
        self._error = error
        self._left = times

    async def call(self, function: str, args: Mapping[str, Any], identity: Identity, shape: Any = None) -> Any:
        if self._left:
            self._left -= 1
            raise self._error
        return {}

    def listen(self) -> None:
        return None

    async def close(self) -> None:
        return None


async def test_database_calls_are_counted_once_with_their_retries_and_outcome() -> None:
    metrics = Metrics()
    await Store(Away(Unavailable("away"), 2), 5, metrics).gateway.write("a_function", SERVICE)
    with pytest.raises(Unavailable):
        await Store(Away(Unavailable("away"), 10_000), 0.05, metrics).gateway.write("a_function", SERVICE)
    with pytest.raises(ZeroDivisionError):
        await Store(Away(ZeroDivisionError(), 1), 1, metrics).gateway.read("other", SERVICE)
    look = Seen(metrics.text().decode())
    assert look("database_call_seconds_count", function="a_function", outcome="ok") == 1
    assert look("database_call_seconds_count", function="a_function", outcome="unavailable") == 1
    assert look("database_call_seconds_count", function="other", outcome="broken") == 1
    assert look("database_retries_total", function="a_function") >= 2


def test_models_that_writers_name_are_one_value_a_provider(settings: Settings) -> None:
    models = Models(settings.model_copy(update={"models": ["openai:gpt-5"]}))
    assert [label(models, name) for name in ("openai:gpt-5", "openai:my-own", OFFLINE)] == [
        "openai:gpt-5",
        "openai:other",
        OFFLINE,
    ]


async def test_each_answer_has_an_id_the_callers_own_where_that_is_sane(shared: Service) -> None:
    async def given(own: str | None) -> str:
        headers = {"X-Request-ID": own} if own is not None else {}
        answer: httpx.Response = await shared.http.get("/api/templates", headers=headers)
        return answer.headers["x-request-id"]

    assert await given("0b1c.my-request_7") == "0b1c.my-request_7"
    made = [await given(own) for own in (None, "", "two words", "x" * 65, 'a"b', "a;b")]
    assert all(re.fullmatch(r"[0-9a-f]{16}", one) for one in made) and len(set(made)) == len(made)
