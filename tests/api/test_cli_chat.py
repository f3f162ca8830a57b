"""`storyloom chat` against a real service: line by line through pipes, and at a real terminal."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from storyloom.cli import main
from tests.api.support import MUSE, TEST_MODEL
from tests.conftest import Database
from tests.model_server import ModelServer, Reply
from tests.service import WAIT_S, Service
from tests.unit.cli.sitting import Sitting, sitting
from tests.unit.cli.test_cli_pipes import shell

PROPOSAL = Reply(text="Here. ", args={"prompt": "A keeper answers.", "pages": 1}, tool_name="propose_story", when=MUSE)
MODEL = f"--model {TEST_MODEL}"
terminal = pytest.mark.skipif(sys.platform == "win32", reason="no terminal of that kind")


@pytest.fixture(autouse=True)
def _healed(model: ModelServer) -> None:
    model.heal()
    model.open.set()


async def chats(service: Service, command: str, *lines: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `storyloom chat`, run in a thread of this process."""
    return await here(service, command, "".join(f"{line}\n" for line in lines).encode())


async def here(service: Service, command: str, stdin: bytes, **surroundings: str) -> tuple[int, str, str]:
    about = {"STORYLOOM_SERVER": service.url, "STORYLOOM_TOKEN": service.token, **surroundings}
    return await asyncio.to_thread(_run, ["chat", *command.split()], stdin, about)


def _run(arguments: list[str], stdin: bytes, surroundings: dict[str, str]) -> tuple[int, str, str]:
    out, told = io.BytesIO(), io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in surroundings.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["storyloom", *arguments])
        for name, file in (("stdin", io.BytesIO(stdin)), ("stdout", out), ("stderr", told)):
            patch.setattr(sys, name, io.TextIOWrapper(file, encoding="utf-8"))
        with pytest.raises(SystemExit) as ended:
            main()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            # What is kept of a stream closes what it wrote to.
            stream.detach()  # type: ignore[attr-defined]
    assert b"Traceback" not in told.getvalue() and b"unexpected" not in told.getvalue(), told.getvalue()
    return int(ended.value.code or 0), out.getvalue().decode(), told.getvalue().decode()


def id_of(told: str) -> str:
    """Of the talk that is to be gone on with."""
    assert "Go on with this talk:\n  " in told, told
    return told.split()[-1]


async def said(service: Service, session_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await service.get(f"/api/v1/sessions/{session_id}/messages")).json()["messages"]
    return found


def answer(text: str) -> Reply:
    return Reply(text=text, when=MUSE)


# Through pipes


async def test_each_line_is_said_and_answered(shared: Service, model: ModelServer) -> None:
    model.script(answer("Well met."), answer("Then the lamp\ngoes out."))
    code, out, told = await chats(shared, MODEL, "Hello", "", "  And then?  ")
    assert (code, out) == (0, "Well met.\n\nThen the lamp\ngoes out.\n"), told
    messages = await said(shared, id_of(told))
    assert [one["content"] for one in messages if one["role"] == "user"] == ["Hello", "And then?"]
    assert "\x1b" not in out + told


async def test_a_talk_is_gone_on_with_by_its_id(shared: Service, model: ModelServer) -> None:
    model.script(answer("One."), answer("Two."))
    session_id = id_of((await chats(shared, MODEL, "First"))[2])
    code, out, told = await chats(shared, session_id, "Second")
    assert (code, out, id_of(told)) == (0, "Two.\n", session_id)
    assert [one["role"] for one in await said(shared, session_id)] == ["user", "assistant"] * 2


async def test_the_built_in_agents_answer_without_a_model(shared: Service) -> None:
    code, out, _ = await chats(shared, "--agent critic", "Read this: The lamp burned.")
    assert code == 0 and out.strip()


