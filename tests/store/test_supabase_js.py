"""Another client's view: a session that `storyloom write` made for a project's user, read back by supabase-js."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.lite_server import FILES, _installed, _node
from tests.service import PROMPT, WAIT_S
from tests.store.conftest import Project

pytestmark = pytest.mark.xdist_group("lite")


@dataclass(frozen=True)
class Account:
    email: str
    password: str
    id: str
    token: str


async def _ended(*command: str, env: dict[str, str], cwd: Path, given: bytes | None = None) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=env,
        cwd=cwd,
        stdin=PIPE if given is not None else asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(given), 2 * WAIT_S)
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def _in_node(project: Project, **task: Any) -> dict[str, Any]:
    """What tests/lite/read-back.mjs answers. Node finds the packages by the folder that it runs in."""
    node = _node()
    whole = {"url": project.lite.url, "key": project.lite.public_key, **task}
    code, out, err = await _ended(
        node,
        "--input-type=module",
        "-",
        env={**os.environ, "LITE_TASK": json.dumps(whole)},
        cwd=_installed(node),
        given=(FILES / "read-back.mjs").read_bytes(),
    )
    assert code == 0, err
    answer: dict[str, Any] = json.loads(out)
    return answer


async def _accounts(project: Project, count: int) -> list[Account]:
    """Users as they come to a project: by an address and a password."""
    asked = [{"email": f"{uuid4()}@example.org", "password": uuid4().hex} for _ in range(count)]
    made = (await _in_node(project, signUp=asked))["signedUp"]
    return [Account(**given, **known) for given, known in zip(asked, made, strict=True)]


def _environment(project: Project, data_dir: Path, transport: str) -> dict[str, str]:
    lite = project.lite
    return {
        **os.environ,
        "SUPABASE_URL": lite.url,
        "SUPABASE_PUBLISHABLE_KEY": lite.public_key,
        "SUPABASE_SECRET_KEY": lite.service_key,
        "SUPABASE_JWT_SECRET": lite.jwt_secret,
        "STORYLOOM_DATA_DIR": str(data_dir),
        "STORYLOOM_OFFLINE_WORDS_PER_SECOND": "0",
        **({"DATABASE_URL": project.database.admin_url} if transport == "direct" else {}),
    }


async def _storyloom(*arguments: str, env: dict[str, str], cwd: Path) -> str:
    code, out, err = await _ended(sys.executable, "-m", "storyloom.cli", *arguments, env=env, cwd=cwd)
    assert code == 0, err
    return out


@asynccontextmanager
async def _serving(env: dict[str, str], cwd: Path) -> AsyncIterator[str]:
    """The address of a `storyloom serve` of its own process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "storyloom.cli",
        "serve",
        "--port",
        "0",
        env={**env, "STORYLOOM_LOG_FORMAT": "text"},
        cwd=cwd,
        stdout=PIPE,
        stderr=PIPE,
    )
    assert process.stderr is not None
    try:
        told = ""
        while (listening := re.search(r"listening on (http://\S+)", told)) is None:
            line = await asyncio.wait_for(process.stderr.readline(), WAIT_S)
            assert line, told
            told += line.decode()
        draining = asyncio.create_task(process.stderr.read())
        yield listening[1]
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.wait(), WAIT_S)
        await draining
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _check_read_back(project: Project, session_id: str, writer: Account, other: Account, content: str) -> None:
    readers = [{"email": who.email, "password": who.password} for who in (writer, other)]
    seen, hidden, nobody = (await _in_node(project, readers=[*readers, None], sessionId=session_id))["read"]
    rows = {table: seen[table]["data"] for table in seen}
    (session,) = rows["story_sessions"]
    assert (session["id"], session["user_id"], session["status"]) == (session_id, writer.id, "completed")
    assert session["prompt"] == PROMPT
    (story,) = rows["stories"]
    assert story["content"] == content and story["user_id"] == writer.id
    # The same by the functions that the service itself calls.
    assert (rows["get_session"]["id"], rows["get_session"]["title"]) == (session_id, session["title"])
    assert rows["get_session"]["message_count"] == len(rows["session_messages"]) > 1
    assert rows["get_story"]["content"] == content and rows["get_story"]["story_id"] == story["id"]
    for table, function, key in (
        ("session_messages", "list_messages", "seq"),
        ("session_drafts", "list_drafts", "version"),
    ):
        page = rows[function]["items"]
        assert rows[function]["next_cursor"] is None
        by_select = sorted((row[key], row["content"]) for row in rows[table])
        assert [(row[key], row["content"]) for row in page] == by_select and by_select, table
    assert content in [row["content"] for row in rows["session_drafts"] if row["current"]]

    for name, answer in hidden.items():
        if name in ("story_sessions", "session_messages", "session_drafts", "stories"):
            assert (answer["status"], answer["data"]) == (200, []), name
        else:
            assert (answer["status"], answer["code"], answer["data"]) == (404, "PT404", None), name
    # With which code nobody is refused is the grants' matter, and not judged on this server.
    assert all(not answer["data"] for answer in nobody.values())


async def test_a_story_of_a_command_that_is_its_own_service(supabase: Project, short_folder: Path) -> None:
    """Over the project's API; the command line as a person sees it."""
    writer, other = await _accounts(supabase, 2)
    env = {**_environment(supabase, short_folder / "data", "rpc"), "STORYLOOM_TOKEN": writer.token}
    told = await _storyloom("write", PROMPT, "--pages", "1", env=env, cwd=short_folder)
    (session_id,) = set(re.findall(r"session ([0-9a-f-]{36})", told))
    shown = json.loads(await _storyloom("show", session_id, "--json", env=env, cwd=short_folder))
    await _check_read_back(supabase, session_id, writer, other, shown["content"])


async def test_a_story_of_a_server_that_has_the_projects_database(supabase: Project, short_folder: Path) -> None:
    """Over a connection; the command line as a program reads it, told nothing of the project but a user's token."""
    writer, other = await _accounts(supabase, 2)
    async with _serving(_environment(supabase, short_folder / "data", "direct"), short_folder) as server:
        there = ("--server", server, "--token", writer.token)
        told = await _storyloom(
            "write", PROMPT, "--pages", "1", "--json", *there, env=dict(os.environ), cwd=short_folder
        )
        *events, story = [json.loads(line) for line in told.splitlines()]
        session_id = next(event["session_id"] for event in events if event["type"] == "session.created")
        assert story["session_id"] == session_id
        await _check_read_back(supabase, session_id, writer, other, story["content"])
