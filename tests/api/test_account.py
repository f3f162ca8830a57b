"""`/api/users/me`: taking everything away as an archive, and having it erased."""

from __future__ import annotations

import asyncio
import io
import json
import tracemalloc
import zipfile
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import respx
from pydantic import SecretStr

from coordinator.people import erasures
from coordinator.people.signins import ProjectSignIns
from coordinator.settings import Settings
from storyloom.client import Client, ClientError
from tests.api.support import TEST_MODEL, checked_error, held_story, problem, signed
from tests.chaos.record import eventually
from tests.conftest import Database
from tests.model_server import ModelServer
from tests.service import Service, bearer, serving
from tests.store.test_users import everything

ME = "/api/users/me"
SECRET = "a secret of the project's that signs what its users bring"
PROJECT = "https://abcdefghijkl.supabase.co"
EMPTY = {
    "profile.json",
    "keys.json",
    "shares.json",
    "admins.json",
    "sign_ins.json",
    "memberships.json",
    "invites.json",
    "manifest.json",
}
OF_SESSIONS = {
    "messages": "session_messages",
    "drafts": "session_drafts",
    "steps": "session_steps",
    "events": "session_events",
    "alternatives": "session_alternatives",
    "stories": "stories",
    "materials": "session_materials",
}


async def shared_stories(service: Service, token: str, *prompts: str) -> tuple[str, list[str]]:
    """A project with an invitation, and stories that were written in it."""
    project = (await service.post("/api/v1/projects", token, name="A project")).json()["id"]
    assert (await service.post(f"/api/v1/projects/{project}/invites", token)).status_code == 201
    ids = []
    for prompt in prompts:
        body = {"prompt": prompt, "project_id": project, "config": {"pages": 1}}
        ids.append((await service.post("/api/sessions", token, **body)).json()["id"])
        async with service.socket(token) as socket:
            await socket.send(type="session.attach", session_id=ids[-1])
            await socket.until_finished(ids[-1])
    return project, ids


@pytest.fixture
def settings(settings: Settings, model: ModelServer) -> Settings:
    more = {"models": [TEST_MODEL], "model_base_url": model.url, "model_api_key": SecretStr("k"), "model_attempts": 1}
    return settings.model_copy(update=more)


async def taken(service: Service, token: str) -> dict[str, Any]:
    """What is in the archive, by file name."""
    answer = await service.get(f"{ME}/export", token)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip" and answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"].startswith('attachment; filename="storyloom-2')
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


async def erase(service: Service, token: str) -> dict[str, Any]:
    answer = await service.http.delete(ME, headers=bearer(token))
    assert answer.status_code == 200, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


async def user_of(service: Service, token: str, session_id: str) -> UUID:
    return UUID((await service.get(f"/api/sessions/{session_id}", token)).json()["user_id"])


async def run(database: Database, query: str, *params: Any) -> list[Any]:
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        cursor = await connection.execute(query, params)  # type: ignore[call-overload]
        return await cursor.fetchall() if cursor.description else []


# -- Taking it away ----------------------------------------------------------------------------------------------------


async def test_the_archive_has_all_rows_of_the_user_and_no_others(service: Service, database: Database) -> None:
    token, other = await service.new_token(), await service.new_token()
    project, mine = await shared_stories(service, token, "A bell under water.", "A door in the sea.")
    await service.story(other, "Of somebody else.", pages=1)
    key = "sk-or-verysecret-9876"
    put = await service.http.put(f"{ME}/keys/openrouter", headers=bearer(token), json={"key": key})
    assert put.is_success, put.text
    owner = await user_of(service, token, mine[0])
    for session_id in mine:
        version = (await service.get(f"/api/sessions/{session_id}", token)).json()["draft_version"]
        asked = {"version": version, "section": 1, "instruction": "Let the bell be heard."}
        assert (await service.post(f"/api/sessions/{session_id}/rewrite", token, **asked)).status_code == 201
    link = (await service.post(f"/api/sessions/{mine[1]}/shares", token)).json()

    files = await taken(service, token)
    assert set(files) == {*EMPTY, f"projects/{project}.json", *(f"sessions/{id}.json" for id in mine)}
    kept = await everything(database, owner)
    for session_id in mine:
        file = files[f"sessions/{session_id}.json"]
        assert set(file) == {"session", *OF_SESSIONS}
        for part, table in OF_SESSIONS.items():
            rows = [row for (row,) in kept[table] if row["session_id"] == session_id]
            assert rows and sorted(file[part], key=str) == sorted(rows, key=str), part
        assert [file["session"]] == [row for (row,) in kept["story_sessions"] if row["id"] == session_id]
        assert [message["seq"] for message in file["messages"]] == list(range(1, len(file["messages"]) + 1))
    assert files["profile.json"]["profile"] == kept["profiles"][0][0]
    assert files[f"projects/{project}.json"] == kept["projects"][0][0]
    assert files["memberships.json"] == [kept["user_projects"][0][0]]
    invite = kept["project_invites"][0][0]
    assert files["invites.json"][0]["id"] == invite["id"] and invite["token_hash"] not in str(files)
    assert files["profile.json"]["sign_in"]["id"] == str(owner)
    assert [(one["provider"], one["last_four"]) for one in files["keys.json"]] == [("openrouter", "9876")]
    assert key not in str(files) and "Of somebody else." not in str(files)
    assert [(one["id"], one["session_id"]) for one in files["shares.json"]] == [(link["id"], mine[1])]
    assert link["token"] not in str(files) and kept["session_shares"][0][0]["token_hash"] not in str(files)
    secret = kept["user_api_keys"][0][0]["secret"]
    assert secret not in str(files)
    manifest = files["manifest.json"]
    assert manifest["user_id"] == str(owner) and manifest["format"] == 1
    assert manifest["counts"] == {**{table: len(rows) for table, rows in kept.items()}, "admin_audit": 0}
    assert manifest["schema_version"] == (await run(database, "select public.schema_version()"))[0][0]


