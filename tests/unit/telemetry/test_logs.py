"""Log lines: one form for all loggers, what they are about on each, and nothing that anybody wrote."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pty
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from pydantic import BaseModel, ValidationError

from api.identity.auth import local_token
from coordinator.settings import Settings
from coordinator.telemetry import logs
from coordinator.telemetry.logs import about
from tests.conftest import Database
from tests.service import FINISHED, PROMPT, WAIT_S, bearer

SECRET = "the wheel under the lighthouse"
START_S = 60
logger = logging.getLogger("a.module")


pytestmark = pytest.mark.usefixtures("own_logging")


def written(format: logs.Format) -> StringIO:
    stream = StringIO()
    logs.set_up("info", format, logging.StreamHandler(stream))
    return stream


def lines(stream: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def test_a_line_says_what_it_is_about_also_in_tasks_and_other_modules() -> None:
    stream = written("json")

    async def elsewhere() -> None:
        logging.getLogger("of.a.library").warning("slow: %d s", 3, extra={"token": SECRET, "run": 9})

    with about(session_id="s", run=2, step="draft-1", node=None):
        task = asyncio.create_task(elsewhere())
        logger.info("within")
    await task
    logger.info("after")
    logger.debug("too low")
    first, other, after = sorted(lines(stream), key=lambda line: ["within", "slow: 3 s", "after"].index(line["event"]))
    assert list(first)[:4] == ["timestamp", "level", "logger", "event"] and first["timestamp"].endswith("Z")
    assert {**first, "timestamp": ""} == {
        "timestamp": "",
        "level": "info",
        "logger": "a.module",
        "event": "within",
        "session_id": "s",
        "run": 2,
        "step": "draft-1",
    }
    # What a line itself says goes first; what a library brings along is not known to be harmless.
    assert (other["run"], other["step"], other["level"]) == (9, "draft-1", "warning") and SECRET not in str(other)
    assert "session_id" not in after


class Read(BaseModel):
    number: int


def test_an_exception_is_told_without_what_was_read() -> None:
    stream = written("json")
    try:
        try:
            Read.model_validate({"number": SECRET})
        except ValidationError as error:
            raise RuntimeError(f"an answer that can't be read\nbody: {SECRET}") from error
    except RuntimeError:
        local_and_secret = SECRET
        logger.exception("it broke")
    told = lines(stream)[0]["exception"]
    assert local_and_secret not in stream.getvalue()
    assert "1 validation error for Read" in told and "RuntimeError: an answer that can't be read" in told
    assert (
        told.index("validation error") < told.index("RuntimeError") and f'{__name__.split(".")[-1]}.py", line' in told
    )


def test_of_a_group_each_exception_is_told() -> None:
    told = logs.told(ExceptionGroup("two things", [ValueError("one"), KeyError("x" * 1000)]))
    assert "ValueError: one" in told and "KeyError" in told and len(told) < 600


def test_a_warning_of_python_is_a_line() -> None:
    stream = written("json")
    logging.getLogger("py.warnings").warning("careful")
    assert lines(stream)[0]["logger"] == "py.warnings"


def test_text_cannot_be_forged_or_steer_a_terminal() -> None:
    stream = written("text")
    with about(session_id="s\x1b[2J"):
        logger.info("a name\n2026-11-21 admin signed in \x1b[31m\u202e")
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue() and "\u202e" not in stream.getvalue()
    assert "a.module" in stream.getvalue() and "\\x1b[31m" in stream.getvalue()


def test_json_elsewhere_and_text_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal, given, chosen in [
        (True, None, "text"),
        (False, None, "json"),
        (True, "json", "json"),
        (False, "text", "text"),
    ]:
        stream = StringIO()
        monkeypatch.setattr(stream, "isatty", lambda terminal=terminal: terminal)
        monkeypatch.setattr(sys, "stderr", stream)
        assert logs.set_up("info", given) == chosen
        logger.info("a line")
        assert stream.getvalue().startswith("{") == (chosen == "json")
        assert ("\x1b" in stream.getvalue()) == (chosen == "text" and terminal)


@asynccontextmanager
async def served(folder: Path, database: Database, terminal: bool) -> AsyncIterator[tuple[str, list[str]]]:
    """`storyloom serve` as a process: its address, and the lines that it writes to standard error."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("STORYLOOM_")},
        "DATABASE_URL": database.admin_url,
        "STORYLOOM_DATA_DIR": str(folder),
        "STORYLOOM_OFFLINE_WORDS_PER_SECOND": "0",
        "TERM": "xterm",
    }
    ours, theirs = pty.openpty() if terminal else os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "storyloom.cli",
        "serve",
        "--port",
        "0",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=theirs,
        env=environment,
        cwd=folder,
    )
    os.close(theirs)
    heard: list[str] = []
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def hear() -> None:
        reader = asyncio.StreamReader()
        with os.fdopen(ours, "rb", 0) as pipe:
            await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
            try:
                async for line in reader:
                    heard.append(line.decode().rstrip())
                    found = re.search(r"listening on (http://[\d.:]+)", heard[-1])
                    if found and not ready.done():
                        ready.set_result(found[1])
            except OSError:
                # How a terminal ends whose last writer has gone.
                return

    hearing = asyncio.create_task(hear())
    try:
        await asyncio.wait({ready, hearing}, timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        assert ready.done(), heard
        yield ready.result(), heard
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), WAIT_S)
        await asyncio.wait_for(asyncio.gather(hearing, return_exceptions=True), WAIT_S)


