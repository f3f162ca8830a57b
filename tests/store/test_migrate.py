"""Migrations on PostgreSQL 15, 16 and 18: once each, all or nothing, whoever else migrates meanwhile."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from pydantic import SecretStr

from coordinator.errors import Misconfigured, Unavailable
from coordinator.settings import Settings
from coordinator.store import embedded, migrate
from coordinator.store.survey import survey
from tests.conftest import quick_folder
from tests.store.servers import execute

ACCOUNT = "6a0e0c9e-7d0c-4d3c-9a55-0d5f6a1c0b11"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of migrations of the test's own, with one that works."""
    (tmp_path / "20260101000000_first.sql").write_text("create table public.first (n int);\n")
    monkeypatch.setattr(migrate, "folder", lambda: tmp_path)
    return tmp_path


async def test_all_are_applied_once(url: str) -> None:
    names = [path.stem for path in sorted(migrate.folder().glob("*.sql"))]
    assert await migrate.pending(url) == names
    assert await migrate.migrate(url) == names
    assert await migrate.migrate(url) == []
    assert await migrate.pending(url) == []
    await migrate.check(url)
    rows = execute(url, "select version, name, statements[1] from supabase_migrations.schema_migrations order by 1")
    assert [f"{version}_{name}" for version, name, _ in rows] == names
    assert rows[0][2] == (migrate.folder() / f"{names[0]}.sql").read_text()

    found = await survey(url)
    assert found.tables_without_rls == found.functions_missing == found.roles_out_of_reach == []
    assert found.functions > 20
    assert found.tables > 5


async def test_any_number_of_nodes_may_migrate_at_once(server: str, url: str) -> None:
    second = f"test_{uuid4().hex[:12]}"
    execute(server.format("postgres"), f"create database {second}")
    other = server.format(second)
    names = [migration.name for migration in migrate.known()]
    done = await asyncio.gather(*(migrate.migrate(place) for place in [url, other] * 4))
    for of_one_database in (done[0::2], done[1::2]):
        assert sorted(name for applied in of_one_database for name in applied) == names
    execute(server.format("postgres"), f"drop database {second} with (force)")


async def test_the_bootstrap_gives_what_supabase_has(url: str) -> None:
    await migrate.migrate(url)
    roles = execute(
        url,
        "select rolname, rolcanlogin, rolinherit, rolbypassrls, rolsuper from pg_roles"
        " where rolname in ('anon', 'authenticated', 'service_role', 'authenticator') order by 1",
    )
    assert roles == [
        ("anon", False, True, False, False),
        ("authenticated", False, True, False, False),
        ("authenticator", True, False, False, False),
        ("service_role", False, True, True, False),
    ]
    for claims in (
        f'set local request.jwt.claims to \'{{"sub": "{ACCOUNT}", "role": "authenticated"}}\'',
        f"set local request.jwt.claim.sub to '{ACCOUNT}'; set local request.jwt.claim.role to 'authenticated'",
    ):
        (row,) = execute(
            url, f"begin; set local role authenticated; {claims}; select auth.uid()::text, auth.role()", "authenticator"
        )
        assert row == (ACCOUNT, "authenticated")
    assert execute(url, "set role anon; select auth.uid(), auth.role(), auth.jwt()", "authenticator") == [(None,) * 3]
    assert execute(url, "select obj_description('auth'::regnamespace, 'pg_namespace')") == [("Storyloom bootstrap 2",)]
    uncommented = execute(
        url,
        "select proname from pg_proc where pronamespace = 'auth'::regnamespace"
        " and obj_description(oid, 'pg_proc') is null",
    )
    assert uncommented == []


async def test_signing_in_is_for_the_service_alone(url: str) -> None:
    await migrate.migrate(url)
    call = f"select public.local_sign_in('{ACCOUNT}', true, '{{\"role\": \"admin\"}}')"
    for role in ("anon", "authenticated"):
        for text in (call, "select from auth.users", "create table public.mine ()", "insert into auth.users values ()"):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.SyntaxError)):
                execute(url, f"set role {role}; {text}", "authenticator")
    ((first,),) = execute(url, f"set role service_role; {call}", "authenticator")
    ((second,),) = execute(url, f"set role service_role; {call}", "authenticator")
    assert first == second
    assert first.keys() == {"id", "is_anonymous", "created_at"}
    assert (first["id"], first["is_anonymous"]) == (ACCOUNT, True)
    (row,) = execute(url, "select raw_app_meta_data, last_sign_in_at > created_at, role from auth.users")
    assert row == ({"role": "admin"}, True, "authenticated")
    assert execute(url, "select count(*) from public.profiles") == [(1,)]


