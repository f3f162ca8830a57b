"""A client whose answers a test sets, and the story that it tells."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any
from uuid import UUID

from storyloom.client.events import Event, parse
from storyloom.client.things import Message, Page, Session, Story
from storyloom.errors import ClientError

SESSION = "5e551000-0000-4000-8000-000000000001"
WRITER = "5e551000-0000-4000-8000-000000000002"
AT = "2026-11-21T06:00:00+00:00"
PROSE = """## The Door

The lighthouse stood where the map gave out, a tooth of white stone, and Maren had kept it for eleven years.

これは長い日本語の文章です。「かぎ括弧」も、あります。灯台守は海の中に扉を見つけた。真鍮の取っ手。👩‍👩‍👧 🚪🌊.
"""
OUTLINE = "# The Door\n\nA *keeper* finds a door.\n\n" + "\n".join(f"- beat {n}" for n in range(20))
STORY = Story.model_validate(
    {
        "session_id": SESSION,
        "title": "The Door in the Sea",
        "content": PROSE,
        "word_count": 312,
        "version": 2,
        "status": "completed",
        "model": "offline:storyteller",
    }
)
SESSION_JSON: dict[str, Any] = {
    "id": SESSION,
    "user_id": WRITER,
    "status": "active",
    "title": "A door",
    "created_at": AT,
    "updated_at": AT,
    "last_activity_at": AT,
    "expires_at": AT,
    "model": "offline:storyteller",
    "config": {"pages": 3},
}


def script(end: str = "completed", reason: str | None = None) -> list[Event]:
    """A short story's events: an outline, a draft streamed in two attempts, the end."""
    frames: list[dict[str, Any]] = [
        {"type": "session.created", "session": SESSION_JSON},
        {"type": "step.started", "step": "outline", "stage": "foundation", "agent": "writer", "attempt": 1},
        {"type": "agent.state", "agent": "writer", "state": "thinking", "activity": "plans the story"},
        message(2, "outline", OUTLINE),
        {
            "type": "progress",
            "percent": 25,
            "stages": {"foundation": 1, "drafting": 0},
            "total_steps": 4,
            "completed_steps": 1,
            "words": 0,
            "target_words": 900,
            "eta_s": 95,
        },
        {"type": "step.started", "step": "draft-1", "stage": "drafting", "agent": "writer", "attempt": 1},
        {"type": "agent.state", "agent": "writer", "state": "writing", "activity": "writes the first section"},
        delta(1, 0, "The wrong beginning of a st"),
    ]
    offset = 0
    for piece in [PROSE[at : at + 7] for at in range(0, len(PROSE), 7)]:
        frames.append(delta(2, offset, piece))
        offset += len(piece)
    frames += [
        message(3, "draft-1", PROSE),
        {"type": "draft.saved", "version": 1, "current": True, "step": "draft-1", "word_count": 312},
        {"type": "usage", "tokens": 4321, "cost_usd": 0.02, "by_agent": {}},
        {"type": "session.status", "status": end, "reason": reason},
    ]
    return [
        parse({"session_id": SESSION, "epoch": 1, "seq": seq, "at": AT, **frame}) for seq, frame in enumerate(frames, 1)
    ]


def message(seq: int, step: str, content: str) -> dict[str, Any]:
    identity = f"5e551000-0000-4000-8000-0000000001{seq:02}"
    about = {"id": identity, "seq": seq, "role": "assistant", "agent": "writer", "step": step}
    return {"type": "agent.message", "message": {**about, "content": content}}


def delta(attempt: int, offset: int, text: str) -> dict[str, Any]:
    identity = "5e551000-0000-4000-8000-000000000103"
    fields = {"message_id": identity, "agent": "writer", "attempt": attempt, "offset": offset, "text": text}
    return {"type": "agent.delta", **fields}


class Fake:
    """A client whose answers are set by the test."""

    def __init__(self, events: list[Event] | None = None, story: Story | ClientError = STORY) -> None:
        self.told = events if events is not None else script()
        self.kept = story
        self.calls: list[tuple[str, Any]] = []
        self.failure: Exception | None = None
        self.changed: dict[str, Any] = {}

    def write(self, prompt: str, **options: Any) -> AsyncGenerator[Event, None]:
        self.calls.append(("write", {"prompt": prompt, **options}))
        return self._events()

    def watch(self, session_id: Any) -> AsyncGenerator[Event, None]:
        return self._events()

    async def _events(self) -> AsyncGenerator[Event, None]:
        for event in self.told:
            yield event
        if self.failure is not None:
            raise self.failure

    async def story(self, session_id: Any) -> Story:
        if isinstance(self.kept, ClientError):
            raise self.kept
        return self.kept

    async def session(self, session_id: Any) -> Session:
        return Session.model_validate({**SESSION_JSON, "progress": {"percent": 12}, **self.changed})

    async def sessions(self, **filters: Any) -> Page[Session]:
        self.calls.append(("sessions", filters))
        return Page[Session](items=[Session.model_validate(SESSION_JSON)])

    async def resume(self, session_id: Any, **budget: Any) -> None:
        self.calls.append(("resume", budget or session_id))

    async def cancel(self, session_id: Any) -> Session:
        self.calls.append(("cancel", session_id))
        return await self.session(session_id)

    async def pause(self, session_id: Any) -> Session:
        self.calls.append(("pause", session_id))
        return await self.session(session_id)

    async def steer(self, session_id: Any, text: str) -> Message:
        self.calls.append(("steer", text))
        return Message(id=UUID(SESSION), seq=2, role="user", content=text)

    async def ledger(self, session_id: Any) -> Any:
        finding = {
            "id": "dead-0123456789",
            "sentence": "Tobin is dead by then.",
            "earlier_section": 0,
            "earlier": "Tobin,\x1b[2J dead.",
            "section": 2,
            "later": "Tobin laughed.",
        }
        settled = [call for call in self.calls if call[0] == "settle"]
        return {"entries": [], "findings": [] if settled else [finding], "settled": settled, "versions": []}

    async def settle(self, session_id: Any, finding_id: str) -> None:
        self.calls.append(("settle", finding_id))

    async def set_budget(self, session_id: Any, **budget: Any) -> None:
        self.calls.append(("set_budget", budget))

    async def approve(self, session_id: Any, step: str, approved: bool, comment: str | None) -> Session:
        self.calls.append(("approve", (step, approved, comment)))
        return await self.session(session_id)


Run = Callable[..., tuple[int, str, str]]
