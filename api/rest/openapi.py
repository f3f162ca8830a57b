"""The OpenAPI document: FastAPI's own, with our problems in place of its validation errors."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from api.errors import PROBLEM_JSON
from api.rest.examples import with_examples

_PROBLEM = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_OTHERS = {
    "description": "Any other problem: `internal`, or `unavailable`, which may be tried again.",
    "content": _PROBLEM,
}
_TOO_FAST = {
    "description": "`rate_limited`: Too much, too fast.",
    "content": _PROBLEM,
    "headers": {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer", "minimum": 1}}},
}
_SCHEMAS = "#/components/schemas/"
_FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")


class Documented(FastAPI):
    """An app whose document tells the truth about its errors: every one is a problem."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = _with_problems(super().openapi())
        return self.openapi_schema


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    for name, path in document["paths"].items():
        # What a HEAD answers is what its GET does.
        path.pop("head", None)
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
    return with_examples(_by_title(document))


def _by_title(document: dict[str, Any]) -> dict[str, Any]:
    """Each schema under its title: of a list's pages pydantic makes names as `Items_dict_str__Any__`."""
    schemas = document["components"]["schemas"]
    titles = {f"{_SCHEMAS}{name}": f"{_SCHEMAS}{schema['title']}" for name, schema in schemas.items()}
    assert len(set(titles.values())) == len(schemas), "two models of one name"

    def renamed(node: Any) -> Any:
        match node:
            case {"$ref": str(ref), **others}:
                return {**others, "$ref": titles.get(ref, ref)}
            case dict():
                return {key: renamed(value) for key, value in node.items()}
            case list():
                return list(map(renamed, node))
            case _:
                return node

    document["components"]["schemas"] = {schema["title"]: schema for schema in schemas.values()}
    whole: dict[str, Any] = renamed(document)
    return whole
