"""How thoroughly to measure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """Each figure is warmed up once and then repeated; `share` scales what one repetition does, 1 for a real run."""

    repetitions: int = 5
    share: float = 1.0

    def of(self, count: int, least: int = 1) -> int:
        return max(least, round(count * self.share))
