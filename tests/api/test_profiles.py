"""`/api/v1/users`: a user's profile over REST, and what is no profile."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.support import problem
from tests.api.test_acting_for import bot, named
from tests.service import Service, bearer

USERS, ME = "/api/v1/users", "/api/v1/users/me"
PICTURE = "https://example.org/ada.png"


async def save(service: Service, token: str, body: Any, method: str = "PATCH") -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {**bearer(token), "Content-Type": "application/json"}
    return await service.http.request(method, USERS if method == "POST" else ME, headers=headers, content=content)


async def profile(service: Service, token: str) -> dict[str, Any]:
    answer = await service.get(ME, token)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_a_new_writer_has_a_profile_that_says_nothing(shared: Service) -> None:
    tokens = (await shared.http.post("/api/auth/anonymous")).json()
    told = await profile(shared, tokens["access_token"])
    assert told.pop("created_at")
    assert told == {
        "id": tokens["user"]["id"],
        "display_name": "",
        "avatar_url": None,
        "settings": {},
        "is_anonymous": True,
    }
    assert (await profile(shared, shared.token))["is_anonymous"] is False


async def test_what_is_given_is_changed_again_and_again_to_the_same(shared: Service) -> None:
    token = await shared.new_token()
    given = {"display_name": " Ada\nLovelace ", "avatar_url": PICTURE, "settings": {"theme": "dark", "n": 1}}
    for _ in range(2):
        answer = await save(shared, token, given, "POST")
        assert answer.status_code == 200, answer.text
        assert answer.json() == await profile(shared, token)
    assert answer.json()["display_name"] == "Ada Lovelace" and answer.json()["settings"] == given["settings"]
    for _ in range(2):
        changed = await save(shared, token, {"settings": {"n": None, "list": [1, {"deep": None}]}})
        assert changed.json()["settings"] == {"theme": "dark", "list": [1, {"deep": None}]}
        assert changed.json()["display_name"] == "Ada Lovelace" and changed.json()["avatar_url"] == PICTURE
    gone = (await save(shared, token, {"display_name": None, "avatar_url": None, "settings": None})).json()
    assert (gone["display_name"], gone["avatar_url"], gone["settings"]) == ("", None, {})


async def test_nobody_sees_or_changes_anothers(shared: Service) -> None:
    token, other = await shared.new_token(), await shared.new_token()
    await save(shared, token, {"display_name": "Ada"})
    assert (await profile(shared, other))["display_name"] == ""
    problem(await shared.http.get(ME), 401, "unauthorized")
    problem(await shared.http.post(USERS, json={}), 401, "unauthorized")
    headers = {**bearer(other), "X-User-ID": (await profile(shared, token))["id"]}
    problem(await shared.http.patch(ME, headers=headers, json={"display_name": "Eve"}), 403, "forbidden")
    assert (await profile(shared, token))["display_name"] == "Ada"


async def test_who_never_came_in_has_none(shared: Service) -> None:
    token = str(shared.auth.issue(uuid4())["access_token"])
    problem(await shared.get(ME, token), 404, "not_found")
    problem(await save(shared, token, {"display_name": "Nobody"}), 409, "conflict")


async def test_a_bots_users_have_profiles_of_their_own(shared: Service) -> None:
    token, person = bot("profiles"), "ada"
    body = {"display_name": "Ada"}
    statuses = []
    for name in (person, person, "ben"):
        answer = await shared.http.post(USERS, headers=named(token, name), json=body)  # type: ignore[arg-type]
        statuses.append(answer.status_code)
    assert statuses == [201, 200, 201], "made when the bot first speaks for them"
    told = (await shared.http.get(ME, headers=named(token, person))).json()  # type: ignore[arg-type]
    assert told["display_name"] == "Ada" and told["is_anonymous"] is False


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)//https://",
        "data:image/png;base64,AAAA",
        "http://example.org/a.png",
        "//example.org/a.png",
        "https://",
        "https:///a.png",
        "https://a b",
        "https://user:password@example.org/a.png",
        "https://example.org@evil.example/",
        'https://example.org/"><script>',
        "https://example.org\\@evil.example",
        "https://[::1",
        "https://example.org:99999/",
        "https://example.org/" + "a" * 1981,
        "",
        17,
        [PICTURE],
    ],
)
async def test_what_is_no_pictures_address(shared: Service, address: Any) -> None:
    token = await shared.new_token()
    told = problem(await save(shared, token, {"avatar_url": address, "display_name": "Ada"}), 422, "invalid_message")
    assert "avatar_url" in told["detail"]
    assert (await profile(shared, token))["display_name"] == "", "what is refused changes nothing"


@pytest.mark.parametrize("address", [PICTURE, "HTTPS://Example.org/ä/名.png?x=1#y", "https://[::1]:8443/a"])
async def test_what_is_one(shared: Service, address: str) -> None:
    answer = await save(shared, await shared.new_token(), {"avatar_url": address})
    assert answer.json()["avatar_url"] == "https" + address[5:], answer.text


DEEP = b"[" * 100 + b"]" * 100


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"display_name": "x" * 20_001}, 422),
        ({"display_name": "x" * 101}, 422),
        ({"display_name": ["Ada"]}, 422),
        ({"unknown": 1}, 422),
        ([], 422),
        (b"null", 422),
        (b'{"display_name": "\\ud800"}', 422),
        (b'{"settings": {"a": 1, "a": 2}}', 422),
        (b'{"settings": {"a": NaN}}', 422),
        (b'{"settings": {"a": 1e999}}', 422),
        (b'{"settings": {"a": ' + DEEP + b"}}", 422),
        (b'{"settings": ' + b'{"a":' * 30_000 + b"1" + b"}" * 30_000 + b"}", 422),
        ({"settings": []}, 422),
        ({"settings": "dark"}, 422),
        ({"settings": {"a\x00b": 1}}, 422),
        ({"settings": {"k" * 101: 1}}, 422),
        ({"settings": {"a": "x" * 16_384}}, 413),
        ({"settings": {str(n): 1e308 for n in range(100)}}, 413),
        ({"settings": {"a": "x" * 300_000}}, 413),
    ],
)
async def test_what_is_no_profile_is_refused_and_changes_nothing(shared: Service, body: Any, status: int) -> None:
    token = await shared.new_token()
    await save(shared, token, {"display_name": "Ada", "settings": {"theme": "dark"}})
    before = await profile(shared, token)
    for method in ("POST", "PATCH"):
        problem(await save(shared, token, body, method), status, "too_large" if status == 413 else "invalid_message")
    assert await profile(shared, token) == before


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a\x00b\r\nc", "ab\nc"),
        ("\ufffe", ""),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿" * 20, "🏴󠁧󠁢󠁥󠁮󠁧󠁿" * 20),
        ("\\u0000", "\\u0000"),
        (-(2**63), -(2**63)),
        (10**300, 10**300),
        (0.1, 0.1),
        (1e-320, 1e-320),
        ([], []),
        ({"": {"": None}}, {"": {"": None}}),
        (True, True),
    ],
)
async def test_settings_come_back_as_they_went_in(shared: Service, given: Any, kept: Any) -> None:
    token = await shared.new_token()
    answer = await save(shared, token, {"settings": {"it": given, "beside": [given]}})
    assert answer.status_code == 200, answer.text
    assert (await profile(shared, token))["settings"] == {"it": kept, "beside": [kept]}
