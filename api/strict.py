"""JSON from outside, read the same way at every door: text that two programs would read differently is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope


def parsed(text: str | bytes) -> Any:
    """What the JSON says.

    Raises ValueError, with a reason for people, where it is no JSON in UTF-8, nests deeper than 200, names a field of
    an object twice, or has half a character (a lone surrogate) or a number that no program keeps: NaN, Infinity,
    1e999, an integer of thousands of digits.
    """
    try:
        # Knows all of that but the two things that Python's own can be asked to look after.
        from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise ValueError("it is not valid JSON") from error
    return json.loads(text, object_pairs_hook=_once, parse_float=_finite)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("it is not valid JSON: a field stands in it twice")
    return made


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError("it is not valid JSON: a number in it is too large")
    return number


class StrictRoute(APIRoute):
    """A route whose body is `parsed`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return handled


class _StrictRequest(Request):
    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)

    async def json(self) -> Any:
        try:
            return parsed(await self.body())
        except ValueError as error:
            raise HTTPException(400, f"The body can't be taken: {error}") from error