async def test_what_was_proposed_is_begun_once(shared: Service, model: ModelServer) -> None:
    model.script(PROPOSAL, answer("Shall I?"))
    code, out, told = await chats(shared, MODEL, "Propose it", "/story", "/story")
    assert code == 0 and "A story, proposed (1 page)" in out and "A keeper answers." in out, told
    story = out.partition("The story has begun: session ")[2].split()[0]
    assert f"storyloom.cli attach {story}" in out or f"attach {story}" in out
    assert "That story was begun already, and is " in out and out.count(story) == 4
    session = (await shared.get(f"/api/sessions/{story}")).json()
    assert session["kind"] == "story" and session["config"]["pages"] == 1
    (asked,) = [one for one in (await events(shared, id_of(told))) if one["type"] == "story.asked"][:1]
    assert asked["story"]["session_id"] == story and asked["story"]["call_id"]


async def events(service: Service, session_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await service.get(f"/api/sessions/{session_id}/events", limit=100)).json()["items"]
    return found


async def test_answered_anew_edited_and_walked(shared: Service, model: ModelServer) -> None:
    model.script(answer("One."), answer("Two."), answer("Three."))
    code, out, told = await chats(
        shared, MODEL, "Hello", "/again", "/previous", "/next", "/edit Good day", "/title Light"
    )
    assert code == 0, told
    assert out.split("\n\n")[:2] == ["One.", "Two."] and "> Good day" not in out
    assert [line for line in out.splitlines() if line] == [
        *("One.", "Two.", "One.", "Two.", "Three."),
        "This talk is called Light now.",
    ]
    assert (await said(shared, id_of(told)))[0]["content"] == "Good day"
    code, out, _ = await chats(shared, "", "/list")
    assert code == 0 and id_of(told) in out and "Light" in out


async def test_events_as_json(shared: Service, model: ModelServer) -> None:
    model.script(PROPOSAL, answer("Shall I?"))
    code, out, told = await chats(shared, f"{MODEL} --json", "Propose it", "/story", "/list", "/title Light")
    assert (code, told) == (0, "") and out.isascii()
    objects = [json.loads(line) for line in out.splitlines()]
    types = [one.get("type") for one in objects]
    assert types[:3] == ["session.created", "agent.message", "session.status"]
    assert {"turn.started", "tool.called", "tool.answered", "agent.delta"} <= set(types)
    story, listed, named = objects[-3:]
    assert story["kind"] == "story" and listed["sessions"][0]["session_id"] == objects[0]["session_id"]
    assert named["title"] == "Light"


async def test_a_failed_answer_ends_with_1_and_can_be_tried_again(shared: Service, model: ModelServer) -> None:
    model.script(Reply(status=401, when=MUSE))
    code, out, told = await chats(shared, MODEL, "Hello", "Never said")
    assert (code, out) == (1, "") and "What you said is kept" in told
    session_id = told.partition("chat ")[2].split()[0]
    model.script(answer("Hello."))
    code, out, told = await chats(shared, session_id, "/again")
    assert (code, out) == (0, "Hello.\n"), told
    assert len(await said(shared, session_id)) == 2


async def test_what_cannot_be_is_one_sentence_and_a_code(shared: Service) -> None:
    other = await shared.story(await shared.new_token(), pages=1)
    story = await shared.story(pages=1)
    for command, lines, code, sentence in (
        (str(uuid4()), ["Hello"], 1, "You have no such talk"),
        (other, ["Hello"], 1, "You have no such talk"),
        (story, ["Hello"], 1, "That session is a story, not a chat. Watch it with:"),
        ("nope", ["Hello"], 2, "is not a session's id"),
        (f"{story} --agent muse", ["Hello"], 2, "--agent is for a new talk"),
        ("--agent nobody", ["Hello"], 2, "There is no agent 'nobody': there are "),
        ("--model openai:nothing", ["Hello"], 1, "openai:nothing"),
        ("--project x", ["Hello"], 2, "is not a project's id"),
        (f"--project {uuid4()}", ["Hello"], 1, "project"),
        ("", [], 2, "Standard input is empty"),
        ("", ["", "  "], 2, "Standard input is empty"),
        ("", ["x" * 20_001], 2, "20,000 is the most"),
        ("", ["\U0001f6aa" * 20_001], 2, "20,000 is the most"),
        ("", ["/foo"], 2, "There is no command /foo"),
        ("", ["/story"], 2, "Nothing has been said yet"),
        ("", ["/again"], 2, "Nothing has been said yet"),
        ("", ["/again now"], 2, "takes nothing more"),
        ("", ["/title"], 2, "The title is empty"),
    ):
        done, out, told = await chats(shared, command, *lines)
        assert (done, out) == (code, ""), (command, lines[:1], told)
        first = told.split("\n  ")[0]
        assert sentence in told and first.count("\n") <= 1 and told.startswith("storyloom: "), told


