"""Admins by the list in the settings: they read what an admin reads, and change no more than a writer does."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from api.identity.auth import LocalAuth
from coordinator.admins import LISTED, listed_ids, reads_as
from coordinator.errors import Misconfigured
from coordinator.models import SERVICE
from tests.api.support import JWT_SECRET, checked_error, problem, signed
from tests.service import Service, bearer

ADMIN = LocalAuth(JWT_SECRET, 600).local_user("writer")
"""The machine's own writer, whose token (`Service.token`) says nothing of being an admin."""
SETTINGS = {"admin_user_ids": [str(ADMIN)]}

READS = ["", "/story", "/messages", "/drafts", "/drafts/1", "/steps", "/events"]
CHANGES = ["/cancel", "/resume"]


async def check_reads(service: Service, token: str, session_id: str, owner: str) -> None:
    """All that an admin may read of `owner`'s finished story."""
    for path in READS:
        answer = await service.get(f"/api/sessions/{session_id}{path}", token)
        assert answer.status_code == 200, (path, answer.text)
    assert (await service.get(f"/api/sessions/{session_id}", token)).json()["user_id"] == owner
    for path in ("/messages", "/drafts", "/steps", "/events"):
        assert (await service.get(f"/api/sessions/{session_id}{path}", token)).json()["items"], path
    for filters in ({}, {"user_id": owner}):
        listed = await service.get("/api/admin/sessions", token, **filters)
        assert session_id in [item["id"] for item in listed.json()["items"]], filters
    whole = (await service.get(f"/api/admin/sessions/{session_id}", token)).json()
    assert whole["session"]["user_id"] == owner and whole["messages"]["items"] and whole["events"]["items"]
    async with service.socket(token) as socket:
        await socket.send(type="session.attach", session_id=session_id)
        assert (await socket.until("session.snapshot"))["session"]["user_id"] == owner
    # What is asked for as one's own stays one's own.
    own = (await service.get("/api/sessions", token)).json()["items"]
    assert session_id not in [item["id"] for item in own]


async def check_changes_nothing(service: Service, token: str, session_id: str) -> None:
    """Another's story, to an admin as to anybody, is not there to be changed."""
    for path in CHANGES:
        problem(await service.post(f"/api/sessions/{session_id}{path}", token), 404, "not_found")
    renamed = await service.http.patch(f"/api/sessions/{session_id}", headers=bearer(token), json={"title": "Mine"})
    problem(renamed, 404, "not_found")
    async with service.socket(token) as socket:
        await socket.send(type="session.cancel", session_id=session_id)
        assert checked_error(await socket.until("error"))["code"] == "not_found"


async def check_sees_nothing(service: Service, token: str, session_id: str) -> None:
    for path in READS:
        problem(await service.get(f"/api/sessions/{session_id}{path}", token), 404, "not_found")
    for path in ("", f"/{session_id}"):
        problem(await service.get(f"/api/admin/sessions{path}", token), 403, "forbidden")
    async with service.socket(token) as socket:
        await socket.send(type="session.attach", session_id=session_id)
        assert checked_error(await socket.until("error", "session.snapshot"))["code"] == "not_found"


async def _written(service: Service) -> tuple[str, str]:
    """A story of a new writer, and who that is."""
    signed_in = (await service.http.post("/api/auth/anonymous")).json()
    return await service.story(signed_in["access_token"], pages=1), str(signed_in["user"]["id"])


async def test_a_listed_user_reads_every_session(shared: Service) -> None:
    session_id, owner = await _written(shared)
    await check_reads(shared, shared.token, session_id, owner)


async def test_a_listed_user_changes_only_their_own(shared: Service) -> None:
    session_id, owner = await _written(shared)
    before = (await shared.get(f"/api/sessions/{session_id}", shared.token)).json()
    await check_changes_nothing(shared, shared.token, session_id)
    assert (await shared.get(f"/api/sessions/{session_id}", shared.token)).json() == before
    mine = (await shared.post("/api/sessions", shared.token, prompt="A lamp.", config={"pages": 1})).json()
    assert mine["user_id"] == str(ADMIN) != owner
    own = (await shared.get("/api/sessions", shared.token)).json()["items"]
    assert {item["user_id"] for item in own} == {str(ADMIN)}
    # Deleting is an admin's as it is the owner's.
    assert (await shared.http.delete(f"/api/sessions/{session_id}", headers=bearer(shared.token))).status_code == 204
    problem(await shared.get(f"/api/sessions/{session_id}", shared.token), 404, "not_found")


CLAIMED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "to be listed": {LISTED: True},
    "to be listed, in user_metadata": {"user_metadata": {"role": "admin", LISTED: True}},
    "to be listed, in app_metadata": {"app_metadata": {LISTED: True}},
}


@pytest.mark.parametrize("claimed", CLAIMED)
async def test_an_unlisted_user_sees_nothing_whatever_they_claim(shared: Service, claimed: str) -> None:
    session_id, _ = await _written(shared)
    await check_sees_nothing(shared, signed(**CLAIMED[claimed]), session_id)


def test_a_token_never_reads_as_the_service_by_its_own_claim() -> None:
    auth = LocalAuth(JWT_SECRET, 600, [ADMIN])
    admin = auth.verify(signed(**{LISTED: True, "app_metadata": {"role": "admin"}}))
    assert admin.is_admin and reads_as(admin) is admin
    assert reads_as(auth.verify(signed(sub=str(ADMIN)))) is SERVICE
    # Who is listed is asked anew of each token: none carries it on.
    assert not LocalAuth(JWT_SECRET, 600).verify(auth.issue(ADMIN)["access_token"]).is_admin


@pytest.mark.parametrize("wrong", ["me@example.org", "6f9619ff-8b86-4d01-b42d", "sb_secret_0123456789"])
def test_what_is_no_user_id_is_told_and_not_quoted(wrong: str) -> None:
    with pytest.raises(Misconfigured, match="STORYLOOM_ADMIN_USER_IDS: entry 2 is not a user's id") as told:
        listed_ids([str(uuid4()), wrong])
    assert wrong not in told.value.message
