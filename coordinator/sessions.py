"""StorySessionManager: the one door to session state. A cache of active sessions in front, the store behind."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar
from uuid import UUID, uuid4

from pydantic_core import to_json

from coordinator import traces
from coordinator.cache import Cache, CacheStats, SingleFlight
from coordinator.errors import Fenced, Forbidden, NotFound, Unavailable
from coordinator.events import Event, from_storage
from coordinator.journal import Journal
from coordinator.models import (
    Alternative,
    Budget,
    Draft,
    Failure,
    Identity,
    Kind,
    Message,
    MessageRole,
    Progress,
    Session,
    SessionDetail,
    Status,
    Step,
    Story,
    StoryConfig,
    Usage,
)
from coordinator.store import Store
from coordinator.store.admin import Ending
from coordinator.store.nodes import Beat
from coordinator.store.record import Replay
from coordinator.store.sessions import Changed, Json, Page
from coordinator.store.versions import Made, SoFar
from coordinator.streams import Streams
from coordinator.words import count_words

logger = logging.getLogger(__name__)

FRESH_S = 1.0
"""How old an answer from memory may be for a session that this node does not run: another node may have changed it."""
HELD_FRESH_S = 10.0
"""The same for one that it runs: all that the run does is known here, a title given through another node is not."""
SWEEP_BATCH = 100
RETENTION_BATCHES = 50
"""Of one sweep at the most: after a month of standing still there is a lot to delete."""
T = TypeVar("T")


@dataclass
class Entry:
    """A cached session as of `loaded`, with its current draft where that was asked for."""

    session: SessionDetail
    loaded: float
    draft: Draft | None = None


@dataclass(frozen=True, slots=True)
class Partial:
    """A message that a run before has begun and not ended, as far as it was stored."""

    message_id: UUID
    attempt: int
    text: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """A session taken up by this node: its new epoch's journal, and all that its run goes on from."""

    session: Session
    prompt: str
    steps: list[Json]
    notes: list[str]
    partial: Partial | None
    journal: Journal


