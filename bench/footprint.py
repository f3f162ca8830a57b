"""What a finished story takes in the database, table by table."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

from bench import recorded, story
from bench.effort import Effort
from bench.figure import Figure, measured
from bench.ground import Ground, manager_of, new_user

SIZES = """
select relname, pg_total_relation_size(oid) from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace
"""


async def measure(ground: Ground, effort: Effort) -> list[Figure]:
    """After a vacuum, so that what is counted is what stays; indexes and TOAST are in it."""
    stories = effort.of(200, 50)
    recording = await asyncio.to_thread(recorded.record)
    async with ground.database() as database, database.store() as store, database.connection() as connection:
        manager = manager_of(store)
        before: dict[str, int] = dict(await (await connection.execute(SIZES)).fetchall())
        await story.sessions(manager, await new_user(store), stories, "story")
        with patch("coordinator.running.workflow.perform", recording.perform):
            async with story.engine(manager):
                while await story.unfinished(connection):
                    await asyncio.sleep(0.1)
        await connection.execute("vacuum full")
        after: dict[str, int] = dict(await (await connection.execute(SIZES)).fetchall())
    taken = {table: (after[table] - before[table]) / stories / 1024 for table in after}
    largest = sorted(taken.items(), key=lambda one: -one[1])[:7]
    return [
        measured(
            "storage of a finished two-page story",
            "KiB",
            [sum(taken.values())],
            note=f"{recorded.STEPS} steps, {stories} stories: "
            + ", ".join(f"{table} {size:.1f}" for table, size in largest)
            + ".",
        )
    ]
