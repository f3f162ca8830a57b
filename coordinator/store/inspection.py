"""An admin's look at what was written in anybody's session, which the audit knows of before they see anything."""

from __future__ import annotations

from uuid import UUID

from coordinator.admins import reads_as
from coordinator.models import SERVICE, Identity
from coordinator.store.gateway import Gateway


async def noted(gateway: Gateway, identity: Identity, session_id: UUID) -> Identity:
    """Whom to read that session as. Of an admin it is in the audit on return, once a minute at the most, where the
    session is somebody else's."""
    if identity.is_admin and identity.user_id is not None:
        await gateway.read("note_inspection", SERVICE, session_id=session_id, admin=identity.user_id)
    return reads_as(identity)
