"""The long form, `pytest tests/chaos --long`, kills more often and keeps the database away longer."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import quick_folder


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the long form of the chaos tests")
    parser.addoption("--chaos-seed", type=int, default=None, help="seed of the moments at which things break")


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether the long form was asked for. The option is unknown where these tests run among all the others."""
    return bool(request.config.getoption("--long", default=False))


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Chooses the moments; its seed is shown with a failure, and `--chaos-seed` gives it again."""
    seed = request.config.getoption("--chaos-seed", default=None)
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
