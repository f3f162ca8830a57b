"""All that is kept of a session as one JSON document, written page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import to_json

from coordinator.errors import Conflict
from coordinator.models import Identity
from coordinator.sessions import StorySessionManager
from coordinator.store.gateway import Page

FORMAT = 1
"""Of the document; raised when what a program reads from it moves."""
PAGE = 100
DRAFTS = 10
"""On a page; a draft may be some hundred kilobytes long."""

NextPage = Callable[[str | None], Awaitable[Page[Any]]]


async def whole(manager: StorySessionManager, identity: Identity, session_id: UUID) -> AsyncIterator[bytes]:
    """`{format, exported_at, session, story, drafts, messages, alternatives, steps, events}`.

    `story` is null before the first draft. Raises NotFound before there is anything to send. One page of rows is in
    memory at a time, each as of its own moment. A document that breaks off is no JSON, so that no program takes it for
    whole.
    """
    session = await manager.get_session(identity, session_id)
    try:
        story = await manager.get_story(identity, session_id)
    except Conflict:
        story = None
    head = {"format": FORMAT, "exported_at": datetime.now(UTC), "session": session, "story": story}

    async def events(cursor: str | None) -> Page[Any]:
        found = await manager.list_events(identity, session_id, int(cursor or 0), PAGE)
        for event in found.items:
            # How a row of joined deltas may be cut is of use to a replay alone.
            event.pop("parts", None)
        return found

    lists: dict[str, NextPage] = {
        "drafts": lambda cursor: manager.list_drafts(identity, session_id, DRAFTS, cursor),
        "messages": lambda cursor: manager.list_messages(identity, session_id, PAGE, cursor),
        "alternatives": lambda cursor: manager.list_alternatives(identity, session_id, PAGE, cursor),
        "steps": lambda cursor: manager.list_steps(identity, session_id, PAGE, cursor),
        "events": events,
    }
    return _pieces(head, lists)


async def _pieces(head: dict[str, Any], lists: dict[str, NextPage]) -> AsyncIterator[bytes]:
    yield to_json(head)[:-1]
    for name, next_page in lists.items():
        yield f',"{name}":['.encode()
        before, cursor, more = b"", None, True
        while more:
            page = await next_page(cursor)
            if page.items:
                yield before + b",".join(_json(item) for item in page.items)
                before = b","
            cursor = page.next_cursor
            more = cursor is not None
        yield b"]"
    yield b"}\n"


def _json(item: BaseModel | dict[str, Any]) -> bytes:
    return to_json(item)
