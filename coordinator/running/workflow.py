"""A story's run: the loop over `plan`. Each step is one agent call and then one call of the store."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, TypeVar
from uuid import UUID, uuid5

from pydantic import BaseModel

from coordinator.agents.cast import Answer, Begun, label, perform
from coordinator.agents.library import Library
from coordinator.agents.prompts import output_type
from coordinator.agents.render import ledger, render
from coordinator.agents.repetition import find_repetition
from coordinator.errors import BudgetExceeded, Fenced, Internal, NotFound, StoryloomError, TooLarge, Unavailable
from coordinator.llm.models import Models
from coordinator.llm.prices import Spent
from coordinator.models import Failure, Session
from coordinator.people.vault import Vault
from coordinator.running.patience import patiently
from coordinator.running.recovery import restored
from coordinator.sessions.journal import Journal
from coordinator.sessions.manager import StorySessionManager
from coordinator.sessions.runs import Partial, Recovered
from coordinator.store.runs import Failing, Finished
from coordinator.story import continuity, plan, progress
from coordinator.story.briefing import brief_of
from coordinator.story.budget import Guard
from coordinator.story.edits import is_edit, is_kept
from coordinator.story.ledger.cast import Cast
from coordinator.story.ledger.finding import Finding
from coordinator.story.ledger.ledger import READ_COST, findings_of, read_all
from coordinator.story.ledger.reading import Reading
from coordinator.story.material import Note, Section, Verdict
from coordinator.story.sections import words_for
from coordinator.story.verdicts import scored_by
from coordinator.story.words import count_words
from coordinator.story.work import Done, StepSpec, Work, begun_by, context_of, newest_texts, text_of
from coordinator.telemetry import traces
from coordinator.telemetry.logs import about_from_here
from coordinator.telemetry.traces import Fact, Traces
from coordinator.workers.workers import Workers

logger = logging.getLogger(__name__)
T = TypeVar("T")

SEARCH_COST = 2
"""A character is searched for repetition in up to twice the time that others take for it."""
TEXTS_COUNTED = 1000
"""More than a story of a hundred pages has sections, each of them written anew a few times."""
REPETITION_SECTIONS = 20
"""While drafting, repetition is looked for this far back: about 7,000 words, which a reader still remembers."""


class StoryWorkflow:
    """Runs stories. One instance a node; `run` is called by the engine, at most once at a time for a session."""

    def __init__(
        self,
        manager: StorySessionManager,
        models: Models,
        library: Library,
        vault: Vault,
        workers: Workers,
        traces: Traces | None = None,
    ) -> None:
        self._manager = manager
        self._models = models
        self._library = library
        self._vault = vault
        self._workers = workers
        self._traces = traces or Traces()

    async def run(self, recovered: Recovered) -> None:
        """From where the session stands to its end, a gate, a pause, or a failure that its writer is told of.

        Returns without a trace where a newer run has taken over. Where the database goes away it waits for it, however
        long that takes: what a model has written is not thrown away. Where the node ends it returns after the step at
        hand, and the session is still to be run.
        """
        session = recovered.session
        task = asyncio.current_task()
        assert task is not None
        recovered.journal.on_fenced = task.cancel
        if recovered.journal.fenced:
            task.cancel()
        facts = _facts(recovered.journal, template=session.template, model=session.model, node=self._manager.runs.node)
        try:
            with self._traces.begin("run", facts):
                await self._story(recovered)
        except (Fenced, NotFound) as reason:
            logger.info("the run ends: %s", reason)
        except asyncio.CancelledError:
            if not recovered.journal.fenced:
                raise
            logger.info("the run ends: a newer one has taken it over")
        finally:
            await self._manager.runs.release(recovered.journal)

    async def _story(self, recovered: Recovered) -> None:
        session, journal, notes = recovered.session, recovered.journal, recovered.notes
        spec: StepSpec | None = None
        spent = Spent()
        try:
            template = self._library.get(session.template)
            done = [Done.stored(step) for step in recovered.steps if step["status"] == "done"]
            work, _ = await restored(
                self._workers,
                session.user_id,
                recovered.prompt,
                session.config,
                template,
                done,
                recovered.material,
                patient=True,
            )
            reading = _Reading(self._workers, session.user_id)
            models = await patiently(
                lambda: self._vault.models_for(self._models, recovered.session.user_id, recovered.session.model)
            )
            attempts = {step["step"]: step["attempt"] + 1 for step in recovered.steps if step["status"] != "done"}
            while (spec := plan.next_step(work)) is not None:
                if journal.ending:
                    return
                # The run's task is its own.
                about_from_here(step=spec.name)
                if spec.kind == "approval":
                    await self._open_gate(work, spec, journal, reading)
                    return
                spent = Spent()
                begun = _begun(recovered, work, spec)
                step = _Step(spec, attempts.get(spec.name, 1), begun, spent, notes, reading)
                work, change = await self._step(work, step, journal, session, models)
                session, notes = change.session, change.notes
                if session.status != "active":
                    return
            await patiently(lambda: self._manager.runs.complete(journal.session_id))
            logger.info("the story is completed")
        except (Fenced, NotFound):
            raise
        except BudgetExceeded as error:
            await self._fail(journal, spec, spent, error, "paused")
        except StoryloomError as error:
            await self._fail(journal, spec, spent, error)
        except Exception:
            logger.exception("the run broke")
            self._manager.metrics.runs_broken.inc()
            await self._fail(
                journal,
                spec,
                spent,
                Internal("Something went wrong in the service; its owner can read what in the log. Resume the story."),
            )

    async def _step(
        self, work: Work, step: _Step, journal: Journal, session: Session, models: Models
    ) -> tuple[Work, Finished]:
        """One agent call and what it saves; on return the step is done, durably."""
        spec = step.spec
        with traces.span(f"step {spec.kind}", _facts(journal, step=spec.name, agent=spec.agent)):
            return await self._traced_step(work, step, journal, session, models)

    async def _traced_step(
        self, work: Work, step: _Step, journal: Journal, session: Session, models: Models
    ) -> tuple[Work, Finished]:
        spec, attempt = step.spec, step.attempt
        begun, clock = datetime.now(UTC), time.monotonic()
        shown = begun_by(work, spec)
        listener = _Telling(journal, spec, attempt, shown.begins_at if shown else None)
        listener.begin(step.begun.attempt if step.begun and models.continues else attempt)
        reading = step.reading
        brief = brief_of(work, spec, await reading.repetition(work, spec), step.notes, reading.count)
        metrics = self._manager.metrics
        try:
            answer = await perform(
                brief,
                models,
                session.model,
                listener,
                first_attempt=attempt,
                begun=step.begun,
                guard=Guard(session),
                spent=step.spent,
                metrics=metrics,
            )
        finally:
            for name, used in step.spent.by_model.items():
                metrics.tokens(label(models, name), spec.agent).inc(used.tokens)
                metrics.cost(label(models, name), spec.agent).inc(used.cost_usd)
        duration_ms = round((time.monotonic() - clock) * 1000)
        done = _answered(spec, answer, duration_ms)
        if spec.kind == "outline" and done.output is not None:
            # Kept with the outline: the sections stay what they are, whichever model goes on.
            done.output["section_words"] = words_for((await models.measure(session.model)).context)
        after = plan.advance(work, done)
        findings = await self._found(work, after, spec, reading, journal)
        if findings and done.output is not None:
            done = replace(done, output=continuity.kept(done.output, findings))
            after = plan.advance(work, done)
        result = {
            "step": spec.name,
            "stage": spec.stage,
            "agent": spec.agent,
            "attempt": listener.attempt,
            "started_at": begun.isoformat(),
            "duration_ms": duration_ms,
            "tokens": answer.tokens,
            "cost_usd": answer.cost_usd,
            "message_id": listener.message_id,
            "content": f"{answer.text}\n\n{ledger(findings)}" if findings and done.output is not None else answer.text,
            "model": answer.model,
            "output": done.output,
            "metadata": {**_about(answer), **_told(findings)},
            **_made(work, after, spec, answer, reading),
        }
        change = await patiently(lambda: self._manager.runs.finish_step(journal, result))
        metrics.steps(spec.kind).observe(duration_ms / 1000)
        logger.info(
            "the step is done",
            extra={
                "agent": spec.agent,
                "model": answer.model,
                "attempt": listener.attempt,
                "duration_ms": duration_ms,
                "tokens": answer.tokens,
            },
        )
        return after, change

    async def _found(
        self, before: Work, after: Work, spec: StepSpec, reading: _Reading, journal: Journal
    ) -> list[Finding]:
        """What can't all be true: of a section just recorded, of the text that was read, of a version just made. What
        the writer has said to leave is left."""
        if spec.kind not in ("record", "review") and plan.draft_of(after, spec) is None:
            return []
        texts = continuity.text_as_it_stands(before if spec.kind == "review" else after)
        found = await reading.findings(after, texts)
        if spec.kind == "record":
            found = [finding for finding in found if finding.section == spec.section]
        if not found:
            return []
        settled = set(await patiently(lambda: self._manager.record.settled(journal.session_id)))
        return [finding for finding in found if finding.id not in settled][: continuity.MOST_KEPT]

    async def _open_gate(self, work: Work, spec: StepSpec, journal: Journal, reading: _Reading) -> None:
        outline = spec.gate == "outline"
        words = reading.words(newest_texts(work).values())
        asked = {
            "step": spec.name,
            "stage": spec.stage,
            "gate": spec.gate,
            "content": render(work.outline) if outline and work.outline else text_of(work),
            "draft_version": None if outline else work.current_version,
            "progress": progress.of(work, spec.name, words).model_dump(mode="json"),
        }
        await patiently(lambda: self._manager.runs.open_gate(journal, asked))
        logger.info("the story waits for its writer")

    async def _fail(
        self,
        journal: Journal,
        spec: StepSpec | None,
        spent: Spent,
        error: StoryloomError,
        to: Literal["failed", "paused"] = "failed",
    ) -> None:
        failure = Failure(code=error.code, message=error.message)
        traces.note({"error.type": error.code}, failed=True)
        failing = Failing(
            failure,
            spec.name if spec else None,
            spec.agent if spec else None,
            spent.tokens,
            spent.cost_usd,
            to,
        )
        await patiently(lambda: self._manager.runs.fail(journal.session_id, failing))
        logger.warning("the story is %s: %s", to, error.code)


class _Reading:
    """What code reads in the text of a run, each section once for as long as it stands."""

    def __init__(self, workers: Workers, user: UUID) -> None:
        self.count = lru_cache(TEXTS_COUNTED)(count_words)
        self._workers = workers
        self._user = user
        self._searched: tuple[list[Section], list[Note]] = ([], [])
        self._read: tuple[Cast | None, dict[str, Reading]] = (None, {})

    def words(self, texts: Iterable[str]) -> int:
        return sum(map(self.count, texts))

    async def repetition(self, work: Work, spec: StepSpec) -> list[tuple[int, str]]:
        """What is said twice, as notes by section."""
        if spec.kind not in ("draft", "revise", "polish", "review") or not work.texts:
            return []
        texts = [Section(number=number, text=text) for number, text in sorted({**work.texts, **work.candidate}.items())]
        if spec.kind == "draft":
            texts = texts[-REPETITION_SECTIONS:]
        if texts != self._searched[0]:
            self._searched = texts, await self._search(texts)
        notes = self._searched[1]
        return [(note.section or 0, f"“{note.quote}” {note.comment}" if note.quote else note.comment) for note in notes]

    async def findings(self, work: Work, texts: dict[int, str]) -> list[Finding]:
        """What of these texts can't all be true. A section is read again only where it has changed."""
        sources = continuity.sources_of(work)
        known = self._read[1] if self._read[0] == sources.cast else {}
        new = [text for text in dict.fromkeys(texts.values()) if text not in known]
        try:
            size = READ_COST * sum(map(len, new))
            read = await self._workers.run_patiently(self._user, size, read_all, new, sources.cast) if new else []
        except (TooLarge, Unavailable) as error:
            logger.warning("the text is not held against its ledger: %s", error)
            return []
        every = {**known, **dict(zip(new, read, strict=True))}
        self._read = sources.cast, {text: every[text] for text in texts.values()}
        return findings_of(texts, sources, self._read[1])

    async def _search(self, texts: list[Section]) -> list[Note]:
        size = SEARCH_COST * sum(len(section.text) for section in texts)
        try:
            return await self._workers.run_patiently(self._user, size, find_repetition, texts)
        except (TooLarge, Unavailable) as error:
            # A story is written without these notes rather than not at all.
            logger.warning("the text is not searched for repetition: %s", error)
            return []


