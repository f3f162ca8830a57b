"""A book as PDF, by typst. Imported by the process that prints, and by nothing of the service."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

import typst

TEMPLATE = Path(__file__).with_name("story.typ")
NO_GLYPH = re.compile(r'the text `"(.*?)"` could not be displayed with font', re.DOTALL)
ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}|\\(.)", re.DOTALL)
STANDARD: Literal["ua-1"] = "ua-1"
"""Accessible PDF, which also refuses a text that no font has the letters for."""


def typeset(request: dict[str, Any]) -> tuple[set[str], bytes]:
    """The characters that no font has, and the PDF; empty where there are such characters."""
    fonts = typst.Fonts(include_system_fonts=request["system_fonts"], font_paths=request["font_folders"])
    compiler = typst.Compiler(TEMPLATE.read_bytes(), font_paths=fonts, sys_inputs={"book": json.dumps(request["book"])})
    options: dict[str, Any] = {"format": "pdf", "timestamp": request["timestamp"]}
    try:
        return set(), _bytes(compiler.compile(pdf_standards=STANDARD, **options))
    except typst.TypstError as error:
        shown = NO_GLYPH.findall(error.diagnostic)
        missing = set("".join(ESCAPED.sub(_unescaped, text) for text in shown))
        if missing:
            return missing, b""
    # What else the standard asks for is not worth a book: a font of the machine that may not be embedded, for one.
    return set(), _bytes(compiler.compile(**options))


def _bytes(made: bytes | list[bytes] | None) -> bytes:
    assert isinstance(made, bytes), "a PDF is one file"
    return made


def _unescaped(found: re.Match[str]) -> str:
    if found[1]:
        return chr(int(found[1], 16))
    return {"n": "\n", "r": "\r", "t": "\t"}.get(found[2], found[2])
