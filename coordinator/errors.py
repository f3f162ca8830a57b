"""Every error that Storyloom raises on purpose.

StoryloomError            code, message, retryable, retry_after_s
├── Unauthorized          unauthorized      no token, or one that does not verify
├── Forbidden             forbidden         a right that this identity does not have
├── NotFound              not_found         absent, or somebody else's
├── InvalidMessage        invalid_message   the request itself is wrong
├── Conflict              conflict          the state does not allow it
│   └── Fenced                              a newer run has claimed the session
├── Expired               expired           the session's time is over
├── RateLimited           rate_limited      too much, too fast
├── BudgetExceeded        budget_exceeded   the session's own limit is reached
├── TooLarge              too_large         over a limit of size
├── Unavailable           unavailable       database or model can't be reached now
│   ├── NotWritable                         the database can be read, and takes no writes
│   └── ModelFailed                         a model that gave no usable answer
├── Misconfigured         internal          settings, templates or files that can't work
└── Internal              internal          our fault
"""

from __future__ import annotations


class StoryloomError(Exception):
    """Base of the tree. `message` is one sentence for a person; `code` is for programs."""

    code = "internal"
    retryable = False

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s


class Unauthorized(StoryloomError):
    code = "unauthorized"


class Forbidden(StoryloomError):
    code = "forbidden"


class NotFound(StoryloomError):
    code = "not_found"


class InvalidMessage(StoryloomError):
    code = "invalid_message"


class Conflict(StoryloomError):
    code = "conflict"


class Fenced(Conflict):
    """A write of a run that a newer epoch has replaced; the run must stop and write nothing more."""


class Expired(StoryloomError):
    code = "expired"


class RateLimited(StoryloomError):
    code = "rate_limited"
    retryable = True


class BudgetExceeded(StoryloomError):
    code = "budget_exceeded"


class TooLarge(StoryloomError):
    code = "too_large"


class Unavailable(StoryloomError):
    code = "unavailable"
    retryable = True


class NotWritable(Unavailable):
    """The database's disk is full, or it is read-only: the message says which."""


class ModelFailed(Unavailable):
    """The model and its fallbacks gave no usable answer; the message is fit for the writer to read."""


class Misconfigured(StoryloomError):
    """Settings, templates or files that can't work; the message names the thing and the remedy."""


class Internal(StoryloomError):
    pass
