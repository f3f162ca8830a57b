"""What a session may use. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from coordinator.errors import BudgetExceeded
from coordinator.models import Session


def check_budget(session: Session, tokens: int = 0, cost_usd: float = 0.0, *, next_call: bool = False) -> None:
    """Raises BudgetExceeded where the session, with `tokens` and `cost_usd` used since, is beyond its budget; before a
    `next_call` also where nothing is left of it."""
    budget = session.config.budget
    if budget is None:
        return
    used, spent = session.tokens + tokens, session.cost_usd + cost_usd
    if budget.tokens is not None and (used > budget.tokens or (next_call and used >= budget.tokens)):
        raise BudgetExceeded(
            f"The budget of {budget.tokens:,} tokens is used up ({used:,}). Raise it, and resume the story."
        )
    if budget.usd is not None and (spent > budget.usd or (next_call and spent >= budget.usd)):
        raise BudgetExceeded(
            f"The budget of {_dollars(budget.usd)} is used up ({_dollars(spent)}). Raise it, and resume the story."
        )


@dataclass(frozen=True, slots=True)
class Guard:
    """Keeps the calls of a step within the session's budget. `session` is as it was stored before the step."""

    session: Session

    def before(self, tokens: int, cost_usd: float, read_tokens: int, read_usd: float) -> None:
        """Before a call that reads so much, with `tokens` and `cost_usd` used by the step's calls before it. Raises
        BudgetExceeded where nothing is left, or not enough to read: such a call would cost and give nothing."""
        check_budget(self.session, tokens, cost_usd, next_call=True)
        budget = self.session.config.budget
        if budget is None:
            return
        used, spent = self.session.tokens + tokens, self.session.cost_usd + cost_usd
        if budget.tokens is not None and used + read_tokens > budget.tokens:
            raise BudgetExceeded(
                f"The budget of {budget.tokens:,} tokens is too small for the next call ({used:,} are used, and it "
                f"reads about {read_tokens:,}). Raise it, and resume the story."
            )
        if budget.usd is not None and spent + read_usd > budget.usd:
            raise BudgetExceeded(
                f"The budget of {_dollars(budget.usd)} is too small for the next call ({_dollars(spent)} are used, and "
                f"what it reads costs about {_dollars(read_usd)}). Raise it, and resume the story."
            )

    def during(self, tokens: int, cost_usd: float) -> None:
        """While a call is being answered, with what the step's calls used, this one included. Raises BudgetExceeded."""
        check_budget(self.session, tokens, cost_usd)


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:,.4f}"
