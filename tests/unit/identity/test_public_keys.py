"""How a project's public keys are fetched, kept and renewed."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from api.identity import hosted
from api.identity.hosted import SupabaseAuth
from coordinator.errors import Misconfigured, Unauthorized, Unavailable
from coordinator.supabase import jwks
from coordinator.supabase.jwks import KeySet, usable_keys
from tests.unit.identity.tokens import (
    EC,
    EC_NEXT,
    ED,
    PUBLISHED,
    RSA,
    SECRET,
    URL,
    USER,
    by_hand,
    claims,
    legacy,
    public,
    refusal,
    segment,
    token,
)


class AuthServer:
    """A project's JWKS address on a socket: counts what is asked of it, and answers as it is told."""

    def __init__(self) -> None:
        self.keys = list(PUBLISHED)
        self.asked = 0
        self.headers: list[str] = []
        self.status = "200 OK"
        self.body: bytes | None = None
        self.extra = ""
        self.announced: int | None = None
        self.hold = asyncio.Event()
        self.hold.set()
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked += 1
            if request.startswith("GET /elsewhere "):
                self.status, self.extra = "200 OK", ""
            else:
                assert request.startswith("GET /auth/v1/.well-known/jwks.json ")
            self.headers.append(request.lower())
            await self.hold.wait()
            body = json.dumps({"keys": self.keys}).encode() if self.body is None else self.body
            length = len(body) if self.announced is None else self.announced
            head = f"HTTP/1.1 {self.status}\r\nContent-Length: {length}\r\nConnection: close\r\n{self.extra}\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        writer.close()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def server() -> AsyncIterator[AuthServer]:
    made = AuthServer()
    listening = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        made.hold.set()
        listening.close()
        await listening.wait_closed()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as made:
        yield made


TTL_S, REFRESH_S = 600, 10


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def auth(server: AuthServer, http: httpx.AsyncClient, clock: Clock) -> AsyncIterator[SupabaseAuth]:
    keys = KeySet(server.url + jwks.JWKS_PATH, http, ttl_s=TTL_S, refresh_s=REFRESH_S, clock=clock)
    made = SupabaseAuth(URL, http, keys=keys)
    yield made
    await made.close()


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.01)


async def test_the_keys_are_fetched_once_and_kept(auth: SupabaseAuth, server: AuthServer) -> None:
    for by in ("ES256", "RS256", "EdDSA") * 3:
        assert (await auth.verify(token(by))).user_id == USER
    assert server.asked == 1
    assert "accept-encoding: identity" in server.headers[0] and "authorization" not in server.headers[0]


async def test_the_address_follows_from_the_projects(server: AuthServer, http: httpx.AsyncClient) -> None:
    made = SupabaseAuth(server.url + "/", http, api_key="sb_publishable_x")
    await made.verify(token(iss=f"{server.url}/auth/v1"))
    assert "apikey: sb_publishable_x" in server.headers[0]
    assert await refusal(token(), made) == hosted.OTHER_PROJECT
    await made.close()


async def test_many_at_once_make_one_fetch(auth: SupabaseAuth, server: AuthServer) -> None:
    server.hold.clear()
    waiting = [asyncio.create_task(auth.verify(token())) for _ in range(50)]
    await eventually(lambda: server.asked == 1)
    server.hold.set()
    assert {identity.user_id for identity in await asyncio.gather(*waiting)} == {USER}
    assert server.asked == 1


