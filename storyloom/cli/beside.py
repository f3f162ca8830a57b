"""A client in a thread beside the main one, which is left to the keyboard: that is where signals are heard, and where a
line that nobody finishes keeps nothing up."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

from storyloom.cli import doors
from storyloom.cli.program import Stopped
from storyloom.client import Client
from storyloom.client.rest import Notice

Result = TypeVar("Result")


class Beside:
    """Used as a context manager. Raises what opening or keeping the client raises, here and wherever it is waited."""

    def __init__(self, where: doors.Where, on_lost: Notice) -> None:
        self.client: Client
        self._where = where
        self._on_lost = on_lost
        self._loop = asyncio.new_event_loop()
        # Nobody waits for it who does not want to: a second Ctrl-C ends the program at once.
        self._thread = threading.Thread(target=self._loop.run_forever, name="client", daemon=True)
        self._leaving = asyncio.Event()
        self._kept: Future[None]

    def __enter__(self) -> Self:
        opened: Future[Client] = Future()
        self._thread.start()
        self._kept = self.begin(self._keep(opened))
        try:
            self.client = self.wait(opened)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        if error is None and (failed := self._kept.exception()) is not None:
            raise failed

    def begin(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        """The work is under way in the other thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def wait(self, work: Future[Result]) -> Result:
        """What comes of it. A KeyboardInterrupt leaves it under way."""
        either: list[Future[Any]] = [work, self._kept]
        wait(either, return_when=FIRST_COMPLETED)
        if not work.done():
            # A service in this process is lost, and says why.
            self._kept.result()
        return work.result()

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What comes of it; where the waiting ends otherwise, the work does too."""
        future = self.begin(work)
        try:
            return self.wait(future)
        finally:
            future.cancel()

    async def _keep(self, opened: Future[Client]) -> None:
        try:
            async with doors.open_client(self._where, run_stories=True, on_lost=self._on_lost) as client:
                opened.set_result(client)
                await self._leaving.wait()
        except BaseException as error:
            if not opened.done():
                opened.set_exception(error)
            raise

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._leaving.set)
        if not hasattr(self, "client"):
            self._kept.cancel()
        wait([self._kept])
        wait([self.begin(_closed())])
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _closed() -> None:
    """All that is still under way in this loop is ended."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """In the block the signals that end a program raise Stopped, but SIGINT, which is a KeyboardInterrupt. One that is
    ignored, as with `nohup`, stays so. Signals are heard by the main thread alone."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    heeded = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    for number in heeded:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in heeded.items():
            signal.signal(number, handler)
