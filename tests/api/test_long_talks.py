"""Long talks with a model that holds little: what falls out of its window is kept as a summary, and nothing overflows."""

from __future__ import annotations

import asyncio

from tests.api.support import TEST_MODEL
from tests.api.test_chat import branch, said
from tests.model_server import ModelServer, Reply
from tests.service import Service

CONTEXT = 4_000
SETTINGS = {"model_context": CONTEXT}


async def test_a_small_model_remembers_a_long_talk(shared: Service, model: ModelServer) -> None:
    session_id = (await said(shared, "My hero is Mara, who keeps the light.", model=TEST_MODEL))["session_id"]
    for number in range(16):
        model.script(
            Reply(text=f"Answer {number}. " + "She counted the waves again. " * 12, when=f"Question {number}:")
        )
        await said(shared, f"Question {number}: " + "What does she see from the gallery at night? " * 14, session_id)
        # The notes are taken beside the answers.
        for _ in range(100):
            if not model.running:
                break
            await asyncio.sleep(0.02)
    talks = [one for one in model.requests if "You are the muse" in str(one.body["messages"][0]["content"])]
    assert all(len(str(one.body["messages"])) < 5 * CONTEXT for one in talks)
    assert "Earlier in this talk:" in str(talks[-1].body["messages"][0]["content"])
    minutes = [one for one in model.requests if "You keep the minutes" in one.text]
    assert minutes and any("Mara" in one.text for one in minutes)
    assert len(await branch(shared, session_id, limit=100)) == 34
