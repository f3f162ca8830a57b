"""Turns in the database, over both transports: begun and ended in one call each, once, and no branch is ever lost."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from coordinator.errors import Conflict, Expired, Fenced, Forbidden, NotFound
from coordinator.models import Failure, Identity, Message
from coordinator.store import Store
from coordinator.store.turns import AnswerResult, FinishedTurn, NewChat, NewTurn, PostedTurn, result_of
from tests.store.conftest import BOTH

pytestmark = pytest.mark.parametrize("transport", BOTH, indirect=True)
CHAT = NewChat("muse", "offline:storyteller", "A talk")
NODE = "node"


def owner(identity: Identity) -> UUID:
    assert identity.user_id is not None
    return identity.user_id


async def asked(store: Store, who: Identity, text: str = "Hello", **more: Any) -> PostedTurn:
    new = None if "session_id" in more else CHAT
    return await store.turns.post(owner(who), NewTurn(text, new=new, **more), NODE)


async def answered(store: Store, posted: PostedTurn, text: str = "Well.", **more: Any) -> FinishedTurn:
    assert posted.turn is not None
    return await finished(store, posted.session.id, posted.session.epoch, posted.turn.message_id, text, **more)


async def finished(
    store: Store, session_id: UUID, epoch: int, message_id: UUID, text: str = "Well.", **more: Any
) -> FinishedTurn:
    result = AnswerResult(message_id, "muse", text, "m", **more)
    seq = max(event["seq"] for event in await store.runs.events_after(session_id, 0))
    whole = {**result_of(result), "after_seq": seq, "delta_from": seq + 1}
    return await store.turns.finish(session_id, epoch, [], whole)


async def shown(store: Store, who: Identity, session_id: UUID) -> list[Message]:
    return (await store.turns.branch(who, session_id, 100, 0)).messages


async def test_a_turn_is_two_calls(store: Store, user: Any) -> None:
    who = await user()
    posted = await asked(store, who)
    assert posted.begun and posted.created and posted.session.status == "active" and posted.session.epoch == 1
    assert [event["type"] for event in posted.events] == [
        "session.created", "agent.message", "session.status", "turn.started"]  # fmt: skip
    assert posted.turn and posted.turn.after_seq == posted.events[-1]["seq"] - 1
    assert posted.talk and [one["content"] for one in posted.talk["messages"]] == ["Hello"]
    done = await answered(store, posted, tokens=3, cost_usd=0.5)
    assert done.session.status == "waiting" and done.session.head_seq == 2 and done.session.turn is None
    assert done.session.tokens == 3 and done.session.cost_usd == 0.5 and done.talk is None
    assert [event["type"] for event in done.events] == ["agent.message", "usage", "session.status"]
    again = await answered(store, posted, tokens=3, cost_usd=0.5)
    assert again.session.tokens == 3 and [message.seq for message in await shown(store, who, posted.session.id)] == [
        1,
        2,
    ]


async def test_the_same_message_is_kept_once(store: Store, user: Any) -> None:
    who = await user()
    message_id = uuid4()
    chat = NewChat("muse", "m", "A talk", request_id="key")
    first = await store.turns.post(owner(who), NewTurn("Hello", message_id, new=chat), NODE)
    again = await store.turns.post(owner(who), NewTurn("Hello", message_id, new=chat), NODE)
    assert again.session.id == first.session.id and not again.begun and not again.created
    assert again.turn == first.turn and again.message == first.message
    other = await asked(store, who)
    with pytest.raises(Conflict):
        await store.turns.post(owner(who), NewTurn("Hello", message_id, other.session.id), NODE)


async def test_what_is_said_meanwhile_comes_after_the_answer(store: Store, user: Any) -> None:
    who = await user()
    posted = await asked(store, who, "One")
    session_id = posted.session.id
    for text in ("Two", "Three"):
        meanwhile = await asked(store, who, text, session_id=session_id)
        assert not meanwhile.begun and meanwhile.turn == posted.turn
    done = await answered(store, posted, "To one.")
    assert done.session.status == "active" and done.turn is not None and done.talk is not None
    assert [one["content"] for one in done.talk["messages"]] == ["One", "To one.", "Two", "Three"]
    last = await finished(store, session_id, 1, done.turn.message_id, "To both.")
    assert last.session.status == "waiting"
    said = [message.content for message in await shown(store, who, session_id)]
    assert said == ["One", "To one.", "Two", "Three", "To both."]


async def test_a_stopped_turn_answers_nothing_more(store: Store, user: Any) -> None:
    who = await user()
    posted = await asked(store, who, "One")
    await asked(store, who, "Two", session_id=posted.session.id)
    told = await store.turns.stop(owner(who), posted.session.id)
    assert told.session.turn and told.session.turn.stop
    done = await answered(store, posted, "Half an", stopped=True)
    assert done.session.status == "waiting" and done.talk is None
    assert [message.content for message in await shown(store, who, posted.session.id)] == ["One", "Half an", "Two"]


async def test_a_failed_turn_keeps_what_there_is_and_can_be_tried_again(store: Store, user: Any) -> None:
    who = await user()
    posted = await asked(store, who)
    done = await answered(store, posted, "", error=Failure(code="unavailable", message="No model."))
    assert done.session.status == "waiting" and done.session.error and done.session.head_seq == 1
    again = await store.turns.regenerate(owner(who), posted.session.id, uuid4(), NODE, None)
    assert again.begun and again.turn and again.turn.answers == 1
    done = await answered(store, again)
    assert done.session.error is None and [m.seq for m in await shown(store, who, posted.session.id)] == [1, 2]


async def test_an_older_run_writes_nothing_more(store: Store, user: Any) -> None:
    who = await user()
    posted = await asked(store, who)
    await store.nodes.leave([NODE])
    begun, broken = await store.nodes.claim_turns("another", room=5, held=[], dead_s=None)
    assert [one.session_id for one in begun] == [posted.session.id] and not broken
    with pytest.raises(Fenced):
        await answered(store, posted)
    loaded = await store.turns.load(posted.session.id, begun[0].epoch)
    assert loaded["talk"]["turn"]["message_id"] == str(posted.turn.message_id)  # type: ignore[union-attr]
    done = await finished(store, posted.session.id, begun[0].epoch, posted.turn.message_id)  # type: ignore[union-attr]
    assert done.session.status == "waiting"


async def test_a_node_does_not_take_over_what_it_has_just_begun(store: Store, user: Any) -> None:
    """Its claim may be on the way while a message is posted."""
    who = await user()
    posted = await asked(store, who)
    assert await store.nodes.claim_turns(NODE, room=5, held=[], dead_s=None) == ([], {})
    assert (await answered(store, posted)).session.status == "waiting"


async def test_an_answer_that_nobody_writes_is_stopped_at_once(store: Store, user: Any) -> None:
    who = await user()
    posted = await asked(store, who)
    delta = {"type": "agent.delta", "seq": posted.events[-1]["seq"] + 1, "at": "2026-01-01T00:00:00Z",
             "message_id": str(posted.turn.message_id), "agent": "muse", "attempt": 1, "offset": 0, "text": "Once "}  # type: ignore[union-attr]  # fmt: skip
    await store.runs.append_events(posted.session.id, 1, [delta])
    await store.nodes.leave([NODE])
    stopped = await store.turns.stop(owner(who), posted.session.id)
    assert stopped.session.status == "waiting"
    assert [message.content for message in await shown(store, who, posted.session.id)] == ["Hello", "Once "]


async def test_a_node_that_dies_over_an_answer_again_and_again_gives_it_up(store: Store, user: Any) -> None:
    who = await user()
    posted = await asked(store, who)
    for number in range(6):
        begun, broken = await store.nodes.claim_turns(f"node {number}", room=5, held=[], dead_s=None)
    assert not begun and list(broken) == [posted.session.id]
    session = await store.sessions.get(who, posted.session.id)
    assert session.status == "waiting" and session.error and session.error.code == "internal"


async def test_what_is_ended_is_not_talked_in(store: Store, user: Any) -> None:
    who = await user()
    posted = await asked(store, who)
    await answered(store, posted)
    session_id = posted.session.id
    await store.sessions.change_status(session_id, owner(who), to="cancelled", allowed=("waiting",), reason=None)
    with pytest.raises(Conflict):
        await asked(store, who, session_id=session_id)
    short = await store.turns.post(owner(who), NewTurn("Hello", new=NewChat("muse", "m", "A talk", ttl_s=1)), NODE)
    await answered(store, short)
    await store.sessions.change_status(short.session.id, owner(who), to="expired", allowed=("waiting",), reason=None)
    with pytest.raises(Expired):
        await asked(store, who, session_id=short.session.id)


async def test_a_chat_that_is_cancelled_keeps_its_answer_so_far(store: Store, user: Any) -> None:
    who = await user()
    posted = await asked(store, who)
    delta = {"type": "agent.delta", "seq": posted.events[-1]["seq"] + 1, "at": "2026-01-01T00:00:00Z",
             "message_id": str(posted.turn.message_id), "agent": "muse", "attempt": 1, "offset": 0, "text": "Once"}  # type: ignore[union-attr]  # fmt: skip
    await store.runs.append_events(posted.session.id, 1, [delta])
    change = await store.sessions.change_status(
        posted.session.id, owner(who), to="cancelled", allowed=("active",), reason=None
    )
    assert change.session.turn is None and change.session.head_seq == 2
    assert [message.content for message in await shown(store, who, posted.session.id)] == ["Hello", "Once"]


async def test_no_stranger_does_anything(store: Store, user: Any) -> None:
    who, other = await user(), await user()
    posted = await asked(store, who)
    await answered(store, posted)
    session_id = posted.session.id
    for doing in (
        lambda: asked(store, other, session_id=session_id),
        lambda: store.turns.regenerate(owner(other), session_id, uuid4(), NODE, None),
        lambda: store.turns.stop(owner(other), session_id),
        lambda: store.turns.switch(owner(other), session_id, 1),
        lambda: store.turns.branch(other, session_id, 10, None),
        lambda: store.turns.current(other, session_id),
        lambda: store.turns.answer(other, session_id, seq=1),
    ):
        with pytest.raises((NotFound, Forbidden)):
            await doing()
