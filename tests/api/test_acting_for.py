"""`X-User-ID`, which identifies nobody: what it says beside a user's token, and for whom a bot speaks with it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

import httpx
import jwt
import psycopg
import pytest
import respx
from pydantic import SecretStr
from websockets.asyncio.client import connect

from api.identity.auth import bot_token
from api.live.protocol import NOT_AUTHENTICATED, TRY_AGAIN_LATER
from coordinator.errors import Misconfigured, StoryloomError, Unavailable
from coordinator.models import Identity
from coordinator.people.bots import Bot
from coordinator.people.signins import ProjectSignIns
from coordinator.settings import Settings
from tests.api.support import JWT_SECRET, checked_error, closed, problem, raw, signed
from tests.conftest import Database
from tests.service import PROMPT, Service, Socket, bearer, serving

ID = "00000000-0000-4000-8000-000000000000"
SESSIONS = "/api/sessions"
ME = "/api/v1/users/me"
PROJECT = "https://abcdefghijkl.supabase.co"
PROJECT_SECRET = "a secret of the project's that signs what its users bring"


def bot(name: str = "discord", ttl_s: int = 600, **changed: Any) -> str:
    """A good token of a bot but for what is changed; None leaves a claim out."""
    now = int(time.time())
    claims = {
        "iss": "storyloom",
        "sub": str(Bot(name, 0).id),
        "aud": "storyloom:bot",
        "acts_for": name,
        "iat": now,
        "exp": now + ttl_s,
        **changed,
    }
    return jwt.encode({key: value for key, value in claims.items() if value is not None}, JWT_SECRET, "HS256")


def named(token: str, *people: str | bytes) -> list[tuple[str, str | bytes]]:
    return [("Authorization", f"Bearer {token}"), *(("X-User-ID", person) for person in people)]


async def asked(service: Service, token: str, *people: str | bytes, path: str = SESSIONS) -> httpx.Response:
    return await service.http.get(path, headers=named(token, *people))  # type: ignore[arg-type]


async def started(service: Service, token: str, person: str) -> str:
    body = {"prompt": PROMPT, "config": {"pages": 1}}
    answer = await service.http.post(SESSIONS, headers=named(token, person), json=body)  # type: ignore[arg-type]
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def listed(service: Service, token: str, person: str) -> set[str]:
    answer = await asked(service, token, person)
    assert answer.status_code == 200, answer.text
    return {session["id"] for session in answer.json()["items"]}


def user_of(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["sub"])


# -- Beside no token, and a user's ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", ["", "anything", ID, "\x80"])
async def test_it_lets_nobody_in(shared: Service, person: str) -> None:
    headers = {"X-User-ID": person.encode("latin-1")}
    problem(await shared.http.get(SESSIONS, headers=headers), 401, "unauthorized")
    wrong = [("Authorization", "Bearer not.a.token"), ("X-User-ID", person.encode("latin-1"))]
    problem(await shared.http.get(SESSIONS, headers=wrong), 401, "unauthorized")  # type: ignore[arg-type]


async def test_not_even_the_id_of_somebody_who_is_there(shared: Service) -> None:
    known = user_of(shared.token)
    problem(await shared.http.get(SESSIONS, headers={"X-User-ID": known}), 401, "unauthorized")
    async with raw(shared, additional_headers={"X-User-ID": known}) as socket:
        await socket.send(type="session.attach", session_id=str(uuid4()))
        code, told = await closed(socket.connection)
    assert code == NOT_AUTHENTICATED and told[0]["code"] == "unauthorized"


async def test_with_a_users_token_it_names_that_user_or_is_refused(shared: Service) -> None:
    token = await shared.new_token()
    own = user_of(token)
    for spelt in (own, own.upper(), own.replace("-", "")):
        assert (await asked(shared, token, spelt)).status_code == 200, spelt
    for other in (str(uuid4()), user_of(shared.token), "anything", "", "\x80", str(UUID(int=0))):
        told = problem(await asked(shared, token, other.encode("latin-1")), 403, "forbidden")
        assert "X-User-ID is another" in told["detail"]
    problem(await asked(shared, token, own, own), 403, "forbidden")
    # An admin reads what is anybody's as themselves, and is nobody else for it.
    problem(await asked(shared, shared.admin_token(), own), 403, "forbidden")


async def test_a_user_is_not_made_a_bot_by_a_claim(shared: Service) -> None:
    token = signed(acts_for="discord")
    problem(await asked(shared, token, "anything"), 403, "forbidden")
    problem(await asked(shared, token, str(Bot("discord", 0).user("anything"))), 403, "forbidden")


# -- A bot's token -------------------------------------------------------------------------------------------------------


async def test_two_users_of_a_bot_never_see_each_other(shared: Service) -> None:
    token = bot()
    ada, ben = await started(shared, token, "ada"), await started(shared, token, "ben")
    for _ in range(2):
        # Over and over under one token, which is known by now: no request is answered as the one before.
        assert await listed(shared, token, "ada") == {ada}
        assert await listed(shared, token, "ben") == {ben}
    problem(await asked(shared, token, "ben", path=f"{SESSIONS}/{ada}"), 404, "not_found")
    problem(await asked(shared, token, "Ada", path=f"{SESSIONS}/{ada}"), 404, "not_found")
    found = (await asked(shared, token, "ada", path=f"{SESSIONS}/{ada}")).json()
    assert found["user_id"] == str(uuid5(uuid5(NAMESPACE_OID, "storyloom bot discord"), "ada"))


async def test_requests_at_once_under_one_token_are_each_their_users(shared: Service) -> None:
    token = bot("busy")
    people = [f"person-{number}" for number in range(8)]
    made = dict(zip(people, await asyncio.gather(*(started(shared, token, one) for one in people)), strict=True))
    answers = await asyncio.gather(*(listed(shared, token, one) for one in people for _ in range(5)))
    assert answers == [{made[one]} for one in people for _ in range(5)]


async def test_two_bots_that_say_the_same_name_two_users(shared: Service) -> None:
    one = await started(shared, bot("bot-a"), "42")
    assert await listed(shared, bot("bot-b"), "42") == set()
    problem(await asked(shared, bot("bot-b"), "42", path=f"{SESSIONS}/{one}"), 404, "not_found")
    # Another token of the same bot is the same bot.
    assert await listed(shared, bot("bot-a", ttl_s=900), "42") == {one}


async def test_a_bot_reaches_nobody_else(shared: Service) -> None:
    session_id = (await shared.post(SESSIONS, prompt=PROMPT, config={"pages": 1})).json()["id"]
    theirs = await started(shared, bot("bot-a"), "elsewhere")
    reached = str(Bot("bot-a", 0).user("elsewhere"))
    for person in (user_of(shared.token), reached, str(Bot("bot-b", 0).id)):
        for wanted in (session_id, theirs):
            problem(await asked(shared, bot("bot-b"), person, path=f"{SESSIONS}/{wanted}"), 404, "not_found")


async def test_a_bot_says_for_whom_it_speaks(shared: Service) -> None:
    told = problem(await asked(shared, bot()), 403, "forbidden")
    assert "X-User-ID" in told["detail"]
    async with raw(shared) as socket:
        await socket.send(type="auth", token=bot())
        code, frames = await closed(socket.connection)
    assert code == NOT_AUTHENTICATED and frames[0]["code"] == "forbidden" and "user_id" in frames[0]["message"]


@pytest.mark.parametrize(
    "person", ["1", "anything at all", "x" * 200, "ärger", "名前", "🧵" * 200, "a@b:c/d?e#f", "%41"]
)
async def test_what_a_bot_may_call_a_person(shared: Service, person: str) -> None:
    answer = await asked(shared, bot(), person.encode(), path=ME)
    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] == str(Bot("discord", 0).user(person))
    async with raw(shared) as socket:
        await socket.send(type="auth", token=bot(), user_id=person)
        assert (await socket.receive())["user_id"] == answer.json()["id"]


@pytest.mark.parametrize(
    "person", ["", " ", "x" * 201, "a\tb", "a\nb", "\x00", "\x7f", "\u200b\ufffe", "\x85", "\ufdd0"]
)
async def test_what_names_nobody(shared: Service, person: str) -> None:
    async with raw(shared) as socket:
        await socket.send(type="auth", token=bot(), user_id=person)
        code, frames = await closed(socket.connection)
    assert code == NOT_AUTHENTICATED and frames[0]["code"] == "invalid_message"
    assert "1 to 200 characters" in frames[0]["message"]
    # What a header can't have never comes so far.
    if person == person.strip() and not any(sign in person for sign in "\n\x00\x7f"):
        told = problem(await asked(shared, bot(), person.encode()), 422, "invalid_message")
        assert told["detail"] == frames[0]["message"]


async def test_what_no_text_is_names_nobody_and_two_names_don_t_either(shared: Service) -> None:
    problem(await asked(shared, bot(), b"\xff\xfe"), 422, "invalid_message")
    problem(await asked(shared, bot(), "ada", "ben"), 422, "invalid_message")
    problem(await asked(shared, bot(), "ada", "ada"), 422, "invalid_message")


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": int(time.time()) - 60},
        {"exp": None},
        {"aud": None},
        {"aud": "storyloom:refresh"},
        {"acts_for": None},
        {"acts_for": "another"},
        {"acts_for": "Not A Name"},
        {"acts_for": ["discord"]},
        {"sub": ID},
        {"iss": "somebody"},
        {"iat": int(time.time()) + 600},
    ],
)
async def test_a_bots_token_that_is_not_wholly_right(shared: Service, changed: dict[str, Any]) -> None:
    problem(await asked(shared, bot(**changed), "ada"), 401, "unauthorized")


async def test_a_bots_token_by_another_secret(shared: Service) -> None:
    claims = jwt.decode(bot(), options={"verify_signature": False})
    forged = jwt.encode(claims, "x" * 40, "HS256")
    told = problem(await asked(shared, forged, "ada"), 401, "unauthorized")
    assert "storyloom token --bot" in told["detail"]
    unsigned = jwt.encode(claims, None, "none")  # type: ignore[arg-type]
    problem(await asked(shared, unsigned, "ada"), 401, "unauthorized")


async def test_a_bots_token_renews_nothing(shared: Service) -> None:
    for door in ("refresh", "device", "sign-out"):
        answer = await shared.http.post(f"/api/auth/{door}", json={"refresh_token": bot()})
        problem(answer, 401, "unauthorized")


async def test_no_bot_is_an_admin(settings: Settings) -> None:
    """Neither by what its token says, nor by a list that has its user."""
    person = Bot("discord", 0).user("root")
    listed_too = settings.model_copy(
        update={"jwt_secret": SecretStr(JWT_SECRET), "admin_user_ids": [str(person), str(Bot("discord", 0).id)]}
    )
    async with serving(listed_too) as service:
        other = (await service.post(SESSIONS, prompt=PROMPT, config={"pages": 1})).json()["id"]
        token = bot(app_metadata={"role": "admin"}, role="service_role")
        for path in ("/api/admin/sessions", "/api/admin/stats", "/api/admin/nodes", "/api/admin/audit"):
            problem(await asked(service, token, "root", path=path), 403, "forbidden")
        problem(await asked(service, token, "root", path=f"{SESSIONS}/{other}"), 404, "not_found")


# -- The WebSocket -------------------------------------------------------------------------------------------------------


async def ready(socket: Socket) -> str:
    frame = await socket.receive()
    assert frame["type"] == "ready", frame
    return str(frame["user_id"])


async def test_over_the_socket_a_bot_speaks_by_header_and_by_frame(shared: Service) -> None:
    token = bot("socket")
    ada, ben = (str(Bot("socket", 0).user(one)) for one in ("ada", "ben"))
    session_id = await started(shared, token, "ada")
    async with raw(shared, additional_headers={**bearer(token), "X-User-ID": "ada"}) as socket:
        assert await ready(socket) == ada
        await socket.send(type="session.attach", session_id=session_id)
        await socket.until("session.snapshot", session_id=session_id)
    async with raw(shared, additional_headers={"X-User-ID": "ben"}) as socket:
        await socket.send(type="auth", token=token)
        assert await ready(socket) == ben
        await socket.send(type="session.attach", session_id=session_id)
        assert checked_error(await socket.until("error"))["code"] == "not_found"
    async with raw(shared, additional_headers={"X-User-ID": "ben"}) as socket:
        # What the frame says goes before what the handshake said.
        await socket.send(type="auth", token=token, user_id="ada")
        assert await ready(socket) == ada


async def test_a_renewed_token_stays_with_whom_the_connection_is_for(shared: Service) -> None:
    async with raw(shared) as socket:
        await socket.send(type="auth", token=bot("socket"), user_id="ada")
        ada = await ready(socket)
        for person in (None, "ada"):
            await socket.send(type="auth", token=bot("socket", ttl_s=900), user_id=person)
            assert await ready(socket) == ada
        for token, person in ((bot("socket"), "ben"), (bot("other"), "ada"), (bot("other"), None)):
            await socket.send(type="auth", token=token, user_id=person)
            assert checked_error(await socket.receive())["code"] == "unauthorized"


async def test_over_the_socket_a_user_is_who_the_token_says(shared: Service) -> None:
    own = user_of(shared.token)
    async with raw(shared) as socket:
        await socket.send(type="auth", token=shared.token, user_id=own.upper())
        assert await ready(socket) == own
    for headers, frame in (
        ({**bearer(shared.token), "X-User-ID": str(uuid4())}, None),
        ({}, {"type": "auth", "token": shared.token, "user_id": "ada"}),
        ({"X-User-ID": str(uuid4())}, {"type": "auth", "token": shared.token}),
    ):
        async with connect(shared.ws_url, additional_headers=headers) as connection:
            if frame:
                await connection.send(json.dumps(frame))
            code, told = await closed(connection)
        assert code == NOT_AUTHENTICATED and told[0]["code"] == "forbidden"


# -- The users themselves ------------------------------------------------------------------------------------------------


async def rows(database: Database, query: str, *params: Any) -> list[Any]:
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        return await (await connection.execute(query, params)).fetchall()  # type: ignore[call-overload]


@pytest.fixture
async def own(settings: Settings) -> AsyncIterator[Service]:
    """A service of the test's own, whose tokens the tests can sign."""
    async with serving(settings.model_copy(update={"jwt_secret": SecretStr(JWT_SECRET)})) as service:
        yield service


