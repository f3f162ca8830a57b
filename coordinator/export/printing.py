"""The process that prints one book: reads a request from standard input, writes the file to standard output.

Nothing of the service is in it but this folder's modules. pandoc and typst read whatever somebody has written, so
neither is trusted to end, or to be content with little memory: the parent ends all of it when it takes too long. The
story comes in as data: no character of it is ever anybody's code.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
import threading
import traceback
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coordinator.export import fonts, wordprocessing
from coordinator.export.book import GENERATOR, UNTITLED, Book
from coordinator.export.tree import READER, Node, TooDeep, as_written, safe, source
from coordinator.story.language import primary, script_of

HERE = Path(__file__).parent
PANDOC_MEMORY = ("+RTS", "-M1G", "-RTS")
MEMORY_BYTES = 2 * 2**30
PROCESSOR_S = 120
STACK_BYTES = 256 * 2**20
FRAMES = 30_000
"""So deep may a document tree be on its way through Python; deeper ones are refused, not fatal."""
TREE_BYTES = 64 * 2**20
"""Of pandoc's document tree as JSON: a megabyte of single letters takes 16, of table cells a hundred."""
OUTPUT_BYTES = 50 * 2**20
NAMED_LENGTH = 8
"""Of the letters that are missing, so many are told."""
ZIP_BEGIN = (1980, 1, 1, 0, 0, 0)
AS_WRITTEN = "The marks of this text could not be read as Markdown; it stands as it was written."


class Refused(Exception):
    """There is no such file of this book, and the message says why; `code` is `conflict` or `too_large`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """`plain` is to take the text as it stands, whatever marks it has. `reference` is pandoc's for docx."""

    book: Book
    format: str
    plain: bool
    pandoc: str
    reference: str = ""
    system_fonts: bool = True


def main() -> int:
    """The exit code."""
    return _deeply(_answer)


def _answer() -> None:
    _bound()
    request = Request(**{**(given := json.loads(sys.stdin.buffer.read())), "book": Book.of(given["book"])})
    head: dict[str, str] = {}
    made = b""
    try:
        note, made = printed(request)
        if note:
            head["note"] = note
        if len(made) > OUTPUT_BYTES:
            raise Refused("too_large", "The book is larger than may be sent: export it as md.")
    except Refused as refused:
        head, made = {"code": refused.code, "refused": str(refused)}, b""
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + made)


def printed(request: Request) -> tuple[str | None, bytes]:
    """What in the file is not as in the story, and the file."""
    book = request.book
    if request.plain:
        version, blocks = [1, 23], as_written(book.content)
    else:
        read = _pandoc(request, ["--from", READER, "--to", "json"], source(book.content).encode())
        if len(read) > TREE_BYTES:
            raise TooDeep
        tree = json.loads(read)
        version, blocks = tree["pandoc-api-version"], safe(tree["blocks"], book.title, book.language)
    note, made = PRINTERS[request.format](request, version, blocks)
    return " ".join(filter(None, (AS_WRITTEN if request.plain else None, note))) or None, made


def _txt(request: Request, version: list[int], blocks: list[Node]) -> tuple[str | None, bytes]:
    book = request.book
    byline = f"{book.author}\n\n" if book.author else ""
    text = (
        f"{book.content.strip()}\n".encode()
        if request.plain
        else _written(request, "plain", _document(book, version, blocks))
    )
    return None, f"{book.title}\n\n{byline}".encode() + text


def _html(request: Request, version: list[int], blocks: list[Node]) -> tuple[str | None, bytes]:
    book = request.book
    document = _document(book, version, [*blocks, _styled("colophon", book.colophon)])
    styles = (HERE / "story.css").read_text() + (HERE / "page.css").read_text()
    document["meta"]["styles"] = _inlines([{"t": "RawInline", "c": ["html", styles]}])
    return None, _written(request, "html5", document, "--standalone", "--template", str(HERE / "page.html"))


def _epub(request: Request, version: list[int], blocks: list[Node]) -> tuple[str | None, bytes]:
    book = request.book
    document = _document(book, version, [*blocks, _styled("colophon", book.colophon)])
    made = _written(request, "epub3", document, "--split-level", "1", "--output", "-")
    return None, _rewritten(made, book)


def _docx(request: Request, version: list[int], blocks: list[Node]) -> tuple[str | None, bytes]:
    book = request.book
    break_ = {"t": "RawBlock", "c": ["openxml", wordprocessing.PAGE_BREAK]}
    document = _document(book, version, [_styled("Colophon", book.colophon), break_, *_word_blocks(blocks)])
    # The colophon has it, and more.
    del document["meta"]["date"]
    return None, _rewritten(
        _written(request, "docx", document, "--reference-doc", request.reference, "--output", "-"), book
    )


