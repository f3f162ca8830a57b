"""Operations on what one user, or all who are anonymous at one address, may keep, have under way and use up.

What is looked at when something is written is looked at in the same transaction, by the database itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from coordinator.models import SERVICE
from coordinator.settings import Settings
from coordinator.store.gateway import Gateway


def limits_of(settings: Settings) -> dict[str, float | None]:
    """By the names that the database's functions know; None is no limit."""
    return {
        "user_bytes": settings.user_bytes,
        "session_bytes": settings.session_bytes,
        "user_sessions": settings.sessions_per_user,
        "user_projects": settings.projects_per_user,
        "project_members": settings.members_per_project,
        "project_invites": settings.invites_per_project,
        "project_bytes": settings.project_bible_bytes,
        "pages_at_work": settings.pages_at_work,
        "turns_user": settings.turns_per_user,
        "day_tokens_user": settings.day_tokens_per_user,
        "day_usd_user": settings.day_usd_per_user,
        "day_tokens": settings.day_tokens,
        "day_usd": settings.day_usd,
    }


class LimitOperations:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def set(self, limits: Mapping[str, float | None]) -> None:
        """These and no others, for all nodes."""
        await self._gateway.write("set_limits", SERVICE, limits=dict(limits))

    async def note_origin(self, user_id: UUID, origin: str) -> None:
        """Whom an anonymous user's stories count for from now on."""
        await self._gateway.write("note_origin", SERVICE, user_id=user_id, origin=origin)

    async def check_more(self, user_id: UUID, session_id: UUID, size: int) -> None:
        """Raises TooLarge where `size` bytes more would be too many, RateLimited where a day's tokens are used up."""
        await self._gateway.write("check_more", SERVICE, user_id=user_id, session_id=session_id, bytes=size)

    async def check_room(self, user_id: UUID, session_id: UUID, size: int) -> None:
        """Raises TooLarge where `size` bytes more would be too many, of the user or of the session."""
        await self._gateway.write("check_room", SERVICE, user_id=user_id, session_id=session_id, bytes=size)
