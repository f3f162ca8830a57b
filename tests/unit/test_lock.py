"""The lock is whole: what is installed from it finds all that it needs in it, whichever installer reads it."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
OWN = "storyloom"


def locked(file: str) -> dict[str, Requirement]:
    """The pinned requirements of a lock, each with its extras."""
    lines = re.findall(r"^([a-z0-9][^\n\\]*?)\s*\\$", (ROOT / file).read_text(), re.MULTILINE)
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): one for one in found}


LOCK = locked("requirements.lock")
INSTALLED = {canonicalize_name(one.name): one for one in distributions()}


def needs(distribution: Distribution, extras: set[str]) -> list[Requirement]:
    """What it needs here, with these extras of its own."""
    wanted = [Requirement(line) for line in distribution.requires or []]
    return [
        one
        for one in wanted
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in (extras or {""}))
    ]


def closure() -> list[tuple[str, Requirement]]:
    """Who needs what, from the project on; a thing with extras once for each set of them."""
    found: list[tuple[str, Requirement]] = []
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting: list[tuple[str, set[str]]] = [(OWN, set())]
    while waiting:
        name, extras = waiting.pop()
        if (name, frozenset(extras)) in seen:
            continue
        seen.add((name, frozenset(extras)))
        for need in needs(INSTALLED[name], extras):
            found.append((name, need))
            waiting.append((canonicalize_name(need.name), set(need.extras)))
    return found


NEEDS = closure()


def test_the_closure_is_looked_at_with_its_extras() -> None:
    assert len(NEEDS) > 100 and any(need.extras for _, need in NEEDS)


@pytest.mark.parametrize(("by", "need"), NEEDS, ids=lambda one: str(one))
def test_everything_needed_is_locked_with_its_extras(by: str, need: Requirement) -> None:
    """One that stands without an extra that another needs is looked for anew by an older pip, at its newest release."""
    entry = LOCK.get(canonicalize_name(need.name))
    assert entry is not None, f"{by} needs {need}, which is not in requirements.lock: run `make lock`"
    assert set(need.extras) <= set(entry.extras), f"{by} needs {need}, but the lock has {entry}: run `make lock`"
    (pin,) = entry.specifier
    assert pin.operator == "==" and need.specifier.contains(pin.version, prereleases=True)


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-setup.lock"])
def test_every_pin_has_hashes_and_no_address(file: str) -> None:
    text = (ROOT / file).read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+(\[[a-z0-9, _-]+\])?==\S+", entry), entry[:80]
        assert "--hash=sha256:" in entry, entry[:80]
    assert "://" not in text and "--index" not in text and "--find" not in text


def test_the_installer_is_locked_alone() -> None:
    """It comes before everything else, and nothing else with it."""
    assert list(locked("requirements-setup.lock")) == ["uv"]
