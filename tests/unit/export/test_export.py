"""Books: what is in a file of each format, read back out of it; and what a story must not make the press do."""

from __future__ import annotations

import asyncio
import io
import re
import subprocess
import time
import zipfile
from datetime import date
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pypandoc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from coordinator.errors import Conflict, Internal, TooLarge
from coordinator.export import printing
from coordinator.export.book import Book, clean
from coordinator.export.language import is_right_to_left, quotes
from coordinator.export.press import CONTENT_CHARACTERS, FORMATS, Format, Press
from coordinator.export.tree import READER, safe
from coordinator.story.language import language_of

BOOKS: tuple[Format, ...] = ("md", "txt", "html", "epub", "docx", "pdf")
ENGLISH = """# The Lamp

"It's late," she said -- and *the light* went **out**.

The keeper counted the beam as it turned, and the beam counted back.

***

> Nobody on the shore could hear a word of it.

1. one lamp
2. two lamps

## After

The sea kept still.
"""
CHINESE = "一个邮递员收到一封写给自己的信，邮戳是明天。\n\n他说：“走吧。”\n\n***\n\n街上下着雨，灯一盏一盏地亮起来。"
ARABIC = "وجد الصياد مفتاحا في بطن سمكة، فنظر إليه طويلا.\n\n***\n\nوكان البحر هادئا كأنه ينتظر."
EMOJI = "The cat 🐈 sat in the rain 🌧️ under the clock 🕰️.\n\nThe end."
ATTACK = """---
title: from the metadata
header-includes: <script>alert(0)</script>
---

#read("/etc/passwd") #image("/etc/hostname.png") `#read("/etc/passwd")` $#sys.inputs$ @cite <label>

\\input{/etc/passwd} \\include{x} $$\\immediate\\write18{id}$$

<script>alert(1)</script> <img src=x onerror=alert(2)> ![a picture](http://127.0.0.1:9/cat.png) ![](file:///etc/passwd)

[a link](javascript:alert(3)) <https://example.com/> [^1] ^[an inline note] {.class onclick=x}

<iframe src="http://127.0.0.1:9/"></iframe>

```{=html}
<b>raw html</b>
```

```{=openxml}
<w:p/>
```

::: {.include file=/etc/passwd}
:::

[^1]: A note that vanishes.
[ref]: http://127.0.0.1:9/
{{< include /etc/passwd >}}
"""


def book(
    content: str = ENGLISH, title: str = "The Lamp", author: str = "Ada Writer", language: str | None = None
) -> Book:
    tag = language_of(language, f"{title}\n{content}")
    return Book(UUID(int=7), title, author, tag, "offline:storyteller", date(2026, 11, 21), clean(content))


@pytest.fixture
async def press() -> Any:
    made = Press(system_fonts=False)
    yield made
    made.close()


