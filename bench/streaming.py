"""Streams: how much later a reader has a word than with nothing between, and what an event costs."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar
from uuid import uuid4

import httpx

from api.identity.auth import local_token
from bench.crowd import FIRST_S
from bench.effort import Effort
from bench.figure import Figure, measured
from bench.ground import Ground
from bench.process import Crowd, Served, bare, crowds, node
from bench.stamping_node import RATE, SECONDS
from coordinator.settings import Settings

T = TypeVar("T")

WORDS_PER_S = 20
WINDOW_S = 2.0
STARTS_PER_S = 100
STREAM_S = 600
"""Longer than anything is measured for."""


@dataclass(frozen=True)
class Window:
    """Of one repetition: the median and the 99th percentile of a word's age at its reader, in ms; words that came, as a
    share of those that were due; events; CPU of the server's process per event, in µs."""

    age_ms: float
    p99_ms: float
    share: float
    events: float
    cpu_us: float


async def thousand(ground: Ground, effort: Effort) -> list[Figure]:
    """More than one node can stream, as a rule: what becomes of the readers then."""
    readers = effort.of(1000, 1)
    floor = await _bare(effort, "/one", readers)
    opened, ours, first = await _stories(ground, effort, readers)
    begun = measured(
        f"of {readers:,} stories begun on one node, with a word within {FIRST_S:.0f} s",
        "",
        [opened],
        target=f"{readers:,}",
        least=readers,
        note="100 are begun a second, each then streams 20 words a second to its own reader.",
    )
    return [begun, *_told(f"{opened:,} stories streaming", ours, floor, first)]


async def measure(ground: Ground, effort: Effort) -> list[Figure]:
    figures: list[Figure] = []
    for count in (1, 100):
        readers = effort.of(count, 1)
        floor = await _bare(effort, "/one", readers)
        opened, ours, first = await _stories(ground, effort, readers)
        assert opened == readers, opened
        figures += _told(f"{readers} {'story' if readers == 1 else 'stories'} streaming", ours, floor, first)
    readers = effort.of(100, 2)
    floor, ours = await _bare(effort, "/all", readers), await _one_story(ground, effort, readers)
    figures.append(
        measured(
            f"one story, {readers} readers: CPU per delivered event",
            "µs",
            [one.cpu_us for one in ours],
            floors=[one.cpu_us for one in floor],
            note="The floor: a bare uvicorn that sends one text to as many sockets.",
        )
    )
    return figures


def _told(name: str, ours: list[Window], floor: list[Window], first: dict[str, float]) -> list[Figure]:
    added = [one.age_ms - other.age_ms for one, other in zip(ours, floor, strict=True)]
    told = ", ".join(f"{what} after {ms:.1f} ms" for what, ms in first.items())
    return [
        measured(
            f"{name}: added per delta",
            "ms",
            added,
            target="< 1 ms at the median",
            most=1,
            note=f"A word is {median(one.age_ms for one in ours):.2f} ms old at its reader (99 %: "
            f"{median(one.p99_ms for one in ours):.1f}), on the bare server {median(one.age_ms for one in floor):.2f} (99 %: "
            f"{median(one.p99_ms for one in floor):.1f}). {median(one.share for one in ours):.0%} of the words due came, there "
            f"{median(one.share for one in floor):.0%}. " + (f"One story more: {told}." if told else ""),
        ),
        measured(
            f"{name}: CPU per delivered event",
            "µs",
            [one.cpu_us for one in ours],
            floors=[one.cpu_us for one in floor],
            note="All of the node: pydantic-ai's stream, journal, storing, sending. The floor makes and sends a frame.",
        ),
    ]


async def _bare(effort: Effort, path: str, readers: int) -> list[Window]:
    async with bare(WORDS_PER_S) as served, crowds() as [crowd]:
        opened = await crowd.do("open", host="127.0.0.1", port=served.port, path=path, count=readers)
        assert opened["open"] == readers, opened
        return await _windows(effort, served, crowd, readers)