async def test_a_user_is_made_once_when_a_bot_first_speaks_for_them(own: Service, database: Database) -> None:
    of_user = "select is_anonymous, raw_app_meta_data from auth.users where id = %s"
    person = Bot("discord", 0).user("ada")
    assert await rows(database, of_user, person) == []
    await asyncio.gather(*(asked(own, bot(), "ada") for _ in range(5)))
    assert await rows(database, of_user, person) == [(False, {"bot": "discord", "provider": "bot"})]
    assert len(await rows(database, "select from profiles where id = %s", person)) == 1
    # Nobody is made by what is refused.
    before = await rows(database, "select count(*) from auth.users")
    await asked(own, bot(exp=1), "eve")
    await asked(own, own.token, "eve")
    await asked(own, bot(), "")
    assert await rows(database, "select count(*) from auth.users") == before


async def test_a_bots_user_takes_away_and_erases_what_is_theirs_and_may_come_back(
    own: Service, database: Database
) -> None:
    token = bot()
    mine, bens = await started(own, token, "ada"), await started(own, token, "ben")
    assert (await asked(own, token, "ada", path="/api/users/me/export")).status_code == 200
    async with raw(own, additional_headers={**bearer(token), "X-User-ID": "ada"}) as socket:
        await ready(socket)
        gone = await own.http.delete("/api/users/me", headers=named(token, "ada"))  # type: ignore[arg-type]
        assert gone.status_code == 200 and gone.json()["sign_in_removed"], gone.text
        assert gone.json()["removed"]["story_sessions"] == 1 and gone.json()["removed"]["auth.users"] == 1
        # What was open then is closed to who was erased.
        await socket.send(type="session.attach", session_id=mine)
        assert checked_error(await socket.until("error"))["code"] == "unauthorized"
    assert await rows(database, "select from auth.users where id = %s", Bot("discord", 0).user("ada")) == []
    assert await listed(own, token, "ben") == {bens}
    # The bot's token is still good, and who comes back begins anew.
    assert await listed(own, token, "ada") == set()
    problem(await asked(own, token, "ada", path=f"{SESSIONS}/{mine}"), 404, "not_found")
    again = await started(own, token, "ada")
    assert await listed(own, token, "ada") == {again}


