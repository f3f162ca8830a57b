"""The program among others: pipes that are not UTF-8, closed or full, locales that know no UTF-8, narrow terminals."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from storyloom.cli.listing import put, sessions_table
from storyloom.client.things import Session
from tests.service import WAIT_S, Service
from tests.unit.cli.fake_client import SESSION, SESSION_JSON

TEXT = "Café “Zum Leuchtturm” — 灯台 🚪"
NO_UTF8 = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ENCODINGS = pytest.mark.parametrize("encoding", [NO_UTF8, {"PYTHONIOENCODING": "latin-1"}], ids=repr)
LATIN = "café".encode("latin-1")


@pytest.fixture(scope="module")
async def story(shared: Service) -> str:
    """A story whose text is TEXT."""
    session_id = await shared.story(pages=1, max_revisions=0)
    base = (await shared.get(f"/api/sessions/{session_id}/story")).json()["version"]
    path, body = f"/api/sessions/{session_id}/drafts", {"content": TEXT, "base_version": base}
    headers = {"Authorization": f"Bearer {shared.token}"}
    (await shared.http.put(path, json=body, headers=headers)).raise_for_status()
    return session_id


async def shell(service: Service, line: str, stdin: bytes = b"", **surroundings: str) -> tuple[int, bytes, str]:
    """Exit code, standard output, standard error of a line of bash in which $S is the program."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "COLUMNS": "80",
        "S": f"{sys.executable} -m storyloom.cli",
        "STORYLOOM_SERVER": service.url,
        "STORYLOOM_TOKEN": service.token,
        **surroundings,
    }
    process = await asyncio.create_subprocess_exec(
        "bash", "-o", "pipefail", "-c", line, stdin=-1, stdout=-1, stderr=-1, env=environment
    )
    out, told = await asyncio.wait_for(process.communicate(stdin), WAIT_S)
    assert b"Traceback" not in out + told and b"unexpected" not in told, told
    return process.returncode or 0, out, told.decode()


@ENCODINGS
async def test_what_is_shown_into_a_pipe_comes_whole(shared: Service, story: str, encoding: dict[str, str]) -> None:
    code, out, told = await shell(shared, f"$S show {story}", **encoding)
    assert (code, told) == (0, "") and out.decode().endswith(f"\n\n{TEXT}\n")
    code, out, _ = await shell(shared, f"$S show {story} --json", **encoding)
    assert out.isascii() and json.loads(out)["content"] == TEXT
    # What was shown is what is edited, whatever the locale.
    code, out, _ = await shell(shared, f"$S show {story} | $S edit {story} -", **encoding)
    assert code == 0 and b"Nothing to save" in out


@ENCODINGS
async def test_what_is_piped_in_is_utf_8(shared: Service, story: str, encoding: dict[str, str], tmp_path: Path) -> None:
    code, out, _ = await shell(shared, f"$S steer {story} -", f"\ufeff{TEXT}".encode(), **encoding)
    assert code == 1, "that story is over; but its text was read"
    for command in ("write -", f"steer {story} -", f"edit {story} -", f"rewrite {story} - --section 1"):
        code, out, told = await shell(shared, f"$S {command}", LATIN, **encoding)
        assert (code, out) == (2, b"") and "is not text in UTF-8: convert it first" in told, told
        code, out, told = await shell(shared, f"$S {command} <&-", **encoding)
        assert (code, out) == (2, b"") and "can't be read (it is closed)" in told, told
    file = tmp_path / os.fsdecode(b"caf\xe9.md")
    file.write_bytes(LATIN)
    code, out, told = await shell(shared, f"$S edit {story} {tmp_path}/*.md", **encoding)
    assert (code, out) == (2, b"") and "is not text in UTF-8" in told
    file.write_text(TEXT, encoding="utf-8")
    code, out, told = await shell(shared, f"$S edit {story} {tmp_path}/*.md", **encoding)
    assert code == 0 and b"Nothing to save" in out, "a file's name may be any bytes"


async def test_what_never_ends_is_not_read_for_ever(shared: Service, story: str) -> None:
    for command in (f"edit {story} /dev/zero", f"edit {story} - < /dev/zero", "write - < /dev/zero"):
        code, out, told = await shell(shared, f"$S {command}")
        assert (code, out) == (2, b"") and "has more than 4 MB" in told


@pytest.mark.parametrize(
    "command", ["--help", "sessions", "show ID", "show ID --json", "diff ID 1 2", "export ID -o -"]
)
async def test_an_output_that_takes_no_more(shared: Service, story: str, command: str) -> None:
    line = f"$S {command.replace('ID', story)}"
    code, _, told = await shell(shared, f"{line} | true")
    assert code in (0, 141) and told == "", "nobody reads it any more"
    code, _, told = await shell(shared, f"{line} > /dev/full")
    assert code == 1 and "No space left on device." in told and told.count("\n") == 1
    code, _, told = await shell(shared, f"{line} >&-")
    assert code == 0 and told == ""


async def test_a_story_whose_reader_leaves(shared: Service) -> None:
    for form in ("", "--json"):
        code, out, told = await shell(shared, f"$S write 'A bell.' --pages 1 {form} | head -1")
        assert code in (0, 141) and out.count(b"\n") == 1 and told == ""


async def test_a_file_is_written_whole_or_told(shared: Service, story: str, tmp_path: Path) -> None:
    code, out, _ = await shell(shared, f"$S export {story} -o {tmp_path}/story.txt --json")
    about = json.loads(out)
    assert about == {
        "file": f"{tmp_path}/story.txt",
        "format": "txt",
        "bytes": (tmp_path / "story.txt").stat().st_size,
        "warnings": [],
    }
    for place in (f"{tmp_path}/none/story.md", f"{tmp_path}", "/dev/full"):
        code, out, told = await shell(shared, f"$S export {story} -o {place}")
        assert (code, out) == (1, b"") and f"{place} can't be written" in told
    assert Path("/dev/full").is_char_device(), "what is no file is written to, not replaced"
    assert [path.name for path in tmp_path.iterdir()] == ["story.txt"]


def test_every_row_is_whole_on_a_narrow_terminal() -> None:
    for width in (20, 40, 73, 74, 80):
        console = Console(file=io.StringIO(), width=width, highlight=False)
        put(console, sessions_table(console, [Session.model_validate(SESSION_JSON)], datetime.now(UTC)))
        told = console.file.getvalue()  # type: ignore[attr-defined]
        assert SESSION in told and "active" in told and "…" not in told, width


@pytest.mark.parametrize("columns", ["0", "20"])
async def test_any_width_will_do(shared: Service, story: str, columns: str) -> None:
    for command in ("sessions", f"versions {story}", f"diff {story} 1 2", f"show {story}"):
        code, out, told = await shell(shared, f"$S {command}", COLUMNS=columns)
        assert (code, told) == (0, "") and out.strip()


def test_a_signal_before_anything_else_has_its_exit_code() -> None:
    code = "import signal, storyloom.cli.texts as t, os\n"
    code += "t._standard_input = lambda: os.kill(os.getpid(), signal.SIGINT)\n"
    code += "import sys, storyloom.cli as c\nsys.argv = ['storyloom', 'write', '-', *sys.argv[1:]]\nc.main()\n"
    for arguments, told in (([], ""), (["--json"], "stopped")):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (130, "") and "Traceback" not in done.stderr
        assert told in done.stderr and (told or not done.stderr)
