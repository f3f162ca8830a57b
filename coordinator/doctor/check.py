"""One finding of `storyloom doctor`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

REPORT = "Reinstall Storyloom, or report this."
_MARKS = ("; ", ": ", ". ")


@dataclass(frozen=True)
class Check:
    """`remedy` is one sentence and there whenever `ok` is not; where it is, something else to look at. Neither text
    holds a secret."""

    name: str
    ok: bool
    detail: str
    remedy: str = field(default="")

    @classmethod
    def failed(cls, name: str, message: str, remedy: str = REPORT) -> Self:
        """Of an error's message, which ends, after one of the marks, with what to do; else that is `remedy`."""
        end = max(message.rfind(mark) for mark in _MARKS)
        if end < 0:
            return cls(name, False, message, remedy)
        return cls(name, False, f"{message[:end].rstrip('.')}.", message[end + 2].upper() + message[end + 3 :])

    @classmethod
    def surprise(cls, name: str, error: Exception) -> Self:
        """An error of a library, or a fault of ours."""
        return cls(name, False, f"{type(error).__name__}: {error}"[:300], REPORT)