async def test_under_another_secret_a_bot_reaches_its_users_still(settings: Settings) -> None:
    async with serving(settings) as service:
        first = await started(service, bot_token(service.settings, "discord", 600), "ada")
    changed = settings.model_copy(update={"jwt_secret": SecretStr("another secret that is long enough, too")})
    async with serving(changed) as service:
        assert await listed(service, bot_token(service.settings, "discord", 600), "ada") == {first}


# -- How often -----------------------------------------------------------------------------------------------------------


async def test_a_bot_is_limited_as_a_whole_and_its_users_each(settings: Settings) -> None:
    limits = {"rate_start": "2/hour", "rate_start_bot": "3/hour", "rate_start_address": "4/hour"}
    async with serving(settings.model_copy(update={**limits, "jwt_secret": SecretStr(JWT_SECRET)})) as service:

        async def start(person: str, name: str = "discord") -> httpx.Response:
            body = {"prompt": PROMPT, "config": {"pages": 1}}
            return await service.http.post(SESSIONS, headers=named(bot(name), person), json=body)  # type: ignore[arg-type]

        assert [(await start("ada")).status_code for _ in range(3)] == [201, 201, 429]
        assert (await start("ben")).status_code == 201
        told = problem(await start("eve"), 429, "rate_limited")
        assert "Your bot has started" in told["detail"]
        # Another bot, and who is none, are counted for themselves, although all come from one address.
        assert (await start("eve", "other")).status_code == 201
        assert (await service.post(SESSIONS, prompt=PROMPT, config={"pages": 1})).status_code == 201


