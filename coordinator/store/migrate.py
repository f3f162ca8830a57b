"""Brings a database to this version's schema: the migrations that `supabase db push` applies, in the same history.

A plain PostgreSQL first gets `bootstrap.sql`: the roles and the schema auth that every Supabase project has. A real
Supabase database is never bootstrapped. Each file runs in one transaction together with its row in the history, under
a lock of that transaction: any number of nodes may migrate at once, also through a transaction pooler.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.pq import TransactionStatus

from coordinator.errors import Misconfigured, Unavailable
from coordinator.settings import Settings
from coordinator.store.embedded import EmbeddedPostgres

OLDEST_SERVER = 15
CONNECT_TIMEOUT_S = 10
LOCK = 0x53746F72796C6F6F
"""Key of the advisory lock, in ASCII `Storyloo`."""

_BOOTSTRAP = Path(__file__).with_name("bootstrap.sql")
_MARK = re.compile(r"Storyloom bootstrap (\d+)")
_FILE_NAME = re.compile(r"(\d{14})_(\w+)\.sql")
_LOGIN_REFUSED = ("authentication failed", "does not exist", "no pg_hba.conf entry", "not permitted to log in")


@dataclass(frozen=True)
class Migration:
    version: str
    area: str
    path: Path

    @property
    def name(self) -> str:
        return self.path.stem


@dataclass(frozen=True)
class History:
    """What the database has had, against the files of this version."""

    applied: list[Migration]
    pending: list[Migration]
    unknown: list[str]
    """Newer than anything this version knows. Older foreign ones are somebody else's tables in the same project."""


def folder() -> Path:
    """The migrations: those that the installed package brings, or of the source tree."""
    packaged = Path(__file__).with_name("migrations")
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "supabase" / "migrations"


def known() -> list[Migration]:
    """The migrations of this version in their order. Raises Misconfigured for a file that the order can't place."""
    found: dict[str, Migration] = {}
    for path in sorted(folder().glob("*.sql")):
        if not (match := _FILE_NAME.fullmatch(path.name)):
            raise Misconfigured(f"{path.name} is not named <14-digit timestamp>_<area>.sql: rename it.")
        migration = Migration(match[1], match[2], path)
        if migration.version in found:
            raise Misconfigured(
                f"{found[migration.version].path.name} and {path.name} have the same timestamp: rename one."
            )
        found[migration.version] = migration
    if not found:
        raise Misconfigured(f"There are no migrations in {folder()}: reinstall Storyloom.")
    return list(found.values())


async def migrate(url: str) -> list[str]:
    """Apply what is missing; returns the names of what this call applied. `url` logs in as the database's owner.

    Raises Misconfigured, naming the file, when one fails (it and those after it are then not applied), and when the
    database is ahead of this version; Unavailable when it can't be reached.
    """
    async with connected(url) as connection:
        _refuse_unknown(await history(connection))
        await _bootstrap(connection)
        done = [migration.name for migration in known() if await _apply(connection, migration)]
        if done:
            # PostgREST, where there is one, learns of the new functions.
            await connection.execute("notify pgrst, 'reload schema'")
        return done


async def migrate_configured(settings: Settings) -> list[str]:
    """The same for the database that the settings name; the embedded server is started for it where none runs.

    Raises Misconfigured, too, where they name a Supabase project and no way to its database."""
    if settings.database_url is not None:
        return await migrate(settings.database_url.get_secret_value())
    if settings.supabase_url is not None:
        raise Misconfigured(
            "The migrations can't be applied over the project's API: set SUPABASE_DB_URL to its connection string, "
            "or run `supabase db push`."
        )
    server = await EmbeddedPostgres.start(settings.data_dir)
    try:
        return await migrate(server.admin_url)
    finally:
        await server.stop()


async def pending(url: str) -> list[str]:
    """Names of the migrations that the database lacks, in order."""
    async with connected(url) as connection:
        return [migration.name for migration in (await history(connection)).pending]


async def check(url: str) -> None:
    """Raises Misconfigured, saying what to do, when the database is behind this version or ahead of it."""
    async with connected(url) as connection:
        found = await history(connection)
    _refuse_unknown(found)
    if found.pending:
        raise Misconfigured(behind(found))


def behind(found: History) -> str:
    names = [migration.name for migration in found.pending]
    counted = "1 migration" if len(names) == 1 else f"{len(names)} migrations"
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return f"The database lacks {counted} ({shown}); run `storyloom migrate`."


