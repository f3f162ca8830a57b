"""What a database is like, for `storyloom doctor`: one connection, a few catalog queries, nothing changed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from coordinator.store.migrate import History, Migration, connected, history

_FUNCTION = re.compile(
    r"^\s*(create|drop)\s+(?:or\s+replace\s+)?function\s+(?:if\s+exists\s+)?public\.(\w+)", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True)
class Survey:
    server: str
    """As `PostgreSQL 18.4`."""
    place: str
    """Database, user and host, without any password."""
    history: History
    roles_out_of_reach: list[str]
    """API roles that this login can't act as, or that don't exist."""
    functions_missing: list[str]
    functions: int
    tables_without_rls: list[str]
    tables: int


async def survey(url: str) -> Survey:
    """Raises as `migrate.connected`. `url` is the login that migrates, which is the owner of what it sees."""
    async with connected(url) as connection:
        found = await history(connection)
        row = await (
            await connection.execute("select current_setting('server_version'), current_database(), current_user")
        ).fetchone()
        assert row is not None
        version, database, user = row
        functions = await connection.execute(
            "select distinct proname from pg_catalog.pg_proc where pronamespace = 'public'::regnamespace"
        )
        present = {name for (name,) in await functions.fetchall()}
        tables = await (
            await connection.execute(
                "select relname, relrowsecurity from pg_catalog.pg_class"
                " where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') order by relname"
            )
        ).fetchall()
        # The right to act as a role has a name of its own since PostgreSQL 16.
        right = "set" if connection.info.server_version >= 160_000 else "member"
        roles = await connection.execute(
            "select wanted from unnest(array['anon', 'authenticated', 'service_role']) wanted"
            " left join pg_catalog.pg_roles r on r.rolname = wanted"
            " where not coalesce(pg_has_role(current_user, r.oid, %s), false) order by wanted",
            [right],
        )
        expected = functions_of(found.applied)
        return Survey(
            server=f"PostgreSQL {version.split()[0]}",
            place=f"{database} as {user} on {connection.info.host or 'this machine'}",
            history=found,
            roles_out_of_reach=[role for (role,) in await roles.fetchall()],
            functions_missing=sorted(expected - present),
            functions=len(expected),
            tables_without_rls=[table for table, secured in tables if not secured],
            tables=len(tables),
        )


def functions_of(migrations: list[Migration]) -> set[str]:
    """Names of the functions in public that these migrations leave behind."""
    names: set[str] = set()
    for migration in migrations:
        for verb, name in _FUNCTION.findall(migration.path.read_text(encoding="utf-8")):
            if verb.lower() == "create":
                names.add(name)
            else:
                names.discard(name)
    return names
