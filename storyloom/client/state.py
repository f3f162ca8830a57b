"""A session as its watcher knows it: one pure function from a state and an event to the next state.

The rule that tests keep: snapshot + the events after it = a fresh snapshot.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from storyloom.client.branches import MESSAGES_KEPT, Branches, taken
from storyloom.client.events import (
    AgentDelta,
    AgentMessage,
    AgentState,
    ApprovalRequested,
    BranchChanged,
    DraftSaved,
    Event,
    ProgressMade,
    SessionCreated,
    SessionSnapshot,
    SessionStatus,
    StepFinished,
    StepStarted,
    StoryAsked,
    StoryCompleted,
    ToolAnswered,
    ToolCalled,
    TurnStarted,
    UsageCounted,
)
from storyloom.client.things import (
    FINISHED,
    Approval,
    AskedStory,
    Draft,
    Failure,
    Message,
    Partial,
    Progress,
    Session,
    Thing,
    ToolUse,
    Turn,
    Usage,
    uses,
)


class Cast(Thing):
    """What one agent is doing."""

    state: str
    activity: str = ""


class SessionState(Thing):
    """`approval` is the gate that waits for an answer; `reason` belongs to the last change of status; `queue_place` is
    the place in the queue of a story that waits for its turn; it is `pausing` until the step at hand is done.

    Of a chat, `messages` are those of the branch that ends with `head_seq`, in their order, and `aside` others that
    were heard of; `turn` is the answer under way, `tools` what was done for it. It is `stale` where a branch is shown
    that was never told here: attach anew, for a snapshot. `asked` are the stories begun in it of which an event has
    told."""

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
    head_seq: int | None = None
    aside: tuple[Message, ...] = ()
    stale: bool = False
    turn: Turn | None = None
    tools: tuple[ToolUse, ...] = ()
    asked: tuple[AskedStory, ...] = ()

    @property
    def finished(self) -> bool:
        return self.status in FINISHED

    def apply(self, event: Event) -> SessionState:
        """The state after `event`. A snapshot replaces everything but `asked`, of which it does not tell; an event
        already contained, or one of a run that a newer run has replaced, changes nothing."""
        if isinstance(event, SessionSnapshot):
            return _from_snapshot(event).model_copy(update={"asked": self.asked})
        if event.seq <= self.seq or event.epoch < self.epoch:
            return self
        return self.model_copy(update={"seq": event.seq, "epoch": event.epoch, **_changes(self, event)})


def _from_snapshot(event: SessionSnapshot) -> SessionState:
    session = event.session
    branch = {} if session.head_seq is None else _shown(taken(event.messages, session.head_seq))
    state = SessionState(
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
        turn=session.turn,
        tools=tuple(uses(event.tools or [])),
    )
    return state.model_copy(update=branch)


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
                # The first message follows.
                "head_seq": None if session.head_seq is None else 0,
            }
        case SessionStatus():
            over: dict[str, Any] = {"cast": {}} if event.finished else {}
            if event.finished or event.status == "waiting":
                over |= {"cast": {}, "turn": None, "tools": ()} | ({} if state.turn is None else {"partial": None})
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
        case TurnStarted():
            if state.turn is not None and state.turn.message_id == event.message_id:
                return {}
            turn = Turn(message_id=event.message_id, answers=event.answers, epoch=event.epoch, after_seq=event.seq - 1)
            return {"turn": turn, "partial": None, "tools": ()}
        case ToolCalled() | ToolAnswered():
            told = {name: value for name, value in event.model_dump().items() if name in ToolUse.model_fields}
            return {"tools": tuple(uses([*(use.model_dump() for use in state.tools), told]))}
        case BranchChanged():
            if state.head_seq is None:
                return {"stale": True}
            return {**_shown(_branches(state).switched(event.head_seq, event.moved)), "error": None}
        case StoryAsked():
            others = (story for story in state.asked if story.session_id != event.story.session_id)
            return {"asked": (*others, event.story)}
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
    settled: dict[str, Any] = {"message_count": max(state.message_count, message.seq)}
    if state.partial is not None and state.partial.message_id == message.id:
        settled["partial"] = None
    if state.turn is not None and state.turn.message_id == message.id:
        settled |= {"turn": None, "tools": ()}
    if state.head_seq is not None:
        return {**settled, **_shown(_branches(state).with_message(message))}
    known = [kept for kept in state.messages if kept.id != message.id]
    place = next((index for index, kept in enumerate(known) if kept.seq > message.seq), len(known))
    known.insert(place, message)
    return {**settled, "messages": tuple(known[-MESSAGES_KEPT:])}


def _branches(state: SessionState) -> Branches:
    return Branches(messages=state.messages, aside=state.aside, head=state.head_seq or 0, stale=state.stale)


def _shown(branches: Branches) -> dict[str, Any]:
    return {
        "messages": branches.messages,
        "aside": branches.aside,
        "head_seq": branches.head,
        "stale": branches.stale,
    }


def _draft(event: DraftSaved) -> Draft:
    return Draft(version=event.version, current=True, step=event.step, word_count=event.word_count, scores=event.scores)
