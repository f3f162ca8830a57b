"""Alternatives: other versions of a passage, written by the session's model for a person to choose from."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from uuid import UUID, uuid4

from coordinator.agents.library import Library
from coordinator.errors import Conflict, InvalidMessage, ModelFailed, StoryloomError
from coordinator.llm.models import Models
from coordinator.llm.prices import Spent
from coordinator.models import Alternative, Draft, Identity, Session
from coordinator.people.vault import Vault
from coordinator.running.recovery import restored
from coordinator.sessions.manager import StorySessionManager
from coordinator.storable import storable
from coordinator.store.versions import Edit, Made, Rewritten
from coordinator.story import passage as passages
from coordinator.story.brief import Brief
from coordinator.story.budget import Guard, check_budget
from coordinator.story.passage import Passage, Place
from coordinator.story.words import count_words
from coordinator.story.work import Done
from coordinator.workers.workers import Workers

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A passage of a version that is to be written anew, `count` times."""

    version: int
    place: Place
    instruction: str
    count: int


class Alternatives:
    def __init__(
        self, manager: StorySessionManager, library: Library, models: Models, vault: Vault, workers: Workers
    ) -> None:
        self._manager = manager
        self._library = library
        self._models = models
        self._vault = vault
        self._workers = workers

    async def write(self, identity: Identity, session_id: UUID, wanted: Rewrite) -> list[Alternative]:
        """So many versions of a passage of the current version, written at once; durable on return. Those that fail are
        left out, and what they used counts; so it does where the call is cancelled, which ends the model's.

        Raises InvalidMessage where the passage is none, Conflict where that version is not current or the story is
        being written, BudgetExceeded, and ModelFailed where none came.
        """
        version, count = wanted.version, wanted.count
        instruction = storable(wanted.instruction).strip()
        if not instruction:
            raise InvalidMessage("The instruction is empty. Say what should be different in that passage.")
        so_far = await self._manager.versions.so_far(identity, session_id)
        session = so_far.session
        if session.status == "active":
            raise Conflict("The story is being written: pause it first.")
        if session.draft_version == 0:
            raise Conflict("The story has no draft yet that could be changed.")
        if version != session.draft_version:
            raise Conflict(
                f"The text has changed since: version {session.draft_version} is the current one, not {version}."
            )
        content = (await self._manager.record.draft(identity, session_id, version)).content
        work, _ = await restored(
            self._workers,
            session.user_id,
            so_far.prompt,
            session.config,
            self._library.get(session.template),
            map(Done.stored, so_far.steps),
            so_far.material,
        )
        passage = passages.find(work, content, wanted.place)
        check_budget(session, next_call=True)
        size = count * 2 * len(passage.text.encode())
        await self._manager.store.limits.check_more(session.user_id, session_id, size)
        models = await self._vault.models_for(self._models, session.user_id, session.model)
        briefs = [passages.brief(work, passage, instruction, number) for number in range(1, count + 1)]
        return await self._written(identity, session, passage, instruction, briefs, models)

    async def accept(self, identity: Identity, session_id: UUID, alternative_id: UUID) -> Draft:
        """The text with the alternative in place of its passage, as a new version. Again answers the same version.

        Raises Conflict where the version that it was made from is not current any more, or a run holds the text.
        """
        chosen = await self._manager.store.versions.alternative(identity, session_id, alternative_id)
        base = (await self._manager.record.draft(identity, session_id, chosen.version)).content
        content = base[: chosen.start] + chosen.content + base[chosen.end :]
        words = await self._workers.run(identity.user_id, len(content), count_words, content)
        edit = Edit(chosen.version, content, words, alternative_id)
        return await self._manager.versions.edit(identity, session_id, edit)

    async def _written(
        self,
        identity: Identity,
        session: Session,
        passage: Passage,
        instruction: str,
        briefs: list[Brief],
        models: Models,
    ) -> list[Alternative]:
        # Late, because it takes a second to import.
        from coordinator.agents.cast import perform

        used = [Spent() for _ in briefs]
        ids = [uuid4() for _ in briefs]
        texts: list[str | None] = [None] * len(briefs)
        wrote = [session.model] * len(briefs)
        faults: list[StoryloomError] = []

        async def one(place: int, brief: Brief) -> None:
            others = tuple(spent for spent in used if spent is not used[place])
            try:
                answer = await perform(
                    brief,
                    models,
                    session.model,
                    _Nobody(),
                    guard=_Shared(session, others),
                    spent=used[place],
                    metrics=self._manager.metrics,
                )
                texts[place], wrote[place] = passages.placed(passage.text, answer.text), answer.model
            except StoryloomError as error:
                logger.warning("an alternative is not written: %s", error, extra={"session_id": str(session.id)})
                faults.append(error)

        async def keep() -> list[Alternative]:
            made = [
                Made(ids[place], text, wrote[place], used[place].tokens, used[place].cost_usd)
                for place, text in enumerate(texts)
            ]
            written = Rewritten(session.draft_version, passage.start, passage.end, passage.text, instruction, made)
            return await self._manager.versions.add_alternatives(identity, session.id, written)

        try:
            async with asyncio.TaskGroup() as calls:
                for place, brief in enumerate(briefs):
                    calls.create_task(one(place, brief))
        except BaseException:
            if any(spent.tokens for spent in used):
                await keep()
            raise
        kept = await keep()
        if not kept:
            raise _for_a_passage(faults[0])
        return kept


def _for_a_passage(error: StoryloomError) -> StoryloomError:
    """A model's failure, as a story tells it, with what to do here."""
    if not isinstance(error, ModelFailed):
        return error
    told = error.message.replace("Resume the story", "Ask again").replace("resume the story", "ask again")
    return ModelFailed(told, retry_after_s=error.retry_after_s)


class _Nobody:
    """Nobody watches these calls: what they give is shown when it is whole."""

    def state(self, state: str, activity: str) -> None:
        return

    def delta(self, attempt: int, offset: int, text: str) -> None:
        return


@dataclass(frozen=True, slots=True)
class _Shared(Guard):
    """One budget for several calls at once."""

    others: tuple[Spent, ...]

    def before(self, tokens: int, cost_usd: float, read_tokens: int, read_usd: float) -> None:
        more_tokens, more_usd = self._more()
        Guard.before(self, tokens + more_tokens, cost_usd + more_usd, read_tokens, read_usd)

    def during(self, tokens: int, cost_usd: float) -> None:
        more_tokens, more_usd = self._more()
        Guard.during(self, tokens + more_tokens, cost_usd + more_usd)

    def _more(self) -> tuple[int, float]:
        return sum(spent.tokens for spent in self.others), sum(spent.cost_usd for spent in self.others)