class StorySessionManager:
    """Creates, finds, changes and ends sessions. What a method awaits is durable when it returns.

    Every method for a person takes their identity; a session that is not theirs is NotFound, also from memory.
    """

    def __init__(
        self, store: Store, streams: Streams, *, node: str, ttl_s: int = 7200, cache_sessions: int = 1000,
        cache_idle_s: float = 900, flush_s: float = 0.1, clock: Callable[[], float] = time.monotonic,
        keep: Mapping[Status, float] | None = None,
    ) -> None:  # fmt: skip
        """`keep` is how long sessions of an end status are kept after their last activity, in seconds; 0 and none
        given is for ever."""
        self.store = store
        self.metrics = store.metrics
        self.streams = streams
        self.node = node
        self._ttl_s = ttl_s
        self._flush_s = flush_s
        self._keep = dict(keep or {})
        self._clock = clock
        self._cache: Cache[UUID, Entry] = Cache(cache_sessions, cache_idle_s, clock)
        self._loads: SingleFlight[UUID, SessionDetail] = SingleFlight()
        self._held: dict[UUID, Journal] = {}

    @property
    def cache_stats(self) -> CacheStats:
        """Hits, misses, evictions and size of the memory of sessions since the start."""
        return self._cache.stats

    # -- For a person ------------------------------------------------------------------------------------------------

    async def create_session(
        self, identity: Identity, prompt: str, *, template: str, model: str, config: StoryConfig | None = None,
        title: str | None = None, request_id: str | None = None, kind: Kind = "story", progress: Progress | None = None,
    ) -> Changed:  # fmt: skip
        """A new session, or with a `request_id` used before the one it made then (`changed` is false)."""
        made = await self.store.sessions.create(
            _owner(identity), kind=kind, title=title, prompt=prompt, template=template, config=config or StoryConfig(),
            # Always one, so that a write whose answer was lost and is tried again makes no second session.
            model=model, ttl_s=self._ttl_s, request_id=request_id or str(uuid4()),
            progress=(progress or Progress()).model_dump(mode="json"),
        )  # fmt: skip
        traces.note({"storyloom.session_id": str(made.session.id)})
        if made.changed:
            self.metrics.sessions_begun(kind).inc()
        return made

    async def get_session(self, identity: Identity, session_id: UUID) -> SessionDetail:
        """From memory where that is fresh, else read as the identity. Never older than a write awaited on this node."""
        entry = self._cache.get(session_id, self._fresh)
        if entry is not None:
            _check_visible(identity, entry.session)
            return entry.session
        asked = self._clock()
        return await self._loads.load(
            session_id,
            (identity.user_id, identity.role, identity.is_admin),
            lambda: self.store.sessions.get(identity, session_id),
            keep=lambda session: self._cache.put(session_id, Entry(session, asked)),
        )

    async def list_sessions(
        self, identity: Identity, *, everybody: bool = False, owner: UUID | None = None, status: Status | None = None,
        kind: Kind | None = None, template: str | None = None, since: str | None = None, q: str | None = None,
        limit: int = 20, cursor: str | None = None,
    ) -> Page[Session]:  # fmt: skip
        """Newest activity first: the identity's own, or `everybody`'s for an admin (Forbidden for others)."""
        if everybody and not identity.is_admin:
            raise Forbidden("Only an admin may list everybody's sessions.")
        return await self.store.sessions.search(
            identity, owner=owner if everybody else _owner(identity), status=status, kind=kind, template=template,
            since=since, q=q, limit=limit, cursor=cursor,
        )  # fmt: skip

    async def rename_session(self, identity: Identity, session_id: UUID, title: str) -> Session:
        owner = _owner(identity)
        change = await self._write(
            session_id, lambda epoch: self.store.sessions.rename(session_id, owner, title, epoch), _events
        )
        return change.session

    async def delete_session(self, identity: Identity, session_id: UUID) -> None:
        """The session and all that hangs on it; the caller has stopped its run. An admin may delete anybody's."""
        owner = _owner(identity)
        delete = self.store.admin.delete if identity.is_admin else self.store.sessions.delete
        await delete(session_id, owner)
        self._end(session_id)

    async def pause_session(self, identity: Identity, session_id: UUID) -> Changed:
        """Paused on return, or where a run holds it when its step at hand is done. Conflict where nothing runs."""
        owner = _owner(identity)
        change = await self._change(session_id, self.store.sessions.pause(session_id, owner), _events)
        return self._counted(change) if change.session.status == "paused" else change

    async def steer_session(self, identity: Identity, session_id: UUID, text: str) -> Message:
        """A note for the steps to come. Conflict where none is."""
        owner, message_id = _owner(identity), uuid4()
        message, _ = await self._change(
            session_id, self.store.record.steer(session_id, owner, message_id, text), lambda answer: answer[1]
        )
        return message

    async def answer_gate(
        self, identity: Identity, session_id: UUID, step: str, *, approved: bool, comment: str | None
    ) -> Changed:
        """The writer's answer to a gate; the session then waits for its run. Conflict where that gate does not wait."""
        owner = _owner(identity)
        change = await self._change(
            session_id,
            self.store.sessions.answer_gate(session_id, owner, step, approved=approved, comment=comment),
            _events,
        )
        return self._counted(change)

    async def set_budget(self, identity: Identity, session_id: UUID, budget: Budget | None) -> Session:
        """What the session may use; a run learns it before its next step."""
        owner = _owner(identity)
        try:
            return (await self.store.sessions.set_budget(session_id, owner, budget)).session
        finally:
            self._forget(session_id)

    async def change_status(
        self, identity: Identity | None, session_id: UUID, to: Status, allowed: tuple[Status, ...],
        reason: str | None = None,
    ) -> Changed:  # fmt: skip
        """Fences the session's run. Conflict where the present status is not among `allowed`. None is the service."""
        owner = _owner(identity) if identity else None
        return await self._move(
            session_id,
            lambda _: self.store.sessions.change_status(session_id, owner, to=to, allowed=allowed, reason=reason),
        )

    async def end_session(self, admin: Identity, session_id: UUID, to: Ending, reason: str) -> Changed:
        """For an admin, anybody's: ended, its run fenced, in the audit with the reason. Conflict as `change_status`."""
        asker = _owner(admin)
        return await self._move(session_id, lambda _: self.store.admin.end(session_id, asker, to=to, reason=reason))

    async def save_message(
        self, identity: Identity | None, session_id: UUID, role: MessageRole, content: str, *,
        message_id: UUID | None = None, agent: str | None = None, step: str | None = None, metadata: Json | None = None,
    ) -> Message:  # fmt: skip
        """The next message of the session. The same `message_id` again answers the message that it made before."""
        message, _ = await self._write(
            session_id,
            lambda epoch: self.store.record.append_message(
                session_id, _owner(identity) if identity else None, message_id=message_id or uuid4(), role=role,
                content=content, agent=agent, step=step, metadata=metadata, epoch=epoch,
            ),
            lambda answer: answer[1],
            of_run=identity is None,
        )  # fmt: skip
        return message

    async def save_draft(
        self, identity: Identity | None, session_id: UUID, content: str, *, version: int, author: str = "writer",
        current: bool = True, step: str | None = None, scores: dict[str, int] | None = None,
    ) -> Draft:  # fmt: skip
        """A version of the text. Conflict where `version` is not the next; the same draft again changes nothing."""
        draft, _ = await self._write(
            session_id,
            lambda epoch: self.store.record.append_draft(
                session_id, _owner(identity) if identity else None, version=version, author=author, content=content,
                word_count=count_words(content), current=current, step=step, scores=scores, epoch=epoch,
            ),
            lambda answer: answer[1],
            of_run=identity is None,
        )  # fmt: skip
        return draft

    async def edit_draft(
        self, identity: Identity, session_id: UUID, base_version: int, content: str, alternative_id: UUID | None = None
    ) -> Draft:
        """The writer's own version of the text, current; with `alternative_id` that one is accepted by it.

        Conflict where `base_version` is not the current one, or a run holds the text. Again changes nothing.
        """
        owner, words = _owner(identity), await asyncio.to_thread(count_words, content)
        draft, _ = await self._change(
            session_id,
            self.store.versions.edit(
                session_id, owner, base_version=base_version, content=content, word_count=words,
                alternative_id=alternative_id,
            ),
            lambda answer: answer[1],
        )  # fmt: skip
        return draft

    async def add_alternatives(
        self, identity: Identity, session_id: UUID, *, version: int, start: int, end: int, passage: str,
        instruction: str, made: Sequence[Made],
    ) -> list[Alternative]:  # fmt: skip
        """Keeps versions of a passage and counts what all of `made` used; answers those that have a text."""
        kept, _ = await self._change(
            session_id,
            self.store.versions.add_alternatives(
                session_id, _owner(identity), version=version, start=start, end=end, passage=passage,
                instruction=instruction, made=made,
            ),
            lambda answer: answer[1],
        )  # fmt: skip
        return kept

    async def list_alternatives(
        self, identity: Identity, session_id: UUID, limit: int, cursor: str | None
    ) -> Page[Alternative]:
        await self._looked_at(identity, session_id)
        return await self.store.versions.alternatives(identity, session_id, limit, cursor)

    async def so_far(self, identity: Identity, session_id: UUID) -> SoFar:
        """What the identity's own session has done, from the store. An admin's look at another's is NotFound."""
        found = await self.store.versions.so_far(identity, session_id)
        if found.session.user_id != _owner(identity):
            raise NotFound("There is no such session.")
        return found

    async def fork_session(
        self, identity: Identity, session_id: UUID, *, steps: Sequence[str], until: str | None, title: str | None,
        config: StoryConfig, context: Json, progress: Progress, scores: dict[int, dict[str, int]], draft_version: int,
        model: str, status: Literal["active", "paused"], request_id: str | None,
    ) -> Changed:  # fmt: skip
        """A session that begins with these steps of another, or with a `request_id` used before the one made then."""
        made = await self.store.versions.fork(
            session_id, _owner(identity), steps=steps, until=until, title=title, config=config, context=context,
            progress=progress.model_dump(mode="json"), scores=scores, draft_version=draft_version, model=model,
            ttl_s=self._ttl_s, status=status, request_id=request_id or str(uuid4()),
        )  # fmt: skip
        if made.changed:
            self.metrics.sessions_begun(made.session.kind).inc()
        return made

    async def get_latest_draft(self, identity: Identity, session_id: UUID) -> Draft | None:
        """The current draft, None before the first."""
        await self._looked_at(identity, session_id)
        entry = self._cache.peek(session_id)
        if entry is not None and entry.draft is not None and self._fresh(entry):
            _check_visible(identity, entry.session)
            return entry.draft
        draft = await self.store.record.draft(identity, session_id, None)
        if entry is not None:
            # Of no effect where a write has meanwhile made the memory forget the entry.
            entry.draft = draft
        return draft

    async def get_draft(self, identity: Identity, session_id: UUID, version: int) -> Draft:
        await self._looked_at(identity, session_id)
        draft = await self.store.record.draft(identity, session_id, version)
        if draft is None:
            raise NotFound("There is no such draft.")
        return draft

    async def list_messages(
        self, identity: Identity, session_id: UUID, limit: int, cursor: str | None
    ) -> Page[Message]:
        await self._looked_at(identity, session_id)
        return await self.store.record.messages(identity, session_id, limit, cursor)

    async def list_drafts(self, identity: Identity, session_id: UUID, limit: int, cursor: str | None) -> Page[Draft]:
        await self._looked_at(identity, session_id)
        return await self.store.record.drafts(identity, session_id, limit, cursor)

    async def list_steps(self, identity: Identity, session_id: UUID, limit: int, cursor: str | None) -> Page[Step]:
        await self._looked_at(identity, session_id)
        return await self.store.record.steps(identity, session_id, limit, cursor)

    async def list_events(self, identity: Identity, session_id: UUID, after_seq: int, limit: int) -> Page[Json]:
        await self._looked_at(identity, session_id)
        return await self.store.record.events(identity, session_id, after_seq, limit)

    async def get_story(self, identity: Identity, session_id: UUID) -> Story:
        """The current text. Conflict before the first draft."""
        await self._looked_at(identity, session_id)
        return await self.store.record.story(identity, session_id)

    async def snapshot(self, identity: Identity, session_id: UUID) -> Json:
        await self._looked_at(identity, session_id)
        return await self.store.record.snapshot(identity, session_id)

    async def replay(self, identity: Identity, session_id: UUID, epoch: int, after_seq: int, limit: int) -> Replay:
        await self._looked_at(identity, session_id)
        return await self.store.record.replay(identity, session_id, epoch, after_seq, limit)

    async def inspect_session(self, admin: Identity, session_id: UUID) -> Json:
        await self._looked_at(admin, session_id)
        return await self.store.sessions.inspect(admin, session_id)

    # -- For a run ---------------------------------------------------------------------------------------------------

    async def recover_session(self, session_id: UUID) -> Recovered:
        """Take this one up on this node, whoever ran it: begins its next epoch, so that every older run is fenced.

        Raises Conflict where it is not active, NotFound where it is gone. `release` it when the run ends.
        """
        return await self._take_up(await self.store.runs.claim(session_id, self.node))

    async def claim_sessions(
        self, room: int, per_user: int, held: Collection[UUID], dead_s: float | None
    ) -> tuple[list[Recovered], int]:
        """Take sessions up on this node, in their turn, and answer how many go on waiting.

        Begins the next epoch of each, so that every older run is fenced. `release` each when its run ends. One that
        can't be taken up just now is claimed again by the next call that does not name it in `held`.
        """
        answer = await self.store.nodes.claim(self.node, room=room, per_user=per_user, held=held, dead_s=dead_s)
        for event in answer.placed:
            session_id = UUID(event["session_id"])
            self._forget(session_id)
            await self._tell(session_id, [event])
        found = []
        for claim in answer.runs:
            try:
                found.append(await self._take_up(claim))
            except Unavailable as error:
                about = {"session_id": claim["session"]["id"], "run": claim["session"]["epoch"]}
                logger.warning("a session is not taken up yet: %s", error, extra=about)
        return found, answer.waiting

    async def _take_up(self, claim: Json) -> Recovered:
        session = Session.model_validate(claim["session"])
        journal = Journal(
            session.id, session.epoch, claim["events"][-1]["seq"], claim["delta_from"], self.store.runs, self.streams,
            self._flush_s, self.metrics,
        )  # fmt: skip
        journal.before_telling = lambda: self._forget(session.id)
        self._held[session.id] = journal
        self._forget(session.id)
        try:
            await self._catch_up(session.id, claim["events"][0]["seq"] - 1)
        except BaseException:
            # Nobody would release it: the session would count as run by this node for ever.
            await self.release(journal)
            raise
        self.streams.publish(session.id, [Event(event) for event in claim["events"]], saved=True)
        self.streams.stored.add(session.id)
        self.metrics.claims(claim["events"][-1]["reason"]).inc()
        partial = claim["partial"]
        return Recovered(
            session, claim["prompt"], claim["steps"], claim["notes"],
            Partial(UUID(partial["message_id"]), partial["attempt"], partial["text"]) if partial else None, journal,
        )  # fmt: skip

    async def finish_step(self, journal: Journal, result: Json) -> Changed:
        """Durable on return, in one call, with all events before it. The session is `paused` where that was asked."""
        answer = await journal.finish_step(result)
        self._remember(answer)
        if answer.session.status != "active":
            self._counted(answer)
        return answer

    async def open_gate(self, journal: Journal, gate: Json) -> Session:
        """The session waits for its writer's answer. Durable on return."""
        answer = await journal.open_gate(gate)
        self._forget(journal.session_id)
        return self._counted(answer).session

    async def complete_session(self, session_id: UUID) -> Session:
        """The current draft is the story. Again changes nothing."""
        change = await self._write(
            session_id, lambda epoch: self.store.runs.complete(session_id, None, epoch), _events, of_run=True
        )
        return self._counted(change).session

    async def fail_session(
        self, session_id: UUID, error: Failure, step: str | None = None, *, agent: str | None = None, tokens: int = 0,
        cost_usd: float = 0, to: Literal["failed", "paused"] = "failed",
    ) -> Session:  # fmt: skip
        """Failed with a reason that its writer may read; it may be resumed. What the failed step used is counted."""
        journal = self._held.get(session_id)
        if journal is not None:
            answer = await journal.fail(error, step, agent, tokens, cost_usd, to)
            self._forget(session_id)
            return self._counted(answer).session
        change = await self._apply(await self.store.runs.fail(session_id, None, error, step=step, to=to))
        return self._counted(change).session

    async def release(self, journal: Journal) -> None:
        """The run on this node is over, whatever its end."""
        try:
            await journal.close()
        finally:
            # Also where the run is cancelled once more just here.
            if self._held.get(journal.session_id) is journal:
                del self._held[journal.session_id]
                self._forget(journal.session_id)

    def held(self) -> dict[UUID, Journal]:
        """The runs on this node, by session, as of now."""
        return dict(self._held)

    async def beat(self, about: Json, dead_s: float) -> Beat:
        """Tell that this node lives; ends the runs here that other nodes have ended, and tells what others changed."""
        held = {session_id: journal.epoch for session_id, journal in self._held.items() if not journal.fenced}
        beat = await self.store.nodes.beat(self.node, about, held, dead_s)
        for session_id in beat.lost:
            journal = self._held.get(session_id)
            if journal is not None and journal.epoch == held[session_id]:
                journal.fence()
        for session_id in beat.changed:
            await self.number_changes(session_id)
        return beat

    async def number_changes(self, session_id: UUID) -> None:
        """What others have changed in a session whose run is here gets its numbers, and is told."""
        journal = self._held.get(session_id)
        if journal is not None and not journal.fenced:
            try:
                await journal.number_changes()
            except (Fenced, NotFound):
                journal.fence()
            except Unavailable as error:
                about = {"session_id": str(session_id), "run": journal.epoch}
                logger.warning("changes are not told yet: %s", error, extra=about)

    async def cleanup_expired_sessions(self) -> list[Session]:
        """The whole sweep: ends the sessions whose time is over, in batches, and answers them; deletes the old ones."""
        ended: list[Session] = []
        while batch := await self.store.sessions.expire(SWEEP_BATCH):
            ended += [self._counted(await self._apply(change)).session for change in batch]
            if len(batch) < SWEEP_BATCH:
                break
        await self.delete_old_sessions()
        return ended

    async def delete_old_sessions(self) -> Counter[Status]:
        """Deletes what ended longer ago than its status is kept, in batches; answers how many of each status.

        Never one that has a story. What one sweep does not come to is left to the next.
        """
        deleted: Counter[Status] = Counter()
        for _ in range(RETENTION_BATCHES):
            batch = await self.store.sessions.delete_old(self._keep, SWEEP_BATCH)
            deleted.update(batch.counts)
            for session_id in batch.session_ids:
                self.session_gone(session_id)
            if len(batch.session_ids) < SWEEP_BATCH:
                break
        if deleted.total():
            logger.info("retention deleted %s", ", ".join(f"{n} {status}" for status, n in deleted.items() if n))
        return deleted

    def session_gone(self, session_id: UUID) -> None:
        """The session was deleted: it leaves the memory, and who watches it here is told."""
        self._forget(session_id)
        gone = {
            "type": "error", "code": "not_found", "message": "The session was deleted.", "session_id": str(session_id),
            "retryable": False,
        }  # fmt: skip
        self.streams.end(session_id, to_json(gone).decode())

    # -- For readers of runs on other nodes --------------------------------------------------------------------------

    async def follow(self, only: Collection[UUID] | None = None) -> None:
        """Tell readers here what other nodes have stored, of all sessions or of `only` these; one call of the store."""
        wanted = {
            session_id: seq
            for session_id, seq in self.streams.positions().items()
            if session_id not in self._held and (only is None or session_id in only)
        }
        if wanted:
            for session_id, events in (await self.store.record.events_after(wanted)).items():
                if events is None:
                    self._end(session_id)
                elif session_id not in self._held:
                    self._publish_stored(session_id, events)

    async def _catch_up(self, session_id: UUID, up_to_seq: int) -> None:
        """Before this node's own events: those that another node stored and readers here have not seen."""
        seq = self.streams.positions().get(session_id, up_to_seq)
        while seq < up_to_seq:
            events = (await self.store.record.events_after({session_id: seq})).get(session_id)
            if not events:
                return
            self._publish_stored(session_id, [event for event in events if event["seq"] <= up_to_seq])
            seq = events[-1]["seq"]

    def _publish_stored(self, session_id: UUID, events: list[Json]) -> None:
        # Whole: each reader takes of a joined delta what is new to it.
        self.streams.publish(session_id, [from_storage(event, 0) for event in events], saved=True)

    # -- Memory ------------------------------------------------------------------------------------------------------

    def _fresh(self, entry: Entry) -> bool:
        return self._clock() - entry.loaded < (HELD_FRESH_S if entry.session.id in self._held else FRESH_S)

    def _end(self, session_id: UUID) -> None:
        """The session is gone: whoever watches it is told."""
        self._forget(session_id)
        self.streams.stored.add(session_id)
        journal = self._held.get(session_id)
        if journal is not None:
            journal.fence()
        gone = {
            "type": "error", "code": "not_found", "message": "The session was deleted.", "session_id": str(session_id),
            "retryable": False,
        }  # fmt: skip
        self.streams.end(session_id, to_json(gone).decode())

    def _forget(self, session_id: UUID) -> None:
        self._cache.drop(session_id)
        self._loads.forget(session_id)

    def _remember(self, change: Changed) -> None:
        """A step's answer has all that a session shows, except where it was told before and only the store knows."""
        session, usage = change.session, _usage(change.events)
        self._forget(session.id)
        if usage is not None and session.id in self._held:
            detail = SessionDetail.model_validate({**session.model_dump(), "usage_by_agent": usage})
            self._cache.put(session.id, Entry(detail, self._clock()))

    async def _looked_at(self, identity: Identity, session_id: UUID) -> None:
        """In the audit before an admin is shown anything of what was written in another's session."""
        if identity.is_admin and identity.user_id is not None:
            await self.store.admin.note_inspection(session_id, identity.user_id)

    async def _move(self, session_id: UUID, move: Callable[[int | None], Awaitable[Changed]]) -> Changed:
        """A change of status that fences the session's run, wherever that is."""
        # Through the journal, so that what the run has told is stored before the epoch ends.
        change = await self._write(session_id, move, _events)
        journal = self._held.get(session_id)
        if journal is not None and journal.epoch < change.session.epoch:
            journal.fence()
        return self._counted(change)

    async def _write(
        self, session_id: UUID, write: Callable[[int | None], Awaitable[T]], events: Callable[[T], list[Json]], *,
        of_run: bool = False,
    ) -> T:  # fmt: skip
        """A write that makes events: through the journal where a run here numbers them, else told as they are.

        Raises Fenced for one `of_run` whose run was replaced; a person's is done all the same.
        """
        journal = self._held.get(session_id)
        try:
            if journal is not None and (of_run or not journal.fenced):
                try:
                    return await journal.through(write, events)
                except Fenced:
                    journal.fence()
                    if of_run:
                        raise
            answer = await write(None)
        finally:
            # Also where the answer was lost: it may have been done.
            self._forget(session_id)
        await self._tell(session_id, events(answer))
        return answer

    async def _change(self, session_id: UUID, write: Awaitable[T], events: Callable[[T], list[Json]]) -> T:
        """A person's change that leaves the session to its run, wherever that is; it numbers what was changed."""
        try:
            answer = await write
        finally:
            # Also where the answer was lost: it may have been done.
            self._forget(session_id)
        if session_id in self._held:
            await self.number_changes(session_id)
        else:
            await self._tell(session_id, events(answer))
        return answer

    async def _apply(self, change: Changed) -> Changed:
        """What another epoch has done to the session is told, and the memory of it forgotten."""
        self._forget(change.session.id)
        await self._tell(change.session.id, change.events)
        return change

    def _counted(self, change: Changed) -> Changed:
        if change.changed:
            self.metrics.sessions_came_to(change.session.status).inc()
        return change

    async def _tell(self, session_id: UUID, events: list[Json]) -> None:
        """Stored events of a session that no run here numbers, after those of other nodes that readers here lack."""
        self.streams.stored.add(session_id)
        if not events or session_id not in self.streams.positions():
            # Who is being replayed to finds them in the store, at the latest by `follow`.
            return
        try:
            await self._catch_up(session_id, events[0]["seq"] - 1)
        except Unavailable:
            # The write is done; `follow` tells of it when the database is back.
            return
        self.streams.publish(session_id, [Event(event) for event in events], saved=True)


def _events(change: Changed) -> list[Json]:
    return change.events


def _usage(events: list[Json]) -> dict[str, Usage] | None:
    told = next((event for event in events if event["type"] == "usage"), None)
    return {agent: Usage.model_validate(spent) for agent, spent in told["by_agent"].items()} if told else None


def _owner(identity: Identity) -> UUID:
    if identity.user_id is None or identity.role != "authenticated":
        raise Forbidden("Only a signed-in writer may do that.")
    return identity.user_id


def _check_visible(identity: Identity, session: Session) -> None:
    """The same answer as the database's: somebody else's session does not exist."""
    if identity.role == "service_role":
        return
    if identity.role == "authenticated" and (identity.is_admin or identity.user_id == session.user_id):
        return
    raise NotFound("There is no such session.")
