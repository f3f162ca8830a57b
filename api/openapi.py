"""The OpenAPI document: FastAPI's own, with our problems in place of its validation errors."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from api.errors import PROBLEM_JSON

_PROBLEM = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_OTHERS = {
    "description": "Any other problem: `internal`, or `unavailable`, which may be tried again.", "content": _PROBLEM,
}  # fmt: skip
_TOO_FAST = {
    "description": "`rate_limited`: Too much, too fast.", "content": _PROBLEM,
    "headers": {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer", "minimum": 1}}},
}  # fmt: skip
_FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")


class Documented(FastAPI):
    """An app whose document tells the truth about its errors: every one is a problem."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = _with_problems(super().openapi())
        return self.openapi_schema


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    for name, path in document["paths"].items():
        for operation in path.values():
            answers = operation["responses"]
            if name.startswith("/api/"):
                answers["429"] = _TOO_FAST
            if "HTTPValidationError" in str(answers.get("422")):
                # Said of every path with a parameter, where a string that is no id is 404 here.
                del answers["422"]
            for status, answer in answers.items():
                if not status.startswith("2"):
                    answer["content"] = _PROBLEM
            answers["default"] = _OTHERS
    for name in _FASTAPIS_OWN:
        document["components"]["schemas"].pop(name, None)
    return document
