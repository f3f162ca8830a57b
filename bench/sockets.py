"""Open sockets: what ten thousand take, a word to them all, and their coming back after a restart."""

from __future__ import annotations

import asyncio
import json
import resource
import tempfile
import time
from pathlib import Path
from statistics import median

import httpx

from api.identity.auth import local_token
from bench.crowd import OPENING
from bench.effort import Effort
from bench.figure import Figure, measured
from bench.ground import Database, Ground
from bench.process import Crowd, Served, bare, begun, crowds
from coordinator.settings import Settings

SOCKETS = 10_000
PROCESSES = 2
CONNECTS = 3_000
SPARE_FILES = 500
JITTER_S = 10.0
"""Clients come back after a moment between 0 and this, as ours do."""
BACK_S = 30
PATH = "/ws/stories"


async def measure(ground: Ground, effort: Effort) -> list[Figure]:
    count = min(effort.of(SOCKETS, 20), _files() - SPARE_FILES)
    floor = await _bare(count)
    with tempfile.TemporaryDirectory(prefix="storyloom-bench-node-") as folder:
        async with ground.database() as database, crowds(PROCESSES) as clients:
            return await _ours(effort, database, Path(folder), clients, count, floor)


async def _ours(
    effort: Effort, database: Database, folder: Path, clients: list[Crowd], count: int, floor: tuple[float, float]
) -> list[Figure]:
    token = local_token(Settings(_env_file=None, data_dir=folder))
    served = await begun(folder, database.admin_url, stories_per_node=1, offline_words_per_second=1000, drain_s=0)
    try:
        session_id = await _waiting_session(served, token)
        attach = json.dumps({"type": "session.attach", "session_id": session_id})
        await asyncio.sleep(1)
        before, start = served.resident, time.monotonic()
        opened = await _open(
            clients, count, port=served.port, path=PATH, token=token, frames=[attach], wanted='"session.snapshot"'
        )
        seconds, resident = time.monotonic() - start, served.resident
        told = [await _broadcast(served, token, session_id, clients, number) for number in range(effort.repetitions)]
        back = await _storm(served, database, folder, token, session_id, clients)
        served = back.served
        rates = [await _connects(clients, effort.of(CONNECTS, 20), served, token) for _ in range(effort.repetitions)]
        return [
            measured(
                "open and attached sockets",
                "",
                [opened],
                target=f"{SOCKETS:,} without errors",
                least=SOCKETS,
                note=""
                if opened == SOCKETS
                else f"{opened:,} of {count:,}; this machine allows {_files():,} open files a process.",
            ),
            measured(
                f"memory of the node with {opened:,} sockets",
                "MiB",
                [resident / 2**20],
                target="≤ 1024",
                most=1024,
                note=f"{(resident - before) / opened / 1024:.0f} KiB a socket that is authenticated and watches a session; on the "
                f"bare server {floor[1] / 1024:.0f} KiB.",
            ),
            measured(
                "connects per second",
                "/s",
                rates,
                floors=[floor[0]] * len(rates),
                target="≥ 2,000/s",
                least=2000,
                note=f"{CONNECTS:,} connections of one user at a time to the frame `ready`: handshake and token, "
                f"{2 * OPENING} at once, clients on the same cores. The floor: the handshake alone.",
            ),
            measured(
                "connects with attach and snapshot per second",
                "/s",
                [opened / seconds],
                floors=[floor[0]],
                note="The same with a session watched: one call of the database for each.",
            ),
            measured(
                f"one event to {opened:,} sockets",
                "ms",
                [one["max"] for one in told],
                note=f"From the call that made it to the last reader; the median reader has it after {median(one['p50'] for one in told):.0f} ms.",
            ),
            measured(
                f"{back.back:,} sockets back after a restart",
                "s",
                [back.seconds],
                target=f"< {BACK_S} s",
                most=BACK_S,
                note=f"Each comes back within {JITTER_S:.0f} s at random and is replayed what it missed; from the moment that the new "
                f"process was started. {back.tries:,} tries; the database answered {back.queries:,.0f} calls a second.",
            ),
        ]
    finally:
        await served.end()


