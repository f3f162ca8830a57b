"""DATABASE_URL may lead to a connection pooler, in session or in transaction mode: the store's whole contract, the
migrations and many calls at once, through one whose clients share fewer server connections than they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from coordinator.doctor import doctor
from coordinator.errors import NotFound
from coordinator.settings import Settings
from coordinator.store import Store, migrate, schema
from coordinator.store.direct import DirectTransport
from coordinator.store.embedded import EmbeddedPostgres
from coordinator.store.messages import NewMessage
from coordinator.store.sessions import Search
from coordinator.store.transport import Transport
from tests.conftest import Database
from tests.pooler import Pooler
from tests.service import PROMPT, serving
from tests.store import test_store as contract
from tests.store.conftest import _create, _drop

# Its fixture `store` is made from `connect`, which here leads through the pooler.
globals().update({name: test for name, test in vars(contract).items() if name.startswith("test_")})

SERVERS = 3
CLIENTS = 8
Pooling = Callable[..., AbstractAsyncContextManager[Pooler]]


def through(pooler: Pooler, database: str, user: str) -> str:
    return f"postgresql://{user}@127.0.0.1:{pooler.port}/{database}?gssencmode=prefer"


def target(postgres: EmbeddedPostgres) -> Path:
    parts = conninfo_to_dict(postgres.admin_url)
    return Path(str(parts["host"])) / f".s.PGSQL.{parts['port']}"


@pytest.fixture(params=["transaction", "session"])
async def pooler(request: pytest.FixtureRequest, postgres: EmbeddedPostgres) -> AsyncIterator[Pooler]:
    # In session mode each client has a server connection of its own, and one more waits in vain.
    servers = SERVERS if request.param == "transaction" else CLIENTS
    async with Pooler(target(postgres), servers=servers, mode=request.param) as made:
        yield made
        assert not made.prepared, "a prepared statement is another client's as soon as it is made"


@pytest.fixture
def connect(database: Database, pooler: Pooler) -> Callable[[], Awaitable[Transport]]:
    return lambda: DirectTransport.open(through(pooler, database.name, "authenticator"), CLIENTS)


@pytest.fixture
def transport() -> str:
    return "direct"


@pytest.mark.parametrize("pooler", ["transaction"], indirect=True)
async def test_the_pooler_is_one(database: Database, pooler: Pooler) -> None:
    """What a session leaves behind is seen by others, and a client is not always on the same server connection."""
    url = through(pooler, database.name, "postgres")
    clients = [
        await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=None) for _ in range(CLIENTS)
    ]
    pids = {client: set() for client in clients}  # type: ignore[var-annotated]
    for _ in range(SERVERS):
        for client in clients:
            row = await (await client.execute("select pg_backend_pid(), current_setting('my.mark', true)")).fetchone()
            assert row is not None
            pids[client].add(row[0])
    assert len(set().union(*pids.values())) == pooler.opened == SERVERS
    assert all(len(of_one) > 1 for of_one in pids.values())
    # Inside a transaction it is the same.
    async with clients[0].transaction():
        inside = {(await (await clients[0].execute("select pg_backend_pid()")).fetchone())[0] for _ in range(5)}  # type: ignore[index]
    assert len(inside) == 1
    await clients[0].execute("set my.mark = 'left behind'")
    seen = [
        (await (await client.execute("select current_setting('my.mark', true)")).fetchone())[0]  # type: ignore[index]
        for client in clients
    ]
    assert "left behind" in seen
    for client in clients:
        await client.close()


async def test_many_calls_at_once_each_run_as_their_caller(store: Store, user: Any, pooler: Pooler) -> None:
    writers = [await user() for _ in range(20)]
    sessions = await asyncio.gather(*(contract.create(store, writer) for writer in writers))

    async def work(place: int) -> None:
        writer, session_id = writers[place], sessions[place].session.id
        for number in range(5):
            await store.messages.append(
                session_id, writer.user_id, NewMessage(id=uuid4(), role="user", content=f"{number}")
            )
            with pytest.raises(NotFound):
                await store.sessions.get(writers[place - 1], session_id)
            seen = await store.sessions.search(writer, Search(owner=None))
            assert [session.user_id for session in seen.items] == [writer.user_id]

    await asyncio.gather(*map(work, range(20)))
    for writer, made in zip(writers, sessions, strict=True):
        page = await store.record.messages(writer, made.session.id, 100, None)
        assert [message.seq for message in page.items] == [1, 2, 3, 4, 5, 6]
    assert pooler.clients > 1


async def test_migrations_go_through_it(postgres: EmbeddedPostgres, pooler: Pooler, tmp_path: Path) -> None:
    name = f"pooled_{pooler.port}"
    _create(postgres, name)
    try:
        url = through(pooler, name, "postgres")
        settings = Settings(
            _env_file=None,
            database_url=SecretStr(url),
            data_dir=tmp_path,
            port=0,  # type: ignore[call-arg]
        )
        # Several nodes at once: each is applied by one.
        done = await asyncio.gather(*(migrate.migrate_configured(settings) for _ in range(4)))
        assert sorted(one for names in done for one in names) == [migration.name for migration in migrate.known()]
        await migrate.check(url)
        store = Store(await DirectTransport.open(url, 2))
        await schema.check(store.gateway, migrated=False)
        await store.close()
        assert [check for check in await doctor.examine(settings) if not check.ok] == []
    finally:
        _drop(postgres, name)


@pytest.mark.parametrize("pooler", ["transaction"], indirect=True)
async def test_a_story_is_written_on_one_node_and_watched_on_another(
    database: Database, pooler: Pooler, settings: Settings, tmp_path: Path
) -> None:
    """In transaction mode no notification comes: the other node looks on time."""
    through_it = settings.model_copy(
        update={
            "database_url": SecretStr(through(pooler, database.name, "postgres")),
            "database_pool": CLIENTS // 4,
            "offline_words_per_second": 600.0,
            "jwt_secret": SecretStr("s" * 40),
        }
    )
    elsewhere = through_it.model_copy(update={"data_dir": tmp_path / "elsewhere", "stories_per_node": 1})
    async with serving(through_it) as first, serving(elsewhere) as second:
        async with first.socket() as writing, second.socket(token=first.token) as watching:
            session_id = await writing.start(PROMPT, pages=1)
            await watching.send(type="session.attach", session_id=session_id)
            end = await watching.until_finished(session_id)
            assert (end.get("status") or end["session"]["status"]) == "completed"
            assert [frame["seq"] for frame in watching.frames if frame["type"] == "story.completed"]
