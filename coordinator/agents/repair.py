"""A typed answer that is nearly right, made right: from text, with what is missing where that is honest. Pure.

Before a model is asked again. Nothing is made up: what a story would have to be told is not filled in, what judges is
left out, and one bad entry of a list falls alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from coordinator.llm.calls import arguments_in, arguments_of
from coordinator.story.material import Outline

Json = Any
Schema = Mapping[str, Any]

LONGEST_MENDED: Final = 50_000
"""Characters of a broken JSON text that are looked at: several times the longest answer that is asked for."""
MOST_OPENED: Final = 500
"""Braces and brackets in it: a text that only opens costs the square of them."""
DEEPEST: Final = 12
MOST_ENTRIES: Final = 1_000

_NUMBER = re.compile(r"-?\d{1,9}(?:[.,]\d{1,9})?")
_WORDS: Final = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_YES: Final = frozenset({"yes", "true", "y", "1", "approved", "approve", "ok", "pass", "passed"})
_NO: Final = frozenset({"no", "false", "n", "0", "rejected", "reject", "not approved", "fail", "failed", "none"})
_BULLET = re.compile(r"(?:[-*•]|\d{1,3}[.)])\s{0,10}")
"""What a line of a list begins with."""
_SAYS: Final = (
    "text",
    "name",
    "title",
    "summary",
    "description",
    "comment",
    "note",
    "content",
    "value",
    "fact",
    "beat",
)
"""Fields of an object that stands where a text is wanted, by how well they say it."""


def understood(given: str | dict[str, Any] | None, form: type[BaseModel]) -> BaseModel | str:
    """The answer in its form, or what is wrong with it, in a few lines for the model that gave it.

    `given` are the arguments of a call, or a text with JSON somewhere in it.
    """
    schema = schema_of(form)
    value = _found(given, schema)
    if value is None:
        return "There is no JSON object in it."
    try:
        return form.model_validate(value)
    except ValidationError as error:
        wrong = _told(error)
    try:
        return form.model_validate(_defaults(form, _fitted(value, schema, schema.get("$defs", {}), DEEPEST)))
    except (ValidationError, _Unfit):
        return wrong


def _found(given: str | dict[str, Any] | None, schema: Schema) -> dict[str, Any] | None:
    """The object that is meant: of those that can be read, the one with most of the fields."""
    fields = schema.get("properties", {}).keys()
    found = arguments_of(given, schema)
    if not isinstance(given, str) or (found is not None and set(schema.get("required", ())) <= found.keys()):
        return found
    read = [each for each in (found, arguments_in(given, schema), _mended(given, schema)) if each is not None]
    return max(read, key=lambda each: len(each.keys() & fields), default=None)


@cache
def schema_of(form: type[BaseModel]) -> dict[str, Any]:
    """Its JSON schema, which takes milliseconds to derive. Not to be changed."""
    return form.model_json_schema()


def bounded(schema: Schema, *, text: int, long_text: int, entries: int) -> dict[str, Any]:
    """The schema with limits at which a grammar stops a small model that does not come to an end: `text` characters
    of a string, `long_text` of one that is to be long, `entries` of a list."""

    def within(part: Json) -> Json:
        if isinstance(part, list):
            return [within(each) for each in part]
        if not isinstance(part, dict):
            return part
        made = {name: within(value) for name, value in part.items()}
        match made.get("type"):
            case "string" if "enum" not in made:
                most = long_text if made.get("maxLength", 0) > LONG else text
                made["maxLength"] = min(made.get("maxLength", most), most)
            case "array":
                made["maxItems"] = max(min(made.get("maxItems", entries), entries), made.get("minItems", 0))
        return made

    return dict(within(schema))


LONG: Final = 2_000
"""A string that may have more characters is to be a long one."""


def _mended(text: str, schema: Schema) -> dict[str, Any] | None:
    """The object of a broken JSON text: not ended, with Python's words, with a quotation mark in a string."""
    start = text.find("{")
    text = text[max(start, 0) :][:LONGEST_MENDED]
    if start < 0 or text.count("{") + text.count("[") > MOST_OPENED:
        return None
    import json_repair

    try:
        value = json_repair.loads(text, skip_json_loads=True)
    except (ValueError, RecursionError):
        return None
    found = arguments_of(value, schema) if isinstance(value, dict) else None
    return found if found is not None and found.keys() & schema.get("properties", {}).keys() else None


