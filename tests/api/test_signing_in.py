"""Who comes in on the socket, from where, and for how long."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import jwt
import pytest

from api.identity.tokens import LEEWAY_S
from tests.api.support import JWT_SECRET, answers, checked_error, closed, held_story, raw, refusal, signed
from tests.chaos.record import eventually
from tests.model_server import ModelServer
from tests.service import Service, bearer

STUDIO = "https://studio.example"
SETTINGS = {"auth_timeout_s": 1.0, "allowed_origins": [STUDIO]}


def sub_of(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["sub"])


# -- Tokens ------------------------------------------------------------------------------------------------------------

BAD_TOKENS: dict[str, Any] = {
    "nonsense": lambda: "not a token",
    "three parts": lambda: "a.b.c",
    "not ascii": lambda: "Ω.Ω.Ω",
    "expired": lambda: signed(exp=int(time.time()) - LEEWAY_S - 5),
    "not yet valid": lambda: signed(nbf=int(time.time()) + 3600),
    "another secret": lambda: signed(secret="another secret that is long enough too"),
    "alg none": lambda: signed(secret="", algorithm="none"),
    "another algorithm": lambda: signed(algorithm="HS512"),
    "for others": lambda: signed(aud="storyloom"),
    "for refreshing": lambda: signed(aud="storyloom:refresh"),
    "by others": lambda: signed(iss="https://elsewhere.example/auth/v1"),
    "of nobody": lambda: signed(sub=None),
    "of no user id": lambda: signed(sub="writer"),
    "without an end": lambda: signed(exp=None),
    "without issuer": lambda: signed(iss=None),
    "without audience": lambda: signed(aud=None),
    "of the service": lambda: signed(role="service_role"),
    "of no role": lambda: signed(role=None),
    "with a changed claim": lambda: _changed(signed(), role="service_role"),
}


def _changed(token: str, **claims: Any) -> str:
    """The signature of one token under the claims of another."""
    head, _, signature = token.split(".")
    return ".".join([head, signed(**claims).split(".")[1], signature])


@pytest.mark.parametrize("bad", BAD_TOKENS)
@pytest.mark.parametrize("door", ["frame", "handshake", "rest"])
async def test_a_token_that_is_not_wholly_right_does_not_come_in(shared: Service, bad: str, door: str) -> None:
    token = BAD_TOKENS[bad]()
    if door != "frame" and not token.isascii():
        pytest.skip("no header carries it")
    if door == "rest":
        told = (await shared.get("/api/sessions", token)).json()
        assert (told["code"], told["status"]) == ("unauthorized", 401)
        return
    async with raw(shared, **({"additional_headers": bearer(token)} if door == "handshake" else {})) as socket:
        if door == "frame":
            await socket.send(type="auth", token=token)
        code, told = await closed(socket.connection)
    assert code == 4401 and len(told) == 1
    error = checked_error(told[0])
    assert error["code"] == "unauthorized" and not error["retryable"]
    assert ("expired" in error["message"]) == (bad == "expired")


async def test_a_token_that_was_let_in_is_refused_when_it_has_expired(shared: Service) -> None:
    token = signed(exp=int(time.time()) - LEEWAY_S + 2)
    for _ in range(2):
        assert (await shared.get("/api/sessions", token)).status_code == 200

    async def refused() -> bool:
        return (await shared.get("/api/sessions", token)).status_code == 401

    await eventually(refused, "the token is refused", 10)
    async with raw(shared, additional_headers=bearer(token)) as socket:
        code, told = await closed(socket.connection)
    assert code == 4401 and "expired" in told[0]["message"]


async def test_the_real_refresh_token_is_no_access_token_nor_the_reverse(shared: Service) -> None:
    tokens = (await shared.http.post("/api/auth/anonymous")).json()
    async with raw(shared) as socket:
        await socket.send(type="auth", token=tokens["refresh_token"])
        assert (await closed(socket.connection))[0] == 4401
    answer = await shared.http.post("/api/auth/refresh", json={"refresh_token": tokens["access_token"]})
    assert answer.status_code == 401
    renewed = (await shared.http.post("/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]})).json()
    assert renewed["user"]["id"] == tokens["user"]["id"]
    async with shared.socket(renewed["access_token"]) as socket:
        assert await answers(socket) == []


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "ping"}, "unauthorized"),
        ({"type": "story.start", "request_id": "r", "prompt": "A lamp."}, "unauthorized"),
        ({"type": "auth"}, "invalid_message"),
        ({"type": "auth", "token": ""}, "invalid_message"),
        ({"type": "auth", "token": 7}, "invalid_message"),
        ({"type": "auth", "token": "x" * 16_385}, "invalid_message"),
    ],
)
async def test_the_first_frame_is_auth(shared: Service, frame: dict[str, Any], code: str) -> None:
    async with raw(shared) as socket:
        await socket.send(**frame)
        close, told = await closed(socket.connection)
    assert close == 4401 and [checked_error(error)["code"] for error in told] == [code]


async def test_who_says_nothing_is_sent_away(shared: Service) -> None:
    async with raw(shared) as socket:
        begun = time.monotonic()
        code, told = await closed(socket.connection)
    assert code == 4408 and told == []
    assert 0.9 < time.monotonic() - begun < 10
    # The rest of the connection has no such limit.
    async with shared.socket() as socket:
        assert await answers(socket) == []


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_token_in_the_handshake_needs_no_auth_frame(shared: Service, scheme: str) -> None:
    token = await shared.new_token()
    async with raw(shared, additional_headers={"Authorization": f"{scheme} {token}"}) as socket:
        ready = await socket.receive()
        assert ready["type"] == "ready" and ready["user_id"] == sub_of(token) and ready["role"] == "authenticated"
        assert ready["heartbeat_s"] == shared.settings.heartbeat_s and ready["version"]
        assert await answers(socket) == []


async def test_another_scheme_in_the_handshake_is_no_token(shared: Service) -> None:
    async with raw(shared, additional_headers={"Authorization": "Basic d3JpdGVyOnBhc3M="}) as socket:
        await socket.send(type="auth", token=shared.token)
        assert (await socket.receive())["type"] == "ready"


async def test_the_subprotocol_is_taken_where_it_is_offered(shared: Service) -> None:
    async with raw(shared, subprotocols=["other", "storyloom.v1"]) as socket:
        assert socket.connection.subprotocol == "storyloom.v1"
    async with raw(shared) as socket:
        assert socket.connection.subprotocol is None


# -- How long ----------------------------------------------------------------------------------------------------------


async def test_when_the_token_expires_the_socket_closes_and_the_story_goes_on(
    shared: Service, model: ModelServer
) -> None:
    token = await shared.new_token()
    almost = signed(sub=sub_of(token), exp=int(time.time()) - LEEWAY_S + 2)
    async with held_story(shared, model, token) as session_id:
        async with shared.socket(almost) as socket:
            await socket.send(type="session.attach", session_id=session_id)
            await socket.until("session.snapshot")
            code, _ = await closed(socket.connection)
        assert code == 4401
        assert (await shared.get(f"/api/sessions/{session_id}", token)).json()["status"] == "active"
    async with shared.socket(token) as socket:
        await socket.send(type="session.attach", session_id=session_id)
        assert (await socket.until_finished(session_id)) is not None
    assert (await shared.get(f"/api/sessions/{session_id}", token)).json()["status"] == "completed"


async def test_another_token_of_the_same_user_keeps_the_socket_open(shared: Service) -> None:
    token = await shared.new_token()
    end = int(time.time()) + 4
    async with shared.socket(signed(sub=sub_of(token), exp=end - LEEWAY_S)) as socket:
        await socket.send(type="auth", token=token)
        ready = await socket.receive()
        assert ready["type"] == "ready" and ready["user_id"] == sub_of(token)
        # The first token's end is the one thing to wait for here.
        while time.time() < end + 0.3:
            assert await answers(socket) == []
        session_id = await socket.start(pages=1)
        assert (await socket.until_finished(session_id))["status"] == "completed"


async def test_a_connection_stays_with_its_user(shared: Service) -> None:
    token = await shared.new_token()
    mine = await shared.story(token, pages=1)
    async with shared.socket(token) as socket:
        for other in (await shared.new_token(), "nonsense", signed(sub=str(uuid4()))):
            assert (await refusal(socket, {"type": "auth", "token": other}))["code"] == "unauthorized"
        await socket.send(type="session.attach", session_id=mine)
        assert (await socket.receive())["type"] == "session.snapshot"


# -- From where --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://[",
        "file://",
        STUDIO + ".evil.example",
        STUDIO + ":444",
        "http://127.0.0.1:1",
        "https://evil.example/" + STUDIO,
    ],
)
async def test_a_foreign_page_does_not_come_in(shared: Service, origin: str) -> None:
    async with raw(shared, origin=origin, additional_headers=bearer(shared.token)) as socket:
        code, told = await closed(socket.connection)
    assert code == 4403 and told == []


async def test_our_own_and_the_allowed_pages_come_in(shared: Service) -> None:
    for origin in (
        shared.url,
        shared.url.upper(),
        shared.url.replace("://127.0.0.1", "://127.0.0.1."),
        STUDIO,
        f"{STUDIO}:443",
    ):
        async with raw(shared, origin=origin) as socket:
            await socket.send(type="auth", token=shared.token)
            assert (await socket.receive())["type"] == "ready"


async def test_the_allowed_pages_alone_may_ask_over_rest(shared: Service) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,idempotency-key"}
    allowed = await shared.http.options("/api/sessions", headers={"Origin": STUDIO, **asked})
    assert allowed.status_code == 200 and allowed.headers["access-control-allow-origin"] == STUDIO
    foreign = await shared.http.options("/api/sessions", headers={"Origin": "https://evil.example", **asked})
    assert "access-control-allow-origin" not in foreign.headers
    assert int(allowed.headers["access-control-max-age"]) >= 600
    for header in ("If-None-Match", "X-Request-ID", "Idempotency-Key", "Last-Event-ID", "traceparent"):
        more = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": header.lower()}
        assert (
            await shared.http.options("/api/sessions", headers={"Origin": f"{STUDIO}:443", **more})
        ).status_code == 200
    refused = await shared.http.get("/api/sessions", headers={"Origin": STUDIO})
    assert refused.status_code == 401 and refused.headers["access-control-allow-origin"] == STUDIO


async def test_a_page_may_read_every_header_that_we_send(shared: Service) -> None:
    """Else a program in a browser can't tell how long to wait, what a file is called, or which request to report."""
    session_id = await shared.story(pages=1)
    asked = {"Origin": STUDIO, **bearer(shared.token)}
    start = {"prompt": "A bell.", "config": {"pages": 1}}
    answers = [
        await shared.http.post("/api/sessions", headers=asked, json=start),
        await shared.http.get(f"/api/sessions/{session_id}/export?format=html", headers=asked),
        await shared.http.get("/api/sessions", headers={"Origin": STUDIO}),
        await shared.http.get("/", headers=asked),
    ]
    # As the Fetch standard has them: what every page may read, and what a browser itself works with.
    safe = {"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"}
    safe |= {
        "date",
        "server",
        "vary",
        "x-content-type-options",
        "content-security-policy",
        "referrer-policy",
        "connection",
    }
    safe |= {"cross-origin-resource-policy", "cross-origin-opener-policy", "permissions-policy", "x-frame-options"}
    for answer in answers:
        told = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
        sent = {name for name in answer.headers if not name.startswith("access-control-")}
        assert sent - safe <= told
        assert {"retry-after", "x-request-id", "content-disposition", "location", "etag"} <= told


def test_the_tests_know_the_secret(shared: Service) -> None:
    """Else every refusal above would prove nothing."""
    assert shared.settings.jwt_secret is not None and shared.settings.jwt_secret.get_secret_value() == JWT_SECRET
    assert shared.auth.verify(signed()).user_id is not None