async def _stories(ground: Ground, effort: Effort, readers: int) -> tuple[int, list[Window], dict[str, float]]:
    """As many stories, each with a reader of its own, and how many of those had a word in time."""

    async def work(served: Served, token: str) -> tuple[int, list[Window], dict[str, float]]:
        async with crowds(2) as [crowd, other]:
            opened = await crowd.do(
                "open",
                host="127.0.0.1",
                port=served.port,
                path="/ws/stories",
                count=readers,
                token=token,
                frames=[_start() for _ in range(readers)],
                wanted='"agent.delta"',
                per_second=STARTS_PER_S,
            )
            windows = await _windows(effort, served, crowd, opened["open"])
            if opened["open"] < readers:
                return opened["open"], windows, {}
            first = {
                what: median([await _first(other, served, token, marker) for _ in range(effort.repetitions)])
                for what, marker in {"its first event": '"session.created"', "its first word": '"agent.delta"'}.items()
            }
            return readers, windows, first

    return await _with_node(ground, work)


async def _one_story(ground: Ground, effort: Effort, readers: int) -> list[Window]:
    """One story that all watch."""

    async def work(served: Served, token: str) -> list[Window]:
        async with crowds(2) as [crowd, writer]:
            await writer.do(
                "open",
                host="127.0.0.1",
                port=served.port,
                path="/ws/stories",
                count=1,
                token=token,
                frames=[_start()],
                wanted='"agent.delta"',
            )
            attach = json.dumps({"type": "session.attach", "session_id": await _newest(served, token)})
            opened = await crowd.do(
                "open",
                host="127.0.0.1",
                port=served.port,
                path="/ws/stories",
                count=readers,
                token=token,
                frames=[attach],
                wanted='"session.snapshot"',
            )
            assert opened["open"] == readers, opened
            return await _windows(effort, served, crowd, readers)

    return await _with_node(ground, work)


async def _newest(served: Served, token: str) -> str:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{served.port}") as http:
        answer = await http.get("/api/sessions", headers={"Authorization": f"Bearer {token}"}, params={"limit": 1})
        return str(answer.json()["items"][0]["id"])


async def _with_node(ground: Ground, work: Callable[[Served, str], Awaitable[T]]) -> T:
    with tempfile.TemporaryDirectory(prefix="storyloom-bench-node-") as folder:
        token = local_token(Settings(_env_file=None, data_dir=Path(folder)))
        async with ground.database() as database:
            knobs = {"stories_per_node": 2000, "stories_per_user": 2000, "model_concurrency": 1000, "drain_s": 0}
            async with node(
                Path(folder),
                database.admin_url,
                module="bench.stamping_node",
                environment={RATE: str(WORDS_PER_S), SECONDS: str(STREAM_S)},
                **knobs,
            ) as served:
                return await work(served, token)


async def _windows(effort: Effort, served: Served, crowd: Crowd, readers: int) -> list[Window]:
    await crowd.do("window", seconds=WINDOW_S)
    found = []
    for _ in range(effort.repetitions):
        cpu = served.cpu_s
        seen = await crowd.do("window", seconds=WINDOW_S)
        found.append(
            Window(
                seen["ms"]["p50"],
                seen["ms"]["p99"],
                seen["stamps"] / (readers * WORDS_PER_S * WINDOW_S),
                seen["events"],
                (served.cpu_s - cpu) / seen["events"] * 1e6,
            )
        )
    return found


async def _first(crowd: Crowd, served: Served, token: str, marker: str) -> float:
    """From the `story.start` of an open socket to the first frame that has the marker, in ms."""
    await crowd.do(
        "open", host="127.0.0.1", port=served.port, path="/ws/stories", count=1, token=token, wanted='"type":"ready"'
    )
    await crowd.do("arm", marker=marker)
    since = time.monotonic_ns()
    await crowd.do("say", frames=[_start()])
    arrived = await crowd.do("arrived", since_ns=since)
    await crowd.do("close")
    await asyncio.sleep(0.1)
    return float(arrived["ms"]["max"])


def _start() -> str:
    return json.dumps(
        {"type": "story.start", "request_id": str(uuid4()), "prompt": "A light that answers.", "config": {"pages": 1}}
    )
