"""Errors as the wire tells them: RFC 9457 problems over REST, `error` frames on a socket. One table of statuses."""

from __future__ import annotations

import math
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from coordinator.errors import InvalidMessage, StoryloomError

STATUS = {
    "unauthorized": 401, "forbidden": 403, "not_found": 404, "invalid_message": 422, "conflict": 409, "expired": 410,
    "rate_limited": 429, "budget_exceeded": 402, "too_large": 413, "unavailable": 503, "internal": 500,
}  # fmt: skip
MEANING = {
    "unauthorized": "No token, or one that is not valid",
    "forbidden": "Not this user's right",
    "not_found": "Absent, or somebody else's",
    "invalid_message": "The request itself is wrong",
    "conflict": "The state does not allow it",
    "expired": "The time of the session or the invitation is over",
    "rate_limited": "Too much, too fast",
    "budget_exceeded": "The session's own limit is reached",
    "too_large": "Over the limit of size",
    "unavailable": "Not now: the database or a model can't be reached",
    "internal": "The service's fault",
}
PROBLEM_JSON = "application/problem+json"
NAME_SHOWN = 80
"""Of a field's name that the client made up, so much is told back."""
_CODES = {405: "invalid_message", 415: "invalid_message", **{v: k for k, v in STATUS.items()}}


class Problem(BaseModel):
    """RFC 9457. `code` is for programs, `detail` one sentence for people."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str = Field(description="one of " + ", ".join(STATUS))
    retryable: bool = False
    retry_after_s: float | None = None


class ErrorFrame(BaseModel):
    """What went wrong with a frame, or with a session that is watched. The connection lives on."""

    type: Literal["error"] = "error"
    code: str = Field(description="one of " + ", ".join(STATUS))
    message: str = Field(description="one sentence for people")
    request_id: str | None = None
    session_id: str | None = None
    retryable: bool
    retry_after_s: float | None = None


class Carried(HTTPException):
    """One of our errors while a body is read: of any other the framework would make its own."""

    def __init__(self, error: StoryloomError) -> None:
        super().__init__(STATUS[error.code], error.message)
        self.error = error


def error_frame(
    error: StoryloomError, *, request_id: str | None = None, session_id: str | None = None
) -> dict[str, Any]:
    """The `error` frame of the socket."""
    frame = ErrorFrame(
        code=error.code,
        message=error.message,
        request_id=request_id,
        session_id=session_id,
        retryable=error.retryable,
        retry_after_s=error.retry_after_s,
    )
    return frame.model_dump(exclude_none=True)


def in_words(error: ValidationError | RequestValidationError) -> str:
    """What is wrong with a request, in one line: each field and why."""
    faults = []
    for fault in error.errors()[:5]:
        parts = [str(part)[:NAME_SHOWN] for part in fault["loc"] if part not in ("body", "query", "path")]
        # Which of the bodies that a call takes it is, is said so: `<name>`.
        where = ".".join(part for part in parts if not part.startswith("<"))
        faults.append(f"`{where}`: {fault['msg']}" if where else str(fault["msg"]))
    return "; ".join(faults) + "."


def install(app: FastAPI) -> None:
    """Every error of the app leaves as a problem; what nobody foresaw is left to `api.guards.requests`."""

    async def known(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, StoryloomError)
        return problem(error.code, error.message, error.retryable, error.retry_after_s)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        faults = error.errors()
        if faults and faults[0]["loc"][:1] == ("path",):
            # A string that is no id names nothing.
            return problem("not_found", "There is no such thing: what the path names is no id.")
        if any(fault["type"] == "json_invalid" for fault in faults):
            return problem("invalid_message", "The body is not valid JSON.")
        return problem(InvalidMessage.code, in_words(error))

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        if isinstance(error, Carried):
            return await known(_, error.error)
        # The framework's 400 is a body that it could not read: as wrong as any other that is not understood.
        status = STATUS["invalid_message"] if error.status_code == 400 else error.status_code
        answer = problem(_CODES.get(status, "internal"), f"{error.detail}.", status=status)
        answer.headers.update(error.headers or {})
        return answer

    app.add_exception_handler(StoryloomError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def problem(
    code: str, detail: str, retryable: bool = False, retry_after_s: float | None = None, status: int | None = None
) -> JSONResponse:
    """An error as the answer to a request."""
    status = status or STATUS[code]
    told = Problem(
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=detail,
        code=code,
        retryable=retryable,
        retry_after_s=retry_after_s,
    )
    headers = {"Retry-After": str(math.ceil(retry_after_s))} if retry_after_s else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(told.model_dump(exclude_none=True), status, headers=headers, media_type=PROBLEM_JSON)


def responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: the problems that a route may answer with."""
    return {STATUS[code]: {"model": Problem, "description": f"`{code}`: {MEANING[code]}."} for code in codes}
