"""The command line at a running service: versions of a text, differences, one's own edit, forks, alternatives."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from storyloom.cli.comparison import compared
from tests.service import WAIT_S, Service
from tests.unit.cli.fake_client import SESSION, Run

MINE = "Nobody had told the gulls, and so they came all the same."


@pytest.fixture
async def story(shared: Service) -> str:
    """A finished story of two pages."""
    return await shared.story(pages=2, max_revisions=0)


def environment(service: Service) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "COLUMNS": "80",
        "PYTHONUTF8": "1",
        "STORYLOOM_SERVER": service.url,
        "STORYLOOM_TOKEN": service.token,
    }


async def command(service: Service, *arguments: str, stdin: str = "", cwd: Path | None = None) -> tuple[int, str, str]:
    """Exit code, standard output, standard error of the program, which has no terminal."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "storyloom.cli",
        *arguments,
        stdin=-1,
        stdout=-1,
        stderr=-1,
        cwd=cwd,
        env=environment(service),
    )
    out, told = await asyncio.wait_for(process.communicate(stdin.encode()), WAIT_S)
    assert b"Traceback" not in out + told
    return process.returncode or 0, out.decode(), told.decode()


async def done(service: Service, *arguments: str, **more: Any) -> str:
    code, out, told = await command(service, *arguments, **more)
    assert (code, told) == (0, ""), told
    return out


async def current(service: Service, session_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await service.get(f"/api/sessions/{session_id}/story")).json()
    return found


async def test_versions_are_listed_in_80_columns_and_as_json(shared: Service, story: str) -> None:
    out = await done(shared, "versions", story)
    kept = json.loads(await done(shared, "versions", story, "--json"))["items"]
    assert [draft["version"] for draft in kept] == list(range(1, len(kept) + 1))
    assert max(len(line) for line in out.splitlines()) <= 80
    rows = [line.split() for line in out.splitlines() if line.strip()[:1].isdigit()]
    assert [int(row[0]) for row in rows] == [draft["version"] for draft in kept]
    assert ["current" in row for row in rows] == [draft["current"] for draft in kept]
    assert all(f"{draft['word_count']:,}" in row for row, draft in zip(rows, kept, strict=True))


async def test_a_text_is_edited_and_what_is_different_is_shown(shared: Service, story: str, tmp_path: Path) -> None:
    before = await current(shared, story)
    (tmp_path / "mine.md").write_text(await done(shared, "show", story), "utf-8")
    assert "Nothing to save" in await done(shared, "edit", story, "mine.md", cwd=tmp_path)
    assert await current(shared, story) == before, "the heading that `show` puts over a text is none of its own"

    paragraphs = before["content"].split("\n\n")
    word = paragraphs[1].split()[1]
    text = "\n\n".join([paragraphs[0], paragraphs[1].replace(word, "Zanzibar", 1), *paragraphs[2:], MINE])
    (tmp_path / "mine.md").write_text(text, "utf-8")
    version = before["version"]
    out = await done(shared, "edit", story, "mine.md", "--from", str(version), cwd=tmp_path)
    assert out.startswith(f"Saved as version {version + 1}.") and f"show {story}" in out
    assert (await current(shared, story))["content"] == text

    out = await done(shared, "diff", story, str(version), str(version + 1))
    lines = out.splitlines()
    assert lines[0] == "  … 1 paragraph alike" and lines[-1] == f"+ {MINE}"
    assert lines[1].startswith("~ ") and f"[-{word}-]{{+Zanzibar+}}" in lines[1] and len(lines) == 4
    found = json.loads(await done(shared, "diff", story, str(version), str(version + 1), "--json"))
    assert "".join(block["to_text"] for block in found["blocks"]) == text
    assert "same text" in await done(shared, "diff", story, "1", "1")
    code, _, told = await command(shared, "diff", story, "1", "99")
    assert code == 1 and f"There is no version 99 of this story: there are versions 1 to {version + 1}." in told


async def test_an_edit_of_a_text_that_has_changed_says_what_to_do(shared: Service, story: str, tmp_path: Path) -> None:
    base = (await current(shared, story))["version"]
    await done(shared, "edit", story, "-", stdin=f"{MINE}\n")
    assert (await current(shared, story))["content"] == MINE
    file = tmp_path / "late.md"
    file.write_text("Too late.", "utf-8")
    code, out, told = await command(shared, "edit", story, str(file), "--from", str(base))
    assert (code, out) == (1, "") and file.read_text() == "Too late."
    assert f"changed since version {base}" in told and f"{file} is as it was" in told
    assert f"--from {base + 1}" in told and f"storyloom diff {story} {base} {base + 1}" in told
    assert (await current(shared, story))["content"] == MINE
    await done(shared, "edit", story, str(file), "--from", str(base + 1))
    assert (await current(shared, story))["content"] == "Too late."


async def test_a_fork_goes_its_own_way(shared: Service, story: str) -> None:
    out = await done(shared, "fork", story, "--from-version", "1", "--title", "Another")
    found = re.search(r"Forked as (\S+)\.", out)
    assert found is not None and f"attach {found[1]}" in out
    fork = (await shared.get(f"/api/sessions/{found[1]}")).json()
    assert (fork["parent_session_id"], fork["title"]) == (story, "Another")
    made = json.loads(await done(shared, "fork", story, "--from-step", "outline", "--json"))
    assert made["parent_session_id"] == story and made["id"] != found[1]
    code, _, told = await command(shared, "fork", story, "--from-step", "nonsense")
    assert code == 1 and "no finished step nonsense. Finished are brainstorm, outline, " in told
    code, _, told = await command(shared, "fork", story, "--from-version", "99", "--json")
    assert code == 1 and json.loads(told)["error"]["message"].startswith("There is no version 99")


