"""Calls of a tool as models really write them. Pure.

What is asked for is one JSON object, as the arguments of a call. It comes encoded twice, in a code fence, with text
around it, as a call written into the answer's text, under another name or within one more object; all of these are
understood. Whether the object is what was asked for, its schema says elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from pydantic_core import to_json

from coordinator.storable import storable

Json = Any
Schema = Mapping[str, Any]

LONGEST_TEXT = 400_000
"""Characters of a text in which a call is looked for: several times the longest answer that is asked for."""
MOST_TRIES = 16
"""Places in a text at which a JSON value is looked for."""
MOST_LAYERS = 4
"""Of encoding, or of objects round the object that is meant."""

_ARGUMENTS = ("arguments", "parameters", "args", "input", "tool_input")
_NAMES = ("name", "tool", "tool_name", "function", "recipient_name")
_OPENS = re.compile(r"[{\[]")
# Not strict: a line end within a string is a common slip and has one meaning.
_DECODER = json.JSONDecoder(strict=False)


def encoded(arguments: Json) -> str:
    """Arguments as JSON, with all text in them storable."""
    return to_json(_storable(arguments), inf_nan_mode="null").decode()


def arguments_of(given: str | dict[str, Any] | None, schema: Schema) -> dict[str, Any] | None:
    """The arguments of a call, decoded once or often; None where they are no JSON object."""
    value: Json = given
    for _ in range(MOST_LAYERS):
        if isinstance(value, str):
            value = _first_value(value)
        elif isinstance(value, dict) and (inner := _inner(value, schema)) is not None:
            value = inner
        elif isinstance(value, list) and len(value) == 1:
            value = value[0]
        else:
            break
    return _decoded_fields(value, schema) if isinstance(value, dict) else None


def arguments_in(text: str, schema: Schema) -> dict[str, Any] | None:
    """The arguments of a call that is written in a text, or the bare object; None where there is neither."""
    if len(text) > LONGEST_TEXT:
        return None
    for value in _values(text):
        for each in value if isinstance(value, list) else [value]:
            called = arguments_of(each, schema) if isinstance(each, dict) else None
            if called is not None and called.keys() & schema.get("properties", {}).keys():
                return called
    return None


def _first_value(text: str) -> Json:
    """What a text encodes, whatever stands around it; None where that is nothing."""
    bare = text.strip()
    if bare.startswith('"'):
        return _value_at(bare, 0)[0]
    return next(_values(bare[:LONGEST_TEXT]), None)


def _values(text: str) -> Any:
    """The JSON objects and lists in a text, none of them within another."""
    end = 0
    for found in islice(_OPENS.finditer(text), MOST_TRIES):
        if found.start() >= end:
            value, end = _value_at(text, found.start())
            if isinstance(value, dict | list):
                yield value


def _value_at(text: str, at: int) -> tuple[Json, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, at


def _inner(value: dict[str, Any], schema: Schema) -> Json:
    """What a call, or an object with nothing but another in it, is about; None where `value` itself is meant."""
    known = schema.get("properties", {})
    calls = value.get("tool_calls")
    if isinstance(calls, list) and calls and "tool_calls" not in known:
        return calls[0]
    if isinstance(function := value.get("function"), dict) and "function" not in known:
        return function
    if any(isinstance(value.get(name), str) for name in _NAMES):
        for name in _ARGUMENTS:
            if isinstance(value.get(name), dict | str) and name not in known:
                return value[name]
    if len(value) == 1:
        name, only = next(iter(value.items()))
        if name not in known and isinstance(only, dict | str) and only:
            return only
    return None


def _decoded_fields(value: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """With fields decoded that are lists or objects by their schema and came as text."""
    known = schema.get("properties", {})
    return {
        name: _decoded_field(item, known[name]) if isinstance(item, str) and name in known else item
        for name, item in value.items()
    }


def _decoded_field(item: str, schema: Schema) -> Json:
    if "$ref" not in schema and schema.get("type") not in ("array", "object"):
        return item
    value = _first_value(item)
    return item if value is None else value


def _storable(value: Json) -> Json:
    match value:
        case str():
            return storable(value)
        case dict():
            return {storable(name): _storable(item) for name, item in value.items()}
        case list():
            return [_storable(item) for item in value]
        case _:
            return value
