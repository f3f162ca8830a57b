"""One service a module for tests that leave it as they found it, and the checks that many of them share."""

from __future__ import annotations

import socket as sockets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from api import serve
from coordinator.store.embedded import EmbeddedPostgres
from tests.api.support import BUFFER_BYTES, JWT_SECRET
from tests.conftest import cloned, settings_of
from tests.model_server import ModelServer
from tests.service import Service, serving


@pytest.fixture(scope="module")
async def model() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
async def shared(
    postgres: EmbeddedPostgres, model: ModelServer, tmp_path_factory: pytest.TempPathFactory, request: Any
) -> AsyncIterator[Service]:
    """A service for the whole module, with what its SETTINGS say; `openai:test` is the module's `model`."""
    async with cloned(postgres) as database:
        settings = settings_of(
            database,
            tmp_path_factory.mktemp("data"),
            jwt_secret=SecretStr(JWT_SECRET),
            models=["openai:test"],
            model_base_url=model.url,
            model_api_key=SecretStr("k"),
            model_attempts=1,
            model_timeout_s=30,
        )
        async with serving(settings.model_copy(update=getattr(request.module, "SETTINGS", {}))) as service:
            yield service


@pytest.fixture
def small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel holds little for a reader, where it would else swallow a whole story."""
    listen = serve._listen

    def small(host: str, port: int) -> sockets.socket:
        listening = listen(host, port)
        listening.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, BUFFER_BYTES)
        return listening

    monkeypatch.setattr(serve, "_listen", small)
