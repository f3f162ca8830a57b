"""Examples in the OpenAPI document: what a body of `/api/v1` looks like when it is right.

A model shows one with `model_config = ConfigDict(json_schema_extra=shown(…))`; a route whose body is no model, or for
which its model's example says too little, with `responses={200: answered(…)}` or `openapi_extra=asked(…)`.
"""

from __future__ import annotations

from typing import Any

from pydantic.config import JsonDict

JSON = "application/json"
DOORS = "/api/v1/"
_SCHEMAS = "#/components/schemas/"


def shown(example: JsonDict) -> JsonDict:
    """For a model's `json_schema_extra`: one that it would take, or answer with."""
    return {"examples": [example]}


def answered(example: Any, description: str = "Successful Response") -> dict[str, Any]:
    """For a status of a route's `responses`."""
    return {"description": description, "content": {JSON: {"example": example}}}


def asked(example: Any) -> dict[str, Any]:
    """For a route's `openapi_extra`."""
    return {"requestBody": {"content": {JSON: {"example": example}}}}


def with_examples(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the example of its model at each JSON body of `/api/v1` that has none of its own: there tools
    look for it, and a person sees it without following a reference."""
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        if path.startswith(DOORS):
            for operation in operations.values():
                for content in bodies(operation):
                    model = schemas.get(content.get("schema", {}).get("$ref", "").removeprefix(_SCHEMAS), {})
                    if "examples" not in content and (examples := model.get("examples")):
                        content.setdefault("example", examples[0])
    return document


def bodies(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """The JSON that an operation takes, and that it answers where it is done."""
    answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    found = [part.get("content", {}).get(JSON) for part in (operation.get("requestBody", {}), *answers)]
    return [content for content in found if content is not None]
