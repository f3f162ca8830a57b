"""Accounts: a user takes away all that is kept of them, or has it erased."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from pydantic_core import to_json

from coordinator.models import Identity
from coordinator.people.archive import Archive
from coordinator.people.erasures import Erasures
from coordinator.people.signins import SignIns
from coordinator.running.stories import Runs
from coordinator.sessions.manager import StorySessionManager
from coordinator.store.users import MEMBERSHIPS, OF_A_SESSION, PROFILE, PROJECTS, SESSIONS

logger = logging.getLogger(__name__)

FORMAT = 1
"""Of the archive; raised when what a program reads from it moves."""
SIGN_IN_CLAIMS = ("email", "phone", "is_anonymous", "app_metadata", "user_metadata")


class Receipt(BaseModel):
    """What was removed, from where."""

    user_id: UUID
    erased_at: datetime
    removed: dict[str, int] = Field(description="rows by table")
    sign_in_removed: bool = Field(description="whether the user is gone from where they sign in, too")
    note: str | None = Field(default=None, description="where the sign-in remains: why, and who can delete it")


class Accounts:
    def __init__(self, manager: StorySessionManager, runs: Runs, sign_ins: SignIns, erasures: Erasures) -> None:
        self._manager = manager
        self._store = manager.store
        self._runs = runs
        self._sign_ins = sign_ins
        self._erasures = erasures

    async def export(self, identity: Identity) -> AsyncIterator[bytes]:
        """A ZIP archive, piece by piece: one page of rows is in memory at a time, however much the user wrote.

        Read as the user; what changes meanwhile may be in it or not. Raises before the first piece where the database
        is away; an archive that breaks off later lacks its table of contents, so that no program takes it for whole.
        """
        owner = identity.writer()
        schema = await self._store.users.schema_version()
        keys = [key.model_dump(mode="json") for key in await self._store.keys.of(owner)]
        shares = [share.model_dump(mode="json") for share in await self._store.shares.of(owner)]
        sign_ins = await self._store.signins.of(owner)
        invites = [invite.model_dump(mode="json") for invite in await self._store.projects.invites(owner)]
        by_admins = await self._store.admin.audit_of(owner)
        profile = [row async for page in self._store.users.pages(identity, PROFILE) for row in page]
        memberships = [row async for page in self._store.users.pages(identity, MEMBERSHIPS) for row in page]
        sign_in = {name: identity.claims[name] for name in SIGN_IN_CLAIMS if name in identity.claims}
        whole = {
            "profile.json": {"profile": profile[0] if profile else None, "sign_in": {"id": str(owner), **sign_in}},
            "keys.json": keys,
            "shares.json": shares,
            "sign_ins.json": sign_ins,
            "memberships.json": memberships,
            "invites.json": invites,
            "admins.json": by_admins,
        }
        counts = Counter(
            {
                "profiles": len(profile),
                "user_api_keys": len(keys),
                "session_shares": len(shares),
                "sign_ins": len(sign_ins),
                "user_projects": len(memberships),
                "project_invites": len(invites),
                "admin_audit": len(by_admins),
            }
        )
        manifest = {"format": FORMAT, "user_id": str(owner), "exported_at": datetime.now(UTC), "schema_version": schema}
        return self._pieces(identity, whole, counts, manifest)

    async def erase(self, identity: Identity) -> Receipt:
        """All that is kept of the user is gone on return, their runs stopped. Again it removes nothing and says so."""
        owner = identity.writer()
        removed: Counter[str] = Counter()
        while True:
            # First in the store, which fences the runs wherever they are; then the runs that are here.
            batch = await self._store.users.erase(owner)
            removed.update(batch.removed)
            for session_id in batch.session_ids:
                await self._runs.stop(session_id)
                self._manager.feed.gone(session_id)
            if not batch.more:
                break
        of_sign_in, note = await self._sign_ins.erase(owner)
        removed.update(of_sign_in)
        if note is None:
            # Last: as long as anything is left, its owner may ask again.
            await self._erasures.note(identity)
        logger.info("user %s was erased, with %d sessions", owner, removed["story_sessions"])
        return Receipt(
            user_id=owner, erased_at=datetime.now(UTC), removed=dict(removed), sign_in_removed=note is None, note=note
        )

    async def _pieces(
        self, identity: Identity, whole: dict[str, Any], counts: Counter[str], manifest: dict[str, Any]
    ) -> AsyncIterator[bytes]:
        with Archive() as archive:
            for name, value in whole.items():
                _add(archive, name, value)
            async for page in self._store.users.pages(identity, PROJECTS):
                for project in page:
                    counts["projects"] += 1
                    _add(archive, f"projects/{project['id']}.json", project)
                yield archive.take()
            async for page in self._store.users.pages(identity, SESSIONS):
                for session in page:
                    counts["story_sessions"] += 1
                    # Closed at once where nobody wants the rest: its file must be closed before the archive is.
                    async with aclosing(self._session(identity, archive, session, counts)) as pieces:
                        async for piece in pieces:
                            yield piece
            _add(archive, "manifest.json", {**manifest, "counts": counts})
        yield archive.take()

    async def _session(
        self, identity: Identity, archive: Archive, session: dict[str, Any], counts: Counter[str]
    ) -> AsyncGenerator[bytes, None]:
        session_id = UUID(session["id"])
        with archive.open(f"sessions/{session_id}.json") as file:
            file.write(b'{"session": ' + to_json(session))
            for name, rows in OF_A_SESSION.items():
                file.write(f', "{name}": ['.encode())
                before = b""
                async for page in self._store.users.pages(identity, rows, session_id):
                    counts[rows.table] += len(page)
                    await asyncio.to_thread(file.write, before + to_json(page)[1:-1])
                    before = b", "
                    if piece := archive.take():
                        yield piece
                file.write(b"]")
            file.write(b"}\n")


def _add(archive: Archive, name: str, value: Any) -> None:
    with archive.open(name) as file:
        file.write(to_json(value, indent=2) + b"\n")
