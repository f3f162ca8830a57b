"""An admin's door: anybody's session ended, on this node or another; the audit, statistics, nodes and queue."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from api.identity.auth import LocalAuth
from coordinator.settings import Settings
from tests.api.support import JWT_SECRET, TEST_MODEL, held_story, problem
from tests.api.test_account import erase, taken
from tests.api.test_taking_part import two_nodes
from tests.model_server import ModelServer
from tests.service import Service, bearer, serving

LISTED = LocalAuth(JWT_SECRET, 600).local_user("writer")
"""The machine's own writer is an admin by the list; others write here."""
SETTINGS = {"admin_user_ids": [str(LISTED)]}
ADMINS = ["by their token", "by the list"]
SOON_S = 10.0
"""The model holds its answer back for ever: a call that ends was stopped. Notifications bring it about in milliseconds,
a node that has just begun to listen finds out by its beat, two seconds later."""
READS = ["sessions", "stats", "nodes", "audit"]


def admin_of(service: Service, which: str) -> str:
    return service.token if which == "by the list" else service.admin_token()


async def end(service: Service, verb: str, session_id: str, token: str, **body: Any) -> Any:
    return await service.post(f"/api/admin/sessions/{session_id}/{verb}", token, **body)


async def audit(service: Service, **wanted: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await service.get("/api/admin/audit", service.admin_token(), **wanted)).json()[
        "items"
    ]
    return found


# -- Who may -----------------------------------------------------------------------------------------------------------


async def test_it_is_closed_to_all_but_admins(shared: Service, model: ModelServer) -> None:
    writer = await shared.new_token()
    async with held_story(shared, model, writer) as session_id:
        for path in (*READS, f"sessions/{session_id}", f"sessions/{uuid4()}"):
            problem(await shared.http.get(f"/api/admin/{path}"), 401, "unauthorized")
            problem(await shared.get(f"/api/admin/{path}", writer), 403, "forbidden")
        for verb in ("cancel", "expire"):
            path = f"/api/admin/sessions/{session_id}/{verb}"
            problem(await shared.http.post(path, json={"reason": "Mine."}), 401, "unauthorized")
            problem(await shared.post(path, writer, reason="Mine."), 403, "forbidden")
        assert (await shared.get(f"/api/sessions/{session_id}", writer)).json()["status"] == "active"
        await shared.post(f"/api/sessions/{session_id}/cancel", writer)
    assert await audit(shared, session_id=session_id) == []


@pytest.mark.parametrize("which", ADMINS)
async def test_either_kind_of_admin_may(shared: Service, which: str) -> None:
    for path in READS:
        assert (await shared.get(f"/api/admin/{path}", admin_of(shared, which))).status_code == 200, path


# -- Ending a session --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ADMINS)
async def test_cancelling_stops_the_model_and_says_why(shared: Service, model: ModelServer, which: str) -> None:
    token, writer = admin_of(shared, which), await shared.new_token()
    async with held_story(shared, model, writer) as session_id, shared.socket(writer) as socket:
        await socket.send(type="session.attach", session_id=session_id)
        await socket.until("session.snapshot")
        running = model.requests[-1]
        ended = await end(shared, "cancel", session_id, token, reason="  It names a neighbour. ")
        assert ended.status_code == 200 and ended.json()["status"] == "cancelled"
        async with asyncio.timeout(SOON_S):
            await running.left.wait()
        told = await socket.until("session.status", status="cancelled")
        assert told["reason"] == "It names a neighbour."
        assert told["error"] == {"code": "cancelled", "message": "Ended by an admin: It names a neighbour."}
        again = await end(shared, "cancel", session_id, token, reason="Once more.")
        assert again.status_code == 200 and again.json()["epoch"] == ended.json()["epoch"]
    kept = (await shared.get(f"/api/sessions/{session_id}", writer)).json()
    assert (kept["status"], kept["error"]) == ("cancelled", told["error"])
    problem(await shared.post(f"/api/sessions/{session_id}/resume", writer), 409, "conflict")
    (entry,) = await audit(shared, session_id=session_id)
    assert entry["admin_id"] == (str(LISTED) if which == "by the list" else str(shared.auth.local_user("admin")))
    assert (entry["action"], entry["reason"], entry["user_id"]) == ("cancel", "It names a neighbour.", kept["user_id"])
    assert entry["details"]["status"] == "active" and entry["details"]["node"]


