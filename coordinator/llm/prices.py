"""What a model's answer used up: tokens as the provider counted them, money as genai-prices knows it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

CHARACTERS_PER_TOKEN = 4


@dataclass(slots=True)
class Spent:
    """Tokens in and out, and US dollars, of one call with all its attempts."""

    tokens: int = 0
    cost_usd: float = 0.0

    def add(self, response: ModelResponse, prompt_characters: int) -> None:
        """Counts one response. Where the provider told no usage, as for a stream that broke, the tokens are estimated
        at four characters each, so that a session's budget of tokens holds all the same."""
        usage = response.usage
        if usage.total_tokens:
            self.tokens += usage.total_tokens
        else:
            written = sum(len(said) for part in response.parts if isinstance(said := _said(part), str))
            self.tokens += (prompt_characters + written) // CHARACTERS_PER_TOKEN
        self.cost_usd += cost_usd(response)


def cost_usd(response: ModelResponse) -> float:
    """The price of a response; 0 where the price or the usage is not known, as for a server of one's own."""
    if response.usage.cost is not None:
        return float(response.usage.cost)
    if not response.model_name or not response.usage.total_tokens:
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return float(response.cost().total_price)
        except (LookupError, ValueError):
            return 0.0


def _said(part: object) -> object:
    return getattr(part, "content", None) or getattr(part, "args", None)
