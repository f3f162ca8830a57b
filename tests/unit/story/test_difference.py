"""What is different between two texts: nothing is lost on the way, changes are small, and it never takes long."""

from __future__ import annotations

import random
import time

from hypothesis import given
from hypothesis import strategies as st

from coordinator.story.alignment import Budget, opcodes
from coordinator.story.difference import MOST_BLOCKS, MOST_CHANGES, Block, difference

TEXTS = st.lists(
    st.text(st.sampled_from("ab.\n 山"), max_size=8) | st.sampled_from(["\n\n", "It rang all night.", "Nobody came."]),
    max_size=12,
).map("".join)


def check_whole(old: str, new: str) -> list[Block]:
    blocks = difference(old, new)
    assert "".join(block.from_text for block in blocks) == old
    assert "".join(block.to_text for block in blocks) == new
    for block in blocks:
        assert block.op != "equal" or block.from_text == block.to_text != ""
        assert block.op != "insert" or (block.from_text == "" != block.to_text)
        assert block.op != "delete" or (block.to_text == "" != block.from_text)
        assert (block.changes is not None) == (block.op == "replace")
        if block.changes is not None:
            assert "".join(change.from_text for change in block.changes) == block.from_text != block.to_text
            assert "".join(change.to_text for change in block.changes) == block.to_text
            assert all((change.op == "equal") == (change.from_text == change.to_text) for change in block.changes)
    return blocks


@given(TEXTS, TEXTS)
def test_both_versions_can_be_put_together_again(old: str, new: str) -> None:
    check_whole(old, new)


@given(TEXTS)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    assert [block.op for block in difference(text, text)] == (["equal"] if text else [])


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12), st.integers(0, 40))
def test_opcodes_lead_from_one_to_the_other_however_few_are_compared(old: list[str], new: list[str], most: int) -> None:
    made: list[str] = []
    i = j = 0
    for op, i1, i2, j1, j2 in opcodes(old, new, Budget(most)):
        assert (i1, j1) == (i, j) and (i2, j2) != (i, j)
        if op == "equal":
            assert old[i1:i2] == new[j1:j2]
        made += new[j1:j2]
        i, j = i2, j2
    assert (i, j) == (len(old), len(new)) and made == new


def test_where_too_much_differs_the_rest_is_told_as_one() -> None:
    many = ["\n".join(f"{letter}{number}" for number in range(30_000)) for letter in "ab"]
    mixed = "\n".join(f"a{number}" if number % 2 else f"b{number}" for number in range(60_000))
    assert len(check_whole(*many)) <= MOST_BLOCKS
    assert len(check_whole(many[0], mixed)) == MOST_BLOCKS
    words = ["x ".join(chance * "word " for chance in (one, two) * 30_000) for one, two in ((1, 2), (2, 1))]
    changes = check_whole(*words)[0].changes
    assert changes is not None and len(changes) <= MOST_CHANGES


def test_a_changed_paragraph_tells_its_words_and_a_moved_one_does_not_disturb() -> None:
    old = "The bell rang at noon.\n\nNobody came down.\n\nThe lake lay still."
    new = "Before all that.\n\nThe bell rang at dusk.\n\nThe lake lay still.\n\nThen it did not."
    blocks = check_whole(old, new)
    assert [block.op for block in blocks if block.op != "equal"] == ["insert", "replace", "delete", "insert"]
    changed = next(block for block in blocks if block.op == "replace")
    assert [(one.op, one.from_text, one.to_text) for one in changed.changes or []][-1] == (
        "replace",
        " noon.",
        " dusk.",
    )


def test_a_novel_takes_a_moment_however_it_was_changed() -> None:
    chance = random.Random(7)
    words = [f"word{number}" for number in range(4_000)] + ["the", "a", "of"] * 400
    paragraphs = [" ".join(chance.choice(words) for _ in range(30)) for _ in range(1_000)]
    polished = [" ".join("X" if chance.random() < 0.05 else word for word in one.split()) for one in paragraphs]
    lines = ["\n".join(chance.choice("abcdefgh") for _ in range(5_000)) for _ in range(2)]
    started = time.monotonic()
    blocks = check_whole("\n\n".join(paragraphs), "\n\n".join(polished))
    assert sum(block.op in ("replace", "equal") for block in blocks) == len(blocks)
    check_whole("\n\n".join(paragraphs), " ".join(chance.choice(words) for _ in range(30_000)))
    check_whole(lines[0], lines[1])
    check_whole("a\n" * 400_000, "b\n" * 400_000)
    check_whole("a " * 400_000, "b " * 400_000)
    # Seen: half a second. A machine may be busy; what grows with the square of the length takes minutes.
    assert time.monotonic() - started < 15
