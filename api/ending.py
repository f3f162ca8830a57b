"""How a service ends: by a signal, at once, or, where a load balancer looks at it, after that has had time to see."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""SIGHUP is a terminal that was closed: what was started must still be ended in order."""
LOOKED_WITHIN_S = 60.0
"""A load balancer that has not looked for so long steers nothing by what it saw."""


class Departure:
    """Whether this node is about to go, which `/readyz` tells, and whether anybody looks there."""

    def __init__(self, *, proxied: bool) -> None:
        """`proxied` says that the settings name load balancers, so that there is one."""
        self.leaving = False
        self._proxied = proxied
        self._looked_at: float | None = None

    def looked(self) -> None:
        """Somebody has asked whether this node is ready."""
        self._looked_at = time.monotonic()

    @property
    def watched(self) -> bool:
        """Whether a load balancer would stop sending requests here, given the time."""
        recently = self._looked_at is not None and time.monotonic() - self._looked_at < LOOKED_WITHIN_S
        return self._proxied or recently


@contextmanager
def on_signals(act: Callable[[int], None]) -> Iterator[None]:
    """`act` gets each signal that ends a program, but those that whoever started it had ignored, as `nohup` does.

    Not every platform's loop can: there a KeyboardInterrupt comes instead.
    """
    loop = asyncio.get_running_loop()
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    with suppress(NotImplementedError):
        for number in heeded:
            loop.add_signal_handler(number, act, number)
    try:
        yield
    finally:
        with suppress(NotImplementedError):
            for number in heeded:
                loop.remove_signal_handler(number)
