"""Operations on all that is kept of one user: read it page by page, erase it batch by batch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from coordinator.models import SERVICE, Identity
from coordinator.store.gateway import Gateway
from coordinator.store.sessions import Json

PAGE = 200
"""Rows of one read at the most."""
PAGE_BYTES = 1_000_000
"""A read ends with the row that reaches this."""
BATCH = 20
"""Sessions of one erasing transaction: a second or so where they are long ones."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A table of which a user may take away their own rows, and the column that orders them."""

    table: str
    key: str


PROFILE = Rows("profiles", "id")
SESSIONS = Rows("story_sessions", "id")
PROJECTS = Rows("projects", "id")
MEMBERSHIPS = Rows("user_projects", "project_id")
OF_A_SESSION = {
    "messages": Rows("session_messages", "seq"),
    "drafts": Rows("session_drafts", "version"),
    "alternatives": Rows("session_alternatives", "number"),
    "steps": Rows("session_steps", "step"),
    "events": Rows("session_events", "seq"),
    "stories": Rows("stories", "id"),
    "materials": Rows("session_materials", "session_id"),
}
"""By the name under which a session's file has them. A test refuses a table of users that is nowhere here."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What one batch removed, by table, and the sessions among it; with `more`, another batch is to follow."""

    removed: dict[str, int]
    session_ids: list[UUID]
    more: bool


class UserOperations:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def pages(
        self, identity: Identity, rows: Rows, session_id: UUID | None = None, *, size: int = PAGE
    ) -> AsyncIterator[list[Json]]:
        """The identity's own rows, whole, read as the identity; each page as of its own moment. None where none are."""
        after: str | None = None
        while True:
            # With a write's patience: half an archive is of no use to anybody.
            page: Json = await self._gateway.write(
                "export_rows",
                identity,
                table=rows.table,
                key=rows.key,
                owner=identity.user_id,
                session_id=session_id,
                after=after,
                limit=size,
                bytes=PAGE_BYTES,
            )
            if page["items"]:
                yield page["items"]
            after = page["next_cursor"]
            if after is None:
                return

    async def schema_version(self) -> str:
        return str((await self._gateway.read("schema_state", SERVICE))["version"])

    async def erase(self, owner: UUID, *, batch: int = BATCH) -> Erased:
        """A batch of the user's sessions, with the last one everything else of theirs. Again removes nothing.

        A batch whose answer was lost on the way, and which was therefore done again, is not counted."""
        answer: dict[str, Any] = await self._gateway.write("erase_user", SERVICE, owner=owner, limit=batch)
        return Erased(answer["removed"], [UUID(text) for text in answer["session_ids"]], answer["more"])

    async def erase_local(self, owner: UUID) -> int:
        """The user of local sign-in, and whatever they began since the last batch. How many there were: 1 or 0."""
        answer: dict[str, int] = await self._gateway.write("local_erase", SERVICE, user_id=owner)
        return answer["removed"]
