"""A command's work: a coroutine that is run to its end, with a client where it needs one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from storyloom.cli.program import Stopped

if TYPE_CHECKING:
    from storyloom.cli.doors import Where
    from storyloom.client import Client

Result = TypeVar("Result")


def run(work: Callable[[], Awaitable[Result]]) -> Result:
    """Runs a command's coroutine. A signal that ends a program cancels it, so that everything is closed in order, and
    raises Stopped; a second SIGINT doesn't wait for that. One that is ignored, as with `nohup`, stays so."""
    import asyncio
    import signal

    from api.ending import on_signals

    async def stoppable() -> Result:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        received: list[int] = []

        def stop(number: int) -> None:
            received.append(number)
            loop.remove_signal_handler(signal.SIGINT)
            task.cancel()

        with on_signals(stop):
            try:
                return await work()
            except asyncio.CancelledError:
                if received:
                    raise Stopped(received[0]) from None
                raise

    return asyncio.run(stoppable())


def asked(where: Where, work: Callable[[Client], Awaitable[Result]]) -> Result:
    """What `work` finds out with a client that is signed in. A service in this process takes up no story for it."""
    from storyloom.cli import doors

    async def whole() -> Result:
        async with doors.open_client(where, run_stories=False) as client:
            return await work(client)

    return run(whole)
