"""A story from a prompt, over the real socket into a real database."""

from __future__ import annotations

from coordinator.sessions.events import EVENT
from tests.service import Service


async def test_a_prompt_becomes_a_kept_story(service: Service) -> None:
    async with service.socket() as socket:
        session_id = await socket.start(pages=3)
        end = await socket.until_finished(session_id)
        assert end["status"] == "completed"
        events = [frame for frame in socket.frames if "seq" in frame]

    story = (await service.get(f"/api/sessions/{session_id}/story")).json()
    assert 900 * 0.85 <= story["word_count"] <= 900 * 1.15
    assert story["title"] and story["status"] == "completed" and story["story_id"]
    assert "light" in story["content"].lower()

    seqs = [event["seq"] for event in events]
    assert seqs == sorted(set(seqs))
    for event in events:
        EVENT.validate_python(event)
    types = {event["type"] for event in events}
    assert types >= {
        "session.created",
        "session.status",
        "step.started",
        "agent.state",
        "agent.delta",
        "agent.message",
        "draft.saved",
        "progress",
        "step.finished",
        "usage",
        "story.completed",
    }
    agents = {event["agent"] for event in events if event["type"] == "step.started"}
    assert agents == {"writer", "reader", "expert", "editor"}


async def test_deltas_joined_are_the_message(service: Service) -> None:
    async with service.socket() as socket:
        await socket.until_finished(await socket.start(pages=1))
    deltas: dict[str, str] = {}
    settled: dict[str, str] = {}
    for frame in socket.frames:
        if frame["type"] == "agent.delta":
            before = deltas.get(frame["message_id"], "")
            assert frame["offset"] == len(before)
            deltas[frame["message_id"]] = before + frame["text"]
        elif frame["type"] == "agent.message":
            settled[frame["message"]["id"]] = frame["message"]["content"]
    assert deltas
    for message_id, text in deltas.items():
        assert settled[message_id] == text.strip()


async def test_messages_drafts_and_steps_have_no_gap(service: Service) -> None:
    session_id = await service.story(pages=3)
    messages = (await service.get(f"/api/sessions/{session_id}/messages", limit=100)).json()["items"]
    drafts = (await service.get(f"/api/sessions/{session_id}/drafts", limit=100)).json()["items"]
    steps = (await service.get(f"/api/sessions/{session_id}/steps", limit=100)).json()["items"]
    session = (await service.get(f"/api/sessions/{session_id}")).json()
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    assert messages[0]["role"] == "user" and session["message_count"] == len(messages)
    assert [draft["version"] for draft in drafts] == list(range(1, len(drafts) + 1))
    assert [draft["version"] for draft in drafts if draft["current"]] == [session["draft_version"]]
    assert {step["status"] for step in steps} == {"done"}
    assert len(steps) == session["progress"]["completed_steps"] == session["progress"]["total_steps"]
    assert session["progress"]["percent"] == 100
    assert session["tokens"] == sum(spent["tokens"] for spent in session["usage_by_agent"].values()) > 0
    # What was streamed is settled: no delta is left in the record.
    events = (await service.get(f"/api/sessions/{session_id}/events", limit=100)).json()["items"]
    assert "agent.delta" not in {event["type"] for event in events}
