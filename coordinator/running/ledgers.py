"""The ledger of a session, as its finished steps have left it, and the writer's word on what it finds."""

from __future__ import annotations

from uuid import UUID

from coordinator.agents.library import Library
from coordinator.errors import Conflict, NotFound
from coordinator.models import Identity, Message, Session
from coordinator.running.recovery import restored
from coordinator.sessions.manager import StorySessionManager
from coordinator.storable import storable
from coordinator.story import continuity
from coordinator.story.continuity import LedgerReport, Past, Version
from coordinator.story.ledger.ledger import READ_COST
from coordinator.story.work import Done, Work
from coordinator.workers.workers import Workers


class Ledgers:
    def __init__(self, manager: StorySessionManager, library: Library, workers: Workers) -> None:
        self._manager = manager
        self._library = library
        self._workers = workers

    async def report(self, identity: Identity, session_id: UUID) -> LedgerReport:
        """What the text and the records of a session say, what of it can't all be true, and how that was from version
        to version. For whoever may read the session.

        Raises NotFound where there is no such session, Conflict for one that is no story, and what `Workers.run` does.
        """
        answer, settled = await self._manager.record.ledger_work(identity, session_id)
        session = Session.model_validate(answer["session"])
        if session.kind != "story":
            raise Conflict("Only a story has a ledger.")
        versions: list[Version] = []

        def each(before: Work, after: Work) -> None:
            versions.extend(continuity.versions_of(before, after))

        work, _ = await restored(
            self._workers,
            session.user_id,
            answer["prompt"],
            session.config,
            self._library.get(session.template),
            map(Done.stored, answer["steps"]),
            answer["material"],
            each=each,
        )
        past = Past(versions, continuity.text_as_it_stands(work), work.current_version)
        different = {text for version in versions for text in version.texts.values()} | set(past.texts.values())
        size = READ_COST * sum(map(len, different))
        sources = continuity.sources_of(work)
        return await self._workers.run(identity.user_id, size, continuity.report, past, sources, settled)

    async def settle(self, identity: Identity, session_id: UUID, finding: str, comment: str | None = None) -> Message:
        """The writer's word that a finding is to be left as it is; durable on return, and again answers the same
        message. It is open in no version any more, and no revision is asked to mend it.

        Raises NotFound where the session or the finding is none of theirs.
        """
        session = await self._manager.get_session(identity, session_id)
        if session.user_id != identity.writer():
            await self._manager.store.sessions.check_editor(session_id, identity.writer())
        report = await self.report(identity, session_id)
        found = next((one for one in (*report.findings, *report.settled) if one.id == finding), None)
        if found is None:
            raise NotFound("The ledger of this session has no such finding.")
        told = storable(comment or "").strip()
        text = f"It stays as it is: “{found.later}” against “{found.earlier}”.{f' {told}' if told else ''}"
        await self._manager.store.limits.check_room(session.user_id, session_id, len(text.encode()))
        return await self._manager.steering.settle(identity, session_id, finding, text)
