"""A user's profile, over each transport: read by its owner, changed key by key, bounded."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import CheckViolation

from coordinator.errors import Conflict, Forbidden, NotFound, TooLarge
from coordinator.models import Identity
from coordinator.store import Store
from tests.conftest import Database
from tests.store.conftest import BOTH


@pytest.fixture(params=BOTH)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_what_is_given_is_changed_and_the_rest_stays(store: Store, user: Any) -> None:
    writer = await user()
    profile, made = await store.profiles.update(
        writer.user_id, {"display_name": "Ada", "settings": {"theme": "dark", "size": 3, "more": {"a": 1, "b": None}}}
    )
    assert (profile.display_name, profile.avatar_url, made) == ("Ada", None, False)
    profile, _ = await store.profiles.update(
        writer.user_id, {"avatar_url": "https://example.org/a.png", "settings": {"size": None, "more": {"c": 2}}}
    )
    assert profile.display_name == "Ada" and profile.avatar_url == "https://example.org/a.png"
    # By key, not deeper: what stands within a key is that key's own.
    assert profile.settings == {"theme": "dark", "more": {"c": 2}}
    assert await store.profiles.of(writer.user_id, writer) == profile
    assert await store.profiles.update(writer.user_id, {}) == (profile, False)
    profile, _ = await store.profiles.update(
        writer.user_id, {"display_name": None, "avatar_url": None, "settings": None}
    )
    assert (profile.display_name, profile.avatar_url, profile.settings) == ("", None, {})


async def test_a_profile_is_its_owners_and_an_admins(store: Store, user: Any) -> None:
    writer, other, admin = await user(), await user(), await user(admin=True)
    assert (await store.profiles.of(writer.user_id, writer)).id == writer.user_id
    assert (await store.profiles.of(writer.user_id, admin)).id == writer.user_id
    for identity in (other, Identity(user_id=uuid4(), role="authenticated", claims=other.claims, token=other.token)):
        with pytest.raises(NotFound):
            await store.profiles.of(writer.user_id, identity)
    with pytest.raises(NotFound):
        await store.profiles.of(uuid4())
    with pytest.raises(Forbidden):
        await store.gateway.write("update_profile", writer, user_id=writer.user_id, changes={})


async def test_one_is_made_for_a_user_who_lacks_it_and_for_nobody_else(
    store: Store, user: Any, database: Database
) -> None:
    writer = await user()
    await store.users.erase(writer.user_id)
    profile, made = await store.profiles.update(writer.user_id, {"display_name": "Ada"})
    assert made and profile.display_name == "Ada"
    with pytest.raises(Conflict):
        await store.profiles.update(uuid4(), {"display_name": "Nobody"})


async def test_settings_have_an_end_and_what_is_refused_changes_nothing(store: Store, user: Any) -> None:
    writer = await user()
    kept, _ = await store.profiles.update(writer.user_id, {"settings": {"a": "x" * 8000, "b": "y" * 8000}})
    with pytest.raises(TooLarge, match="of 16384"):
        await store.profiles.update(writer.user_id, {"display_name": "Ada", "settings": {"c": "z" * 8000}})
    assert await store.profiles.of(writer.user_id, writer) == kept
    changed, _ = await store.profiles.update(writer.user_id, {"settings": {"c": "z" * 8000, "a": None}})
    assert set(changed.settings) == {"b", "c"}


async def test_two_changes_at_once_are_both_kept(store: Store, user: Any) -> None:
    writer = await user()
    changes = [{"settings": {f"key-{number}": number}} for number in range(6)]
    await asyncio.gather(*(store.profiles.update(writer.user_id, change) for change in changes))
    assert (await store.profiles.of(writer.user_id, writer)).settings == {f"key-{n}": n for n in range(6)}


@pytest.mark.parametrize("transport", ["direct"])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("avatar_url", "javascript:alert(1)"),
        ("avatar_url", "http://example.org/a.png"),
        ("avatar_url", "https://example.org/" + "a" * 2000),
        ("avatar_url", "https://a b"),
        ("settings", "[]"),
        ("settings", '"text"'),
        ("settings", '{"a": "' + "x" * 16_384 + '"}'),
    ],
)
async def test_the_table_itself_takes_nothing_else(
    store: Store, user: Any, database: Database, column: str, value: str
) -> None:
    writer = await user()
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        with pytest.raises(CheckViolation):
            await connection.execute(
                f"update public.profiles set {column} = %s where id = %s",
                [value, writer.user_id],  # type: ignore[arg-type]
            )
