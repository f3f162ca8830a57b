"""Links that show a story to whoever has them, and nothing else to anybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from coordinator.people.shares import PER_SESSION
from coordinator.settings import Settings
from tests.api.support import problem
from tests.conftest import Database
from tests.service import Service, bearer, serving


async def run(database: Database, query: str, *params: Any) -> list[Any]:
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        cursor = await connection.execute(query, params)  # type: ignore[call-overload]
        return await cursor.fetchall() if cursor.description else []


async def made(service: Service, session_id: str, token: str | None = None, **body: Any) -> dict[str, Any]:
    answer = await service.post(f"/api/sessions/{session_id}/shares", token, **body)
    assert answer.status_code == 201, answer.text
    link: dict[str, Any] = answer.json()
    return link


async def read(service: Service, token: str) -> httpx.Response:
    return await service.http.get(f"/api/shared/{token}")


def gone(answer: httpx.Response) -> str:
    """The sentence of a link that shows nothing."""
    return str(problem(answer, 404, "not_found")["detail"])


async def test_a_link_shows_the_story_and_nothing_else_to_anybody(service: Service, database: Database) -> None:
    session_id = await service.story(pages=1, language="English")
    link = await made(service, session_id)
    assert set(link) == {"id", "session_id", "created_at", "expires_at", "revoked_at", "token", "url"}
    assert link["url"] == f"{service.url}/shared/{link['token']}" and len(link["token"]) >= 43
    until = datetime.fromisoformat(link["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < until <= timedelta(days=30)

    answer = await read(service, link["token"])
    assert answer.status_code == 200
    story = (await service.get(f"/api/sessions/{session_id}/story")).json()
    shown = {name: story[name] for name in ("title", "content", "word_count", "created_at")}
    assert answer.json() == {**shown, "language": "en"}
    owner = (await service.get(f"/api/sessions/{session_id}")).json()["user_id"]
    for secret in (session_id, owner, link["id"], story["model"]):
        assert secret not in answer.text
    assert answer.headers["cache-control"] == "no-store" and answer.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in answer.headers["x-robots-tag"] and answer.headers["x-content-type-options"] == "nosniff"

    # The token is shown once: no list, no row has it.
    listed = (await service.get(f"/api/sessions/{session_id}/shares")).json()
    assert [one["id"] for one in listed["items"]] == [link["id"]] and link["token"] not in str(listed)
    rows = await run(database, "select to_jsonb(h)::text from session_shares h")
    assert len(rows) == 1 and link["token"] not in str(rows)
    assert rows[0][0].count(owner) == 1


async def test_it_shows_the_text_as_it_is_now(service: Service, database: Database) -> None:
    session_id = await service.story(pages=1)
    link = await made(service, session_id)
    await run(database, "update session_drafts set content = %s where session_id = %s and current", "Anew.", session_id)
    await run(database, "update story_sessions set title = 'Renamed' where id = %s", session_id)
    shown = (await read(service, link["token"])).json()
    assert (shown["title"], shown["content"]) == ("Renamed", "Anew.")


async def test_what_is_over_is_as_if_it_had_never_been(service: Service, database: Database) -> None:
    session_id, other_id = await service.story(pages=1), await service.story(pages=1)
    revoked, expired, kept = [await made(service, session_id) for _ in range(3)]
    deleted = await made(service, other_id)
    path = f"/api/sessions/{session_id}/shares"
    for _ in range(2):
        answer = await service.http.delete(f"{path}/{revoked['id']}", headers=bearer(service.token))
        assert answer.status_code == 204
    await run(database, "update session_shares set expires_at = now() where id = %s", expired["id"])
    assert (await service.http.delete(f"/api/sessions/{other_id}", headers=bearer(service.token))).status_code == 204
    sentences = {gone(await read(service, one["token"])) for one in (revoked, expired, deleted)}
    assert sentences == {gone(await read(service, "A" * 43))} and len(sentences) == 1
    assert (await read(service, kept["token"])).status_code == 200
    by_id = {one["id"]: one for one in (await service.get(path)).json()["items"]}
    assert set(by_id) == {one["id"] for one in (revoked, expired, kept)}
    assert by_id[revoked["id"]]["revoked_at"] and by_id[kept["id"]]["revoked_at"] is None
    assert await run(database, "select count(*) from session_shares where session_id = %s", other_id) == [(0,)]


async def test_a_revoked_link_hides_at_once_what_was_read_before(service: Service) -> None:
    session_id = await service.story(pages=1)
    link = await made(service, session_id)
    assert (await read(service, link["token"])).status_code == 200
    await service.http.delete(f"/api/sessions/{session_id}/shares/{link['id']}", headers=bearer(service.token))
    gone(await read(service, link["token"]))


async def test_nobody_but_the_writer_has_to_do_with_the_links(service: Service) -> None:
    session_id, other = await service.story(pages=1), await service.new_token()
    link = await made(service, session_id)
    path = f"/api/sessions/{session_id}/shares"
    for stranger in (other, service.admin_token()):
        problem(await service.post(path, stranger), 404, "not_found")
        problem(await service.get(path, stranger), 404, "not_found")
        answer = await service.http.delete(f"{path}/{link['id']}", headers=bearer(stranger))
        problem(answer, 404, "not_found")
    for answer in (
        await service.http.post(path),
        await service.http.get(path),
        await service.http.delete(f"{path}/{link['id']}"),
    ):
        problem(answer, 401, "unauthorized")
    # One's own link by the address of another of one's own sessions is none of its.
    elsewhere = await service.story(pages=1)
    answer = await service.http.delete(f"/api/sessions/{elsewhere}/shares/{link['id']}", headers=bearer(service.token))
    problem(answer, 404, "not_found")
    problem(await service.get(f"/api/sessions/{uuid4()}/shares"), 404, "not_found")
    assert (await read(service, link["token"])).status_code == 200


@pytest.mark.parametrize(
    "body", [{"expires_in_s": 59}, {"expires_in_s": 365 * 86400 + 1}, {"expires_in_s": "x"}, {"a": 1}]
)
async def test_a_wrong_wish_is_told(service: Service, body: dict[str, Any]) -> None:
    problem(await service.post(f"/api/sessions/{uuid4()}/shares", **body), 422, "invalid_message")


async def test_the_expiry_is_as_wished(service: Service) -> None:
    session_id = await service.story(pages=1)
    for wished in (60, 365 * 86400):
        link = await made(service, session_id, expires_in_s=wished)
        lasts = datetime.fromisoformat(link["expires_at"]) - datetime.fromisoformat(link["created_at"])
        assert lasts.total_seconds() == wished


async def test_a_session_has_so_many_links_and_those_that_are_over_make_room(service: Service) -> None:
    session_id = await service.story(pages=1)
    links = [await made(service, session_id) for _ in range(PER_SESSION)]
    path = f"/api/sessions/{session_id}/shares"
    told = problem(await service.post(path), 409, "conflict")["detail"]
    assert str(PER_SESSION) in told
    await service.http.delete(f"{path}/{links[7]['id']}", headers=bearer(service.token))
    newest = await made(service, session_id)
    items = (await service.get(path)).json()["items"]
    assert len(items) == PER_SESSION and items[0]["id"] == newest["id"]
    assert links[7]["id"] not in [item["id"] for item in items]
    problem(await service.post(path), 409, "conflict")


async def test_before_the_first_draft_there_is_nothing_to_share(service: Service, database: Database) -> None:
    session_id = await service.story(pages=1)
    link = await made(service, session_id)
    await run(database, "delete from session_drafts where session_id = %s", session_id)
    await run(database, "update story_sessions set draft_version = 0 where id = %s", session_id)
    problem(await service.post(f"/api/sessions/{session_id}/shares"), 409, "conflict")
    gone(await read(service, link["token"]))


async def test_guessing_is_limited_by_address(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"rate_rest": "5/minute"})) as service:
        answers = [await read(service, f"{number:043}") for number in range(7)]
        assert [answer.status_code for answer in answers] == [404] * 5 + [429] * 2
        assert int(answers[-1].headers["retry-after"]) > 0


async def test_a_token_is_in_no_line_of_the_log(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    session_id = await service.story(pages=1)
    link = await made(service, session_id)
    with caplog.at_level("DEBUG"):
        for token in (link["token"], "x" * 43):
            await read(service, token)
    ours = [record for record in caplog.records if record.name.startswith(("api", "coordinator", "uvicorn"))]
    assert not [record for record in ours if link["token"] in record.getMessage() or "x" * 43 in record.getMessage()]


@pytest.mark.parametrize("path", ["/api/shared/nothing", "/shared/nothing", "/api/shared/", "/api/shared/" + "x" * 300])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_no_answer_about_a_link_is_kept_or_indexed(service: Service, path: str, method: str) -> None:
    """A link that is no more, too: search engines keep what is not found as well."""
    answer = await service.http.request(method, path)
    assert answer.headers["x-robots-tag"] == "noindex, nofollow" and answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == (
        "no-cache" if path == "/shared/nothing" and method != "POST" else "no-store"
    )
