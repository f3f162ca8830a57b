"""The Supabase CLI on our migrations: what `supabase db push` makes is what `storyloom migrate` makes, and its advisors
find nothing. Without Docker: the CLI is an npm package, and the database the tests' own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from coordinator.store import migrate
from coordinator.store.embedded import EmbeddedPostgres
from tests import lite_server
from tests.conftest import _on
from tests.store.conftest import _create, _drop, _socket_folder
from tests.store.test_upgrade import check_kept, make_frozen, rows

pytestmark = pytest.mark.xdist_group("lite")

SUPABASE = Path(__file__).parents[2] / "supabase"
CLI_S = 90
Cli = Callable[..., subprocess.CompletedProcess[str]]

CATALOG = """
select 'table ' || c.relname,
       concat_ws(' ', c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relacl, obj_description(c.oid, 'pg_class'))
  from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind not in ('i', 't')
union all
select 'column ' || a.attrelid::regclass || '.' || a.attname,
       concat_ws(' ', a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, a.attstorage,
                 a.attcompression, pg_get_expr(d.adbin, d.adrelid), a.attacl, col_description(a.attrelid, a.attnum))
  from pg_attribute a join pg_class c on c.oid = a.attrelid left join pg_attrdef d on (d.adrelid, d.adnum) = (c.oid, a.attnum)
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
union all
select 'constraint ' || conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
  from pg_constraint where connamespace = 'public'::regnamespace
union all
select 'index ' || indexname, indexdef from pg_indexes where schemaname = 'public'
union all
select 'policy ' || tablename || '.' || policyname, concat_ws(' ', permissive, roles, cmd, qual, with_check)
  from pg_policies where schemaname = 'public'
union all
select 'function ' || p.oid::regprocedure,
       concat_ws(' ', pg_get_functiondef(p.oid), p.proacl, obj_description(p.oid, 'pg_proc'))
  from pg_proc p where p.pronamespace = 'public'::regnamespace
union all
select 'trigger ' || tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
union all
select 'history ' || version, name from supabase_migrations.schema_migrations
"""


@pytest.fixture(scope="module")
def program() -> str:
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node and npm are not on this machine, and the Supabase CLI comes by npm: not judged with it")
    binary = (
        lite_server._installed(lite_server._node())
        / "node_modules"
        / "@supabase"
        / "cli-linux-x64"
        / "bin"
        / "supabase"
    )
    if not binary.exists():
        pytest.skip("tests/lite brings the Supabase CLI for Linux on x86-64 alone: not judged with it")
    return str(binary)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder that the CLI works in, which it writes to: config.toml and the migrations as they are."""
    shutil.copytree(SUPABASE, tmp_path / "project" / "supabase")
    return tmp_path / "project"


@pytest.fixture
def cli(program: str, postgres: EmbeddedPostgres, project: Path, tmp_path: Path) -> Cli:
    names = ("SUPABASE_", "PG", "STORYLOOM_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    environment |= {"HOME": str(tmp_path), "DO_NOT_TRACK": "1", "SUPABASE_TELEMETRY_DISABLED": "1", "NO_COLOR": "1"}

    def run(database: str, *words: str) -> subprocess.CompletedProcess[str]:
        remote = f"--remote=postgresql://postgres@localhost/{database}?host={_socket_folder(postgres)}"
        command = [program, "db", *words, remote, "--agent", "no", "--workdir", str(project)]
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=CLI_S
        )

    return run


@pytest.fixture
def empty(postgres: EmbeddedPostgres, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database as a project's before its first migration."""
    name = "cli_" + re.sub(r"\W", "_", request.node.name)[:40]
    _create(postgres, name)
    with psycopg.connect(_on(postgres.admin_url, name), autocommit=True) as connection:
        connection.execute(migrate._BOOTSTRAP.read_bytes())
    yield name
    _drop(postgres, name)


def catalog(postgres: EmbeddedPostgres, name: str) -> dict[str, str]:
    with psycopg.connect(_on(postgres.admin_url, name), autocommit=True) as connection:
        return dict(connection.execute(CATALOG).fetchall())


async def test_db_push_makes_what_migrate_makes(postgres: EmbeddedPostgres, cli: Cli, empty: str) -> None:
    done = cli(empty, "push", "--yes")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "WARN" not in done.stderr, "config.toml has something that the CLI doesn't know"
    names = [migration.name for migration in migrate.known()]
    assert [name for name in names if f"{name}.sql" in done.stderr + done.stdout] == names

    pushed, migrated = catalog(postgres, empty), catalog(postgres, "prepared")
    assert pushed.keys() == migrated.keys()
    for name, told in migrated.items():
        assert pushed[name] == told, name
    for kind in ("table", "column", "constraint", "index", "policy", "function", "trigger", "history"):
        assert any(name.startswith(kind) for name in migrated), kind

    # Each goes on where the other left off.
    assert await migrate.migrate(_on(postgres.admin_url, empty)) == []
    await migrate.check(_on(postgres.admin_url, empty))
    again = cli("prepared", "push", "--yes")
    assert again.returncode == 0 and "up to date" in (again.stderr + again.stdout).lower(), again.stderr + again.stdout


async def test_db_push_upgrades_without_loss(postgres: EmbeddedPostgres, cli: Cli, empty: str, tmp_path: Path) -> None:
    url = _on(postgres.admin_url, empty)
    (tmp_path / "frozen").mkdir()
    await make_frozen(url, tmp_path / "frozen")
    before = rows(url)
    done = cli(empty, "push", "--yes")
    assert done.returncode == 0, done.stderr + done.stdout
    assert await migrate.migrate(url) == []
    check_kept(before, rows(url))


async def test_the_advisors_find_nothing(postgres: EmbeddedPostgres, cli: Cli, empty: str) -> None:
    await migrate.migrate(_on(postgres.admin_url, empty))
    look = ("advisors", "--level", "warn", "--fail-on", "warn")
    done = cli(empty, *look)
    assert done.returncode == 0, done.stdout + done.stderr

    with psycopg.connect(_on(postgres.admin_url, empty), autocommit=True) as connection:
        connection.execute("alter table public.stories disable row level security")
        connection.execute("create function public.careless() returns void language sql as ''")
    done = cli(empty, *look)
    assert done.returncode != 0, "it looks at nothing"
    assert "stories" in done.stdout and "careless" in done.stdout
