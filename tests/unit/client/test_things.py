"""The client's things say what the service's models say: neither imports the other, so this holds them alike."""

from __future__ import annotations

import pytest

from coordinator import models
from storyloom.client import things

ALIKE = ("Alternative", "Draft", "Failure", "Message", "Progress", "Step", "Story", "Usage")
PAIRS = [(things.Session, models.SessionDetail), *((getattr(things, name), getattr(models, name)) for name in ALIKE)]


@pytest.mark.parametrize(("thing", "model"), PAIRS, ids=lambda one: one.__name__)
def test_a_thing_has_the_fields_of_its_model(thing: type[things.Thing], model: type[models.BaseModel]) -> None:
    assert set(thing.model_fields) == set(model.model_fields)


def test_what_is_over_is_over_for_both() -> None:
    statuses = set(models.Status.__args__)  # type: ignore[attr-defined]
    assert statuses > things.FINISHED and statuses - things.FINISHED == {"active", "awaiting_approval", "paused"}
