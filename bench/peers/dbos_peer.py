"""DBOS: a workflow of steps.

After its "Workflows" and "Steps" guides: async functions with `@DBOS.workflow()` and `@DBOS.step()`, launched on the same
server; the workflow is called, which is how its guide starts one and awaits it. DBOS keeps no conversations, so it has a story only. Its system
database's pool is left at its default.
"""

from __future__ import annotations

from dbos import DBOS, DBOSConfig


@DBOS.step()
async def step(text: str) -> str:
    return text


@DBOS.workflow()
async def story(steps: int, text: str) -> int:
    written = 0
    for _ in range(steps):
        written += len(await step(text))
    return written


class Dbos:
    name = "DBOS steps"
    note = "A workflow of twelve async steps, called and awaited."

    async def open(self, url: str) -> None:
        config: DBOSConfig = {
            "name": "bench",
            "system_database_url": url,
            "log_level": "WARNING",
        }
        DBOS(config=config)
        DBOS.launch()

    async def story(self, steps: int, text: str) -> None:
        # Not by a handle, whose `get_result` polls once a second.
        await story(steps, text)

    async def close(self) -> None:
        DBOS.destroy()
