"""What the client raises: one error, with the facts of the server's answer or of the connection."""

from __future__ import annotations


class ClientError(Exception):
    """The server refused, or could not be reached.

    `code` is one of the protocol's codes, for programs; `message` is one sentence or two for a person.
    `retryable` says whether the same request can succeed later, `retry_after_s` when at the earliest.
    `status` is the HTTP status or WebSocket close code that it came with, None where there was neither.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        retry_after_s: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.status = status
