"""Searching finds what a person would call the same words, whatever form their letters have, and never fails."""

from __future__ import annotations

import itertools
import string
import unicodedata
from typing import Any
from uuid import UUID

import pytest

from coordinator.errors import InvalidMessage
from coordinator.models import Identity
from coordinator.store import Store
from coordinator.store.sessions import Search
from coordinator.store.versions import Edit
from tests.store.test_store import create, step

FORMS = {
    "decomposed": ("La cafetera: un café en Málaga.", unicodedata.normalize("NFD", "café en málaga")),
    "composed": (unicodedata.normalize("NFD", "La cafetera: un café en Málaga."), "Café"),
    "final sigma": ("Ο μύθος του ΣΊΣΥΦΟΣ αρχίζει.", "σίσυφος"),
    "sigma within": ("Ο Σίσυφος ανεβαίνει.", "ΣΊΣΥΦΟΣ"),
    "Cyrillic": ("ЖУРАВЛИ летят на юг.", "журавли"),
    "sharp s": ("Die Straße war leer.", "STRASSE"),
    "dotted I": ("İstanbul'da bir gece.", "istanbul"),
    "ligature": ("The ﬁrst ofﬁce.", "first office"),
    "full width": ("ＦＵＬＬ ｗｉｄｔｈ ２０２６", "full width 2026"),
    "half-width kana": ("ｶﾀｶﾅの話", "カタカナ"),
    "no-break space": ("one\u00a0day \u2026 later", "one day ... later"),
    "soft hyphen": ("a light\u00adhouse at sea", "lighthouse"),
    "Georgian": ("\u10d0\u10d1\u10d2 \u10d3", "\u1c90\u1c91\u1c92"),
    "Deseret": ("\U00010428\U00010429", "\U00010400\U00010401"),
    "Hangul": (unicodedata.normalize("NFD", "한국어 이야기"), "한국어"),
}
"""What a text says, and what it is looked for by."""


def owner_of(writer: Identity) -> UUID:
    assert writer.user_id is not None
    return writer.user_id


async def found(store: Store, as_: Identity, owner: UUID | None, q: str) -> list[UUID]:
    return [session.id for session in (await store.sessions.search(as_, Search(owner=owner, q=q))).items]


@pytest.mark.parametrize("name", FORMS)
async def test_a_word_is_the_same_in_every_form(store: Store, user: Any, name: str) -> None:
    text, q = FORMS[name]
    writer, admin = await user(), await user(admin=True)
    session_id = (await create(store, writer, prompt=text)).session.id
    await create(store, writer, prompt="Nothing of the kind.")
    assert await found(store, writer, writer.user_id, q) == [session_id]
    assert await found(store, admin, None, q) == [session_id]


async def test_words_are_cut_at_every_mark(store: Store, user: Any) -> None:
    """Typographic marks too, which a database of locale C takes for letters; and a word is found by its beginning."""
    admin = await user(admin=True)
    text = "“Hello—world”… l’été «où»? 夜、鐘。bell🔔ring\u3000¿qué? e-mail: a.b@example.com/path don't"
    session_id = (await create(store, await user(), prompt=text)).session.id
    for q in (
        "hello",
        "world",
        "été",
        "où",
        "夜",
        "鐘",
        "ring",
        "qué",
        "mail",
        "example",
        "path",
        "hel wor",
        "don’t",
        "a.b@example.com",
        "E-MAIL",
    ):
        assert await found(store, admin, None, q) == [session_id], q
    for q in ("ello", "hello there", "path2"):
        assert await found(store, admin, None, q) == [], q


@pytest.mark.parametrize(
    "q",
    [
        "'",
        "a & b | !c",
        ":* <->",
        "\\",
        "%",
        "_",
        "\x00",
        "\u200b",
        "!!!",
        "…",
        " ",
        "x" * 10_000,
        "é" * 10_000,
        "a\u0301\u0323" * 5_000,
        "'a':* | b",
        "\U0010ffff",
        "\ud800",
    ],
    ids=ascii,
)
async def test_no_query_is_an_operator_or_an_error(store: Store, user: Any, q: str) -> None:
    writer, admin = await user(), await user(admin=True)
    await create(store, writer, prompt="Prose of letters and nothing else")
    expected = 1 if q == " " else 0
    assert len(await found(store, writer, writer.user_id, q)) == expected
    assert len(await found(store, admin, None, q)) == 0