async def test_one_who_wrote_nothing_takes_away_a_profile(service: Service) -> None:
    files = await taken(service, await service.new_token())
    assert set(files) == EMPTY and files["keys.json"] == files["shares.json"] == files["admins.json"] == []
    counts = {"profiles": 1, "user_api_keys": 0, "session_shares": 0, "sign_ins": 1, "admin_audit": 0}
    counts |= {"user_projects": 0, "project_invites": 0}
    assert files["manifest.json"]["counts"] == counts
    # A token of somebody who was never seen here.
    nobody = str(service.auth.issue(uuid4())["access_token"])
    assert (await taken(service, nobody))["profile.json"]["profile"] is None


async def test_an_admin_takes_away_their_own_alone(service: Service) -> None:
    await service.story(pages=1)
    assert set(await taken(service, service.admin_token())) == EMPTY


async def test_a_long_life_does_not_fill_the_memory(service: Service, database: Database) -> None:
    token = await service.new_token()
    session_id = (await service.post("/api/sessions", token, prompt="A bell.", config={"pages": 1})).json()["id"]
    owner = await user_of(service, token, session_id)
    await run(
        database,
        "with made as (insert into story_sessions (user_id, prompt, template, model, status, expires_at)"
        " select %s, 'p', 'noir', 'm', 'failed', now() from generate_series(1, 200) returning id)"
        " insert into session_drafts (session_id, user_id, version, author, content, word_count)"
        " select made.id, %s, 1, 'writer',"
        "   (select string_agg(md5(made.id::text || n), ' ') from generate_series(1, 2000) n), 1 from made",
        owner,
        owner,
    )
    size = 0
    tracemalloc.start()
    try:
        async with service.http.stream("GET", f"{ME}/export", headers=bearer(token), timeout=60) as answer:
            assert answer.status_code == 200 and "content-length" not in answer.headers
            async for piece in answer.aiter_raw():
                size += len(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # 200 texts of 66 kB each, which are half of that as hexadecimal digits compressed.
    assert size > 7_000_000
    assert peak < 4_000_000


async def test_a_download_that_is_given_up_leaves_nothing_behind(service: Service, database: Database) -> None:
    token = await service.new_token()
    session_id = await service.story(token, pages=1)
    owner = await user_of(service, token, session_id)
    await run(
        database,
        "insert into session_drafts (session_id, user_id, version, author, content, word_count)"
        " select %s, %s, version, 'writer',"
        "   (select string_agg(md5(version::text || n), ' ') from generate_series(1, 6000) n), 1"
        " from generate_series(100, 200) version",
        session_id,
        owner,
    )
    async with service.http.stream("GET", f"{ME}/export", headers=bearer(token)) as answer:
        await anext(answer.aiter_raw())
    assert set(await taken(service, token)) >= {f"sessions/{session_id}.json"}


# -- Erasing -----------------------------------------------------------------------------------------------------------


async def test_erasing_leaves_nothing_of_one_and_all_of_another(service: Service, database: Database) -> None:
    token, other = await service.new_token(), await service.new_token()
    (_, (mine,)), theirs = await shared_stories(service, token, "A bell."), await service.story(other, pages=1)
    owner, neighbour = await user_of(service, token, mine), await user_of(service, other, theirs)
    await service.http.put(f"{ME}/keys/openai", headers=bearer(token), json={"key": "sk-verysecret-9876"})
    await service.post(f"/api/sessions/{mine}/shares", token)
    version = (await service.get(f"/api/sessions/{mine}", token)).json()["draft_version"]
    asked = {"version": version, "section": 1, "instruction": "Let the bell be heard."}
    assert (await service.post(f"/api/sessions/{mine}/rewrite", token, **asked)).status_code == 201
    before, spared = await everything(database, owner), await everything(database, neighbour)
    assert all(before.values())

    receipt = await erase(service, token)
    assert receipt["user_id"] == str(owner) and receipt["erased_at"] and receipt["sign_in_removed"]
    assert receipt.get("note") is None
    assert receipt["removed"] == {**{table: len(rows) for table, rows in before.items()}, "auth.users": 1}
    assert not any((await everything(database, owner)).values())
    assert await run(database, "select id from auth.users where id = %s", owner) == []
    assert await everything(database, neighbour) == spared
    problem(await service.get(f"/api/sessions/{mine}", token), 401, "unauthorized")
    assert (await service.get(f"/api/sessions/{theirs}/story", other)).status_code == 200
    told = problem(await service.http.delete(ME, headers=bearer(token)), 401, "unauthorized")
    assert "was erased" in told["detail"]


async def test_a_story_under_way_is_stopped_and_its_watchers_told(
    service: Service, model: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    token = await service.new_token()
    async with held_story(service, model, token) as session_id:
        async with service.socket(token) as watcher:
            await watcher.send(type="session.attach", session_id=session_id)
            await watcher.until("session.snapshot")
            receipt = await asyncio.wait_for(erase(service, token), 10)
            assert receipt["removed"]["story_sessions"] == 1
            told = checked_error(await watcher.until("error", session_id=session_id))
            assert told["code"] == "not_found"
            # The model still holds its answer: the run ended without it.
            ready = (await service.http.get("/readyz")).json()
            assert ready["running_stories"] == 0
    problem(await service.get("/api/sessions", token), 401, "unauthorized")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_an_erased_users_tokens_are_good_for_nothing(service: Service) -> None:
    """Those of a connection that is open, and those that would renew it, included."""
    tokens = (await service.http.post("/api/auth/anonymous")).json()
    token = tokens["access_token"]
    other = await service.new_token()
    async with service.socket(token) as socket:
        assert (await erase(service, token))["removed"]["sign_ins"] == 1
        await socket.send(type="story.start", request_id="r", prompt="A bell.", config={"pages": 1})
        assert checked_error(await socket.until("error"))["code"] == "unauthorized"
    problem(await service.post("/api/sessions", token, prompt="A bell.", config={"pages": 1}), 401, "unauthorized")
    refresh = {"refresh_token": tokens["refresh_token"]}
    problem(await service.http.post("/api/auth/refresh", json=refresh), 401, "unauthorized")
    assert (await service.get("/api/sessions", other)).status_code == 200


async def test_another_node_refuses_an_erased_users_token_soon(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasures, "LEARN_S", 0.05)
    async with serving(settings) as here, serving(settings) as there:
        token = await here.new_token()
        assert (await there.get("/api/sessions", token)).status_code == 200

        async def refused() -> bool:
            return (await there.get("/api/sessions", token)).status_code == 401

        await erase(here, token)
        await eventually(refused, "refused by the other node")
    async with serving(settings) as later:
        assert (await later.get("/api/sessions", token)).status_code == 401, "and by one that starts later"


async def test_the_machines_own_writer_comes_back_to_an_empty_account(settings: Settings) -> None:
    async with serving(settings) as service:
        await service.story(pages=1)
        await erase(service, service.token)
    async with serving(settings) as service:
        assert (await service.get("/api/sessions")).json()["items"] == []
        await service.story(pages=1)
        assert len((await service.get("/api/sessions")).json()["items"]) == 1


@pytest.mark.parametrize(("method", "path"), [("GET", f"{ME}/export"), ("DELETE", ME)])
async def test_nobody_takes_or_erases_without_a_token(service: Service, method: str, path: str) -> None:
    problem(await service.http.request(method, path), 401, "unauthorized")
    problem(await service.http.request(method, path, headers=bearer(signed(secret="x" * 40))), 401, "unauthorized")


# -- From the client ---------------------------------------------------------------------------------------------------


async def test_the_client_takes_away_and_erases(service: Service) -> None:
    session_id = await service.story(pages=1)
    refused = service.auth.issue(uuid4())["access_token"] + "x"
    asked: list[bool] = []

    async def token(again: bool) -> str:
        asked.append(again)
        return service.token if again else refused

    async with Client(service.url, token_provider=token) as client:
        archive = b"".join([piece async for piece in client.export_account()])
        assert f"sessions/{session_id}.json" in zipfile.ZipFile(io.BytesIO(archive)).namelist()
        assert asked == [False, True], "the token was refused, and renewed once"
        receipt = await client.delete_account()
        assert receipt["removed"]["stories"] == 1
    async with Client(service.url, refused) as client:
        with pytest.raises(ClientError) as error:
            await anext(client.export_account())
        assert (error.value.code, error.value.status) == ("unauthorized", 401)


async def test_a_download_that_breaks_off_is_told() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"PK half"
        raise httpx.RemoteProtocolError("peer closed connection")

    with respx.mock as mocked:
        mocked.get(f"http://127.0.0.1:1{ME}/export").respond(200, stream=broken())
        async with Client("http://127.0.0.1:1", "t") as client:
            with pytest.raises(ClientError, match="broke off"):
                _ = [piece async for piece in client.export_account()]


# -- Where a Supabase project keeps the users --------------------------------------------------------------------------


@pytest.fixture
async def project(settings: Settings, database: Database) -> AsyncIterator[tuple[Service, str, UUID]]:
    """A service whose users sign in at a project that is not there, on its database; one of them, with a token."""
    hosted = settings.model_copy(
        update={
            "supabase_url": PROJECT,
            "supabase_jwt_secret": SecretStr(SECRET),
            "supabase_secret_key": SecretStr("sb_secret_1234"),
        }
    )
    user_id = uuid4()
    await run(database, "insert into auth.users (id) values (%s)", user_id)
    token = signed(secret=SECRET, sub=str(user_id), iss=f"{PROJECT}/auth/v1")
    async with serving(hosted) as service:
        yield service, token, user_id


async def test_a_projects_user_is_erased_there_too(project: tuple[Service, str, UUID]) -> None:
    service, token, user_id = project
    await service.story(token, pages=1)
    with respx.mock(assert_all_mocked=True) as mocked:
        mocked.route(host="127.0.0.1").pass_through()
        route = mocked.delete(f"{PROJECT}/auth/v1/admin/users/{user_id}").respond(200, json={})
        receipt = await erase(service, token)
    request = route.calls.last.request
    assert request.headers["apikey"] == "sb_secret_1234" and "authorization" not in request.headers
    assert json.loads(request.content) == {"should_soft_delete": False}
    assert receipt["removed"]["auth.users"] == 1 and receipt["removed"]["story_sessions"] == 1
    assert receipt["sign_in_removed"] is True


async def test_a_project_that_refuses_is_told_in_the_receipt(project: tuple[Service, str, UUID]) -> None:
    service, token, user_id = project
    await service.story(token, pages=1)
    with respx.mock as mocked:
        mocked.route(host="127.0.0.1").pass_through()
        mocked.delete(f"{PROJECT}/auth/v1/admin/users/{user_id}").respond(403, json={"msg": "sb_secret_1234"})
        receipt = await erase(service, token)
    assert receipt["removed"]["story_sessions"] == 1 and "auth.users" not in receipt["removed"]
    assert receipt["sign_in_removed"] is False and str(user_id) in receipt["note"]
    assert "Authentication" in receipt["note"] and "sb_secret" not in receipt["note"]


LEGACY = signed(secret=SECRET, role="service_role", sub=None, aud=None, iss="supabase")


@pytest.mark.parametrize(
    ("answers", "key", "removed", "remains", "tries"),
    [
        ([httpx.Response(200, json={})], LEGACY, {"auth.users": 1}, None, 1),
        ([httpx.Response(404, json={"code": 404})], LEGACY, {"auth.users": 0}, None, 1),
        ([httpx.ConnectError("x"), httpx.Response(503), httpx.Response(204)], LEGACY, {"auth.users": 1}, None, 3),
        ([httpx.ReadTimeout(LEGACY)] * 3, LEGACY, {}, "could not be reached", 3),
        ([httpx.Response(429)] * 3, LEGACY, {}, "just now", 3),
        ([httpx.Response(401)], LEGACY, {}, "refused", 1),
        ([], None, {}, "no secret key", 0),
    ],
)
async def test_what_a_project_answers(
    answers: list[Any],
    key: str | None,
    removed: dict[str, int],
    remains: str | None,
    tries: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    user_id = uuid4()
    with respx.mock(assert_all_called=False) as mocked:
        route = mocked.delete(f"{PROJECT}/auth/v1/admin/users/{user_id}").mock(side_effect=answers)
        async with httpx.AsyncClient() as http:
            found, note = await ProjectSignIns(PROJECT, http, SecretStr(key) if key else None).erase(user_id)
    assert (found, route.call_count) == (removed, tries)
    if remains is None:
        assert note is None
        assert route.calls.last.request.headers["authorization"] == f"Bearer {LEGACY}"
    else:
        assert note and remains in note and str(user_id) in note
    assert LEGACY not in f"{note}{caplog.text}"
