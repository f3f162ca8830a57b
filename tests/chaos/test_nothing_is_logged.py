"""What people write is in the database's tables and nowhere else: no log quotes it, whatever is refused."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import httpx
import psycopg
import pytest

from coordinator.store import Store, embedded
from coordinator.store.direct import DirectTransport
from coordinator.store.embedded import EmbeddedPostgres
from coordinator.store.keeper import Keeper
from tests.chaos.node import started
from tests.chaos.record import eventually
from tests.service import bearer

MARK = "quokka-under-the-lamp"
TABLES = ("base", "pg_wal")
"""The tables' own folders, and the write-ahead log of what is done to them."""

REFUSED = {
    "an id": "select '{mark}'::uuid",
    "a number": "select '{mark}'::int",
    "JSON": "select '{{\"a\": {mark}}}'::jsonb",
    "a time": "select '{mark}'::timestamptz",
    "a name": 'select "{mark}"',
    "a function": "select public.claim_run('{mark}', 1, '{mark}')",
    "a right": "set role anon; select '{mark}' from public.user_api_keys",
    "the syntax": "selec '{mark}'",
    "a division": "select 1 / 0, '{mark}'",
    "a text too long for the index": "select to_tsvector('simple', string_agg('{mark}' || n, ' ')) from generate_series(1, 100000) n",
    "a function's own words": "set role service_role; select public.rename_session(gen_random_uuid(), gen_random_uuid(), '{mark}')",
    "a key that exists": "set role service_role; insert into public.chores (name) values ('{mark}'), ('{mark}')",
    "a row that is wanted": "set role service_role; insert into public.profiles (id, display_name) values (gen_random_uuid(), '{mark}')",
    "a check": "set role service_role; insert into public.story_sessions (user_id, kind, title) values (gen_random_uuid(), '{mark}', '{mark}')",
    "a million letters": "select '{mark}" + "x" * 997_000 + "'::int",
}


def quoting(folder: Path) -> list[str]:
    """Files below a data folder, without those of the tables, that have the mark in them."""
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    others = [path for path in files if path.parts[0] != "postgres" or path.parts[1] not in TABLES]
    return [str(path) for path in others if MARK.encode() in content(folder / path)]


def content(path: Path) -> bytes:
    """Of a file beside a running server, which replaces some of its own (as `pg_internal.init`) at any time."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def run_refused(url: str, query: str) -> str:
    """The SQLSTATE of a query that must be refused."""
    with psycopg.connect(url, autocommit=True) as connection, pytest.raises(psycopg.Error) as refused:
        connection.execute(query.encode())
    assert refused.value.sqlstate
    return refused.value.sqlstate


async def test_no_refusal_leaves_a_word_in_any_log(folder: Path) -> None:
    async with started(folder, log_level="debug") as node:
        url = f"postgresql://authenticator@/postgres?host={folder / 'postgres'}&port=5432"
        states = {name: run_refused(url, query.format(mark=MARK)) for name, query in REFUSED.items()}
        assert len(set(states.values())) >= 10, states
        await through_the_doors(node.url)
        await killed_while_it_runs(url, folder)
        assert quoting(folder) == []
        assert MARK not in node.told


async def through_the_doors(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        tokens = (await http.post("/api/auth/anonymous")).json()
        http.headers.update(bearer(tokens["access_token"]))
        for path, body in (
            ("/api/sessions", {"prompt": MARK, "config": {"pages": MARK}}),
            ("/api/sessions", {"prompt": MARK * 50_000}),
            ("/api/sessions", {"prompt": MARK, "template": MARK}),
            (f"/api/sessions/{MARK}/steer", {"text": MARK}),
            ("/api/auth/refresh", {"refresh_token": MARK}),
        ):
            assert 400 <= (await http.post(path, json=body)).status_code < 500
        made = (await http.post("/api/sessions", json={"prompt": f"A {MARK}.", "config": {"pages": 1}})).json()
        for path in ("steer", "approve"):
            await http.post(f"/api/sessions/{made['id']}/{path}", json={"text": MARK, "step": MARK, "approved": True})
        assert (await http.delete("/api/users/me")).status_code == 200


async def killed_while_it_runs(url: str, folder: Path) -> None:
    """PostgreSQL's own words for it quote the query, unless it is told not to."""
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    running = asyncio.create_task(connection.execute(f"select pg_sleep(60), '{MARK}'".encode()))
    await asyncio.sleep(0)
    os.kill(connection.info.backend_pid, signal.SIGKILL)
    with pytest.raises(psycopg.Error):
        await running
    log = folder / "postgres" / "log"
    await eventually(lambda: asyncio.sleep(0, "terminated by signal 9" in log.read_text()), "told in the log")


async def test_the_log_is_bounded(folder: Path) -> None:
    """Whatever fills it: a stretch of its end is kept, and the server goes on writing to it."""
    server = await EmbeddedPostgres.start(folder)
    try:
        store = Store(await DirectTransport.open(server.admin_url, 1))
        keeper = Keeper.begin(server, store.metrics)
        try:
            log, aside = folder / "postgres" / "log", folder / "postgres" / "log.1"
            for round_ in range(2):
                with log.open("a") as file:
                    file.write("a line of the log\n" * (embedded.LOG_BYTES // 10))
                    file.write(f"the last of round {round_}\n")
                await eventually(lambda: asyncio.sleep(0, log.stat().st_size < 10_000), "put aside")
                assert aside.stat().st_size <= embedded.LOG_BYTES
                assert aside.read_text().endswith(f"the last of round {round_}\n")
            with psycopg.connect(server.admin_url, autocommit=True) as connection:
                connection.execute("do $$ begin raise log 'still here'; end $$")
            assert "still here" in log.read_text()
            assert len(list((folder / "postgres").glob("log*"))) == 2
        finally:
            await keeper.close()
            await store.close()
    finally:
        await server.stop()
