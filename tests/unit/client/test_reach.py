"""What a client says where no Storyloom server answers: one sentence, the same at both doors, with what to do."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from storyloom.client import Client
from storyloom.client.rest import Address
from storyloom.client.signin import sign_in
from storyloom.errors import ClientError
from tests.unit.client.faulty import Door, answers, certified, hangs_up, listening, refuses, speaks_first
from tests.unit.client.stage import AT_ONCE, SESSION, collect

Call = Callable[[Client], Awaitable[Any]]
TOKEN = "a.b.c"


async def by_rest(client: Client) -> Any:
    return await client.sessions()


async def by_socket(client: Client) -> Any:
    return await collect(client.watch(SESSION))


async def by_download(client: Client) -> Any:
    return [piece async for piece in client.export(SESSION, "md")]


DOORS = pytest.mark.parametrize("call", [by_rest, by_socket, by_download])


async def told(url: str, call: Call) -> ClientError:
    async with Client(url, TOKEN, reconnect=AT_ONCE) as client:
        with pytest.raises(ClientError) as caught:
            await call(client)
    error = caught.value
    assert "\n" not in error.message and error.message.endswith(".") and TOKEN not in error.message
    assert error.code in ("unavailable", "not_found", "unauthorized", "internal")
    return error


@DOORS
@pytest.mark.parametrize(
    ("door", "said"),
    [
        (answers(401), "answers HTTP 401, not as Storyloom does: something before it wants a sign-in of its own"),
        (answers(403), "answers HTTP 403, not as Storyloom does"),
        (answers(407), "answers HTTP 407, not as Storyloom does"),
        (answers(302, location="/login"), "redirects to /login: something before it wants a sign-in of its own"),
        (
            answers(301, location="https://elsewhere.example/x"),
            "redirects to https://elsewhere.example: give the address",
        ),
        (
            answers(308, location="https://elsewhere.example/x"),
            "redirects to https://elsewhere.example: give the address",
        ),
        (answers(502), "can't answer now (HTTP 502)"),
        (speaks_first, "does not answer with HTTP: check the port, and whether it wants https://"),
        (hangs_up, "does not answer with HTTP"),
        (refuses(404, "not_found", "There is no such session."), "There is no such session."),
        (refuses(429, "rate_limited", "Too fast."), "Too fast."),
    ],
)
async def test_what_answers_is_another(call: Call, door: Door, said: str) -> None:
    async with listening(door) as place:
        if "429" in said or "Too fast" in said:
            with pytest.raises(ClientError, match="Too fast"):
                await call(Client(f"http://{place}", TOKEN, reconnect=AT_ONCE))
        else:
            assert said in (await told(f"http://{place}", call)).message


@pytest.mark.parametrize("status", [200, 204, 400, 404, 405, 426, 501])
async def test_a_proxy_that_passes_no_upgrade_on(status: int) -> None:
    async with listening(answers(status)) as place:
        error = await told(f"http://{place}", by_socket)
        assert f"HTTP {status} and opens no WebSocket" in error.message and "Upgrade and Connection" in error.message
        assert not error.retryable


@pytest.mark.parametrize("status", [400, 404, 405, 410, 418])
async def test_a_web_server_of_something_else(status: int) -> None:
    async with listening(answers(status)) as place:
        for call in (by_rest, by_download):
            error = await told(f"http://{place}", call)
            assert re.search(rf"is not a Storyloom server: it answers GET /api/\S+ with HTTP {status}", error.message)
            assert error.code == "unavailable", "nothing of Storyloom's was not found there"
        with pytest.raises(ClientError, match="is not a Storyloom server"):
            await sign_in(Address(f"http://{place}"))


async def test_a_server_of_another_version_or_below_another_path() -> None:
    for detail in ("Not Found.", "Method Not Allowed."):
        async with listening(refuses(404, "not_found", detail)) as place:
            error = await told(f"http://{place}/stories", by_rest)
            assert "has no GET /stories/api/sessions: its address has a wrong path, or" in error.message
    async with listening(answers(200, b'{"pages": []}')) as place:
        assert "it is of another version" in (await told(f"http://{place}", by_rest)).message


async def test_only_storylooms_own_refusal_says_that_a_token_is_needed() -> None:
    async with listening(refuses(404, "not_found", "Users sign in at the Supabase project.")) as place:
        with pytest.raises(ClientError, match="takes no anonymous writers") as caught:
            await sign_in(Address(f"http://{place}"))
        assert caught.value.code == "unauthorized"


@DOORS
async def test_a_certificate_that_nobody_here_trusts(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, tls = certified(tmp_path)
    async with listening(answers(404), tls) as place:
        error = await told(f"https://{place}", call)
        assert "is not trusted (self-signed certificate): set SSL_CERT_FILE" in error.message
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
        assert "HTTP 404" in (await told(f"https://{place}", call)).message, "what to do helps, at each door"


@DOORS
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"address": "127.0.0.2"}, "give the address with a name that it is for"),
        ({"days": -1}, "has to renew it, unless this machine's clock is wrong"),
    ],
)
async def test_a_certificate_that_is_wrong(
    call: Call, wrong: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, tls = certified(tmp_path, **wrong)
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    async with listening(answers(404), tls) as place:
        assert said in (await told(f"https://{place}", call)).message


@DOORS
async def test_tls_on_one_side_only(call: Call, tmp_path: Path) -> None:
    async with listening(answers(404)) as place:
        assert "give its address with http://" in (await told(f"https://{place}", call)).message
    async with listening(answers(404), certified(tmp_path)[1]) as place:
        assert "whether it wants https://" in (await told(f"http://{place}", call)).message


@DOORS
async def test_nobody_there(call: Call) -> None:
    async with listening(hangs_up) as place:
        pass
    assert f"No Storyloom server answers at http://{place}." in (await told(f"http://{place}", call)).message
    assert "no host named nowhere.invalid" in (await told("http://nowhere.invalid", call)).message


@DOORS
async def test_a_token_that_can_be_none(call: Call) -> None:
    async with Client("http://127.0.0.1:9", "é") as client:
        with pytest.raises(ClientError) as caught:
            await call(client)
    assert caught.value.code in ("unauthorized", "unavailable")


async def test_half_of_a_surrogate_pair_is_no_text() -> None:
    async with Client("http://127.0.0.1:9", TOKEN) as client:
        with pytest.raises(ClientError, match="no text in UTF-8") as caught:
            await client.steer(SESSION, "\ud83d")
        assert caught.value.code == "invalid_message"
