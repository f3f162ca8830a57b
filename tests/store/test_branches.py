"""Branches of a chat: whatever was said, answered anew, edited and said meanwhile, a page shows the way back from the head."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coordinator.models import Message
from coordinator.store import Store
from coordinator.store.turns import AnswerResult, NewChat, NewTurn, PostedTurn, result_of
from tests.store.test_turns import NODE, asked, finished, owner, shown
from tests.store.test_turns import answered as written


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


class Tree:
    """A talk as it should be: who follows whom, and which branch is shown."""

    def __init__(self) -> None:
        self.parent: dict[int, int] = {}
        self.head = 0

    def add(self, parent: int) -> int:
        seq = len(self.parent) + 1
        self.parent[seq] = parent
        self.head = seq
        return seq

    @property
    def path(self) -> list[int]:
        found, at = [], self.head
        while at:
            found.append(at)
            at = self.parent[at]
        return found[::-1]

    def siblings(self, seq: int) -> list[int]:
        return [one for one, parent in self.parent.items() if parent == self.parent[seq]]

    def switch(self, seq: int) -> None:
        while children := [one for one, parent in self.parent.items() if parent == seq]:
            seq = max(children)
        self.head = seq


STEPS = st.lists(
    st.tuples(st.sampled_from(["say", "again", "edit", "switch", "meanwhile"]), st.integers(0, 10**6)), max_size=14
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
async def test_no_branch_is_lost_and_every_one_is_shown_as_it_was_said(
    store: Store, user: Any, steps: list[tuple[str, int]]
) -> None:
    who = await user()
    posted = await asked(store, who)
    session_id = posted.session.id
    await written(store, posted)
    tree = Tree()
    tree.add(0)
    tree.add(1)
    said = {1: "user", 2: "assistant"}
    for step, number in steps:
        chosen = 1 + number % len(said)
        turn = None
        if step == "switch":
            await store.turns.switch(owner(who), session_id, chosen)
            tree.switch(chosen)
        elif step == "again":
            turn = await store.turns.regenerate(owner(who), session_id, uuid4(), NODE, chosen)
            parent = tree.parent[chosen] if said[chosen] == "assistant" else chosen
        elif step == "edit" and said[chosen] == "user":
            turn = await asked(store, who, session_id=session_id, edit=chosen)
            parent = tree.add(tree.parent[chosen])
            said[parent] = "user"
        elif step in ("say", "meanwhile"):
            turn = await asked(store, who, session_id=session_id)
            parent = tree.add(tree.head)
            said[parent] = "user"
        if turn is not None and turn.turn is not None:
            queued = None
            if step == "meanwhile":
                await asked(store, who, session_id=session_id)
                queued = tree.add(parent)
                said[queued] = "user"
            done = await written(store, turn)
            answer = tree.add(parent)
            said[answer] = "assistant"
            if queued is not None and done.turn is not None:
                tree.parent[queued] = answer
                await finished(store, session_id, turn.session.epoch, done.turn.message_id)
                said[tree.add(queued)] = "assistant"
        messages = await shown(store, who, session_id)
        assert [message.seq for message in messages] == tree.path
        assert [message.role for message in messages] == [said[seq] for seq in tree.path]
        if messages[0].siblings is not None:
            assert [message.siblings for message in messages] == [tree.siblings(seq) for seq in tree.path]
        page = await store.turns.branch(who, session_id, 3, None)
        assert [message.seq for message in page.messages] == tree.path[-3:] and page.total == len(tree.path)
