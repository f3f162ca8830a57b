"""What any text from outside becomes before it is counted and kept."""

from __future__ import annotations

import time
from xml.etree import ElementTree

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from coordinator.models import StoryConfig
from coordinator.storable import one_line, storable
from tests.conftest import Database

ANY = st.text(st.characters(exclude_categories=[]), max_size=40)
"""Lone surrogates, noncharacters and control characters among them."""


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\x00b", "ab"),
        ("\x00", ""),
        ("\ud83d\ude00", "😀"),
        ("a\ud83d", "a\ufffd"),
        ("\ude00b", "\ufffdb"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\x0bb\x0cc\x85d", "a\nb\nc\nd"),
        ("\x1b[31mred\x9b", "[31mred"),
        ("\ufffe\uffff\ufdd0\U0001fffe\U0010ffff", ""),
        ("\ta\n", "\ta\n"),
        ("e\u0301 👩‍👩‍👧 می‌خواهم", "e\u0301 👩‍👩‍👧 می‌خواهم"),
    ],
)
def test_what_can_not_be_kept_goes_and_all_else_stays(text: str, kept: str) -> None:
    assert storable(text) == kept


@given(ANY)
def test_again_it_changes_nothing_and_every_reader_takes_it(text: str) -> None:
    kept = storable(text)
    assert storable(kept) == kept and len(kept) <= len(text)
    assert kept.encode().decode() == kept
    escaped = kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert ElementTree.fromstring(f"<a>{escaped}</a>").text in (kept, None)


@given(ANY)
def test_one_line_is_one(text: str) -> None:
    line = one_line(text)
    assert line == one_line(line) == storable(line) == line.strip() and len(line.splitlines()) <= 1


def test_length_is_counted_after_it() -> None:
    with pytest.raises(ValidationError):
        StoryConfig(protagonist="\x00")
    assert StoryConfig(protagonist="\x00" * 500 + "Ada").protagonist == "Ada"
    assert StoryConfig(tone=" wry,\n\tand  dry").tone == "wry, and  dry"


@pytest.mark.parametrize(
    "text", ["\x00\r" * 500_000, "\ud800" * 1_000_000, "\ude00\ud83d" * 500_000, "\x85 " * 500_000]
)
def test_a_megabyte_takes_no_time(text: str) -> None:
    begun = time.thread_time()
    storable(text)
    one_line(text)
    assert time.thread_time() - begun < 1


async def test_postgresql_keeps_it_as_it_is(database: Database) -> None:
    every = storable("".join(map(chr, range(0x110000))))
    assert len(every) > 0x110000 - 2048
    async with await psycopg.AsyncConnection.connect(database.admin_url) as connection:
        row = await (
            await connection.execute("select %s::text, to_jsonb(%s::text) #>> '{}'", [every, every])
        ).fetchone()
    assert row == (every, every)
