"""OpenAI Agents SDK with SQLAlchemySession.

After its "SQLAlchemy sessions" page: one engine on `postgresql+asyncpg` for all sessions, `create_tables=True` once,
`add_items`, `get_items`. The SDK keeps no steps of a workflow, so it has no story.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from agents.extensions.memory import SQLAlchemySession
from sqlalchemy.ext.asyncio import create_async_engine


class Agents:
    name = "OpenAI Agents SDK SQLAlchemySession"
    note = "`add_items` of one item, `get_items`; one engine with a pool of ten, asyncpg."

    async def open(self, url: str) -> None:
        self._engine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=10, max_overflow=0
        )
        await SQLAlchemySession("first", engine=self._engine, create_tables=True).get_items()

    async def new_session(self) -> Any:
        return SQLAlchemySession(str(uuid4()), engine=self._engine)

    async def append(self, session: Any, text: str) -> None:
        await session.add_items([{"role": "user", "content": text}])

    async def load(self, session: Any) -> Any:
        return await SQLAlchemySession(session.session_id, engine=self._engine).get_items()

    def count(self, loaded: Any) -> int:
        return len(loaded)

    async def close(self) -> None:
        await self._engine.dispose()
