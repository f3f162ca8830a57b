"""How long a text is: the database counts the words of what it keeps by itself as the service counts all others."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import AsyncIterator

import psycopg
import pytest

from coordinator.story.words import count_words
from tests.conftest import Database

TEXTS = [
    "",
    " \n\n\t ",
    "One.",
    "— * * * — 🕯️ ❤️ 1️⃣ …",
    "It’s a **well-being**, non\u00a0breaking,\u2003em\u3000ideographic\x1fand\x85next day.",
    "灯が消えた。彼女は海を見た。A lamp二つ。",
    "か\u3099 decomposed, e\u0301te\u0301 too, and \u0301alone",
    "สวัสดีชาวโลก hello ที่นี่ကမ္ဘာ",
    "हिन्दी में लिखा हुआ। Ελληνικά, русский, עברית, العربية, 한국어 문장",
    "x² ½ Ⅷ ① 𝟘 𐊧 𝒜",
    "_under_ __ _ snake_case",
]


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[psycopg.AsyncConnection[tuple[int]]]:
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as made:
        yield made  # type: ignore[misc]


async def counted(connection: psycopg.AsyncConnection[tuple[int]], text: str) -> int:
    row = await (await connection.execute("select public.count_words(%s)", (text,))).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
async def test_words_are_counted_alike(connection: psycopg.AsyncConnection[tuple[int]], text: str) -> None:
    assert await counted(connection, text) == count_words(text)


@pytest.mark.skipif(unicodedata.unidata_version != "14.0.0", reason="another Python knows other characters")
async def test_every_character_counts_alike(connection: psycopg.AsyncConnection[tuple[int]]) -> None:
    nothing = {"Cs", "Cn", "Co"}
    for first in range(0, sys.maxunicode, 1024):
        known = [
            chr(code) for code in range(first or 1, first + 1024) if unicodedata.category(chr(code)) not in nothing
        ]
        apart, joined = " ".join(known), "a" + "".join(known)
        assert await counted(connection, apart) == count_words(apart), hex(first)
        assert await counted(connection, joined) == count_words(joined), hex(first)


@pytest.mark.timeout(30)
async def test_a_megabyte_is_counted_in_a_moment(connection: psycopg.AsyncConnection[tuple[int]]) -> None:
    for piece in ("a", "a ", "— ", "灯", "สวัส ", "_", " "):
        text = piece * (1_000_000 // len(piece))
        assert await counted(connection, text) == count_words(text)