async def test_a_bot_names_so_many_new_users(settings: Settings) -> None:
    more = {"rate_bot_users": "2/hour", "jwt_secret": SecretStr(JWT_SECRET)}
    async with serving(settings.model_copy(update=more)) as service:
        for person in ("ada", "ben"):
            assert (await asked(service, bot(), person)).status_code == 200
        told = problem(await asked(service, bot(), "eve"), 429, "rate_limited")
        assert "new users" in told["detail"] and told["retry_after_s"] > 0
        async with raw(service) as socket:
            await socket.send(type="auth", token=bot(), user_id="eve")
            code, frames = await closed(socket.connection)
        assert code == TRY_AGAIN_LATER and frames[0]["code"] == "rate_limited"
        # Those who are there already come in, at a node that has not seen them, too.
        assert (await asked(service, bot(), "ada")).status_code == 200
        async with serving(settings.model_copy(update={**more, "rate_bot_users": "1/hour"})) as other:
            for person in ("ada", "ben", "eve"):
                assert (await asked(other, bot(), person)).status_code == 200
            problem(await asked(other, bot(), "zoe"), 429, "rate_limited")


# -- Where a Supabase project signs people in ----------------------------------------------------------------------------


@pytest.fixture
def hosted(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "jwt_secret": SecretStr(JWT_SECRET),
            "supabase_url": PROJECT,
            "supabase_jwt_secret": SecretStr(PROJECT_SECRET),
            "supabase_secret_key": SecretStr("sb_secret_1234"),
        }
    )


