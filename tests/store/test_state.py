"""What the schema tells of itself, and that the service doesn't serve on one that is not as it should be."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from coordinator.errors import Forbidden, Misconfigured
from coordinator.models import SERVICE, Identity
from coordinator.settings import Settings
from coordinator.store import Store, migrate, schema
from coordinator.store.embedded import EmbeddedPostgres
from coordinator.store.migrate import Migration
from coordinator.store.rights import policies_after, rights_after
from coordinator.store.rpc import RpcTransport
from tests.conftest import Database
from tests.lite_server import serving_lite
from tests.service import serving
from tests.store import conftest
from tests.store.conftest import BOTH, Project
from tests.store.test_supabase_service import settings_for

FIRST = "20261121000600"
"""The migration that brought `schema_version`."""


@pytest.mark.parametrize("transport", BOTH)
async def test_the_schema_tells_how_far_and_how_whole_it_is(store: Store, transport: str) -> None:
    state = schema.read(await store.gateway.read("schema_state", SERVICE))
    migrations = migrate.known()
    assert state.version == migrations[-1].version, f"{migrations[-1].path.name} must replace public.schema_version()"
    wanted = schema.left_by(migrations)
    assert set(state.tables.items()) == {(table, True) for table in wanted.tables}
    assert {one for one in state.functions if not one[0].startswith("local_")} == wanted.functions
    assert set(state.policies or ()) == wanted.policies
    assert {one for one in state.rights or () if not one[0].startswith("local_")} == wanted.rights
    assert re.match(r"\d\d\.\d", state.server)
    await schema.check(store.gateway, migrated=False)


@pytest.mark.parametrize("transport", BOTH)
async def test_it_tells_the_service_alone(store: Store, user: object) -> None:
    writer: Identity = await user()  # type: ignore[operator]
    for identity in (writer, Identity(user_id=None, role="anon")):
        for function in ("schema_state", "schema_version"):
            with pytest.raises(Forbidden):
                await store.gateway.read(function, identity)


@pytest.mark.parametrize(
    "migration", [one for one in migrate.known() if one.version >= FIRST], ids=lambda one: one.name
)
def test_every_migration_says_which_it_is(migration: Migration) -> None:
    """The rule of CONTRIBUTING.md: also one in the middle, for a database that has had no later one."""
    text = migration.path.read_text()
    said = re.findall(r"function public\.schema_version\(\).*?select '(\d{14})'", text, re.DOTALL)
    assert said == [migration.version], f"{migration.path.name} must replace public.schema_version() with its timestamp"


def test_what_migrations_leave_behind(tmp_path: Path) -> None:
    def written(version: str, text: str) -> Migration:
        (path := tmp_path / f"{version}_x.sql").write_text(text)
        return Migration(version, "x", path)

    first = written(
        "1",
        """
