"""The part of the live view that stays: the line being written, the cast, stages, the bar, the figures."""

from __future__ import annotations

import time

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from storyloom.cli.casting import colour_of, name_of, place_in_queue, stage_place
from storyloom.cli.prose import clean, shorten
from storyloom.client.state import SessionState

WIDTH = 80
"""Widest the panel gets; a terminal made a little narrower then leaves its lines whole."""


class Panel:
    """Drawn again on every tick from the newest state. `trouble` is said in place of the cast while there is any."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self._state: SessionState | None = None
        self._told_at = 0.0
        self._spinners: dict[str, Spinner] = {}

    @property
    def state(self) -> SessionState | None:
        return self._state

    @state.setter
    def state(self, state: SessionState) -> None:
        if self._state is None or state.progress is not self._state.progress:
            self._told_at = time.monotonic()
        self._state = state

    def render(self, console: Console, pending: Text, now: float) -> RenderableType:
        """`pending` is the line of prose that isn't full yet; `now` is of the monotonic clock."""
        width = min(console.width, WIDTH)
        state = self._state
        if state is None:
            said = self.trouble or "Waiting for the story to begin …"
            return Group(pending, Text(shorten(said, width), style="dim", no_wrap=True))
        rows: list[RenderableType] = [pending, Text()]
        if self.trouble:
            rows.append(Text(shorten(self.trouble, width), style="yellow", no_wrap=True))
        rows += self._cast(state, console, now, width)
        rows += [_stages(state, width), _bar(state, width), _figures(state, width, now - self._told_at)]
        return Group(*rows)

    def _cast(self, state: SessionState, console: Console, now: float, width: int) -> list[RenderableType]:
        rows: list[RenderableType] = []
        for agent, doing in state.cast.items():
            busy = doing.state in ("thinking", "writing")
            row = Text(no_wrap=True, overflow="ellipsis")
            row.append(self._mark(agent, console, now) if busy else " ", style=colour_of(agent))
            row.append(f" {name_of(clean(agent)):<8}", style=f"bold {colour_of(agent)}" if busy else "dim")
            row.append(f"{clean(doing.state):<9}", style="" if busy else "dim")
            said = doing.activity + _length(state, agent)
            row.append(shorten(said, max(width - 21, 0)), style="" if busy else "dim")
            rows.append(row)
        return rows

    def _mark(self, agent: str, console: Console, now: float) -> str:
        name = "line" if console.options.ascii_only else "dots"
        spinner = self._spinners.setdefault(agent, Spinner(name))
        frame = spinner.render(now)
        return frame.plain if isinstance(frame, Text) else " "


def _length(state: SessionState, agent: str) -> str:
    """How much of a message there is already, in words; the message itself is shown when it is whole."""
    partial = state.partial
    if partial is None or partial.agent != agent:
        return ""
    words = len(partial.text.split())
    return f" ({words} words)" if words > 1 else ""


def _stages(state: SessionState, width: int) -> Text:
    progress = state.progress
    row = Text(no_wrap=True, overflow="ellipsis")
    for stage in sorted(progress.stages, key=stage_place):
        share = progress.stages[stage]
        row.append("  " if row else "")
        done = share >= 1
        style = "green" if done else "bold" if share > 0 else "dim"
        row.append(f"{clean(stage)} {'done' if done else f'{share * 100:.0f}%'}", style=style)
    if progress.total_steps:
        step = state.step.step if state.step else progress.current_step
        where = f"step {min(progress.completed_steps + 1, progress.total_steps)} of {progress.total_steps}"
        right = f"{clean(step)} · {where}" if step else where
        row.append(right.rjust(width - row.cell_len) if row.cell_len + len(right) + 2 <= width else "", style="dim")
    return row


def _bar(state: SessionState, width: int) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column()
    grid.add_column(justify="right")
    percent = min(max(state.progress.percent, 0), 100)
    bar = ProgressBar(total=100, completed=percent, width=max(width - 6, 10))
    grid.add_row(bar, Text(f"{percent:3.0f}%"))
    return grid


def _figures(state: SessionState, width: int, passed_s: float) -> Text:
    progress = state.progress
    parts = []
    if progress.target_words:
        parts.append(f"{progress.words:,} of about {progress.target_words:,} words")
    left_s = (progress.eta_s or 0) - passed_s
    if left_s >= 1 and state.status == "active" and not state.queue_place:
        parts.append(f"{duration(left_s)} left")
    parts.append(f"{state.tokens:,} tokens")
    if state.cost_usd:
        parts.append(f"${state.cost_usd:.2f}")
    if state.status not in ("", "active"):
        parts.insert(0, state.status.replace("_", " "))
    elif state.queue_place:
        parts.insert(0, place_in_queue(state.queue_place))
    elif state.pausing:
        parts.insert(0, "pausing when this step is done")
    return Text(" · ".join(parts), style="dim", no_wrap=True, overflow="ellipsis")


def duration(seconds: float) -> str:
    """`4 s`, `1:20 min`, `2:05 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"
