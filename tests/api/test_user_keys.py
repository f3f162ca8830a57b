"""A writer's own model keys: kept, shown by four characters, used for their stories and for nobody else's."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from coordinator.people.vault import Seal
from coordinator.settings import Settings
from storyloom.client import Client
from storyloom.errors import ClientError
from tests.api.support import problem
from tests.model_server import ModelServer, Request, _json
from tests.service import Service, bearer, serving

KEYS = "/api/users/me/keys"
SERVERS = "sk-of-the-server-9999"
MINE = "sk-of-the-writer-own-1234"
BAD = "sk-of-the-writer-bad-0000"
LISTED = "openai:listed"
UNLISTED = "openai:only-with-a-key"
S1, S2, S3 = "first " * 8, "second " * 8, "third " * 8


class Keyed(ModelServer):
    """Refuses one key, and says it back as some servers do."""

    async def _answer(self, request: Request, send: Any) -> None:
        if request.headers["authorization"] == f"Bearer {BAD}":
            error = {"message": f"Incorrect API key provided: {BAD}", "type": "auth", "code": "invalid_api_key"}
            await _json(send, 401, {"error": error}, {"set-cookie": "account=one"})
        else:
            await super()._answer(request, send)

    def keys_for(self, text: str) -> set[str]:
        """The keys that came with the requests in which this text stands."""
        return {one.headers["authorization"].removeprefix("Bearer ") for one in self.requests if text in one.text}


@pytest.fixture
async def model() -> AsyncIterator[Keyed]:
    async with Keyed() as server:
        yield server


@pytest.fixture
def with_model(settings: Settings, model: Keyed) -> Settings:
    return settings.model_copy(
        update={
            "model": LISTED,
            "model_base_url": model.url,
            "model_api_key": SecretStr(SERVERS),
            "model_timeout_s": 5.0,
            "model_attempts": 1,
        }
    )


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


async def put(service: Service, key: str, provider: str = "openai", token: str | None = None) -> dict[str, Any]:
    answer = await service.http.put(f"{KEYS}/{provider}", headers=bearer(token or service.token), json={"key": key})
    assert answer.status_code == 200 and key not in answer.text, answer.text
    kept: dict[str, Any] = answer.json()
    return kept


async def write(service: Service, prompt: str, token: str | None = None, **config: Any) -> tuple[dict[str, Any], str]:
    """The story's last status, and all its frames as text."""
    async with service.socket(token) as socket:
        session_id = await socket.start(prompt, pages=1, **config)
        end = await socket.until_finished(session_id)
        return {**end, "session_id": session_id}, json.dumps(socket.frames)


async def database_text(settings: Settings) -> str:
    """Every row of every table, the engine's included."""
    assert settings.database_url
    async with await psycopg.AsyncConnection.connect(settings.database_url.get_secret_value()) as connection:
        cursor = await connection.execute(
            "select table_schema, table_name from information_schema.tables"
            " where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')"
        )
        texts = []
        for schema, table in await cursor.fetchall():
            rows = await connection.execute(sql.SQL("select t::text from {} t").format(sql.Identifier(schema, table)))
            texts += [f"{schema}.{table}: {row}" for (row,) in await rows.fetchall()]
    text = "\n".join(texts)
    assert "public.story_sessions: " in text and "public.session_events: " in text
    return text


async def execute(settings: Settings, statement: str, *params: Any) -> None:
    assert settings.database_url
    async with await psycopg.AsyncConnection.connect(settings.database_url.get_secret_value()) as connection:
        await connection.execute(statement, params)  # type: ignore[call-overload]


def log_text(logged: pytest.LogCaptureFixture) -> str:
    return logged.text + "".join(str(record.__dict__) for record in logged.records)


async def test_a_key_is_kept_shown_by_its_end_replaced_and_forgotten(service: Service) -> None:
    before = (await service.get(KEYS)).json()
    assert before["items"] == [] and before["next_cursor"] is None and "openai" in before["providers"]
    kept = await put(service, f" {MINE}\n")
    assert kept == {
        "provider": "openai",
        "last_four": "1234",
        "created_at": kept["created_at"],
        "updated_at": kept["updated_at"],
    }
    assert (await service.get(f"{KEYS}/openai")).json() == kept
    await put(service, "sk-ant-5678", "anthropic")
    assert [one["provider"] for one in (await service.get(KEYS)).json()["items"]] == ["anthropic", "openai"]
    again = await put(service, "sk-the-next-4321")
    assert again["last_four"] == "4321" and again["created_at"] == kept["created_at"] < again["updated_at"]
    gone = await service.http.delete(f"{KEYS}/openai", headers=bearer(service.token))
    assert gone.status_code == 204 and not gone.content
    problem(await service.get(f"{KEYS}/openai"), 404, "not_found")
    problem(await service.http.delete(f"{KEYS}/openai", headers=bearer(service.token)), 404, "not_found")
    assert [one["provider"] for one in (await service.get(KEYS)).json()["items"]] == ["anthropic"]


