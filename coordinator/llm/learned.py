"""What a node has learned of a model by using it. Kept in memory: to learn it again costs a call or two."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal, get_args

Mode = Literal["tool", "schema", "prompt"]
"""How a typed answer is asked for: as the call of a tool, held to a JSON schema, or by showing its form."""
MODES: tuple[Mode, ...] = get_args(Mode)

MOST_REMEMBERED = 1_000
"""Models. Writers with keys of their own may name any number."""
SHARE = 0.3
"""Of the newest call in what is remembered of a speed."""
LEAST_RATIO, MOST_RATIO = 0.4, 3.0
"""Of real tokens to estimated ones. A server that counts fewer leaves out what it remembered."""
LEAST_COUNTED = 200
"""Tokens that an estimate must come to, to be compared with what was counted."""


@dataclass(slots=True)
class Learned:
    """`mode` is how a typed answer came last, `without` the modes that its server has refused, `small` the kinds of
    steps for which only the smaller form has come. `ratio` is how many tokens there were for each that was estimated.
    `thinks` is whether it was seen to think aloud, `context` what a refusal has said of it. The speeds are in tokens a
    second, None until a call has told."""

    mode: Mode | None = None
    without: set[Mode] = field(default_factory=set)
    small: set[str] = field(default_factory=set)
    ratio: float = 1.0
    thinks: bool = False
    context: int | None = None
    reads_per_s: float | None = None
    writes_per_s: float | None = None

    def counted(self, estimated: int, real: int) -> None:
        """How many tokens there really were of a request. What is too high is forgotten slowly, too low at once."""
        if estimated < LEAST_COUNTED or real <= 0:
            return
        seen = min(max(real / estimated, LEAST_RATIO), MOST_RATIO)
        self.ratio = seen if seen > self.ratio else self.ratio + SHARE * (seen - self.ratio)

    def took(self, read: int, first_s: float, written: int, rest_s: float) -> None:
        """How long a call was silent over so many tokens, and how long it wrote so many."""
        self.reads_per_s = _blended(self.reads_per_s, read, first_s)
        self.writes_per_s = _blended(self.writes_per_s, written, rest_s)

    def seconds(self, read: int, written: int) -> float | None:
        """How long calls may take that read and write so many tokens; None where nothing was learned."""
        if not self.reads_per_s or not self.writes_per_s:
            return None
        return read / self.reads_per_s + written / self.writes_per_s


def _blended(known: float | None, tokens: int, seconds: float) -> float | None:
    if tokens <= 0 or seconds <= 0:
        return known
    seen = tokens / seconds
    return seen if known is None else known + SHARE * (seen - known)


class Memory:
    """By the model's `provider:name`; beyond MOST_REMEMBERED, what was not used for longest is forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Learned] = OrderedDict()

    def of(self, name: str) -> Learned:
        known = self._known.setdefault(name, Learned())
        self._known.move_to_end(name)
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        return known