async def _bare(count: int) -> tuple[float, float]:
    """Connects a second, and bytes a socket."""
    async with bare(1) as served, crowds(PROCESSES) as clients:
        before, start = served.resident, time.monotonic()
        opened = await _open(clients, count, port=served.port, path="/none")
        return opened / (time.monotonic() - start), (served.resident - before) / opened


async def _open(clients: list[Crowd], count: int, **how: object) -> int:
    answers = await asyncio.gather(
        *(crowd.do("open", host="127.0.0.1", count=count // PROCESSES, **how) for crowd in clients)
    )
    if failed := [why for answer in answers for why in answer["failed"]]:
        print(f"sockets that failed, for example: {failed}")
    return sum(answer["open"] for answer in answers)


async def _connects(clients: list[Crowd], count: int, served: Served, token: str) -> float:
    """Connections a second that are made and told `ready`, nothing else being open."""
    for crowd in clients:
        await crowd.do("close")
    await asyncio.sleep(1)
    start = time.monotonic()
    opened = await _open(clients, count, port=served.port, path=PATH, token=token, wanted='"type":"ready"')
    return opened / (time.monotonic() - start)


async def _waiting_session(served: Served, token: str) -> str:
    """A paused story: nothing is told of it but what the bench does to it."""
    async with _http(served, token) as http:
        made = await http.post("/api/sessions", json={"prompt": "A light that answers.", "config": {"pages": 1}})
        session_id = str(made.raise_for_status().json()["id"])
        (await http.post(f"/api/sessions/{session_id}/pause")).raise_for_status()
        while (await http.get(f"/api/sessions/{session_id}")).json()["status"] != "paused":
            await asyncio.sleep(0.1)
        return session_id


async def _broadcast(
    served: Served, token: str, session_id: str, clients: list[Crowd], number: int
) -> dict[str, float]:
    marker = f"note-{number}-of-the-bench"
    for crowd in clients:
        await crowd.do("arm", marker=marker)
    async with _http(served, token) as http:
        since = time.monotonic_ns()
        (await http.post(f"/api/sessions/{session_id}/steer", json={"text": marker})).raise_for_status()
        answers = await asyncio.gather(*(crowd.do("arrived", since_ns=since) for crowd in clients))
    return {name: max(answer["ms"][name] for answer in answers) for name in ("p50", "max")}


class _Back:
    def __init__(self, served: Served, back: int, seconds: float, tries: int, queries: float) -> None:
        self.served, self.back, self.seconds, self.tries, self.queries = served, back, seconds, tries, queries


async def _storm(
    served: Served, database: Database, folder: Path, token: str, session_id: str, clients: list[Crowd]
) -> _Back:
    """The node ends as in a restart, and begins again on the same port; all that were connected come back."""
    async with _http(served, token) as http:
        events = (await http.get(f"/api/sessions/{session_id}/events", params={"limit": 100})).json()["items"]
        (
            await http.post(f"/api/sessions/{session_id}/steer", json={"text": "the note that all missed"})
        ).raise_for_status()
    dropping = [asyncio.create_task(crowd.do("dropped")) for crowd in clients]
    await served.end()
    await asyncio.gather(*dropping)
    seen = json.dumps(
        {
            "type": "session.attach",
            "session_id": session_id,
            "epoch": events[-1]["epoch"],
            "after_seq": events[-1]["seq"],
        }
    )
    start, before = time.monotonic(), await _calls(database)
    again = asyncio.create_task(
        begun(
            folder, database.admin_url, port=served.port, stories_per_node=1, offline_words_per_second=1000, drain_s=0
        )
    )
    answers = await asyncio.gather(
        *(crowd.do("reopen", jitter_s=JITTER_S, frames=[seen], wanted="the note that all missed") for crowd in clients)
    )
    seconds = time.monotonic() - start
    # The server's counters are told with a delay of up to a second.
    await asyncio.sleep(1.2)
    queries = (await _calls(database) - before) / seconds
    return _Back(
        await again, sum(one["back"] for one in answers), seconds, sum(one["tries"] for one in answers), queries
    )


async def _calls(database: Database) -> int:
    """Transactions so far: each call of a function is one."""
    calls: int = await database.ask("select xact_commit from pg_stat_database where datname = current_database()")
    return calls


def _http(served: Served, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{served.port}", headers={"Authorization": f"Bearer {token}"}, timeout=30
    )


def _files() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard > 0 else soft
