"""The answers that this node writes in chats: each a run of one turn, or of a few where more is said meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar
from uuid import UUID

from coordinator.agents import minutes
from coordinator.agents.call import label
from coordinator.agents.library import Library
from coordinator.agents.talking import Answered, Start, TalkCall, answer
from coordinator.chat.talk import Said, Told, Tool, ToolAnswer, ToolCall
from coordinator.chat.window import Material, Window, is_summary_due, of_store
from coordinator.errors import Conflict, Fenced, Internal, NotFound, StoryloomError, Unavailable
from coordinator.llm.models import Models
from coordinator.llm.prices import Spent
from coordinator.llm.tokens import tokens_of
from coordinator.models import Failure, Turn
from coordinator.people.vault import Vault
from coordinator.running.bibles import Bibles
from coordinator.running.patience import patiently
from coordinator.running.toolbox import Toolbox
from coordinator.sessions.journal import Journal
from coordinator.sessions.manager import StorySessionManager
from coordinator.sessions.turns import Taken
from coordinator.store.runs import Begun
from coordinator.store.sessions import Json
from coordinator.store.turns import AnswerResult, FinishedTurn, Noted
from coordinator.story.material import Bible
from coordinator.telemetry.logs import about
from coordinator.telemetry.traces import Traces

logger = logging.getLogger(__name__)
T = TypeVar("T")

NOTES_AT_ONCE = 8
"""Talks of which notes are taken at once: nobody waits for them."""
BROKEN = Internal("Something went wrong in the service; its owner can read what in the log. Try again.")
FULL = Unavailable("This service writes as many answers as it can just now. Try again in a moment.", retry_after_s=2)


class Answering:
    """Begun with the engine, which beats for its runs too; ended by `close`, which leaves unfinished answers to
    others."""

    def __init__(
        self,
        manager: StorySessionManager,
        models: Models,
        library: Library,
        vault: Vault,
        *,
        turns: int,
        drain_s: float = 0,
        traces: Traces | None = None,
    ) -> None:
        """`turns` is how many answers are written at once."""
        self._manager = manager
        self._models = models
        self._library = library
        self._vault = vault
        self._turns = turns
        self._drain_s = drain_s
        self._traces = traces or Traces()
        self._runs: dict[UUID, asyncio.Task[None]] = {}
        self._bibles = Bibles(manager.store)
        self._notes: set[asyncio.Task[None]] = set()
        self._notes_at_once = asyncio.Semaphore(NOTES_AT_ONCE)
        self._closing = False

    @property
    def running(self) -> int:
        """Answers that are being written on this node."""
        return len(self._runs)

    def check_room(self) -> None:
        """Raises Unavailable where this node writes as many answers as it can, or ends."""
        if self._closing or len(self._runs) >= self._turns:
            raise FULL

    def begin(self, taken: Taken) -> None:
        """Have an answer written."""
        session_id = taken.journal.session_id
        self._watch(session_id, self._run(taken, self._runs.get(session_id)))

    def _watch(self, session_id: UUID, run: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(run, name=f"answer {session_id}")
        self._runs[session_id] = task
        task.add_done_callback(lambda done: self._ended(session_id, done))

    def _ended(self, session_id: UUID, task: asyncio.Task[None]) -> None:
        if self._runs.get(session_id) is task:
            del self._runs[session_id]

    async def claim(self, dead_s: float) -> int:
        """Take over what dead nodes have left, as far as there is room. Raises Unavailable."""
        room = self._turns - len(self._runs)
        if self._closing or room <= 0:
            return 0
        found = await self._manager.turns.claim(room, self._runs, dead_s)
        for begun in found:
            self._watch(begun.session_id, self._taken_over(begun))
        return len(found)

    async def wait(self, session_id: UUID) -> None:
        """Until the session's run on this node is over; at once where none is here."""
        task = self._runs.get(session_id)
        if task is not None:
            await asyncio.wait([task])

    async def stop(self, session_id: UUID) -> None:
        """End the session's run on this node at once, with nothing kept of it. On return it writes nothing more."""
        task = self._runs.get(session_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def close(self) -> None:
        """Let answers come to their end, for `drain_s` at the most, and leave the others where they are."""
        self._closing = True
        if self._runs and self._drain_s:
            await asyncio.wait(list(self._runs.values()), timeout=self._drain_s)
        tasks = [*self._runs.values(), *self._notes]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- One run -----------------------------------------------------------------------------------------------------

    async def _taken_over(self, begun: Begun) -> None:
        with about(session_id=begun.session_id, run=begun.epoch):
            try:
                taken = await patiently(lambda: self._manager.turns.take_up(begun))
            except (NotFound, Conflict) as reason:
                logger.info("the answer is another's by now: %s", reason)
                return
            except Exception:
                logger.exception("what is kept of the chat can't be read")
                with contextlib.suppress(StoryloomError):
                    await self._manager.turns.fail(begun, BROKEN)
                return
        await self._run(taken, None)

    async def _run(self, taken: Taken, before: asyncio.Task[None] | None) -> None:
        journal = taken.journal
        task = asyncio.current_task()
        assert task is not None
        journal.on_fenced = task.cancel
        if journal.fenced:
            task.cancel()
        facts: dict[str, str | int | float | bool | None] = {
            "storyloom.session_id": str(journal.session_id),
            "storyloom.run": journal.epoch,
        }
        with about(session_id=journal.session_id, run=journal.epoch):
            try:
                if before is not None and not before.done():
                    # It has kept its answer, and only has to come to its end.
                    await asyncio.wait([before])
                with self._traces.begin("turn", facts):
                    await self._answer_all(taken)
            except (Fenced, NotFound) as reason:
                logger.info("the answer ends: %s", reason)
            except asyncio.CancelledError:
                if not journal.fenced:
                    raise
                logger.info("the answer ends: a newer run has taken it over")
            finally:
                await self._manager.turns.release(journal)

    async def _answer_all(self, taken: Taken) -> None:
        """The answer, and to what was said meanwhile, until nothing is left to be answered."""
        while True:
            finished, answered = await self._answer(taken)
            if answered is not None:
                self._take_notes(taken, answered)
            if finished.talk is None or finished.turn is None or taken.journal.fenced:
                return
            taken = Taken(finished.session, finished.talk, taken.journal)

    async def _answer(self, taken: Taken) -> tuple[FinishedTurn, Answered | None]:
        session, journal = taken.session, taken.journal
        turn = Turn.model_validate(taken.talk["turn"])
        asker = UUID(taken.talk["turn"]["by"])
        telling = _Telling(journal, turn, session.template)
        spent = Spent()
        call: TalkCall | None = None
        answered: Answered | None = None
        error: StoryloomError | None = None
        stop = asyncio.Event()
        journal.on_stop = stop.set
        if turn.stop:
            stop.set()
        try:
            agent = self._library.agent(session.template)
            kept = taken.talk["keys"]
            models = await patiently(lambda: self._vault.models_for(self._models, session.user_id, session.model, kept))
            toolbox = Toolbox(self._manager.store, self._library, session, asker)
            start = _start(taken)
            bible = await patiently(lambda: self._bibles.of(taken.talk["project"]))
            material = _material(taken, agent.tools, bible)

            async def do(called: ToolCall) -> ToolAnswer:
                return await patiently(lambda: toolbox.do(called))

            call = TalkCall(agent, material, do, start, models, telling, spent, self._manager.metrics)
            answered = await _unless(stop, answer(call, models, session.model))
        except (Fenced, NotFound):
            raise
        except StoryloomError as failed:
            error = failed
        except Exception:
            logger.exception("the answer broke")
            self._manager.metrics.runs_broken.inc()
            error = BROKEN
        finally:
            for name, used in spent.by_model.items():
                self._manager.metrics.tokens(label(self._models, name), session.template).inc(used.tokens)
                self._manager.metrics.cost(label(self._models, name), session.template).inc(used.cost_usd)
        text = answered.text if answered else call.text if call else taken.written
        tools = answered.tools if answered else tuple(call.tools) if call else ()
        stopped = answered is None and error is None
        metadata = _metadata(tools, answered.notes if answered else (), stopped=stopped, failed=error is not None)
        result = AnswerResult(
            turn.message_id,
            session.template,
            text,
            answered.model if answered else session.model,
            spent.tokens,
            spent.cost_usd,
            metadata,
            Failure(code=error.code, message=error.message) if error else None,
            stopped,
            not journal.ending,
        )
        return await patiently(lambda: self._manager.turns.finish(journal, result)), answered

    # -- Beside the answers ------------------------------------------------------------------------------------------

    def _take_notes(self, taken: Taken, answered: Answered) -> None:
        first = taken.talk["total"] == 1 and not taken.talk["titled"]
        room = answered.window.tokens + sum(tokens_of(line.said.text) for line in answered.window.fallen)
        due = is_summary_due(answered.window, max(room, 1), tokens_of)
        if not self._closing and (first or due):
            task = asyncio.create_task(self._noted(taken, answered, first, due), name="notes of a talk")
            self._notes.add(task)
            task.add_done_callback(self._notes.discard)

    async def _noted(self, taken: Taken, answered: Answered, first: bool, due: bool) -> None:
        session = taken.session
        window: Window = answered.window
        spent = Spent()
        try:
            async with self._notes_at_once:
                models = await self._vault.models_for(self._models, session.user_id, session.model)
                title = None
                if first:
                    exchange = (*window.talk.said[-1:], Said("assistant", answered.text))
                    title = await minutes.title(exchange, models, session.model, spent, self._manager.metrics)
                summary: Json | None = None
                if due and window.fallen:
                    said = tuple(line.said for line in window.fallen)
                    earlier = window.talk.earlier
                    text = await minutes.summary(earlier, said, models, session.model, spent, self._manager.metrics)
                    last = window.fallen[-1]
                    summary = {"upto": last.seq, "total": last.place, "text": text} if text else None
            if title or summary or spent.tokens:
                noted = Noted(title, summary, session.template, spent.tokens, spent.cost_usd)
                await self._manager.turns.note(session.id, noted)
        except StoryloomError as error:
            # They are taken after another turn.
            logger.info("no notes are taken: %s", error)
        except Exception:
            logger.exception("the notes of a talk broke")


class _Telling:
    """Tells an answer's course as events."""

    def __init__(self, journal: Journal, turn: Turn, agent: str) -> None:
        self._journal = journal
        self._message_id = str(turn.message_id)
        self._agent = agent

    def state(self, state: str, activity: str) -> None:
        if state != "writing":
            # That it writes is seen by what it writes.
            self._journal.emit("agent.state", agent=self._agent, state=state, activity=activity)

    def delta(self, attempt: int, offset: int, text: str) -> None:
        self._journal.emit(
            "agent.delta",
            message_id=self._message_id,
            agent=self._agent,
            attempt=attempt,
            offset=offset,
            text=text,
        )

    def tool_called(self, call: ToolCall) -> None:
        self._journal.emit(
            "tool.called",
            message_id=self._message_id,
            call_id=call.id,
            tool=call.tool,
            args=call.args,
            offset=call.offset,
        )

    def tool_answered(self, answer: ToolAnswer) -> None:
        self._journal.emit(
            "tool.answered",
            message_id=self._message_id,
            call_id=answer.call.id,
            tool=answer.call.tool,
            result=answer.result,
            error=answer.error,
        )


def _material(taken: Taken, tools: list[Tool], bible: Bible) -> Material:
    talk, session_id = taken.talk, str(taken.session.id)
    lines, summary = of_store(talk)
    stories = tuple(
        Told(one["session_id"], one["title"], one["status"], one["words"], one.get("excerpt") or "")
        for one in talk["stories"]
    )
    return Material(
        session_id,
        taken.session.template,
        lines,
        talk["total"],
        summary,
        (talk["project"] or {}).get("instructions", ""),
        bible,
        stories,
        # What is noted is noted for a project.
        tuple(tool for tool in tools if tool != "note" or talk["project"]),
        talk["again"],
    )


def _start(taken: Taken) -> Start:
    """What is there of an answer that is taken up."""
    called: dict[str, ToolCall] = {}
    answered: list[ToolAnswer] = []
    for event in taken.tools:
        if event["type"] == "tool.called":
            called[event["call_id"]] = ToolCall(event["call_id"], event["tool"], event["args"], event.get("offset", 0))
        elif event["call_id"] in called:
            call = called.pop(event["call_id"])
            answered.append(ToolAnswer(call, event.get("result") or {}, event.get("error")))
    return Start(taken.written, tuple(answered), next(iter(called.values()), None))


def _metadata(tools: tuple[ToolAnswer, ...], notes: tuple[str, ...], *, stopped: bool, failed: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if tools:
        found["tools"] = [
            {
                "call_id": one.call.id,
                "tool": one.call.tool,
                "args": one.call.args,
                "result": one.result,
                "error": one.error,
                "offset": one.call.offset,
            }
            for one in tools
        ]
    if notes:
        found["notes"] = list(notes)
    return found | ({"stopped": True} if stopped else {}) | ({"failed": True} if failed else {})


async def _unless(stop: asyncio.Event, work: Awaitable[T]) -> T | None:
    """What the work gives; None where it was stopped, and then it has ended."""
    task = asyncio.ensure_future(work)
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        return await task if task.done() else None
    finally:
        waiting.cancel()
        if not task.done():
            task.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)