async def finished(http: httpx.AsyncClient, path: str) -> None:
    async with asyncio.timeout(WAIT_S):
        while (await http.get(path)).json()["status"] not in FINISHED:
            await asyncio.sleep(0.05)


def client(url: str, folder: Path) -> httpx.AsyncClient:
    settings = Settings(_env_file=None, data_dir=folder)  # type: ignore[call-arg]
    return httpx.AsyncClient(base_url=url, headers=bearer(local_token(settings)), timeout=WAIT_S)


async def test_a_services_lines_tell_session_run_step_and_request(tmp_path: Path, database: Database) -> None:
    async with served(tmp_path, database, terminal=False) as (url, heard), client(url, tmp_path) as http:
        prompt = f"{PROMPT} {SECRET}"
        session_id = (await http.post("/api/sessions", json={"prompt": prompt, "config": {"pages": 1}})).json()["id"]
        path = f"/api/sessions/{session_id}"
        await finished(http, path)
        steps = [step["step"] for step in (await http.get(f"{path}/steps", params={"limit": 100})).json()["items"]]
        text = (await http.get(f"{path}/story")).json()["content"]
        # What nobody foresaw: a table that is gone.
        async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as admin:
            await admin.execute("alter table public.session_drafts rename to elsewhere")
        broke = await http.get(f"{path}/drafts?token={SECRET}", headers={"X-Request-ID": "mine-7"})
        assert broke.status_code == 500 and broke.headers["x-request-id"] == "mine-7"
        token = http.headers["authorization"].removeprefix("Bearer ")
    told = [json.loads(line) for line in heard]
    assert all({"timestamp", "level", "logger", "event", "node"} <= set(line) for line in told)

    of_run = [line for line in told if line["logger"] == "coordinator.running.workflow"]
    assert all((line["session_id"], line["run"]) == (session_id, 1) and line["step"] for line in of_run)
    assert [line["step"] for line in of_run if line["event"] == "the step is done"] == steps
    assert of_run[-1]["event"] == "the story is completed"

    errors = [line for line in told if line["level"] == "error"]
    assert errors and all((line["request_id"], line["session_id"]) == ("mine-7", session_id) for line in errors)
    asked = [line for line in told if line["logger"] == "api.guards.requests" and line.get("request_id") == "mine-7"]
    assert [(line["event"], line["status"]) for line in asked] == [("GET /api/sessions/{session_id}/drafts", 500)]

    everything = "\n".join(heard)
    for secret in (SECRET, token, *(part for part in text.split("\n\n") if len(part) > 20)):
        assert secret not in everything
    assert "eyJ" not in everything


async def test_a_terminal_is_greeted_and_told_in_text(tmp_path: Path, database: Database) -> None:
    async with served(tmp_path, database, terminal=True) as (url, heard), client(url, tmp_path) as http:
        session_id = (await http.post("/api/sessions", json={"prompt": PROMPT, "config": {"pages": 1}})).json()["id"]
        await finished(http, f"/api/sessions/{session_id}")
    start = heard.index(f"Storyloom is listening on {url}")
    assert [line.split()[0] for line in heard[start + 1 : start + 5]] == ["WebSocket", "API", "model", "database"]
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in heard[start + 6 :]]
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[\w+\] ", line) for line in lines), lines
    done = [line for line in lines if "the step is done" in line]
    assert done and all(f"session_id={session_id}" in line and "run=1" in line and "step=" in line for line in done)
