"""The command line: wrong use, exit codes, and what is said when something fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from typing import Any

import pytest

from coordinator.errors import Misconfigured
from storyloom.cli.commands import Commands
from storyloom.cli.plain import Lines
from storyloom.client.state import SessionState
from storyloom.client.things import Failure
from storyloom.errors import ClientError
from tests.unit.cli.fake_client import SESSION, SESSION_JSON, Fake, Run, script


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
        (["show", "nope"], "'nope' is not a session's id: `storyloom sessions` lists yours"),
        (["attach"], "ID"),
        (["cancel", "12"], "is not a session's id"),
        (["pause", "12"], "is not a session's id"),
        (["chat", "12"], "is not a session's id"),
        (["chat", SESSION, "--agent", "muse"], "--agent is for a new talk"),
        (["chat", SESSION, "--model", "openai:x"], "--model is for a new talk"),
        (["chat", "--project", "12"], "is not a project's id"),
        (["chat", "--agent", " "], "--agent is empty"),
        (["chat", "--agent", os.fsdecode(b"caf\xe9")], "--agent is not text in UTF-8"),
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
        (["serve", "--host", " "], "--host is empty"),
        (["wrte", "A door"], "Did you mean 'write'"),
        (["steer", SESSION, os.fsdecode(b"caf\xe9")], "TEXT is not text in UTF-8"),
        (["sessions", "-q", os.fsdecode(b"caf\xe9")], "--query is not text in UTF-8"),
        (["fork", SESSION, "--title", os.fsdecode(b"caf\xe9")], "--title is not text in UTF-8"),
        (["write", "A door", "--token", os.fsdecode(b"\xff")], "--token is not text in UTF-8"),
        (["write", os.fsdecode(b"\xff")], "PROMPT is not text in UTF-8"),
        (["show", os.fsdecode(b"\xff")], "is not a session's id"),
        (["sessions", "--server", os.fsdecode(b"http://\xff:80")], "--server"),
        (["sessions", "--server", "http://x..y"], "is not a server's address"),
    ],
)
def test_wrong_use_is_told_and_ends_with_2(run: Run, arguments: list[str], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1 and "--help." in err
    code, out, err = run(*arguments, "--json") if "--" not in arguments else (2, "", "")
    assert (code, out) == (2, "")
    told = json.loads(err)["error"]
    assert told["code"] == "wrong_use" and told["message"]


def test_without_a_command_there_is_help(run: Run) -> None:
    code, out, err = run()
    assert (code, out) == (2, "") and "Commands:" in err
    code, out, err = run("--help")
    assert (code, err) == (0, "") and "Exit codes: 0 done, 1 failed, 2 wrong use" in out
    assert "..." not in out.partition("Commands:")[2], "each is told whole"
    assert run("--version")[1] == f"storyloom {version('storyloom')}\n"


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
    assert client.calls == [
        ("sessions", {"status": "active", "kind": "story", "q": "door", "limit": 20, "cursor": None})
    ]
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
from storyloom.cli import doors, main
from storyloom.client.events import parse

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
