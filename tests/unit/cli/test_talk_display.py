"""A talk on a terminal, event by event; and what is said of it in words."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from storyloom.cli.commands import Commands
from storyloom.cli.lines import HISTORY_LINES, Typed
from storyloom.cli.talkdisplay import TalkDisplay
from storyloom.cli.talkview import TalkLines, choices, plain_answer, talk_lines, tool_text
from storyloom.client.events import Event, parse
from storyloom.client.state import SessionState
from storyloom.client.things import Message, Proposal, Talks, ToolUse
from storyloom.errors import ClientError
from tests.unit.cli.fake_client import AT, SESSION, SESSION_JSON, WRITER
from tests.unit.cli.screen import screen, terminal

ANSWER = "5e551000-0000-4000-8000-000000000102"
PROPOSAL = {
    "prompt": "A keeper\x1b[2J answers. " * 60,
    "template": "noir",
    "config": {"pages": 1, "protagonist": "Maren"},
}
CALL = {"message_id": ANSWER, "call_id": "c1", "tool": "propose_story"}


def message(seq: int, role: str, content: str, **more: Any) -> dict[str, Any]:
    identity = f"5e551000-0000-4000-8000-0000000001{seq:02}"
    return {"id": identity, "seq": seq, "role": role, "content": content, "agent": "muse", **more}


def delta(offset: int, text: str) -> dict[str, Any]:
    return {"type": "agent.delta", "message_id": ANSWER, "agent": "muse", "offset": offset, "text": text}


def told(*frames: dict[str, Any], seq: int = 0) -> list[Event]:
    return [
        parse({"session_id": SESSION, "epoch": 1, "seq": seq + place, "at": AT, **frame})
        for place, frame in enumerate(frames, 1)
    ]


CREATED = {"type": "session.created", "session": {**SESSION_JSON, "kind": "chat", "head_seq": 1, "template": "muse"}}
BEGUN = (
    CREATED,
    {"type": "agent.message", "message": message(1, "user", "Well?")},
    {"type": "session.status", "status": "active"},
    {"type": "turn.started", "message_id": ANSWER, "agent": "muse", "answers": 1},
)
WAITING = {"type": "session.status", "status": "waiting", "reason": "answered"}


def watched(*frames: dict[str, Any], width: int = 80) -> str:
    console = terminal(width)
    view = TalkDisplay(console, Commands("storyloom"))
    state = SessionState()
    with view.turn("muse"):
        for event in told(*BEGUN, *frames):
            state = state.apply(event)
            view.tell(event, state)
            view.tick()
    view.settled([one for one in state.messages if one.seq > 1])
    return screen(console)


def test_an_answer_is_read_as_it_comes_and_stands_once() -> None:
    text = "The lamp burned, and nobody had lit it. " * 5
    pieces = [delta(at, text[at : at + 7]) for at in range(0, len(text), 7)]
    seen = watched(*pieces, {"type": "agent.message", "message": message(2, "assistant", text)}, WAITING)
    assert " ".join(seen.split()) == f"Muse {text.strip()}"
    assert max(cell_len(line) for line in seen.splitlines()) <= 80


def test_what_an_agent_does_stands_where_it_did_it() -> None:
    used = {"call_id": "c0", "tool": "look_up", "args": {"query": "Maren"}, "offset": 6}
    seen = watched(
        delta(0, "I look. "),
        {"type": "tool.called", "message_id": ANSWER, **used},
        {
            "type": "tool.answered",
            "message_id": ANSWER,
            "call_id": "c0",
            "tool": "look_up",
            "error": "No\x07 such name.",
        },
        delta(8, "There. "),
        {"type": "tool.called", **CALL, "args": {}, "offset": 15},
        {"type": "tool.answered", **CALL, "result": {"proposal": PROPOSAL}},
        delta(15, "Well?"),
        {"type": "agent.message", "message": message(2, "assistant", "I look. There. Well?")},
        WAITING,
    )
    lines = [line for line in seen.splitlines() if line]
    assert lines[:4] == ["Muse", "I look.", "· looks up “Maren”: No such name.", "There."]
    assert "A story, proposed" in lines[4] and lines[-1] == "Well?"
    assert "1 page · noir · about Maren" in seen and "more lines" in seen and "/story has it written" in seen
    assert all(cell_len(line) <= 80 for line in lines)


def test_a_stop_stands_below_what_was_written() -> None:
    stopped = message(2, "assistant", "The lamp", metadata={"stopped": True})
    seen = watched(
        delta(0, "The lamp"), {"type": "agent.message", "message": stopped}, {**WAITING, "reason": "stopped"}
    )
    assert seen.index("The lamp") < seen.index("Stopped. What was written is kept")
    assert "Stopped" in watched({**WAITING, "reason": "stopped"})


def test_a_snapshot_in_the_middle_loses_and_doubles_nothing() -> None:
    session = {**SESSION_JSON, "kind": "chat", "head_seq": 1, "message_count": 1, "status": "active"}
    partial = {"message_id": ANSWER, "agent": "muse", "attempt": 1, "text": "The lamp burned "}
    middle = {
        "type": "session.snapshot",
        "session": session,
        "messages": [message(1, "user", "Well?")],
        "partial": partial,
    }
    last = {"type": "agent.message", "message": message(2, "assistant", "The lamp burned on.")}
    assert watched(delta(0, "The lamp "), middle, delta(16, "on."), last, WAITING).split() == [
        "Muse",
        "The",
        "lamp",
        "burned",
        "on.",
    ]
    over = {**session, "status": "waiting", "head_seq": 2, "message_count": 2}
    told_at_once = {**middle, "session": over, "partial": None}
    told_at_once["messages"] = [message(1, "user", "Well?"), last["message"]]
    assert watched(told_at_once).split() == ["Muse", "The", "lamp", "burned", "on."]
    assert watched(delta(0, "The lamp "), told_at_once).split().count("on.") == 1


def test_trouble_is_said_below_until_the_next_event() -> None:
    console = terminal()
    view = TalkDisplay(console, Commands("storyloom"))
    with view.turn("muse"):
        view.lost(ClientError("unavailable", "The server is restarting."), 3)
        view.tick()
        assert "The server is restarting. Trying again in 3 s" in screen(console)
    assert "restarting" not in screen(console)


def test_a_talk_that_is_gone_on_with_is_shown_with_what_was_done() -> None:
    tools = [{"call_id": "c1", "tool": "propose_story", "args": {}, "offset": 6, "result": {"proposal": PROPOSAL}}]
    messages = [
        Message.model_validate(message(1, "user", "Two\nlines\x1b[31m")),
        Message.model_validate(message(2, "assistant", "Here. There.", metadata={"tools": tools, "stopped": True})),
    ]
    console = terminal()
    TalkDisplay(console, Commands("storyloom")).show(messages, "A talk.")
    lines = [line for line in screen(console).splitlines() if line]
    assert lines[:5] == ["A talk.", "> Two", "> lines[31m", "Muse", "Here."]
    assert lines[-2:] == ["There.", "(stopped)"] and "A story, proposed" in lines[5]


def test_a_lost_connection_is_told_once_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    view = TalkLines(Commands("storyloom"))
    for _ in range(3):
        view.lost(ClientError("unavailable", "The server is restarting."), 1)
    view.settled(
        [Message.model_validate(message(2, "assistant", "One.")), Message.model_validate(message(3, "user", "x"))]
    )
    view.settled([Message.model_validate(message(4, "assistant", "Two."))])
    assert capsys.readouterr() == ("One.\n\nTwo.\n", "The server is restarting. Trying again.\n")


@pytest.mark.parametrize(
    ("tool", "args", "said"),
    [
        ("look_up", {"query": "Ma\x1b[2Jren"}, "looks up “Ma[2Jren”"),
        ("look_up", {}, "looks something up"),
        ("read_story", {"session_id": SESSION, "section": 2}, "reads a story, part 2"),
        ("note", {"text": "x" * 200}, f"notes: {'x' * 49}…"),
        ("propose_story", {}, "proposes a story"),
        ("paint_it", {"colour": "red"}, "paint it"),
    ],
)
def test_what_an_agent_does_in_words(tool: str, args: dict[str, Any], said: str) -> None:
    assert tool_text(ToolUse(call_id="c", tool=tool, args=args)) == said


def test_choices_and_an_answer_in_plain_text() -> None:
    assert choices(Proposal(prompt="x")) == ""
    assert choices(Proposal(prompt="x", config={"pages": 3})) == "3 pages"
    assert plain_answer(Message.model_validate(message(2, "assistant", "\x1b[2JHello.\n"))) == "[2JHello."


def test_a_list_of_talks_fits_a_terminal_and_says_what_is_left_off() -> None:
    one = {
        "session_id": SESSION,
        "user_id": WRITER,
        "title": "灯台 " * 40,
        "created_at": AT,
        "last_message_at": datetime.now(UTC),
    }
    lines = talk_lines(Talks.model_validate({"sessions": [one], "total": 3}), 80)
    assert lines[0].startswith(f"{SESSION}       now  灯台") and cell_len(lines[0]) <= 80
    assert lines[1:] == ["… and 2 more"] and talk_lines(Talks(sessions=[]), 80) == ["No talks yet."]


def test_the_history_is_bounded_and_each_entry_a_line(tmp_path: Path) -> None:
    readline = pytest.importorskip("readline")
    path = tmp_path / "folder" / "chat-history"
    readline.clear_history()
    try:
        typed = Typed(path)
        for number in range(HISTORY_LINES + 20):
            typed._remember(f"line {number}\nand more")
            typed._remember(f"line {number}\nand more")
        typed.close()
        kept = path.read_text().splitlines()
        assert len(kept) == HISTORY_LINES and kept[-1] == f"line {HISTORY_LINES + 19} and more"
        assert path.stat().st_mode & 0o077 == 0
        Typed(tmp_path).close()
    finally:
        readline.clear_history()
