"""Users' keys in the store, over each transport. What is kept here is ciphertext to it: any text."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from coordinator.errors import Conflict, InvalidMessage, NotFound
from coordinator.store import Store
from tests.store.conftest import BOTH


@pytest.fixture(params=BOTH)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_a_key_is_put_listed_read_and_deleted(store: Store, user: Any) -> None:
    mine, other = (await user()).user_id, (await user()).user_id
    first = await store.keys.put(mine, "openai", "sealed one", "1111")
    await store.keys.put(mine, "anthropic", "sealed two", "2222")
    await store.keys.put(other, "openai", "sealed three", "3333")
    listed = await store.keys.of(mine)
    assert [(key.provider, key.last_four) for key in listed] == [("anthropic", "2222"), ("openai", "1111")]
    assert await store.keys.secrets(mine, {"openai", "google"}) == {"openai": "sealed one"}
    assert await store.keys.secrets(mine, set()) == {}
    second = await store.keys.put(mine, "openai", "sealed four", "4444")
    assert second.last_four == "4444" and second.created_at == first.created_at < second.updated_at
    await store.keys.delete(mine, "openai")
    assert [key.provider for key in await store.keys.of(mine)] == ["anthropic"]
    with pytest.raises(NotFound):
        await store.keys.delete(mine, "openai")
    assert await store.keys.secrets(other, {"openai"}) == {"openai": "sealed three"}


async def test_resealing_never_undoes_a_newer_key(store: Store, user: Any) -> None:
    mine = (await user()).user_id
    kept = await store.keys.put(mine, "openai", "old", "1111")
    await asyncio.gather(*(store.keys.reseal(mine, "openai", "old", f"new {number}") for number in range(5)))
    sealed = (await store.keys.secrets(mine, {"openai"}))["openai"]
    assert sealed.startswith("new ") and (await store.keys.of(mine))[0].updated_at == kept.updated_at
    await store.keys.put(mine, "openai", "another key", "2222")
    await store.keys.reseal(mine, "openai", sealed, "the old key anew")
    assert await store.keys.secrets(mine, {"openai"}) == {"openai": "another key"}


@pytest.mark.parametrize("transport", ["direct"], indirect=True)
async def test_what_cannot_be_kept_is_refused(store: Store, user: Any) -> None:
    with pytest.raises(Conflict):
        await store.keys.put(uuid4(), "openai", "sealed", "1111")
    for provider, last_four in (("no provider", "1111"), ("openai", "five5")):
        with pytest.raises(InvalidMessage):
            await store.keys.put((await user()).user_id, provider, "sealed", last_four)
