"""Each body of `/api/v1` has an example in the document, and the example is right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from api.rest.examples import DOORS, answered, asked, bodies, shown, with_examples
from tests.api.test_doors import DOCUMENT, misfits

OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if path.startswith(DOORS)
}


def models(of: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    for one in of.__subclasses__():
        yield one
        yield from models(one)


MODELS = {one.__name__: one for one in models() if one.__module__.startswith("api.")}


def examples_of(content: dict[str, Any]) -> list[Any]:
    """All that a body shows, in either way of OpenAPI."""
    named = [one["value"] for one in content.get("examples", {}).values()]
    return [content["example"], *named] if "example" in content else named


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_body_has_an_example_that_fits(name: str) -> None:
    for content in bodies(OPERATIONS[name]):
        examples = examples_of(content)
        assert examples, f"{name} shows no example: see api/rest/examples.py"
        for example in examples:
            faults = list(misfits(example, content["schema"]))
            assert not faults, (name, faults)


@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if "requestBody" in operation])
def test_what_is_shown_is_taken(name: str) -> None:
    """By the model itself, which knows more than a schema tells."""
    (content,) = OPERATIONS[name]["requestBody"]["content"].values()
    model = MODELS.get(content["schema"].get("$ref", "").rpartition("/")[2])
    if model is not None:
        for example in examples_of(content):
            model.model_validate(example)


def test_the_walk_finds_the_doors() -> None:
    assert {"POST /api/v1/users", "GET /api/v1/users/me", "PATCH /api/v1/users/me"} <= set(OPERATIONS)


class Wish(BaseModel):
    model_config = ConfigDict(json_schema_extra=shown({"text": "A bell."}))

    text: str


def test_where_an_example_may_stand() -> None:
    made = FastAPI()

    @made.post("/api/v1/wishes", responses={200: answered([{"text": "Of the route."}])})
    async def by_model(wish: Wish) -> list[Wish]:
        return [wish]

    @made.put("/api/v1/wishes", openapi_extra=asked({"text": "Of the route."}))
    async def by_route(wish: Wish) -> Wish:
        return wish

    @made.post("/elsewhere")
    async def elsewhere(wish: Wish) -> Wish:
        return wish

    paths = with_examples(made.openapi())["paths"]
    shown_by = {
        (path, method): [content.get("example") for content in bodies(operation)]
        for path, methods in paths.items()
        for method, operation in methods.items()
    }
    assert shown_by == {
        ("/api/v1/wishes", "post"): [{"text": "A bell."}, [{"text": "Of the route."}]],
        ("/api/v1/wishes", "put"): [{"text": "Of the route."}, {"text": "A bell."}],
        ("/elsewhere", "post"): [None, None],
    }
