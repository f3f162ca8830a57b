"""From what the database reports to our errors: one table, so that the transports cannot come to differ.

An SQLSTATE is of one of three kinds: the database is away and will be back (`Unavailable`, which callers try again);
the value or the right is wrong and never will be taken (one of the errors that a person is told); or the fault is
ours (`Internal`, which is logged and not tried again).
"""

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
    NotWritable,
    RateLimited,
    StoryloomError,
    TooLarge,
    Unavailable,
)

logger = logging.getLogger(__name__)

AWAY = "The database can't be reached just now. Try again in a moment."
FULL = "The database's disk is full: nothing more can be kept until its owner makes room. Try again later."
READ_ONLY = (
    "The database is read-only just now: nothing can be kept until it takes writes again. Try again in a moment."
)
REFUSED = "The database refused a value: it is not of a kind, or in a range, that can be kept."

# The function's own errors: SQLSTATE PTnnn, of which PostgREST makes HTTP nnn.
_OURS: dict[str, type[StoryloomError]] = {
    "PT403": Forbidden,
    "PT404": NotFound,
    "PT409": Conflict,
    "PT410": Expired,
    "PT413": TooLarge,
    "PT422": InvalidMessage,
    "PT429": RateLimited,
}

_STATES: dict[str, tuple[type[StoryloomError], str]] = {
    "42501": (Forbidden, "This identity has no right to do that."),
    "23505": (Conflict, "That exists already."),
    "23503": (Conflict, "The user or session that this belongs to is gone."),
    "53100": (NotWritable, FULL),
    # A standby, or one that has just become one: whoever connects again finds the new primary.
    "25006": (NotWritable, READ_ONLY),
}
"""States that say more than their class."""

_CLASSES: dict[str, tuple[type[StoryloomError], str]] = {
    # Away, and back by itself: the connection, its login while passwords change, another transaction's turn, resources,
    # a server that stops or is asked to let go, its operating system.
    "08": (Unavailable, AWAY),
    "28": (Unavailable, AWAY),
    "3D": (Unavailable, AWAY),
    "40": (Unavailable, AWAY),
    "53": (Unavailable, AWAY),
    "55": (Unavailable, AWAY),
    "57": (Unavailable, AWAY),
    "58": (Unavailable, AWAY),
    # Never: a value that no column takes, and what is beyond a limit of PostgreSQL however often it is tried.
    "22": (InvalidMessage, REFUSED),
    "23": (InvalidMessage, REFUSED),
    "54": (TooLarge, "That is more than the database can keep in one piece. Make it shorter."),
}
"""By the first two characters of the state; of any other class (0A, 25, 2F, 42, P0, XX …) the fault is ours."""


def fault(state: str, message: str, hint: str | None, function: str) -> StoryloomError:
    """The error for an SQLSTATE, `message` and `hint` being the database's, of which people see only what our own
    functions say. What is our fault is logged."""
    if state in _OURS:
        return Fenced(message) if hint == "fenced" else _OURS[state](message)
    if state == "42883":
        return lacking(function)
    if found := _STATES.get(state) or _CLASSES.get(state[:2]):
        kind, says = found
        return kind(says)
    # The first line: what follows may have values in it.
    logger.error("database call %s failed: %s %s", function, state, message.partition("\n")[0][:200])
    return Internal("Something went wrong in the database; the details are in the service's log.")


def lacking(function: str) -> Misconfigured:
    return Misconfigured(f"The database lacks the function {function}. Run `storyloom migrate`.")