async def test_what_an_admin_expired_its_writer_resumes(shared: Service, model: ModelServer) -> None:
    writer = await shared.new_token()
    async with held_story(shared, model, writer) as session_id:
        ended = await end(shared, "expire", session_id, shared.admin_token(), reason="The model is needed elsewhere.")
        assert ended.json()["status"] == "expired" and ended.json()["error"]["code"] == "expired"
    assert [entry["action"] for entry in await audit(shared, session_id=session_id)] == ["expire"]
    async with shared.socket(writer) as socket:
        await socket.send(type="session.attach", session_id=session_id)
        await socket.until("session.snapshot")
        assert (await shared.post(f"/api/sessions/{session_id}/resume", writer)).status_code == 200
        assert (await socket.until_finished(session_id))["status"] == "completed"


@pytest.mark.parametrize("verb", ["cancel", "expire"])
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": ""},
        {"reason": " \n"},
        {"reason": None},
        {"reason": "x" * 501},
        {"reason": "\x00\n"},
        {"reason": 7},
        {"reason": "Well.", "force": True},
    ],
    ids=lambda body: ascii(body)[:40],
)
async def test_without_a_reason_nothing_is_ended(
    shared: Service, model: ModelServer, verb: str, body: dict[str, Any]
) -> None:
    writer = await shared.new_token()
    async with held_story(shared, model, writer) as session_id:
        problem(await end(shared, verb, session_id, shared.admin_token(), **body), 422, "invalid_message")
        found = await shared.get("/api/admin/sessions", shared.admin_token(), status="active")
        assert session_id in [item["id"] for item in found.json()["items"]]
        await shared.post(f"/api/sessions/{session_id}/cancel", writer)
    assert await audit(shared, session_id=session_id) == []


async def test_the_longest_reason_is_kept_whole(shared: Service) -> None:
    writer, reason = await shared.new_token(), "ж" * 500
    async with shared.socket(writer) as socket:
        session_id = await socket.start(pages=1, approvals=["outline"])
        await socket.until("session.status", status="awaiting_approval")
        assert (await end(shared, "cancel", session_id, shared.admin_token(), reason=reason)).status_code == 200
        assert (await socket.until_finished(session_id))["reason"] == reason
    (entry,) = await audit(shared, session_id=session_id)
    assert entry["reason"] == reason and entry["details"]["status"] == "awaiting_approval"


async def test_what_has_ended_or_never_was_can_not_be_ended(shared: Service) -> None:
    session_id = await shared.story(await shared.new_token(), pages=1)
    for verb in ("cancel", "expire"):
        problem(await end(shared, verb, session_id, shared.admin_token(), reason="Late."), 409, "conflict")
        for wrong in (str(uuid4()), "x"):
            problem(await end(shared, verb, wrong, shared.admin_token(), reason="Where?"), 404, "not_found")
    assert await audit(shared, session_id=session_id) == []