@dataclass(frozen=True, slots=True)
class _Step:
    """A step to take: the number of an attempt from nothing, what is there of its text, what the writer has noted,
    what code has read."""

    spec: StepSpec
    attempt: int
    begun: Begun | None
    spent: Spent
    notes: list[str]
    reading: _Reading


class _Telling:
    """Tells a step's course as events. Prose arrives here piece by piece."""

    def __init__(self, journal: Journal, spec: StepSpec, attempt: int, begins_at: int | None) -> None:
        """`begins_at` as UnderWay, of a section that the current version has the beginning of."""
        self._journal = journal
        self._spec = spec
        self._place = {} if begins_at is None else {"begins_at": begins_at}
        self.attempt = attempt
        self.message_id = str(_message_id(journal.session_id, spec))

    def begin(self, attempt: int) -> None:
        self.attempt = attempt
        spec = self._spec
        self._journal.emit(
            "step.started", step=spec.name, stage=spec.stage, agent=spec.agent, attempt=attempt, **self._place
        )

    def state(self, state: str, activity: str) -> None:
        self._journal.emit("agent.state", agent=self._spec.agent, state=state, activity=activity)

    def delta(self, attempt: int, offset: int, text: str) -> None:
        if attempt > self.attempt:
            self.begin(attempt)
        if text:
            self._journal.emit(
                "agent.delta",
                message_id=self.message_id,
                agent=self._spec.agent,
                attempt=attempt,
                offset=offset,
                text=text,
            )


