"""Talks of the client against a small server that plays one scene a connection."""

from __future__ import annotations

from typing import Any

import respx

from storyloom.client import Client
from tests.unit.client.stage import AT_ONCE, SESSION, Actor, collect, numbers, session, theatre

CHAT: dict[str, Any] = {**session("waiting"), "kind": "chat", "head_seq": 2, "message_count": 2, "expires_at": None}


def said(seq: int, role: str, content: str = "Well?", **more: Any) -> dict[str, Any]:
    identity = f"5e551000-0000-4000-8000-0000000001{seq:02}"
    return {"id": identity, "seq": seq, "role": role, "content": content, **more}


async def test_what_was_sent_into_a_breaking_connection_is_sent_again_as_the_same_request() -> None:
    async def breaks(actor: Actor) -> None:
        await actor.ready()
        await actor.drop()

    async def answers(actor: Actor) -> None:
        await actor.ready()
        await actor.event(1, "session.created", session={**CHAT, "status": "active", "head_seq": 1, "message_count": 0})
        await (await actor.connection.ping())
        await actor.drop()

    async def goes_on(actor: Actor) -> None:
        assert await actor.ready() == {"type": "session.attach", "session_id": SESSION, "epoch": 1, "after_seq": 1}
        again = await actor.hear()
        assert (again["type"], again["session_id"]) == ("chat.send", SESSION), "nobody has seen what was said"
        await actor.event(2, "agent.message", message=said(1, "user"))
        await actor.event(3, "session.status", status="active")
        await (await actor.connection.ping())
        await actor.drop()

    async def ends(actor: Actor) -> None:
        assert (await actor.ready())["after_seq"] == 3
        await actor.event(4, "agent.message", message=said(2, "assistant"))
        await actor.event(5, "session.status", status="waiting", reason="answered")
        await actor.linger()

    async with theatre(breaks, answers, goes_on, ends) as stage, Client(stage.url, "t", reconnect=AT_ONCE) as client:
        events = await collect(client.chat("Well?", agent="critic", request_id="mine"))
    assert numbers(events) == [(1, 1), (1, 2), (1, 3), (1, 4), (1, 5)]
    sent = stage.of("chat.send")
    assert [frame["request_id"] for frame in sent] == ["mine"] * 3
    assert sent[0] == {"type": "chat.send", "request_id": "mine", "text": "Well?", "agent": "critic"}


async def test_only_ones_own_message_after_the_request_is_the_one_that_was_sent() -> None:
    """Somebody else says something at the same moment, and an end before ones own message is no end."""
    other = "5e551000-0000-4000-8000-000000000003"

    async def scene(actor: Actor) -> None:
        await actor.ready()
        assert (await actor.hear())["type"] == "chat.send"
        told = [said(1, "user"), said(2, "assistant")]
        await actor.event(5, "session.snapshot", session=CHAT, messages=told)
        await actor.event(6, "agent.message", message=said(3, "user", author_id=other))
        await actor.event(7, "session.status", status="active")
        await actor.event(8, "agent.message", message=said(4, "assistant"))
        await actor.event(9, "session.status", status="waiting")
        await actor.event(10, "agent.message", epoch=2, message=said(5, "user"))
        await actor.event(11, "session.status", epoch=2, status="active")
        await actor.event(12, "session.status", epoch=2, status="waiting", reason="stopped")
        await actor.linger()

    async with theatre(scene) as stage, Client(stage.url, "t") as client:
        with respx.mock(assert_all_called=False) as web:
            web.get(f"{stage.url}/api/sessions/{SESSION}").respond(json=CHAT)
            events = await collect(client.chat("Well?", session_id=SESSION))
    assert [event.seq for event in events] == list(range(5, 13))


async def test_a_snapshot_that_has_the_answer_ends_it() -> None:
    async def scene(actor: Actor) -> None:
        await actor.ready()
        await actor.hear()
        told = [said(seq, role) for seq, role in enumerate(["user", "assistant"] * 2, 1)]
        after = {**CHAT, "message_count": 4, "head_seq": 4, "epoch": 2}
        await actor.event(12, "session.snapshot", epoch=2, session=after, messages=told)
        await actor.linger()

    async with theatre(scene) as stage, Client(stage.url, "t") as client:
        with respx.mock(assert_all_called=False) as web:
            web.get(f"{stage.url}/api/sessions/{SESSION}").respond(json=CHAT)
            talk = client.talk(SESSION)
            events = await collect(talk.say("Well?"))
    assert [event.type for event in events] == ["session.snapshot"]
    assert [message.seq for message in talk.state.messages] == [1, 2, 3, 4]
