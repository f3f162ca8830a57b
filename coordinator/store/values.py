"""What a function is called with: names and values as both transports hand them on."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic_core import PydanticSerializationError, from_json, to_json

from coordinator.storable import storable


class JsonText(str):
    """JSON that is encoded already."""


@lru_cache(maxsize=256)
def parameter(name: str) -> str:
    """The name of a function's parameter: columns and parameters never share one in SQL."""
    return f"p_{name}"


def json_text(value: Any) -> str:
    """JSON of dicts and lists, with all text in them storable."""
    try:
        text = to_json(value, inf_nan_mode="null").decode()
    except PydanticSerializationError:  # a lone surrogate, as a rule
        return to_json(_all_storable(value), inf_nan_mode="null").decode()
    # Six characters that a writer typed look the same in here as a NUL does; cleaning leaves those alone.
    return to_json(_all_storable(value), inf_nan_mode="null").decode() if "\\u0000" in text else text


def json_value(value: Any) -> Any:
    """A parameter's value for a JSON body: ids as text, sets and tuples (SQL arrays) as lists."""
    match value:
        case None | bool() | int() | float():
            return value
        case JsonText():
            return from_json(value)
        case str():
            return storable(value)
        case UUID():
            return str(value)
        case set() | frozenset() | tuple():
            return sorted(storable(str(item)) for item in value)
        case _:
            return from_json(json_text(value))


def _all_storable(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case dict():
            return {_all_storable(key): _all_storable(item) for key, item in value.items()}
        case list() | tuple():
            return [_all_storable(item) for item in value]
        case _:
            return value
