"""Traces, as a collector gets them: what belongs to what, which session it was, and nothing that anybody wrote."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from coordinator.errors import Misconfigured
from coordinator.settings import Settings
from coordinator.telemetry import traces
from coordinator.telemetry.traces import Traces
from tests.api.test_model_story import with_model
from tests.collector import Collector, Span, collecting
from tests.model_server import ModelServer, Reply
from tests.service import PROMPT, bearer, serving


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as made:
        yield made


@pytest.fixture
def traced(settings: Settings, collector: Collector) -> Settings:
    return settings.model_copy(update={"otlp_endpoint": collector.url})


def below(collector: Collector, span: Span) -> list[Span]:
    """All that happened within it."""
    own = collector.children(span)
    return own + [deeper for child in own for deeper in below(collector, child)]


async def test_a_story_is_a_run_of_steps_of_model_calls(traced: Settings, collector: Collector) -> None:
    async with serving(traced) as service:
        session_id = await service.story(pages=1)
        steps = (await service.get(f"/api/sessions/{session_id}/steps", limit=100)).json()["items"]
        story = (await service.get(f"/api/sessions/{session_id}/story")).json()
    # All of it has come when the service has ended.
    [run] = collector.named("run")
    assert not run.parent and run.facts["storyloom.session_id"] == session_id and run.facts["storyloom.run"] == 1
    assert run.resource["service.name"] == "storyloom" and run.facts["storyloom.node"]
    taken = [span for span in collector.children(run) if span.name.startswith("step ")]
    assert [span.facts["storyloom.step"] for span in taken] == [step["step"] for step in steps]
    for span in taken:
        assert span.facts["storyloom.session_id"] == session_id and not span.failed
        within = Counter(one.name for one in below(collector, span))
        assert within["chat offline:storyteller"] == 1 and within["database finish_step"] == 1
    calls = [one for one in below(collector, run) if one.name.startswith("chat ")]
    assert all(one.facts["gen_ai.usage.output_tokens"] > 0 for one in calls) and len(calls) == len(steps)
    assert "database complete_session" in [one.name for one in collector.children(run)]
    # What streams is not a part of it.
    assert not collector.named("database append_events")

    [start] = collector.named("frame story.start")
    assert start.facts["storyloom.session_id"] == session_id and start.trace != run.trace
    assert "database create_session" in [one.name for one in collector.children(start)]
    assert collector.paths == {"/v1/traces"}

    sent = b"".join(collector.bodies)
    written = [PROMPT, story["title"], *story["content"].split("\n\n")]
    assert not [text for text in written if len(text) > 8 and text.encode() in sent]
    assert service.token.encode() not in sent


async def test_a_request_is_named_by_its_route_and_goes_on_from_its_caller(
    traced: Settings, collector: Collector
) -> None:
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    async with serving(traced) as service:
        made = await service.http.post(
            "/api/sessions",
            json={"prompt": PROMPT},
            headers={**bearer(service.token), "traceparent": f"00-{trace}-{parent}-01", "X-Request-ID": "of-mine"},
        )
        gone = await service.get("/api/sessions/00000000-0000-4000-8000-000000000000/story")
        await service.http.get("/healthz")
        await service.http.get("/metrics")
    assert (made.status_code, gone.status_code) == (201, 404)
    [post] = collector.named("POST /api/sessions")
    assert (post.trace.hex(), post.parent.hex()) == (trace, parent)
    assert post.facts["http.response.status_code"] == 201 and post.facts["storyloom.request_id"] == "of-mine"
    assert post.facts["storyloom.session_id"] == made.json()["id"]
    [get] = collector.named("GET /api/sessions/{session_id}/story")
    assert get.facts["http.response.status_code"] == 404 and not get.failed and not get.parent
    [asked] = collector.children(get)
    assert asked.failed and asked.facts["error.type"] == "not_found"
    # Who comes every few seconds leaves no trace.
    assert not [span for span in collector.spans if "healthz" in span.name or "metrics" in span.name]


async def test_what_fails_is_marked_and_not_quoted(traced: Settings, collector: Collector) -> None:
    async with ModelServer() as model:
        model.script(*[Reply.prose("I can't help with that, said the hidden wheel.")] * 40)
        async with serving(with_model(traced, model, model_attempts=1)) as service:
            session_id = await service.story(pages=1)
            assert (await service.get(f"/api/sessions/{session_id}")).json()["status"] == "failed"
    [run] = collector.named("run")
    # Ideas that a model refuses are the built-in storyteller's: what only a model can write is not.
    [step] = collector.named("step draft")
    assert run.failed and step.failed and run.facts["error.type"] == step.facts["error.type"] == "unavailable"
    assert collector.children(step)[0].name == "chat test-model"
    assert b"hidden wheel" not in b"".join(collector.bodies)


async def test_a_collector_that_is_away_slows_nothing_and_is_told_of_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(traces, "EXPORT_S", 0.3)
    monkeypatch.setattr(traces, "FLUSH_S", 0.5)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    nowhere = settings.model_copy(update={"otlp_endpoint": "http://127.0.0.1:1"})
    async with serving(nowhere) as service:
        for _ in range(3):
            await service.story(pages=1)
        ending = time.monotonic()
    assert time.monotonic() - ending < 5
    told = [
        record
        for record in caplog.records
        if record.name in ("coordinator.telemetry.traces",) or "opentelemetry" in record.name
    ]
    assert ["traces can't be sent" in record.getMessage() for record in told if record.levelname != "DEBUG"] == [True]


def test_an_endpoint_that_is_no_address_is_refused() -> None:
    for wrong in ("localhost:4318", "grpc://x:4317", "http://", "http://[x"):
        with pytest.raises(Misconfigured, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
            Traces(wrong)


async def test_the_path_of_the_protocol_is_added_once(settings: Settings, collector: Collector) -> None:
    for path in ("/", "/v1/traces"):
        made = Traces(collector.url + path)
        with made.begin("here", {}):
            pass
        await made.close()
    assert collector.paths == {"/v1/traces"} and len(collector.named("here")) == 2


def test_without_an_endpoint_no_exporter_is_imported() -> None:
    look = (
        "import sys, api.app, coordinator.running.engine; from coordinator.telemetry.traces import Traces, span\n"
        "with Traces().begin('x', {}), span('y', {}): pass\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.exporter', 'opentelemetry.sdk'))])"
    )
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.strip() == "[]"
