"""The client's things say what the service's models say: neither imports the other, so this holds them alike."""

from __future__ import annotations

from typing import Any

import pytest

from api.rest import talks
from coordinator import models
from coordinator.sessions import events
from coordinator.store.talks import TalkHead
from storyloom.client import things

ALIKE = ("Alternative", "Draft", "Failure", "Message", "Progress", "Step", "Story", "Usage")
PAIRS = [
    (things.Session, models.SessionDetail),
    (things.TalkHead, TalkHead),
    (things.Talks, talks.Talks),
    (things.Said, talks.Said),
    (things.AskedStory, events.AskedStory),
    *((getattr(things, name), getattr(models, name)) for name in ALIKE),
]


@pytest.mark.parametrize(("thing", "model"), PAIRS, ids=lambda one: one.__name__)
def test_a_thing_has_the_fields_of_its_model(thing: type[things.Thing], model: Any) -> None:
    assert set(thing.model_fields) == set(getattr(model, "model_fields", None) or model.__dataclass_fields__)


def test_what_is_over_is_over_for_both() -> None:
    statuses = set(models.Status.__args__)  # type: ignore[attr-defined]
    assert statuses > things.FINISHED and statuses - things.FINISHED == {
        "active",
        "waiting",
        "awaiting_approval",
        "paused",
    }
