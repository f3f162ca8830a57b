"""What becomes of an SQLSTATE: every class that PostgreSQL has is sorted into away, never, or ours."""

from __future__ import annotations

import logging

import psycopg.errors
import pytest

from coordinator.errors import (
    Conflict,
    Fenced,
    Forbidden,
    Internal,
    InvalidMessage,
    Misconfigured,
    NotFound,
    NotWritable,
    StoryloomError,
    TooLarge,
    Unavailable,
)
from coordinator.store.faults import fault

OF_STATE: dict[str, type[StoryloomError]] = {
    "08006": Unavailable, "08P01": Unavailable, "28P01": Unavailable, "3D000": Unavailable, "40001": Unavailable,
    "40P01": Unavailable, "53100": NotWritable, "53200": Unavailable, "53300": Unavailable, "55P03": Unavailable,
    "57014": Unavailable, "57P01": Unavailable, "57P03": Unavailable, "58030": Unavailable, "25006": NotWritable,
    "22001": InvalidMessage, "22003": InvalidMessage, "22021": InvalidMessage, "22P02": InvalidMessage,
    "22P05": InvalidMessage, "23502": InvalidMessage, "23514": InvalidMessage, "23503": Conflict, "23505": Conflict,
    "54000": TooLarge, "54001": TooLarge, "54011": TooLarge, "42501": Forbidden, "42883": Misconfigured,
    "42P01": Internal, "42703": Internal, "0A000": Internal, "21000": Internal, "25001": Internal, "25P02": Internal,
    "2F002": Internal, "38001": Internal, "39000": Internal, "3B001": Internal, "P0001": Internal, "P0004": Internal,
    "F0000": Internal, "HV000": Internal, "XX000": Internal, "XX001": Internal, "": Internal, "?": Internal,
    "PT404": NotFound, "PT409": Conflict, "PT413": TooLarge, "PT422": InvalidMessage,
}  # fmt: skip


@pytest.mark.parametrize(("state", "kind"), OF_STATE.items())
def test_a_state_is_of_one_kind(state: str, kind: type[StoryloomError]) -> None:
    assert type(fault(state, "what the database says", None, "call")) is kind


def test_only_what_is_away_is_tried_again() -> None:
    """Of all states that the driver knows: what is tried again for ever must be able to end."""
    known = {
        error.sqlstate
        for error in vars(psycopg.errors).values()
        if isinstance(error, type) and issubclass(error, psycopg.Error) and error.sqlstate
    }
    assert len(known) > 200
    away = {state for state in known if fault(state, "", None, "call").retryable}
    assert {state[:2] for state in away} == {"08", "25", "28", "3D", "40", "53", "55", "57", "58"}
    assert {state for state in away if state[:2] == "25"} == {"25006"}


def test_a_newer_run_is_told_by_the_hint() -> None:
    assert type(fault("PT409", "A newer run has taken this session over.", "fenced", "call")) is Fenced


def test_values_reach_neither_people_nor_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for state in OF_STATE:
        if not state.startswith("PT"):
            said = fault(state, "the message\nDETAIL: Failing row contains (a secret).", None, "call")
            assert "secret" not in said.message
    assert "secret" not in caplog.text and "the message" in caplog.text
    assert "full" in fault("53100", "could not extend file", None, "call").message
