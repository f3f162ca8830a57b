"""Projects through the doors: members and invitations, the bible and what stories offer it, stories that begin in one."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from coordinator.models import StoryConfig
from coordinator.running.stories import with_defaults
from coordinator.sessions import wakeups
from coordinator.settings import Settings
from coordinator.store.gateway import Gateway
from coordinator.store.projects import ProjectDefaults
from coordinator.store.record import RecordOperations
from tests.api.support import problem
from tests.conftest import Database
from tests.model_server import ModelServer
from tests.service import PROMPT, Service, bearer, serving

ADA = {
    "kind": "person",
    "name": "Ada Quill",
    "role": "the keeper",
    "description": "She counts the ships.",
    "voice": "Low.",
}


async def run(database: Database, query: str, *params: Any) -> list[Any]:
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        cursor = await connection.execute(query, params)  # type: ignore[call-overload]
        return await cursor.fetchall() if cursor.description else []


class Room:
    """A project of the service's writer, and a way to call its doors."""

    def __init__(self, service: Service, made: dict[str, Any]) -> None:
        self.service = service
        self.id = str(made["id"])
        self.made = made

    async def call(self, method: str, path: str = "", token: str | None = None, **options: Any) -> httpx.Response:
        headers = {**bearer(token or self.service.token), **options.pop("headers", {})}
        return await self.service.http.request(method, f"/api/v1/projects/{self.id}{path}", headers=headers, **options)

    async def invite(self, **body: Any) -> dict[str, Any]:
        answer = await self.call("POST", "/invites", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def member(self, role: str) -> tuple[str, str]:
        """A new member's token and id."""
        token = await self.service.new_token()
        invited = await self.invite(role="viewer" if role == "viewer" else "editor")
        answer = await self.service.post(f"/api/v1/invites/{invited['token']}", token)
        assert answer.status_code == 200, answer.text
        members = (await self.call("GET", "/members")).json()["items"]
        user_id = members[-1]["user_id"]
        if role == "owner":
            assert (await self.call("PATCH", f"/members/{user_id}", json={"role": role})).status_code == 200
        return token, user_id


async def room(service: Service, **body: Any) -> Room:
    answer = await service.post("/api/v1/projects", **{"name": "The island", **body})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/api/v1/projects/{answer.json()['id']}"
    return Room(service, answer.json())


# -- Projects ----------------------------------------------------------------------------------------------------------


async def test_a_project_is_made_once_changed_listed_and_deleted(service: Service) -> None:
    headers = {**bearer(service.token), "Idempotency-Key": "one"}
    body = {"name": " The island ", "defaults": {"pages": 2, "template": "noir"}}
    first, again = [await service.http.post("/api/v1/projects", headers=headers, json=body) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200) and first.json() == again.json()
    made = Room(service, first.json())
    assert made.made["role"] == "owner" and made.made["defaults"]["template"] == "noir" and made.made["members"] == 1

    changed = await made.call("PATCH", json={"instructions": "Be brief.", "version": 1})
    assert changed.status_code == 200 and changed.json()["version"] == 2 and changed.json()["name"] == made.made["name"]
    problem(await made.call("PATCH", json={"name": "Other", "version": 1}), 409, "conflict")
    problem(await made.call("PATCH", json={}), 422, "invalid_message")
    problem(await made.call("PATCH", json={"name": None}), 422, "invalid_message")

    await room(service, name="Another")
    listed = (await service.get("/api/v1/projects", limit=1)).json()
    rest = (await service.get("/api/v1/projects", limit=1, cursor=listed["next_cursor"])).json()
    assert [one["name"] for one in listed["items"] + rest["items"]] == ["Another", "The island"]
    assert [one["name"] for one in (await service.get("/api/v1/projects", q="ISL")).json()["items"]] == ["The island"]

    problem(await made.call("DELETE"), 422, "invalid_message")
    gone = await made.call("DELETE", params={"sessions": "keep"})
    assert gone.json() == {"sessions_deleted": 0, "sessions_kept": 0}
    for method, path in (
        ("GET", ""),
        ("DELETE", "?sessions=keep"),
        ("GET", "/members"),
        ("GET", "/bible"),
        ("GET", "/offers"),
    ):
        problem(await made.call(method, path), 404, "not_found")


async def test_strangers_and_viewers_are_refused_in_clear_words(service: Service) -> None:
    made = await room(service)
    viewer, viewer_id = await made.member("viewer")
    stranger = await service.new_token()
    entry = (await made.call("POST", "/bible", json=ADA)).json()
    writing = [
        ("PATCH", "", {"name": "Mine"}),
        ("POST", "/bible", ADA),
        ("PATCH", f"/bible/{entry['id']}", {"role": "nobody"}),
        ("DELETE", f"/bible/{entry['id']}", None),
    ]
    deciding = [
        ("POST", "/archive", None),
        ("GET", "/invites", None),
        ("POST", "/invites", {}),
        ("PATCH", f"/members/{viewer_id}", {"role": "owner"}),
        ("DELETE", f"/members/{made.made['user_id']}", None),
        ("DELETE", "?sessions=delete", None),
    ]
    for method, path, body in (*writing, *deciding):
        told = problem(await made.call(method, path, viewer, json=body), 403, "forbidden")
        assert "owner" in told["detail"]
        problem(await made.call(method, path, stranger, json=body), 404, "not_found")
    for path in ("", "/members", "/bible", "/offers"):
        assert (await made.call("GET", path, viewer)).status_code == 200
        problem(await made.call("GET", path, stranger), 404, "not_found")
    problem(await service.get("/api/sessions", stranger, project_id=made.id), 404, "not_found")


async def test_an_archived_project_is_left_as_it_is(service: Service) -> None:
    made = await room(service)
    archived = (await made.call("POST", "/archive")).json()
    assert archived["archived_at"] and (await made.call("POST", "/archive")).json() == archived
    body = {"prompt": PROMPT, "project_id": made.id, "config": {"pages": 1}}
    for answer in (
        await service.post("/api/sessions", **body),
        await made.call("POST", "/bible", json=ADA),
        await made.call("PATCH", json={"name": "Other"}),
    ):
        assert problem(answer, 409, "conflict")["detail"] == "The project is archived: unarchive it first."
    assert (await service.get("/api/v1/projects", archived=False)).json()["items"] == []
    assert (await made.call("POST", "/unarchive")).json()["archived_at"] is None
    assert (await service.post("/api/sessions", **body)).status_code == 201


# -- Members and invitations -------------------------------------------------------------------------------------------


async def test_an_invitation_from_its_making_to_its_end(service: Service, database: Database) -> None:
    made = await room(service)
    invited = await made.invite(role="editor")
    assert invited["uses_left"] == 1 and len(invited["token"]) >= 43
    kept = await run(database, "select to_jsonb(i)::text from project_invites i")
    listed = (await made.call("GET", "/invites")).json()["items"]
    assert invited["token"] not in str(kept) and [set(one) for one in listed] == [set(invited) - {"token"}]
    address = f"/api/v1/invites/{invited['token']}"

    friend, other = await service.new_token(), await service.new_token()
    shown = await service.get(address, friend)
    assert shown.headers["cache-control"] == "no-store"
    assert (shown.json()["name"], shown.json()["role"], shown.json()["member"]) == ("The island", "editor", None)
    # To oneself: nothing is used up.
    assert (await service.post(address)).json()["joined"] is False
    joined = (await service.post(address, friend)).json()
    assert joined["joined"] and joined["project"]["role"] == "editor" and joined["project"]["members"] == 2
    assert (await service.post(address, friend)).json()["joined"] is False
    for answer in (await service.get(address, other), await service.post(address, other)):
        assert "used already" in problem(answer, 410, "expired")["detail"]

    many = await made.invite(uses=None)
    for _ in range(2):
        assert (await service.post(f"/api/v1/invites/{many['token']}", await service.new_token())).json()["joined"]
    assert (await made.call("DELETE", f"/invites/{many['id']}")).status_code == 204
    assert (
        "taken back" in problem(await service.post(f"/api/v1/invites/{many['token']}", other), 410, "expired")["detail"]
    )
    late = await made.invite()
    await run(database, "update project_invites set expires_at = now() where id = %s", late["id"])
    assert (
        "has expired"
        in problem(await service.post(f"/api/v1/invites/{late['token']}", other), 410, "expired")["detail"]
    )
    problem(await service.post("/api/v1/invites/none", other), 404, "not_found")
    problem(await service.http.post(address), 401, "unauthorized")
    problem(await made.call("DELETE", f"/invites/{uuid4()}"), 404, "not_found")
    problem(await made.call("POST", "/invites", json={"role": "owner"}), 422, "invalid_message")


async def test_the_last_owner_can_not_leave(service: Service) -> None:
    made = await room(service)
    own = f"/members/{made.made['user_id']}"
    assert "no other owner" in problem(await made.call("DELETE", own), 409, "conflict")["detail"]
    assert (
        "no other owner" in problem(await made.call("PATCH", own, json={"role": "viewer"}), 409, "conflict")["detail"]
    )
    second, second_id = await made.member("owner")
    assert (await made.call("DELETE", own)).status_code == 204
    problem(await made.call("GET"), 404, "not_found")
    left = (await made.call("GET", "", second)).json()
    assert (left["user_id"], left["members"], left["role"]) == (second_id, 1, "owner")
    problem(await made.call("DELETE", f"/members/{uuid4()}", second), 404, "not_found")


async def test_an_account_that_is_erased_leaves_and_takes_its_own_along(service: Service, database: Database) -> None:
    friend = await service.new_token()
    theirs = (await service.post("/api/v1/projects", friend, name="Theirs")).json()
    made = await room(service)
    invited = await made.invite(role="editor")
    await service.post(f"/api/v1/invites/{invited['token']}", friend)
    archive = await service.get("/api/users/me/export", friend)
    for name in (f"projects/{theirs['id']}.json", "memberships.json", "invites.json"):
        assert name.encode() in archive.content
    receipt = (await service.http.delete("/api/users/me", headers=bearer(friend))).json()
    assert receipt["removed"]["projects"] == 1 and receipt["removed"]["user_projects"] == 2
    assert (await made.call("GET")).json()["members"] == 1
    assert await run(database, "select id from projects where id = %s", theirs["id"]) == []


# -- The bible ---------------------------------------------------------------------------------------------------------


async def test_entries_are_written_changed_and_taken_out_each_with_its_source(service: Service) -> None:
    made = await room(service)
    editor, _ = await made.member("editor")
    headers = {"Idempotency-Key": "ada"}
    first, again = [await made.call("POST", "/bible", editor, json=ADA, headers=headers) for _ in range(2)]
    assert first.status_code == 201 and first.json() == again.json()
    entry = first.json()
    assert entry["source"] == {"how": "written", "session_id": None, "title": ""}
    rule = (await made.call("POST", "/bible", json={"kind": "rule", "text": "No magic."})).json()
    changed = await made.call("PATCH", f"/bible/{entry['id']}", editor, json={"role": "the last keeper"})
    assert changed.json() == {**entry, "role": "the last keeper"}
    listed = (await made.call("GET", "/bible")).json()["items"]
    assert listed == [changed.json(), rule]
    for body in (
        {"kind": "person", "name": "Bo"},
        {"kind": "rule"},
        {"kind": "place", "description": "x"},
        {"kind": "beast"},
    ):
        problem(await made.call("POST", "/bible", json=body), 422, "invalid_message")
    problem(await made.call("PATCH", f"/bible/{rule['id']}", json={"text": ""}), 422, "invalid_message")
    problem(await made.call("PATCH", f"/bible/{uuid4()}", json={"text": "x"}), 404, "not_found")
    assert (await made.call("DELETE", f"/bible/{rule['id']}")).status_code == 204
    problem(await made.call("DELETE", f"/bible/{rule['id']}"), 404, "not_found")
    # That of the entries does not count as a change of the project.
    assert (await made.call("GET")).json()["version"] == 1


async def test_a_bible_of_a_megabyte_is_full_and_a_story_begins_with_what_it_can_use(
    service: Service, database: Database
) -> None:
    made = await room(service)
    facts = (
        "select jsonb_agg(jsonb_build_object('id', gen_random_uuid(), 'text', n || repeat(' word', 390), 'source',"
        ' \'{"how": "written"}\'::jsonb)) from generate_series(1, 486) n'
    )
    await run(database, f"update projects set bible = jsonb_build_object('facts', ({facts})) where id = %s", made.id)
    more = [await made.call("POST", "/bible", json={"kind": "fact", "text": "x " * 999}) for _ in range(9)]
    assert "1.0 MB at most" in problem(more[-1], 413, "too_large")["detail"]
    count = 486 + sum(answer.status_code == 201 for answer in more)
    assert len((await made.call("GET", "/bible")).json()["items"]) == count
    answer = await service.post("/api/sessions", prompt=PROMPT, project_id=made.id, config={"pages": 1})
    assert answer.status_code == 201
    async with service.socket() as socket:
        await socket.send(type="session.attach", session_id=answer.json()["id"])
        assert (await socket.until_finished(answer.json()["id"]))["type"]
    assert (await service.get(f"/api/sessions/{answer.json()['id']}")).json()["status"] == "completed"


# -- Stories of a project ----------------------------------------------------------------------------------------------


async def test_a_story_begins_in_a_project_by_either_door_and_its_members_watch_and_steer_it(service: Service) -> None:
    made = await room(service, defaults={"pages": 1, "template": "noir"})
    editor, editor_id = await made.member("editor")
    viewer, _ = await made.member("viewer")
    body = {"prompt": PROMPT, "project_id": made.id, "config": {"approvals": ["outline"]}}
    for token in (viewer, await service.new_token()):
        answer = await service.post("/api/sessions", token, **body)
        problem(answer, 403 if token == viewer else 404, "forbidden" if token == viewer else "not_found")
    async with service.socket(editor) as writing, service.socket(viewer) as reading:
        await writing.send(type="story.start", request_id="r", **body)
        session = (await writing.until("session.created"))["session"]
        assert (session["project_id"], session["template"], session["config"]["pages"]) == (made.id, "noir", 1)
        assert session["user_id"] == editor_id
        await reading.send(type="session.attach", session_id=session["id"], epoch=0, after_seq=0)
        await reading.until("approval.requested")
        await reading.send(type="session.steer", session_id=session["id"], text="Colder.")
        assert (await reading.until("error"))["code"] == "forbidden"
        # The project's owner takes part in it as well.
        assert (await service.post(f"/api/sessions/{session['id']}/steer", text="Warmer.")).status_code == 202
        await reading.until("agent.message")
        step = {"step": "approve-outline", "approved": True}
        problem(await service.post(f"/api/sessions/{session['id']}/approve", viewer, **step), 403, "forbidden")
        assert (await service.post(f"/api/sessions/{session['id']}/approve", **step)).status_code == 200
        await reading.until_finished(session["id"])
    listed = (await service.get("/api/sessions", viewer, project_id=made.id)).json()["items"]
    assert [one["id"] for one in listed] == [session["id"]]
    assert (await service.get("/api/sessions", viewer)).json()["items"] == []
    for path in ("", "/story", "/messages", "/drafts", "/steps", "/events", "/ledger", "/export"):
        assert (await service.get(f"/api/sessions/{session['id']}{path}", viewer, format="md")).status_code == 200, path
    problem(await service.http.delete(f"/api/sessions/{session['id']}", headers=bearer(viewer)), 403, "forbidden")
    problem(await service.post(f"/api/sessions/{session['id']}/shares"), 403, "forbidden")


async def test_whoever_may_not_delete_a_story_does_not_stop_it(service: Service) -> None:
    made = await room(service)
    editor, _ = await made.member("editor")
    body = {"prompt": PROMPT, "project_id": made.id, "config": {"pages": 1, "approvals": ["outline"]}}
    session_id = (await service.post("/api/sessions", **body)).json()["id"]
    problem(await service.http.delete(f"/api/sessions/{session_id}", headers=bearer(editor)), 403, "forbidden")
    async with service.socket() as socket:
        await socket.send(type="session.attach", session_id=session_id, epoch=0, after_seq=0)
        await socket.until("approval.requested")
    assert (await service.http.delete(f"/api/sessions/{session_id}", headers=bearer(service.token))).status_code == 204


def test_what_is_not_chosen_is_as_the_project_has_it() -> None:
    defaults = ProjectDefaults(pages=7, model="openai:gpt-5")
    assert with_defaults(StoryConfig(tone="wry"), defaults) == StoryConfig(tone="wry", pages=7, model="openai:gpt-5")
    chosen = StoryConfig(pages=3, model=None)
    assert with_defaults(chosen, defaults) == chosen
    assert with_defaults(StoryConfig(), ProjectDefaults()) == StoryConfig()


@pytest.mark.parametrize("sessions", ["keep", "delete"])
async def test_a_deleted_project_leaves_its_stories_to_their_writers_or_takes_them_along(
    service: Service, sessions: str
) -> None:
    made = await room(service)
    editor, _ = await made.member("editor")
    body = {"prompt": PROMPT, "project_id": made.id, "config": {"pages": 1, "approvals": ["outline"]}}
    ids = [(await service.post("/api/sessions", token, **body)).json()["id"] for token in (service.token, editor)]
    async with service.socket() as socket:
        await socket.send(type="session.attach", session_id=ids[1])
        await socket.until("session.snapshot")
        answer = (await made.call("DELETE", f"?sessions={sessions}")).json()
        told = await socket.until("error", session_id=ids[1])
        assert told["code"] == "not_found"
    deleted = sessions == "delete"
    assert answer == {"sessions_deleted": 2 if deleted else 0, "sessions_kept": 0 if deleted else 2}
    mine, theirs = await service.get(f"/api/sessions/{ids[0]}"), await service.get(f"/api/sessions/{ids[1]}", editor)
    for found in (mine, theirs):
        if deleted:
            problem(found, 404, "not_found")
        else:
            assert found.json()["project_id"] is None
    problem(await service.get(f"/api/sessions/{ids[1]}"), 404, "not_found")


# -- Who watches -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("past", [{}, {"epoch": 0, "after_seq": 0}], ids=["snapshot", "replay"])
@pytest.mark.parametrize("notified", [True, False])
async def test_a_removed_member_watches_no_more_on_any_node(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, past: dict[str, int], notified: bool
) -> None:
    """By a notification, without looking on time; and where there are none by looking."""
    if notified:
        monkeypatch.setattr(wakeups, "POLL_S", 600.0)
        monkeypatch.setattr(wakeups, "LISTENING_POLL_S", 600.0)
    else:
        monkeypatch.setattr(Gateway, "listen", lambda _: None)
        monkeypatch.setattr(wakeups, "POLL_S", 0.05)
    settings = settings.model_copy(update={"jwt_secret": SecretStr("s" * 40)})
    elsewhere = settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    async with serving(settings) as here, serving(elsewhere) as there:
        made = await room(here)
        viewer, viewer_id = await made.member("viewer")
        body = {"prompt": PROMPT, "project_id": made.id, "config": {"pages": 1, "approvals": ["outline"]}}
        session_id = (await here.post("/api/sessions", **body)).json()["id"]
        own_id = (await here.post("/api/sessions", viewer, prompt=PROMPT, config=body["config"])).json()["id"]
        async with here.socket() as owner, here.socket(viewer) as near, there.socket(viewer) as far:
            for socket in (owner, near, far):
                for watched in (session_id, own_id)[: 1 if socket is owner else 2]:
                    await socket.send(type="session.attach", session_id=watched, **past)
                    await socket.until("session.created" if past else "session.snapshot", session_id=watched)
            assert (await made.call("DELETE", f"/members/{viewer_id}")).status_code == 204
            for socket in (near, far):
                told = await socket.until("error")
                assert (told["code"], told["session_id"]) == ("not_found", session_id)
            before = len(near.frames), len(far.frames)
            assert (await here.post(f"/api/sessions/{session_id}/steer", text="Colder.")).status_code == 202
            await owner.until("agent.message")
            for socket, seen in zip((near, far), before, strict=True):
                await socket.send(type="session.attach", session_id=session_id)
                assert (await socket.until("error"))["code"] == "not_found"
                # What is their own they go on watching, and of the other they hear nothing more.
                await here.post(f"/api/sessions/{own_id}/steer", viewer, text="Warmer.")
                if socket is near or notified is False:
                    await socket.until("agent.message", session_id=own_id)
                later = [frame for frame in socket.frames[seen:] if frame.get("session_id") == session_id]
                assert [frame["type"] for frame in later] == ["error"]


async def test_who_is_removed_while_the_past_is_read_is_found_out_after_it(
    service: Service, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await room(service)
    viewer, viewer_id = await made.member("viewer")
    body = {"prompt": PROMPT, "project_id": made.id, "config": {"pages": 1, "approvals": ["outline"]}}
    session_id = (await service.post("/api/sessions", **body)).json()["id"]
    read = RecordOperations.replay

    async def and_then_removed(*args: Any) -> Any:
        found = await read(*args)
        assert (await made.call("DELETE", f"/members/{viewer_id}")).status_code == 204
        return found

    monkeypatch.setattr(RecordOperations, "replay", and_then_removed)
    monkeypatch.setattr(wakeups, "POLL_S", 600.0)
    async with service.socket(viewer) as socket:
        await socket.send(type="session.attach", session_id=session_id, epoch=0, after_seq=0)
        assert (await socket.until("error"))["code"] == "not_found"


# -- What stories begin with, and what they offer ----------------------------------------------------------------------


async def story_in(made: Room, **config: Any) -> str:
    """A finished story of the project."""
    body = {"prompt": PROMPT, "project_id": made.id, "config": {"pages": 1, "seed": 7, **config}}
    session_id = (await made.service.post("/api/sessions", **body)).json()["id"]
    async with made.service.socket() as socket:
        await socket.send(type="session.attach", session_id=session_id)
        await socket.until_finished(session_id)
    return str(session_id)


async def test_a_story_begins_from_the_bible_and_offers_what_it_has_established(service: Service) -> None:
    made = await room(service)
    ada = (await made.call("POST", "/bible", json=ADA)).json()
    await made.call("POST", "/bible", json={"kind": "rule", "text": "Nobody leaves the island."})
    session_id = await story_in(made)
    # The prompt names nobody: it is the story of whom the project knows.
    assert "Ada" in (await service.get(f"/api/sessions/{session_id}/story")).json()["content"]

    page = (await made.call("GET", "/offers")).json()
    (story,) = page["items"]
    assert story["session_id"] == session_id and page["next_cursor"] is None
    said = [offer["text"] or offer["name"] for offer in story["offers"]]
    assert said and "Nobody leaves the island." not in said
    first, second, *rest = story["offers"]

    viewer, _ = await made.member("viewer")
    path = f"/offers/{session_id}"
    problem(await made.call("POST", path, viewer, json={"accept": "all"}), 403, "forbidden")
    problem(await made.call("POST", path, json={"accept": [str(uuid4())]}), 404, "not_found")
    problem(await made.call("POST", f"/offers/{uuid4()}", json={"accept": "all"}), 404, "not_found")
    taken = (await made.call("POST", path, json={"accept": [first["id"]], "dismiss": [second["id"]]})).json()
    (entry,) = taken["accepted"]
    title = (await service.get(f"/api/sessions/{session_id}")).json()["title"]
    assert entry["source"] == {"how": "told", "session_id": session_id, "title": title} and taken["dismissed"] == 1
    again = await made.call("POST", path, json={"accept": [first["id"]], "dismiss": [second["id"]]})
    assert again.json() == {"accepted": [], "dismissed": 0}
    left = (await made.call("GET", "/offers")).json()["items"]
    assert [one["offers"] for one in left] == ([rest] if rest else [])
    everything = (await made.call("POST", path, json={"accept": "all"})).json()
    assert len(everything["accepted"]) == len(rest)
    assert (await made.call("GET", "/offers")).json()["items"] == []
    listed = (await made.call("GET", "/bible")).json()["items"]
    assert {one["id"] for one in listed} >= {entry["id"], ada["id"]} and second["id"] not in str(listed)

    # What was taken out by a member does not come back.
    await made.call("DELETE", f"/bible/{entry['id']}")
    assert (await made.call("GET", "/offers")).json()["items"] == []


async def test_a_project_that_changes_does_not_change_a_story_under_way(service: Service, database: Database) -> None:
    made = await room(service, instructions="All of it happens at night.")
    ada = (await made.call("POST", "/bible", json=ADA)).json()
    body = {"prompt": PROMPT, "project_id": made.id, "config": {"pages": 1, "approvals": ["outline"]}}
    session_id = (await service.post("/api/sessions", **body)).json()["id"]
    async with service.socket() as socket:
        await socket.send(type="session.attach", session_id=session_id, epoch=0, after_seq=0)
        await socket.until("approval.requested")
        await made.call("DELETE", f"/bible/{ada['id']}")
        await made.call("PATCH", json={"instructions": "All of it happens by day."})
        fork = (await service.post(f"/api/sessions/{session_id}/fork", start=False)).json()
        assert fork["project_id"] == made.id
        # The run that goes on after the gate folds it all anew.
        await service.post(f"/api/sessions/{session_id}/approve", step="approve-outline", approved=True)
        await socket.until_finished(session_id)
    assert "Ada" in (await service.get(f"/api/sessions/{session_id}/story")).json()["content"]
    kept = await run(
        database, "select session_id::text, instructions, bible -> 'people' -> 0 ->> 'name' from session_materials"
    )
    assert sorted(kept) == sorted((one, "All of it happens at night.", "Ada Quill") for one in (session_id, fork["id"]))
    own = await run(database, "select context -> 'bible' -> 'people' from story_sessions where id = %s", session_id)
    assert "She counts the ships." not in str(own)
    assert (await service.get(f"/api/sessions/{session_id}/ledger")).status_code == 200


async def test_a_model_is_told_what_the_project_knows(settings: Settings, model: ModelServer) -> None:
    more = {
        "models": ["openai:test"],
        "model_base_url": model.url,
        "model_api_key": SecretStr("k"),
        "model_attempts": 1,
    }
    async with serving(settings.model_copy(update=more)) as service:
        made = await room(
            service, instructions="All of it happens at night.", defaults={"model": "openai:test", "pages": 1}
        )
        await made.call("POST", "/bible", json=ADA)
        before = len(model.requests)
        answer = await service.post("/api/sessions", prompt=PROMPT, project_id=made.id)
        assert answer.json()["model"] == "openai:test"
        async with service.socket() as socket:
            await socket.send(type="session.attach", session_id=answer.json()["id"], epoch=0, after_seq=0)
            await socket.until("step.finished")
        asked = str(model.requests[before])
        assert "She counts the ships." in asked and "All of it happens at night." in asked