async def test_nobody_else_finds_a_key(service: Service) -> None:
    await put(service, MINE)
    for token in (await service.new_token(), service.admin_token()):
        assert (await service.get(KEYS, token)).json()["items"] == []
        problem(await service.get(f"{KEYS}/openai", token), 404, "not_found")
        problem(await service.http.delete(f"{KEYS}/openai", headers=bearer(token)), 404, "not_found")
    for method, path in (
        ("GET", KEYS),
        ("GET", f"{KEYS}/openai"),
        ("PUT", f"{KEYS}/openai"),
        ("DELETE", f"{KEYS}/openai"),
    ):
        problem(await service.http.request(method, path, json={"key": MINE}), 401, "unauthorized")
    assert (await service.get(f"{KEYS}/openai")).json()["last_four"] == "1234"


@pytest.mark.parametrize(
    ("provider", "body", "says"),
    [
        ("openai", {"key": "sk-1234"}, "8 to 500"),
        ("openai", {"key": "x" * 501}, "8 to 500"),
        ("openai", {"key": "sk-with a gap-in-it"}, "without spaces"),
        ("openai", {"key": "sk-with\na-break"}, "without spaces"),
        ("openai", {"key": "sk-“curly”-quotes"}, "8 to 500"),
        ("openai", {"key": ["sk-in-a-list"]}, "`key`"),
        ("openai", {"sk-as-a-field": 1}, "`key`"),
        ("openai", {}, "`key`"),
        ("offline", {"key": "sk-good-enough"}, "anthropic, "),
        ("as-a-field-of-the-path", {"key": "sk-good-enough"}, "openai"),
    ],
)
async def test_what_is_no_key_is_refused_without_being_told_back(
    service: Service, provider: str, body: dict[str, Any], says: str
) -> None:
    answer = await service.http.put(f"{KEYS}/{provider}", headers=bearer(service.token), json=body)
    told = problem(answer, 422, "invalid_message")
    assert says in told["detail"]
    for secret in ("sk-1234", "x" * 20, "gap-in-it", "a-break", "curly", "in-a-list", "as-a-field", "good-enough"):
        assert secret not in answer.text
    assert (await service.get(KEYS)).json()["items"] == []


async def test_a_story_is_written_with_its_writers_own_key_and_no_other(
    with_model: Settings, model: Keyed, logged: pytest.LogCaptureFixture
) -> None:
    async with serving(with_model) as service:
        other = await service.new_token()
        await put(service, MINE)
        # At once, over the same node and client.
        told = await asyncio.gather(
            write(service, "A crane that counts ships."),
            write(service, "A mole that maps the city.", other),
            write(service, "A heron that keeps the tide.", model=UNLISTED),
        )
        assert [end["status"] for end, _ in told] == ["completed"] * 3
        assert model.keys_for("A crane that") == model.keys_for("A heron that") == {MINE}
        assert model.keys_for("A mole that") == {SERVERS}
        assert {one.body["model"] for one in model.requests} == {"listed", "only-with-a-key"}
        refused = await service.post("/api/sessions", other, prompt="x", config={"model": UNLISTED})
        assert "key of your own for openai" in problem(refused, 422, "invalid_message")["detail"]
        for name in ("anthropic:claude", "openai:", "openai:../files", "openai:a b", "gateway/openai:x", "offline:x"):
            problem(await service.post("/api/sessions", prompt="x", config={"model": name}), 422, "invalid_message")
        seen = "".join(frames for _, frames in told)
        for end, _ in told:
            token = other if end["session_id"] == told[1][0]["session_id"] else None
            seen += (await service.get(f"/api/sessions/{end['session_id']}/events", token, limit=100)).text
            seen += (await service.get(f"/api/admin/sessions/{end['session_id']}", service.admin_token())).text
        text = await database_text(with_model)
    assert "public.user_api_keys: " in text
    for where in (seen, text, log_text(logged)):
        assert where and MINE not in where and SERVERS not in where


async def test_a_key_that_is_gone_is_not_used_and_nobody_elses_takes_its_place(
    with_model: Settings, model: Keyed
) -> None:
    async with serving(with_model) as service:
        await put(service, BAD)
        end, _ = await write(service, "A fox in the fog.", model=UNLISTED)
        assert end["status"] == "failed"
        await service.http.delete(f"{KEYS}/openai", headers=bearer(service.token))
        before = len(model.requests)
        async with service.socket() as socket:
            await socket.send(type="session.attach", session_id=end["session_id"])
            await socket.until("session.snapshot")
            await socket.send(type="session.resume", session_id=end["session_id"])
            failed = await socket.until("session.status", status="failed")
        assert f"{UNLISTED!r} can't be chosen here" in failed["error"]["message"]
        assert len(model.requests) == before
        end, _ = await write(service, "A fox in the sun.")
        assert end["status"] == "completed" and model.keys_for("A fox in the sun.") == {SERVERS}