async def test_a_bots_user_is_made_at_the_project(hosted: Settings, database: Database) -> None:
    person = Bot("discord", 0).user("ada")

    async def made(request: httpx.Request) -> httpx.Response:
        told = json.loads(request.content)
        assert told["id"] == str(person) and told["email"] == f"{person}@bots.invalid"
        assert told["app_metadata"] == {"provider": "bot", "bot": "discord"} and "password" not in told
        assert request.headers["apikey"] == "sb_secret_1234"
        await rows(database, "insert into auth.users (id) values (%s) returning id", person)
        return httpx.Response(200, json={"id": str(person)})

    async with serving(hosted) as service:
        with respx.mock(assert_all_mocked=True) as mocked:
            mocked.route(host="127.0.0.1").pass_through()
            route = mocked.post(f"{PROJECT}/auth/v1/admin/users").mock(side_effect=made)
            session_id = await started(service, bot(), "ada")
            assert await listed(service, bot(), "ada") == {session_id}
            assert route.call_count == 1
        # Signed by the one for the other is neither.
        user = signed(secret=JWT_SECRET, iss=f"{PROJECT}/auth/v1")
        problem(await asked(service, user), 401, "unauthorized")
        claims = jwt.decode(bot(), options={"verify_signature": False})
        problem(await asked(service, jwt.encode(claims, PROJECT_SECRET, "HS256"), "ada"), 401, "unauthorized")


@pytest.mark.parametrize(
    ("answers", "kind", "says"),
    [
        ([httpx.Response(422), httpx.Response(200, json={})], None, ""),
        ([httpx.Response(422), httpx.Response(404)], Misconfigured, "refused to make"),
        ([httpx.Response(200, json={"id": str(UUID(int=7))}), httpx.Response(200, json={})], Misconfigured, "too old"),
        ([httpx.ConnectError("sb_secret_1234")] * 3, Unavailable, "could not be reached"),
        ([httpx.Response(503), httpx.Response(200, json=[])], None, ""),
        ([], Misconfigured, "SUPABASE_SECRET_KEY"),
    ],
)
async def test_what_a_project_answers(
    answers: list[Any], kind: type[StoryloomError] | None, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    user = Identity(user_id=uuid4(), role="authenticated", claims={"app_metadata": {"provider": "bot"}})
    with respx.mock(assert_all_called=False) as mocked:
        route = mocked.route(url__startswith=f"{PROJECT}/auth/v1/admin/users").mock(side_effect=answers)
        async with httpx.AsyncClient() as http:
            making = ProjectSignIns(PROJECT, http, SecretStr("sb_secret_1234") if answers else None).make(user)
            if kind is None:
                await making
            else:
                with pytest.raises(kind, match=says) as refused:
                    await making
                assert "sb_secret" not in refused.value.message + caplog.text
    assert route.call_count == len(answers)
    if says == "too old":
        # What was made by the way is no user of anybody's.
        last = route.calls.last.request
        assert last.method == "DELETE" and last.url.path.endswith(str(UUID(int=7)))