def _pdf(request: Request, version: list[int], blocks: list[Node]) -> tuple[str | None, bytes]:
    from coordinator.export.typeset import typeset

    missing, made = typeset(_typesetters(request, request.book, blocks))
    if not missing:
        return None, made
    letters = sorted(character for character in missing if unicodedata.category(character).startswith("L"))
    if letters:
        raise Refused("conflict", _no_font(letters))
    # Marks that only change the look of another character are left out, what stands for itself is told in words.
    named = {character: _in_words(character) for character in missing}
    table = str.maketrans(named)
    title = request.book.title.translate(table).strip() or UNTITLED
    book = replace(request.book, title=title, author=request.book.author.translate(table))
    still, made = typeset(_typesetters(request, book, _told(blocks, table)))
    if still:
        raise ValueError("a character is neither shown nor replaced")
    told = ", ".join(sorted({name for name in named.values() if name})[:NAMED_LENGTH])
    return f"No font here has these characters; they are named in words: {told}." if told else None, made


Printer = Callable[[Request, list[int], list[Node]], tuple[str | None, bytes]]
PRINTERS: dict[str, Printer] = {"txt": _txt, "html": _html, "epub": _epub, "docx": _docx, "pdf": _pdf}


def _typesetters(request: Request, book: Book, blocks: list[Node]) -> dict[str, Any]:
    return {
        "system_fonts": request.system_fonts,
        "font_folders": fonts.folders(),
        "timestamp": book.midnight,
        "book": {
            "title": book.title,
            "authors": [book.author] if book.author else [],
            "colophon": book.colophon,
            "language": primary(book.language),
            "region": _region(book.language),
            "direction": book.direction,
            "families": fonts.families(book.language),
            "blocks": blocks,
            "year": book.date.year,
            "month": book.date.month,
            "day": book.date.day,
        },
    }


def _document(book: Book, version: list[int], blocks: list[Node]) -> Node:
    return {"pandoc-api-version": version, "meta": _metadata(book), "blocks": blocks}


def _written(request: Request, format: str, document: Node, *options: str) -> bytes:
    arguments = ["--from", "json", "--to", format, "--wrap", "none", *options]
    return _pandoc(request, arguments, json.dumps(document).encode())


def _pandoc(request: Request, arguments: Sequence[str], given: bytes) -> bytes:
    # --sandbox: pandoc reads the files that are named here, and no other, and asks no network. It is told of by its
    # exit code alone: its complaints may have the story's words in them, and go to a log.
    command = [request.pandoc, "--sandbox", *arguments, *PANDOC_MEMORY]
    unbound = None if sys.platform == "win32" else _unbound
    done = subprocess.run(  # noqa: S603  (our own words and paths, and no shell)
        command, input=given, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, preexec_fn=unbound
    )
    return done.stdout


_DATES = re.compile(
    rb'(<(?:meta property="dcterms:modified"|dcterms:(?:created|modified) xsi:type="dcterms:W3CDTF")>)[^<]*(?=<)'
)
_METADATA = ("EPUB/content.opf", "docProps/core.xml")


def _rewritten(made: bytes, book: Book) -> bytes:
    """An e-book or a document with our style sheet, its direction, and its dates: in its sandbox pandoc has no clock
    and reads no style sheet, and of a direction its e-books know nothing."""
    new_file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made)) as old, zipfile.ZipFile(new_file, "w") as new:
        # In the same order: an e-book's `mimetype` comes first, and uncompressed.
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith(".css"):
                content = (HERE / "story.css").read_bytes()
            elif entry.filename in _METADATA:
                # In there every `<` of a text is written otherwise.
                content = _DATES.sub(rb"\g<1>" + f"{book.date:%Y-%m-%d}T00:00:00Z".encode(), content)
            elif entry.filename.endswith(".xhtml"):
                content = content.replace(b"<html ", b'<html dir="%s" ' % book.direction.encode(), 1)
            entry.date_time = ZIP_BEGIN
            new.writestr(entry, content)
    return new_file.getvalue()


def _metadata(book: Book) -> Node:
    texts = {
        "title": book.title,
        "author": book.author,
        "lang": book.language,
        "dir": book.direction,
        "date": f"{book.date:%Y-%m-%d}",
        "generator": GENERATOR,
        "description": book.colophon,
        "identifier": f"urn:uuid:{book.id}",
        "contributor": GENERATOR,
    }
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


def _bound() -> None:
    """Sets what this process may use, where the system knows such limits."""
    with contextlib.suppress(ImportError):
        import resource

        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S, PROCESSOR_S))
        with contextlib.suppress(ValueError, OSError):
            _, hard = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, hard))


def _unbound() -> None:
    """For pandoc, which claims a terabyte of addresses and is bounded by its own runtime."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def _deeply(work: Callable[[], None]) -> int:
    """Does it where there is room for deep recursion; the exit code. What goes wrong is told without the text."""
    code = 1

    def run() -> None:
        nonlocal code
        try:
            work()
            code = 0
        except BaseException as error:
            frames = traceback.extract_tb(error.__traceback__)[-3:]
            where = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
            sys.stderr.write(f"{type(error).__name__} in {where}")

    sys.setrecursionlimit(FRAMES)
    threading.stack_size(STACK_BYTES)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return code
