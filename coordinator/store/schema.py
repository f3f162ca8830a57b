"""Whether a database has the schema of this version, by what the schema tells of itself: the function `schema_state`.

Over a project's API that is all there is to see: the history of migrations is for the database's owner alone.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import AwareDatetime, BaseModel, ValidationError

from coordinator.errors import Misconfigured
from coordinator.models import SERVICE
from coordinator.store.gateway import Gateway
from coordinator.store.migrate import Migration, known
from coordinator.store.rights import Policy, Right, policies_after, rights_after, too_many

logger = logging.getLogger(__name__)

Signature = tuple[str, tuple[str, ...]]
"""A function's name and the names of its arguments, which is how the store calls it."""

APPLY = "run `supabase db push`, or `storyloom migrate` with SUPABASE_DB_URL set"
NEVER = f"The project's database has none of Storyloom's tables and functions: {APPLY}."
NO_STATE = f"The project's database is of an older version: {APPLY}."
SHOWN = 5
"""Names in one sentence at the most."""

_STATEMENT = re.compile(
    r"^(create|drop)\s+(?:or\s+replace\s+)?(function|table)\s+(?:if\s+(?:not\s+)?exists\s+)?public\.(\w+)\s*(\()?",
    re.IGNORECASE | re.MULTILINE,
)
_COMMENT = re.compile(r"--.*")


class State(BaseModel):
    """As of one moment; of everything in the schema public, whoever made it."""

    version: str
    server: str
    at: AwareDatetime
    tables: dict[str, bool]
    """Each with whether row level security is on."""
    functions: list[Signature]
    policies: list[Policy] | None = None
    rights: list[Right] | None = None
    """Both None of a schema from before it told them."""


@dataclass(frozen=True)
class Expected:
    """What a row of migrations leaves behind."""

    version: str
    tables: frozenset[str]
    functions: frozenset[Signature]
    policies: frozenset[Policy]
    rights: frozenset[Right]

    @property
    def names(self) -> frozenset[str]:
        return self.tables | {name for name, _ in self.functions}


@dataclass(frozen=True)
class Fault:
    """Something that the service can't be run with; two sentences."""

    detail: str
    remedy: str


async def check(gateway: Gateway, *, migrated: bool) -> None:
    """Raises Misconfigured, with what is wrong and what to do, where the service must not serve on this database.

    `migrated` is whether the migrations have just been applied or compared; the version is not looked at then.
    """
    state, wanted = read(await gateway.read("schema_state", SERVICE)), expected()
    found = [None if migrated else version_fault(state, wanted), functions_fault(state, wanted)]
    found.append(rls_fault(state, tuple(wanted.tables)))
    found += [lost_policies(state, wanted), lost_rights(state, wanted)]
    for fault in found:
        if fault is not None:
            raise Misconfigured(f"{fault.detail} {fault.remedy}")
    # Somebody may have wanted these; the service works with them.
    for fault in (foreign_policies(state, wanted), foreign_rights(state, wanted)):
        if fault is not None:
            logger.warning("%s %s", fault.detail, fault.remedy)


def read(answer: Any) -> State:
    try:
        return State.model_validate(answer)
    except ValidationError as error:
        raise Misconfigured(
            "The database's function schema_state is not Storyloom's: give Storyloom a project of its own."
        ) from error


@functools.cache
def expected() -> Expected:
    """Of this version's own migrations, which don't change while it runs."""
    return left_by(known())


def left_by(migrations: Sequence[Migration]) -> Expected:
    tables: set[str] = set()
    functions: set[Signature] = set()
    policies: set[Policy] = set()
    rights: set[Right] = set()
    for migration in migrations:
        text = _COMMENT.sub("", migration.path.read_text(encoding="utf-8"))
        policies, rights = policies_after(text, policies), rights_after(text, rights)
        for statement in _STATEMENT.finditer(text):
            verb, kind, name, opened = statement.groups()
            arguments = tuple(_names(text, statement.end())) if opened and kind.lower() == "function" else ()
            match verb.lower(), kind.lower():
                case "create", "table":
                    tables.add(name)
                case "drop", "table":
                    tables.discard(name)
                case "create", _:
                    functions.add((name, arguments))
                case _:
                    # A function that is dropped is named with its types, not with its arguments' names.
                    count = len(arguments)
                    functions = {one for one in functions if one[0] != name or (opened and len(one[1]) != count)}
    version = migrations[-1].version if migrations else ""
    return Expected(version, frozenset(tables), frozenset(functions), frozenset(policies), frozenset(rights))