@pytest.mark.parametrize("verb", ["cancel", "expire"])
async def test_an_admin_on_another_node_stops_the_call_at_once(
    settings: Settings, model: ModelServer, verb: str
) -> None:
    more = {"models": [TEST_MODEL], "model_base_url": model.url, "model_api_key": SecretStr("k"), "model_attempts": 1}
    async with two_nodes(settings.model_copy(update={**more, "model_timeout_s": 30})) as (first, second):
        async with held_story(first, model) as session_id, first.socket() as here, second.socket() as there:
            for socket in (here, there):
                await socket.send(type="session.attach", session_id=session_id)
                await socket.until("session.snapshot")
            running = model.requests[-1]
            nodes = (await second.get("/api/admin/nodes", second.admin_token())).json()["nodes"]
            assert [node["alive"] for node in nodes] == [True, True]
            assert sorted(node["running"] for node in nodes) == [0, 1] and all(node["version"] for node in nodes)
            assert {node["places"] for node in nodes} == {1, settings.stories_per_node}
            async with asyncio.timeout(SOON_S):
                assert (await end(second, verb, session_id, second.admin_token(), reason="Enough.")).status_code == 200
                await running.left.wait()
                for socket in (here, there):
                    assert (await socket.until_finished(session_id))["reason"] == "Enough."
        (entry,) = await audit(first, session_id=session_id, action=verb)
        assert entry["details"]["node"] in [node["id"] for node in nodes if node["running"]]
        stats = (await first.get("/api/admin/stats", first.admin_token())).json()
        assert stats["active"] == {"running": 0, "waiting": 0}


# -- The audit ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ADMINS)
@pytest.mark.parametrize(
    "path",
    [
        "/api/admin/sessions/{}",
        *(f"/api/sessions/{{}}{part}" for part in ("/story", "/messages", "/drafts", "/drafts/1", "/steps", "/events")),
    ],
)
async def test_reading_anothers_session_is_noted_by_whichever_door(shared: Service, which: str, path: str) -> None:
    token, writer = admin_of(shared, which), await shared.new_token()
    session_id = await shared.story(writer, pages=1)
    assert (await shared.get(f"/api/sessions/{session_id}/story", writer)).status_code == 200
    assert await audit(shared, session_id=session_id) == []
    assert (await shared.get(path.format(session_id), token)).status_code == 200
    (entry,) = await audit(shared, session_id=session_id)
    assert entry["action"] == "inspect" and entry["reason"] is None


async def test_watching_anothers_session_is_noted(shared: Service) -> None:
    writer = await shared.new_token()
    session_id = await shared.story(writer, pages=1)
    for token, count in ((writer, 0), (shared.admin_token(), 1)):
        async with shared.socket(token) as socket:
            await socket.send(type="session.attach", session_id=session_id)
            await socket.until("session.snapshot")
        assert len(await audit(shared, session_id=session_id)) == count


async def test_an_admins_own_sessions_are_no_matter_for_the_audit(shared: Service) -> None:
    own = await shared.story(shared.token, pages=1)
    assert (await shared.get(f"/api/admin/sessions/{own}")).status_code == 200
    assert (await shared.http.delete(f"/api/sessions/{own}", headers=bearer(shared.token))).status_code == 204
    assert await audit(shared, session_id=own) == []


async def test_the_trail_outlives_session_and_user(shared: Service) -> None:
    signed_in = (await shared.http.post("/api/auth/anonymous")).json()
    writer, user_id = signed_in["access_token"], signed_in["user"]["id"]
    deleted, looked_at = await shared.story(writer, pages=1), await shared.story(writer, pages=1)
    admin = shared.admin_token()
    assert (await shared.http.delete(f"/api/sessions/{deleted}", headers=bearer(admin))).status_code == 204
    assert (await shared.get(f"/api/admin/sessions/{looked_at}", admin)).status_code == 200
    # The writer takes away what was done to their stories, but not by whom.
    files = await taken(shared, writer)
    assert [(row["action"], row["session_id"]) for row in files["admins.json"]] == [
        ("delete", deleted),
        ("inspect", looked_at),
    ]
    assert files["manifest.json"]["counts"]["admin_audit"] == 2
    assert str(shared.auth.local_user("admin")) not in str(files)
    before = await audit(shared, user_id=user_id)
    assert "admin_audit" not in (await erase(shared, writer))["removed"]
    assert len(before) == 2 and await audit(shared, user_id=user_id) == before