def files(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def text_of(content: bytes, format: str) -> str:
    """The words of a file, as its reader has them before them."""
    if format in ("md", "txt"):
        return content.decode()
    if format == "pdf":
        return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
    if format == "html":
        return _plain(re.sub(r"<head>.*?</head>", "", content.decode(), flags=re.DOTALL))
    inside = files(content)
    if format == "docx":
        document = ElementTree.fromstring(inside["word/document.xml"])
        namespace = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
        return "\n".join("".join(node.itertext()) for node in document.iter(f"{namespace}p"))
    spine = re.findall(r'<itemref idref="([^"]+)"', inside["EPUB/content.opf"].decode())
    pages = [re.search(rf'<item id="{name}"[^>]*href="([^"]+)"', inside["EPUB/content.opf"].decode()) for name in spine]
    return "\n".join(_plain(inside[f"EPUB/{page[1]}"].decode()) for page in pages if page)


def _plain(html: str) -> str:
    root = ElementTree.fromstring(re.sub(r"<!DOCTYPE[^>]*>|<meta[^>]*>", "", html))
    body = root.find(".//{http://www.w3.org/1999/xhtml}body")
    return "\n".join((body if body is not None else root.find("body") or root).itertext())


def squeezed(text: str) -> str:
    """Without what a line break or a page break changes."""
    return re.sub(r"[\s\u00ad\u200b-\u200f\u2066-\u2069-]", "", text)


# -- The text is whole, in every format -------------------------------------------------------------------------------


@pytest.mark.parametrize("format", BOOKS)
async def test_every_word_of_the_story_is_in_the_file_and_none_twice(press: Press, format: Format) -> None:
    content = "\n\n".join(
        f"Paragraph {number} of the tale, in which the bell numbered b{number}b rang {'and rang ' * (number % 17)}once."
        for number in range(400)
    )
    text = text_of((await press.printed(book(content), format)).content, format)
    assert re.findall(r"b(\d+)b", text) == [str(number) for number in range(400)]
    assert squeezed(text).count("The") >= 1
    assert squeezed(content) in re.sub(r"(?<=once\.)\d+(?=Paragraph)", "", squeezed(_unpaged(text)))


def _unpaged(text: str) -> str:
    """Without the page numbers that stand on lines of their own."""
    return re.sub(r"(?m)^\d+$", "", text)


@pytest.mark.parametrize("format", BOOKS)
async def test_what_stands_in_a_story_stands_in_its_book(press: Press, format: Format) -> None:
    text = squeezed(text_of((await press.printed(book(), format)).content, format))
    for sentence in (
        "the beam counted back.",
        "Nobody on the shore could hear a word of it.",
        "two lamps",
        "The sea kept still.",
    ):
        assert squeezed(sentence) in text
    # A heading that repeats the title is left out; an e-book has its title page, and begins with the title.
    assert text.count("TheLamp") == (2 if format == "epub" else 1)
    if format != "md":
        assert "AdaWriter" in text and '"' not in text and "#" not in text
        assert squeezed("“It’s late,” she said –") in text and "thelightwentout." in text


@pytest.mark.parametrize("format", BOOKS)
@pytest.mark.parametrize(("content", "title"), [(CHINESE, "明天的邮戳"), (ARABIC, "مفتاح")], ids=["zh", "ar"])
async def test_other_scripts_come_out_whole(press: Press, format: Format, content: str, title: str) -> None:
    printed = await press.printed(book(content, title, author=""), format)
    assert printed.note is None
    text = text_of(printed.content, format)
    if format == "pdf" and title == "مفتاح":
        # What a viewer copies out of a line from right to left depends on its own guesses: letters are counted.
        wanted = sorted(re.sub(r"[^\u0621-\u064a]", "", content))
        found = sorted(re.sub(r"[^\u0621-\u064a]", "", text.replace(title, "", 1)))
        assert len(found) >= len(wanted) and not [letter for letter in wanted if letter not in found]
        return
    for line in content.split("\n\n"):
        if line != "***":
            assert squeezed(line) in squeezed(text)


# -- Books are set as books -------------------------------------------------------------------------------------------


async def test_a_pdf_has_a_title_page_numbers_language_and_honest_metadata(press: Press) -> None:
    content = "\n\n".join(
        ["The keeper counted the beam, and the beam counted back, all night long and every night."] * 120
    )
    made = (await press.printed(book(content), "pdf")).content
    reader = PdfReader(io.BytesIO(made))
    assert len(reader.pages) > 4
    title_page, *pages = [page.extract_text() for page in reader.pages]
    assert " ".join(title_page.split()) == "The Lamp Ada Writer Storyloom · offline:storyteller · 2026-11-21"
    assert [page.split("\n")[-1].strip() for page in pages] == [str(number) for number in range(1, len(pages) + 1)]
    about = reader.metadata
    assert about is not None and about.title == "The Lamp" and about.author == "Ada Writer"
    assert "offline:storyteller" in str(about.subject) and "Storyloom" in str(about.subject)
    assert about.creation_date is not None and about.creation_date.date() == date(2026, 11, 21)
    catalog: Any = reader.trailer["/Root"]
    assert str(catalog["/Lang"]).startswith("en") and catalog["/MarkInfo"]["/Marked"]
    box = reader.pages[0].mediabox
    assert (round(float(box.width)), round(float(box.height))) == (420, 595)
    # Every font is within the file.
    for page in reader.pages:
        fonts: Any = page["/Resources"]["/Font"]  # type: ignore[index]
        for font in fonts.values():
            descriptor = font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"]
            assert {"/FontFile2", "/FontFile3"} & set(descriptor.get_object())


async def test_a_word_document_has_pages_styles_and_metadata(press: Press) -> None:
    inside = files((await press.printed(book(), "docx")).content)
    for name, content in inside.items():
        if name.endswith((".xml", ".rels")):
            ElementTree.fromstring(content)
    core = inside["docProps/core.xml"].decode()
    assert "<dc:title>The Lamp<" in core and "<dc:creator>Ada Writer<" in core and "<dc:language>en<" in core
    assert "offline:storyteller" in core and "1970" not in core
    document = inside["word/document.xml"].decode()
    assert "<w:titlePg" in document and 'r:id="rIdPage"' in document
    assert " PAGE " in inside["word/pagenumber.xml"].decode()
    assert "pagenumber.xml" in inside["[Content_Types].xml"].decode()
    styles = re.findall(r'<w:pStyle w:val="(\w+)"', document)
    assert styles[:4] == ["Title", "Author", "Colophon", "FirstParagraph"] and "SceneBreak" in styles
    assert set(styles) <= set(re.findall(r'w:styleId="(\w+)"', inside["word/styles.xml"].decode()))


async def test_a_word_document_from_right_to_left_is_one(press: Press) -> None:
    document = files((await press.printed(book(ARABIC, "مفتاح"), "docx")).content)["word/document.xml"].decode()
    paragraphs = re.findall(r"<w:p>.*?</w:p>", document, flags=re.DOTALL)
    told = [paragraph for paragraph in paragraphs if "الصياد" in paragraph]
    assert told and all("<w:bidi" in paragraph and "<w:rtl" in paragraph for paragraph in told)


async def test_an_e_book_is_well_formed_and_says_what_it_is(press: Press) -> None:
    made = (await press.printed(book(), "epub")).content
    inside = files(made)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
    assert inside["mimetype"] == b"application/epub+zip"
    for name, content in inside.items():
        if name.endswith((".xml", ".opf", ".xhtml", ".ncx")):
            ElementTree.fromstring(content)
    package = inside["EPUB/content.opf"].decode()
    for told in (
        ">The Lamp<",
        ">Ada Writer<",
        "<dc:language>en<",
        f"urn:uuid:{UUID(int=7)}",
        "offline:storyteller",
        ">Storyloom<",
    ):
        assert told in package
    assert "1970" not in package and re.search(r"<dc:date[^>]*>2026-11-21<", package)
    assert "text-indent" in inside["EPUB/styles/stylesheet1.css"].decode()
    hebrew = files((await press.printed(book(ARABIC, "مفتاح"), "epub")).content)
    assert 'page-progression-direction="rtl"' in hebrew["EPUB/content.opf"].decode()
    assert 'dir="rtl"' in hebrew["EPUB/text/ch001.xhtml"].decode()


@pytest.mark.parametrize(
    ("content", "lang", "direction"), [(ENGLISH, "en", "ltr"), (ARABIC, "ar", "rtl"), (CHINESE, "zh", "ltr")]
)
async def test_a_page_has_its_language_direction_and_no_way_out(
    press: Press, content: str, lang: str, direction: str
) -> None:
    page = (await press.printed(book(content, "T"), "html")).content.decode()
    assert f'<html lang="{lang}" dir="{direction}">' in page and '<meta name="generator" content="Storyloom">' in page
    assert "default-src 'none'" in page and "<title>T</title>" in page and "offline:storyteller" in page
    assert not re.search(r"<(script|link|img|iframe|object)|url\(|@import|https?://", page)


@pytest.mark.parametrize("format", ["txt", "html", "epub", "docx", "pdf"])
async def test_quotation_marks_are_those_of_the_language(press: Press, format: Format) -> None:
    for language, wanted in (
        ("German", "„Spät“"),
        ("fr", "«\u202fSpät\u202f»"),
        ("Japanese", "「Spät」"),
        ("en", "“Spät”"),
    ):
        text = text_of((await press.printed(book('"Spät"', language=language), format)).content, format)
        assert squeezed(wanted) in squeezed(text), language


# -- A story is text, whatever stands in it ---------------------------------------------------------------------------


@pytest.mark.parametrize("format", BOOKS)
async def test_nothing_in_a_story_is_run_or_fetched(press: Press, format: Format) -> None:
    made = (await press.printed(book(ATTACK, '<b>#panic("x")</b> & "quotes" $x$', "<i>A</i>"), format)).content
    text = squeezed(text_of(made, format))
    for told in (
        "<script>alert(1)</script>",
        "onerror=alert(2)",
        "\\input{/etc/passwd}",
        "http://127.0.0.1:9/cat.png",
        "an inline note",
        "file:///etc/passwd",
        "javascript:alert(3)",
        "<iframe",
        "<b>raw html</b>",
        "Anotethatvanishes",
        "<w:p/>",
        "from the metadata",
        "{{< include",
    ):
        assert squeezed(told) in text, told
    assert re.search(r"#read\([\"“]/etc/passwd[\"”]\)", text)
    assert "root:" not in text
    if format == "md":
        return
    markup = made.decode() if format in ("html", "txt") else _markup(made, format)
    if format != "txt":
        assert not re.search(
            r"<(script|iframe|img|object|link [^>]*href=\"http|a [^>]*href=\"(?!#|text/|\w+\.xhtml))", markup
        )
        assert "r:embed" not in markup and 'TargetMode="External"' not in markup


def _markup(made: bytes, format: str) -> str:
    if format == "pdf":
        reader = PdfReader(io.BytesIO(made))
        assert not [page for page in reader.pages if "/Annots" in page or "/AA" in page]
        assert not {"/OpenAction", "/AA", "/AcroForm"} & set(reader.trailer["/Root"]) and not reader.attachments  # type: ignore[call-overload]
        return ""
    names = ("text/", "document.xml")
    return "".join(content.decode() for name, content in files(made).items() if any(part in name for part in names))


async def test_a_process_of_the_press_has_no_secret_and_no_network(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORYLOOM_JWT_SECRET", "a secret")
    started = []
    real = asyncio.create_subprocess_exec

    async def spying(*command: str, **options: Any) -> Any:
        started.append((command, options["env"]))
        return await real(*command, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spying)
    for format in BOOKS:
        await press.printed(book(), format)
    assert len(started) == len(BOOKS), "one a book, none for md, and one for the reference of docx"
    for _, environment in started:
        assert "a secret" not in str(environment) and not [name for name in environment if name.startswith("STORYLOOM")]


def test_pandoc_reads_in_its_sandbox_and_with_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []
    real = subprocess.run

    def spying(command: list[str], **options: Any) -> Any:
        commands.append(command)
        return real(command, **options)

    monkeypatch.setattr(subprocess, "run", spying)
    for format in ("txt", "html", "epub"):
        printing.printed(printing.Request(book(), format, plain=False, pandoc=pypandoc.get_pandoc_path()))
    assert len(commands) == 6
    for command in commands:
        assert "--sandbox" in command and "-M1G" in command
        assert "--extract-media" not in command and "--self-contained" not in command and "--filter" not in command


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.one_of(st.characters(), st.sampled_from("#*_`[]()<>!&$\\{}|~^\"'-\n :=@")), max_size=300))
async def test_any_text_at_all_becomes_a_book(press: Press, text: str) -> None:
    await _printed_in_every_format(press, book(text, title=" ".join(clean(text[:40]).split()) or "T", author=""))


