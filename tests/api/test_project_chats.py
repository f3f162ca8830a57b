"""Chats of a project: what its agent knows and does there, who takes part, and what becomes of it when things change."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from tests.api.support import MUSE, TEST_MODEL, problem
from tests.api.test_chat import branch, said
from tests.model_server import ModelServer, Reply
from tests.service import Service, bearer


async def project_of(service: Service, token: str | None = None, **more: Any) -> str:
    answer = await service.post("/api/v1/projects", token, name="The Light", **more)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def joined(service: Service, project: str, role: str) -> tuple[str, str]:
    """Another member's token and user id."""
    invite = await service.post(f"/api/v1/projects/{project}/invites", role=role)
    assert invite.status_code == 201, invite.text
    token = await service.new_token()
    accepted = await service.post(f"/api/v1/invites/{invite.json()['token']}", token)
    assert accepted.status_code == 200, accepted.text
    me = await service.get("/api/v1/users/me", token)
    return token, str(me.json()["id"])


async def test_the_agent_knows_the_project_and_notes_into_its_bible(shared: Service, model: ModelServer) -> None:
    project = await project_of(shared, instructions="Write as if it rained.")
    entry = await shared.post(
        f"/api/v1/projects/{project}/bible", kind="person", name="Mara Voss", role="keeper", description="She counts."
    )
    assert entry.status_code == 201, entry.text
    model.script(
        Reply(args={"kind": "fact", "text": "The lamp has seven lenses."}, tool_name="note", when=MUSE),
        Reply(args={"query": "lenses"}, tool_name="look_up", when=MUSE),
        Reply(text="I have noted it.", when=MUSE),
    )
    answer = await said(
        shared, "Remember of Mara that the lamp has seven lenses.", model=TEST_MODEL, project_id=project
    )
    noted, found = answer["message"]["metadata"]["tools"]
    assert noted["error"] is None and found["result"]["bible"][0]["text"] == "The lamp has seven lenses."
    systems = [str(one.body["messages"][0]["content"]) for one in model.requests]
    system = next(one for one in reversed(systems) if "You are the muse" in one)
    assert "Write as if it rained." in system and "Mara Voss" in system
    entries = (await shared.get(f"/api/v1/projects/{project}/bible")).json()["items"]
    kept = next(one for one in entries if one["kind"] == "fact")
    assert kept["source"]["how"] == "noted" and kept["source"]["session_id"] == answer["session_id"]
    taken_out = await shared.http.delete(f"/api/v1/projects/{project}/bible/{kept['id']}", headers=bearer(shared.token))
    assert taken_out.status_code == 204


async def test_editors_talk_along_viewers_read_and_strangers_have_no_such_chat(shared: Service) -> None:
    project = await project_of(shared)
    session_id = (await said(shared, "Hello", project_id=project))["session_id"]
    editor, editor_id = await joined(shared, project, "editor")
    viewer, viewer_id = await joined(shared, project, "viewer")
    answer = await shared.post("/api/v1/chat", editor, text="And hello from me", session_id=session_id)
    assert answer.status_code == 200, answer.text
    messages = await branch(shared, session_id)
    assert [one["author_id"] for one in messages if one["role"] == "user"] == [None, editor_id]
    seen = await shared.get(f"/api/v1/sessions/{session_id}/messages", viewer)
    assert seen.status_code == 200 and len(seen.json()["messages"]) == 4
    problem(await shared.post("/api/v1/chat", viewer, text="x", session_id=session_id), 403, "forbidden")
    problem(await shared.post("/api/v1/chat", viewer, text="x", project_id=project), 403, "forbidden")
    stranger = await shared.new_token()
    problem(await shared.post("/api/v1/chat", stranger, text="x", session_id=session_id), 404, "not_found")
    problem(await shared.post("/api/v1/chat", stranger, text="x", project_id=project), 404, "not_found")
    problem(await shared.post("/api/v1/chat", text="x", project_id=str(uuid4())), 404, "not_found")
    of_another = await shared.post(f"/api/v1/chat/{session_id}/edit", editor, seq=1, text="Not mine")
    problem(of_another, 403, "forbidden")
    removed = await shared.http.delete(f"/api/v1/projects/{project}/members/{editor_id}", headers=bearer(shared.token))
    assert removed.status_code == 204
    problem(await shared.post("/api/v1/chat", editor, text="x", session_id=session_id), 404, "not_found")
    problem(await shared.get(f"/api/v1/sessions/{session_id}/messages", editor), 404, "not_found")
    assert UUID(viewer_id)


async def test_talks_of_a_project_are_listed_for_its_members(shared: Service) -> None:
    project = await project_of(shared)
    session_id = (await said(shared, "A quiet harbour", project_id=project))["session_id"]
    viewer, _ = await joined(shared, project, "viewer")
    for token in (None, viewer):
        listed = (await shared.get("/api/v1/sessions", token, project_id=project)).json()
        assert [one["session_id"] for one in listed["sessions"]] == [session_id] and listed["total"] == 1
    problem(await shared.get("/api/v1/sessions", await shared.new_token(), project_id=project), 404, "not_found")
    found = (await shared.get("/api/v1/sessions", q="quiet harbour", kind="chat")).json()
    assert [one["session_id"] for one in found["sessions"]] == [session_id]


async def test_a_project_that_is_archived_while_it_is_talked_in(shared: Service, model: ModelServer) -> None:
    project = await project_of(shared)
    model.open.clear()
    async with shared.socket() as socket:
        await socket.send(type="chat.send", request_id=str(uuid4()), text="Hello", project_id=project, model=TEST_MODEL)
        session_id = (await socket.until("turn.started"))["session_id"]
        archived = await shared.post(f"/api/v1/projects/{project}/archive")
        assert archived.status_code == 200, archived.text
        model.open.set()
        await socket.until("session.status", status="waiting")
    assert [one["role"] for one in await branch(shared, session_id)] == ["user", "assistant"]
    problem(await shared.post("/api/v1/chat", text="More", session_id=session_id), 409, "conflict")
    assert len(await branch(shared, session_id)) == 2
    await shared.post(f"/api/v1/projects/{project}/unarchive")
    await said(shared, "More", session_id)


async def test_a_large_bible_is_talked_with(shared: Service, model: ModelServer) -> None:
    project = await project_of(shared)
    for letter in "ah":
        entries = [
            {"kind": "person", "name": f"{letter}{n}", "role": "r", "description": "d" * 1900} for n in range(60)
        ]
        for entry in entries:
            answer = await shared.post(f"/api/v1/projects/{project}/bible", **entry)
            assert answer.status_code in (201, 413), answer.text
    answer = await said(shared, "Tell me of a17 and h3.", model=TEST_MODEL, project_id=project)
    assert answer["message"]["content"]
    assert all(len(str(one.body["messages"][0]["content"])) < 100_000 for one in model.requests)
