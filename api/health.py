"""Liveness and readiness."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from api.errors import responses
from api.state import Service
from coordinator.errors import Unavailable
from coordinator.models import SERVICE

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
    """The database and the engine can be reached."""
    await service.manager.store.gateway.read("events_after", SERVICE, wanted={})
    if service.engine is not None and not service.engine.alive:
        raise Unavailable("The engine does not answer.")
    if service.engine is None:
        return Readiness(engine="off", running_stories=0)
    return Readiness(engine="ok", running_stories=service.engine.running)
