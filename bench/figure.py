"""A figure: what was measured, against what, and whether it is what it should be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """`ratio` is to the floor of the same run, the median over the repetitions; `low` and `high` are their ends."""

    name: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    ratio: float | None = None
    target: str = ""
    met: bool | None = None
    note: str = ""

    @property
    def line(self) -> str:
        return json.dumps({key: value for key, value in asdict(self).items() if value not in (None, "")})


def measured(
    name: str,
    unit: str,
    values: Sequence[float],
    *,
    floors: Sequence[float] = (),
    target: str = "",
    most: float | None = None,
    least: float | None = None,
    most_ratio: float | None = None,
    least_ratio: float | None = None,
    note: str = "",
) -> Figure:
    """Of repetitions, and of their floor's, which were measured in turn with them. Met where any bound holds."""
    middle = median(values)
    ratio = median(value / floor for value, floor in zip(values, floors, strict=True)) if floors else None
    bounds = [
        middle <= most if most is not None else None,
        middle >= least if least is not None else None,
        ratio <= most_ratio if most_ratio is not None and ratio is not None else None,
        ratio >= least_ratio if least_ratio is not None and ratio is not None else None,
    ]
    told = [bound for bound in bounds if bound is not None]
    return Figure(
        name,
        middle,
        unit,
        min(values),
        max(values),
        median(floors) if floors else None,
        ratio,
        target,
        any(told) if told else None,
        note,
    )


def show(figures: Sequence[Figure], title: str) -> None:
    """The table at the end, with the notes below it."""
    table = Table(title=title, title_justify="left")
    for heading in ("figure", "measured", "spread", "floor", "ratio", "keep", "met"):
        table.add_column(heading, justify="right" if heading in ("measured", "spread", "floor", "ratio") else "left")
    for figure in figures:
        spread = "" if figure.low is None or figure.high is None else f"{short(figure.low)} to {short(figure.high)}"
        table.add_row(
            figure.name,
            f"{short(figure.value)} {figure.unit}",
            spread,
            "" if figure.floor is None else short(figure.floor),
            "" if figure.ratio is None else f"{figure.ratio:.2f} ×",
            figure.target,
            {True: "yes", False: "NO", None: ""}[figure.met],
        )
    console = Console(width=160)
    console.print(table)
    for figure in figures:
        if figure.note:
            console.print(f"{figure.name}: {figure.note}", soft_wrap=True, highlight=False)


def markdown(figures: Sequence[Figure], title: str) -> str:
    """The same table for a document."""
    rows = [
        f"Measured on {title}.",
        "",
        "| figure | measured | floor, same run | to be kept | |",
        "| --- | --- | --- | --- | --- |",
    ]
    for figure in figures:
        floor = f"{short(figure.floor)} ({figure.ratio:.2f} ×)" if figure.floor and figure.ratio else ""
        met = {True: "met", False: "not met", None: ""}[figure.met]
        rows.append(f"| {figure.name} | {short(figure.value)} {figure.unit} | {floor} | {figure.target} | {met} |")
    return "\n".join(row.replace("  ", " ") for row in rows)


def short(number: float) -> str:
    """Three figures that count, no exponent."""
    if number == 0 or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}"
