"""What must hold of a session's record, whatever happened on the way; and a reader that keeps its place."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from websockets.exceptions import ConnectionClosed

from storyloom.client.events import parse
from storyloom.client.state import SessionState
from tests.service import FINISHED, Socket

MOMENTARY = {"cast", "step", "reason", "story_id", "word_count", "session"}
"""Of a reader's state: what a snapshot does not tell."""


class Getter(Protocol):
    """Reads over REST."""

    def __call__(self, path: str, **params: Any) -> Awaitable[Any]: ...


async def everything(get: Getter, path: str) -> list[dict[str, Any]]:
    """All items of a list, page by page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        page = await get(path, limit=100, **cursor)
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        name = "after_seq" if path.endswith("/events") else "cursor"
        cursor = {name: page["next_cursor"]}


async def check_whole(get: Getter, session_id: str, pages: int = 3) -> dict[str, Any]:
    """A completed story's record has nothing lost and nothing doubled. Answers the story."""
    at = f"/api/sessions/{session_id}"
    session = await get(at)
    assert session["status"] == "completed", session["error"]
    messages = await everything(get, f"{at}/messages")
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    assert len({message["id"] for message in messages}) == len(messages) == session["message_count"]
    said = Counter(message["step"] for message in messages[1:])
    assert set(said.values()) == {1}, said

    drafts = await everything(get, f"{at}/drafts")
    assert [draft["version"] for draft in drafts] == list(range(1, len(drafts) + 1))
    assert [draft["version"] for draft in drafts if draft["current"]] == [session["draft_version"]]

    # A person's edit, or what was kept of a text, is no step of the plan: nobody said it, and it counts for no progress.
    steps = [step for step in await everything(get, f"{at}/steps") if not step["step"].startswith(("edit-", "so-far-"))]
    assert {step["status"] for step in steps} == {"done"}
    assert Counter(step["step"] for step in steps) == said
    assert len(steps) == session["progress"]["completed_steps"] == session["progress"]["total_steps"]
    assert session["tokens"] == sum(step["tokens"] for step in steps)
    assert session["tokens"] == sum(spent["tokens"] for spent in session["usage_by_agent"].values())

    events = await everything(get, f"{at}/events")
    seqs = [event["seq"] for event in events]
    assert seqs == sorted(set(seqs))
    epochs = [event["epoch"] for event in events]
    assert epochs == sorted(epochs)
    kinds = Counter(event["type"] for event in events)
    assert kinds["agent.delta"] == 0
    assert kinds["session.created"] == kinds["story.completed"] == 1
    assert kinds["agent.message"] == len(messages)
    assert [event["message"]["seq"] for event in events if event["type"] == "agent.message"] == list(
        range(1, len(messages) + 1)
    )
    assert Counter(event["step"] for event in events if event["type"] == "step.finished") == said

    story: dict[str, Any] = await get(f"{at}/story")
    assert story["status"] == "completed" and story["version"] == session["draft_version"]
    assert story["content"] == drafts[session["draft_version"] - 1]["content"]
    assert 300 * pages * 0.85 <= story["word_count"] <= 300 * pages * 1.15
    return story


class Keeper:
    """A reader of one session as the contract has it: keeps the last epoch and seq, and attaches again with them."""

    def __init__(self, session_id: str = "") -> None:
        self.session_id = session_id
        self.state = SessionState()
        self.seqs: list[int] = []
        self.snapshots = 0
        self.snapshot_seq = 0
        """Of the last one."""
        self.closed: list[int] = []
        self.moved = asyncio.Event()
        """Set at every event; cleared by who waits for the next."""

    async def attach(self, socket: Socket) -> None:
        place = {"epoch": self.state.epoch, "after_seq": self.state.seq}
        await socket.send(type="session.attach", session_id=self.session_id, **place)

    def take(self, frame: dict[str, Any]) -> None:
        """One frame. Whatever is told a second time, or out of order, is an error."""
        assert frame["type"] != "error", frame
        if frame.get("session_id") != self.session_id or "seq" not in frame:
            return
        if frame["type"] == "session.snapshot":
            self.snapshots += 1
            self.snapshot_seq = frame["seq"]
            self.seqs = [seq for seq in self.seqs if seq <= frame["seq"]]
        else:
            assert frame["seq"] > self.state.seq, (frame, self.state.seq)
            self.seqs.append(frame["seq"])
        self.state = self.state.apply(parse(frame))
        self.moved.set()

    async def read(self, socket: Socket) -> None:
        """Until the session is finished, or the connection ends."""
        try:
            while self.state.status not in FINISHED:
                self.take(await next_frame(socket))
        except ConnectionClosed as closed:
            self.closed.append(closed.rcvd.code if closed.rcvd else 1006)

    def check_same(self, snapshot: dict[str, Any]) -> None:
        """What the reader knows from events is what a fresh snapshot says."""
        fresh = SessionState().apply(parse(snapshot))
        mine, other = (_comparable(state) for state in (self.state, fresh))
        assert mine == other


def _comparable(state: SessionState) -> dict[str, Any]:
    told = state.model_dump(mode="json", exclude=MOMENTARY | {"draft", "usage_by_agent"})
    draft = state.draft
    return {**told, "draft": (draft.version, draft.current, draft.word_count, draft.scores) if draft else None}


async def next_frame(socket: Socket) -> dict[str, Any]:
    """Without a time limit of its own: how long a silence may last is the test's to say."""
    frame: dict[str, Any] = json.loads(await socket.connection.recv())
    return frame


async def snapshot(socket: Socket, session_id: str) -> dict[str, Any]:
    await socket.send(type="session.attach", session_id=session_id)
    return await socket.until("session.snapshot", session_id=session_id)


async def eventually(look: Callable[[], Awaitable[Any]], what: str, within_s: float = 30) -> Any:
    """The first true answer of `look`, asked again and again until the deadline."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while not (found := await look()):
        assert loop.time() < deadline, f"not within {within_s} s: {what}"
        await asyncio.sleep(0.05)
    return found
