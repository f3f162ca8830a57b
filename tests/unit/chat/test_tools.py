"""What an agent asks of a tool is checked before anything is done."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.chat import tools
from coordinator.chat.title import LONGEST, first_title

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.sampled_from([*tools.ARGS, "nothing", ""]), JSON)
def test_any_arguments_are_taken_or_refused_in_a_sentence(tool: str, args: Any) -> None:
    found = tools.checked(tool, args)
    if isinstance(found, str):
        assert found.endswith(".") and len(found) < 2_000
    else:
        assert isinstance(found, tools.ARGS[tool])


@pytest.mark.parametrize(
    ("tool", "args", "wrong"),
    [
        ("look_up", {}, "query"),
        ("read_story", {"session_id": "x", "section": 0}, "section"),
        ("note", {"kind": "planet", "text": "It is far."}, "kind"),
        ("propose_story", {"prompt": ""}, "prompt"),
        ("propose_story", {"prompt": "A tale.", "pages": 1000}, "pages"),
        ("rm", {}, "There is no tool"),
    ],
)
def test_what_is_wrong_is_named(tool: str, args: dict[str, Any], wrong: str) -> None:
    found = tools.checked(tool, args)
    assert isinstance(found, str) and wrong in found


@given(st.text(max_size=3_000))
def test_a_first_title_is_one_short_line(text: str) -> None:
    title = first_title(text)
    assert 0 < len(title) <= LONGEST and "\n" not in title


def test_a_first_title_ends_between_two_words() -> None:
    assert first_title("A keeper finds that the light has been signalling something back to her").endswith("something…")
