"""Worker processes: what may take long of somebody's text is done in them, and never on the event loop.

A process is started when it is first needed, takes one call after another, and is killed where a call takes too long
or nobody waits for it any more. Users take turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from coordinator.errors import Internal, RateLimited, StoryloomError, TooLarge, Unavailable
from coordinator.telemetry.metrics import Metrics
from coordinator.workers.turns import RETRY_AFTER_S, Room, Turns
from coordinator.workers.worker import LENGTH_BYTES

logger = logging.getLogger(__name__)
T = TypeVar("T")

AT_ONCE = 20_000
"""Characters: what is linear in them, at the few microseconds that a character may take, is done where it is called,
within fifty milliseconds at the worst and one or two as a rule."""
WAITING = 200
PER_USER = 10
WAITING_BYTES = 64 * 2**20
CLOSE_S = 5.0


class Workers:
    """Of one service. `close` ends the processes; what they are at is given up."""

    def __init__(self, processes: int, time_s: float, metrics: Metrics) -> None:
        self._turns = Turns(Room(processes, WAITING, PER_USER, "long texts", WAITING_BYTES))
        self._time_s = time_s
        self._metrics = metrics
        self._idle: list[Process] = []
        self._busy: set[Process] = set()
        self._closed = False

    @property
    def waiting(self) -> int:
        """Calls that wait for a process."""
        return self._turns.waiting

    async def run(self, user: UUID | None, size: int, function: Callable[..., T], *args: Any) -> T:
        """What a pure function of a module gives: here where `size`, in characters, is small, otherwise in a process.

        Raises TooLarge where it takes longer than the service's limit, RateLimited where too much of this user waits
        already, Unavailable where too much does in all or the service ends, Internal where the function breaks.
        """
        if size <= AT_ONCE:
            return function(*args)
        begun, outcome = time.perf_counter(), "cancelled"
        try:
            call = pickle.dumps((function, args))
            async with self._turns.turn(user, len(call)):
                answer: T = await self._called(call, function.__name__)
            outcome = "ok"
            return answer
        except StoryloomError as error:
            outcome = error.code
            raise
        finally:
            self._metrics.worker_calls(function.__name__, outcome).observe(time.perf_counter() - begun)

    async def run_patiently(self, user: UUID | None, size: int, function: Callable[..., T], *args: Any) -> T:
        """As `run`, for what is bounded in number already and has nothing better to do than to wait for room."""
        while True:
            try:
                return await self.run(user, size, function, *args)
            except (RateLimited, Unavailable) as busy:
                if self._closed:
                    raise
                await asyncio.sleep(busy.retry_after_s or RETRY_AFTER_S)

    async def close(self) -> None:
        self._closed = True
        self._turns.close()
        idle, self._idle = self._idle, []
        # Those whose call was under way find out by it.
        ending = [*idle, *self._busy]
        for process in ending:
            _kill(process)
        await asyncio.gather(*(process.wait() for process in ending))

    async def _called(self, call: bytes, name: str) -> Any:
        went_well, given = pickle.loads(await self._exchanged(call, name))  # noqa: S301
        if not went_well:
            logger.error("%s broke in a worker process:\n%s", name, given)
            raise Internal("Something went wrong in the service; its owner can read what in the log.")
        return given

    async def _exchanged(self, call: bytes, name: str) -> bytes:
        process = self._idle.pop() if self._idle else await _started()
        self._busy.add(process)
        whole = False
        try:
            async with asyncio.timeout(self._time_s):
                answer = await _answer(process, call)
            whole = True
            return answer
        except TimeoutError:
            logger.warning("a worker process was killed: %s took over %g s", name, self._time_s)
            raise TooLarge(
                f"That takes over {self._time_s:g} s for texts as long as these, and was given up."
            ) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            logger.warning("a worker process has ended in the middle of %s", name)
            raise Unavailable("The work on this text was cut short: try again.", retry_after_s=RETRY_AFTER_S) from None
        finally:
            self._busy.discard(process)
            if whole and not self._closed:
                self._idle.append(process)
            else:
                # Also where nobody waits for the answer any more.
                _kill(process)
                await process.wait()


async def _started() -> Process:
    """A process with this one's modules and none of its environment, which holds secrets. A terminal's signals are not
    for it: it ends with its input."""
    program = f"import sys; sys.path[:] = {sys.path!r}; from coordinator.workers.worker import main; main()"
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", program, stdin=PIPE, stdout=PIPE, env=environment, start_new_session=True
    )


async def _answer(process: Process, call: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(len(call).to_bytes(LENGTH_BYTES, "big") + call)
    await process.stdin.drain()
    length = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES), "big")
    return await process.stdout.readexactly(length)


def _kill(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
