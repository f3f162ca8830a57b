"""The way in: a server somewhere, or a service started inside this very process."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

from storyloom.cli.program import warn
from storyloom.cli.signins import SignIns
from storyloom.client import Client
from storyloom.client.rest import Address, Notice

LOG_FILE = "command.log"
LOG_BYTES = 2**20


@dataclass(frozen=True)
class Where:
    """`server` None is the service in this process; `token` None is an anonymous sign-in."""

    server: str | None = None
    token: str | None = None


@asynccontextmanager
async def open_client(where: Where, *, run_stories: bool, on_lost: Notice | None = None) -> AsyncIterator[Client]:
    """A client that is signed in. `run_stories` says whether a service in this process also writes: taking up what
    was interrupted is not wanted of a command that only looks."""
    if where.server is not None:
        provider = None if where.token else SignIns().provider(Address(where.server))
        async with Client(where.server, where.token, token_provider=provider, on_lost=on_lost) as client:
            yield client
        return

    # A library's advertisement has no place in the middle of a story.
    os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")
    from api.identity.auth import local_token
    from api.serve import in_process
    from coordinator.settings import load_settings, unknown_settings

    settings = load_settings()
    for told in unknown_settings():
        warn(told)
    _log_to_file(settings.data_dir / LOG_FILE, settings.log_level)
    given = where.token
    if settings.supabase_url is not None and given is None:
        # Says how to come by a token, before anything is started.
        local_token(settings)
    async with in_process(settings, run_stories=run_stories) as service:

        async def token(renew: bool) -> str:
            # A long story outlives a token; the next one is of the same writer.
            if settings.supabase_url is not None and given is not None:
                return given
            return local_token(settings) if renew else service.token

        async with Client(service.url, token_provider=token, on_lost=on_lost) as client:
            yield client


def _log_to_file(path: Path, level: str) -> None:
    """The log of a service in this process: on the terminal it would run through the story."""
    from coordinator.telemetry import logs

    handler: logging.Handler
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", delay=True)
    except OSError:
        # The service itself says what is wrong with its folder; without any handler Python would write to the terminal.
        handler = logging.NullHandler()
    logs.set_up(level, "text", handler)
