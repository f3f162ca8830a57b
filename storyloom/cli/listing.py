"""Tables for a terminal of 80 columns: sessions, the versions of one, and what `doctor` found.

On a narrow one, as of a phone, each row has lines of its own: columns of three letters tell nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from storyloom.cli.casting import kind_of, name_of
from storyloom.cli.prose import clean, shorten
from storyloom.client.things import Draft, Session

WORDS_PER_PAGE = 300
WIDEST = 110
NARROW = 74
"""Below so many columns there is no room for a table: an id alone takes 36."""

_STATUS = {
    "active": ("active", "cyan"),
    "awaiting_approval": ("waiting", "yellow"),
    "paused": ("paused", "yellow"),
    "completed": ("completed", "green"),
    "failed": ("failed", "red"),
    "cancelled": ("cancelled", "dim"),
    "expired": ("expired", "dim"),
}


class Check(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def detail(self) -> str: ...
    @property
    def remedy(self) -> str: ...


def sessions_table(console: Console, sessions: Sequence[Session], now: datetime) -> RenderableType:
    """Newest first as given; each with its title over its id, which is never cut."""
    width = min(console.width, WIDEST)
    table = _table(width)
    table.add_column("Story", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("Status", no_wrap=True)
    table.add_column("Words", justify="right", no_wrap=True)
    table.add_column("Pages", justify="right", no_wrap=True)
    table.add_column("Activity", justify="right", no_wrap=True)
    for session in sessions:
        words = session.progress.words
        name, style = _STATUS.get(session.status, (clean(session.status), ""))
        if session.queue_place or session.pausing:
            name, style = ("pausing", "yellow") if session.pausing else (f"queued {session.queue_place}", "dim")
        story = Text(shorten(session.title, width) or "(no title)", style="bold")
        story.append(f"\n{session.id}", style="not bold dim")
        pages = f"{words / WORDS_PER_PAGE:.0f}/{session.config.get('pages', '?')}"
        table.add_row(story, Text(name, style=style), f"{words:,}", pages, ago(session.last_activity_at, now))
    return _laid(console, table)


def versions_table(console: Console, drafts: Sequence[Draft], now: datetime) -> RenderableType:
    """As given; `score` is the mean of a reader's scores, of 10."""
    table = _table(min(console.width, WIDEST))
    table.add_column("Version", justify="right", no_wrap=True)
    table.add_column("By", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("Words", justify="right", no_wrap=True)
    table.add_column("Score", justify="right", no_wrap=True)
    table.add_column("Made", justify="right", no_wrap=True)
    for draft in drafts:
        step = draft.step or ""
        by = Text("you" if kind_of(step) == "edit" else name_of(draft.author))
        by.append(f" {clean(step)}", style="dim")
        by.append(" current" if draft.current else "", style="green")
        score = f"{sum(draft.scores.values()) / len(draft.scores):.1f}" if draft.scores else ""
        made = ago(draft.created_at, now) if draft.created_at else ""
        table.add_row(str(draft.version), by, f"{draft.word_count:,}", score, made)
    return _laid(console, table)


def _table(width: int) -> Table:
    return Table(box=box.SIMPLE_HEAD, width=width, padding=(0, 1), pad_edge=False, show_edge=False)


def _laid(console: Console, table: Table) -> RenderableType:
    """The table, or where the terminal is narrow, its rows one under the other: the wide column on lines of its own."""
    if console.width >= NARROW:
        return table
    lines: list[RenderableType] = []
    for row in zip(*(column.cells for column in table.columns), strict=True):
        beside: list[str] = []
        for column, cell in zip(table.columns, row, strict=True):
            if column.ratio:
                lines += [*_joined(beside), cell]
                beside = []
            elif str(cell):
                beside.append(f"{column.header} {cell}".strip())
        lines += _joined(beside)
    return Group(*lines)


def put(console: Console, rows: RenderableType) -> None:
    """Prints what a function of here made. A narrow terminal breaks lines itself: an id stays whole."""
    console.print(rows, soft_wrap=console.width < NARROW)


def _joined(cells: Sequence[str]) -> list[Text]:
    return [Text(" · ".join(cells))] if cells else []


def ago(then: datetime, now: datetime) -> str:
    """`now`, `5 min`, `3 h`, `12 d`: how long ago, in at most eight characters."""
    seconds = max((now - then).total_seconds(), 0)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return "now"


def checks_table(console: Console, checks: Sequence[Check]) -> RenderableType:
    """What was examined; under each failure, what to do about it."""
    table = _table(min(console.width, WIDEST))
    table.add_column("Check", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("Found", ratio=1, overflow="fold")
    for check in checks:
        found = Text(clean(check.detail))
        if check.remedy:
            found.append(f"\n{clean(check.remedy)}", style="yellow")
        mark = Text("ok", style="green") if check.ok else Text("FAILED", style="bold red")
        table.add_row(Text(shorten(check.name, 24)), mark, found)
    return _laid(console, table)