async def test_the_audit_is_paged_and_filtered(shared: Service) -> None:
    admin, writer = shared.admin_token(), await shared.new_token()
    since = datetime.now(UTC).isoformat()
    ids = []
    for number in range(3):
        session_id = (
            await shared.post("/api/sessions", writer, prompt="A bell.", config={"approvals": ["outline"]})
        ).json()["id"]
        await end(shared, ("cancel", "expire")[number % 2], session_id, admin, reason=f"{number}")
        ids.append(session_id)
    cursor, found = None, []
    while True:
        params = {"limit": 2, "since": since, **({"cursor": cursor} if cursor else {})}
        page = (await shared.get("/api/admin/audit", admin, **params)).json()
        found += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert [entry["session_id"] for entry in found] == ids[::-1]
    assert [entry["reason"] for entry in await audit(shared, since=since, action="expire")] == ["1"]
    assert await audit(shared, since=since, admin_id=str(LISTED)) == []
    for wrong in ({"cursor": "x"}, {"action": "look"}, {"session_id": "x"}, {"since": "soon"}, {"limit": 0}):
        problem(await shared.get("/api/admin/audit", admin, **wrong), 422, "invalid_message")


# -- What an admin sees ------------------------------------------------------------------------------------------------


async def test_every_session_by_any_filter(shared: Service) -> None:
    admin = shared.admin_token()
    signed_in = (await shared.http.post("/api/auth/anonymous")).json()
    writer, user_id = signed_in["access_token"], signed_in["user"]["id"]
    first, second = [await shared.story(writer, f"A {word} clock.", pages=1) for word in ("violet", "crimson")]
    async with shared.socket(writer) as socket:
        third = await socket.start("A violet gate.", template="noir", pages=1, approvals=["outline"])
        await socket.until("session.status", status="awaiting_approval")

    async def ids(**wanted: Any) -> list[str]:
        found = (await shared.get("/api/admin/sessions", admin, user_id=user_id, **wanted)).json()
        return [item["id"] for item in found["items"]]

    assert await ids() == [third, second, first]
    assert await ids(status="awaiting_approval") == [third] == await ids(template="noir")
    assert await ids(status="completed", q="violet") == [first]
    assert await ids(kind="story") == [third, second, first] and await ids(kind="chat") == []
    created = (await shared.get(f"/api/sessions/{second}", writer)).json()["created_at"]
    assert await ids(since=created) == [third, second]
    page = (await shared.get("/api/admin/sessions", admin, user_id=user_id, limit=2)).json()
    rest = (await shared.get("/api/admin/sessions", admin, user_id=user_id, limit=2, cursor=page["next_cursor"])).json()
    assert [item["id"] for item in page["items"] + rest["items"]] == [third, second, first]
    assert rest["next_cursor"] is None


async def test_the_pages_of_an_inspection_go_on_in_the_sessions_own_lists(shared: Service) -> None:
    admin, writer = shared.admin_token(), await shared.new_token()
    session_id = await shared.story(writer, pages=8)
    whole = (await shared.get(f"/api/admin/sessions/{session_id}", admin)).json()
    assert whole["events"]["next_cursor"], "a story with more events than one page"
    events, after = whole["events"]["items"], whole["events"]["next_cursor"]
    while after is not None:
        page = (await shared.get(f"/api/sessions/{session_id}/events", admin, after_seq=after)).json()
        events += page["items"]
        after = page["next_cursor"]
    seqs = [event["seq"] for event in events]
    assert seqs == sorted(set(seqs)) and events[-1]["status"] == "completed"
    assert [step["step"] for step in whole["steps"]] == [
        event["step"] for event in events if event["type"] == "step.finished"
    ]
    assert all(step["agent"] and step["started_at"] <= step["finished_at"] for step in whole["steps"])
    assert whole["node"] is None and whole["waiting_since"] is None


async def test_a_failed_story_shows_its_error(settings: Settings) -> None:
    settings = settings.model_copy(
        update={
            "models": [TEST_MODEL],
            "model_base_url": "http://127.0.0.1:9/v1",
            "model_api_key": SecretStr("k"),
            "model_attempts": 1,
        }
    )
    async with serving(settings) as service, service.socket() as socket:
        session_id = await socket.start(pages=1, model=TEST_MODEL)
        assert (await socket.until_finished(session_id))["status"] == "failed"
        whole = (await service.get(f"/api/admin/sessions/{session_id}", service.admin_token())).json()
        error = whole["session"]["error"]
        assert error["code"] and error["message"] and whole["steps"][-1]["error"] == error
        stats = (await service.get("/api/admin/stats", service.admin_token(), days=1)).json()
        assert stats["failures"] == {error["code"]: 1} and stats["totals"]["failed"] == 1


