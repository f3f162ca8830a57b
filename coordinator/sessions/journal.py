"""A run's journal: numbers its events, tells them at once and stores them in batches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from coordinator.errors import Fenced, NotFound, StoryloomError, Unavailable
from coordinator.sessions.events import Event, from_storage, join_for_storage
from coordinator.sessions.streams import Streams
from coordinator.store.runs import Failing, Finished, RunOperations
from coordinator.store.sessions import Changed, Json
from coordinator.store.turns import AnswerResult, FinishedTurn, TurnOperations, result_of
from coordinator.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)
T = TypeVar("T")


CLOSE_S = 2.0
"""A run that ends waits for so long that its last events are stored: more may be a database that is away."""


class Journal:
    """Of one run, which alone numbers the session's events while it holds `epoch`.

    Functions of the store number the events that they make. While one is under way nothing else is numbered: what is
    emitted meanwhile waits and follows it. Everything pending is stored before it, or with it. Where its answer is lost
    the store is asked what it has numbered before anything else is.
    """

    def __init__(
        self,
        session_id: UUID,
        epoch: int,
        seq: int,
        delta_from: int | None,
        runs: RunOperations,
        streams: Streams,
        flush_s: float,
        metrics: Metrics,
    ) -> None:
        self.session_id = session_id
        self.epoch = epoch
        self.fenced = False
        self.ending = False
        """The node is ending: the run hands the session back when the step at hand is done."""
        self.on_fenced: Callable[[], object] = lambda: None
        self.on_stop: Callable[[], object] = lambda: None
        """A person wants the answer under way to end where it is."""
        self.before_telling: Callable[[], object] = lambda: None
        self._seq = seq
        self._delta_from = delta_from
        self._runs = runs
        self._streams = streams
        self._flush_s = flush_s
        self._metrics = metrics
        self._told_as = {"session_id": str(session_id), "epoch": epoch}
        self._about = {"session_id": str(session_id), "run": epoch}
        """For log lines: a batch may be stored by who is no part of the run."""
        self._pending: list[Event] = []
        self._rows: list[Json] = []
        """Sent, but not known to be stored. Sent again as they are: joined anew, text would be stored twice."""
        self._waiting: list[tuple[str, Json]] | None = None
        self._unsure = False
        """An answer of the store was lost: it may have given numbers that are not known here."""
        self._changed = False
        """Others have changed the session: that is yet to be numbered."""
        self._replaced = False
        """Another epoch has begun, as somebody else than the store's own answers has said."""
        self._lock = asyncio.Lock()
        self._flusher: asyncio.Task[None] | None = None

    def emit(self, type: str, **payload: Any) -> None:
        """Tell an event now, store it within a flush interval. May be lost with the process until then."""
        if self.fenced:
            return
        if self._waiting is not None:
            self._waiting.append((type, payload))
            return
        self._seq += 1
        event = Event({"type": type, **self._told_as, "seq": self._seq, "at": datetime.now(UTC).isoformat(), **payload})
        if type == "agent.delta" and self._delta_from is None:
            self._delta_from = self._seq
        self._pending.append(event)
        self._streams.publish(self.session_id, [event], saved=False)
        self._flush_soon()

    async def finish_step(self, result: Json) -> Finished:
        """Stores the pending events and the step in one call, then tells what it made. Durable on return."""

        async def write(pending: list[Json]) -> Finished:
            whole = {**result, "after_seq": self._seq, "delta_from": self._delta_from or self._seq + 1}
            answer = await self._runs.finish_step(self.session_id, self.epoch, pending, whole)
            self._delta_from = None
            return answer

        return await self._numbered_by_store(write, lambda answer: answer.events)

    async def finish_turn(self, turns: TurnOperations, result: AnswerResult) -> FinishedTurn:
        """Stores the pending events and an answer in one call, then tells what it made. Durable on return. The run is
        over with it unless it answers a next turn."""

        async def write(pending: list[Json]) -> FinishedTurn:
            whole = {**result_of(result), "after_seq": self._seq, "delta_from": self._delta_from or self._seq + 1}
            answer = await turns.finish(self.session_id, self.epoch, pending, whole)
            self._delta_from = None
            return answer

        answer = await self._numbered_by_store(write, lambda answer: answer.events)
        if answer.talk is None or not result.goes_on:
            # All is told and stored. What comes next in the session is another run's, perhaps of this very node.
            self.fenced = True
        return answer

    def changed(self) -> None:
        """Others have changed the session: what they did is numbered and told within a flush interval."""
        self._changed = True
        self._flush_soon()

    async def number_changes(self) -> None:
        """Numbers and tells what others have changed in the session."""

        async def write(pending: list[Json]) -> list[Json]:
            return await self._runs.number_changes(self.session_id, self.epoch, pending)

        await self._numbered_by_store(write, lambda events: events)

    async def open_gate(self, gate: Json) -> Changed:
        """Stores the pending events and the gate in one call. The run is over on return."""

        async def write(pending: list[Json]) -> Changed:
            return await self._runs.open_gate(self.session_id, self.epoch, pending, {**gate, "after_seq": self._seq})

        return await self._numbered_by_store(write, lambda answer: answer.events)

    async def fail(self, failing: Failing) -> Changed:
        """Stores the pending events and the failure in one call."""

        async def write(pending: list[Json]) -> Changed:
            return await self._runs.fail(self.session_id, None, failing, epoch=self.epoch, events=pending)

        return await self._numbered_by_store(write, lambda answer: answer.events)

    async def through(self, write: Callable[[int], Awaitable[T]], events: Callable[[T], list[Json]]) -> T:
        """Any other write that makes events: `write` gets the epoch to name; its events are told in order."""

        async def after_pending(pending: list[Json]) -> T:
            if pending:
                await self._runs.append_events(self.session_id, self.epoch, pending)
            return await write(self.epoch)

        return await self._numbered_by_store(after_pending, events)

    async def flush(self) -> None:
        """Store what is pending. On return it is durable. Raises Fenced once a newer run holds the session."""
        async with self._alone():
            await self._make_sure()
            seq = self._seq
            rows = self._unstored()
            if not rows or self.fenced:
                return
            await self._runs.append_events(self.session_id, self.epoch, rows)
            self._stored(seq)

    def replaced(self) -> None:
        """As `fence`, but after a write under way: it may be the very one that ended the run, and its answer has yet to
        be told, so that readers hear why."""
        if self._lock.locked():
            self._replaced = True
        else:
            self.fence()

    def fence(self) -> None:
        """Another epoch has begun: this run tells and stores nothing more, and is stopped."""
        if self.fenced:
            return
        self.fenced = True
        self._pending.clear()
        self._rows = []
        self._streams.forget(self.session_id)
        self.on_fenced()

    async def close(self) -> None:
        """Stop the flusher and store the rest, as far as the store takes it now."""
        if self._flusher is not None:
            self._flusher.cancel()
            await asyncio.gather(self._flusher, return_exceptions=True)
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.flush()
        except (StoryloomError, TimeoutError) as error:
            logger.info("events not stored at the end of the run: %s", error, extra=self._about)
        finally:
            # A fenced run has forgotten already, and what is told now may be its successor's.
            if not self.fenced:
                self._streams.forget(self.session_id)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        async with self._lock:
            try:
                yield
            finally:
                if self._replaced:
                    self.fence()

    async def _numbered_by_store(
        self, write: Callable[[list[Json]], Awaitable[T]], events: Callable[[T], list[Json]]
    ) -> T:
        async with self._alone():
            await self._make_sure()
            rows = self._unstored()
            self._waiting = []
            try:
                answer = await write(rows)
            except (Unavailable, asyncio.CancelledError):
                self._unsure = True
                self._flush_soon()
                raise
            except BaseException:
                self._number_again()
                raise
            self._stored(self._seq)
            told = [Event(fields) for fields in events(answer)]
            if told and told[0].seq == self._seq + 1:
                self._told(told)
                self._number_again()
            else:
                # It was done by a call whose answer was lost, or changed nothing: the store knows.
                self._unsure = True
                await self._make_sure()
            return answer

    async def _make_sure(self) -> None:
        """Tells what the store has numbered without an answer here; after that numbers are this run's to give again."""
        while self._unsure and not self.fenced:
            rows = await self._runs.events_after(self.session_id, self._seq)
            if rows and rows[0]["seq"] == self._seq + 1:
                # What was to be stored with it or before it is stored. To send it again would bring deltas back.
                self._stored(self._seq)
                self._told([from_storage(row, self._seq) for row in rows])
            elif rows:
                self.fence()
            else:
                self._unsure = False
                self._number_again()

    def _number_again(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        for type, payload in waiting:
            self.emit(type, **payload)

    def _unstored(self) -> list[Json]:
        if self._pending:
            self._metrics.event_batch.observe(len(self._pending))
        self._rows += join_for_storage(self._pending)
        self._pending = []
        return self._rows

    def _stored(self, up_to_seq: int) -> None:
        self._rows = []
        self._streams.mark_saved(self.session_id, up_to_seq)

    def _told(self, events: list[Event]) -> None:
        self._seq = events[-1].seq
        # Whoever is told of a change and then asks for the session must not be shown it as it was.
        self.before_telling()
        self._streams.publish(self.session_id, events, saved=True)
        if events[-1].epoch > self.epoch:
            # The write was one that ends this run: what was emitted meanwhile is no part of the record.
            self.fence()

    def _flush_soon(self) -> None:
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_later(), name=f"journal {self.session_id}")

    async def _flush_later(self) -> None:
        # One task lives while there is something to store, so an idle run has none.
        while (self._pending or self._rows or self._unsure or self._changed) and not self.fenced:
            await asyncio.sleep(self._flush_s)
            if self._lock.locked():
                # A write is under way: it takes along what was pending, and what came since can wait a moment.
                continue
            changed, self._changed = self._changed, False
            try:
                await (self.number_changes() if changed else self.flush())
            except (Fenced, NotFound):
                self.fence()
            except Unavailable as error:
                # The gateway has waited already; it stays pending and is tried again.
                self._changed |= changed
                logger.warning("events are not stored yet: %s", error, extra=self._about)
            except StoryloomError as error:
                # The next step's write decides what becomes of it.
                logger.warning("events can't be stored: %s", error, extra=self._about)
                return