async def _printed_in_every_format(press: Press, made: Book) -> dict[str, bytes]:
    found = {"txt": (await press.printed(made, "txt")).content}
    book_formats: tuple[Format, ...] = ("html", "epub", "docx")
    for format in book_formats:
        printed = (await press.printed(made, format)).content
        found[format] = printed
        if format != "html":
            for name, content in files(printed).items():
                if name.endswith((".xml", ".xhtml", ".opf")):
                    ElementTree.fromstring(content)
    try:
        found["pdf"] = (await press.printed(made, "pdf")).content
        assert found["pdf"].startswith(b"%PDF-")
    except Conflict as error:
        assert "font" in error.message
    return found


# -- Markdown that no converter was made for ----------------------------------------------------------------------------

HOSTILE = {
    "asterisks": "*" * 1000 + "x" + "*" * 1000,
    "a thousand asterisks alone": "*" * 1000,
    "twenty quotations": ">" * 20 + " x",
    "a thousand quotations": "> " * 1000 + "x",
    "lists": "".join("  " * depth + "- a\n" for depth in range(100)) + "x",
    "numbers": "1. " * 500 + "x",
    "quotations in lists": "- > " * 300 + "x",
    "brackets": "[" * 20_000 + "x",
    "brackets and back": "[" * 2_000 + "x" + "](u)" * 2_000,
    "pictures in links": "[![" * 40 + "x" + "](u)](u)" * 40,
    "code": "".join("`" * count + "x" for count in range(1, 300)),
    "emphasis of both kinds": "**a *b _c __d ~~e " * 500 + "x",
    "a table": "|" + "a|" * 40 + "\n|" + "-|" * 40 + "\n" + "|x|\n" * 100,
    "tags": "<a" * 20_000 + "x",
    "entities": "&amp" * 5_000 + "&#1114112;x",
    "rules": "***\n" * 3_000 + "x",
    "headings": "#" * 6 + " x\n" + "######\n" * 3_000,
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_no_text_breaks_the_press(press: Press, name: str, long: bool) -> None:
    if list(HOSTILE).index(name) % 3 and not long:
        pytest.skip("in the long form")
    made = await _printed_in_every_format(press, book(HOSTILE[name]))
    assert set(made) == {"txt", "html", "epub", "docx", "pdf"}
    if "x" in HOSTILE[name]:
        for format, content in made.items():
            assert "x" in text_of(content, format), format


DEEP = st.recursive(
    st.text(st.sampled_from("abc *_`[]()<>#|~\\\n-"), max_size=20),
    lambda inner: st.one_of(
        st.tuples(
            st.sampled_from(["> ", "- ", "1. ", "*", "**", "~~", "[", "![", "<b>", "| ", "    "]),
            st.integers(1, 80),
            inner,
        ).map(lambda made: made[0] * made[1] + made[2]),
        st.tuples(inner, st.sampled_from(["\n", "\n\n", "](u)", "*", "</b>", "|\n|-|\n|"]), inner).map("".join),
    ),
    max_leaves=12,
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DEEP)
async def test_no_nesting_breaks_the_press(press: Press, text: str) -> None:
    assert len(await _printed_in_every_format(press, book(text))) == 5


@pytest.mark.parametrize("format", FORMATS)
async def test_what_no_converter_takes_is_printed_as_it_stands(format: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    press = Press(system_fonts=False)
    real = Press._print
    tried = []

    async def failing(self: Press, made: Book, format: Format, *, plain: bool) -> Any:
        tried.append(plain)
        if not plain:
            raise Internal("pandoc had enough.")
        return await real(self, made, format, plain=plain)

    monkeypatch.setattr(Press, "_print", failing)
    printed = await press.printed(book("*One*  \n> two\n\n\n- <three> & four\n\n" + "long " * 5_000), format)
    text = squeezed(text_of(printed.content, format))
    assert squeezed("*One*") in text and ">two" in text and "<three>&four" in text and text.count("long") == 5_000
    assert printed.note is None if format == "md" else printed.note and "as it was written" in printed.note
    press.close()


@pytest.mark.parametrize("format", FORMATS)
async def test_the_same_story_is_the_same_file_and_its_text_is_never_touched(press: Press, format: Format) -> None:
    """Dates are set where a format keeps them, and nowhere else."""
    text = "The log said 1970-01-01T00:00:00Z.\n\n<html lang='x'> <dcterms:modified>1970-01-01T00:00:00Z</dcterms:modified>"
    made = (await press.printed(book(text, "<html 1970-01-01T00:00:00Z>"), format)).content
    shown = squeezed(text_of(made, format))
    for told in ("saidNOW.", "<htmllang=", "<dcterms:modified>NOW</dcterms:modified>"):
        told = told.replace("NOW", "1970-01-01T00:00:00Z").replace("-", "" if format != "md" else "-")
        assert squeezed(told) in shown.replace("’", "'").replace("“", '"'), told
    await asyncio.sleep(1.1 if format in ("epub", "docx") else 0)
    assert (await press.printed(book(text, "<html 1970-01-01T00:00:00Z>"), format)).content == made
    if format in ("epub", "docx"):
        name, dates = ("EPUB/content.opf", 1) if format == "epub" else ("docProps/core.xml", 2)
        metadata = files(made)[name].decode()
        assert metadata.count(">2026-11-21T00:00:00Z<") == dates
        assert "&lt;html 1970-01-01T00:00:00Z&gt;" in metadata


# -- Fonts ------------------------------------------------------------------------------------------------------------


async def test_a_script_without_a_font_is_refused_by_name(press: Press) -> None:
    with pytest.raises(Conflict, match=r"no font.*Thai.*epub"):
        await press.printed(book("นาฬิกาเดินถอยหลังทุกคืน", "นาฬิกา"), "pdf")
    # The other formats are shown with the fonts of whoever reads them.
    assert "นาฬิกา" in text_of((await press.printed(book("นาฬิกา"), "docx")).content, "docx")


async def test_a_picture_without_a_font_is_named_and_told_of(press: Press) -> None:
    printed = await press.printed(book(EMOJI, "🐈 = ?"), "pdf")
    text = squeezed(text_of(printed.content, "pdf"))
    assert squeezed("The cat [cat] sat in the rain [cloud with rain] under the clock [mantelpiece clock].") in text
    assert squeezed("[cat] = ?") in text and "�" not in text
    assert printed.note is not None and "[mantelpiece clock]" in printed.note
    for format in ("txt", "html", "epub", "docx"):
        other = await press.printed(book(EMOJI), format)
        assert "🌧" in text_of(other.content, format) and other.note is None


# -- Bounds -----------------------------------------------------------------------------------------------------------


async def test_a_text_beyond_measure_is_refused_and_still_to_be_had(press: Press) -> None:
    huge = book("a " * (CONTENT_CHARACTERS // 2 + 1))
    with pytest.raises(TooLarge, match="md"):
        await press.printed(huge, "docx")
    assert len((await press.printed(huge, "md")).content) > CONTENT_CHARACTERS


async def test_a_press_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    processes = []
    real = asyncio.create_subprocess_exec

    async def stuck(*command: str, **options: Any) -> Any:
        processes.append(await real("sleep", "60", **options))
        return processes[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", stuck)
    press = Press(time_s=0.3)
    begun = time.monotonic()
    with pytest.raises(TooLarge, match="took over"):
        await press.printed(book(), "pdf")
    assert time.monotonic() - begun < 10
    assert processes and all(process.returncode is not None for process in processes)
    press.close()


async def test_who_goes_away_takes_the_process_along(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()
    processes = []
    real = asyncio.create_subprocess_exec

    async def stuck(*command: str, **options: Any) -> Any:
        processes.append(await real("sleep", "60", **options))
        begun.set()
        return processes[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", stuck)
    task = asyncio.ensure_future(Press().printed(book(), "epub"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert processes[0].returncode is not None


# -- Decisions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "text", "tag"),
    [
        ("French", "Once", "fr"),
        ("pt-BR", "", "pt-BR"),
        ("Simplified Chinese", "", "zh"),
        ("中文", "", "zh"),
        ("  de ", "", "de"),
        ("the one of pirates", "The sea and the sky.", "en"),
        (None, CHINESE, "zh"),
        (None, ARABIC, "ar"),
        (None, EMOJI, "en"),
        (None, "これは物語です。", "ja"),
        (None, "이것은 이야기이다", "ko"),
        (None, "שלום עולם", "he"),
        (None, "Это рассказ", "ru"),
        (None, "Це їжак і їхній ліс", "uk"),
        (None, "Un vieil horloger répare une montre avec les doigts.", "fr"),
        (None, "Der Mann und die Frau, nicht das Kind.", "de"),
        (None, "12345", "en"),
        (None, "", "en"),
    ],
)
def test_the_language_is_the_wish_or_what_the_letters_tell(wanted: str | None, text: str, tag: str) -> None:
    assert language_of(wanted, text) == tag
    assert is_right_to_left(tag) == (tag in ("ar", "he")) and len(quotes(tag)) == 4


def test_every_kind_of_block_that_the_reader_knows_is_known_here() -> None:
    tree = pypandoc.convert_text(
        ENGLISH + ATTACK + "\n| a | b |\n|---|---|\n| 1 | ~~2~~ |\n\n    code\n", "json", READER
    )
    import json

    blocks = safe(json.loads(tree)["blocks"], "The Lamp", "en")
    assert {block["t"] for block in blocks} >= {
        "Para",
        "Header",
        "HorizontalRule",
        "BlockQuote",
        "OrderedList",
        "Table",
    }
    assert "Raw" not in str(blocks) and set(FORMATS) == set(BOOKS)
