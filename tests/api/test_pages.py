"""The studio's pages as a browser gets them: what they may do, how they are kept, and what can't be asked for."""

from __future__ import annotations

import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from api.pages import PAGES, folder, policy
from tests.service import Service

ROOT = Path(__file__).parents[2]
ADDRESSES = [re.sub(r"\{.*?\}", "00000000-0000-4000-8000-000000000001", address) for address in PAGES]


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.inline: list[str] = []
        self._tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        for name, value in attrs:
            if name in ("src", "href"):
                self.links.append(value or "")
            if name.startswith("on") or name == "style":
                self.inline.append(name)

    def handle_data(self, data: str) -> None:
        if self._tag in ("script", "style") and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""


@pytest.mark.parametrize("address", ADDRESSES)
async def test_every_page_is_the_same_document_that_runs_only_its_own_files(shared: Service, address: str) -> None:
    answer = await shared.http.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    rules = dict(rule.strip().split(" ", 1) for rule in answer.headers["content-security-policy"].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    host = shared.url.removeprefix("http://")
    assert rules["connect-src"] == f"'self' ws://{host} wss://{host}"
    assert "set-cookie" not in answer.headers
    seen = Seen()
    seen.feed(answer.text)
    assert seen.inline == []
    for link in seen.links:
        if not link.startswith("#"):
            assert (await shared.http.get(link)).status_code == 200, link


async def test_modules_come_with_their_type_and_all_that_they_import_is_there(shared: Service) -> None:
    for path in folder().rglob("*.js"):
        name = path.relative_to(folder()).as_posix()
        answer = await shared.http.get(f"/studio/{name}")
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8", name
        assert answer.headers["x-content-type-options"] == "nosniff"
        for imported in re.findall(r"(?:from|import\()\s*\"(\.[^\"]+)\"", answer.text):
            assert (path.parent / imported).resolve().is_file(), f"{name} imports {imported}"
        assert "innerHTML" not in answer.text and "insertAdjacentHTML" not in answer.text, name


async def test_a_file_is_kept_by_the_browser_until_it_changes(shared: Service) -> None:
    first = await shared.http.get("/studio/js/main.js")
    assert first.headers["cache-control"] == "no-cache"
    again = await shared.http.get("/studio/js/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_versions_are_listed_without_their_text_for_who_asks_so(shared: Service) -> None:
    session_id = await shared.story()
    whole = (await shared.get(f"/api/sessions/{session_id}/drafts", limit=100)).json()
    heads = (await shared.get(f"/api/sessions/{session_id}/drafts", limit=100, content="false")).json()
    assert all(draft["content"] for draft in whole["items"])
    expected = [{name: value for name, value in draft.items() if name != "content"} for draft in whole["items"]]
    assert heads == {"items": expected, "next_cursor": None}
    first = (await shared.get(f"/api/sessions/{session_id}/drafts", limit=1, content="false")).json()
    assert first["items"] == expected[:1] and first["next_cursor"]


@pytest.mark.parametrize(
    "path", ["../api/app.py", "%2e%2e/pyproject.toml", "js/../../pyproject.toml", "js", "js/none.js", "", "/etc/passwd"]
)
async def test_nothing_but_the_studios_files_can_be_asked_for(shared: Service, path: str) -> None:
    answer = await shared.http.get(f"/studio/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_supabase_project_may_be_called_and_a_strange_host_adds_nothing() -> None:
    told = policy("stories.example:8000", "https://abcdefgh.supabase.co/")
    assert (
        "connect-src 'self' ws://stories.example:8000 wss://stories.example:8000 https://abcdefgh.supabase.co;" in told
    )
    for host in ("evil.example; script-src *", "a b", "", "x\r\ny", "[::1"):
        assert "connect-src 'self';" in policy(host, None)
    assert "ws://[::1]:8000" in policy("[::1]:8000", None)


def test_the_wheel_brings_the_studio(tmp_path: Path, monkeypatch: Any) -> None:
    hatchling = pytest.importorskip("hatchling.build")
    monkeypatch.chdir(ROOT)
    wheel = tmp_path / hatchling.build_wheel(str(tmp_path))
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert {
        f"api/web/{path.relative_to(ROOT / 'web').as_posix()}" for path in (ROOT / "web").rglob("*") if path.is_file()
    } <= inside
