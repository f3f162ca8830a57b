"""What the tests with a real model share with those that kill a node: a data folder of their own."""

from __future__ import annotations

from tests.chaos.conftest import folder

__all__ = ["folder"]