async def test_another_ones_talk_is_none(shared: Service) -> None:
    session_id = id_of((await chats(shared, "", "Hello"))[2])
    token = await shared.new_token()
    code, out, told = await here(shared, session_id, b"Hello\n", STORYLOOM_TOKEN=token)
    assert (code, out) == (1, "") and "You have no such talk" in told
    assert len(await said(shared, session_id)) == 2


async def test_a_line_of_the_most_characters_is_said(shared: Service, model: ModelServer) -> None:
    model.script(answer("Long."))
    code, out, told = await chats(shared, MODEL, "\U0001f6aa" * 20_000)
    assert (code, out) == (0, "Long.\n"), told


async def test_what_is_no_text_is_told(shared: Service) -> None:
    code, out, told = await here(shared, "", "café\n".encode("latin-1"))
    assert (code, out) == (2, "") and "is not text in UTF-8: convert it first" in told
    code, out, told = await shell(shared, "$S chat <&-")
    assert code == 2 and "can't be read (it is closed)" in told


async def test_a_server_that_is_away_is_told(shared: Service) -> None:
    away = "http://127.0.0.1:9"
    code, out, told = await here(shared, "", b"Hello\n", STORYLOOM_SERVER=away)
    assert (code, out) == (1, "") and "No Storyloom server answers" in told
    code, _, told = await here(shared, "--json", b"Hello\n", STORYLOOM_SERVER=away)
    assert code == 1 and json.loads(told)["error"]["code"] == "unavailable"


async def test_a_reader_that_leaves_ends_it(shared: Service, model: ModelServer) -> None:
    model.script(answer("One."), answer("Two."))
    code, out, told = await shell(shared, f"$S chat {MODEL} | head -1", b"First\nSecond\nThird\n")
    assert code in (0, 141) and out == b"One.\n" and "Traceback" not in told


@pytest.mark.usefixtures("own_logging")
async def test_a_service_in_the_process_itself(database: Database, tmp_path: Path, shared: Service) -> None:
    own = {"STORYLOOM_SERVER": "", "STORYLOOM_TOKEN": "", "DATABASE_URL": database.admin_url}
    own |= {"STORYLOOM_DATA_DIR": str(tmp_path)}
    code, out, told = await here(shared, "", b"My name is Alice.\nWhat is my name?\n", **own)
    assert code == 0 and "Alice" in out.rpartition("\n\n")[2], told
    code, out, told = await here(shared, id_of(told), b"And what is my name now?\n", **own)
    assert code == 0 and "Alice" in out, told


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_says_how_to_go_on(shared: Service, number: signal.Signals, code: int) -> None:
    about = {"STORYLOOM_SERVER": shared.url, "STORYLOOM_TOKEN": shared.token, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "storyloom.cli", "chat"), stdin=-1, stdout=-1, stderr=-1, env={**os.environ, **about}
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b"Hello\n")
    await process.stdin.drain()
    assert await asyncio.wait_for(process.stdout.readline(), WAIT_S)
    process.send_signal(number)
    _, told = await asyncio.wait_for(process.communicate(), WAIT_S)
    assert process.returncode == code and b"Traceback" not in told
    assert len(await said(shared, id_of(told.decode()))) == 2


# At a terminal


def at_home(service: Service, folder: Path) -> dict[str, str]:
    return {
        "STORYLOOM_SERVER": service.url,
        "STORYLOOM_TOKEN": service.token,
        "STORYLOOM_DATA_DIR": str(folder),
        "COLUMNS": "80",
    }


