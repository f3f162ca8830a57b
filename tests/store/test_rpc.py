"""The rpc transport: who it acts as, what it makes of every kind of answer, and that it gives no secret away."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import random
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import respx
from pydantic import SecretStr

from coordinator.errors import (
    Conflict,
    Expired,
    Fenced,
    Forbidden,
    Internal,
    InvalidMessage,
    Misconfigured,
    NotFound,
    RateLimited,
    StoryloomError,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from coordinator.models import SERVICE, Identity
from coordinator.store import Store, gateway
from coordinator.store.rpc import RpcTransport

URL = "https://abc.supabase.co"
CALL = f"{URL}/rest/v1/rpc/get_session"


def jwt_of(role: str) -> str:
    return ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=")
        for part in (b'{"alg":"HS256"}', json.dumps({"role": role}).encode(), role.encode() * 4)
    )


SECRET, PUBLIC = "sb_secret_do-not-tell-1", "sb_publishable_do-not-tell-2"
TOKEN = jwt_of("authenticated")
WRITER = Identity(user_id=uuid4(), role="authenticated", token=SecretStr(TOKEN))


@pytest.fixture
async def rpc() -> AsyncIterator[RpcTransport]:
    made = RpcTransport(URL, SecretStr(SECRET), SecretStr(PUBLIC))
    yield made
    await made.close()


@pytest.fixture
def api() -> Any:
    with respx.mock(assert_all_called=False) as router:
        yield router


def answer(
    status: int, code: str | None = None, message: str = "", hint: str | None = None, **more: Any
) -> httpx.Response:
    body = {"message": message, "details": None, "hint": hint, **({"code": code} if code else {})}
    return httpx.Response(status, json=body, **more)


def page(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, html="<html><body>Bad gateway</body></html>", headers=headers)


# Who it acts as


@pytest.mark.parametrize(
    ("identity", "legacy", "apikey", "bearer"),
    [
        (SERVICE, False, SECRET, None),
        (SERVICE, True, jwt_of("service_role"), jwt_of("service_role")),
        (WRITER, False, PUBLIC, TOKEN),
        (WRITER, True, jwt_of("anon"), TOKEN),
        (Identity(user_id=None, role="anon"), False, PUBLIC, None),
        (Identity(user_id=None, role="anon"), True, jwt_of("anon"), jwt_of("anon")),
    ],
)
async def test_each_caller_comes_with_its_own_credentials(
    api: Any, identity: Identity, legacy: bool, apikey: str, bearer: str | None
) -> None:
    route = api.post(CALL).respond(json={})
    keys = (jwt_of("service_role"), jwt_of("anon")) if legacy else (SECRET, PUBLIC)
    transport = RpcTransport(f"{URL}/", SecretStr(keys[0]), SecretStr(keys[1]))
    # One after another caller, so that what one leaves behind would be seen.
    for before in (WRITER, SERVICE, identity):
        await transport.call("get_session", {"session_id": uuid4()}, before)
    headers = route.calls.last.request.headers
    assert headers["apikey"] == apikey
    assert headers.get("authorization") == (f"Bearer {bearer}" if bearer else None)
    await transport.close()


async def test_two_hundred_users_at_once_each_get_their_own_answer() -> None:
    async def echo(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(random.uniform(0, 0.01))
        return httpx.Response(
            200, json={"token": request.headers.get("authorization"), "key": request.headers["apikey"]}
        )

    transport = RpcTransport(URL, SecretStr(SECRET), SecretStr(PUBLIC), http_transport=httpx.MockTransport(echo))
    users = [Identity(user_id=uuid4(), role="authenticated", token=SecretStr(f"token-{n}")) for n in range(200)]

    async def ask(user: Identity) -> None:
        for identity in (user, SERVICE, user):
            told = await transport.call("get_session", {}, identity)
            mine = None if identity is SERVICE else f"Bearer {user.token.get_secret_value()}" if user.token else ""
            assert told == {"token": mine, "key": SECRET if identity is SERVICE else PUBLIC}

    await asyncio.gather(*(ask(user) for user in users))
    await transport.close()


@pytest.mark.parametrize("token", [None, "", "with space", "a\r\nX-Role: service_role", "é"])
async def test_without_a_token_that_can_be_sent_nothing_is_sent(api: Any, rpc: RpcTransport, token: str | None) -> None:
    route = api.post(CALL).respond(json={})
    identity = Identity(user_id=uuid4(), role="authenticated", token=SecretStr(token) if token is not None else None)
    with pytest.raises(Unauthorized):
        await rpc.call("get_session", {}, identity)
    assert not route.called


async def test_values_go_as_the_database_can_keep_them(api: Any, rpc: RpcTransport) -> None:
    route = api.post(CALL).respond(content=b"null", content_type="application/json")
    session_id = UUID(int=7)
    args = {
        "id": session_id,
        "text": "a\x00b\ud800",
        "from": ("b", "a"),
        "nothing": None,
        "big": 2**63 - 1,
        "on": True,
        "events": [{"text": "x\x00\ud800y", "typed": "\\u0000"}],
        "wanted": {str(session_id): 3},
    }
    assert await rpc.call("get_session", args, SERVICE) is None
    assert json.loads(route.calls.last.request.content) == {
        "p_id": str(session_id),
        "p_text": "ab�",
        "p_from": ["a", "b"],
        "p_nothing": None,
        "p_big": 2**63 - 1,
        "p_on": True,
        "p_events": [{"text": "x�y", "typed": "\\u0000"}],
        "p_wanted": {str(session_id): 3},
    }


# What it makes of answers

AWAY = [
    httpx.ConnectError("no"), httpx.ConnectTimeout("no"), httpx.ReadTimeout("no"), httpx.WriteTimeout("no"),
    httpx.PoolTimeout("no"), httpx.ReadError("reset"), httpx.WriteError("reset"), httpx.RemoteProtocolError("cut"),
    page(500), page(502), page(503), page(504), page(200), page(404), page(520),
    answer(500, "40001"), answer(500, "40P01"), answer(503, "57P01"), answer(500, "57014"), answer(503, "53300"),
    answer(503, "PGRST000"), answer(503, "PGRST001"), answer(503, "PGRST002"), answer(504, "PGRST003"),
    answer(429, message="slow down"), answer(502), answer(500, message="An invalid response was received"),
    httpx.Response(200, content=b""), httpx.Response(204),
    httpx.Response(200, content=b'{"id": "half', headers={"content-type": "application/json"}),
    httpx.Response(502, content=b'{"code": "PG', headers={"content-type": "application/json"}),
]  # fmt: skip


@pytest.mark.parametrize("told", AWAY, ids=repr)
async def test_what_passes_is_tried_again_and_then_told(api: Any, rpc: RpcTransport, told: Any) -> None:
    fine = httpx.Response(200, json={"id": 1})
    route = api.post(CALL).mock(side_effect=[told, told, fine])
    assert await Store(rpc, wait_s=5).gateway.write("get_session", SERVICE) == {"id": 1}
    assert route.call_count == 3
    api.post(CALL).mock(side_effect=[told] * 100)
    with pytest.raises(Unavailable) as refused:
        await Store(rpc, wait_s=0.05).gateway.write("get_session", SERVICE)
    assert refused.value.retryable


FINAL = [
    (answer(404, "PT404", "There is no such session."), NotFound),
    (answer(409, "PT409", "No."), Conflict),
    (answer(409, "PT409", "A newer run.", hint="fenced"), Fenced),
    (answer(410, "PT410", "Over."), Expired),
    (answer(422, "PT422", "The cursor."), InvalidMessage),
    (answer(429, "PT429", "Too fast."), RateLimited),
    (answer(403, "42501", "permission denied"), Forbidden),
    (answer(401, "42501", "permission denied"), Forbidden),
    (answer(400, "22P02", "invalid input syntax"), InvalidMessage),
    (answer(409, "23505"), Conflict),
    (answer(409, "23503"), Conflict),
    (answer(400, "23514"), InvalidMessage),
    (answer(400, "23502"), InvalidMessage),
    (answer(404, "42883"), Misconfigured),
    (answer(500, "XX000", "cache lookup failed"), Internal),
    (answer(400, "P0001", "raised"), Internal),
    (answer(404, "PGRST202"), Misconfigured),
    (answer(406, "PGRST106"), Misconfigured),
    (answer(401, "PGRST301"), Unauthorized),
    (answer(401, "PGRST303", "JWT expired"), Unauthorized),
    (answer(401, message="Invalid API key"), Misconfigured),
    (answer(401, "UNAUTHORIZED_INVALID_API_KEY"), Misconfigured),
    (answer(404, message="requested path is invalid"), Misconfigured),
    (page(413), TooLarge),
    (httpx.Response(301, headers={"location": "https://elsewhere.example"}), Misconfigured),
]


@pytest.mark.parametrize(("told", "kind"), FINAL, ids=lambda value: getattr(value, "__name__", None) or repr(value))
async def test_what_does_not_pass_is_told_at_once(
    api: Any, rpc: RpcTransport, told: httpx.Response, kind: type[StoryloomError]
) -> None:
    route = api.post(CALL).mock(return_value=told)
    with pytest.raises(StoryloomError) as refused:
        await Store(rpc, wait_s=5).gateway.write("get_session", WRITER)
    assert type(refused.value) is kind
    assert route.call_count == 1


async def test_what_the_function_says_is_what_the_caller_hears(api: Any, rpc: RpcTransport) -> None:
    api.post(CALL).mock(return_value=answer(409, "PT409", "Draft 3 is not the next: the newest is 1."))
    with pytest.raises(Conflict, match=r"^Draft 3 is not the next: the newest is 1\.$"):
        await rpc.call("get_session", {}, SERVICE)
    # Not to be taken for what the API itself says with that status.
    api.post(CALL).mock(return_value=answer(413, "PT413", "You have as many sessions as you may keep."))
    with pytest.raises(TooLarge, match=r"^You have as many sessions as you may keep\.$"):
        await rpc.call("get_session", {}, SERVICE)
    api.post(CALL).mock(return_value=answer(404, "PGRST202", "Could not find the function"))
    with pytest.raises(Misconfigured, match=r"lacks the function get_session\. Run `storyloom migrate`"):
        await rpc.call("get_session", {}, SERVICE)


@pytest.mark.parametrize("code", ["PGRST301", "PGRST303"])
async def test_a_refused_service_key_is_a_setting_and_not_a_sign_in(api: Any, rpc: RpcTransport, code: str) -> None:
    api.post(CALL).mock(return_value=answer(401, code))
    with pytest.raises(Misconfigured, match="SUPABASE_SECRET_KEY"):
        await rpc.call("get_session", {}, SERVICE)


# Retry-After


async def test_retry_after_is_heard_in_seconds_and_as_a_moment(api: Any, rpc: RpcTransport) -> None:
    for value, least, most in (
        ("7", 7, 7),
        (formatdate(time.time() + 60, usegmt=True), 50, 61),
        ("Mon, 01 Jan 2024 00:00:00 GMT", 0, 0),
    ):
        api.post(CALL).mock(return_value=answer(429, headers={"retry-after": value}))
        with pytest.raises(Unavailable) as refused:
            await rpc.call("get_session", {}, SERVICE)
        assert refused.value.retry_after_s is not None and least <= refused.value.retry_after_s <= most
    for value in ("", "soon", "-3", "1e9999", "٣"):
        api.post(CALL).mock(return_value=page(503, **{"retry-after": value.encode("ascii", "ignore").decode()}))
        with pytest.raises(Unavailable) as refused:
            await rpc.call("get_session", {}, SERVICE)
        assert refused.value.retry_after_s is None


async def test_the_pause_that_is_asked_for_is_kept(api: Any, rpc: RpcTransport) -> None:
    api.post(CALL).mock(side_effect=[answer(429, headers={"retry-after": "1"}), httpx.Response(200, json={})])
    began = time.monotonic()
    await Store(rpc, wait_s=5).gateway.write("get_session", SERVICE)
    assert time.monotonic() - began >= 1


async def test_a_long_pause_is_capped_and_never_outlasts_the_patience(
    api: Any, rpc: RpcTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    route = api.post(CALL).mock(return_value=answer(429, headers={"retry-after": "3600"}))
    began = time.monotonic()
    with pytest.raises(Unavailable) as refused:
        await Store(rpc, wait_s=2).gateway.write("get_session", SERVICE)
    assert time.monotonic() - began < 1 and route.call_count == 1 and refused.value.retry_after_s == 3600
    monkeypatch.setattr(gateway, "RETRY_AFTER_CAP_S", 0.2)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await Store(rpc, wait_s=1).gateway.write("get_session", SERVICE)
    assert 0.4 < time.monotonic() - began < 1.5 and 3 <= route.call_count <= 6


# Half an answer, from a server that really stops in the middle

BEGUN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CUT = {
    "nothing": b"",
    "half a header": BEGUN[:25],
    "half of a length": BEGUN + b'Content-Length: 900\r\n\r\n{"id": 1',
    "half a chunk": BEGUN + b'Transfer-Encoding: chunked\r\n\r\n40\r\n{"id": 1',
    "no length": BEGUN + b'Connection: close\r\n\r\n{"id": 1',
    "not HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
}


@asynccontextmanager
async def server_that_cuts(said: bytes, *, reset: bool) -> AsyncIterator[str]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        if reset:
            writer.transport.abort()
        else:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("said", CUT.values(), ids=CUT.keys())
async def test_half_an_answer_is_no_answer(said: bytes, reset: bool) -> None:
    async with server_that_cuts(said, reset=reset) as url:
        transport = RpcTransport(url, SecretStr(SECRET), SecretStr(PUBLIC))
        with pytest.raises(Unavailable):
            await transport.call("get_session", {}, SERVICE)
        await transport.close()


async def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from coordinator.store import rpc as module

    monkeypatch.setattr(module, "TIMEOUT", httpx.Timeout(0.1))
    server = await asyncio.start_server(lambda reader, writer: asyncio.sleep(5), "127.0.0.1", 0)
    async with server:
        transport = RpcTransport(
            f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", SecretStr(SECRET), SecretStr(PUBLIC)
        )
        with pytest.raises(Unavailable):
            await asyncio.wait_for(transport.call("get_session", {}, SERVICE), 3)
        await transport.close()


# Settings that can't be right


@pytest.mark.parametrize(
    "url",
    [
        "abc.supabase.co",
        "ftp://abc.supabase.co",
        f"{URL}/rest/v1",
        f"{URL}/rest/v1/",
        f"{URL}?apikey=x",
        f"{URL}#x",
        "https://user:word@abc.supabase.co",
        "https://",
        "",
        "postgresql://abc.supabase.co/postgres",
    ],
)
def test_an_address_that_is_not_the_projects_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured, match="SUPABASE_URL"):
        RpcTransport(url, SecretStr(SECRET), SecretStr(PUBLIC))


@pytest.mark.parametrize(
    ("service", "public", "named"),
    [
        (PUBLIC, SECRET, "SUPABASE_SECRET_KEY"),
        (PUBLIC, PUBLIC, "SUPABASE_SECRET_KEY"),
        (jwt_of("anon"), PUBLIC, "SUPABASE_SECRET_KEY"),
        (jwt_of("authenticated"), PUBLIC, "SUPABASE_SECRET_KEY"),
        (SECRET, SECRET, "SUPABASE_PUBLISHABLE_KEY"),
        (SECRET, jwt_of("service_role"), "SUPABASE_PUBLISHABLE_KEY"),
        ("", PUBLIC, "SUPABASE_SECRET_KEY"),
        ("a.b.c", PUBLIC, "SUPABASE_SECRET_KEY"),
        ("sb_secret_a\nb", PUBLIC, "SUPABASE_SECRET_KEY"),
    ],
)
def test_swapped_and_wrong_keys_are_told_and_not_quoted(service: str, public: str, named: str) -> None:
    with pytest.raises(Misconfigured, match=named) as refused:
        RpcTransport(URL, SecretStr(service), SecretStr(public))
    assert not any(key and key in str(refused.value) for key in (service, public))


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (httpx.ConnectError("getaddrinfo failed"), "can't be reached: the connection breaks"),
        (httpx.ReadTimeout("no"), "can't be reached: it doesn't answer in time"),
        (page(200), "is no Supabase project's API"),
        (page(404), "is no Supabase project's API"),
        (page(503), "can't be reached: it answers HTTP 503"),
        (answer(540, message="Project paused"), "is paused. Restore it"),
        (answer(500, "57P03"), "can't be reached: its database is not to be had"),
        (httpx.Response(301, headers={"location": "https://elsewhere.example"}), "answers with a redirect"),
        (answer(401, message="Invalid API key"), "refuses the key in SUPABASE_SECRET_KEY"),
        (answer(401, "42501"), "refuses the key in SUPABASE_SECRET_KEY"),
        (answer(404, "PGRST202"), "none of Storyloom's tables and functions: run `supabase db push`"),
        (answer(406, "PGRST106"), "doesn't expose the schema public"),
    ],
    ids=repr,
)
async def test_opening_tells_what_is_wrong_in_one_sentence(api: Any, told: Any, sentence: str) -> None:
    effect = {"side_effect": told} if isinstance(told, Exception) else {"return_value": told}
    for function in ("schema_state", "is_admin"):
        api.post(f"{URL}/rest/v1/rpc/{function}").mock(**effect)
    with pytest.raises(Misconfigured, match=sentence):
        await RpcTransport.open(URL, SecretStr(SECRET), SecretStr(PUBLIC))


# Secrets


async def test_no_secret_is_in_any_error_or_log(api: Any, rpc: RpcTransport, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    all_told = f"apikey {SECRET} {PUBLIC} Authorization: Bearer {TOKEN}"
    codes = ("22P02", "23514", "XX000", "P0001", "PT409", "PT404", "42501", "PGRST301", "PGRST100", "PGRST202")
    nasty: list[Any] = [
        httpx.ConnectError(all_told),
        httpx.LocalProtocolError(f"Illegal header value b'{all_told}'"),
        httpx.RemoteProtocolError(all_told),
        httpx.Response(500, html=all_told),
        httpx.Response(200, html=all_told),
        httpx.Response(200, content=all_told.encode(), headers={"content-type": "application/json"}),
        httpx.Response(200, json=all_told),
        answer(401, message=all_told),
        answer(404, message=all_told),
        httpx.Response(301, headers={"location": f"https://elsewhere.example/?{SECRET}"}),
        *(answer(400, code, all_told, all_told) for code in codes),
    ]
    for told in nasty:
        for identity in (SERVICE, WRITER):
            effect = {"side_effect": told} if isinstance(told, Exception) else {"return_value": told}
            api.post(CALL).mock(**effect)
            with pytest.raises(StoryloomError) as refused:
                await rpc.call("get_session", {"session_id": uuid4()}, identity)
            error = refused.value
            logging.getLogger("anybody").error("failed", exc_info=error)
            shown = "".join([str(error), repr(error), error.message, *traceback.format_exception(error)])
            for secret in (SECRET, PUBLIC, TOKEN):
                assert secret not in shown, f"{type(error).__name__} of {told!r} tells a secret"
    for secret in (SECRET, PUBLIC, TOKEN):
        assert secret not in caplog.text
    assert "failed" in caplog.text
    assert TOKEN not in repr(WRITER) + str(WRITER) + WRITER.model_dump_json() + repr(WRITER.model_dump())


# Over @supabase/lite
