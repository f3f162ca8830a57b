"""What `storyloom doctor` finds, and that each finding says what to do and no secret."""

from __future__ import annotations

import io
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio
import respx
from rich.console import Console

from coordinator.doctor import doctor
from coordinator.doctor.check import Check
from coordinator.doctor.condition import clock
from coordinator.settings import Settings
from coordinator.store import migrate, schema
from coordinator.store.embedded import EmbeddedPostgres
from storyloom.cli.listing import checks_table
from tests.conftest import Database, quick_folder
from tests.service import serving
from tests.store.conftest import Project


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = quick_folder()
    yield folder
    shutil.rmtree(folder)


@pytest_asyncio.fixture
async def server(made: Path, data_dir: Path) -> AsyncIterator[EmbeddedPostgres]:
    subprocess.run(["cp", "-a", made, data_dir / "postgres"], check=True)
    server = await EmbeddedPostgres.start(data_dir)
    yield server
    await server.stop()


async def findings(**settings: object) -> dict[str, Check]:
    defaults: dict[str, object] = {"database_url": None, "port": 0, "model": None, "models": [], "templates": None}
    found = await doctor.examine(Settings(**(defaults | settings)))  # type: ignore[arg-type]
    for check in found:
        assert check.ok or check.remedy.endswith("."), check
        assert check.ok or "sb_secret_" not in f"{check}"
    return {check.name: check for check in found}


def failed(found: dict[str, Check]) -> set[str]:
    return {name for name, check in found.items() if not check.ok}


async def test_all_is_well(server: EmbeddedPostgres, data_dir: Path) -> None:
    found = await findings(data_dir=data_dir)
    assert not failed(found)
    assert "to be applied by themselves" in found["migrations"].detail

    await migrate.migrate(server.admin_url)
    found = await findings(data_dir=data_dir)
    assert not failed(found)
    assert list(found) == [
        *("python", "settings", "data folder", "templates", "model", "port"),
        *("database", "migrations", "roles", "functions", "row level security", "policies", "grants"),
    ]
    assert found["database"].detail.startswith("PostgreSQL 18.")

    behind = await findings(data_dir=data_dir, database_url=server.admin_url)
    assert not failed(behind)


async def test_beside_a_node_that_runs(server: EmbeddedPostgres, data_dir: Path, tmp_path: Path) -> None:
    """What listens on the port is that node; somebody else's would be in the way."""
    await migrate.migrate(server.admin_url)
    settings = Settings(_env_file=None, data_dir=data_dir, offline_words_per_second=0)  # type: ignore[call-arg]
    async with serving(settings) as service:
        port = int(service.url.rpartition(":")[2])
        for host in ("127.0.0.1", "localhost"):
            found = await findings(data_dir=data_dir, host=host, port=port)
            assert not failed(found)
            assert found["port"].detail.endswith("a node of this data folder serves there")
        other = await findings(data_dir=tmp_path, host="127.0.0.1", port=port, database_url=server.admin_url)
        assert failed(other) == {"port"} and "another Storyloom" in other["port"].detail