def _names(text: str, start: int) -> Iterator[str]:
    """The first word of each argument of the list that begins at `start`."""
    depth, begin = 1, start
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0 or (depth == 1 and text[place] == ","):
            if words := text[begin:place].replace('"', "").split():
                yield words[0]
            begin = place + 1
        if depth == 0:
            return


def version_fault(state: State, wanted: Expected) -> Fault | None:
    if state.version > wanted.version:
        detail = f"The database has migration {state.version}, which this version of Storyloom doesn't know."
        return Fault(detail, "Upgrade Storyloom.")
    if state.version < wanted.version:
        detail = f"The database is at migration {state.version}, and this version needs {wanted.version}."
        return Fault(detail, f"{APPLY[0].upper()}{APPLY[1:]}.")
    return None


def functions_fault(state: State, wanted: Expected) -> Fault | None:
    """Of the tables too: without one the functions are good for nothing."""
    tables = sorted(wanted.tables - state.tables.keys())
    functions = missing_functions(state, wanted)
    kind, names = ("table", tables) if tables else ("function", functions)
    if not names:
        return None
    counted = f"the {kind} {names[0]}" if len(names) == 1 else f"{len(names)} {kind}s: {_shown(names)}"
    return Fault(
        f"The database lacks {counted}.",
        "Something else than the migrations changed it: restore it from a backup, or run the SQL of the migration "
        "that made what is missing.",
    )


def missing_functions(state: State, wanted: Expected) -> list[str]:
    """A function that has other arguments than it should is missing too."""
    return sorted(f"{name}({', '.join(arguments)})" for name, arguments in wanted.functions - set(state.functions))


def rls_fault(state: State, tables: Sequence[str]) -> Fault | None:
    names = sorted(name for name in tables if state.tables.get(name) is False)
    if not names:
        return None
    each = f"alter table public.{names[0]} enable row level security" if len(names) == 1 else ""
    return Fault(
        f"Row level security is off for {_shown(names)}: every user could read all of it.",
        f"Run `{each or 'alter table public.… enable row level security'}`" + ("." if each else " for each."),
    )


def lost_policies(state: State, wanted: Expected) -> Fault | None:
    """Of the tables that are there: that one is missing is another fault."""
    lost = sorted(one for one in wanted.policies - set(state.policies or ()) if one[0] in state.tables)
    if state.policies is None or not lost:
        return None
    table, name = lost[0]
    more = f", and {len(lost) - 1} more" if len(lost) > 1 else ""
    return Fault(
        f'The table {table} lacks its policy "{name}"{more}: nobody could read their own rows.',
        "Run the `create policy` of each again, as it stands in the migrations.",
    )


def foreign_policies(state: State, wanted: Expected) -> Fault | None:
    foreign = sorted(one for one in set(state.policies or ()) - wanted.policies if one[0] in wanted.tables)
    if not foreign:
        return None
    table, name = foreign[0]
    more = f", as has {len(foreign) - 1} more" if len(foreign) > 1 else ""
    return Fault(
        f'No migration made the policy "{name}" on {table}{more}: it may show rows to others than their writer.',
        f'Unless you want that, run `drop policy "{name}" on public.{table}`.',
    )


def lost_rights(state: State, wanted: Expected) -> Fault | None:
    """Of what is there: that a table or function is missing is another fault."""
    there = state.tables.keys() | {name for name, _ in state.functions}
    lost = sorted(right for right in wanted.rights - set(state.rights or ()) if right[0] in there)
    if state.rights is None or not lost:
        return None
    name, role, what = lost[0]
    remedy = f"Run `grant {_on(what, name)} to {role}`{_each(lost)}."
    return Fault(f"{_may(lost, 'may not')}: the service can't work so.", remedy)


def foreign_rights(state: State, wanted: Expected) -> Fault | None:
    if not (wide := too_many(set(state.rights or ()), wanted.rights, wanted.names)):
        return None
    name, role, what = wide[0]
    return Fault(
        f"{_may(wide, 'may')}, which no migration gave: isolation hangs on row level security alone there.",
        f"Run `revoke {_on(what, name)} from public, {role}`{_each(wide)}.",
    )


def _may(rights: Sequence[Right], verb: str) -> str:
    name, role, what = rights[0]
    more = f" ({len(rights) - 1} more of the kind)" if len(rights) > 1 else ""
    return f"{role} {verb} {what} {name}{more}"


def _on(what: str, name: str) -> str:
    return f"{what} on function public.{name}" if what == "execute" else f"{what} on public.{name}"


def _each(rights: Sequence[Right]) -> str:
    return ", and the same for each of the others" if len(rights) > 1 else ""


def _shown(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
