"""What pandoc read, made safe and typographic: only text, its emphasis and its blocks are left. Pure.

In and out goes pandoc's document tree (`{"t": kind, "c": content}`). Nothing in what comes out can be run or fetched by
any writer: HTML, links and images have become the text that stands in the story.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from coordinator.export.language import CJK, quotes
from coordinator.story.language import primary

Node = dict[str, Any]

READER = "commonmark+smart+strikeout+pipe_tables"
"""No extension of pandoc's that takes more than text from a text: no metadata, attributes, TeX, citations, includes."""
SCENE_BREAK: Node = {"t": "HorizontalRule"}
EMPTY_ATTRIBUTES = ["", [], []]

_DEFINITION = re.compile(r"^( {0,3})(?=\[[^\]\n]*\]:)", re.MULTILINE)
_ORNAMENT = re.compile(r"[\s*#~•·⁂◆◇○●※—–_-]{1,15}")
_WRAPPERS = frozenset({"Emph", "Strong", "Strikeout"})
BLOCKS_DEEP, INLINES_DEEP = 8, 6
"""Blocks within blocks, emphasis within emphasis: what is deeper stands in the innermost of these. No book needs more,
and a typesetter gives up at twenty quotations."""
PARAGRAPH = 5_000
"""Characters of a paragraph that is taken as it stands: a typesetter weighs all its lines against each other."""
_PIECE = re.compile(rf".{{1,{PARAGRAPH}}}(?:\s|$)|.{{1,{PARAGRAPH}}}", re.DOTALL)


class TooDeep(Exception):
    """A document tree that is too much to be worked with."""


def source(content: str) -> str:
    """The Markdown to be read: a line that would define a link, and so vanish, is escaped."""
    return _DEFINITION.sub(r"\1\\", content)


def safe(blocks: list[Node], title: str, language: str) -> list[Node]:
    """The blocks of the text, without a heading at its begin that repeats the title."""
    inlines = _Inlines(language)
    made = [node for block in blocks for node in _block(block, inlines, 0)]
    if made and made[0]["t"] == "Header" and plain(made[0]["c"][2]).casefold() == title.casefold():
        made = made[1:]
    return _levelled(made)


def as_written(content: str) -> list[Node]:
    """The paragraphs of the text as they stand, marks and all."""
    paragraphs = (paragraph for paragraph in re.split(r"\n[ \t]*\n\s*", content) if paragraph.strip())
    return [node for paragraph in paragraphs for piece in _PIECE.findall(paragraph) for node in _lines(piece)]


def plain(inlines: list[Node]) -> str:
    """The text of inlines that are safe."""
    return "".join(_words(inlines)).strip()


def _words(inlines: list[Node]) -> Iterator[str]:
    for inline in inlines:
        match inline["t"]:
            case "Str":
                yield inline["c"]
            case "Code":
                yield inline["c"][1]
            case "LineBreak":
                yield "\n"
            case _:
                yield from _words(inline["c"])


def _block(block: Node, inlines: _Inlines, depth: int) -> list[Node]:
    content: Any = block.get("c")
    if depth >= BLOCKS_DEEP and (inside := _within(block)) is not None:
        return _blocks(inside, inlines, depth)
    match block["t"]:
        case "Para" | "Plain":
            made = inlines.safe(content)
            if _ORNAMENT.fullmatch(text := plain(made)) and text:
                return [SCENE_BREAK]
            return [{"t": block["t"], "c": made}] if text else []
        case "Header":
            made = inlines.safe(content[2])
            return [{"t": "Header", "c": [content[0], EMPTY_ATTRIBUTES, made]}] if plain(made) else []
        case "HorizontalRule":
            return [SCENE_BREAK]
        case "BlockQuote":
            quoted = _blocks(content, inlines, depth + 1)
            return [{"t": "BlockQuote", "c": quoted}] if quoted else []
        case "BulletList":
            return [{"t": "BulletList", "c": [_blocks(item, inlines, depth + 1) for item in content]}]
        case "OrderedList":
            start = content[0][0]
            numbers = [start, {"t": "Decimal"}, {"t": "Period"}]
            return [{"t": "OrderedList", "c": [numbers, [_blocks(item, inlines, depth + 1) for item in content[1]]]}]
        case "CodeBlock":
            return _lines(content[1])
        case "RawBlock":
            return _lines(content[1])
        case "Table":
            return [_table(content, inlines, depth + 1)]
        case kind:
            raise ValueError(f"pandoc's {READER} reader is not expected to give a {kind}")


