"""StorySessionManager: the one door to session state. A cache of active sessions in front, the store behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal
from uuid import UUID, uuid4, uuid5

from coordinator.errors import Forbidden, NotFound
from coordinator.models import (
    Alternative,
    Budget,
    Draft,
    DraftHead,
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
)
from coordinator.sessions.feed import Feed
from coordinator.sessions.journal import Journal
from coordinator.sessions.memory import Memory
from coordinator.sessions.runs import NodeRuns, Recovered
from coordinator.sessions.streams import Streams
from coordinator.sessions.sweep import Sweep
from coordinator.sessions.writes import Writes, events_of
from coordinator.store import Store
from coordinator.store.admin import Ending
from coordinator.store.gateway import Page
from coordinator.store.record import Replay
from coordinator.store.sessions import Changed, Json
from coordinator.store.versions import Made, SoFar
from coordinator.story.words import count_words
from coordinator.telemetry import traces


class StorySessionManager:
    """Creates, finds, changes and ends sessions. What a method awaits is durable when it returns.

    Every method for a person takes their identity; a session that is not theirs is NotFound, also from memory. What
    runs on this node is the business of `runs`, what readers here are told that of `feed`.
    """

    def __init__(
        self,
        store: Store,
        streams: Streams,
        *,
        node: str,
        ttl_s: int = 7200,
        cache_sessions: int = 1000,
        cache_idle_s: float = 900,
        flush_s: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
        keep: Mapping[Status, float] | None = None,
        cache_bytes: int = 67_108_864,
    ) -> None:
        """`keep` is how long sessions of an end status are kept after their last activity, in seconds; 0 and none
        given is for ever."""
        held: dict[UUID, Journal] = {}
        self.store = store
        self.metrics = store.metrics
        self.streams = streams
        self.memory = Memory(held, cache_sessions, cache_idle_s, clock, most_bytes=cache_bytes)
        self.feed = Feed(store, streams, self.memory, held)
        self._writes = Writes(self.memory, self.feed, held, store.metrics)
        self.runs = NodeRuns(store, streams, self.memory, self.feed, self._writes, held, node=node, flush_s=flush_s)
        self.sweep = Sweep(store, self._writes, self.feed, keep)
        self._ttl_s = ttl_s

    # -- For a person ------------------------------------------------------------------------------------------------

    async def create_session(
        self,
        identity: Identity,
        prompt: str,
        *,
        template: str,
        model: str,
        config: StoryConfig | None = None,
        title: str | None = None,
        request_id: str | None = None,
        kind: Kind = "story",
        progress: Progress | None = None,
    ) -> Changed:
        """A new session, or with a `request_id` used before the one it made then (`changed` is false)."""
        made = await self.store.sessions.create(
            identity.writer(),
            kind=kind,
            title=title,
            prompt=prompt,
            template=template,
            config=config or StoryConfig(),
            # Always one, so that a write whose answer was lost and is tried again makes no second session.
            model=model,
            ttl_s=self._ttl_s,
            request_id=request_id or str(uuid4()),
            progress=(progress or Progress()).model_dump(mode="json"),
        )
        traces.note({"storyloom.session_id": str(made.session.id)})
        if made.changed:
            self.metrics.sessions_begun(kind).inc()
        return made

    async def get_session(self, identity: Identity, session_id: UUID) -> SessionDetail:
        """From memory where that is fresh, else read as the identity. Never older than a write awaited on this node."""
        session = self.memory.fresh(session_id)
        if session is not None:
            _check_visible(identity, session)
            return session
        return await self.memory.load(identity, session_id, lambda: self.store.sessions.get(identity, session_id))

    async def list_sessions(
        self,
        identity: Identity,
        *,
        everybody: bool = False,
        owner: UUID | None = None,
        status: Status | None = None,
        kind: Kind | None = None,
        template: str | None = None,
        since: str | None = None,
        q: str | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> Page[Session]:
        """Newest activity first: the identity's own, or `everybody`'s for an admin (Forbidden for others)."""
        if everybody and not identity.is_admin:
            raise Forbidden("Only an admin may list everybody's sessions.")
        return await self.store.sessions.search(
            identity,
            owner=owner if everybody else identity.writer(),
            status=status,
            kind=kind,
            template=template,
            since=since,
            q=q,
            limit=limit,
            cursor=cursor,
        )

    async def rename_session(self, identity: Identity, session_id: UUID, title: str) -> Session:
        owner = identity.writer()
        change = await self._writes.through(
            session_id, lambda epoch: self.store.sessions.rename(session_id, owner, title, epoch), events_of
        )
        return change.session

    async def delete_session(self, identity: Identity, session_id: UUID) -> None:
        """The session and all that hangs on it; the caller has stopped its run. An admin may delete anybody's."""
        owner = identity.writer()
        delete = self.store.admin.delete if identity.is_admin else self.store.sessions.delete
        await delete(session_id, owner)
        self.feed.end(session_id)

    async def pause_session(self, identity: Identity, session_id: UUID) -> Changed:
        """Paused on return, or where a run holds it when its step at hand is done. Conflict where nothing runs."""
        owner = identity.writer()
        change = await self._writes.beside(session_id, self.store.sessions.pause(session_id, owner), events_of)
        return self._writes.counted(change) if change.session.status == "paused" else change

    async def steer_session(
        self, identity: Identity, session_id: UUID, text: str, request_id: str | None = None
    ) -> Message:
        """A note for the steps to come, or the one that this `request_id` made. Conflict where no step is to come."""
        # No step's message has such a name.
        message_id = uuid5(session_id, f"note {request_id}") if request_id else uuid4()
        owner = identity.writer()
        message, _ = await self._writes.beside(
            session_id, self.store.record.steer(session_id, owner, message_id, text), lambda answer: answer[1]
        )
        return message

    async def answer_gate(
        self, identity: Identity, session_id: UUID, step: str, *, approved: bool, comment: str | None
    ) -> Changed:
        """The writer's answer to a gate; the session then waits for its run. Conflict where that gate does not wait."""
        owner = identity.writer()
        change = await self._writes.beside(
            session_id,
            self.store.sessions.answer_gate(session_id, owner, step, approved=approved, comment=comment),
            events_of,
        )
        return self._writes.counted(change)

    async def set_budget(self, identity: Identity, session_id: UUID, budget: Budget | None) -> Session:
        """What the session may use; a run learns it before its next step."""
        owner = identity.writer()
        try:
            return (await self.store.sessions.set_budget(session_id, owner, budget)).session
        finally:
            self.memory.forget(session_id)

    async def change_status(
        self,
        identity: Identity | None,
        session_id: UUID,
        to: Status,
        allowed: tuple[Status, ...],
        reason: str | None = None,
    ) -> Changed:
        """Fences the session's run. Conflict where the present status is not among `allowed`. None is the service."""
        owner = identity.writer() if identity else None
        return await self._writes.move(
            session_id,
            lambda _: self.store.sessions.change_status(session_id, owner, to=to, allowed=allowed, reason=reason),
        )

    async def end_session(self, admin: Identity, session_id: UUID, to: Ending, reason: str) -> Changed:
        """For an admin, anybody's: ended, its run fenced, in the audit with the reason. Conflict as `change_status`."""
        asker = admin.writer()
        return await self._writes.move(
            session_id, lambda _: self.store.admin.end(session_id, asker, to=to, reason=reason)
        )

    async def save_message(
        self,
        identity: Identity | None,
        session_id: UUID,
        role: MessageRole,
        content: str,
        *,
        message_id: UUID | None = None,
        agent: str | None = None,
        step: str | None = None,
        metadata: Json | None = None,
    ) -> Message:
        """The next message of the session. The same `message_id` again answers the message that it made before."""
        message, _ = await self._writes.through(
            session_id,
            lambda epoch: self.store.record.append_message(
                session_id,
                identity.writer() if identity else None,
                message_id=message_id or uuid4(),
                role=role,
                content=content,
                agent=agent,
                step=step,
                metadata=metadata,
                epoch=epoch,
            ),
            lambda answer: answer[1],
            of_run=identity is None,
        )
        return message

    async def save_draft(
        self,
        identity: Identity | None,
        session_id: UUID,
        content: str,
        *,
        version: int,
        author: str = "writer",
        current: bool = True,
        step: str | None = None,
        scores: dict[str, int] | None = None,
    ) -> Draft:
        """A version of the text. Conflict where `version` is not the next; the same draft again changes nothing."""
        draft, _ = await self._writes.through(
            session_id,
            lambda epoch: self.store.record.append_draft(
                session_id,
                identity.writer() if identity else None,
                version=version,
                author=author,
                content=content,
                word_count=count_words(content),
                current=current,
                step=step,
                scores=scores,
                epoch=epoch,
            ),
            lambda answer: answer[1],
            of_run=identity is None,
        )
        return draft

    async def edit_draft(
        self,
        identity: Identity,
        session_id: UUID,
        base_version: int,
        content: str,
        word_count: int,
        alternative_id: UUID | None = None,
    ) -> Draft:
        """The writer's own version of the text, current; with `alternative_id` that one is accepted by it.

        Conflict where `base_version` is not the current one, or a run holds the text. Again changes nothing.
        """
        owner = identity.writer()
        draft, _ = await self._writes.beside(
            session_id,
            self.store.versions.edit(
                session_id,
                owner,
                base_version=base_version,
                content=content,
                word_count=word_count,
                alternative_id=alternative_id,
            ),
            lambda answer: answer[1],
        )
        return draft

    async def add_alternatives(
        self,
        identity: Identity,
        session_id: UUID,
        *,
        version: int,
        start: int,
        end: int,
        passage: str,
        instruction: str,
        made: Sequence[Made],
    ) -> list[Alternative]:
        """Keeps versions of a passage and counts what all of `made` used; answers those that have a text."""
        kept, _ = await self._writes.beside(
            session_id,
            self.store.versions.add_alternatives(
                session_id,
                identity.writer(),
                version=version,
                start=start,
                end=end,
                passage=passage,
                instruction=instruction,
                made=made,
            ),
            lambda answer: answer[1],
        )
        return kept

    async def list_alternatives(
        self, identity: Identity, session_id: UUID, limit: int, cursor: str | None
    ) -> Page[Alternative]:
        await self._looked_at(identity, session_id)
        return await self.store.versions.alternatives(identity, session_id, limit, cursor)

    async def so_far(self, identity: Identity, session_id: UUID) -> SoFar:
        """What the identity's own session has done, from the store. An admin's look at another's is NotFound."""
        found = await self.store.versions.so_far(identity, session_id)
        if found.session.user_id != identity.writer():
            raise NotFound("There is no such session.")
        return found

    async def fork_session(
        self,
        identity: Identity,
        session_id: UUID,
        *,
        steps: Sequence[str],
        until: str | None,
        title: str | None,
        config: StoryConfig,
        context: Json,
        progress: Progress,
        scores: dict[int, dict[str, int]],
        draft_version: int,
        model: str,
        status: Literal["active", "paused"],
        request_id: str | None,
    ) -> Changed:
        """A session that begins with these steps of another, or with a `request_id` used before the one made then."""
        made = await self.store.versions.fork(
            session_id,
            identity.writer(),
            steps=steps,
            until=until,
            title=title,
            config=config,
            context=context,
            progress=progress.model_dump(mode="json"),
            scores=scores,
            draft_version=draft_version,
            model=model,
            ttl_s=self._ttl_s,
            status=status,
            request_id=request_id or str(uuid4()),
        )
        if made.changed:
            self.metrics.sessions_begun(made.session.kind).inc()
        return made

    async def get_latest_draft(self, identity: Identity, session_id: UUID) -> Draft | None:
        """The current draft, None before the first."""
        await self._looked_at(identity, session_id)
        entry = self.memory.entry(session_id)
        if entry is not None and entry.draft is not None and self.memory.is_fresh(entry):
            _check_visible(identity, entry.session)
            return entry.draft
        draft = await self.store.record.draft(identity, session_id, None)
        if entry is not None:
            # Of no effect where a write has meanwhile made the memory forget the entry.
            self.memory.keep_draft(session_id, entry, draft)
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

    async def list_draft_heads(
        self, identity: Identity, session_id: UUID, limit: int, cursor: str | None
    ) -> Page[DraftHead]:
        await self._looked_at(identity, session_id)
        return await self.store.record.draft_heads(identity, session_id, limit, cursor)

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

    # -- For the service ---------------------------------------------------------------------------------------------

    async def recover_session(self, session_id: UUID) -> Recovered:
        """Take this one up on this node, as `runs.recover`."""
        return await self.runs.recover(session_id)

    async def cleanup_expired_sessions(self) -> list[Session]:
        """The whole sweep, as `sweep.run`."""
        return await self.sweep.run()

    async def _looked_at(self, identity: Identity, session_id: UUID) -> None:
        """In the audit before an admin is shown anything of what was written in another's session."""
        if identity.is_admin and identity.user_id is not None:
            await self.store.admin.note_inspection(session_id, identity.user_id)


def _check_visible(identity: Identity, session: Session) -> None:
    """The same answer as the database's: somebody else's session does not exist."""
    if identity.role == "service_role":
        return
    if identity.role == "authenticated" and (identity.is_admin or identity.user_id == session.user_id):
        return
    raise NotFound("There is no such session.")
