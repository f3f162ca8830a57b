"""What a session may use. Pure."""

from __future__ import annotations

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
            f"The budget of ${budget.usd:,.2f} is used up (${spent:,.4f}). Raise it, and resume the story."
        )
