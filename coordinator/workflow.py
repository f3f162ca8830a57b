"""A story's run: the loop over `plan`. Each step is one agent call and then one call of the store."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar
from uuid import UUID, uuid5

from pydantic import BaseModel

from coordinator import plan, progress
from coordinator.agents.cast import Answer, perform
from coordinator.agents.library import Library
from coordinator.agents.render import render
from coordinator.agents.repetition import find_repetition
from coordinator.errors import BudgetExceeded, Fenced, Internal, NotFound, StoryloomError, Unavailable
from coordinator.journal import Journal
from coordinator.llm.models import Models
from coordinator.llm.prices import Spent
from coordinator.material import Section, Verdict
from coordinator.models import Failure, Session
from coordinator.plan import Done, StepSpec, Work
from coordinator.sessions import Partial, Recovered, StorySessionManager
from coordinator.store.sessions import Changed
from coordinator.vault import Vault
from coordinator.words import count_words

logger = logging.getLogger(__name__)
T = TypeVar("T")

REPETITION_SECTIONS = 20
"""While drafting, repetition is looked for this far back: about 7,000 words, which a reader still remembers."""


class StoryWorkflow:
    """Runs stories. One instance a node; `run` is called by the engine, at most once at a time for a session."""

    def __init__(self, manager: StorySessionManager, models: Models, library: Library, vault: Vault) -> None:
        self._manager = manager
        self._models = models
        self._library = library
        self._vault = vault

    async def run(self, recovered: Recovered) -> None:
        """From where the session stands to its end, a gate, a pause, or a failure that its writer is told of.

        Returns without a trace where a newer run has taken over. Where the database goes away it waits for it, however
        long that takes: what a model has written is not thrown away. Where the node ends it returns after the step at
        hand, and the session is still to be run.
        """
        session_id = recovered.session.id
        task = asyncio.current_task()
        assert task is not None
        recovered.journal.on_fenced = task.cancel
        if recovered.journal.fenced:
            task.cancel()
        try:
            await self._story(recovered)
        except (Fenced, NotFound) as reason:
            logger.info("run of session %s ends: %s", session_id, reason)
        except asyncio.CancelledError:
            if not recovered.journal.fenced:
                raise
            logger.info("run of session %s ends: a newer run has taken it over", session_id)
        finally:
            await self._manager.release(recovered.journal)

    async def _story(self, recovered: Recovered) -> None:
        session, journal, notes = recovered.session, recovered.journal, recovered.notes
        spec: StepSpec | None = None
        spent = Spent()
        try:
            template = self._library.get(session.template)
            done = [_done(step) for step in recovered.steps if step["status"] == "done"]
            work = plan.restore(recovered.prompt, session.config, template, done)
            models = await self._models_for(session)
            attempts = {step["step"]: step["attempt"] + 1 for step in recovered.steps if step["status"] != "done"}
            partial = recovered.partial
            while (spec := plan.next_step(work)) is not None:
                if journal.ending:
                    return
                if spec.kind == "approval":
                    await self._open_gate(work, spec, journal)
                    return
                spent = Spent()
                step = _Step(spec, attempts.get(spec.name, 1), partial, spent, notes)
                work, change = await self._step(work, step, journal, session, models)
                session, notes, partial = change.session, change.notes, None
                if session.status != "active":
                    return
            await _patiently(journal.session_id, lambda: self._manager.complete_session(journal.session_id))
        except (Fenced, NotFound):
            raise
        except BudgetExceeded as error:
            await self._fail(journal, spec, spent, error, "paused")
        except StoryloomError as error:
            await self._fail(journal, spec, spent, error)
        except Exception:
            logger.exception("run of session %s broke", journal.session_id)
            await self._fail(
                journal, spec, spent,
                Internal("Something went wrong in the service; its owner can read what in the log. Resume the story."),
            )  # fmt: skip

    async def _models_for(self, session: Session) -> Models:
        """The models as this run may use them: with the writer's own keys, as they are kept when the run begins."""
        providers = self._models.key_providers(session.model)
        if not providers:
            return self._models
        keys = await _patiently(session.id, lambda: self._vault.unlocked(session.user_id, providers))
        return await self._models.with_keys(session.model, keys)

    async def _step(
        self, work: Work, step: _Step, journal: Journal, session: Session, models: Models
    ) -> tuple[Work, Changed]:
        """One agent call and what it saves; on return the step is done, durably."""
        spec, attempt = step.spec, step.attempt
        begun, clock = datetime.now(UTC), time.monotonic()
        listener = _Telling(journal, spec, attempt)
        listener.begin(attempt)
        brief = plan.brief(work, spec, await _repetition(work, spec), step.notes)
        answer = await perform(brief, models, session.model, listener, first_attempt=attempt, spent=step.spent)
        duration_ms = round((time.monotonic() - clock) * 1000)
        done = _answered(spec, answer, duration_ms)
        after = plan.advance(work, done)
        result = {
            "step": spec.name, "stage": spec.stage, "agent": spec.agent, "attempt": listener.attempt,
            "started_at": begun.isoformat(), "duration_ms": duration_ms, "tokens": answer.tokens,
            "cost_usd": answer.cost_usd, "message_id": str(listener.message_id), "content": answer.text,
            "model": answer.model, "output": done.output,
            **await _made(work, after, spec, answer),
        }  # fmt: skip
        return after, await _patiently(journal.session_id, lambda: self._manager.finish_step(journal, result))

    async def _open_gate(self, work: Work, spec: StepSpec, journal: Journal) -> None:
        outline = spec.gate == "outline"
        words = await asyncio.to_thread(_written, work)
        asked = {
            "step": spec.name, "stage": spec.stage, "gate": spec.gate,
            "content": render(work.outline) if outline and work.outline else plan.text(work),
            "draft_version": None if outline else work.current_version,
            "progress": progress.of(work, spec.name, words).model_dump(mode="json"),
        }  # fmt: skip
        await _patiently(journal.session_id, lambda: self._manager.open_gate(journal, asked))

    async def _fail(
        self, journal: Journal, spec: StepSpec | None, spent: Spent, error: StoryloomError,
        to: Literal["failed", "paused"] = "failed",
    ) -> None:  # fmt: skip
        failure = Failure(code=error.code, message=error.message)
        await _patiently(
            journal.session_id,
            lambda: self._manager.fail_session(
                journal.session_id, failure, spec.name if spec else None, agent=spec.agent if spec else None,
                tokens=spent.tokens, cost_usd=spent.cost_usd, to=to,
            ),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Step:
    """A step to take: its first attempt's number, what is there of its text, and what the writer has noted."""

    spec: StepSpec
    attempt: int
    partial: Partial | None
    spent: Spent
    notes: list[str]


async def _patiently(session_id: UUID, write: Callable[[], Awaitable[T]]) -> T:
    """What the write answers once the database is there. Every write of a run may be done twice and counts once."""
    while True:
        try:
            return await write()
        except Unavailable as error:
            # The gateway has waited for as long as its settings say; a run has nothing better to do than that.
            logger.warning("session %s waits for the database: %s", session_id, error)


class _Telling:
    """Tells a step's course as events. Prose arrives here piece by piece."""

    def __init__(self, journal: Journal, spec: StepSpec, attempt: int) -> None:
        self._journal = journal
        self._spec = spec
        self.attempt = attempt
        # The same in every attempt and after a crash, so that a message is settled once.
        self.message_id = uuid5(journal.session_id, spec.name)

    def begin(self, attempt: int) -> None:
        self.attempt = attempt
        spec = self._spec
        self._journal.emit("step.started", step=spec.name, stage=spec.stage, agent=spec.agent, attempt=attempt)

    def state(self, state: str, activity: str) -> None:
        self._journal.emit("agent.state", agent=self._spec.agent, state=state, activity=activity)

    def delta(self, attempt: int, offset: int, text: str) -> None:
        if attempt > self.attempt:
            self.begin(attempt)
        self._journal.emit(
            "agent.delta",
            message_id=str(self.message_id),
            agent=self._spec.agent,
            attempt=attempt,
            offset=offset,
            text=text,
        )


def _done(step: dict[str, Any]) -> Done:
    return Done(step["step"], step["output"], step["text"] or "", step["duration_ms"] or 0)


def _answered(spec: StepSpec, answer: Answer, duration_ms: int) -> Done:
    if isinstance(answer.output, BaseModel):
        return Done(spec.name, answer.output.model_dump(mode="json"), "", duration_ms)
    return Done(spec.name, None, answer.text, duration_ms)


async def _made(before: Work, after: Work, spec: StepSpec, answer: Answer) -> dict[str, Any]:
    """The rest of a step's result: draft, verdict on a draft, context, title, progress."""
    made: dict[str, Any] = {}
    draft = plan.draft_of(after, spec)
    if draft is not None:
        words = await asyncio.to_thread(count_words, draft.content)
        made["draft"] = {"content": draft.content, "word_count": words, "current": draft.current}
    if isinstance(answer.output, Verdict):
        scored = plan.scored_by(before, spec, answer.output)
        made["scored_version"], made["scores"] = scored.version, scored.scores
        if scored.accept:
            made["accept_version"] = scored.version
    if spec.kind in ("outline", "record"):
        made["context"] = {"bible": after.bible.model_dump(mode="json"), "summary": after.summary}
    if spec.kind == "outline" and after.outline is not None:
        made["title"] = after.outline.title[:200]
    following = plan.next_step(after)
    words = await asyncio.to_thread(_written, after)
    made["progress"] = progress.of(after, following.name if following else None, words).model_dump(mode="json")
    return made


def _written(work: Work) -> int:
    present = {**work.texts, **work.candidate, **work.polished}
    return sum(count_words(text) for text in present.values())


async def _repetition(work: Work, spec: StepSpec) -> list[tuple[int, str]]:
    """What code finds said twice, as notes by section. In a thread: a long text takes a while."""
    if spec.kind not in ("draft", "revise", "polish", "review") or not work.texts:
        return []
    texts = [Section(number=number, text=text) for number, text in sorted({**work.texts, **work.candidate}.items())]
    if spec.kind == "draft":
        texts = texts[-REPETITION_SECTIONS:]
    notes = await asyncio.to_thread(find_repetition, texts)
    return [(note.section or 0, f"“{note.quote}” {note.comment}" if note.quote else note.comment) for note in notes]
