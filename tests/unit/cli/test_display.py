"""How a story looks in a terminal: the live view, prose broken into lines, tables."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len
from rich.console import Console

from storyloom.cli.commands import Commands
from storyloom.cli.display import Display, print_story
from storyloom.cli.listing import ago, checks_table, sessions_table
from storyloom.cli.panel import duration
from storyloom.cli.prose import Wrapper, clean, shorten
from storyloom.client.events import Event, parse
from storyloom.client.state import SessionState
from storyloom.client.things import Session
from storyloom.errors import ClientError
from tests.unit.cli.fake_client import PROSE, SESSION, SESSION_JSON, STORY, WRITER, delta, message, script
from tests.unit.cli.screen import screen, terminal


def drawn(events: list[Event], *, width: int = 80, tick_every: int = 3) -> tuple[Console, str]:
    """The live view on a recording terminal; answers what scrolled by, without the live area."""
    console = terminal(width)
    view = Display(console, Commands("storyloom"))
    state = SessionState()
    with view:
        for index, event in enumerate(events):
            state = state.apply(event)
            view.tell(event, state)
            if index % tick_every == 0:
                view.tick()
    return console, screen(console)


@pytest.mark.parametrize("width", [50, 80, 200])
def test_nothing_is_wider_than_the_terminal_or_than_80_columns(width: int) -> None:
    console, shown = drawn(script(), width=width)
    print_story(console, STORY, f"storyloom show {SESSION}")
    prose = [line for line in screen(console).splitlines() if SESSION not in line]
    assert max(cell_len(line) for line in prose) <= min(width, 80)
    assert "Maren" in shown


def test_the_live_view_leaves_prose_headings_and_short_messages() -> None:
    _, shown = drawn(script())
    lines = shown.splitlines()
    assert lines[:2] == [f"Session  {SESSION}", "Model    offline:storyteller"]
    assert "Writer · outline" in lines
    assert "Writer · draft-1" in lines
    assert "  • beat 3" in [f"  {line.strip()}" for line in lines]
    assert "beat 19" not in shown
    assert "more lines" in shown
    # The first attempt is broken off, the second comes whole and once.
    assert shown.count("The wrong beginning") == 1
    assert "Begun again:" in lines
    assert shown.count("Maren") == 1
    assert "Draft 1 kept: 312 words." in lines
    # Nothing of the live area is left.
    assert "foundation" not in shown
    assert "tokens" not in shown


def test_how_often_it_is_drawn_changes_nothing() -> None:
    assert drawn(script(), tick_every=1)[1] == drawn(script(), tick_every=10_000)[1]


def test_the_live_area_tells_cast_progress_and_figures() -> None:
    console = terminal()
    view = Display(console, Commands("storyloom"))
    state = SessionState()
    with view:
        for event in script()[:10]:
            state = state.apply(event)
            view.tell(event, state)
        view.tick()
        shown = screen(console)
    assert "Writer  writing  writes the first section" in shown
    assert "foundation done  drafting 0%" in shown
    assert "draft-1 · step 2 of 4" in shown
    assert "25%" in shown
    assert "0 of about 900 words · 1:3" in shown


def test_a_lost_connection_is_told_until_it_is_back() -> None:
    console = terminal()
    view = Display(console, Commands("storyloom"))
    state = SessionState().apply(script()[0])
    with view:
        view.tell(script()[0], state)
        view.lost(ClientError("unavailable", "The server is restarting."), 3.2)
        view.tick()
        assert "The server is restarting. Trying again in 3 s" in screen(console)
        view.tell(script()[1], state.apply(script()[1]))
        view.tick()
        assert "restarting" not in screen(console)


def test_an_attached_story_goes_on_in_the_middle_of_a_sentence() -> None:
    snapshot = parse(
        {
            "type": "session.snapshot",
            "session_id": SESSION,
            "epoch": 2,
            "seq": 40,
            "session": {**SESSION_JSON, "message_count": 3, "progress": {"current_step": "draft-2"}},
            "messages": [],
            "partial": {"message_id": WRITER, "agent": "writer", "attempt": 1, "text": "She rowed out at "},
        }
    )
    more = {"message_id": WRITER, "agent": "writer", "attempt": 1, "offset": 17, "text": "slack water."}
    event = parse({"type": "agent.delta", "session_id": SESSION, "epoch": 2, "seq": 41, **more})
    _, shown = drawn([snapshot, event])
    assert "A door: 3 messages so far." in shown
    assert "Writer · draft-2\nShe rowed out at slack water." in shown


def test_a_message_that_differs_from_what_was_streamed_is_shown_as_kept() -> None:
    frames = [
        {"type": "step.started", "step": "draft-1", "agent": "writer"},
        delta(1, 0, "She rowed out."),
        message(3, "draft-1", "She swam out."),
    ]
    events = [parse({**frame, "session_id": SESSION, "epoch": 1, "seq": seq}) for seq, frame in enumerate(frames, 2)]
    _, shown = drawn([script()[0], *events])
    assert "As kept:\nShe swam out." in shown


def test_text_cannot_command_the_terminal() -> None:
    evil = "Once \x1b[2J\x1b]0;owned\x07upon\x9b31m a\u202e time\r\n"
    assert clean(evil) == "Once [2J]0;ownedupon31m a time\n"
    story = STORY.model_copy(update={"title": "\x1b[31mRed", "content": evil})
    console = terminal()
    print_story(console, story, "storyloom show")
    assert isinstance(console.file, io.StringIO)
    assert "\x1b[2J" not in console.file.getvalue()
    assert "\x9b" not in console.file.getvalue()


TEXTS = [
    PROSE,
    "word " * 60,
    "An-extraordinarily-" * 20,
    "nospaces" * 40,
    "灯台守は、海の中に「扉」を見つけた。" * 10,
    "👩‍👩‍👧🚪🌊" * 40,
    "mixed 日本語 and English、そして again. " * 8,
    "",
    "\n\n\n",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("width", [2, 13, 80])
def test_a_growing_text_breaks_as_the_whole_does(text: str, width: int) -> None:
    whole = Wrapper(width)
    at_once = whole.feed(text) + whole.flush()
    growing = Wrapper(width)
    bit_by_bit = [line for char in text for line in growing.feed(char)] + growing.flush()
    assert at_once == bit_by_bit
    assert all(cell_len(line) <= width for line in at_once)
    assert "".join(at_once).replace(" ", "") == text.replace(" ", "").replace("\n", "")


def test_closing_marks_never_begin_a_line() -> None:
    lines = Wrapper(10).feed("灯台守は海で「扉」を、見つけた。そして、歩いた。\n")
    assert not any(line[0] in "、。」" for line in lines)
    assert not any(line.endswith("「") for line in lines)


def test_sessions_fit_80_columns_with_the_whole_id() -> None:
    now = datetime(2026, 11, 21, 8, tzinfo=UTC)
    long = {
        **SESSION_JSON,
        "title": "灯台守は海の中に扉を見つけた、とても長い題名の物語",
        "status": "awaiting_approval",
        "progress": {"words": 29_999},
        "config": {"pages": 100},
    }
    console = terminal()
    console.print(sessions_table(console, [Session.model_validate(long), Session.model_validate(SESSION_JSON)], now))
    shown = screen(console)
    assert shown.count(SESSION) == 2
    assert "29,999" in shown
    assert "100/100" in shown
    assert "2 h" in shown
    assert all(cell_len(line) <= 80 for line in shown.splitlines())


def test_failed_checks_say_what_to_do() -> None:
    class Check:
        def __init__(self, name: str, ok: bool, detail: str, remedy: str = "") -> None:
            self.name, self.ok, self.detail, self.remedy = name, ok, detail, remedy

    console = terminal()
    checks = [Check("settings", True, "fine"), Check("database", False, "no answer " * 20, "Start it.")]
    console.print(checks_table(console, checks))
    shown = screen(console)
    assert "FAILED" in shown
    assert "Start it." in shown
    assert all(cell_len(line) <= 80 for line in shown.splitlines())


def test_times_are_short() -> None:
    assert [duration(seconds) for seconds in (0, 59, 80, 7500)] == ["0 s", "59 s", "1:20 min", "2:05 h"]
    now = datetime(2026, 11, 21, tzinfo=UTC)
    told = [ago(now - timedelta(seconds=seconds), now) for seconds in (-5, 59, 300, 7200, 864_000)]
    assert told == ["now", "now", "5 min", "2 h", "10 d"]
    assert shorten("A  very\nlong title", 8) == "A very…"
