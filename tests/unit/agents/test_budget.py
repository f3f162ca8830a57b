"""What a session may use: the decision, what an answer used up, and calls that are stopped in their middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.usage import RequestUsage

from coordinator.agents.cast import Begun, perform
from coordinator.errors import BudgetExceeded, InvalidMessage
from coordinator.llm import storyteller
from coordinator.llm.models import OFFLINE, Models
from coordinator.llm.prices import Spent, Used, estimate, price_of
from coordinator.models import Budget, Progress, Session, StoryConfig
from coordinator.settings import Settings
from coordinator.story.budget import Guard, check_budget
from tests.model_server import ModelServer, Reply
from tests.unit.agents.test_cast import GPT, Watcher, brief

PRICED = "openai:gpt-4o"
PROSE = " ".join(f"Lamp number {n} went out over the harbour." for n in range(400))


def session(used: int = 0, spent: float = 0.0, **budget: Any) -> Session:
    now = datetime.now(UTC)
    return Session(
        id=uuid4(),
        kind="story",
        user_id=uuid4(),
        title="",
        template="noir",
        status="active",
        epoch=1,
        message_count=1,
        config=StoryConfig(budget=Budget(**budget) if budget else None),
        progress=Progress(),
        draft_version=0,
        tokens=used,
        cost_usd=spent,
        model=GPT,
        created_at=now,
        updated_at=now,
        last_activity_at=now,
        expires_at=now,
    )


# The decision


def test_without_a_budget_everything_is_allowed() -> None:
    Guard(session(10**9, 10**6)).before(10**9, 10**6, 10**9, 10**6)
    Guard(session(10**9, 10**6)).during(10**9, 10**6)


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_budget_holds_for_what_was_used_and_what_is_being_used(most: int, used: int, more: int) -> None:
    guard = Guard(session(used, tokens=most))
    if used + more > most:
        with pytest.raises(BudgetExceeded):
            guard.during(more, 0)
    else:
        guard.during(more, 0)


def test_nothing_is_asked_that_there_is_no_budget_for() -> None:
    guard = Guard(session(900, 0.9, tokens=1_000, usd=1.0))
    guard.before(0, 0, 100, 0.1)
    with pytest.raises(
        BudgetExceeded, match=r"1,000 tokens is too small for the next call \(900 are used, .* about 101"
    ):
        guard.before(0, 0, 101, 0)
    with pytest.raises(BudgetExceeded, match=r"\$1\.00 is too small for the next call \(\$0\.9000 are used"):
        guard.before(0, 0, 0, 0.2)
    with pytest.raises(BudgetExceeded, match=r"1,000 tokens is used up \(1,000\)\. Raise it, and resume the story\."):
        guard.before(100, 0, 0, 0)


def test_a_small_budget_of_money_is_shown_as_it_is() -> None:
    with pytest.raises(BudgetExceeded, match=r"\$0\.0050 is used up \(\$0\.0061\)"):
        check_budget(session(0, 0.0061, usd=0.005))


# What an answer used up


def _response(text: str, state: Any = "complete", **usage: Any) -> ModelResponse:
    return ModelResponse(
        parts=[TextPart(text)], model_name="gpt-4o", provider_name="openai", usage=RequestUsage(**usage), state=state
    )


def test_what_was_told_is_believed_of_a_whole_answer_alone() -> None:
    told, cut = Spent(), Spent()
    told.add(PRICED, _response("word " * 400, input_tokens=100, output_tokens=10), 400, 2_000)
    cut.add(PRICED, _response("word " * 400, "interrupted", input_tokens=100), 400, 2_000)
    assert told.tokens == 110
    assert cut.tokens == 100 + 500
    assert cut.cost_usd > told.cost_usd > 0


@pytest.mark.parametrize("cost", ["NaN", "Infinity", "-1", "1e30"])
def test_an_impossible_price_is_worked_out_instead(cost: str) -> None:
    spent = Spent()
    spent.add("a:one", _response("word", input_tokens=9, output_tokens=9, cost=Decimal(cost)), 40, 40)
    assert spent.tokens == 18
    assert 0 < spent.cost_usd < 0.001


def test_each_model_has_its_share() -> None:
    spent = Spent()
    spent.count("a:one", Used(3, 0.5))
    spent.count("b:two", Used(4, 0.25))
    spent.count("a:one", Used(5, 0.5))
    assert (spent.tokens, spent.cost_usd) == (12, 1.25)
    assert spent.by_model == {"a:one": Used(8, 1.0), "b:two": Used(4, 0.25)}


@pytest.mark.parametrize("name", [PRICED, "anthropic:claude-sonnet-4-5", "google:gemini-2.5-pro"])
def test_prices_are_known_of_what_many_use(name: str) -> None:
    price = price_of(name)
    assert price is not None
    assert 0 < price.read < price.written < 0.001
    assert estimate(name, 4_000, 400).cost_usd == pytest.approx(1_000 * price.read + 100 * price.written)


def test_a_budget_of_money_needs_a_price() -> None:
    models = Models(Settings(_env_file=None, model=PRICED, models=[GPT], fallback_models=[OFFLINE]))
    models.check_priced(PRICED)
    models.check_priced(OFFLINE)
    with pytest.raises(InvalidMessage, match=f"{GPT} has no known price: set a budget of tokens"):
        models.check_priced(GPT)
    with_fallback = Models(Settings(_env_file=None, model=PRICED, fallback_models=["ollama:llama3"]))
    with pytest.raises(InvalidMessage, match="ollama:llama3 has no known price"):
        with_fallback.check_priced(PRICED)


# Calls


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as running:
        yield running


@pytest.fixture
async def make(server: ModelServer) -> AsyncIterator[Callable[..., Models]]:
    made: list[Models] = []

    def models(**values: Any) -> Models:
        chosen: dict[str, Any] = {"model": GPT, "models": [PRICED], "model_base_url": server.url, "model_api_key": "k"}
        made.append(Models(Settings(_env_file=None, **(chosen | values)), backoff_s=0.01))
        return made[-1]

    yield models
    for each in made:
        await each.close()


async def _asked(make: Callable[..., Models], server: ModelServer, name: str, kind: Any = "draft") -> int:
    """The tokens that such a call is thought to read."""
    await perform(brief(kind), make(), name, Watcher())
    return estimate(name, len(server.requests[0].text) - 1, 0).tokens


@pytest.mark.parametrize("usage", [True, False])
async def test_prose_is_stopped_soon_after_the_limit(
    usage: bool, make: Callable[..., Models], server: ModelServer
) -> None:
    asked = await _asked(make, server, GPT)
    server.pace_s = 0.001
    server.script(Reply.prose(PROSE, usage=usage))
    watcher, spent = Watcher(), Spent()
    with pytest.raises(BudgetExceeded, match="is used up"):
        guard = Guard(session(50, tokens=50 + asked + 300))
        await perform(brief(words=600), make(), GPT, watcher, guard=guard, spent=spent)
    assert asked + 300 < spent.tokens < asked + 310
    assert watcher.texts[1] == PROSE[: len(watcher.texts[1])]
    assert 1_200 <= len(watcher.texts[1]) < 1_240
    async with asyncio.timeout(2):
        await server.requests[-1].left.wait()


async def test_money_is_counted_while_a_model_writes(make: Callable[..., Models], server: ModelServer) -> None:
    asked = await _asked(make, server, PRICED)
    price = price_of(PRICED)
    assert price is not None
    limit = asked * price.read + 300 * price.written
    server.script(Reply.prose(PROSE))
    spent = Spent()
    with pytest.raises(BudgetExceeded, match=r"\$0\.00"):
        await perform(brief(words=600), make(), PRICED, Watcher(), guard=Guard(session(usd=limit)), spent=spent)
    assert limit < spent.cost_usd < limit * 1.02


async def test_a_typed_answer_is_stopped_and_counted(make: Callable[..., Models], server: ModelServer) -> None:
    asked = await _asked(make, server, GPT, "outline")
    server.script(Reply.call('{"title": "' + "x" * 40_000))
    spent = Spent()
    with pytest.raises(BudgetExceeded):
        guard = Guard(session(tokens=asked + 500))
        await perform(brief("outline"), make(model_output="tool"), GPT, Watcher(), guard=guard, spent=spent)
    # Arguments come 400 characters at a time here.
    assert asked + 500 < spent.tokens <= asked + 700


async def test_each_question_of_a_typed_answer_is_counted_before_the_next(
    make: Callable[..., Models], server: ModelServer
) -> None:
    asked = await _asked(make, server, GPT, "outline")
    server.requests.clear()
    server.script(*[Reply.nonsense()] * 3)
    with pytest.raises(BudgetExceeded):
        await perform(brief("outline"), make(), GPT, Watcher(), guard=Guard(session(tokens=2 * asked)), spent=Spent())
    assert len(server.requests) < 4


async def test_a_call_is_not_made_for_which_nothing_is_left(make: Callable[..., Models], server: ModelServer) -> None:
    spent = Spent()
    for left in (0, 100):
        with pytest.raises(BudgetExceeded):
            guard = Guard(session(1_000 - left, tokens=1_000))
            await perform(brief(), make(), GPT, Watcher(), guard=guard, spent=spent)
    assert server.requests == []
    assert spent.tokens == 0


async def test_a_second_attempt_is_counted_with_the_first(make: Callable[..., Models], server: ModelServer) -> None:
    asked = await _asked(make, server, GPT)
    server.requests.clear()
    server.script(Reply.refuses(usage=False))
    with pytest.raises(BudgetExceeded, match="is too small for the next call"):
        await perform(brief(), make(), GPT, Watcher(), guard=Guard(session(tokens=asked + 50)), spent=Spent())
    assert len(server.requests) == 1


async def test_a_failed_model_is_not_put_on_the_account_of_the_next(
    make: Callable[..., Models], server: ModelServer
) -> None:
    server.script(*[Reply.refuses()] * 3, Reply.prose(PROSE[:400]))
    answer = await perform(brief(words=90), make(fallback_models=["openai:second"]), GPT, Watcher())
    assert list(answer.by_model) == [GPT, "openai:second"]
    read = len(server.requests[0].text.split())
    assert answer.by_model["openai:second"].tokens == read + len(PROSE[:400].split())
    assert answer.tokens == sum(used.tokens for used in answer.by_model.values())


async def test_the_storyteller_is_stopped_at_its_words_and_counted_once(make: Callable[..., Models]) -> None:
    whole = str(storyteller.answer(brief(words=400)))
    models, watcher, spent = make(offline_words_per_second=2_000), Watcher(), Spent()
    with pytest.raises(BudgetExceeded):
        await perform(
            brief(words=400), models, OFFLINE, watcher, guard=Guard(session(tokens=100, usd=0.01)), spent=spent
        )
    assert 100 < spent.tokens <= 140
    begun = Begun(watcher.texts[1], 1, counted=True)
    answer = await perform(brief(words=400), models, OFFLINE, watcher, first_attempt=2, begun=begun)
    assert watcher.texts == {1: whole}
    assert spent.tokens + answer.tokens == len(whole.split())
    assert answer.cost_usd == 0
