"""What is stored, told to the readers on this node: of runs here and on other nodes, and of what people change."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from pydantic_core import to_json

from coordinator.errors import Unavailable
from coordinator.sessions.events import Event, from_storage
from coordinator.sessions.journal import Journal
from coordinator.sessions.memory import Memory
from coordinator.sessions.streams import Streams
from coordinator.store import Store
from coordinator.store.sessions import Json


class Feed:
    """Each reader gets each event once, in order: before what is told now comes what another node has stored."""

    def __init__(self, store: Store, streams: Streams, memory: Memory, held: Mapping[UUID, Journal]) -> None:
        """`held` are the journals of the runs on this node, which tell their events themselves."""
        self._store = store
        self._streams = streams
        self._memory = memory
        self._held = held

    async def follow(self, only: Collection[UUID] | None = None) -> None:
        """Tell readers here what other nodes have stored, of all sessions or of `only` these; one call of the store."""
        wanted = {
            session_id: seq
            for session_id, seq in self._streams.positions().items()
            if session_id not in self._held and (only is None or session_id in only)
        }
        if wanted:
            for session_id, events in (await self._store.record.events_after(wanted)).items():
                if events is None:
                    self.end(session_id)
                elif session_id not in self._held:
                    self._publish_stored(session_id, events)

    async def tell(self, session_id: UUID, events: list[Json]) -> None:
        """Stored events of a session that no run here numbers, after those of other nodes that readers here lack."""
        self._streams.stored.add(session_id)
        if not events or self._streams.position(session_id) is None:
            # Who is being replayed to finds them in the store, at the latest by `follow`.
            return
        try:
            await self.catch_up(session_id, events[0]["seq"] - 1)
        except Unavailable:
            # The write is done; `follow` tells of it when the database is back.
            return
        self._streams.publish(session_id, [Event(event) for event in events], saved=True)

    async def catch_up(self, session_id: UUID, up_to_seq: int) -> None:
        """Before this node's own events: those that another node stored and readers here have not seen."""
        seq = self._streams.position(session_id)
        while seq is not None and seq < up_to_seq:
            events = (await self._store.record.events_after({session_id: seq})).get(session_id)
            if not events:
                return
            self._publish_stored(session_id, [event for event in events if event["seq"] <= up_to_seq])
            seq = events[-1]["seq"]

    async def look_again(self) -> None:
        """End the watch of whoever is no member any more of the project of a session; one call of the store where
        somebody here watches as one."""
        watched = self._streams.guests()
        if watched:
            for guest, session_id in await self._store.projects.lost_sights(watched):
                self._streams.dismiss(guest, session_id, _gone(session_id, "There is no such session."))

    def end(self, session_id: UUID) -> None:
        """The session is gone: its run here stops, and whoever watches it, on other nodes too, is told."""
        self._streams.stored.add(session_id)
        journal = self._held.get(session_id)
        if journal is not None:
            journal.fence()
        self.gone(session_id)

    def gone(self, session_id: UUID) -> None:
        """The session was deleted: it leaves the memory, and who watches it here is told."""
        self._memory.forget(session_id)
        self._streams.end(session_id, _gone(session_id, "The session was deleted."))

    def _publish_stored(self, session_id: UUID, events: list[Json]) -> None:
        # Whole: each reader takes of a joined delta what is new to it.
        self._streams.publish(session_id, [from_storage(event, 0) for event in events], saved=True)


def _gone(session_id: UUID, message: str) -> str:
    """The last frame of a watch."""
    told = {
        "type": "error",
        "code": "not_found",
        "message": message,
        "session_id": str(session_id),
        "retryable": False,
    }
    return to_json(told).decode()
