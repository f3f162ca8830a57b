"""Liveness, readiness, and what is measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client.metrics_core import Metric
from pydantic import BaseModel

from api.errors import responses
from api.state import Service, State
from coordinator.errors import Unavailable
from coordinator.models import SERVICE
from coordinator.telemetry.metrics import CONTENT_TYPE, counter, gauge

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str


class Readiness(BaseModel):
    status: Literal["ready"] = "ready"
    database: Literal["ok"] = "ok"
    engine: Literal["ok", "off"]
    running_stories: int


@router.get("/healthz")
async def healthz(service: Service) -> Health:
    """The process is up."""
    return Health(version=service.version)


@router.get("/readyz", responses=responses("unavailable"))
async def readyz(service: Service) -> Readiness:
    """The database and the engine can be reached, the database has room to write, and the node is not about to end."""
    service.departure.looked()
    if service.departure.leaving:
        raise Unavailable("This node is about to end: another one serves you.")
    if trouble := _trouble(service):
        raise Unavailable(trouble)
    await service.manager.store.gateway.read("events_after", SERVICE, wanted={})
    if service.engine is not None and not service.engine.alive:
        raise Unavailable("The engine does not answer.")
    if service.engine is None:
        return Readiness(engine="off", running_stories=0)
    return Readiness(engine="ok", running_stories=service.engine.running)


def _trouble(service: State) -> str | None:
    """What is known to be wrong with the database: one that is full or read-only can still be read."""
    kept = service.keeper.trouble if service.keeper is not None else None
    return kept or service.manager.store.gateway.trouble or (service.engine.trouble if service.engine else None)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(service: Service) -> Response:
    """What this node has counted and measured since it started, as Prometheus reads it."""
    return Response(service.manager.metrics.text(_read(service)), media_type=CONTENT_TYPE)


def _read(service: State) -> Iterator[Metric]:
    """What the service's own state says just now."""
    yield gauge("info", "The version that runs", {service.version: 1}, "version")
    if (engine := service.engine) is not None:
        states = {"running": engine.running, "waiting": engine.waiting}
        yield gauge("runs", "Stories being written on this node, and waiting for any", states, "state")
        yield gauge("run_places", "Stories that this node writes at once", service.settings.stories_per_node)
        yield gauge("nodes", "Nodes that live, this one included", engine.others + 1)
    yield counter("events_told", "Events of sessions that this node has told of", service.manager.streams.told)
    cache = service.manager.memory.stats
    looks = {"hit": cache.hits, "miss": cache.misses}
    yield counter("cache_looks", "Sessions looked up in memory", looks, "outcome")
    yield counter("cache_evictions", "Sessions dropped from memory for age or room", cache.evictions)
    yield gauge("cache_sessions", "Sessions in memory", cache.size)
    yield gauge("workers_waiting", "Long texts that wait for a process to work on them", service.workers.waiting)
    books = {"printing": service.press.turns.taken, "waiting": service.press.turns.waiting}
    yield gauge("exports", "Books being printed on this node, and waiting for it", books, "state")
    yield gauge("cache_bytes", "Bytes of the sessions in memory", cache.bytes)
    refused = {**service.rates.refused, **service.connections.refused}
    yield counter("refusals", "What came too often or was too much and was refused, by limit", refused, "limit")
    held = service.connections.held
    yield gauge("held_bytes", "Kept for those who are connected and read or send slowly", held.bytes)
    yield counter("let_go", "Connections ended because they made the node hold the most", held.let_go)
