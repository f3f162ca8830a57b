"""How long to wait before the next try, and when to give up."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Reconnect:
    """Capped exponential backoff with full jitter: the wait before try n is random between 0 and
    `base_s` × 2ⁿ, at most `cap_s`, so that a restarted server isn't met by all its clients at once.

    Tries count from the last sign of progress; `attempts` or `total_s` of them without any is the end.
    """

    attempts: int = 12
    total_s: float = 180
    base_s: float = 0.25
    cap_s: float = 15
    chance: Callable[[], float] = field(default=random.random, repr=False)

    def wait_s(self, tries: int, at_least_s: float | None = None) -> float:
        """Seconds before the next try after `tries` in a row; `at_least_s` is what the server asked for."""
        ceiling = min(self.cap_s, self.base_s * 2.0 ** min(tries, 60))
        return max(self.chance() * ceiling, at_least_s or 0)