def _facts(journal: Journal, **more: str) -> dict[str, Fact | None]:
    """For a trace."""
    of_run: dict[str, Fact] = {"session_id": str(journal.session_id), "run": journal.epoch}
    return {f"storyloom.{name}": fact for name, fact in {**of_run, **more}.items()}


def _message_id(session_id: UUID, spec: StepSpec) -> UUID:
    """The same in every attempt and after a crash, so that a message is settled once."""
    return uuid5(session_id, spec.name)


def _begun(recovered: Recovered, work: Work, spec: StepSpec) -> Begun | None:
    """The prose of this step that the run before was writing when it ended, if that was the last attempt it began."""
    partial = recovered.partial
    row = next((row for row in recovered.steps if row["step"] == spec.name and row["status"] != "done"), None)
    if partial is None or row is None or spec.kind == "approval" or output_type(spec.kind) is not str:
        return None
    if _is_stale(recovered, work, spec, partial):
        return None
    if partial.message_id != _message_id(recovered.session.id, spec) or partial.attempt != row["attempt"]:
        return None
    return Begun(partial.text, partial.attempt, counted=row["status"] == "failed")


def _is_stale(recovered: Recovered, work: Work, spec: StepSpec, partial: Partial) -> bool:
    """Whether it is of the text as it was before the writer changed it, or was taken from them as it stood then."""
    shown = begun_by(work, spec)
    if shown is not None:
        return shown.changed and partial.attempt <= shown.attempt
    done = [step["step"] for step in recovered.steps if step["status"] == "done" and not is_kept(step["step"])]
    return bool(done) and is_edit(done[-1])


