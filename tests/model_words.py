"""What the tests' model server says: prose of the length asked for, and typed answers that fit a JSON schema."""

from __future__ import annotations

import re
from itertools import count
from typing import Any

_WHO = ("Mara", "the keeper", "old Tobin", "the girl", "her brother", "the captain", "a stranger")
_DID = ("counted", "carried", "mended", "followed", "hid", "weighed", "painted", "unfolded", "buried")
_WHAT = ("the brass lamp", "a wet coat", "the torn map", "seven keys", "the last letter", "a broken oar", "the ledger")
_WHERE = ("under the stairs", "by the harbour wall", "in the cold kitchen", "beside the well", "at the far window")
_WHEN = ("before dawn", "while the bell rang", "as the tide turned", "after the rain", "when nobody watched")
_QUOTES = frozenset({"quote", "evidence", "earlier", "later"})
_TOLD = frozenset({"summary", "advice", "comment", "scenes"})
"""Texts that have to say something."""
_ONE_OF = frozenset({"notes", "people", "facts", "strengths"})
"""Lists that get one entry although they may stay empty."""


class Writer:
    """Writes no sentence twice, so that nothing of it is found to be repeated, and remembers what it wrote."""

    def __init__(self, *, beats: int = 4) -> None:
        self.beats = beats
        self._written: list[str] = []
        self._count = count()

    def prose(self, request: str) -> str:
        """About as many words as the last `N words` of the request asks for, in paragraphs of six sentences."""
        wanted = asked_words(request) or 120
        sentences: list[str] = []
        words = 0
        while words < wanted:
            sentence = self._sentence()
            sentences.append(sentence)
            words += len(sentence.split())
        self._written.extend(sentences)
        return "\n\n".join(" ".join(sentences[at : at + 6]) for at in range(0, len(sentences), 6))

    def typed(self, schema: dict[str, Any], request: str) -> dict[str, Any]:
        """A small object that fits the schema; quotes are sentences of the request."""
        made = self._value(schema, schema.get("$defs", {}), "", request)
        assert isinstance(made, dict)
        return made

    def _sentence(self) -> str:
        number = next(self._count)
        parts = []
        for words in (_WHEN, _WHO, _DID, _WHAT, _WHERE):
            number, at = divmod(number, len(words))
            parts.append(words[at])
        when, who, did, what, where = parts
        again = f", for the {number + 1}th time" if number else ""
        return f"{when.capitalize()}, {who} {did} {what} {where}{again}."

    def _value(self, schema: dict[str, Any], defs: dict[str, Any], name: str, request: str) -> Any:
        if "$ref" in schema:
            return self._value(defs[schema["$ref"].rsplit("/", 1)[1]], defs, name, request)
        for key in ("anyOf", "oneOf", "allOf"):
            if key in schema:
                return self._value(schema[key][0], defs, name, request)
        match schema.get("type"):
            case "object":
                return {
                    key: self._value(part, defs, key, request) for key, part in schema.get("properties", {}).items()
                }
            case "array":
                least = schema.get("minItems", 0)
                many = self.beats if name == "beats" else max(least, 1 if name in _ONE_OF else 0)
                return [self._value(schema["items"], defs, name, request) for _ in range(many)]
            case "boolean":
                return True
            case "integer" | "number":
                return self._number(schema, name, request)
        return self._string(name, request)

    def _number(self, schema: dict[str, Any], name: str, request: str) -> int:
        if name == "words":
            return min(3000, max(20, (asked_words(request) or 800) // self.beats))
        wanted = {"score": 8, "section": 1}.get(name, schema.get("minimum", 1))
        return int(max(schema.get("minimum", wanted), min(schema.get("maximum", wanted), wanted)))

    def _string(self, name: str, request: str) -> str:
        if name in _QUOTES:
            return self._quote(request)
        said = f"{name.capitalize()} {next(self._count) + 1}"
        return f"{said}: what happens there, as it is told in the story." if name in _TOLD else said

    def _quote(self, request: str) -> str:
        for sentence in self._written:
            if sentence in request:
                return sentence
        longest = max(request.splitlines(), key=len, default="")
        return re.split(r"(?<=[.!?])\s", longest.strip())[0]


def asked_words(request: str) -> int:
    """The budget of words that a request names: after `Budget:` or `add up to`, otherwise the last `N words` in it."""
    number = r"(\d[\d,]*)[ -]words?\b"
    found = re.findall(rf"(?:Budget:|add up to) {number}", request) or re.findall(number, request)
    return int(found[-1].replace(",", "")) if found else 0
