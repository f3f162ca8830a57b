"""The client's reducer, against a small model of a session that can tell its events and its snapshot."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storyloom.client.events import AgentDelta, Event, SessionSnapshot, UnknownEvent, parse
from storyloom.client.state import MESSAGES_KEPT, SessionState, extend
from storyloom.client.things import Partial
from storyloom.errors import ClientError

SESSION = UUID("5e551000-0000-4000-8000-000000000001")
WRITER = "5e551000-0000-4000-8000-000000000002"
AT = "2026-11-21T06:00:00+00:00"


class Told:
    """What a server would know and tell of one session."""

    def __init__(self) -> None:
        self.seq = 0
        self.epoch = 1
        self.session: dict[str, Any] = {
            "id": str(SESSION),
            "kind": "story",
            "user_id": WRITER,
            "title": "Untitled",
            "template": "classic",
            "status": "active",
            "config": {"pages": 3},
            "progress": {"percent": 0},
            "epoch": 1,
            "message_count": 0,
            "draft_version": 0,
            "tokens": 0,
            "cost_usd": 0.0,
            "model": "offline:storyteller",
            "created_at": AT,
            "updated_at": AT,
            "last_activity_at": AT,
            "expires_at": AT,
        }
        self.messages: list[dict[str, Any]] = []
        self.draft: dict[str, Any] | None = None
        self.partial: dict[str, Any] | None = None
        self.approval: dict[str, Any] | None = None
        self.frames: list[dict[str, Any]] = []
        self.tell("session.created", request_id="r1", session=dict(self.session))

    def tell(self, kind: str, **fields: Any) -> None:
        self.seq += 1
        frame = {"type": kind, "session_id": str(SESSION), "epoch": self.epoch, "seq": self.seq, "at": AT, **fields}
        self.frames.append(frame)

    def next_id(self) -> str:
        return str(uuid5(SESSION, str(len(self.messages))))

    def delta(self, text: str) -> None:
        if self.partial is None:
            self.partial = {"message_id": self.next_id(), "agent": "writer", "attempt": 1, "text": ""}
        self.tell(
            "agent.delta",
            message_id=self.partial["message_id"],
            agent="writer",
            attempt=self.partial["attempt"],
            offset=len(self.partial["text"]),
            text=text,
        )
        self.partial["text"] += text

    def restart(self) -> None:
        if self.partial is not None:
            self.partial |= {"attempt": self.partial["attempt"] + 1, "text": ""}
            self.delta("again ")

    def message(self) -> None:
        text = self.partial["text"] if self.partial else "notes"
        number = len(self.messages) + 1
        message = {
            "id": self.next_id(),
            "seq": number,
            "role": "assistant",
            "agent": "writer",
            "step": f"draft-{number}",
            "content": text,
            "created_at": AT,
        }
        self.messages.append(message)
        self.session["message_count"] = number
        self.partial = None
        self.tell("agent.message", message=message)

    def save(self, current: bool) -> None:
        version = self.session["draft_version"] + 1
        draft = {"version": version, "current": current, "step": "draft-1", "word_count": 100 * version, "scores": None}
        if current:
            self.session["draft_version"] = version
            self.draft = draft
        self.tell("draft.saved", **draft)

    def progress(self, percent: int) -> None:
        self.session["progress"] = {"percent": percent, "current_step": "draft-1", "words": percent * 9}
        self.tell("progress", **self.session["progress"])

    def usage(self, tokens: int) -> None:
        self.session |= {"tokens": self.session["tokens"] + tokens, "cost_usd": tokens / 100}
        self.tell("usage", tokens=self.session["tokens"], cost_usd=self.session["cost_usd"], by_agent={})

    def status(self, status: str) -> None:
        self.epoch += 1
        self.session |= {"status": status, "epoch": self.epoch, "pausing": False, "queue_place": None}
        self.approval = None
        self.tell("session.status", status=status)

    def gate(self, step: str) -> None:
        self.approval = {"step": step, "content": f"# {step}", "draft_version": None}
        self.session |= {"status": "awaiting_approval", "pausing": False, "queue_place": None}
        # In one transaction: no snapshot is between the two.
        self.tell("approval.requested", step=step, content=f"# {step}")
        self.tell("session.status", status="awaiting_approval", reason="outline")

    def pause(self) -> None:
        if self.session["status"] == "active":
            self.session |= {"pausing": True, "queue_place": None}
            self.tell("session.status", status="active", reason="pausing", pausing=True)

    def queue(self, place: int) -> None:
        if self.session["status"] == "active":
            self.session |= {"queue_place": place, "pausing": False}
            self.tell("session.status", status="active", reason="queued", queue_place=place)

    def rename(self, title: str) -> None:
        self.session["title"] = title
        kept = {"pausing": self.session.get("pausing", False), "queue_place": self.session.get("queue_place")}
        self.tell("session.status", status=self.session["status"], reason="renamed", title=title, **kept)

    def snapshot(self) -> Event:
        return parse(
            {
                "type": "session.snapshot",
                "session_id": str(SESSION),
                "epoch": self.epoch,
                "seq": self.seq,
                "at": AT,
                "session": dict(self.session),
                "messages": self.messages[-MESSAGES_KEPT:],
                "draft": dict(self.draft) if self.draft else None,
                "partial": dict(self.partial) if self.partial else None,
                "approval": self.approval,
            }
        )


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("delta"), st.text(min_size=1, max_size=8)),
        st.tuples(st.just("restart")),
        st.tuples(st.just("message")),
        st.tuples(st.just("save"), st.booleans()),
        st.tuples(st.just("progress"), st.integers(0, 100)),
        st.tuples(st.just("usage"), st.integers(0, 5000)),
        st.tuples(st.just("status"), st.sampled_from(["active", "paused", "failed"])),
        st.tuples(st.just("gate"), st.sampled_from(["approve-outline", "approve-draft-2"])),
        st.tuples(st.just("pause")),
        st.tuples(st.just("queue"), st.integers(1, 20)),
        st.tuples(st.just("rename"), st.text("abc", min_size=1, max_size=5)),
    ),
    max_size=30,
)
COMPARED = {
    "epoch",
    "seq",
    "status",
    "progress",
    "tokens",
    "cost_usd",
    "messages",
    "message_count",
    "draft",
    "partial",
    "title",
    "approval",
    "pausing",
    "queue_place",
}


def play(actions: list[tuple[Any, ...]]) -> tuple[list[Event], list[Event]]:
    """The events of the actions, and the snapshot after each: snapshots[n] contains events[: n + 1]."""
    told = Told()
    snapshots = [told.snapshot()]
    for name, *values in actions:
        getattr(told, name)(*values)
        snapshots += [told.snapshot()] * (told.seq - len(snapshots))
    return [parse(frame) for frame in told.frames], snapshots


def seen(state: SessionState) -> dict[str, Any]:
    return state.model_dump(include=COMPARED)


def after(events: list[Event], state: SessionState | None = None) -> SessionState:
    state = state or SessionState()
    for event in events:
        state = state.apply(event)
    return state


@settings(max_examples=60, deadline=None)
@given(ACTIONS, st.data())
def test_a_snapshot_and_the_events_after_it_are_a_fresh_snapshot(actions: list[tuple[Any, ...]], data: Any) -> None:
    events, snapshots = play(actions)
    start = data.draw(st.integers(0, len(events) - 1))
    state = SessionState().apply(snapshots[start])
    assert seen(after(events[start + 1 :], state)) == seen(SessionState().apply(snapshots[-1]))


@settings(max_examples=60, deadline=None)
@given(ACTIONS)
def test_the_events_alone_are_a_fresh_snapshot(actions: list[tuple[Any, ...]]) -> None:
    events, snapshots = play(actions)
    assert seen(after(events)) == seen(SessionState().apply(snapshots[-1]))


@settings(max_examples=60, deadline=None)
@given(ACTIONS, st.data())
def test_events_that_come_again_or_late_change_nothing(actions: list[tuple[Any, ...]], data: Any) -> None:
    events, _ = play(actions)
    noisy: list[Event] = []
    for index, event in enumerate(events):
        noisy.append(event)
        noisy += data.draw(st.lists(st.sampled_from(events[: index + 1]), max_size=3))
    state = SessionState()
    for event in noisy:
        before = state
        state = state.apply(event)
        if event.seq <= before.seq:
            assert state is before
    assert state == after(events)


@settings(max_examples=40, deadline=None)
@given(ACTIONS)
def test_applying_leaves_the_state_before_as_it_was(actions: list[tuple[Any, ...]]) -> None:
    events, _ = play(actions)
    state = SessionState()
    for event in events:
        frozen = state.model_copy(deep=True)
        state.apply(event)
        assert state == frozen
        state = state.apply(event)


def delta(offset: int, text: str, attempt: int = 1) -> AgentDelta:
    event = parse(
        {
            "type": "agent.delta",
            "session_id": str(SESSION),
            "epoch": 1,
            "seq": 1,
            "message_id": WRITER,
            "agent": "writer",
            "attempt": attempt,
            "offset": offset,
            "text": text,
        }
    )
    assert isinstance(event, AgentDelta)
    return event


def written(*deltas: AgentDelta, start: Partial | None = None) -> Partial:
    partial = start
    for one in deltas:
        partial = extend(partial, one)
    assert partial is not None
    return partial


def test_deltas_join_at_their_offset() -> None:
    assert written(delta(0, "The lamp "), delta(9, "burned.")).text == "The lamp burned."


def test_a_delta_joined_anew_overlaps_without_doubling() -> None:
    assert written(delta(0, "The "), delta(4, "lamp "), delta(0, "The lamp burned")).text == "The lamp burned"
    assert written(delta(0, "The lamp "), delta(4, "lamp")).text == "The lamp "


def test_a_higher_attempt_begins_again_and_a_lower_one_is_ignored() -> None:
    partial = written(delta(0, "Once "), delta(0, "Then ", attempt=2), delta(5, "upon", attempt=1))
    assert (partial.text, partial.attempt) == ("Then ", 2)


def test_a_gap_marks_the_message_as_incomplete_until_it_begins_again() -> None:
    partial = written(delta(0, "The "), delta(40, "sea"), delta(43, " rose"))
    assert not partial.complete
    assert partial.text == "The sea rose"
    assert not written(delta(12, "missed the beginning")).complete
    assert written(delta(12, "late"), delta(0, "anew", attempt=2)).complete


def test_a_partial_without_attempt_takes_what_fits_on() -> None:
    start = Partial(message_id=UUID(WRITER), text="The lamp ")
    assert written(delta(9, "burned", attempt=3), start=start).text == "The lamp burned"
    assert written(delta(0, "Anew", attempt=4), start=start).text == "Anew"


def test_events_of_a_run_that_was_replaced_are_ignored() -> None:
    told = Told()
    told.status("paused")
    state = after([parse(frame) for frame in told.frames])
    late = parse({**told.frames[0], "type": "progress", "percent": 99, "epoch": 1, "seq": 50})
    assert state.apply(late) is state


def test_a_snapshot_replaces_even_a_later_state() -> None:
    events, snapshots = play([("message",), ("progress", 50), ("message",)])
    state = after(events)
    assert state.apply(snapshots[1]).seq == 2


def test_only_the_newest_messages_are_kept() -> None:
    events, _ = play([("message",)] * (MESSAGES_KEPT + 5))
    state = after(events)
    assert len(state.messages) == MESSAGES_KEPT
    assert state.messages[0].seq == 6
    assert state.message_count == MESSAGES_KEPT + 5


def test_a_gate_waits_until_the_status_changes() -> None:
    told = Told()
    told.tell("session.status", status="awaiting_approval")
    told.tell("approval.requested", step="outline", content="Beats")
    state = after([parse(frame) for frame in told.frames])
    assert state.approval is not None
    assert state.approval.step == "outline"
    told.status("active")
    assert state.apply(parse(told.frames[-1])).approval is None


def test_an_agent_waits_when_its_step_is_finished() -> None:
    told = Told()
    told.tell("step.started", step="draft-1", stage="drafting", agent="writer", attempt=1)
    told.tell("agent.state", agent="writer", state="writing", activity="writes")
    told.tell("step.finished", step="draft-1")
    *before, last = [parse(frame) for frame in told.frames]
    assert after(before).cast["writer"].state == "writing"
    assert after(before).apply(last).cast["writer"].state == "waiting"


def test_a_type_that_is_not_known_yet_is_kept_and_moves_the_cursor() -> None:
    told = Told()
    told.tell("agent.sang", song="sea shanty")
    event = parse(told.frames[-1])
    assert isinstance(event, UnknownEvent)
    assert event.raw["song"] == "sea shanty"
    assert after([parse(told.frames[0])]).apply(event).seq == 2


def test_fields_that_are_not_known_are_ignored() -> None:
    told = Told()
    told.tell("progress", percent=10, mood="hopeful")
    assert after([parse(frame) for frame in told.frames]).progress.percent == 10


def test_an_event_without_its_fields_is_told_clearly() -> None:
    with pytest.raises(ClientError, match=r"story\.completed event .* title") as caught:
        parse({"type": "story.completed", "session_id": str(SESSION), "epoch": 1, "seq": 1})
    assert caught.value.code == "internal"


def test_a_snapshot_is_typed() -> None:
    _, snapshots = play([("delta", "Once"), ("save", True)])
    snapshot = snapshots[-1]
    assert isinstance(snapshot, SessionSnapshot)
    assert snapshot.partial is not None
    assert snapshot.partial.text == "Once"
    assert snapshot.draft is not None
