"""Admins by the list in the settings, where a project signs its users in and their tokens say nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.admins import LISTED
from tests.api.test_admins import check_changes_nothing, check_reads, check_sees_nothing
from tests.service import serving
from tests.store.conftest import Project
from tests.store.test_supabase_service import settings_for

pytestmark = pytest.mark.xdist_group("lite")


@pytest.mark.parametrize("transport", ["rpc", "direct"])
async def test_a_listed_user_of_the_project_reads_every_session(
    supabase: Project, short_folder: Path, transport: str
) -> None:
    await supabase.empty()
    writer, listed, other = await supabase.new_users(3)
    assert writer.token and listed.token and other.token and writer.user_id and other.user_id
    settings = settings_for(supabase, short_folder, transport).model_copy(
        update={"admin_user_ids": [str(listed.user_id).upper()]}
    )
    claiming = supabase.lite.token(other.user_id, **{LISTED: True}, user_metadata={"role": "admin"})
    by_token = supabase.identity(other.user_id, admin=True).token
    assert by_token
    async with serving(settings) as service:
        session_id = await service.story(writer.token.get_secret_value(), pages=1)
        for admin in (listed.token, by_token):
            await check_reads(service, admin.get_secret_value(), session_id, str(writer.user_id))
            await check_changes_nothing(service, admin.get_secret_value(), session_id)
        for token in (other.token.get_secret_value(), claiming):
            await check_sees_nothing(service, token, session_id)
