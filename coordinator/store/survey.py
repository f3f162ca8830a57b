"""What a database is like, for `storyloom doctor`: one connection, a few catalog queries, nothing changed."""

from __future__ import annotations

from dataclasses import dataclass

from coordinator.store.migrate import History, connected, history
from coordinator.store.rights import FOUND_POLICIES, FOUND_RIGHTS
from coordinator.store.schema import Expected, State, left_by, missing_functions


@dataclass(frozen=True)
class Survey:
    server: str
    """As `PostgreSQL 18.4`."""
    place: str
    """Database, user and host, without any password."""
    history: History
    roles_out_of_reach: list[str]
    """API roles that this login can't act as, or that don't exist."""
    state: State
    expected: Expected
    """Of the migrations that were applied."""

    @property
    def functions_missing(self) -> list[str]:
        return missing_functions(self.state, self.expected)

    @property
    def functions(self) -> int:
        return len(self.expected.functions)

    @property
    def tables_without_rls(self) -> list[str]:
        """Of all in public, also those of other programs: the API shows them to everybody."""
        return sorted(table for table, secured in self.state.tables.items() if not secured)

    @property
    def tables(self) -> int:
        return len(self.state.tables)


async def survey(url: str) -> Survey:
    """Raises as `migrate.connected`. `url` is the login that migrates, which is the owner of what it sees."""
    async with connected(url) as connection:
        found = await history(connection)
        row = await (
            await connection.execute(
                "select current_setting('server_version'), current_database(), current_user, clock_timestamp()"
            )
        ).fetchone()
        assert row is not None
        version, database, user, at = row
        # Not by `schema_state`, which a database that lacks migrations has not.
        functions = await connection.execute(
            "select proname, coalesce(proargnames[1:pronargs], '{}') from pg_catalog.pg_proc"
            " where pronamespace = 'public'::regnamespace"
        )
        signatures = [(name, tuple(arguments)) for name, arguments in await functions.fetchall()]
        tables = await connection.execute(
            "select relname, relrowsecurity from pg_catalog.pg_class"
            " where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        )
        secured = dict(await tables.fetchall())
        policies = await (await connection.execute(FOUND_POLICIES)).fetchall()
        rights = await (await connection.execute(FOUND_RIGHTS)).fetchall()
        # The right to act as a role has a name of its own since PostgreSQL 16.
        right = "set" if connection.info.server_version >= 160_000 else "member"
        roles = await connection.execute(
            "select wanted from unnest(array['anon', 'authenticated', 'service_role']) wanted"
            " left join pg_catalog.pg_roles r on r.rolname = wanted"
            " where not coalesce(pg_has_role(current_user, r.oid, %s), false) order by wanted",
            [right],
        )
        expected = left_by(found.applied)
        return Survey(
            server=f"PostgreSQL {version.split()[0]}",
            place=f"{database} as {user} on {connection.info.host or 'this machine'}",
            history=found,
            roles_out_of_reach=[role for (role,) in await roles.fetchall()],
            state=State(
                version=expected.version,
                server=version,
                at=at,
                tables=secured,
                functions=signatures,
                policies=policies,
                rights=rights,
            ),
            expected=expected,
        )
