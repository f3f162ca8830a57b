"""Who may do what in the database: by the migrations, and as it is found. Rights are those of the API's three roles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set

Right = tuple[str, str, str]
"""A table's or a function's name, a role, and what it may do: `select`, `execute` …"""
Policy = tuple[str, str]
"""A table and the name of one of its policies."""

ROLES = ("anon", "authenticated", "service_role")
_GRANT = re.compile(
    r"^\s*(?:(?P<verb>grant|revoke)\s+(?P<what>[\w\s,]+?)\s+on\s+(?:(?:function|table)\s+)?(?P<of>public\..*?)\s+"
    r"(?:to|from)\s+(?P<who>[\w\s,]+?)\s*;|drop\s+(?:function|table)\s+(?:if\s+exists\s+)?public\.(?P<gone>\w+))",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_POLICY = re.compile(
    r"^\s*(?P<verb>create|drop)\s+policy\s+(?:if\s+exists\s+)?\"(?P<name>[^\"]+)\"\s+on\s+public\.(?P<table>\w+)",
    re.IGNORECASE | re.MULTILINE,
)

# Of everything in the schema public, for a login that need not be able to act as the roles. What is granted for a
# column alone counts as granted.
FOUND_RIGHTS = """
select c.relname, r.rolname, p.name
from pg_catalog.pg_class c
cross join pg_catalog.pg_roles r
cross join (values ('select'), ('insert'), ('update'), ('references'), ('delete'), ('truncate'), ('trigger')) p (name)
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
  and r.rolname in ('anon', 'authenticated', 'service_role')
  and case when p.name in ('delete', 'truncate', 'trigger') then has_table_privilege(r.oid, c.oid, p.name)
    else has_any_column_privilege(r.oid, c.oid, p.name) end
union
select f.proname, r.rolname, 'execute'
from pg_catalog.pg_proc f
cross join pg_catalog.pg_roles r
where f.pronamespace = 'public'::regnamespace and r.rolname in ('anon', 'authenticated', 'service_role')
  and has_function_privilege(r.oid, f.oid, 'execute')
"""
FOUND_POLICIES = """
select c.relname, p.polname from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid
where c.relnamespace = 'public'::regnamespace
"""


def rights_after(text: str, before: Iterable[Right]) -> set[Right]:
    """The rights that a migration leaves behind; `text` is its SQL without comments."""
    rights = set(before)
    for statement in _GRANT.finditer(text):
        if gone := statement["gone"]:
            rights = {right for right in rights if right[0] != gone}
            continue
        roles = [role for role in _words(statement["who"]) if role in ROLES]
        changed = {
            (name, role, what)
            for name in _names(statement["of"])
            for role in roles
            for what in _words(statement["what"])
        }
        if statement["verb"].lower() == "grant":
            rights |= changed
        else:
            rights = {one for one in rights if one not in changed and (*one[:2], "all") not in changed}
    return rights


def policies_after(text: str, before: Iterable[Policy]) -> set[Policy]:
    policies = set(before)
    for statement in _POLICY.finditer(text):
        policy = (statement["table"], statement["name"])
        if statement["verb"].lower() == "create":
            policies.add(policy)
        else:
            policies.discard(policy)
    return policies


def too_many(found: Set[Right], wanted: Set[Right], ours: Set[str]) -> list[Right]:
    """Rights that no migration gave, of what is Storyloom's own."""
    return sorted(right for right in found - wanted if right[0] in ours)


def _words(listed: str) -> list[str]:
    return [word.strip().lower() for word in listed.split(",")]


def _names(listed: str) -> Iterator[str]:
    """The names in `public.a(uuid, public.b), public.c`: of what stands outside of brackets."""
    depth = 0
    for part in re.split(r"([(),])", listed):
        depth += {"(": 1, ")": -1}.get(part, 0)
        if depth == 0 and (found := re.match(r"\s*public\.(\w+)", part)):
            yield found[1]
