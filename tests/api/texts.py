"""What is done to a story's text over REST, as several tests do it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.api.support import TEST_MODEL
from tests.model_server import ModelServer, Reply
from tests.service import Service, bearer

ID = "00000000-0000-4000-8000-000000000000"
MINE = "Nobody had told the gulls, and so they came all the same."


def getter(service: Service, token: str) -> Any:
    async def get(path: str, **params: Any) -> Any:
        answer = await service.get(path, token, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return get


async def put(service: Service, session_id: str, content: Any, base: Any, token: str | None = None) -> httpx.Response:
    return await service.http.put(
        f"/api/sessions/{session_id}/drafts",
        headers=bearer(token or service.token),
        json={"content": content, "base_version": base},
    )


async def failed_at(service: Service, model: ModelServer, task: str, token: str, pages: int = 3) -> str:
    """A story by the tests' model that has come to this task, and failed at it."""
    model.script(Reply.fails(400, when=f"Your task: {task}"))
    async with service.socket(token) as socket:
        session_id = await socket.start(pages=pages, model=TEST_MODEL, max_revisions=0)
        assert (await socket.until_finished(session_id))["status"] == "failed"
    return session_id


async def ended(service: Service, session_id: str, token: str) -> str:
    async with service.socket(token) as socket:
        await socket.send(type="session.attach", session_id=session_id)
        end = await socket.until_finished(session_id)
        return str(end.get("status") or end["session"]["status"])


async def current(service: Service, session_id: str, token: str | None = None) -> dict[str, Any]:
    answer = await service.get(f"/api/sessions/{session_id}/story", token)
    assert answer.status_code == 200, answer.text
    story: dict[str, Any] = answer.json()
    return story


_stories: dict[Path, str] = {}
"""By the service's own folder."""


async def finished(service: Service) -> str:
    """A story of one page that the tests of refusals share: nothing of it is changed."""
    if service.settings.data_dir not in _stories:
        _stories[service.settings.data_dir] = await service.story(pages=1)
    return _stories[service.settings.data_dir]