async def say(person: Sitting, text: str) -> None:
    person.type(f"{text}\r")


@terminal
async def test_a_talk_at_a_terminal(shared: Service, model: ModelServer, tmp_path: Path) -> None:
    model.script(PROPOSAL, answer("Shall it be **that** one?"))
    async with sitting("chat", "--model", TEST_MODEL, **at_home(shared, tmp_path)) as person:
        await person.sees("What is the story that you have been carrying around?")
        await person.prompted()
        await say(person, "Propose it")
        await person.prompted()
        await say(person, "/story")
        await person.prompted()
        await say(person, "/help")
        await person.prompted()
        person.type("\x04")
        assert await person.left() == 0
    seen = person.screen
    assert "Here.\n" in seen and "─ A story, proposed ─" in seen and "A keeper answers." in seen and "1 page" in seen
    assert "Shall it be **that** one?" in seen and "The story has begun: session " in seen
    assert "/previous" in seen and "This talk is kept. Go on with it:\n  " in seen
    assert [line for line in seen.splitlines() if len(line) > 80] == []
    history = tmp_path / "chat-history"
    assert history.read_text().splitlines()[-3:] == ["Propose it", "/story", "/help"]
    assert history.stat().st_mode & 0o077 == 0


@terminal
async def test_ctrl_c_stops_an_answer_and_then_leaves(shared: Service, model: ModelServer, tmp_path: Path) -> None:
    model.script(Reply(text="One two three four five six seven.", hang_after=4, when=MUSE))
    async with sitting("chat", "--model", TEST_MODEL, **at_home(shared, tmp_path)) as person:
        await person.prompted()
        await say(person, "Go on for ever")
        await person.sees("One two three")
        person.type("\x03")
        await person.sees("Stopped.")
        await person.prompted()
        # In a line that has been begun it takes the line back; in an empty one it leaves.
        person.type("half a line")
        await person.sees("half a line")
        person.type("\x03")
        await person.prompted()
        person.type("\x03")
        assert await person.left() == 0
    seen = person.screen
    assert seen.index("One two three") < seen.index("Stopped. What was written is kept")
    session_id = seen.split()[-1]
    messages = await said(shared, session_id)
    assert [one["role"] for one in messages] == ["user", "assistant"] and messages[1]["metadata"]["stopped"]


@terminal
async def test_a_talk_is_shown_edited_and_pasted_into(shared: Service, model: ModelServer, tmp_path: Path) -> None:
    model.script(answer("One."), answer("Two."), answer("Three."))
    session_id = id_of((await chats(shared, MODEL, "Hello"))[2])
    async with sitting("chat", session_id, **at_home(shared, tmp_path)) as person:
        await person.prompted()
        assert "> Hello\n" in person.screen and "One." in person.screen
        await say(person, "/edit")
        await person.sees("> Hello")
        await say(person, " again")
        await person.sees("Two.")
        await person.prompted()
        person.type("\x1b[200~two\nlines\x1b[201~")
        await person.sees("lines")
        await say(person, "")
        await person.sees("Three.")
        await person.prompted()
        await say(person, "/previous")
        await person.sees("1 of 2:")
        await person.prompted()
        await say(person, "/quit")
        assert await person.left() == 0
    whole = (await shared.get(f"/api/v1/sessions/{session_id}/messages", branch="all")).json()["messages"]
    assert [one["content"] for one in whole if one["role"] == "user"] == ["Hello", "Hello again", "two\nlines"]


@terminal
async def test_what_fails_at_a_terminal_ends_nothing(shared: Service, model: ModelServer, tmp_path: Path) -> None:
    model.script(Reply(status=401, when=MUSE), answer("There."))
    async with sitting("chat", "--model", TEST_MODEL, **at_home(shared, tmp_path)) as person:
        await person.prompted()
        await say(person, "Hello")
        await person.sees("was rejected (401)")
        await person.prompted()
        await say(person, "/foo")
        await person.sees("There is no command /foo")
        await person.prompted()
        await say(person, "/again")
        await person.sees("There.")
        await person.prompted()
        person.type("\x04")
        assert await person.left() == 0
