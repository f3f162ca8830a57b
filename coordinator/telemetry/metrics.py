"""What the service counts and measures, all in one place: Prometheus metrics with a registry of their own.

Each service has one `Metrics`, so that several may live in one process. What can be read off the service's own state
is read when somebody looks (`api.rest.health`). Labels have few values: never an id, and nothing that a user may choose
freely.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from coordinator.errors import StoryloomError

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

STEP_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
"""From the built-in storyteller at full speed to a slow model on a long section."""
MODEL_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)
DATABASE_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
WORKER_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40)
BATCH_EVENTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
REPLAY_EVENTS = (0, 1, 10, 50, 100, 500, 1000, 5000, 10_000, 50_000)

Child = TypeVar("Child", Counter, Histogram)

# A second series for each, with the time of its first value, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Labelled(Generic[Child]):
    """A metric by its labels. Each child is bound once: after that it is a look-up in a dict, without a lock."""

    def __init__(self, metric: Child) -> None:
        self._metric: Child = metric
        self._children: dict[tuple[str, ...], Child] = {}

    def __call__(self, *labels: str) -> Child:
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._metric.labels(*labels)
        return child


class Metrics:
    """Of one service. `text` is what Prometheus reads."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def counter(name: str, says: str, *labels: str) -> Labelled[Counter]:
            return Labelled(Counter(f"storyloom_{name}", says, labels, registry=registry))

        def histogram(name: str, says: str, buckets: tuple[float, ...], *labels: str) -> Labelled[Histogram]:
            return Labelled(Histogram(f"storyloom_{name}", says, labels, buckets=buckets, registry=registry))

        self.sessions_begun = counter("sessions_begun", "Sessions created through this node", "kind")
        self.sessions_came_to = counter(
            "sessions_came_to", "Changes of status that this node made, by status", "status"
        )
        self.claims = counter("claims", "Runs that this node took up: started, resumed or recovered", "reason")
        self.runs_broken = Counter("storyloom_runs_broken", "Runs that ended by a fault of ours", registry=registry)
        self.runs_given_up = Counter(
            "storyloom_runs_given_up", "Sessions failed because they could not be run at all", registry=registry
        )
        self.steps = histogram("step_seconds", "Steps that are done, with all their tries", STEP_S, "kind")
        self.model_calls = histogram("model_call_seconds", "Model calls to their end", MODEL_S, "model", "outcome")
        self.first_tokens = histogram("model_first_token_seconds", "Model calls to the first token", MODEL_S, "model")
        self.tokens = counter(
            "model_tokens", "Tokens used, also in vain; of the built-in model words", "model", "agent"
        )
        self.cost = counter("model_cost_usd", "US dollars for tokens, where the price is known", "model", "agent")
        self.event_batch = Histogram(
            "storyloom_event_batch_events",
            "Events that a run had stored at once",
            buckets=BATCH_EVENTS,
            registry=registry,
        )
        self.replay = Histogram(
            "storyloom_replay_events", "Past events told to one who attached", buckets=REPLAY_EVENTS, registry=registry
        )
        self.snapshots = Counter("storyloom_snapshots", "Attaches answered by a snapshot", registry=registry)
        self.sockets = Gauge("storyloom_sockets", "WebSocket connections open", registry=registry)
        self.answers = Gauge("storyloom_answers", "Answers streamed over HTTP, open", registry=registry)
        self.slow_readers = Counter(
            "storyloom_slow_readers_closed", "Connections closed because they read too slowly", registry=registry
        )
        self.database_calls = histogram(
            "database_call_seconds", "Database calls, with all their tries", DATABASE_S, "function", "outcome"
        )
        self.database_retries = counter("database_retries", "Database calls made again", "function")
        self.worker_calls = histogram(
            "worker_call_seconds",
            "Work on long texts in other processes, with its wait",
            WORKER_S,
            "work",
            "outcome",
        )
        self.database_restarts = counter(
            "database_restarts", "Attempts to start an embedded database that had stopped", "outcome"
        )
        self.wakeups = counter("wakeups", "Notifications from the database", "kind")

    @contextmanager
    def database_call(self, function: str) -> Iterator[None]:
        """A call as its caller sees it; the outcome is `ok`, the error's code, `cancelled` or `broken`."""
        begun = time.perf_counter()
        outcome = "cancelled"
        try:
            yield
            outcome = "ok"
        except StoryloomError as error:
            outcome = error.code
            raise
        except Exception:
            outcome = "broken"
            raise
        finally:
            self.database_calls(function, outcome).observe(time.perf_counter() - begun)

    @contextmanager
    def model_call(self, model: str) -> Iterator[ModelCall]:
        """One request to a model, with its whole answer; the outcome is `ok`, `failed` or `cancelled`."""
        call = ModelCall(self.first_tokens(model))
        outcome = "cancelled"
        try:
            yield call
            outcome = "ok"
        except Exception:
            outcome = "failed"
            raise
        finally:
            self.model_calls(model, outcome).observe(time.perf_counter() - call.begun)

    def text(self, read: Iterable[Metric] = ()) -> bytes:
        """All of it as Prometheus' text, with what was `read` off just now."""
        return generate_latest(_Seen([*self._registry.collect(), *read]))


class _Seen(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class ModelCall:
    """One call of a model, from its making on."""

    def __init__(self, first_token: Histogram) -> None:
        self._first_token = first_token
        self.begun = time.perf_counter()

    def answers(self) -> None:
        """The first piece of the answer has come."""
        self._first_token.observe(time.perf_counter() - self.begun)


def gauge(name: str, says: str, values: float | Mapping[str, float], label: str = "") -> Metric:
    """A value that goes up and down, or one for each value of a label."""
    return _filled(GaugeMetricFamily(f"storyloom_{name}", says, labels=[label] if label else []), values)


def counter(name: str, says: str, values: float | Mapping[str, float], label: str = "") -> Metric:
    """A value that only rises, or one for each value of a label."""
    return _filled(CounterMetricFamily(f"storyloom_{name}", says, labels=[label] if label else []), values)


def _filled(
    family: GaugeMetricFamily | CounterMetricFamily, values: float | Mapping[str, float]
) -> GaugeMetricFamily | CounterMetricFamily:
    for value, amount in values.items() if isinstance(values, Mapping) else [("", values)]:
        family.add_metric([value] if isinstance(values, Mapping) else [], amount)
    return family
