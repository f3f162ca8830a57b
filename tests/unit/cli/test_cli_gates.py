"""Taking part in a story at the command line: gates, pauses, notes and budgets."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from rich.cells import cell_len

from storyloom.cli.commands import Commands
from storyloom.cli.display import Display
from storyloom.cli.follow import follow
from storyloom.cli.keyboard import ask, can_ask
from storyloom.client.events import Event, parse
from storyloom.client.things import Failure
from storyloom.errors import ClientError
from tests.unit.cli.fake_client import AT, OUTLINE, SESSION, SESSION_JSON, Fake, Run, script
from tests.unit.cli.screen import screen, terminal


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
        0,
        "Noted, for the steps to come.\n",
    )
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
