"""Retention: what ended long ago is deleted as its status says, in batches, by an index, and never a finished story."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from pydantic import SecretStr

from api.app import running
from coordinator.errors import NotFound
from coordinator.models import Identity
from coordinator.sessions import sweep as sweep_module
from coordinator.sessions.manager import StorySessionManager
from coordinator.sessions.streams import Reader, Streams
from coordinator.sessions.sweep import SWEEP_BATCH
from coordinator.settings import Settings
from coordinator.store import Store
from tests.conftest import Database
from tests.store.test_store import create

DAY = 86_400.0
MONTH = {"failed": 30 * DAY, "cancelled": 30 * DAY, "expired": 30 * DAY}
EVERY = ("active", "awaiting_approval", "paused", "completed", "failed", "cancelled", "expired")


class Kept:
    """A database whose sessions have the age and status that a test gives them."""

    def __init__(self, database: Database, store: Store, owner: Identity) -> None:
        self._database = database
        self.store = store
        self.owner = owner
        self.streams = Streams()

    def manager(self, keep: Mapping[str, float]) -> StorySessionManager:
        return StorySessionManager(self.store, self.streams, node="here", keep=keep)  # type: ignore[arg-type]

    async def run(self, statement: str, *params: Any) -> list[Any]:
        async with await psycopg.AsyncConnection.connect(self._database.admin_url, autocommit=True) as connection:
            cursor = await connection.execute(statement, params)  # type: ignore[call-overload]
            return await cursor.fetchall() if cursor.description else []

    async def add(self, status: str, days: float, count: int = 1) -> list[UUID]:
        """Whole sessions, each with its prompt as a message and two events."""
        made = [(await create(self.store, self.owner)).session.id for _ in range(count)]
        await self.run(
            "update story_sessions set status = %s, last_activity_at = now() - make_interval(secs => %s) where id = any (%s)",
            status,
            days * DAY,
            made,
        )
        return made

    async def add_many(self, status: str, days: float, count: int) -> None:
        """Rows alone, of ages from `days` on."""
        await self.run(
            "insert into story_sessions (user_id, prompt, template, model, status, expires_at, last_activity_at)"
            " select %s, 'p', 'noir', 'm', %s, now(), now() - make_interval(secs => %s + n) from generate_series(1, %s) n",
            self.owner.user_id,
            status,
            days * DAY,
            count,
        )

    async def left(self) -> set[UUID]:
        return {row[0] for row in await self.run("select id from story_sessions")}

    async def count(self, table: str) -> int:
        return int((await self.run(f"select count(*) from {table}"))[0][0])


@pytest.fixture
async def kept(database: Database, store: Store, user: Any) -> Kept:
    return Kept(database, store, await user())


async def test_each_status_is_kept_for_its_own_time(kept: Kept) -> None:
    old = {status: (await kept.add(status, 31))[0] for status in EVERY}
    young = [(await kept.add(status, 29))[0] for status in EVERY]
    deleted = await kept.manager({**MONTH, "cancelled": 0}).sweep.delete_old()
    assert {status: count for status, count in deleted.items() if count} == {"failed": 1, "expired": 1}
    stay = {old[status] for status in EVERY if status not in ("failed", "expired")}
    assert await kept.left() == stay | set(young)
    # What hung on the deleted is gone with them.
    assert await kept.count("session_messages") == len(stay) + len(young)
    assert await kept.count("session_events") == 2 * (len(stay) + len(young))
    deleted = await kept.manager({"cancelled": 28 * DAY, "failed": 1}).sweep.delete_old()
    assert deleted["cancelled"] == 2 and deleted["failed"] == 1
    assert await kept.manager(MONTH).sweep.delete_old() == {"failed": 0, "cancelled": 0, "expired": 0}


@pytest.mark.parametrize(
    "keep", [{}, {"failed": 0, "cancelled": 0, "expired": 0}, {"completed": 1, "active": 1, "paused": 1}]
)
async def test_nothing_is_deleted_that_is_kept_for_ever(kept: Kept, keep: dict[str, float]) -> None:
    every = [(await kept.add(status, 10_000))[0] for status in EVERY]
    assert not any((await kept.manager(keep).sweep.delete_old()).values())
    assert await kept.left() == set(every)


async def test_a_session_with_a_story_stays_whatever_became_of_it(kept: Kept) -> None:
    (finished, failed), (bare,) = await kept.add("failed", 400, 2), await kept.add("failed", 400)
    for session_id in (finished, failed):
        await kept.run(
            "insert into stories (session_id, user_id, title, content, word_count, version, template, model)"
            " values (%s, %s, 't', 'c', 1, 1, 'noir', 'm')",
            session_id,
            kept.owner.user_id,
        )
    await kept.run("update story_sessions set status = 'completed' where id = %s", finished)
    assert (await kept.manager(MONTH).sweep.delete_old())["failed"] == 1
    assert await kept.left() == {finished, failed} and bare not in await kept.left()


async def test_what_came_of_a_deleted_session_stays(kept: Kept) -> None:
    (parent,), (child,) = await kept.add("failed", 31), await kept.add("active", 0)
    await kept.run("update story_sessions set parent_session_id = %s where id = %s", parent, child)
    await kept.manager(MONTH).sweep.delete_old()
    assert await kept.run("select id, parent_session_id from story_sessions") == [(child, None)]


async def test_a_deleted_session_leaves_memory_and_watchers(kept: Kept) -> None:
    manager = kept.manager(MONTH)
    (session_id,) = await kept.add("failed", 31)
    assert (await manager.get_session(kept.owner, session_id)).status == "failed"
    reader = Reader(10)
    kept.streams.attach(reader, session_id, 10).go_live()
    await manager.sweep.delete_old()
    told = json.loads(await asyncio.wait_for(reader.next(), 5))
    assert (told["type"], told["code"], told["session_id"]) == ("error", "not_found", str(session_id))
    with pytest.raises(NotFound):
        await manager.get_session(kept.owner, session_id)


async def test_a_sweep_goes_on_batch_by_batch_to_its_bound(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    await kept.add_many("failed", 31, 2 * SWEEP_BATCH + 20)
    await kept.add_many("expired", 40, SWEEP_BATCH)
    await kept.add_many("completed", 40, 10)
    monkeypatch.setattr(sweep_module, "RETENTION_BATCHES", 2)
    manager = kept.manager(MONTH)
    # The order of statuses is the database's; of each the oldest go first.
    assert (await manager.sweep.delete_old()).total() == 2 * SWEEP_BATCH
    assert (await manager.sweep.delete_old()).total() == SWEEP_BATCH + 20
    assert (await manager.sweep.delete_old()).total() == 0
    assert await kept.count("story_sessions") == 10


async def test_rows_that_others_hold_are_left_to_the_next_sweep(kept: Kept, database: Database) -> None:
    held, free = await kept.add("failed", 31, 2)
    manager = kept.manager(MONTH)
    async with await psycopg.AsyncConnection.connect(database.admin_url) as other:
        # Somebody resumes it in this moment.
        await other.execute(
            "update story_sessions set status = 'active', last_activity_at = now() where id = %s", [held]
        )
        assert (await asyncio.wait_for(manager.sweep.delete_old(), 5))["failed"] == 1
        await other.commit()
    assert await kept.left() == {held} and free != held
    assert (await manager.sweep.delete_old())["failed"] == 0
    assert await kept.left() == {held}


async def test_the_old_are_found_by_an_index(kept: Kept, database: Database) -> None:
    for status in EVERY:
        await kept.add_many(status, 1, 1_500)
    await kept.add_many("failed", 60, 20)
    await kept.run("analyze story_sessions")

    async def scans() -> tuple[int, int]:
        (row,) = await kept.run(
            "select (select idx_scan from pg_stat_user_indexes where indexrelname = 'story_sessions_by_end'), seq_scan"
            " from pg_stat_user_tables where relname = 'story_sessions'"
        )
        return int(row[0]), int(row[1])

    # As the function itself is carried out, with whatever plan it has kept by then.
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        before = await scans()
        for _ in range(8):
            await connection.execute("select delete_old_sessions(%s::jsonb, 2)", [json.dumps(MONTH)])
        await connection.execute("select pg_stat_force_next_flush()")
        await connection.execute("select 1")
        after = await scans()
    assert await kept.count("story_sessions") == len(EVERY) * 1_500 + 4
    assert after[0] - before[0] >= 8
    assert after[1] == before[1], "not one look at the whole table"
    plan = await kept.run(
        "explain (format json) select id from story_sessions where status = 'expired' and status in ('failed', 'cancelled', 'expired')"
        " and last_activity_at < now() - interval '30 days' order by last_activity_at limit 100"
    )
    assert "story_sessions_by_end" in json.dumps(plan[0][0])


async def test_the_sweep_of_a_service_does_both_as_its_settings_say(
    kept: Kept, database: Database, tmp_path: Path
) -> None:
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        data_dir=tmp_path,
        database_url=SecretStr(database.admin_url),
        offline_words_per_second=0,
        log_level="warning",
        keep_failed_s=DAY,
        keep_cancelled_s=0,
        keep_expired_s=3 * DAY,
    )
    old = {status: (await kept.add(status, 2))[0] for status in EVERY}
    (idle,), (forgotten,) = await kept.add("paused", 0.1), await kept.add("expired", 4)
    await kept.run("update story_sessions set expires_at = now() + interval '1 h' where id <> %s", idle)
    await kept.run("update story_sessions set expires_at = now() - interval '1 s' where id = %s", idle)
    async with running(settings, run_stories=False) as state:
        ended = await state.manager.cleanup_expired_sessions()
    assert [(session.id, session.status) for session in ended] == [(idle, "expired")]
    assert await kept.left() == {idle, *old.values()} - {old["failed"]} and forgotten not in await kept.left()
