"""A collector of traces, as OpenTelemetry's: takes spans by OTLP over HTTP and keeps them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.service import WAIT_S


class Span:
    """A span as it was sent."""

    def __init__(self, sent: Any, resource: dict[str, Any]) -> None:
        self.name: str = sent.name
        self.trace: bytes = sent.trace_id
        self.id: bytes = sent.span_id
        self.parent: bytes = sent.parent_span_id
        self.failed = sent.status.code == 2
        self.facts = {one.key: _value(one.value) for one in sent.attributes}
        self.resource = resource


class Collector:
    def __init__(self) -> None:
        self.url = ""
        self.spans: list[Span] = []
        self.bodies: list[bytes] = []
        self.paths: set[str] = set()

    def keep(self, path: str, body: bytes) -> None:
        self.paths.add(path)
        self.bodies.append(body)
        for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = {one.key: _value(one.value) for one in sent.resource.attributes}
            self.spans += [Span(span, resource) for scope in sent.scope_spans for span in scope.spans]

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def children(self, of: Span) -> list[Span]:
        return [span for span in self.spans if span.parent == of.id and span.trace == of.trace]

    async def until(self, name: str) -> Span:
        async with asyncio.timeout(WAIT_S):
            while not (found := self.named(name)):
                await asyncio.sleep(0.02)
        return found[0]


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.keep(self.path, self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _value(sent: Any) -> Any:
    kind = sent.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in sent.array_value.values]
    return getattr(sent, kind) if kind else None
