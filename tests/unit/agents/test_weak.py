"""Weak models: what they can't do is asked for otherwise, ended, passed over with a word, and never fails a story."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic_ai.messages import PartDeltaEvent, PartStartEvent, ToolCallPart, ToolCallPartDelta

from coordinator.agents import call
from coordinator.agents.call import Asked, BriefCall
from coordinator.agents.cast import perform
from coordinator.agents.faults import Fault
from coordinator.agents.standins import NOTES, UNCHANGED, stand_in
from coordinator.errors import ModelFailed
from coordinator.llm.models import OFFLINE
from coordinator.llm.prices import Spent
from coordinator.llm.tokens import tokens_of
from coordinator.models import StoryConfig
from coordinator.story import plan
from coordinator.story.briefing import brief_of
from coordinator.story.material import Bible, Outline, Person, Record, Verdict
from coordinator.story.words import count_words
from coordinator.story.work import Done
from coordinator.telemetry.metrics import Metrics
from tests.model_server import ModelServer, Reply
from tests.unit.agents.agent_call import GPT, TEMPLATE, TEXT, Ask, MakeModels, Watcher, brief

LONG = " ".join(f"Lamp number {n} went out over the harbour." for n in range(400))
SMALL_OUTLINE = {"title": "Lamps", "idea": "One.", "people": ["Mara, keeper"], "scenes": ["She counts.", "It answers."]}


async def test_prose_ends_at_its_length_and_the_stream_is_stopped(
    ask: Ask, make: MakeModels, server: ModelServer
) -> None:
    server.pace_s = 0.001
    server.script(Reply.prose(LONG))
    watcher = Watcher()
    answer = await perform(brief(words=200), make(), GPT, watcher)
    assert 230 <= count_words(answer.text) <= 240 and answer.text.endswith("harbour.")
    assert watcher.texts == {1: answer.text}
    assert "did not come to an end" in answer.notes[0]
    await server.requests[0].left.wait()
    assert 300 < server.requests[0].body["max_tokens"] < 2_000


async def test_a_limit_of_tokens_is_named_as_its_provider_does(
    make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    await perform(brief(words=200), make(), GPT, watcher)
    assert "max_completion_tokens" not in server.requests[0].body


async def test_too_short_a_section_is_gone_on_with_once(
    make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    server.script(Reply.prose(LONG[:500]), Reply.prose(LONG[LONG.rindex(" ", 0, 500) + 1 : 900]))
    answer = await perform(brief(words=300), make(), GPT, watcher)
    assert len(server.requests) == 2 and "written so far" in server.requests[1].text
    assert answer.text == LONG[:900].strip() and watcher.texts == {1: answer.text}
    assert answer.notes == ("The model wrote less of this than it was asked for.",)


@pytest.mark.parametrize("then", [Reply.refuses(), Reply.prose("[end]"), Reply.prose(LONG[:400])])
async def test_what_it_wrote_is_taken_where_it_can_not_go_on(
    then: Reply, make: MakeModels, server: ModelServer
) -> None:
    server.script(Reply.prose(LONG[:500]), *[then] * 3)
    watcher = Watcher()
    answer = await perform(brief(words=300), make(), GPT, watcher)
    assert answer.text == LONG[:500].strip()
    assert "less" in answer.notes[0]


LOOP = LONG[:1_499] + " She said it again and again to the sea." * 60


async def test_a_loop_is_tried_once_otherwise_and_then_cut(
    make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    server.script(*[Reply.prose(LOOP)] * 3)
    answer = await perform(brief(words=400), make(), GPT, watcher)
    assert len(server.requests) == 2
    assert server.requests[1].body["temperature"] > server.requests[0].body["temperature"]
    assert answer.text.count("again and again") == 1 and "circles" in answer.notes[0]


async def test_after_a_loop_a_good_text_is_taken(make: MakeModels, server: ModelServer, watcher: Watcher) -> None:
    server.script(Reply.prose(LOOP))
    answer = await perform(brief(words=300), make(), GPT, watcher)
    assert "again and again" not in answer.text and answer.notes == ()


async def test_a_text_without_a_word_is_none(make: MakeModels, server: ModelServer, watcher: Watcher) -> None:
    server.script(*[Reply.prose(" ".join("—" * number for number in range(1, 150)))] * 3)
    with pytest.raises(ModelFailed, match="an empty answer"):
        await perform(brief(words=200), make(), GPT, watcher)
    server.heal()
    answer = await perform(brief(words=200), make(), GPT, Watcher())
    assert count_words(answer.text) > 20


async def test_an_answer_without_more_room_ends_with_its_last_sentence(
    make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    server.script(Reply.cut(LONG[:1_100]))
    answer = await perform(brief(words=200), make(), GPT, watcher)
    assert len(server.requests) == 1
    assert LONG.startswith(answer.text) and answer.text.endswith("harbour.")


@pytest.mark.parametrize("kind", ["revise", "polish"])
@pytest.mark.parametrize("reply", [Reply.refuses(), Reply.empty(), Reply.prose("la " * 900), Reply.prose("\n" * 9_000)])
async def test_what_mends_and_does_not_leaves_the_text(
    kind: Any, reply: Reply, ask: Ask, server: ModelServer, watcher: Watcher
) -> None:
    server.script(*[reply] * 3)
    answer = await ask(kind)
    assert answer.text == answer.output == TEXT
    assert answer.notes[0].startswith(UNCHANGED)
    assert watcher.texts[max(watcher.texts)] == TEXT


@pytest.mark.parametrize("kind", ["outline", "outline-review", "record", "notes", "lore-review", "review"])
@pytest.mark.parametrize(
    "reply", [Reply.prose("I would rather not."), Reply.refuses(), Reply.nonsense(), Reply.empty()]
)
async def test_what_judges_and_plans_is_passed_over_with_a_word(
    kind: Any, reply: Reply, ask: Ask, server: ModelServer
) -> None:
    server.script(*[reply] * 20)
    answer = await ask(kind)
    assert len(server.requests) == 4
    assert answer.notes[0].startswith(NOTES[kind])
    assert answer.model == (OFFLINE if kind == "outline" else GPT)
    if kind == "review":
        assert isinstance(answer.output, Verdict) and answer.output.scores() == {} and answer.output.total() is None
        assert "could not judge" in answer.text


@pytest.mark.parametrize("form", [Reply.call({"remarks": "x" * 2_000}), Reply.prose("x" * 2_000)])
async def test_an_answer_without_end_is_not_taken_for_a_refusal(
    form: Reply, ask: Ask, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call, "MOST_HEARD", 1_000)
    server.script(*[form] * 4)
    answer = await ask("lore-review")
    assert "did not come to an end" in answer.notes[0] and len(server.requests) == 4
    assert "It did not come to an end" in server.requests[1].text and "would not" not in server.requests[1].text


async def test_ideas_that_are_refused_are_the_built_in_ones(ask: Ask, server: ModelServer) -> None:
    server.script(*[Reply.refuses()] * 3)
    answer = await ask("brainstorm")
    assert answer.model == OFFLINE and count_words(answer.text) > 20


@pytest.mark.parametrize("kind", ["draft", "outline"])
async def test_who_can_not_be_reached_fails_it_still(kind: Any, ask: Ask, server: ModelServer) -> None:
    server.script(*[Reply.fails(500)] * 20)
    with pytest.raises(ModelFailed):
        await ask(kind, model_attempts=1)


async def test_the_whole_form_is_asked_for_twice_and_then_the_smaller(
    make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    models = make()
    server.script(
        *[Reply.prose("Well.")] * 2, Reply.prose(json.dumps(SMALL_OUTLINE)), Reply.prose(json.dumps(SMALL_OUTLINE))
    )
    answer = await perform(brief("outline"), models, GPT, watcher)
    assert isinstance(answer.output, Outline) and answer.notes == ()
    assert [beat.summary for beat in answer.output.beats] == SMALL_OUTLINE["scenes"]
    forms = [
        request.body.get("response_format", {}).get("json_schema", {}).get("schema") for request in server.requests
    ]
    assert [("beats" in form["properties"]) if form else None for form in forms[:2]] == [True, True]
    assert server.requests[2].tool is not None and "scenes" in server.requests[2].tool["parameters"]["properties"]
    # From then on with this model at once, and in the way that worked.
    await perform(brief("outline"), models, GPT, watcher)
    assert len(server.requests) == 4 and server.requests[3].tool is not None


async def test_a_schema_holds_a_small_model_to_limits(ask: Ask, server: ModelServer) -> None:
    await ask("record")
    schema = server.requests[0].body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["facts"]["maxItems"] == 6
    assert schema["properties"]["facts"]["items"]["maxLength"] == 200


@pytest.mark.parametrize("mode", ["tool", "schema", "prompt"])
async def test_a_mode_that_is_set_is_the_one(mode: str, ask: Ask, server: ModelServer) -> None:
    answer = await ask("review", model_output=mode)
    assert isinstance(answer.output, Verdict)
    request = server.requests[0]
    assert (request.tool is not None, "response_format" in request.body) == (mode == "tool", mode == "schema")
    assert ("exactly this form" in request.text) == (mode == "prompt")


@pytest.mark.parametrize(
    "message", ["Unsupported parameter: response_format", "json_schema is not supported", "Bad request"]
)
async def test_a_server_without_schemas_is_asked_otherwise(
    message: str, make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    models = make()
    server.script(Reply.fails(400, message=message))
    assert isinstance((await perform(brief("outline"), models, GPT, watcher)).output, Outline)
    assert server.requests[1].tool is not None
    await perform(brief("outline"), models, GPT, watcher)
    assert len(server.requests) == 3 and server.requests[2].tool is not None


# The context


async def test_a_request_that_was_too_long_is_cut_and_asked_again(
    make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    body = {"error": {"type": "exceed_context_size_error", "code": 400, "message": "too long", "n_ctx": 4_096}}
    given = brief("notes", summary="She rowed on. " * 300, reading=[], bible=brief().bible)
    server.script(Reply.fails(400, message="the request exceeds the available context size", when=""))
    server.context = 4_096
    answer = await perform(given, make(model_context=128_000), GPT, watcher)
    assert answer.notes == () and body
    assert len(server.requests) == 2
    assert len(server.requests[1].text) <= len(server.requests[0].text)


TOO_LONG = Reply.fails(400, message="the request exceeds the available context size")


async def test_a_request_that_stays_too_long_is_not_asked_for_in_every_way(ask: Ask, server: ModelServer) -> None:
    server.script(*[TOO_LONG] * 20)
    answer = await ask("notes")
    assert len(server.requests) == 4 and "longer than it can take in" in answer.notes[0]


async def test_what_was_too_long_for_one_model_is_not_held_against_the_next(
    make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    server.script(*[TOO_LONG] * 5)
    await perform(brief(), make(fallback_models=["openai:larger"]), GPT, watcher)
    assert [request.body["model"] for request in server.requests] == ["gpt-test"] * 4 + ["larger"] * 2


@pytest.mark.parametrize("context", [4_096, 8_192])
async def test_a_whole_story_stays_within_a_small_context(
    context: int, make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    server.context = context
    # It counts nothing: what is learned of a server's own count is not to the point here.
    server.counts = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    models = make(model_context=context)
    work = plan.begun("A lamp goes out. " * 300, StoryConfig(pages=6, max_revisions=1), TEMPLATE)
    while (spec := plan.next_step(work)) is not None:
        answer = await perform(brief_of(work, spec, wishes=["Colder. " * 50] * 20), models, GPT, Watcher())
        assert answer.notes == (), spec.name
        output = None if isinstance(answer.output, str) else answer.output.model_dump(mode="json")
        work = plan.advance(work, Done(spec.name, output, "" if output else answer.text, 1))
    assert len(server.requests) > 15
    for request in server.requests:
        shape = json.dumps(request.body.get("response_format", ""))
        assert tokens_of(request.text) + request.body["max_tokens"] <= context, shape[:80]
        assert request.body["max_tokens"] > 400


async def test_a_context_of_two_thousand_is_refused_with_what_to_do(ask: Ask, server: ModelServer) -> None:
    server.context = 2_048
    with pytest.raises(ModelFailed, match=r"2048 tokens, and a story needs 3500: start its server with a larger one"):
        await ask()
    assert not server.requests


async def test_events_that_say_nothing_are_silence(make: MakeModels, watcher: Watcher) -> None:
    async def events() -> AsyncIterator[object]:
        yield PartStartEvent(index=0, part=ToolCallPart("answer", ""))
        while True:
            await asyncio.sleep(0.005)
            yield PartDeltaEvent(index=0, delta=ToolCallPartDelta(args_delta=""))

    models, metrics = make(), Metrics()
    models.timeout_s = 0.05
    asking = BriefCall(brief("notes"), models, watcher, Spent(), None, metrics)
    with metrics.model_call(GPT) as asked, pytest.raises(Fault, match="fell silent"):
        await asking.follow(events(), GPT, asked, Asked("", "", 0, None))


async def test_a_summary_that_code_makes_stays_short_in_any_script() -> None:
    summary = "他走进灯塔，数了数灯。" * 1_800
    for _ in range(40):
        record = await stand_in(brief("record", summary=summary, text="灯灭了。" * 200))
        assert isinstance(record, Record)
        summary = record.summary
    assert summary.endswith("灯灭了。") and len(summary) <= 400


async def test_what_is_learned_of_a_model_is_what_it_took(
    make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    models = make()
    assert models.seconds(GPT, 1_000, 100) is None
    server.pace_s = 0.001
    await perform(brief(words=200), models, GPT, watcher)
    seconds = models.seconds(GPT, 1_000, 100)
    assert seconds is not None and 0 < seconds < 60


# What does not stand up to what it would replace


BEFORE = (
    "Mara counted the brass lamps while Tobin held the ladder. He did not like the height, and he said so. "
    "Mara laughed at him and climbed on, and Tobin looked at the sea until it was over. There were seven of them, "
    "as there had always been, and the eighth hook was bare. Nobody had hung a lamp on it in her time."
)
PEOPLE = Bible(people=[Person(name=name, role="keeper", description="Tall.") for name in ("Mara", "Tobin")])
GERMAN = (
    "Mara zählte die Lampen, während Tobin die Leiter hielt. Er mochte die Höhe nicht und sagte es auch. Mara lachte "
    "über ihn und stieg weiter, und Tobin sah auf das Meer, bis es vorbei war. Es waren sieben, wie es immer sieben "
    "gewesen waren, und der achte Haken war leer. Zu ihrer Zeit hatte niemand eine Lampe daran gehängt, und sie tat es nicht."
)  # fmt: skip


@pytest.mark.parametrize("kind", ["revise", "polish"])
@pytest.mark.parametrize(
    ("after", "why"),
    [
        (BEFORE[:200], "lost"),
        (BEFORE.replace("Tobin", "Edgar"), "Tobin"),
        (GERMAN, "German"),
    ],
)
async def test_a_text_that_does_not_stand_up_to_it_is_not_taken(
    kind: Any, after: str, why: str, make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    server.script(Reply.prose(after))
    words = count_words(BEFORE)
    answer = await perform(brief(kind, text=BEFORE, words=words, bible=PEOPLE), make(), GPT, watcher)
    assert answer.text == BEFORE == watcher.texts[max(watcher.texts)]
    assert "stays as it is" in answer.notes[0] and why in answer.notes[0]
    assert len(server.requests) == 1


async def test_a_good_revision_is_taken(make: MakeModels, server: ModelServer, watcher: Watcher) -> None:
    after = BEFORE.replace("He did not like the height, and he said so.", "He hated the height and told her.")
    server.script(Reply.prose(after))
    answer = await perform(brief("revise", text=BEFORE, words=count_words(BEFORE), bible=PEOPLE), make(), GPT, watcher)
    assert (answer.text, answer.notes) == (after, ())


async def test_another_language_is_tried_once_otherwise(
    make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    given = replace(brief(words=70), config=StoryConfig(language="English"))
    server.script(Reply.prose(GERMAN))
    assert (await perform(given, make(), GPT, watcher)).text != GERMAN
    assert len(server.requests) == 2
    server.script(Reply.prose(GERMAN), Reply.prose(GERMAN))
    assert (await perform(given, make(), GPT, Watcher())).text == GERMAN


async def test_a_form_in_which_a_model_goes_round_in_circles_is_stopped(
    make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    begun = '{"summary": "Mara rowed out and counted the lamps.", "facts": ['
    server.script(Reply.call(begun + '"The lamp was lit again by nobody.", ' * 500))
    answer = await perform(brief("record"), make(), GPT, watcher)
    assert isinstance(answer.output, Record) and answer.output.summary.startswith("Mara rowed out")
    assert len(server.requests) == 1 and answer.tokens < 4_000
