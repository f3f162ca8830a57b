"""`offline:storyteller`, the built-in model, as a pydantic-ai model: it answers a brief or in a talk, and streams at a
set speed."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel
from pydantic_core import to_json

from coordinator.storable import storable

if TYPE_CHECKING:
    from coordinator.chat.talk import Talk
    from coordinator.story.brief import Brief

DELTAS_PER_SECOND = 50
"""Above twice this many words a second, words are sent in groups, so that no faster stream of events arises."""

_CALL_ID = "offline"


class OtherText(Exception):
    """What was written so far is not how the built-in storyteller's answer begins."""


def offline_model(name: str, brief: Brief, words_per_second: float, so_far: str = "") -> FunctionModel:
    """A model that answers this one brief; 0 words a second is all at once. Of prose it streams what comes after
    `so_far`, and raises OtherText where that is neither how it begins nor how a person has left it.

    It reads the brief, not the messages. The answer is made once, in a thread: a new tale takes a tenth of a
    second or more of computing, in which the node has other streams to serve.
    """
    made: list[str | BaseModel] = []

    async def answer() -> str | BaseModel:
        if not made:
            # Late: its word banks are only loaded by a node that uses them.
            from coordinator.llm import storyteller

            output = await asyncio.to_thread(storyteller.answer, brief)
            # The names in it are a writer's.
            made.append(storable(output) if isinstance(output, str) else output)
        return made[0]

    async def whole(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        output = await answer()
        if isinstance(output, str):
            return ModelResponse(parts=[TextPart(output)])
        return ModelResponse(parts=[ToolCallPart(info.output_tools[0].name, output.model_dump_json(), _CALL_ID)])

    async def streamed(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str | DeltaToolCalls]:
        output = await answer()
        if isinstance(output, str):
            if output.startswith(so_far):
                rest = output[len(so_far) :]
            elif brief.opening:
                rest = rest_of(output, so_far)
            else:
                raise OtherText
            async for text in paced(rest, words_per_second):
                yield text
        else:
            yield {0: DeltaToolCall(info.output_tools[0].name, output.model_dump_json(), tool_call_id=_CALL_ID)}

    return FunctionModel(whole, stream_function=streamed, model_name=name)


def offline_partner(name: str, talk: Talk, words_per_second: float) -> FunctionModel:
    """A model that answers in this one talk, from where its answer is; it may call a tool in the end. It reads the
    talk, not the messages, and is as deterministic as the storyteller."""

    async def streamed(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str | DeltaToolCalls]:
        text, call = await asyncio.to_thread(_next_part, talk)
        async for piece in paced(storable(text), words_per_second):
            yield piece
        if call is not None:
            tool, args = call
            number = len(talk.answered) + 1
            yield {0: DeltaToolCall(tool, to_json(args).decode(), tool_call_id=f"{_CALL_ID}-{number}")}

    return FunctionModel(stream_function=streamed, model_name=name)


def _next_part(talk: Talk) -> tuple[str, tuple[str, dict[str, Any]] | None]:
    """What comes after the answer so far, and the tool that is called then. What was said before a tool was called is
    said again, without a word of it: it may be a part of it alone that is there."""
    # Late: its word banks are only loaded by a node that uses them.
    from coordinator.llm.storyteller.muse import reply

    # Another answer to the same is what would be said a turn later.
    talk = replace(talk, turn=talk.turn + 2 * talk.again)
    text = ""
    for tools in range(len(talk.answered) + 1):
        part = reply(replace(talk, answered=talk.answered[:tools], written=text))
        text += part.text
    if text.startswith(talk.written):
        return text[len(talk.written) :], part.call
    # Another version of the service began it.
    return f"\n\n{part.text}", part.call


def rest_of(answer: str, so_far: str) -> str:
    """What of the answer comes after a beginning that a person has changed: from behind the last sentence that both
    have, or behind as many words where they share none, without any sentence that stands in the beginning."""
    from coordinator.llm.storyteller.weaver import plain, sentences

    told = [(at, one) for at, paragraph in enumerate(answer.split("\n\n")) for one in sentences(paragraph)]
    there = sentences(so_far)
    known, end = {plain(one) for one in there}, there[-1]
    last = max((index for index, (_, one) in enumerate(told) if plain(one) in known), default=None)
    if last is None:
        counts = accumulate(len(one.split()) for _, one in told)
        last = sum(count <= len(so_far.split()) for count in counts) - 1
    place, rest = -1, ""
    if last >= 0 and plain(told[last][1]) == plain(end):
        place = told[last][0]
    for at, one in told[last + 1 :]:
        if not rest and one.startswith(end):
            # The beginning breaks off within this sentence.
            rest = one.removeprefix(end)
        elif plain(one) not in known:
            rest += (" " if at == place else "\n\n") + one
        place = at
    return rest if so_far == so_far.rstrip() else rest.lstrip(" ")


async def paced(text: str, words_per_second: float) -> AsyncIterator[str]:
    """Pieces of the text that joined are the text; each is due at its own moment, so that no delay adds up."""
    if not text or not words_per_second:
        yield text
        return
    pieces = re.findall(r"\s*\S+\s*|\s+", text)
    size = math.ceil(words_per_second / DELTAS_PER_SECOND) if words_per_second > 2 * DELTAS_PER_SECOND else 1
    loop = asyncio.get_running_loop()
    start = loop.time()
    for first in range(0, len(pieces), size):
        await asyncio.sleep(max(0.0, start + first / words_per_second - loop.time()))
        yield "".join(pieces[first : first + size])
