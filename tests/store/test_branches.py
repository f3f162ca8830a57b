"""Branches of a chat: whatever was said, answered anew, edited and said meanwhile, a page shows the way back from the head."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from coordinator.models import Message
from coordinator.store import Store
from coordinator.store.turns import AnswerResult, NewChat, NewTurn, PostedTurn, result_of

NODE = "a node"


async def answered(store: Store, posted: PostedTurn) -> None:
    """The answer to what was posted, and to what is said meanwhile."""
    session_id, turn = posted.session.id, posted.turn
    while turn is not None:
        result = result_of(AnswerResult(turn.message_id, "muse", f"Answer to {turn.answers}.", "offline:storyteller"))
        after = {"after_seq": posted.events[-1]["seq"], "delta_from": posted.events[-1]["seq"] + 1}
        finished = await store.turns.finish(session_id, posted.session.epoch, [], {**result, **after})
        turn = finished.turn


def way_back(messages: list[Message], head: int) -> list[int]:
    """The numbers of a branch, by who follows whom."""
    parents = {one.seq: one.seq - 1 if one.parent_seq is None else one.parent_seq for one in messages}
    numbers = []
    while head:
        numbers.append(head)
        head = parents[head]
    return numbers[::-1]


@pytest.mark.parametrize("seed", range(3))
async def test_a_page_is_a_part_of_the_way_back_from_the_head(
    store: Store, user: Callable[..., Any], seed: int
) -> None:
    chance, writer = random.Random(seed), await user()
    owner = writer.writer()
    posted = await store.turns.post(owner, NewTurn("One.", new=NewChat("muse", "offline:storyteller", "A talk")), NODE)
    session_id = posted.session.id
    await answered(store, posted)
    for number in range(25):
        everything = (await store.record.messages(writer, session_id, 200, None)).items
        match chance.choice(["say", "say", "meanwhile", "again", "edit", "switch"]):
            case "say":
                await answered(store, await store.turns.post(owner, NewTurn(f"{number}.", session_id=session_id), NODE))
            case "meanwhile":
                first = await store.turns.post(owner, NewTurn(f"{number}.", session_id=session_id), NODE)
                for more in range(2):
                    await store.turns.post(owner, NewTurn(f"{number}, {more}.", session_id=session_id), NODE)
                await answered(store, first)
            case "again":
                seq = chance.choice(everything).seq
                await answered(store, await store.turns.regenerate(owner, session_id, uuid4(), NODE, seq))
            case "edit":
                seq = chance.choice([one.seq for one in everything if one.role == "user"])
                edited = NewTurn(f"Edited {number}.", session_id=session_id, edit=seq)
                await answered(store, await store.turns.post(owner, edited, NODE))
            case _:
                await store.turns.switch(owner, session_id, chance.choice(everything).seq)
        head = (await store.sessions.get(writer, session_id)).head_seq
        everything = (await store.record.messages(writer, session_id, 200, None)).items
        wanted = way_back(everything, head or 0)
        offset, limit = chance.randrange(len(wanted)), chance.randint(1, 8)
        page = await store.turns.branch(writer, session_id, limit, offset)
        assert [one.seq for one in page.messages] == wanted[offset : offset + limit]
        assert (page.total, page.first) == (len(wanted), offset)
        newest = await store.turns.branch(writer, session_id, limit, None)
        assert [one.seq for one in newest.messages] == wanted[-limit:]
        assert newest.first == max(len(wanted) - limit, 0)
        snapshot = await store.record.snapshot(writer, session_id)
        assert [one["seq"] for one in snapshot["messages"]] == wanted
        beside = {one.seq: one.parent_seq if one.parent_seq is not None else one.seq - 1 for one in everything}
        for one in newest.messages:
            family = [seq for seq, parent in beside.items() if parent == beside[one.seq]]
            assert one.siblings is None or one.siblings == family
            assert one.siblings is not None or len(family) == 1
