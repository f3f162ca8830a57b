"""A refresh token is good once, and none is after its sign-in has ended."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import jwt
import psycopg
import pytest

from api.identity import renewals
from coordinator.store import Store
from storyloom.cli.signins import SignIns
from storyloom.client.rest import Address
from storyloom.client.signin import Grant, sign_in, sign_out
from tests.api.support import problem
from tests.conftest import Database
from tests.service import Service, bearer


async def signed_in(service: Service) -> dict[str, Any]:
    tokens: dict[str, Any] = (await service.http.post("/api/auth/anonymous")).json()
    return tokens


async def renew(service: Service, refresh_token: str) -> httpx.Response:
    return await service.http.post("/api/auth/refresh", json={"refresh_token": refresh_token})


async def renewed(service: Service, refresh_token: str) -> dict[str, Any]:
    answer = await renew(service, refresh_token)
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


def number(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["jti"])


async def test_each_use_gives_another_of_the_same_sign_in(shared: Service) -> None:
    tokens = await signed_in(shared)
    seen = {number(tokens["refresh_token"])}
    for _ in range(3):
        following = await renewed(shared, tokens["refresh_token"])
        assert following["user"] == tokens["user"]
        assert number(following["refresh_token"]) not in seen
        seen.add(number(following["refresh_token"]))
        tokens = following
    assert (await shared.get("/api/sessions", tokens["access_token"])).status_code == 200


async def test_a_lost_answer_is_asked_for_again(shared: Service) -> None:
    """By the one client twice, or by two tabs at once: all get the same next token, and go on with it."""
    first = (await signed_in(shared))["refresh_token"]
    answers = await asyncio.gather(*(renewed(shared, first) for _ in range(5)))
    assert len({number(answer["refresh_token"]) for answer in answers}) == 1
    await renewed(shared, answers[0]["refresh_token"])


async def test_one_that_was_used_ends_the_sign_in(shared: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    stolen = (await signed_in(shared))["refresh_token"]
    monkeypatch.setattr(renewals, "GRACE_S", 0)
    newest = (await renewed(shared, stolen))["refresh_token"]
    told = problem(await renew(shared, stolen), 401, "unauthorized")
    assert "used or revoked" in told["detail"]
    problem(await renew(shared, newest), 401, "unauthorized")


async def test_an_older_one_ends_it_too_however_soon(shared: Service) -> None:
    first = (await signed_in(shared))["refresh_token"]
    second = (await renewed(shared, first))["refresh_token"]
    third = (await renewed(shared, second))["refresh_token"]
    problem(await renew(shared, first), 401, "unauthorized")
    problem(await renew(shared, third), 401, "unauthorized")


async def test_another_sign_in_is_not_touched(shared: Service) -> None:
    one, other = await signed_in(shared), await signed_in(shared)
    for token in (one["refresh_token"], (await renewed(shared, one["refresh_token"]))["refresh_token"]):
        await shared.http.post("/api/auth/sign-out", json={"refresh_token": token})
    await renewed(shared, other["refresh_token"])


async def test_an_admin_stays_one(service: Service, store: Store) -> None:
    admin = await renewals.Renewals(service.auth, store.signins).begin(service.auth.local_user("admin"), admin=True)
    following = await renewed(service, admin["refresh_token"])
    assert (await service.get("/api/admin/sessions", following["access_token"])).status_code == 200
    assert not following["user"]["is_anonymous"] or admin["user"]["is_anonymous"]


async def test_another_device_has_a_sign_in_of_its_own(shared: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    here = await signed_in(shared)
    body = {"refresh_token": here["refresh_token"]}
    there = (await shared.http.post("/api/auth/device", json=body)).json()
    assert there["user"] == here["user"]
    monkeypatch.setattr(renewals, "GRACE_S", 0)
    there = await renewed(shared, there["refresh_token"])
    here = await renewed(shared, here["refresh_token"])
    problem(await shared.http.post("/api/auth/device", json=body), 401, "unauthorized")
    await shared.http.post("/api/auth/sign-out", json={"refresh_token": here["refresh_token"]})
    await renewed(shared, there["refresh_token"])


async def test_signing_out(shared: Service) -> None:
    tokens = await signed_in(shared)
    body = {"refresh_token": tokens["refresh_token"]}
    for _ in range(2):
        assert (await shared.http.post("/api/auth/sign-out", json=body)).status_code == 204
    problem(await renew(shared, tokens["refresh_token"]), 401, "unauthorized")
    for wrong in (tokens["access_token"], "nonsense"):
        refused = await shared.http.post("/api/auth/sign-out", json={"refresh_token": wrong})
        problem(refused, 401, "unauthorized")


async def test_one_that_has_expired_or_names_no_sign_in(service: Service, database: Database) -> None:
    tokens = await signed_in(service)
    claims = jwt.decode(tokens["refresh_token"], options={"verify_signature": False})
    for missing in ("jti", "session_id"):
        forged = service.auth._sign({name: value for name, value in claims.items() if name != missing})
        problem(await renew(service, forged), 401, "unauthorized")
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("update public.sign_ins set expires_at = now()")
        problem(await renew(service, tokens["refresh_token"]), 401, "unauthorized")
        await signed_in(service)
        found = connection.execute("select count(*) from public.sign_ins").fetchone()
    assert found == (1,), "what is over goes when others come"


async def test_no_token_is_kept_in_the_database(service: Service, database: Database) -> None:
    token = (await signed_in(service))["refresh_token"]
    token = (await renewed(service, token))["refresh_token"]
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        kept = json.dumps([row[0] for row in connection.execute("select to_jsonb(s) from public.sign_ins s")])
    assert number(token) not in kept and token not in kept


async def test_two_programs_with_one_kept_sign_in(service: Service, tmp_path: Path) -> None:
    """Whoever renews keeps it for both: the other, whose own token is used by then, takes that up."""
    address = Address(service.url)
    kept = SignIns(tmp_path / "signins.json")
    grant = await sign_in(address)
    kept.put(address, grant.model_copy(update={"expires_at": 1.0}))
    one, other = kept.provider(address), kept.provider(address)
    await one(False)
    for _ in range(3):
        await one(True)
    await other(False)
    for provider in (one, other):
        token = await provider(True)
        found = await service.http.get("/api/sessions", headers=bearer(token))
        assert found.status_code == 200
        assert jwt.decode(token, options={"verify_signature": False})["sub"] == grant.user_id
    last = kept.get(address)
    assert isinstance(last, Grant)
    await sign_out(address, last)
    problem(await renew(service, last.refresh_token), 401, "unauthorized")