async def test_a_misspelt_setting_is_something_to_look_at(
    server: EmbeddedPostgres, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORYLOOM_MODELL", "openai:gpt-5")
    found = await findings(data_dir=data_dir)
    assert not failed(found)
    assert found["settings"].remedy == "STORYLOOM_MODELL is not known: did you mean STORYLOOM_MODEL?"


async def test_a_database_that_is_not_as_it_should_be(server: EmbeddedPostgres, data_dir: Path) -> None:
    found = await findings(data_dir=data_dir, database_url=server.admin_url)
    assert failed(found) == {"migrations"}
    assert found["migrations"].remedy == "Run `storyloom migrate`."

    await migrate.migrate(server.admin_url)
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute("create table public.forgotten ()")
        connection.execute("drop function public.get_story")
        connection.execute("insert into supabase_migrations.schema_migrations values ('29990101000000')")
    found = await findings(data_dir=data_dir)
    assert failed(found) == {"migrations", "functions", "row level security"}
    assert found["migrations"].remedy == "Upgrade Storyloom."
    assert "get_story" in found["functions"].detail
    assert "forgotten" in found["row level security"].detail

    found = await findings(data_dir=data_dir, database_url=server.url)
    assert failed(found) == {"database"}, "this login may not see the history"


@pytest.mark.parametrize(
    ("statement", "check", "told"),
    [
        (
            'drop policy "A writer, a project\'s members and an admin read drafts" on public.session_drafts',
            "policies",
            "session_drafts lacks its policy",
        ),
        (
            "create policy everybody on public.stories using (true)",
            "policies",
            'drop policy "everybody" on public.stories',
        ),
        (
            "revoke select on public.stories from authenticated",
            "grants",
            "authenticated may not select stories: the service can't work so. Run `grant select on public.stories to",
        ),
        (
            "revoke execute on function public.get_story from service_role",
            "grants",
            "grant execute on function public.get_story to service_role",
        ),
        (
            "grant execute on function public.create_session to public",
            "grants",
            "anon may execute create_session (1 more of the kind), which no migration gave",
        ),
        ("grant insert on public.stories to anon", "grants", "revoke insert on public.stories from public, anon"),
        (
            "grant select (secret) on public.user_api_keys to authenticated",
            "grants",
            "authenticated may select user_api_keys",
        ),
        ("grant truncate on public.nodes to service_role", "grants", "service_role may truncate nodes"),
    ],
)
async def test_a_database_without_its_policies_or_with_other_grants(
    database: Database, tmp_path: Path, statement: str, check: str, told: str
) -> None:
    assert not failed(await findings(data_dir=tmp_path, database_url=database.admin_url))
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute(statement.encode())
    found = await findings(data_dir=tmp_path, database_url=database.admin_url)
    assert failed(found) == {check}
    assert told in f"{found[check].detail} {found[check].remedy}"


async def test_each_other_finding(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "broken.toml").write_text("name = ")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = await findings(
            data_dir=tmp_path / "file",
            port=taken.getsockname()[1],
            templates=tmp_path,
            model="nonsense:model",
            database_url="postgresql://me:hidden-word@127.0.0.1:1/x",
        )
    assert failed(found) == {"data folder", "port", "templates", "model", "database"}
    assert not any("hidden-word" in f"{check}" for check in found.values())
    assert "broken.toml" in found["templates"].detail
    assert "STORYLOOM_PORT" in found["port"].remedy
    assert found["database"].remedy == "Check DATABASE_URL, and that the server runs."


async def test_an_embedded_database_that_does_not_start(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "PG_VERSION").write_text("12\n")
    found = await findings(data_dir=data_dir)
    assert failed(found) == {"database"}
    assert "PostgreSQL 12" in found["database"].detail + found["database"].remedy


# A Supabase project

URL = "https://abcdefghijklmnopqrst.supabase.co"
KEYS = {"supabase_publishable_key": "sb_publishable_a", "supabase_secret_key": "sb_secret_b"}
OF_A_PROJECT = [
    "project",
    "keys",
    "publishable key",
    "secret key",
    "sign-in",
    "migrations",
    "functions",
    "row level security",
    "policies",
    "grants",
    "clock",
    "database",
]


def project_settings(project: Project, data_dir: Path, **changes: object) -> dict[str, object]:
    lite = project.lite
    return {
        "data_dir": data_dir,
        "supabase_url": lite.url,
        "supabase_publishable_key": lite.public_key,
        "supabase_secret_key": lite.service_key,
        "supabase_jwt_secret": lite.jwt_secret,
        **changes,
    }


@pytest.mark.xdist_group("lite")
async def test_a_project_where_all_is_well(supabase: Project, data_dir: Path) -> None:
    found = await findings(**project_settings(supabase, data_dir))
    assert not failed(found)
    assert list(found)[6:] == OF_A_PROJECT
    assert found["migrations"].detail.startswith(f"up to {migrate.known()[-1].version}, on PostgreSQL 18.")

    directly = await findings(**project_settings(supabase, data_dir, database_url=supabase.database.admin_url))
    assert not failed(directly)
    assert set(directly) == {*found, "roles"}


@pytest.mark.xdist_group("lite")
@pytest.mark.parametrize(
    ("changes", "wrong", "told"),
    [
        ({"supabase_url": "http://127.0.0.1:1"}, "project", "nothing listens there. Check SUPABASE_URL"),
        ({"supabase_url": "http://127.0.0.1:1/rest/v1"}, "project", "more than the project's address in it. Set it to"),
        ({"supabase_secret_key": None}, "keys", "is missing. Set it to the project's secret"),
        ({"supabase_secret_key": "sb_secret_wrong"}, "secret key", "refuses it. Copy it anew"),
        ({"supabase_publishable_key": "sb_publishable_wrong"}, "publishable key", "refuses it. Copy it anew"),
        ({"supabase_jwt_secret": None}, "sign-in", "no public signing keys. Set SUPABASE_JWT_SECRET"),
        ({"supabase_jwt_secret": "short"}, "keys", "that a JWT secret has. Copy it anew from"),
    ],
)
async def test_each_wrong_setting_of_a_project(
    supabase: Project, data_dir: Path, changes: dict[str, object], wrong: str, told: str
) -> None:
    found = await findings(**project_settings(supabase, data_dir, **changes))
    assert failed(found) == {wrong}
    assert told in f"{found[wrong].detail} {found[wrong].remedy}"


@pytest.mark.xdist_group("lite")
async def test_a_projects_schema_that_is_not_as_it_should_be(supabase: Project, data_dir: Path) -> None:
    async with await supabase.connect() as connection:
        await connection.execute(
            "alter table public.stories disable row level security; alter function public.get_story rename to got_story"
        )
    found = await findings(**project_settings(supabase, data_dir))
    assert failed(found) == {"functions", "row level security"}
    assert "get_story(p_session_id)" in found["functions"].detail
    assert "alter table public.stories enable row level security" in found["row level security"].remedy

    async with await supabase.connect() as connection:
        await connection.execute(
            "alter function public.got_story rename to get_story; alter table public.stories enable row level security;"
            "alter function public.schema_state rename to state_of_schema"
        )
    found = await findings(**project_settings(supabase, data_dir))
    assert failed(found) == {"migrations"}
    assert "`supabase db push`" in found["migrations"].remedy
    async with await supabase.connect() as connection:
        await connection.execute("alter function public.state_of_schema rename to schema_state")
    assert not failed(await findings(**project_settings(supabase, data_dir)))


@pytest.fixture
def hosted() -> Iterator[Any]:
    """What a hosted project would answer, for what a real server won't do on demand."""
    now, wanted = datetime.now(UTC), schema.expected()
    state = {
        "version": wanted.version,
        "server": "17.6",
        "at": now.isoformat(),
        "tables": dict.fromkeys(wanted.tables, True),
        "functions": list(wanted.functions),
        "policies": list(wanted.policies),
        "rights": list(wanted.rights),
    }
    with respx.mock(assert_all_called=False) as router:
        key = {
            "kty": "EC",
            "crv": "P-256",
            "kid": "k",
            "alg": "ES256",
            "use": "sig",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }
        router.get(f"{URL}/auth/v1/.well-known/jwks.json", name="keys").respond(json={"keys": [key]})
        router.get(f"{URL}/auth/v1/settings", name="settings").respond(json={})
        router.post(f"{URL}/rest/v1/rpc/schema_state", headers={"apikey": "sb_secret_b"}, name="state").respond(
            json=state
        )
        router.post(f"{URL}/rest/v1/rpc/schema_state", name="anybody").respond(
            401, json={"code": "42501", "message": "permission denied for function schema_state"}
        )
        router.state_of_schema = state
        yield router


async def test_a_hosted_project(hosted: Any, data_dir: Path) -> None:
    found = await findings(data_dir=data_dir, supabase_url=URL, **KEYS)
    assert not failed(found)
    assert found["sign-in"].detail == "tokens are verified by 1 public key"


async def test_a_clock_that_is_wrong(hosted: Any, data_dir: Path) -> None:
    then = datetime.now(UTC) + timedelta(seconds=45)
    hosted["state"].respond(json={**hosted.state_of_schema, "at": then.isoformat()})
    found = await findings(data_dir=data_dir, supabase_url=URL, **KEYS)
    assert failed(found) == {"clock"}
    assert re.match(r"(4[0-5]|3\d) s behind the database's", found["clock"].detail), (
        "what the look itself took is gone by"
    )
    # Where the database can't be asked, the project's own answer has the time too.
    hosted["keys"].respond(
        json={"keys": []}, headers={"date": format_datetime(then - timedelta(seconds=90), usegmt=True)}
    )
    found = await findings(data_dir=data_dir, supabase_url=URL, **(KEYS | {"supabase_secret_key": "sb_publishable_b"}))
    assert failed(found) == {"keys", "sign-in", "clock"}
    assert "s ahead of the project's" in found["clock"].detail


def test_clocks_half_a_minute_apart_are_good_enough() -> None:
    now = datetime.now(UTC)
    for apart_s, ok in ((0, True), (30, True), (31, False), (-30, True), (-31, False), (86_400, False)):
        assert clock(now + timedelta(seconds=apart_s), now, "the database's").ok is ok


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx.Response(200, html="<html>Welcome</html>"), "no Supabase project's API. Check the address"),
        (httpx.Response(540, json={"message": "paused"}), "is paused. Restore it in its dashboard."),
        (httpx.Response(522, html="<html>"), "answers HTTP 522. Look at its state"),
        (httpx.Response(301, headers={"location": "https://elsewhere.example"}), "answers with a redirect."),
        (httpx.ConnectError(f"all told: {KEYS['supabase_secret_key']}"), "can't be reached: the connection breaks."),
        (httpx.ConnectTimeout("no"), "can't be reached: it doesn't answer in time."),
    ],
    ids=repr,
)
async def test_what_answers_is_no_project(hosted: Any, data_dir: Path, answer: Any, told: str) -> None:
    hosted["keys"].mock(**{"side_effect" if isinstance(answer, Exception) else "return_value": answer})
    found = await findings(data_dir=data_dir, supabase_url=URL, **KEYS)
    assert failed(found) == {"project"}
    assert told in f"{found['project'].detail} {found['project'].remedy}"
    assert list(found)[6:] == ["project", "keys", "database"], "nothing more is asked of it"


async def test_it_is_read_at_80_columns(hosted: Any, data_dir: Path) -> None:
    hosted["settings"].respond(401, json={"message": "Invalid API key"})
    checks = await doctor.examine(
        Settings(_env_file=None, data_dir=data_dir, port=0, supabase_url=URL, **KEYS)  # type: ignore[arg-type, call-arg]
    )
    console = Console(file=io.StringIO(), width=80, highlight=False)
    console.print(checks_table(console, checks))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= 80
    assert sum("FAILED" in line for line in lines) == 2
    assert sum("Copy it anew from the settings of the same project." in line for line in lines) == 2
