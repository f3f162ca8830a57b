"""A service killed in the middle of a message goes on with that message after its restart, from the text that it kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.chaos.message import begun
from tests.chaos.node import Node, started
from tests.chaos.record import check_whole, everything
from tests.model_server import ModelServer, Reply
from tests.service import Service

WRITTEN = " ".join(
    f"Lamp {n} saw {n * 37 % 101} gulls, {n * 53 % 97} sails and {n * 71 % 89} stars." for n in range(30)
)
"""As long as one page, and no stretch of it like another: that would be the same told again."""


@pytest.mark.timeout(300)
async def test_the_storyteller_goes_on_in_the_middle_of_its_message(folder: Path, service: Service) -> None:
    async with started(folder, offline_words_per_second=100) as node:
        message = await begun(node, "draft-1", pages=1, seed=7)
        await message.killed_at(node, 30)
        # Slow enough that a busy machine comes in time to see how it goes on.
        slow = Node(folder, offline_words_per_second=8)
        try:
            # Twice in one message: what went on once goes on again.
            for before, words in ((30, 42), (42, 54)):
                await slow.start()
                async with slow.socket() as socket:
                    kept = await message.goes_on(socket)
                assert len(kept.split()) >= before - 15, "it kept all but the last moments"
                assert (message.deltas[0]["attempt"], message.deltas[0]["offset"]) == (1, len(kept))
                await message.killed_at(slow, words)
        finally:
            await slow.kill()
        quick = Node(folder, offline_words_per_second=0)
        try:
            await quick.start()
            async with quick.socket() as socket:
                await message.attach(socket)
                async with asyncio.timeout(90):
                    await message.read(socket)
            told = await check_whole(quick.get, message.session_id, pages=1)
            steps = await everything(quick.get, f"/api/sessions/{message.session_id}/steps")
            written = await message.content(quick)
        finally:
            await quick.kill()
    assert {step["attempt"] for step in steps} == {1}
    assert next(step["tokens"] for step in steps if step["step"] == "draft-1") == len(written.split())
    undisturbed = await service.story(pages=1, seed=7)
    assert told["content"] == (await service.get(f"/api/sessions/{undisturbed}/story")).json()["content"]


def rest_of_it(request: str) -> str:
    """A good model's answer: from the last word that is there, whole."""
    there = request.partition('<material name="written so far">\n')[2].partition("\n</material>")[0]
    assert WRITTEN.startswith(there)
    return WRITTEN[there.rindex(" ") + 1 :]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("continues", [True, False], ids=["asked to go on", "not asked"])
async def test_a_model_goes_on_where_it_is_asked_to(folder: Path, continues: bool, long: bool) -> None:
    if not continues and not long:
        pytest.skip("in the long form")
    async with ModelServer(pace_s=0.005) as model:
        settings = {"model": "openai:test", "model_base_url": model.url, "model_api_key": "k"}
        async with started(folder, **settings, model_continues=continues) as node:
            model.script(Reply.prose(WRITTEN, when="write this section"))
            message = await begun(node, "draft-1", pages=1)
            model.script(Reply.prose(rest_of_it, when="written so far"))
            await message.killed_at(node, 120)
            model.pace_s = 0.03
            await node.start()
            async with node.socket() as socket:
                kept = await message.goes_on(socket)
                model.pace_s = 0
                async with asyncio.timeout(60):
                    await message.read(socket)
            assert message.state.status == "completed", message.state.error
            content = await message.content(node)
            steps = await everything(node.get, f"/api/sessions/{message.session_id}/steps")
            session = await node.get(f"/api/sessions/{message.session_id}")
    first, told = message.deltas[0], "".join(delta["text"] for delta in message.deltas)
    asked = [request for request in model.requests if "written so far" in request.text]
    attempt = next(step["attempt"] for step in steps if step["step"] == "draft-1")
    if continues:
        assert (attempt, first["attempt"], first["offset"]) == (1, 1, len(kept))
        assert len(asked) == 1
        assert content == WRITTEN == kept + told
    else:
        assert (attempt, first["attempt"], first["offset"]) == (2, 2, 0)
        assert not asked
        assert content == told.strip() != WRITTEN
    assert session["tokens"] == sum(step["tokens"] for step in steps)


@pytest.mark.timeout(300)
async def test_what_a_killed_node_had_told_stays_where_the_story_is_cancelled(folder: Path) -> None:
    async with started(folder, offline_words_per_second=100) as node:
        message = await begun(node, "draft-1", pages=1, seed=7)
        await message.killed_at(node, 30)
        slow = Node(folder, offline_words_per_second=1)
        try:
            await slow.start()
            async with slow.socket() as socket:
                await socket.send(type="session.cancel", session_id=message.session_id)
                await message.attach(socket)
                async with asyncio.timeout(90):
                    await message.read(socket)
            at = f"/api/sessions/{message.session_id}"
            story = await slow.get(f"{at}/story")
            drafts = await everything(slow.get, f"{at}/drafts")
        finally:
            await slow.kill()
    assert story["status"] == "cancelled" and len(story["content"].split()) >= 15
    assert [(draft["version"], draft["step"]) for draft in drafts] == [(1, "so-far-1")]
    assert message.state.partial is not None and message.state.partial.text.strip() == story["content"]
