"""docs/cli.md against the program: every command, option and exit code, and the shape of what --json prints."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from storyloom.cli.app import app
from storyloom.cli.program import DONE, FAILED, READER_LEFT, WRONG_USE
from storyloom.errors import ClientError
from tests.unit.cli.fake_client import SESSION, Fake, Run, script

PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
ROWS = {row[0].split()[0]: row for row in re.findall(r"^\| `([^`]+)` \| (.*?) \| (.*?) ?\|$", PAGE, re.MULTILINE)}
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
SHARED = {"--server", "--token", "--json"}
OF_THIS_MACHINE = {"serve", "token", "migrate", "doctor"}


def options(command: Any) -> set[str]:
    return {parameter.opts[-1] for parameter in command.params if parameter.param_type_name == "option"} - {"--help"}


def test_every_command_is_told_with_its_arguments_and_options() -> None:
    assert list(ROWS)[: len(COMMANDS)] == list(COMMANDS)
    for name, command in COMMANDS.items():
        usage, _, own = ROWS[name]
        arguments = [parameter.metavar for parameter in command.params if parameter.param_type_name == "argument"]
        assert usage.split() == [name, *arguments]
        assert set(re.findall(r"--[a-z-]+", own)) == options(command) - SHARED, name
        assert ({"--server", "--token"} <= options(command)) == (name not in OF_THIS_MACHINE), name
        assert ("--json" in options(command)) == (name != "serve"), name


def test_what_json_prints_is_told_for_every_command() -> None:
    told = PAGE.partition("## JSON")[2].partition("A failure is an object")[0]
    for name in COMMANDS:
        assert f"`{name}`" in told or f"`{name} " in told, name


def test_the_exit_codes() -> None:
    told = PAGE.partition("## Exit codes")[2].partition("## ")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", told, re.MULTILINE)] == [DONE, FAILED, WRONG_USE]
    assert str(READER_LEFT) in told and "130 by Ctrl-C" in told


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (["show", SESSION], {"title", "content", "word_count", "version"}),
        (["sessions"], {"items", "next_cursor"}),
        (["cancel", SESSION], {"id", "status"}),
        (["pause", SESSION], {"id", "status"}),
        (["approve", SESSION, "approve-outline"], {"id", "status"}),
        (["steer", SESSION, "Rain."], {"id", "content", "seq"}),
        (["ledger", SESSION], {"entries", "findings", "settled", "versions"}),
        (["token"], {"access_token", "expires_in"}),
    ],
)
def test_json_is_one_object_a_line(
    run: Run, arguments: list[str], keys: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORYLOOM_DATA_DIR", str(tmp_path))
    code, out, err = run(*arguments, "--json", client=Fake())
    assert (code, err, out.count("\n")) == (0, "", 1) and out.isascii()
    assert keys <= json.loads(out).keys()


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (
            ClientError("not_found", "There is no such session.", status=404),
            {"code": "not_found", "status": 404, "retryable": False},
        ),
        (
            ClientError("rate_limited", "Too fast.", retry_after_s=7, retryable=True),
            {"code": "rate_limited", "retry_after_s": 7, "retryable": True},
        ),
        (OSError(28, "No space left on device"), {"code": "failed"}),
        (RuntimeError("boom"), {"code": "internal"}),
    ],
)
def test_a_failure_is_an_object_with_a_code(run: Run, failure: Exception, told: dict[str, Any]) -> None:
    code, out, err = run("sessions", "--json", client=failure)
    error = json.loads(err)["error"]
    assert (code, out, err.count("\n")) == (1, "", 1) and error["message"]
    assert {name: value for name, value in error.items() if name != "message"} == told


@pytest.mark.parametrize("status", ["failed", "cancelled", "expired"])
def test_what_became_of_a_story_is_its_failure(run: Run, status: str) -> None:
    code, out, err = run("write", "A door", "--json", client=Fake(script(status)))
    error = json.loads(err)["error"]
    assert (code, error["code"]) == (1, status) and SESSION in error["message"]
    assert json.loads(out.splitlines()[-1])["status"] == status