async def test_a_refused_key_fails_the_story_and_no_fallback_hides_it(
    with_model: Settings, model: Keyed, logged: pytest.LogCaptureFixture
) -> None:
    fallback = with_model.model_copy(update={"fallback_models": ["openai:second", "offline:storyteller"]})
    async with serving(fallback) as service:
        await put(service, BAD)
        end, frames = await write(service, "A bell in the well.")
        assert end["status"] == "failed" and model.keys_for("A bell in the well.") == {BAD}
        assert end["error"]["message"] == (
            "Your own key for openai was refused (401). Store a key that works or delete this one, then resume the story."
        )
        await put(service, MINE)
        async with service.socket() as socket:
            await socket.send(type="session.attach", session_id=end["session_id"])
            await socket.until("session.snapshot")
            await socket.send(type="session.resume", session_id=end["session_id"])
            assert (await socket.until_finished(end["session_id"]))["status"] == "completed"
        assert model.keys_for("A bell in the well.") == {BAD, MINE}
        assert not any("cookie" in one.headers for one in model.requests)
        text = await database_text(fallback)
    for where in (frames, text, log_text(logged)):
        assert where and BAD not in where and MINE not in where


async def test_a_fallback_of_another_provider_is_the_servers(with_model: Settings, model: Keyed) -> None:
    changed = with_model.model_copy(update={"model": "offline:storyteller", "models": [LISTED]})
    async with serving(changed) as service:
        # A key for a provider that the story does not use is not even looked at.
        await put(service, BAD, "anthropic")
        await execute(changed, "update public.user_api_keys set secret = 'nonsense'")
        end, _ = await write(service, "An owl on the roof.", model=LISTED)
        assert end["status"] == "completed" and model.keys_for("An owl on the roof.") == {SERVERS}


async def test_secrets_rotate_and_a_lost_one_is_told_in_a_sentence(with_model: Settings, model: Keyed) -> None:
    def under(*secrets: str) -> Settings:
        return with_model.model_copy(update={"key_secrets": SecretStr(",".join(secrets))})

    async with serving(under(S1)) as service:
        await put(service, MINE)
    async with serving(under(S2, S1)) as service:
        assert (await write(service, "First, a hare."))[0]["status"] == "completed"
    # It was used, and so it is under the newest: the old secret may go.
    async with serving(under(S2)) as service:
        assert (await write(service, "Second, a hare."))[0]["status"] == "completed"
    assert model.keys_for("First, a hare.") == model.keys_for("Second, a hare.") == {MINE}
    async with serving(under(S3)) as service:
        assert (await service.get(f"{KEYS}/openai")).json()["last_four"] == "1234"
        end, _ = await write(service, "Third, a hare.")
        assert end["status"] == "failed" and end["error"]["message"] == (
            "Your own key for openai can't be read with the secrets that this server has now. Store it again or delete "
            "it, then resume the story."
        )
        await put(service, MINE)
        assert (await write(service, "Fourth, a hare."))[0]["status"] == "completed"
    assert model.keys_for("Third, a hare.") == set() and model.keys_for("Fourth, a hare.") == {MINE}


async def test_a_row_that_was_copied_to_another_user_opens_nothing(with_model: Settings, model: Keyed) -> None:
    async with serving(with_model) as service:
        await put(service, MINE)
        thief = await service.new_token()
        await put(service, "sk-of-the-thief-0", token=thief)
        await execute(
            with_model,
            "update public.user_api_keys set secret = (select secret from public.user_api_keys where last_four = %s)",
            MINE[-4:],
        )
        end, _ = await write(service, "A magpie with a ring.", thief)
        assert end["status"] == "failed" and "can't be read" in end["error"]["message"]
        assert model.keys_for("A magpie with a ring.") == set()


async def test_what_the_database_keeps_is_ciphertext_under_the_folders_secret(service: Service) -> None:
    await put(service, MINE)
    assert service.settings.database_url
    async with await psycopg.AsyncConnection.connect(service.settings.database_url.get_secret_value()) as connection:
        row = await (await connection.execute("select user_id, provider, secret from public.user_api_keys")).fetchone()
    assert row is not None and MINE not in row[2]
    secret = (service.settings.data_dir / "key-secret").read_text()
    assert Seal([secret]).open(row[0], row[1], row[2]) == (MINE, None)


async def test_the_python_client_keeps_and_forgets_keys(service: Service) -> None:
    async with Client(service.url, service.token) as client:
        assert (await client.set_key("openai", MINE))["last_four"] == "1234"
        assert [one["provider"] for one in (await client.keys())["items"]] == ["openai"]
        await client.delete_key("openai")
        assert (await client.keys())["items"] == []
        for provider in ("openai", "../../sessions"):
            with pytest.raises(ClientError, match="no such key|has no DELETE"):
                await client.delete_key(provider)
