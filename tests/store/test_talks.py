"""What users read of their talks by the functions of the API themselves, as with supabase-js."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from coordinator.store import Store
from tests.conftest import Database
from tests.store.test_turns import answered, asked


async def test_users_read_their_own_by_the_functions_of_the_api(store: Store, user: Any, database: Database) -> None:
    who, other = await user(), await user()
    posted = await asked(store, who, "Hello there")
    await answered(store, posted, "Good evening.")
    async with await psycopg.AsyncConnection.connect(database.url) as connection:
        for one, expected in ((who, 1), (other, 0)):
            await connection.execute(
                "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true),"
                " set_config('request.jwt.claim.sub', %s, true)",
                [f'{{"sub": "{one.user_id}", "role": "authenticated"}}', str(one.user_id)],
            )
            rows = await (
                await connection.execute(
                    "select session_id, preview from public.get_user_sessions(%s, 5)", [who.user_id]
                )
            ).fetchall()
            assert len(rows) == expected
            if expected:
                assert rows == [(posted.session.id, "Good evening.")]
                messages = await connection.execute(
                    "select role, content from public.get_session_messages(%s, 10, 1)", [posted.session.id]
                )
                assert await messages.fetchall() == [("assistant", "Good evening.")]
            else:
                with pytest.raises(psycopg.DatabaseError):
                    await connection.execute(
                        "select * from public.get_session_messages(%s, 10, 0)", [posted.session.id]
                    )
            await connection.rollback()
