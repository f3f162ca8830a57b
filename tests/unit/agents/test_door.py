"""What models really send, over a real socket and the real provider client: what of it reaches a reader."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from coordinator.agents import typed
from coordinator.agents.cast import Begun, perform
from coordinator.errors import ModelFailed
from coordinator.llm.prices import MOST_COUNTED, MOST_TOKENS
from coordinator.story.material import Notes, Outline
from tests.model_server import ModelServer, Reply
from tests.unit.agents.agent_call import GPT, SECRET, TEXT, Ask, MakeModels, Watcher, brief

THOUGHT = "Okay, a lamp. I need a keeper and a count."


def pieces(*each: str) -> Reply:
    return Reply(pieces=each)


# Prose


@pytest.mark.parametrize(
    "reply",
    [
        pieces("<think>", THOUGHT, "</think>", TEXT),
        pieces("<think>" + THOUGHT, "</think>" + TEXT),
        pieces("<thi", "nk", ">" + THOUGHT + "</", "THINK", ">\n\n" + TEXT),
        pieces(f"<think>{THOUGHT}</think>{TEXT}"),
        pieces("<think>", f"{THOUGHT}</think>{TEXT}"),
        pieces(f"<think>{THOUGHT}", "</think>", "\n\n", TEXT),
        pieces(f"{THOUGHT}\n</think>\n\n{TEXT}"),
        pieces(*f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{TEXT}"),
        pieces("", "", TEXT, "", "<|im_end|>"),
        pieces("\ufeff", TEXT),
    ],
)
async def test_thoughts_do_not_reach_the_story(reply: Reply, ask: Ask, server: ModelServer, watcher: Watcher) -> None:
    server.script(reply)
    answer = await ask()
    assert answer.text == TEXT
    assert watcher.texts == {1: TEXT}
    assert len(server.requests) == 1


async def test_however_it_is_cut_the_story_is_the_same(make: MakeModels, server: ModelServer) -> None:
    text = f"<think>{THOUGHT}</think>\r\n\r\n{TEXT} \ud83d\ude00 <b>é</b>\x00 \r\nShe said <think> and \ud83d left."
    told = TEXT + " 😀 <b>é</b> \nShe said <think> and \ufffd left."
    models, dice = make(), random.Random(7)
    for _ in range(20):
        places = sorted(dice.choices(range(len(text)), k=dice.randint(0, 30)))
        cut = [text[begin:end] for begin, end in zip([0, *places], [*places, len(text)], strict=True)]
        watcher = Watcher()
        server.script(pieces(*cut))
        assert (await perform(brief(), models, GPT, watcher)).text == told
        assert watcher.texts == {1: told}


async def test_what_turns_out_to_be_a_thought_is_replaced_by_a_new_attempt(
    ask: Ask, server: ModelServer, watcher: Watcher
) -> None:
    server.script(pieces(*(f"{word} " for word in THOUGHT.split()), "\n</think>\n\n", *TEXT))
    answer = await ask()
    assert answer.text == TEXT
    assert watcher.attempts == [1, 2]
    assert watcher.texts == {1: THOUGHT, 2: TEXT}
    assert len(server.requests) == 1


async def test_a_thought_before_going_on_is_taken_back_and_what_was_there_stays(
    make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    so_far = "Mara counted the brass lamps, and each of them had a name. " * 6
    thought = "".join(f"The text so far ends with {n} names, hmm, and so I must go on with the ice. " for n in range(4))
    rest = "The eighth went out. Nobody had lit it, and the ice closed over her wake as she rowed on."
    watcher.texts[1] = so_far
    server.script(pieces(*(f"{word} " for word in thought.split()), "\n</think>\n", *rest))
    answer = await perform(brief(words=145), make(), GPT, watcher, begun=Begun(so_far, 1, counted=True))
    assert answer.text == so_far + rest
    assert watcher.texts[2] == answer.text
    assert watcher.texts[1].startswith(so_far + "The text so far")


async def test_a_thought_without_an_end_is_an_empty_answer(ask: Ask, server: ModelServer) -> None:
    server.script(*[pieces("<think>", THOUGHT)] * 3)
    with pytest.raises(ModelFailed, match="sent an empty answer for this section"):
        await ask()


async def test_a_thought_at_its_limit_of_length_is_told_as_that(ask: Ask, server: ModelServer) -> None:
    server.script(*[Reply(pieces=["<think>", THOUGHT], finish="length")] * 3)
    with pytest.raises(ModelFailed, match="reached its limit of length"):
        await ask()


async def test_offsets_count_the_characters_that_are_kept(ask: Ask, server: ModelServer, watcher: Watcher) -> None:
    server.script(pieces("A\x00b", "\ud83d", "\ude00", "c\r", "\nd", "\x07", "e\ufffe", " \u202ef"))
    answer = await ask()
    assert answer.text == "Ab😀c\nde \u202ef"
    for _attempt, offset, text in watcher.deltas:
        assert answer.text[offset : offset + len(text)] == text


@pytest.mark.parametrize("reply", [pieces("la " * 400_000), pieces("<think>", *["x" * 100_000] * 30)])
async def test_a_flood_is_stopped_and_not_shown(reply: Reply, ask: Ask, server: ModelServer, watcher: Watcher) -> None:
    server.script(*[reply] * 3)
    with pytest.raises(ModelFailed, match=r"(went round in circles|did not come to an end with) .*this section"):
        await ask()
    assert all(len(text) <= 2_000 for text in watcher.texts.values())


async def test_many_empty_deltas_are_nothing(ask: Ask, server: ModelServer, watcher: Watcher) -> None:
    server.script(pieces(*[""] * 5000, *TEXT))
    assert (await ask()).text == TEXT


# Ends


async def test_a_stream_that_just_stops_is_gone_on_with(
    make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    begins = " ".join(f"Lamp number {n} went out over the harbour." for n in range(1, 10))
    rest = "harbour. And nobody had lit the eighth, and nobody asked her why she rowed on."
    server.script(Reply(pieces=[begins], unended=True), Reply.prose(rest))
    answer = await perform(brief(words=100), make(), GPT, watcher)
    assert answer.text == begins + rest.removeprefix("harbour.")
    assert watcher.texts == {1: answer.text}
    assert len(server.requests) == 2


async def test_a_server_that_never_tells_of_the_end_is_believed_when_the_model_does(
    make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    whole = " ".join(f"Lamp number {n} went out over the harbour." for n in range(1, 10))
    server.script(Reply(pieces=[whole], unended=True), Reply(pieces=["[end]"], unended=True))
    assert (await perform(brief(words=70), make(), GPT, watcher)).text == whole
    assert watcher.texts == {1: whole}
    assert len(server.requests) == 2


async def test_one_that_stops_every_time_fails_in_plain_words(ask: Ask, server: ModelServer) -> None:
    server.script(*[Reply(pieces=["The lamp "], unended=True)] * 3)
    with pytest.raises(ModelFailed, match="stopped in the middle of this section"):
        await ask()
    assert len(server.requests) == 3


CLAUDE = [
    (
        "message_start",
        {
            "message": {
                "id": "m",
                "type": "message",
                "role": "assistant",
                "content": [],
                "model": "c",
                "stop_reason": None,
                "usage": {"input_tokens": 9, "output_tokens": 1},
            }
        },
    ),
    ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
    ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": f"<think>{THOUGHT}</think>"}}),
    ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": TEXT}}),
    ("content_block_stop", {"index": 0}),
    ("message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 40}}),
    ("message_stop", {}),
]


def _claude(*events: tuple[str, dict[str, Any]]) -> Reply:
    lines = (f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n" for kind, data in events)
    return Reply(raw="".join(lines).encode())


async def test_another_providers_stream_is_cleaned_and_ends_alike(
    make: MakeModels, server: ModelServer, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
    server.script(_claude(*CLAUDE[:4]), _claude(*CLAUDE))
    answer = await perform(brief(), make(model="anthropic:claude-x"), "anthropic:claude-x", watcher)
    assert answer.text == TEXT
    assert watcher.texts == {1: TEXT, 2: TEXT}
    assert len(server.requests) == 2


async def test_a_call_that_just_stops_is_asked_for_anew_unless_it_is_whole(ask: Ask, server: ModelServer) -> None:
    server.script(Reply.call('{"title": "The Be', unended=True))
    assert isinstance((await ask("outline")).output, Outline)
    assert len(server.requests) == 2
    server.script(Reply.call(outline(), unended=True))
    assert (await ask("outline")).output == Outline.model_validate(outline())
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("finish", "told"),
    [
        ("length", "limit of length"),
        ("max_tokens", "limit of length"),
        ("content_filter", "refused"),
        ("sensitive", "refused"),
        ("error", "broke"),
        ("insufficient_system_resource", "broke"),
    ],
)
async def test_every_word_for_an_end_is_understood(finish: str, told: str, ask: Ask, server: ModelServer) -> None:
    server.script(*[Reply.prose("The lamp went", finish=finish)] * 3)
    with pytest.raises(ModelFailed, match=told):
        await ask()


@pytest.mark.parametrize("finish", ["eos", "end_turn", "STOP"])
async def test_an_unknown_word_for_an_end_is_an_end(finish: str, ask: Ask, server: ModelServer) -> None:
    server.script(Reply.prose(TEXT, finish=finish))
    assert (await ask()).text == TEXT


# Typed answers


def outline(**more: Any) -> dict[str, Any]:
    beat = {"title": "Dusk", "summary": "She counts the lamps.", "words": 120}
    person = {"name": "Mara", "role": "keeper", "description": "Tired."}
    about = {"title": "The Bell", "logline": "A keeper counts.", "setting": "A coast."}
    return {**about, "people": [person], "beats": [beat], **more}


BODY = json.dumps(outline())
CALL = json.dumps({"name": "final_result", "arguments": outline()})


@pytest.mark.parametrize(
    "reply",
    [
        Reply.call(json.dumps(BODY)),
        Reply.call(json.dumps(json.dumps(BODY))),
        Reply.call(outline(people=json.dumps(outline()["people"]), beats=json.dumps(outline()["beats"]))),
        Reply.call({"arguments": outline()}),
        Reply.call({"outline": BODY}),
        Reply.call(json.loads(CALL)),
        Reply.call(f"```json\n{BODY}\n```"),
        Reply.call(BODY + "<|call|>"),
        Reply.call(BODY.replace("counts.", "counts\\u0000.\\ud83d")),
        Reply.call(BODY.replace("A coast.", "A\ncoast.")),
        Reply.call(BODY, tool_name="functions.final_result"),
        Reply.call(BODY, tool_name="Final-Result:0"),
        Reply(function={"name": "final_result", "arguments": outline()}),
        Reply(function={"name": "functions.final_result", "arguments": CALL}),
        Reply.prose(BODY),
        Reply.prose(CALL),
        Reply.prose(f"[{CALL}]"),
        Reply.prose(json.dumps({"tool_calls": [{"type": "function", "function": json.loads(CALL)}]})),
        Reply.prose(json.dumps({"name": "f", "parameters": BODY})),
        Reply.prose(f"Sure! Here it is:\n\n```json\n{CALL}\n```\nEnjoy."),
        Reply.prose(f"<tool_call>\n{CALL}\n</tool_call>"),
        Reply.prose(f"<think>{{Hm.}} I call [it].</think>\n<tool_call>{CALL}</tool_call>"),
        Reply.prose(f"[TOOL_CALLS][{CALL}]"),
        Reply.prose(f"<function=final_result>{BODY}</function>"),
        Reply.prose(f"<|channel|>commentary to=functions.final_result <|constrain|>json<|message|>{BODY}<|call|>"),
    ],
)
async def test_a_call_is_understood_in_every_form_that_it_comes_in(reply: Reply, ask: Ask, server: ModelServer) -> None:
    server.script(reply)
    answer = await ask("outline")
    assert isinstance(answer.output, Outline)
    assert (answer.output.title, answer.output.people[0].name) == ("The Bell", "Mara")
    assert len(server.requests) == 1
    answer.output.model_dump_json()
    assert "\x00" not in answer.text


@pytest.mark.parametrize(
    "said",
    ["[" * 200_000, '{"a":' * 100_000, "{" * 200_000, '{"title": 1e999}', '"' * 9, "null", "[]", "{}", '{"name": {}}'],
)
async def test_nonsense_in_json_is_asked_for_anew(said: str, ask: Ask, server: ModelServer) -> None:
    server.script(Reply.call(said), Reply.prose(said))
    assert isinstance((await ask("outline")).output, Outline)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "registry.ollama.ai/library/gemma:2b does not support tools"),
        (404, "No endpoints found that support tool use. Try disabling tools."),
        (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
        (422, "Unrecognized request argument supplied: tools"),
        (400, "Function calling is not supported for this model"),
        (400, "`tool_choice` is not supported"),
    ],
)
async def test_a_model_that_takes_no_tools_is_asked_in_words(
    status: int, message: str, make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    models = make()
    models.learned(GPT).mode, models.learned(GPT).without = "tool", {"schema"}
    server.script(Reply(status=status, message=message), Reply.prose(f"```json\n{BODY}\n```"), Reply.prose(BODY))
    for _ in range(2):
        answer = await perform(brief("outline"), models, GPT, watcher)
        assert isinstance(answer.output, Outline)
    refused, first, second = server.requests
    assert refused.tool is not None
    assert first.tool is None
    assert second.tool is None
    assert '"logline"' in first.text


async def test_in_words_it_is_told_what_was_wrong_as_well(ask: Ask, server: ModelServer) -> None:
    server.script(
        Reply(status=400, message="does not support tools"),
        Reply.prose("{}"),
        Reply.prose("I think so."),
        Reply.prose(f"<think>So.</think>{BODY}"),
    )
    assert isinstance((await ask("outline")).output, Outline)
    assert "title" in server.requests[2].text.lower()


@pytest.mark.parametrize(
    "raw",
    [
        b'data: {"choices": "x"}\n\n',
        b'data: {"choices": [{"delta": "x"}]}\n\n',
        b'data: {"choices": [{"delta": {"tool_calls": "x"}}]}\n\n',
        b'data: {"choices": [{"delta": {"tool_calls": [{"function": {"name": {"a": 1}, "arguments": [1]}}]}}]}\n\n',
        b'data: {"choices": [{"delta": {"content": {"a": 1}}}]}\n\n',
        b"data: [1, 2]\n\n",
        b'data: "x"\n\n',
        b"data: \xff\xfe\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"",
    ],
)
@pytest.mark.parametrize("kind", ["draft", "outline"])
async def test_what_can_not_be_read_is_the_models_fault(raw: bytes, kind: Any, ask: Ask, server: ModelServer) -> None:
    server.script(Reply(raw=raw))
    answer = await ask(kind)
    assert answer.text
    assert len(server.requests) == 2


# Numbers and words


@pytest.mark.parametrize(
    "counts",
    [
        {"prompt_tokens": 4_294_967_295, "completion_tokens": 4_294_967_295, "total_tokens": 2**33},
        {"prompt_tokens": -5, "completion_tokens": -7, "total_tokens": -12},
        {"prompt_tokens": 10**30, "completion_tokens": 1, "total_tokens": 10**30},
        {"prompt_tokens": "many", "completion_tokens": "few", "total_tokens": "x"},
        {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None},
        {"prompt_tokens": float("nan"), "completion_tokens": float("inf"), "total_tokens": 1.5},
        {"prompt_tokens": [1], "completion_tokens": {"a": 1}},
        {"prompt_tokens": 10, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 10**20}},
        {"prompt_tokens": 10, "completion_tokens": 10, "completion_tokens_details": "x"},
        [1, 2],
        "x",
        {},
    ],
)
@pytest.mark.parametrize("kind", ["draft", "outline"])
async def test_impossible_numbers_of_tokens_are_estimated(
    counts: Any, kind: Any, make: MakeModels, server: ModelServer, watcher: Watcher
) -> None:
    server.script(Reply(counts=counts))
    answer = await perform(brief(kind), make(model="openai:gpt-4o"), "openai:gpt-4o", watcher)
    assert type(answer.tokens) is int
    assert 20 <= answer.tokens < 100_000
    assert 0 <= answer.cost_usd < 1


def test_the_most_that_all_requests_of_a_step_can_count_fits_the_database() -> None:
    assert 3 * 3 * (typed.MOST_ASKED + 1) * MOST_TOKENS <= MOST_COUNTED


@pytest.mark.parametrize("kind", ["draft", "outline"])
async def test_what_a_provider_says_of_an_error_is_not_passed_on(kind: Any, ask: Ask, server: ModelServer) -> None:
    server.script(*[Reply(status=400, message=f"{SECRET} " * 50_000, error_code=SECRET)] * 3)
    with pytest.raises(ModelFailed) as caught:
        await ask(kind)
    assert SECRET not in caught.value.message
    assert len(caught.value.message) < 400


async def test_a_monstrous_name_of_a_model_is_nothing(ask: Ask, server: ModelServer) -> None:
    chunk = {"id": "x\x00" * 5_000, "model": "gpt-4o\x00\ud83d" * 5_000, "created": -(2**62), "object": "y"}
    lines = [{**chunk, "choices": [{"index": 0, "delta": {"content": TEXT}, "finish_reason": "stop"}]}]
    server.script(Reply(raw="".join(f"data: {json.dumps(line)}\n\n" for line in lines).encode()))
    answer = await ask()
    assert answer.text
    assert answer.model == GPT


async def test_notes_lose_what_can_not_be_kept(ask: Ask, server: ModelServer) -> None:
    server.script(Reply.call({"impression": "Go\x00od \ud83d\x07.", "notes": [{"comment": "Mo\udc00re\ufffe."}]}))
    answer = await ask(
        "notes",
    )
    assert isinstance(answer.output, Notes)
    assert answer.output.impression == "Good \ufffd."
    assert answer.output.notes[0].comment == "Mo\ufffdre."
