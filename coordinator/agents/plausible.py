"""Whether a typed answer says anything: a form can be filled with one word, over and over. Pure."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

from coordinator.story.material import Outline, OutlineReview, Record
from coordinator.story.words import count_words

LEAST_BEAT: Final = 2
"""Words of a beat that tells what happens."""
LEAST_SUMMARY: Final = 3
LEAST_ADVICE: Final = 2


def empty_words(output: BaseModel) -> str | None:
    """What is wrong with an answer that only looks like one, for the model that gave it; None where it says something.
    Of stories that are written by it more is asked than of what is said about them."""
    match output:
        case Outline():
            told = {beat.summary.casefold() for beat in output.beats if count_words(beat.summary) >= LEAST_BEAT}
            if len(told) < max(len(output.beats) / 2, min(len(output.beats), 2)):
                return "Most beats say nothing. Tell in each, in a whole sentence, what happens in it."
        case Record():
            if count_words(output.summary) < LEAST_SUMMARY:
                return "The summary says nothing. Tell in whole sentences what has happened in the story."
        case OutlineReview():
            if count_words(output.advice) < LEAST_ADVICE:
                return "The advice says nothing. Say in a sentence what to change."
    return None
