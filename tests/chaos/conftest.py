"""The long form, `pytest tests/chaos --long`, kills more often and keeps the database away longer."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import quick_folder


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Chooses the moments; its seed is shown with a failure, and `--chaos-seed` gives it again."""
    seed: int | None = request.config.getoption("--chaos-seed")
    if seed is None:
        seed = random.SystemRandom().randrange(10**6)
    print(f"seed: --chaos-seed {seed}")
    return random.Random(seed)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder with a path short enough for the database's socket."""
    made = quick_folder()
    try:
        yield made / "data"
    finally:
        shutil.rmtree(made, ignore_errors=True)
