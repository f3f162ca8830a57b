"""Migrations that were released are never edited, and those after them lose nothing of what was kept before."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from coordinator.models import Identity
from coordinator.store import Store, migrate
from coordinator.store.direct import DirectTransport
from coordinator.store.sessions import Search
from tests.store.servers import execute

FROZEN = Path(__file__).with_name("frozen")
LAST_FROZEN = "20261129000800"
WRITER, OTHER = UUID("00000000-0000-4000-8000-0000000000a1"), UUID("00000000-0000-4000-8000-0000000000a2")
STATUSES = ["active", "awaiting_approval", "cancelled", "completed", "expired", "failed", "paused", "paused"]


def test_a_released_migration_is_never_edited() -> None:
    sums = dict(reversed(line.split("  ")) for line in (FROZEN / "SHA256SUMS").read_text().splitlines())
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in migrate.folder().glob("*.sql")}
    assert files == sums, "make a new file for a change, and list its sum with those of the others"


@pytest.fixture
async def frozen(url: str, tmp_path: Path) -> dict[str, list[Any]]:
    """The rows of every table of a database of that day, which `url` then is."""
    await make_frozen(url, tmp_path)
    return rows(url)


async def make_frozen(url: str, folder: Path) -> None:
    for path in migrate.folder().glob("*.sql"):
        if path.name[:14] <= LAST_FROZEN:
            (folder / path.name).write_bytes(path.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "folder", lambda: folder)
        await migrate.migrate(url)
    execute(url, (FROZEN / "sessions.sql").read_text())


def rows(url: str) -> dict[str, list[Any]]:
    names = execute(url, "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'")
    return {name: [row for (row,) in execute(url, f"select to_jsonb(t) from public.{name} t")] for (name,) in names}


def check_kept(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> None:
    """Each row is there with all that it had; columns and rows may have come."""
    for table, kept in before.items():
        left = list(after[table])
        for row in kept:
            found = next((one for one in left if row.items() <= one.items()), None)
            assert found is not None, f"{table} has lost {row}"
            left.remove(found)


async def test_an_upgrade_loses_nothing(url: str, frozen: dict[str, list[Any]]) -> None:
    assert sorted(session["status"] for session in frozen["story_sessions"]) == STATUSES
    assert [name for name, kept in frozen.items() if not kept] == [], "a table that nothing is kept in proves nothing"
    later = [one.name for one in migrate.known() if one.version > LAST_FROZEN]
    assert await migrate.migrate(url) == later
    check_kept(frozen, rows(url))


async def test_what_was_kept_is_read_and_goes_on_after_an_upgrade(url: str, frozen: dict[str, list[Any]]) -> None:
    await migrate.migrate(url)
    store = Store(await DirectTransport.open(url, 2), 5)
    try:
        for owner, most in ((WRITER, 7), (OTHER, 1)):
            whose = Identity(user_id=owner, role="authenticated", claims={"sub": str(owner), "role": "authenticated"})
            found = (await store.sessions.search(whose, Search(owner=owner))).items
            assert len(found) == most
            for session in found:
                detail = await store.sessions.get(whose, session.id)
                messages = (await store.record.messages(whose, session.id, 100, None)).items
                assert len(messages) == detail.message_count and messages[0].content.startswith("A bell under water")
                assert (await store.record.current_draft(whose, session.id)) is not None
                assert (await store.record.snapshot(whose, session.id))["session"]["status"] == session.status
                assert (await store.record.events(whose, session.id, 0, 100)).items[0]["type"] == "session.created"
        waiting = {session["status"]: UUID(session["id"]) for session in frozen["story_sessions"]}
        begun = await store.runs.begin(waiting["active"], "another")
        assert (await store.runs.load(waiting["active"], begun.epoch))["partial"]["text"] == "It"
        gate = await store.sessions.answer_gate(
            waiting["awaiting_approval"], WRITER, "approve-draft", approved=True, comment=None
        )
        assert gate.session.status == "active"
        for status in ("failed", "paused", "expired"):
            change = await store.sessions.change_status(waiting[status], None, to="active", allowed=(status,))
            assert change.session.status == "active"
    finally:
        await store.close()
