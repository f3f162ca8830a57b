"""JSON for programs, in ASCII: what is not ASCII is escaped, and so it comes whole through any encoding of a pipe."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from storyloom.client.things import Thing


def as_json(told: Thing | Sequence[Thing]) -> str:
    """One line: an object, or a list of them."""
    return json.dumps(_plain(told))


def _plain(told: Thing | Sequence[Thing]) -> Any:
    return told.model_dump(mode="json") if isinstance(told, Thing) else [_plain(one) for one in told]
