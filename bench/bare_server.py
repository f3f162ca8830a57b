"""The floor of streaming and of open sockets: uvicorn as the service runs it, with nothing in it.

`python -m bench.bare_server PORT PER_SECOND`: each socket on `/one` is sent so many stamped frames a second, by a task of
its own; all on `/all` are sent the same frames, made once.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import uvicorn
import uvloop

FRAME = (
    '{{"type":"agent.delta","session_id":"0f7be9a4-6a5c-4dbf-9f0e-1c6f3a6f2d10","epoch":1,"seq":{},"at":"2026-11-21T10:00:00'
    '.000000+00:00","message_id":"5ad4a4cb-6b3c-5a5e-8a8e-9be5f1d4a111","agent":"writer","attempt":1,"offset":{},"text":"@{}@ "}}'
)


class Bare:
    """An ASGI app."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._all: set[Any] = set()
        self._teller: asyncio.Task[None] | None = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            if scope["path"] == "/one":
                await self._until_gone(receive, asyncio.create_task(self._tell([send])))
            elif scope["path"] == "/all":
                self._all.add(send)
                if self._teller is None:
                    self._teller = asyncio.create_task(self._tell(self._all))
                await self._until_gone(receive, None)
                self._all.discard(send)
            else:
                await self._until_gone(receive, None)

    async def _until_gone(self, receive: Any, task: asyncio.Task[None] | None) -> None:
        while (await receive())["type"] != "websocket.disconnect":
            pass
        if task is not None:
            task.cancel()

    async def _tell(self, to: Any) -> None:
        start, number = time.monotonic(), 0
        while True:
            number += 1
            await asyncio.sleep(max(0.0, start + number / self._per_second - time.monotonic()))
            text = FRAME.format(number, number * 22, time.monotonic_ns())
            for send in list(to):
                await send({"type": "websocket.send", "text": text})


def main() -> None:
    port, per_second = int(sys.argv[1]), float(sys.argv[2])
    config = uvicorn.Config(
        Bare(per_second),
        host="127.0.0.1",
        port=port,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    uvloop.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
