"""What a model's answer used up: tokens as the provider counted them, money as genai-prices knows it."""

from __future__ import annotations

import warnings
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.usage import RequestUsage

CHARACTERS_PER_TOKEN = 4

MOST_TOKENS = 10_000_000
"""Of one request: several times the largest context there is. A number above it is no count."""
MOST_COST_USD = 10_000.0
"""Of one request."""
MOST_COUNTED = 2**31 - 1
"""Tokens of one step, as the database keeps them."""


@dataclass(slots=True)
class Used:
    """Tokens in and out, and US dollars."""

    tokens: int = 0
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for one token that is read, and for one that is written."""

    read: float
    written: float


@dataclass(slots=True)
class Spent(Used):
    """What one call with all its attempts used, in all and `by_model`."""

    by_model: dict[str, Used] = field(default_factory=dict)

    def count(self, name: str, used: Used) -> None:
        """`name` is the model's, as `provider:name`."""
        one = self.by_model.setdefault(name, Used())
        for each in (self, one):
            each.tokens = min(each.tokens + used.tokens, MOST_COUNTED)
            each.cost_usd += used.cost_usd

    def add(self, name: str, response: ModelResponse, asked: int, heard: int) -> None:
        """Counts one response. What the provider did not tell, as for a stream that was left or broke, or what it
        can't have meant, is estimated from the characters that were asked and heard, so that a session's budget holds
        all the same."""
        used = Used(believable(response.usage).total_tokens, cost_usd(response))
        if not used.tokens or response.state != "complete":
            # A stream that ended early may have told what was read and not yet what was written.
            guess = estimate(name, asked, heard)
            used = Used(max(used.tokens, guess.tokens), max(used.cost_usd, guess.cost_usd))
        self.count(name, used)


def believable(usage: RequestUsage) -> RequestUsage:
    """What a provider says was used; nothing where its numbers can't be counts: negative, no numbers, or huge."""
    counts = (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens)
    if not all(type(count) is int and 0 <= count <= MOST_TOKENS for count in counts):
        from pydantic_ai.usage import RequestUsage

        return RequestUsage(unmeasured_requests=1)
    if usage.cost is not None and not _is_price(float(usage.cost)):
        usage = copy(usage)
        usage.cost = None
    return usage


def estimate(name: str, read_characters: int, written_characters: int) -> Used:
    """At four characters a token, rounded down; money as `price_of` knows it, 0 where it knows nothing."""
    read, written = read_characters // CHARACTERS_PER_TOKEN, written_characters // CHARACTERS_PER_TOKEN
    price = price_of(name) or Price(0, 0)
    return Used(
        (read_characters + written_characters) // CHARACTERS_PER_TOKEN, read * price.read + written * price.written
    )


def cost_usd(response: ModelResponse) -> float:
    """The price of a response; 0 where the price or the usage is not known, as for a server of one's own."""
    usage = believable(response.usage)
    if usage.cost is not None:
        return float(usage.cost)
    if not response.model_name or not usage.total_tokens:
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            price = float(response.cost().total_price)
        except (LookupError, ValueError, ArithmeticError):
            return 0.0
    return price if _is_price(price) else 0.0


def _is_price(usd: float) -> bool:
    return isfinite(usd) and 0 <= usd <= MOST_COST_USD


@cache
def price_of(name: str) -> Price | None:
    """Of a model by its `provider:name`, as for a short call; None where it is not known."""
    from genai_prices import Usage, calc_price

    provider, _, model = name.partition(":")
    try:
        read = calc_price(Usage(input_tokens=1_000), model, provider_id=provider)
        written = calc_price(Usage(output_tokens=1_000), model, provider_id=provider)
    except (LookupError, ValueError):
        return None
    return Price(float(read.total_price) / 1_000, float(written.total_price) / 1_000)


def load_prices() -> None:
    """Reads the list, which takes a third of a second once: the models' library would do it with its first model."""
    from genai_prices.data_snapshot import get_snapshot

    get_snapshot()