async def test_a_migration_that_fails_leaves_nothing_of_itself(url: str, files: Path) -> None:
    (files / "20260102000000_second.sql").write_text("create table public.second ();\n\nselect 1 / 0;\n")
    (files / "20260103000000_third.sql").write_text("create table public.third ();")
    with pytest.raises(Misconfigured, match=r"20260102000000_second\.sql failed: division by zero"):
        await migrate.migrate(url)
    assert await migrate.pending(url) == ["20260102000000_second", "20260103000000_third"]
    assert execute(url, "select to_regclass('first') is null, to_regclass('second'), to_regclass('third')") == [
        (False, None, None)
    ]
    (files / "20260102000000_second.sql").write_text("create table public.second ();\n\nselec 1;\n")
    with pytest.raises(Misconfigured, match=r'second\.sql failed in line 3: syntax error at or near "selec"'):
        await migrate.migrate(url)
    # A percent sign and many statements are nothing special.
    (files / "20260102000000_second.sql").write_text(
        "create table public.second (t text default '%s %d');\n"
        "do $$ begin raise notice 'done: % %', 1, 2; end $$;\n"
        "insert into public.second default values; select 7 % 4;\n"
    )
    assert await migrate.migrate(url) == ["20260102000000_second", "20260103000000_third"]
    assert execute(url, "select t from public.second") == [("%s %d",)]


async def test_a_migration_must_not_end_its_transaction(url: str, files: Path) -> None:
    (files / "20260102000000_second.sql").write_text("create table public.second (); commit;")
    with pytest.raises(Misconfigured, match="must not begin or end a transaction"):
        await migrate.migrate(url)


async def test_behind_and_ahead(url: str, files: Path) -> None:
    with pytest.raises(Misconfigured, match=r"lacks 1 migration \(20260101000000_first\); run `storyloom migrate`"):
        await migrate.check(url)
    await migrate.migrate(url)
    for day in "2345":
        (files / f"2026010{day}000000_more.sql").write_text("select 1;")
    with pytest.raises(Misconfigured, match=r"lacks 4 migrations \(.*, …\); run"):
        await migrate.check(url)
    await migrate.migrate(url)

    insert = "insert into supabase_migrations.schema_migrations (version) values "
    execute(url, insert + "('20251231000000')")  # older: tables of the project's owner
    await migrate.check(url)
    execute(url, insert + "('20270101000000')")
    for refused in (migrate.check, migrate.migrate):
        with pytest.raises(Misconfigured, match="migration 20270101000000 that this version doesn't know; upgrade"):
            await refused(url)


async def test_an_auth_schema_of_others_is_left_alone(url: str, files: Path) -> None:
    # The roles of a server that has had a database of ours; no other test need have come first.
    execute(url, "do $$ begin create role service_role; exception when duplicate_object then null; end $$")
    execute(url, "create schema auth; create table auth.people ()")
    with pytest.raises(Misconfigured, match="a database of its own"):
        await migrate.migrate(url)
    # One like Supabase's, though without our mark.
    execute(
        url,
        "drop schema auth cascade; create schema auth; create table auth.users (id uuid primary key);"
        "create function auth.uid() returns uuid language sql as 'select null::uuid'",
    )
    await migrate.migrate(url)
    assert execute(url, "select to_regprocedure('auth.role()'), to_regproc('public.local_sign_in')") == [(None, None)]
    assert execute(url, "select obj_description('auth'::regnamespace, 'pg_namespace')") == [(None,)]


async def test_a_login_without_rights_is_told_so(server: str, url: str) -> None:
    execute(server.format("postgres"), "drop role if exists guest; create role guest login")
    with pytest.raises(Misconfigured, match="owner"):
        await migrate.migrate(url.replace("postgres@", "guest@"))
    execute(server.format("postgres"), "drop role guest")


async def test_addresses_that_lead_nowhere(server: str) -> None:
    with pytest.raises(Unavailable, match="can't be reached") as caught:
        await migrate.check("postgresql://me:secret@127.0.0.1:1/x")
    assert "secret" not in caught.value.message
    with pytest.raises(Misconfigured, match="not an address") as refused:
        await migrate.check("postgresql://me:sec%ret@host/x")
    assert "ret" not in refused.value.message
    with pytest.raises(Misconfigured, match='database "nowhere" does not exist'):
        await migrate.check(server.format("nowhere"))


async def test_files_that_the_order_cannot_place(tmp_path: Path, files: Path) -> None:
    assert [migration.area for migration in migrate.known()] == ["first"]
    (files / "20260101000000_twin.sql").touch()
    with pytest.raises(Misconfigured, match="the same timestamp"):
        migrate.known()
    (files / "20260101000000_twin.sql").rename(files / "later.sql")
    with pytest.raises(Misconfigured, match=r"later\.sql is not named"):
        migrate.known()
    for path in files.iterdir():
        path.unlink()
    with pytest.raises(Misconfigured, match="no migrations"):
        migrate.known()


async def test_the_configured_database(url: str, files: Path) -> None:
    assert await migrate.migrate_configured(Settings(database_url=SecretStr(url))) == ["20260101000000_first"]
    assert await migrate.migrate_configured(Settings(database_url=SecretStr(url))) == []


async def test_the_embedded_database_is_started_and_stopped_for_it(files: Path) -> None:
    folder = quick_folder()
    try:
        settings = Settings(data_dir=folder, database_url=None)
        assert await migrate.migrate_configured(settings) == ["20260101000000_first"]
        assert not embedded._answers(folder / "postgres")
    finally:
        shutil.rmtree(folder)