def _four_letter_words() -> str:
    words = ("".join(letters) for letters in itertools.product(string.ascii_lowercase, repeat=4))
    return " ".join(itertools.islice(words, 198_000))


def _all_of_unicode() -> str:
    return "".join(chr(code) for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000)


TEXTS = {
    "different words": _four_letter_words,
    "one word": lambda: "x" * 1_000_000,
    "all of Unicode": lambda: _all_of_unicode()[:247_000],
    "the rest of Unicode": lambda: _all_of_unicode()[247_000:494_000],
    "what grows eighteenfold": lambda: "\ufdfa" * 330_000,
    "words that grow fivefold": lambda: (
        " ".join(chr(0x3300 + one) + chr(0x3300 + other) for one in range(88) for other in range(88)) * 15
    ),
    # normalize() takes hours for this.
    "combining marks": lambda: "a" + "\u0301\u0323" * 240_000,
    "hyphens": lambda: "a-" * 499_000,
    "tags": lambda: "<" * 990_000,
    "paths": lambda: "/a.b" * 247_000,
}


@pytest.mark.parametrize("name", TEXTS)
async def test_a_story_of_any_text_completes_is_edited_and_searched(store: Store, user: Any, name: str) -> None:
    """What a text's words come to is bounded: the index never refuses a story."""
    text = TEXTS[name]()
    writer, admin = await user(), await user(admin=True)
    session_id = (await create(store, writer)).session.id
    seq = (await store.runs.begin(session_id, "node")).events[-1]["seq"]
    draft = {"content": text, "word_count": 1, "current": True}
    await store.runs.finish_step(session_id, 1, [], step(session_id, "draft-1", seq, draft=draft))
    done = await store.runs.complete(session_id, None, 1)
    assert done.session.status == "completed"
    await store.versions.edit(
        session_id, owner_of(writer), Edit(base_version=1, content="Aardvark " + text, word_count=2)
    )
    assert await found(store, admin, None, "aardvark") == [session_id]
    assert await found(store, writer, writer.user_id, "no such words anywhere") == []


async def test_a_text_is_searched_by_its_first_words_in_all_and_whole_by_its_writer(store: Store, user: Any) -> None:
    text = "lamp " * 50_000 + "zebra"
    writer, admin = await user(), await user(admin=True)
    session_id = (await create(store, writer)).session.id
    seq = (await store.runs.begin(session_id, "node")).events[-1]["seq"]
    draft = {"content": text, "word_count": 1, "current": True}
    await store.runs.finish_step(session_id, 1, [], step(session_id, "draft-1", seq, draft=draft))
    await store.runs.complete(session_id, None, 1)
    assert await found(store, admin, None, "lamp") == [session_id]
    assert await found(store, admin, None, "zebra") == []
    assert await found(store, writer, writer.user_id, "zebra") == [session_id]


async def test_cursors_stand_in_an_address_as_they_are(store: Store, user: Any) -> None:
    writer = await user()
    made = [(await create(store, writer)).session.id for _ in range(3)]
    page = await store.sessions.search(writer, Search(owner=writer.user_id, limit=2))
    assert page.next_cursor and set(page.next_cursor) <= set(string.ascii_letters + string.digits + "-_")
    rest = await store.sessions.search(writer, Search(owner=writer.user_id, cursor=page.next_cursor))
    assert [session.id for session in rest.items] == made[:1]
    last = page.items[-1]
    before = f"{last.last_activity_at.isoformat()}~{last.id}"
    assert (await store.sessions.search(writer, Search(owner=writer.user_id, cursor=before))).items == rest.items
    for wrong in ("", "0", "x-y", f"{'9' * 19}-{last.id.hex}", "~" * 199, "1-" + "g" * 32):
        with pytest.raises(InvalidMessage, match="cursor"):
            await store.sessions.search(writer, Search(owner=writer.user_id, cursor=wrong))
