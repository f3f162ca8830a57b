"""All that is kept of a session as one JSON document, written page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from coordinator.errors import Conflict
from coordinator.models import Identity, SessionDetail
from coordinator.sessions.manager import StorySessionManager
from coordinator.store.gateway import Page
from coordinator.workers.turns import Room, Turns

FORMAT = 1
"""Of the document; raised when what a program reads from it moves."""
PAGE = 20
DRAFTS = 1
"""On a page; a draft has a megabyte at the most, and so has what an event tells of one."""

STREAMS, PER_USER = 100, 4
"""Records that are sent at once by one service, and of one user's sessions; further ones are refused."""
READING = 4
"""Pages that are read at once, whoever they are of."""

NextPage = Callable[[str | None], Awaitable[Page[Any]]]


class Records:
    """Sends records. One page of rows a record is in memory at a time, each as of its own moment and read in a turn of
    its own, so that whoever takes a record slowly keeps nobody waiting."""

    def __init__(self) -> None:
        self._streams = Turns(Room(STREAMS, 0, PER_USER, "exports"))
        self._reading = Turns(Room(READING, STREAMS, PER_USER, "exports"))

    async def whole(self, manager: StorySessionManager, identity: Identity, session_id: UUID) -> AsyncIterator[bytes]:
        """`{format, exported_at, session, story, drafts, messages, alternatives, steps, events}`.

        `story` is null before the first draft. Raises NotFound, RateLimited and Unavailable before there is anything to
        send. A document that breaks off is no JSON, so that no program takes it for whole.
        """
        session = await manager.get_session(identity, session_id)
        pieces = self._pieces(manager, identity, session)
        return _from(await anext(pieces), pieces)

    async def _pieces(
        self, manager: StorySessionManager, identity: Identity, session: SessionDetail
    ) -> AsyncIterator[bytes]:
        user = identity.user_id
        async with self._streams.turn(user):
            async with self._reading.turn(user):
                head = await _head(manager, identity, session)
            yield head
            for name, next_page in _lists(manager, identity, session.id).items():
                yield f',"{name}":['.encode()
                before, cursor, more = b"", None, True
                while more:
                    async with self._reading.turn(user):
                        page = await next_page(cursor)
                        cursor, more = page.next_cursor, page.next_cursor is not None
                        piece = before + b",".join(map(to_json, page.items))
                    if page.items:
                        before = b","
                        yield piece
                yield b"]"
            yield b"}\n"


async def _from(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


async def _head(manager: StorySessionManager, identity: Identity, session: SessionDetail) -> bytes:
    try:
        story = await manager.record.story(identity, session.id)
    except Conflict:
        story = None
    return to_json({"format": FORMAT, "exported_at": datetime.now(UTC), "session": session, "story": story})[:-1]


def _lists(manager: StorySessionManager, identity: Identity, session_id: UUID) -> dict[str, NextPage]:
    async def events(cursor: str | None) -> Page[Any]:
        found = await manager.record.events(identity, session_id, int(cursor or 0), PAGE)
        for event in found.items:
            # How a row of joined deltas may be cut is of use to a replay alone.
            event.pop("parts", None)
        return found

    return {
        "drafts": lambda cursor: manager.record.drafts(identity, session_id, DRAFTS, cursor),
        "messages": lambda cursor: manager.record.messages(identity, session_id, PAGE, cursor),
        "alternatives": lambda cursor: manager.record.alternatives(identity, session_id, PAGE, cursor),
        "steps": lambda cursor: manager.record.steps(identity, session_id, PAGE, cursor),
        "events": events,
    }
