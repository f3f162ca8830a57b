"""What the file of a book is called."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.export.book import disposition


@pytest.mark.parametrize(
    ("title", "simple", "whole"),
    [
        ("The Lamp & the Sea", "the-lamp-the-sea", "The%20Lamp%20%26%20the%20Sea"), ("L'été à Évian", "l-ete-a-evian", "L%27%C3%A9t%C3%A9"),
        ("明天的邮戳", "story", "%E6%98%8E"), ('../../etc/"passwd"\r\nX: y', "etc-passwd-x-y", ""), ("🐈", "story", "%F0%9F%90%88"), ("...", "story", "story"),
    ],
)  # fmt: skip
def test_a_file_is_named_by_its_title(title: str, simple: str, whole: str) -> None:
    header = disposition(title, "epub")
    assert header.isascii() and header.isprintable()
    assert f'filename="{simple}.epub"' in header and f"filename*=UTF-8''{whole}" in header and header.endswith(".epub")
    assert not re.search(r"\.\.|%2F|%22|%0D", header)


@given(st.text(max_size=300))
def test_any_title_names_a_file(title: str) -> None:
    header = disposition(title, "pdf")
    assert re.fullmatch(r"attachment; filename=\"[a-z0-9-]+\.pdf\"; filename\*=UTF-8''[A-Za-z0-9._~%-]+\.pdf", header)
