"""What the muse says and hears, read once from the TOML files beside this one."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_SAYINGS = ("small-talk", "asking", "inventing", "recalling", "errands", "judging")


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((_HERE / f"{name}.toml").read_text("utf-8"))


@lru_cache(maxsize=1)
def hearing() -> dict[str, list[str]]:
    """The regular expressions by which a kind of sentence is heard, in the order in which they are tried."""
    return _load("hearing")


@lru_cache(maxsize=1)
def telling() -> dict[str, str]:
    """The regular expressions by which facts are read."""
    return _load("telling")


@lru_cache(maxsize=1)
def sayings() -> dict[str, tuple[str, ...]]:
    """Lines by what they are for, with slots such as `{hero}`; a line is said only where all its slots are known."""
    found: dict[str, tuple[str, ...]] = {}
    for name in _SAYINGS:
        for key, text in _load(name).items():
            found[key] = tuple(line.strip() for line in text.splitlines() if line.strip())
    return found