def _told(error: ValidationError) -> str:
    lines = [
        f"{'.'.join(map(str, fault['loc'])) or 'the object'}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors(include_url=False, include_input=False, include_context=False)[:6]
    ]
    return "\n".join(lines)


def _fitted(value: Json, schema: Schema, defs: Schema, depth: int) -> Json:
    """The value as its schema wants it, as far as that is plain. Raises _Unfit where it is not."""
    schema = _resolved(schema, defs)
    if depth <= 0:
        raise _Unfit
    match schema.get("type"):
        case "object":
            return _object(value, schema, defs, depth)
        case "array":
            return _list(value, schema, defs, depth)
        case "string":
            return _text(value, schema)
        case "integer":
            return _integer(value, schema)
        case "boolean":
            return _boolean(value)
    return value


class _Unfit(ValueError):
    """It can't be told what was meant."""


def _resolved(schema: Schema, defs: Schema) -> Schema:
    for key in ("anyOf", "oneOf", "allOf"):
        options = [each for each in schema.get(key, ()) if each.get("type") != "null"]
        if options:
            return _resolved(options[0], defs)
    if reference := schema.get("$ref"):
        return dict(defs.get(reference.rsplit("/", 1)[1], {}))
    return schema


def _object(value: Json, schema: Schema, defs: Schema, depth: int) -> Json:
    fields = schema.get("properties", {})
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        # Only what it is called, or only the score.
        for name, part in fields.items():
            kind = _resolved(part, defs).get("type")
            if (kind == "string" and isinstance(value, str)) or (kind == "integer" and _is_number(value)):
                value = {name: value}
                break
    if not isinstance(value, Mapping):
        raise _Unfit
    echoed = value.get("properties")
    if isinstance(echoed, Mapping) and "properties" not in fields and not fields.keys() & value.keys():
        # A schema that was given back with the answer in it.
        value = echoed
    names = {_plain(name): name for name in fields}
    made: dict[str, Json] = {}
    for said, item in list(value.items())[:MOST_ENTRIES]:
        name = names.get(_plain(str(said)))
        if name is None or name in made or item is None:
            continue
        try:
            fitted = _fitted(item, fields[name], defs, depth - 1)
        except _Unfit:
            continue
        if not _is_lacking(fitted, _resolved(fields[name], defs)):
            made[name] = fitted
    return _whole(schema, made)


def _is_lacking(value: Json, schema: Schema) -> bool:
    """Whether an object has not all that makes it one: a score without the passage that it rests on is none."""
    return isinstance(value, Mapping) and bool(set(schema.get("required", ())) - value.keys())


def _whole(schema: Schema, made: dict[str, Json]) -> dict[str, Json]:
    """With what may be told from the rest of an entry: a beat's summary is its title where it has no other."""
    texts = [item for item in made.values() if isinstance(item, str) and item]
    for name in schema.get("required", ()):
        kind = schema.get("properties", {}).get(name, {})
        if name in made or not texts or name not in ("name", "title", "role", "description", "summary"):
            continue
        if kind.get("type") == "string" and schema.get("title") in ("Beat", "Person", "Place"):
            made[name] = " ".join(texts[0].split()[:8]) if name in ("name", "title") else texts[0]
    if schema.get("title") == "Beat":
        made.setdefault("words", 300)
    return made


def _list(value: Json, schema: Schema, defs: Schema, depth: int) -> list[Json]:
    if isinstance(value, str):
        value = _entries(value[:LONGEST_MENDED])
    elif isinstance(value, Mapping):
        parts = list(value.values())
        many = parts and all(isinstance(part, Mapping | list) for part in parts)
        value = parts if many else [value]
    if not isinstance(value, list | tuple):
        value = [value]
    item = _resolved(schema.get("items", {}), defs)
    made: list[Json] = []
    for each in value[: min(int(schema.get("maxItems", MOST_ENTRIES)), MOST_ENTRIES)]:
        try:
            fitted = _fitted(each, item, defs, depth - 1)
        except _Unfit:
            continue
        if fitted not in ("", None) and not _is_lacking(fitted, item):
            made.append(fitted)
    return made


