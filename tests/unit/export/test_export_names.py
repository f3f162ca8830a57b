"""What the file of a book is called."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.export.book import disposition


@pytest.mark.parametrize(
    ("title", "simple", "whole"),
    [
        ("The Lamp & the Sea", "the-lamp-the-sea", "The%20Lamp%20%26%20the%20Sea"),
        ("L'été à Évian", "l-ete-a-evian", "L%27%C3%A9t%C3%A9"),
        ("明天的邮戳", "story", "%E6%98%8E"),
        ('../../etc/"passwd"\r\nX: y', "etc-passwd-x-y", ""),
        ("🐈", "story", "%F0%9F%90%88"),
        ("...", "story", "story"),
    ],
)
def test_a_file_is_named_by_its_title(title: str, simple: str, whole: str) -> None:
    header = disposition(title, "epub")
    assert header.isascii() and header.isprintable()
    assert f'filename="{simple}.epub"' in header and f"filename*=UTF-8''{whole}" in header and header.endswith(".epub")
    assert not re.search(r"\.\.|%2F|%22|%0D", header)


@given(st.text(max_size=300))
def test_any_title_names_a_file(title: str) -> None:
    header = disposition(title, "pdf")
    assert re.fullmatch(r"attachment; filename=\"[a-z0-9-]+\.pdf\"; filename\*=UTF-8''[A-Za-z0-9._~%-]+\.pdf", header)


@pytest.mark.parametrize(
    "title",
    [
        "ш" * 200,
        "🐈" * 200,
        "夜" * 200,
        "a" * 200,
        "e\u0301" * 100,
        "👩\u200d👩\u200d👧" * 40,
        "ﷺ" * 200,
        "\u0301" * 200,
        ".",
    ],
    ids=ascii,
)
def test_a_name_is_short_in_bytes_and_cut_at_a_character(title: str) -> None:
    for extension in ("md", "docx"):
        name = named(title, extension)
        assert len(name.encode()) <= 200 and name.endswith(f".{extension}")
        stem = name.removesuffix(f".{extension}")
        assert stem == "story" or (unicodedata.normalize("NFC", title).startswith(stem) and len(stem.encode()) > 150)
        # No letter without its accent, and no half of a family.
        assert not stem.endswith(("e", "\u200d")) and not stem.startswith("\u0301")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("CON", "CON-.txt"),
        ("con.tains", "con.tains-.txt"),
        ("Nul", "Nul-.txt"),
        ("COM1", "COM1-.txt"),
        ("LPT¹ x", "LPT¹ x-.txt"),
        ("Conrad", "Conrad.txt"),
        (".hidden", "hidden.txt"),
        ("~root", "root.txt"),
        ("a\u202etxt.exe", "a txt.exe.txt"),
        ("\u2067x\u2069", "x.txt"),
        ("tab\there\x00\x7f\x85", "tab here.txt"),
        ("a/b\\c:d", "a b c d.txt"),
        ("می\u200cشود", "می\u200cشود.txt"),
        ("\ud800x", "x.txt"),
        ("\ufeffx\ufffe", "x.txt"),
        ("x. . .", "x.txt"),
    ],
    ids=ascii,
)
def test_a_name_means_nothing_to_a_machine(title: str, name: str) -> None:
    assert named(title, "txt") == name
    assert disposition(title, "txt").partition("; filename*")[0] not in ('attachment; filename="con.txt"', "nul")


def named(title: str, extension: str) -> str:
    return unquote(disposition(title, extension).partition("UTF-8''")[2])