def ahead(found: History) -> str:
    return f"The database has migration {found.unknown[-1]} that this version doesn't know; upgrade Storyloom."


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AsyncConnection[Any]]:
    """One connection in autocommit; the driver's errors leave it as Misconfigured or Unavailable, without passwords."""
    try:
        connection = await AsyncConnection.connect(
            url,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name="storyloom migrate",
        )
    except psycopg.ProgrammingError:
        # The driver's own words may quote the part of the address where the password is.
        raise Misconfigured(
            "DATABASE_URL is not an address of the form postgresql://user:password@host:5432/name: "
            "mend it, with every other sign than letters and digits in the password written as %XX."
        ) from None
    except psycopg.OperationalError as error:
        sentence = _sentence(error)
        if any(words in sentence for words in _LOGIN_REFUSED):
            raise Misconfigured(f"The database refuses the login: {sentence}. Check DATABASE_URL.") from error
        raise Unavailable(
            f"The database can't be reached: {sentence}. Check DATABASE_URL, and that the server runs."
        ) from error
    async with connection:
        if (version := connection.info.server_version // 10_000) < OLDEST_SERVER:
            raise Misconfigured(
                f"The database is PostgreSQL {version}, and Storyloom needs {OLDEST_SERVER} or newer: upgrade it."
            )
        try:
            yield connection
        except psycopg.Error as error:
            raise _refused("The database refuses", error) from error


async def history(connection: AsyncConnection[Any]) -> History:
    files = known()
    cursor = await connection.execute("select to_regclass('supabase_migrations.schema_migrations') is not null")
    done: set[str] = set()
    if (row := await cursor.fetchone()) and row[0]:
        cursor = await connection.execute("select version from supabase_migrations.schema_migrations")
        done = {version for (version,) in await cursor.fetchall()}
    return History(
        applied=[migration for migration in files if migration.version in done],
        pending=[migration for migration in files if migration.version not in done],
        unknown=sorted(version for version in done if version > files[-1].version),
    )


def _refuse_unknown(found: History) -> None:
    if found.unknown:
        raise Misconfigured(ahead(found))


async def _bootstrap(connection: AsyncConnection[Any]) -> None:
    """Apply `bootstrap.sql` and make the history table, each where it is missing."""
    text = _BOOTSTRAP.read_bytes()
    (wanted,) = _MARK.findall(text.decode())
    for attempt in (1, 2, 3):
        try:
            async with connection.transaction():
                await _lock(connection)
                if await _bootstrap_version(connection) < int(wanted):
                    await connection.execute(text)
                await _make_history(connection)
            return
        except (errors.UniqueViolation, errors.DuplicateObject, errors.InternalError_) as error:
            # Roles belong to the whole server and the lock to one database: another database's node was quicker.
            if attempt == 3:
                raise _refused("The database can't be prepared", error) from error
        except psycopg.Error as error:
            raise _refused("The database can't be prepared", error) from error


async def _bootstrap_version(connection: AsyncConnection[Any]) -> int:
    """The version in the mark, 0 where there is no schema auth, and more than any version where it is Supabase's."""
    cursor = await connection.execute(
        "select obj_description(oid, 'pg_namespace'), to_regprocedure('auth.uid()') is not null"
        " and to_regclass('auth.users') is not null and to_regrole('service_role') is not null"
        " from pg_catalog.pg_namespace where nspname = 'auth'"
    )
    if (row := await cursor.fetchone()) is None:
        return 0
    comment, complete = row
    if match := _MARK.fullmatch(comment or ""):
        return int(match[1]) if complete else 0
    if complete:
        return 2**31
    raise Misconfigured(
        "The database has a schema auth that is neither Supabase's nor Storyloom's: "
        "give Storyloom a database of its own."
    )


async def _make_history(connection: AsyncConnection[Any]) -> None:
    """As the Supabase CLI makes it, so that either may go on where the other left off."""
    cursor = await connection.execute("select to_regclass('supabase_migrations.schema_migrations') is null")
    if (row := await cursor.fetchone()) and row[0]:
        await connection.execute("create schema if not exists supabase_migrations")
        await connection.execute(
            "create table supabase_migrations.schema_migrations"
            " (version text not null primary key, statements text[], name text)"
        )


async def _apply(connection: AsyncConnection[Any], migration: Migration) -> bool:
    """Whether it was applied by this call; another node may have been quicker."""
    text = migration.path.read_text(encoding="utf-8")
    try:
        async with connection.transaction():
            # Supabase's roles have a limit that an index on a grown table, or the wait for another node, may pass.
            await connection.execute("set local statement_timeout = 0")
            await _lock(connection)
            cursor = await connection.execute(
                "select from supabase_migrations.schema_migrations where version = %s", [migration.version]
            )
            if cursor.rowcount:
                return False
            # Bytes without parameters go as one simple query: any number of statements, and % is only a sign.
            await connection.execute(text.encode())
            if connection.info.transaction_status != TransactionStatus.INTRANS:
                raise Misconfigured(f"The migration {migration.path.name} must not begin or end a transaction.")
            await connection.execute(
                "insert into supabase_migrations.schema_migrations (version, statements, name) values (%s, %s, %s)",
                [migration.version, [text], migration.area],
            )
    except psycopg.Error as error:
        line = text.count("\n", 0, int(error.diag.statement_position or 0)) + 1
        where = f" in line {line}" if error.diag.statement_position else ""
        raise _refused(f"The migration {migration.path.name} failed{where}", error) from error
    return True


async def _lock(connection: AsyncConnection[Any]) -> None:
    await connection.execute("select pg_advisory_xact_lock(%s)", [LOCK])


def _refused(what: str, error: psycopg.Error) -> Misconfigured | Unavailable:
    if isinstance(error, errors.DiskFull):
        return Misconfigured(f"{what}, because its disk is full: free some space.")
    if isinstance(error, errors.InsufficientPrivilege):
        return Misconfigured(f"{what}: {_sentence(error)}. Let DATABASE_URL log in as the database's owner.")
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return Unavailable(f"{what}: the connection was lost. Try again.")
    return Misconfigured(f"{what}: {_sentence(error)}.")


def _sentence(error: psycopg.Error) -> str:
    """PostgreSQL's own words; a connection that failed has many lines of them and no primary message."""
    text = error.diag.message_primary or " ".join(str(error).split()).partition(" Is the server running")[0][:400]
    return text.rstrip(".")
