"""What a reader watches: the past of a session, then whatever comes. Sockets have one, and streamed answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from uuid import UUID

from pydantic_core import to_json

from api.errors import error_frame
from api.state import State
from coordinator.errors import Conflict, Internal, StoryloomError, Unavailable
from coordinator.models import Identity
from coordinator.sessions.events import from_storage
from coordinator.sessions.streams import Attachment, Reader, TooSlow

logger = logging.getLogger(__name__)

REPLAY_CHUNK = 200
"""Events read at a time, so that a long past is neither one long query nor one large answer."""
ANY_EPOCH = 2**31 - 1
"""For a client that names no epoch: what it has seen is believed to be what was kept."""


class Watching:
    """Fills a reader's queue, each session by an attachment of its own. What goes wrong with one is told in the queue,
    as an `error` frame, and the others go on."""

    def __init__(self, state: State, reader: Reader, caller: Identity) -> None:
        """`caller` is who reads; it may be replaced by a later identity of the same user."""
        self.caller = caller
        self._state = state
        self._reader = reader
        self._turn = asyncio.Lock()
        self._attachments: dict[UUID, Attachment] = {}
        self._attaching: dict[UUID, asyncio.Task[None]] = {}

    def check_room(self) -> None:
        """Raises Conflict where the reader watches as many sessions as one may."""
        limit = self._state.settings.attach_limit
        for session_id in [session_id for session_id, watch in self._attachments.items() if watch.ended]:
            del self._attachments[session_id]
        if len(self._attachments) >= limit:
            raise Conflict(f"One connection may watch {limit} sessions. Detach from one, or open another connection.")

    def watches(self, session_id: UUID) -> bool:
        """Whether the session was attached to and not detached from."""
        return session_id in self._attachments

    def attach(self, session_id: UUID, epoch: int | None, after_seq: int | None) -> None:
        """Begins to watch; a second attach to the same session takes the place of the first. Raises Conflict."""
        self.detach(session_id)
        self.check_room()
        attachment = self._state.manager.streams.attach(self._reader, session_id, self._state.settings.reader_queue)
        attachment.on_diverged = lambda: self.attach(session_id, None, None)
        self._attachments[session_id] = attachment
        # Beside whatever else the reader is told, so that a long replay holds none of it up.
        self._attaching[session_id] = asyncio.create_task(self._catch_up(attachment, epoch, after_seq))

    def detach(self, session_id: UUID) -> None:
        """Nothing more is told of the session. Of no effect where it is not watched."""
        if (task := self._attaching.pop(session_id, None)) is not None:
            task.cancel()
        if (attachment := self._attachments.pop(session_id, None)) is not None:
            self._state.manager.streams.detach(attachment)

    async def close(self) -> None:
        """Nothing is watched any more, nothing is kept for the reader, and every task has ended on return."""
        attaching = list(self._attaching.values())
        for task in attaching:
            task.cancel()
        await asyncio.gather(*attaching, return_exceptions=True)
        for attachment in self._attachments.values():
            self._state.manager.streams.detach(attachment)
        self._reader.close()
        # They lead back to here: what has ended would else be kept until the garbage collector comes by.
        self._attachments.clear()

    async def _catch_up(self, attachment: Attachment, epoch: int | None, after_seq: int | None) -> None:
        """The past after `after_seq`, or a snapshot where that is not what was kept; then live."""
        session_id = attachment.session_id
        try:
            # One after another, so that no more of the past is in memory than the reader has room for.
            async with self._turn:
                if after_seq is None or not await self._replay(attachment, epoch, after_seq):
                    await self._room()
                    snapshot = await self._state.snapshots.get(self.caller, session_id)
                    self._note_guest(attachment, UUID(snapshot.fields["session"]["user_id"]))
                    await attachment.replay(snapshot)
                    self._state.manager.metrics.snapshots.inc()
                attachment.go_live()
            if attachment.guest is not None:
                # They may have been removed while the past was read, before anybody knew that they watch.
                with contextlib.suppress(Unavailable):
                    await self._state.manager.feed.look_again()
        except TooSlow:
            # Who empties the queue ends the connection.
            return
        except StoryloomError as error:
            self._give_up(attachment, error)
        except Exception:
            logger.exception("replaying session %s broke", session_id)
            self._give_up(attachment, Internal("The session could not be replayed. Attach again."))
        finally:
            if self._attaching.get(session_id) is asyncio.current_task():
                del self._attaching[session_id]

    def _note_guest(self, attachment: Attachment, owner: UUID) -> None:
        if owner != self.caller.user_id and not self.caller.is_admin:
            attachment.guest = self.caller.user_id

    async def _room(self) -> None:
        """For a page of the past, of this reader and of all."""
        await self._reader.room()
        await self._state.connections.held.room()

    def _give_up(self, attachment: Attachment, error: StoryloomError) -> None:
        session_id = attachment.session_id
        if self._attachments.get(session_id) is attachment:
            del self._attachments[session_id]
        self._state.manager.streams.detach(attachment)
        self._reader.offer(encoded(error_frame(error, session_id=str(session_id))))

    async def _replay(self, attachment: Attachment, epoch: int | None, after_seq: int) -> bool:
        """False where only a snapshot can tell it."""
        manager, session_id = self._state.manager, attachment.session_id
        told = manager.streams.last_told(session_id)
        seen, count = after_seq, 0
        while True:
            await self._room()
            async with self._state.catching_up:
                page = await manager.record.replay(
                    self.caller, session_id, ANY_EPOCH if epoch is None else epoch, seen, REPLAY_CHUNK
                )
            if seen == after_seq:
                if after_seq > max(page.last_seq, told) or (epoch is not None and not page.same_past):
                    return False
                attachment.start_after(page.epoch if epoch is None else epoch, after_seq)
                self._note_guest(attachment, page.user_id)
            for item in page.items:
                await attachment.replay(from_storage(item, seen))
                seen = item["seq"]
            count += len(page.items)
            if not page.more:
                manager.metrics.replay.observe(count)
                return True


def encoded(frame: dict[str, object]) -> str:
    """A frame as it goes out."""
    return to_json(frame, inf_nan_mode="null").decode()
