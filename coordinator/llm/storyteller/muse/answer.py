"""An answer of the muse's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from coordinator.chat.talk import Tool


@dataclass(frozen=True, slots=True)
class Reply:
    """`text` goes on from what was written; with a `call` the tool is run, and the rest is asked for with its
    answer."""

    text: str
    call: tuple[Tool, dict[str, Any]] | None = None
