"""The Python client in chats, on a real service: said, answered, stopped, answered anew, edited, and once over whatever
connections it takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from storyloom.client import Client
from storyloom.client.backoff import Reconnect
from storyloom.client.events import AgentDelta, AgentMessage, Event, SessionSnapshot, SessionStatus, ToolAnswered, parse
from storyloom.client.state import SessionState
from storyloom.client.talk import Talk
from storyloom.errors import ClientError
from tests.api.support import MUSE, TEST_MODEL
from tests.chaos.record import snapshot
from tests.model_server import ModelServer, Reply
from tests.service import WAIT_S, Service

AT_ONCE = Reconnect(attempts=20, chance=lambda: 0.0)


@pytest.fixture
async def client(shared: Service, model: ModelServer) -> AsyncIterator[Client]:
    model.open.set()
    async with Client(shared.url, await shared.new_token(), reconnect=AT_ONCE) as made:
        yield made
    model.heal()


async def heard(events: AsyncIterator[Event]) -> list[Event]:
    async with asyncio.timeout(WAIT_S):
        return [event async for event in events]


async def texts(client: Client, talk: Talk) -> list[str]:
    assert talk.session_id is not None
    return [message.content for message in (await client.said(talk.session_id)).messages]


async def test_what_is_said_is_answered_as_it_comes(client: Client) -> None:
    events = await heard(client.chat("A keeper finds the light answering.", model=TEST_MODEL))
    assert events[0].type == "session.created" and isinstance(events[-1], SessionStatus)
    assert events[-1].status == "waiting"
    told = "".join(event.text for event in events if isinstance(event, AgentDelta))
    answer = [event.message for event in events if isinstance(event, AgentMessage)][-1]
    assert answer.role == "assistant" and answer.content == told
    state = SessionState()
    for event in events:
        state = state.apply(event)
    assert [message.role for message in state.messages] == ["user", "assistant"] and state.turn is None


async def test_a_talk_goes_on_from_what_it_knows(client: Client) -> None:
    talk = client.talk(model=TEST_MODEL)
    first = await talk.ask("Hello")
    events = await heard(talk.say("And then?"))
    assert not any(isinstance(event, SessionSnapshot) for event in events), "it was there"
    assert [message.seq for message in talk.state.messages] == [1, 2, 3, 4] and not talk.state.stale
    assert await texts(client, talk) == [message.content for message in talk.state.messages]
    assert talk.session_id is not None
    found = client.talk(talk.session_id)
    events = await heard(found.say("And now?"))
    assert isinstance(events[0], SessionSnapshot)
    assert found.state.messages[1].content == first.content and len(found.state.messages) == 6
    listed = await client.talks(kind="chat", limit=1)
    assert listed.total == 1 and listed.sessions[0].session_id == talk.session_id
    await client.rename(talk.session_id, "Light")
    assert (await client.talks(q="Light")).sessions[0].title == "Light"
    await client.delete(talk.session_id)
    assert (await client.talks()).total == 0


async def test_an_answer_anew_an_edit_and_back_again(client: Client, shared: Service) -> None:
    talk = client.talk(model=TEST_MODEL)
    first = await talk.ask("Hello")
    await heard(talk.regenerate())
    second = talk.state.messages[-1]
    assert second.id != first.id and second.siblings == (2, 3)
    await heard(talk.edit(1, "Good day"))
    assert talk.state.messages[0].content == "Good day"
    session = await talk.branch(2)
    assert session.head_seq == 2
    await heard(talk.follow())
    assert [(message.seq, message.siblings) for message in talk.state.messages] == [(1, (1, 4)), (2, (2, 3))]
    assert talk.state.messages[-1].content == first.content
    async with shared.socket(await client._link.token()) as socket:
        told = SessionState().apply(parse(await snapshot(socket, str(talk.session_id))))
    assert told.messages == talk.state.messages and told.head_seq == talk.state.head_seq


async def test_who_has_not_heard_of_a_branch_gets_a_snapshot(client: Client) -> None:
    talk = client.talk(model=TEST_MODEL)
    await talk.ask("Hello")
    await heard(talk.edit(1, "Good day"))
    assert talk.session_id is not None
    late = client.talk(talk.session_id)
    await heard(late.follow())
    assert [message.seq for message in late.state.messages] == [3, 4]
    await talk.branch(1)
    events = await heard(late.say("Where were we?"))
    assert any(isinstance(event, SessionSnapshot) for event in events[1:])
    assert [message.seq for message in late.state.messages] == [1, 2, 5, 6] and not late.state.stale
    assert late.state.messages[2].siblings is None


async def test_a_stop_ends_the_answer_and_keeps_its_text(client: Client, model: ModelServer) -> None:
    model.script(Reply(text="One two three four five six seven.", hang_after=4, when=MUSE))
    talk = client.talk(model=TEST_MODEL)
    last: Event | None = None
    async with asyncio.timeout(WAIT_S):
        async for event in talk.say("Go on for ever"):
            if isinstance(event, AgentDelta) and talk.session_id is not None:
                await talk.stop()
            last = event
    assert isinstance(last, SessionStatus) and last.reason == "stopped"
    assert talk.state.messages[-1].metadata["stopped"] is True
    assert talk.state.messages[-1].content.startswith("One two")
    assert (await talk.stop()).status == "waiting"


async def test_what_is_said_meanwhile_is_answered_after_it(client: Client, model: ModelServer) -> None:
    model.open.clear()
    talk = client.talk(model=TEST_MODEL)
    first = asyncio.create_task(heard(talk.say("First")))
    while talk.session_id is None:
        await asyncio.sleep(0.01)
    other = client.talk(talk.session_id)
    second = asyncio.create_task(heard(other.say("Second")))
    while (await client.session(talk.session_id)).message_count < 2:
        await asyncio.sleep(0.01)
    model.open.set()
    await asyncio.gather(first, second)
    assert other.state.messages == talk.state.messages
    assert [message.role for message in other.state.messages] == ["user", "assistant"] * 2
    assert await texts(client, talk) == [message.content for message in talk.state.messages]


async def test_a_tool_is_told_and_kept_with_its_answer(client: Client, model: ModelServer) -> None:
    model.script(
        Reply(text="I see it. ", args={"prompt": "A keeper.", "pages": 2}, tool_name="propose_story", when=MUSE),
        Reply(text="There it is.", when=MUSE),
    )
    talk = client.talk(model=TEST_MODEL)
    events = await heard(talk.say("Propose it"))
    assert any(isinstance(event, ToolAnswered) and event.error is None for event in events)
    (use,) = talk.state.messages[-1].tools
    assert use.proposal is not None and use.proposal.prompt == "A keeper." and use.proposal.config["pages"] == 2
    assert talk.state.tools == ()


async def test_a_failed_answer_is_told_and_can_be_tried_again(client: Client, model: ModelServer) -> None:
    model.script(Reply(status=401, when=MUSE))
    talk = client.talk(model=TEST_MODEL)
    with pytest.raises(ClientError) as failed:
        await talk.ask("Hello")
    assert failed.value.code == "unavailable"
    await heard(talk.regenerate())
    assert [message.role for message in talk.state.messages] == ["user", "assistant"]


async def test_refusals_have_their_code(client: Client, shared: Service) -> None:
    talk = client.talk(model=TEST_MODEL)
    for text, code in (("", "invalid_message"), ("x" * 20_001, "invalid_message")):
        with pytest.raises(ClientError) as refused:
            await talk.ask(text)
        assert refused.value.code == code and talk.session_id is None
    with pytest.raises(ClientError, match="nobody"):
        await client.talk(agent="nobody").ask("Hello")
    with pytest.raises(ClientError) as unknown:
        await client.talk(uuid4()).ask("Hello")
    assert unknown.value.code == "not_found"
    story = await shared.story(await client._link.token(), pages=1)
    with pytest.raises(ClientError, match="a story, not a chat"):
        await client.talk(story).ask("Hello")
    await talk.ask("Hello")
    with pytest.raises(ClientError) as missing:
        await heard(talk.regenerate(99))
    assert missing.value.code == "not_found"
    with pytest.raises(ClientError) as other:
        await heard(talk.edit(2, "No"))
    assert other.value.code == "conflict"
    assert (await talk.ask("Still there?")).content


def cut(client: Client) -> None:
    """Its connections break, without a goodbye."""
    for watch in client._watches:
        if watch._socket is not None:
            watch._socket._connection.transport.abort()


@pytest.mark.parametrize("after", ["agent.message", "agent.delta", "turn.started", "session.status"])
async def test_a_lost_connection_says_nothing_twice(client: Client, after: str) -> None:
    """It breaks again and again, at each stage of a turn: what is said is said once, and answered once."""
    talk = client.talk(model=TEST_MODEL)
    for events in (talk.say("One"), talk.say("Two"), talk.regenerate(), talk.edit(3, "Three")):
        broken = 0
        async with asyncio.timeout(WAIT_S):
            async for event in events:
                if event.type == after and broken < 2:
                    broken += 1
                    cut(client)
        assert broken or after == "agent.delta"
    assert [message.role for message in talk.state.messages] == ["user", "assistant"] * 2
    assert await texts(client, talk) == [message.content for message in talk.state.messages]
    whole = await client.messages(UUID(str(talk.session_id)), limit=100)
    assert [message.role for message in whole.items] == ["user", "assistant"] * 2 + ["assistant", "user", "assistant"]


async def test_the_same_request_is_said_once(client: Client) -> None:
    request = str(uuid4())
    first = await heard(client.chat("Only once", model=TEST_MODEL, request_id=request))
    again = await heard(client.chat("Only once", model=TEST_MODEL, request_id=request))
    assert first[0].session_id == again[0].session_id
    assert len((await client.said(first[0].session_id)).messages) == 2
