"""How the service logs: the standard library's `logging`, formatted by structlog, one line an event.

Every module logs through `logging.getLogger(__name__)`, as the libraries do. What a line is about is bound once, where
that begins (`about`), and is on each line that is logged within, also by other modules and tasks.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Format = Literal["text", "json"]

EXTRA = ("session_id", "run", "agent", "model", "attempt", "duration_ms", "tokens", "status", "database")
"""What lines of ours bring along in `extra`; what those of libraries bring is left out."""
SHOWN = 300
"""Of what an exception says, so much is logged."""
QUIET: dict[str, int] = {
    **dict.fromkeys(("httpx", "httpcore", "httpx2", "httpcore2", "urllib3", "websockets"), logging.WARNING),
    # A database that is away is told once, by the engine, and not at every try to connect.
    "psycopg.pool": logging.ERROR,
}


_ABOUT: ContextVar[Mapping[str, int | str]] = ContextVar("storyloom_about", default={})  # noqa: B039 never changed


@contextmanager
def about(**facts: object) -> Iterator[None]:
    """What the lines logged within are about: `request_id`, `session_id`, `run` (its epoch), `step`, `node`."""
    before = _ABOUT.set(_with(facts))
    try:
        yield
    finally:
        _ABOUT.reset(before)


def about_from_here(**facts: object) -> None:
    """As `about`, for all that the current task and those that it begins log from here on."""
    _ABOUT.set(_with(facts))


def _with(facts: Mapping[str, object]) -> Mapping[str, int | str]:
    known = {name: fact if isinstance(fact, int) else str(fact) for name, fact in facts.items() if fact is not None}
    return {**_ABOUT.get(), **known}


def set_up(level: str, format: Format | None = None, handler: logging.Handler | None = None) -> Format:
    """Log everything from `level` up to `handler`, otherwise to standard error, and answer how.

    Without a `format` that is text where standard error is a terminal, and JSON elsewhere.
    """
    chosen: Format = format or ("text" if _is_terminal(sys.stderr) else "json")
    handler = handler or logging.StreamHandler(sys.stderr)
    colours = isinstance(handler, logging.StreamHandler) and _is_terminal(handler.stream)
    handler.setFormatter(formatter(chosen, colours=colours))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(True)
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(least)
    return chosen


def formatter(format: Format, *, colours: bool = False) -> logging.Formatter:
    """Lines of text for people, or of JSON for programs."""
    chain: list[Processor] = [
        _what_about,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=EXTRA),
        _exception,
    ]
    last: list[Processor]
    if format == "json":
        chain.append(structlog.processors.TimeStamper("iso", utc=True))
        last = [_in_order, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        chain.append(structlog.processors.TimeStamper("%Y-%m-%d %H:%M:%S", utc=False))
        last = [_one_line, structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=0, pad_level=False)]
    return structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last], foreign_pre_chain=chain
    )


def _what_about(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    for name, fact in _ABOUT.get().items():
        line.setdefault(name, fact)
    return line


def _exception(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    error = (line.pop("exc_info", None) or (None, None, None))[1]
    if isinstance(error, BaseException):
        line["exception"] = told(error)
    return line


def told(error: BaseException) -> str:
    """An exception with where it came from and what it came of.

    Of what each says only the beginning: what follows in it may quote what was read or written, a prompt or a row.
    """
    parts: list[str] = []
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        said = _visible(str(each).partition("\n")[0][:SHOWN])
        kind = type(each)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        parts.append("".join(traceback.format_tb(each.__traceback__)) + f"{name}: {said}")
        if isinstance(each, BaseExceptionGroup):
            parts[-1] += "".join(f"\n  of it: {told(one)}" for one in each.exceptions)
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return "\nled to:\n".join(reversed(parts))


def _in_order(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    return {name: line[name] for name in ("timestamp", "level", "logger", "event")} | dict(line)


def _one_line(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """What others have said must not look like lines of ours, nor steer a terminal."""
    return {
        name: _visible(value) if isinstance(value, str) and name != "exception" else value
        for name, value in line.items()
    }


def _visible(text: str) -> str:
    return text if text.isprintable() else "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def _is_terminal(stream: TextIO | Any) -> bool:
    return bool(getattr(stream, "isatty", bool)())
