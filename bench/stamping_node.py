"""The service with a model that writes without end, each word the moment at which it was made; nothing else is other."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from unittest.mock import patch

from storyloom.cli import main as storyloom

RATE = "BENCH_WORDS_PER_SECOND"
SECONDS = "BENCH_SECONDS"


async def stamped(text: str, words_per_second: float) -> AsyncIterator[str]:
    """In the place of `coordinator.llm.offline.paced`."""
    rate, seconds = float(os.environ[RATE]), float(os.environ[SECONDS])
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number in range(round(rate * seconds)):
        await asyncio.sleep(max(0.0, start + number / rate - loop.time()))
        yield f"@{time.monotonic_ns()}@ "


def main() -> None:
    """`storyloom` with that model."""
    with (
        patch("coordinator.llm.offline.paced", stamped),
        patch("coordinator.llm.storyteller.answer", lambda brief: "."),
    ):
        storyloom()
