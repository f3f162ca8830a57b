"""Google ADK with DatabaseSessionService.

After its "Sessions" guide: the service on `postgresql+asyncpg`, `create_session`, `append_event`, `get_session`. The
session object is kept between appends, as a runner keeps it. ADK keeps no steps of a workflow, so it has no story.
"""

from __future__ import annotations

from typing import Any

from google.adk.events import Event
from google.adk.sessions import DatabaseSessionService
from google.genai import types

PLACE = {"app_name": "bench", "user_id": "writer"}


class Adk:
    name = "Google ADK DatabaseSessionService"
    note = "`append_event` on a session that is held, `get_session`; SQLAlchemy's pool of ten, asyncpg."

    async def open(self, url: str) -> None:
        self._service = DatabaseSessionService(
            db_url=url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=10, max_overflow=0
        )

    async def new_session(self) -> Any:
        return await self._service.create_session(**PLACE)

    async def append(self, session: Any, text: str) -> None:
        content = types.Content(role="user", parts=[types.Part(text=text)])
        await self._service.append_event(session, Event(author="user", content=content))

    async def load(self, session: Any) -> Any:
        return await self._service.get_session(**PLACE, session_id=session.id)

    def count(self, loaded: Any) -> int:
        return len(loaded.events)

    async def close(self) -> None:
        await self._service.db_engine.dispose()
