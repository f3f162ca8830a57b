"""An agent call, from the brief to the writer's sentence, over a real socket and the real provider client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from coordinator.agents.cast import perform
from coordinator.errors import InvalidMessage, ModelFailed
from coordinator.llm import storyteller
from coordinator.llm.models import OFFLINE
from coordinator.llm.prices import Spent
from coordinator.story.material import Outline
from coordinator.story.template import StepKind
from tests.model_server import ModelServer, Reply
from tests.unit.agents.agent_call import GPT, SECRET, TEMPLATE, TEXT, WAITS, Ask, MakeModels, Watcher, brief

QUESTION = "Before I begin, could you tell me a little more about the main character? What tone would you like?"

# What comes back


async def test_prose_is_streamed_and_kept_as_it_is(ask: Ask, server: ModelServer, watcher: Watcher) -> None:
    server.script(Reply.prose(TEXT))
    answer = await ask()
    assert answer.output == answer.text == TEXT
    assert watcher.texts == {1: TEXT}
    assert len(watcher.deltas) > 2
    assert watcher.states == [("thinking", "writing section 1 of 2"), ("writing", "writing section 1 of 2")]
    assert answer.model == GPT
    assert answer.cost_usd == 0
    said = server.requests[0]
    assert answer.tokens == len(said.text.split()) + len(TEXT.split())
    assert said.body["temperature"] == TEMPLATE.agents["writer"].temperature
    assert "A lamp goes out." in said.text


async def test_what_is_no_story_is_not_kept(ask: Ask, server: ModelServer, watcher: Watcher) -> None:
    said = f"Sure! Here is section 1:\n\n## Section 1 of 2\n\n{TEXT}\n\nLet me know if you'd like any changes!"
    server.script(Reply.prose(said))
    answer = await ask()
    assert answer.text == TEXT
    assert watcher.texts == {1: said}


@pytest.mark.parametrize("kind", ["outline", "outline-review", "record", "notes", "lore-review", "review"])
async def test_a_typed_answer_comes_whole_with_a_readable_text(kind: StepKind, ask: Ask, watcher: Watcher) -> None:
    answer = await ask(kind)
    assert not isinstance(answer.output, str)
    assert answer.text
    assert "{" not in answer.text
    assert watcher.deltas == []
    assert {state for state, _ in watcher.states} == {"thinking", "writing"}
    assert answer.tokens > 0


async def test_an_outline_is_rendered_with_all_that_it_says(ask: Ask, server: ModelServer) -> None:
    answer = await ask("outline")
    assert isinstance(answer.output, Outline)
    assert answer.text.startswith(f"# {answer.output.title}\n")
    for beat in answer.output.beats:
        for part in (beat.title, beat.summary, f"{beat.words} words"):
            assert part in answer.text


@pytest.mark.parametrize("kind", ["draft", "outline"])
async def test_a_known_model_has_a_price(kind: StepKind, make: MakeModels, watcher: Watcher) -> None:
    answer = await perform(brief(kind), make(model="openai:gpt-4o"), "openai:gpt-4o", watcher)
    assert 0 < answer.cost_usd < 0.1


async def test_tokens_are_estimated_where_the_server_counts_none(ask: Ask, server: ModelServer) -> None:
    server.script(Reply.prose(TEXT, usage=False))
    answer = await ask()
    assert answer.tokens > len(TEXT) // 4


# What goes wrong for a moment


@pytest.mark.parametrize(
    "failure",
    [Reply.busy(), Reply.fails(500), Reply.fails(503), Reply.fails(529), Reply.fails(408)],
    ids=lambda reply: str(reply.status),
)
@pytest.mark.parametrize("kind", ["draft", "outline"])
async def test_a_busy_server_is_asked_again_within_the_same_attempt(
    failure: Reply, kind: StepKind, ask: Ask, server: ModelServer, watcher: Watcher
) -> None:
    server.script(failure, failure)
    await ask(kind)
    assert len(server.requests) == 3
    assert watcher.attempts == ([1] if kind == "draft" else [])
    assert [state for state, _ in watcher.states][1:3] == ["waiting", "waiting"]


async def test_retry_after_is_honoured(ask: Ask, server: ModelServer, watcher: Watcher) -> None:
    server.script(Reply.fails(429, headers={"retry-after-ms": "300"}))
    await ask()
    first, second = server.requests
    assert second.at - first.at >= 0.29
    assert ("waiting", "the model is asking for fewer requests; trying again in 1 s") in watcher.states


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (Reply.breaks(4), "draft"),
        (Reply.breaks(0), "draft"),
        (Reply.breaks(1), "outline"),
        (Reply.breaks(0), "outline"),
        (Reply.empty(), "draft"),
        (Reply.prose(" \n "), "draft"),
        (Reply.refuses(), "draft"),
        (Reply(refusal="No."), "draft"),
        (Reply(refusal="No."), "outline"),
        (Reply.cut(), "draft"),
        (Reply.call('{"title": "The', finish="length"), "outline"),
        (Reply.prose("Half a sent", finish="content_filter"), "draft"),
        (Reply.invalid_json(), "draft"),
        (Reply.invalid_json(), "outline"),
        (Reply.hangs(3), "draft"),
        (Reply.hangs(1), "outline"),
    ],
)
async def test_an_unusable_answer_is_asked_for_anew(
    failure: Reply, kind: StepKind, ask: Ask, server: ModelServer, watcher: Watcher
) -> None:
    server.script(failure)
    answer = await ask(kind, model_timeout_s=0.3)
    assert len(server.requests) == 2
    if kind == "draft":
        assert max(watcher.attempts) == 2
        assert watcher.texts[2] == answer.text
        assert watcher.deltas[-1][0] == 2


async def test_attempts_go_on_from_the_first_that_was_given(
    make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    server.script(Reply.breaks(4))
    await perform(brief(), make(), GPT, watcher, first_attempt=5)
    assert watcher.attempts == [5, 6]


async def test_what_failed_attempts_used_is_counted(ask: Ask, server: ModelServer) -> None:
    server.script(Reply.cut("A broken half"), Reply.prose(TEXT))
    answer = await ask()
    read = len(server.requests[0].text.split())
    assert answer.tokens == 2 * read + 3 + len(TEXT.split())


async def test_what_a_failed_or_cancelled_call_used_is_known(
    make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    failed, cancelled = Spent(), Spent()
    server.script(*[Reply.refuses()] * 3, Reply.hangs(5))
    models = make()
    with pytest.raises(ModelFailed):
        await perform(brief(), models, GPT, Watcher(), spent=failed)
    assert failed.tokens == 3 * (len(server.requests[0].text.split()) + 9)
    call = asyncio.create_task(perform(brief(), models, GPT, watcher, spent=cancelled))
    await _soon(watcher.begun)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert cancelled.tokens > len(server.requests[-1].text) // 5


async def test_nonsense_is_told_what_was_wrong_with_it(ask: Ask, server: ModelServer) -> None:
    server.script(
        Reply.call({"title": "Lamps", "people": "x"}), Reply.call("not json"), Reply.prose("The lamp was out.")
    )
    answer = await ask("outline")
    assert isinstance(answer.output, Outline)
    assert len(server.requests) == 4
    assert "beats: Field required" in server.requests[1].text
    # The fault alone: a failed answer is not sent back.
    assert "Lamps" not in server.requests[1].text
    assert "no JSON object" in server.requests[3].text


# What goes wrong for good


@pytest.mark.parametrize(
    ("failure", "kind", "requests", "told"),
    [
        (Reply.busy(), "draft", 3, "(429) and did not recover after 3 tries. Resume the story in a"),
        (Reply.fails(500), "draft", 3, "failed (500) and did not recover after 3 tries"),
        (Reply.fails(503), "outline", 3, "is overloaded or down (503) and did not recover after 3 tries"),
        (Reply.fails(401), "draft", 1, "The key for the model openai:gpt-test was rejected (401)"),
        (Reply.fails(403), "outline", 1, "The key for the model openai:gpt-test was rejected (403)"),
        (Reply.fails(404, "model_not_found"), "draft", 1, "is not known to its provider (404)"),
        (Reply.fails(400, "context_length_exceeded"), "draft", 4, "longer than it can take in. Choose a model"),
        (Reply.fails(400, "bad_thing", message="Bad\n thing."), "draft", 1, "the request (400): “Bad thing”. Choose"),
        (Reply.fails(400, "400", message=""), "draft", 1, "did not accept the request (400). Choose"),
        (Reply.fails(429, "insufficient_quota"), "draft", 1, "has no credit left (429)"),
        (Reply.fails(429, headers={"retry-after": "86400"}), "draft", 1, "is asking for fewer requests (429)"),
        (Reply.refuses(), "draft", 3, "refused to write this section. Change the prompt or choose"),
        (Reply.prose(QUESTION), "draft", 3, "asked questions back instead of writing this section. Say more"),
        (Reply.prose("Sure! Here is the section:"), "draft", 3, "sent an empty answer for this section"),
        (Reply.empty(), "draft", 3, "sent an empty answer for this section"),
        (Reply.cut(), "draft", 3, "reached its limit of length before it had finished this section"),
        (Reply.breaks(3), "draft", 3, "The connection to the model openai:gpt-test broke while it was writing"),
        (Reply.invalid_json(), "draft", 3, "sent an answer that can't be read"),
    ],
)
async def test_the_writer_is_told_what_to_do(
    failure: Reply, kind: StepKind, requests: int, told: str, ask: Ask, server: ModelServer
) -> None:
    server.script(*[failure] * requests)
    with pytest.raises(ModelFailed) as caught:
        await ask(kind, model_attempts=3)
    message = caught.value.message
    assert told in message
    assert len(server.requests) == requests
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 300
    for hidden in (SECRET, "scripted", "A lamp goes out", server.url, "Traceback"):
        assert hidden not in message
    assert (caught.value.retryable, caught.value.code) == (True, "unavailable")


@pytest.mark.parametrize(
    ("status", "requests", "told"),
    [
        (429, 2, "is asking for fewer requests (429) and did not recover after 2 tries."),
        (529, 2, "is overloaded or down (529) and did not recover after 2 tries."),
        (401, 1, "was rejected (401)."),
    ],
)
@pytest.mark.parametrize("kind", ["draft", "outline"])
async def test_another_providers_failures_are_told_alike(
    status: int,
    requests: int,
    told: str,
    kind: StepKind,
    make: MakeModels,
    server: ModelServer,
    watcher: Watcher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    claude = "anthropic:claude-test"
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
    server.script(*[Reply.fails(status)] * requests)
    with pytest.raises(ModelFailed) as caught:
        await perform(brief(kind), make(model=claude, model_attempts=2), claude, watcher)
    assert told in caught.value.message
    assert SECRET not in caught.value.message
    assert len(server.requests) == requests


async def test_the_wait_that_a_busy_server_names_is_handed_on(ask: Ask, server: ModelServer) -> None:
    server.script(Reply.fails(429, headers={"retry-after": "86400"}))
    with pytest.raises(ModelFailed) as caught:
        await ask()
    assert caught.value.retry_after_s == 86400


async def test_a_silent_server_is_given_up(ask: Ask, server: ModelServer) -> None:
    server.script(*[Reply.hangs(0)] * 2)
    with pytest.raises(ModelFailed, match=r"did not answer in time and did not recover after 2 tries\."):
        await ask(model_timeout_s=0.2, model_attempts=2)
    assert len(server.requests) == 2


async def test_a_silence_in_the_middle_is_given_up(ask: Ask, server: ModelServer) -> None:
    server.script(*[Reply.hangs(2)] * 3)
    with pytest.raises(ModelFailed, match=r"fell silent for 0\.2 s\."):
        await ask(model_timeout_s=0.2)
    for request in server.requests:
        assert await _soon(request.left)


async def test_a_server_that_is_not_there_is_told(make: MakeModels, watcher: Watcher) -> None:
    models = make(model_base_url="http://127.0.0.1:9/v1", model_attempts=2)
    with pytest.raises(
        ModelFailed, match=r"can't be reached and did not recover after 2 tries\. Check that its server"
    ):
        await perform(brief(), models, GPT, watcher)


async def test_only_what_the_owner_named_is_called(make: MakeModels, server: ModelServer, watcher: Watcher) -> None:
    with pytest.raises(InvalidMessage, match="can't be chosen here"):
        await perform(brief(), make(), "openai:other", watcher)
    assert server.requests == []


# Falling back


async def test_the_next_model_takes_over_in_a_new_attempt(
    make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    server.script(*[Reply.refuses()] * 3, Reply.fails(401))
    models = make(fallback_models=["openai:second", "openai:third"])
    answer = await perform(brief(), models, GPT, watcher)
    assert answer.model == "openai:third"
    assert [request.body["model"] for request in server.requests] == ["gpt-test"] * 3 + ["second", "third"]
    # What the last refusal told is taken back before another model is asked.
    assert watcher.attempts == [1, 2, 3, 4, 5]
    assert watcher.texts[4] == ""
    assert watcher.texts[5] == answer.text


async def test_when_all_fail_each_is_told(make: MakeModels, server: ModelServer, watcher: Watcher) -> None:
    server.script(Reply.fails(401), Reply.fails(404))
    with pytest.raises(ModelFailed) as caught:
        await perform(brief("outline"), make(fallback_models=["openai:second"]), GPT, watcher)
    assert (
        "key for the model openai:gpt-test was rejected (401). The model openai:second is not known"
        in caught.value.message
    )


async def test_the_storyteller_may_be_a_fallback(
    make: MakeModels, server: ModelServer, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storyteller, "answer", lambda _: TEXT, raising=False)
    server.script(Reply.fails(401))
    models = make(fallback_models=[OFFLINE], offline_words_per_second=0)
    answer = await perform(brief(), models, GPT, watcher)
    assert (answer.model, answer.text, answer.cost_usd) == (OFFLINE, TEXT, 0)
    assert answer.tokens == len(TEXT.split())


# Leaving, and waiting one's turn


@pytest.mark.parametrize(("kind", "words"), [("draft", 3), ("draft", 0), ("outline", 1), ("outline", 0)])
async def test_cancelled_it_stops_at_once_and_closes_the_stream(
    kind: StepKind, words: int, make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    server.script(Reply.hangs(words))
    models = make()
    call = asyncio.create_task(perform(brief(kind), models, GPT, watcher))
    await (_soon(watcher.begun) if kind == "draft" and words else _until(lambda: server.running == 1))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(1):
            await call
    assert await _soon(server.requests[0].left)
    assert len(server.requests) == 1
    assert not models.crowded(GPT)


async def test_no_more_calls_at_once_than_set(make: MakeModels, server: ModelServer) -> None:
    models = make(model_concurrency=2)
    watchers = [Watcher() for _ in range(6)]
    server.open.clear()
    kinds: list[StepKind] = ["draft", "outline"] * 3
    calls = [
        asyncio.create_task(perform(brief(kind), models, GPT, each)) for kind, each in zip(kinds, watchers, strict=True)
    ]
    await _until(lambda: server.running == 2 and sum(each.states[:1] == WAITS for each in watchers) == 4)
    assert len(server.requests) == 2
    server.open.set()
    await asyncio.gather(*calls)
    assert server.most_running == 2
    assert len(server.requests) == 6


async def test_the_storyteller_waits_for_nobody(
    make: MakeModels, server: ModelServer, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storyteller, "answer", lambda _: TEXT, raising=False)
    models = make(model_concurrency=1, offline_words_per_second=0)
    async with models.turn(GPT):
        assert (await perform(brief(), models, OFFLINE, watcher)).text == TEXT


async def _soon(event: asyncio.Event) -> bool:
    async with asyncio.timeout(2):
        return await event.wait()


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(2):
        while not true():
            await asyncio.sleep(0.005)
