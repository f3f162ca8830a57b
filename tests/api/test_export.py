"""`GET /api/sessions/{id}/export` and `storyloom export`: a story as a file to keep."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from pypdf import PdfReader

from coordinator.errors import Unavailable
from coordinator.export.press import FORMATS, Press, Printed
from storyloom.client import Client, ClientError
from tests.api.support import problem
from tests.conftest import Database
from tests.service import Service, bearer
from tests.unit.export.test_export import squeezed, text_of


async def run(database: Database, query: str, *params: Any) -> list[Any]:
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        cursor = await connection.execute(query, params)  # type: ignore[call-overload]
        return await cursor.fetchall() if cursor.description else []


async def retold(database: Database, session_id: str, content: str, title: str | None = None) -> None:
    """Has the session's text be that."""
    await run(database, "update session_drafts set content = %s where session_id = %s and current", content, session_id)
    await run(database, "update story_sessions set title = coalesce(%s, title) where id = %s", title, session_id)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Empty, and where the command is given."""
    made = tmp_path / "here"
    made.mkdir()
    return made


async def command(service: Service, folder: Path, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "storyloom.cli",
        "export",
        *arguments,
        "--server",
        service.url,
        "--token",
        service.token,
        stdout=-1,
        stderr=-1,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    out, told = await process.communicate()
    return process.returncode or 0, out.decode(), told.decode()


@pytest.mark.parametrize("format", sorted(FORMATS))
async def test_a_story_in_every_format(service: Service, database: Database, format: Any) -> None:
    session_id = await service.story(pages=1)
    owner = (await service.get(f"/api/sessions/{session_id}")).json()["user_id"]
    await run(database, "update profiles set display_name = 'Ada Writer' where id = %s", owner)
    story = (await service.get(f"/api/sessions/{session_id}/story")).json()
    answer = await service.get(f"/api/sessions/{session_id}/export", format=format)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == FORMATS[format] and answer.headers["content-language"] == "en"
    assert answer.headers["content-disposition"].startswith('attachment; filename="')
    assert f"UTF-8''{story['title'].split()[0]}" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store" and answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"] and "warning" not in answer.headers
    text = squeezed(text_of(answer.content, format))
    words = [word for word in story["content"].split() if word.isalpha()]
    assert len(words) > 100 and squeezed("Ada Writer") in text
    missing = [word for word in words if squeezed(word) not in text]
    # A word may be cut by the number of a page.
    assert len(missing) <= 3, missing
    if format != "md":
        assert "offline:storyteller" in text or format == "txt"


async def test_the_record_of_a_session_is_whole(service: Service) -> None:
    session_id = await service.story(pages=1)
    answer = await service.get(f"/api/sessions/{session_id}/export", format="json")
    assert answer.headers["content-type"] == "application/json"
    record = answer.json()
    assert set(record) == {
        "format",
        "exported_at",
        "session",
        "story",
        "drafts",
        "messages",
        "alternatives",
        "steps",
        "events",
    }
    for part in ("drafts", "messages", "steps", "events"):
        items: list[Any] = []
        params: dict[str, Any] = {"limit": 7}
        while True:
            page = (await service.get(f"/api/sessions/{session_id}/{part}", **params)).json()
            items += page["items"]
            if page["next_cursor"] is None:
                break
            params["after_seq" if part == "events" else "cursor"] = page["next_cursor"]
        assert items and record[part] == items
    assert record["session"]["id"] == session_id and "usage_by_agent" in record["session"]
    assert record["story"] == (await service.get(f"/api/sessions/{session_id}/story")).json()


async def test_a_long_record_does_not_fill_the_memory(service: Service, database: Database) -> None:
    session_id = await service.story(pages=1)
    owner = (await service.get(f"/api/sessions/{session_id}")).json()["user_id"]
    await run(
        database,
        "insert into session_drafts (session_id, user_id, version, author, content, word_count)"
        " select %s, %s, version, 'writer', repeat('a bell rang ', 8000), 1 from generate_series(100, 300) version",
        session_id,
        owner,
    )
    size = 0
    tracemalloc.start()
    try:
        path = f"/api/sessions/{session_id}/export?format=json"
        async with service.http.stream("GET", path, headers=bearer(service.token)) as answer:
            async for piece in answer.aiter_raw():
                size += len(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 201 * 96_000
    assert peak < size / 2


async def test_before_the_first_draft_there_is_no_book_but_a_record(service: Service, database: Database) -> None:
    session_id = await service.story(pages=1)
    await run(database, "delete from session_drafts where session_id = %s", session_id)
    for format in FORMATS:
        problem(await service.get(f"/api/sessions/{session_id}/export", format=format), 409, "conflict")
    record = (await service.get(f"/api/sessions/{session_id}/export", format="json")).json()
    assert record["story"] is None and record["drafts"] == [] and record["messages"]


async def test_an_unknown_format_is_told_which_there_are(service: Service) -> None:
    session_id = await service.story(pages=1)
    for wished in ({"format": "doc"}, {"format": "../../etc/passwd"}, {}):
        told = problem(await service.get(f"/api/sessions/{session_id}/export", **wished), 422, "invalid_message")
        assert "format" in told["detail"]
        if wished:
            assert all(f"'{name}'" in told["detail"] for name in (*FORMATS, "json"))


async def test_nobody_elses_story_but_an_admins_look(service: Service) -> None:
    session_id, other = await service.story(pages=1), await service.new_token()
    for format in (*FORMATS, "json"):
        path = f"/api/sessions/{session_id}/export"
        problem(await service.get(path, other, format=format), 404, "not_found")
        problem(await service.get(f"/api/sessions/{uuid4()}/export", format=format), 404, "not_found")
        problem(await service.http.get(path, params={"format": format}), 401, "unauthorized")
        assert (await service.get(path, service.admin_token(), format=format)).status_code == 200


async def test_a_title_and_text_that_mean_mischief(service: Service, database: Database) -> None:
    session_id = await service.story(pages=1)
    await retold(
        database,
        session_id,
        '#read("/etc/passwd") <script>alert(1)</script> ![](http://127.0.0.1:9/x.png)',
        '"\r\nX-Evil: 1; <b>',
    )
    for format in FORMATS:
        answer = await service.get(f"/api/sessions/{session_id}/export", format=format)
        assert answer.status_code == 200 and "x-evil" not in answer.headers
        text = text_of(answer.content, format)
        assert "<script>" in text and "root:" not in text and "http://127.0.0.1:9/x.png" in squeezed(text)


async def test_what_no_font_has_is_told_in_a_header(service: Service, database: Database, monkeypatch: Any) -> None:
    session_id = await service.story(pages=1)
    original = Press._print

    async def with_own_fonts_alone(self: Press, *args: Any, **options: Any) -> Any:
        self._system_fonts = False
        return await original(self, *args, **options)

    # The fonts of the machine are not the same everywhere.
    monkeypatch.setattr(Press, "_print", with_own_fonts_alone)
    await retold(database, session_id, "The cat 🐈 sat in the rain.")
    answer = await service.get(f"/api/sessions/{session_id}/export", format="pdf")
    assert answer.status_code == 200 and "[cat]" in answer.headers["warning"]
    assert "The cat [cat] sat" in " ".join(text_of(answer.content, "pdf").split())
    await retold(database, session_id, "นาฬิกาเดินถอยหลัง")
    told = problem(await service.get(f"/api/sessions/{session_id}/export", format="pdf"), 409, "conflict")
    assert "Thai" in told["detail"]


async def test_a_busy_press_says_when_to_come_again(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def busy(self: Press, *args: Any) -> Any:
        raise Unavailable("Too many books are being printed: try again soon.", retry_after_s=5)

    session_id = await service.story(pages=1)
    monkeypatch.setattr(Press, "printed", busy)
    answer = await service.get(f"/api/sessions/{session_id}/export", format="pdf")
    assert problem(answer, 503, "unavailable")["retryable"] and answer.headers["retry-after"] == "5"


async def test_one_users_exports_make_another_wait_for_one_of_them(
    service: Service, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id, other = await service.story(pages=1), await service.new_token()
    others_id = await service.story(other, pages=1)
    gates: list[asyncio.Event] = []

    async def held(self: Press, *args: Any) -> Printed:
        gates.append(gate := asyncio.Event())
        await gate.wait()
        return Printed(b"")

    monkeypatch.setattr(Press, "printed", held)

    async def export(of: str, token: str | None = None) -> httpx.Response:
        return await service.get(f"/api/sessions/{of}/export", token, format="pdf")

    greedy = [asyncio.ensure_future(export(session_id)) for _ in range(6)]
    refused = await next(asyncio.as_completed(greedy))
    told = problem(refused, 429, "rate_limited")
    assert "5 of your exports" in told["detail"] and refused.headers["retry-after"] == "5"
    mine = asyncio.ensure_future(export(others_id, other))
    while (
        'state="waiting"} 4'
        not in [line for line in await metrics(service) if line.startswith("storyloom_exports{")][1]
    ):
        await asyncio.sleep(0.01)
    gates[0].set()
    while len(gates) < 3:
        await asyncio.sleep(0.01)
    gates[2].set()
    assert (await mine).status_code == 200 and sum(one.done() for one in greedy) == 2
    while not all(one.done() for one in greedy):
        for gate in gates:
            gate.set()
        await asyncio.sleep(0.01)


async def metrics(service: Service) -> list[str]:
    return (await service.http.get("/metrics")).text.splitlines()


async def test_printing_holds_up_nobody_else(service: Service, database: Database) -> None:
    session_id = await service.story(pages=1)
    await retold(
        database, session_id, "\n\n".join(["The bell rang *once* under the water, and nobody heard it."] * 3000)
    )
    export = asyncio.ensure_future(
        service.http.get(f"/api/sessions/{session_id}/export?format=pdf", headers=bearer(service.token), timeout=90)
    )
    loop, slowest = asyncio.get_running_loop(), 0.0
    while not export.done():
        begun = loop.time()
        assert (await service.http.get("/healthz")).status_code == 200
        slowest = max(slowest, loop.time() - begun)
        await asyncio.sleep(0.01)
    assert len(PdfReader(io.BytesIO((await export).content)).pages) > 50
    assert slowest < 1.5, "the event loop stood still"


# -- From Python and from the command line ------------------------------------------------------------------------------


async def test_the_client_takes_a_file_piece_by_piece(service: Service) -> None:
    session_id = await service.story(pages=1)
    headers: dict[str, str] = {}
    async with Client(service.url, service.token) as client:
        made = b"".join([piece async for piece in client.export(session_id, "epub", told=headers.update)])
        assert zipfile.ZipFile(io.BytesIO(made)).testzip() is None and "filename" in headers["content-disposition"]
        with pytest.raises(ClientError) as refused:
            _ = [piece async for piece in client.export(uuid4(), "epub")]
        assert refused.value.code == "not_found"


async def test_the_command_writes_a_file(service: Service, database: Database, folder: Path) -> None:
    session_id = await service.story(pages=1)
    await retold(database, session_id, "It rang.", "The Bell: a tale")
    code, out, told = await command(service, folder, session_id, "-f", "epub", "-o", "my book.epub")
    assert (code, out) == (0, "Wrote my book.epub.\n"), told
    assert zipfile.is_zipfile(folder / "my book.epub")
    # The ending says the format; without a name the story's title gives one, and nothing is written over.
    assert (await command(service, folder, session_id, "-o", "b.docx"))[0] == 0
    assert "word/document.xml" in zipfile.ZipFile(folder / "b.docx").namelist()
    assert (await command(service, folder, session_id))[:2] == (0, "Wrote the-bell-a-tale.md.\n")
    code, _, told = await command(service, folder, session_id)
    assert code == 2 and "-o" in told
    assert (folder / "the-bell-a-tale.md").read_text() == "# The Bell: a tale\n\nIt rang.\n"
    code, out, _ = await command(service, folder, session_id, "-f", "json", "-o", "-")
    assert code == 0 and json.loads(out)["session"]["id"] == session_id
    assert sorted(path.name for path in folder.iterdir()) == ["b.docx", "my book.epub", "the-bell-a-tale.md"]


async def test_the_command_says_what_is_wrong(service: Service, folder: Path) -> None:
    session_id = await service.story(pages=1)
    code, _, told = await command(service, folder, session_id, "-f", "doc")
    assert code == 2 and "epub" in told
    code, _, told = await command(service, folder, str(uuid4()), "-f", "pdf")
    assert code == 1 and "no such session" in told.lower()
    code, _, told = await command(service, folder, session_id, "-o", "nowhere/b.md")
    assert code == 1 and "nowhere" in told and not list(folder.iterdir())
