"""Chats through the doors: what is said is answered, streamed, stopped, answered anew and edited, and nothing is lost."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

from tests.api.support import MUSE, TEST_MODEL, problem, refusal
from tests.model_server import ModelServer, Reply
from tests.service import Service, Socket, bearer


async def said(service: Service, text: str, session_id: str | None = None, **more: Any) -> dict[str, Any]:
    answer = await service.post("/api/v1/chat", text=text, **({"session_id": session_id} if session_id else {}), **more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def branch(service: Service, session_id: str, **params: Any) -> list[dict[str, Any]]:
    answer = await service.get(f"/api/v1/sessions/{session_id}/messages", **params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["messages"]
    return found


async def begun(socket: Socket, text: str, **more: Any) -> str:
    await socket.send(type="chat.send", request_id=str(uuid4()), text=text, **more)
    return str((await socket.until("session.created"))["session_id"])


async def test_what_is_said_is_answered_and_kept(shared: Service) -> None:
    first = await said(shared, "A keeper finds the light answering.")
    session_id = first["session_id"]
    assert first["message"]["role"] == "assistant" and first["message"]["content"]
    second = await said(shared, "What should happen next?", session_id)
    assert second["session_id"] == session_id
    messages = await branch(shared, session_id)
    assert [one["role"] for one in messages] == ["user", "assistant", "user", "assistant"]
    assert [one["seq"] for one in messages] == [1, 2, 3, 4]
    session = (await shared.get(f"/api/sessions/{session_id}")).json()
    assert session["kind"] == "chat" and session["status"] == "waiting" and session["expires_at"] is None
    assert session["head_seq"] == 4 and session["turn"] is None


async def test_an_answer_is_streamed_as_events(shared: Service) -> None:
    async with shared.socket() as socket:
        session_id = await begun(socket, "Hello", model=TEST_MODEL)
        await socket.until("session.status", status="waiting")
    frames = [frame for frame in socket.frames if frame.get("session_id") == session_id]
    types = [frame["type"] for frame in frames if frame["type"] not in ("agent.delta", "agent.state")]
    assert types[:4] == ["session.created", "agent.message", "session.status", "turn.started"]
    assert types[4:] == ["agent.message", "usage", "session.status"]
    answer = [frame for frame in frames if frame["type"] == "agent.message"][1]["message"]
    told = [frame for frame in frames if frame["type"] == "agent.delta"]
    assert "".join(frame["text"] for frame in told) == answer["content"] and answer["content"]
    assert {frame["message_id"] for frame in told} == {answer["id"]}
    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))


async def test_what_is_said_meanwhile_is_answered_after_it(shared: Service, model: ModelServer) -> None:
    model.open.clear()
    async with shared.socket() as socket:
        session_id = await begun(socket, "First", model=TEST_MODEL)
        await socket.until("turn.started")
        await socket.send(type="chat.send", request_id=str(uuid4()), session_id=session_id, text="Second")
        await socket.until("agent.message")
        model.open.set()
        await socket.until("session.status", status="waiting")
    messages = await branch(shared, session_id)
    assert [one["role"] for one in messages] == ["user", "assistant", "user", "assistant"]
    assert [one["content"] for one in messages if one["role"] == "user"] == ["First", "Second"]


async def test_a_stopped_answer_keeps_its_text(shared: Service, model: ModelServer) -> None:
    model.script(Reply(text="One two three four five six seven.", hang_after=4, when=MUSE))
    async with shared.socket() as socket:
        session_id = await begun(socket, "Go on for ever", model=TEST_MODEL)
        await socket.until("agent.delta")
        await socket.send(type="chat.stop", session_id=session_id)
        stopped = await socket.until("session.status", status="waiting")
        assert stopped["reason"] == "stopped"
    messages = await branch(shared, session_id)
    assert messages[-1]["role"] == "assistant" and messages[-1]["metadata"]["stopped"] is True
    assert messages[-1]["content"].startswith("One two")
    again = await shared.post(f"/api/v1/chat/{session_id}/stop")
    assert again.status_code == 200 and again.json()["status"] == "waiting"


async def test_another_answer_stands_beside_the_first(shared: Service) -> None:
    first = await said(shared, "Say something")
    session_id = first["session_id"]
    again = await shared.post(f"/api/v1/chat/{session_id}/regenerate")
    assert again.status_code == 200, again.text
    assert again.json()["message"]["id"] != first["message"]["id"]
    assert again.json()["message"]["content"] != first["message"]["content"]
    messages = await branch(shared, session_id)
    assert len(messages) == 2 and messages[1]["id"] == again.json()["message"]["id"]
    assert messages[1]["siblings"] == [2, 3]
    back = await shared.post(f"/api/v1/chat/{session_id}/branch", seq=2)
    assert back.status_code == 200 and back.json()["head_seq"] == 2
    assert (await branch(shared, session_id))[1]["id"] == first["message"]["id"]
    assert len(await branch(shared, session_id, branch="all")) == 3


async def test_an_edited_message_goes_another_way(shared: Service) -> None:
    session_id = (await said(shared, "My name is Alice."))["session_id"]
    await said(shared, "What is my name?", session_id)
    edited = await shared.post(f"/api/v1/chat/{session_id}/edit", seq=1, text="My name is Bob.")
    assert edited.status_code == 200, edited.text
    messages = await branch(shared, session_id)
    assert [one["content"] for one in messages if one["role"] == "user"] == ["My name is Bob."]
    await shared.post(f"/api/v1/chat/{session_id}/branch", seq=1)
    contents = [one["content"] for one in await branch(shared, session_id) if one["role"] == "user"]
    assert contents == ["My name is Alice.", "What is my name?"]
    of_agent = await shared.post(f"/api/v1/chat/{session_id}/edit", seq=2, text="No")
    problem(of_agent, 409, "conflict")


async def test_a_failed_answer_leaves_the_message_and_can_be_tried_again(shared: Service, model: ModelServer) -> None:
    model.script(Reply(status=401, when=MUSE))
    failed = await shared.post("/api/v1/chat", text="Hello there", model=TEST_MODEL)
    told = problem(failed, 503, "unavailable")
    assert "resume" not in told["detail"].lower()
    newest = (await shared.get("/api/sessions", kind="chat")).json()["items"][0]
    assert newest["status"] == "waiting" and newest["error"]["code"] == "unavailable"
    again = await shared.post(f"/api/v1/chat/{newest['id']}/regenerate")
    assert again.status_code == 200, again.text
    assert [one["role"] for one in await branch(shared, newest["id"])] == ["user", "assistant"]


async def test_the_same_key_is_the_same_message(shared: Service) -> None:
    headers = {**bearer(shared.token), "Idempotency-Key": str(uuid4()), "Accept": "application/json"}
    both = await asyncio.gather(
        *(shared.http.post("/api/v1/chat", headers=headers, json={"text": "Only once"}) for _ in range(2))
    )
    assert [one.status_code for one in both] == [200, 200], [one.text for one in both]
    assert both[0].json() == both[1].json()
    assert len(await branch(shared, both[0].json()["session_id"])) == 2


async def test_the_same_key_is_the_same_other_answer(shared: Service) -> None:
    session_id = (await said(shared, "Say something"))["session_id"]
    headers = {**bearer(shared.token), "Idempotency-Key": str(uuid4()), "Accept": "application/json"}
    address = f"/api/v1/chat/{session_id}/regenerate"
    first, again = [await shared.http.post(address, headers=headers) for _ in range(2)]
    assert (first.status_code, again.status_code) == (200, 200), again.text
    assert first.json() == again.json()
    streamed = await shared.http.post(address, headers={**headers, "Accept": "text/event-stream"})
    assert streamed.status_code == 200 and first.json()["message"]["id"] in streamed.text
    assert len(await branch(shared, session_id, branch="all")) == 3


async def test_others_have_no_such_chat(shared: Service) -> None:
    session_id = (await said(shared, "A secret"))["session_id"]
    other = await shared.new_token()
    for path, body in (
        ("stop", {}),
        ("regenerate", {}),
        ("edit", {"seq": 1, "text": "x"}),
        ("branch", {"seq": 1}),
    ):
        problem(await shared.post(f"/api/v1/chat/{session_id}/{path}", other, **body), 404, "not_found")
    problem(await shared.post("/api/v1/chat", other, text="x", session_id=session_id), 404, "not_found")
    problem(await shared.get(f"/api/v1/sessions/{session_id}/messages", other), 404, "not_found")


async def test_wrong_values_are_told_and_change_nothing(shared: Service) -> None:
    session_id = (await said(shared, "Hello"))["session_id"]
    problem(await shared.post("/api/v1/chat", text="", session_id=session_id), 422, "invalid_message")
    problem(await shared.post("/api/v1/chat", text=" \n", session_id=session_id), 422, "invalid_message")
    problem(await shared.post("/api/v1/chat", text="x" * 20_001), 422, "invalid_message")
    problem(await shared.post("/api/v1/chat", text="x", agent="nobody"), 422, "invalid_message")
    problem(await shared.post("/api/v1/chat", text="x", model="openai:nothing"), 422, "invalid_message")
    problem(await shared.post("/api/v1/chat", text="x", session_id=str(uuid4())), 404, "not_found")
    problem(await shared.post(f"/api/v1/chat/{session_id}/branch", seq=99), 404, "not_found")
    problem(await shared.post(f"/api/v1/chat/{session_id}/regenerate", seq=99), 404, "not_found")
    async with shared.socket() as socket:
        told = await refusal(socket, {"type": "chat.send", "request_id": "r", "text": ""})
        assert told["code"] == "invalid_message"
    odd = await said(shared, "a\x00b", session_id)
    assert odd["message"]["content"]
    assert len(await branch(shared, session_id)) == 4


async def test_a_story_is_no_chat_and_a_chat_no_story(shared: Service) -> None:
    story = await shared.story(pages=1)
    problem(await shared.post("/api/v1/chat", text="x", session_id=story), 409, "conflict")
    chat = (await said(shared, "Hello"))["session_id"]
    for path, body in (("pause", {}), ("steer", {"text": "x"}), ("resume", {})):
        problem(await shared.post(f"/api/sessions/{chat}/{path}", **body), 409, "conflict")
    problem(await shared.get(f"/api/sessions/{chat}/story"), 409, "conflict")


async def test_a_chat_gets_a_title_unless_somebody_gives_it_one(shared: Service) -> None:
    async with shared.socket() as socket:
        session_id = await begun(socket, "A keeper finds that the light has been signalling something back to her")
        titled = await socket.until("session.status", reason="titled")
        assert titled["title"]
        named = await shared.http.put(
            f"/api/v1/sessions/{session_id}/title", headers=bearer(shared.token), json={"title": "Mine"}
        )
        assert named.status_code == 200, named.text
    assert (await shared.get(f"/api/sessions/{session_id}")).json()["title"] == "Mine"


async def test_a_proposed_story_is_begun_and_the_chat_is_told_how_it_goes(shared: Service, model: ModelServer) -> None:
    proposal = {"prompt": "A keeper who answers the light.", "template": "noir", "pages": 1, "wishes": ["It ends well"]}
    model.script(
        Reply(text="Here it is.", args=proposal, tool_name="propose_story", when=MUSE),
        Reply(text="Press the button, and it begins.", when=MUSE),
    )
    async with shared.socket() as socket:
        session_id = await begun(socket, "Write it", model=TEST_MODEL)
        called = await socket.until("tool.called")
        assert called["tool"] == "propose_story" and called["offset"] == len("Here it is.")
        answered = await socket.until("tool.answered")
        proposed = answered["result"]["proposal"]
        assert (
            proposed["template"] == "noir" and proposed["config"]["pages"] == 1 and "It ends well" in proposed["prompt"]
        )
        await socket.until("session.status", status="waiting")
        asked = {"asked_in": session_id, "asked_call": called["call_id"]}
        story = await shared.post("/api/sessions", **proposed, **asked)
        assert story.status_code == 201, story.text
        begun_ = await socket.until("story.asked")
        assert begun_["story"]["session_id"] == story.json()["id"] and begun_["story"]["call_id"] == called["call_id"]
        while (told := await socket.until("story.asked"))["story"]["status"] != "completed":
            pass
        assert told["story"]["words"] > 100
    answer = (await branch(shared, session_id))[-1]
    assert answer["content"] == "Here it is.\n\nPress the button, and it begins."
    assert [one["tool"] for one in answer["metadata"]["tools"]] == ["propose_story"]


async def test_no_more_tools_than_a_turn_may_call(shared: Service, model: ModelServer) -> None:
    model.script(*(Reply(args={"query": f"light {n}"}, tool_name="look_up", when=MUSE) for n in range(10)))
    session_id = (await said(shared, "Look everything up", model=TEST_MODEL))["session_id"]
    answer = (await branch(shared, session_id))[-1]
    assert len(answer["metadata"]["tools"]) == 8 and answer["content"]
    assert not model.unused and "tools" not in model.requests[-1].body


async def test_a_call_with_nonsense_is_told_to_the_agent(shared: Service, model: ModelServer) -> None:
    story = await shared.story(pages=1)
    strange = await shared.new_token()
    model.script(
        Reply(args="{not json", tool_name="look_up", when=MUSE),
        Reply(args={"session_id": str(uuid4())}, tool_name="read_story"),
        Reply(args={"session_id": story}, tool_name="read_story", when=MUSE),
        Reply(text="That is all that I can tell.", when=MUSE),
    )
    answer = await shared.post("/api/v1/chat", strange, text="Read it", model=TEST_MODEL)
    assert answer.status_code == 200, answer.text
    tools = answer.json()["message"]["metadata"]["tools"]
    assert len(tools) == 3 and all(one["error"] for one in tools), tools


async def test_a_story_is_read_by_the_agent_of_its_writer(shared: Service, model: ModelServer) -> None:
    story = await shared.story(pages=1)
    model.script(
        Reply(args={"session_id": story}, tool_name="read_story", when=MUSE), Reply(text="I have read it.", when=MUSE)
    )
    answer = await said(shared, "Read it", model=TEST_MODEL)
    (read,) = answer["message"]["metadata"]["tools"]
    assert read["error"] is None and len(read["result"]["text"]) > 500


async def test_an_endless_and_an_empty_answer_come_to_an_end(shared: Service, model: ModelServer) -> None:
    model.script(Reply(text=" ".join(f"word{n} goes on." for n in range(5000)), when="Never stop"))
    endless = await said(shared, "Never stop", model=TEST_MODEL)
    assert len(endless["message"]["content"].split()) < 3000 and endless["message"]["metadata"]["notes"]
    model.script(*(Reply.empty(when="Say nothing") for _ in range(3)))
    problem(await shared.post("/api/v1/chat", text="Say nothing", model=TEST_MODEL), 503, "unavailable")


async def test_an_answer_that_breaks_off_is_gone_on_with(shared: Service, model: ModelServer) -> None:
    model.script(
        Reply(text="The light answered her in the dark, and she counted the flashes.", break_after=6, when=MUSE),
        Reply(text="the dark, and she counted the flashes until dawn.", when=MUSE),
    )
    answer = await said(shared, "What did she do?", model=TEST_MODEL)
    assert answer["message"]["content"] == "The light answered her in the dark, and she counted the flashes until dawn."


async def test_the_talk_is_shown_to_the_model_in_turns(shared: Service, model: ModelServer) -> None:
    session_id = (await said(shared, "My hero is Mara.", model=TEST_MODEL))["session_id"]
    await said(shared, "What does she want?", session_id)
    messages = model.requests[-1].body["messages"]
    assert [one["role"] for one in messages[-3:]] == ["user", "assistant", "user"]
    assert messages[-3]["content"] == "My hero is Mara."
    assert messages[0]["role"] == "system" and "muse" in str(messages[0]["content"])