def _told(findings: list[Finding]) -> dict[str, Any]:
    """For the message: what code found, for who watches."""
    return {"findings": [finding.model_dump(mode="json") for finding in findings]} if findings else {}


def _about(answer: Answer) -> dict[str, Any]:
    """For the message: what each model had of the call, where it was more than one, and what was done to its answer."""
    notes = {"notes": list(answer.notes)} if answer.notes else {}
    if len(answer.by_model) < 2:
        return notes
    return notes | {
        "by_model": {name: {"tokens": u.tokens, "cost_usd": u.cost_usd} for name, u in answer.by_model.items()}
    }


def _answered(spec: StepSpec, answer: Answer, duration_ms: int) -> Done:
    if isinstance(answer.output, BaseModel):
        return Done(spec.name, answer.output.model_dump(mode="json"), "", duration_ms)
    return Done(spec.name, None, answer.text, duration_ms)


def _made(before: Work, after: Work, spec: StepSpec, answer: Answer, reading: _Reading) -> dict[str, Any]:
    """The rest of a step's result: draft, verdict on a draft, context, title, progress."""
    made: dict[str, Any] = {}
    draft = plan.draft_of(after, spec)
    if draft is not None:
        words = reading.words(draft.texts.values())
        made["draft"] = {"content": draft.content, "word_count": words, "current": draft.current}
    if isinstance(answer.output, Verdict):
        scored = scored_by(before, spec, answer.output)
        if scored.scores:
            made["scored_version"], made["scores"] = scored.version, scored.scores
        if scored.accept:
            made["accept_version"] = scored.version
    if spec.kind in ("outline", "record"):
        made["context"] = context_of(after)
    if spec.kind == "outline" and after.outline is not None:
        made["title"] = after.outline.title[:200]
    following = plan.next_step(after)
    words = reading.words(newest_texts(after).values())
    made["progress"] = progress.of(after, following.name if following else None, words).model_dump(mode="json")
    return made
