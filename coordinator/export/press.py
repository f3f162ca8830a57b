"""The press: prints a book in a format, in processes of its own that are bounded in time, size and number."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import sys
import tempfile
import unicodedata
import zipfile
from asyncio.subprocess import PIPE
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pypandoc  # type: ignore[import-untyped]

from coordinator.errors import Conflict, Internal, TooLarge, Unavailable
from coordinator.export import fonts, wordprocessing
from coordinator.export.book import GENERATOR, UNTITLED, Book, markdown
from coordinator.export.language import primary, script_of
from coordinator.export.tree import READER, Node, safe, source

logger = logging.getLogger(__name__)

Format = Literal["md", "txt", "html", "epub", "docx", "pdf"]
FORMATS: dict[Format, str] = {
    "md": "text/markdown; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "epub": "application/epub+zip",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
}
"""With the media type of each."""

AT_ONCE = 2
WAITING = 20
"""Books printed at once by one service, and those that wait for it; further ones are told to come again."""
TIME_S = 60.0
CONTENT_CHARACTERS = 2_000_000
"""Ten times the longest story that the agents write."""
OUTPUT_BYTES = 100 * 2**20
PANDOC_MEMORY = ("+RTS", "-M1G", "-RTS")
RETRY_AFTER_S = 5
NO_TIME = b"1970-01-01T00:00:00Z"
HERE = Path(__file__).parent
NAMED_LENGTH = 8
"""Of the letters that are missing, so many are told."""


@dataclass(frozen=True, slots=True)
class Printed:
    """A file; `note` says what in it is not as in the story."""

    content: bytes
    note: str | None = None


class Press:
    """Prints books. Needs a `close`, which takes its few files away; what is being printed then is given up."""

    def __init__(
        self, *, at_once: int = AT_ONCE, waiting: int = WAITING, time_s: float = TIME_S, system_fonts: bool = True
    ) -> None:
        """`system_fonts` false is to print with the fonts that come with Storyloom alone."""
        self._turns = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self._now = 0
        self._time_s = time_s
        self._system_fonts = system_fonts
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    async def printed(self, book: Book, format: Format) -> Printed:
        """The book as a file of that format.

        Raises TooLarge for a text over CONTENT_CHARACTERS or one that takes over a minute, Unavailable where too many
        books wait, and Conflict for a PDF where no font here has the letters of its script.
        """
        if format == "md":
            return Printed(markdown(book).encode())
        if len(book.content) > CONTENT_CHARACTERS:
            raise TooLarge(
                f"The story has {len(book.content):,} characters, and a book {CONTENT_CHARACTERS:,} at the most: "
                "export it as md."
            )
        if self._now >= self._most:
            raise Unavailable("Too many books are being printed: try again soon.", retry_after_s=RETRY_AFTER_S)
        self._now += 1
        try:
            async with self._turns:
                try:
                    async with asyncio.timeout(self._time_s):
                        return await self._print(book, format)
                except TimeoutError:
                    raise TooLarge(
                        f"Printing the story as {format} took over {self._time_s:g} s and was given up: "
                        "export it as md."
                    ) from None
        finally:
            self._now -= 1

    def close(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    async def _print(self, book: Book, format: Format) -> Printed:
        read = await _pandoc(["--from", READER, "--to", "json"], source(book.content).encode())
        tree = await asyncio.to_thread(json.loads, read)
        blocks = await asyncio.to_thread(safe, tree["blocks"], book.title, book.language)
        document = {"pandoc-api-version": tree["pandoc-api-version"], "meta": _metadata(book), "blocks": blocks}
        match format:
            case "pdf":
                return await self._pdf(book, blocks)
            case "docx":
                return Printed(await self._docx(book, document))
            case "epub":
                return Printed(await _epub(book, document))
            case "html":
                return Printed(await _html(book, document))
            case _:
                return Printed(await _txt(book, document))

    async def _docx(self, book: Book, document: Node) -> bytes:
        document["blocks"] = [
            _styled("Colophon", book.colophon),
            {"t": "RawBlock", "c": ["openxml", wordprocessing.PAGE_BREAK]},
            *_word_blocks(document["blocks"]),
        ]
        # The colophon has it, and more.
        del document["meta"]["date"]
        made = await _written("docx", document, "--reference-doc", str(await self._reference()), "--output", "-")
        return await asyncio.to_thread(_rewritten, made, [(NO_TIME, _now())])

    async def _reference(self) -> Path:
        if self._folder is None:
            default = await _run([pypandoc.get_pandoc_path(), "--print-default-data-file", "reference.docx"], b"")
            made = wordprocessing.reference(default)
            self._folder = self._folder or tempfile.TemporaryDirectory(prefix="storyloom-press-")
            (Path(self._folder.name) / "reference.docx").write_bytes(made)
        return Path(self._folder.name) / "reference.docx"

    async def _pdf(self, book: Book, blocks: list[Node]) -> Printed:
        missing, made = await self._typeset(book, blocks)
        if not missing:
            return Printed(made)
        letters = sorted(character for character in missing if unicodedata.category(character).startswith("L"))
        if letters:
            raise Conflict(_no_font(letters))
        # Marks that only change the look of another character are left out, what stands for itself is told in words.
        named = {character: _in_words(character) for character in missing}
        table = str.maketrans(named)
        title = book.title.translate(table).strip() or UNTITLED
        still, made = await self._typeset(
            replace(book, title=title, author=book.author.translate(table)), _told(blocks, table)
        )
        if still:
            raise Internal(
                "The book could not be printed: a character of it is neither shown nor replaced. Export it as md."
            )
        told = ", ".join(sorted({name for name in named.values() if name})[:NAMED_LENGTH])
        return Printed(made, f"No font here has these characters; they are named in words: {told}." if told else None)

    async def _typeset(self, book: Book, blocks: list[Node]) -> tuple[set[str], bytes]:
        request = {
            "system_fonts": self._system_fonts, "font_folders": fonts.folders(),
            "timestamp": int(_midnight(book)), "book": {
                "title": book.title, "authors": [book.author] if book.author else [], "colophon": book.colophon,
                "language": primary(book.language), "region": _region(book.language), "direction": book.direction,
                "families": fonts.families(book.language), "blocks": blocks,
                "year": book.date.year, "month": book.date.month, "day": book.date.day,
            },
        }  # fmt: skip
        # -I: nothing of this service's folder or environment is where the process finds its modules.
        command = [sys.executable, "-I", str(HERE / "typeset.py")]
        answer = await _run(command, await asyncio.to_thread(lambda: json.dumps(request).encode()))
        head, _, made = answer.partition(b"\n")
        return set(json.loads(head)["missing"]), made


async def _txt(book: Book, document: Node) -> bytes:
    byline = f"{book.author}\n\n" if book.author else ""
    text = await _written("plain", document)
    return f"{book.title}\n\n{byline}".encode() + text


async def _html(book: Book, document: Node) -> bytes:
    styles = (HERE / "story.css").read_text() + (HERE / "page.css").read_text()
    document["meta"]["styles"] = _inlines([{"t": "RawInline", "c": ["html", styles]}])
    document["blocks"] = [*document["blocks"], _styled("colophon", book.colophon)]
    return await _written("html5", document, "--standalone", "--template", str(HERE / "page.html"))


async def _epub(book: Book, document: Node) -> bytes:
    document["blocks"] = [*document["blocks"], _styled("colophon", book.colophon)]
    made = await _written("epub3", document, "--split-level", "1", "--output", "-")
    # In its sandbox pandoc reads no style sheet and no clock, and of a direction its e-books know nothing.
    changes = [(NO_TIME, _now()), (b"<html ", b'<html dir="%s" ' % book.direction.encode())]
    return await asyncio.to_thread(_rewritten, made, changes)


async def _written(format: str, document: Node, *options: str) -> bytes:
    arguments = ["--from", "json", "--to", format, "--wrap", "none", *options]
    return await _pandoc(arguments, await asyncio.to_thread(lambda: json.dumps(document).encode()))


async def _pandoc(arguments: Sequence[str], given: bytes) -> bytes:
    # --sandbox: pandoc reads the files that are named here, and no other, and asks no network.
    return await _run([pypandoc.get_pandoc_path(), "--sandbox", *arguments, *PANDOC_MEMORY], given)


async def _run(command: Sequence[str], given: bytes) -> bytes:
    """What a process makes of its input. It has none of the service's environment, which holds secrets, and does not
    outlive the call. Raises Internal where it fails, TooLarge where it makes over OUTPUT_BYTES."""
    environment = {
        name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT", "TEMP", "TMPDIR") if name in os.environ
    }
    environment["LC_ALL"] = "C.UTF-8"
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment)
    try:
        made, complaint = await process.communicate(given)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        logger.error("%s ended with %s: %s", command[0], process.returncode, complaint.decode(errors="replace")[-1000:])
        raise Internal("The book could not be printed; the service's owner can read why in the log. Export it as md.")
    if len(made) > OUTPUT_BYTES:
        raise TooLarge("The book is larger than may be sent: export it as md.")
    return made


def _rewritten(made: bytes, changes: list[tuple[bytes, bytes]]) -> bytes:
    """An e-book or a document with other words in its XML files, and our style sheet."""
    new_file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made)) as old, zipfile.ZipFile(new_file, "w") as new:
        # In the same order: an e-book's `mimetype` comes first, and uncompressed.
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith(".css"):
                content = (HERE / "story.css").read_bytes()
            elif entry.filename.endswith((".xml", ".opf", ".xhtml")):
                for before, after in changes:
                    content = content.replace(before, after, 1 if before == b"<html " else -1)
            new.writestr(entry, content)
    return new_file.getvalue()


def _now() -> bytes:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}".encode()


def _metadata(book: Book) -> Node:
    texts = {
        "title": book.title, "author": book.author, "lang": book.language, "dir": book.direction,
        "date": f"{book.date:%Y-%m-%d}", "generator": GENERATOR, "description": book.colophon,
        "identifier": f"urn:uuid:{book.id}", "contributor": GENERATOR,
    }  # fmt: skip
    if book.direction == "rtl":
        texts["page-progression-direction"] = "rtl"
    return {name: _inlines([{"t": "Str", "c": text}]) for name, text in texts.items() if text}


def _inlines(content: list[Node]) -> Node:
    return {"t": "MetaInlines", "c": content}


def _styled(style: str, text: str) -> Node:
    return _div(style, [{"t": "Para", "c": [{"t": "Str", "c": text}]}])


def _div(style: str, blocks: list[Node]) -> Node:
    return {"t": "Div", "c": [["", [style], [["custom-style", style]]], blocks]}


def _word_blocks(blocks: list[Node]) -> Iterator[Node]:
    """With the style of each paragraph: the first of a scene is not indented. Word knows rules as drawings, so a scene
    break is a line of text."""
    before = "Header"
    for block in blocks:
        match block["t"]:
            case "HorizontalRule":
                yield _styled("Scene Break", "*\u2003*\u2003*")
            case "Para":
                yield _div("Body Text" if before == "Para" else "First Paragraph", [block])
            case _:
                yield block
        before = block["t"]


def _told(node: Any, table: dict[int, str]) -> Any:
    """The tree with characters put into words."""
    match node:
        case str():
            return node.translate(table)
        case list():
            return [_told(item, table) for item in node]
        case dict():
            return {key: item if key == "t" else _told(item, table) for key, item in node.items()}
        case _:
            return node


def _in_words(character: str) -> str:
    if unicodedata.category(character) == "Sk" or unicodedata.category(character)[0] in "MC":
        return ""
    return f"[{unicodedata.name(character, f'U+{ord(character):04X}').lower()}]"


def _no_font(letters: Iterable[str]) -> str:
    scripts = sorted({script_of(letter).capitalize() or "unknown" for letter in letters})
    names = ", ".join({"Cjk": "Chinese"}.get(script, script) for script in scripts)
    return (
        f"A PDF would show empty boxes: this server has no font for some letters of the story ({names}). "
        "Take epub, docx or html, or have such a font installed on the server."
    )


def _region(tag: str) -> str | None:
    region = tag.rpartition("-")[2]
    return region.upper() if "-" in tag and len(region) == 2 else None


def _midnight(book: Book) -> float:
    return datetime(book.date.year, book.date.month, book.date.day, tzinfo=UTC).timestamp()
