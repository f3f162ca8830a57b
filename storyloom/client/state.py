"""A session as its watcher knows it: one pure function from a state and an event to the next state.

The rule that tests keep: snapshot + the events after it = a fresh snapshot.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from storyloom.client.events import (
    AgentDelta,
    AgentMessage,
    AgentState,
    ApprovalRequested,
    DraftSaved,
    Event,
    ProgressMade,
    SessionCreated,
    SessionSnapshot,
    SessionStatus,
    StepFinished,
    StepStarted,
    StoryCompleted,
    UsageCounted,
)
from storyloom.client.things import (
    FINISHED,
    Approval,
    Draft,
    Failure,
    Message,
    Partial,
    Progress,
    Session,
    Thing,
    Usage,
)

MESSAGES_KEPT = 200
"""As many as a snapshot brings."""


class Cast(Thing):
    """What one agent is doing."""

    state: str
    activity: str = ""


class SessionState(Thing):
    """`approval` is the gate that waits for an answer; `reason` belongs to the last change of status; `queue_place` is
    the place in the queue of a story that waits for its turn; it is `pausing` until the step at hand is done."""

    session: Session | None = None
    epoch: int = 0
    seq: int = 0
    status: str = ""
    reason: str | None = None
    error: Failure | None = None
    pausing: bool = False
    queue_place: int | None = None
    progress: Progress = Progress()
    tokens: int = 0
    cost_usd: float = 0
    usage_by_agent: dict[str, Usage] = Field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    message_count: int = 0
    draft: Draft | None = None
    partial: Partial | None = None
    approval: Approval | None = None
    step: StepStarted | None = None
    cast: dict[str, Cast] = Field(default_factory=dict)
    title: str = ""
    story_id: UUID | None = None
    word_count: int | None = None

    @property
    def finished(self) -> bool:
        return self.status in FINISHED

    def apply(self, event: Event) -> SessionState:
        """The state after `event`. A snapshot replaces everything; an event already contained, or one of a run that
        a newer run has replaced, changes nothing."""
        if isinstance(event, SessionSnapshot):
            return _from_snapshot(event)
        if event.seq <= self.seq or event.epoch < self.epoch:
            return self
        return self.model_copy(update={"seq": event.seq, "epoch": event.epoch, **_changes(self, event)})


def _from_snapshot(event: SessionSnapshot) -> SessionState:
    session = event.session
    return SessionState(
        session=session,
        epoch=event.epoch,
        seq=event.seq,
        status=session.status,
        reason=session.error.message if session.error else None,
        error=session.error,
        pausing=session.pausing,
        queue_place=session.queue_place,
        progress=session.progress,
        tokens=session.tokens,
        cost_usd=session.cost_usd,
        usage_by_agent=session.usage_by_agent,
        messages=event.messages[-MESSAGES_KEPT:],
        message_count=session.message_count,
        draft=event.draft,
        partial=event.partial,
        approval=event.approval,
        title=session.title,
    )


def _changes(state: SessionState, event: Event) -> dict[str, Any]:
    match event:
        case SessionCreated():
            session = event.session
            return {
                "session": session,
                "status": session.status,
                "progress": session.progress,
                "title": session.title,
                "message_count": max(state.message_count, session.message_count),
            }
        case SessionStatus():
            over: dict[str, Any] = {"cast": {}} if event.finished else {}
            gate = {} if event.status == "awaiting_approval" else {"approval": None}
            title = {"title": event.title} if event.title else {}
            told = event.model_dump(include={"status", "reason", "pausing", "queue_place"})
            return {**told, "error": event.error, **over, **gate, **title}
        case StepStarted():
            return {"step": event}
        case StepFinished():
            if state.step is None or state.step.step != event.step:
                return {}
            return {"step": None, "cast": {**state.cast, state.step.agent: Cast(state="waiting")}}
        case AgentState():
            return {"cast": {**state.cast, event.agent: Cast(state=event.state, activity=event.activity)}}
        case AgentDelta():
            return {"partial": extend(state.partial, event)}
        case AgentMessage():
            return _with_message(state, event.message)
        case DraftSaved():
            return {"draft": _draft(event)} if event.current else {}
        case ProgressMade():
            return {"progress": Progress.model_validate(event.model_dump())}
        case ApprovalRequested():
            return {"approval": Approval.model_validate(event.model_dump())}
        case UsageCounted():
            return {"tokens": event.tokens, "cost_usd": event.cost_usd, "usage_by_agent": event.by_agent}
        case StoryCompleted():
            return {"story_id": event.story_id, "title": event.title, "word_count": event.word_count}
        case _:
            return {}


def extend(partial: Partial | None, delta: AgentDelta) -> Partial | None:
    """The message being written, with a delta. A higher attempt begins it again, a lower one is a straggler; text that
    overlaps what is known is joined at its offset, and text beyond a gap marks the message as incomplete."""
    begun = Partial(
        message_id=delta.message_id,
        agent=delta.agent,
        attempt=delta.attempt,
        text=delta.text,
        complete=delta.offset == 0,
    )
    if partial is None or partial.message_id != delta.message_id:
        return begun
    if partial.attempt is None:
        # A snapshot that doesn't tell the attempt: text that fits on is taken as the same one.
        if not 0 < delta.offset <= len(partial.text):
            return begun
    elif delta.attempt > partial.attempt:
        return begun
    elif delta.attempt < partial.attempt:
        return partial
    elif not partial.complete:
        return partial.model_copy(update={"text": partial.text + delta.text})
    if delta.offset > len(partial.text):
        beyond = {"text": partial.text + delta.text, "complete": False, "attempt": delta.attempt}
        return partial.model_copy(update=beyond)
    joined = partial.text[: delta.offset] + delta.text
    text = joined if len(joined) > len(partial.text) else partial.text
    return partial.model_copy(update={"text": text, "attempt": delta.attempt})


def _with_message(state: SessionState, message: Message) -> dict[str, Any]:
    settled = state.partial is not None and state.partial.message_id == message.id
    known = [kept for kept in state.messages if kept.id != message.id]
    place = next((index for index, kept in enumerate(known) if kept.seq > message.seq), len(known))
    known.insert(place, message)
    return {
        "messages": tuple(known[-MESSAGES_KEPT:]),
        "message_count": max(state.message_count, message.seq),
        **({"partial": None} if settled else {}),
    }


def _draft(event: DraftSaved) -> Draft:
    return Draft(version=event.version, current=True, step=event.step, word_count=event.word_count, scores=event.scores)