create table public.kept (a numeric(3, 2));
create table if not exists public.dropped ();
create function public.f(p_a integer, p_b numeric(10, 2) default round(1.5, 0)) returns void language sql as $$ $$;
create or replace function public.g() returns void language sql as $$ select '(' $$;
-- create function public.comment(p_a integer)
create function public.h(
  p_a text, -- a comment, with signs (
  p_b text[]
) returns void language sql as $$ $$;
create function public.h(p_a text) returns void language sql as $$ $$;
""",
    )
    second = written(
        "2",
        """
drop table public.dropped;
drop function public.h(text, text[]);
drop function if exists public.g;
CREATE OR REPLACE FUNCTION public.f(p_a integer, p_b numeric(10, 2) default 0) returns void language sql as $$ $$;
""",
    )
    left = schema.left_by([first])
    assert left.tables == {"kept", "dropped"}
    assert left.functions == {("f", ("p_a", "p_b")), ("g", ()), ("h", ("p_a", "p_b")), ("h", ("p_a",))}
    left = schema.left_by([first, second])
    assert (left.version, left.tables) == ("2", {"kept"})
    assert left.functions == {("f", ("p_a", "p_b")), ("h", ("p_a",))}


WHOLE = "create or replace function public.schema_version() returns text language sql as $$ select '{}' $$"
TAMPERED = {
    "alter table public.stories disable row level security": (
        r"Row level security is off for stories: .*Run `alter table public\.stories enable row level security`"
    ),
    "drop function public.get_story": r"lacks the function get_story\(p_session_id\)\. .*restore it from a backup",
    "drop function public.get_story; create function public.get_story(p_other uuid) returns void language sql as ''": (
        r"lacks the function get_story\(p_session_id\)\."
    ),
    "drop function public.get_story, public.get_draft": r"lacks 2 functions: get_draft\(p_session_id, p_version\), get_",
    "alter table public.profiles rename to people": r"lacks the table profiles\.",
    "revoke execute on function public.get_story, public.get_draft from service_role": (
        r"service_role may not execute get_draft \(1 more of the kind\): .*Run `grant execute on function public.get_draft to"
    ),
    'alter policy "An admin reads what admins did" on public.admin_audit rename to lost': (
        r'admin_audit lacks its policy "An admin reads what admins did": '
    ),
}
BEHIND = r"is at migration 20261121000500, and this version needs \d{14}\. Run `supabase db push`"
AHEAD = r"has migration 29990101000000, which this version of Storyloom doesn't know\. Upgrade Storyloom\."


@pytest.mark.parametrize("statement", TAMPERED, ids=lambda text: " ".join(text.split()[:3]))
async def test_over_a_connection_nothing_is_served(database: Database, settings: Settings, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        await connection.execute(statement.encode())
    with pytest.raises(Misconfigured, match=TAMPERED[statement]):
        async with serving(settings):
            pass


async def test_what_somebody_may_have_wanted_is_logged(
    database: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        await connection.execute(
            "create policy dashboard on public.stories for select to authenticated using (true);"
            "grant insert on public.stories to anon"
        )
    async with serving(settings):
        pass
    told = [record.message for record in caplog.records if record.name == "coordinator.store.schema"]
    assert len(told) == 2 and 'drop policy "dashboard"' in told[0] and "revoke insert on public.stories" in told[1]


def test_what_migrations_grant() -> None:
    text = """
grant select, insert on public.a, public.b to authenticated, service_role;
grant execute on function
  public.f(uuid, public.a), public.g(numeric(10, 2)) to service_role;
revoke insert on public.a from authenticated;
drop function public.g(numeric);
create policy "Its writer, and nobody else" on public.a for select using (true);
create policy "another" on public.a for select using (true);
drop policy if exists "another" on public.a;
"""
    assert rights_after(text, {("old", "anon", "select")}) == {
        ("old", "anon", "select"),
        ("a", "authenticated", "select"),
        ("a", "service_role", "select"),
        ("a", "service_role", "insert"),
        ("b", "authenticated", "select"),
        ("b", "authenticated", "insert"),
        ("b", "service_role", "select"),
        ("b", "service_role", "insert"),
        ("f", "service_role", "execute"),
    }
    assert rights_after(
        "revoke all on public.a, public.b from public, authenticated, service_role;", rights_after(text, [])
    ) == {("f", "service_role", "execute")}
    assert policies_after(text, []) == {("a", "Its writer, and nobody else")}


@asynccontextmanager
async def changed(project: Project, statement: str) -> AsyncIterator[None]:
    """The project's schema is as after that statement, and then again as it was."""
    async with await project.connect() as connection:
        cursor = await connection.execute(
            "select string_agg(pg_get_functiondef(oid) || ';', '') from pg_proc where pronamespace = 'public'::regnamespace"
            " and proname in ('get_story', 'get_draft', 'schema_state', 'schema_version')"
        )
        row = await cursor.fetchone()
        await connection.execute(statement.encode())
        try:
            yield
        finally:
            await connection.execute(
                "alter table public.stories enable row level security; drop function if exists public.get_story;"
                "alter table if exists public.people rename to profiles;"
                "do $$ begin if exists (select from pg_policy where polname = 'lost') then"
                ' alter policy lost on public.admin_audit rename to "An admin reads what admins did"; end if; end $$'
            )
            assert row is not None
            await connection.execute(row[0].encode())
            await connection.execute(
                "revoke execute on function public.schema_state(), public.schema_version(), public.get_story,"
                " public.get_draft from public, anon;"
                "grant execute on function public.schema_state(), public.schema_version() to service_role;"
                "grant execute on function public.get_story, public.get_draft to authenticated, service_role"
            )


@pytest.mark.xdist_group("lite")
@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        *TAMPERED.items(),
        (WHOLE.format("20261121000500"), BEHIND),
        (WHOLE.format("29990101000000"), AHEAD),
        ("drop function public.schema_state", "of an older version: run `supabase db push`, or `storyloom migrate`"),
        (
            "grant execute on function public.schema_state(), public.schema_version() to anon",
            "lets anybody call Storyloom's functions",
        ),
    ],
)
async def test_over_a_projects_api_nothing_is_served(
    supabase: Project, short_folder: Path, statement: str, sentence: str
) -> None:
    async with changed(supabase, statement):
        with pytest.raises(Misconfigured, match=sentence):
            async with serving(settings_for(supabase, short_folder, "rpc")):
                pass
    async with serving(settings_for(supabase, short_folder, "rpc")) as service:
        assert (await service.http.get("/readyz")).status_code == 200


@pytest.mark.xdist_group("lite")
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"supabase_secret_key": SecretStr("sb_secret_of_another")}, "refuses the key in SUPABASE_SECRET_KEY"),
        ({"supabase_publishable_key": SecretStr("sb_publishable_x")}, "refuses the key in SUPABASE_PUBLISHABLE_KEY"),
        ({"supabase_url": "http://127.0.0.1:1"}, "can't be reached: nothing listens there"),
        ({"supabase_url": "http://127.0.0.1:1/rest/v1"}, "more than the project's address in it: set it to http://127"),
    ],
)
async def test_a_wrong_address_or_key_is_told_at_the_start(
    supabase: Project, short_folder: Path, changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(Misconfigured, match=sentence) as refused:
        async with serving(settings_for(supabase, short_folder, "rpc").model_copy(update=changes)):
            pass
    assert not re.search("sb_secret_|sb_publishable_", refused.value.message)


@pytest.mark.xdist_group("lite")
async def test_a_project_that_was_never_migrated(
    postgres: EmbeddedPostgres, tmp_path: Path, short_folder: Path
) -> None:
    conftest._create(postgres, "never_migrated")
    try:
        with serving_lite(conftest._socket_folder(postgres), "never_migrated", tmp_path) as lite:
            with pytest.raises(Misconfigured, match="none of Storyloom's tables and functions: run `supabase db push`"):
                await RpcTransport.open(lite.url, SecretStr(lite.service_key), SecretStr(lite.public_key))
    finally:
        conftest._drop(postgres, "never_migrated")