async def test_one_that_gives_up_leaves_the_others_their_fetch(auth: SupabaseAuth, server: AuthServer) -> None:
    server.hold.clear()
    first, second = (asyncio.create_task(auth.verify(token())) for _ in range(2))
    await eventually(lambda: server.asked == 1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    server.hold.set()
    assert (await second).user_id == USER and server.asked == 1


async def test_a_new_key_is_found_and_an_old_one_forgotten(
    auth: SupabaseAuth, server: AuthServer, clock: Clock
) -> None:
    await auth.verify(token())
    server.keys = [public(EC_NEXT, "ES256", "next")]
    new = jwt.encode(claims(), EC_NEXT, "ES256", headers={"kid": "next"})
    clock.now += REFRESH_S
    assert (await auth.verify(new)).user_id == USER
    assert await refusal(token(), auth) == hosted.UNKNOWN_KEY
    assert server.asked == 2


async def test_a_withdrawn_key_is_believed_no_longer_than_the_time(
    auth: SupabaseAuth, server: AuthServer, clock: Clock
) -> None:
    await auth.verify(token())
    server.keys = []
    clock.now += TTL_S / 2 - 1
    await auth.verify(token())
    assert server.asked == 1
    clock.now += TTL_S
    assert await refusal(token(), auth) == hosted.UNKNOWN_KEY
    assert server.asked == 2


async def test_a_token_that_was_let_in_is_refused_when_its_key_is_withdrawn(
    auth: SupabaseAuth, server: AuthServer, clock: Clock
) -> None:
    known = token()
    assert await auth.verify(known) is await auth.verify(known)
    server.keys = [public(EC_NEXT, "ES256", str(PUBLISHED[0]["kid"]))]
    clock.now += TTL_S
    # Another key by the same name.
    assert await refusal(known, auth) == hosted.NOT_VALID
    server.keys = []
    clock.now += TTL_S
    assert await refusal(known, auth) == hosted.UNKNOWN_KEY


async def test_half_way_the_keys_are_fetched_behind_the_callers_back(
    auth: SupabaseAuth, server: AuthServer, clock: Clock
) -> None:
    await auth.verify(token())
    server.hold.clear()
    clock.now += TTL_S / 2
    await asyncio.wait_for(auth.verify(token()), 1)
    await eventually(lambda: server.asked == 2)
    server.hold.set()


async def test_a_storm_of_made_up_ids_is_one_fetch_in_a_while(
    auth: SupabaseAuth, server: AuthServer, clock: Clock
) -> None:
    await auth.verify(token())
    for _ in range(5):
        clock.now += REFRESH_S
        storm = [token(headers={"kid": f"made-up-{number}"}) for number in range(60)]
        answers = await asyncio.gather(*map(auth.verify, storm), return_exceptions=True)
        assert all(isinstance(answer, Unauthorized) and answer.message == hosted.UNKNOWN_KEY for answer in answers)
        await auth.verify(token())
    assert server.asked == 6


async def test_what_can_never_verify_makes_no_fetch(auth: SupabaseAuth, server: AuthServer) -> None:
    elsewhere = token(iss="https://other.supabase.co/auth/v1")
    unsigned = by_hand({"alg": "none", "kid": "x"}, b"")
    for refused in (elsewhere, unsigned, legacy("anon"), token("HS256"), "x.y.z"):
        await refusal(refused, auth)
    assert server.asked == 0


async def test_a_server_that_is_down_leaves_the_known_keys(
    auth: SupabaseAuth, server: AuthServer, clock: Clock
) -> None:
    await auth.verify(token())
    server.status, server.body = "503 Service Unavailable", b"<html>"
    for _ in range(3):
        clock.now += TTL_S * 2
        assert (await auth.verify(token())).user_id == USER
    with pytest.raises(Unavailable):
        await auth.verify(jwt.encode(claims(), EC_NEXT, "ES256", headers={"kid": "next"}))
    server.status, server.body, server.keys = "200 OK", None, [public(EC_NEXT, "ES256", "next")]
    clock.now += REFRESH_S
    await auth.verify(jwt.encode(claims(), EC_NEXT, "ES256", headers={"kid": "next"}))
    assert await refusal(token(), auth) == hosted.UNKNOWN_KEY


async def test_after_a_failure_nobody_waits_for_the_next_try(
    auth: SupabaseAuth, server: AuthServer, clock: Clock
) -> None:
    await auth.verify(token())
    server.status = "500 Internal Server Error"
    clock.now += TTL_S * 2
    await auth.verify(token())
    server.hold.clear()
    clock.now += REFRESH_S
    await asyncio.wait_for(auth.verify(token()), 1)
    server.hold.set()


async def test_a_server_that_was_never_reached(http: httpx.AsyncClient, clock: Clock) -> None:
    keys = KeySet("http://127.0.0.1:9/auth/v1/.well-known/jwks.json", http, refresh_s=REFRESH_S, clock=clock)
    auth = SupabaseAuth(URL, http, keys=keys)
    with pytest.raises(Unavailable) as away:
        await auth.verify(token())
    assert away.value.message == jwks.AWAY and away.value.retry_after_s == REFRESH_S
    with pytest.raises(Misconfigured, match="SUPABASE_URL"):
        await auth.prepare()


@pytest.mark.parametrize(
    "answer",
    [
        {"body": b"<html>sign in to the network</html>"},
        {"body": b"[]"},
        {"body": b'{"keys": {}}'},
        {"body": b"\xff\xfe"},
        {"body": b'{"keys":' + b"[" * 20_000},
        {"body": json.dumps({"keys": PUBLISHED, "more": "x" * 70_000}).encode()},
        {"body": gzip.compress(json.dumps({"keys": PUBLISHED}).encode()), "extra": "Content-Encoding: gzip\r\n"},
        {"status": "302 Found", "extra": "Location: /elsewhere\r\n"},
        {"status": "404 Not Found"},
        {"announced": 5000},
    ],
    ids=["html", "list", "no-list", "no-text", "deep", "large", "compressed", "redirect", "missing", "half"],
)
async def test_an_answer_that_is_no_key_set(auth: SupabaseAuth, server: AuthServer, answer: dict[str, Any]) -> None:
    for name, value in answer.items():
        setattr(server, name, value)
    with pytest.raises(Unavailable):
        await auth.verify(token())
    assert server.asked == 1


async def test_a_server_that_never_ends_its_answer(
    auth: SupabaseAuth, server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FETCH_TIMEOUT_S", 0.2)
    server.hold.clear()
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    with pytest.raises(Unavailable):
        await asyncio.wait_for(auth.verify(token()), 2)
    ticking.cancel()
    assert ticks >= 3  # the loop ran on meanwhile


async def test_no_keys_is_an_answer_too(auth: SupabaseAuth, server: AuthServer) -> None:
    server.keys = []
    assert await refusal(token(), auth) == hosted.UNKNOWN_KEY
    with pytest.raises(Misconfigured, match="SUPABASE_JWT_SECRET"):
        await auth.prepare()
    server.keys = list(PUBLISHED)
    await auth.prepare()
    await auth.verify(token())


async def test_closing_ends_a_fetch_under_way(auth: SupabaseAuth, server: AuthServer) -> None:
    server.hold.clear()
    waiting = asyncio.create_task(auth.verify(token()))
    await eventually(lambda: server.asked == 1)
    await auth.close()
    with pytest.raises(Unavailable):
        await asyncio.wait_for(waiting, 1)


def test_keys_that_are_not_used() -> None:
    weak = rsa.generate_private_key(65537, 1024)
    other_curve = ec.generate_private_key(ec.SECP384R1())
    whole = jwt.get_algorithm_by_name("ES256").to_jwk(EC, as_dict=True)
    good = public(EC, "ES256", "good")
    unusable: list[Any] = [
        {"kty": "oct", "kid": "oct", "alg": "HS256", "k": segment(SECRET.encode())},
        {**whole, "kid": "private"},
        public(EC, "ES256", "for-another-algorithm", alg="RS256"),
        public(RSA, "RS256", "hmac", alg="HS256"),
        public(RSA, "RS256", "pss", alg="PS256"),
        public(RSA, "RS256", "none", alg="none"),
        public(EC, "ES256", "to-encrypt", use="enc"),
        public(EC, "ES256", "to-sign", key_ops=["sign"]),
        public(EC, "ES256", "ops", key_ops="verify"),
        public(weak, "RS256", "weak"),
        public(other_curve, "ES384", "curve"),
        {**good, "kid": 7},
        {**good, "kid": None},
        {**good, "kid": "x", "x": 1},
        {**good, "kid": "off-the-curve", "x": good["y"], "y": good["x"]},
        {**good, "kid": "kty", "kty": ["EC"]},
        {**good, "kid": "mixed", "kty": "RSA"},
        {"kid": "bare"},
        None,
        7,
        "text",
        [],
        {key: value for key, value in good.items() if key != "kid"},
    ]
    assert set(usable_keys({"keys": [*unusable, good]})) == {"good"}
    # Of two by one name the first, and no more than a few.
    assert usable_keys({"keys": [good, public(EC_NEXT, "ES256", "good")]})["good"].key == EC.public_key()
    assert len(usable_keys({"keys": [{**good, "kid": str(number)} for number in range(500)]})) == jwks.MOST_KEYS
    assert usable_keys({"keys": [public(ED, "EdDSA", "new-name", alg="Ed25519")]})["new-name"].algorithm == "EdDSA"


async def test_a_published_secret_signs_nothing(auth: SupabaseAuth, server: AuthServer) -> None:
    server.keys = [*PUBLISHED, {"kty": "oct", "kid": "oct", "alg": "HS256", "k": segment(SECRET.encode())}]
    await auth.verify(token())
    assert await refusal(by_hand({"alg": "HS256", "kid": "oct"}, SECRET.encode()), auth) == hosted.NO_SECRET
