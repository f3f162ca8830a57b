"""`python -m bench`: every figure in turn, a JSON line each, and a table at the end."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from api.serve import COLLECT_EVERY
from bench import append, chat, distance, footprint, load, sockets, startup, story, streaming
from bench.effort import Effort
from bench.figure import Figure, markdown, show
from bench.ground import Ground, prepared
from bench.machine import machine

FIGURES: dict[str, Callable[[Ground, Effort], Awaitable[list[Figure]]]] = {
    "append": append.one,
    "many": append.many,
    "size": append.size,
    "story": story.measure,
    "chat": chat.turns,
    "opening": chat.opening,
    "footprint": footprint.measure,
    "load": load.cold,
    "memory": load.memory,
    "streaming": streaming.measure,
    "sockets": sockets.measure,
    "startup": startup.measure,
    "distance": distance.measure,
    "thousand": streaming.thousand,
}
LONG = {"thousand"}
"""Measured where they are asked for by name."""


README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- figures of make bench -->", "<!-- end of figures -->"


async def _run(names: list[str], effort: Effort, out: Path | None, readme: bool) -> None:
    found: list[Figure] = []
    async with prepared() as ground:
        about = machine(await ground.version())
        print(about, flush=True)
        # As the service does when it has started.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT_EVERY)
        for name in names:
            start = time.monotonic()
            figures = await FIGURES[name](ground, effort)
            found += figures
            for figure in figures:
                print(figure.line, flush=True)
            print(f"{name} took {time.monotonic() - start:.0f} s", file=sys.stderr)
    show(found, about)
    if out is not None:
        out.write_text("".join(f"{figure.line}\n" for figure in found))
    if readme:
        before, _, rest = README.read_text().partition(BEGIN)
        README.write_text(f"{before}{BEGIN}\n{markdown(found, about)}\n{END}{rest.partition(END)[2]}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("figures", nargs="*", help=f"some of {', '.join(FIGURES)}; otherwise all but {', '.join(LONG)}")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--share", type=float, default=1.0, help="of the work of a repetition; 0.1 is a quick look")
    parser.add_argument("--out", type=Path, help="a file for the JSON lines")
    parser.add_argument("--readme", action="store_true", help="put the table into the README")
    asked = parser.parse_args()
    if unknown := set(asked.figures) - set(FIGURES):
        parser.error(f"no such figure: {', '.join(sorted(unknown))}; there are {', '.join(FIGURES)}")
    # The bench knows no setting but its own.
    for name in list(os.environ):
        if name.startswith(("STORYLOOM_", "SUPABASE_")) or name == "DATABASE_URL":
            del os.environ[name]
    # As the service does.
    uvloop.run(
        _run(
            asked.figures or [name for name in FIGURES if name not in LONG],
            Effort(asked.repetitions, asked.share),
            asked.out,
            asked.readme,
        )
    )


main()
