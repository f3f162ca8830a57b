"""Errors as the wire tells them: RFC 9457 problems over REST, `error` frames on a socket. One table of HTTP statuses."""

from __future__ import annotations

import logging
import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from coordinator.errors import InvalidMessage, StoryloomError

logger = logging.getLogger(__name__)

STATUS = {
    "unauthorized": 401, "forbidden": 403, "not_found": 404, "invalid_message": 422, "conflict": 409, "expired": 410,
    "rate_limited": 429, "budget_exceeded": 402, "too_large": 413, "unavailable": 503, "internal": 500,
}  # fmt: skip
_CODES = {400: "invalid_message", 405: "invalid_message", 415: "invalid_message", **{v: k for k, v in STATUS.items()}}


class Problem(BaseModel):
    """RFC 9457. `code` is for programs, `detail` one sentence for people."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str = Field(description="one of " + ", ".join(STATUS))
    retryable: bool = False
    retry_after_s: float | None = None


def error_frame(
    error: StoryloomError, *, request_id: str | None = None, session_id: str | None = None
) -> dict[str, Any]:
    """The `error` frame of the socket."""
    frame: dict[str, Any] = {
        "type": "error", "code": error.code, "message": error.message, "request_id": request_id,
        "session_id": session_id, "retryable": error.retryable, "retry_after_s": error.retry_after_s,
    }  # fmt: skip
    return {key: value for key, value in frame.items() if value is not None}


def in_words(error: ValidationError | RequestValidationError) -> str:
    """What is wrong with a request, in one line: each field and why."""
    faults = []
    for fault in error.errors()[:5]:
        where = ".".join(str(part) for part in fault["loc"] if part not in ("body", "query", "path"))
        faults.append(f"`{where}`: {fault['msg']}" if where else str(fault["msg"]))
    return "; ".join(faults) + "."


def install(app: FastAPI) -> None:
    """Every error of the app leaves as a problem; an unforeseen one is logged whole and told without its inside."""

    async def known(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, StoryloomError)
        return _problem(error.code, error.message, error.retryable, error.retry_after_s)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        faults = error.errors()
        if faults and faults[0]["loc"][:1] == ("path",):
            # A string that is no id names nothing.
            return _problem("not_found", "There is no such thing: the id is not a UUID.")
        if any(fault["type"] == "json_invalid" for fault in faults):
            return _problem("invalid_message", "The body is not valid JSON.")
        return _problem(InvalidMessage.code, in_words(error))

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = _CODES.get(error.status_code, "internal")
        answer = _problem(code, f"{error.detail}.", status=error.status_code)
        answer.headers.update(error.headers or {})
        return answer

    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        logger.error("%s %s broke", request.method, request.url.path, exc_info=error)
        return _problem("internal", "Something went wrong in the service; its owner can read what in the log.")

    app.add_exception_handler(StoryloomError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unforeseen)


def _problem(
    code: str, detail: str, retryable: bool = False, retry_after_s: float | None = None, status: int | None = None
) -> JSONResponse:
    status = status or STATUS[code]
    title = code.replace("_", " ").capitalize()
    problem = Problem(title=title, status=status, detail=detail, code=code, retryable=retryable, retry_after_s=retry_after_s)
    headers = {"Retry-After": str(math.ceil(retry_after_s))} if retry_after_s else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        problem.model_dump(exclude_none=True), status, headers=headers, media_type="application/problem+json"
    )


def responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: the problems that a route may answer with."""
    return {
        STATUS[code]: {"model": Problem, "description": code, "content": {"application/problem+json": {}}} for code in codes
    }
