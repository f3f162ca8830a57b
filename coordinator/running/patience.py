"""How a run waits: for the database, however long it is away, because it has nothing better to do."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from coordinator.errors import ModelFailed, Unavailable

logger = logging.getLogger(__name__)
T = TypeVar("T")


async def patiently(write: Callable[[], Awaitable[T]]) -> T:
    """What the write answers once the database is there. Every write of a run may be done twice and counts once."""
    while True:
        try:
            return await write()
        except ModelFailed:
            raise
        except Unavailable as error:
            # The gateway has waited for as long as its settings say.
            logger.warning("the run waits for the database: %s", error)
