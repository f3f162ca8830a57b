"""What one user, and all who are anonymous at one address, may keep, have under way and use up; and that whoever else
comes is let in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from coordinator.settings import Settings
from tests.api.support import checked_error, problem
from tests.api.texts import current, put
from tests.service import PROMPT, Service, bearer, serving

Limited = Callable[..., Any]
MB = 1_000_000


@pytest.fixture
def limited(settings: Settings) -> Limited:
    """A service with these limits. Its own writer is nobody anonymous; `person` makes others."""

    @asynccontextmanager
    async def make(**limits: Any) -> AsyncIterator[Service]:
        async with serving(settings.model_copy(update=limits)) as service:
            yield service

    return make


def slow(**limits: Any) -> dict[str, Any]:
    """Stories that are begun stay under way."""
    return {"offline_words_per_second": 1, "trusted_proxies": ["127.0.0.1"], **limits}


async def guest(service: Service, address: str) -> tuple[str, str]:
    """A new anonymous writer at this address."""
    answer = await service.http.post("/api/auth/anonymous", headers={"X-Forwarded-For": address})
    return str(answer.json()["access_token"]), address


async def person(service: Service) -> str:
    """A writer who signed in."""
    user_id = uuid4()
    tokens = service.auth.issue(user_id, anonymous=False)
    async with await psycopg.AsyncConnection.connect(
        service.settings.database_url.get_secret_value()  # type: ignore[union-attr]
    ) as connection:
        await connection.execute("insert into auth.users (id) values (%s)", [user_id])
    return str(tokens["access_token"])


async def start(service: Service, who: tuple[str, str] | str, pages: int = 1, **body: Any) -> httpx.Response:
    token, address = who if isinstance(who, tuple) else (who, "198.51.100.1")
    return await service.http.post(
        "/api/sessions",
        headers={**bearer(token), "X-Forwarded-For": address},
        json={"prompt": PROMPT, "config": {"pages": pages}, **body},
    )


# -- Under way ---------------------------------------------------------------------------------------------------------


async def test_the_guests_of_one_address_have_together_so_many_pages_under_way(limited: Limited) -> None:
    async with limited(**slow(pages_at_work=200)) as service:
        crowd = [await guest(service, "192.0.2.1") for _ in range(6)]
        answers = [await start(service, one, pages=60) for one in crowd]
        assert [answer.status_code for answer in answers] == [201, 201, 201, 429, 429, 429]
        told = problem(answers[-1], 429, "rate_limited")
        assert "have 180 pages" in told["detail"] and "cancel one" in told["detail"] and told["retryable"] is True
        # Whoever else comes is let in: a guest from elsewhere, and who is no guest, at that very address.
        assert (await start(service, await guest(service, "192.0.2.2"), pages=60)).status_code == 201
        assert (await start(service, (await person(service), "192.0.2.1"), pages=60)).status_code == 201
        # What is small enough still fits, and what ends makes room.
        assert (await start(service, crowd[4], pages=20)).status_code == 201
        assert (await start(service, crowd[5], pages=1)).status_code == 429
        cancelled = await service.post(f"/api/sessions/{answers[0].json()['id']}/cancel", crowd[0][0])
        assert cancelled.status_code == 200
        assert (await start(service, crowd[5], pages=60)).status_code == 201


async def test_many_at_once_can_not_all_be_the_last(limited: Limited) -> None:
    async with limited(**slow(pages_at_work=100)) as service:
        crowd = [await guest(service, "192.0.2.1") for _ in range(12)]
        answers = await asyncio.gather(*(start(service, one, pages=30) for one in crowd))
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [429] * 9


async def test_the_socket_tells_it_as_an_error_and_lives_on(limited: Limited) -> None:
    async with limited(**slow(pages_at_work=100)) as service, service.socket() as socket:
        await socket.start(pages=100)
        await socket.send(type="story.start", request_id="more", prompt=PROMPT, config={"pages": 1})
        told = checked_error(await socket.until("error"))
        assert (told["code"], told["request_id"]) == ("rate_limited", "more") and "100 pages" in told["message"]
        await socket.send(type="ping", t=1)
        await socket.until("pong")


async def test_a_start_that_is_repeated_is_answered_at_the_limit_too(limited: Limited) -> None:
    async with limited(**slow(pages_at_work=100)) as service:
        headers = {**bearer(service.token), "Idempotency-Key": "once"}
        body = {"prompt": PROMPT, "config": {"pages": 100}}
        first = await service.http.post("/api/sessions", headers=headers, json=body)
        again = await service.http.post("/api/sessions", headers=headers, json=body)
        assert (first.status_code, again.status_code) == (201, 200) and first.json()["id"] == again.json()["id"]


async def test_what_is_resumed_counts_as_what_is_started(limited: Limited) -> None:
    # Quick enough for the step at hand to end soon, and nothing near the end of sixty pages.
    async with limited(**slow(pages_at_work=100, offline_words_per_second=100)) as service:
        first = (await start(service, service.token, pages=60)).json()["id"]
        assert (await service.post(f"/api/sessions/{first}/pause")).status_code == 200
        async with service.socket() as socket:
            await socket.send(type="session.attach", session_id=first)
            while (await service.get(f"/api/sessions/{first}")).json()["status"] != "paused":
                await socket.receive()
        second = (await start(service, service.token, pages=60)).json()["id"]
        problem(await service.post(f"/api/sessions/{first}/resume"), 429, "rate_limited")
        assert (await service.get(f"/api/sessions/{first}")).json()["status"] == "paused"
        await service.post(f"/api/sessions/{second}/cancel")
        assert (await service.post(f"/api/sessions/{first}/resume")).status_code == 200


async def test_a_fork_that_is_not_started_is_not_under_way(limited: Limited) -> None:
    async with limited(pages_at_work=10, offline_words_per_second=0) as service:
        parent = await service.story(pages=1)
        async with service.socket() as socket:
            session_id = await socket.start(pages=10, approvals=["outline"])
            await socket.until("approval.requested", session_id=session_id)
        problem(await service.post(f"/api/sessions/{parent}/fork", from_step="draft-1"), 429, "rate_limited")
        made = await service.post(f"/api/sessions/{parent}/fork", from_step="draft-1", start=False)
        assert made.status_code == 201 and made.json()["status"] == "paused"
        problem(await service.post(f"/api/sessions/{made.json()['id']}/resume"), 429, "rate_limited")


async def test_an_answered_gate_is_never_refused(limited: Limited) -> None:
    async with limited(pages_at_work=100) as service, service.socket() as socket:
        session_id = await socket.start(pages=100, approvals=["outline"])
        gate = await socket.until("approval.requested")
        # It waits and counts all the same.
        problem(await start(service, service.token), 429, "rate_limited")
        answer = await service.post(f"/api/sessions/{session_id}/approve", step=gate["step"], approved=True)
        assert answer.status_code == 200
        await service.post(f"/api/sessions/{session_id}/cancel")


# -- Kept --------------------------------------------------------------------------------------------------------------


async def test_a_user_keeps_so_many_bytes_and_their_stories_end_all_the_same(limited: Limited) -> None:
    async with limited(user_bytes=5 * MB) as service:
        kept = await service.story(pages=1)
        version, text = (await current(service, kept))["version"], "A bell. " * 100_000
        sizes = []
        for number in range(10):
            answer = await put(service, kept, f"{text}{number}", version)
            sizes.append(answer.status_code)
            if answer.status_code != 200:
                break
            version += 1
        assert sizes[:2] == [200, 200] and sizes[-1] == 413 and len(sizes) < 8
        told = problem(answer, 413, "too_large")
        assert "more than 5.0 MB" in told["detail"] and "delete sessions" in told["detail"]
        # Small things too, once there is no room for a large one? Those that fit are let in.
        assert (await put(service, kept, "A short one.", version)).status_code == 200
        problem(await service.post(f"/api/sessions/{kept}/fork"), 413, "too_large")
        # Others are not touched.
        assert (await start(service, await person(service))).status_code == 201
        small = await service.story(pages=1)
        assert (await service.get(f"/api/sessions/{small}")).json()["status"] == "completed"
        # What is deleted makes room at once.
        assert (await service.http.delete(f"/api/sessions/{kept}", headers=bearer(service.token))).status_code == 204
        story = await current(service, small)
        assert (await put(service, small, text, story["version"])).status_code == 200


async def test_a_story_under_way_is_written_and_kept_where_its_user_has_no_room_left(limited: Limited) -> None:
    """What a run makes, and the text so far of one that is ended, is not what a person asks to have kept."""
    async with limited(user_bytes=2 * MB) as service, service.socket() as socket:
        kept = await service.story(pages=1)
        version = (await current(service, kept))["version"]
        waiting = {}
        for pages in (1, 60):
            session_id = await socket.start(pages=pages, approvals=["outline"])
            waiting[session_id] = (await socket.until("approval.requested", session_id=session_id))["step"]
        short, long = waiting
        for length in (300_000, 30_000, 3_000, 300, 30):
            while (await put(service, kept, f"{version} ".ljust(length, "a"), version)).status_code == 200:
                version += 1
        problem(
            await put(service, kept, "A text that is as long as that of a section. " * 40, version), 413, "too_large"
        )
        for session_id, gate in waiting.items():
            answer = await service.post(f"/api/sessions/{session_id}/approve", step=gate, approved=True)
            assert answer.status_code == 200
            if session_id == short:
                assert (await socket.until_finished(short))["status"] == "completed"
        await socket.until("step.finished", session_id=long, step="draft-1")
        await service.post(f"/api/sessions/{long}/cancel")
        assert (await socket.until_finished(long))["status"] == "cancelled"
        assert (await current(service, long))["content"]


async def test_a_session_keeps_so_many_bytes(limited: Limited) -> None:
    async with limited(session_bytes=3 * MB) as service:
        session_id = await service.story(pages=1)
        version = (await current(service, session_id))["version"]
        assert (await put(service, session_id, "A bell. " * 100_000, version)).status_code == 200
        told = problem(await put(service, session_id, "A bell! " * 100_000, version + 1), 413, "too_large")
        assert "this session" in told["detail"] and "fork it" in told["detail"]
        # Notes and passages are text as well.
        other = await service.story(pages=1)
        assert (await put(service, other, "Text.", (await current(service, other))["version"])).status_code == 200


async def test_a_user_keeps_so_many_sessions(limited: Limited) -> None:
    async with limited(sessions_per_user=2) as service:
        made = [await service.story(pages=1) for _ in range(2)]
        told = problem(await start(service, service.token), 413, "too_large")
        assert "2 sessions" in told["detail"]
        problem(await service.post(f"/api/sessions/{made[0]}/fork"), 413, "too_large")
        assert (await start(service, await person(service))).status_code == 201
        await service.http.delete(f"/api/sessions/{made[0]}", headers=bearer(service.token))
        assert (await start(service, service.token)).status_code == 201


# -- Used up -----------------------------------------------------------------------------------------------------------


async def test_what_models_use_in_a_day_is_bounded_for_a_user_an_address_and_all(limited: Limited) -> None:
    async with limited(day_tokens_per_user=10, trusted_proxies=["127.0.0.1"]) as service:
        session_id = await service.story(pages=1)
        version = (await current(service, session_id))["version"]
        assert "used as much in a day" in problem(await start(service, service.token), 429, "rate_limited")["detail"]
        rewriting = await service.post(
            f"/api/sessions/{session_id}/rewrite", version=version, section=1, instruction="Shorter.", alternatives=1
        )
        problem(rewriting, 429, "rate_limited")
        # A guest uses up what the guests of that address may use.
        first, second = await guest(service, "192.0.2.1"), await guest(service, "192.0.2.1")
        begun = (await start(service, first)).json()["id"]
        async with service.socket(first[0]) as socket:
            await socket.send(type="session.attach", session_id=begun)
            await socket.until_finished(begun)
        problem(await start(service, second), 429, "rate_limited")
        assert (await start(service, await guest(service, "192.0.2.2"))).status_code == 201
    async with limited(day_tokens=10) as service:
        # As of the day, whoever it was.
        problem(await start(service, await person(service)), 429, "rate_limited")


# -- How often ---------------------------------------------------------------------------------------------------------


async def test_starts_are_counted_for_an_address_and_for_all(limited: Limited) -> None:
    async with limited(**slow(rate_start_address="3/hour", rate_start_all="5/hour")) as service:
        crowd = [await guest(service, "192.0.2.1") for _ in range(5)]
        statuses = [(await start(service, one)).status_code for one in crowd]
        assert statuses == [201, 201, 201, 429, 429]
        told = problem(await start(service, crowd[0]), 429, "rate_limited")
        assert "From your address" in told["detail"] and told["retry_after_s"] > 0
        assert [(await start(service, await guest(service, f"192.0.2.{n}"))).status_code for n in (2, 3)] == [201, 201]
        told = problem(await start(service, await guest(service, "192.0.2.4")), 429, "rate_limited")
        assert "More stories are started" in told["detail"]
        metrics = (await service.http.get("/metrics")).text
        assert 'refusals_total{limit="start_address"} 3.0' in metrics
        assert 'refusals_total{limit="start_all"} 1.0' in metrics


async def test_rewriting_and_exporting_have_limits_of_their_own(limited: Limited) -> None:
    async with limited(rate_rewrite="1/hour", rate_export="2/hour") as service:
        session_id = await service.story(pages=1)
        version = (await current(service, session_id))["version"]
        asked = {"version": version, "section": 1, "instruction": "Shorter.", "alternatives": 1}
        assert (await service.post(f"/api/sessions/{session_id}/rewrite", **asked)).status_code == 201
        told = problem(await service.post(f"/api/sessions/{session_id}/rewrite", **asked), 429, "rate_limited")
        assert "rewritten" in told["detail"] and told["retry_after_s"] > 0
        assert (await service.get(f"/api/sessions/{session_id}/export", format="md")).status_code == 200
        assert (await service.get("/api/users/me/export")).status_code == 200
        problem(await service.get(f"/api/sessions/{session_id}/export", format="txt"), 429, "rate_limited")
        problem(await service.get("/api/users/me/export"), 429, "rate_limited")
        other = await service.new_token()
        assert (await service.get("/api/users/me/export", other)).status_code == 200


async def test_sent_bytes_are_counted_by_user(limited: Limited) -> None:
    async with limited(rate_body_bytes="1000000/hour") as service:
        session_id = await service.story(pages=1)
        version = (await current(service, session_id))["version"]
        text = "A bell. " * 80_000
        assert (await put(service, session_id, text, version)).status_code == 200
        told = problem(await put(service, session_id, text + "!", version + 1), 429, "rate_limited")
        assert "Too much was sent" in told["detail"] and told["retry_after_s"] > 0
        assert (await start(service, await service.new_token())).status_code == 201


async def test_a_long_body_of_nobody_is_refused_as_any_other(limited: Limited) -> None:
    async with limited() as service:
        answer = await service.http.put(f"/api/sessions/{uuid4()}/drafts", content=b" " * 2_000_000)
        assert answer.status_code in (401, 413)
        answer = await service.http.put(
            f"/api/sessions/{uuid4()}/drafts", content=b" " * 2_000_000, headers=bearer("x")
        )
        assert answer.status_code in (401, 413)


# -- Guests ------------------------------------------------------------------------------------------------------------


async def test_a_service_may_take_no_guests(limited: Limited) -> None:
    async with limited() as service:
        before = await service.new_token()
        assert (await service.http.get("/api/config")).json()["sign_in"]["anonymous"] is True
    async with limited(anonymous=False) as service:
        told = problem(await service.http.post("/api/auth/anonymous"), 403, "forbidden")
        assert "no anonymous writers" in told["detail"] and "token" in told["detail"]
        assert (await service.http.get("/api/config")).json()["sign_in"]["anonymous"] is False
        # Who has a token comes in: the machine's own writer, and who came before.
        for token in (service.token, before):
            assert (await service.get("/api/sessions", token)).status_code == 200