async def test_statistics_of_real_stories(service: Service) -> None:
    admin = service.admin_token()
    ids = [await service.story(pages=1), await service.story(await service.new_token(), pages=2)]
    sessions = [(await service.get(f"/api/sessions/{one}", admin)).json() for one in ids]
    stories = [(await service.get(f"/api/sessions/{one}/story", admin)).json() for one in ids]
    stats = (await service.get("/api/admin/stats", admin)).json()
    assert stats["totals"] == {"completed": 2} and stats["days"] == 30 == len(stats["per_day"])
    days = [day["day"] for day in stats["per_day"]]
    assert days == sorted(set(days)) and stats["since"].startswith(days[0])
    assert datetime.fromisoformat(days[-1]) - datetime.fromisoformat(days[0]) == timedelta(days=29)
    # Over midnight they may be two days.
    assert sum(day["started"] for day in stats["per_day"]) == sum(day["completed"] for day in stats["per_day"]) == 2
    assert stats["means"]["messages"] == sum(one["message_count"] for one in sessions) / 2
    assert stats["means"]["words"] == sum(one["word_count"] for one in stories) / 2
    assert 0 <= stats["means"]["minutes"] < 5
    assert list(stats["by_model"]) == [sessions[0]["model"]]
    assert stats["by_model"][sessions[0]["model"]]["tokens"] == sum(one["tokens"] for one in sessions) > 0
    agents = {name for one in sessions for name in one["usage_by_agent"]}
    assert set(stats["by_agent"]) == agents and "writer" in agents
    for name, used in stats["by_agent"].items():
        assert used["tokens"] == sum(one["usage_by_agent"].get(name, {"tokens": 0})["tokens"] for one in sessions)
    for wrong in (0, 366, "x"):
        problem(await service.get("/api/admin/stats", admin, days=wrong), 422, "invalid_message")
    assert len((await service.get("/api/admin/stats", admin, days=365)).json()["per_day"]) == 365


async def test_who_waits_in_the_queue(settings: Settings, model: ModelServer) -> None:
    settings = settings.model_copy(
        update={
            "models": [TEST_MODEL],
            "model_base_url": model.url,
            "model_api_key": SecretStr("k"),
            "model_attempts": 1,
            "stories_per_node": 1,
        }
    )
    async with serving(settings) as service:
        async with held_story(service, model) as running, service.socket() as socket:
            waiting = [await socket.start("A bell.", pages=1) for _ in range(2)]
            await socket.until("session.status", session_id=waiting[1], reason="queued")
            found = (await service.get("/api/admin/nodes", service.admin_token())).json()
            assert [(one["place"], one["session_id"]) for one in found["queue"]] == [(1, waiting[0]), (2, waiting[1])]
            assert found["waiting"] == 2 and found["nodes"][0]["running"] == found["nodes"][0]["places"] == 1
            stats = (await service.get("/api/admin/stats", service.admin_token())).json()
            assert stats["active"] == {"running": 1, "waiting": 2}
            whole = (await service.get(f"/api/admin/sessions/{waiting[0]}", service.admin_token())).json()
            assert whole["waiting_since"] == found["queue"][0]["since"] and whole["node"] is None
            held = (await service.get(f"/api/admin/sessions/{running}", service.admin_token())).json()
            assert held["node"] == found["nodes"][0]["id"] and held["waiting_since"] is None
            # One that waits is ended as any other.
            ended = await end(service, "cancel", waiting[0], service.admin_token(), reason="Not this one.")
            assert ended.status_code == 200
            left = (await service.get("/api/admin/nodes", service.admin_token())).json()["queue"]
            assert [one["session_id"] for one in left] == [waiting[1]]
