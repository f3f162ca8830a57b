"""The reducer over chats, against a small model of one that can tell its events and its snapshot."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from storyloom.client.branches import MESSAGES_KEPT
from storyloom.client.events import Event, SessionSnapshot, parse
from storyloom.client.state import SessionState

CHAT = UUID("5e551000-0000-4000-8000-000000000001")
WRITER = "5e551000-0000-4000-8000-000000000002"
AT = "2026-11-21T06:00:00+00:00"


class Chat:
    """What a server would know and tell of one chat, with a snapshot after each transaction."""

    def __init__(self) -> None:
        self.seq = 0
        self.epoch = 0
        self.head = 0
        self.status = "waiting"
        self.messages: dict[int, dict[str, Any]] = {}
        self.turn: dict[str, Any] | None = None
        self.text = ""
        self.tools: list[dict[str, Any]] = []
        self.title = "A talk"
        self.events: list[Event] = []
        self.snapshots: list[Event | None] = []
        """After each event; None in the middle of a transaction."""
        self.session_at_birth = self.session()
        self.tell("session.created", request_id="r", session={**self.session(), "head_seq": 1, "turn": {}})
        self.say()

    def session(self) -> dict[str, Any]:
        return {
            "id": str(CHAT),
            "kind": "chat",
            "user_id": WRITER,
            "title": self.title,
            "status": self.status,
            "epoch": self.epoch,
            "message_count": len(self.messages),
            "created_at": AT,
            "updated_at": AT,
            "last_activity_at": AT,
            "expires_at": None,
            "head_seq": self.head,
            "turn": self.turn,
        }

    def tell(self, kind: str, **fields: Any) -> None:
        self.seq += 1
        frame = {"type": kind, "session_id": str(CHAT), "epoch": self.epoch, "seq": self.seq, "at": AT, **fields}
        self.events.append(parse(frame))
        self.snapshots.append(None)

    def done(self) -> None:
        """The end of a transaction: there may be a snapshot now."""
        self.snapshots[-1] = self.snapshot()

    def parent(self, seq: int) -> int:
        told = self.messages[seq]["parent_seq"]
        return int(seq - 1 if told is None else told)

    def keep(self, role: str, content: str, parent: int, identity: str | None = None) -> int:
        seq = len(self.messages) + 1
        self.messages[seq] = {
            "id": identity or str(uuid5(CHAT, str(seq))),
            "seq": seq,
            "role": role,
            "content": content,
            "parent_seq": None if parent == seq - 1 else parent,
        }
        return seq

    def told(self, seq: int) -> None:
        self.tell("agent.message", message=dict(self.messages[seq]))

    def begin(self, asked: int) -> None:
        self.head, self.status = asked, "active"
        self.tell("session.status", status="active", reason="asked")
        self.start(asked)

    def start(self, asked: int) -> None:
        identity = str(uuid5(CHAT, f"answer {self.seq}"))
        self.turn = {"message_id": identity, "answers": asked, "epoch": self.epoch, "after_seq": self.seq}
        self.text, self.tools = "", []
        self.tell("turn.started", message_id=identity, agent="muse", answers=asked)

    # What people and agents do; each leaves things as they are where it can't be done.

    def say(self) -> None:
        seq = self.keep("user", "Well?", self.head)
        if self.status == "active":
            self.head = seq
            self.told(seq)
        else:
            self.epoch += 1
            self.told(seq)
            self.begin(seq)
        self.done()

    def delta(self, text: str) -> None:
        if self.turn is not None:
            fields = {"message_id": self.turn["message_id"], "agent": "muse", "attempt": 1, "offset": len(self.text)}
            self.tell("agent.delta", **fields, text=text)
            self.text += text
            self.done()

    def tool(self) -> None:
        if self.turn is not None:
            call = {"message_id": self.turn["message_id"], "call_id": f"c{self.seq}", "tool": "look_up"}
            called = {**call, "args": {"query": "Maren"}, "offset": len(self.text)}
            self.tools.append({**called, "type": "tool.called"})
            self.tell("tool.called", **called)
            self.done()
            answered = {**call, "result": {"stories": []}, "error": None}
            self.tools.append({**answered, "type": "tool.answered"})
            self.tell("tool.answered", **answered)
            self.done()

    def taken_over(self) -> None:
        """Another node goes on with the same answer."""
        if self.turn is not None:
            self.epoch += 1
            self.tell("turn.started", message_id=self.turn["message_id"], agent="muse", answers=self.turn["answers"])
            self.done()

    def finish(self, *, stopped: bool = False) -> None:
        if self.turn is None:
            return
        asked, made = self.turn["answers"], None
        if self.text:
            made = self.keep("assistant", self.text, asked, self.turn["message_id"])
            self.told(made)
            if self.head == asked:
                self.head = made
            else:
                queued = [
                    seq for seq, one in self.messages.items() if self.parent(seq) == asked and one["role"] == "user"
                ]
                if queued:
                    self.messages[queued[-1]]["parent_seq"] = made
                    moved = [{"seq": queued[-1], "parent_seq": made}]
                    self.tell("branch.changed", head_seq=self.head, moved=moved)
        self.turn, self.text, self.tools = None, "", []
        if self.head > asked and self.head != made and not stopped:
            self.start(self.head)
        else:
            self.status = "waiting"
            self.tell("session.status", status="waiting", reason="stopped" if stopped else "answered")
        self.done()

    def stop(self) -> None:
        self.finish(stopped=True)

    def regenerate(self, place: int) -> None:
        if self.status == "waiting":
            seq = place % len(self.messages) + 1
            asked = self.parent(seq) if self.messages[seq]["role"] == "assistant" else seq
            self.epoch += 1
            self.tell("branch.changed", head_seq=asked)
            self.begin(asked)
            self.done()

    def edit(self, place: int) -> None:
        mine = [seq for seq, one in self.messages.items() if one["role"] == "user"]
        if self.status == "waiting":
            self.epoch += 1
            seq = self.keep("user", "Otherwise", self.parent(mine[place % len(mine)]))
            self.told(seq)
            self.tell("branch.changed", head_seq=seq)
            self.begin(seq)
            self.done()

    def switch(self, place: int) -> None:
        tip = place % len(self.messages) + 1
        while after := [seq for seq in self.messages if self.parent(seq) == tip]:
            tip = after[-1]
        if self.status == "waiting" and tip != self.head:
            self.head = tip
            self.tell("branch.changed", head_seq=tip)
            self.done()

    def name(self, title: str) -> None:
        self.title = title
        self.tell("session.status", status=self.status, reason="titled", title=title)
        self.done()

    def branch(self) -> list[int]:
        found, seq = [], self.head
        while seq:
            found.append(seq)
            seq = self.parent(seq)
        return found[::-1]

    def snapshot(self) -> Event:
        branched = any(one["parent_seq"] is not None for one in self.messages.values())
        messages = [
            {
                **self.messages[seq],
                "siblings": [one for one in self.messages if self.parent(one) == self.parent(seq)]
                if branched
                else None,
            }
            for seq in self.branch()[-MESSAGES_KEPT:]
        ]
        partial = {"message_id": (self.turn or {}).get("message_id"), "agent": "muse", "attempt": 1, "text": self.text}
        return parse(
            {
                "type": "session.snapshot",
                "session_id": str(CHAT),
                "epoch": self.epoch,
                "seq": self.seq,
                "at": AT,
                "session": self.session(),
                "messages": messages,
                "partial": partial if self.text else None,
                "tools": self.tools,
            }
        )


PLACE = st.integers(0, 50)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("say")),
        st.tuples(st.just("delta"), st.text(min_size=1, max_size=4)),
        st.tuples(st.just("tool")),
        st.tuples(st.just("taken_over")),
        st.tuples(st.just("finish")),
        st.tuples(st.just("stop")),
        st.tuples(st.just("regenerate"), PLACE),
        st.tuples(st.just("edit"), PLACE),
        st.tuples(st.just("switch"), PLACE),
        st.tuples(st.just("name"), st.text("abc", min_size=1, max_size=5)),
    ),
    max_size=40,
)
COMPARED = {
    "epoch",
    "seq",
    "status",
    "messages",
    "message_count",
    "head_seq",
    "turn",
    "partial",
    "tools",
    "title",
    "stale",
}


def play(*actions: tuple[Any, ...]) -> Chat:
    chat = Chat()
    for name, *values in actions:
        getattr(chat, name)(*values)
    return chat


def seen(state: SessionState) -> dict[str, Any]:
    return state.model_dump(include=COMPARED)


def watched(chat: Chat, state: SessionState, start: int) -> tuple[SessionState, int]:
    """As a watcher has it that attaches anew where its state is stale, and how often it did; it is told the next
    snapshot that there is."""
    anew = 0
    waits = False
    for event, snapshot in zip(chat.events[start:], chat.snapshots[start:], strict=True):
        waits = waits or state.stale
        if not waits:
            state = state.apply(event)
        if (waits or state.stale) and snapshot is not None:
            state, anew, waits = state.apply(snapshot), anew + 1, False
    return state, anew


@settings(max_examples=300, deadline=None)
@given(ACTIONS, st.data())
def test_a_snapshot_and_the_events_after_it_are_a_fresh_snapshot(actions: list[tuple[Any, ...]], data: Any) -> None:
    chat = play(*actions)
    places = [place for place, snapshot in enumerate(chat.snapshots) if snapshot is not None]
    start = data.draw(st.sampled_from(places))
    first, last = chat.snapshots[start], chat.snapshots[-1]
    assert first is not None and last is not None
    state, _ = watched(chat, SessionState().apply(first), start + 1)
    assert seen(state) == seen(SessionState().apply(last))


@settings(max_examples=150, deadline=None)
@given(ACTIONS)
def test_who_was_there_from_the_beginning_needs_no_snapshot(actions: list[tuple[Any, ...]]) -> None:
    chat = play(*actions)
    state, anew = watched(chat, SessionState(), 0)
    last = chat.snapshots[-1]
    assert last is not None and anew == 0
    assert seen(state) == seen(SessionState().apply(last))


def contents(state: SessionState) -> list[tuple[int, tuple[int, ...] | None]]:
    return [(message.seq, message.siblings) for message in state.messages]


def test_another_answer_stands_beside_the_first_and_one_walks_between_them() -> None:
    chat = play(("delta", "One"), ("finish",), ("regenerate", 1))
    state, _ = watched(chat, SessionState(), 0)
    assert contents(state) == [(1, None)] and state.turn is not None and state.turn.answers == 1
    chat.delta("Two")
    chat.finish()
    state, _ = watched(chat, SessionState(), 0)
    assert contents(state) == [(1, None), (3, (2, 3))]
    chat.switch(1)
    state, anew = watched(chat, SessionState(), 0)
    assert contents(state) == [(1, None), (2, (2, 3))] and anew == 0


def test_a_branch_that_was_never_told_makes_the_state_stale_until_a_snapshot() -> None:
    chat = play(("delta", "One"), ("finish",), ("edit", 0), ("delta", "Two"), ("finish",))
    snapshot = chat.snapshots[-1]
    assert snapshot is not None
    state = SessionState().apply(snapshot)
    assert [seq for seq, _ in contents(state)] == [3, 4] and not state.stale
    chat.switch(1)
    state = state.apply(chat.events[-1])
    assert state.stale and state.head_seq == 2
    fresh = chat.snapshots[-1]
    assert fresh is not None
    assert contents(state.apply(fresh)) == [(1, (1, 3)), (2, None)] and not state.apply(fresh).stale


def test_what_was_said_meanwhile_moves_behind_the_answer() -> None:
    chat = play(("delta", "One"), ("say",), ("say",), ("finish",))
    state, _ = watched(chat, SessionState(), 0)
    assert [message.seq for message in state.messages] == [1, 4, 2, 3] and state.turn is not None
    assert state.turn.answers == 3 and state.partial is None


def test_a_branch_change_without_any_snapshot_asks_for_one() -> None:
    chat = play(("delta", "One"), ("finish",), ("regenerate", 0))
    changed = next(event for event in chat.events if event.type == "branch.changed")
    assert SessionState().apply(changed).stale


def test_only_the_newest_messages_of_a_long_branch_are_kept() -> None:
    chat = play(*[("delta", "So."), ("finish",), ("say",)] * MESSAGES_KEPT)
    state, anew = watched(chat, SessionState(), 0)
    assert anew == 0 and len(state.messages) == MESSAGES_KEPT
    last = chat.snapshots[-1]
    assert last is not None and seen(state) == seen(SessionState().apply(last))
    # Answered anew, it has one message less than a snapshot brings, and is not stale for that.
    chat.delta("Once more.")
    chat.finish()
    chat.regenerate(len(chat.messages) - 1)
    state, anew = watched(chat, SessionState(), 0)
    fresh = SessionState().apply(chat.snapshots[-1])  # type: ignore[arg-type]
    assert anew == 0 and state.messages == fresh.messages[1:]


def test_the_stories_that_were_begun_in_it_outlive_a_snapshot() -> None:
    chat = play(("delta", "One"), ("finish",))
    for status in ("active", "completed"):
        chat.tell("story.asked", story={"session_id": WRITER, "title": "Light", "status": status, "words": 9})
        chat.done()
    state, _ = watched(chat, SessionState(), 0)
    assert [story.status for story in state.asked] == ["completed"]
    snapshot = chat.snapshot()
    assert isinstance(snapshot, SessionSnapshot)
    assert state.apply(snapshot).asked == state.asked


def test_a_session_told_before_its_first_turn_is_read() -> None:
    created = play().events[0]
    state = SessionState().apply(created)
    assert state.session is not None and state.session.turn is None and state.session.expires_at is None
    assert state.head_seq == 0


def test_what_an_agent_did_is_read_of_its_message() -> None:
    proposal = {"prompt": "A keeper.", "template": None, "config": {"pages": 3}}
    called = {"call_id": "c1", "tool": "propose_story", "args": {}, "offset": 4}
    tools = [{**called, "result": {"proposal": proposal}, "error": None}, {"call_id": 7}, "nonsense"]
    chat = play(("delta", "Once"), ("finish",))
    message = SessionState().apply(chat.snapshot()).messages[-1]
    (use,) = message.model_copy(update={"metadata": {"tools": tools}}).tools
    assert use.proposal is not None and use.proposal.config == {"pages": 3} and use.offset == 4
    assert message.model_copy(update={"metadata": {"tools": "all"}}).tools == []
