"""The sections of a story: how its beats are shared out among them."""

from __future__ import annotations

import math

from hypothesis import example, given, settings
from hypothesis import strategies as st

from coordinator.story.brief import WORDS_PER_PAGE
from coordinator.story.material import Beat
from coordinator.story.sections import SECTION_LEAST, SECTION_MOST, SECTION_WORDS, group_beats
from tests.unit.story.test_plan import numbered


@settings(deadline=None)
@given(st.lists(st.integers(20, 3_000), min_size=1, max_size=120), st.integers(1, 100))
@example([20] * 400, 1)
@example([150, 520, 150, 520], 5)
@example([3_000], 1)
@example([599, 20, 599, 20], 4)
@example([20, 3_000] * 60, 100)
def test_sections_have_the_length_that_was_asked_for(sizes: list[int], pages: int) -> None:
    listed = numbered([Beat(title="Beat", summary="x", words=words) for words in sizes])
    target = pages * WORDS_PER_PAGE
    sections = group_beats(listed, target)
    lengths = [sum(beat.words for beat in section) for section in sections]
    assert sum(lengths) == target
    assert all(SECTION_LEAST <= length <= SECTION_MOST for length in lengths)
    if max(sizes) * target / sum(sizes) <= SECTION_LEAST:
        assert abs(len(sections) - math.ceil(target / SECTION_WORDS)) <= max(1, 0.25 * len(sections)), "small beats fit"
    told = [beat.summary for section in sections for beat in section]
    assert list(dict.fromkeys(told)) == [beat.summary for beat in listed], "each beat, in order"
    for section in sections:
        assert len({beat.summary for beat in section}) == len(section), "a beat once in a section"
    for beat in listed:
        parts = [one for section in sections for one in section if one.summary == beat.summary]
        share = beat.words * target / sum(sizes)
        assert abs(sum(part.words for part in parts) - share) <= 1
        titles = [f"Beat ({number} of {len(parts)})" for number in range(1, len(parts) + 1)] if parts[1:] else ["Beat"]
        assert [part.title for part in parts] == titles
        assert len(parts) == 1 or share > SECTION_LEAST, "what fits into a section is told in one"


def test_sections_end_with_beats_where_they_can() -> None:
    # Cut evenly they would be 333 words each, and most scenes would be told in two calls.
    for words, listed in ((150, 20), (250, 12), (500, 6)):
        sections = group_beats(numbered([Beat(title="Beat", summary="x", words=words)] * listed), 3_000)
        assert [beat.title for section in sections for beat in section] == ["Beat"] * listed
