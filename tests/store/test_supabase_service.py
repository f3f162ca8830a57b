"""The whole service on a Supabase-compatible project: its users sign in there, and its rows are theirs."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from api.identity.auth import bot_token
from coordinator.errors import Misconfigured
from coordinator.people.bots import Bot
from coordinator.settings import Settings
from tests.service import PROMPT, bearer, serving
from tests.store.conftest import Project

pytestmark = pytest.mark.xdist_group("lite")


def settings_for(project: Project, data_dir: Path, transport: str) -> Settings:
    lite = project.lite
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        data_dir=data_dir,
        supabase_url=lite.url,
        supabase_publishable_key=SecretStr(lite.public_key),
        supabase_secret_key=SecretStr(lite.service_key),
        supabase_jwt_secret=SecretStr(lite.jwt_secret),
        database_url=SecretStr(project.database.admin_url) if transport == "direct" else None,
        offline_words_per_second=0,
        log_level="warning",
        event_flush_s=0.02,
    )


async def _rows(project: Project, token: str, table: str) -> list[dict[str, object]]:
    """As any other client of the project reads them."""
    headers = {"apikey": project.lite.public_key, **bearer(token)}
    async with httpx.AsyncClient(base_url=project.lite.url) as http:
        answer = await http.get(f"/rest/v1/{table}", headers=headers)
    answer.raise_for_status()
    rows: list[dict[str, object]] = answer.json()
    return rows


@pytest.mark.parametrize("transport", ["rpc", "direct"])
async def test_a_story_of_a_projects_user(supabase: Project, short_folder: Path, transport: str) -> None:
    await supabase.empty()
    writer, other = await supabase.new_users(2)
    assert writer.token and other.token
    mine, theirs = writer.token.get_secret_value(), other.token.get_secret_value()
    async with serving(settings_for(supabase, short_folder, transport)) as service:
        sign_in = (await service.http.get("/api/config")).json()["sign_in"]
        assert (sign_in["auth"], sign_in["url"]) == ("supabase", supabase.lite.url)
        assert supabase.lite.service_key not in str(sign_in)
        async with service.socket(mine) as socket:
            session_id = await socket.start(PROMPT, pages=1)
            assert (await socket.until_finished(session_id))["status"] == "completed"
        story = await service.get(f"/api/sessions/{session_id}/story", mine)
        assert story.status_code == 200 and 255 <= story.json()["word_count"] <= 345
        refused = await service.get(f"/api/sessions/{session_id}/story", theirs)
        assert refused.status_code == 404
        # Nobody comes in with a key of the project, or by local sign-in.
        assert (await service.get("/api/sessions", supabase.lite.service_key)).status_code == 401
        assert (await service.http.post("/api/auth/anonymous")).status_code == 404

    kept = await _rows(supabase, mine, "stories")
    assert [row["content"] for row in kept] == [story.json()["content"]]
    for table in ("stories", "story_sessions", "session_messages", "session_drafts", "session_events"):
        assert await _rows(supabase, theirs, table) == [], table


@pytest.mark.parametrize("transport", ["rpc", "direct"])
async def test_a_bots_user_reads_their_own(supabase: Project, short_folder: Path, transport: str) -> None:
    """Over the project's API with a token that the service signs. This project's admin API makes no users: they are there."""
    await supabase.empty()
    bot = Bot("discord", 0)
    async with await supabase.connect() as connection:
        for person in ("ada", "ben"):
            await connection.execute("insert into auth.users (id) values (%s)", [bot.user(person)])
    settings = settings_for(supabase, short_folder, transport)
    async with serving(settings) as service:
        token = bot_token(settings, "discord", 600)
        as_ada, as_ben = ({**bearer(token), "X-User-ID": person} for person in ("ada", "ben"))
        body = {"prompt": PROMPT, "config": {"pages": 1}}
        made = await service.http.post("/api/sessions", headers=as_ada, json=body)
        assert made.status_code == 201, made.text
        changed = await service.http.patch("/api/v1/users/me", headers=as_ada, json={"display_name": "Ada"})
        assert changed.status_code == 200, changed.text
        for headers, names, sessions in ((as_ada, "Ada", [made.json()["id"]]), (as_ben, "", [])):
            listed = (await service.http.get("/api/sessions", headers=headers)).json()["items"]
            assert [session["id"] for session in listed] == sessions
            assert (await service.http.get("/api/v1/users/me", headers=headers)).json()["display_name"] == names
        assert (await service.http.get("/api/sessions", headers=bearer(token))).status_code == 403


async def test_swapped_keys_are_told_at_the_start(supabase: Project, short_folder: Path) -> None:
    swapped = settings_for(supabase, short_folder, "rpc").model_copy(
        update={
            "supabase_secret_key": SecretStr(supabase.lite.public_key),
            "supabase_publishable_key": SecretStr(supabase.lite.service_key),
        }
    )
    with pytest.raises(Misconfigured, match="swapped"):
        async with serving(swapped):
            pass
    lacking = settings_for(supabase, short_folder, "rpc").model_copy(update={"supabase_secret_key": None})
    with pytest.raises(Misconfigured, match="SUPABASE_SECRET_KEY"):
        async with serving(lacking):
            pass
