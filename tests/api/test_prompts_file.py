"""Every prompt of tests/data/prompts.jsonl, through the whole service: a story of the length that was asked for."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from coordinator.story.brief import WORDS_PER_PAGE
from tests.service import Service

PROMPTS = [json.loads(line) for line in (Path(__file__).parents[1] / "data/prompts.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("wanted", PROMPTS, ids=lambda wanted: wanted["prompt"][:30])
async def test_a_story_of_the_length_asked_for(shared: Service, wanted: dict[str, object], long: bool) -> None:
    if PROMPTS.index(wanted) % 2 and not long:
        pytest.skip("in the long form")
    config: dict[str, object] = wanted["config"]  # type: ignore[assignment]
    async with shared.socket() as socket:
        session_id = await socket.start(str(wanted["prompt"]), template=wanted["template"], **config)
        assert (await socket.until_finished(session_id))["status"] == "completed"
    story = (await shared.get(f"/api/sessions/{session_id}/story")).json()
    target = int(str(config["pages"])) * WORDS_PER_PAGE
    margin = 0.10 if target >= 9_000 else 0.15
    assert target * (1 - margin) <= story["word_count"] <= target * (1 + margin)
    # What follows a quotation in lower case, as “…?” said he, still belongs to its sentence.
    parts = re.split(r"(?<=[.!?…”])\s+(?=[^a-z])", story["content"])
    sentences = [re.sub(r"\W+", " ", sentence).strip().casefold() for sentence in parts]
    long = Counter(sentence for sentence in sentences if len(sentence.split()) >= 5)
    assert [sentence for sentence, times in long.items() if times > 1] == []
    if protagonist := str(config.get("protagonist") or ""):
        assert protagonist.split()[-1] in story["content"]
