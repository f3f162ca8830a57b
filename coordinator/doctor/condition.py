"""What `storyloom doctor` finds of a database that it has seen: is its schema whole, and its clock right."""

from __future__ import annotations

from datetime import datetime

from coordinator.doctor.check import Check
from coordinator.store import schema

SKEW_S = 30
"""A token is good a little before and after its time (`LEEWAY_S`), so clocks that are apart further shut people out."""


def clock(at: datetime, ours: datetime, whose: str) -> Check:
    """`at` is what another clock said when this machine's said `ours`."""
    ahead_s = (at - ours).total_seconds()
    if abs(ahead_s) < 1:
        return Check("clock", True, f"as {whose}, within a second")
    how = f"{abs(ahead_s):,.0f} s {'behind' if ahead_s > 0 else 'ahead of'} {whose}"
    if abs(ahead_s) <= SKEW_S:
        return Check("clock", True, how)
    return Check(
        "clock",
        False,
        f"{how}: tokens are refused, and sessions expire at the wrong moment.",
        "Set this machine's clock by a time server (NTP).",
    )


def functions_check(state: schema.State, wanted: schema.Expected) -> Check:
    good = f"all {len(wanted.functions)} present, with {len(wanted.tables)} tables"
    return judged("functions", schema.functions_fault(state, wanted), good)


def rls_check(state: schema.State) -> Check:
    """Of all tables in public, also those of other programs: the API shows them to everybody."""
    good = f"on for all {len(state.tables)} tables"
    return judged("row level security", schema.rls_fault(state, tuple(state.tables)), good)


def policies_check(state: schema.State, wanted: schema.Expected) -> Check:
    fault = schema.lost_policies(state, wanted) or schema.foreign_policies(state, wanted)
    return judged("policies", fault, f"all {len(wanted.policies)} in place, and no other")


def rights_check(state: schema.State, wanted: schema.Expected) -> Check:
    fault = schema.lost_rights(state, wanted) or schema.foreign_rights(state, wanted)
    return judged("grants", fault, "what the migrations gave to anon, authenticated and service_role, and no more")


def judged(name: str, fault: schema.Fault | None, good: str) -> Check:
    return Check(name, False, fault.detail, fault.remedy) if fault else Check(name, True, good)
