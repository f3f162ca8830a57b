"""Traces: what took how long within a request, a frame or a run, sent by OTLP where an endpoint is set.

A trace begins at a door or with a run (`Traces.begin`); whatever happens within it, in whichever module or task, adds
its part (`span`). Where none has begun, that costs a look and nothing is imported. No span carries a prompt or text.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from coordinator.errors import Misconfigured, StoryloomError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from pydantic_ai.models import Model

logger = logging.getLogger(__name__)

Kind = Literal["server", "client", "internal"]
Fact = str | int | float | bool

PATH = "/v1/traces"
EXPORT_S = 5.0
"""The longest that sending one batch may take, tries again included."""
FLUSH_S = 5.0
"""What is left at the end is sent for so long; then it is given up."""
TOLD_EVERY_S = 300.0
"""An endpoint that can't be reached is told of this often."""


@dataclass
class Span:
    """What is known of a span at its end; changed while it lasts."""

    name: str
    facts: dict[str, Fact | None] = field(default_factory=dict)
    failed: bool = False


class Traces:
    """Of one service. Made without an endpoint it makes none."""

    def __init__(self, endpoint: str | None = None, *, version: str = "", node: str = "") -> None:
        """`endpoint` is the address of a collector; `/v1/traces` is added where it does not end so.

        It imports the library, which takes a quarter of a second: best in a thread. Raises Misconfigured for what is
        no address.
        """
        self._provider: TracerProvider | None = None
        if endpoint is None:
            return
        _check(endpoint)
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._exporter = _exporter(endpoint if endpoint.endswith(PATH) else endpoint.rstrip("/") + PATH)
        resource = Resource.create(
            {"service.name": "storyloom", "service.version": version, "service.instance.id": node}
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("storyloom", version)

    def begin(
        self, name: str, facts: Mapping[str, Fact | None], *, kind: Kind = "internal", parent: str | None = None
    ) -> AbstractContextManager[Span]:
        """A trace, or a part of the caller's where it names its own as W3C `traceparent`."""
        if self._provider is None:
            return nullcontext(Span(name))
        return self._begun(name, facts, kind, parent)

    @contextmanager
    def _begun(self, name: str, facts: Mapping[str, Fact | None], kind: Kind, parent: str | None) -> Iterator[Span]:
        from opentelemetry.context import Context, attach, detach
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        # Never a part of what happened to begin the task.
        carried = TraceContextTextMapPropagator().extract({"traceparent": parent} if parent else {}, Context())
        outer, here = attach(carried), _ACTIVE.set(self)
        try:
            with self.span(name, facts, kind) as made:
                yield made
        finally:
            _ACTIVE.reset(here)
            detach(outer)

    @contextmanager
    def span(self, name: str, facts: Mapping[str, Fact | None], kind: Kind) -> Iterator[Span]:
        from opentelemetry.trace import SpanKind, Status, StatusCode

        made = Span(name, dict(facts))
        with self._tracer.start_as_current_span(
            name, kind=SpanKind[kind.upper()], record_exception=False, set_status_on_exception=False
        ) as current:
            try:
                yield made
            except asyncio.CancelledError:
                made.facts["storyloom.cancelled"] = True
                raise
            except Exception as error:
                # Not what it says: that may quote what was written.
                made.facts["error.type"] = error.code if isinstance(error, StoryloomError) else type(error).__name__
                made.failed = True
                raise
            finally:
                current.update_name(made.name)
                current.set_attributes({key: fact for key, fact in made.facts.items() if fact is not None})
                if made.failed:
                    current.set_status(Status(StatusCode.ERROR))

    def instrumented(self, model: Model) -> Model:
        from pydantic_ai.models.instrumented import InstrumentationSettings, InstrumentedModel

        return InstrumentedModel(
            model,
            InstrumentationSettings(
                tracer_provider=self._provider,
                include_content=False,
                include_binary_content=False,
                include_model_request_parameters=False,
            ),
        )

    async def close(self) -> None:
        """Sends what is left, for `FLUSH_S` and one try more at the most."""
        if self._provider is None:
            return
        ending = asyncio.create_task(asyncio.to_thread(self._provider.shutdown))
        done, _ = await asyncio.wait({ending}, timeout=FLUSH_S)
        if not done:
            # Ends its waiting; what it is still given it refuses.
            await asyncio.to_thread(self._exporter.shutdown)
        await ending


_ACTIVE: ContextVar[Traces | None] = ContextVar("storyloom_traces", default=None)
"""Whose trace the current task is a part of."""


def span(name: str, facts: Mapping[str, Fact | None], kind: Kind = "internal") -> AbstractContextManager[Span]:
    """A part of the trace that has begun; nothing where none has."""
    traces = _ACTIVE.get()
    return nullcontext(Span(name)) if traces is None else traces.span(name, facts, kind)


def note(facts: Mapping[str, Fact], *, failed: bool = False) -> None:
    """What has turned out about the part at hand."""
    if _ACTIVE.get() is None:
        return
    from opentelemetry.trace import Status, StatusCode, get_current_span

    get_current_span().set_attributes(dict(facts))
    if failed:
        get_current_span().set_status(Status(StatusCode.ERROR))


def instrumented(model: Model) -> Model:
    """A model whose calls, within a trace, are parts of it: model, tokens, price and time, nothing of the text."""
    traces = _ACTIVE.get()
    return model if traces is None else traces.instrumented(model)


def _check(endpoint: str) -> None:
    with contextlib.suppress(ValueError):
        parts = urlsplit(endpoint)
        if parts.scheme in ("http", "https") and parts.hostname:
            return
    raise Misconfigured("OTEL_EXPORTER_OTLP_ENDPOINT must be an address as http://localhost:4318.")


def _exporter(endpoint: str) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import SpanExportResult

    class Exporter(OTLPSpanExporter):
        """Tells of failures in our words, now and then; the library would with every batch and every try."""

        def __init__(self) -> None:
            super().__init__(endpoint, timeout=EXPORT_S)
            logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
            self._told_at = float("-inf")

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            result = super().export(spans)
            if result is not SpanExportResult.SUCCESS and time.monotonic() - self._told_at >= TOLD_EVERY_S:
                self._told_at = time.monotonic()
                logger.warning("traces can't be sent: check OTEL_EXPORTER_OTLP_ENDPOINT, and that a collector listens")
            return result

    return Exporter()