async def test_a_passage_is_written_anew_and_one_is_taken(shared: Service, story: str) -> None:
    before = await current(shared, story)
    out = await done(shared, "rewrite", story, "Shorter.", "--range", "0:40", "--alternatives", "3")
    assert out.startswith(f"As it is\n{before['content'][:40].strip()}\n") and "\n[3]\n" in out
    assert f"rewrite {story} --accept 1" in out
    assert await current(shared, story) == before
    kept = (await shared.get(f"/api/sessions/{story}/alternatives")).json()["items"]
    out = await done(shared, "rewrite", story, "--accept", "2")
    assert f"version {before['version'] + 1}" in out
    assert (await current(shared, story))["content"] == kept[1]["content"] + before["content"][40:]
    code, _, told = await command(shared, "rewrite", story, "--accept", "9")
    assert code == 1 and "has the number 9" in told
    code, _, told = await command(shared, "rewrite", story, "--accept", "1")
    assert code == 1 and "changed since" in told

    told = await done(shared, "rewrite", story, "Let it rain.", "--section", "1", "--accept", "2", "--json")
    last = (await shared.get(f"/api/sessions/{story}/alternatives")).json()["items"][-1]
    draft = json.loads(told)
    assert last["accepted_version"] == draft["version"] and last["content"] in draft["content"]


async def test_at_a_terminal_a_person_is_asked_which_to_take(shared: Service, story: str) -> None:
    before = await current(shared, story)
    ours, theirs = os.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "storyloom.cli",
        "rewrite",
        story,
        "Shorter.",
        "--section",
        "1",
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment(shared), "TERM": "xterm"},
    )
    os.close(theirs)
    os.set_blocking(ours, False)
    shown, answers = "", iter([b"7\n", b"2\n"])
    try:
        async with asyncio.timeout(WAIT_S):
            while process.returncode is None or shown.count("Take which?") < 2:
                try:
                    shown += os.read(ours, 65_536).decode(errors="replace")
                except BlockingIOError:
                    await asyncio.sleep(0.02)
                except OSError:
                    break  # the other end is closed
                if shown.endswith("or [n]one: "):
                    os.write(ours, next(answers))
                    shown += "\n"
            await process.wait()
    finally:
        os.close(ours)
    assert process.returncode == 0, shown
    assert shown.count("Take which? 1, 2, or [n]one:") == 2 and "It stands in the text" in shown
    kept = (await shared.get(f"/api/sessions/{story}/alternatives")).json()["items"]
    assert [one["accepted_version"] for one in kept] == [None, before["version"] + 1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["versions"], "ID"),
        (["diff", SESSION, "1"], "VERSION"),
        (["diff", SESSION, "0", "1"], "VERSION"),
        (["edit", SESSION], "FILE"),
        (["edit", SESSION, "no-such-file.md"], "can't be read"),
        (["edit", SESSION, "-"], "Standard input is empty"),
        (["edit", SESSION, "-", "--from", "0"], "--from"),
        (["fork", SESSION, "--from-version", "1", "--from-step", "outline"], "--from-version or --from-step"),
        (["fork", SESSION, "--title", " "], "--title is empty"),
        (["rewrite", SESSION], "what should be different"),
        (["rewrite", SESSION, "--section", "1"], "what should be different"),
        (["rewrite", SESSION, "Shorter."], "--section or --range"),
        (["rewrite", SESSION, "Shorter.", "--section", "1", "--range", "0:5"], "--section or --range"),
        (["rewrite", SESSION, "Shorter.", "--range", "5"], "two numbers"),
        (["rewrite", SESSION, "Shorter.", "--range", "5:5"], "two numbers"),
        (["rewrite", SESSION, " ", "--section", "1"], "TEXT is empty"),
        (["rewrite", SESSION, "x" * 4_001, "--section", "1"], "4,000 is the most"),
        (["rewrite", SESSION, "Shorter.", "--section", "1", "--alternatives", "5"], "--alternatives"),
        (["rewrite", SESSION, "Shorter.", "--section", "1", "--accept", "3"], "1 to 2"),
    ],
)
def test_wrong_use_is_told_and_ends_with_2(run: Run, arguments: list[str], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_what_is_no_text_is_not_sent(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "picture.md"
    picture.write_bytes(b"\xff\xd8\xff\xe0")
    code, _, err = run("edit", SESSION, str(picture))
    assert code == 2 and "not text in UTF-8" in err


def test_a_difference_says_by_marks_what_colour_says_too() -> None:
    blocks = [
        {"op": "equal", "from_text": "One.\n\nTwo.", "to_text": "One.\n\nTwo."},
        {
            "op": "replace",
            "from_text": "\n\nThe old bell.",
            "to_text": "\n\nThe new bell.",
            "changes": [
                {"op": "equal", "from_text": "\n\nThe", "to_text": "\n\nThe"},
                {"op": "replace", "from_text": " old", "to_text": " new"},
                {"op": "equal", "from_text": " bell.", "to_text": " bell."},
            ],
        },
        {"op": "insert", "from_text": "", "to_text": "\n\nThree\x1b[2J.\n\nFour."},
        {"op": "delete", "from_text": "\n\nFive.", "to_text": ""},
    ]
    assert [line.plain for line in compared(blocks)] == [
        "  … 2 paragraphs alike",
        "~ The [-old-]{+new+} bell.",
        "+ Three[2J.",
        "+ Four.",
        "- Five.",
    ]
    assert compared(blocks[:1]) == []
