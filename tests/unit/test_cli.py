"""The command line: wrong use, exit codes, what is said when something fails, and how a story looks."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from coordinator.errors import Misconfigured
from storyloom import doors
from storyloom.cli import main
from storyloom.commands import Commands
from storyloom.display import Display, print_story
from storyloom.errors import ClientError
from storyloom.events import Event, parse
from storyloom.follow import follow
from storyloom.keyboard import ask, can_ask
from storyloom.listing import ago, checks_table, sessions_table
from storyloom.panel import duration
from storyloom.plain import Lines
from storyloom.prose import Wrapper, clean, shorten
from storyloom.rest import Address
from storyloom.signin import Grant
from storyloom.signins import SignIns
from storyloom.state import SessionState
from storyloom.things import Failure, Page, Session, Story

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

    async def cancel(self, session_id: Any) -> None:
        self.calls.append(("cancel", session_id))

    async def pause(self, session_id: Any) -> Session:
        self.calls.append(("pause", session_id))
        return await self.session(session_id)

    async def steer(self, session_id: Any, text: str) -> None:
        self.calls.append(("steer", text))

    async def set_budget(self, session_id: Any, **budget: Any) -> None:
        self.calls.append(("set_budget", budget))

    async def approve(self, session_id: Any, step: str, approved: bool, comment: str | None) -> None:
        self.calls.append(("approve", (step, approved, comment)))


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line; answers exit code, standard output and standard error."""
    for name in ("STORYLOOM_SERVER", "STORYLOOM_TOKEN", "STORYLOOM_LOG_LEVEL", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, client: Fake | Exception | None = None, stdin: str = "") -> tuple[int, str, str]:
        @asynccontextmanager
        async def open_client(where: Any, **options: Any) -> AsyncIterator[Fake]:
            if isinstance(client, Exception):
                raise client
            assert client is not None, "this command should not have got as far as a client"
            yield client

        monkeypatch.setattr(doors, "open_client", open_client)
        monkeypatch.setattr(sys, "argv", ["storyloom", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err or "--debug" in arguments
        return int(ended.value.code or 0), out, err

    return run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["write"], "PROMPT"),
        (["write", ""], "PROMPT is empty"),
        (["write", "   "], "PROMPT is empty"),
        (["write", "x" * 20_001], "20,000 is the most"),
        (["write", "A door", "--pages", "0"], "--pages"),
        (["write", "A door", "--pages", "101"], "--pages"),
        (["write", "A door", "--pages", "two"], "--pages"),
        (["write", "A door", "--seed", "-1"], "--seed"),
        (["write", "A door", "--title", " "], "--title is empty"),
        (["write", "A door", "--tone", "x" * 201], "--tone has 201 characters"),
        (["write", "A door", "--nonsense"], "--nonsense"),
        (["write", "A door", "--server", "stories.example"], "not a server's address"),
        (["show", "not-a-uuid"], "UUID"),
        (["attach"], "ID"),
        (["cancel", "12"], "UUID"),
        (["pause", "12"], "UUID"),
        (["approve"], "ID"),
        (["steer", SESSION], "TEXT"),
        (["steer", SESSION, " "], "TEXT is empty"),
        (["steer", SESSION, "x" * 4_001], "4,000 is the most"),
        (["approve", SESSION, "--comment", "x" * 4_001], "4,000 is the most"),
        (["resume", SESSION, "--budget-tokens", "0"], "--budget-tokens"),
        (["resume", SESSION, "--budget-usd", "0"], "--budget-usd"),
        (["write", "A door", "--budget-usd", "inf"], "--budget-usd"),
        (["write", "A door", "--approve", "ending"], "outline, draft, final"),
        (["sessions", "--limit", "0"], "--limit"),
        (["serve", "--port", "70000"], "--port"),
        (["wrte", "A door"], "Did you mean"),
    ],
)
def test_wrong_use_is_told_and_ends_with_2(run: Run, arguments: list[str], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_a_story_written_in_plain_lines(run: Run) -> None:
    code, out, err = run("write", "A door in the sea", client=Fake())
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[:6] == [
        f"session {SESSION}",
        "model offline:storyteller, status active, 0%",
        "[foundation 0%] Writer: outline",
        "[drafting 25%] Writer: draft-1",
        "draft 1: 312 words",
        "status completed",
    ]
    assert "# The Door in the Sea" in lines
    assert out.count("Maren had kept it") == 1
    assert lines[-1] == f"show it again: storyloom show {SESSION}"
    assert "\x1b" not in out


def test_a_story_written_as_json(run: Run) -> None:
    code, out, _ = run("write", "A door", "--json", client=Fake())
    objects = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [one["type"] for one in objects[:2]] == ["session.created", "step.started"]
    assert objects[-2]["type"] == "session.status"
    assert objects[-1]["title"] == "The Door in the Sea"


def test_options_of_the_story_are_sent_and_others_left_to_the_server(run: Run) -> None:
    client = Fake()
    run("write", " A door ", "--pages", "2", "--tone", "wry", "--template", "noir", "--seed", "7", client=client)
    config = {"pages": 2, "seed": 7, "tone": "wry"}
    assert client.calls == [("write", {"prompt": "A door", "template": "noir", "title": None, "config": config})]


def test_a_prompt_from_standard_input(run: Run) -> None:
    client = Fake()
    run("write", "-", client=client, stdin="A door\nin the sea\n")
    assert client.calls[0][1]["prompt"] == "A door\nin the sea"
    assert run("write", "-", stdin="\n")[0] == 2


def test_a_story_that_fails_says_why_and_how_to_go_on(run: Run) -> None:
    code, _, err = run("write", "A door", client=Fake(script("failed", "The model gave no answer.")))
    assert code == 1
    assert "The model gave no answer." in err
    assert f"storyloom resume {SESSION}" in err


def test_an_internal_failure_names_the_log_of_the_service_in_here(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYLOOM_DATA_DIR", "/somewhere")
    broken = script("failed", "Something went wrong.")
    last = broken[-1].model_copy(update={"error": Failure(code="internal", message="Something went wrong.")})
    _, _, err = run("write", "A door", client=Fake([*broken[:-1], last]))
    assert "The log is /somewhere/command.log" in err
    _, _, err = run("write", "A door", "--server", "http://x.example", client=Fake([*broken[:-1], last]))
    assert "command.log" not in err


def test_a_lost_connection_is_told_once_in_plain_lines() -> None:
    said: list[str] = []
    complained: list[str] = []
    view = Lines(Commands("storyloom"), said.append, complained.append)
    state = SessionState()
    for event in script()[:2]:
        state = state.apply(event)
        view.tell(event, state)
        for _ in range(3):
            view.lost(ClientError("unavailable", "The server is restarting."), 1)
    assert complained == ["The server is restarting. Trying again."] * 2


def test_a_cancelled_story_says_where_the_text_is(run: Run) -> None:
    code, _, err = run("attach", SESSION, client=Fake(script("cancelled")))
    assert code == 1
    assert f"storyloom show {SESSION}" in err


def test_hints_name_the_server_that_was_named(run: Run) -> None:
    client = Fake(script("expired"))
    _, _, err = run("attach", SESSION, "--server", "http://stories.example", client=client)
    assert f"storyloom resume {SESSION} --server http://stories.example" in err


def test_resume_of_what_already_runs_watches_it(run: Run) -> None:
    client = Fake()
    refused = ClientError("conflict", "A session that is active can't become active.", status=409)

    async def resume(session_id: Any, **budget: Any) -> None:
        raise refused

    client.resume = resume  # type: ignore[method-assign]
    assert run("resume", SESSION, client=client)[0] == 0
    assert client.calls == []
    # A budget that was named counts all the same.
    assert run("resume", SESSION, "--budget-tokens", "9", client=client)[0] == 0
    assert client.calls == [("set_budget", {"tokens": 9})]


# -- Taking part -------------------------------------------------------------------------------------------------------


def waiting(step: str = "approve-outline") -> list[Event]:
    """A story that has come to a gate."""
    frames: list[dict[str, Any]] = [
        {"type": "session.created", "session": SESSION_JSON},
        {"type": "session.status", "status": "active", "reason": "queued", "queue_place": 3},
        {"type": "approval.requested", "step": step, "content": OUTLINE},
        {"type": "session.status", "status": "awaiting_approval", "reason": "outline"},
    ]
    return [
        parse({"session_id": SESSION, "epoch": 1, "seq": seq, "at": AT, **frame}) for seq, frame in enumerate(frames, 1)
    ]


def test_a_gate_without_a_terminal_is_left_with_the_command_that_answers_it(run: Run) -> None:
    code, out, err = run("write", "A door", "--server", "http://x.example", client=Fake(waiting()))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert "3rd in the queue" in lines and "- beat 19" in lines and "status awaiting approval" in lines
    command = f"storyloom approve {SESSION} --server http://x.example"
    assert lines[-1] == f"The outline waits for your answer. Give it with: {command}"
    code, out, err = run("attach", SESSION, "--json", client=Fake(waiting()))
    assert (code, err) == (0, "") and json.loads(out.splitlines()[-1])["status"] == "awaiting_approval"


def test_a_pause_without_a_terminal_ends_the_watch(run: Run) -> None:
    code, out, _ = run("attach", SESSION, client=Fake(script("paused", "asked")))
    assert code == 0
    assert out.splitlines()[-1] == f"The story is paused. Go on with: storyloom resume {SESSION}"


def test_a_budget_used_up_is_told_with_the_option_that_raises_it(run: Run) -> None:
    told = script("paused", "The budget of 9 tokens is used up.")
    failure = Failure(code="budget_exceeded", message="The budget of 9 tokens is used up.")
    told[-1] = told[-1].model_copy(update={"error": failure})
    code, _, err = run("write", "A door", client=Fake(told))
    assert code == 1
    assert "is paused: The budget of 9 tokens is used up." in err
    assert f"storyloom resume {SESSION} --budget-tokens MORE" in err


def test_gates_and_budget_of_a_new_story(run: Run) -> None:
    client = Fake()
    run("write", "A door", "--approve", "outline, final", "--budget-tokens", "9", "--budget-usd", ".5", client=client)
    config = {"approvals": ["outline", "final"], "budget": {"tokens": 9, "usd": 0.5}}
    assert client.calls[0][1]["config"] == config
    client = Fake()
    run("resume", SESSION, "--budget-usd", "2", client=client)
    assert client.calls == [("resume", {"budget_usd": 2.0})]


def test_approve_answers_what_waits(run: Run) -> None:
    client = Fake()
    client.changed = {"status": "awaiting_approval", "progress": {"current_step": "approve-draft-2"}}
    code, out, _ = run("approve", SESSION, client=client)
    assert (code, client.calls) == (0, [("approve", ("approve-draft-2", True, None))])
    assert out == f"Approved the draft. Watch it with:\n  storyloom attach {SESSION}\n"
    client.calls.clear()
    code, out, _ = run("approve", SESSION, "approve-final", "--reject", "--comment", " Rain. ", client=client)
    assert (code, client.calls) == (0, [("approve", ("approve-final", False, "Rain."))])
    assert out.startswith("Not approved: the final text is written again.")
    client.changed = {"status": "paused", "progress": {"current_step": "draft-1"}}
    code, out, err = run("approve", SESSION, client=client)
    assert (code, out) == (1, "") and "waits for no approval: it is paused" in err


def test_pause_and_steer(run: Run) -> None:
    client = Fake()
    code, out, _ = run("pause", SESSION, client=client)
    assert code == 0 and out.startswith("It pauses when the step at hand is done.")
    client.changed = {"status": "paused"}
    assert run("pause", SESSION, client=client)[1] == f"Paused. Go on with:\n  storyloom resume {SESSION}\n"
    assert run("steer", SESSION, "-", client=client, stdin=" More\nrain. \n")[:2] == (
        0, "Noted, for the steps to come.\n",
    )  # fmt: skip
    assert client.calls[-1] == ("steer", "More\nrain.")


class Person:
    """Sits at the terminal, and types these lines."""

    def __init__(self, *lines: str | None) -> None:
        self.lines = list(lines)
        self.asked: list[str] = []

    async def ask(self, question: str) -> str | None:
        self.asked.append(question)
        if not self.lines:
            await asyncio.Event().wait()
        return self.lines.pop(0)


class Waiting(Fake):
    """A story that goes on when its gate is answered, here or elsewhere."""

    def __init__(self) -> None:
        super().__init__(waiting())
        self.answered = asyncio.Event()

    async def _events(self) -> AsyncGenerator[Event, None]:
        for event in self.told:
            yield event
        await self.answered.wait()
        for seq, status in ((5, "active"), (6, "completed")):
            frame = {"type": "session.status", "status": status, "reason": "rejected" if status == "active" else None}
            yield parse({"session_id": SESSION, "epoch": 2, "seq": seq, "at": AT, **frame})

    async def approve(self, *answer: Any) -> None:
        await super().approve(*answer)
        self.answered.set()


async def attended(client: Waiting, person: Person) -> tuple[int, str]:
    console = terminal()
    view = Display(console, Commands("storyloom"))
    events = client.watch(SESSION)
    code = await asyncio.wait_for(follow(client, events, view, Commands("storyloom"), None, person.ask), 10)  # type: ignore[arg-type]
    return code, screen(console)


async def test_whoever_watches_is_asked_and_may_say_what_should_be_different() -> None:
    client, person = Waiting(), Person("", "perhaps", "No", " More rain. ")
    code, shown = await attended(client, person)
    assert code == 0
    assert client.calls == [("approve", ("approve-outline", False, "More rain."))]
    assert person.asked[0] == "Approve the outline? [y]es, [n]o with a comment, [l]ater: " and len(person.asked) == 4
    assert "Outline, for your approval" in shown and "beat 19" in shown
    assert "Not approved: it is written again." in shown and "The Door in the Sea" in shown
    assert all(cell_len(line) <= 80 for line in shown.splitlines())


@pytest.mark.parametrize("word", ["later", "L", None])
async def test_whoever_answers_later_is_told_how(word: str | None) -> None:
    client = Waiting()
    code, shown = await attended(client, Person(word))
    assert (code, client.calls) == (0, [])
    assert f"storyloom approve {SESSION}" in shown


async def test_a_gate_answered_elsewhere_is_no_question_any_more() -> None:
    client, person = Waiting(), Person()
    asyncio.get_running_loop().call_later(0.05, client.answered.set)
    code, shown = await attended(client, person)
    assert (code, client.calls, len(person.asked)) == (0, [], 1)
    assert "Not approved: it is written again." in shown


async def test_who_is_quicker_elsewhere_wins() -> None:
    client = Waiting()

    async def late(*answer: Any) -> None:
        client.answered.set()
        raise ClientError("conflict", "The story does not wait for an approval.")

    client.approve = late  # type: ignore[method-assign]
    assert (await attended(client, Person("y")))[0] == 0


async def test_an_answer_that_cannot_be_given_ends_with_why() -> None:
    client = Waiting()

    async def gone(*answer: Any) -> None:
        raise ClientError("unavailable", "The server is restarting.")

    client.approve = gone  # type: ignore[method-assign]
    with pytest.raises(ClientError, match="restarting"):
        await attended(client, Person("y"))


@pytest.mark.skipif(sys.platform == "win32", reason="no terminal of that kind")
async def test_a_line_is_read_from_a_keyboard(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    master, slave = os.openpty()
    with os.fdopen(slave, "r") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert can_ask()
        os.write(master, b"typed before\n")
        asked = asyncio.create_task(ask("Approve? "))
        await asyncio.sleep(0.05)
        assert not asked.done()
        os.write(master, "näin\n".encode())
        assert await asyncio.wait_for(asked, 5) == "näin"
        asked = asyncio.create_task(ask("And now? "))
        await asyncio.sleep(0.05)
        os.write(master, b"\x04")
        assert await asyncio.wait_for(asked, 5) is None
    os.close(master)


def test_show_prints_markdown_where_no_person_looks(run: Run) -> None:
    code, out, _ = run("show", SESSION, client=Fake())
    assert code == 0
    assert out.startswith("# The Door in the Sea\n\n## The Door\n\nThe lighthouse")
    assert json.loads(run("show", SESSION, "--json", client=Fake())[1])["word_count"] == 312


def test_show_before_the_first_draft_says_how_far_it_is(run: Run) -> None:
    missing = ClientError("conflict", "The story has no draft yet.", status=409)
    code, out, err = run("show", SESSION, client=Fake(story=missing))
    assert (code, out) == (1, "")
    assert "active, 12% done" in err
    assert f"storyloom attach {SESSION}" in err


def test_sessions_are_listed(run: Run) -> None:
    client = Fake()
    code, out, _ = run("sessions", "--status", "active", "-q", "door", client=client)
    assert code == 0
    assert SESSION in out
    assert client.calls == [("sessions", {"status": "active", "kind": "story", "q": "door", "limit": 20})]
    assert json.loads(run("sessions", "--json", client=Fake())[1])["items"][0]["id"] == SESSION


def test_cancel(run: Run) -> None:
    client = Fake()
    code, out, _ = run("cancel", SESSION, client=client)
    assert (code, out) == (0, f"Cancelled {SESSION}.\n")
    assert str(client.calls[0][1]) == SESSION


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (ClientError("not_found", "There is no such session.", status=404), "`storyloom sessions` lists yours"),
        (ClientError("unauthorized", "The token has expired."), "--token"),
        (ClientError("rate_limited", "Too fast.", retry_after_s=7), "Try again in 7 s."),
        (ClientError("unavailable", "No Storyloom server answers at http://x."), "storyloom serve"),
        (Misconfigured("The settings are not valid: PORT."), "The settings are not valid: PORT."),
        (FileNotFoundError(2, "No such file or directory", "templates"), "No such file or directory: templates."),
        (RuntimeError("boom"), "unexpected RuntimeError: boom"),
    ],
)
def test_a_failure_is_one_sentence_and_ends_with_1(run: Run, failure: Exception, said: str) -> None:
    code, out, err = run("sessions", client=failure)
    assert (code, out) == (1, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_failure_in_the_middle_of_a_story_is_told(run: Run) -> None:
    client = Fake(script()[:4])
    client.failure = ClientError("unavailable", "The server is restarting.")
    code, _, err = run("write", "A door", client=client)
    assert code == 1
    assert "The server is restarting." in err


def test_debug_shows_the_traceback(run: Run) -> None:
    code, _, err = run("sessions", "--debug", client=RuntimeError("boom"))
    assert code == 1
    assert "Traceback" in err


STOPPABLE = f"""
import asyncio, sys
from contextlib import asynccontextmanager
from storyloom import doors
from storyloom.cli import main
from storyloom.events import parse

session = {SESSION_JSON!r}

class Client:
    async def write(self, prompt, **options):
        numbers = {{"session_id": session["id"], "epoch": 1, "seq": 1}}
        yield parse({{"type": "session.created", "session": session, **numbers}})
        await asyncio.Event().wait()

@asynccontextmanager
async def open_client(where, **options):
    try:
        yield Client()
    finally:
        await asyncio.sleep(0)
        print("closed", flush=True)

doors.open_client = open_client
sys.argv = ["storyloom", "write", "A door"]
main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_leaves_the_story_and_closes_in_order(number: signal.Signals, code: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPABLE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == f"session {SESSION}\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert process.returncode == code
    assert out.endswith("closed\n")
    assert f"storyloom attach {SESSION}" in err
    assert "Traceback" not in err


def test_help_imports_nothing_that_is_heavy() -> None:
    code = (
        "import sys, storyloom.cli as c\nsys.argv = ['storyloom', '--help']\n"
        "try: c.main()\nexcept SystemExit: pass\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'httpx', 'pydantic', 'rich', 'websockets'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


# How it looks


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


def terminal(width: int = 80) -> Console:
    looks: dict[str, Any] = {"color_system": None, "highlight": False, "legacy_windows": False}
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=30, **looks)


def screen(console: Console) -> str:
    """What a terminal shows after all that was written: the few codes that rich's live area uses, obeyed."""
    assert isinstance(console.file, io.StringIO)
    raw = console.file.getvalue()
    lines, row, at = [""], 0, 0
    while at < len(raw):
        char = raw[at]
        if char == "\x1b":
            end = at + 2
            while not raw[end].isalpha():
                end += 1
            if raw[end] == "A":
                row -= int(raw[at + 2 : end] or 1)
            elif raw[end] == "K":
                lines[row] = ""
            at = end
        elif char == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif char != "\r":
            lines[row] += char
        at += 1
    return "\n".join(line.rstrip() for line in lines)


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


def test_kept_sign_ins_are_their_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "signins.json"
    address, other = Address("http://a.example"), Address("http://b.example")
    SignIns(path).put(address, Grant(access_token="one", expires_at=time.time() + 3600))
    SignIns(path).put(other, Grant(access_token="two"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = SignIns(path).get(address)
    assert kept is not None
    assert (kept.access_token, kept.fresh) == ("one", True)
    assert "one" not in repr(kept)
    path.write_text("{ not json")
    assert SignIns(path).get(address) is None
    SignIns(path).put(address, Grant(access_token="three"))
    assert SignIns(path).get(address) is not None
