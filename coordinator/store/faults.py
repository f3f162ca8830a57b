"""From what the database reports to our errors: one mapping, so that the transports cannot come to differ."""

from __future__ import annotations

import logging

from coordinator.errors import (
    Conflict,
    Expired,
    Fenced,
    Forbidden,
    Internal,
    InvalidMessage,
    Misconfigured,
    NotFound,
    RateLimited,
    StoryloomError,
    TooLarge,
    Unavailable,
)

logger = logging.getLogger(__name__)

AWAY = "The database can't be reached just now. Try again in a moment."

# The function's own errors: SQLSTATE PTnnn, of which PostgREST makes HTTP nnn.
_OURS: dict[str, type[StoryloomError]] = {
    "PT404": NotFound, "PT409": Conflict, "PT410": Expired, "PT413": TooLarge, "PT422": InvalidMessage,
    "PT429": RateLimited,
}  # fmt: skip

_PASSING = ("08", "27", "28", "2F", "38", "39", "3B", "40", "53", "54", "55", "57", "58", "F", "H")
"""Classes of SQLSTATE that psycopg calls operational: lost connections, deadlocks, a server that stops or is full."""


def fault(state: str, message: str, hint: str | None, function: str) -> StoryloomError:
    """The error for an SQLSTATE, `message` and `hint` being the database's; one that is not known is logged."""
    if state in _OURS:
        return Fenced(message) if hint == "fenced" else _OURS[state](message)
    match state:
        case "42501":
            return Forbidden("This identity has no right to do that.")
        case "23505":
            return Conflict("That exists already.")
        case "23503":
            return Conflict("The user or session that this belongs to is gone.")
        case "23502" | "23514":
            return InvalidMessage(f"The database refused a value: {message}.")
        case "42883":
            return lacking(function)
    if state.startswith("22"):
        return InvalidMessage(f"The database refused a value: {message}.")
    if state.startswith(_PASSING):
        return Unavailable(AWAY)
    logger.error("database call %s failed: %s %s", function, state, message)
    return Internal("Something went wrong in the database; the details are in the service's log.")


def lacking(function: str) -> Misconfigured:
    return Misconfigured(f"The database lacks the function {function}. Run `storyloom migrate`.")