def _entries(text: str) -> list[str]:
    """Of a list that was written as a text, a line or a semicolon after each."""
    lines = (line.strip() for line in text.replace(";", "\n").split("\n"))
    entries = (line[found.end() :] if (found := _BULLET.match(line)) else line for line in lines)
    return [entry for entry in entries if entry.strip()]


def _text(value: Json, schema: Schema) -> str:
    if isinstance(value, Mapping):
        said = [value[name] for name in _SAYS if isinstance(value.get(name), str)]
        said = said or [item for item in value.values() if isinstance(item, str)]
        if not said:
            raise _Unfit
        value = ": ".join(dict.fromkeys(said[:2]))
    elif isinstance(value, list | tuple):
        value = "; ".join(item for item in value if isinstance(item, str))
    elif isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _Unfit
    text = str(value).strip()
    if not text:
        raise _Unfit
    most = int(schema.get("maxLength", LONGEST_MENDED))
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + "…"


def _is_number(value: Json) -> bool:
    return not isinstance(value, str) or _NUMBER.search(value[:40]) is not None or value.strip().lower() in _WORDS


def _integer(value: Json, schema: Schema) -> int:
    if isinstance(value, Mapping):
        numbers = [item for item in value.values() if isinstance(item, int | float) and not isinstance(item, bool)]
        value = numbers[0] if numbers else None
    if isinstance(value, str):
        word = value.strip().lower().split("/")[0].split(" out of")[0].strip()
        found = _NUMBER.search(value[:40])
        value = _WORDS.index(word) if word in _WORDS else float(found[0].replace(",", ".")) if found else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) > 1e9:
        raise _Unfit
    low, high = schema.get("minimum", -(10**9)), schema.get("maximum", 10**9)
    return int(min(max(round(value), low), high))


def _boolean(value: Json) -> bool:
    if isinstance(value, bool):
        return value
    said = str(value).strip().strip(".!").lower() if isinstance(value, str | int) else ""
    if said in _YES or said in _NO:
        return said in _YES
    raise _Unfit


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name[:60].lower())


def _of_outline(value: dict[str, Json]) -> None:
    beats = [beat for beat in value.get("beats", ()) if isinstance(beat, dict)]
    if beats:
        value.setdefault("logline", beats[0].get("summary"))
        value.setdefault("title", beats[0].get("title"))
    value.setdefault("setting", value.get("logline"))


def _of_review(value: dict[str, Json]) -> None:
    problems = value.get("problems") or []
    value.setdefault("approved", not problems)
    if value.get("strengths") or problems:
        value.setdefault("advice", problems[0] if problems else "Nothing to change.")


def _of_notes(value: dict[str, Json]) -> None:
    notes = value.get("notes") or []
    if notes:
        value.setdefault("impression", notes[0].get("comment"))


def _of_lore(value: dict[str, Json]) -> None:
    if "contradictions" in value:
        value.setdefault("remarks", f"{len(value['contradictions'])} found.")


def _of_verdict(value: dict[str, Json]) -> None:
    comments = [score["comment"] for score in value.values() if isinstance(score, dict) and score.get("comment")]
    if comments:
        value.setdefault("summary", comments[0])
        value.setdefault("approved", False)


_HONEST: Final[dict[str, Callable[[dict[str, Json]], None]]] = {
    Outline.__name__: _of_outline,
    "OutlineReview": _of_review,
    "Notes": _of_notes,
    "LoreReview": _of_lore,
    "Verdict": _of_verdict,
}
"""What a whole answer says between the lines, by its type."""


def _defaults(form: type[BaseModel], value: Json) -> Json:
    if isinstance(value, dict) and (told := _HONEST.get(form.__name__)) is not None:
        told(value)
        value = {name: item for name, item in value.items() if item is not None}
    return value