def _blocks(blocks: list[Node], inlines: _Inlines, depth: int) -> list[Node]:
    return [node for block in blocks for node in _block(block, inlines, depth)]


def _within(block: Node) -> list[Node] | None:
    """The blocks that a block holds; None for one that holds none."""
    match block["t"]:
        case "BlockQuote":
            found: list[Node] = block["c"]
            return found
        case "BulletList":
            return [one for item in block["c"] for one in item]
        case "OrderedList":
            return [one for item in block["c"][1] for one in item]
        case _:
            return None


def _lines(text: str) -> list[Node]:
    """Text whose lines are lines, as it stands."""
    lines = text.strip("\n").split("\n")
    if not any(line.strip() for line in lines):
        return []
    made: list[Node] = []
    for line in lines:
        # Spaces at the begin of a line are kept: they are why it was written so.
        indent = len(line) - len(line.lstrip(" "))
        made += [{"t": "LineBreak"}, {"t": "Str", "c": "\u00a0" * indent + line.strip()}]
    return [{"t": "Para", "c": made[1:]}]


def _table(content: list[Any], inlines: _Inlines, depth: int) -> Node:
    """The same table, without attributes and caption."""

    def rows(found: list[Any]) -> list[Any]:
        return [
            [EMPTY_ATTRIBUTES, [[EMPTY_ATTRIBUTES, cell[1], 1, 1, _blocks(cell[4], inlines, depth)] for cell in row[1]]]
            for row in found
        ]

    _, _, columns, head, bodies, _ = content
    made_bodies = [[EMPTY_ATTRIBUTES, 0, [], rows(body[3])] for body in bodies]
    no_caption: list[Any] = [None, []]
    return {
        "t": "Table",
        "c": [
            EMPTY_ATTRIBUTES,
            no_caption,
            columns,
            [EMPTY_ATTRIBUTES, rows(head[1])],
            made_bodies,
            [EMPTY_ATTRIBUTES, []],
        ],
    }


def _levelled(blocks: list[Node]) -> list[Node]:
    """Headings whose levels begin at 1 and leave none out, as a table of contents and a screen reader want them."""
    before = 0
    for block in blocks:
        if block["t"] == "Header":
            before = block["c"][0] = min(block["c"][0], before + 1)
    return blocks


class _Inlines:
    """Makes inlines safe, with the quotation marks of a language."""

    def __init__(self, language: str) -> None:
        self._outer_open, self._outer_close, self._inner_open, self._inner_close = quotes(language)
        self._line_end = "" if primary(language) in CJK - {"ko"} else " "

    def safe(self, inlines: list[Node], depth: int = 0) -> list[Node]:
        made: list[Node] = []
        run: list[str] = []
        for node in self._each(inlines, depth):
            # Runs of text are one: what a word is, no writer needs to know.
            if node["t"] == "Str":
                run.append(node["c"])
                continue
            if run:
                made.append(_text("".join(run)))
                run = []
            made.append(node)
        return [*made, _text("".join(run))] if run else made

    def _each(self, inlines: list[Node], depth: int) -> Iterator[Node]:
        for inline in inlines:
            kind: str = inline["t"]
            content: Any = inline.get("c")
            match kind:
                case "Str":
                    yield inline
                case "Space":
                    yield _text(" ")
                case "SoftBreak":
                    yield _text(self._line_end)
                case "LineBreak":
                    yield inline
                case _ if kind in _WRAPPERS and depth < INLINES_DEEP:
                    yield {"t": kind, "c": self.safe(content, depth + 1)}
                case _ if kind in _WRAPPERS:
                    yield from self._each(content, depth)
                case "Code":
                    yield {"t": "Code", "c": [EMPTY_ATTRIBUTES, content[1]]}
                case "RawInline":
                    yield _text(content[1])
                case "Quoted":
                    double = content[0]["t"] == "DoubleQuote"
                    yield _text(self._outer_open if double else self._inner_open)
                    yield from self._each(content[1], depth)
                    yield _text(self._outer_close if double else self._inner_close)
                case "Link":
                    # Made once: pictures and links within each other would else double the work with each level.
                    shown = self.safe(content[1], depth)
                    yield from shown
                    if content[2][0] and plain(shown) != content[2][0]:
                        yield _text(f" ({content[2][0]})")
                case "Image":
                    yield _text("![")
                    yield from self._each(content[1], depth)
                    yield _text(f"]({content[2][0]})")
                case _:
                    raise ValueError(f"pandoc's {READER} reader is not expected to give a {kind}")


def _text(text: str) -> Node:
    return {"t": "Str", "c": text}
